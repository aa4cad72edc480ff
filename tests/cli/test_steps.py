"""Steps as commands report them: what each verb does and refuses, which step of which session is meant, who may report
it, and what an end makes of it."""

import json
import os
import signal
import unittest

from harness import Case, alive, probe, wait_for

BOOK = """
[[workflow.book.stage]]
name = "extract"
steps = ["pages", "images"]
[[workflow.book.stage]]
name = "layout"
steps = ["set", "cover"]
[[workflow.book.stage]]
name = "print"
steps = ["cover"]
"""
STRICT = "[workflow.strict]\nstrict = true\n" + BOOK.replace("workflow.book", "workflow.strict")


class StepCase(Case):
    def setUp(self):
        super().setUp()
        self.config(BOOK + STRICT)

    def begin(self, session="s", workflow=None):
        self.ok("session", "begin", session, *(["--workflow", workflow] if workflow else []))
        return session

    def steps(self, session="s"):
        """{"stage/name": step} of what has begun, as `session show` has them."""
        stages = self.json("session", "show", session)["stages"]
        return {f'{step["stage"]}/{step["name"]}': step for stage in stages for step in stage["steps"]
                if step["status"] != "idle"}

    def stages(self, session="s"):
        return {stage["name"]: stage["state"] for stage in self.json("session", "show", session)["stages"]}

    def step(self, verb, *words, **how):
        return self.ok("step", verb, "--session", "s", *words, **how)

    def step_events(self, session="s"):
        return [(event["type"], event["data"]) for event in self.events(session) if event["type"].startswith("step_")]

    def refused(self, code, *args, says="", **how):
        """Refused with that code, and nothing in the ledger is changed."""
        before = self.dump()
        result = self.assert_code(code, self.run_supervise(*args, **how), f"{args!r}")
        self.assertEqual(before, self.dump(), f"{args!r} was refused and changed something")
        self.assertIn(says, result.err)
        self.assertEqual("", result.out)
        return result

    def dump(self):
        with self.connect() as connection:
            return list(connection.iterdump())


