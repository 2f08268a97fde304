"""The goals, and whether they were met."""

import dataclasses
import statistics

from . import ceiling, tls
from .table import grid, median, ratios

KIB, GIB = 1024.0, 2.0**30
#: Whom the goals that are ratios are about; a ratio to anybody else would say nothing of them.
RIVAL = "haproxy28"
TIMES = f".2f × {RIVAL}"


@dataclasses.dataclass
class Goal:
    """What it is about, the numbers measured, how they are shown, the bound and its sense.

    `failed` counts rounds without a number because we failed, `short` tells that the numbers do not count because checks
    of ours were missing.
    """

    what: str
    values: list
    form: str
    bound: float | None = None
    sense: str = "<="
    failed: int = 0
    short: bool = False
    note: str = ""

    def line(self):
        """The goal as a line of the table; None where nothing was attempted."""
        precision, _, unit = self.form.partition(" ")
        sign = "≤" if self.sense == "<=" else "≥"
        wanted = "" if self.bound is None else f"{sign} {self.bound:g} {unit}"
        if not self.values:
            if self.failed:
                return [self.what, wanted, "failed", f"{self.failed} failed", "MISS"]
            return [self.what, wanted, "-", "", self.note] if self.note else None
        # What must never happen is judged by the worst round, everything else by the median.
        middle = max(self.values) if self.bound == 0 else statistics.median(self.values)
        good = self.bound is None or (middle <= self.bound if self.sense == "<=" else middle >= self.bound)
        verdict = "pass" if good and not self.failed and not self.short else "MISS"
        rounds = f"{min(self.values):{precision}}-{max(self.values):{precision}}, {len(self.values)}"
        rounds += f", {self.failed} failed" if self.failed else ""
        remarks = [verdict] if self.bound is not None else []
        remarks += [self.note] if self.note else []
        return [self.what, wanted, f"{middle:{precision}} {unit}", rounds, "; ".join(remarks)]


class Measured:
    """The rows of a run, as goals ask for them."""

    def __init__(self, rows, ours):
        self.rows, self.ours = rows, ours

    def of(self, prober, kind, **want):
        """The rows of a prober."""
        return [
            row
            for row in self.rows
            if row.get("kind", "point") == kind
            and row["prober"] == prober
            and all(row.get(key) == value for key, value in want.items())
        ]

    def mine(self, kind, **want):
        """Our rows."""
        return self.of(self.ours, kind, **want)

    def ratio(self, what, kind, of, bound, sense, **want):
        """A goal that is a ratio to the rival, each within its round."""
        own, theirs = self.mine(kind, **want), self.of(RIVAL, kind, **want)
        goal = Goal(what, ratios(own + theirs, self.ours, RIVAL, of), TIMES, bound, sense, failures(own))
        remarks = []
        for name, found in ((RIVAL, theirs), (self.ours, own)):
            share = median(found, lambda row: row.get("share"))
            if share is not None and share < 0.99:
                remarks.append(f"{share:.1%} of {name}'s checks arrived")
                goal.short |= name == self.ours
            if any(map(ceiling.witness_bound, found)):
                remarks.append(f"{name} witness-bound")
        if len(set(tls.negotiated(own + theirs).values())) > 1:
            remarks.append("negotiated differently")
        if own and not goal.values:
            remarks.append(f"not judged: {RIVAL} {'failed' if theirs else 'was not available or not asked for'}")
        goal.note = ", ".join(remarks)
        return goal


def failures(chosen):
    """How many rounds failed."""
    return sum("error" in row for row in chosen)


def each(what, chosen, of, form, bound=None, sense="<=", note=""):
    """A goal about one number of every row."""
    values = [value for row in chosen if "error" not in row and (value := of(row)) is not None]
    return Goal(what, values, form, bound, sense, failures(chosen), note=note)


def speed(measured):
    """CPU, and what is made of it."""
    for point, most in (("10k@10k", 0.80), ("1k@1k", 0.60), ("100k@20k", 0.80)):
        yield measured.ratio(f"CPU per check, {point}", "point", lambda row: row["cpu_us"], most, "<=", point=point)
    large = measured.mine("point", point="100k@20k")
    yield each("share of 100k@20k that arrived", large, lambda row: row["share"] * 100, ".2f %", 99.9, ">=")
    yield measured.ratio("highest rate kept, one core", "ceiling", lambda row: row["rate"], 1.25, ">=")
    yield each("the same", measured.mine("ceiling"), lambda row: row["rate"], ".0f /s")
    for key, point in (("RSA-2048", "1k@500+rsa"), ("P-256", "1k@500+p256")):
        what = f"CPU per check, HTTPS, {key}"
        yield measured.ratio(what, "tls", lambda row: row["cpu_us"], 1.0, "<=", point=point)


