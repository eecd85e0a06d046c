CREATE TABLE changes (
  id bigint NOT NULL,
  at bigint DEFAULT ((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric))::bigint NOT NULL,
  actor text DEFAULT NULLIF(current_setting('directory.actor'::text, true), ''::text),
  request_id text DEFAULT NULLIF(current_setting('directory.request_id'::text, true), ''::text),
  type text NOT NULL,
  entry_id text NOT NULL,
  room_id text,
  before text,
  after text
);

CREATE TABLE room_hosts (
  room_id text NOT NULL,
  user_id text NOT NULL
);

CREATE TABLE room_members (
  room_id text NOT NULL,
  user_id text NOT NULL
);

CREATE TABLE room_videos (
  room_id text NOT NULL,
  video_id text NOT NULL
);

CREATE TABLE rooms (
  id text NOT NULL,
  status text DEFAULT 'open'::text NOT NULL,
  publish text DEFAULT 'members'::text NOT NULL
);

CREATE TABLE schema_version (
  version bigint NOT NULL,
  name text,
  md5 text,
  run_at timestamp with time zone
);

CREATE TABLE users (
  id text NOT NULL,
  status text DEFAULT 'active'::text NOT NULL,
  name text,
  search text
);

CREATE TABLE video_licences (
  video_id text NOT NULL,
  position integer NOT NULL,
  available_from bigint,
  available_until bigint,
  regions text
);

CREATE TABLE videos (
  id text NOT NULL,
  title text,
  status text DEFAULT 'available'::text NOT NULL,
  available_from bigint,
  available_until bigint,
  regions text,
  search text
);

ALTER TABLE changes ADD CONSTRAINT changes_pkey PRIMARY KEY (id);

ALTER TABLE room_hosts ADD CONSTRAINT room_hosts_pkey PRIMARY KEY (room_id, user_id);

ALTER TABLE room_members ADD CONSTRAINT room_members_pkey PRIMARY KEY (room_id, user_id);

ALTER TABLE room_videos ADD CONSTRAINT room_videos_pkey PRIMARY KEY (room_id, video_id);

ALTER TABLE rooms ADD CONSTRAINT rooms_pkey PRIMARY KEY (id);

ALTER TABLE rooms ADD CONSTRAINT rooms_publish_check CHECK ((publish = ANY (ARRAY['members'::text, 'hosts'::text, 'nobody'::text])));

ALTER TABLE rooms ADD CONSTRAINT rooms_status_check CHECK ((status = ANY (ARRAY['open'::text, 'closed'::text])));

ALTER TABLE schema_version ADD CONSTRAINT schema_version_pkey PRIMARY KEY (version);

ALTER TABLE users ADD CONSTRAINT users_pkey PRIMARY KEY (id);

ALTER TABLE users ADD CONSTRAINT users_status_check CHECK ((status = ANY (ARRAY['active'::text, 'suspended'::text])));

ALTER TABLE video_licences ADD CONSTRAINT video_licences_pkey PRIMARY KEY (video_id, "position");

ALTER TABLE videos ADD CONSTRAINT videos_pkey PRIMARY KEY (id);

ALTER TABLE videos ADD CONSTRAINT videos_status_check CHECK ((status = ANY (ARRAY['available'::text, 'withdrawn'::text])));

ALTER TABLE room_hosts ADD CONSTRAINT room_hosts_room_id_user_id_fkey FOREIGN KEY (room_id, user_id) REFERENCES room_members(room_id, user_id) ON DELETE CASCADE;

ALTER TABLE room_members ADD CONSTRAINT room_members_room_id_fkey FOREIGN KEY (room_id) REFERENCES rooms(id) ON DELETE CASCADE;

ALTER TABLE room_members ADD CONSTRAINT room_members_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;

ALTER TABLE room_videos ADD CONSTRAINT room_videos_room_id_fkey FOREIGN KEY (room_id) REFERENCES rooms(id) ON DELETE CASCADE;

ALTER TABLE room_videos ADD CONSTRAINT room_videos_video_id_fkey FOREIGN KEY (video_id) REFERENCES videos(id) ON DELETE CASCADE;

ALTER TABLE video_licences ADD CONSTRAINT video_licences_video_id_fkey FOREIGN KEY (video_id) REFERENCES videos(id) ON DELETE CASCADE;

CREATE INDEX changes_by_entry ON public.changes USING btree (entry_id);

