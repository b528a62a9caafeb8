"""Functions of a plan: expressions in Lua, and what Python makes of the same columns. A function that touches what cannot be
had, or that fails, rejects the row as "function"."""
from dataclasses import dataclass
from typing import Callable

import expect
from campaign.lua import quoted
from campaign.terms import Failed, Faults, Term, parse
from expect import Reject


def fault():
    """What the function returned cannot be."""
    raise Faults({"function"})


def failed():
    """The function raised."""
    raise Failed({"function"})


@dataclass
class Expression:
    """`body` are Lua statements over v1, v2, ...: the columns' values; `made` makes DynamoDB's value of the row's fields, whose
    values could be had."""
    columns: list
    body: str
    made: Callable
    kind: str = "ANY"  # S or N where it is always that or nil

    def value(self, row):
        for name in self.columns:
            touch(row[name])
        return self.made(*(row[name] for name in self.columns))

    def inline(self):
        """As one expression of Lua that knows `row`."""
        arguments = ", ".join(f"row[{quoted(n)}]" for n in self.columns)
        return f"(function({self.names()}) {self.body} end)({arguments})"

    def names(self):
        return ", ".join(f"v{i + 1}" for i in range(len(self.columns)))


def touch(f):
    """Reads a column in Lua: what has no value there rejects the row."""
    if f.null:
        return
    try:
        if f.tree or f.type in ("json", "jsonb"):
            parse_any(f.text)
        elif f.type not in ("float4", "float8"):
            expect.text_of(f)
    except Reject:
        failed()


def parse_any(text):
    """JSON that Lua can hold: any number, but no key twice."""
    def pairs(found):
        if len({k for k, _ in found}) < len(found):
            raise Reject("json")
        return dict(found)
    return expect.parse(text, pairs)


@dataclass
class Function(Term):
    """function(row) or hlua.fn; `typed` is what hlua.S, N, B around it says."""
    expression: Expression
    by_row: bool
    typed: str | None = None

    @property
    def kind(self):
        return self.typed or "ANY"

    @property
    def bare(self):
        e = self.expression
        if self.by_row:
            return f"function(row) return {e.inline()} end"
        return f"hlua.fn({{ {', '.join(map(quoted, e.columns))} }}, function({e.names()}) {e.body} end)"

    @property
    def lua(self):
        return f"hlua.{self.typed}({self.bare})" if self.typed else self.bare

    def value(self, row, rules, top=True):
        made = self.expression.value(row)
        if made and self.typed == "B" and "S" in made:
            made = expect.B(made["S"].encode())
        return None if rules.empty_absent and made in ({"S": ""}, {"B": b""}) else made


# --- the expressions ---


def same(f):
    """A column that is returned as it is."""
    if f.null:
        return None
    try:
        if f.tree or f.type in ("json", "jsonb"):
            return parse(f.text)
        return expect.natural(f)
    except Reject:
        return fault()


def through(dice, s):
    name = dice.choice(list(s.columns))
    wrap = "v1 and hlua.B(v1)" if s.columns[name].family == "bytea" else "v1"
    return Expression([name], f"return {wrap}", same)


def joined(dice, s):
    names = s.of("int", "numeric", "text", "uuid", "enum", "date", "time", "timestamp", "timestamptz", "bool", "other")
    names = dice.sample(names, min(len(names), dice.randrange(1, 4)))
    body = ' .. "|" .. '.join(f'(v{i + 1} == nil and "-" or tostring(v{i + 1}))' for i in range(len(names)))
    return Expression(names, f"return {body}", lambda *fields: {"S": "|".join("-" if f.null else expect.text_of(f) for f in fields)}, "S")


def arithmetic(dice, s):
    name, by = dice.choice(s.of("int")), dice.randrange(2, 9)
    return Expression([name], f"return v1 and v1 % {by} - 3", lambda f: None if f.null else expect.N(int(f.text) % by - 3), "N")


def length(dice, s):
    """Fails on some rows."""
    name = dice.choice(s.of("text", "uuid", "enum"))

    def made(f):
        n = 0 if f.null else len(f.text.encode())
        return None if f.null else failed() if n % 7 == 5 else expect.N(n)
    return Expression([name], "if v1 == nil then return nil end if #v1 % 7 == 5 then error('five') end return #v1", made, "N")


def compared(dice, s):
    name = dice.choice(s.of("numeric", "int"))
    return Expression([name], "return v1 and v1 > 10", lambda f: None if f.null else {"BOOL": expect.Decimal(f.text) > 10})


def nested(dice, s):
    a, b = dice.choice(list(s.columns)), dice.choice(s.of("int", "text", "enum", "uuid", "other"))

    def made(f, g):
        inner = {} if f.null or f.type == "bytea" else {"a": same(f)}
        return {"M": {**inner, "list": {"L": [expect.N(1), {"BOOL": True}, expect.S("x")]},
                      "deep": {"M": {"t": expect.S("-" if g.null else expect.text_of(g)), "none": {"NULL": True}}}}}
    kept = "nil" if s.columns[a].family == "bytea" else "v1"
    body = f"return {{ a = {kept}, list = {{ 1, true, 'x' }}, deep = {{ t = v2 == nil and '-' or tostring(v2), none = hlua.null }} }}"
    return Expression([a, b], body, made)


def sets(dice, s):
    name = dice.choice(s.of("int"))

    def made(f):
        if f.null:
            return {"SS": ["none", "x"]}
        return fault() if f.text == "1" else {"NS": ["1", f.text]}
    return Expression([name], "if v1 == nil then return hlua.SS { 'x', 'none' } end return hlua.NS { 1, v1 }", made)


def times(dice, s):
    name = dice.choice(s.of("date", "timestamp", "timestamptz"))
    how = dice.choice(["number", "text", "epoch"])
    body = {"number": "v1.year * 10000 + v1.month * 100 + v1.day", "text": "v1:format('%d.%m.%Y %j %H')", "epoch": "v1.epoch"}[how]

    def made(f):
        if f.null:
            return None
        p = expect.moment(f)
        if how == "number":
            return expect.N(int(p["Y"]) * 10000 + int(p["m"]) * 100 + int(p["d"]))
        return expect.N(expect.seconds(f)) if how == "epoch" else expect.S(expect.formatted(f, "%d.%m.%Y %j %H"))
    return Expression([name], f"return v1 and {body}", made, "S" if how == "text" else "N")


def documents(dice, s):
    """An empty table could be either, a map or a list: it is refused."""
    name = dice.choice(s.of("json"))
    return Expression([name], "return { copy = v1 }", lambda f: fault() if f.null else {"M": {"copy": same(f)}})


MAKERS = [(through, None), (joined, ("int", "text", "uuid", "enum", "bool")), (arithmetic, ("int",)), (length, ("text", "uuid", "enum")),
          (compared, ("numeric", "int")), (nested, ("int", "text", "enum", "uuid", "other")), (sets, ("int",)),
          (times, ("date", "timestamp", "timestamptz")), (documents, ("json",))]


def random_expression(dice, s, kind=None):
    """An expression over the source's columns; with a kind one that gives S or N, or None if there is none."""
    makers = [m for m, families in MAKERS if families is None or s.of(*families)]
    for _ in range(8):
        found = dice.choice(makers)(dice, s)
        if kind in (None, found.kind):
            return found
    return None


def random_function(dice, s, typed=None):
    e = random_expression(dice, s, "S" if typed == "B" else typed)
    return e and Function(e, dice.random() < 0.4 or len({*e.columns}) < len(e.columns), typed)  # hlua.fn names a column once
