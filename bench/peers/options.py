"""The command line."""

import argparse
from pathlib import Path

import cells
from contestant import HERE, ONNX, TORCH
from report import SCHEMES

PARTS = ["grid", "special", "memory", "latency"]


def shape(text):
    batch, n = text.split("x")
    return int(batch), int(n)


def parse(description):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--build", type=Path, default=HERE.parents[1] / "build/peers", help="build folder")
    add("--quick", action="store_true", help="a small selection: Post-LN, one layer, d 64 and 512, three shapes")
    add("--check", action="store_true", help="only whether all agree, without timing")
    add("--only", nargs="+", default=PARTS, choices=PARTS, help="special: n = 4096 and sentences of different lengths")
    add("--scheme", nargs="+", default=list(SCHEMES), choices=SCHEMES)
    add("--mode", nargs="+", default=["infer", "train"], choices=["infer", "train"])
    add("--dim", nargs="+", type=int, default=list(cells.DIMS), choices=cells.DIMS)
    add("--peer", nargs="+", default=TORCH + ONNX, choices=TORCH + ONNX, help="fewer peers have more rounds in a cell")
    add("--shape", nargs="+", type=shape, default=cells.SHAPES, metavar="BATCHxN")
    add("--depth", nargs="+", type=int, default=[1, 6])
    add("--threads", nargs="+", type=int, default=[1, 2])
    add("--calls", type=int, default=100_000, help="of which latency times each")
    add("--seconds", type=float, default=4, help="of one cell's rounds, of which there are 3 to 15")
    add("--core-type", default="best", help="OPENBLAS_CORETYPE of libtorch; unset: OpenBLAS' own choice")
    chosen = parser.parse_args()
    chosen.build = chosen.build.resolve()
    if chosen.quick:
        chosen.scheme, chosen.depth, chosen.only = ["post_ln"], [1], ["grid"]
        chosen.dim, chosen.shape = [64, 512], [(1, 16), (8, 64), (8, 128)]
    return chosen
