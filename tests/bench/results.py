"""Rounds of cases beside their references, and what comes of them."""
import dataclasses
import statistics

from cases import BY_NAME, Copy
from place import Failure, say


def spread(values):
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


class Measurement:
    """The runs of one case, each with those of its references just before it."""

    def __init__(self, case, dataset):
        self.case, self.dataset = case, dataset
        self.runs, self.beside = [], {name: [] for name in case.references}
        self.failed = None

    def round(self, place):
        """One run of each reference and of the case; on a failure nothing is kept, and no more is tried."""
        try:
            beside = {name: BY_NAME[name].run(place, self.dataset) for name in self.case.references}
            run = self.case.run(place, self.dataset)
        except Failure as failure:
            self.failed = str(failure)
            say(f"FAILED: {self.failed}")
            return
        self.runs.append(run)
        for name, reference in beside.items():
            self.beside[name].append(reference)
        ratios = ", ".join(f"{run.rate / reference.rate:.3f} of {name}" for name, reference in beside.items())
        say(f"{self.case.name}: {run.rate:,.0f} rows/s{', ' if ratios else ''}{ratios}")

    def summary(self):
        """As build/bench.json has it."""
        document = {"name": self.case.name, "what": self.case.what, "rows": self.dataset.rows}
        if self.failed:
            document["failed"] = self.failed
        if not self.runs:
            return document
        document |= {
            "rows": self.runs[0].rows,
            "ratios": {name: spread([run.rate / reference.rate for run, reference in zip(self.runs, references)])
                       for name, references in self.beside.items()},
            "rows_per_second": spread([run.rate for run in self.runs]),
            "seconds_per_million_rows": spread([run.seconds * 1e6 / run.rows for run in self.runs]),
            "client_cpu_us_per_row": spread([run.cpu * 1e6 / run.rows for run in self.runs]),
            "peak_memory_mb": max(run.memory_mb for run in self.runs),
        }
        if "copy2" in self.beside:
            document["client_cpu_ratio_to_copy2"] = spread(
                [run.cpu / run.rows / (copy.cpu / copy.rows) for run, copy in zip(self.runs, self.beside["copy2"])])
        if not isinstance(self.case, Copy):
            document["sink_cpu_us_per_row"] = spread([run.sink_cpu * 1e6 / run.rows for run in self.runs])
            document["item_bytes"] = self.runs[0].item_bytes
        document["runs"] = [
            {**dataclasses.asdict(run), "beside": {name: dataclasses.asdict(self.beside[name][n]) for name in self.beside}}
            for n, run in enumerate(self.runs)]
        return document


def measure(place, cases, rows=None):
    """Runs the cases in turn, as often as RUNS says; returns their summaries. `rows`: as Place.dataset."""
    measurements = []
    for case in cases:
        say(f"{case.name}: {case.what}")
        measurements.append(Measurement(case, place.dataset(case.data, rows)))
    for number in range(place.runs if cases else 0):
        say(f"round {number + 1} of {place.runs}")
        for measurement in measurements:
            if not measurement.failed:
                measurement.round(place)
    return [measurement.summary() for measurement in measurements]
