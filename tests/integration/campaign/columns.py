"""Columns of every type with values of every kind: ordinary ones, extremes, odd texts. A value is the text that the server
reads. What is not here (hstore, geometry, xml, ...) is in test_types.py."""
import string
from dataclasses import dataclass
from typing import Callable

WORDS = ["", "a", "Ada", "naïve é", "漢字", "👩‍🚀", "ÄÖ ß", "quote \" ' \\ /", "tab\tline\nbell\x07", "{brace}", "%d %s", "NULL", "-0.50",
         "42", "1e3", "12345678901234567890123456789012345678", "x1", "true", "#|,=", "\u00a0\ufeff\U0010ffff"]
DOCUMENTS = ['{"a":  1.10, "b": [null, "é\\u0041", {}, []], "big": 12345678901234567890}', "[]", "{}", "null", '"x"', "-1.5e-3", "[1,[2,[3]]]", "false",
             '{"k": {"deep": [true, {"x": ""}]}, "": 0}', "18446744073709551616", '"\\ud83d\\ude80\\n"']
# What json holds and DynamoDB does not.
WRONG_DOCUMENTS = ['{"a": 1, "a": 2}', "1" * 39, "[" * 32 + "1" + "]" * 32, "1e126", '{"a": {"b": 1, "c": 2, "b": 3}}']
NOT_JSON = ["", "{", "nope", "[1,]", '{"a": 01}', "1 2", '"\\ud800"', "\u00a0"]


def word(dice):
    kind = dice.random()
    if kind < 0.6:
        return dice.choice(WORDS)
    if kind < 0.65:
        return dice.choice("xé漢") * dice.choice([300, 1023, 1024, 1025, 2049])
    return "".join(dice.choice(string.ascii_letters + "éß漢 -_") for _ in range(dice.randrange(1, 12)))


def letters(dice, most):
    return "".join(dice.choice(string.ascii_letters + "éß漢") for _ in range(dice.randrange(1, most)))


def whole(bits):
    top = 1 << (bits - 1)

    def value(dice):
        return str(dice.choice([0, 1, -1, 7, top - 1, -top, dice.randrange(1000), dice.randrange(-top, top)]))
    return value


def numeric(dice):
    kind = dice.random()
    if kind < 0.25:
        return dice.choice(["0", "-0.00", "12.50", "1e125", "1e-130", "-9.99e125", "1e20", "0.000001", "100", "3.00"])
    if kind < 0.27:
        return dice.choice(["NaN", "1e126", "1e-131", "1" * 39, "0." + "7" * 39, "1e200", "1e400", "Infinity"])
    digits = dice.choice([2, 5, 20, 38])
    text = str(dice.randrange(10 ** digits))
    point = dice.randrange(len(text) + 1)
    return dice.choice(["", "-"]) + (text[:point] or "0") + ("." + text[point:] if point < len(text) else "")


def real(most):
    def value(dice):
        if dice.random() < 0.02:
            return dice.choice(["NaN", "Infinity", "-Infinity"])
        return dice.choice(["0", "-0", "0.1", "-2.5", "16777217", f"1e{most}", f"1e-{most}", "123456789012345678", "1e21",
                            repr(dice.uniform(-1000, 1000)), repr(dice.random() * 10 ** dice.randrange(-20, 20))])
    return value


def day(dice):
    return f"{dice.choice([1, 1600, 1969, 1970, 2000, 2024, 9999]):04}-{dice.randrange(1, 13):02}-{dice.randrange(1, 29):02}"


def clock(dice):
    return f"{dice.randrange(24):02}:{dice.randrange(60):02}:{dice.randrange(60):02}" + dice.choice(["", ".5", ".987654", ".000001"])


def date(dice):
    return dice.choice(["infinity", "-infinity", "0044-03-15 BC", "10000-01-01", "2024-02-29", "9999-12-31"]) if dice.random() < 0.06 else day(dice)


def timestamp(dice):
    extremes = ["infinity", "-infinity", "0044-03-15 01:02:03 BC", "10000-01-01", "0001-01-01", "9999-12-31 23:59:59.999999",
                "1969-12-31 23:59:59.5", "2024-03-31 02:30:00"]
    return dice.choice(extremes) if dice.random() < 0.08 else f"{day(dice)} {clock(dice)}"


def timestamptz(dice):
    return timestamp(dice) if dice.random() < 0.3 else f"{day(dice)} {clock(dice)}{dice.choice(['+00', '+05:30', '-11'])}"


def uuid(dice):
    text = f"{dice.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def document(dice):
    return dice.choice(WRONG_DOCUMENTS if dice.random() < 0.03 else DOCUMENTS)


def maybe_json(dice):
    """A text column that should be JSON."""
    return dice.choice(NOT_JSON) if dice.random() < 0.1 else document(dice)


def one_of(*texts):
    return lambda dice: dice.choice(texts)


@dataclass(frozen=True)
class Type:
    sql: str
    family: str  # what can be done with it
    value: Callable

    @property
    def natural(self):
        """The DynamoDB type; "JSON": known row by row."""
        return {"int": "N", "numeric": "N", "float": "N", "bool": "BOOL", "bytea": "B", "tree": "JSON"}.get(self.family, "S")


