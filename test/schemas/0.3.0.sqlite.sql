CREATE TABLE schema_version (
            version INTEGER PRIMARY KEY
          , name TEXT, md5 TEXT, run_at TIMESTAMP WITH TIME ZONE);

CREATE TABLE users (
  id TEXT PRIMARY KEY,
  status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended'))
) STRICT, WITHOUT ROWID;

CREATE TABLE rooms (
  id TEXT PRIMARY KEY,
  status TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'closed'))
) STRICT, WITHOUT ROWID;

CREATE TABLE videos (
  id TEXT PRIMARY KEY,
  title TEXT,
  status TEXT NOT NULL DEFAULT 'available' CHECK (status IN ('available', 'withdrawn')),
  available_from INTEGER,
  available_until INTEGER,
  regions TEXT
) STRICT, WITHOUT ROWID;

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

CREATE TRIGGER video_licences_replaced AFTER UPDATE OF available_from, available_until, regions ON videos BEGIN DELETE FROM video_licences WHERE video_id = NEW.id; END;

CREATE TRIGGER video_licences_of_new_film AFTER INSERT ON videos BEGIN DELETE FROM video_licences WHERE video_id = NEW.id; END;

CREATE INDEX room_members_by_user ON room_members (user_id);

CREATE INDEX room_videos_by_video ON room_videos (video_id);

INSERT INTO schema_version (version, name, md5) VALUES ('0', NULL, NULL);

INSERT INTO schema_version (version, name, md5) VALUES ('1', 'directory', 'b40cf8ac8ca1fe965083401eb3e49358');

INSERT INTO schema_version (version, name, md5) VALUES ('2', 'expand-licences', '940160713aadf0de98422e92d51becee');
