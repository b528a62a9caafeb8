-- A hundred columns: a key, and ninety-nine that take turns through eleven types; one value in seven is NULL.
-- psql -v rows=N.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS bench;
DROP TABLE IF EXISTS bench.wide;

CREATE TEMP TABLE kinds (place int, type text, value text);
INSERT INTO kinds VALUES
    (0, 'integer',          '(id * 7919 + n)::int & 1048575'),
    (1, 'bigint',           'id * 1000003 + n'),
    (2, 'text',             '''note "'' || md5((id + n)::text) || ''", line 1'' || chr(10) || ''línea 2'''),
    (3, 'numeric(12,2)',    'round(((id * 31 + n) % 1000000007) / 100.0, 2)'),
    (4, 'boolean',          '(id + n) % 3 = 0'),
    (5, 'timestamptz',      'timestamptz ''2024-01-01 00:00:00Z'' + (id + n) * interval ''1.25 seconds'''),
    (6, 'date',             'date ''2024-01-01'' + ((id + n) % 1000)::int'),
    (7, 'uuid',             'md5((id * n)::text)::uuid'),
    (8, 'double precision', '(id + n) / 8.0'),
    (9, 'varchar(40)',      '''state-'' || (id + n) % 50'),
    (10, 'smallint',        '((id + n) % 100)::smallint');

SELECT 'CREATE TABLE bench.wide (id bigint PRIMARY KEY, '
       || string_agg(format('c%s %s', n, type), ', ' ORDER BY n) || ')'
FROM generate_series(1, 99) AS n JOIN kinds ON place = n % 11
\gexec

SELECT 'INSERT INTO bench.wide SELECT id, '
       || string_agg(format('CASE WHEN (id + %s) %% 7 > 0 THEN %s END', n, regexp_replace(value, '\yn\y', n::text, 'g')), ', ' ORDER BY n)
       || ' FROM generate_series(1, ' || :'rows' || '::bigint) AS id'
FROM generate_series(1, 99) AS n JOIN kinds ON place = n % 11
\gexec