class Verbs(StepCase):
    def test_a_step_goes_from_start_to_done(self):
        self.begin()
        self.step("start", "pages")
        self.assertEqual({"main": "running"}, self.stages())
        self.step("progress", "pages", "3/10", "page", "three")
        self.step("progress", "pages", "4/10")
        step = self.steps()["main/pages"]
        self.assertEqual({"stage": "main", "name": "pages", "status": "running", "attempt": 1, "message": "page three",
                          "error": None, "done": 4, "total": 10, "finished_at": None, "execution": None},
                         {key: value for key, value in step.items() if key != "started_at"})
        self.step("done", "pages")
        step = self.steps()["main/pages"]
        self.assertEqual(("done", 4), (step["status"], step["done"]))
        self.assertLessEqual(step["started_at"], step["finished_at"])
        self.assertEqual({"main": "done"}, self.stages())
        named = {"stage": "main", "name": "pages", "attempt": 1}
        self.assertEqual(
            [("step_started", named), ("step_progress", {**named, "message": "page three", "done": 3, "total": 10}),
             ("step_progress", {**named, "message": "page three", "done": 4, "total": 10}),
             ("step_done", {**named, "message": "page three", "done": 4, "total": 10})], self.step_events())

    def test_what_has_not_begun_is_begun_by_its_first_report(self):
        self.begin()
        for verb, words, status, kinds in (
                ("progress", ["going"], "running", ["step_started", "step_progress"]),
                ("done", [], "done", ["step_started", "step_done"]),
                ("error", ["no", "ink"], "error", ["step_started", "step_error"]),
                ("skip", ["not", "wanted"], "skipped", ["step_skipped"])):
            self.step(verb, verb, *words)
            step = self.steps()[f"main/{verb}"]
            self.assertEqual((status, 1), (step["status"], step["attempt"]))
            self.assertEqual(verb != "skip", step["started_at"] is not None, verb)
            self.assertEqual(verb != "progress", step["finished_at"] is not None, verb)
            self.assertEqual(kinds, [kind for kind, data in self.step_events() if data["name"] == verb])
        steps = self.steps()
        self.assertEqual("no ink", steps["main/error"]["error"])
        self.assertEqual("not wanted", steps["main/skip"]["message"])

    def test_each_start_is_another_attempt_and_the_earlier_are_kept(self):
        self.begin()
        for end in (["error", "x", "one"], ["done", "x"], ["error", "x", "two"], ["skip", "x"], ["start", "x"]):
            if end[0] not in ("skip", "start"):
                self.step("start", "x")
            self.step(*end)
        self.assertEqual(
            [(1, "error", "one"), (2, "done", None), (3, "error", "two"), (4, "skipped", None), (5, "running", None)],
            self.sql("SELECT attempt, status, error FROM steps ORDER BY id"))
        self.assertEqual(5, self.steps()["main/x"]["attempt"])

    def test_again_is_no_event(self):
        self.begin()
        for verb in ("start", "done", "skip"):
            name = "x" if verb != "skip" else "y"
            self.step(verb, name)
            before = self.step_events()
            self.step(verb, name)
            self.assertEqual(before, self.step_events(), verb)

    def test_what_its_status_does_not_allow_is_refused(self):
        self.begin()
        self.step("done", "done")
        self.step("error", "error", "why")
        self.step("skip", "skip")
        self.step("start", "running")
        for name, says, verbs in (("done", "it is done (attempt 1)", ("progress", "error", "skip")),
                                  ("error", "it is in error", ("progress", "done", "error")),
                                  ("skip", "it is skipped", ("progress", "done", "error")),
                                  ("running", "it is running", ("skip",))):
            for verb in verbs:
                words = [name, "1/2", "more"] if verb != "done" else [name]
                self.refused(5, "step", verb, "--session", "s", *words, says=says)

    def test_counts_that_cannot_be_are_refused(self):
        self.begin()
        self.step("start", "x")
        for counts in ("11/10", "0/0", "5/0", "1/-5", "99999999999999999999/99999999999999999999"):
            self.refused(2, "step", "progress", "--session", "s", "x", counts, says=counts)
        self.refused(2, "step", "progress", "--session", "s", "x", "-1/5")
        self.refused(2, "step", "progress", "--session", "s", "--", "x", "-1/5", says="-1/5")

    def test_what_is_no_count_is_a_message(self):
        self.begin()
        for words in (["chapter", "3/10"], ["src/main.c"], ["3/"], ["3/10 of them"]):
            self.step("progress", "x", *words)
            step = self.steps()["main/x"]
            self.assertEqual((" ".join(words), None), (step["message"], step["total"]))

    def test_names_that_cannot_be_are_refused(self):
        self.begin()
        for name in ("", "a\nb", "a\x1b[31m", "a\x7f", "a\u0085", b"a\xff", "x" * 129, "/x", "x/", "a..b/x"):
            result = self.refused(2, "step", "start", "--session", "s", name)
            self.assertNotIn("\x1b", result.err)
        for stage in ("", "a/b", "a\tb", "a..b", "x" * 129):
            self.refused(2, "step", "start", "--session", "s", "--stage", stage, "x")
        self.step("start", "x" * 128)
        self.refused(2, "step", "start", says="too few words")
        self.refused(2, "step", "error", "x", says="too few words")
        self.refused(2, "step", "done", "x", "y", says="unexpected word")

    def test_messages_are_bounded_text(self):
        self.begin()
        self.step("error", "x", b"caf\xff", "\u00e9" * 5000)
        error = self.steps()["main/x"]["error"]
        self.assertTrue(error.startswith("caf\ufffd \u00e9\u00e9"), error[:20])
        self.assertTrue(error.endswith("\u00e9\u2026"))
        self.assertLessEqual(len(error.encode()), 4100)


    def test_many_reports_one_after_another_leave_a_short_wal(self):
        self.begin()
        for number in range(100):
            self.step("progress", "x", f"{number}/100")
        self.assertLess(os.path.getsize(f"{self.db}-wal"), 1 << 20)


