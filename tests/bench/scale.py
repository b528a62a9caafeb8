"""Whether a row costs the same in a large table as in a small one: templates at 100,000, 1,000,000 and 10,000,000 rows (10 GB
of disk, in a database of its own that grows from size to size). SCALE names other sizes."""
import dataclasses
import os

import results
from cases import BY_NAME

SIZES = "100000 1000000 10000000"


def measure(place):
    sizes = sorted(int(size) for size in os.environ.get("SCALE", SIZES).replace(",", " ").split())
    case = dataclasses.replace(BY_NAME["templates"], data="scale")
    return {"sizes": [results.measure(place, [case], rows)[0] for rows in sizes]}


def failures(section):
    return [size["failed"] for size in section["sizes"] if "failed" in size]


def table(section):
    row = "{:>12} {:>12} {:>12} {:>14} {:>8}  {}"
    lines = ["", row.format("scale: rows", "s a million", "CPU s", "ratio to copy2", "peak MB", "s a row over the first's")]
    done = [size for size in section["sizes"] if "runs" in size]
    for size in done:
        seconds = size["seconds_per_million_rows"]["median"]
        lines.append(row.format(f"{size['rows']:,}", f"{seconds:.3f}", f"{size['client_cpu_us_per_row']['median']:.3f}",
                                f"{size['ratios']['copy2']['median']:.3f}", f"{size['peak_memory_mb']:.1f}",
                                f"{seconds / done[0]['seconds_per_million_rows']['median']:.3f}"))
    return lines + [f"FAILED: {text}" for text in failures(section)]
