"""What a whole run of the integration tests has seen: the plans that really ran, and the reasons of rejects. test_coverage.py
asks it whether something of the language was never tried."""
import os
import pathlib
import subprocess
import tempfile

RAN = (0, 5)  # exit codes of a run that was done; 5: with rejects


class Seen:
    def __init__(self):
        self.whole = False  # whether all tests run
        self.plans = set()
        self.reasons = set()

    def note(self, arguments, plan, result):
        """After a run of hlua."""
        if result.code in RAN and plan and "check" not in arguments:
            self.plans.add(plan)
        self.reasons |= {line["reason"] for line in result.lines if "reason" in line and "key" in line}

    def unused(self, program):
        """By hlua, `program`: the fields, arguments, options and values that no plan has used."""
        with tempfile.TemporaryDirectory(prefix="hlua-plans.") as folder:
            files = []
            for i, text in enumerate(sorted(self.plans)):
                files.append(pathlib.Path(folder) / f"{i}.lua")
                files[-1].write_text(text)
            script = pathlib.Path(__file__).parent / "fields.lua"
            told = subprocess.run([program, script, *files], capture_output=True, text=True, timeout=600,
                                  env={**os.environ, "HLUA_SOURCE": "a source"})
        if told.returncode:
            raise RuntimeError(told.stderr)
        return [line.split(" ", 1)[1] for line in told.stdout.splitlines() if line.startswith("unused ")]
