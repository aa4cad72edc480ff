"""Deadlines and cancels: the intent is written before the first signal, and wins over what the child then says."""

import os
import signal
import time
import unittest

from harness import Case, probe, state_of, wait_for

# Asks the ledger, from within the TERM handler, whether the intent stands there already; then exits with $1.
WITNESS = """
trap 'trap "" TERM; sqlite3 "$SUPERVISE_DB" "PRAGMA busy_timeout=5000;
SELECT type FROM events WHERE execution = '"'$SUPERVISE_EXECUTION_UID'"' ORDER BY id;
SELECT cancel_requested_at IS NOT NULL, stopped_by, finished_at IS NULL FROM executions
WHERE uid = '"'$SUPERVISE_EXECUTION_UID'"';" >witness; exit '"$1" TERM
echo up
sleep 1000 & wait
"""


class Stopping(Case):
    def witness(self):
        return (self.work / "witness").read_text().split()

    def types(self, ref="@last"):
        return [event["type"] for event in self.events(ref)]


class Timeout(Stopping):
    def test_a_timeout_ends_the_command_with_124(self):
        since = time.monotonic()
        self.assert_code(124, self.run_supervise("--timeout", "300ms", "--", "sleep", "1000"))
        self.assertGreaterEqual(time.monotonic() - since, 0.3)
        row = self.assert_end(self.row(), "failed", "deadline", exit_code=-5, signal=15, stopped_by="deadline")
        self.assertIn("300ms", row["explanation"])
        types = self.types()
        self.assertLess(types.index("execution_deadline"), types.index("execution_finished"))
        self.assert_code(124, self.run_supervise("wait", "@last"))

    def test_the_deadline_stands_in_the_ledger_before_the_child_is_signalled(self):
        self.assert_code(124, self.run_supervise("--timeout", "500ms", "--", "sh", "-c", WITNESS, "sh", "0"))
        self.assertIn("execution_deadline", self.witness())
        self.assertNotIn("execution_finished", self.witness())

    def test_a_child_that_exits_0_on_the_term_ran_past_its_deadline_all_the_same(self):
        running = self.start("--timeout", "400ms", "--", probe("ready"), "--exit", "TERM=0")
        self.assert_code(124, running.finish())
        self.assertEqual(1, running.out.count("TERM"))
        self.assert_end(self.row(), "failed", "deadline", exit_code=-5, signal=None, stopped_by="deadline")

    def test_a_child_that_ignores_the_term_is_killed_after_the_grace(self):
        self.assert_code(124, self.run_supervise("--timeout", "200ms", "--kill-after", "300ms", "--", probe("ready")))
        self.assert_end(self.row(), "failed", "deadline", exit_code=-5, signal=9)

    def test_a_command_that_ends_in_time_is_not_touched(self):
        self.ok("--timeout", "1h", "--idle-timeout", "1h", "--", "true")
        self.assert_end(self.row(), "success", "exit", stopped_by=None)

    def test_0_is_no_deadline_and_overrides_the_setting(self):
        self.config('[run]\ntimeout = "200ms"\nidle_timeout = "200ms"\n')
        self.assert_code(124, self.run_supervise("--", "sleep", "1000"))
        self.ok("--timeout", "0", "--idle-timeout", "0", "--", "sleep", "0.5")

    def test_the_deadline_holds_with_capture_none(self):
        self.assert_code(124, self.run_supervise("--capture=none", "--timeout", "200ms", "--", "sleep", "1000"))

    def test_a_stopped_child_runs_past_its_deadline_too(self):
        running = self.start("--timeout", "600ms", "--", probe("ready"), "--exit", "TERM=0")
        os.kill(running.ready(), signal.SIGSTOP)
        self.assert_code(124, running.finish())

    def test_a_deadline_that_cannot_be_written_is_kept_in_mind_and_the_signal_goes_out(self):
        since = time.monotonic()
        running = self.start("--timeout", "500ms", "--", probe("ready"), "--exit", "TERM=0")
        running.ready()
        self.running_row()
        holder = self.lock()
        running.wait_out("TERM 1")
        self.assertGreaterEqual(time.monotonic() - since, 1.2, "for a second it is tried to write it first")
        holder.close()
        self.assert_code(124, running.finish())
        self.assert_end(self.row(), "failed", "deadline", exit_code=-5, stopped_by="deadline")
        types = self.types()
        self.assertLess(types.index("execution_deadline"), types.index("execution_finished"))


