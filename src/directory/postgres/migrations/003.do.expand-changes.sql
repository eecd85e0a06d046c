-- Who changed what, and when; the rows before and after as JSON. Release 0.2.0 does not know of it.
CREATE TABLE changes (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- Unix milliseconds.
  at BIGINT NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
  actor TEXT DEFAULT nullif(current_setting('directory.actor', true), ''),
  request_id TEXT DEFAULT nullif(current_setting('directory.request_id', true), ''),
  type TEXT NOT NULL,
  entry_id TEXT NOT NULL,
  room_id TEXT,
  before TEXT,
  after TEXT
);

CREATE INDEX changes_by_entry ON changes (entry_id);

CREATE INDEX changes_by_room ON changes (room_id) WHERE room_id IS NOT NULL;

-- This release compares the licences by itself: the trigger is for other programs.
CREATE OR REPLACE FUNCTION delete_other_licences() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF coalesce(current_setting('directory.actor', true), '') = '' THEN DELETE FROM video_licences WHERE video_id = NEW.id; END IF; RETURN NULL; END $$;

-- A row that stays equal has no entry, and a new id is a deletion and an insertion.
CREATE FUNCTION record_users() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = 'INSERT' THEN INSERT INTO changes (type, entry_id, after) VALUES ('user', NEW.id, json_build_object('status', NEW.status)); ELSIF TG_OP = 'DELETE' THEN INSERT INTO changes (type, entry_id, before) VALUES ('user', OLD.id, json_build_object('status', OLD.status)); ELSIF OLD.id = NEW.id THEN INSERT INTO changes (type, entry_id, before, after) VALUES ('user', NEW.id, json_build_object('status', OLD.status), json_build_object('status', NEW.status)); ELSE INSERT INTO changes (type, entry_id, before) VALUES ('user', OLD.id, json_build_object('status', OLD.status)); INSERT INTO changes (type, entry_id, after) VALUES ('user', NEW.id, json_build_object('status', NEW.status)); END IF; RETURN NULL; END $$;

CREATE TRIGGER users_changed AFTER INSERT OR DELETE ON users FOR EACH ROW EXECUTE FUNCTION record_users();

CREATE TRIGGER users_updated AFTER UPDATE ON users FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION record_users();

CREATE FUNCTION record_users_truncated() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO changes (type, entry_id, before) SELECT 'user', id, json_build_object('status', status) FROM users; RETURN NULL; END $$;

CREATE TRIGGER users_truncated BEFORE TRUNCATE ON users FOR EACH STATEMENT EXECUTE FUNCTION record_users_truncated();

CREATE FUNCTION record_rooms() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = 'INSERT' THEN INSERT INTO changes (type, entry_id, after) VALUES ('room', NEW.id, json_build_object('status', NEW.status)); ELSIF TG_OP = 'DELETE' THEN INSERT INTO changes (type, entry_id, before) VALUES ('room', OLD.id, json_build_object('status', OLD.status)); ELSIF OLD.id = NEW.id THEN INSERT INTO changes (type, entry_id, before, after) VALUES ('room', NEW.id, json_build_object('status', OLD.status), json_build_object('status', NEW.status)); ELSE INSERT INTO changes (type, entry_id, before) VALUES ('room', OLD.id, json_build_object('status', OLD.status)); INSERT INTO changes (type, entry_id, after) VALUES ('room', NEW.id, json_build_object('status', NEW.status)); END IF; RETURN NULL; END $$;

CREATE TRIGGER rooms_changed AFTER INSERT OR DELETE ON rooms FOR EACH ROW EXECUTE FUNCTION record_rooms();

CREATE TRIGGER rooms_updated AFTER UPDATE ON rooms FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION record_rooms();

CREATE FUNCTION record_rooms_truncated() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO changes (type, entry_id, before) SELECT 'room', id, json_build_object('status', status) FROM rooms; RETURN NULL; END $$;

CREATE TRIGGER rooms_truncated BEFORE TRUNCATE ON rooms FOR EACH STATEMENT EXECUTE FUNCTION record_rooms_truncated();

