"""Many faults in one header: each is a branch that a program takes when it is told the fault's number.

A fault inside a statement becomes `if (planted::is(7)) { faulty } else { right }`; one inside a declaration becomes
`name = planted::is(7) ? (faulty) : (right)`, since what is declared must outlive the branch. A fault elsewhere, such as in
a class or a constant, has no branch: it needs a program of its own.
"""

import bisect
import os
import re

HEADER = """#pragma once

#include <cstdlib>

namespace planted {
inline const int chosen = std::getenv("PLANTED") != nullptr ? std::atoi(std::getenv("PLANTED")) : 0;
inline bool is(int fault) { return chosen == fault; }
}  // namespace planted
"""

HIDDEN = re.compile(r"""//[^\n]*|/\*.*?\*/|^[ ]*\#(?:[^\n]*\\\n)*[^\n]*|"(?:\\.|[^"\\\n])*"|(?<!\w)'(?:\\.|[^'\\\n])+'""",
                    re.DOTALL | re.MULTILINE)
ASSIGNS = re.compile(r"[^=<>!+*/|&^%-]=(?!=)")  # and does not compare
CONTROL = re.compile(r"(?:if|for|while|switch|do|return|throw|break|continue|else)\b")
DECLARATION = re.compile(r"(?:const|constexpr|static|auto|using|template|typename)\b"
                         r"|[A-Za-z_][\w:]*(?:<[^;=()]*>)?[\s*&]*\s[*&]?[A-Za-z_]\w*\s*[=({;,\[]")


class Code:
    """The brackets of a header, and the statements between them."""

    def __init__(self, text):
        self.text = text
        self.bare = HIDDEN.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)  # without comments, texts and directives
        self.partner, self.opens, stack = {}, [], []
        for place, letter in enumerate(self.bare):
            if letter in "([{":
                stack.append(place)
            elif letter in ")]}" and stack:
                self.partner[place] = stack[-1]
                self.partner[stack.pop()] = place
        self.opens = sorted(place for place in self.partner if self.bare[place] in "([{")

    def around(self, begin, end):
        """The innermost bracket that opens before and closes behind; None if there is none."""
        for place in reversed(self.opens[:bisect.bisect_left(self.opens, begin)]):
            if self.partner[place] >= end:
                return place
        return None

    def is_block(self, brace):
        before = self.bare[:brace].rstrip()
        return before.endswith((")", "]", "}")) or re.search(r"\b(?:else|do|try|const|noexcept|override|mutable)$", before)

    def is_class(self, brace):
        head = re.split(r"[;{}]", self.bare[:brace])[-1]
        return re.search(r"\b(?:struct|class|namespace|enum|union)\b", head)

    def statement(self, begin, end):
        """Where the smallest statement around a text begins and ends, or None where there is none."""
        while True:
            outer = self.around(begin, end)
            if outer is None or (self.bare[outer] == "{" and not self.is_block(outer) and self.is_class(outer)):
                return None
            if self.bare[outer] == "{" and self.is_block(outer):
                return self.start(outer, begin), self.end(outer, begin, end)
            begin, end = outer, max(end, self.partner[outer] + 1)

    def start(self, block, begin):
        place = begin - 1
        while place > block and self.bare[place] != ";":
            if self.bare[place] == "}" and self.is_block(self.partner[place]):
                if not re.match(r"\s*(?:[),.;(]|else\b)", self.bare[place + 1:]):
                    break
            place = self.partner[place] - 1 if self.bare[place] in ")]}" else place - 1
        return place + 1 + re.match(r"\s*", self.bare[place + 1:]).end()

    def end(self, block, begin, end):
        last = begin + len(self.bare[begin:end].rstrip()) - 1
        if self.bare[last] == ";" or (self.bare[last] == "}" and self.is_block(self.partner[last])):
            return end
        controls = CONTROL.match(self.bare, self.start(block, begin))
        place = end
        while self.bare[place] != ";":
            opened = self.bare[place] in "([{"
            control_block = controls and self.bare[place] == "{" and self.is_block(place)
            place = self.partner[place] + 1 if opened else place + 1
            if control_block and not re.match(r"\s*else\b", self.bare[place:]):
                return place
        return place + 1

    def initialiser(self, statement, begin, end):
        """Where the value that a declaration gives, and that holds a text, begins and ends, or None."""
        inside = [place for place in range(*statement) if self.around(place, place + 1) == self.around(*statement)]
        equals = [place for place in inside if place < begin and ASSIGNS.match(self.bare, place - 1)]
        ends = [place for place in inside if self.bare[place] in ",;" and place >= end]
        return (equals[-1] + 1, ends[0]) if equals and ends else None


def branch(code, number, old, new):
    """The range of a header that holds a fault, and what stands there instead; None if the fault has no branch."""
    same = len(os.path.commonprefix([old, new]))  # only what differs has to lie in one statement
    old_end, new_end = old[same:], new[same:]
    same_end = len(os.path.commonprefix([old_end[::-1], new_end[::-1]]))
    begin = code.text.index(old) + same
    end = begin + len(old_end) - same_end
    new = new_end[:len(new_end) - same_end]
    statement = code.statement(begin, end)
    if statement is None or re.match(r"(?:static )?constexpr\b", code.bare[statement[0]:]):
        return None
    declares = DECLARATION.match(code.bare, statement[0]) and not CONTROL.match(code.bare, statement[0])
    place = code.initialiser(statement, begin, end) if declares else statement
    if place is None or place[0] > begin or place[1] < end:
        return None
    right = code.text[slice(*place)]
    faulty = code.text[place[0]:begin] + new + code.text[end:place[1]]
    if declares:
        return place, f" planted::is({number}) ? ({faulty}) : ({right})"
    return place, f"if (planted::is({number})) {{ {faulty} }} else {{ {right} }}"


def plant(text, faults):
    """A header with branches of faults, (number, old, new), and the numbers of those that have no branch here."""
    code, taken, left = Code(text), [], []
    for number, old, new in faults:
        found = branch(code, number, old, new)
        if found is None or any(found[0][0] < end and begin < found[0][1] for (begin, end), _ in taken):
            left.append(number)
        else:
            taken.append(found)
    for (begin, end), instead in sorted(taken, reverse=True):
        text = text[:begin] + instead + text[end:]
    return text.replace("#pragma once\n", '#pragma once\n#include "planted.hpp"\n', 1), left
