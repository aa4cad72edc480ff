"""On a terminal of its own: the keys that are signals, ^Z and job control, inside and outside, and the whole tree."""

import os
import re
import signal
import unittest

from harness import BIN, alive, number_in, probe, state_of, wait_for
from terminal import CONTROL_BACKSLASH, CONTROL_C, CONTROL_D, CONTROL_Z, PROMPT, Probes, size_of

MEGABYTE = 1 << 20


class SignalKeys(Probes):
    def test_control_c_and_control_backslash_reach_the_group_of_the_child_once(self):
        window = self.window("--", probe("ready"), "--twin", "--exit", "TERM=0", "--linger", "200")
        pids = [int(window.expect(re.compile(r"ready (\d+)\r+\n"))[1]) for _ in range(2)]
        for count in (1, 2, 3):
            for key, name in ((CONTROL_C, "INT"), (CONTROL_BACKSLASH, "QUIT")):
                window.send(key)
                window.until(lambda: all(self.count(window, pid, name) == count for pid in pids), f"{name} {count}")
        os.kill(window.pid, signal.SIGTERM)
        self.assert_code(0, window.finish())
        self.assertEqual([3] * 4, [self.count(window, pid, name) for pid in pids for name in ("INT", "QUIT")])
        self.assert_end(self.row(), "success", "exit", stopped_by=None)

    def test_a_child_that_dies_of_such_a_key_is_cancelled(self):
        for key, number in ((CONTROL_C, signal.SIGINT), (CONTROL_BACKSLASH, signal.SIGQUIT)):
            with self.subTest(signal=number):
                window, _ = self.ready("--default", "INT", "--default", "QUIT")
                window.send(key)
                self.assert_code(128 + number, window.finish())
                self.assert_end(self.row(), "cancelled", "cancelled", exit_code=-2, signal=number, stopped_by="cancel")

    def test_a_child_that_exits_130_or_131_after_such_a_key_is_cancelled(self):
        for key, name, code in ((CONTROL_C, "INT", 130), (CONTROL_BACKSLASH, "QUIT", 131)):
            with self.subTest(signal=name):
                window, _ = self.ready("--exit", f"{name}={code}")
                window.send(key)
                self.assertIn(window.finish().code, (code, 143))
                self.assert_end(self.row(), "cancelled", "cancelled", exit_code=-2, stopped_by="cancel")

    def test_a_child_that_takes_such_a_key_and_goes_on_is_judged_as_usual(self):
        for code, outcome in ((0, "success"), (1, "failed"), (77, "failed")):
            with self.subTest(code=code):
                window, child = self.ready("--exit", f"USR1={code}")
                window.send(CONTROL_C + CONTROL_BACKSLASH)
                window.expect(f"{child} QUIT 1")
                os.kill(child, signal.SIGUSR1)
                self.assert_code(code, window.finish())
                self.assert_end(self.row(), outcome, "exit", exit_code=code, stopped_by=None)

    def test_a_key_that_the_child_has_made_its_signal_key_counts(self):
        window = self.window("--", "sh", "-c", f"stty intr ^G; exec {probe('ready')} --default INT")
        window.expect("ready")
        window.send(b"\x07")
        self.assert_code(130, window.finish())
        self.assert_end(self.row(), "cancelled", "cancelled", exit_code=-2)

    def test_in_raw_mode_it_is_a_byte_and_counts_where_the_child_ends_by_it(self):
        script = f"{probe('keys')} --raw typed 2; exit $0"
        for code, outcome, reason in ((0, "success", "exit"), (77, "failed", "exit"), (130, "cancelled", "cancelled"),
                                      (131, "cancelled", "cancelled")):
            with self.subTest(code=code):
                window = self.window("--", "sh", "-c", script, code)
                window.expect("ready")
                window.send(CONTROL_C + CONTROL_BACKSLASH)
                self.assertIn(window.finish().code, (code, 143))
                self.assertEqual(CONTROL_C + CONTROL_BACKSLASH, self.typed())
                self.assert_end(self.row(), outcome, reason)

    def test_a_supervise_inside_a_supervise_says_the_same_of_control_c(self):
        window = self.window("-n", "outer", "--", BIN, "-n", "inner", "--", probe("ready"), "--default", "INT")
        window.expect("ready")
        window.send(CONTROL_C)
        window.finish()
        for name in ("inner", "outer"):
            self.assert_end(self.row(name), "cancelled", "cancelled", exit_code=-2)

    def test_control_c_ends_a_flood_of_output(self):
        window = self.window("-q", "--", "yes")
        window.until(lambda: len(window.screen) > MEGABYTE, "a flood")
        window.send(CONTROL_C)
        self.assert_code(130, window.finish())
        self.assert_end(self.row(), "cancelled", "cancelled")


