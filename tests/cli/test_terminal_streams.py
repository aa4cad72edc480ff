"""On a terminal of its own: where each stream goes and what is kept, and real programs."""

import os
import shutil
import signal
import unittest

from harness import probe, wait_for
from terminal import CONTROL_C, CONTROL_D, PROMPT, Probes


class Streams(Probes):
    TELL = "if test -t $0; then echo $0 is a terminal; fi"

    def test_what_the_child_has_used_is_recorded(self):
        window = self.window("-q", "--", "python3", "-c", "import time\nwhile time.process_time() < 0.2: pass")
        self.assert_code(0, window.finish())
        usage = self.row()["usage"]
        self.assertGreaterEqual(usage["user_ms"] + usage["system_ms"], 190)
        self.assertGreater(usage["max_rss_kib"], 1000)

    def test_no_process_of_ours_pins_the_directory(self):
        window, child = self.ready("--exit", "USR1=0")
        row = self.running_row(pid=child)
        for pid in (row["supervisor_pid"], self.leader_of(row)):
            wait_for(lambda: os.readlink(f"/proc/{pid}/cwd") == "/", f"{pid} to leave the directory")
        self.assertEqual(str(self.work), os.readlink(f"/proc/{child}/cwd"))
        os.kill(child, signal.SIGUSR1)
        self.assert_code(0, window.finish())

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
        # No ^C here: python loses one that comes between its prompt and its wait for a key, bare as well.
        window.send(CONTROL_D)
        self.assert_code(0, window.finish())
        self.assert_end(self.row(), "success", "exit", stopped_by=None)


if __name__ == "__main__":
    unittest.main()