CREATE FUNCTION record_videos() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = 'INSERT' THEN INSERT INTO changes (type, entry_id, after) VALUES ('video', NEW.id, json_build_object('title', NEW.title, 'status', NEW.status, 'available_from', NEW.available_from, 'available_until', NEW.available_until, 'regions', NEW.regions)); ELSIF TG_OP = 'DELETE' THEN INSERT INTO changes (type, entry_id, before) VALUES ('video', OLD.id, json_build_object('title', OLD.title, 'status', OLD.status, 'available_from', OLD.available_from, 'available_until', OLD.available_until, 'regions', OLD.regions)); ELSIF OLD.id = NEW.id THEN INSERT INTO changes (type, entry_id, before, after) VALUES ('video', NEW.id, json_build_object('title', OLD.title, 'status', OLD.status, 'available_from', OLD.available_from, 'available_until', OLD.available_until, 'regions', OLD.regions), json_build_object('title', NEW.title, 'status', NEW.status, 'available_from', NEW.available_from, 'available_until', NEW.available_until, 'regions', NEW.regions)); ELSE INSERT INTO changes (type, entry_id, before) VALUES ('video', OLD.id, json_build_object('title', OLD.title, 'status', OLD.status, 'available_from', OLD.available_from, 'available_until', OLD.available_until, 'regions', OLD.regions)); INSERT INTO changes (type, entry_id, after) VALUES ('video', NEW.id, json_build_object('title', NEW.title, 'status', NEW.status, 'available_from', NEW.available_from, 'available_until', NEW.available_until, 'regions', NEW.regions)); END IF; RETURN NULL; END $$;

CREATE TRIGGER videos_changed AFTER INSERT OR DELETE ON videos FOR EACH ROW EXECUTE FUNCTION record_videos();

CREATE TRIGGER videos_updated AFTER UPDATE ON videos FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION record_videos();

CREATE FUNCTION record_videos_truncated() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO changes (type, entry_id, before) SELECT 'video', id, json_build_object('title', title, 'status', status, 'available_from', available_from, 'available_until', available_until, 'regions', regions) FROM videos; RETURN NULL; END $$;

CREATE TRIGGER videos_truncated BEFORE TRUNCATE ON videos FOR EACH STATEMENT EXECUTE FUNCTION record_videos_truncated();

-- What a deleted user, room or video takes with it has no actor.
CREATE FUNCTION record_room_members_added() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO changes (type, entry_id, room_id, after) SELECT 'member', user_id, room_id, '{}' FROM added; RETURN NULL; END $$;

CREATE FUNCTION record_room_members_removed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO changes (actor, type, entry_id, room_id, before) SELECT CASE WHEN EXISTS (SELECT 1 FROM users WHERE id = user_id) AND EXISTS (SELECT 1 FROM rooms WHERE id = room_id) THEN nullif(current_setting('directory.actor', true), '') END, 'member', user_id, room_id, '{}' FROM removed; RETURN NULL; END $$;

CREATE TRIGGER room_members_inserted AFTER INSERT ON room_members REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION record_room_members_added();

CREATE TRIGGER room_members_deleted AFTER DELETE ON room_members REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION record_room_members_removed();

CREATE FUNCTION record_room_members_moved() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO changes (type, entry_id, room_id, before) VALUES ('member', OLD.user_id, OLD.room_id, '{}'); INSERT INTO changes (type, entry_id, room_id, after) VALUES ('member', NEW.user_id, NEW.room_id, '{}'); RETURN NULL; END $$;

CREATE TRIGGER room_members_updated AFTER UPDATE ON room_members FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION record_room_members_moved();

CREATE FUNCTION record_room_members_truncated() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO changes (type, entry_id, room_id, before) SELECT 'member', user_id, room_id, json_build_object() FROM room_members; RETURN NULL; END $$;

CREATE TRIGGER room_members_truncated BEFORE TRUNCATE ON room_members FOR EACH STATEMENT EXECUTE FUNCTION record_room_members_truncated();