class JobControl(Probes):
    def job(self, window, *args, before="", after=""):
        """The probe `ready` below us, started at the shell's prompt; (our pid, its pid)."""
        words = " ".join(args)
        window.line(f"{before}supervise -q -- {probe('ready')} --exit USR1=0 {words}{after}")
        child = int(window.expect(re.compile(r"ready (\d+)\r+\n"))[1])
        return self.running_row(pid=child)["supervisor_pid"], child

    def stopped(self, window, *pids):
        window.expect(PROMPT)
        for pid in pids:
            self.wait_state(pid, "T")
        self.assertEqual(window.pid, window.foreground())
        self.assertEqual(self.before, window.modes())

    def going(self, window, supervisor, *pids):
        for pid in (supervisor, *pids):
            self.wait_state(pid, "RS")
        window.until(lambda: window.is_raw() and window.foreground() == os.getpgid(supervisor), "raw mode in front")

    def ended(self, window, child, number=signal.SIGUSR1, code=0):
        os.kill(child, number)
        window.expect(PROMPT)
        self.assertEqual(self.before, window.modes())
        self.assertEqual(f"code={code}\n", self.at_prompt(window, "echo code=$?"))

    def open(self):
        window = self.shell_window()
        self.before = window.modes()
        return window

    def test_a_job_of_the_background_has_not_the_modes_of_the_shells_line_editor(self):
        window = self.window("--norc", "--noprofile", "-i", program="/bin/bash", leads=True, env={"PS1": PROMPT})
        self.shells.append(window.pid)
        window.expect(PROMPT)
        window.until(window.is_raw, "a line editor")
        window.line("supervise -q -- sh -c 'echo up; cat; echo over' &")
        window.expect(re.compile(r"up\r+\n"))
        window.line("fg")
        self.running_row()
        window.until(lambda: window.foreground() != window.pid and window.is_raw(), "raw mode in front")
        window.line("hello")
        window.expect("hello\r\nhello\r\n")
        window.send(CONTROL_D)
        window.expect("over\r\n")
        window.expect(PROMPT)
        window.line("exit")
        window.finish()

    def test_control_z_stops_both_and_fg_continues_both_twenty_times(self):
        window = self.open()
        supervisor, child = self.job(window)
        for count in range(1, 21):
            window.send(CONTROL_Z)
            self.stopped(window, supervisor, child)
            window.line("fg")
            window.expect(f"{child} CONT ")
            self.going(window, supervisor, child)
            window.send(CONTROL_C)
            window.expect(f"{child} INT {count}\r\n")
        self.ended(window, child)
        self.assert_end(self.row(), "success", "exit")

    def test_in_the_background_its_output_goes_on_and_fg_gives_it_the_keys(self):
        window = self.open()
        supervisor, child = self.job(window)
        window.send(CONTROL_Z)
        self.stopped(window, supervisor, child)
        window.line("bg")
        window.expect(f"{child} CONT ")
        os.kill(child, signal.SIGUSR2)
        window.expect(f"{child} USR2 1")
        self.assertEqual(window.pid, window.foreground())
        self.assertEqual(self.before, window.modes())
        self.assertIn("still here\n", self.at_prompt(window, "echo still' 'here"))
        window.line("fg")
        self.going(window, supervisor, child)
        window.send(CONTROL_C)
        window.expect(f"{child} INT 1\r\n")
        self.ended(window, child)

    def test_started_in_the_background_it_takes_neither_the_foreground_nor_the_keys(self):
        window = self.open()
        supervisor, child = self.job(window, after=" &")
        for count in range(1, 4):
            self.assertIn(f"mine {count}\n", self.at_prompt(window, f"echo mine' '{count}"))
            self.assertEqual(window.pid, window.foreground())
            self.assertEqual(self.before, window.modes())
        self.assertNotIn("T", state_of(supervisor) + state_of(child))
        window.line("fg")
        self.going(window, supervisor, child)
        window.send(CONTROL_C)
        window.expect(f"{child} INT 1\r\n")
        window.send(CONTROL_Z)
        self.stopped(window, supervisor, child)
        window.line("fg")
        self.going(window, supervisor, child)
        self.ended(window, child)

    def test_one_in_the_background_that_ends_leaves_the_terminal_to_the_shell(self):
        window = self.open()
        supervisor, child = self.job(window, after=" &")
        os.kill(child, signal.SIGUSR1)
        self.wait_gone(supervisor)
        self.assertEqual(self.before, window.modes())
        self.assertEqual(window.pid, window.foreground())
        self.assertIn("mine\n", self.at_prompt(window, "echo mi''ne"))
        self.assert_end(self.row(), "success", "exit")

    def test_job_control_works_in_a_shell_inside(self):
        window = self.open()
        window.line("supervise -q -- env PS1='inside> ' bash --norc --noprofile --noediting -i")
        window.expect("inside> ")
        supervisor = self.running_row()["supervisor_pid"]
        window.line("sleep 100")
        window.expect("sleep 100\r\n")
        sleeper = wait_for(lambda: next((pid for pid, command in self.survivors().items() if command == "sleep 100"), 0))
        for word in ("bg", "fg"):
            window.send(CONTROL_Z)
            window.expect("Stopped")
            window.expect("inside> ")
            self.wait_state(sleeper, "T")
            self.assertNotEqual("T", state_of(supervisor))
            window.line("bg")
            window.expect("inside> ")
            self.wait_state(sleeper, "S")
            window.line("fg")
            window.expect(re.compile(r"\nsleep 100\r\n"))
            self.wait_state(sleeper, "S")
        window.send(CONTROL_C)
        window.expect("inside> ")
        window.line("echo code=$?")
        window.expect("code=130\r\n")
        window.line("exit 5")
        window.expect(PROMPT)
        self.assertEqual("code=5\n", self.at_prompt(window, "echo code=$?"))
        self.assertEqual(self.before, window.modes())
        self.assert_end(self.row(), "failed", "exit", exit_code=5)

    def test_control_z_stops_a_script_around_us_too(self):
        window = self.open()
        window.line(f"bash -c 'supervise -q -- {probe('ready')} --exit USR1=0; echo af\"\"ter'")
        child = int(window.expect(re.compile(r"ready (\d+)\r+\n"))[1])
        supervisor = self.running_row(pid=child)["supervisor_pid"]
        for _ in range(3):
            window.send(CONTROL_Z)
            self.stopped(window, supervisor, child, os.getpgid(supervisor))
            window.line("fg")
            self.going(window, supervisor, child)
        os.kill(child, signal.SIGUSR1)
        window.expect("after\r\n")
        window.expect(PROMPT)
        self.assertEqual(self.before, window.modes())

    def test_a_child_that_somebody_else_stops_does_not_stop_us(self):
        window = self.open()
        supervisor, child = self.job(window)
        terminal = self.child_terminal(child)
        os.kill(child, signal.SIGSTOP)
        self.wait_state(child, "T")
        for size in ((9, 9), (10, 10), (11, 11)):
            window.resize(*size)
            wait_for(lambda: size_of(terminal) == size, "us to be awake")
        self.assertNotEqual("T", state_of(supervisor))
        self.assertTrue(window.is_raw())
        os.kill(child, signal.SIGCONT)
        window.expect(f"{child} WINCH ")
        self.ended(window, child)

    def test_control_z_on_a_child_that_is_stopped_stops_us_once(self):
        window = self.open()
        supervisor, child = self.job(window)
        os.kill(child, signal.SIGSTOP)
        self.wait_state(child, "T")
        window.send(CONTROL_Z)
        self.stopped(window, supervisor, child)
        window.line("fg")
        window.expect(f"{child} CONT ")
        self.going(window, supervisor, child)
        window.send(CONTROL_C)
        window.expect(f"{child} INT 1\r\n")
        self.ended(window, child)

    def test_sigtstp_to_us_stops_both(self):
        window = self.open()
        supervisor, child = self.job(window)
        for _ in range(3):
            os.kill(supervisor, signal.SIGTSTP)
            self.stopped(window, supervisor, child)
            window.line("fg")
            self.going(window, supervisor, child)
        self.ended(window, child)

    def test_a_stopped_job_that_is_killed_ends_and_is_recorded(self):
        window = self.open()
        supervisor, child = self.job(window, "--default", "TERM")
        window.send(CONTROL_Z)
        self.stopped(window, supervisor, child)
        window.line("kill %1")
        self.wait_gone(supervisor, child)
        self.assertEqual(self.before, window.modes())
        self.assert_end(self.row(), "cancelled", "cancelled", signal=signal.SIGTERM)

    def test_a_stop_is_taken_once_however_late_the_leader_tells_of_the_last_one(self):
        window = self.open()
        supervisor, child = self.job(window)
        leader = self.leader_of(self.running_row())
        window.send(CONTROL_Z)
        self.stopped(window, supervisor, child)
        os.kill(leader, signal.SIGSTOP)
        self.wait_state(leader, "T")
        window.line("fg")
        window.expect(f"{child} CONT ")
        self.going(window, supervisor, child)
        os.kill(supervisor, signal.SIGTSTP)
        self.wait_state(child, "T")
        os.kill(leader, signal.SIGCONT)
        self.stopped(window, supervisor, child)
        window.line("fg")
        window.expect(f"{child} CONT ")
        self.going(window, supervisor, child)
        self.ended(window, child)

    def test_a_child_that_answers_control_z_by_stopping_itself_its_own_way_stops_us_too(self):
        window = self.open()
        window.line("supervise -q -- bash -c 'trap \"kill -STOP $$\" TSTP; echo se\"\"t; "
                    "until test -e stop; do read -t 0.05 line; done'")
        window.expect("set\r\n")
        row = self.running_row()
        self.wait_raw(window)
        window.send(CONTROL_Z)
        self.stopped(window, row["supervisor_pid"], row["pid"])
        window.line("fg")
        self.going(window, row["supervisor_pid"], row["pid"])
        (self.work / "stop").touch()
        window.expect(PROMPT)

    def test_cancel_ends_a_stopped_job(self):
        window = self.open()
        supervisor, child = self.job(window, "--default", "TERM")
        window.send(CONTROL_Z)
        self.stopped(window, supervisor, child)
        self.ok("cancel", "@last")
        self.wait_gone(supervisor, child)
        self.assertEqual(self.before, window.modes())
        self.assert_end(self.row(), "cancelled", "cancelled")

    def test_control_z_where_nobody_could_continue_us_is_no_hang(self):
        window, child = self.ready("--exit", "USR1=0", leads=True)
        for count in (1, 2, 3):
            window.send(CONTROL_Z)
            window.expect(f"{child} CONT {count}\r\n")
            window.send(CONTROL_C)
            window.expect(f"{child} INT {count}\r\n")
        self.assertNotEqual("T", state_of(window.pid))
        os.kill(child, signal.SIGUSR1)
        self.assert_code(0, window.finish())

    def test_a_child_that_has_control_z_as_a_key_is_not_stopped(self):
        window = self.open()
        window.line(f"supervise -q -- {probe('keys')} --raw typed 2")
        window.expect("ready")
        window.send(CONTROL_Z + b"x")
        window.expect("read 2, full")
        window.expect(PROMPT)
        self.assertEqual(CONTROL_Z + b"x", self.typed())


