"""The kernel of OpenBLAS that serves libtorch best.

OpenBLAS picks one by the processor's name, and older versions know no newer processors. So each candidate multiplies
matrices of an encoder's shapes in a process of its own; the fastest whose products are right is taken.
"""

import subprocess
import sys

from contestant import environment

CANDIDATES = ["unset", "Haswell", "Zen", "SkylakeX"]  # unset: OpenBLAS' own choice

PROBE = """
import ctypes, math, time
import torch

def check(product, exact):
    error = (product - exact).norm() / exact.norm()
    assert error < 1e-5, f"wrong products: error {error}"

torch.set_num_threads(1)
torch.manual_seed(0)
speeds = []
for m, k, n in [(16, 32, 96), (16, 512, 2048), (64, 16, 64), (128, 256, 1024), (1024, 512, 1536), (1024, 2048, 512)]:
    x, w = torch.randn(m, k), torch.randn(n, k)
    y, exact = x @ w.t(), x.double() @ w.double().t()
    check(y, exact)
    check(y.t() @ x, exact.t() @ x.double())
    check(y @ w, exact @ w.double())
    count, best = max(1, int(2e7 / (m * k * n))), math.inf
    for _ in range(20):
        start = time.perf_counter()
        for _ in range(count):
            torch.nn.functional.linear(x, w)
        best = min(best, (time.perf_counter() - start) / count)
    speeds.append(2e-9 * m * k * n / best)
library = ctypes.CDLL("libopenblas.so.0")
library.openblas_get_config.restype = ctypes.c_char_p
print(math.exp(sum(map(math.log, speeds)) / len(speeds)), library.openblas_get_config().decode(), sep="|")
"""


def probe(core_type):
    """GFLOP/s (0: wrong or crashed), and OpenBLAS' description of itself or the error."""
    program = [sys.executable, "-c", PROBE]
    run = subprocess.run(program, env=environment(1, core_type), capture_output=True, text=True, check=False)
    if run.returncode != 0:
        return 0.0, (run.stderr.strip().splitlines() or [f"ended with {run.returncode}"])[-1]
    speed, config = run.stdout.strip().split("|")
    return float(speed), config


def choose(report):
    """The best candidate, after telling `report` about each; the better of two tries counts."""
    best, best_speed = None, 0.0
    for candidate in CANDIDATES:
        speed, note = max(probe(candidate), probe(candidate))
        report(f"OPENBLAS_CORETYPE {candidate}: {speed:.0f} GFLOP/s with one thread ({note})")
        if speed > 1.05 * best_speed:  # noise must not unseat an earlier one
            best, best_speed = candidate, speed
    if best is None:
        raise RuntimeError("no kernel of OpenBLAS computes correct products here")
    return best
