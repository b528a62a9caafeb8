"""A random table and the ways in which a plan can read it; its rows, read again by Python with psycopg alone."""
import dataclasses
import json
from dataclasses import dataclass, field

import expect
from campaign import columns as kinds
from campaign.columns import Type
from campaign.lua import long_string, quoted


def sql_name(name):
    return '"' + name.replace('"', '""') + '"'


@dataclass
class Source:
    relation: str
    columns: dict = field(default_factory=dict)  # name -> Type, as a plan sees them
    key: list = field(default_factory=list)
    ddl: list = field(default_factory=list)
    rows: list = field(default_factory=list)
    stored: dict = field(default_factory=dict)  # the table's own columns: name -> Type
    lua: list = field(default_factory=list)  # fields of hlua.table
    expressions: dict = field(default_factory=dict)  # name -> SQL for the plan
    guarded: dict = field(default_factory=dict)  # name -> condition under which its expression fails
    inner: str = ""  # what the plan's query selects, without its range
    where: str = "true"
    zone: str | None = None  # of the plan or the table

    def create(self, place):
        for statement in self.ddl:
            place.sql(statement)
        marks = ", ".join(f"%s::text::{t.sql}" for t in self.stored.values())
        names = ", ".join(map(sql_name, self.stored)).replace("%", "%%")
        with place.db.cursor() as cursor:
            cursor.executemany(f"INSERT INTO {self.relation} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING", self.rows)
        if self.relation.endswith("analyzed"):
            place.sql(f"ANALYZE {self.relation}")

    def read(self, place):
        """(row, what a report calls it, fails) of each row that the plan reads: fails, where the server cannot give it."""
        shown = []
        for name, kind in self.columns.items():
            value = f"({self.expressions[name]}\n)" if name in self.expressions else sql_name(name)
            if name in self.guarded:
                value = f"CASE WHEN NOT coalesce({self.guarded[name]}, false) THEN {value} END"
            if self.zone and kind.sql == "timestamp":
                value = f"({value}) AT TIME ZONE '{self.zone}'"
            shown.append(f"{value} AS {sql_name(name)}")
        fails = " OR ".join(f"coalesce({c}, false)" for c in self.guarded.values()) or "false"
        key = ", ".join(f"{sql_name(n)}::text" for n in self.key)
        shown += [f"{fails} AS campaign_fails", f"array_to_json(ARRAY[{key}])::text AS campaign_key"]
        query = f"SELECT {', '.join(shown)} FROM ({self.inner}) AS inside WHERE {self.where}"
        for row in expect.read(place.db, query):
            fails, texts = row.pop("campaign_fails").text == "true", json.loads(row.pop("campaign_key").text)
            # A row that the server could not give is called by the server's own texts.
            if not fails:
                texts = [expect.text_of(self.own(row[name], name, text)) for name, text in zip(self.key, texts)]
            yield row, ",".join(f"{name}={text}" for name, text in zip(self.key, texts)), fails

    def own(self, f, name, text):
        """A key's column as it stands in the source, whatever the time zone."""
        return expect.Field("timestamp", text) if self.stored[name].sql == "timestamp" else f

    def of(self, *families):
        return [n for n, t in self.columns.items() if t.family in families]

    def in_templates(self, names):
        """Those that a template can name."""
        return [n for n in names if not any(c in n for c in "{}:")]


