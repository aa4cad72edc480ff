"""Exit 0 is a claim: every rule of the outcome as a run of the real program, with sessions begun, completed and closed."""

import json
import signal
import time
import unittest

from harness import EXECUTION_FIELDS, SESSION_FIELDS, TIME, Case, alive, probe, wait_for


class Sessions(Case):
    def sh(self, *args, code=0, **how):
        """Runs `supervise ARGS... -- sh -c SCRIPT`, the last of the arguments being the script."""
        return self.assert_code(code, self.run_supervise(*args[:-1], "--", "sh", "-c", args[-1], **how))


class Rules(Sessions):
    def test_exit_0_without_a_session_is_a_success_unless_one_is_required(self):
        self.ok("--", "true")
        self.assert_end(self.row(), "success", "exit", session=None, drives=False)
        self.assert_code(75, self.run_supervise("--require-session", "--", "true"))
        row = self.assert_end(self.row(), "incomplete", "no-session", exit_code=0)
        self.assertIn("session", row["explanation"])

    def test_require_session_may_be_a_setting(self):
        self.config("[run]\nrequire_session = true\n")
        self.assert_code(75, self.run_supervise("--", "true"))
        self.assert_end(self.row(), "incomplete", "no-session")

    def test_exit_0_in_an_open_session_is_incomplete(self):
        self.assert_code(75, self.run_supervise("-s", "book-1", "--", "true"))
        row = self.assert_end(self.row(), "incomplete", "session-active", session="book-1", drives=True, round=1)
        self.assertIn("book-1", row["explanation"])
        self.assertIn("exit 0", row["explanation"])
        self.assertIn("supervise", row["next"])

    def test_completing_later_turns_the_earlier_incomplete_into_a_success(self):
        self.assert_code(75, self.run_supervise("-s", "book-1", "--", "true"))
        uid = self.row()["uid"]
        self.assert_code(75, self.run_supervise("wait", uid))
        self.ok("session", "close", "--session", "book-1")
        self.assert_end(self.row(uid), "success", "completed", exit_code=0)
        self.ok("wait", uid)
        self.assertEqual([uid], [row["uid"] for row in self.json("list", "--outcome", "success")])
        end = self.event(uid, "execution_finished")
        self.assertEqual(("incomplete", "session-active", 0), tuple(end["data"][key] for key in ("outcome", "reason", "exit_code")),
                         "what was seen at the end stays in the event")

    def test_aborting_later_does_not(self):
        self.assert_code(75, self.run_supervise("-s", "book-1", "--", "true"))
        self.ok("session", "close", "--session", "book-1", "--abort", "--why", "wrong book")
        self.assert_end(self.row(), "incomplete", "session-aborted", exit_code=0)
        event = [event for event in self.events() if event["type"] == "session_aborted"]
        self.assertEqual(["wrong book"], [each["data"]["why"] for each in event])

    def test_completed_in_the_run_is_a_success(self):
        self.sh("-s", "book-1", "supervise session close")
        self.assert_end(self.row(), "success", "completed", exit_code=0, session="book-1")

    def test_aborted_in_the_run_is_incomplete(self):
        self.sh("-s", "book-1", "supervise session close --abort", code=75)
        self.assert_end(self.row(), "incomplete", "session-aborted", exit_code=0)

    def test_completed_and_then_failed_is_a_failure_whatever_the_session_says(self):
        self.sh("-s", "book-1", "supervise session close; exit 3", code=3)
        self.assert_end(self.row(), "failed", "exit", exit_code=3)
        self.sh("-s", "book-2", "supervise session close; kill -KILL $$", code=137)
        self.assert_end(self.row(), "failed", "signal", exit_code=137, signal=9)

    def test_completed_and_then_stopped_by_us_is_a_success_and_says_who_stopped_it(self):
        script = "supervise session close; echo done; sleep 1000"
        running = self.start("-s", "book-1", "--", "sh", "-c", script)
        running.wait_out("done")
        self.ok("cancel", "@last")
        self.assert_code(0, running.finish())
        self.assert_end(self.row(), "success", "completed", stopped_by="cancel", session="book-1")
        self.sh("-s", "book-2", "--timeout", "1s", script)
        self.assert_end(self.row(), "success", "completed", stopped_by="deadline")

    def test_completed_and_then_a_term_to_the_wrapper_is_a_success_too(self):
        running = self.start("-s", "book-1", "--", "sh", "-c", "supervise session close; echo done; sleep 1000")
        running.wait_out("done")
        running.kill(signal.SIGTERM)
        self.assert_code(0, running.finish())
        self.assert_end(self.row(), "success", "completed", stopped_by="cancel")

    def test_a_session_begun_in_the_run_is_driven_by_it(self):
        self.sh("supervise session begin --session book-9 >/dev/null", code=75)
        self.assert_end(self.row(), "incomplete", "session-active", session="book-9", drives=True)

    def test_a_session_begun_and_closed_in_the_run_is_a_success(self):
        self.sh("supervise session begin && supervise session close")
        row = self.assert_end(self.row(), "success", "completed", drives=True)
        self.assertEqual("session-1", row["session"], "a made id")

    def test_spawn_and_deadline_fail_and_cancel_cancels_inside_a_session_too(self):
        self.assert_code(127, self.run_supervise("-s", "book-1", "--", "./missing"))
        self.assert_end(self.row(), "failed", "spawn", exit_code=-1)
        self.assert_code(124, self.run_supervise("-s", "book-1", "--timeout", "200ms", "--", "sleep", "1000"))
        self.assert_end(self.row(), "failed", "deadline", exit_code=-5)

    def test_reopening_changes_nothing_for_what_ended_before(self):
        self.assert_code(75, self.run_supervise("-s", "book-1", "-n", "first", "--", "true"))
        self.ok("session", "close", "--session", "book-1")
        self.ok("session", "begin", "--session", "book-1")
        self.assertEqual(2, self.json("session", "show", "book-1")["round"])
        self.assert_code(75, self.run_supervise("-s", "book-1", "-n", "second", "--", "true"))
        self.assert_end(self.row("first"), "success", "completed", round=1)
        self.assert_end(self.row("second"), "incomplete", "session-active", round=2)
        self.ok("session", "close", "--session", "book-1", "--abort")
        self.assert_end(self.row("first"), "success", "completed")
        self.assert_end(self.row("second"), "incomplete", "session-aborted")

    def test_a_round_aborted_and_reopened_judges_each_opening_by_itself(self):
        self.assert_code(75, self.run_supervise("-s", "book-1", "-n", "first", "--", "true"))
        self.ok("session", "close", "--session", "book-1", "--abort")
        self.ok("session", "begin", "--session", "book-1")
        self.sh("-s", "book-1", "-n", "second", "supervise session close")
        self.assert_end(self.row("first"), "incomplete", "session-aborted", round=1)
        self.assert_end(self.row("second"), "success", "completed", round=1)

    def test_a_workflow_is_named_with_its_phase_in_the_explanation(self):
        self.config('[workflow.tiny]\nphases = ["plan", "build", "ship"]\n')
        self.assert_code(75, self.run_supervise("-w", "tiny", "--", "true"))
        row = self.assert_end(self.row(), "incomplete", "session-active", session="tiny-1", workflow="tiny", drives=True)
        for fact in ("tiny-1", "plan", "1 of 3"):
            self.assertIn(fact, row["explanation"])
        self.assertIn("supervise", row["next"])
        session = self.json("session", "show", "tiny-1")
        self.assertEqual(("plan", 1, 3), (session["phase"], session["phase_number"], session["phase_count"]))

    def test_the_incomplete_exit_is_a_setting(self):
        self.config("[run]\nincomplete_exit = 3\n")
        self.assert_code(3, self.run_supervise("-s", "book-1", "--", "true"))
        self.assert_code(3, self.run_supervise("wait", "@last"))

    def test_the_view_in_the_ledger_says_the_same_as_the_program(self):
        for args in (["--", "true"], ["--", "false"], ["--require-session", "--", "true"], ["-s", "a", "--", "true"],
                     ["--", "./missing"], ["--timeout", "100ms", "--", "sleep", "9"], ["--", "sh", "-c", "kill -9 $$"]):
            self.run_supervise(*args)
        rows = [(row["uid"], row["outcome"], row["reason"]) for row in self.rows()]
        self.assertEqual(7, len(rows))
        self.assertEqual(rows, self.sql("SELECT uid, outcome, reason FROM outcomes ORDER BY id"))

    def test_a_run_refuses_a_session_that_is_closed_or_of_another_workflow(self):
        self.config('[workflow.tiny]\nphases = ["plan", "ship"]\n')
        self.ok("session", "begin", "--session", "book-1")
        self.assert_code(125, self.run_supervise("-s", "book-1", "-w", "tiny", "--", "touch", "spawned"))
        self.ok("session", "close", "--session", "book-1", "--abort")
        self.assert_code(125, self.run_supervise("-s", "book-1", "--", "touch", "spawned"))
        self.assertFalse((self.work / "spawned").exists())
        self.assertEqual([], self.rows())


