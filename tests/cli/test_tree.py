"""The whole tree: nothing escapes by double fork or setsid, and what belongs to another is left alone."""

import os
import pathlib
import shutil
import signal
import time
import unittest

from harness import BIN, Case, alive, number_in, probe, wait_for


class Tree(Case):
    def setUp(self):
        super().setUp()
        self.pidfile = self.work / "pid"

    def daemonize(self, *how):
        """A shell's word for: leave a daemon, whose pid goes to self.pidfile."""
        return f"{probe('daemonize')} {self.pidfile} {' '.join(how)}"

    def end_daemon(self):
        """A daemon that was rightly left is ended by the test."""
        pid = number_in(self.pidfile)
        self.assertTrue(alive(pid), "it is left alone")
        os.kill(pid, signal.SIGKILL)


class Stragglers(Tree):
    def test_a_daemon_that_fled_by_double_fork_and_setsid_is_ended_and_named(self):
        self.ok("--", "sh", "-c", f"{self.daemonize()}; exit 0")
        pid = number_in(self.pidfile)
        self.assertFalse(alive(pid))
        event = self.event("@last", "stragglers_killed")
        self.assertEqual([pid], [process["pid"] for process in event["data"]["processes"]])
        self.assertIn("daemonize", str(event["data"]["processes"][0]["command"]))
        row = self.assert_end(self.row(), "success", "exit", exit_code=0)
        self.assertIn("daemonize", row["explanation"] + " ".join(row["notes"]))

    def test_a_name_with_newlines_hides_nobody(self):
        shutil.copy(probe("daemonize"), self.work / "a\nb) S 1 1")
        self.ok("--kill-after", "1h", "--", "sh", "-c", f'"$1" {self.pidfile}', "sh", str(self.work / "a\nb) S 1 1"))
        pid = number_in(self.pidfile)
        self.assertFalse(alive(pid))
        self.assertEqual([{"pid": pid, "command": "a\nb) S 1 1"}], self.event("@last", "stragglers_killed")["data"]["processes"])

    def test_one_whose_first_thread_has_ended_is_ended_too(self):
        self.ok("--kill-after", "1h", "--", "sh", "-c", self.daemonize("thread"))
        pid = number_in(self.pidfile)
        self.addCleanup(self.kill_if_there, pid)
        self.assertEqual([pid], [each["pid"] for each in self.event("@last", "stragglers_killed")["data"]["processes"]])
        self.assertFalse(os.path.exists(f"/proc/{pid}"))

    def kill_if_there(self, pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def test_one_that_forks_and_dies_without_end_is_met(self):
        """Whoever of it lives holds a pipe open."""
        held, hold = os.pipe()
        self.addCleanup(os.close, held)
        os.set_inheritable(hold, True)
        running = self.start("--kill-after", "500ms", "--", probe("runner"), keep_fds=True)
        os.close(hold)
        since = time.monotonic()
        self.assert_code(0, running.finish())
        self.assertGreaterEqual(time.monotonic() - since, 0.5, "it has its grace")
        self.assertLess(time.monotonic() - since, 10)
        os.set_blocking(held, False)
        self.assertEqual(b"", os.read(held, 1), "nobody is left")

    def test_its_event_stands_before_the_end(self):
        self.ok("--", "sh", "-c", self.daemonize())
        types = [event["type"] for event in self.events("@last")]
        self.assertLess(types.index("stragglers_killed"), types.index("execution_finished"))

    def test_one_that_ignores_sigterm_is_killed_after_the_grace(self):
        since = time.monotonic()
        self.ok("--kill-after", "300ms", "--", "sh", "-c", self.daemonize("ignore"))
        self.assertGreaterEqual(time.monotonic() - since, 0.3)
        self.assertFalse(alive(number_in(self.pidfile)))

    def test_it_is_over_the_moment_all_are_gone_not_at_the_end_of_the_grace(self):
        since = time.monotonic()
        self.ok("--kill-after", "1h", "--", "sh", "-c", self.daemonize("slow"))
        self.assertGreaterEqual(time.monotonic() - since, 0.3, "it is waited for")
        self.assertFalse(alive(number_in(self.pidfile)))

    def test_a_stopped_one_is_ended_without_waiting_for_the_grace(self):
        script = f'{self.daemonize()}; kill -STOP "$(cat {self.pidfile})"'
        self.ok("--kill-after", "1h", "--", "sh", "-c", script)
        self.assertFalse(alive(number_in(self.pidfile)))

    def test_a_job_in_the_background_is_ended_too(self):
        self.ok("--", "sh", "-c", f"sleep 1000 & echo $! >{self.pidfile}")
        self.assertFalse(alive(number_in(self.pidfile)))

    def test_the_exit_code_of_the_command_is_kept(self):
        self.assert_code(5, self.run_supervise("--", "sh", "-c", f"{self.daemonize()}; exit 5"))
        self.assert_end(self.row(), "failed", "exit", exit_code=5, signal=None, stopped_by=None)

    def test_keep_stragglers_leaves_them(self):
        self.ok("--keep-stragglers", "--", "sh", "-c", self.daemonize())
        self.end_daemon()
        self.assertNotIn("stragglers_killed", [event["type"] for event in self.events("@last")])

    def test_at_a_cancel_all_goes_though_stragglers_were_to_be_kept(self):
        running = self.start("--keep-stragglers", "--kill-after", "300ms", "--",
                             "sh", "-c", f"{self.daemonize('ignore')}; echo up; sleep 1000")
        running.wait_out("up")
        self.ok("cancel", "@last")
        self.assert_code(143, running.finish())
        self.assertFalse(alive(number_in(self.pidfile)))

    def test_at_a_deadline_all_goes_though_stragglers_were_to_be_kept(self):
        self.assert_code(124, self.run_supervise(
            "--keep-stragglers", "--kill-after", "300ms", "--timeout", "500ms", "--",
            "sh", "-c", f"{self.daemonize('ignore')}; sleep 1000"))
        self.assertFalse(alive(number_in(self.pidfile)))

    def test_with_capture_none_the_tree_is_ended_as_well(self):
        self.ok("--capture=none", "--", "sh", "-c", self.daemonize())
        self.assertFalse(alive(number_in(self.pidfile)))

    def test_a_command_without_leftovers_has_no_such_event(self):
        self.ok("--", "sh", "-c", "sleep 0 & wait")
        self.assertNotIn("stragglers_killed", [event["type"] for event in self.events("@last")])


class Handlers(Tree):
    def test_what_a_handler_of_sigterm_starts_to_clean_up_is_left_to_do_its_work(self):
        """Only what was there when the stop began is asked to end; a child that tidies up runs programs to do so."""
        script = "trap 'sleep 0.02 && touch cleaned; exit 3' TERM; echo up; sleep 1000 & wait"
        for turn in range(12):
            running = self.start("--", "sh", "-c", script)
            running.wait_out("up")
            self.ok("cancel", "@last")
            self.assert_code(143, running.finish())
            self.assertTrue((self.work / "cleaned").exists(), f"turn {turn}")
            (self.work / "cleaned").unlink()


class Drain(Tree):
    def test_a_daemon_that_holds_the_pipe_cannot_hold_the_wrapper(self):
        self.config('[run]\ndrain = "300ms"\n')
        with open(self.work / "out", "wb") as out:
            since = time.monotonic()
            self.ok("--keep-stragglers", "--", "sh", "-c", f"echo said; {self.daemonize('hold')}; echo more", stdout=out)
        self.assertGreaterEqual(time.monotonic() - since, 0.3, "it is waited for the end of the output, for a while")
        self.assertEqual("said\nmore\n", (self.work / "out").read_text())
        self.end_daemon()

    def test_a_daemon_that_holds_the_pipe_is_ended_after_the_drain(self):
        self.config('[run]\ndrain = "200ms"\n')
        self.ok("--", "sh", "-c", self.daemonize("hold"))
        self.assertFalse(alive(number_in(self.pidfile)))

    def test_what_a_leftover_writes_within_the_drain_is_passed_on(self):
        script = "(sleep 0.2; echo late) & echo early"
        self.assertEqual("early\nlate\n", self.ok("--", "sh", "-c", script).out)
        self.assertEqual("early\nlate\n", self.ok("log", "--raw", "@last").out)


class Bombs(Tree):
    def test_a_term_ends_a_tree_that_flees_in_every_way_and_forks_once_more(self):
        running = self.start("--kill-after", "500ms", "--", probe("bomb"), "60")
        running.wait_out("ready")
        self.assertGreater(len(self.survivors()), 60)
        running.kill(signal.SIGTERM)
        self.assert_code(143, running.finish())
        self.assertEqual({}, self.survivors())
        self.assert_end(self.row(), "cancelled", "cancelled")

    def test_many_deaths_at_once_leave_no_zombie_and_lose_no_status(self):
        script = "for i in $(seq 200); do (exec sleep 0.05) & done; wait; exit 11"
        self.assert_code(11, self.run_supervise("--", "sh", "-c", script))


class Nested(Tree):
    def test_a_nested_wrapper_gets_sigterm_alone_and_its_child_is_signalled_once(self):
        running = self.start("-n", "outer", "--", BIN, "-n", "inner", "--", probe("ready"), "--exit", "TERM=3", "--linger", "300")
        child = running.ready()
        running.kill(signal.SIGTERM)
        result = running.finish()
        self.assertEqual(1, running.out.count(f"{child} TERM"), running.out)
        outer, inner = self.row("outer"), self.row("inner")
        self.assertEqual(outer["uid"], inner["parent_uid"])
        self.assert_end(inner, "cancelled", "cancelled", exit_code=-2)
        self.assert_end(outer, "cancelled", "cancelled", exit_code=-2)
        self.assert_code(143, result)
        self.assertNotIn("stragglers_killed", [event["type"] for event in self.events("outer")])

    def test_a_nested_wrapper_records_its_own_end_though_its_child_must_be_killed(self):
        running = self.start("-n", "outer", "--kill-after", "300ms", "--",
                             BIN, "-n", "inner", "--kill-after", "1s", "--", probe("ready"))
        running.ready()
        running.kill(signal.SIGTERM)
        running.finish()
        self.assert_end(self.row("inner"), "cancelled", "cancelled", exit_code=-2, signal=9)
        self.assert_end(self.row("outer"), "cancelled", "cancelled", exit_code=-2)

    def test_cancelling_the_outer_one_ends_both(self):
        running = self.start("-n", "outer", "--", "sh", "-c", "supervise -n inner -- sleep 1000; exit 0")
        self.running_row(name="inner")
        self.ok("cancel", "outer")
        self.assert_code(143, running.finish())
        self.assert_end(self.row("outer"), "cancelled", "cancelled", stopped_by="cancel")
        self.assert_end(self.row("inner"), "cancelled", "cancelled")

    def test_a_nested_wrapper_left_in_the_background_is_stopped_with_the_rest_and_records_it(self):
        script = """supervise -n inner -- sleep 1000 &
            while ! supervise status inner --json | grep -q '"pid": *[0-9]'; do sleep 0.02; done"""
        self.ok("-n", "outer", "--", "sh", "-c", script)
        self.assert_end(self.row("inner"), "cancelled", "cancelled")
        self.assert_end(self.row("outer"), "success", "exit")

    def test_the_end_of_a_nested_one_is_the_exit_code_of_the_outer(self):
        self.assert_code(6, self.run_supervise("-n", "outer", "--", BIN, "-n", "inner", "--", "sh", "-c", "exit 6"))
        self.assert_end(self.row("inner"), "failed", "exit", exit_code=6)
        self.assert_end(self.row("outer"), "failed", "exit", exit_code=6)

    def test_ten_deep_one_term_ends_all_and_each_records_its_end(self):
        running = self.start(*(["--", BIN] * 9), "--", probe("ready"), "--exit", "TERM=1")
        child = running.ready()
        running.kill(signal.SIGTERM)
        running.finish()
        self.assertEqual(1, running.out.count(f"{child} TERM"))
        rows = self.rows()
        self.assertEqual(10, len(rows))
        self.assertEqual({"cancelled"}, {row["outcome"] for row in rows})


class Detached(Tree):
    def test_a_detached_execution_survives_the_end_of_its_parent(self):
        self.ok("-n", "parent", "--", "sh", "-c", "supervise -d -n away -- sleep 1000")
        row = self.running_row(name="away")
        self.assertTrue(alive(row["pid"]))
        self.assertEqual("finished", self.row("parent")["state"])
        self.assertNotIn("stragglers_killed", [event["type"] for event in self.events("parent")])
        self.ok("cancel", "away")
        self.assert_code(143, self.run_supervise("wait", "away"))
        wait_for(lambda: not alive(row["supervisor_pid"]), "the detached wrapper to end")

    def test_a_detached_execution_survives_the_cancel_of_its_parent(self):
        running = self.start("-n", "parent", "--", "sh", "-c", "supervise -d -n away -- sleep 1000; echo up; sleep 1000")
        running.wait_out("up")
        row = self.running_row(name="away")
        self.ok("cancel", "parent")
        self.assert_code(143, running.finish())
        self.assertTrue(alive(row["pid"]))
        self.ok("cancel", "away")
        self.assert_code(143, self.run_supervise("wait", "away"))
        wait_for(lambda: not alive(row["supervisor_pid"]), "the detached wrapper to end")

    def test_detach_returns_at_once_names_the_execution_and_holds_nothing_of_the_caller(self):
        result = self.ok("-d", "-n", "away", "--", "sh", "-c", "cat; echo out; sleep 0.3; exit 9")
        row = self.row("away")
        self.assertIn(str(row["id"]), result.out + result.err)
        self.assert_code(9, self.run_supervise("wait", "away"))
        self.assertEqual("out\n", self.ok("log", "--raw", "away").out)
        wait_for(lambda: not alive(row["supervisor_pid"]), "the detached wrapper to end")

    def test_a_detached_command_that_is_not_found_is_said_at_once_or_recorded(self):
        result = self.run_supervise("-d", "-n", "away", "--", "./missing")
        self.assertIn(result.code, (0, 127))
        self.assert_code(127, self.run_supervise("wait", "away"))
        self.assert_end(self.row("away"), "failed", "spawn", exit_code=-1)

    def test_a_detached_wrapper_leads_a_session_of_its_own(self):
        self.ok("-d", "-n", "away", "--", "sleep", "1000")
        row = self.running_row(name="away")
        session = pathlib.Path(f"/proc/{row['supervisor_pid']}/stat").read_text().rpartition(")")[2].split()[3]
        self.assertNotEqual(os.getsid(0), int(session))
        self.assertEqual("/dev/null", os.readlink(f"/proc/{row['pid']}/fd/0"))
        self.ok("cancel", "away")
        self.assert_code(143, self.run_supervise("wait", "away"))
        wait_for(lambda: not alive(row["supervisor_pid"]), "the detached wrapper to end")


if __name__ == "__main__":
    unittest.main()
