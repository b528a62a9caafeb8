"""Runs the tests of this folder one after another and prints TAP: see run, which calls it."""
import importlib
import inspect
import pathlib
import signal
import sys
import time
import traceback

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent / "endpoint")]

from place import Place, Skip  # noqa: E402
from servers import Stage  # noqa: E402


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


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    tests = wanted(sys.argv[1:])
    print(f"1..{len(tests)}", flush=True)
    with Stage() as stage:
        stage.seen.whole = not sys.argv[1:]
        results = [run(stage, i + 1, label, test) for i, (label, test) in enumerate(tests)]
    sys.exit(0 if all(results) else 1)


main()
