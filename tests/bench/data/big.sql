-- 20 KB a row, stored as it is: decompressing would be PostgreSQL's work, not ours. psql -v rows=N.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS bench;
DROP TABLE IF EXISTS bench.big;

CREATE TABLE bench.big (id bigint PRIMARY KEY, body text NOT NULL);
ALTER TABLE bench.big ALTER COLUMN body SET STORAGE EXTERNAL;
INSERT INTO bench.big
SELECT id, repeat('{"digest":"' || md5(id::text) || '"}' || chr(10), 435)
FROM generate_series(1, :rows::bigint) AS id;