CREATE INDEX changes_by_room ON public.changes USING btree (room_id) WHERE (room_id IS NOT NULL);

CREATE INDEX room_members_by_user ON public.room_members USING btree (user_id);

CREATE INDEX room_videos_by_video ON public.room_videos USING btree (video_id);

CREATE OR REPLACE FUNCTION public.delete_other_licences()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ BEGIN IF coalesce(current_setting('directory.actor', true), '') = '' THEN DELETE FROM video_licences WHERE video_id = NEW.id; END IF; RETURN NULL; END $function$
;

CREATE OR REPLACE FUNCTION public.forget_search()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ BEGIN IF coalesce(current_setting('directory.actor', true), '') = '' THEN NEW.search := NULL; END IF; RETURN NEW; END $function$
;

CREATE OR REPLACE FUNCTION public.record_room_hosts_added()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ BEGIN INSERT INTO changes (type, entry_id, room_id, after) SELECT 'host', user_id, room_id, '{}' FROM added; RETURN NULL; END $function$
;

CREATE OR REPLACE FUNCTION public.record_room_hosts_moved()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ BEGIN INSERT INTO changes (type, entry_id, room_id, before) VALUES ('host', OLD.user_id, OLD.room_id, '{}'); INSERT INTO changes (type, entry_id, room_id, after) VALUES ('host', NEW.user_id, NEW.room_id, '{}'); RETURN NULL; END $function$
;

CREATE OR REPLACE FUNCTION public.record_room_hosts_removed()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ BEGIN INSERT INTO changes (actor, type, entry_id, room_id, before) SELECT CASE WHEN EXISTS (SELECT 1 FROM room_members AS m WHERE m.user_id = removed.user_id AND m.room_id = removed.room_id) THEN nullif(current_setting('directory.actor', true), '') END, 'host', user_id, room_id, '{}' FROM removed; RETURN NULL; END $function$
;

CREATE OR REPLACE FUNCTION public.record_room_hosts_truncated()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ BEGIN INSERT INTO changes (type, entry_id, room_id, before) SELECT 'host', user_id, room_id, json_build_object() FROM room_hosts; RETURN NULL; END $function$
;

CREATE OR REPLACE FUNCTION public.record_room_members_added()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ BEGIN INSERT INTO changes (type, entry_id, room_id, after) SELECT 'member', user_id, room_id, '{}' FROM added; RETURN NULL; END $function$
;

CREATE OR REPLACE FUNCTION public.record_room_members_moved()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ BEGIN INSERT INTO changes (type, entry_id, room_id, before) VALUES ('member', OLD.user_id, OLD.room_id, '{}'); INSERT INTO changes (type, entry_id, room_id, after) VALUES ('member', NEW.user_id, NEW.room_id, '{}'); RETURN NULL; END $function$
;

CREATE OR REPLACE FUNCTION public.record_room_members_removed()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ BEGIN INSERT INTO changes (actor, type, entry_id, room_id, before) SELECT CASE WHEN EXISTS (SELECT 1 FROM users WHERE id = user_id) AND EXISTS (SELECT 1 FROM rooms WHERE id = room_id) THEN nullif(current_setting('directory.actor', true), '') END, 'member', user_id, room_id, '{}' FROM removed; RETURN NULL; END $function$
;

CREATE OR REPLACE FUNCTION public.record_room_members_truncated()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ BEGIN INSERT INTO changes (type, entry_id, room_id, before) SELECT 'member', user_id, room_id, json_build_object() FROM room_members; RETURN NULL; END $function$
;

CREATE OR REPLACE FUNCTION public.record_room_videos_added()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ BEGIN INSERT INTO changes (type, entry_id, room_id, after) SELECT 'room_video', video_id, room_id, '{}' FROM added; RETURN NULL; END $function$
;

CREATE OR REPLACE FUNCTION public.record_room_videos_moved()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ BEGIN INSERT INTO changes (type, entry_id, room_id, before) VALUES ('room_video', OLD.video_id, OLD.room_id, '{}'); INSERT INTO changes (type, entry_id, room_id, after) VALUES ('room_video', NEW.video_id, NEW.room_id, '{}'); RETURN NULL; END $function$
;

