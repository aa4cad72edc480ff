"""The wrapper ends as its command did, and 126, 127 and the row say exactly why a command never ran."""

import errno
import os
import re
import resource
import signal
import unittest
from concurrent.futures import ThreadPoolExecutor

from harness import Case


class ExitCodes(Case):
    def test_every_exit_code_from_0_to_255_is_passed_on_and_recorded(self):
        self.ok("--", "true")  # the ledger is there

        def run(code):
            return code, self.run_supervise("-n", f"code-{code}", "--", "sh", "-c", f"exit {code}").code

        with ThreadPoolExecutor(4) as pool:
            for code, got in pool.map(run, range(256)):
                self.assertEqual(code, got)
        recorded = dict(self.sql("SELECT name, exit_code FROM executions WHERE name IS NOT NULL"))
        self.assertEqual({f"code-{code}": code for code in range(256)}, recorded)

    def test_a_command_that_exits_0_is_a_success_and_another_a_failure(self):
        self.ok("--", "true")
        self.assert_end(self.row(), "success", "exit", exit_code=0, signal=None, spawn_errno=None, stopped_by=None)
        self.assert_code(3, self.run_supervise("--", "sh", "-c", "exit 3"))
        row = self.assert_end(self.row(), "failed", "exit", exit_code=3, signal=None)
        self.assertIn("3", row["explanation"])

    def test_a_death_by_signal_is_128_plus_its_number_and_the_row_names_the_signal(self):
        names = ["HUP", "INT", "QUIT", "ABRT", "KILL", "SEGV", "PIPE", "ALRM", "TERM", "USR1", "USR2", "BUS", "FPE"]
        numbers = [getattr(signal, f"SIG{name}").value for name in names] + [signal.SIGRTMIN, signal.SIGRTMAX]
        for number in map(int, numbers):
            with self.subTest(signal=number):
                self.assert_code(128 + number, self.run_supervise("--", "sh", "-c", f"kill -{number} $$; sleep 10"))
                row = self.assert_end(self.row(), "failed", "signal", exit_code=128 + number, signal=number)
                if number < 32:
                    self.assertIn(signal.Signals(number).name, row["explanation"])

    def test_the_summary_line_goes_to_stderr_and_nothing_of_ours_to_stdout(self):
        result = self.assert_code(4, self.run_supervise("-n", "probe", "--", "sh", "-c", "echo out; echo err >&2; exit 4"))
        self.assertEqual("out\n", result.out)
        lines = result.err.splitlines()
        self.assertEqual("err", lines[0])
        self.assertEqual(2, len(lines), result.err)
        self.assertTrue(lines[1].startswith("supervise: "), lines[1])

    def test_exit_code_child_passes_the_childs_own_code_whatever_the_outcome(self):
        self.assert_code(0, self.run_supervise("--exit-code=child", "--require-session", "--", "true"))
        self.assert_end(self.row(), "incomplete", "no-session")
        self.assert_code(9, self.run_supervise("--exit-code=child", "--", "sh", "-c", "exit 9"))
        self.assert_code(6, self.run_supervise(
            "--exit-code=child", "--timeout", "300ms", "--", "sh", "-c", "trap 'exit 6' TERM; sleep 60 & wait"))
        self.assert_end(self.row(), "failed", "deadline", exit_code=-5)

    def test_wait_ends_as_the_wrapper_did_with_the_childs_own_code(self):
        for code, command in ((0, "true"), (9, "exit 9"), (137, "kill -KILL $$")):
            self.assert_code(code, self.run_supervise("--exit-code=child", "--require-session", "--", "sh", "-c", command))
            self.assert_code(code, self.run_supervise("wait", "@last"))
        uid = self.ok("-q", "-d", "--exit-code=child", "--require-session", "--", "true").out.strip()
        self.assert_code(0, self.run_supervise("wait", uid))
        self.assert_end(self.row(), "incomplete", "no-session")


