"""Paragraphs into sentences, and which pairs of sentences are kept."""

import re
import unicodedata

# A point behind these does not end a sentence.
SHORT = {"abb", "bzw", "ca", "d.h", "dr", "e.g", "etc", "evtl", "ggf", "i.e", "inkl", "max", "min", "nr", "no", "o.ä",
         "s", "sog", "st", "u.a", "usw", "vgl", "vs", "z.b", "b", "a", "h", "d", "u", "z", "mr", "mrs", "approx", "cf"}
END = re.compile(r"([.!?:]['\"”“»«)]*) +(?=['\"„“»«(]*[A-ZÄÖÜ0-9])")
ENGLISH = {"the", "of", "and", "is", "to", "are", "this", "that", "with", "for", "be", "by"}
GERMAN = {"der", "die", "das", "und", "ist", "zu", "von", "mit", "den", "ein", "eine", "für", "nicht", "wird", "im"}


def clean(text):
    """The text in one line, with composed characters and without soft hyphens."""
    return " ".join(unicodedata.normalize("NFC", text).replace("\u00ad", "").split())


def split(paragraph):
    """The sentences of a paragraph."""
    sentences, begin = [], 0
    for end in END.finditer(paragraph):
        last = paragraph[begin:end.start()].rsplit(" ", 1)[-1].lower().lstrip("('\"„“»«")
        if end[1] == "." and (last in SHORT or last.isdigit()):
            continue
        sentences.append(paragraph[begin:end.end()].strip())
        begin = end.end()
    return [sentence for sentence in sentences + [paragraph[begin:].strip()] if sentence]


def is_english(sentence):
    """Whether a sentence that should be German was left as it was."""
    words = set(sentence.lower().split())
    return len(words & ENGLISH) >= 2 and not words & GERMAN


def is_kept(german, english, least=3, most=60):
    """Whether both sides are sentences, or parts, of `least` to `most` words, and of like lengths."""
    lengths = len(german.split()), len(english.split())
    ratio = len(german) / max(1, len(english))
    letters = sum(c.isalpha() for c in german) / max(1, len(german))
    return (min(lengths) >= least and max(lengths) <= most and 0.4 <= ratio <= 2.2 and letters > 0.5 and
            german.lower() != english.lower() and not is_english(german))


def pair_up(paragraphs):
    """The kept pairs of sentences of pairs of paragraphs, where both have as many."""
    for german, english in paragraphs:
        ours, theirs = split(clean(german)), split(clean(english))
        if len(ours) == len(theirs):
            yield from (pair for pair in zip(ours, theirs) if is_kept(*pair))