class IdleTimeout(Stopping):
    def test_a_quiet_command_is_ended_with_124(self):
        self.assert_code(124, self.run_supervise("--idle-timeout", "400ms", "--", "sh", "-c", "echo once; sleep 1000"))
        self.assert_end(self.row(), "failed", "deadline", exit_code=-5, stopped_by="deadline")
        self.assertIn("execution_deadline", self.types())

    def test_output_on_either_stream_puts_it_off(self):
        for target in ("1", "2"):
            script = f"for i in 1 2 3 4 5 6 7 8; do echo $i >&{target}; sleep 0.2; done"
            self.ok("--idle-timeout", "1s", "--", "sh", "-c", script)

    def test_the_verb_heartbeat_puts_it_off(self):
        script = "for i in 1 2 3 4 5 6 7 8; do supervise heartbeat || exit 9; sleep 0.2; done"
        result = self.ok("--idle-timeout", "1s", "--", "sh", "-c", script)
        self.assertEqual("", result.out, "it is quiet")

    def test_the_time_that_both_were_stopped_does_not_count(self):
        running = self.start("--idle-timeout", "2s", "--", "sh", "-c", "echo up; while [ ! -e go ]; do sleep 0.02; done; exit 3",
                             group=True)
        running.wait_out("up")
        pids = [running.pid, self.running_row()["pid"]]
        running.kill(signal.SIGTSTP)
        wait_for(lambda: all(state_of(pid) == "T" for pid in pids), "the stop of both")
        time.sleep(2.1)  # longer than it may be quiet
        running.kill(signal.SIGCONT)
        wait_for(lambda: not any(state_of(pid) == "T" for pid in pids), "both to go on")
        (self.work / "go").touch()
        self.assert_code(3, running.finish())

    def test_the_supervisors_own_heartbeat_does_not(self):
        self.config('[sweep]\nheartbeat_interval = "100ms"\nstalled_after = "1m"\n')
        self.assert_code(124, self.run_supervise("--idle-timeout", "700ms", "--", "sleep", "1000"))