TYPES = [
    Type("smallint", "int", whole(16)), Type("integer", "int", whole(32)), Type("bigint", "int", whole(64)),
    Type("positive", "int", lambda dice: str(dice.randrange(1, 1000))),
    Type("numeric", "numeric", numeric), Type("numeric(12,2)", "numeric", lambda dice: f"{dice.uniform(-500, 500):.2f}"),
    Type("real", "float", real(37)), Type("double precision", "float", real(120)),
    Type("boolean", "bool", one_of("true", "false")),
    Type("text", "text", word), Type("text", "text", maybe_json), Type("varchar(40)", "text", lambda dice: word(dice)[:40]),
    Type("short_text", "text", lambda dice: letters(dice, 8)),
    Type("char(6)", "text", lambda dice: letters(dice, 5)), Type("name", "text", lambda dice: letters(dice, 9)),
    Type("uuid", "uuid", uuid), Type("mood", "enum", one_of("sad", "Very Happy", "É")),
    Type("date", "date", date), Type("time", "time", lambda dice: dice.choice(["24:00", clock(dice), clock(dice)])),
    Type("timestamp", "timestamp", timestamp), Type("timestamptz", "timestamptz", timestamptz),
    Type("bytea", "bytea", lambda dice: "\\x" + dice.randbytes(dice.choice([0, 1, 5, 40])).hex()),
    Type("json", "json", document), Type("jsonb", "json", lambda dice: dice.choice(WRONG_DOCUMENTS[1:4] if dice.random() < 0.03 else DOCUMENTS)),
    Type("integer[]", "tree", one_of("{}", "{1,NULL,3}", "{{1,2},{3,4}}")), Type("text[]", "tree", one_of('{a,"b c","",NULL}', "{}", "{é}")),
    Type("numeric[]", "tree", one_of("{1.50,-2}", "{12345678901234567890.123}", "{NaN}")),
    Type("text", "text", lambda dice: "é" * dice.randrange(100_000, 210_000) if dice.random() < 0.02 else word(dice)),
    Type("pair", "tree", one_of('(1,"a b")', "(,)", '(-5,"é")')),
    Type("interval", "other", one_of("1 day 02:00", "-3 mons", "0")), Type("timetz", "other", one_of("10:30:00.5+02", "00:00-11")),
    Type("money", "other", one_of("12.34", "-1")), Type("inet", "other", one_of("10.0.0.1/8", "::1")), Type("cidr", "other", one_of("10.0.0.0/8")),
    Type("macaddr", "other", one_of("08:00:2b:01:02:03")), Type("bit(4)", "other", one_of("1010")), Type("point", "other", one_of("(1.5,2)")),
    Type("int4range", "other", one_of("[1,5)", "empty", "(,3]")), Type("tstzrange", "other", one_of("[2024-01-01 00:00+00,)")),
    Type("int4multirange", "other", one_of("{[1,3),[5,7)}")), Type("tsvector", "other", one_of("a fat cat")), Type("oid", "other", one_of("4294967295")),
]

CREATE_TYPES = """CREATE TYPE mood AS ENUM ('sad', 'Very Happy', 'É'); CREATE TYPE pair AS (x integer, label text);
    CREATE DOMAIN positive AS integer CHECK (value > 0); CREATE DOMAIN short_text AS text CHECK (length(value) < 100)"""

# The types of primary keys. Their values are finite and short, so that a reject's key can be told from them.
KEY_TYPES = [
    Type("integer", "int", lambda dice: str(dice.randrange(-200, 5000))), Type("bigint", "int", whole(64)),
    Type("smallint", "int", lambda dice: str(dice.randrange(-300, 300))), Type("positive", "int", lambda dice: str(dice.randrange(1, 4000))),
    Type("text", "text", lambda dice: letters(dice, 9)), Type("varchar(20)", "text", lambda dice: letters(dice, 12)),
    Type("uuid", "uuid", uuid), Type("date", "date", day), Type("timestamp", "timestamp", lambda dice: f"{day(dice)} {clock(dice)}"),
    Type("timestamptz", "timestamptz", lambda dice: f"{day(dice)} {clock(dice)}+00"), Type("numeric(20,3)", "numeric",
                                                                                          lambda dice: f"{dice.uniform(-9999, 9999):.3f}"),
    Type("boolean", "bool", one_of("true", "false")), Type("mood", "enum", one_of("sad", "Very Happy", "É")),
]

PLAIN_NAMES = ["id", "Name", "createdAt", "total_amount", "v", "Status", "email", "note", "x", "LoanId"]
ODD_NAMES = ["select", "Table", "ORDER", "user", "naïve é", "with \"quotes\"", "it's", "semi;colon", "back\\slash", "漢字", "👩‍🚀", " space ", "a.b",
             "per%cent", "$1", "brace{s}", "co:lon", "}", "{{x}}", "--", "/* */", "#attr", "and", "nil", "ctid2", "-", "[1]", "{range}"]


def column_names(dice, count):
    odd = dice.sample(ODD_NAMES, min(count, dice.randrange(1, 8)))
    plain = dice.sample(PLAIN_NAMES, min(len(PLAIN_NAMES), count))
    names = odd + plain + [f"c{i}" for i in range(count)]
    names = names[:count]
    dice.shuffle(names)
    return names
