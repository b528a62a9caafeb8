"""What an item must be, worked out in Python from the documents alone: the oracle of the integration tests.

A row is a dict of Field: the column's type by its catalog name and the server's own text of the value (None: NULL). A
Mapping says what the test's plan says, and gives an item of a row, as DynamoDB's JSON, or a Reject. It shares nothing
with the program under test; where the documents leave a choice (the spelling of a number) the comparison ignores it."""
import base64
import binascii
import datetime
import json
import re
import struct
from dataclasses import dataclass, field
from decimal import Context, Decimal

import psycopg
from psycopg import sql

# More digits than DynamoDB's 38, so that normalising never rounds.
EXACT = Context(prec=400, Emax=99999, Emin=-99999)

TIMES = {"date", "time", "timestamp", "timestamptz"}
NUMBERS = {"int2", "int4", "int8", "numeric", "float4", "float8"}
SERVER = ("SET timezone = 'UTC'", "SET datestyle = 'ISO, YMD'", "SET intervalstyle = 'iso_8601'",
          "SET extra_float_digits = 1", "SET bytea_output = 'hex'", "SET lc_monetary = 'C'")


class Reject(Exception):
    """A row that must be rejected; its text is the reason's word."""


@dataclass
class Field:
    type: str
    text: str | None
    tree: bool = False  # an array or a composite, whose text is JSON

    @property
    def null(self):
        return self.text is None


# --- the source ---


def read(connection, query, condition="true"):
    """The rows of a query or a relation (its name), as dicts of Field."""
    relation = f"({query}) AS q" if query.lstrip().upper().startswith("SELECT") else query
    with psycopg.connect(connection.info.dsn, password=connection.info.password, autocommit=True) as own:
        for setting in SERVER:
            own.execute(setting)
        described = own.execute(f"SELECT * FROM {relation} LIMIT 0").description
        types = [_base_type(own, d.type_code) for d in described]
        shown = []
        for d, (name, tree) in zip(described, types):
            column = sql.Identifier(d.name).as_string(own)
            value = f"to_jsonb({column})" if tree else f"hstore_to_jsonb({column})" if name == "hstore" else column
            shown.append(value if name == "bpchar" else f"{value}::text")  # the cast would take its blanks off
        for row in own.execute(f"SELECT {', '.join(shown)} FROM {relation} WHERE {condition}"):
            yield {d.name: Field(t, v, tree or t == "hstore")
                   for d, (t, tree), v in zip(described, types, row)}


def _base_type(connection, oid):
    while True:
        name, kind, category, base = connection.execute(
            "SELECT typname, typtype, typcategory, typbasetype FROM pg_type WHERE oid = %s", [oid]).fetchone()
        if kind != "d":
            return name, category == "A" or kind == "c"
        oid = base


# --- values ---


def S(text):
    return {"S": text}


def N(number):
    """Checked as DynamoDB does: 38 digits, 1E-130 to 9.99E+125."""
    value = Decimal(number)
    if not value.is_finite():
        raise Reject("number")
    digits = value.normalize(EXACT)
    if value and (len(digits.as_tuple().digits) > 38 or not -130 <= digits.adjusted() <= 125):
        raise Reject("number")
    return {"N": str(number)}


def B(data):
    return {"B": bytes(data)}


def moment(f):
    """The parts of a time's text, or a Reject where it has none of fixed width."""
    if "infinity" in f.text or f.text.endswith("BC"):
        raise Reject("value")
    m = re.fullmatch(r"(?:(\d{4,})-(\d\d)-(\d\d))?[ ]?(?:(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?(\+00)?", f.text)
    if m[1] and len(m[1]) > 4:
        raise Reject("value")
    return dict(Y=m[1], m=m[2], d=m[3], H=m[4] or "00", M=m[5] or "00", S=m[6] or "00", f=(m[7] or "").ljust(6, "0"))


def iso(f):
    p = moment(f)
    date, time = f"{p['Y']}-{p['m']}-{p['d']}", f"{p['H']}:{p['M']}:{p['S']}.{p['f']}"
    return {"date": date, "time": time, "timestamp": f"{date}T{time}", "timestamptz": f"{date}T{time}Z"}[f.type]


def seconds(f):
    p = moment(f)
    day = datetime.date(int(p["Y"]), int(p["m"]), int(p["d"])).toordinal() - datetime.date(1970, 1, 1).toordinal()
    return day * 86400 + int(p["H"]) * 3600 + int(p["M"]) * 60 + int(p["S"])


