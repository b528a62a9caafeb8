"""Runs the tests of this folder and prints TAP: see run, which calls it. One after another; of the whole suite those files whose tests
mostly wait run beside the others, in processes of their own with servers of their own."""
import importlib
import inspect
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import traceback

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent / "endpoint")]

from place import Place, Skip  # noqa: E402
from servers import Stage  # noqa: E402


# A process each. Files that hold a rate against a clock share the first, which goes before all others: these are nice.
WAITING = (("pace", "rehearse"), ("control", "faults", "outages", "policies", "source_load", "templated_targets"))
NICE = 5
BESIDE = "--beside"  # first argument of such a process; then the number of its first test, and the files


def tests_of(name):
    """(label, function) of a file's tests, in the order in which they stand there."""
    module = importlib.import_module("test_" + name)
    found = [(n[len("test_"):], f) for n, f in vars(module).items()
             if n.startswith("test_") and inspect.isfunction(f) and f.__module__ == module.__name__]
    return [(f"{name}.{label}", f) for label, f in found]


def wanted(names):
    here = [p.stem[len("test_"):] for p in pathlib.Path(__file__).parent.glob("test_*.py")]
    here.sort(key=lambda name: (name == "coverage", name))  # it asks what the others have seen
    if not names:
        return [t for name in here for t in tests_of(name)]
    tests = []
    for name in names:
        file, _, label = name.partition(".")
        if file not in here:
            sys.exit(f"Bail out! no tests named {name}; there are {', '.join(here)}")
        found = [t for t in tests_of(file) if not label or t[0] == name]
        if not found:
            sys.exit(f"Bail out! no test named {name}; there are {', '.join(label for label, _ in tests_of(file))}")
        tests += found
    return tests


def run(stage, number, label, test):
    """One line of TAP, and what explains a failure; true when it passed or was skipped."""
    begin = time.monotonic()
    note, problem = "", ""
    place = None
    try:
        place = Place(stage, number)
        test(place)
    except Skip as skip:
        note = f" # SKIP {skip}"
    except Exception:
        problem = traceback.format_exc()
    finally:
        if place:
            place.close()
    took = time.monotonic() - begin
    print(f"{'not ok' if problem else 'ok'} {number} - {label} ({took:.1f} s){note}")
    if problem:
        print("".join(f"# {line}\n" for line in problem.rstrip().split("\n")), end="")
    sys.stdout.flush()
    return not problem


def run_all(tests, first, seen=None):
    """Runs tests in a stage of their own, numbered from `first`; returns whether all passed, and what was seen."""
    with Stage() as stage:
        if seen is not None:
            stage.seen = seen
        results = [run(stage, first + i, label, test) for i, (label, test) in enumerate(tests)]
    return all(results), stage.seen


def tests_in(files):
    return [t for name in files for t in tests_of(name)]


def beside(first, files):
    """A process beside the first: what its tests have seen is its last line."""
    passed, seen = run_all(tests_in(files), first)
    print(json.dumps({"plans": sorted(seen.plans), "reasons": sorted(seen.reasons)}), flush=True)
    return passed


class Beside:
    """Such a process, from outside; its output is kept until it has ended."""

    def __init__(self, first, files):
        self.out = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([sys.executable, __file__, BESIDE, str(first), *files], stdout=self.out)

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def end(self, seen):
        """Waits, prints what it printed, adds what it has seen; returns whether all passed."""
        code = self.process.wait()
        self.out.seek(0)
        lines = self.out.read().splitlines()
        print("\n".join(lines[:-1]), flush=True)
        theirs = json.loads(lines[-1])
        seen.plans |= set(theirs["plans"])
        seen.reasons |= set(theirs["reasons"])
        return code == 0


def whole_suite():
    tests, waiting = wanted([]), [tests_in(files) for files in WAITING]
    last = tests_of("coverage")
    here = [t for t in tests if not any(t in theirs for theirs in [last, *waiting])]
    print(f"1..{len(tests)}", flush=True)
    others, number = [], len(here) + 1
    try:
        for files, theirs in zip(WAITING, waiting):
            others.append(Beside(number, files))
            number += len(theirs)
            if files is WAITING[0]:
                os.nice(NICE)  # this process, and those that it starts from here on
        passed, seen = run_all(here, 1)
        passed = all([other.end(seen) for other in others]) and passed
    finally:
        for other in others:
            other.stop()
    seen.whole = True
    return run_all(last, number, seen)[0] and passed


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    names = sys.argv[1:]
    if names[:1] == [BESIDE]:
        passed = beside(int(names[1]), names[2:])
    elif names:
        tests = wanted(names)
        print(f"1..{len(tests)}", flush=True)
        passed = run_all(tests, 1)[0]
    else:
        passed = whole_suite()
    sys.exit(0 if passed else 1)


main()
