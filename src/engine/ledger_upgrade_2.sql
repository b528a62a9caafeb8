-- Brings a ledger of version 1 to version 2, in one transaction (src/engine/ledger_open.c). What each column means is in ledger.sql.

PRAGMA user_version = 2;

ALTER TABLE reject ADD COLUMN bound TEXT; -- rows that were rejected before it cannot be read again one by one

CREATE TABLE retry (
    run             INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    number          INTEGER NOT NULL,
    began           TEXT NOT NULL,
    ended           TEXT,
    mapping_changed INTEGER NOT NULL,
    rows_read       INTEGER NOT NULL DEFAULT 0,
    rows_written    INTEGER NOT NULL DEFAULT 0,
    rows_rejected   INTEGER NOT NULL DEFAULT 0,
    rows_filtered   INTEGER NOT NULL DEFAULT 0,
    rows_superseded INTEGER NOT NULL DEFAULT 0,
    rows_gone       INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (run, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_target (
    run       INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    run_table INTEGER NOT NULL,
    name      TEXT NOT NULL,
    PRIMARY KEY (run, run_table, name)
) STRICT, WITHOUT ROWID;
