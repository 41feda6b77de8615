"""Peak memory: each contestant alone in a fresh process."""

import csv

from contestant import Contestant, who_can

FIELDS = ["scheme", "mode", "dim", "depth", "shape", "contestant", "before_mib", "step_mib", "peak_mib"]


def measure(cell, small, problem, build, peers, core_type):
    """One row a contestant. step_mib is what steps need beside weights, input and the process itself: libraries and
    pools are warmed up with a small problem first. In training all hold gradients, which are taken off."""
    gradients = 4 * parameter_count(cell) / 2**20 if cell.mode == "train" else 0
    for name in who_can(cell, peers):
        contestant = Contestant(name, build, cell.threads, core_type)
        try:
            contestant.load(small)
            contestant.memory(2)
            contestant.load(problem)
            before, peak = (kib / 1024 for kib in contestant.memory(3))
        finally:
            contestant.close()
        held = 0 if name == "residual" else gradients  # this library's exist before the steps
        numbers = [f"{value:.1f}" for value in (before, peak - before - held, peak)]
        yield dict(zip(FIELDS, [cell.scheme, cell.mode, cell.dim, cell.depth, cell.shape, name, *numbers]))


def parameter_count(cell):
    d = cell.dim
    return cell.depth * (12 * d * d + 13 * d) + (0 if cell.scheme == "post_ln" else 2 * d)


def write(path, rows):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        writer.writerows(rows)
