#!/usr/bin/python3
"""Translates standard input word by word, the least that a translation has to beat: word_by_word.py TRAIN.de TRAIN.en

Each word becomes the likeliest of IBM Model 1 (Brown et al. 1993, The Mathematics of Statistical Machine Translation),
learned from the sentence pairs; a word that they lack stays.
"""

import argparse
import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

TOKEN = re.compile(r"\w+|[^\w\s]")


def pairs(source, target, most):
    for i, lines in enumerate(zip(source.open(), target.open())):
        if i >= most:
            return
        yield [TOKEN.findall(line) for line in lines]


def learned(sentences, rounds):
    """The likeliest translation of each source word: t(e | f), from uniform tables, by `rounds` of expectation maximisation."""
    table = None
    for _ in range(rounds):
        counts = defaultdict(Counter)
        for source, target in sentences:
            for e in target:
                shares = [table[f].get(e, 0) if table else 1 for f in source]
                total = sum(shares)
                if total > 0:
                    for f, share in zip(source, shares):
                        counts[f][e] += share / total
        table = {}
        for f, row in counts.items():
            total = sum(row.values())
            table[f] = {e: count / total for e, count in row.most_common(20)}  # the rest would need much memory
    return {f: max(row, key=row.get) for f, row in table.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--pairs", type=int, default=50_000, help="that are learned from, the first ones")
    parser.add_argument("--rounds", type=int, default=4)
    chosen = parser.parse_args()
    translation = learned(list(pairs(chosen.source, chosen.target, chosen.pairs)), chosen.rounds)
    for line in sys.stdin:
        print(" ".join(translation.get(word, word) for word in TOKEN.findall(line)))


main()
