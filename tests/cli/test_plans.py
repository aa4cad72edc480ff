"""An agent's plan as evidence: its items are steps of the stage "plan", and exit 0 with some of them open is no success.
The agents here are scripts that print what the real ones do."""

import json
import unittest

from harness import Case, wait_for


def made(key, name):
    return {"type": "user", "session_id": "s-1", "tool_use_result": {"task": {"id": key, "subject": name}}}


def moved(key, state):
    return {"type": "user", "session_id": "s-1", "tool_use_result": {"taskId": key, "statusChange": {"to": state}}}


def hold(number):
    return f"while [ ! -e go{number} ]; do sleep 0.01; done"


def listed(*items):
    """opencode's list: (name, status)."""
    todos = [{"content": name, "status": status} for name, status in items]
    return {"type": "tool_use", "sessionID": "s-1", "part": {"tool": "todowrite", "state": {"input": {"todos": todos}}}}


class Plans(Case):
    def agent(self, name, *script, code=0):
        """A program of that name: what is an object it prints, what is a text it runs."""
        folder = self.work / "agents"
        folder.mkdir(exist_ok=True)
        lines = [part if isinstance(part, str) else f"cat <<'END'\n{json.dumps(part)}\nEND" for part in script]
        path = folder / name
        path.write_text("#!/bin/sh\n" + "\n".join(lines) + f"\nexit {code}\n")
        path.chmod(0o755)
        return str(path)

    def gated(self, agent, gates):
        """Runs an agent that waits at hold() for what stands in the ledger, a step and its status, gate after gate."""
        running = self.start("--", agent)
        self.running_row()
        for number, (name, status) in enumerate(gates):
            wait_for(lambda: (name, status) in self.sql("SELECT name, status FROM steps"), name)
            (self.work / f"go{number}").touch()
        return running.finish()

    def steps(self, session=None):
        """Of the stage, as {name: status}."""
        stages = self.json("session", "show", session or self.row()["session"])["stages"]
        return {step["name"]: step["status"] for stage in stages if stage["name"] == "plan" for step in stage["steps"]}

    THREE = made("1", "Read"), made("2", "Write"), made("3", "Test")

    def test_half_of_it_done_is_incomplete_and_explained(self):
        result = self.assert_code(75, self.run_supervise("--", self.agent(
            "claude", *self.THREE, moved("1", "in_progress"), moved("1", "completed"), moved("2", "in_progress"))))
        row = self.assert_end(self.row(), "incomplete", "session-active", drives=True)
        self.assertIn("stage plan has 1 of 3 done", row["explanation"])
        self.assertIn("plan/Write is aborted", result.err)
        self.assertEqual("supervise resume 1", row["next"])
        self.assertEqual({"Read": "done", "Write": "aborted", "Test": "idle"}, self.steps())
        session = self.json("session", "show", row["session"])
        self.assertEqual("resume", session["next"])
        self.assertEqual(["error"], [stage["state"] for stage in session["stages"]])
        self.assertEqual("idle", self.json("session", "show", self.half("claude"))["stages"][0]["state"])

    def half(self, name):
        """The session of a run that ended with nothing running, and its plan open."""
        self.assert_code(75, self.run_supervise("-n", "half", "--", self.agent(name, *self.THREE, moved("2", "completed"))))
        return self.rows()[-1]["session"]

    def test_all_of_it_done_is_a_success_and_the_session_closes(self):
        self.ok("--", self.agent("claude", *self.THREE, *(moved(key, "completed") for key in "123")))
        row = self.assert_end(self.row(), "success", "completed")
        self.assertEqual({"Read": "done", "Write": "done", "Test": "done"}, self.steps())
        self.assertEqual("completed", self.json("session", "show", row["session"])["close_reason"])

    def test_items_that_never_began_count(self):
        self.assert_code(75, self.run_supervise("--", self.agent("claude", *self.THREE)))
        self.assertIn("stage plan has 0 of 3 done", self.row()["explanation"])

    def test_what_is_dropped_does_not(self):
        self.assert_code(0, self.gated(self.agent(
            "claude", *self.THREE, moved("1", "completed"), moved("2", "in_progress"), hold(0), moved("2", "deleted"),
            moved("3", "deleted")), [("Write", "running")]))
        self.assert_end(self.row(), "success", "completed")
        self.assertEqual({"Read": "done", "Write": "skipped"}, self.steps())
        told = [event["data"] for event in self.events("@last") if event["type"] == "execution_status"]
        for kind, names in (("planned", ["Read", "Write", "Test"]), ("dropped", ["Write", "Test"])):
            self.assertEqual(names, [name for data in told for name in data.get(kind, [])])
        self.assertEqual("no longer in its plan", self.event("@last", "step_error")["data"]["error"])

    def test_a_plan_that_is_dropped_whole_is_none(self):
        agent = self.agent("claude", made("1", "Read"), hold(0), moved("1", "deleted"))
        running = self.start("--", agent)
        wait_for(lambda: self.db.exists() and self.rows() and self.rows()[0]["session"], "a session for the plan")
        (self.work / "go0").touch()
        self.assert_code(0, running.finish())
        self.assert_end(self.row(), "success", "completed")

    def test_the_last_list_is_the_plan(self):
        self.assert_code(0, self.gated(self.agent(
            "opencode", listed(("Read", "in_progress"), ("Wrte", "pending")), hold(0),
            listed(("Read", "completed"), ("Write", "in_progress")), hold(1),
            listed(("Read", "completed"), ("Write", "completed"))), [("Read", "running"), ("Write", "running")]))
        self.assert_end(self.row(), "success", "completed")
        self.assertEqual({"Read": "done", "Write": "done"}, self.steps())

    def test_what_was_done_and_is_to_be_done_again_is_open(self):
        self.assert_code(75, self.gated(self.agent(
            "opencode", listed(("Read", "completed")), hold(0), listed(("Read", "pending"))), [("Read", "done")]))
        self.assertIn("plan/Read is aborted", self.row()["explanation"])

    def test_a_failure_stays_one(self):
        self.assert_code(3, self.run_supervise("--", self.agent(
            "claude", made("1", "Read"), moved("1", "completed"), code=3)))
        self.assert_end(self.row(), "failed", "exit")

    def test_without_a_plan_nothing_changes(self):
        self.ok("--", self.agent("claude", moved("9", "completed"), listed(("Read", "pending"))))
        self.assert_end(self.row(), "success", "exit", session=None)

    def test_names_are_cut_and_cleaned(self):
        self.ok("--", self.agent("claude", made("1", " a\nb\x1b[2J " + "ü" * 200), moved("1", "completed"),
                                 made("2", " \n ")))
        name, = self.steps()
        self.assertTrue(name.startswith("a b [2J ü"))
        self.assertLessEqual(len(name.encode()), 128)
        self.assert_end(self.row(), "success", "completed")

    def test_it_is_seen_while_it_runs_and_is_progress(self):
        running = self.start("--", self.agent("claude", made("1", "Read"), moved("1", "in_progress"),
                                              "while [ ! -e go ]; do sleep 0.01; done", moved("1", "completed")))
        row = wait_for(lambda: self.db.exists() and [r for r in self.rows() if r["progress_at"]], "progress")[0]
        wait_for(lambda: self.steps(row["session"]) == {"Read": "running"}, "a step that runs")
        (self.work / "go").touch()
        self.assert_code(0, running.finish())

    # --- the sessions that are asked for ---

    def test_in_a_session_that_was_begun_its_own_steps_are_the_measure(self):
        self.ok("-s", "job", "--", self.agent("claude", *self.THREE, "supervise session close"))
        self.assert_end(self.row(), "success", "completed", session="job")
        self.assertEqual({}, self.steps("job"))

    def test_a_plan_gives_way_to_the_session_that_is_begun(self):
        self.config("[workflow.w]\nphases = ['one', 'two']\n")
        running = self.start("-n", "robot", "--", self.agent(
            "claude", *self.THREE, moved("1", "in_progress"), "while [ ! -e go ]; do sleep 0.01; done",
            "supervise session begin job --workflow w || exit 9", "supervise session advance two || exit 9",
            moved("2", "in_progress"), "supervise session close || exit 9"))
        wait_for(lambda: self.db.exists() and self.rows() and self.rows()[0]["session"], "a session for the plan")
        self.assertEqual("robot", self.rows()[0]["session"])
        (self.work / "go").touch()
        self.assert_code(0, running.finish())
        self.assert_end(self.row(), "success", "completed", session="job", drives=True)
        session = self.json("session", "show", "robot")
        self.assertEqual(("closed", "aborted"), (session["status"], session["close_reason"]))
        self.assertEqual("its execution goes on in session job", self.event("robot", "session_aborted")["data"]["why"])
        self.ok("db", "check")

    def test_it_is_in_the_way_of_no_other_session(self):
        """Each verb means what it would have meant without the plan."""
        go = "while [ ! -e go ]; do sleep 0.01; done"
        for name, script, code in (
                ("begin", "supervise session begin && supervise session close", 0),
                ("link", "supervise session link job && supervise session close job", 0),
                ("advance", "supervise session advance x && supervise session complete-round && supervise session close", 0),
                ("step", "supervise step done a --session job && supervise session close job", 0),
                ("none", "supervise session show; test $? = 4", 75)):
            with self.subTest(name):
                if name in ("link", "advance", "step"):
                    self.ok("session", "begin", "job")
                running = self.start("-n", name, "--", self.agent("claude", *self.THREE, go, script + " || exit 9"))
                wait_for(lambda: self.db.exists() and [r for r in self.rows() if r["name"] == name and r["session"]],
                         "a session for the plan")
                (self.work / "go").touch()
                self.assert_code(code, running.finish())
                (self.work / "go").unlink()
                if code == 0:
                    self.assert_end(self.rows()[-1], "success", "completed")
        self.ok("db", "check")

    def test_left_open_it_is_not_the_only_active_session(self):
        self.assert_code(75, self.run_supervise("--", self.agent("claude", *self.THREE)))
        self.ok("session", "begin", "job")
        self.assertIn("session job (via only-active)", self.ok("session", "show").err)

    def test_steps_that_were_reported_keep_it(self):
        self.assert_code(75, self.run_supervise("-n", "robot", "--", self.agent(
            "claude", "supervise step done a", *self.THREE, "supervise session begin other", moved("1", "completed"))))
        row = self.assert_end(self.row(), "incomplete", "session-active", session="robot")
        self.assertIn("stage plan has 1 of 3 done", row["explanation"])

    def test_who_only_helps_has_no_plan(self):
        inner = self.agent("claude", *self.THREE)
        self.ok("-s", "job", "--", "sh", "-c", f"supervise -- {inner} && supervise session close")
        self.assertEqual({}, self.steps("job"))

    # --- resumed ---

    def test_the_next_run_goes_on_with_it(self):
        script = ["if [ -e there ]; then", moved("2", "completed"), moved("3", "completed"), "exit 0; fi", "touch there",
                  *self.THREE, moved("1", "completed"), moved("2", "in_progress")]
        self.config('[agent.claude]\nresume = ["%s"]\n' % (self.work / "agents" / "claude"))
        self.assert_code(75, self.run_supervise("--", self.agent("claude", *script)))
        self.assert_code(0, self.run_supervise("resume", "1"))
        self.assertEqual(["success", "success"], [row["outcome"] for row in self.rows()])
        self.assertEqual({"Read": "done", "Write": "done", "Test": "done"}, self.steps())

    def test_what_its_list_no_longer_has_is_dropped_in_the_next_run(self):
        script = ["if [ -e there ]; then", listed(("All of it", "completed")), "exit 0; fi", "touch there",
                  listed(("Read", "completed"), ("Write", "in_progress"))]
        self.config('[agent.opencode]\nresume = ["%s"]\n' % (self.work / "agents" / "opencode"))
        self.assert_code(75, self.run_supervise("--", self.agent("opencode", *script)))
        self.assert_code(0, self.run_supervise("resume", "1"))
        self.assertEqual({"Read": "done", "Write": "skipped", "All of it": "done"}, self.steps())

    # --- a ledger that is busy ---

    def test_what_could_not_be_written_goes_with_the_end(self):
        running = self.start("--", self.agent(
            "claude", "echo up; while [ ! -e go ]; do sleep 0.01; done", *self.THREE, moved("1", "completed"),
            "echo told; touch told; while [ ! -e end ]; do sleep 0.01; done"))
        running.wait_out("up")
        self.running_row()
        holder = self.lock()
        (self.work / "go").touch()
        running.wait_out("told")  # passed on while the ledger is locked
        (self.work / "end").touch()
        wait_for(lambda: not self.survivors_but(running.pid), "the end of the command")
        holder.close()
        self.assert_code(75, running.finish())
        self.assertIn("stage plan has 1 of 3 done", self.row()["explanation"])

    def survivors_but(self, pid):
        return [left for left in self.survivors() if left != pid]

    def test_it_goes_by_way_of_the_spool(self):
        self.config('[store]\nbusy_timeout = "300ms"\n')
        running = self.start("--", self.agent(
            "claude", "echo up; while [ ! -e go ]; do sleep 0.01; done", *self.THREE, moved("1", "completed")))
        running.wait_out("up")
        self.running_row()
        holder = self.lock()
        (self.work / "go").touch()
        running.finish()
        holder.close()
        self.ok("session", "begin", "after")
        row = self.assert_end(self.row("1"), "incomplete", "session-active")
        self.assertEqual({"Read": "done", "Write": "idle", "Test": "idle"}, self.steps(row["session"]))


if __name__ == "__main__":
    unittest.main()
