-- Names are for people who search. The text that is searched is written by this release; NULL where another program
-- wrote the name or title.
ALTER TABLE users ADD COLUMN name TEXT, ADD COLUMN search TEXT;

ALTER TABLE videos ADD COLUMN search TEXT;

CREATE FUNCTION forget_search() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF coalesce(current_setting('directory.actor', true), '') = '' THEN NEW.search := NULL; END IF; RETURN NEW; END $$;

CREATE TRIGGER users_search_outdated BEFORE UPDATE OF name ON users FOR EACH ROW EXECUTE FUNCTION forget_search();

CREATE TRIGGER videos_search_outdated BEFORE UPDATE OF title ON videos FOR EACH ROW EXECUTE FUNCTION forget_search();

-- The text that is searched is no change by itself.
DROP TRIGGER users_updated ON users;

CREATE TRIGGER users_updated AFTER UPDATE ON users FOR EACH ROW WHEN (OLD.id IS DISTINCT FROM NEW.id OR OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION record_users();

DROP TRIGGER videos_updated ON videos;

CREATE TRIGGER videos_updated AFTER UPDATE ON videos FOR EACH ROW WHEN (OLD.id IS DISTINCT FROM NEW.id OR OLD.title IS DISTINCT FROM NEW.title OR OLD.status IS DISTINCT FROM NEW.status OR OLD.available_from IS DISTINCT FROM NEW.available_from OR OLD.available_until IS DISTINCT FROM NEW.available_until OR OLD.regions IS DISTINCT FROM NEW.regions) EXECUTE FUNCTION record_videos();

-- An entry of a change does not hold the name, only that it changed.
CREATE FUNCTION record_user_name() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO changes (type, entry_id, before, after) VALUES ('user', NEW.id, json_build_object('status', OLD.status), json_build_object('status', NEW.status, 'name', 'changed')); RETURN NULL; END $$;

CREATE TRIGGER users_name_changed AFTER UPDATE ON users FOR EACH ROW WHEN (OLD.id = NEW.id AND OLD.name IS DISTINCT FROM NEW.name) EXECUTE FUNCTION record_user_name();
