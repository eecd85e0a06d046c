-- A film may have several licences: videos has the first one, which release 0.2.0 reads, this table the others.
CREATE TABLE video_licences (
  video_id TEXT NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  available_from BIGINT,
  available_until BIGINT,
  regions TEXT,
  PRIMARY KEY (video_id, position)
);

CREATE FUNCTION delete_other_licences() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM video_licences WHERE video_id = NEW.id; RETURN NULL; END $$;

-- A program that writes the licence of a film replaces all of them; release 0.2.0 always does.
CREATE TRIGGER video_licences_replaced AFTER UPDATE OF available_from, available_until, regions ON videos FOR EACH ROW EXECUTE FUNCTION delete_other_licences();
