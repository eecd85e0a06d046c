-- Who may publish in a room: its members, its hosts or nobody. Hosts are members.
ALTER TABLE rooms ADD COLUMN publish TEXT NOT NULL DEFAULT 'members' CHECK (publish IN ('members', 'hosts', 'nobody'));

CREATE TABLE room_hosts (
  room_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  PRIMARY KEY (room_id, user_id),
  FOREIGN KEY (room_id, user_id) REFERENCES room_members (room_id, user_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- The entries of rooms have who may publish, too.
DROP TRIGGER rooms_inserting;

CREATE TRIGGER rooms_inserting BEFORE INSERT ON rooms WHEN NOT EXISTS (SELECT 1 FROM change_author) BEGIN DELETE FROM replaced_row WHERE type = 'room'; INSERT INTO replaced_row SELECT 'room', json_object('status', status, 'publish', publish) FROM rooms WHERE id = NEW.id; END;

DROP TRIGGER rooms_inserted;

CREATE TRIGGER rooms_inserted AFTER INSERT ON rooms WHEN (SELECT before FROM replaced_row WHERE type = 'room') IS NOT json_object('status', NEW.status, 'publish', NEW.publish) BEGIN INSERT INTO changes (actor, request_id, type, entry_id, before, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'room', NEW.id, (SELECT before FROM replaced_row WHERE type = 'room'), json_object('status', NEW.status, 'publish', NEW.publish)); END;

DROP TRIGGER rooms_updated;

CREATE TRIGGER rooms_updated AFTER UPDATE ON rooms WHEN OLD.id IS NEW.id AND (OLD.status IS NOT NEW.status OR OLD.publish IS NOT NEW.publish) BEGIN INSERT INTO changes (actor, request_id, type, entry_id, before, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'room', NEW.id, json_object('status', OLD.status, 'publish', OLD.publish), json_object('status', NEW.status, 'publish', NEW.publish)); END;

DROP TRIGGER rooms_renamed;

CREATE TRIGGER rooms_renamed AFTER UPDATE ON rooms WHEN NOT (OLD.id IS NEW.id) BEGIN INSERT INTO changes (actor, request_id, type, entry_id, before) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'room', OLD.id, json_object('status', OLD.status, 'publish', OLD.publish)); INSERT INTO changes (actor, request_id, type, entry_id, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'room', NEW.id, json_object('status', NEW.status, 'publish', NEW.publish)); END;

DROP TRIGGER rooms_deleted;

CREATE TRIGGER rooms_deleted AFTER DELETE ON rooms BEGIN DELETE FROM replaced_row WHERE type = 'room'; INSERT INTO changes (actor, request_id, type, entry_id, before) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'room', OLD.id, json_object('status', OLD.status, 'publish', OLD.publish)); END;

-- A host who leaves the members, or whose room or account is deleted, goes with the membership and has no actor.
CREATE TRIGGER room_hosts_inserting BEFORE INSERT ON room_hosts WHEN NOT EXISTS (SELECT 1 FROM change_author) BEGIN DELETE FROM replaced_row WHERE type = 'host'; INSERT INTO replaced_row SELECT 'host', '{}' FROM room_hosts WHERE user_id = NEW.user_id AND room_id = NEW.room_id; END;

CREATE TRIGGER room_hosts_inserted AFTER INSERT ON room_hosts WHEN (SELECT before FROM replaced_row WHERE type = 'host') IS NOT '{}' BEGIN INSERT INTO changes (actor, request_id, type, entry_id, room_id, before, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'host', NEW.user_id, NEW.room_id, (SELECT before FROM replaced_row WHERE type = 'host'), '{}'); END;

CREATE TRIGGER room_hosts_renamed AFTER UPDATE ON room_hosts WHEN NOT (OLD.user_id IS NEW.user_id AND OLD.room_id IS NEW.room_id) BEGIN INSERT INTO changes (actor, request_id, type, entry_id, room_id, before) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'host', OLD.user_id, OLD.room_id, '{}'); INSERT INTO changes (actor, request_id, type, entry_id, room_id, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'host', NEW.user_id, NEW.room_id, '{}'); END;

