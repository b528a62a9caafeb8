"""Reads what valgrind's callgrind has written, and tells which stage of a run each instruction belongs to.

An instruction of ours belongs to the stage of its source file, inlined ones included, since the profile names the file of each
line. What a library or a helper of src/base does belongs to whoever called it: in proportion to the calls' costs, if several
did. Costs add up: each instruction is counted once.
Not for: finding hot lines; callgrind_annotate does that."""
import collections
import re

SWEEPS = 40
NAME = re.compile(r"\((\d+)\)(?: (.*))?")


class Profile:
    """self: node -> instructions of its own; calls: callee node -> {caller: instructions of the calls}. A node is a stage, or
    (object, function) of code without a stage."""

    def __init__(self, stage_of):
        self.stage_of = stage_of  # (object, file of the line, file of the function) -> stage, or None
        self.own = collections.Counter()
        self.calls = collections.defaultdict(collections.Counter)

    def read(self, path):
        names = collections.defaultdict(dict)  # by kind of name: number -> name, told once
        at = dict.fromkeys(("ob", "fl", "fi", "fn"), "")
        callee, calling = {}, False
        with open(path, errors="replace") as lines:
            for line in lines:
                line = line.rstrip("\n")
                if line[:1] in "0123456789+-*" and line:
                    cost = int(line.split()[1])
                    node = self.node(at["ob"], at["fi"], at["fl"], at["fn"])
                    if not calling:
                        self.own[node] += cost
                        continue
                    file = callee.get("file", at["fi"])
                    self.calls[self.node(callee.get("ob", at["ob"]), file, file, callee["fn"])][node] += cost
                    callee, calling = {}, False
                    continue
                key, equals, value = line.partition("=")
                if not equals or key not in ("ob", "fl", "fi", "fe", "fn", "cob", "cfi", "cfl", "cfn", "calls"):
                    continue
                if key == "calls":
                    calling = True
                    continue
                kind = "ob" if key in ("ob", "cob") else "fn" if key in ("fn", "cfn") else "file"
                name = self.name(names[kind], value)
                if key in ("cob", "cfi", "cfl", "cfn"):
                    callee["file" if kind == "file" else kind] = name
                elif key in ("fi", "fe"):
                    at["fi"] = name
                else:
                    at[key] = name
                    if key == "fl":
                        at["fi"] = name
                    if key == "fn":
                        at["fi"] = at["fl"]
        return self

    @staticmethod
    def name(known, value):
        number, name = NAME.fullmatch(value).groups()
        if name is not None:
            known[number] = name
        return known[number]

    def node(self, ob, file, function_file, function):
        return self.stage_of(ob, file, function_file) or (ob, function)

    def stages(self):
        """Instructions by stage. Code that no stage has called (what starts the program) is `other`."""
        shares = {node: {"other": 1.0} for node in self.own}  # of a node without a stage: {stage: part}, its callers' weighted
        for _ in range(SWEEPS):  # a caller's share may not be settled yet, and calls go in circles
            for node in shares:
                callers = {caller: cost for caller, cost in self.calls[node].items() if caller != node and cost}
                total, parts = sum(callers.values()), collections.Counter()
                for caller, cost in callers.items():
                    for stage, part in ({caller: 1.0} if isinstance(caller, str) else shares.get(caller, {"other": 1.0})).items():
                        parts[stage] += part * cost / total
                if callers and not isinstance(node, str):
                    shares[node] = parts
        found = collections.Counter()
        for node, cost in self.own.items():
            for stage, part in ({node: 1.0} if isinstance(node, str) else shares[node]).items():
                found[stage] += cost * part
        return found
