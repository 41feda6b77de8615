"""What the figures were measured on."""

import datetime
import os
import subprocess
from pathlib import Path


def describe():
    cpu = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    compiler = subprocess.run(["c++", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    packages = ["libeigen3-dev", "libtorch-dev", "libopenblas0-openmp"]
    query = ["dpkg-query", "-W", "-f", "${Package} ${Version}, ", *packages]
    versions = subprocess.run(query, capture_output=True, text=True, check=True).stdout
    yield f"{datetime.date.today()}: {os.cpu_count()} x {cpu.split(':')[1].strip()}, {compiler}"
    yield versions + "onnxruntime-node 1.30.0; fp32"


def fma_peaks(build, threads):
    """GFLOP/s on 1, ..., `threads` threads."""
    run = subprocess.run([build / "bin/fma_peak", str(threads)], capture_output=True, text=True, check=True)
    return [float(line) for line in run.stdout.split()]