class Helpers(Sessions):
    def test_what_inherits_a_session_helps_and_its_exit_0_is_its_own_success(self):
        self.sh("-s", "book-1", "-n", "outer", "supervise -n inner -- true; echo inner $?", code=75)
        inner, outer = self.row("inner"), self.row("outer")
        self.assert_end(inner, "success", "exit", session="book-1", drives=False, parent_uid=outer["uid"])
        self.assert_end(outer, "incomplete", "session-active", drives=True)

    def test_a_helper_that_begins_without_another_id_stays_a_helper(self):
        result = self.sh("-s", "book-1", "-n", "outer",
                         "supervise -n inner -- sh -c 'supervise session begin'; echo inner $?", code=75)
        self.assertIn("inner 0", result.out)
        self.assert_end(self.row("inner"), "success", "exit", session="book-1", drives=False)

    def test_a_nested_one_with_a_session_of_its_own_drives_that(self):
        self.sh("-s", "book-1", "-n", "outer", "supervise -s book-2 -n inner -- true; echo inner $?", code=75)
        self.assert_end(self.row("inner"), "incomplete", "session-active", session="book-2", drives=True)
        self.assert_end(self.row("outer"), "incomplete", "session-active", session="book-1")

    def test_the_session_variable_alone_decides_nothing(self):
        self.ok("session", "begin", "--session", "book-1")
        self.ok("--", "true", env={"SUPERVISE_SESSION": "book-1"})
        self.assert_end(self.row(), "success", "exit", session=None)

    def test_run_never_takes_the_only_active_session(self):
        self.ok("session", "begin", "--session", "book-1")
        self.ok("--", "true")
        self.assertIsNone(self.row()["session"])