CREATE OR REPLACE FUNCTION public.record_room_videos_removed()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ BEGIN INSERT INTO changes (actor, type, entry_id, room_id, before) SELECT CASE WHEN EXISTS (SELECT 1 FROM videos WHERE id = video_id) AND EXISTS (SELECT 1 FROM rooms WHERE id = room_id) THEN nullif(current_setting('directory.actor', true), '') END, 'room_video', video_id, room_id, '{}' FROM removed; RETURN NULL; END $function$
;

CREATE OR REPLACE FUNCTION public.record_room_videos_truncated()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ BEGIN INSERT INTO changes (type, entry_id, room_id, before) SELECT 'room_video', video_id, room_id, json_build_object() FROM room_videos; RETURN NULL; END $function$
;

CREATE OR REPLACE FUNCTION public.record_rooms()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ BEGIN IF TG_OP = 'INSERT' THEN INSERT INTO changes (type, entry_id, after) VALUES ('room', NEW.id, json_build_object('status', NEW.status, 'publish', NEW.publish)); ELSIF TG_OP = 'DELETE' THEN INSERT INTO changes (type, entry_id, before) VALUES ('room', OLD.id, json_build_object('status', OLD.status, 'publish', OLD.publish)); ELSIF OLD.id = NEW.id THEN INSERT INTO changes (type, entry_id, before, after) VALUES ('room', NEW.id, json_build_object('status', OLD.status, 'publish', OLD.publish), json_build_object('status', NEW.status, 'publish', NEW.publish)); ELSE INSERT INTO changes (type, entry_id, before) VALUES ('room', OLD.id, json_build_object('status', OLD.status, 'publish', OLD.publish)); INSERT INTO changes (type, entry_id, after) VALUES ('room', NEW.id, json_build_object('status', NEW.status, 'publish', NEW.publish)); END IF; RETURN NULL; END $function$
;

CREATE OR REPLACE FUNCTION public.record_rooms_truncated()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ BEGIN INSERT INTO changes (type, entry_id, before) SELECT 'room', id, json_build_object('status', status, 'publish', publish) FROM rooms; RETURN NULL; END $function$
;

CREATE OR REPLACE FUNCTION public.record_user_name()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ BEGIN INSERT INTO changes (type, entry_id, before, after) VALUES ('user', NEW.id, json_build_object('status', OLD.status), json_build_object('status', NEW.status, 'name', 'changed')); RETURN NULL; END $function$
;

CREATE OR REPLACE FUNCTION public.record_users()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ BEGIN IF TG_OP = 'INSERT' THEN INSERT INTO changes (type, entry_id, after) VALUES ('user', NEW.id, json_build_object('status', NEW.status)); ELSIF TG_OP = 'DELETE' THEN INSERT INTO changes (type, entry_id, before) VALUES ('user', OLD.id, json_build_object('status', OLD.status)); ELSIF OLD.id = NEW.id THEN INSERT INTO changes (type, entry_id, before, after) VALUES ('user', NEW.id, json_build_object('status', OLD.status), json_build_object('status', NEW.status)); ELSE INSERT INTO changes (type, entry_id, before) VALUES ('user', OLD.id, json_build_object('status', OLD.status)); INSERT INTO changes (type, entry_id, after) VALUES ('user', NEW.id, json_build_object('status', NEW.status)); END IF; RETURN NULL; END $function$
;

CREATE OR REPLACE FUNCTION public.record_users_truncated()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ BEGIN INSERT INTO changes (type, entry_id, before) SELECT 'user', id, json_build_object('status', status) FROM users; RETURN NULL; END $function$
;

CREATE OR REPLACE FUNCTION public.record_video_licences()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ BEGIN IF TG_OP = 'INSERT' THEN INSERT INTO changes (type, entry_id, after) VALUES ('licence', NEW.video_id, json_build_object('position', NEW.position, 'available_from', NEW.available_from, 'available_until', NEW.available_until, 'regions', NEW.regions)); ELSIF TG_OP = 'DELETE' THEN INSERT INTO changes (actor, type, entry_id, before) VALUES (CASE WHEN EXISTS (SELECT 1 FROM videos WHERE id = OLD.video_id) THEN nullif(current_setting('directory.actor', true), '') END, 'licence', OLD.video_id, json_build_object('position', OLD.position, 'available_from', OLD.available_from, 'available_until', OLD.available_until, 'regions', OLD.regions)); ELSIF OLD.video_id = NEW.video_id AND OLD.position = NEW.position THEN INSERT INTO changes (type, entry_id, before, after) VALUES ('licence', NEW.video_id, json_build_object('position', OLD.position, 'available_from', OLD.available_from, 'available_until', OLD.available_until, 'regions', OLD.regions), json_build_object('position', NEW.position, 'available_from', NEW.available_from, 'available_until', NEW.available_until, 'regions', NEW.regions)); ELSE INSERT INTO changes (type, entry_id, before) VALUES ('licence', OLD.video_id, json_build_object('position', OLD.position, 'available_from', OLD.available_from, 'available_until', OLD.available_until, 'regions', OLD.regions)); INSERT INTO changes (type, entry_id, after) VALUES ('licence', NEW.video_id, json_build_object('position', NEW.position, 'available_from', NEW.available_from, 'available_until', NEW.available_until, 'regions', NEW.regions)); END IF; RETURN NULL; END $function$
;