def pace(measured):
    """When checks come, what targets cost, and how all begins."""
    busy, large = measured.mine("point", point="10k@10k"), measured.mine("point", point="100k@20k")
    yield each("interval error p99, 10k@10k", busy, lambda row: row["error_p99"], ".2f ms", 2.0)
    yield each("drift per interval, 10k@10k", busy, lambda row: abs(row["drift"]), ".3f ms", 0.05)
    for point in ("10k@10k", "1k@1k", "100k@20k"):
        found = measured.mine("point", point=point)
        yield each(f"burst in 10 ms p99, {point}", found, lambda row: row["burst"]["p99"], ".2f × mean", 1.2)
        first = "the same in the first interval"
        yield each(first, found, lambda row: row["first_burst"]["p99"], ".2f × mean", 1.2)
    if small := median(busy, lambda row: row["memory"]):
        slope = "memory per target, 10k to 100k"
        yield each(slope, large, lambda row: (row["memory"] - small) / 90_000 / KIB, ".2f KiB", 0.5)
    yield each("start with 100k: first check", large, lambda row: row["first_s"], ".2f s", 0.5)
    yield each("start with 100k: all checked", large, lambda row: row["every_s"], ".2f s", 5.5)


def beyond(measured):
    """Reload, detection, metrics, a million."""
    changed = measured.mine("reload")
    yield each("reload of 100k, 1 % changed", changed, lambda row: row["seconds"], ".2f s", 0.5)
    yield each("lateness meanwhile, at most", changed, lambda row: row["error_max"], ".1f ms", 20.0)
    yield each("targets whose state moved", changed, lambda row: row["moved"], ".0f", 0)
    answered, silent = measured.mine("detection", mode="500"), measured.mine("detection", mode="never")
    yield each("deciding check to event, p99", answered, lambda row: row["delay_p99"], ".1f ms", 60.0)
    yield each("silent target: lag p99", silent, lambda row: row["lag_p99"], ".1f ms", 10.0)
    theirs = measured.of(RIVAL, "detection", mode="never")
    yield each(f"the same, {RIVAL}", theirs, lambda row: row["lag_p99"], ".1f ms")
    yield each("turned and not reported", answered + silent, lambda row: row["missing"], ".0f", 0)
    yield each("reported without cause", answered + silent, lambda row: row["false"], ".0f", 0)
    meanwhile = "interval error p99 meanwhile"
    plain, full = measured.mine("scrape", limit=0), measured.mine("scrape", limit=1_000_000)
    yield each("/metrics, 100k, per group", plain, lambda row: row["seconds"] * 1000, ".1f ms", 20.0)
    yield each(meanwhile, plain, lambda row: row["error_p99"], ".2f ms", 5.0, note=beside(plain))
    yield each("/metrics, 100k, per target", full, lambda row: row["seconds"], ".2f s", 1.0)
    yield each(meanwhile, full, lambda row: row["error_p99"], ".2f ms", 5.0, note=beside(full))
    most = measured.mine("million")
    yield each("1M at 60 s, two cores: arrived", most, lambda row: row["share"] * 100, ".2f %", 99.0, ">=")
    yield each("1M at 60 s: memory at its peak", most, lambda row: row["peak"] / GIB, ".2f GiB", 1.2)


def beside(scrapes):
    """What else has to be known of the interval errors while metrics are asked for: whether the machine was the limit."""
    calm = median(scrapes, lambda row: row["calm_error_p99"])
    if calm is None:
        return ""
    share, busy = (median(scrapes, lambda row: row[name]) for name in ("share", "busy"))
    return f"{calm:.2f} ms before; {share:.1%} arrived, {busy:.2f} cores busy"


def report(rows, ours):
    """The table of goals; what was not attempted is left out, what failed is a miss."""
    measured = Measured(rows, ours)
    lines = [line for part in (speed, pace, beyond) for goal in part(measured) if (line := goal.line())]
    if not lines:
        return ""
    table = [["goal", "wanted", "measured", "(rounds)", ""], *lines]
    widest = max(len(line[-1]) for line in table)
    return grid([[*line[:-1], line[-1].ljust(widest)] for line in table])