class Cancel(Stopping):
    def cancel(self, ref, *options, name="job", session=None):
        """Starts a job, cancels it by that REF (a function of its row), and says how it ended."""
        running = self.start("-n", name, *(["-s", session] if session else []), "--", probe("ready"), "--default", "TERM")
        running.ready()
        row = self.running_row(name=name)
        self.ok("cancel", str(ref(row)), *options)
        self.assert_code(143, running.finish())
        return self.assert_end(self.row(row["uid"]), "cancelled", "cancelled", exit_code=-2, signal=15, stopped_by="cancel")

    def test_it_is_named_by_last(self):
        self.cancel(lambda row: "@last")

    def test_it_is_named_by_its_number(self):
        self.cancel(lambda row: row["id"])

    def test_it_is_named_by_its_uid(self):
        self.cancel(lambda row: row["uid"])

    def test_it_is_named_by_the_beginning_of_its_uid(self):
        self.cancel(lambda row: row["uid"][:5])

    def test_it_is_named_by_its_name(self):
        self.cancel(lambda row: "job")

    def test_it_is_named_by_its_session(self):
        self.cancel(lambda row: "book-1", session="book-1")

    def test_why_stands_in_the_event_and_the_time_in_the_row(self):
        row = self.cancel(lambda row: "job", "--why", "wrong branch")
        event = self.event(row["uid"], "execution_cancel_requested")
        self.assertEqual("wrong branch", event["data"]["why"])
        self.assertTrue(row["cancel_requested_at"])

    def test_the_intent_stands_in_the_ledger_before_the_child_is_signalled_and_wins_over_exit_0(self):
        running = self.start("--", "sh", "-c", WITNESS, "sh", "0")
        running.wait_out("up")
        self.ok("cancel", "@last")
        self.assert_code(143, running.finish())
        self.assertIn("execution_cancel_requested", self.witness())
        self.assertEqual("1", self.witness()[-1].split("|")[0], "cancel_requested_at is set")
        self.assert_end(self.row(), "cancelled", "cancelled", exit_code=-2, signal=None, stopped_by="cancel")

    def test_several_are_cancelled_at_once(self):
        running = [self.start("-n", name, "--", "sleep", "1000") for name in ("one", "two")]
        for name in ("one", "two"):
            self.running_row(name=name)
        self.ok("cancel", "one", "two")
        for each in running:
            self.assert_code(143, each.finish())

    def test_the_one_in_flight_is_meant_where_a_name_could_mean_several(self):
        running = self.start("-n", "same", "--", "sleep", "1000")
        first = self.running_row(name="same")
        self.ok("-n", "same", "--", "true")
        self.ok("cancel", "same")
        self.assert_code(143, running.finish())
        self.assertEqual("cancelled", self.row(first["uid"])["outcome"])

    def test_several_in_flight_of_one_name_are_ambiguous(self):
        running = [self.start("-n", "same", "--", "sleep", "1000") for _ in range(2)]
        wait_for(lambda: self.db.exists() and len(self.json("list", "--state", "running")) == 2, "both to run")
        result = self.assert_code(3, self.run_supervise("cancel", "same"))
        for row in self.rows():
            self.assertIn(f"#{row['id']}", result.err, "the candidates are listed")
            self.assertIsNone(row["cancel_requested_at"])
        for row in self.rows():
            self.ok("cancel", row["uid"])
        for each in running:
            each.finish()

    def test_what_is_not_there_is_4(self):
        self.assert_code(4, self.run_supervise("cancel", "nothing"))

    def test_a_finished_one_stays_as_it_ended(self):
        self.ok("--", "true")
        before, events = self.row(), self.events("@last")
        result = self.run_supervise("cancel", "@last")
        self.assertIn(result.code, (0, 6))
        self.assertNotEqual("", result.err, "it is said")
        self.assertEqual((before, events), (self.row(), self.events("@last")))

    def test_a_cancel_that_cannot_write_is_8_and_has_done_nothing(self):
        self.config('[store]\nbusy_timeout = "200ms"\n')
        running = self.start("--", probe("ready"), "--exit", "TERM=0", "--exit", "USR1=0")
        child = running.ready()
        self.running_row()
        holder = self.lock()
        self.assert_code(8, self.run_supervise("cancel", "@last"))
        holder.close()
        running.kill(signal.SIGUSR2)
        running.wait_out(f"{child} USR2 1\n")
        self.assertNotIn("TERM", running.out)
        self.assertNotIn("execution_cancel_requested", self.types())
        running.kill(signal.SIGUSR1)
        self.assert_code(0, running.finish())
        self.assert_end(self.row(), "success", "exit", stopped_by=None)

    def test_cancelled_twice_is_cancelled_once(self):
        running = self.start("--kill-after", "1h", "--", probe("ready"), "--exit", "USR1=0")
        child = running.ready()
        self.ok("cancel", "@last")
        running.wait_out(f"{child} TERM 1\n")
        self.run_supervise("cancel", "@last")
        running.kill(signal.SIGUSR1)
        self.assert_code(143, running.finish())
        self.assertEqual(1, self.types().count("execution_cancel_requested"))
        self.assertEqual(1, running.out.count("TERM"))

    def test_a_command_can_cancel_its_own_execution(self):
        self.assert_code(143, self.run_supervise("--", "sh", "-c", 'supervise cancel "$SUPERVISE_EXECUTION_UID"; sleep 1000'))
        self.assert_end(self.row(), "cancelled", "cancelled", exit_code=-2)

    def test_a_cancel_reaches_a_wrapper_whose_socket_is_gone_at_its_next_heartbeat(self):
        self.config('[sweep]\nheartbeat_interval = "200ms"\nstalled_after = "1m"\n')
        running = self.start("--", "sleep", "1000")
        self.running_row()
        for path in (self.dir / "run").rglob("*"):
            if path.is_socket():
                path.unlink()
        self.run_supervise("cancel", "@last")
        self.assert_code(143, running.finish())
        self.assert_end(self.row(), "cancelled", "cancelled", exit_code=-2)

    def test_a_wrapper_that_was_stopped_is_continued_to_end_its_command(self):
        running = self.start("--", "sleep", "1000")
        self.running_row()
        os.kill(running.pid, signal.SIGSTOP)
        wait_for(lambda: state_of(running.pid) == "T", "the wrapper to be stopped")
        self.run_supervise("cancel", "@last")
        self.assert_code(143, running.finish())
        self.assert_end(self.row(), "cancelled", "cancelled", exit_code=-2)


if __name__ == "__main__":
    unittest.main()