class Naming(StepCase):
    def test_a_name_alone_means_the_step_declared_once(self):
        self.begin(workflow="book")
        self.step("done", "images")
        self.step("done", "layout/cover")
        self.step("done", "--stage", "print", "cover")
        self.step("done", "elsewhere")
        self.assertEqual(["extract/images", "layout/cover", "print/cover", "main/elsewhere"], list(self.steps()))
        self.assertEqual({"extract": "idle", "layout": "idle", "print": "done", "main": "done"}, self.stages())

    def test_one_declared_in_several_stages_is_ambiguous(self):
        self.begin(workflow="book")
        self.refused(3, "step", "start", "--session", "s", "cover", says="several stages: layout, print;")

    def test_strict_takes_only_what_is_declared(self):
        self.begin(workflow="strict")
        for words, says in ((["imags"], 'did you mean "images"?'), (["extrct/images"], 'did you mean "extract"?'),
                            (["--stage", "layout", "images"], 'no step "images"'), (["main/x"], 'no stage "main"')):
            self.refused(5, "step", "start", "--session", "s", *words, says=says)
        self.step("done", "images")
        self.step("done", "print/cover")

    def test_a_declared_step_that_has_not_begun_is_idle(self):
        self.begin(workflow="book")
        self.step("done", "images")
        self.step("done", "extract/extra")
        extract = self.json("session", "show", "s")["stages"][0]
        self.assertEqual([("pages", "idle", 0), ("images", "done", 1), ("extra", "done", 1)],
                         [(step["name"], step["status"], step["attempt"]) for step in extract["steps"]])
        self.assertEqual(extract["steps"][1].keys(), extract["steps"][0].keys())


class WhichSession(StepCase):
    def test_the_only_active_one_is_announced(self):
        self.begin()
        result = self.ok("step", "done", "x")
        self.assertEqual("supervise: session s (via only-active)\n", result.err)
        self.assertEqual("", result.out)
        self.assertEqual("", self.ok("step", "done", "y", "-q").err)
        self.assertEqual("", self.step("done", "z").err)

    def test_none_and_several(self):
        self.assert_code(4, self.run_supervise("step", "done", "x"))
        self.assertFalse(self.db.exists(), "nothing is made for it")
        self.begin("a")
        self.refused(4, "step", "done", "x", "--session", "b", says='no session "b"')
        self.begin("b")
        self.refused(3, "step", "done", "x", says="several sessions are active")

    def test_a_closed_one_is_refused(self):
        self.begin()
        self.ok("session", "close", "s", "--abort")
        self.refused(6, "step", "start", "--session", "s", "x", says="session begin --session s")

    def test_that_of_the_execution(self):
        self.begin("other")
        result = self.shell("supervise -s s -- supervise step done x")
        self.assert_code(75, result)
        self.assertIn("session s (via execution)", result.err)
        self.assertEqual(self.row()["uid"], self.steps()["main/x"]["execution"])
        self.assertEqual({}, self.steps("other"))

    def test_an_option_links_an_execution_that_has_none(self):
        self.begin()
        self.assert_code(75, self.run_supervise("--", "supervise", "step", "done", "--session", "s", "x"))
        self.assertEqual(("s", True), (self.row()["session"], self.row()["drives"]))

    def test_a_report_is_activity_and_progress(self):
        self.begin()
        self.assert_code(75, self.run_supervise("-s", "s", "--", "sh", "-c", "supervise step start x"))
        row = self.row()
        started = next(event["at"] for event in self.events("s") if event["type"] == "step_started")
        self.assertEqual(started, row["progress_at"])
        self.assertGreaterEqual(row["activity_at"], row["progress_at"])

    def test_one_that_has_ended_reports_nothing(self):
        self.begin()
        self.ok("--", "true")
        uid = self.row()["uid"]
        result = self.ok("step", "done", "x", env={"SUPERVISE_EXECUTION_UID": uid})
        self.assertIn(f"{uid}, which has ended: ignored", result.err)
        self.assertIsNone(self.steps()["main/x"]["execution"])


