"""The result as README.md's section on speed shows it: its lines from the date on, to be pasted over the old ones."""
from table import beside


def spread(ratio):
    return f"{ratio['median']:.3f} ({ratio['least']:.3f} to {ratio['most']:.3f})"


def line(case):
    ratio, cpu = case["ratios"].get("copy2"), case.get("client_cpu_ratio_to_copy2")
    cells = [case["name"], case["what"], spread(ratio) if ratio else "1", f"{case['rows_per_second']['median']:,.0f}",
             f"{case['client_cpu_us_per_row']['median']:.1f} us", f"{cpu['median']:.1f}" if cpu else "1",
             f"{case['peak_memory_mb']:.0f} MB", beside(case)]
    return "| " + " | ".join(cells) + " |"


def sizes(scale):
    for size in scale["sizes"]:
        yield (f"- {size['rows']:,} rows: {size['seconds_per_million_rows']['median']:.2f} s and "
               f"{size['client_cpu_us_per_row']['median']:.2f} CPU seconds a million rows, {size['peak_memory_mb']:.0f} MB")


def neighbours(neighbour):
    for variant in neighbour["variants"]:
        yield (f"- {variant['name']}: {variant['p99_ms_alone']:.1f} ms alone, {variant['p99_ms_during']:.1f} ms beside a "
               f"backfill of {variant['rows_per_second']:,.0f} rows/s")


def programs(service):
    for program in service["programs"]:
        run = program["runs"][-1]
        said = f"; `rehearse` had said {run['predicted']:.1f} s" if "predicted" in run else ""
        yield (f"- {program['name']}: {program['of_limit']['median']:.3f} of them ({run['seconds']:.1f} s, "
               f"{run['refused']:.1%} of the units refused{said})")


def text(document):
    """For results without failures only."""
    versions = ", ".join(f"{name} {version}" for name, version in document["versions"].items())
    lines = [f"{document['date'][:10]}, {document['cores']} cores of {document['processor']}, `{document['command']}`, "
             f"{document['rows']:,} rows, {document['rounds']} times each, {versions}:"]
    if document["cases"]:
        lines += ["", "| case | | ratio | rows/s | client CPU a row | over psql's | peak memory | |",
                  "|---|---|---|---|---|---|---|---|", *map(line, document["cases"])]
    if "neighbour" in document:
        lines += ["", "99 of 100 of pgbench's transactions on the same server took at most:", "",
                  *neighbours(document["neighbour"])]
    if "scale" in document:
        lines += ["", "Larger tables:", "", *sizes(document["scale"])]
    if "service" in document:
        service = document["service"]
        lines += ["", f"{service['rows']:,} rows into a new table of the model of DynamoDB's limits, which allow them in "
                  f"{service['least_seconds']:.1f} s:", "", *programs(service)]
    return "\n".join(lines) + "\n"
