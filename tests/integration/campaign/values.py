"""Random values for attributes and keys, over the columns of a source."""
from campaign.functions import random_function
from campaign.lua import quoted
from campaign.terms import (Column, Constant, Epoch, Json, List, Map, Null, Set, Template, Typed, When)

LITERALS = ["#", "-", "APP#", "é漢", "{{", "}}", " ", "\"\\", "|", "/"]
CLOCK = ["%H:%M", "%T.%f", "%H%M%S%L", "%%%H"]
TIME = ["%Y-%m-%d", "%F", "%Y-%m-%dT%H:%M:%S.%LZ", "%s", "%j/%Y", "%d.%m.%Y %T"]
FORMATS = {
    "int": ["%d", "%6d", "%012d", "%x", "%08X", "%.2f", "shard(16)", "lower"], "numeric": ["%d", "%05d", "%.2f", "%.10f", "shard(7)"],
    "float": ["%.3f", "shard(9)"], "text": ["lower", "upper", "hex", "shard(1000)"], "uuid": ["upper", "hex", "shard(3)"],
    "enum": ["lower", "upper", "shard(5)"], "bytea": ["hex"], "time": CLOCK + ["shard(4)"], "date": TIME + ["lower"], "timestamp": TIME,
    "timestamptz": TIME, "bool": ["upper"], "json": ["shard(8)"], "tree": ["lower"], "other": ["upper", "shard(6)"],
}


def part(dice, s, name, bare=0.75):
    """{column} or {column:format}."""
    family = s.columns[name].family
    if family != "bytea" and dice.random() < bare:
        return "{" + name + "}"
    return "{" + name + ":" + dice.choice(FORMATS[family]) + "}"


def template(dice, s, names=None, bare=0.75):
    names = s.in_templates(names or list(s.columns))
    if not names:
        return Constant("S", "none nameable")
    text = ""
    for _ in range(dice.choice([1, 1, 2, 3])):
        text += dice.choice(LITERALS + [""]) + part(dice, s, dice.choice(names), bare)
    return Template(text + dice.choice(["", "", dice.choice(LITERALS)]))


def scalar(dice, s, kind):
    """A value that is surely S, N or B (or absent)."""
    options = {"S": ("int", "numeric", "float", "bool", "text", "uuid", "enum", "date", "time", "timestamp", "timestamptz", "json", "tree", "other"),
               "N": ("int", "numeric", "float"), "B": ("bytea", "uuid", "text")}
    how = dice.random()
    names = s.of(*options[kind])
    if how < 0.2:
        made = random_function(dice, s, kind)
        if made:
            return made
    if kind == "S" and how < 0.7 or not names:
        made = template(dice, s, s.of("int") if kind == "N" else None)
        numeric = kind != "N" or s.in_templates(s.of("int"))
        return Template(made.text if not isinstance(made, Constant) else "x{{", kind) if numeric else Constant("N", "5")
    if kind == "N" and how < 0.4 and s.in_templates(s.of("int", "numeric")):
        name = dice.choice(s.in_templates(s.of("int", "numeric")))
        return Template("{" + name + "}", "N")
    if kind == "N" and how < 0.5 and s.of("text"):
        return Typed("N", Column(dice.choice(s.of("text")), "S"))
    if how < 0.75:
        return Constant(kind, {"S": dice.choice(["", "x", "{b}", "é"]), "N": dice.choice(["0", "-1.50", "1e3"]), "B": dice.choice([b"\xff\x00", b""])}[kind])
    name = dice.choice(names)
    natural = s.columns[name].natural
    default = Constant(kind, {"S": "none", "N": "-7", "B": b"none"}[kind]) if dice.random() < 0.4 else None
    if natural == kind and dice.random() < 0.5:
        return Column(name, kind, default)
    return Typed(kind, Column(name, natural, default))


def column(dice, s):
    """A column in its own type, perhaps with a default of it."""
    name = dice.choice(list(s.columns))
    natural = s.columns[name].natural
    defaults = {"S": Constant("S", dice.choice(["", "none"])), "N": Constant("N", "0"), "B": Constant("B", b"\x00"), "BOOL": Constant("BOOL", False),
                "JSON": dice.choice([List([]), Map({})])}
    return Column(name, natural, defaults[natural] if dice.random() < 0.3 else None)


def random_value(dice, s, level=0):
    """Anything that an attribute can be."""
    how = dice.random()
    if level < 3 and how < 0.3:
        if how < 0.1:
            return List([random_value(dice, s, level + 1) for _ in range(dice.randrange(4))])
        if how < 0.2:
            names = dice.sample(["a", "é", "with \"quotes\"", "Zip", "n"], dice.randrange(5))
            return Map({n: random_value(dice, s, level + 1) for n in names})
        return random_set(dice, s)
    if how < 0.4:
        inner = random_value(dice, s, 3)
        return inner if isinstance(inner, When) else When(dice.choice(s.of("bool") or list(s.columns)), inner)
    documents = s.of("json", "text", "tree")
    if how < 0.52 and documents:
        name = dice.choice(documents)
        strict = s.columns[name].family != "text" or dice.random() < 0.1  # most texts are no JSON
        return Json(name, dice.choice([None, "reject", "string", "absent"] if strict else ["string", "absent"]))
    moments = s.of("date", "timestamp", "timestamptz")
    if how < 0.6 and moments:
        return Epoch(dice.choice(moments), dice.choice([0, 365, -30]), dice.choice([0, 12]), dice.random() < 0.3)
    if how < 0.7:
        return random_function(dice, s) or Null()
    if how < 0.75:
        return dice.choice([Null(), Constant("BOOL", True)])
    if how < 0.8 and s.of("bool"):
        name = dice.choice(s.of("bool"))
        return Typed("BOOL", Column(name, "BOOL", Constant("BOOL", True) if dice.random() < 0.3 else None))
    return column(dice, s) if dice.random() < 0.4 else scalar(dice, s, dice.choice("SSNB"))


def random_set(dice, s):
    kind = dice.choice("SNB")
    parts, constants = [], set()
    for _ in range(dice.randrange(1, 5)):
        one = scalar(dice, s, kind)
        said = one.lua
        if isinstance(one, Constant) or isinstance(one, Template) and "{" not in one.text.replace("{{", ""):
            if constants:
                continue  # constants of a set must differ
            constants.add(said)
        parts.append(one)
    return Set(kind + "S", parts or [Constant("S", "only")] if kind == "S" else parts)


def table_key(dice, s, kind, unique):
    """A key's value: of the source's own key, so that rows do not share it, or of anything."""
    keys = s.in_templates(s.key)
    if kind == "S" and unique and len(keys) == len(s.key):
        return Template(dice.choice(["", "K#", "é{{"]) + "#".join("{" + n + "}" for n in s.key))
    if kind == "S" and dice.random() < 0.6:
        return template(dice, s, s.key, bare=0.9) if keys else Typed("S", Column(s.key[0], "S"))
    if kind == "N" and s.columns[s.key[0]].family in ("int", "numeric"):
        return Typed("N", Column(s.key[0], "N"))
    if kind == "B" and s.columns[s.key[0]].family in ("text", "uuid"):
        return Typed("B", Column(s.key[0], "S"))
    while True:
        made = scalar(dice, s, kind)
        if not isinstance(made, (Constant, When)) and made.lua not in (quoted("x{{"),):
            return made
