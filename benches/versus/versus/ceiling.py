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
    while lost - kept > 1:
        middle = (kept + lost) // 2
        point = Point(TARGETS, round(TARGETS * 1000 / RATES[middle]))
        row = points.measure(prober, point, witness, folder, seconds)
        if "error" not in row and row["share"] >= 0.99:
            kept, arrived = middle, row["rate"]
        else:
            lost = middle
    return {"kind": "ceiling", "prober": prober.name, "rate": arrived}


def run(chosen, witness, folder, rounds, seconds, note):
    """Rows of the probers named, in turn."""
    for turn in range(rounds):
        at = turn % len(chosen)
        for prober in chosen[at:] + chosen[:at]:
            row = note(search(prober, witness, folder, seconds) | {"round": turn})
            print(f"  ceiling round {turn + 1}  {prober.name:<18} {row['rate']:,.0f} checks/s", flush=True)