class Closing(Sessions):
    def test_closing_a_session_ends_its_executions(self):
        running = self.start("-s", "book-1", "--", probe("ready"), "--exit", "TERM=0")
        running.ready()
        self.running_row(session="book-1")
        self.ok("session", "close", "--session", "book-1", "--abort")
        self.assert_code(143, running.finish())
        row = self.assert_end(self.row(), "cancelled", "session-closed", exit_code=-4)
        self.assertTrue(row["notes"], "a note says so")
        self.assertIn("book-1", row["explanation"])
        self.assert_code(143, self.run_supervise("wait", "@last"))

    def test_so_does_closing_it_as_completed(self):
        running = self.start("-s", "book-1", "--", "sleep", "1000")
        self.running_row(session="book-1")
        self.ok("session", "close", "--session", "book-1")
        running.finish()
        self.assert_end(self.row(), "cancelled", "session-closed", exit_code=-4)

    def test_the_caller_and_its_ancestors_are_spared_and_the_others_ended(self):
        other = self.start("-s", "book-1", "-n", "other", "--", probe("ready"), "--default", "TERM")
        other.ready()
        self.running_row(name="other")
        script = "supervise -n helper -- sh -c 'supervise session close; exit 0'; exit $?"
        self.sh("-s", "book-1", "-n", "outer", script)
        other.finish()
        self.assert_end(self.row("helper"), "success", "exit", exit_code=0)
        self.assert_end(self.row("outer"), "success", "completed", exit_code=0)
        self.assert_end(self.row("other"), "cancelled", "session-closed", exit_code=-4)

    def test_the_signal_may_be_added_without_changing_the_end(self):
        running = self.start("-s", "book-1", "--", probe("ready"), "--default", "TERM")
        running.ready()
        self.running_row(session="book-1")
        self.ok("session", "close", "--session", "book-1", "--abort")
        running.finish()
        self.assert_end(self.row(), "cancelled", "session-closed", exit_code=-4, signal=15)
        self.assertTrue(self.row()["usage"])
        self.assertIsNone(self.row()["pid"])

    def test_closing_the_closed_is_a_notice_and_no_event(self):
        self.ok("session", "begin", "--session", "book-1")
        self.ok("session", "close", "--session", "book-1")
        events = self.events()
        result = self.ok("session", "close", "--session", "book-1", "--abort")
        self.assertNotEqual("", result.err)
        self.assertEqual(events, self.events())
        self.assertEqual(1, [event["type"] for event in events].count("session_closed"))

    def test_beginning_again_says_what_it_found(self):
        for expected in ("session_created", "session_resumed"):
            self.ok("session", "begin", "--session", "book-1")
            self.assertEqual(expected, [event for event in self.events() if event["session"] == "book-1"
                                        and event["type"].startswith("session_")][-1]["type"])
        self.ok("session", "close", "--session", "book-1", "--abort")
        self.ok("session", "begin", "--session", "book-1")
        types = [event["type"] for event in self.events()]
        self.assertIn("session_reopened", types)
        session = self.json("session", "show", "book-1")
        self.assertEqual(("active", 1), (session["status"], session["round"]), "an aborted round is opened again")

    def test_begin_refuses_what_it_must(self):
        self.config('[workflow.tiny]\nphases = ["plan", "ship"]\n')
        self.assert_code(4, self.run_supervise("session", "begin", "--workflow", "no-such"))
        self.ok("session", "begin", "--session", "book-1")
        self.assert_code(6, self.run_supervise("session", "begin", "--session", "book-1", "--workflow", "tiny"))
        for name in ("123", "-x", "a b", "", "x" * 129):
            with self.subTest(name=name):
                self.assert_code(2, self.run_supervise("session", "begin", f"--session={name}"))
        self.assertEqual(["book-1"], [session["id"] for session in self.json("session", "list")])

    def test_a_verb_takes_the_only_active_session_and_says_so(self):
        self.assert_code(4, self.run_supervise("session", "close"))
        self.ok("session", "begin", "--session", "book-1")
        result = self.ok("session", "close", "--abort")
        self.assertIn("session book-1 (via only-active)", result.err)
        self.ok("session", "begin", "--session", "book-1")
        self.ok("session", "begin", "--session", "book-2")
        result = self.assert_code(3, self.run_supervise("session", "close"))
        self.assertIn("book-1", result.err)
        self.assertIn("book-2", result.err)

    def test_a_verb_inside_an_execution_takes_its_session_and_says_so(self):
        result = self.sh("-s", "book-1", "supervise session close")
        self.assertIn("session book-1 (via execution)", result.err)


