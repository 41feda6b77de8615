"""Pairs of paragraphs of HTML pages that exist in both languages."""

import re
from html.parser import HTMLParser

BLOCKS = {"p", "h1", "h2", "h3", "h4", "h5", "li", "dt", "dd", "td", "th", "div", "pre", "title", "table", "ul", "ol",
          "dl", "tr"}
SILENT = {"pre", "script", "style", "title"}


class Blocks(HTMLParser):
    """The blocks of text of a page in their order, each with the last anchor before it: (anchor, [tag, id, texts])."""

    def __init__(self, text):
        super().__init__()
        self.open, self.blocks = [], []
        self.anchor = ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        identity = dict(attributes).get("id") or ""
        if tag == "br":
            self.handle_data(" ")
        if tag in BLOCKS:
            self.open.append([tag, identity, []])
            self.blocks.append((self.anchor, self.open[-1]))
        elif tag == "a" and identity and not identity.startswith("id-"):
            self.anchor = identity

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if any(block[0] == tag for block in self.open):
            while self.open.pop()[0] != tag:
                pass

    def handle_data(self, data):
        if self.open and not any(block[0] in SILENT for block in self.open):
            self.open[-1][2].append(data)


def blocks(path):
    """(anchor before it, tag, id, text) of each block of a page."""
    text = path.read_text(encoding="utf-8", errors="replace")
    return [(anchor, tag, identity, " ".join("".join(data).split()))
            for anchor, (tag, identity, data) in Blocks(text).blocks]


def by_id(german, english):
    """Paragraphs that have the same id in both pages."""
    ours = {identity: text for _, _, identity, text in blocks(german) if identity and text}
    for _, _, identity, text in blocks(english):
        if text and identity in ours:
            yield ours[identity], text


def by_structure(german, english):
    """Paragraphs at the same place of sections that have the same anchor and the same tags in both pages."""
    def sections(path):
        result = {}
        for anchor, tag, _, text in blocks(path):
            result.setdefault(anchor, []).append((tag, bool(text), text))
        return result

    theirs = sections(english)
    for anchor, ours in sections(german).items():
        other = theirs.get(anchor, [])
        if [block[:2] for block in ours] != [block[:2] for block in other]:
            continue
        for (_, _, text), (_, _, translation) in zip(ours, other):
            if text:
                yield without_number(text), without_number(translation)


def without_number(text):
    """A heading without the number of its section."""
    return re.sub(r"^((Kapitel|Chapter) )?\d+(\.\d+)*\. ", "", text)


def libreoffice_help(packages):
    """(document, pairs of paragraphs) of LibreOffice's help."""
    root = packages.unpack("libreoffice-help-en-us", "libreoffice-help-de") / "usr/share/libreoffice/help"
    for german in sorted((root / "de/text").rglob("*.html")):
        name = german.relative_to(root / "de")
        english = root / "en-US" / name
        if english.exists():
            yield f"libreoffice-help/{name}", by_id(german, english)


def handbooks(packages):
    """(document, pairs of paragraphs) of the Debian Administrator's Handbook and the Debian Reference."""
    root = packages.unpack("debian-handbook", "debian-reference-en", "debian-reference-de") / "usr/share"
    pages = [(german, root / "doc/debian-handbook/html/en-US" / german.name)
             for german in sorted((root / "doc/debian-handbook/html/de-DE").glob("*.html"))]
    pages += [(german, german.with_name(german.name.replace(".de.", ".en.")))
              for german in sorted((root / "debian-reference").glob("*.de.html"))]
    for german, english in pages:
        if english.exists():
            yield f"handbook/{german.name}", by_structure(german, english)
