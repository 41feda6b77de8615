"""A fault that is planted in a header, and the files of faults/ that list them; mutate.py says how they are written."""

import dataclasses
import functools
import hashlib
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADERS = ROOT / "include" / "residual"
TESTS = ROOT / "tests"
FAULTS = pathlib.Path(__file__).resolve().parent / "faults"
# Headers that only declare what the build compiles once for all tests, and the header that defines it.
DEFINED_BY = {
    "support/stacks.hpp": "",
    "support/schemes.hpp": "support/scheme_list.hpp",
    "golden/schemes.hpp": "golden/schemes_as.hpp",
}


class Refusal(Exception):
    """A sentence that ends the program."""


def sources_of(test):
    """The sources of a test's program."""
    sources = sorted((TESTS / "golden").glob("*.cpp")) if test == "golden_test" else [TESTS / f"{test}.cpp"]
    if not sources[0].is_file():
        raise Refusal(f"There is no test {test}; name the file tests/{test}.cpp without its ending.")
    return sources


@functools.cache
def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@functools.cache
def read_with(path):
    """What a source or header of this repository makes a test read: what it includes, and folders of tests/data."""
    text = path.read_text()
    found = set(re.findall(r'^\s*#\s*include\s*"(.+?)"', text, re.MULTILINE))
    found |= {DEFINED_BY[name] for name in found if DEFINED_BY.get(name)}
    places = [next((folder / name for folder in (path.parent, TESTS, ROOT / "include") if (folder / name).is_file()), None)
              for name in found]
    data = [file for folder in re.findall(r"tests/data(?:/\w+)?", text) for file in (ROOT / folder).rglob("*")]
    return {place.resolve() for place in places + data if place and place.is_file()}


@functools.cache
def read_by(test):
    """All files of this repository that the test's program is made of or reads."""
    files, left = set(), set(sources_of(test))
    while left:
        files |= left
        code = [file for file in left if file.suffix in (".cpp", ".hpp")]
        left = set().union(*map(read_with, code)) - files
    return sorted(files)


@dataclasses.dataclass
class Fault:
    name: str  # folder/name
    header: str  # below include/residual
    old: str = ""
    new: str = ""
    schemes: list = dataclasses.field(default_factory=list)
    tests: list = dataclasses.field(default_factory=list)
    equivalent: str = ""

    @property
    def folder(self):
        return self.name.split("/")[0]

    def check(self):
        if not (HEADERS / self.header).is_file():
            raise Refusal(f"{self.name}: there is no header {self.header}.")
        if self.old in ("", self.new):
            raise Refusal(f"{self.name}: a fault needs a text, and another one in its place.")
        if bool(self.tests) == bool(self.equivalent):
            raise Refusal(f"{self.name}: give either the tests that could notice it, or the reason why none can.")
        for test in self.tests:
            sources_of(test)
        self.patched()

    def patched(self):
        """The header with the fault."""
        text = (HEADERS / self.header).read_text()
        if text.count(self.old) != 1:
            raise Refusal(f"{self.name}: its text stands {text.count(self.old)} times in {self.header}, but it must "
                          "stand there once; give it the words that the header has now.")
        return text.replace(self.old, self.new)

    def key(self):
        """Of the header with the fault and all that the tests read: a verdict holds as long as these are the same."""
        parts = [self.patched(), *self.schemes]
        parts += [digest(file) for test in self.tests for file in read_by(test)]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def read_fault(folder, paragraph):
    name, _, header = paragraph[0].partition(": ")
    fault = Fault(f"{folder}/{name}", f"{folder}/{header}")
    texts = {"-": [], "+": []}
    for line in paragraph[1:]:
        sign, _, text = line.partition(" ")
        if sign in texts:
            texts[sign].append(text)
        elif sign in ("schemes:", "tests:"):
            setattr(fault, sign[:-1], text.split())
        elif sign == "equivalent:":
            fault.equivalent = text
        else:
            raise Refusal(f"{fault.name}: {line!r} begins with none of - + schemes: tests: equivalent:")
    fault.old, fault.new = "\n".join(texts["-"]), "\n".join(texts["+"])
    return fault


def read_faults():
    """All faults of all folders."""
    faults = []
    for file in sorted(FAULTS.glob("*.txt")):
        lines = [line for line in file.read_text().split("\n") if not line.startswith("#")]
        paragraphs = re.split(r"\n{2,}", "\n".join(lines).strip("\n"))
        faults += [read_fault(file.stem, paragraph.split("\n")) for paragraph in paragraphs]
    return faults


def check(faults):
    """Refuses faults that cannot be planted, with a sentence for each."""
    sentences, names = [], set()
    for fault in faults:
        if fault.name in names:
            sentences.append(f"{fault.name} is the name of two faults; give each its own.")
        names.add(fault.name)
        try:
            fault.check()
        except Refusal as refusal:
            sentences.append(str(refusal))
    if sentences:
        raise Refusal("\n".join(sentences))