class Holders(StepCase):
    rows_finish = False  # one of them is killed, and nobody sweeps

    def hold(self, *options):
        """An execution that runs step x of session s and goes on."""
        running = self.start("-s", "s", "-n", "holder", *options, "--", "sh", "-c",
                             "supervise step start x; exec sleep 1000")
        wait_for(lambda: self.db.exists() and self.sql("SELECT 1 FROM steps"), "the step")
        return running, self.running_row(name="holder")

    def test_a_step_is_its_executions_while_that_lives(self):
        self.begin()
        running, row = self.hold()
        for words, verb, *more in (("start", "start"), ("end", "done"), ("report progress of", "progress"),
                                   ("end", "error", "why")):
            self.refused(6, "step", verb, "--session", "s", "x", *more,
                         says=f"cannot {words} step main/x: #{row['id']} runs it")
        other = self.assert_code(6, self.run_supervise("-s", "s", "--", "supervise", "step", "done", "x"))
        self.assertIn(f"#{row['id']} runs it", other.err)
        self.ok("cancel", "holder")
        running.finish()

    def test_ancestors_and_descendants_may_report_it(self):
        self.begin()
        script = ("supervise step start x && supervise -- supervise step progress x 1/2 below &&"
                  " supervise -- supervise -- supervise step done x")
        self.assert_code(75, self.run_supervise("-s", "s", "--", "sh", "-c", script))
        self.assertEqual(("done", 1, 1), tuple(self.steps()["main/x"][key] for key in ("status", "attempt", "done")))
        running = self.start("-s", "s", "-n", "parent", "--", "sh", "-c",
                             "supervise -n child -- sh -c 'supervise step start y; exec sleep 1000' &"
                             " until supervise session show s --json | grep -q running; do :; done;"
                             " supervise step done y; touch done; supervise cancel child; wait")
        wait_for(lambda: (self.work / "done").exists(), "the parent's report")
        running.finish()
        self.assertEqual(("done", 1), (self.steps()["main/y"]["status"], self.steps()["main/y"]["attempt"]))

    def test_of_a_dead_one_it_is_aborted_first(self):
        self.begin()
        running, row = self.hold("--capture=none")
        running.kill(signal.SIGKILL)
        running.process.wait()
        self.refused(6, "step", "start", "--session", "s", "x", says="runs it")
        os.kill(row["pid"], signal.SIGKILL)
        wait_for(lambda: not alive(row["pid"]), "the command's end")
        running.finish()
        self.refused(5, "step", "done", "--session", "s", "x", says="it is aborted (attempt 1)")
        self.step("start", "x")
        self.assertEqual(2, self.steps()["main/x"]["attempt"])
        kinds = [(kind, data["attempt"], data.get("error")) for kind, data in self.step_events()]
        self.assertEqual([("step_started", 1, None), ("step_aborted", 1, "its execution is gone"),
                          ("step_started", 2, None)], kinds)

    def test_a_row_that_is_not_there_any_more_holds_nothing(self):
        self.begin()
        self.step("start", "x")
        self.sql("UPDATE steps SET execution = 'gone'")
        self.step("skip", "x")
        self.assertEqual([(1, "aborted"), (2, "skipped")], self.sql("SELECT attempt, status FROM steps ORDER BY id"))