def tree(value):
    """Parsed JSON (numbers as Decimal) as an attribute value."""
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, (int, Decimal)):
        return N(value)
    if isinstance(value, str):
        return S(value)
    if isinstance(value, list):
        return {"L": [tree(v) for v in value]}
    return {"M": {k: tree(v) for k, v in value.items()}}


def parse(text, pairs=None):
    """JSON with exact numbers; `pairs` is json.loads' object_pairs_hook."""
    def refuse(word):
        raise ValueError(word)
    return json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=refuse, object_pairs_hook=pairs)


def natural(f):
    """A column in its natural type: the documented table."""
    if f.type == "bool":
        return {"BOOL": f.text in ("t", "true")}
    if f.type in NUMBERS:
        if not re.fullmatch(r"[-+.0-9eE]+", f.text):
            raise Reject("number")
        return N(shortest(f) if f.type in ("float4", "float8") else f.text)
    if f.type in TIMES:
        return S(iso(f))
    if f.type == "bytea":
        return B(bytes.fromhex(f.text[2:]))
    return tree(parse(f.text)) if f.tree else S(f.text)


def shortest(f):
    """A float's shortest text that reads back the same. (The server's own may be a digit longer, at a tie.)"""
    value = float(f.text)
    if f.type == "float8":
        return repr(value)
    single = struct.pack("f", value)
    texts = (f"{struct.unpack('f', single)[0]:.{digits}e}" for digits in range(9))
    return next(t for t in texts if float(t) < 3.5e38 and struct.pack("f", float(t)) == single)


def formatted(f, how):
    """What {column:how} gives."""
    if f.type in TIMES and "%" in how:
        p = moment(f)
        p["L"], p["F"], p["T"] = p["f"][:3], f"{p['Y']}-{p['m']}-{p['d']}", f"{p['H']}:{p['M']}:{p['S']}"
        p["%"] = "%"
        return re.sub(r"%(.)", lambda m: p[m[1]] if m[1] not in "sj" else str(seconds(f)) if m[1] == "s" else day_of_year(p), how)
    padded = re.fullmatch(r"%(0?)(\d*)([dxX])", how)
    if padded:
        return whole(f, padded[1], int(padded[2] or 0), padded[3])
    digits = re.fullmatch(r"%\.(\d+)f", how)
    if digits:
        value = Decimal(text_of(f))
        if value.normalize(EXACT).as_tuple().exponent < -int(digits[1]) or "E" in text_of(f):
            raise Reject("value")
        return f"{value:.{digits[1]}f}"
    shards = re.fullmatch(r"shard\((\d+)\)", how)
    if shards:
        return str(binascii.crc32(text_of(f).encode()) % int(shards[1]))
    if how == "hex":
        return f.text[2:] if f.type == "bytea" else f.text.replace("-", "") if f.type == "uuid" else f.text.encode().hex()
    change = str.lower if how == "lower" else str.upper
    return re.sub(r"[A-Za-z]+", lambda m: change(m[0]), text_of(f))


def whole(f, zero, width, conversion):
    """A whole number under %d, %5d, %012x, ..."""
    value = Decimal(text_of(f))
    if value != value.to_integral_value():
        raise Reject("value")
    text = format(int(value), conversion)
    if zero and (value < 0 or len(text) > width):
        raise Reject("value")
    return text.rjust(width, zero or " ")


def day_of_year(p):
    return f"{datetime.date(int(p['Y']), int(p['m']), int(p['d'])).timetuple().tm_yday:03}"


def text_of(f):
    """A value's natural text."""
    if f.type == "bool":
        return "true" if f.text in ("t", "true") else "false"
    if f.type in NUMBERS and not re.fullmatch(r"[-+.0-9eE]{1,340}", f.text):
        raise Reject("value")
    if f.type in ("float4", "float8"):
        return float_text(f)
    return iso(f) if f.type in TIMES else f.text


def float_text(f):
    """The shortest digits; with an exponent below 0.000001 and from 22 digits on."""
    value = Decimal(shortest(f)).normalize(EXACT)
    if not value:
        return "0"
    if -7 < value.adjusted() < 21:
        return f"{value:f}"
    sign, digits, _ = value.as_tuple()
    digits = "".join(map(str, digits))
    return f"{'-' * sign}{digits[0]}{'.' * (len(digits) > 1)}{digits[1:]}E{value.adjusted()}"


