"""The table that a bench prints. It judges nothing: goals are for those who read it."""

ROW = "{:<10} {:>7} {:>15} {:>11} {:>9} {:>8} {:>8} {:>8}  {}"


def beside(case):
    """The case beside what it is compared with apart from the COPYs: a slower one is told as how many times slower."""
    for name, ratio in case["ratios"].items():
        if name == "copy2":
            continue
        if ratio["median"] > 0.5:
            return f"{ratio['median']:.3f} of {name} ({ratio['least']:.3f} - {ratio['most']:.3f})"
        return f"{name} is {1 / ratio['median']:.1f} times it ({1 / ratio['most']:.1f} - {1 / ratio['least']:.1f})"
    return ""


def first_line(text):
    return text.partition("\n")[0]


def line(case):
    if "runs" not in case:
        return f"{case['name']:<10} FAILED: {first_line(case['failed'])}"
    ratio, cpu = case["ratios"].get("copy2"), case.get("client_cpu_ratio_to_copy2")
    sink = case.get("sink_cpu_us_per_row")
    return ROW.format(
        case["name"], f"{ratio['median']:.3f}" if ratio else "1", f"{ratio['least']:.3f} - {ratio['most']:.3f}" if ratio else "",
        f"{case['rows_per_second']['median']:,.0f}", f"{case['client_cpu_us_per_row']['median']:.2f}",
        f"{cpu['median']:.2f}" if cpu else "1", f"{sink['median']:.2f}" if sink else "", f"{case['peak_memory_mb']:.1f}",
        f"FAILED in a later round: {first_line(case['failed'])}" if "failed" in case else beside(case)).rstrip()


def head(document):
    return [f"{document['date']}, {document['processor']}, {document['cores']} cores; {document['rows']:,} rows, "
            f"{document['rounds']} {'round' if document['rounds'] == 1 else 'rounds'}, medians of the ratios",
            document["command"], "; ".join(f"{name} {version}" for name, version in document["versions"].items())]


def rated(cases):
    """Ratios are rows a second over those of two COPYs of the same columns just before; x COPY is the client's CPU a row over
    that of psql reading them."""
    if not cases:
        return []
    return ["", ROW.format("case", "ratio", "spread", "rows/s", "client us", "x COPY", "sink us", "peak MB", "").rstrip(),
            *map(line, cases)]
