"""Tries faults: many in one program where they have branches, else each in one of its own."""

import re
import threading
import time

import planting
from fault import HEADERS, Refusal


def schemes_of(faults):
    """The schemes that the faults ask for; none if one of them asks for all."""
    asked = [fault.schemes for fault in faults]
    return sorted(set().union(*asked)) if all(asked) else []


def plant(faults):
    """Headers with branches of the faults, which are numbered from 1, and the faults that have none."""
    by_header, headers, alone = {}, {}, []
    for number, fault in enumerate(faults, 1):
        by_header.setdefault(fault.header, []).append((number, fault.old, fault.new))
    for header, all_here in by_header.items():
        text, left = planting.plant((HEADERS / header).read_text(), all_here)
        headers[f"residual/{header}"] = text
        alone += [faults[number - 1] for number in left]
    return {"planted.hpp": planting.HEADER, **headers}, alone


def blamed(errors, headers):
    """The numbers of the faults whose branches stand in or shortly above the lines of a compiler's errors."""
    numbers = set()
    for name, line in re.findall(r"(residual/[\w/]+\.hpp):(\d+):\d+: (?:error|note)", errors):
        if name in headers:
            above = "\n".join(headers[name].split("\n")[max(0, int(line) - 12):int(line)])
            numbers.update(map(int, re.findall(r"planted::is\((\d+)\)", above)[-1:]))
    return numbers


class Trials:
    """Tries faults against single tests and tells of each: tell(fault, test, "passed", "killed" or "compiler", what says so)."""

    def __init__(self, compiler, timeout, tell):
        self.compiler, self.timeout, self.tell = compiler, timeout, tell
        self.passing, self.lock = set(), threading.Lock()

    def expect_pass(self, program, test):
        """Refuses a test that fails without a fault. Returns how long a run may take with one."""
        begin = time.monotonic()
        failure = program.errors or program.failure(self.timeout)
        if failure:
            raise Refusal(f"{test} does not pass without a fault, so it says nothing about one: {failure[:2000]}")
        with self.lock:
            self.passing.add(test)
        return min(self.timeout, 20 + 10 * (time.monotonic() - begin))

    def alone(self, test, fault):
        with self.compiler.program(test, fault.schemes, {f"residual/{fault.header}": fault.patched()}) as program:
            errors = re.findall(r"(?:error: |undefined reference).*", program.errors)
            if program.errors and not errors:
                raise Refusal(f"The compiler gave up on {fault.name} with {test}: {program.errors[:500]}")
            failure = "" if errors else program.failure(self.timeout)
        if (errors or failure) and test not in self.passing:
            with self.compiler.program(test, fault.schemes, {}) as right:
                self.expect_pass(right, test)
        if errors:
            self.tell(fault, test, "compiler", errors[0][:200])
        else:
            self.tell(fault, test, "killed" if failure else "passed", failure)

    def together(self, test, faults):
        headers, alone = plant(faults)
        if len(faults) - len(alone) < 2:
            alone = faults
        else:
            with self.compiler.program(test, schemes_of(faults), headers) as program:
                if not program.errors:
                    timeout = self.expect_pass(program, test)
                    for number, fault in enumerate(faults, 1):
                        if fault not in alone:
                            failure = program.failure(timeout, number)
                            self.tell(fault, test, "killed" if failure else "passed", failure)
            if program.errors:
                alone += [faults[number - 1] for number in blamed(program.errors, headers)]
                rest = [fault for fault in faults if fault not in alone]
                half = len(rest) if len(rest) < len(faults) else len(rest) // 2  # where nobody is blamed
                for part in (rest[:half], rest[half:]):
                    self.together(test, part)
        for fault in faults:
            if fault in alone:
                self.alone(test, fault)
