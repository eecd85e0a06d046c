CREATE TABLE schema_version (
            version INTEGER PRIMARY KEY
          , name TEXT, md5 TEXT, run_at TIMESTAMP WITH TIME ZONE);

CREATE TABLE users (
  id TEXT PRIMARY KEY,
  status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended'))
, name TEXT, search TEXT) STRICT, WITHOUT ROWID;

CREATE TABLE rooms (
  id TEXT PRIMARY KEY,
  status TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'closed'))
, publish TEXT NOT NULL DEFAULT 'members' CHECK (publish IN ('members', 'hosts', 'nobody'))) STRICT, WITHOUT ROWID;

CREATE TABLE videos (
  id TEXT PRIMARY KEY,
  title TEXT,
  status TEXT NOT NULL DEFAULT 'available' CHECK (status IN ('available', 'withdrawn')),
  available_from INTEGER,
  available_until INTEGER,
  regions TEXT
, search TEXT) STRICT, WITHOUT ROWID;

CREATE TABLE room_members (
  room_id TEXT NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  PRIMARY KEY (room_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE room_videos (
  room_id TEXT NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
  video_id TEXT NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
  PRIMARY KEY (room_id, video_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE video_licences (
  video_id TEXT NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  available_from INTEGER,
  available_until INTEGER,
  regions TEXT,
  PRIMARY KEY (video_id, position)
) STRICT, WITHOUT ROWID;

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

CREATE TABLE change_author (id INTEGER PRIMARY KEY CHECK (id = 1), actor TEXT NOT NULL, request_id TEXT) STRICT;

CREATE TABLE replaced_row (type TEXT PRIMARY KEY, before TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE room_hosts (
  room_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  PRIMARY KEY (room_id, user_id),
  FOREIGN KEY (room_id, user_id) REFERENCES room_members (room_id, user_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TRIGGER video_licences_of_new_film AFTER INSERT ON videos BEGIN DELETE FROM video_licences WHERE video_id = NEW.id; END;

CREATE TRIGGER change_author_set AFTER INSERT ON change_author BEGIN DELETE FROM replaced_row; END;

CREATE TRIGGER video_licences_replaced AFTER UPDATE OF available_from, available_until, regions ON videos WHEN NOT EXISTS (SELECT 1 FROM change_author) BEGIN DELETE FROM video_licences WHERE video_id = NEW.id; END;

CREATE TRIGGER users_inserting BEFORE INSERT ON users WHEN NOT EXISTS (SELECT 1 FROM change_author) BEGIN DELETE FROM replaced_row WHERE type = 'user'; INSERT INTO replaced_row SELECT 'user', json_object('status', status) FROM users WHERE id = NEW.id; END;

CREATE TRIGGER users_inserted AFTER INSERT ON users WHEN (SELECT before FROM replaced_row WHERE type = 'user') IS NOT json_object('status', NEW.status) BEGIN INSERT INTO changes (actor, request_id, type, entry_id, before, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'user', NEW.id, (SELECT before FROM replaced_row WHERE type = 'user'), json_object('status', NEW.status)); END;

CREATE TRIGGER users_updated AFTER UPDATE ON users WHEN OLD.id IS NEW.id AND (OLD.status IS NOT NEW.status) BEGIN INSERT INTO changes (actor, request_id, type, entry_id, before, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'user', NEW.id, json_object('status', OLD.status), json_object('status', NEW.status)); END;

CREATE TRIGGER users_renamed AFTER UPDATE ON users WHEN NOT (OLD.id IS NEW.id) BEGIN INSERT INTO changes (actor, request_id, type, entry_id, before) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'user', OLD.id, json_object('status', OLD.status)); INSERT INTO changes (actor, request_id, type, entry_id, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'user', NEW.id, json_object('status', NEW.status)); END;

CREATE TRIGGER users_deleted AFTER DELETE ON users BEGIN DELETE FROM replaced_row WHERE type = 'user'; INSERT INTO changes (actor, request_id, type, entry_id, before) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'user', OLD.id, json_object('status', OLD.status)); END;

CREATE TRIGGER videos_inserting BEFORE INSERT ON videos WHEN NOT EXISTS (SELECT 1 FROM change_author) BEGIN DELETE FROM replaced_row WHERE type = 'video'; INSERT INTO replaced_row SELECT 'video', json_object('title', title, 'status', status, 'available_from', available_from, 'available_until', available_until, 'regions', regions) FROM videos WHERE id = NEW.id; END;

CREATE TRIGGER videos_inserted AFTER INSERT ON videos WHEN (SELECT before FROM replaced_row WHERE type = 'video') IS NOT json_object('title', NEW.title, 'status', NEW.status, 'available_from', NEW.available_from, 'available_until', NEW.available_until, 'regions', NEW.regions) BEGIN INSERT INTO changes (actor, request_id, type, entry_id, before, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'video', NEW.id, (SELECT before FROM replaced_row WHERE type = 'video'), json_object('title', NEW.title, 'status', NEW.status, 'available_from', NEW.available_from, 'available_until', NEW.available_until, 'regions', NEW.regions)); END;

CREATE TRIGGER videos_updated AFTER UPDATE ON videos WHEN OLD.id IS NEW.id AND (OLD.title IS NOT NEW.title OR OLD.status IS NOT NEW.status OR OLD.available_from IS NOT NEW.available_from OR OLD.available_until IS NOT NEW.available_until OR OLD.regions IS NOT NEW.regions) BEGIN INSERT INTO changes (actor, request_id, type, entry_id, before, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'video', NEW.id, json_object('title', OLD.title, 'status', OLD.status, 'available_from', OLD.available_from, 'available_until', OLD.available_until, 'regions', OLD.regions), json_object('title', NEW.title, 'status', NEW.status, 'available_from', NEW.available_from, 'available_until', NEW.available_until, 'regions', NEW.regions)); END;

CREATE TRIGGER videos_renamed AFTER UPDATE ON videos WHEN NOT (OLD.id IS NEW.id) BEGIN INSERT INTO changes (actor, request_id, type, entry_id, before) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'video', OLD.id, json_object('title', OLD.title, 'status', OLD.status, 'available_from', OLD.available_from, 'available_until', OLD.available_until, 'regions', OLD.regions)); INSERT INTO changes (actor, request_id, type, entry_id, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'video', NEW.id, json_object('title', NEW.title, 'status', NEW.status, 'available_from', NEW.available_from, 'available_until', NEW.available_until, 'regions', NEW.regions)); END;

CREATE TRIGGER videos_deleted AFTER DELETE ON videos BEGIN DELETE FROM replaced_row WHERE type = 'video'; INSERT INTO changes (actor, request_id, type, entry_id, before) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'video', OLD.id, json_object('title', OLD.title, 'status', OLD.status, 'available_from', OLD.available_from, 'available_until', OLD.available_until, 'regions', OLD.regions)); END;

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

CREATE TRIGGER users_search_outdated AFTER UPDATE OF name ON users WHEN NEW.search IS NOT NULL AND NOT EXISTS (SELECT 1 FROM change_author) BEGIN UPDATE users SET search = NULL WHERE id = NEW.id; END;

CREATE TRIGGER videos_search_outdated AFTER UPDATE OF title ON videos WHEN NEW.search IS NOT NULL AND NOT EXISTS (SELECT 1 FROM change_author) BEGIN UPDATE videos SET search = NULL WHERE id = NEW.id; END;

CREATE TRIGGER users_name_changed AFTER UPDATE OF name ON users WHEN OLD.id IS NEW.id AND OLD.name IS NOT NEW.name BEGIN INSERT INTO changes (actor, request_id, type, entry_id, before, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'user', NEW.id, json_object('status', OLD.status), json_object('status', NEW.status, 'name', 'changed')); END;

CREATE TRIGGER rooms_inserting BEFORE INSERT ON rooms WHEN NOT EXISTS (SELECT 1 FROM change_author) BEGIN DELETE FROM replaced_row WHERE type = 'room'; INSERT INTO replaced_row SELECT 'room', json_object('status', status, 'publish', publish) FROM rooms WHERE id = NEW.id; END;

CREATE TRIGGER rooms_inserted AFTER INSERT ON rooms WHEN (SELECT before FROM replaced_row WHERE type = 'room') IS NOT json_object('status', NEW.status, 'publish', NEW.publish) BEGIN INSERT INTO changes (actor, request_id, type, entry_id, before, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'room', NEW.id, (SELECT before FROM replaced_row WHERE type = 'room'), json_object('status', NEW.status, 'publish', NEW.publish)); END;

CREATE TRIGGER rooms_updated AFTER UPDATE ON rooms WHEN OLD.id IS NEW.id AND (OLD.status IS NOT NEW.status OR OLD.publish IS NOT NEW.publish) BEGIN INSERT INTO changes (actor, request_id, type, entry_id, before, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'room', NEW.id, json_object('status', OLD.status, 'publish', OLD.publish), json_object('status', NEW.status, 'publish', NEW.publish)); END;

CREATE TRIGGER rooms_renamed AFTER UPDATE ON rooms WHEN NOT (OLD.id IS NEW.id) BEGIN INSERT INTO changes (actor, request_id, type, entry_id, before) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'room', OLD.id, json_object('status', OLD.status, 'publish', OLD.publish)); INSERT INTO changes (actor, request_id, type, entry_id, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'room', NEW.id, json_object('status', NEW.status, 'publish', NEW.publish)); END;

CREATE TRIGGER rooms_deleted AFTER DELETE ON rooms BEGIN DELETE FROM replaced_row WHERE type = 'room'; INSERT INTO changes (actor, request_id, type, entry_id, before) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'room', OLD.id, json_object('status', OLD.status, 'publish', OLD.publish)); END;

CREATE TRIGGER room_hosts_inserting BEFORE INSERT ON room_hosts WHEN NOT EXISTS (SELECT 1 FROM change_author) BEGIN DELETE FROM replaced_row WHERE type = 'host'; INSERT INTO replaced_row SELECT 'host', '{}' FROM room_hosts WHERE user_id = NEW.user_id AND room_id = NEW.room_id; END;

CREATE TRIGGER room_hosts_inserted AFTER INSERT ON room_hosts WHEN (SELECT before FROM replaced_row WHERE type = 'host') IS NOT '{}' BEGIN INSERT INTO changes (actor, request_id, type, entry_id, room_id, before, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'host', NEW.user_id, NEW.room_id, (SELECT before FROM replaced_row WHERE type = 'host'), '{}'); END;

CREATE TRIGGER room_hosts_renamed AFTER UPDATE ON room_hosts WHEN NOT (OLD.user_id IS NEW.user_id AND OLD.room_id IS NEW.room_id) BEGIN INSERT INTO changes (actor, request_id, type, entry_id, room_id, before) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'host', OLD.user_id, OLD.room_id, '{}'); INSERT INTO changes (actor, request_id, type, entry_id, room_id, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'host', NEW.user_id, NEW.room_id, '{}'); END;

