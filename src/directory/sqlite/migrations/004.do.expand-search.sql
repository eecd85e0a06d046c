-- Names are for people who search. The text that is searched is written by this release; NULL where another program
-- wrote the name or title.
ALTER TABLE users ADD COLUMN name TEXT;

ALTER TABLE users ADD COLUMN search TEXT;

ALTER TABLE videos ADD COLUMN search TEXT;

CREATE TRIGGER users_search_outdated AFTER UPDATE OF name ON users WHEN NEW.search IS NOT NULL AND NOT EXISTS (SELECT 1 FROM change_author) BEGIN UPDATE users SET search = NULL WHERE id = NEW.id; END;

CREATE TRIGGER videos_search_outdated AFTER UPDATE OF title ON videos WHEN NEW.search IS NOT NULL AND NOT EXISTS (SELECT 1 FROM change_author) BEGIN UPDATE videos SET search = NULL WHERE id = NEW.id; END;

-- An entry of a change does not hold the name, only that it changed.
CREATE TRIGGER users_name_changed AFTER UPDATE OF name ON users WHEN OLD.id IS NEW.id AND OLD.name IS NOT NEW.name BEGIN INSERT INTO changes (actor, request_id, type, entry_id, before, after) VALUES ((SELECT actor FROM change_author), (SELECT request_id FROM change_author), 'user', NEW.id, json_object('status', OLD.status), json_object('status', NEW.status, 'name', 'changed')); END;