def template(text, row):
    """The text of a template, or None when it names a NULL."""
    out = []
    for part in re.findall(r"\{\{|\}\}|\{[^}]*\}|[^{}]+", text):
        if part in ("{{", "}}"):
            out.append(part[0])
        elif part[0] == "{":
            name, _, how = part[1:-1].partition(":")
            f = row[name]
            if f.null:
                return None
            out.append(formatted(f, how) if how else text_of(f))
        else:
            out.append(part)
    return "".join(out)


# --- what a plan's attribute can be: a template's text, or one of these functions of a row, which give None for absent ---


def column(name, keep=False):
    return lambda row: natural(row[name]) if not row[name].null else {"NULL": True} if keep else None


def number(text):
    def value(row):
        found = template(text, row)
        return None if found is None else N(found)
    return value


def constant(value):
    return lambda row: value


def from_json(name, invalid="reject"):
    def value(row):
        f = row[name]
        if f.null:
            return None
        try:
            return tree(parse(f.text))
        except (ValueError, RecursionError, Reject):
            if invalid == "reject":
                raise Reject("json") from None
            return S(f.text) if invalid == "string" else None
    return value


def epoch(name, days=0, hours=0):
    return lambda row: None if row[name].null else N(seconds(row[name]) + days * 86400 + hours * 3600)


def when(name, inner):
    def value(row):
        f = row[name]
        true = not f.null and (f.type != "bool" or f.text in ("t", "true"))
        return value_of(inner, row) if true else None
    return value


def value_of(spec, row):
    if callable(spec):
        return spec(row)
    text = template(spec, row)
    return None if text is None else S(text)


# --- items ---


@dataclass
class Index:
    partition: dict
    sort: dict = field(default_factory=dict)
    include: list | None = None  # None: ALL


