"""A part of a workflow at a time (`--stages`), what it comes to, and the pipeline as `status` shows it."""

import unittest

from harness import Case, wait_for
from terminal import TerminalCase

WORKFLOWS = """
[[workflow.book.stage]]
name = "extract"
steps = ["pages", "images"]
[[workflow.book.stage]]
name = "layout"
steps = ["set"]
[[workflow.book.stage]]
name = "print"
[workflow.phases]
phases = ["one", "two"]
"""


class Stages(Case):
    def setUp(self):
        super().setUp()
        self.config(WORKFLOWS)

    def run_stages(self, stages, script, *options):
        return self.run_supervise("-s", "s", "-w", "book", "--stages", stages, *options, "--", "sh", "-c", script)

    def states(self):
        return {stage["name"]: stage["state"] for stage in self.json("session", "show", "s")["stages"]}

    def test_all_of_them_done_is_a_success_though_the_session_goes_on(self):
        script = "supervise step done pages; supervise step skip images; supervise step done set"
        result = self.assert_code(0, self.run_stages("extract..layout", script))
        self.assertIn("every step of stages extract..layout is done or skipped", result.err)
        self.assert_end(self.row(), "success", "stages-done", stages="extract..layout")
        self.assertEqual("active", self.json("session", "show", "s")["status"])
        self.assertEqual({"outcome": "success", "reason": "stages-done"},
                         {key: self.event("@last", "execution_finished")["data"][key] for key in ("outcome", "reason")})

    def test_what_is_left_of_them_is_named(self):
        result = self.assert_code(75, self.run_stages("extract", "supervise step error images 'no plate'"))
        row = self.assert_end(self.row(), "incomplete", "stages-unfinished", stages="extract..extract")
        self.assertEqual("supervise resume 1", row["next"])
        for text in (result.err, row["explanation"]):
            self.assertIn("not every step of stage extract in session s is done or skipped:"
                          " extract/pages has not begun, extract/images is in error"
                          "; step extract/images is in error: no plate", text)

    def test_of_many_the_first_are_named_and_the_rest_counted(self):
        script = "for i in 1 2 3 4; do supervise step start extract/$i; done"
        self.assert_code(75, self.run_stages("extract..layout", script))
        self.assertIn(": extract/pages has not begun, extract/images has not begun, extract/1 is aborted, and 4 more;",
                      self.row()["explanation"])

    def test_stages_without_any_step_are_not_done(self):
        self.assert_code(75, self.run_stages("print", "true"))
        self.assert_end(self.row(), "incomplete", "stages-unfinished")

    def test_what_lies_outside_of_them_does_not_count(self):
        self.assert_code(0, self.run_stages("layout", "supervise step done set; supervise step error pages why"))
        self.assert_end(self.row(), "success", "stages-done")

    def test_a_failure_stays_one(self):
        self.assert_code(3, self.run_stages("layout", "supervise step done set; exit 3"))
        self.assert_end(self.row(), "failed", "exit")

    def test_done_later_turns_the_earlier_into_a_success(self):
        self.assert_code(75, self.run_stages("layout", "true"))
        self.ok("step", "done", "set", "--session", "s")
        self.assert_end(self.row(), "success", "stages-done")

    def test_resume_runs_the_same_stages(self):
        self.assert_code(75, self.run_stages("layout", "[ ! -e there ] || supervise step done set"))
        (self.work / "there").touch()
        self.assert_code(0, self.run_supervise("resume", "s"))
        self.assertEqual(["layout..layout"] * 2, [row["stages"] for row in self.rows()])
        self.assertEqual(["stages-done"] * 2, [row["reason"] for row in self.rows()])

    def test_while_it_runs_its_stages_are_due(self):
        running = self.start("-s", "s", "-w", "book", "--stages", "extract..layout", "--", "sleep", "1000")
        self.running_row()
        self.assertEqual({"extract": "queued", "layout": "queued", "print": "idle"}, self.states())
        self.ok("cancel", "s")
        running.finish()
        self.assertEqual({"extract": "idle", "layout": "idle", "print": "idle"}, self.states())

    def test_what_cannot_be_is_refused_before_anything_is_written(self):
        self.ok("session", "begin", "plain")
        self.ok("session", "begin", "phased", "--workflow", "phases")
        for options, says in (
                (["-w", "book", "--stages", "extrct"], 'no stage "extrct" is declared in the workflow of the session;'
                                                       ' did you mean "extract"?'),
                (["-w", "book", "--stages", "extract..prin"], 'did you mean "print"?'),
                (["-w", "book", "--stages", "layout..extract"], "write extract..layout"),
                (["-w", "book", "--stages", "layout.."], "write A..B"),
                (["-w", "book", "--stages", ""], "write A..B"),
                (["-s", "plain", "--stages", "extract"], "session plain has no workflow that declares stages"),
                (["-s", "phased", "--stages", "extract"], "session phased has no workflow that declares stages"),
                (["--stages", "extract"], "without a session to drive; name one with --session"),
                (["--no-ledger-ok", "--stages", "extract"], "without a session to drive")):
            result = self.assert_code(125, self.run_supervise(*options, "--", "touch", "ran"), f"{options!r}")
            self.assertIn(says, result.err)
        self.assertFalse((self.work / "ran").exists())
        self.assertEqual(([], 2), (self.rows(), len(self.json("session", "list"))))

    def test_a_helper_has_no_stages_of_its_own(self):
        script = "supervise --stages extract -- true 2>err; echo $? >code"
        self.assert_code(75, self.run_supervise("-s", "s", "-w", "book", "--", "sh", "-c", script))
        self.assertEqual("125\n", (self.work / "code").read_text())
        self.assertIn("without a session to drive", (self.work / "err").read_text())

    def test_an_end_by_way_of_the_spool_keeps_them(self):
        self.config(WORKFLOWS + '[store]\nbusy_timeout = "300ms"\n')
        for name, moved in (("taken", False), ("anew", True)):
            running = self.start("-s", "s", "-w", "book", "-n", name, "--stages", "layout", "--", "sh", "-c",
                                 "supervise step done set; echo up; while [ ! -e go ]; do sleep 0.01; done")
            running.wait_out("up")
            holder = self.lock()
            (self.work / "go").touch()
            self.assert_code(75, running.finish())
            holder.close()
            (self.work / "go").unlink()
            if moved:  # the ledger that takes it in knows neither the row nor the workflow of the session
                for path in self.ledger_dir.glob("supervise.db*"):
                    path.unlink()
            self.ok("session", "begin", name + "-after")
            row = self.row(name)
            if moved:
                self.assert_end(row, "success", "exit", session=None, stages=None)
            else:
                self.assert_end(row, "success", "stages-done", session="s", stages="layout..layout")