class Tree(Probes):
    def test_a_supervise_inside_works_as_the_one_outside(self):
        window = self.window("-q", "--", BIN, "-q", "--", "sh", "-c",
                             "stty size; trap 'echo interrupted' INT; echo go; read -r line; echo line=$line; exit 3",
                             rows=33, columns=44)
        window.expect("33 44\r\n")
        window.expect("go\r\n")
        window.send(CONTROL_C)
        window.expect("interrupted\r\n")
        window.line("words")
        window.expect("line=")
        self.assert_code(3, window.finish())
        outer, inner = self.rows()
        self.assertEqual(outer["uid"], inner["parent_uid"])
        for row in (outer, inner):
            self.assert_end(row, "failed", "exit", exit_code=3)

    def test_control_c_and_control_z_reach_the_innermost(self):
        window = self.shell_window()
        before = window.modes()
        window.line(f"supervise -q -- supervise -q -- {probe('ready')} --default TERM")
        child = int(window.expect(re.compile(r"ready (\d+)\r+\n"))[1])
        inner = self.running_row(pid=child)["supervisor_pid"]
        outer = self.running_row(pid=inner)["supervisor_pid"]
        for count in (1, 2, 3):
            window.send(CONTROL_Z)
            window.expect(PROMPT)
            for pid in (child, inner, outer):
                self.wait_state(pid, "T")
            window.line("fg")
            window.expect(f"{child} CONT ")
            window.send(CONTROL_C)
            window.expect(f"{child} INT {count}\r\n")
        self.assertEqual(3, self.count(window, child, "INT"))
        self.ok("cancel", str(self.running_row(pid=inner)["id"]))
        window.expect(PROMPT)
        self.assertEqual(before, window.modes())
        self.assert_end(self.rows()[0], "cancelled", "cancelled")

    def test_what_is_left_in_the_background_is_ended_and_named(self):
        window = self.window("-q", "--", "sh", "-c", "sleep 100 & echo $! > pid")
        self.assert_code(0, window.finish())
        self.assertFalse(alive(number_in(self.work / "pid")))
        names = [process["command"] for process in self.event("@last", "stragglers_killed")["data"]["processes"]]
        self.assertEqual(["sleep"], names)
        self.assert_end(self.row(), "success", "exit")

    def test_keep_stragglers_leaves_it_and_it_is_not_hung_up(self):
        window = self.window("-q", "--keep-stragglers", "--", "sh", "-c",
                             "sleep 100 & echo $! > pid; echo $PPID > leader; echo done")
        result = self.assert_code(0, window.finish())
        self.assertEqual("done\r\n", result.out)
        left = number_in(self.work / "pid")
        self.wait_gone(number_in(self.work / "leader"))
        try:
            self.assertTrue(alive(left))
            self.assertEqual([], [event for event in self.events() if event["type"] == "stragglers_killed"])
        finally:
            os.kill(left, signal.SIGKILL)

    def test_the_leader_ends_with_the_child_and_holds_nothing_of_ours(self):
        window, child = self.ready("--exit", "USR1=0")
        leader = self.leader_of(self.running_row())
        held = {os.readlink(f"/proc/{leader}/fd/{fd}") for fd in os.listdir(f"/proc/{leader}/fd")}
        self.assertEqual([], [name for name in held if not re.match(r"/dev/pts/\d+$|pipe:", name)])
        os.kill(child, signal.SIGUSR1)
        self.assert_code(0, window.finish())
        self.wait_gone(leader)

    def test_a_thousand_quick_ones_two_at_a_time_are_no_hang(self):
        windows = [self.shell_window() for _ in range(2)]
        for window in windows:
            window.line("for i in $(seq 500); do supervise -q -- true || echo fai''led; done; echo thro''ugh")
        for window in windows:
            window.expect("through", deadline=100)
            self.assertNotIn("failed", window.out)
        self.assertEqual([(1000,)], self.sql("SELECT count(*) FROM outcomes WHERE outcome = 'success'"))


if __name__ == "__main__":
    unittest.main()
