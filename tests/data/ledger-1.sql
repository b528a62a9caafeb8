-- The ledger's schema, version 1, as it was: what src/engine/ledger_upgrade_2.sql begins with (tests/integration/test_retry.py).
-- Times are ISO texts in UTC; flags are 0 or 1.

PRAGMA application_id = 1751938401; -- "hlua" in ASCII; LEDGER_APPLICATION
PRAGMA user_version = 1;            -- LEDGER_VERSION

-- Who took the lock last. Whether that process lives is told by the lock file alone.
CREATE TABLE owner (
    only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
    pid      INTEGER NOT NULL,
    host     TEXT NOT NULL,
    since    TEXT NOT NULL
) STRICT;

-- A run of a plan: '' is the full one; --where and --limit make keys of their own.
CREATE TABLE run (
    id       INTEGER PRIMARY KEY,
    key      TEXT NOT NULL UNIQUE,
    plan     TEXT NOT NULL,
    identity TEXT NOT NULL,
    seed     INTEGER NOT NULL, -- 64 bits of the shuffle, as a signed number
    started  TEXT NOT NULL,
    updated  TEXT NOT NULL,
    finished INTEGER NOT NULL DEFAULT 0,
    resumes  INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE run_table (
    run            INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    number         INTEGER NOT NULL, -- place in the plan, from 0
    name           TEXT NOT NULL,
    source         TEXT, -- NULL: a query
    target         TEXT NOT NULL,
    rows_estimated REAL NOT NULL,
    resumable      INTEGER NOT NULL,
    PRIMARY KEY (run, number)
) STRICT, WITHOUT ROWID;

-- A half-open range of the source's key (struct pg_range), and what became of it.
CREATE TABLE chunk (
    run             INTEGER NOT NULL,
    run_table       INTEGER NOT NULL,
    number          INTEGER NOT NULL, -- within the table, in key order
    part            TEXT NOT NULL,
    lower           TEXT,
    upper           TEXT,
    lower_exclusive INTEGER NOT NULL,
    done            INTEGER NOT NULL DEFAULT 0,
    ended           TEXT,
    snapshot        TEXT,
    seconds         REAL NOT NULL DEFAULT 0,
    rows_read       INTEGER NOT NULL DEFAULT 0,
    rows_written    INTEGER NOT NULL DEFAULT 0,
    rows_rejected   INTEGER NOT NULL DEFAULT 0,
    rows_filtered   INTEGER NOT NULL DEFAULT 0,
    rows_superseded INTEGER NOT NULL DEFAULT 0,
    items_written   INTEGER NOT NULL DEFAULT 0,
    bytes           INTEGER NOT NULL DEFAULT 0,
    write_units     INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (run, run_table, number),
    FOREIGN KEY (run, run_table) REFERENCES run_table (run, number) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Rejected rows, of ended chunks and of chunks that could not be ended. With a rowid: an item may have 400 KB.
CREATE TABLE reject (
    run       INTEGER NOT NULL,
    run_table INTEGER NOT NULL,
    chunk     INTEGER NOT NULL,
    number    INTEGER NOT NULL, -- within the chunk, in the order they came
    key       TEXT NOT NULL,
    reason    TEXT NOT NULL,
    message   TEXT NOT NULL,
    item      TEXT NOT NULL,
    at        TEXT NOT NULL,
    PRIMARY KEY (run, run_table, chunk, number),
    FOREIGN KEY (run, run_table, chunk) REFERENCES chunk (run, run_table, number) ON DELETE CASCADE
) STRICT;

-- DynamoDB tables that this ledger has made or written; they outlive the runs.
CREATE TABLE target (
    name     TEXT PRIMARY KEY, -- whole: endpoint or account, region, table
    table_id TEXT NOT NULL,
    claimed  TEXT NOT NULL
) STRICT, WITHOUT ROWID;
