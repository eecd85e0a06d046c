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
  status text DEFAULT 'open'::text NOT NULL
);

CREATE TABLE schema_version (
  version bigint NOT NULL,
  name text,
  md5 text,
  run_at timestamp with time zone
);

CREATE TABLE users (
  id text NOT NULL,
  status text DEFAULT 'active'::text NOT NULL
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
  regions text
);

ALTER TABLE room_members ADD CONSTRAINT room_members_pkey PRIMARY KEY (room_id, user_id);

ALTER TABLE room_videos ADD CONSTRAINT room_videos_pkey PRIMARY KEY (room_id, video_id);

ALTER TABLE rooms ADD CONSTRAINT rooms_pkey PRIMARY KEY (id);

ALTER TABLE rooms ADD CONSTRAINT rooms_status_check CHECK ((status = ANY (ARRAY['open'::text, 'closed'::text])));

ALTER TABLE schema_version ADD CONSTRAINT schema_version_pkey PRIMARY KEY (version);

ALTER TABLE users ADD CONSTRAINT users_pkey PRIMARY KEY (id);

ALTER TABLE users ADD CONSTRAINT users_status_check CHECK ((status = ANY (ARRAY['active'::text, 'suspended'::text])));

ALTER TABLE video_licences ADD CONSTRAINT video_licences_pkey PRIMARY KEY (video_id, "position");

ALTER TABLE videos ADD CONSTRAINT videos_pkey PRIMARY KEY (id);

ALTER TABLE videos ADD CONSTRAINT videos_status_check CHECK ((status = ANY (ARRAY['available'::text, 'withdrawn'::text])));

ALTER TABLE room_members ADD CONSTRAINT room_members_room_id_fkey FOREIGN KEY (room_id) REFERENCES rooms(id) ON DELETE CASCADE;

ALTER TABLE room_members ADD CONSTRAINT room_members_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;

ALTER TABLE room_videos ADD CONSTRAINT room_videos_room_id_fkey FOREIGN KEY (room_id) REFERENCES rooms(id) ON DELETE CASCADE;

ALTER TABLE room_videos ADD CONSTRAINT room_videos_video_id_fkey FOREIGN KEY (video_id) REFERENCES videos(id) ON DELETE CASCADE;

ALTER TABLE video_licences ADD CONSTRAINT video_licences_video_id_fkey FOREIGN KEY (video_id) REFERENCES videos(id) ON DELETE CASCADE;

CREATE INDEX room_members_by_user ON public.room_members USING btree (user_id);

CREATE INDEX room_videos_by_video ON public.room_videos USING btree (video_id);

CREATE OR REPLACE FUNCTION public.delete_other_licences()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ BEGIN DELETE FROM video_licences WHERE video_id = NEW.id; RETURN NULL; END $function$
;

CREATE TRIGGER video_licences_replaced AFTER UPDATE OF available_from, available_until, regions ON public.videos FOR EACH ROW EXECUTE FUNCTION delete_other_licences();

INSERT INTO schema_version (version, name, md5) VALUES ('0', NULL, NULL);

INSERT INTO schema_version (version, name, md5) VALUES ('1', 'directory', '2cd5dbf118b20a7c02c85a9c9675b633');

INSERT INTO schema_version (version, name, md5) VALUES ('2', 'expand-licences', '9ca9c92687c398cf26ab5406f94f8bd0');