class Page(TerminalCase):
    LONG = "plate 4: connection reset by peer while reading from the archive server"

    def setUp(self):
        super().setUp()
        self.config(WORKFLOWS)
        self.ok("session", "begin", "s", "--workflow", "book")
        for words in (["start", "pages"], ["progress", "pages", "12/12"], ["done", "pages"], ["error", "images", "torn"],
                      ["start", "images"], ["progress", "images", "3/10"], ["error", "images", "at\x1b[2J", self.LONG],
                      ["skip", "set", "not", "wanted"]):
            self.ok("step", *words, "-q")

    def pipeline(self, *args, columns=None):
        """The lines of the table, and what failed, without the times."""
        out = self.ok(*args).out if columns is None else self.window(*args, columns=columns).finish().out
        lines = out.replace("\r\n", "\n").partition("Stages:\n")[2].partition("\n\n")[0].splitlines()
        return lines

    def test_stages_steps_attempts_counts_and_what_failed(self):
        lines = self.pipeline("status", "s")
        self.assertEqual(["STAGE", "STATE", "ATTEMPT", "TOOK", "PROGRESS", "MESSAGE"], lines[0].split())
        wanted = [("extract", "✗ error"), ("  pages", "✓ done", "██████████ 12/12"),
                  ("  images", "✗ error", " 2 ", "███░░░░░░░ 3/10", "at\\e[2J " + self.LONG), ("layout", "✓ done"),
                  ("  set", "– skipped", "not wanted"), ("print", "○ idle"),
                  ("✗ extract/images: at\\e[2J " + self.LONG,)]
        self.assertEqual(len(wanted), len(lines) - 1, lines)
        for line, (name, *cells) in zip(lines[1:], wanted):
            self.assertTrue(line.startswith(name), line)
            for cell in cells:
                self.assertIn(cell, line)
        self.assertEqual(lines, self.pipeline("session", "show", "s"))

    def test_a_step_that_has_not_begun_is_idle(self):
        self.ok("session", "begin", "other", "--workflow", "book")
        self.assertEqual(["STAGE     STATE", "extract   ○ idle", "  pages   ○ idle", "  images  ○ idle", "layout    ○ idle",
                          "  set     ○ idle", "print     ○ idle"], self.pipeline("status", "other"))

    def test_it_fits_the_terminal_and_the_error_is_there_whole(self):
        for columns in (60, 80, 200):
            *table, error = self.pipeline("status", "s", columns=columns)
            while not error.startswith("✗ "):
                error = table.pop() + error
            self.assertIn(self.LONG, error)
            self.assertTrue(all(len(line) <= columns for line in table), table)
            self.assertEqual(columns < 200, any("…" in line for line in table))
            self.assertIn("███░░░░░░░ 3/10", table[3])

    def test_next_is_a_command(self):
        self.assertIn("\nNext:         advance\n", self.ok("status", "s").out)
        self.assert_code(75, self.run_supervise("-s", "s", "--", "true"))
        self.assertIn("\nNext:         resume: supervise resume s\n", self.ok("status", "s").out)

    def test_next_names_the_phase_to_go_to(self):
        self.config('[workflow.w]\nphases = ["first", "the second", "last"]\n[[workflow.w.stage]]\nname = "a"\nsteps = ["x"]\n')
        self.ok("session", "begin", "p", "--workflow", "w")
        self.assertIn("\nNext:         advance: supervise session advance 'the second' --session p\n",
                      self.ok("session", "show", "p").out)
        for phase in ("the second", "last"):
            self.ok("session", "advance", phase, "--session", "p")
        self.assertIn("\nNext:         advance\n", self.ok("session", "show", "p").out)  # what is left is a step

    def test_next_waits_for_the_one_that_drives(self):
        self.config("")
        driver = self.start("-s", "w", "--", "sh", "-c", "supervise -- sleep 1000; true")
        rows = wait_for(lambda: (found := self.sql("SELECT id FROM executions WHERE session = 'w'"))[1:] and found,
                        "the driver and its helper")
        number = self.sql("SELECT id FROM executions WHERE drives = 1")
        self.assertEqual([(1,), (2,)], rows)
        self.assertEqual([(1,)], number)
        self.assertIn("\nNext:         wait: supervise wait 1\n", self.ok("session", "show", "w").out)
        waiting = self.start("wait", "1")
        self.ok("cancel", "2")
        self.ok("cancel", "1")
        driver.finish()
        waiting.finish()

    def test_items_stand_beside_their_stage(self):
        self.ok("item", "remaining", "-s", "s", "--stage", "print", feed=b"".join(b"%d\n" % n for n in range(10)))
        self.ok("item", "done", "-s", "s", "--stage", "print", "1", "2", "3")
        self.ok("item", "failed", "-s", "s", "--stage", "print", "4")
        self.ok("item", "done", "-s", "s", "--stage", "loose", "1")
        self.ok("item", "remaining", "-s", "s", "--stage", "due", feed=b"1\n")
        items = {stage["name"]: (stage["state"], stage["items"]) for stage in self.json("session", "show", "s")["stages"]}
        self.assertEqual({"extract": ("error", None), "layout": ("done", None),
                          "print": ("idle", {"done": 3, "failed": 1, "total": 10}),
                          "due": ("idle", {"done": 0, "failed": 0, "total": 1}),
                          "loose": ("idle", {"done": 1, "failed": 0, "total": None})}, items)
        self.assertEqual(["extract", "layout", "print", "due", "loose"], list(items))
        lines = self.pipeline("status", "s")
        for words in (["print", "○", "idle", "███░░░░░░░", "3/10", "1", "failed"], ["due", "○", "idle", "░" * 10, "0/1"],
                      ["loose", "○", "idle", "1", "item", "done"]):
            self.assertIn(words, [line.split() for line in lines])

    def test_an_execution_shows_that_of_its_session(self):
        self.assert_code(75, self.run_supervise("-s", "s", "--", "true"))
        self.assertEqual(self.pipeline("status", "s"), self.pipeline("status", "1"))

    def test_where_there_are_no_stages_there_is_nothing(self):
        self.ok("session", "begin", "plain")
        self.ok("--", "true")
        for ref in ("plain", "@last"):
            self.assertNotIn("Stages", self.ok("status", ref).out)


if __name__ == "__main__":
    unittest.main()
