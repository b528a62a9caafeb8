"""A random plan of one to three tables: its text, and what it makes of its sources' rows."""
from dataclasses import dataclass, field

from campaign import outcome, values
from campaign.functions import random_expression
from campaign.lua import named, quoted
from campaign.source import random_source
from campaign.terms import Column, Epoch, Rules, Template, Term, When

NAMES = ["Status", "AMOUNT", "nested.name", "with space", "é", "漢字", "quote\"d", "#ref", ":value", "size", "items", "a-b", "x'y", "{braces}", "_", "TTL2"]


@dataclass
class Index:
    name: str
    partition: list  # names
    sort: list
    own: dict = field(default_factory=dict)  # the keys that it declares: name -> Term, or a type alone
    include: list | None = None  # None: all
    local: bool = False

    def lua(self):
        def key(names):
            if len(names) == 1 and names[0] in self.own:
                return "{ " + named([(names[0], said(self.own[names[0]]))]) + " }"
            return quoted(names[0]) if len(names) == 1 else "{ " + ", ".join(map(quoted, names)) + " }"
        fields = [quoted(self.name)]
        if not self.local:
            fields.append(f"partition_key = {key(self.partition)}")
        if self.sort:
            fields.append(f"sort_key = {key(self.sort)}")
        if self.include == []:
            fields.append('projection = "KEYS_ONLY"')
        elif self.include:
            fields.append(f"projection = {{ {', '.join(map(quoted, self.include))} }}")
        return f"hlua.index {{ {', '.join(fields)} }}"


def said(value):
    """A key's value, or its type alone."""
    return value.lua if isinstance(value, Term) else f"hlua.{value}"


@dataclass
class Target:
    name: str
    keys: dict  # name -> type: the partition key, then perhaps the sort key
    indexes: list = field(default_factory=list)

    @property
    def limits(self):
        """The most bytes of every key: name -> bytes."""
        most = {}
        names = list(self.keys)
        pairs = [([names[0]], names[1:])] + [([] if i.local else i.partition, i.sort) for i in self.indexes]
        for partition, sort in pairs:
            most.update({n: min(most.get(n, 2048), 2048) for n in partition})
            most.update({n: 1024 for n in sort})
        return most


@dataclass
class Columns:
    """hlua.columns."""
    only: list | None = None
    excepted: list = field(default_factory=list)
    rename: dict = field(default_factory=dict)

    @property
    def lua(self):
        fields = []
        if self.only is not None:
            fields.append(f"only = {{ {', '.join(map(quoted, self.only))} }}")
        if self.excepted:
            fields.append(f"except = {{ {', '.join(map(quoted, self.excepted))} }}")
        if self.rename:
            fields.append(f"rename = {{ {named((n, quoted(t)) for n, t in self.rename.items())} }}")
        return f"hlua.columns {{ {', '.join(fields)} }}"

    def taken(self, s):
        """The attributes that it makes: name -> column."""
        names = s.columns if self.only is None else self.only
        return {self.rename.get(n, n): n for n in names if n not in self.excepted}


@dataclass
class Item:
    """One item of a row: by items, or the only one of a plain table."""
    keys: dict  # name -> Term
    attributes: dict
    columns: Columns | None
    when: str | None = None
    ttl: tuple | None = None  # (name, Term)

    def attributes_lua(self):
        inside = [self.columns.lua] if self.columns else []
        if self.attributes:
            inside.append(named((n, t.lua) for n, t in self.attributes.items()))
        return f"attributes = {{ {', '.join(inside)} }}"

    def explicit(self):
        return {**self.keys, **self.attributes, **(dict([self.ttl]) if self.ttl else {})}


@dataclass
class Table:
    name: str
    source: object
    target: Target
    rules: Rules
    items: list = field(default_factory=list)
    mapped: list = field(default_factory=list)  # outcome.MappedItem of `map`
    settings: list = field(default_factory=list)
    ttl: str | None = None
    listed: bool = False  # whether its items are said by `items`

    @property
    def plain(self):
        return not self.mapped and not self.listed

    def lua(self):
        """The inside of its hlua.table."""
        t = [f"name = {quoted(self.name)}", *self.source.lua, f"to = {quoted(self.target.name)}", *self.settings]
        keys = self.items[0].keys if self.plain else self.target.keys
        for field_name, key in zip(("partition_key", "sort_key"), keys):
            t.append(f"{field_name} = {{ {named([(key, said(keys[key]))])} }}")
        for place, local in (("global_secondary_indexes", False), ("local_secondary_indexes", True)):
            found = [i.lua() for i in self.target.indexes if i.local == local]
            if found:
                t.append(f"{place} = {{ {', '.join(found)} }}")
        if self.rules.keep_nulls and not self.mapped:
            t.append('nulls = "keep"')
        if self.rules.empty_absent and not self.mapped:
            t.append('empty_strings = "absent"')
        if self.plain:
            t.append(self.items[0].attributes_lua())
            if self.items[0].ttl:
                t.append(f"time_to_live = {{ {named([(self.ttl, self.items[0].ttl[1].lua)])} }}")
        elif self.ttl:
            t.append(f"time_to_live = {{ {named([(self.ttl, 'hlua.N')])} }}")
        if self.listed:
            t.append("items = {\n      " + ",\n      ".join(item_lua(i) for i in self.items) + " }")
        if self.mapped:
            t.append(f"map = {outcome.map_lua(self.mapped, self.name)}")
        return "    " + ",\n    ".join(t)


