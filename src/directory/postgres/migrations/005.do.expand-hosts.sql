-- Who may publish in a room: its members, its hosts or nobody. Hosts are members.
ALTER TABLE rooms ADD COLUMN publish TEXT NOT NULL DEFAULT 'members' CHECK (publish IN ('members', 'hosts', 'nobody'));

CREATE TABLE room_hosts (
  room_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  PRIMARY KEY (room_id, user_id),
  FOREIGN KEY (room_id, user_id) REFERENCES room_members (room_id, user_id) ON DELETE CASCADE
);

-- The entries of rooms have who may publish, too.
CREATE OR REPLACE FUNCTION record_rooms() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = 'INSERT' THEN INSERT INTO changes (type, entry_id, after) VALUES ('room', NEW.id, json_build_object('status', NEW.status, 'publish', NEW.publish)); ELSIF TG_OP = 'DELETE' THEN INSERT INTO changes (type, entry_id, before) VALUES ('room', OLD.id, json_build_object('status', OLD.status, 'publish', OLD.publish)); ELSIF OLD.id = NEW.id THEN INSERT INTO changes (type, entry_id, before, after) VALUES ('room', NEW.id, json_build_object('status', OLD.status, 'publish', OLD.publish), json_build_object('status', NEW.status, 'publish', NEW.publish)); ELSE INSERT INTO changes (type, entry_id, before) VALUES ('room', OLD.id, json_build_object('status', OLD.status, 'publish', OLD.publish)); INSERT INTO changes (type, entry_id, after) VALUES ('room', NEW.id, json_build_object('status', NEW.status, 'publish', NEW.publish)); END IF; RETURN NULL; END $$;

CREATE OR REPLACE FUNCTION record_rooms_truncated() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO changes (type, entry_id, before) SELECT 'room', id, json_build_object('status', status, 'publish', publish) FROM rooms; RETURN NULL; END $$;

-- A host who leaves the members, or whose room or account is deleted, goes with the membership and has no actor.
CREATE FUNCTION record_room_hosts_added() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO changes (type, entry_id, room_id, after) SELECT 'host', user_id, room_id, '{}' FROM added; RETURN NULL; END $$;

CREATE FUNCTION record_room_hosts_removed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO changes (actor, type, entry_id, room_id, before) SELECT CASE WHEN EXISTS (SELECT 1 FROM room_members AS m WHERE m.user_id = removed.user_id AND m.room_id = removed.room_id) THEN nullif(current_setting('directory.actor', true), '') END, 'host', user_id, room_id, '{}' FROM removed; RETURN NULL; END $$;

CREATE TRIGGER room_hosts_inserted AFTER INSERT ON room_hosts REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION record_room_hosts_added();

CREATE TRIGGER room_hosts_deleted AFTER DELETE ON room_hosts REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION record_room_hosts_removed();

CREATE FUNCTION record_room_hosts_moved() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO changes (type, entry_id, room_id, before) VALUES ('host', OLD.user_id, OLD.room_id, '{}'); INSERT INTO changes (type, entry_id, room_id, after) VALUES ('host', NEW.user_id, NEW.room_id, '{}'); RETURN NULL; END $$;

CREATE TRIGGER room_hosts_updated AFTER UPDATE ON room_hosts FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION record_room_hosts_moved();

CREATE FUNCTION record_room_hosts_truncated() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO changes (type, entry_id, room_id, before) SELECT 'host', user_id, room_id, json_build_object() FROM room_hosts; RETURN NULL; END $$;

CREATE TRIGGER room_hosts_truncated BEFORE TRUNCATE ON room_hosts FOR EACH STATEMENT EXECUTE FUNCTION record_room_hosts_truncated();
