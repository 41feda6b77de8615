"""Compiles one test, with changed headers or without, and runs it."""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from fault import DEFINED_BY, ROOT, TESTS, Refusal, sources_of

COMMON = ["gtest/gtest.h", "Eigen/Core", "unsupported/Eigen/SpecialFunctions"]  # what every test reads


def runs_of(test):
    """The arguments of a program's runs: its lines `// ctest:`, or one run without arguments."""
    text = "".join(source.read_text() for source in sources_of(test))
    runs = re.findall(r"^// ctest: ?(.*)$", text, re.MULTILINE) or [""]
    return [run.replace("${PROJECT_SOURCE_DIR}", str(ROOT)).split() for run in runs]


def only(schemes, scheme_list):
    """The text of support/scheme_list.hpp with these schemes alone."""
    begin, end = scheme_list.index("all = {\n") + len("all = {\n"), scheme_list.index("  };\n  return all;")
    entries = re.split(r'^(?=      (?:\{"|two_norms<))', scheme_list[begin:end], flags=re.MULTILINE)[1:]
    named = {re.search('"(.*?)"', entry)[1]: entry for entry in entries}
    unknown = [scheme for scheme in schemes if scheme not in named]
    if unknown:
        raise Refusal(f"support/scheme_list.hpp has no scheme {unknown[0]}; it has {', '.join(named)}.")
    return scheme_list[:begin] + "".join(named[scheme] for scheme in schemes) + scheme_list[end:]


class Program:
    """A test that was compiled in a folder; `errors` is empty if it could be."""

    def __init__(self, test, folder, errors):
        self.test, self.folder, self.errors = test, folder, errors

    def failure(self, timeout, fault=0):
        """Why a run, of the fault with that number, failed; empty if all passed."""
        environment = {**os.environ, "GTEST_BRIEF": "1", "GTEST_FAIL_FAST": "1", "GTEST_THROW_ON_FAILURE": "1",
                       "PLANTED": str(fault)}
        for arguments in runs_of(self.test):
            try:
                ended = subprocess.run([self.folder / "program", *arguments], cwd=self.folder, env=environment,
                                       capture_output=True, text=True, errors="replace", timeout=timeout)
            except subprocess.TimeoutExpired:
                return f"no end within {timeout:.0f} s"
            if ended.returncode != 0:
                failed = re.findall(r"([\w.]+:\d+): Failure", ended.stdout)
                return failed[0] if failed else f"ended with {ended.returncode}"
        return ""


class Compiler:
    """Compiles tests in folders of their own below one."""

    def __init__(self, options, folder):
        self.folder = pathlib.Path(folder)
        self.command = [options.cxx, "-std=c++20", *options.flags.split(), "-UNDEBUG", "-w",
                        f'-DRESIDUAL_SOURCE_DIR="{ROOT}"', "-isystem", options.eigen]
        self.common = self.folder / "common.hpp"  # parsed once
        self.common.write_text("".join(f"#include <{header}>\n" for header in COMMON))
        made = self.run("-x", "c++-header", self.common, "-o", f"{self.common}.gch")
        if made.returncode != 0:
            raise Refusal(f"{options.cxx} cannot compile {', '.join(COMMON)}:\n{made.stderr}")

    def run(self, *arguments):
        return subprocess.run([*self.command, *map(str, arguments)], capture_output=True, text=True, errors="replace")

    def shadow(self, folder, test, schemes, headers):
        """Writes what stands in front of the real headers, and the sources of the test, which it returns."""
        texts = dict(headers)
        for declared, definition in DEFINED_BY.items():
            text = re.sub(r"^extern template .*\n", "", (TESTS / declared).read_text(), flags=re.MULTILINE)
            texts[declared] = text + (f'#include "{definition}"\n' if definition else "")
        if schemes:
            text = only(schemes, (TESTS / "support/scheme_list.hpp").read_text())
            texts["support/scheme_list.hpp"] = text.replace('"../../', f'"{ROOT}/')
        for name, text in texts.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        return [shutil.copy(source, folder / source.relative_to(TESTS)) for source in sources_of(test)]

    @contextlib.contextmanager
    def program(self, test, schemes, headers):
        """The program of a test of these schemes, or of all, with these headers by their names in front of the others."""
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            folder = pathlib.Path(name)
            sources = self.shadow(folder, test, schemes, headers)
            built = self.run("-include", self.common, "-I", folder, "-I", ROOT / "include", "-I", TESTS, *sources, "-o",
                             folder / "program", "-lgtest", "-lgtest_main", "-lrapidcheck", "-pthread")
            yield Program(test, folder, built.stderr or "no word" if built.returncode != 0 else "")
