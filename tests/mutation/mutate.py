#!/usr/bin/env python3
"""Plants faults in the headers and tells which of them the tests notice.

    tests/mutation/mutate.py --check                        every fault still applies
    tests/mutation/mutate.py --out results.jsonl            tries all of which --out has no verdict
    tests/mutation/mutate.py --out results.jsonl --report   what came out, as Markdown

faults/FOLDER.txt holds the faults of include/residual/FOLDER, a paragraph each:

    name: header.hpp                 the header, below the folder
    - text                           what stands there exactly once; further lines begin with "- ", too
    + text                           what stands there instead; without such a line, nothing
    schemes: PreLN Keel              of all residual schemes only these are compiled, if the line is there
    tests: first_test second_test    who could notice, the cheapest first; or
    equivalent: reason               why nobody could

Changed headers lie in a folder of their own, which is searched in front of include/. Each test is compiled alone and whole:
what the build compiles once for all tests has the faults, too. Faults that are parts of statements share a program, which is
told which of them it has; a test must pass there without any. The first test that fails, crashes or hangs kills a fault; so
does the compiler, which is counted apart.
"""

import argparse
import json
import pathlib
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed

from fault import Refusal, check, read_faults
from program import Compiler
from trial import Trials


class Results:
    """The verdicts of all runs so far, in a file that holds a JSON object a line."""

    def __init__(self, path):
        self.path = path
        lines = path.read_text().splitlines() if path.exists() else []
        self.of_key = {entry["key"]: entry for entry in map(json.loads, lines)}

    def find(self, fault):
        return self.of_key.get(fault.key())

    def add(self, key, fault, verdict, by, how):
        entry = {"key": key, "fault": fault.name, "verdict": verdict, "by": by, "how": how}
        with self.path.open("a") as file:
            file.write(json.dumps(entry) + "\n")
        self.of_key[entry["key"]] = entry
        print(f"{fault.name}: {verdict} {by} {how}", flush=True)


def groups_of(faults, turn, size):
    """The faults whose next test is the same, in groups of that size."""
    groups = {}
    for fault in faults:
        groups.setdefault(fault.tests[turn], []).append(fault)
    return [(test, all_its[i:i + size]) for test, all_its in groups.items() for i in range(0, len(all_its), size)]


def try_all(faults, options, results):
    left = [fault for fault in faults if not fault.equivalent and results.find(fault) is None]
    print(f"{len(left)} of {len(faults)} faults to try", flush=True)
    keys = {fault.name: fault.key() for fault in left}  # of what is tried, whatever is edited meanwhile
    lock, turn = threading.Lock(), 0  # of a fault's tests
    passed = []

    def tell(fault, test, verdict, how):
        with lock:
            if verdict != "passed":
                results.add(keys[fault.name], fault, verdict, test, how)
            elif turn + 1 < len(fault.tests):
                passed.append(fault)
            else:
                results.add(keys[fault.name], fault, "survived", " ".join(fault.tests), "")

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.jobs) as pool:
        trials = Trials(Compiler(options, folder), options.timeout, tell)
        while left:
            running = [pool.submit(trials.together, *group) for group in groups_of(left, turn, options.together)]
            try:
                for done in as_completed(running):
                    done.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            left, passed, turn = passed, [], turn + 1


def report(faults, results):
    """A table of the folders, and the faults that nobody noticed or could notice."""
    columns = {"killed": "killed by a test", "compiler": "by the compiler", "survived": "survived",
               "equivalent": "equivalent", "not run": "not run"}
    folders, notes = {}, []
    for fault in faults:
        found = results.find(fault)
        outcome = "equivalent" if fault.equivalent else found["verdict"] if found else "not run"
        for folder in (fault.folder, "all"):
            folders.setdefault(folder, dict.fromkeys(columns, 0))[outcome] += 1
        if outcome in ("survived", "equivalent"):
            notes.append(f"- {fault.name} {outcome}: {fault.equivalent or ', '.join(fault.tests)}")
    folders["all"] = folders.pop("all")
    print(f"| folder | planted | {' | '.join(columns.values())} |")
    print("|---|" + "---|" * (1 + len(columns)))
    for folder, counts in folders.items():
        print(f"| {folder} | {sum(counts.values())} | {' | '.join(map(str, counts.values()))} |")
    print("\n" + "\n".join(notes))


def chosen(faults, wanted):
    for name in wanted:
        if not any(name in (fault.name, fault.folder) for fault in faults):
            raise Refusal(f"There is no fault or folder {name}; --list shows all.")
    return [fault for fault in faults if not wanted or fault.name in wanted or fault.folder in wanted]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only see that every fault applies")
    parser.add_argument("--list", action="store_true", help="only print the faults and their tests")
    parser.add_argument("--report", action="store_true", help="only print what --out holds")
    parser.add_argument("--out", type=pathlib.Path, help="the file of verdicts, which a run continues")
    parser.add_argument("--only", nargs="+", default=[], metavar="FOLDER[/NAME]", help="these faults alone")
    parser.add_argument("--together", type=int, default=12, help="faults of a program (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="programs at once (default: %(default)s)")
    parser.add_argument("--timeout", type=float, default=600, help="seconds of a test's run (default: %(default)s)")
    parser.add_argument("--cxx", default="g++", help="the compiler (default: %(default)s)")
    parser.add_argument("--flags", default="-O1 -march=native -mtune=generic", help="its flags (default: %(default)s)")
    parser.add_argument("--eigen", default="/usr/include/eigen3", help="Eigen's folder (default: %(default)s)")
    options = parser.parse_args()
    try:
        faults = chosen(read_faults(), options.only)
        check(faults)
        if options.check:
            print(f"{len(faults)} faults apply")
        elif options.list:
            for fault in faults:
                print(f"{fault.name}: {' '.join(fault.tests) or fault.equivalent}")
        elif options.out is None:
            raise Refusal("Say by --out where the verdicts are kept.")
        elif options.report:
            report(faults, Results(options.out))
        else:
            try_all(faults, options, Results(options.out))
    except Refusal as refusal:
        sys.exit(str(refusal))


if __name__ == "__main__":
    main()
