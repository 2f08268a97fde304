"""Tables for people."""

import statistics


def line(row):
    """One measurement, as soon as it is there."""
    head = f"  {row['point']:>9} round {row['round'] + 1}  {row['prober']:<18}"
    if "error" in row:
        return f"{head} {row['error']}"
    return (
        f"{head} {row['cpu_us']:6.1f} µs/check  {row['share']:7.2%} arrived  "
        f"error p99 {row['error_p99']:6.2f} ms  burst {row['burst']['p99']:.2f}"
    )


def median(rows, of):
    """The median of what `of` makes of the rows that have it; None where none has."""
    values = [value for row in rows if "error" not in row and (value := of(row)) is not None]
    return statistics.median(values) if values else None


def ratios(rows, prober, rival, of):
    """The ratios of a prober to a rival, each within its round."""
    def by_round(name):
        return {row["round"]: of(row) for row in rows if row["prober"] == name and "error" not in row}

    ours, theirs = by_round(prober), by_round(rival)
    return [ours[turn] / theirs[turn] for turn in sorted(ours.keys() & theirs.keys()) if theirs[turn]]


def number(value, form):
    """A number in a form, a dash where there is none."""
    return "-" if value is None else format(value, form)


def medians(rows, points, chosen):
    """The medians of every prober at every point, with ratios to the first prober."""
    rival = chosen[0].name
    head = [
        "µs/check", f"× {rival}", "(rounds)", "arrived", "error p50", "p99", "max ms", "drift ms", "burst p99", "in 1 ms",
        "first", "KiB/target",
    ]
    text = []
    for point in points:
        here = [row for row in rows if row["point"] == str(point)]
        table = [[f"{point}", *head]]
        for prober in chosen:
            mine = [row for row in here if row["prober"] == prober.name]
            if all("error" in row for row in mine):
                table.append([prober.name, f"failed: {mine[0]['error']}"])
                continue
            to = ratios(here, prober.name, rival, lambda row: row["cpu_us"])
            table.append([
                prober.name,
                number(median(mine, lambda row: row["cpu_us"]), ".1f"),
                number(statistics.median(to) if to else None, ".2f"),
                f"{min(to):.2f}-{max(to):.2f}" if to else "-",
                number(median(mine, lambda row: row["share"]), ".1%"),
                number(median(mine, lambda row: row["error_p50"]), ".2f"),
                number(median(mine, lambda row: row["error_p99"]), ".2f"),
                number(median(mine, lambda row: row["error_max"]), ".1f"),
                number(median(mine, lambda row: row["drift"]), "+.2f"),
                number(median(mine, lambda row: row["burst"]["p99"]), ".2f"),
                number(median(mine, lambda row: row["fine_burst"]["p99"]), ".2f"),
                number(median(mine, lambda row: row["first_burst"]["p99"]), ".2f"),
                number(median(mine, lambda row: row["memory"] / 1024 / row["targets"]), ".2f"),
            ])
        text.append(grid(table))
    others = median(rows, lambda row: row["others"])
    if others is not None and others > 0.1:
        text.append(f"other work kept {others:.2f} cores busy meanwhile: look at ratios, not at numbers\n")
    return "\n".join(["", *text])


def grid(table):
    """Columns as wide as they need to be; the first to the left, the others to the right."""
    most = max(map(len, table))
    whole = [line for line in table if len(line) == most]
    widths = [max(len(line[at]) for line in whole) for at in range(most)]
    widths[0] = max(len(line[0]) for line in table)
    lines = []
    for line in table:
        rest = [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])] if len(line) == most else line[1:]
        lines.append("  ".join([line[0].ljust(widths[0]), *rest]).rstrip())
    return "\n".join(lines) + "\n"
