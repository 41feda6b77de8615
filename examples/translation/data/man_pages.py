"""Pairs of paragraphs of manual pages that exist in both languages."""

import gzip
import re

FONTS = {"B", "I", "BR", "BI", "RB", "RI", "IR", "IB", "SM", "SB"}
ESCAPES = [(r"\\f(\[[A-Z]*\]|\(..|.)", ""), (r"\\\(bu", "*"), (r"\\\(aq|\\\[aq\]", "'"), (r"\\\(dq|\\\[dq\]", '"'),
           (r"\\\(em|\\\[em\]", "—"), (r"\\\(en|\\\[en\]", "–"), (r"\\\(lq|\\\[lq\]|\\\(rq|\\\[rq\]", '"'),
           (r"\\\(co", "©"), (r"\\-", "-"), (r"\\(ti|\[ti\]|\(ti)", "~"), (r"\\(\[ha\]|\(ha)", "^"), (r"\\s[-+]?\d", ""),
           (r"\\[&%/,|^:c]", ""), (r"\\e|\\\(rs|\\\[rs\]", r"\\"), (r"\\[ ~0]", " "), (r'\\".*', "")]


def plain(line):
    for pattern, text in ESCAPES:
        line = re.sub(pattern, text, line)
    return line


def words(arguments):
    """The arguments of a macro."""
    return [a.strip('"').replace('""', '"') for a in re.findall(r'"(?:[^"]|"")*"|\S+', arguments)]


def paragraphs(path):
    """(macro, text) of each paragraph of a page, in order; without examples and tables."""
    result, macro, text, silent, tag_follows = [], "", [], "", False

    def close(next_macro):
        nonlocal macro, text
        result.append((macro, " ".join(text)))
        macro, text = next_macro, []

    for line in gzip.decompress(path.read_bytes()).decode("utf-8", "replace").split("\n"):
        if silent:
            if re.match(r"[.']\s*" + silent + r"\b", line):
                silent = ""
            continue
        found = re.match(r"[.']\s*([A-Za-z]+|\\\")\s*(.*)", line)
        if not found:
            if line.strip() and not line.startswith((".", "'")):
                text.append(plain(line))
                if tag_follows:
                    tag_follows = False
                    close("tag's text")
            continue
        name, arguments = found[1], found[2]
        if name in FONTS:
            parts = words(plain(arguments)) or [""]
            text.append((" " if name in ("B", "I", "SM", "SB") else "").join(parts))
            if tag_follows:
                tag_follows = False
                close("tag's text")
        elif name in ("nf", "EX", "TS"):
            close(name)
            silent = {"nf": "fi", "EX": "EE", "TS": "TE"}[name]
        elif name in ("SH", "SS"):
            close(name)
            text = [plain(" ".join(words(arguments)))] if arguments else []
            if arguments:
                close("section's text")
        elif name in ("PP", "P", "LP", "TP", "TQ", "IP", "RS", "RE", "HP"):
            close(name)
            tag_follows = name in ("TP", "TQ")
    close("")
    return result


def man_pages(packages):
    """(document, pairs of paragraphs) of the pages whose paragraphs follow the same macros in both languages, up to the
    section about its translators behind the German one."""
    root = packages.unpack("manpages", "manpages-dev", "manpages-de", "manpages-de-dev") / "usr/share/man"
    for german in sorted((root / "de").rglob("*.gz")):
        english = root / german.relative_to(root / "de")
        if not english.exists():
            continue
        ours, theirs = paragraphs(german), paragraphs(english)
        if [macro for macro, _ in ours[:len(theirs)]] == [macro for macro, _ in theirs]:
            yield f"man/{german.stem}", [(a, b) for (_, a), (_, b) in zip(ours, theirs) if a and b]
