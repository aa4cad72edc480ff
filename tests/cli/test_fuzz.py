"""The fuzz targets without a fuzzer: what holds for any bytes holds for the corpus, and for changed copies of it."""

import subprocess
import unittest

from harness import BUILD, ROOT

TARGETS = ROOT / "tests" / "fuzz"


class Replay(unittest.TestCase):
    """A test for each target: tests/fuzz/NAME.c on tests/fuzz/corpus/NAME."""


def replay(name):
    def test(self):
        program, corpus = BUILD / "fuzzers" / name, TARGETS / "corpus" / name
        self.assertTrue(program.exists(), f"no {program}: build it with `make tests`")
        done = subprocess.run([program, corpus], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, done.stdout.decode(errors="replace"))

    return test


for target in sorted(TARGETS.glob("*.c")):
    if target.stem != "driver":
        setattr(Replay, f"test_{target.stem}", replay(target.stem))