CREATE OR REPLACE FUNCTION public.record_video_licences_truncated()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ BEGIN INSERT INTO changes (type, entry_id, before) SELECT 'licence', video_id, json_build_object('position', position, 'available_from', available_from, 'available_until', available_until, 'regions', regions) FROM video_licences; RETURN NULL; END $function$
;

CREATE OR REPLACE FUNCTION public.record_videos()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ BEGIN IF TG_OP = 'INSERT' THEN INSERT INTO changes (type, entry_id, after) VALUES ('video', NEW.id, json_build_object('title', NEW.title, 'status', NEW.status, 'available_from', NEW.available_from, 'available_until', NEW.available_until, 'regions', NEW.regions)); ELSIF TG_OP = 'DELETE' THEN INSERT INTO changes (type, entry_id, before) VALUES ('video', OLD.id, json_build_object('title', OLD.title, 'status', OLD.status, 'available_from', OLD.available_from, 'available_until', OLD.available_until, 'regions', OLD.regions)); ELSIF OLD.id = NEW.id THEN INSERT INTO changes (type, entry_id, before, after) VALUES ('video', NEW.id, json_build_object('title', OLD.title, 'status', OLD.status, 'available_from', OLD.available_from, 'available_until', OLD.available_until, 'regions', OLD.regions), json_build_object('title', NEW.title, 'status', NEW.status, 'available_from', NEW.available_from, 'available_until', NEW.available_until, 'regions', NEW.regions)); ELSE INSERT INTO changes (type, entry_id, before) VALUES ('video', OLD.id, json_build_object('title', OLD.title, 'status', OLD.status, 'available_from', OLD.available_from, 'available_until', OLD.available_until, 'regions', OLD.regions)); INSERT INTO changes (type, entry_id, after) VALUES ('video', NEW.id, json_build_object('title', NEW.title, 'status', NEW.status, 'available_from', NEW.available_from, 'available_until', NEW.available_until, 'regions', NEW.regions)); END IF; RETURN NULL; END $function$
;

CREATE OR REPLACE FUNCTION public.record_videos_truncated()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ BEGIN INSERT INTO changes (type, entry_id, before) SELECT 'video', id, json_build_object('title', title, 'status', status, 'available_from', available_from, 'available_until', available_until, 'regions', regions) FROM videos; RETURN NULL; END $function$
;

CREATE TRIGGER room_hosts_deleted AFTER DELETE ON public.room_hosts REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION record_room_hosts_removed();

CREATE TRIGGER room_hosts_inserted AFTER INSERT ON public.room_hosts REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION record_room_hosts_added();

CREATE TRIGGER room_hosts_truncated BEFORE TRUNCATE ON public.room_hosts FOR EACH STATEMENT EXECUTE FUNCTION record_room_hosts_truncated();

CREATE TRIGGER room_hosts_updated AFTER UPDATE ON public.room_hosts FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION record_room_hosts_moved();

CREATE TRIGGER room_members_deleted AFTER DELETE ON public.room_members REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION record_room_members_removed();

CREATE TRIGGER room_members_inserted AFTER INSERT ON public.room_members REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION record_room_members_added();

CREATE TRIGGER room_members_truncated BEFORE TRUNCATE ON public.room_members FOR EACH STATEMENT EXECUTE FUNCTION record_room_members_truncated();

CREATE TRIGGER room_members_updated AFTER UPDATE ON public.room_members FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION record_room_members_moved();

CREATE TRIGGER room_videos_deleted AFTER DELETE ON public.room_videos REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION record_room_videos_removed();

