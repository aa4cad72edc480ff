"""On a terminal a command gets one of its own, and nobody notices: size, modes, keys, and our own terminal as it was,
however it ends."""

import os
import random
import re
import signal
import unittest

from harness import BIN, probe, wait_for
from terminal import CONTROL_C, CONTROL_D, CONTROL_Z, PROMPT, Probes, size_of

PASTE = b"\x1b[200~rm -rf /\r\nsecond line\x1b[201~"
MOUSE = b"\x1b[M !!\x1b[<0;10;20M\x1b[<0;10;20m\x1b[M\xff\xff\xff"
MEGABYTE = 1 << 20


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


if __name__ == "__main__":
    unittest.main()
