"""One table moved into a store and checked item by item: the shape of most tests."""
import expect
from servers import Endpoint


def move(place, relation, lua, mapping, code=0, arguments=(), source=None):
    """Runs a plan with one table, to "Target", whose fields `lua` says beside `from` and `to`. `source` is the table's
    source when it is not just a relation. What arrives must be what the mapping makes of the relation's rows (a name, or
    a SELECT). Returns the result, its rejects as {reason: count}."""
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.plan(f"""    {source or f"from = [[{relation}]]"}, to = "Target",\n{lua}""")
        result = place.hlua("migrate", *arguments, code=code)
        wanted, rejects = expect.items_of(expect.read(place.db, relation), mapping)
        expect.check(result, target, "Target", wanted, mapping, rejected=sum(rejects.values()))
        listed = {}
        for r in place.rejects() if rejects else []:
            listed[r["reason"]] = listed.get(r["reason"], 0) + 1
        assert listed == rejects, (listed, rejects)
        return result


def count(place, lua, rows, chunks, arguments=()):
    """Runs a plan with one table of many rows with unique keys; checks how many arrive, and in how many chunks."""
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.plan(f'{lua}, to = "Target"')
        result = place.hlua("migrate", *arguments)
        assert result.counts() == (rows, rows, 0, 0, 0), result
        assert target.describe_table(TableName="Target")["Table"]["ItemCount"] == rows
        found = result.table()["chunks"]
        assert result.table()["chunks_done"] == found and chunks[0] <= found <= chunks[1], f"{found} chunks"
        return result
