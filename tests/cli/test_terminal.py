"""On a terminal a command gets one of its own, and nobody notices: size, modes, keys, job control, and our own terminal
as it was, however it ends."""

import os
import random
import re
import shutil
import signal
import unittest

from harness import BIN, alive, number_in, probe, state_of, wait_for
from terminal import CONTROL_BACKSLASH, CONTROL_C, CONTROL_D, CONTROL_Z, PROMPT, TerminalCase, size_of

PASTE = b"\x1b[200~rm -rf /\r\nsecond line\x1b[201~"
MOUSE = b"\x1b[M !!\x1b[<0;10;20M\x1b[<0;10;20m\x1b[M\xff\xff\xff"
MEGABYTE = 1 << 20


class Probes(TerminalCase):
    """What most of these tests begin with."""

    def ready(self, *args, options=(), **how):
        window = self.window(*options, "--", probe("ready"), *args, **how)
        return window, int(window.expect(re.compile(r"ready (\d+)\r+\n"))[1])

    def keys(self, *args, options=(), **how):
        """`keys` that writes to the file "typed"."""
        *modes, count = args
        window = self.window(*options, "--", probe("keys"), *modes, self.work / "typed", count, **how)
        return window, int(window.expect(re.compile(r"ready (\d+)\r+\n"))[1])

    def typed(self):
        return (self.work / "typed").read_bytes()

    def count(self, window, pid, name):
        return len(re.findall(rf"(?<!\d){pid} {name} \d+\r", window.out))

    def child_terminal(self, pid):
        fd = os.open(f"/proc/{pid}/fd/0", os.O_RDWR | os.O_NOCTTY)
        self.addCleanup(os.close, fd)
        return fd

    def wait_raw(self, window):
        window.until(window.is_raw, "raw mode outside")


class Size(Probes):
    def test_the_size_at_the_start_is_that_of_our_terminal(self):
        for rows, columns in ((24, 80), (0, 0), (1, 1), (65535, 65535), (7, 300)):
            with self.subTest(rows=rows, columns=columns):
                window = self.window("-q", "--", "stty", "size", rows=rows, columns=columns)
                self.assertEqual((0, f"{rows} {columns}\r\n"), window.finish()[:2])

    def test_each_change_of_size_reaches_the_child_once(self):
        window, child = self.ready("--exit", "TERM=0")
        terminal = self.child_terminal(child)
        for count, size in enumerate(((40, 120), (1, 1), (65535, 65535), (0, 0), (30, 100)), 1):
            window.resize(*size)
            window.expect(f"{child} WINCH {count}\r\n")
            self.assertEqual(size, size_of(terminal))
        os.kill(child, signal.SIGTERM)
        self.assert_code(0, window.finish())
        self.assertEqual(5, self.count(window, child, "WINCH"))

    def test_a_change_while_both_are_stopped_is_there_after_fg(self):
        window = self.shell_window()
        window.line(f"supervise -q -- {probe('ready')} --exit TERM=0")
        child = int(window.expect(re.compile(r"ready (\d+)"))[1])
        window.send(CONTROL_Z)
        window.expect(PROMPT)
        window.resize(11, 22)
        window.line("fg")
        window.expect(f"{child} WINCH 1\r\n")
        self.assertEqual((11, 22), size_of(self.child_terminal(child)))
        os.kill(child, signal.SIGTERM)
        window.expect(PROMPT)