CREATE FUNCTION record_room_videos_added() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO changes (type, entry_id, room_id, after) SELECT 'room_video', video_id, room_id, '{}' FROM added; RETURN NULL; END $$;

CREATE FUNCTION record_room_videos_removed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO changes (actor, type, entry_id, room_id, before) SELECT CASE WHEN EXISTS (SELECT 1 FROM videos WHERE id = video_id) AND EXISTS (SELECT 1 FROM rooms WHERE id = room_id) THEN nullif(current_setting('directory.actor', true), '') END, 'room_video', video_id, room_id, '{}' FROM removed; RETURN NULL; END $$;

CREATE TRIGGER room_videos_inserted AFTER INSERT ON room_videos REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION record_room_videos_added();

CREATE TRIGGER room_videos_deleted AFTER DELETE ON room_videos REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION record_room_videos_removed();

CREATE FUNCTION record_room_videos_moved() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO changes (type, entry_id, room_id, before) VALUES ('room_video', OLD.video_id, OLD.room_id, '{}'); INSERT INTO changes (type, entry_id, room_id, after) VALUES ('room_video', NEW.video_id, NEW.room_id, '{}'); RETURN NULL; END $$;

CREATE TRIGGER room_videos_updated AFTER UPDATE ON room_videos FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION record_room_videos_moved();

CREATE FUNCTION record_room_videos_truncated() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO changes (type, entry_id, room_id, before) SELECT 'room_video', video_id, room_id, json_build_object() FROM room_videos; RETURN NULL; END $$;

CREATE TRIGGER room_videos_truncated BEFORE TRUNCATE ON room_videos FOR EACH STATEMENT EXECUTE FUNCTION record_room_videos_truncated();

CREATE FUNCTION record_video_licences() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = 'INSERT' THEN INSERT INTO changes (type, entry_id, after) VALUES ('licence', NEW.video_id, json_build_object('position', NEW.position, 'available_from', NEW.available_from, 'available_until', NEW.available_until, 'regions', NEW.regions)); ELSIF TG_OP = 'DELETE' THEN INSERT INTO changes (actor, type, entry_id, before) VALUES (CASE WHEN EXISTS (SELECT 1 FROM videos WHERE id = OLD.video_id) THEN nullif(current_setting('directory.actor', true), '') END, 'licence', OLD.video_id, json_build_object('position', OLD.position, 'available_from', OLD.available_from, 'available_until', OLD.available_until, 'regions', OLD.regions)); ELSIF OLD.video_id = NEW.video_id AND OLD.position = NEW.position THEN INSERT INTO changes (type, entry_id, before, after) VALUES ('licence', NEW.video_id, json_build_object('position', OLD.position, 'available_from', OLD.available_from, 'available_until', OLD.available_until, 'regions', OLD.regions), json_build_object('position', NEW.position, 'available_from', NEW.available_from, 'available_until', NEW.available_until, 'regions', NEW.regions)); ELSE INSERT INTO changes (type, entry_id, before) VALUES ('licence', OLD.video_id, json_build_object('position', OLD.position, 'available_from', OLD.available_from, 'available_until', OLD.available_until, 'regions', OLD.regions)); INSERT INTO changes (type, entry_id, after) VALUES ('licence', NEW.video_id, json_build_object('position', NEW.position, 'available_from', NEW.available_from, 'available_until', NEW.available_until, 'regions', NEW.regions)); END IF; RETURN NULL; END $$;

CREATE TRIGGER video_licences_changed AFTER INSERT OR DELETE ON video_licences FOR EACH ROW EXECUTE FUNCTION record_video_licences();

CREATE TRIGGER video_licences_updated AFTER UPDATE ON video_licences FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION record_video_licences();

CREATE FUNCTION record_video_licences_truncated() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO changes (type, entry_id, before) SELECT 'licence', video_id, json_build_object('position', position, 'available_from', available_from, 'available_until', available_until, 'regions', regions) FROM video_licences; RETURN NULL; END $$;

CREATE TRIGGER video_licences_truncated BEFORE TRUNCATE ON video_licences FOR EACH STATEMENT EXECUTE FUNCTION record_video_licences_truncated();
