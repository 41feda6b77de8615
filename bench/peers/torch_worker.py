"""PyTorch's Python frontend as a contestant; it answers the same lines as worker.hpp."""

import ctypes
import statistics
import sys
import time
from pathlib import Path

import torch

import safetensors
from torch_models import Runs


def status_kib(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key))


def seconds(runs, count, warm_up):
    for _ in range(warm_up):
        runs.step()
    times = []
    for _ in range(count):
        start = time.perf_counter()
        runs.step()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def memory(runs, count):
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = status_kib("VmRSS:")
    for _ in range(count):
        runs.step()
    return f"{before} {status_kib('VmHWM:')}"


def main():
    runs = None
    for line in sys.stdin:
        command, *arguments = line.split()
        try:
            answer = "ok"
            if command == "load":
                torch.set_num_threads(int(arguments[1]))
                runs = None
                runs = Runs(*safetensors.read(arguments[0]))
            elif command == "time":
                answer = seconds(runs, *map(int, arguments))
            elif command == "save":
                runs.step()
                safetensors.write(arguments[0], runs.results(), {})
            elif command == "memory":
                answer = memory(runs, int(arguments[0]))
            else:
                raise ValueError(f"unknown command {command}")
        except Exception as error:
            answer = "error " + " ".join(str(error).split())
        print(answer, flush=True)


main()