class Modes(Probes):
    def test_the_modes_inside_are_those_outside_and_stay_so_outside(self):
        window = self.shell_window()
        window.line("stty -ixon intr ^G erase ^H; stty -a > before")
        window.expect(PROMPT)
        self.assertEqual("", self.at_prompt(window, "supervise -q -- sh -c 'stty -a > inside'"))
        self.at_prompt(window, "stty -a > after")
        before = (self.work / "before").read_text()
        self.assertIn("intr = ^G", before)
        self.assertEqual(before, (self.work / "inside").read_text())
        self.assertEqual(before, (self.work / "after").read_text())

    def after(self, way, *options, code, outcome, reason, kind="--leave"):
        """`way(window, child)` ends it while it is raw on both sides; the modes outside are then as before."""
        self.work.joinpath("typed").unlink(missing_ok=True)
        window = self.window(*options, "--", probe("keys"), kind, self.work / "typed", 1)
        before = self.plain_modes()
        child = int(window.expect(re.compile(r"ready (\d+)\r+\n"))[1])
        self.wait_raw(window)
        way(window, child)
        self.assert_code(code, window.finish())
        self.assertEqual(before, window.modes())
        return self.assert_end(self.row(), outcome, reason)

    def plain_modes(self):
        """Those of a terminal that nobody has touched."""
        return self.window(program="/bin/true").modes()

    def test_they_are_as_before_after_an_exit(self):
        self.after(lambda window, _: window.send("x"), code=0, outcome="success", reason="exit")

    def test_they_are_as_before_after_sigkill_to_the_child(self):
        self.after(lambda _, child: os.kill(child, signal.SIGKILL), code=137, outcome="failed", reason="signal")

    def test_they_are_as_before_after_each_signal_that_ends_us(self):
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
            with self.subTest(signal=number):
                self.after(lambda window, _: os.kill(window.pid, number),
                           code=128 + number, outcome="cancelled", reason="cancelled")
        for number in (signal.SIGUSR1, signal.SIGALRM, signal.SIGRTMIN):
            with self.subTest(signal=number):
                self.after(lambda window, _: os.kill(window.pid, number),
                           code=128 + number, outcome="failed", reason="signal")

    def test_they_are_as_before_after_a_cancel(self):
        self.after(lambda *_: self.ok("cancel", "@last"), code=143, outcome="cancelled", reason="cancelled")

    def test_they_are_as_before_after_a_deadline(self):
        self.after(lambda *_: None, "--timeout=300ms", code=124, outcome="failed", reason="deadline")

    def test_a_command_that_cannot_be_run_leaves_them_as_they_were(self):
        before = self.plain_modes()
        for command, code in (("/no/such/thing", 127), ("/etc/passwd", 126)):
            window = self.window("--", command)
            result = self.assert_code(code, window.finish())
            self.assertRegex(result.out, rf"^supervise: cannot run {command}: .*\r\n$")
            self.assertEqual(before, window.modes())
            self.assert_end(self.row(), "failed", "spawn", exit_code=-1)


class OurOwnEnd(Probes):
    rows_finish = False

    def test_the_modes_are_as_before_after_a_fault_of_ours(self):
        before = self.window(program="/bin/true").modes()
        for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS):
            with self.subTest(signal=number):
                window, child = self.keys("--leave", 1)
                self.wait_raw(window)
                os.kill(window.pid, number)
                window.until(window.ended, "our end")
                self.assertNotEqual(0, window.status)
                self.assertEqual(before, window.modes())
                self.wait_gone(child)

    def test_after_sigkill_to_us_the_child_is_hung_up_and_the_leader_is_gone(self):
        window, child = self.ready("--default", "HUP")
        leader = self.leader_of(self.running_row())
        self.assertNotEqual(window.pid, leader)
        os.kill(window.pid, signal.SIGKILL)
        self.wait_gone(child, leader)
        row = self.row()
        self.assertTrue(row["lost"] or row["reason"] == "orphaned", row)


