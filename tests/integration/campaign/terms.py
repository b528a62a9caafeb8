"""What a plan's attribute can be, as a small tree: `lua` is how a plan says it, `value` what lua/REFERENCE.md says it gives.

A value is DynamoDB's JSON or None (absent). A Reject's text is a reason; several faults of one value are all told, since
lua/REFERENCE.md does not say which one a row is rejected for."""
import re
import time
from dataclasses import dataclass, field

import expect
from campaign.lua import named, quoted
from expect import Reject

NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", re.ASCII)


class Faults(Exception):
    """One or several reasons for which the row must be rejected."""

    def __init__(self, reasons):
        super().__init__(", ".join(sorted(reasons)))
        self.reasons = set(reasons)


class Failed(Faults):
    """A function that raised: what it was to make is not there at all."""


@dataclass
class Rules:
    """What a table says of its values; those of a key are neither NULL nor left out."""
    keep_nulls: bool = False
    empty_absent: bool = False


def gather(parts):
    """The values of some calls; or all their faults."""
    values, reasons = [], set()
    for part in parts:
        try:
            values.append(part())
        except Reject as reason:
            reasons.add(str(reason))
        except Faults as faults:
            reasons |= faults.reasons
    if reasons:
        raise Faults(reasons)
    return values


def typed(kind, text, rules):
    """A text, or bytes, as S, N or B."""
    if kind == "N":
        if not NUMBER.fullmatch(text):
            raise Faults({"number"})
        return expect.N(text)
    if not text and rules.empty_absent:
        return None
    return {"S": text} if kind == "S" else expect.B(text if isinstance(text, bytes) else text.encode())


def parse(text):
    """JSON as DynamoDB can hold it, as an attribute value; Reject("json") if it is not."""
    def pairs(found):
        if len({k for k, _ in found}) < len(found):
            raise ValueError("the same key twice")
        return dict(found)
    try:
        value = expect.parse(text, pairs)
        text.encode()
        made = expect.tree(value)
        if depth(made) > 32:
            raise ValueError("too deep")
        expect.value_size(made)  # half a surrogate pair has no bytes
        return made
    except (ValueError, RecursionError, Reject):
        raise Reject("json") from None


def depth(value):
    (kind, v), = value.items()
    inner = v if kind == "L" else v.values() if kind == "M" else []
    return 1 + max(map(depth, inner), default=0)


class Term:
    kind: str  # S, N, B, BOOL, NULL, SS, NS, BS, L, M, JSON (known row by row), ANY (a function's)

    @property
    def bare(self):
        """As it is said inside hlua.S, hlua.SS, ..., which say its type."""
        return self.lua

    @property
    def keyed(self):
        return self.kind in ("S", "N", "B")


@dataclass
class Template(Term):
    text: str
    kind: str = "S"

    @property
    def bare(self):
        return quoted(self.text)

    @property
    def lua(self):
        return self.bare if self.kind == "S" else f"hlua.{self.kind}({quoted(self.text)})"

    def value(self, row, rules, top=True):
        text = expect.template(self.text, row)
        return None if text is None else typed(self.kind, text, rules)


@dataclass
class Column(Term):
    name: str
    kind: str
    default: Term | None = None

    @property
    def lua(self):
        return f"hlua.column({quoted(self.name)}" + (f", {{ default = {self.default.lua} }})" if self.default else ")")

    @property
    def bare(self):
        return f"hlua.column({quoted(self.name)}" + (f", {{ default = {self.default.bare} }})" if self.default else ")")

    def value(self, row, rules, top=True):
        f = row[self.name]
        if f.null:
            if self.default:
                return self.default.value(row, rules, False)
            return {"NULL": True} if rules.keep_nulls and top else None
        value = tree(f) if f.tree else expect.natural(f)
        return None if rules.empty_absent and value in ({"S": ""}, {"B": b""}) else value


def tree(f):
    return parse(f.text)