def random_source(dice, number, rows):
    """A table, its rows, and how the plan reads it."""
    s = Source(f"source_{number}" + dice.choice(["", "_analyzed"]))
    names = kinds.column_names(dice, dice.randrange(4, 22))
    keys = names[:dice.choice([1, 1, 1, 2, 3])]
    chosen = [dice.choice(kinds.KEY_TYPES) for _ in keys]
    if chosen[0].family in ("bool", "enum"):
        chosen[0] = kinds.KEY_TYPES[0]  # else there would be two rows
    types = chosen + [dice.choice(kinds.TYPES) for _ in names[len(keys):]]
    s.stored, s.key = dict(zip(names, types)), keys
    s.columns = dict(s.stored)
    key = ", ".join(map(sql_name, keys))
    described = ", ".join(f"{sql_name(n)} {t.sql}" for n, t in s.columns.items())
    parts = dice.choice([0, 0, 4, 9])
    s.ddl = [f"CREATE TABLE {s.relation} ({described}, PRIMARY KEY ({key}))" + (f" PARTITION BY HASH ({key})" if parts else "")]
    s.ddl += [f"CREATE TABLE {s.relation}_{i} PARTITION OF {s.relation} FOR VALUES WITH (MODULUS {parts}, REMAINDER {i})" for i in range(parts)]
    nulls = dice.choice([0, 0.1, 0.3])
    for _ in range(dice.choice([0, 1] + 14 * [rows])):
        s.rows.append([None if n not in keys and dice.random() < nulls else t.value(dice) for n, t in s.columns.items()])
    read_how(dice, s, key)
    return s


def read_how(dice, s, key):
    """Relation, view, or query; conditions, expressions, a time zone."""
    s.inner = f"SELECT * FROM {s.relation}"
    how = dice.choice(["table", "table", "table", "view", "range", "wrapped"])
    quoted_keys = ", ".join(map(quoted, s.key))
    if how in ("range", "wrapped"):
        s.inner = f"SELECT t.*, length('é' || {len(s.key)}) AS \"Added\" FROM {s.relation} t"
        s.columns["Added"] = Type("integer", "int", None)
        query = s.inner + (" WHERE {range}" if how == "range" else "")
        s.lua.append(f"query = {long_string(query)}")
    elif how == "view":
        s.ddl.append(f"CREATE VIEW view_of_{s.relation} AS {s.inner}")
        s.lua.append(f"from = {quoted('view_of_' + s.relation)}")
    else:
        s.lua.append(f"from = {quoted(s.relation)}")
    if how != "table" or dice.random() < 0.2:
        s.lua.append(f"key = {{ {quoted_keys} }}")
    if dice.random() < 0.25:
        s.where = dice.choice([f"{sql_name(s.key[0])} IS NOT NULL", f"length({sql_name(s.key[-1])}::text) % 3 > 0"])
        s.lua.append(f"where = {long_string(s.where)}")
    if dice.random() < 0.4:
        add_expressions(dice, s)
    if dice.random() < 0.3 and s.of("timestamp"):
        s.zone = dice.choice(["Europe/Madrid", "America/Lima", "Asia/Kathmandu"])
        s.lua.append(f"time_zone = {quoted(s.zone)}")


def add_expressions(dice, s):
    """Columns replaced, added, and one that the server fails on."""
    plain = [n for n in s.stored if n not in s.key]
    for name in dice.sample(plain, min(len(plain), 2)):
        if s.columns[name].family == "text":
            s.expressions[name] = f"upper({sql_name(name)})"
            s.columns[name] = dataclasses.replace(s.columns[name], sql="text")
        elif s.columns[name].family in ("int", "enum"):
            s.expressions[name] = f"{sql_name(name)}::text"
            s.columns[name] = Type("text", "text", None)
    s.expressions["More é"] = f"length({sql_name(s.key[0])}::text) * 2.50 -- with a comment"
    s.columns["More é"] = Type("numeric", "numeric", None)
    whole = [n for n in s.of("int") if n in s.stored and n not in s.expressions]
    if whole and dice.random() < 0.7:
        name = sql_name(dice.choice(whole))
        s.expressions["Fails"] = f"100 / ({name}::bigint % 7)"
        s.guarded["Fails"] = f"{name}::bigint % 7 = 0"
        s.columns["Fails"] = Type("bigint", "int", None)
    fields = ", ".join(f"[{quoted(n)}] = {long_string(e)}" for n, e in s.expressions.items())
    s.lua.append(f"columns = {{ {fields} }}")
