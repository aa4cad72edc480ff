"""Every catchable signal is forwarded exactly once; what it makes of the outcome; stop and continue."""

import os
import random
import signal
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from harness import Case, alive, probe, state_of, wait_for

PLAIN = [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH, signal.SIGALRM,
         signal.SIGVTALRM, signal.SIGPROF, signal.SIGIO, signal.SIGPWR, signal.SIGURG, signal.SIGXCPU, signal.SIGXFSZ]


class Signals(Case):
    def name(self, number):
        """As the probe `ready` calls it."""
        if number >= 32:
            return f"RT{int(number)}"
        return {29: "POLL"}.get(int(number), signal.Signals(number).name[3:])

    def ready(self, *args, options=(), **how):
        running = self.start(*options, "--", probe("ready"), *args, **how)
        return running, running.ready()

    def counts(self, running):
        """How often the probes said each signal, by pid."""
        counts = {}
        for line in running.out.splitlines():
            words = line.split()
            if len(words) == 3:
                key = (int(words[0]), words[1])
                counts[key] = counts.get(key, 0) + 1
        return counts


class Forwarding(Signals):
    def test_each_signal_is_forwarded_exactly_once(self):
        running, child = self.ready("--exit", "TERM=0")
        numbers = PLAIN + [signal.SIGRTMIN, signal.SIGRTMIN + 5, signal.SIGRTMAX]
        for number in numbers:
            running.kill(number)
            running.wait_out(f"{child} {self.name(number)} 1\n")
        running.kill(signal.SIGTERM)
        self.assert_code(0, running.finish())
        expected = {(child, self.name(number)): 1 for number in [*numbers, signal.SIGTERM]}
        counts = self.counts(running)
        counts.pop((child, "CONT"), None)  # comes with SIGTERM, so that the stopped hear it
        self.assertEqual(expected, counts)

    def test_sigcont_is_forwarded(self):
        running, child = self.ready("--exit", "CONT=6")
        running.kill(signal.SIGCONT)
        self.assert_code(6, running.finish())

    def test_the_same_signal_arrives_as_often_as_it_is_sent_one_after_the_other(self):
        running, child = self.ready("--exit", "TERM=0")
        for count in range(1, 11):
            running.kill(signal.SIGUSR1)
            running.wait_out(f"{child} USR1 {count}\n")
        running.kill(signal.SIGTERM)
        self.assert_code(0, running.finish())

    def test_realtime_signals_queue(self):
        running, child = self.ready("--exit", "TERM=0")
        for _ in range(20):
            running.kill(signal.SIGRTMIN + 2)
        running.wait_out(f"{child} RT{signal.SIGRTMIN + 2} 20\n")
        running.kill(signal.SIGTERM)
        self.assert_code(0, running.finish())

    def test_the_whole_process_group_of_the_child_gets_it_each_once(self):
        running = self.start("--", probe("ready"), "--twin", "--exit", "TERM=0", "--linger", "200")
        pids = running.ready(2)
        running.kill(signal.SIGUSR1)
        for pid in pids:
            running.wait_out(f"{pid} USR1 1\n")
        running.kill(signal.SIGTERM)
        self.assert_code(0, running.finish())
        for pid in pids:
            self.assertEqual(1, self.counts(running).get((pid, "USR1")))
            self.assertEqual(1, self.counts(running).get((pid, "TERM")))

    def test_with_capture_none_signals_are_forwarded_too(self):
        running, _ = self.ready("--exit", "USR1=5", options=["--capture=none"])
        running.kill(signal.SIGUSR1)
        self.assert_code(5, running.finish())

    def test_a_signal_that_was_ignored_at_the_start_stays_ignored(self):
        running, child = self.ready("--exit", "USR2=0", before=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        running.kill(signal.SIGHUP)
        running.kill(signal.SIGUSR1)
        running.wait_out(f"{child} USR1 1\n")
        self.assertNotIn("HUP", running.out)
        running.kill(signal.SIGUSR2)
        self.assert_code(0, running.finish())
        self.assert_end(self.row(), "success", "exit", stopped_by=None)

    def test_sigpipe_and_sigchld_to_the_wrapper_are_not_forwarded_and_harm_nothing(self):
        running, child = self.ready("--exit", "USR2=0")
        running.kill(signal.SIGPIPE)
        running.kill(signal.SIGCHLD)
        running.kill(signal.SIGUSR1)
        running.wait_out(f"{child} USR1 1\n")
        running.kill(signal.SIGUSR2)
        self.assert_code(0, running.finish())
        self.assertEqual({(child, "USR1"): 1, (child, "USR2"): 1}, self.counts(running))


class Outcomes(Signals):
    def end_by(self, number, *args):
        running, _ = self.ready(*args)
        running.kill(number)
        return running.finish(), self.row()

    def test_a_child_that_dies_of_hup_int_or_quit_is_cancelled(self):
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
            with self.subTest(signal=number):
                result, row = self.end_by(number, "--default", self.name(number))
                self.assert_code(128 + number, result)
                self.assert_end(row, "cancelled", "cancelled", exit_code=-2, signal=number, stopped_by="cancel")
                self.assertIn(signal.Signals(number).name, row["explanation"])

    def test_a_child_that_exits_128_plus_n_after_hup_int_or_quit_is_cancelled(self):
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
            with self.subTest(signal=number):
                result, row = self.end_by(number, "--exit", f"{self.name(number)}={128 + number}")
                self.assert_end(row, "cancelled", "cancelled", exit_code=-2, stopped_by="cancel")
                self.assertIn(result.code, (128 + number, 143))

    def test_a_child_that_takes_int_as_a_key_is_judged_as_usual(self):
        result, row = self.end_by(signal.SIGINT, "--exit", "INT=0")
        self.assert_code(0, result)
        self.assert_end(row, "success", "exit", exit_code=0, stopped_by=None)
        result, row = self.end_by(signal.SIGINT, "--exit", "INT=1")
        self.assert_code(1, result)
        self.assert_end(row, "failed", "exit", exit_code=1, stopped_by=None)

    def test_a_child_that_goes_on_after_int_and_fails_later_is_a_failure(self):
        running, child = self.ready("--exit", "USR1=2")
        running.kill(signal.SIGINT)
        running.wait_out(f"{child} INT 1\n")
        running.kill(signal.SIGUSR1)
        self.assert_code(2, running.finish())
        self.assert_end(self.row(), "failed", "exit", exit_code=2)

    def test_a_child_that_dies_of_a_forwarded_usr1_is_a_failure_by_signal(self):
        result, row = self.end_by(signal.SIGUSR1, "--default", "USR1")
        self.assert_code(128 + signal.SIGUSR1, result)
        self.assert_end(row, "failed", "signal", exit_code=128 + signal.SIGUSR1, signal=signal.SIGUSR1)

    def test_after_term_any_end_but_exit_0_is_cancelled(self):
        result, row = self.end_by(signal.SIGTERM, "--default", "TERM")
        self.assert_code(143, result)
        self.assert_end(row, "cancelled", "cancelled", exit_code=-2, signal=15, stopped_by="cancel")
        result, row = self.end_by(signal.SIGTERM, "--exit", "TERM=3")
        self.assert_code(143, result)
        self.assert_end(row, "cancelled", "cancelled", exit_code=-2, signal=None, stopped_by="cancel")

    def test_after_term_exit_0_is_judged_as_usual(self):
        result, row = self.end_by(signal.SIGTERM, "--exit", "TERM=0")
        self.assert_code(0, result)
        self.assert_end(row, "success", "exit", exit_code=0)

    def test_after_term_exit_0_in_an_open_session_is_incomplete(self):
        running = self.start("-s", "s", "--", probe("ready"), "--exit", "TERM=0")
        running.ready()
        running.kill(signal.SIGTERM)
        self.assert_code(75, running.finish())
        self.assert_end(self.row(), "incomplete", "session-active", exit_code=0)


class Grace(Signals):
    def test_a_child_that_ignores_term_is_killed_after_the_grace_and_not_before(self):
        running, child = self.ready(options=["--kill-after", "400ms"])
        since = time.monotonic()
        running.kill(signal.SIGTERM)
        result = running.finish()
        self.assertGreaterEqual(time.monotonic() - since, 0.4)
        self.assertIn(f"{child} TERM 1\n", running.out)
        self.assertNotIn("TERM 2", running.out)
        self.assert_code(137, result)
        self.assert_end(self.row(), "cancelled", "cancelled", exit_code=-2, signal=9)

    def test_a_second_term_ends_the_grace(self):
        running, child = self.ready(options=["--kill-after", "1h"])
        running.kill(signal.SIGTERM)
        running.wait_out(f"{child} TERM 1\n")
        running.kill(signal.SIGTERM)
        self.assert_code(137, running.finish())
        self.assert_end(self.row(), "cancelled", "cancelled", exit_code=-2, signal=9)

    def test_a_stopped_child_hears_the_term(self):
        running, child = self.ready("--exit", "TERM=4")
        os.kill(child, signal.SIGSTOP)
        wait_for(lambda: state_of(child) == "T", "the child to be stopped")
        running.kill(signal.SIGTERM)
        self.assert_code(143, running.finish())

    def test_other_signals_are_forwarded_during_the_grace(self):
        running, child = self.ready("--exit", "USR1=0", options=["--kill-after", "1h"])
        running.kill(signal.SIGTERM)
        running.wait_out(f"{child} TERM 1\n")
        running.kill(signal.SIGUSR1)
        self.assert_code(0, running.finish())


class StopAndContinue(Signals):
    def stop_and_continue(self, rounds, numbers, **how):
        running, child = self.ready("--exit", "USR1=0", **how)
        for turn in range(rounds):
            number = numbers[turn % len(numbers)]
            running.kill(number)
            wait_for(lambda: state_of(child) == "T", f"the child to stop, turn {turn}")
            wait_for(lambda: state_of(running.pid) == "T", f"the wrapper to stop, turn {turn}")
            running.kill(signal.SIGCONT)
            wait_for(lambda: state_of(child) != "T", f"the child to go on, turn {turn}")
            wait_for(lambda: state_of(running.pid) != "T", f"the wrapper to go on, turn {turn}")
        running.kill(signal.SIGUSR1)
        self.assert_code(0, running.finish())
        self.assert_end(self.row(), "success", "exit")

    def test_tstp_stops_both_and_cont_continues_both_any_number_of_times(self):
        self.stop_and_continue(20, [signal.SIGTSTP], group=True)

    def test_so_do_ttin_and_ttou(self):
        self.stop_and_continue(4, [signal.SIGTTIN, signal.SIGTTOU], group=True)

    def test_so_it_does_where_the_wrapper_leads_its_session(self):
        """Its group is orphaned there, and the kernel's default for SIGTSTP would do nothing."""
        self.stop_and_continue(5, [signal.SIGTSTP])

    def test_a_child_that_somebody_else_stops_does_not_stop_us(self):
        running, child = self.ready("--exit", "USR1=0", group=True)
        os.kill(child, signal.SIGSTOP)
        wait_for(lambda: state_of(child) == "T", "the child to stop")
        until = time.monotonic() + 0.3
        while time.monotonic() < until:
            self.assertNotEqual("T", state_of(running.pid))
            time.sleep(0.01)
        self.assertEqual("T", state_of(child), "nor do we continue it")
        os.kill(child, signal.SIGCONT)
        running.kill(signal.SIGUSR1)
        self.assert_code(0, running.finish())


class Races(Signals):
    RUNS = int(os.environ.get("TEST_RACES", "200"))

    def test_a_term_at_any_moment_of_the_start_neither_hangs_nor_leaves_anything(self):
        """Either it came before our first act, or the run is recorded as cancelled; the child is gone both ways."""
        self.ok("--", "true")
        seed = random.randrange(1 << 30)
        moments = random.Random(seed)

        def run(number, delay):
            running = self.start("-n", f"race-{number}", "--", "sleep", "1000")
            time.sleep(delay)
            running.kill(signal.SIGTERM)
            return running.finish()

        with ThreadPoolExecutor(4) as pool:
            delays = [moments.uniform(0, 0.02) for _ in range(self.RUNS)]
            results = list(pool.map(run, range(self.RUNS), delays))
        for number, result in enumerate(results):
            self.assertIn(result.code, (143, -15), f"run {number} of seed {seed}: {result.err}")
        ended = {row["name"]: row for row in self.rows() if row["name"]}
        for number, result in enumerate(results):
            row = ended.get(f"race-{number}")
            if row is None:
                self.assertEqual(-15, result.code, f"run {number} of seed {seed} ended by itself, and has no row")
            else:
                self.assertEqual("cancelled", row["outcome"], row["explanation"])

    def test_an_end_and_a_signal_at_the_same_moment_agree(self):
        """The child ends by itself while TERM is on its way: the row and the status tell the same story."""
        moments = random.Random(4)

        def run(number):
            running = self.start("-n", f"end-{number}", "--", "sleep", "0.01")
            time.sleep(moments.uniform(0.005, 0.025))
            running.kill(signal.SIGTERM)
            return number, running.finish().code

        with ThreadPoolExecutor(4) as pool:
            codes = dict(pool.map(run, range(60)))
        for row in self.rows():
            code = codes[int(row["name"].partition("-")[2])]
            if row["outcome"] == "success":
                self.assertIn(code, (0, -15))  # -15: after all was done and its handlers gone
            else:
                self.assertEqual(("cancelled", 143), (row["outcome"], code))

    def test_nothing_is_lost_between_fork_and_exec(self):
        """A TERM sent the moment the row shows a pid ends the child, whatever that one was doing."""
        for _ in range(20):
            running = self.start("--", "sleep", "1000")
            child = self.running_row(supervisor_pid=running.pid)["pid"]
            running.kill(signal.SIGTERM)
            self.assert_code(143, running.finish())
            self.assertFalse(alive(child))


if __name__ == "__main__":
    unittest.main()