def item_lua(item):
    fields = [f"when = {quoted(item.when)}"] if item.when else []
    for field_name, (key, term) in zip(("partition_key", "sort_key"), item.keys.items()):
        fields.append(f"{field_name} = {{ {named([(key, term.lua)])} }}")
    fields.append(item.attributes_lua())
    if item.ttl:
        fields.append(f"time_to_live = {{ {named([(item.ttl[0], item.ttl[1].lua)])} }}")
    return f"hlua.item {{ {', '.join(fields)} }}"


# --- making one ---


def random_columns(dice, s):
    how = dice.random()
    if how < 0.25:
        return None
    names = list(s.columns)
    made = Columns()
    if how < 0.45:
        made.only = dice.sample(names, dice.randrange(1, len(names) + 1))
    elif how < 0.7:
        made.excepted = dice.sample(names, dice.randrange(1, len(names)))
    left = [n for n in (names if made.only is None else made.only) if n not in made.excepted]
    for name in dice.sample(left, min(len(left), dice.choice([0, 0, 1, 2]))):
        made.rename[name] = "renamed " + name
    return made


def random_item(dice, s, target, unique, multiple):
    keys = {}
    for i, (name, kind) in enumerate(target.keys.items()):
        keys[name] = values.table_key(dice, s, kind, unique and i == 0)
    item = Item(keys, {}, random_columns(dice, s))
    for name in dice.sample(NAMES, dice.randrange(0, 9)):
        item.attributes[name] = values.random_value(dice, s)
    if dice.random() < 0.3:  # an attribute that wins over a column
        item.attributes.setdefault(dice.choice(list(s.columns)), values.random_value(dice, s))
    if multiple and dice.random() < 0.6:
        item.when = dice.choice(s.of("bool") or list(s.columns))
    if s.guarded:  # read, so that the server fails
        item.attributes["Fails"] = Column("Fails", "N")
    for name in keys:
        item.attributes.pop(name, None)
    return item


def referable(s, item):
    """The attributes of an item that an index can name."""
    found = [n for n, t in item.attributes.items() if t.keyed]
    if item.columns:
        taken = item.columns.taken(s)
        found += [n for n, c in taken.items() if n not in item.explicit() and s.columns[c].natural in ("S", "N", "B")]
    return [n for n in found if "{" not in n and "}" not in n]  # such a name would be taken for a template


def random_indexes(dice, s, item, target, simple):
    """Indexes of a plain table: new keys, names of attributes, lists of them."""
    for i in range(dice.choice([0, 1, 1, 2, 3])):
        index = Index(f"Index-{i}", [], [])
        names = referable(s, item)
        dice.shuffle(names)
        for key in (index.partition, index.sort):
            how = dice.random()
            if key is index.sort and how < 0.3:
                break
            if how < 0.6 or not names:
                name = f"G{i}{'PS'[key is index.sort]}"
                value = values.table_key(dice, s, dice.choice("SSNB"), False)
                if dice.random() < 0.3:
                    value = When(dice.choice(s.of("bool") or list(s.columns)), value)
                index.own[name] = value
                key.append(name)
            else:
                for _ in range(1 if simple else dice.choice([1, 1, 2, 3])):
                    if names and len(key) < 4:
                        key.append(names.pop())
        how = dice.random()
        if how < 0.3:
            index.include = []
        elif how < 0.6:
            left = [n for n in item.attributes if n not in index.partition + index.sort + list(item.keys)]
            index.include = left[:3]
        target.indexes.append(index)
    names = [n for n in referable(s, item) if n not in item.keys]
    if len(target.keys) == 2 and names and dice.random() < 0.4:
        sort = dice.choice(names)
        target.indexes.append(Index("Local", [list(target.keys)[0]], [sort], local=True))


def random_keys(dice):
    keys = {"PK": dice.choice("SSSNB")}
    if dice.random() < 0.6:
        keys[dice.choice(["SK", "sort é"])] = dice.choice("SSNB")
    return keys


