#!/usr/bin/python3
"""Builds this library's worker and its peers', checks that all compute the same, and times them round by round.

Needs setup.sh once. Writes times.csv, memory.csv, latency.csv and report.md to the build folder's results/.
"""

import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import agreement
import blas
import cells
import latency
import machine
import memory
import options
import problem
import report
import timing
from contestant import HERE, OURS, Contestant, who_can


def build(folder):
    subprocess.run(["cmake", "-S", HERE, "-B", folder, "-G", "Ninja"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", folder], check=True)


class Field:
    """All contestants' processes, started when first needed."""

    def __init__(self, build_folder, peers, core_type):
        self.build, self.peers, self.core_type, self.running = build_folder, peers, core_type, {}

    def of(self, cell):
        found = []
        for name in who_can(cell, self.peers):
            key = name, cell.threads
            if key not in self.running:
                self.running[key] = Contestant(name, self.build, cell.threads, self.core_type)
            found.append(self.running[key])
        return found

    def drop(self, cell):
        """After an error: the next cell starts these anew."""
        for key in [(name, cell.threads) for name in who_can(cell, self.peers)]:
            if key in self.running:
                self.running.pop(key).close()


def run_cell(cell, field, folder, chosen, peaks):
    """The cell's rows, and the worst errors between contestants."""
    path = folder / "problem.safetensors"
    problem.write(path, cell)
    contestants = field.of(cell)
    ours = next(c for c in contestants if c.name == OURS)
    for contestant in contestants:
        contestant.load(path)
    errors = agreement.check(contestants, ours, folder)
    rows = [] if chosen.check else list(timing.rows(cell, contestants, ours, chosen.seconds, peaks))
    return rows, errors


def progress(done, total, started, cell, text):
    spent = time.monotonic() - started
    left = spent / done * (total - done)
    print(f"[{100 * done / total:3.0f} %, {left / 60:.0f} min left] {cell}: {text}", flush=True)


def cost(cell, chosen):
    """About the seconds that a cell takes: its files, the agreement, and its rounds, three of its steps at least."""
    contestants = len(who_can(cell, chosen.peer))
    files = contestants * 1e-6 * cell.depth * cell.dim**2
    steps = 1e-11 * contestants * cell.flops / cell.threads
    return 0.5 + files + 2 * steps + (0 if chosen.check else max(chosen.seconds, 3.5 * steps))


def time_cells(selection, field, folder, chosen, peaks, writer):
    total, done, started, rows, failed = sum(cost(c, chosen) for c in selection), 0.0, time.monotonic(), [], []
    worst = dict.fromkeys(agreement.TOLERANCE, 0.0)
    for cell in selection:
        try:
            found, errors = run_cell(cell, field, folder, chosen, peaks)
        except RuntimeError as error:
            failed.append(f"{cell}: {error}")
            field.drop(cell)
            text = f"FAILED, {error}"
        else:
            writer.writerows(found)
            rows += found
            worst = {kind: max([worst[kind], *(e[kind] for e in errors.values())]) for kind in worst}
            text = ", ".join(f"{row['contestant']} {row['microseconds']} us" for row in found) or "all agree"
        done += cost(cell, chosen)
        progress(done, total, started, cell, text)
    return rows, worst, failed


def measure_memory(chosen, folder, core_type):
    rows = []
    small, path = folder / "small.safetensors", folder / "problem.safetensors"
    for cell in cells.memory_cells(chosen.scheme, chosen.mode):
        problem.write(small, cell._replace(dim=64, depth=1, lengths=(16,)))
        problem.write(path, cell)
        found = list(memory.measure(cell, small, path, chosen.build, chosen.peer, core_type))
        print(f"memory of {cell}: " + ", ".join(f"{r['contestant']} {r['step_mib']} MiB" for r in found), flush=True)
        rows += found
    return rows


def measure_latency(chosen, folder, core_type):
    rows, path = [], folder / "problem.safetensors"
    for cell in cells.latency_cells(chosen.dim):
        problem.write(path, cell)
        found = list(latency.measure(cell, path, chosen.calls, chosen.build, core_type))
        print(f"latency of {cell}: " + ", ".join(f"{r['contestant']} {r['p50']} us" for r in found), flush=True)
        rows += found
    return rows


def main():
    chosen = options.parse(__doc__)
    build(chosen.build)
    results = chosen.build / "results"
    results.mkdir(exist_ok=True)
    notes = []

    def note(text):
        notes.append(text)
        print(text, flush=True)

    for line in machine.describe():
        note(line)
    core_type = blas.choose(note) if chosen.core_type == "best" else chosen.core_type
    note(f"libtorch runs with OPENBLAS_CORETYPE {core_type}")
    peaks = machine.fma_peaks(chosen.build, max(chosen.threads))
    note("FMA peak: " + ", ".join(f"{peak:.0f} GFLOP/s on {i} threads" for i, peak in enumerate(peaks, 1)))

    grid = cells.grid(chosen.scheme, chosen.mode, chosen.dim, chosen.shape, chosen.depth, chosen.threads)
    special = cells.special(chosen.scheme, chosen.mode, chosen.dim, chosen.threads)
    selection = [*(grid if "grid" in chosen.only else []), *(special if "special" in chosen.only else [])]
    field, memory_rows, latency_rows = Field(chosen.build, chosen.peer, core_type), [], []
    with tempfile.TemporaryDirectory() as name, open(results / "times.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, timing.FIELDS)
        writer.writeheader()
        rows, worst, failed = time_cells(selection, field, Path(name), chosen, peaks, writer)
        for contestant in field.running.values():
            contestant.close()
        if "memory" in chosen.only:
            memory_rows = measure_memory(chosen, Path(name), core_type)
            memory.write(results / "memory.csv", memory_rows)
        if "latency" in chosen.only:
            latency_rows = measure_latency(chosen, Path(name), core_type)
            latency.write(results / "latency.csv", latency_rows)
    note(f"Largest relative differences between contestants: y {worst['y']:.1e}, gradients {worst['gradient']:.1e}")
    for failure in failed:
        note("FAILED " + failure)
    (results / "report.md").write_text(report.markdown(notes, rows, memory_rows, latency_rows))
    print(f"written to {os.path.relpath(results)}")
    return 1 if failed else 0


sys.exit(main())
