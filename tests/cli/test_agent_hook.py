"""`agent hook`: what is done at the events of an agent, and that it is never in the agent's way. The agents here are
scripts that call the hook as the real ones do."""

import json
import os
import time
import unittest

from harness import Case, wait_for

SESSION = "11111111-2222-4333-8444-555555555555"


def event(name, session=SESSION, **more):
    return json.dumps({"session_id": session, "transcript_path": "/t.jsonl", "cwd": "/", "hook_event_name": name, **more})


STOP = event("Stop", stop_hook_active=False, last_assistant_message="half done")


class Hooks(Case):
    def agent(self, script, name="claude"):
        """A program of that name. In it, `hook N` runs the hook with the file N, and keeps what it printed."""
        path = self.work / name
        path.write_text("#!/bin/sh\n"
                        "hook() { supervise agent hook <$1 >>out 2>>err || echo \"code $?\" >>err; }\n" + script)
        path.chmod(0o755)
        (self.work / "out").touch()
        (self.work / "err").touch()
        return str(path)

    def given(self, **files):
        for name, text in files.items():
            (self.work / name).write_text(text)

    def outputs(self):
        self.assertEqual("", (self.work / "err").read_text())
        return [json.loads(line) for line in (self.work / "out").read_text().splitlines()]

    def reasons(self):
        for output in self.outputs():
            self.assertEqual(("block", {"decision", "reason"}), (output["decision"], set(output)))
        return [output["reason"] for output in self.outputs()]

    def steps(self, session):
        stages = self.json("session", "show", session)["stages"]
        return {step["name"]: step["status"] for stage in stages for step in stage["steps"]}

    # --- it is never in the way ---

    def test_outside_of_an_execution_nothing_happens(self):
        for env in ({}, {"SUPERVISE_EXECUTION_UID": ""}, {"SUPERVISE_EXECUTION_UID": "aaaaaaaaaaaaaaaaaaaa"}):
            result = self.run_supervise("agent", "hook", feed=STOP.encode(), env=env)
            self.assertEqual((0, "", ""), result)
        self.assertFalse(self.db.exists())

    def test_garbage_harms_nothing(self):
        self.given(a="", b="{", c="[1]", d="\0\xff{}", e='{"hook_event_name": 5}', f=event("Nonsense"), g="5",
                   h='{"hook_event_name": "Stop"}', i=event("TaskCreated"), j=event("PostToolUse", tool_response=[]),
                   k=event("TaskCreated", task_id=7, task_subject={}), l=event("StopFailure", error={"a": 1}))
        self.ok("-s", "job", "--exit-code=child", "--", self.agent("for f in a b c d e f g h i j k l; do hook $f; done"))
        self.assertEqual([], self.outputs())

    def test_five_megabytes_are_taken_in_and_more_is_passed_over(self):
        self.given(big=event("PostToolUse", tool_name="Bash", tool_response={"stdout": "x" * (5 << 20)}),
                   bigger=event("Stop", last_assistant_message="x" * (20 << 20)))
        self.ok("-s", "job", "--exit-code=child", "--", self.agent("hook big; hook bigger"))
        self.assertEqual([], self.outputs())
        self.assertGreater(self.row()["activity_at"], self.row()["started_at"])

    def test_a_ledger_that_is_locked_or_gone_or_damaged_is_one_line_at_most(self):
        self.given(stop=STOP)
        self.ok("session", "begin", "x")
        for name, spoil in (("locked", lambda: self.lock()), ("gone", lambda: None), ("damaged", lambda: None)):
            env = {"SUPERVISE_EXECUTION_UID": "aaaaaaaaaaaaaaaaaaaa"}
            holder = None
            if name == "locked":
                holder = self.lock()
            elif name == "gone":
                env["SUPERVISE_DB"] = "/nonexistent/x.db"
            else:
                (self.work / "bad.db").write_text("no database at all, but long enough to be looked at" * 9)
                env["SUPERVISE_DB"] = str(self.work / "bad.db")
            began = time.monotonic()
            result = self.run_supervise("agent", "hook", feed=STOP.encode(), env=env)
            self.assertEqual((0, ""), result[:2], name)
            self.assertLessEqual(result.err.count("\n"), 1, result.err)
            self.assertLess(time.monotonic() - began, 10)
            if holder:
                holder.close()

    def test_a_wrong_configuration_is_one_line(self):
        self.config("[agents]\nmax_nudgs = 3\n")
        result = self.run_supervise("agent", "hook", feed=STOP.encode(), env={"SUPERVISE_EXECUTION_UID": "a" * 20})
        self.assertEqual((0, "", 1), (result.code, result.out, result.err.count("\n")))

    def test_who_never_closes_stdin_is_not_waited_for(self):
        read, write = os.pipe()
        try:
            self.assert_code(0, self.start("agent", "hook", stdin=read).finish())
        finally:
            os.close(read)
            os.close(write)

    # --- what is done ---

    def test_the_id_of_the_conversation_is_recorded_once(self):
        self.given(start=event("SessionStart", source="startup"), other=event("SessionStart", session="other", source="startup"))
        self.ok("--", self.agent("hook start; hook start; hook other"))
        self.assertEqual(SESSION, self.row()["agent_session"])
        self.assertEqual(SESSION, self.event("1", "execution_status")["data"]["agent_session"])
        self.assertEqual([], self.outputs())

    def test_every_event_is_activity_but_not_a_write_each(self):
        self.given(tool=event("PreToolUse", tool_name="Bash"))
        running = self.start("--", self.agent("echo up; while [ ! -e go ]; do sleep 0.01; done; hook tool; touch one;"
                                              "while [ ! -e on ]; do sleep 0.01; done; for i in 1 2 3 4 5; do hook tool; done;"
                                              "touch all; while [ ! -e end ]; do sleep 0.01; done"))
        running.wait_out("up")
        self.sql("UPDATE executions SET activity_at = 1000")
        (self.work / "go").touch()
        wait_for((self.work / "one").exists, "a hook")
        [(first,)] = self.sql("SELECT activity_at FROM executions")
        self.assertGreater(first, 1000)
        self.sql("UPDATE executions SET activity_at = activity_at + 3600000")  # as if it had been just now, and remains so
        (self.work / "on").touch()
        wait_for((self.work / "all").exists, "five hooks")
        self.assertEqual([(first + 3600000,)], self.sql("SELECT activity_at FROM executions"))
        (self.work / "end").touch()
        self.assert_code(0, running.finish())

    def test_tools_put_off_an_idle_timeout(self):
        self.given(tool=event("PostToolUse", tool_name="Bash"))
        self.ok("--idle-timeout", "2s", "--", self.agent("for i in 1 2 3 4 5 6; do sleep 0.6; hook tool; done"))

    def test_why_it_ended_is_shown(self):
        self.given(failure=event("StopFailure", error="rate_limit"), end=event("SessionEnd", reason="other"))
        self.ok("--", self.agent("hook failure; hook end"))
        self.assertEqual("StopFailure: rate_limit", self.row()["status_text"])

    def test_tasks_are_items_of_its_plan_whoever_tells_of_them(self):
        self.given(one=event("TaskCreated", task_id="1", task_subject="Read"),
                   two=event("TaskCreated", task_id="2", task_subject="Write"),
                   done=event("TaskCompleted", task_id="1", task_subject="Read"),
                   begun=event("PostToolUse", tool_name="TaskUpdate", tool_response={
                       "success": True, "taskId": "2", "statusChange": {"from": "pending", "to": "in_progress"}}))
        line = {"session_id": SESSION, "tool_use_result": {"task": {"id": "1", "subject": "Read"}}}
        self.assert_code(75, self.run_supervise("-n", "robot", "--", self.agent(
            f"hook one; echo '{json.dumps(line)}'; hook one; hook two; hook begun; hook done; hook done")))
        self.assertEqual({"Read": "done", "Write": "aborted"}, self.steps("robot"))
        self.assertIn("stage plan has 1 of 2 done", self.row()["explanation"])
        self.assertEqual(1, len([e for e in self.events("1") if e["type"] == "step_done"]))

    # --- it is told to go on ---

    def test_stopping_too_early_it_is_told_what_is_missing(self):
        self.config("[workflow.w]\nphases = ['one', 'two', 'three']\n[[workflow.w.stage]]\nname = 'a'\nsteps = ['b']\n")
        self.given(stop=STOP)
        self.assert_code(75, self.run_supervise("-s", "job", "-w", "w", "--", self.agent(
            "hook stop; supervise -q session advance two; supervise -q step done b; hook stop")))
        self.assertEqual([
            "The work is not complete. Session job is in phase one (1 of 3), round 1. Still missing: round 1 is not complete"
            " (phase one); step a/b has not begun. Next: supervise session advance two. Go on with it until it is.",
            "The work is not complete. Session job is in phase two (2 of 3), round 1. Still missing: round 1 is not complete"
            " (phase two). Next: supervise session advance three. Go on with it until it is."], self.reasons())
        nudges = [e["data"] for e in self.events("1") if "nudge" in e["data"]]
        self.assertEqual([1, 1], [data["nudge"] for data in nudges])
        self.assertEqual(self.reasons(), [data["reason"] for data in nudges])

    def test_three_times_in_a_row_and_again_after_progress(self):
        self.given(stop=STOP, active=event("Stop", stop_hook_active=True))
        self.assert_code(75, self.run_supervise("-s", "job", "--", self.agent(
            "hook stop; for i in 1 2 3 4; do hook active; done; sleep 0.01; supervise -q step done a; hook stop")))
        self.assertEqual(4, len(self.reasons()))
        self.assertEqual([1, 2, 3, 1], [e["data"]["nudge"] for e in self.events("1") if "nudge" in e["data"]])

    def test_as_often_as_is_configured(self):
        self.given(stop=STOP)
        for most in (0, 1):
            self.config(f"[agents]\nmax_nudges = {most}\n")
            self.run_supervise("-s", f"job{most}", "--", self.agent("hook stop; hook stop"))
            self.assertEqual(most, len(self.reasons()))

    def test_not_where_nothing_is_missing(self):
        self.given(stop=STOP, one=event("TaskCreated", task_id="1", task_subject="Read"),
                   done=event("TaskCompleted", task_id="1", task_subject="Read"))
        for options, script in (([], "hook stop"), ([], "hook one; hook done; hook stop"),
                                (["-s", "a"], "supervise -q session close; hook stop")):
            self.ok(*options, "--", self.agent(script))
            self.assertEqual([], self.outputs())

    def test_a_plan_that_is_open_is_a_reason(self):
        self.given(stop=STOP, one=event("TaskCreated", task_id="1", task_subject="Read"))
        self.assert_code(75, self.run_supervise("-n", "robot", "--", self.agent("hook one; hook stop")))
        reason, = self.reasons()
        self.assertIn("Session robot is active, round 1. Still missing: step plan/Read has not begun. Next: finish what is"
                      " open, or drop from the plan what is not needed.", reason)

    def test_of_stages_only_those_it_is_to_finish(self):
        self.config("[[workflow.w.stage]]\nname = 'a'\nsteps = ['b']\n[[workflow.w.stage]]\nname = 'c'\nsteps = ['d']\n")
        self.given(stop=STOP)
        self.assert_code(0, self.run_supervise("-s", "job", "-w", "w", "--stages", "c", "--", self.agent(
            "hook stop; supervise -q step done d; hook stop")))
        self.assertEqual(["The work is not complete. Not every step of stages c..c in session job is done or skipped:"
                          " c/d has not begun. Go on with it until it is."], self.reasons())

    def test_a_session_that_is_required_and_was_not_begun_is_asked_for(self):
        self.given(stop=STOP)
        self.assert_code(75, self.run_supervise("--require-session", "--", self.agent("hook stop")))
        self.assertIn("Next: supervise session begin.", self.reasons()[0])

    def test_not_who_helps_nor_another_conversation_nor_another_program(self):
        self.given(stop=STOP, start=event("SessionStart"), other=event("Stop", session="other"),
                   task=event("TaskCreated", session="other", task_id="1", task_subject="Read"))
        helper = self.agent("hook stop")
        own = self.agent("supervise -- ./codex", "claude-not")
        os.rename(helper, self.work / "codex")
        self.run_supervise("-s", "job", "--", own)
        self.assertEqual([], self.outputs())
        self.run_supervise("-s", "job", "--", self.agent("hook start; hook other; hook task"))
        self.assertEqual([], self.outputs())
        self.run_supervise("-s", "job", "--", self.agent("hook start; hook stop; hook task", "script"))
        self.assertEqual([], self.outputs())
        self.assertIsNone(self.row()["agent_session"])
        self.assertEqual({}, self.steps("job"))

    def test_not_once_somebody_wants_it_to_end(self):
        self.given(stop=STOP)
        running = self.start("-s", "job", "--", self.agent("trap 'hook stop; exit 0' TERM; echo up; while :; do sleep 0.05; done"))
        running.wait_out("up")
        self.ok("cancel", "1")
        running.finish()
        self.assert_end(self.row("1"), "cancelled", "cancelled")
        self.assertEqual([], self.outputs())

    def test_at_its_start_it_is_told_of_the_workflow(self):
        self.config("[workflow.w]\nphases = ['one', 'two']\n")
        self.given(start=event("SessionStart", source="startup"))
        self.run_supervise("-s", "job", "-w", "w", "--", self.agent("hook start"))
        output, = self.outputs()
        self.assertEqual({"hookSpecificOutput"}, set(output))
        told = output["hookSpecificOutput"]
        self.assertEqual("SessionStart", told["hookEventName"])
        self.assertIn("- Session job is in phase one (1 of 2), round 1.", told["additionalContext"])
        self.assertIn("supervise session advance two", told["additionalContext"])

    def test_twenty_at_once(self):
        self.given(stop=STOP, tool=event("PostToolUse", tool_name="Bash"),
                   **{f"t{i}": event("TaskCreated", task_id=str(i), task_subject=f"Task {i}") for i in range(20)})
        script = ("for i in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19; do"
                  " supervise agent hook <t$i 2>>err & supervise agent hook <tool 2>>err & done; wait;"
                  "for i in 1 2 3 4 5 6 7 8 9 10; do supervise agent hook <stop >o$i 2>>err & done; wait; cat o[0-9]* >out")
        self.assert_code(75, self.run_supervise("-n", "robot", "--", self.agent(script)))
        errors = (self.work / "err").read_text()
        for line in errors.splitlines():  # the ledger is waited for no longer than 200 ms
            self.assertIn("database is locked", line)
        (self.work / "err").write_text("")
        if errors:
            self.assertLessEqual(len(self.steps("robot")), 20)
            self.assertLessEqual(len(self.reasons()), 3)
        else:
            self.assertEqual(20, len(self.steps("robot")))
            self.assertEqual(3, len(self.reasons()))
        self.ok("db", "check")