def declared_index(dice):
    """An index of a table whose items are made elsewhere: its keys are types alone."""
    own = {"GK": dice.choice("SN")}
    if dice.random() < 0.5:
        own["GS"] = dice.choice("SNB")
    names = list(own)
    return Index("Declared", names[:1], names[1:], own, dice.choice([None, [], ["Status"]]))


def time_to_live(dice, s):
    moments = s.of("date", "timestamp", "timestamptz")
    return Epoch(dice.choice(moments), 365, 0, dice.random() < 0.5) if moments and dice.random() < 0.5 else None


def plain_table(dice, s, name, simple):
    target = Target(f"Target-{name}", random_keys(dice))
    table = Table(name, s, target, Rules(dice.random() < 0.3, dice.random() < 0.3))
    item = random_item(dice, s, target, dice.random() < 0.8, False)
    table.items = [item]
    ends = time_to_live(dice, s)
    if ends:
        table.ttl = "TTL"
        item.ttl = ("TTL", ends)
    random_indexes(dice, s, item, target, simple)
    return table


def items_table(dice, s, name, target):
    table = Table(name, s, target, Rules(dice.random() < 0.3, dice.random() < 0.3), listed=True)
    ttl = time_to_live(dice, s)
    table.ttl = "TTL" if ttl else None
    for i in range(dice.randrange(1, 5)):
        item = random_item(dice, s, target, True, i > 0)
        if "S" in target.keys.values():  # items of one row apart
            key = [n for n, k in target.keys.items() if k == "S"][-1]
            first = item.keys[key]
            if isinstance(first, Template):
                item.keys[key] = Template(f"{i}#" + first.text)
        for index in target.indexes:
            for key, kind in index.own.items():
                if dice.random() < 0.6:
                    item.attributes[key] = values.table_key(dice, s, kind, False)
        if ttl and dice.random() < 0.7:
            item.ttl = ("TTL", ttl)
        table.items.append(item)
    return table


def map_table(dice, s, name, target, others):
    table = Table(name, s, target, Rules())
    for i in range(dice.randrange(1, 4)):
        goal = dice.choice(others) if others and dice.random() < 0.4 else table
        attributes = {}
        for key, kind in goal.target.keys.items():
            e = random_expression(dice, s, "N" if kind == "N" else "S")
            attributes[key] = (kind, e) if e else (kind, None)
        for index in goal.target.indexes:
            for key, kind in index.own.items():
                e = random_expression(dice, s, "N" if kind == "N" else "S")
                if e and dice.random() < 0.7:
                    attributes[key] = (kind, e)
        for attribute in dice.sample(NAMES, dice.randrange(0, 5)):
            attributes[attribute] = (None, random_expression(dice, s))
        condition = random_expression(dice, s, "N") if dice.random() < 0.6 else None
        table.mapped.append(outcome.MappedItem(goal, attributes, condition, i))
    return table


@dataclass
class Plan:
    tables: list
    more: str  # fields of hlua.plan

    def sources(self):
        return list({id(t.source): t.source for t in self.tables}.values())

    def targets(self):
        return list({t.target.name: t.target for t in self.tables}.values())


def random_plan(dice, rows, simple=False):
    """`simple` leaves out what DynamoDB-compatible engines do not know: index keys of several attributes."""
    sources = [random_source(dice, i, rows) for i in range(dice.choice([1, 1, 2]))]
    tables = []
    shared = None
    for i in range(dice.choice([1, 1, 2, 3])):
        s, name = dice.choice(sources), f"table {i}"
        how = dice.choice(["plain", "plain", "plain", "items", "items", "map"])
        if how == "plain":
            tables.append(plain_table(dice, s, f"{i}", simple))
            continue
        if shared is None or dice.random() < 0.3:
            shared = Target(f"Shared-{i}", random_keys(dice), [declared_index(dice)] if dice.random() < 0.6 else [])
        if how == "items":
            tables.append(items_table(dice, s, name, shared))
        else:
            tables.append(map_table(dice, s, name, shared, [t for t in tables if not t.plain]))
    for t in tables:
        t.settings.append("max_rejects = 100000")
    return Plan(tables, plan_fields(dice, sources))


def plan_fields(dice, sources):
    """Fields of hlua.plan itself."""
    fields = []
    if dice.random() < 0.2:
        zone = dice.choice(["Europe/Madrid", "America/St_Johns"])
        fields.append(f"time_zone = {quoted(zone)},")
        for s in sources:
            s.zone = s.zone or zone
    if dice.random() < 0.2:
        fields.append("mapping_timeout = 30, mapping_memory = 256 << 20,")
    return " ".join(fields)
