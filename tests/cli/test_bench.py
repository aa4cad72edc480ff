"""The ledgers that `make bench` measures are what the program could have written, and what they are said to be."""

import collections
import subprocess
import sys

from harness import BIN, ROOT, Case

BENCH = ROOT / "tests" / "bench"


class LedgersToMeasure(Case):
    def made(self, executions):
        path = self.work / "history.db"
        subprocess.run([sys.executable, BENCH / "ledger.py", BIN, path, str(executions)], check=True, env=self.env)
        return path

    def test_a_history_is_sound_and_its_exceptions_are_at_its_far_end(self):
        path = self.made(1_000)
        self.ok("--db", path, "db", "check")
        rows = self.json("--db", path, "list", "--all")
        self.assertEqual(sorted(row["id"] for row in rows), list(range(1, 1_001)))
        outcomes = collections.Counter(row["outcome"] for row in rows)
        self.assertEqual(outcomes, {"success": 920, "incomplete": 10, "failed": 60, "cancelled": 10})
        self.assertLessEqual(max(row["id"] for row in rows if row["outcome"] in ("incomplete", "cancelled")), 200)
        self.assertEqual(sum(row["queued_at"] is not None for row in rows), 50)
        self.assertEqual(sum(row["name"] == "rare" for row in rows), 1)
        sessions = self.json("--db", path, "session", "list", "--all")
        self.assertEqual(collections.Counter(session["close_reason"] for session in sessions),
                         {"completed": 30, "aborted": 10, None: 11})
        swept = self.ok("--db", path, "sweep", "--json")
        self.assertNotIn("orphaned", swept.out)
        self.assertEqual(len(self.json("--db", path, "session", "list", "--status", "active")), 11)

    def test_the_guards_of_the_ledger_stand_again(self):
        path = self.made(20)
        with self.assertRaisesRegex(Exception, "can't be changed"):
            self.sql("UPDATE events SET at = 1", path=path)
