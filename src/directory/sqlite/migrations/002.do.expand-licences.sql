-- A film may have several licences: videos has the first one, which release 0.2.0 reads, this table the others.
CREATE TABLE video_licences (
  video_id TEXT NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  available_from INTEGER,
  available_until INTEGER,
  regions TEXT,
  PRIMARY KEY (video_id, position)
) STRICT, WITHOUT ROWID;

-- A program that writes the licence of a film replaces all of them; release 0.2.0 always does.
CREATE TRIGGER video_licences_replaced AFTER UPDATE OF available_from, available_until, regions ON videos BEGIN DELETE FROM video_licences WHERE video_id = NEW.id; END;

-- Without foreign keys, which a program may leave off, a deleted film leaves its licences to a new one of that id.
CREATE TRIGGER video_licences_of_new_film AFTER INSERT ON videos BEGIN DELETE FROM video_licences WHERE video_id = NEW.id; END;
