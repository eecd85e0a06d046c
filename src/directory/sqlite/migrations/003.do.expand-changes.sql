-- Who changed what, and when; the rows before and after as JSON. Release 0.2.0 does not know of it.
CREATE TABLE changes (
  id INTEGER PRIMARY KEY,
  -- Unix milliseconds.
  at INTEGER NOT NULL DEFAULT (CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)),
  actor TEXT,
  request_id TEXT,
  type TEXT NOT NULL,
  entry_id TEXT NOT NULL,
  room_id TEXT,
  before TEXT,
  after TEXT
) STRICT;

CREATE INDEX changes_by_entry ON changes (entry_id);

CREATE INDEX changes_by_room ON changes (room_id) WHERE room_id IS NOT NULL;

-- The author of the running transaction, which removes the row before it ends. Without a row it is not known.
CREATE TABLE change_author (id INTEGER PRIMARY KEY CHECK (id = 1), actor TEXT NOT NULL, request_id TEXT) STRICT;

-- The row that a statement of another program is about to replace: REPLACE calls no trigger for what it deletes.
CREATE TABLE replaced_row (type TEXT PRIMARY KEY, before TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TRIGGER change_author_set AFTER INSERT ON change_author BEGIN DELETE FROM replaced_row; END;

-- This release compares the licences by itself: the trigger is for other programs.
DROP TRIGGER video_licences_replaced;

CREATE TRIGGER video_licences_replaced AFTER UPDATE OF available_from, available_until, regions ON videos WHEN NOT EXISTS (SELECT 1 FROM change_author) BEGIN DELETE FROM video_licences WHERE video_id = NEW.id; END;

-- A row that stays equal has no entry, and a new id is a deletion and an insertion.
CREATE TRIGGER users_inserting BEFORE INSERT ON users WHEN NOT EXISTS (SELECT 1 FROM change_author) BEGIN DELETE FROM replaced_row WHERE type = 'user'; INSERT INTO replaced_row SELECT 'user', json_object('status', status) FROM users WHERE id = NEW.id; END;

CREATE TRIGGER users_inserted AFTER INSERT ON users WHEN (SELECT before FROM replaced_row WHERE type = 'user') IS NOT json_object('status', NEW.status) BEGIN INSERT INTO changes (actor, request_id, type, entry_id, before, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'user', NEW.id, (SELECT before FROM replaced_row WHERE type = 'user'), json_object('status', NEW.status)); END;

CREATE TRIGGER users_updated AFTER UPDATE ON users WHEN OLD.id IS NEW.id AND (OLD.status IS NOT NEW.status) BEGIN INSERT INTO changes (actor, request_id, type, entry_id, before, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'user', NEW.id, json_object('status', OLD.status), json_object('status', NEW.status)); END;

CREATE TRIGGER users_renamed AFTER UPDATE ON users WHEN NOT (OLD.id IS NEW.id) BEGIN INSERT INTO changes (actor, request_id, type, entry_id, before) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'user', OLD.id, json_object('status', OLD.status)); INSERT INTO changes (actor, request_id, type, entry_id, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'user', NEW.id, json_object('status', NEW.status)); END;

CREATE TRIGGER users_deleted AFTER DELETE ON users BEGIN DELETE FROM replaced_row WHERE type = 'user'; INSERT INTO changes (actor, request_id, type, entry_id, before) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'user', OLD.id, json_object('status', OLD.status)); END;

CREATE TRIGGER rooms_inserting BEFORE INSERT ON rooms WHEN NOT EXISTS (SELECT 1 FROM change_author) BEGIN DELETE FROM replaced_row WHERE type = 'room'; INSERT INTO replaced_row SELECT 'room', json_object('status', status) FROM rooms WHERE id = NEW.id; END;

CREATE TRIGGER rooms_inserted AFTER INSERT ON rooms WHEN (SELECT before FROM replaced_row WHERE type = 'room') IS NOT json_object('status', NEW.status) BEGIN INSERT INTO changes (actor, request_id, type, entry_id, before, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'room', NEW.id, (SELECT before FROM replaced_row WHERE type = 'room'), json_object('status', NEW.status)); END;

CREATE TRIGGER rooms_updated AFTER UPDATE ON rooms WHEN OLD.id IS NEW.id AND (OLD.status IS NOT NEW.status) BEGIN INSERT INTO changes (actor, request_id, type, entry_id, before, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'room', NEW.id, json_object('status', OLD.status), json_object('status', NEW.status)); END;

CREATE TRIGGER rooms_renamed AFTER UPDATE ON rooms WHEN NOT (OLD.id IS NEW.id) BEGIN INSERT INTO changes (actor, request_id, type, entry_id, before) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'room', OLD.id, json_object('status', OLD.status)); INSERT INTO changes (actor, request_id, type, entry_id, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'room', NEW.id, json_object('status', NEW.status)); END;

