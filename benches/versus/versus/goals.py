"""The goals, and whether they were met."""

import statistics

from .table import grid, median, ratios

KIB, GIB = 1024.0, 2.0**30


def goals(rows, ours, rival):
    """For each goal: what it is about, the numbers measured, how they are shown, the bound and its sense."""
    def mine(kind, **want):
        return [
            row
            for row in rows
            if row.get("kind", "point") == kind
            and row["prober"] == ours
            and all(row.get(key) == value for key, value in want.items())
        ]

    def cpu(kind, point):
        found = [row for row in rows if row.get("kind", "point") == kind and row["point"] == point]
        return failed(mine(kind, point=point)) or ratios(found, ours, rival, lambda row: row["cpu_us"])

    def each(chosen, of):
        return failed(chosen) or [of(row) for row in chosen if "error" not in row and of(row) is not None]

    busy, large = mine("point", point="10k@10k"), mine("point", point="100k@20k")
    times = f"× {rival}"
    for point, most in (("10k@10k", 0.80), ("1k@1k", 0.60), ("100k@20k", 0.80)):
        yield f"CPU per check, {point}", cpu("point", point), f".2f {times}", most, "<="
    yield "share of 100k@20k that arrived", each(large, lambda row: row["share"] * 100), ".2f %", 99.9, ">="
    ceiling = ratios([row for row in rows if row.get("kind") == "ceiling"], ours, rival, lambda row: row["rate"])
    yield "highest rate kept, one core", ceiling, f".2f {times}", 1.25, ">="
    yield "the same", each(mine("ceiling"), lambda row: row["rate"]), ".0f /s", None, ""
    for key, point in (("RSA-2048", "1k@500+rsa"), ("P-256", "1k@500+p256")):
        yield f"CPU per check, HTTPS, {key}", cpu("tls", point), f".2f {times}", 1.0, "<="
    yield "interval error p99, 10k@10k", each(busy, lambda row: row["error_p99"]), ".2f ms", 2.0, "<="
    yield "drift per interval, 10k@10k", each(busy, lambda row: abs(row["drift"])), ".3f ms", 0.05, "<="
    for point in ("10k@10k", "1k@1k", "100k@20k"):
        found = mine("point", point=point)
        yield f"burst in 10 ms p99, {point}", each(found, lambda row: row["burst"]["p99"]), ".2f × mean", 1.2, "<="
        start = each(found, lambda row: row["first_burst"]["p99"])
        yield "the same in the first interval", start, ".2f × mean", 1.2, "<="
    small = median(busy, lambda row: row["memory"])
    slope = each(large, lambda row: (row["memory"] - small) / 90_000 / KIB) if small else []
    yield "memory per target, 10k to 100k", slope, ".2f KiB", 0.5, "<="
    yield "start with 100k: first check", each(large, lambda row: row["first_s"]), ".2f s", 0.5, "<="
    yield "start with 100k: all checked", each(large, lambda row: row["every_s"]), ".2f s", 5.5, "<="
    changed = mine("reload")
    yield "reload of 100k, 1 % changed", each(changed, lambda row: row["seconds"]), ".2f s", 0.5, "<="
    yield "lateness meanwhile, at most", each(changed, lambda row: row["error_max"]), ".1f ms", 20.0, "<="
    yield "targets whose state that moved", each(changed, lambda row: row["moved"]), ".0f", 0, "<="
    answered, silent = mine("detection", mode="500"), mine("detection", mode="never")
    yield "deciding check to event, p99", each(answered, lambda row: row["delay_p99"]), ".1f ms", 60.0, "<="
    yield "silent target: lag p99", each(silent, lambda row: row["lag_p99"]), ".1f ms", 10.0, "<="
    theirs = [row for row in rows if row["prober"] == rival and row.get("mode") == "never"]
    yield f"the same, {rival}", each(theirs, lambda row: row["lag_p99"]), ".1f ms", None, ""
    plain, full = mine("scrape", limit=0), mine("scrape", limit=1_000_000)
    yield "/metrics, 100k, per group", each(plain, lambda row: row["seconds"] * 1000), ".1f ms", 20.0, "<="
    yield "/metrics, 100k, per target", each(full, lambda row: row["seconds"]), ".2f s", 1.0, "<="
    yield "interval error p99 meanwhile", each(plain + full, lambda row: row["error_p99"]), ".2f ms", 5.0, "<="
    most = mine("million")
    yield "1M at 60 s, two cores: arrived", each(most, lambda row: row["share"] * 100), ".2f %", 99.0, ">="
    yield "1M at 60 s: memory at its peak", each(most, lambda row: row["peak"] / GIB), ".2f GiB", 1.2, "<="


def failed(chosen):
    """Why there is no number, where there were attempts and all of them failed."""
    errors = [row["error"] for row in chosen if "error" in row]
    return errors[0] if errors and len(errors) == len(chosen) else None


def report(rows, ours, rival):
    """The table of goals; what was not measured is left out, what failed is a miss."""
    table = [["goal", "wanted", "measured", "(rounds)", ""]]
    for what, values, form, bound, sense in goals(rows, ours, rival):
        if not values:
            continue
        precision, _, unit = form.partition(" ")
        wanted = "" if bound is None else f"{'≤' if sense == '<=' else '≥'} {bound:g} {unit}"
        if isinstance(values, str):
            table.append([what, wanted, "failed", "", "MISS"])
            continue
        middle = statistics.median(values)
        good = bound is None or (middle <= bound if sense == "<=" else middle >= bound)
        verdict = "" if bound is None else "pass" if good else "MISS"
        spread = f"{min(values):{precision}}-{max(values):{precision}}, {len(values)}"
        table.append([what, wanted, f"{middle:{precision}} {unit}", spread, verdict])
    return grid(table) if len(table) > 1 else ""