class Ends(StepCase):
    """An execution's end, however it comes, aborts what it had running, in the same transaction."""

    def assert_aborted(self, reason="its execution ended", session="s"):
        step = self.steps(session)["main/x"]
        self.assertEqual(("aborted", reason), (step["status"], step["error"]))
        self.assertTrue(step["finished_at"])
        self.assertEqual({"stage": "main", "name": "x", "attempt": 1, "error": reason},
                         self.event(session, "step_aborted")["data"])
        self.assertEqual([], self.json("db", "check")["findings"])

    def begun(self, *options, then="exec sleep 1000"):
        running = self.start("-s", "s", *options, "--", "sh", "-c", "supervise step start x; echo up; " + then)
        running.wait_out("up")
        return running

    def test_by_itself(self):
        self.begun(then="exit 0").finish()
        self.assert_aborted()
        kinds = [event["type"] for event in self.events("s")]
        self.assertLess(kinds.index("step_aborted"), kinds.index("execution_finished"))

    def test_by_cancel(self):
        running = self.begun()
        self.ok("cancel", "s")
        running.finish()
        self.assert_aborted()

    def test_by_a_deadline(self):
        self.assert_code(124, self.begun("--idle-timeout", "700ms").finish())
        self.assert_aborted()

    def test_with_its_session(self):
        running = self.begun()
        self.ok("session", "close", "s", "--abort")
        running.finish()
        self.assert_aborted("its session was closed")

    def test_by_way_of_the_spool(self):
        self.config('[store]\nbusy_timeout = "300ms"\n')
        running = self.begun(then="while [ ! -e go ]; do sleep 0.01; done")
        holder = self.lock()
        (self.work / "go").touch()
        self.assertIn("spool", running.finish().err)
        holder.close()
        self.ok("session", "begin", "after")
        self.assert_aborted()

    def test_of_a_helper_its_own_alone(self):
        self.assert_code(75, self.run_supervise(
            "-s", "s", "--", "sh", "-c", "supervise step start y; supervise -- supervise step start x;"
            " supervise session show s --json >during"))
        self.assertEqual({"x": "aborted", "y": "running"},
                         {step["name"]: step["status"] for stage in json.loads((self.work / "during").read_text())["stages"]
                          for step in stage["steps"]})


class Run(StepCase):
    def run_step(self, *command, **how):
        return self.run_supervise("step", "run", "--session", "s", "x", "--", *command, **how)

    def setUp(self):
        super().setUp()
        self.begin()

    def assert_step(self, status, error=None):
        step = self.steps()["main/x"]
        self.assertEqual((status, error), (step["status"], step["error"]))

    def test_exit_0_is_done(self):
        result = self.run_step("sh", "-c", "cat; echo err >&2", feed=b"in\n")
        self.assertEqual((0, "in\n", "err\n"), result)
        self.assert_step("done")

    def test_another_exit_is_an_error_and_passed_on(self):
        self.assert_code(3, self.run_step("sh", "-c", "exit 3"))
        self.assert_step("error", "exit 3")

    def test_a_signal_is_an_error_and_died_of(self):
        self.assert_code(-signal.SIGKILL, self.run_step("sh", "-c", "kill -9 $$"))
        self.assert_step("error", "killed by SIGKILL")
        self.assert_code(143, self.shell("supervise step run --session s x -- sh -c 'kill $$'"))

    def test_what_cannot_be_run_is_127_or_126(self):
        result = self.assert_code(127, self.run_step("no-such-command"))
        self.assertIn("no-such-command", result.err)
        self.assert_step("error", result.err.removeprefix("supervise: ").strip())
        plain = self.script("plain", "text", mode=0o644)
        result = self.assert_code(126, self.run_step(plain))
        self.assertIn("permission denied", self.steps()["main/x"]["error"])

    def test_arguments_go_as_they_are_and_no_shell_sees_them(self):
        self.assertEqual("<-x><--session><$HOME><>", self.run_step("printf", "<%s>", "-x", "--session", "$HOME", "").out)

    def test_where_the_step_is_refused_the_command_is_not_run(self):
        self.ok("session", "close", "s", "--abort")
        self.refused(6, "step", "run", "--session", "s", "x", "--", "touch", "ran")
        self.assertFalse((self.work / "ran").exists())
        self.refused(2, "step", "run", "x", says="too few words")

    def test_signals_reach_the_command(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
            running = self.start("step", "run", "--session", "s", "x", "--", probe("ready"), "--default",
                                 number.name.removeprefix("SIG"))
            running.ready()
            running.kill(number)
            self.assert_code(-number, running.finish())
            self.assert_step("error", f"killed by {number.name}")

    def test_a_command_that_handles_them_goes_on(self):
        running = self.start("step", "run", "--session", "s", "x", "--", "sh", "-c",
                             "trap 'echo got it; exit 0' TERM; echo up; while :; do sleep 0.01; done")
        running.wait_out("up")
        running.kill(signal.SIGTERM)
        self.assertEqual("up\ngot it\n", self.assert_code(0, running.finish()).out)
        self.assert_step("done")

    def test_what_our_supervisor_sends_to_the_whole_group_comes_once(self):
        # Real-time signals queue: a second one would be seen, however soon it came.
        running = self.start("-s", "s", "--", "supervise", "-q", "step", "run", "x", "--", probe("ready"), "--exit",
                             "USR1=0", "--linger", "300")
        running.ready()
        running.kill(40)
        running.wait_out("RT40 1")
        running.kill(signal.SIGUSR1)
        result = self.assert_code(75, running.finish())
        self.assertEqual((1, 1), (result.out.count("RT40"), result.out.count("USR1")))

    def test_what_was_ignored_and_blocked_stays_so(self):
        def ignore():
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)

        shows = "grep -E '^Sig(Blk|Ign)' /proc/self/status"
        bare = self.run_program("/bin/sh", "-c", shows, before=ignore)
        self.assertEqual(bare.out, self.run_step("sh", "-c", shows, before=ignore).out)
        self.assert_step("done")

    def test_what_the_command_reports_of_the_step_itself_stands(self):
        result = self.run_step("sh", "-c", "supervise -q step error --session s x 'page 4 is torn'; exit 3")
        self.assertEqual((3, "", ""), result)
        self.assert_step("error", "page 4 is torn")

    def test_an_end_that_cannot_be_written_changes_no_exit(self):
        result = self.run_step("sh", "-c", "supervise session close s --abort; exit 3")
        self.assert_code(3, result)
        self.assertIn("the end of step main/x is not recorded: session s is closed", result.err)

    def test_inside_an_execution_without_session_it_is_all_there_is(self):
        self.assert_code(0, self.run_supervise("-n", "build", "--", "supervise", "step", "run", "make", "--", "true"))
        self.assert_end(self.row(), "success", "completed", session="build")