CREATE TRIGGER room_hosts_deleted AFTER DELETE ON room_hosts BEGIN DELETE FROM replaced_row WHERE type = 'host'; INSERT INTO changes (actor, request_id, type, entry_id, room_id, before) VALUES (CASE WHEN EXISTS (SELECT 1 FROM room_members WHERE user_id = OLD.user_id AND room_id = OLD.room_id) THEN (SELECT actor FROM change_author) END, (SELECT request_id FROM change_author), 'host', OLD.user_id, OLD.room_id, '{}'); END;

CREATE TRIGGER users_left AFTER DELETE ON users BEGIN DELETE FROM room_members WHERE user_id = OLD.id; END;

CREATE TRIGGER rooms_left AFTER DELETE ON rooms BEGIN DELETE FROM room_members WHERE room_id = OLD.id; DELETE FROM room_videos WHERE room_id = OLD.id; END;

CREATE TRIGGER videos_left AFTER DELETE ON videos BEGIN DELETE FROM room_videos WHERE video_id = OLD.id; DELETE FROM video_licences WHERE video_id = OLD.id; END;

CREATE TRIGGER room_members_left AFTER DELETE ON room_members BEGIN DELETE FROM room_hosts WHERE room_id = OLD.room_id AND user_id = OLD.user_id; END;

