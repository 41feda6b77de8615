"""The Markdown report of a run, from its rows."""

import math
from collections import defaultdict

from cells import CLASSES
from contestant import ONNX, OURS, TORCH
from latency import SHARES

SCHEMES = {"post_ln": "Post-LN", "pre_ln": "Pre-LN", "resi_dual": "ResiDual"}
COLUMNS = [("infer", TORCH, "libtorch"), ("infer", ONNX, "ONNX Runtime"), ("train", TORCH, "libtorch")]


def by_cell(rows):
    """{cell: {contestant: row}}, a cell as (scheme, mode, dim, depth, shape, threads, class)."""
    cells = defaultdict(dict)
    for row in rows:
        key = tuple(row[k] for k in ("scheme", "mode", "dim", "depth", "shape", "threads", "class"))
        cells[key][row["contestant"]] = row
    return cells


def best_ratio(found, peers):
    """The ratio of the fastest of the peers that took part."""
    return min((float(found[peer]["ratio"]) for peer in peers if peer in found), default=None)


def summary(ratios):
    if not ratios:
        return ""
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    return f"{mean:.2f} ({min(ratios):.2f})"


def table(head, body):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in body]) + "\n"


def class_table(cells, scheme, classes, threads):
    """A class a row: for each column and number of threads the geometric mean and the lowest ratio."""
    head = ["class"] + [f"{mode}, {peer}, {t} thr." for mode, _, peer in COLUMNS for t in threads]
    body = []
    for name in classes:
        entries = [
            summary([
                ratio
                for key, found in cells.items()
                if (key[0], key[1], key[5], key[6]) == (scheme, mode, t, name)
                and (ratio := best_ratio(found, peers)) is not None
            ])
            for mode, peers, _ in COLUMNS
            for t in threads
        ]  # fmt: skip
        if any(entries):
            body.append([name, *entries])
    return table(head, body)


def cell_table(cells):
    peers = TORCH + ONNX
    head = ["scheme", "mode", "d", "layers", "batch x n", "threads", "us", "GFLOP/s", "% of peak", *peers]
    body = []
    for key, found in cells.items():
        scheme, mode, dim, depth, shape, threads, _ = key
        ours = found[OURS]
        start = [SCHEMES[scheme], mode, dim, depth, shape, threads]
        numbers = [ours["microseconds"], ours["gflops"], ours["percent_of_peak"]]
        body.append(start + numbers + [found[p]["ratio"][:-2] if p in found else "" for p in peers])
    return table(head, body)


def memory_table(rows):
    head = ["scheme", "mode", "d", "layers", "batch x n", "contestant", "MiB of a step", "MiB of the process"]
    keys = ["mode", "dim", "depth", "shape", "contestant", "step_mib", "peak_mib"]
    return table(head, [[SCHEMES[row["scheme"]], *(row[k] for k in keys)] for row in rows])


def latency_table(rows):
    head = ["scheme", "d", "layers", "batch x n", "contestant", "calls", *SHARES]
    keys = ["dim", "depth", "shape", "contestant", "calls", *SHARES]
    return table(head, [[SCHEMES[row["scheme"]], *(row[k] for k in keys)] for row in rows])


def markdown(notes, rows, memory_rows, latency_rows):
    cells = by_cell(rows)
    threads = sorted({key[5] for key in cells})
    parts = ["# This library beside its peers\n", "\n".join(f"- {note}" for note in notes) + "\n"]
    parts.append(
        "A ratio is a peer's time over this library's, more than 1 where this library is faster: the median over "
        "rounds in which each has its turn. Classes show the geometric mean and, in brackets, the lowest cell, each "
        "against the faster of libtorch's two frontends, and of the ways of writing attention in the ONNX graph.\n"
    )
    for scheme, title in SCHEMES.items():
        if any(key[0] == scheme for key in cells):
            parts.append(f"## {title}\n\n" + class_table(cells, scheme, CLASSES + ["long", "ragged"], threads))
    if memory_rows:
        parts.append(
            "## Peak memory\n\nOf a step: beside weights, gradients, input and the warmed-up process.\n\n"
            + memory_table(memory_rows)
        )
    if latency_rows:
        parts.append("## Latency\n\nMicroseconds of one call, inference.\n\n" + latency_table(latency_rows))
    parts.append("## Cells\n\nThe last columns are ratios.\n\n" + cell_table(cells))
    return "\n".join(parts)
