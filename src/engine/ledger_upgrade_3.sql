-- Brings a ledger of version 2 to version 3, in one transaction (src/engine/ledger_open.c). What each column means is in ledger.sql.

PRAGMA user_version = 3;

CREATE TABLE target_owns (
    name   TEXT NOT NULL REFERENCES target (name) ON DELETE CASCADE,
    prefix TEXT NOT NULL,
    PRIMARY KEY (name, prefix)
) STRICT, WITHOUT ROWID;