class Implicit(StepCase):
    def test_one_begins_with_the_first_report_and_closes_with_the_end(self):
        result = self.ok("-n", "import", "--", "sh", "-c",
                         "supervise step progress read 3/3; supervise step done read; supervise step skip write")
        self.assertIn("session import (via implicit)", result.err)
        self.assertIn("session import (via execution)", result.err)
        row = self.assert_end(self.row(), "success", "completed", session="import", drives=True)
        session = self.json("session", "show", "import")
        self.assertEqual(("closed", "completed", "complete"),
                         (session["status"], session["close_reason"], session["completeness"]))
        kinds = [event["type"] for event in self.events("import")]
        self.assertEqual(["round_completed", "session_closed", "execution_finished"], kinds[-3:])
        self.assertEqual({"round": 1}, self.event("import", "round_completed")["data"])
        self.assertEqual(row["uid"], self.event("import", "session_closed")["execution"])

    def test_what_is_left_keeps_it_open_until_it_is_resumed(self):
        script = "supervise step start read; [ -e there ] || exit 0; supervise step done read"
        result = self.assert_code(75, self.run_supervise("-n", "import", "--", "sh", "-c", script))
        self.assertIn("session import is still open, round 1: main/read is aborted;", result.err)
        self.assertIn("session import is still open, round 1: main/read is aborted",
                      self.assert_end(self.row(), "incomplete", "session-active")["explanation"])
        (self.work / "there").touch()
        self.assert_code(0, self.run_supervise("resume", "import"))
        self.assertEqual(["success", "success"], [row["outcome"] for row in self.rows()], result.err)
        self.assertEqual(2, self.steps("import")["main/read"]["attempt"])

    def test_a_refused_report_begins_none(self):
        self.ok("--", "sh", "-c", "supervise step skip x/; supervise step progress x 2/1; true")
        self.assertEqual([], self.json("session", "list"))
        self.assert_end(self.row(), "success", "exit")

    def test_exit_by_failure_leaves_it_open(self):
        self.assert_code(3, self.run_supervise("-n", "import", "--", "sh", "-c", "supervise step done x; exit 3"))
        self.assertEqual("active", self.json("session", "show", "import")["status"])


if __name__ == "__main__":
    unittest.main()