CREATE TRIGGER room_hosts_deleted AFTER DELETE ON room_hosts BEGIN DELETE FROM replaced_row WHERE type = 'host'; INSERT INTO changes (actor, request_id, type, entry_id, room_id, before) VALUES (CASE WHEN EXISTS (SELECT 1 FROM room_members WHERE user_id = OLD.user_id AND room_id = OLD.room_id) THEN (SELECT actor FROM change_author) END, (SELECT request_id FROM change_author), 'host', OLD.user_id, OLD.room_id, '{}'); END;

-- Foreign keys are off in the sqlite3 shell. What is deleted there, and made again, must not inherit anything.
CREATE TRIGGER users_left AFTER DELETE ON users BEGIN DELETE FROM room_members WHERE user_id = OLD.id; END;

CREATE TRIGGER rooms_left AFTER DELETE ON rooms BEGIN DELETE FROM room_members WHERE room_id = OLD.id; DELETE FROM room_videos WHERE room_id = OLD.id; END;

CREATE TRIGGER videos_left AFTER DELETE ON videos BEGIN DELETE FROM room_videos WHERE video_id = OLD.id; DELETE FROM video_licences WHERE video_id = OLD.id; END;

CREATE TRIGGER room_members_left AFTER DELETE ON room_members BEGIN DELETE FROM room_hosts WHERE room_id = OLD.room_id AND user_id = OLD.user_id; END;

CREATE TRIGGER users_referenced BEFORE UPDATE ON users WHEN NOT (OLD.id IS NEW.id) AND EXISTS (SELECT 1 FROM room_members WHERE user_id = OLD.id) BEGIN SELECT RAISE(ABORT, 'FOREIGN KEY constraint failed'); END;

CREATE TRIGGER rooms_referenced BEFORE UPDATE ON rooms WHEN NOT (OLD.id IS NEW.id) AND (EXISTS (SELECT 1 FROM room_members WHERE room_id = OLD.id) OR EXISTS (SELECT 1 FROM room_videos WHERE room_id = OLD.id)) BEGIN SELECT RAISE(ABORT, 'FOREIGN KEY constraint failed'); END;

CREATE TRIGGER videos_referenced BEFORE UPDATE ON videos WHEN NOT (OLD.id IS NEW.id) AND (EXISTS (SELECT 1 FROM room_videos WHERE video_id = OLD.id) OR EXISTS (SELECT 1 FROM video_licences WHERE video_id = OLD.id)) BEGIN SELECT RAISE(ABORT, 'FOREIGN KEY constraint failed'); END;

CREATE TRIGGER room_members_referenced BEFORE UPDATE ON room_members WHEN NOT (OLD.user_id IS NEW.user_id AND OLD.room_id IS NEW.room_id) AND EXISTS (SELECT 1 FROM room_hosts WHERE room_id = OLD.room_id AND user_id = OLD.user_id) BEGIN SELECT RAISE(ABORT, 'FOREIGN KEY constraint failed'); END;

-- UPDATE OR REPLACE would delete an entry without a change, and give what it leaves to another.
CREATE TRIGGER users_taken BEFORE UPDATE ON users WHEN NOT (OLD.id IS NEW.id) AND EXISTS (SELECT 1 FROM users WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'UNIQUE constraint failed: users.id'); END;

CREATE TRIGGER rooms_taken BEFORE UPDATE ON rooms WHEN NOT (OLD.id IS NEW.id) AND EXISTS (SELECT 1 FROM rooms WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'UNIQUE constraint failed: rooms.id'); END;

CREATE TRIGGER videos_taken BEFORE UPDATE ON videos WHEN NOT (OLD.id IS NEW.id) AND EXISTS (SELECT 1 FROM videos WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'UNIQUE constraint failed: videos.id'); END;

-- REPLACE keeps the other licences of a film there, which its new one may not have.
CREATE TRIGGER videos_replaced AFTER INSERT ON videos WHEN NOT EXISTS (SELECT 1 FROM change_author) BEGIN DELETE FROM video_licences WHERE video_id = NEW.id; END;

DELETE FROM room_members WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = user_id) OR NOT EXISTS (SELECT 1 FROM rooms WHERE id = room_id);

DELETE FROM room_videos WHERE NOT EXISTS (SELECT 1 FROM videos WHERE id = video_id) OR NOT EXISTS (SELECT 1 FROM rooms WHERE id = room_id);

DELETE FROM video_licences WHERE NOT EXISTS (SELECT 1 FROM videos WHERE id = video_id);