CREATE TRIGGER users_referenced BEFORE UPDATE ON users WHEN NOT (OLD.id IS NEW.id) AND EXISTS (SELECT 1 FROM room_members WHERE user_id = OLD.id) BEGIN SELECT RAISE(ABORT, 'FOREIGN KEY constraint failed'); END;

CREATE TRIGGER rooms_referenced BEFORE UPDATE ON rooms WHEN NOT (OLD.id IS NEW.id) AND (EXISTS (SELECT 1 FROM room_members WHERE room_id = OLD.id) OR EXISTS (SELECT 1 FROM room_videos WHERE room_id = OLD.id)) BEGIN SELECT RAISE(ABORT, 'FOREIGN KEY constraint failed'); END;

CREATE TRIGGER videos_referenced BEFORE UPDATE ON videos WHEN NOT (OLD.id IS NEW.id) AND (EXISTS (SELECT 1 FROM room_videos WHERE video_id = OLD.id) OR EXISTS (SELECT 1 FROM video_licences WHERE video_id = OLD.id)) BEGIN SELECT RAISE(ABORT, 'FOREIGN KEY constraint failed'); END;

CREATE TRIGGER room_members_referenced BEFORE UPDATE ON room_members WHEN NOT (OLD.user_id IS NEW.user_id AND OLD.room_id IS NEW.room_id) AND EXISTS (SELECT 1 FROM room_hosts WHERE room_id = OLD.room_id AND user_id = OLD.user_id) BEGIN SELECT RAISE(ABORT, 'FOREIGN KEY constraint failed'); END;

