"""What a plan must make of the rows: items by key, the rejected rows with the reasons that are right, and the sums."""
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import expect
from campaign.functions import Expression
from campaign.lua import named, quoted
from campaign.terms import Column, Failed, Faults, Rules, gather, holds


@dataclass
class Outcome:
    """Of one table of the plan."""
    read: int = 0
    written: int = 0
    filtered: int = 0
    rejected: dict = field(default_factory=dict)  # the row's key -> the reasons that are right
    items: list = field(default_factory=list)  # (target, item) of every item that is written

    @property
    def counts(self):
        return self.read, self.written, len(self.rejected), self.filtered, 0


def outcomes(plan, place):
    """Each table's Outcome, by its name."""
    rows = {id(s): list(s.read(place)) for s in plan.sources()}
    return {t.name: of_table(t, rows[id(t.source)]) for t in plan.tables}


def of_table(table, rows):
    """What the table makes of (row, what a report calls it, whether the server fails on it)."""
    out = Outcome()
    for row, key, fails in rows:
        out.read += 1
        made = 0
        try:
            if fails:
                raise Faults({"source"})
            for target, make in items_of(table, row):
                out.items.append((target, make()))
                made += 1
        except Faults as faults:
            out.rejected[key] = faults.reasons
            continue
        out.written += made > 0
        out.filtered += made == 0
    assert len(out.rejected) + out.written + out.filtered == out.read, "two rows have one text of their key"
    return out


def items_of(table, row):
    """(target, function that makes the item) of each item of a row, in their order."""
    if table.mapped:
        found = [m.made(row) for m in table.mapped]
        return [(m.goal.target, lambda m=m, make=make: checked(make(), m.goal.target, kinds=True))
                for m, make in zip(table.mapped, found) if make]
    return [(table.target, lambda i=i: compiled(i, table, row)) for i in table.items if i.when is None or holds(row[i.when])]


# --- compiled items ---


def compiled(item, table, row):
    """An item of a plain table or of `items`."""
    target, made, reasons, broken = table.target, {}, set(), set()
    keys = target.limits

    def put(name, term):
        rules = Rules() if name in keys else table.rules
        if item.ttl and name == item.ttl[0]:
            rules = Rules(False, table.rules.empty_absent)
        try:
            value = gather([lambda: term.value(row, rules)])[0]
        except Faults as faults:
            reasons.update(faults.reasons)
            broken.add(name)
            return
        if value is not None:
            made[name] = value

    terms = dict(item.explicit())
    if item.columns:
        for name, column in item.columns.taken(table.source).items():
            terms.setdefault(name, Column(column, table.source.columns[column].natural))
    for index in target.indexes:
        terms.update({n: t for n, t in index.own.items() if not isinstance(t, str)})
    leaders = {}  # the sort keys that an index declares, which are left out together with the partition key beside them
    for index in target.indexes:
        leaders.update({n: index.own.keys() & terms.keys() & set(index.partition) for n in index.sort if n in index.own})
    for name, term in terms.items():
        if name not in leaders:
            put(name, term)
    for name in leaders.keys() & terms.keys():
        if all(n in made or n in broken for n in leaders[name]):
            put(name, terms[name])
    try:
        checked(made, target, broken=broken)
    except Faults as faults:
        reasons |= faults.reasons
    if reasons:
        raise Faults(reasons)
    return made


def checked(item, target, kinds=False, broken=()):
    """The item, or the faults of its keys and its size; what is `broken` has a fault already."""
    reasons = set()
    for name, most in target.limits.items():
        if name not in item:
            reasons |= {"key-missing"} if name in target.keys and name not in broken else set()
            continue
        (kind, value), = item[name].items()
        wanted = target.keys.get(name) or next((i.own[name] for i in target.indexes if isinstance(i.own.get(name), str)), kind)
        if kinds and kind != wanted:
            reasons.add("value")
        elif value in ("", b""):
            reasons.add("key-empty")
        elif kind != "N" and expect.value_size(item[name]) > most:
            reasons.add("key-size")
    if expect.item_size(item) > 409_600:
        reasons.add("item-size")
    if reasons:
        raise Faults(reasons)
    return item


# --- items by map ---