class Prompt(Case):
    GENERAL = """\
This work is recorded by `supervise`. It counts as complete once its session is closed as completed, whatever is said and
whichever way the program ends. Run these commands as you work; do not report what has not been done.

- First, and again after any interruption: `supervise session begin`. Safe to call twice.
- Report each step of the work: `supervise step start NAME`, then `supervise step done NAME`, or `supervise step error NAME WHY`.
- Of many things to work through: `supervise item done ID` for each, `supervise item failed ID --error WHY`;
  `supervise item remaining <IDS` prints those that are left.
- Where you are, and what is missing: `supervise session show`.
- When all of it is done: `supervise session close`. If that is refused, it says what is missing: do that, then close.
- If it cannot be done at all: `supervise session close --abort --why REASON`.
"""

    def test_the_general_one(self):
        self.assertEqual(self.GENERAL, self.ok("agent", "prompt").out)

    def test_in_the_words_of_a_workflow(self):
        self.config("""
            [workflow.book]
            phases = ["draft", "review", "done"]
            edges = { review = ["draft", "done"] }
            [[workflow.book.stage]]
            name = "extract"
            steps = ["pages", "images"]
            [[workflow.book.stage]]
            name = "print"
            """)
        text = self.ok("agent", "prompt", "-w", "book").out
        self.assertEqual("""\
- First, and again after any interruption: `supervise session begin --workflow book`. Safe to call twice.
- Its phases: draft, review, done.
  When the work of a phase is done, and not before, go on to the next: `supervise session advance review`, and so on.
  From review: draft or done.
  The round is complete when you enter done.
- Its stages with their steps:
  extract: pages, images
  print
  Report each: `supervise step start extract/pages`, then `supervise step done extract/pages`, or `supervise step error \
extract/pages WHY`; `supervise step skip extract/pages WHY` where it is not needed.
""", "".join(text.splitlines(True)[3:-5]))
        self.assertLessEqual(len(text.splitlines()), 25)

    def test_the_commands_in_it_are_right(self):
        """As an agent would: each of them, as it stands there."""
        self.config("[workflow.w]\nphases = ['one', 'two']\n[[workflow.w.stage]]\nname = 'a'\nsteps = ['b']\n")
        text = self.ok("agent", "prompt", "-w", "w").out
        parts = text.split("`")[1::2]
        for wanted in ("supervise session begin --workflow w", "supervise session show", "supervise step start a/b",
                       "supervise step done a/b", "supervise session advance two", "supervise session close"):
            self.assertIn(wanted, parts)
        script = "\n".join(["set -e", *("supervise session begin --workflow w", "supervise session show",
                                        "supervise step start a/b", "supervise step done a/b",
                                        "supervise session advance two", "supervise session close")])
        self.assert_code(0, self.run_supervise("--", "sh", "-c", script))

    def test_an_unknown_workflow_is_met_with_the_nearest(self):
        self.config("[workflow.book]\nphases = ['a', 'b']\n")
        self.assertIn('did you mean "book"', self.assert_code(4, self.run_supervise("agent", "prompt", "-w", "bok")).err)


if __name__ == "__main__":
    unittest.main()