CREATE TRIGGER users_taken BEFORE UPDATE ON users WHEN NOT (OLD.id IS NEW.id) AND EXISTS (SELECT 1 FROM users WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'UNIQUE constraint failed: users.id'); END;

CREATE TRIGGER rooms_taken BEFORE UPDATE ON rooms WHEN NOT (OLD.id IS NEW.id) AND EXISTS (SELECT 1 FROM rooms WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'UNIQUE constraint failed: rooms.id'); END;

CREATE TRIGGER videos_taken BEFORE UPDATE ON videos WHEN NOT (OLD.id IS NEW.id) AND EXISTS (SELECT 1 FROM videos WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'UNIQUE constraint failed: videos.id'); END;

CREATE TRIGGER videos_replaced AFTER INSERT ON videos WHEN NOT EXISTS (SELECT 1 FROM change_author) BEGIN DELETE FROM video_licences WHERE video_id = NEW.id; END;

CREATE INDEX room_members_by_user ON room_members (user_id);

CREATE INDEX room_videos_by_video ON room_videos (video_id);

CREATE INDEX changes_by_entry ON changes (entry_id);

CREATE INDEX changes_by_room ON changes (room_id) WHERE room_id IS NOT NULL;

INSERT INTO schema_version (version, name, md5) VALUES ('0', NULL, NULL);

INSERT INTO schema_version (version, name, md5) VALUES ('1', 'directory', 'b40cf8ac8ca1fe965083401eb3e49358');

INSERT INTO schema_version (version, name, md5) VALUES ('2', 'expand-licences', '940160713aadf0de98422e92d51becee');

INSERT INTO schema_version (version, name, md5) VALUES ('3', 'expand-changes', 'aa812805bd0d17ce4c07a3cb5bc5ab70');

INSERT INTO schema_version (version, name, md5) VALUES ('4', 'expand-search', '0bf6afaa83091968cb1a4dbb3ec07c67');

INSERT INTO schema_version (version, name, md5) VALUES ('5', 'expand-hosts', '2e64f6b7f85406c91baa94644d4f6850');
