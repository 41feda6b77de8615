#!/usr/bin/python3
"""German-English pairs of sentences for examples/translation, from Debian packages: LibreOffice's help, package descriptions,
manual pages, handbooks and program messages; and for training alone the phrases of the Ding dictionary.

Writes train, valid and test, each as .de and .en with a sentence a line. Whole documents go to one of them, a pair that
occurs twice stands once, and no sentence of valid or test occurs in train. The texts have their packages' licences, which
are in usr/share/doc of the folder for packages.
"""

import argparse
import sys
import zlib
from pathlib import Path

sys.dont_write_bytecode = True

import catalogues  # noqa: E402
import descriptions  # noqa: E402
import dictionary  # noqa: E402
import man_pages  # noqa: E402
import packages  # noqa: E402
import pages  # noqa: E402
import sentences  # noqa: E402

SOURCES = [pages.libreoffice_help, descriptions.package_descriptions, man_pages.man_pages, pages.handbooks,
           catalogues.program_messages]
PARTS = ("test", "valid", "train")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder for the sentences, which does not exist yet")
    parser.add_argument("--packages", type=Path, help="folder for what is downloaded; without: OUT.packages")
    parser.add_argument("--percent", type=int, default=2, help="documents in each of valid and test")
    return parser.parse_args()


def part_of(document, percent):
    """To which part a document belongs: its name alone decides, so that it is the same everywhere."""
    place = zlib.crc32(document.encode()) % 100
    return "test" if place < percent else "valid" if place < 2 * percent else "train"


def collect(fetched, percent):
    """{part: [(German, English, name of the source)]} of all sources."""
    found = {part: [] for part in PARTS}
    for source in SOURCES:
        for document, paragraphs in source(fetched):
            pairs = found[part_of(document, percent)]
            pairs.extend((*pair, source.__name__) for pair in sentences.pair_up(paragraphs))
    for _, paragraphs in dictionary.dictionary_phrases(fetched):
        pairs = ((sentences.clean(german), sentences.clean(english)) for german, english in paragraphs)
        found["train"].extend((*pair, "dictionary_phrases") for pair in pairs if sentences.is_kept(*pair))
    return found


def without_duplicates(found):
    """The same without pairs that were seen, and in train without sentences of the other parts."""
    seen, held_out, kept = set(), set(), {}
    for part in PARTS:
        kept[part] = []
        for german, english, source in found[part]:
            known = {german.lower(), english.lower()}
            if (german, english) in seen or (part != "test" and known & held_out):
                continue
            seen.add((german, english))
            kept[part].append((german, english, source))
        for german, english, _ in kept[part]:
            held_out |= {german.lower(), english.lower()}
    return kept


def count(found, kept):
    names = [source.__name__ for source in SOURCES] + ["dictionary_phrases"]
    print(f"{'source':22}{'pairs found':>13}" + "".join(f"{part:>9}" for part in PARTS) + f"{'German words':>14}")
    for name in names + ["all"]:
        def own(pairs):
            return [pair for pair in pairs if name in (pair[2], "all")]
        before = sum(len(own(pairs)) for pairs in found.values())
        numbers = "".join(f"{len(own(kept[part])):9}" for part in PARTS)
        words = sum(len(pair[0].split()) for part in PARTS for pair in own(kept[part]))
        print(f"{name:22}{before:13}{numbers}{words:14}")


def main():
    options = parse()
    if options.out.exists():
        raise SystemExit(f"{options.out} exists already; give another folder, or remove it.")
    if not 1 <= options.percent <= 40:
        raise SystemExit(f"--percent is {options.percent}, but it must be 1 to 40, so that something is left to train on.")
    fetched = packages.Packages(options.packages or options.out.with_name(options.out.name + ".packages"))
    fetched.update()
    found = collect(fetched, options.percent)
    kept = without_duplicates(found)
    options.out.mkdir(parents=True)
    for part in PARTS:
        for side, language in enumerate(("de", "en")):
            with open(options.out / f"{part}.{language}", "w", encoding="utf-8") as file:
                file.writelines(pair[side] + "\n" for pair in kept[part])
    count(found, kept)


if __name__ == "__main__":
    main()