CREATE TRIGGER rooms_deleted AFTER DELETE ON rooms BEGIN DELETE FROM replaced_row WHERE type = 'room'; INSERT INTO changes (actor, request_id, type, entry_id, before) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'room', OLD.id, json_object('status', OLD.status)); END;

CREATE TRIGGER videos_inserting BEFORE INSERT ON videos WHEN NOT EXISTS (SELECT 1 FROM change_author) BEGIN DELETE FROM replaced_row WHERE type = 'video'; INSERT INTO replaced_row SELECT 'video', json_object('title', title, 'status', status, 'available_from', available_from, 'available_until', available_until, 'regions', regions) FROM videos WHERE id = NEW.id; END;

CREATE TRIGGER videos_inserted AFTER INSERT ON videos WHEN (SELECT before FROM replaced_row WHERE type = 'video') IS NOT json_object('title', NEW.title, 'status', NEW.status, 'available_from', NEW.available_from, 'available_until', NEW.available_until, 'regions', NEW.regions) BEGIN INSERT INTO changes (actor, request_id, type, entry_id, before, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'video', NEW.id, (SELECT before FROM replaced_row WHERE type = 'video'), json_object('title', NEW.title, 'status', NEW.status, 'available_from', NEW.available_from, 'available_until', NEW.available_until, 'regions', NEW.regions)); END;

CREATE TRIGGER videos_updated AFTER UPDATE ON videos WHEN OLD.id IS NEW.id AND (OLD.title IS NOT NEW.title OR OLD.status IS NOT NEW.status OR OLD.available_from IS NOT NEW.available_from OR OLD.available_until IS NOT NEW.available_until OR OLD.regions IS NOT NEW.regions) BEGIN INSERT INTO changes (actor, request_id, type, entry_id, before, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'video', NEW.id, json_object('title', OLD.title, 'status', OLD.status, 'available_from', OLD.available_from, 'available_until', OLD.available_until, 'regions', OLD.regions), json_object('title', NEW.title, 'status', NEW.status, 'available_from', NEW.available_from, 'available_until', NEW.available_until, 'regions', NEW.regions)); END;

CREATE TRIGGER videos_renamed AFTER UPDATE ON videos WHEN NOT (OLD.id IS NEW.id) BEGIN INSERT INTO changes (actor, request_id, type, entry_id, before) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'video', OLD.id, json_object('title', OLD.title, 'status', OLD.status, 'available_from', OLD.available_from, 'available_until', OLD.available_until, 'regions', OLD.regions)); INSERT INTO changes (actor, request_id, type, entry_id, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'video', NEW.id, json_object('title', NEW.title, 'status', NEW.status, 'available_from', NEW.available_from, 'available_until', NEW.available_until, 'regions', NEW.regions)); END;

CREATE TRIGGER videos_deleted AFTER DELETE ON videos BEGIN DELETE FROM replaced_row WHERE type = 'video'; INSERT INTO changes (actor, request_id, type, entry_id, before) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'video', OLD.id, json_object('title', OLD.title, 'status', OLD.status, 'available_from', OLD.available_from, 'available_until', OLD.available_until, 'regions', OLD.regions)); END;

-- What a deleted user, room or video takes with it has no actor.
CREATE TRIGGER room_members_inserting BEFORE INSERT ON room_members WHEN NOT EXISTS (SELECT 1 FROM change_author) BEGIN DELETE FROM replaced_row WHERE type = 'member'; INSERT INTO replaced_row SELECT 'member', '{}' FROM room_members WHERE user_id = NEW.user_id AND room_id = NEW.room_id; END;

CREATE TRIGGER room_members_inserted AFTER INSERT ON room_members WHEN (SELECT before FROM replaced_row WHERE type = 'member') IS NOT '{}' BEGIN INSERT INTO changes (actor, request_id, type, entry_id, room_id, before, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'member', NEW.user_id, NEW.room_id, (SELECT before FROM replaced_row WHERE type = 'member'), '{}'); END;

CREATE TRIGGER room_members_renamed AFTER UPDATE ON room_members WHEN NOT (OLD.user_id IS NEW.user_id AND OLD.room_id IS NEW.room_id) BEGIN INSERT INTO changes (actor, request_id, type, entry_id, room_id, before) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'member', OLD.user_id, OLD.room_id, '{}'); INSERT INTO changes (actor, request_id, type, entry_id, room_id, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'member', NEW.user_id, NEW.room_id, '{}'); END;

CREATE TRIGGER room_members_deleted AFTER DELETE ON room_members BEGIN DELETE FROM replaced_row WHERE type = 'member'; INSERT INTO changes (actor, request_id, type, entry_id, room_id, before) VALUES (CASE WHEN EXISTS (SELECT 1 FROM users WHERE id = OLD.user_id) AND EXISTS (SELECT 1 FROM rooms WHERE id = OLD.room_id) THEN (SELECT actor FROM change_author) END, (SELECT request_id FROM change_author), 'member', OLD.user_id, OLD.room_id, '{}'); END;