class NeverRan(Case):
    def assert_never_ran(self, code, number, *command, **how):
        result = self.assert_code(code, self.run_supervise("--", *command, **how), f"{command!r}")
        row = self.assert_end(self.row(), "failed", "spawn", exit_code=-1, spawn_errno=number, pid=None, signal=None)
        self.assertRegex(result.err, r"(?m)^supervise: ")
        return result, row

    def test_a_command_that_is_not_found_is_127(self):
        result, row = self.assert_never_ran(127, errno.ENOENT, "no-such-command-anywhere")
        self.assertIn("no-such-command-anywhere", result.err)
        self.assertIn("no-such-command-anywhere", row["explanation"])

    def test_a_path_that_leads_nowhere_is_127(self):
        self.assert_never_ran(127, errno.ENOENT, "./missing")
        self.assert_never_ran(127, errno.ENOENT, "/no/such/directory/program")
        (self.work / "dangling").symlink_to("nowhere")
        self.assert_never_ran(127, errno.ENOENT, "./dangling")

    def test_an_empty_command_name_is_127(self):
        self.assert_never_ran(127, errno.ENOENT, "")

    def test_a_missing_interpreter_is_127_and_named(self):
        script = self.script("tool", "#!/no/such/interpreter -x\necho ran\n")
        result, row = self.assert_never_ran(127, errno.ENOENT, script)
        self.assertIn("/no/such/interpreter", result.err + row["explanation"])
        self.assertIn("/no/such/interpreter", result.err)
        result = self.assert_code(127, self.run_supervise("--cwd", str(self.work), "--", "./tool", cwd="/"))
        self.assertIn("/no/such/interpreter", result.err)

    def test_a_file_that_is_not_executable_is_126(self):
        self.assert_never_ran(126, errno.EACCES, self.script("plain", "echo ran\n", 0o644))

    def test_a_file_found_by_path_that_is_not_executable_is_126(self):
        self.script("plain-in-path", "echo ran\n", 0o644)
        self.assert_never_ran(126, errno.EACCES, "plain-in-path", env={"PATH": f"{self.work}:/usr/bin:/bin"})

    def test_a_directory_is_126(self):
        self.assert_never_ran(126, errno.EACCES, str(self.work))
        self.assert_never_ran(126, errno.EACCES, "./")

    def test_an_interpreter_that_is_a_directory_is_126(self):
        self.assert_never_ran(126, errno.EACCES, self.script("tool", f"#!{self.work}\n"))

    def test_a_symlink_loop_is_126(self):
        (self.work / "loop").symlink_to("loop")
        self.assert_never_ran(126, errno.ELOOP, "./loop")

    def test_arguments_that_exceed_the_kernels_limit_are_126(self):
        """The limit is a quarter of the stack's. What just passes it for the wrapper is too much for the child, which has
        our variables in its environment besides."""
        def small_stack():
            resource.setrlimit(resource.RLIMIT_STACK, (1 << 20, resource.RLIM_INFINITY))

        works, fails, result = 0, 64000, None
        while fails - works > 1:
            size = (works + fails) // 2
            try:
                result = self.run_supervise("--", "/bin/true", *["x" * 1000] * 220, "y" * size, before=small_stack)
                works = size
            except OSError as error:
                self.assertEqual(errno.E2BIG, error.errno)
                fails = size
        self.assert_code(126, result)
        self.assert_end(self.row(), "failed", "spawn", exit_code=-1, spawn_errno=errno.E2BIG)

    def test_a_script_without_interpreter_line_runs_through_sh(self):
        script = self.script("bare", 'echo "$0 $1"; exit 5\n')
        result = self.assert_code(5, self.run_supervise("--", script, "one"))
        self.assertEqual(f"{script} one\n", result.out)
        self.assert_end(self.row(), "failed", "exit", exit_code=5, spawn_errno=None)
        self.script("bare-in-path", "exit 6\n")
        self.assert_code(6, self.run_supervise("--", "bare-in-path", env={"PATH": f"{self.work}:/usr/bin:/bin"}))

    def test_a_command_that_itself_returns_126_or_127_or_125_ran(self):
        for code in (125, 126, 127):
            with self.subTest(code=code):
                self.assert_code(code, self.run_supervise("--", "sh", "-c", f"exit {code}"))
                row = self.assert_end(self.row(), "failed", "exit", exit_code=code, spawn_errno=None)
                self.assertNotIn("never", row["explanation"])

    def test_wait_on_a_command_that_never_ran_ends_as_its_wrapper_did(self):
        (self.work / "loop").symlink_to("loop")
        for code, command in ((127, "./missing"), (127, "/etc/passwd/below"), (127, ""), (126, str(self.work)),
                              (126, "./loop"), (126, "x" * 300)):
            with self.subTest(command=command[:20]):
                self.assert_code(code, self.run_supervise("--", command))
                self.assert_code(code, self.run_supervise("wait", "@last"))

    def test_an_empty_path_entry_means_the_working_directory_as_execvp_has_it(self):
        self.script("here", "#!/bin/sh\nexit 8\n")
        self.assert_code(8, self.run_supervise("--", "here", env={"PATH": ":/usr/bin:/bin"}))

    def test_without_path_the_systems_default_is_searched(self):
        self.assert_code(0, self.run_supervise("--", "true", env={"PATH": None}))


class Words(Case):
    def test_options_after_the_command_are_the_commands_own(self):
        result = self.ok("run", "echo", "--json", "-n", "x", "--", "--help")
        self.assertEqual("--json -n x -- --help\n", result.out)

    def test_two_dashes_or_an_option_of_run_as_first_argument_mean_run(self):
        self.assertEqual("a\n", self.ok("--", "echo", "a").out)
        self.assertEqual("b\n", self.ok("-n", "named", "--", "echo", "b").out)
        self.assertEqual("named", self.row()["name"])
        self.assertEqual("c\n", self.ok("--name=joined", "echo", "c").out)
        self.assertEqual("joined", self.row()["name"])
        self.assertEqual("d\n", self.ok("run", "--", "echo", "d").out)

    def test_the_options_of_run_change_the_child_as_they_say(self):
        inside = self.dir / "home"
        result = self.ok("--cwd", str(inside), "--env", "ONE=1 and = more", "--env", "TWO=", "--env", "HOME=/h", "--",
                         "sh", "-c", 'pwd; echo "$ONE"; echo "${TWO-unset}"; echo "$HOME"')
        self.assertEqual(f"{inside}\n1 and = more\n\n/h\n", result.out)
        self.assertEqual(str(inside), self.row()["cwd"])

    def test_the_row_says_what_was_run_where_and_by_whom(self):
        self.ok("-n", "nightly", "--", "sh", "-c", 'echo "two words"')
        row = self.row()
        self.assertEqual(["sh", "-c", 'echo "two words"'], row["command"])
        self.assertEqual("nightly", row["name"])
        self.assertEqual(str(self.work), row["cwd"])
        self.assertEqual(os.uname().nodename, row["host"])
        self.assertEqual(1, row["attempt"])
        self.assertIsNone(row["parent_uid"])
        self.assertGreaterEqual(row["duration_ms"], 0)
        self.assertLessEqual({"user_ms", "system_ms", "max_rss_kib"}, set(row["usage"]))
        self.assertTrue(re.fullmatch(r"[a-z0-9]{8,}", row["uid"]))


if __name__ == "__main__":
    unittest.main()
