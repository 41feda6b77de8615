"""What is compared: the cells, their work, and their classes."""

import re
from collections import namedtuple
from pathlib import Path

import numpy as np

DIMS = {32: 2, 64: 4, 128: 4, 256: 4, 512: 8, 768: 12}  # dim: heads
SHAPES = [(1, 16), (1, 128), (8, 64), (8, 128), (1, 512), (4, 512)]  # (batch, n)
CLASSES = [
    "T = 16, d <= 64", "T = 16, d 128-256", "T = 16, d >= 512",
    "d <= 64, T >= 128", "d 128-256, T >= 128", "d >= 512, T >= 128",
]  # fmt: skip


class Cell(namedtuple("Cell", "kind scheme mode dim depth lengths threads")):
    """kind: grid, long (n = 4096) or ragged; lengths: one a sequence."""

    @property
    def tokens(self):
        return sum(self.lengths)

    @property
    def ragged(self):
        return len(set(self.lengths)) > 1

    @property
    def shape(self):
        batch, n = len(self.lengths), max(self.lengths)
        return f"{batch} x {min(self.lengths)}-{n}" if self.ragged else f"{batch} x {n}"

    @property
    def flops(self):
        """Of the matrix products of one step; the way back counts twice the way there."""
        attention = sum(4 * n * n * self.dim for n in self.lengths)
        forward = self.depth * (24 * self.tokens * self.dim**2 + attention)
        return forward * (3 if self.mode == "train" else 1)

    @property
    def size_class(self):
        width = "d <= 64" if self.dim <= 64 else "d 128-256" if self.dim <= 256 else "d >= 512"
        return f"T = 16, {width}" if self.tokens == 16 else f"{width}, T >= 128"

    def __str__(self):
        return f"{self.scheme} {self.mode} d {self.dim}, {self.shape}, {self.depth} layers, {self.threads} threads"


def sentence_lengths(count):
    """Words of `count` sentences drawn from the licences that every Debian system has."""
    words = []
    for path in sorted(Path("/usr/share/common-licenses").iterdir()):
        text = " ".join(path.read_text(errors="ignore").split())
        words += [len(sentence.split()) for sentence in re.split(r"[.;:?!]\s", text)]
    words = [n for n in words if 3 <= n <= 128]
    return tuple(int(n) for n in np.random.default_rng(1).choice(words, count))


def grid(schemes, modes, dims, shapes, depths, threads):
    for dim in dims:
        for batch, n in shapes:
            for depth in depths:
                for scheme in schemes:
                    for mode in modes:
                        for count in threads:
                            yield Cell("grid", scheme, mode, dim, depth, (n,) * batch, count)


def special(schemes, modes, dims, threads):
    """n = 4096, and a ragged batch of 64 sentences."""
    for scheme in schemes:
        for mode in modes:
            for count in threads:
                for dim in {64, 512} & set(dims):
                    yield Cell("long", scheme, mode, dim, 1, (4096,), count)
                for dim in {64, 256, 512} & set(dims):
                    yield Cell("ragged", scheme, mode, dim, 6, sentence_lengths(64), count)


def latency_cells(dims):
    """One sequence of 16 tokens through four layers."""
    for dim in {64, 256} & set(dims):
        yield Cell("latency", "post_ln", "infer", dim, 4, (16,), 1)


def memory_cells(schemes, modes):
    """Where peak memory is measured: the training step of six layers, and n = 4096."""
    for scheme in schemes:
        for mode in modes:
            yield Cell("memory", scheme, mode, 512, 6, (128,) * 8, 1)
            yield Cell("memory", scheme, mode, 512, 1, (4096,), 1)