CREATE TRIGGER room_videos_inserted AFTER INSERT ON public.room_videos REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION record_room_videos_added();

CREATE TRIGGER room_videos_truncated BEFORE TRUNCATE ON public.room_videos FOR EACH STATEMENT EXECUTE FUNCTION record_room_videos_truncated();

CREATE TRIGGER room_videos_updated AFTER UPDATE ON public.room_videos FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION record_room_videos_moved();

CREATE TRIGGER rooms_changed AFTER INSERT OR DELETE ON public.rooms FOR EACH ROW EXECUTE FUNCTION record_rooms();

CREATE TRIGGER rooms_truncated BEFORE TRUNCATE ON public.rooms FOR EACH STATEMENT EXECUTE FUNCTION record_rooms_truncated();

CREATE TRIGGER rooms_updated AFTER UPDATE ON public.rooms FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION record_rooms();

CREATE TRIGGER users_changed AFTER INSERT OR DELETE ON public.users FOR EACH ROW EXECUTE FUNCTION record_users();

CREATE TRIGGER users_name_changed AFTER UPDATE ON public.users FOR EACH ROW WHEN (((old.id = new.id) AND (old.name IS DISTINCT FROM new.name))) EXECUTE FUNCTION record_user_name();

CREATE TRIGGER users_search_outdated BEFORE UPDATE OF name ON public.users FOR EACH ROW EXECUTE FUNCTION forget_search();

CREATE TRIGGER users_truncated BEFORE TRUNCATE ON public.users FOR EACH STATEMENT EXECUTE FUNCTION record_users_truncated();

CREATE TRIGGER users_updated AFTER UPDATE ON public.users FOR EACH ROW WHEN (((old.id IS DISTINCT FROM new.id) OR (old.status IS DISTINCT FROM new.status))) EXECUTE FUNCTION record_users();

CREATE TRIGGER video_licences_changed AFTER INSERT OR DELETE ON public.video_licences FOR EACH ROW EXECUTE FUNCTION record_video_licences();

CREATE TRIGGER video_licences_replaced AFTER UPDATE OF available_from, available_until, regions ON public.videos FOR EACH ROW EXECUTE FUNCTION delete_other_licences();

CREATE TRIGGER video_licences_truncated BEFORE TRUNCATE ON public.video_licences FOR EACH STATEMENT EXECUTE FUNCTION record_video_licences_truncated();

CREATE TRIGGER video_licences_updated AFTER UPDATE ON public.video_licences FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION record_video_licences();

CREATE TRIGGER videos_changed AFTER INSERT OR DELETE ON public.videos FOR EACH ROW EXECUTE FUNCTION record_videos();

CREATE TRIGGER videos_search_outdated BEFORE UPDATE OF title ON public.videos FOR EACH ROW EXECUTE FUNCTION forget_search();

CREATE TRIGGER videos_truncated BEFORE TRUNCATE ON public.videos FOR EACH STATEMENT EXECUTE FUNCTION record_videos_truncated();

CREATE TRIGGER videos_updated AFTER UPDATE ON public.videos FOR EACH ROW WHEN (((old.id IS DISTINCT FROM new.id) OR (old.title IS DISTINCT FROM new.title) OR (old.status IS DISTINCT FROM new.status) OR (old.available_from IS DISTINCT FROM new.available_from) OR (old.available_until IS DISTINCT FROM new.available_until) OR (old.regions IS DISTINCT FROM new.regions))) EXECUTE FUNCTION record_videos();

INSERT INTO schema_version (version, name, md5) VALUES ('0', NULL, NULL);

INSERT INTO schema_version (version, name, md5) VALUES ('1', 'directory', '2cd5dbf118b20a7c02c85a9c9675b633');

INSERT INTO schema_version (version, name, md5) VALUES ('2', 'expand-licences', '9ca9c92687c398cf26ab5406f94f8bd0');

INSERT INTO schema_version (version, name, md5) VALUES ('3', 'expand-changes', '2eefe05ecd3e47c62f137b3cfbbfa65b');

INSERT INTO schema_version (version, name, md5) VALUES ('4', 'expand-search', '7e8e0ecaae8b5851331401b20c3e8db5');

INSERT INTO schema_version (version, name, md5) VALUES ('5', 'expand-hosts', 'e1148d39ef107160b7da38c997aa126d');