@dataclass
class MappedItem:
    goal: object  # the table that it is for
    attributes: dict  # name -> (the type that is said, or None; Expression)
    condition: Expression | None  # gives a number: the item is there unless it is nil or even
    number: int

    def made(self, row):
        """A function that gives the item, or None where there is none. What raises does so here: then no item is there."""
        if self.condition:
            n = self.condition.value(row)
            if n is None or int(n["N"]) % 2 == 0:
                return None
        values, reasons = {}, set()
        for name, (kind, e) in self.attributes.items():
            try:
                values[name] = e.value(row) if e else {"N": "1"} if kind == "N" else {"S": "one"}
            except Failed:
                raise
            except Faults as faults:
                reasons |= faults.reasons

        def item():
            if reasons:
                raise Faults(reasons)
            return {n: {"B": v["S"].encode()} if self.attributes[n][0] == "B" else v for n, v in values.items() if v is not None}
        return item

    def lua(self, own):
        pairs = []
        for name, (kind, e) in self.attributes.items():
            value = e.inline() if e else "1" if kind == "N" else '"one"'
            pairs.append((name, f"bytes({value})" if kind == "B" else value))
        item = f"{{ {named(pairs)} }}"
        if self.goal.name != own:
            item = f"hlua.to({quoted(self.goal.name)}, {item})"
        if not self.condition:
            return f"items[#items + 1] = {item}"
        return f"local n = {self.condition.inline()} if n and n % 2 ~= 0 then items[#items + 1] = {item} end"


def map_lua(mapped, own):
    steps = "\n      ".join(f"do {m.lua(own)} end" for m in mapped)
    return f"""function(row)
      local function bytes(v) return v and hlua.B(v) end
      local items = {{}}
      {steps}
      return table.unpack(items)
    end"""


# --- sums and comparison ---


def units(item, target):
    total = -(-expect.item_size(item) // 1024)
    for index in target.indexes:
        keys = [*index.partition, *index.sort]
        if all(k in item for k in keys):
            part = item if index.include is None else {k: v for k, v in item.items() if k in {*target.keys, *keys, *index.include}}
            total += max(1, -(-expect.item_size(part) // 1024))
    return total


def sums(out):
    """What the summary says of a table."""
    names = "read", "written", "rejected", "filtered", "superseded"
    return {**{f"rows_{n}": c for n, c in zip(names, out.counts)}, "items_written": len(out.items),
            "bytes": sum(expect.item_size(i) for _, i in out.items), "write_units": sum(units(i, t) for t, i in out.items)}


def key_of(item, target):
    return tuple(item[n] for n in target.keys)


def compare_items(found, target, wanted):
    """Where several rows give one key, any of their items may stay."""
    candidates = defaultdict(list)
    for t, item in wanted:
        if t is target:
            shown = expect.plain_item(item)
            candidates[key_of(shown, target)].append(shown)
    there = {key_of(i, target): i for i in map(expect.plain_item, found)}
    for key in sorted(candidates.keys() | there.keys(), key=repr):
        if there.get(key) in candidates.get(key, [None]):
            continue
        right, item = candidates.get(key), there.get(key)
        if right is None or item is None:
            raise AssertionError(f"{target.name}: the item {key} is {'not expected' if right is None else 'missing'}: {item or right}")
        parts = [f"{n}: found {item.get(n)!r}, wanted {right[0].get(n)!r}" for n in sorted(item.keys() | right[0].keys())
                 if item.get(n) != right[0].get(n)]
        raise AssertionError(f"{target.name}: the item {key} differs: " + "; ".join(parts))


def compare_rejects(listed, wanted):
    """Each rejected row once, with a right reason."""
    for name, out in wanted.items():
        found = [r for r in listed if r["table"] == name]
        twice = [k for k, n in Counter(r["key"] for r in found).items() if n > 1]
        assert not twice, f"{name}: rows rejected twice: {twice}"
        reasons = {r["key"]: r for r in found}
        missing, more = out.rejected.keys() - reasons.keys(), reasons.keys() - out.rejected.keys()
        assert not missing, f"{name}: not rejected: {[(k, out.rejected[k]) for k in sorted(missing)[:3]]}"
        assert not more, f"{name}: rejected: {[(k, reasons[k]['reason'], reasons[k]['message']) for k in sorted(more)[:3]]}"
        for key, r in reasons.items():
            assert r["reason"] in out.rejected[key], f"{name}: {key} is rejected as {r}, and right is {out.rejected[key]}"