class Hangup(Probes):
    def hung_up(self, window, how):
        window.expect("set")
        row = self.running_row()
        how(window)
        self.wait_gone(row["supervisor_pid"])
        heard = (self.work / "heard").read_text().split()  # a shell tells its job, and its end tells the foreground
        self.assertIn(heard, (["HUP"], ["HUP", "HUP"]))
        self.assert_end(self.row(), "cancelled", "cancelled", exit_code=-2)

    def command(self):
        return self.script("listener", f"#!/bin/bash\ntrap 'echo HUP >> {self.work}/heard; exit 129' HUP\necho set\n"
                                       "while :; do read -r -t 1 line; done\n")

    def test_a_closed_window_that_ran_us_directly_hangs_the_child_up_and_the_end_is_recorded(self):
        self.hung_up(self.window("--", self.command(), leads=True), lambda window: window.close())

    def test_a_closed_window_with_a_shell_hangs_the_child_up_and_the_end_is_recorded(self):
        window = self.shell_window()
        window.line("supervise -- " + self.command())
        self.hung_up(window, lambda window: window.close())

    def test_a_child_that_survives_the_hangup_keeps_its_terminal_and_its_record(self):
        window, child = self.ready("--exit", "USR1=6", leads=True)
        row = self.running_row()
        window.close()
        self.assertIn(self.ok("log", "@last").out.splitlines()[0], f"ready {child}")
        wait_for(lambda: f"{child} HUP 1" in self.log(), "HUP in the log")
        os.kill(child, signal.SIGUSR1)
        self.wait_gone(row["supervisor_pid"])
        self.assertIn(f"{child} USR1 1", self.log())
        self.assert_end(self.row(), "failed", "exit", exit_code=6)

    def test_a_killed_leader_of_the_session_loses_neither_the_end_nor_us(self):
        for args, code, reason in ((["--exit", "HUP=7"], 7, "exit"), (["--default", "HUP"], 129, "signal")):
            with self.subTest(args=args):
                window, _ = self.ready(*args)
                os.kill(self.leader_of(self.running_row()), signal.SIGKILL)
                self.assert_code(code, window.finish())
                self.assert_end(self.row(), "failed", reason, exit_code=code)

    def test_a_child_that_outlives_the_leader_is_still_ours(self):
        window, child = self.ready("--exit", "USR1=4")
        leader = self.leader_of(self.running_row())
        os.kill(leader, signal.SIGKILL)
        self.wait_gone(leader)
        os.kill(window.pid, signal.SIGUSR1)
        self.assert_code(4, window.finish())
        self.assert_end(self.row(), "failed", "exit", exit_code=4)


