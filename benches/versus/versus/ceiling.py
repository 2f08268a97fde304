"""The highest rate of which 99 % arrives, on one core."""

from . import point as points
from .probers import Point

TARGETS = 50_000
#: Rates tried: each 4 % above the one before.
RATES = [round(3_000 * 1.04**step) for step in range(90)]


def search(prober, witness, folder, seconds):
    """Halves the list of rates until it is known which is the last one kept."""
    kept, lost = -1, len(RATES)
    arrived = 0.0
    # The witness's share of its core at the last rate kept and at the first one lost, between which the limit is.
    shares = {}
    while lost - kept > 1:
        middle = (kept + lost) // 2
        point = Point(TARGETS, round(TARGETS * 1000 / RATES[middle]))
        row = points.measure(prober, point, witness, folder, seconds)
        shares[middle] = row.get("witness_share", 0.0)
        if "error" not in row and row["share"] >= 0.99:
            kept, arrived = middle, row["rate"]
        else:
            lost = middle
    witness_share = max(shares.get(kept, 0.0), shares.get(lost, 0.0))
    return {"kind": "ceiling", "prober": prober.name, "rate": arrived, "witness_share": witness_share}


def witness_bound(row):
    """Whether the witness had so little left that the rate may be its limit, and not the prober's."""
    return row.get("witness_share", 0.0) > 0.9


def run(chosen, witness, folder, rounds, seconds, note):
    """Rows of the probers named, in turn."""
    for turn in range(rounds):
        at = turn % len(chosen)
        for prober in chosen[at:] + chosen[:at]:
            row = note(search(prober, witness, folder, seconds) | {"round": turn})
            bound = "  witness-bound" if witness_bound(row) else ""
            print(f"  ceiling round {turn + 1}  {prober.name:<18} {row['rate']:,.0f} checks/s  "
                  f"witness {row['witness_share']:.0%} busy{bound}", flush=True)