@dataclass
class Typed(Term):
    """hlua.S, hlua.N, hlua.B, hlua.bool around a column."""
    kind: str
    column: Column

    @property
    def bare(self):
        return self.column.bare

    @property
    def lua(self):
        return f"hlua.{'bool' if self.kind == 'BOOL' else self.kind}({self.bare})"

    def value(self, row, rules, top=True):
        f = row[self.column.name]
        if f.null or self.kind == "BOOL" or self.kind == "N" and f.type in expect.NUMBERS:
            return self.column.value(row, rules, top)
        if self.kind == "B" and f.type == "bytea":
            return typed("B", bytes.fromhex(f.text[2:]), rules)
        if self.kind == "B" and f.type == "uuid":
            return typed("B", bytes.fromhex(f.text.replace("-", "")), rules)
        return typed(self.kind, expect.text_of(f), rules)


@dataclass
class Constant(Term):
    kind: str
    raw: object  # str, bytes, bool, or a number's text

    @property
    def bare(self):
        if self.kind == "BOOL":
            return str(self.raw).lower()
        return quoted(self.raw if isinstance(self.raw, bytes) else self.raw.replace("{", "{{").replace("}", "}}"))

    @property
    def lua(self):
        return self.bare if self.kind == "BOOL" else f"hlua.{self.kind}({self.bare})"

    def value(self, row, rules, top=True):
        return {"BOOL": self.raw} if self.kind == "BOOL" else typed(self.kind, self.raw, rules)


class Null(Term):
    kind, lua = "NULL", "hlua.null"

    def value(self, row, rules, top=True):
        return {"NULL": True}


@dataclass
class Json(Term):
    name: str
    invalid: str | None
    kind = "JSON"

    @property
    def lua(self):
        return f"hlua.json({quoted(self.name)}" + (f", {{ invalid = {quoted(self.invalid)} }})" if self.invalid else ")")

    def value(self, row, rules, top=True):
        f = row[self.name]
        if f.null:
            return {"NULL": True} if rules.keep_nulls and top else None
        try:
            return parse(f.text)
        except Reject:
            if self.invalid == "string":
                return typed("S", f.text, rules)
            if self.invalid == "absent":
                return None
            raise


@dataclass
class Epoch(Term):
    name: str
    days: int = 0
    hours: int = 0
    skip: bool = False
    kind = "N"

    @property
    def lua(self):
        expired = ', expired = "skip"' if self.skip else ""
        return f"hlua.epoch({quoted(self.name)}, {{ days = {self.days}, hours = {self.hours}{expired} }})"

    def value(self, row, rules, top=True):
        f = row[self.name]
        if f.null:
            return {"NULL": True} if rules.keep_nulls and top else None
        seconds = expect.seconds(f) + self.days * 86400 + self.hours * 3600
        return None if self.skip and seconds < EXPIRED else expect.N(seconds)


EXPIRED = time.time() - 5 * 365 * 86400


def holds(f):
    return not f.null and (f.type != "bool" or f.text in ("t", "true"))


@dataclass
class When(Term):
    name: str
    inner: Term

    @property
    def kind(self):
        return self.inner.kind

    @property
    def lua(self):
        return f"hlua.when({quoted(self.name)}, {self.inner.lua})"

    def value(self, row, rules, top=True):
        return self.inner.value(row, rules, top) if holds(row[self.name]) else None


@dataclass
class Set(Term):
    kind: str
    parts: list = field(default_factory=list)

    @property
    def lua(self):
        return f"hlua.{self.kind} {{ {', '.join(p.bare for p in self.parts)} }}"

    def value(self, row, rules, top=True):
        members = []
        for made in gather(lambda p=p: p.value(row, rules, False) for p in self.parts):
            if made and expect.plain(made) not in map(expect.plain, members):
                members.append(made)
        return {self.kind: [next(iter(m.values())) for m in members]} if members else None


@dataclass
class List(Term):
    parts: list
    kind = "L"

    @property
    def lua(self):
        return f"hlua.L {{ {', '.join(p.lua for p in self.parts)} }}"

    def value(self, row, rules, top=True):
        made = gather(lambda p=p: p.value(row, rules, False) for p in self.parts)
        return {"L": [{"NULL": True} if v is None else v for v in made]}


@dataclass
class Map(Term):
    parts: dict
    kind = "M"

    @property
    def lua(self):
        return f"hlua.M {{ {named((n, p.lua) for n, p in self.parts.items())} }}"

    def value(self, row, rules, top=True):
        made = gather(lambda p=p: p.value(row, rules, False) for p in self.parts.values())
        return {"M": {n: v for n, v in zip(self.parts, made) if v is not None}}
