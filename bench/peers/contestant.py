"""The contestants' processes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from onnx_model import VARIANTS

HERE = Path(__file__).resolve().parent
OURS = "residual"
TORCH = ["libtorch C++", "libtorch Python"]
ONNX = [f"ONNX Runtime {variant}" for variant in VARIANTS]


def command(name, build):
    programs = {OURS: ["residual_worker"], TORCH[0]: ["libtorch_worker"]}
    programs |= {peer: ["onnxruntime_worker", peer.split()[-1]] for peer in ONNX}
    if name == TORCH[1]:
        return [sys.executable, str(HERE / "torch_worker.py")]
    program, *arguments = programs[name]
    return [str(build / "bin" / program), *arguments]


def who_can(cell, peers):
    """This library, and those of the peers that have the cell's scheme and mode."""
    able = TORCH if cell.scheme == "post_ln" else TORCH[1:]
    able = able + (ONNX if cell.mode == "infer" else [])
    return [OURS, *(name for name in able if name in peers)]


def environment(threads, core_type):
    """Without settings of OpenBLAS and OpenMP but the given ones; core type "unset": OpenBLAS' own choice."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("OPENBLAS_", "OMP_", "GOMP_"))}
    env["OMP_NUM_THREADS"] = str(threads)
    if core_type != "unset":
        env["OPENBLAS_CORETYPE"] = core_type
    return env


class Contestant:
    """A worker process. It is stopped while others have their turn, since an idle pool of threads spins."""

    def __init__(self, name, build, threads, core_type):
        self.name, self.threads = name, threads
        self.process = subprocess.Popen(
            command(name, build),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment(threads, core_type),
        )

    def ask(self, *words):
        """The worker's answer."""
        self.process.send_signal(signal.SIGCONT)
        try:
            print(*words, file=self.process.stdin, flush=True)
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise RuntimeError(f"{self.name} died with {self.process.wait()} at: {' '.join(map(str, words))}")
        self.process.send_signal(signal.SIGSTOP)
        if answer.startswith("error"):
            raise RuntimeError(f"{self.name}: {answer.strip()}")
        return answer

    def load(self, problem):
        self.ask("load", problem, self.threads)

    def save(self, path):
        self.ask("save", path)

    def time(self, count, warm_up):
        return float(self.ask("time", count, warm_up))

    def latency(self, count):
        """Times each of `count` steps."""
        self.ask("latency", count)

    def percentiles(self):
        """Seconds that 50, 99, 99.9 and 100 % of the steps of `latency` took at most."""
        return [float(word) for word in self.ask("percentiles").split()]

    def memory(self, count):
        """KiB in use before `count` steps, and at their peak."""
        before, peak = self.ask("memory", count).split()
        return int(before), int(peak)

    def close(self):
        self.process.kill()
        self.process.wait()
