"""The rows in PostgreSQL: each data set is a table, filled when the first case asks for it."""
import dataclasses
import os
import subprocess

LOGS = 'dbo."IntegrationLogs"'
MIGRATION = "migrations/integration-logs"
GENERATOR, STEP = f"{MIGRATION}/generate.sql", 1_000_000  # it goes on where it was; in steps it needs little room beside


@dataclasses.dataclass
class Dataset:
    """`rows` of `relation`, whose `key` runs from 1 to rows, in the database at `uri`."""
    name: str
    uri: str
    relation: str
    key: str
    columns: str  # all, quoted, in order
    rows: int

    def copies(self, psql, count):
        """The commands of so many binary COPYs that read all rows together."""
        for part in range(count):
            low, high = self.rows * part // count, self.rows * (part + 1) // count
            yield [psql, self.uri, "-Xqc", f"COPY (SELECT {self.columns} FROM {self.relation} WHERE {self.key} > {low} "
                                           f"AND {self.key} <= {high}) TO STDOUT (FORMAT binary)"]


# name: relation, key, the files that fill it, and which part of ROWS it has: a million wide or big rows take long to make.
KINDS = {
    "logs": (LOGS, '"LogId"', [f"{MIGRATION}/source.sql", GENERATOR], 1),
    "scale": (LOGS, '"LogId"', [f"{MIGRATION}/source.sql", "tests/bench/data/scale.sql", GENERATOR], 1),
    "service": (LOGS, '"LogId"', [f"{MIGRATION}/source.sql", GENERATOR], 1),
    "stages": (LOGS, '"LogId"', [f"{MIGRATION}/source.sql", GENERATOR], 1),
    "wide": ("bench.wide", "id", ["tests/bench/data/wide.sql"], 10),
    "small": ("bench.small", "id", ["tests/bench/data/small.sql"], 1),
    "big": ("bench.big", "id", ["tests/bench/data/big.sql"], 50),
}

GROWING = {"scale", "service", "stages"}


def psql(place, uri, *arguments):
    """Runs psql; returns what it prints."""
    done = subprocess.run([place.psql, uri, "-XqAt", "-v", "ON_ERROR_STOP=1", *arguments], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"psql {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


def database(place, name):
    """The connection string of a database of that name, made if it is not there."""
    if psql(place, place.uri, "-c", f"SELECT count(*) FROM pg_database WHERE datname = '{name}'") == "0":
        psql(place, place.uri, "-c", f"CREATE DATABASE {name}")
    return place.uri.replace("/loans?", f"/{name}?")


def fill(place, name, rows=None):
    """Makes the data set. Those in databases of their own grow: the same table with more rows."""
    relation, key, files, part = KINDS[name]
    rows = rows or max(place.rows // part, 1)
    uri = database(place, name) if name in GROWING else place.uri
    for file in files:
        for upto in [*range(STEP, rows, STEP), rows] if file == GENERATOR else [rows]:
            psql(place, uri, "-v", f"rows={upto}", "-f", file)
    psql(place, uri, "-c", f"VACUUM (ANALYZE) {relation}", "-c", "CHECKPOINT")
    columns = psql(place, uri, "-c", f"SELECT string_agg(quote_ident(attname), ',' ORDER BY attnum) FROM pg_attribute "
                                     f"WHERE attrelid = '{relation}'::regclass AND attnum > 0 AND NOT attisdropped")
    found = psql(place, uri, "-c", f"SELECT count(*) || ' ' || max({key}) FROM {relation}")
    if found != f"{rows} {rows}":
        raise RuntimeError(f"{relation} has {found} (rows, greatest key) instead of {rows} of each")
    dataset = Dataset(name, uri, relation, key, columns, rows)
    with open(os.devnull, "wb") as null:  # warms the cache
        for command in dataset.copies(place.psql, 1):
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=null)
    return dataset
