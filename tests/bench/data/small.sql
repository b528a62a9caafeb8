-- Three columns. psql -v rows=N.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS bench;
DROP TABLE IF EXISTS bench.small;

CREATE TABLE bench.small (id bigint PRIMARY KEY, name text NOT NULL, changed_at timestamptz NOT NULL);
INSERT INTO bench.small
SELECT id, 'name ' || id * 7919 % 1000003, timestamptz '2024-01-01 00:00:00Z' + id * interval '1 second'
FROM generate_series(1, :rows::bigint) AS id;