class Keys(Probes):
    def test_a_raw_child_gets_every_byte_untouched(self):
        typed = bytes(range(256)) + PASTE + MOUSE + bytes(range(255, -1, -1))
        window, _ = self.keys("--raw", len(typed))
        window.send(typed)
        self.assert_code(0, window.finish())
        self.assertEqual(typed, self.typed())
        self.assert_end(self.row(), "success", "exit", exit_code=0)

    def test_keys_that_are_typed_one_by_one_arrive_one_by_one(self):
        window = self.window("-q", "--", "sh", "-c", "stty raw -echo; echo go; exec cat")
        window.expect("go")
        for key in (b"a", b"\x1b[A", b"\x03", b"\r", b"\x00"):
            window.send(key)
            window.expect(key.decode())
        self.ok("cancel", "@last")
        window.finish()

    def test_control_d_ends_the_input_of_a_child_that_reads_lines(self):
        window = self.window("-q", "--", "cat")
        window.line("one line")
        window.expect("one line\r\none line\r\n")
        window.send(CONTROL_D)
        self.assert_code(0, window.finish())

    def test_a_paste_of_a_megabyte_reaches_a_raw_reader_whole(self):
        typed = random.Random(1).randbytes(MEGABYTE)
        window, _ = self.keys("--raw", len(typed))
        window.send(typed)
        self.assert_code(0, window.finish())
        self.assertEqual(typed, self.typed())

    def test_a_paste_of_a_megabyte_of_lines_reaches_a_reader_of_lines_whole(self):
        typed = b"".join(b"%078d\n" % number for number in range(MEGABYTE // 79))
        window, _ = self.keys(len(typed))
        window.send(typed)
        self.assert_code(0, window.finish())
        self.assertEqual(typed, self.typed())

    def test_a_paste_that_comes_back_as_output_is_no_deadlock(self):
        typed = random.Random(2).randbytes(MEGABYTE)
        window = self.window("-q", "--", "sh", "-c", f"stty raw -echo; echo go; head -c {len(typed)}")
        window.expect("go\n")
        begin = window.seen
        window.send(typed)
        self.assert_code(0, window.finish())
        self.assertEqual(typed, bytes(window.screen[begin:]))

    def test_a_paste_into_a_child_that_never_reads_holds_nothing_up(self):
        window, child = self.ready("--exit", "USR1=0", "--default", "TERM")
        window.send_what_fits(b"x" * 78 * 1000 + b"\n" + b"line\n" * 200_000)
        os.kill(child, signal.SIGUSR2)
        window.expect(f"{child} USR2 1\r\n")
        window.resize(5, 6)
        window.expect(f"{child} WINCH 1\r\n")
        self.ok("cancel", "@last")
        self.assert_code(143, window.finish())
        self.assert_end(self.row(), "cancelled", "cancelled")

    def test_control_c_ends_a_child_that_never_reads_wherever_it_does_so_without_us(self):
        for paste in (b"x" * MEGABYTE, b"line\n" * 100):
            codes = []
            for options in ((BIN, "-q", "--"), ()):
                window = self.window(*options[1:], *(["sleep", "100"] if options else ["100"]),
                                     program=options[0] if options else "/bin/sleep")
                if options:
                    self.running_row()
                    self.wait_raw(window)
                window.send_what_fits(paste)
                window.send(CONTROL_C)
                codes.append(abs(window.finish().code) % 128)
            self.assertEqual([2, 2], codes)

    def fed(self, feed, how="pipe"):
        """What a child on a terminal of its own reads where our stdin is none, until its end."""
        (self.work / "feed").write_bytes(feed)
        script = "supervise -q --capture=pty -- sh -c 'stty -echo; echo set; cat > got'"
        script = f"cat feed | {script}" if how == "pipe" else f"{script} < feed"
        self.assert_code(0, self.shell(script, deadline=10))
        return (self.work / "got").read_bytes()

    def test_the_end_of_a_pipe_or_a_file_reaches_a_child_on_a_terminal_of_its_own(self):
        for how in ("pipe", "file"):
            for feed in (b"", b"hello\n", b"line\n" * 500):
                with self.subTest(how, length=len(feed)):
                    self.assertEqual(feed, self.fed(feed, how))

    def test_the_end_reaches_it_after_a_line_without_an_end_too(self):
        for feed in (b"hello", b"line\nhello"):
            self.assertEqual(feed, self.fed(feed))

    def test_the_end_reaches_it_after_more_than_a_terminal_holds(self):
        feed = b"line\n" * 20_000
        self.assertEqual(feed, self.fed(feed))


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

    def test_in_raw_mode_it_is_a_byte_and_no_signal(self):
        script = f"{probe('keys')} --raw typed 2; exit $0"
        for code, outcome in ((0, "success"), (130, "failed"), (131, "failed")):
            with self.subTest(code=code):
                window = self.window("--", "sh", "-c", script, code)
                window.expect("ready")
                window.send(CONTROL_C + CONTROL_BACKSLASH)
                self.assert_code(code, window.finish())
                self.assertEqual(CONTROL_C + CONTROL_BACKSLASH, self.typed())
                self.assert_end(self.row(), outcome, "exit", exit_code=code, stopped_by=None)

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


class Streams(Probes):
    TELL = "if test -t $0; then echo $0 is a terminal; fi"

    def test_stderr_that_goes_to_a_file_goes_there_and_is_kept_as_such(self):
        target = self.work / "stderr"
        window = self.window("--", "sh", "-c", "echo to-stdout; echo to-stderr >&2; test -t 0 && test -t 1",
                             streams={2: target})
        result = self.assert_code(0, window.finish())
        self.assertEqual("to-stdout\r\n", result.out)
        lines = target.read_text().splitlines()
        self.assertEqual("to-stderr", lines[0])
        self.assertRegex(lines[1], r"^supervise: #1 ")
        self.assertEqual(2, len(lines))
        self.assertEqual("to-stderr\n", self.log("@last", "--stream=err"))
        self.assertEqual("to-stdout\r\n", self.log("@last", "--stream=out"))

    def test_with_only_one_of_the_two_a_terminal_the_child_stays_in_our_group_and_gets_control_c_once(self):
        before = self.window(program="/bin/true").modes()
        source, target = self.work / "nothing", self.work / "said"
        source.write_text("")
        for streams in ({1: target}, {0: source}):
            with self.subTest(streams=list(streams)):
                target.write_text("")
                window = self.window("-q", "--", probe("ready"), "--exit", "USR1=0", streams=streams)

                def said(text):
                    window.pump(0)
                    return text in target.read_text() + window.out.replace("\r", "")

                row = self.running_row()
                child = row["pid"]
                wait_for(lambda: said(f"ready {child}\n"), "ready")
                self.assertEqual(os.getpgid(row["supervisor_pid"]), os.getpgid(child))
                self.assertEqual(before, window.modes())
                for count in (1, 2, 3):
                    window.send(CONTROL_C)
                    wait_for(lambda: said(f"{child} INT {count}\n"), f"INT {count}")
                os.kill(child, signal.SIGUSR1)
                self.assert_code(0, window.finish())
                self.assertEqual(3, (target.read_text() + window.out).count(" INT "))

    def test_capture_none_gives_the_child_our_own_terminal(self):
        window = self.window("-q", "--capture=none", "--", "tty")
        result = self.assert_code(0, window.finish())
        self.assertEqual(f"{window.name}\r\n", result.out)

    def test_with_capture_none_control_c_reaches_the_child_once(self):
        window, child = self.ready("--exit", "USR1=0", options=["-q", "--capture=none"])
        for count in (1, 2, 3):
            window.send(CONTROL_C)
            window.expect(f"{child} INT {count}\r\n")
        os.kill(child, signal.SIGUSR1)
        self.assert_code(0, window.finish())
        self.assertEqual(3, self.count(window, child, "INT"))

    def test_capture_pipe_gives_the_child_pipes_and_our_stdin(self):
        window = self.window("-q", "--capture=pipe", "--", "sh", "-c", "tty; test -t 1 || echo a pipe")
        result = self.assert_code(0, window.finish())
        self.assertEqual(f"{window.name}\r\na pipe\r\n", result.out)
        self.assertEqual(f"{window.name}\na pipe\n", self.log())

    def test_auto_and_pty_give_it_one_of_its_own(self):
        for options in ((), ("--capture=auto",), ("--capture=pty",)):
            window = self.window("-q", *options, "--", "sh", "-c", "tty; test -t 1 && test -t 2 && tty < /dev/tty")
            result = self.assert_code(0, window.finish())
            self.assertRegex(result.out, r"^/dev/pts/\d+\r\n/dev/tty\r\n$")
            self.assertNotIn(window.name, result.out.split())

    def test_with_a_null_stdin_the_child_reads_nothing(self):
        window = self.window("-q", "--stdin=null", "--", "cat")
        self.assert_code(0, window.finish())

    def test_term_passes_through_and_needs_not_be_set(self):
        for value in (None, "vt52"):
            window = self.window("-q", "--", "sh", "-c", "echo ${TERM-unset}", env={"TERM": value})
            self.assertEqual((0, f"{value or 'unset'}\r\n"), window.finish()[:2])

    def test_the_summary_begins_on_a_line_of_its_own(self):
        for text in ("no end of line", "a line\\n", "back\\r", ""):
            with self.subTest(text=text):
                window = self.window("--", "sh", "-c", f"printf '{text}'; exit 3")
                result = self.assert_code(3, window.finish())
                self.assertRegex(result.out, r"(^|\n)supervise: #\d+ ")
                self.assertNotIn("\r\n\r\n", result.out)

    def test_the_log_has_what_was_on_the_screen(self):
        window = self.shell_window()
        out = self.at_prompt(window, "for i in $(seq 200); do supervise -q -- printf Bingo; done")
        self.assertEqual("Bingo" * 200, out)
        logs = [self.log(str(number)) for number in range(1, 201)]
        self.assertEqual(["Bingo"] * 200, logs)

    def test_output_that_comes_with_the_end_is_not_lost(self):
        window = self.window("-q", "--", "seq", 20_000)
        result = self.assert_code(0, window.finish())
        self.assertEqual("".join(f"{number}\r\n" for number in range(1, 20_001)), result.out)
        self.assertEqual(result.out, self.log())

    def test_a_password_that_is_typed_is_not_in_the_log(self):
        ways = {"bash": ["bash", "-c", "read -r -s -p 'Password: ' it; echo; echo got ${#it}"]}
        if shutil.which("python3", path=self.env["PATH"]):
            ways["python"] = ["python3", "-c", "import getpass; print('got', len(getpass.getpass('Password: ')))"]
        for name, argv in ways.items():
            with self.subTest(name):
                window = self.window("--", *argv)
                window.expect("Password: ")
                window.line("correct horse")
                result = self.assert_code(0, window.finish())
                self.assertIn("got 13\r\n", result.out)
                self.assertIn("got 13", self.log())
                for place in (result.out, self.log(), *(path.read_text("latin-1") for path in
                                                        self.ledger_dir.rglob("*") if path.is_file())):
                    self.assertNotIn("correct", place)


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


class Programs(Probes):
    """What people really run."""

    def needs(self, name):
        path = shutil.which(name, path=self.env["PATH"])
        if not path:
            self.skipTest(f"no {name} here")
        return path

    def test_vim_edits_saves_and_quits(self):
        self.needs("vim")
        before = self.window(program="/bin/true").modes()
        window = self.window("-q", "--", "vim", "-u", "NONE", "-i", "NONE", "-n", "text", env={"TERM": "xterm"})
        window.expect("text")
        window.send("ihello from inside\x1b:wq\r")
        self.assert_code(0, window.finish())
        self.assertEqual("hello from inside\n", (self.work / "text").read_text())
        self.assertEqual(before, window.modes())

    def test_vim_is_suspended_and_resumed(self):
        self.needs("vim")
        window = self.shell_window(env={"TERM": "xterm"})
        window.line("supervise -q -- vim -u NONE -i NONE -n text")
        window.expect("~")
        self.wait_raw(window)
        window.send("ihello\x1b:suspend\r")
        window.expect("Stopped")
        window.expect(PROMPT)
        self.assertFalse(window.is_raw())
        window.line("fg")
        self.wait_raw(window)
        window.expect("hello")
        window.send(":wq\r")
        window.expect(PROMPT)
        self.assertEqual("hello\n", (self.work / "text").read_text())

    def test_less_pages_and_quits(self):
        self.needs("less")
        (self.work / "pages").write_text("".join(f"page line {number}\n" for number in range(1, 500)))
        window = self.window("-q", "--", "less", "pages", env={"TERM": "xterm"}, rows=10)
        window.expect("page line 9\r\n")
        window.send("G")
        window.expect("page line 499")
        window.send("q")
        self.assert_code(0, window.finish())

    def test_the_prompt_of_python_edits_and_remembers_lines(self):
        self.needs("python3")
        window = self.window("-q", "--", "python3", "-q", "-i", env={"TERM": "xterm", "PYTHON_HISTORY": "none"})
        window.expect(">>> ")
        window.send("6 * 77\x7f\r")
        window.expect("42\r\n")
        window.expect(">>> ")
        window.send("\x1b[A\r")
        window.expect("42\r\n")
        window.expect(">>> ")
        window.send(CONTROL_C)
        window.expect("KeyboardInterrupt")
        window.expect(">>> ")
        window.send(CONTROL_D)
        self.assert_code(0, window.finish())
        self.assert_end(self.row(), "success", "exit", stopped_by=None)


if __name__ == "__main__":
    unittest.main()