class Json(Sessions):
    def test_an_execution_has_exactly_the_fields_of_the_contract(self):
        self.assert_code(75, self.run_supervise("-s", "book-1", "--", "true"))
        running = self.start("--", "sleep", "1000")
        self.running_row(session=None)
        for row in self.rows():
            self.assertEqual(EXECUTION_FIELDS, set(row))
        self.assertLessEqual(EXECUTION_FIELDS, set(self.row()))
        self.ok("cancel", "@last")
        running.finish()

    def test_its_types_are_those_of_the_contract(self):
        self.assert_code(75, self.run_supervise("-s", "book-1", "-n", "job", "--", "sh", "-c", "echo out"))
        row = self.row()
        types = {"id": int, "uid": str, "parent_uid": None, "name": str, "session": str, "drives": bool, "command": list,
                 "cwd": str, "host": str, "state": str, "outcome": str, "reason": str, "explanation": str, "next": str,
                 "exit_code": int, "signal": None, "stopped_by": None, "spawn_errno": None, "round": int, "attempt": int,
                 "queued_at": None, "started_at": str, "finished_at": str, "duration_ms": int, "supervised": None,
                 "stalled": bool, "lost": bool, "log": str, "usage": dict, "notes": list, "cancel_requested_at": None}
        for key, kind in types.items():
            with self.subTest(field=key):
                if kind is None:
                    self.assertIsNone(row[key])
                else:
                    self.assertIs(kind, type(row[key]))
        for key in ("started_at", "finished_at", "activity_at"):
            self.assertRegex(row[key], f"^{TIME.pattern}$")
        self.assertFalse(row["lost"] or row["stalled"])

    def test_what_runs_has_no_outcome_yet_and_is_supervised(self):
        running = self.start("--", "sleep", "1000")
        row = self.running_row()
        for key in ("outcome", "reason", "exit_code", "signal", "stopped_by", "finished_at"):
            self.assertIsNone(row[key], key)
        self.assertEqual(("running", True, False, False), tuple(row[key] for key in ("state", "supervised", "lost", "stalled")))
        self.assertTrue(alive(row["pid"]))
        self.assertEqual(running.pid, row["supervisor_pid"])
        running.kill(signal.SIGTERM)
        running.finish()

    def test_what_has_no_activity_is_shown_as_stalled_and_nobody_is_killed_for_it(self):
        self.config('[sweep]\nheartbeat_interval = "100ms"\nstalled_after = "300ms"\n')
        running = self.start("--", "sleep", "1000")
        wait_for(lambda: self.db.exists() and [row for row in self.json("list") if row["stalled"]], "it to be stalled")
        self.assertTrue(alive(self.row()["pid"]))
        running.kill(signal.SIGTERM)
        running.finish()

    def test_a_session_has_the_fields_of_the_contract(self):
        self.assert_code(75, self.run_supervise("-s", "book-1", "--", "true"))
        session = self.json("session", "show", "book-1")
        self.assertLessEqual(SESSION_FIELDS, set(session))
        self.assertEqual(("book-1", "active", 1, "open"), tuple(session[key] for key in ("id", "status", "round", "completeness")))
        self.assertEqual([session], [{key: each[key] for key in session} for each in self.json("session", "list")])
        self.ok("session", "close", "--session", "book-1")
        session = self.json("session", "show", "book-1")
        self.assertEqual(("closed", "completed", "complete", "none"),
                         tuple(session[key] for key in ("status", "close_reason", "completeness", "next")))
        self.assertEqual("book-1", self.json("status", "book-1")["id"])

    def test_the_end_stands_in_its_event_with_the_facts(self):
        self.assert_code(3, self.run_supervise("--", "sh", "-c", "exit 3"))
        data = self.event("@last", "execution_finished")["data"]
        self.assertEqual((3, "failed", "exit"), tuple(data[key] for key in ("exit_code", "outcome", "reason")))
        self.assertGreaterEqual(data["duration_ms"], 0)
        self.assertIsNone(data.get("signal"))

    def test_the_duration_is_the_time_it_took(self):
        since = time.monotonic()
        self.ok("--", "sleep", "0.4")
        spent = (time.monotonic() - since) * 1000
        row = self.row()
        self.assertGreaterEqual(row["duration_ms"], 390)
        self.assertLessEqual(row["duration_ms"], spent)
        self.assertLess(row["started_at"], row["finished_at"])

    def test_json_stands_alone_on_stdout(self):
        self.assert_code(75, self.run_supervise("-s", "book-1", "--", "true"))
        for args in (["list"], ["status"], ["status", "@last"], ["session", "list"], ["config", "show"], ["session", "show", "book-1"]):
            with self.subTest(args=args):
                json.loads(self.ok("--json", *args).out)
                json.loads(self.ok(*args, "--json").out)


if __name__ == "__main__":
    unittest.main()