@dataclass
class Mapping:
    partition: dict
    sort: dict = field(default_factory=dict)
    indexes: list = field(default_factory=list)
    attributes: dict = field(default_factory=dict)
    columns: bool = True
    keep_nulls: bool = False

    def item(self, row):
        item = {}

        def put(name, spec, key=0):
            value = value_of(spec, row)
            if value is None:
                return False
            if key:
                size = value_size(value)
                if next(iter(value.values())) in ("", b""):
                    raise Reject("key-empty")
                if size > key:
                    raise Reject("key-size")
            item[name] = value
            return True

        for name, spec in self.partition.items():
            if not put(name, spec, 2048):
                raise Reject("key-missing")
        for name, spec in self.sort.items():
            if not put(name, spec, 1024):
                raise Reject("key-missing")
        for index in self.indexes:
            present = [put(n, s, 2048) for n, s in index.partition.items()]
            if all(present):
                for n, s in index.sort.items():
                    put(n, s, 1024)
        for name, spec in self.attributes.items():
            put(name, spec)
        if self.columns:
            for name in row:
                if name not in item and name not in self.attributes:
                    put(name, column(name, self.keep_nulls))
        if item_size(item) > 409_600:
            raise Reject("item-size")
        return item

    def units(self, item):
        """Write units of an item, those of its indexes included."""
        total = -(-item_size(item) // 1024)
        for index in self.indexes:
            keys = [*index.partition, *index.sort]
            if all(k in item for k in keys):
                named = {*self.partition, *self.sort, *keys, *(index.include or [])}
                part = item if index.include is None else {k: v for k, v in item.items() if k in named}
                total += max(1, -(-item_size(part) // 1024))
        return total


def value_size(value):
    (kind, v), = value.items()
    if kind == "S":
        return len(v.encode())
    if kind == "B":
        return len(v)
    if kind == "N":
        return number_size(v)
    if kind in ("BOOL", "NULL"):
        return 1
    if kind in ("SS", "NS", "BS"):
        return sum(value_size({kind[0]: x}) for x in v)
    if kind == "L":
        return 3 + sum(1 + value_size(x) for x in v)
    return 3 + sum(1 + len(k.encode()) + value_size(x) for k, x in v.items())


def number_size(text):
    """1 + half the significant digits left of the point + half of those right of it + 1 for a sign."""
    value = Decimal(text).normalize(EXACT)
    if not value:
        return 1
    sign, digits, exponent = value.as_tuple()
    left = max(0, min(len(digits), len(digits) + exponent))
    right = len(digits) - left
    return 1 + -(-left // 2) + -(-right // 2) + (1 if sign else 0)


def item_size(item):
    return sum(len(k.encode()) + value_size(v) for k, v in item.items())


# --- comparing ---


def plain(value):
    """An attribute value in a form in which equal means equal to DynamoDB: numbers by value, bytes as bytes."""
    (kind, v), = value.items()
    if kind == "N":
        return kind, str(Decimal(v).normalize(EXACT) or 0)
    if kind == "B":
        return kind, v if isinstance(v, bytes) else base64.b64decode(v)
    if kind in ("SS", "NS", "BS"):
        return kind, tuple(sorted(plain({kind[0]: x})[1] for x in v))
    if kind == "L":
        return kind, tuple(plain(x) for x in v)
    if kind == "M":
        return kind, tuple(sorted((k, plain(x)) for k, x in v.items()))
    return kind, v


def plain_item(item):
    return {name: plain(value) for name, value in item.items()}


def keyed(items, mapping):
    """Items by their key; two with one key are an error of the test's data."""
    names = [*mapping.partition, *mapping.sort]
    found = {}
    for item in items:
        shown = plain_item(item)
        key = tuple(shown[n] for n in names)
        if key in found:
            raise AssertionError(f"two items have the key {key}")
        found[key] = shown
    return found


def scan(client, table):
    for page in client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield from page["Items"]


def items_of(rows, mapping):
    """(items, {reason: count}) of rows."""
    items, rejects = [], {}
    for row in rows:
        try:
            items.append(mapping.item(row))
        except Reject as reason:
            rejects[str(reason)] = rejects.get(str(reason), 0) + 1
    return items, rejects


def compare(client, table, wanted, mapping):
    """Fails unless the table holds just the wanted items."""
    wanted, found = keyed(wanted, mapping), keyed(scan(client, table), mapping)
    wrong = []
    for key in sorted(wanted.keys() | found.keys(), key=str):
        w, f = wanted.get(key), found.get(key)
        if w == f:
            continue
        if w is None or f is None:
            wrong.append(f"{key}: {'not expected' if w is None else 'missing'}")
            continue
        parts = [f"{n}: found {f.get(n)!r}, wanted {w.get(n)!r}" for n in sorted(w.keys() | f.keys()) if w.get(n) != f.get(n)]
        wrong.append(f"{key}: " + "; ".join(parts))
    if wrong:
        more = f"\nand {len(wrong) - 10} more" if len(wrong) > 10 else ""
        raise AssertionError(f"{table}: {len(wanted)} items wanted, {len(found)} found:\n" + "\n".join(wrong[:10]) + more)


def check(result, client, table, wanted, mapping, rejected=0, name=None):
    """The target holds just the wanted items, and the summary counts them so: rows, items, bytes and write units."""
    compare(client, table, wanted, mapping)
    t = result.table(name or table)
    told = {k: t[k] for k in ("rows_read", "rows_written", "rows_rejected", "rows_filtered", "rows_superseded",
                              "items_written", "bytes", "write_units")}
    right = {"rows_read": len(wanted) + rejected, "rows_written": len(wanted), "rows_rejected": rejected,
             "rows_filtered": 0, "rows_superseded": 0, "items_written": len(wanted),
             "bytes": sum(item_size(i) for i in wanted), "write_units": sum(mapping.units(i) for i in wanted)}
    if told != right:
        raise AssertionError(f"{table}: the summary says {told}, right is {right}")


# --- the ready migration ---

AT = "{LogTimestamp:%Y-%m-%dT%H:%M:%S.%LZ}#{LogId}"

# loan-application.md's integration logs: every column under its own name, three sparse indexes, a year to live.
LOGS = Mapping(
    partition={"PK": "{ServiceName}-{LogTimestamp:%Y-%m-%d}"}, sort={"SK": AT},
    indexes=[Index({"GSI1PK": "APP#{ApplicationId}"}, {"GSI1SK": AT}),
             Index({"GSI2PK": "CORR#{CorrelationId}"}, {"GSI2SK": AT}),
             Index({"GSI3PK": "ERROR#{IsSuccess}#{LogTimestamp:%Y-%m-%d}"}, {"GSI3SK": AT})],
    attributes={"TTL": epoch("LogTimestamp", days=365)})