CREATE TRIGGER room_videos_inserting BEFORE INSERT ON room_videos WHEN NOT EXISTS (SELECT 1 FROM change_author) BEGIN DELETE FROM replaced_row WHERE type = 'room_video'; INSERT INTO replaced_row SELECT 'room_video', '{}' FROM room_videos WHERE video_id = NEW.video_id AND room_id = NEW.room_id; END;

CREATE TRIGGER room_videos_inserted AFTER INSERT ON room_videos WHEN (SELECT before FROM replaced_row WHERE type = 'room_video') IS NOT '{}' BEGIN INSERT INTO changes (actor, request_id, type, entry_id, room_id, before, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'room_video', NEW.video_id, NEW.room_id, (SELECT before FROM replaced_row WHERE type = 'room_video'), '{}'); END;

CREATE TRIGGER room_videos_renamed AFTER UPDATE ON room_videos WHEN NOT (OLD.video_id IS NEW.video_id AND OLD.room_id IS NEW.room_id) BEGIN INSERT INTO changes (actor, request_id, type, entry_id, room_id, before) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'room_video', OLD.video_id, OLD.room_id, '{}'); INSERT INTO changes (actor, request_id, type, entry_id, room_id, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'room_video', NEW.video_id, NEW.room_id, '{}'); END;

CREATE TRIGGER room_videos_deleted AFTER DELETE ON room_videos BEGIN DELETE FROM replaced_row WHERE type = 'room_video'; INSERT INTO changes (actor, request_id, type, entry_id, room_id, before) VALUES (CASE WHEN EXISTS (SELECT 1 FROM videos WHERE id = OLD.video_id) AND EXISTS (SELECT 1 FROM rooms WHERE id = OLD.room_id) THEN (SELECT actor FROM change_author) END, (SELECT request_id FROM change_author), 'room_video', OLD.video_id, OLD.room_id, '{}'); END;

CREATE TRIGGER video_licences_inserting BEFORE INSERT ON video_licences WHEN NOT EXISTS (SELECT 1 FROM change_author) BEGIN DELETE FROM replaced_row WHERE type = 'licence'; INSERT INTO replaced_row SELECT 'licence', json_object('position', position, 'available_from', available_from, 'available_until', available_until, 'regions', regions) FROM video_licences WHERE video_id = NEW.video_id AND position = NEW.position; END;

CREATE TRIGGER video_licences_inserted AFTER INSERT ON video_licences WHEN (SELECT before FROM replaced_row WHERE type = 'licence') IS NOT json_object('position', NEW.position, 'available_from', NEW.available_from, 'available_until', NEW.available_until, 'regions', NEW.regions) BEGIN INSERT INTO changes (actor, request_id, type, entry_id, before, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'licence', NEW.video_id, (SELECT before FROM replaced_row WHERE type = 'licence'), json_object('position', NEW.position, 'available_from', NEW.available_from, 'available_until', NEW.available_until, 'regions', NEW.regions)); END;

CREATE TRIGGER video_licences_updated AFTER UPDATE ON video_licences WHEN OLD.video_id IS NEW.video_id AND OLD.position IS NEW.position AND (OLD.available_from IS NOT NEW.available_from OR OLD.available_until IS NOT NEW.available_until OR OLD.regions IS NOT NEW.regions) BEGIN INSERT INTO changes (actor, request_id, type, entry_id, before, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'licence', NEW.video_id, json_object('position', OLD.position, 'available_from', OLD.available_from, 'available_until', OLD.available_until, 'regions', OLD.regions), json_object('position', NEW.position, 'available_from', NEW.available_from, 'available_until', NEW.available_until, 'regions', NEW.regions)); END;

CREATE TRIGGER video_licences_renamed AFTER UPDATE ON video_licences WHEN NOT (OLD.video_id IS NEW.video_id AND OLD.position IS NEW.position) BEGIN INSERT INTO changes (actor, request_id, type, entry_id, before) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'licence', OLD.video_id, json_object('position', OLD.position, 'available_from', OLD.available_from, 'available_until', OLD.available_until, 'regions', OLD.regions)); INSERT INTO changes (actor, request_id, type, entry_id, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'licence', NEW.video_id, json_object('position', NEW.position, 'available_from', NEW.available_from, 'available_until', NEW.available_until, 'regions', NEW.regions)); END;

CREATE TRIGGER video_licences_deleted AFTER DELETE ON video_licences BEGIN DELETE FROM replaced_row WHERE type = 'licence'; INSERT INTO changes (actor, request_id, type, entry_id, before) VALUES (CASE WHEN EXISTS (SELECT 1 FROM videos WHERE id = OLD.video_id) THEN (SELECT actor FROM change_author) END, (SELECT request_id FROM change_author), 'licence', OLD.video_id, json_object('position', OLD.position, 'available_from', OLD.available_from, 'available_until', OLD.available_until, 'regions', OLD.regions)); END;
