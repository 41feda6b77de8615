"""Pairs of phrases of the Ding dictionary."""

import re


def phrases(text):
    """The alternatives at each place of one side of an entry, without annotations."""
    for place in text.split("|"):
        place = re.sub(r"\{[^{}]*\}|\[[^\[\]]*\]|\([^()]*\)|<[^<>]*>|/[^/ ]*/", " ", place)
        yield [re.sub(r" +([,.!?])", r"\1", " ".join(phrase.split())) for phrase in place.split(";")]


def dictionary_phrases(packages):
    """(document, pairs of phrases): of each entry the first phrases that stand at the same place on both sides."""
    path = packages.unpack("trans-de-en") / "usr/share/trans/de-en"
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file):
            if line.startswith("#") or " :: " not in line:
                continue
            ours, theirs = (list(phrases(side)) for side in line.split(" :: ", 1))
            if len(ours) == len(theirs):
                yield f"dictionary/{number}", [(a[0], b[0]) for a, b in zip(ours, theirs)]
