"""How long each of many calls takes: the contestants' turns alternate, and what is slow now and then is seen."""

import csv

from contestant import ONNX, OURS, Contestant

SHARES = ["p50", "p99", "p99.9", "longest"]
FIELDS = ["scheme", "dim", "depth", "shape", "contestant", "calls", *SHARES]
TURNS = 20


def measure(cell, problem, calls, build, core_type):
    """One row for this library and one for each way of writing attention in the ONNX graph, in microseconds."""
    contestants = [Contestant(name, build, cell.threads, core_type) for name in [OURS, *ONNX]]
    try:
        for contestant in contestants:
            contestant.load(problem)
            contestant.time(100, 0)
        for _ in range(TURNS):
            for contestant in contestants:
                contestant.latency(calls // TURNS)
        for contestant in contestants:
            times = [f"{1e6 * seconds:.1f}" for seconds in contestant.percentiles()]
            start = [cell.scheme, cell.dim, cell.depth, cell.shape, contestant.name, calls // TURNS * TURNS]
            yield dict(zip(FIELDS, start + times))
    finally:
        for contestant in contestants:
            contestant.close()


def write(path, rows):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        writer.writerows(rows)
