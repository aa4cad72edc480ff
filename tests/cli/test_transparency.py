"""The child starts as if `supervise` weren't there: every fact of its start is compared with one that was started bare."""

import itertools
import os
import pathlib
import resource
import signal
import stat
import time
import unittest

from harness import BIN, Case, alive, number_in, probe, requires_root, wait_for

OURS = {"SUPERVISE_EXECUTION_UID", "SUPERVISE_DB", "SUPERVISE_ATTEMPT", "NOTIFY_SOCKET"}
# What differs from process to process, whoever starts it.
OWN = {"pid", "ppid", "pgid", "sid"}


def parse(path):
    """A report as {fact: list of values}; arguments and environment as bytes."""
    facts = {}
    for line in path.read_text().splitlines():
        key, _, value = line.partition(" ")
        if key in ("argv", "env", "cwd"):
            value = bytes.fromhex(value)
        if key in ("fd", "rlimit"):
            number, _, value = value.partition(" ")
            key = f"{key} {number}"
        facts.setdefault(key, []).append(value)
    return facts


class Reporting(Case):
    def report(self, *options, args=(), launcher=None, supervised=True, **how):
        """The facts of a `report` that is run below supervise, or bare."""
        path = self.work / "report"
        path.unlink(missing_ok=True)
        command = [*([BIN, *options, "--"] if supervised else []), probe("report"), str(path), *args]
        if launcher:
            command = [*launcher, *command]
        result = self.run_program(*command, **how)
        self.assert_code(0, result)
        return parse(path)

    def assert_same_start(self, *options, streams=("fd 1", "fd 2"), **how):
        bare = self.report(supervised=False, **how)
        ours = self.report(*options, **how)
        self.assertEqual(set(bare) - OWN, set(ours) - OWN)
        for key in bare.keys() - OWN - {"env", *streams}:
            self.assertEqual(bare[key], ours[key], key)
        added = {variable.partition(b"=")[0].decode() for variable in set(ours["env"]) - set(bare["env"])}
        self.assertEqual(OURS, added)
        self.assertEqual([], [variable for variable in bare["env"] if variable not in ours["env"]])
        self.assertEqual(len(set(ours["env"])), len(ours["env"]), "no variable twice")
        return bare, ours


class Starts(Reporting):
    def test_the_umask_is_the_callers_and_takes_nothing_from_what_is_ours(self):
        result = self.ok("--", "sh", "-c", "umask", before=lambda: os.umask(0o777))
        self.assertEqual("0777\n", result.out)
        for path, mode in ((self.db.parent, 0o700), (self.db, 0o600), (self.row()["log"], 0o600)):
            self.assertEqual(mode, stat.S_IMODE(os.stat(path).st_mode), path)

    def test_an_ordinary_start(self):
        self.assert_same_start()

    def test_with_capture_none_even_the_descriptors_are_the_callers_own(self):
        """The test's own pipes differ from run to run, so files stand in for them."""
        with open(self.work / "out", "wb") as out, open(self.work / "err", "ab") as err:
            self.assert_same_start("--capture=none", streams=(), stdout=out, stderr=err)

    def test_arguments_arrive_as_given_128_kib_with_newlines_and_bytes_that_are_no_utf8(self):
        args = [b"x\n\xff\xfe\x80 \t'\"\\$" * 11900, b"", b"--", b"-n", bytes(range(1, 256)), b"y" * 131071]
        self.assertGreater(len(args[0]), 128 * 1024 - 400)
        args[0] = args[0][:131071]
        _, ours = self.assert_same_start(args=args)
        self.assertEqual(args, ours["argv"][2:])
        command = self.row()["command"]
        self.assertEqual(len(args) + 2, len(command))
        self.assertEqual("y" * 131071, command[-1])
        self.assertEqual("x\n\ufffd", command[2][:3])

    def test_the_environment_arrives_as_it_is_but_for_ours(self):
        env = {"EMPTY": "", "LINES": "a\nb\n", "BYTES": os.fsdecode(b"\xff\xfe=\x80"), "LD_BIND_NOW": "", "a.b": "c",
               "IFS": " ", "PS1": "$ "}
        _, ours = self.assert_same_start(env=env)
        values = dict(variable.split(b"=", 1) for variable in ours["env"])
        self.assertEqual(str(self.db).encode(), values[b"SUPERVISE_DB"])
        self.assertEqual(self.row()["uid"].encode(), values[b"SUPERVISE_EXECUTION_UID"])
        self.assertEqual(b"1", values[b"SUPERVISE_ATTEMPT"])

    def test_the_session_stands_in_the_environment_when_it_is_known(self):
        path = self.work / "report"
        self.assert_code(75, self.run_supervise("-s", "book-7", "--", probe("report"), str(path)))
        self.assertIn(b"SUPERVISE_SESSION=book-7", parse(path)["env"])

    def test_run_uid_env_names_further_variables_for_the_uid(self):
        self.config('[run]\nuid_env = ["OCR_DASHBOARD_EXECUTION_UID", "OTHER_UID"]\n')
        ours = self.report(env={"OTHER_UID": "stale"})
        uid = self.row()["uid"].encode()
        self.assertIn(b"OCR_DASHBOARD_EXECUTION_UID=" + uid, ours["env"])
        self.assertIn(b"OTHER_UID=" + uid, ours["env"])
        self.assertNotIn(b"OTHER_UID=stale", ours["env"])

    def test_blocked_signals_stay_blocked(self):
        def block():
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGTERM, signal.SIGCHLD, signal.SIGRTMIN + 1])

        bare, _ = self.assert_same_start(before=block)
        self.assertNotEqual(["0000000000000000"], bare["SigBlk"])

    def test_no_signal_is_blocked_that_was_not(self):
        bare, _ = self.assert_same_start()
        self.assertEqual(["0000000000000000"], [value.strip() for value in bare["SigBlk"]])

    def test_ignored_signals_stay_ignored(self):
        def ignore():
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGTSTP, signal.SIGUSR2,
                           signal.SIGPIPE, signal.SIGCHLD, signal.SIGRTMIN):
                signal.signal(number, signal.SIG_IGN)

        self.assert_same_start(before=ignore)

    def test_no_signal_is_ignored_that_was_not_sigpipe_least_of_all(self):
        bare, ours = self.assert_same_start()
        self.assertEqual(0, int(ours["SigIgn"][0], 16) & 1 << (signal.SIGPIPE - 1))

    def test_nohup_still_works(self):
        ours = self.report(launcher=["/usr/bin/nohup"])
        self.assertTrue(int(ours["SigIgn"][0], 16) & 1, "SIGHUP is ignored")

    def test_limits_umask_and_niceness_are_as_inherited(self):
        def restrict():
            resource.setrlimit(resource.RLIMIT_NOFILE, (123, 456))
            resource.setrlimit(resource.RLIMIT_STACK, (4 << 20, 4 << 20))
            resource.setrlimit(resource.RLIMIT_CPU, (1000, 2000))
            os.umask(0o137)
            os.nice(3)

        bare, _ = self.assert_same_start(before=restrict)
        self.assertEqual(["137"], bare["umask"])

    def test_the_callers_descriptors_are_inherited_and_none_of_ours(self):
        read_end, write_end = os.pipe()
        file = os.open(self.work / "kept", os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600)
        os.set_inheritable(read_end, True)

        def place():
            os.dup2(write_end, 57)
            os.dup2(file, 99)

        bare, _ = self.assert_same_start(before=place, keep_fds=True)
        self.assertTrue({"fd 57", "fd 99", f"fd {read_end}"} <= set(bare))
        for fd in (read_end, write_end, file):
            os.close(fd)

    def test_libev_flags_change_nothing(self):
        for flags in ("31", "1", "2", "4", "64", "128", "2097152", "4194304", "16777216", "junk"):
            with self.subTest(flags=flags):
                self.assert_same_start(env={"LIBEV_FLAGS": flags})
                self.assert_code(7, self.run_supervise("--", "sh", "-c", "exit 7", env={"LIBEV_FLAGS": flags}))

    def test_a_working_directory_that_is_gone_harms_nothing(self):
        gone = self.work / "gone"
        gone.mkdir()
        self.assert_code(3, self.shell('cd "$1" && rmdir "$1" && exec supervise -- sh -c "exit 3"', str(gone)))


class Callers(Reporting):
    def test_a_caller_that_ignores_sigchld_still_gets_the_exit_code(self):
        self.assert_code(9, self.run_supervise(
            "--", "sh", "-c", "exit 9", before=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)))
        self.assert_end(self.row(), "failed", "exit", exit_code=9)

    def test_a_caller_that_blocks_sigchld_or_everything_still_gets_the_exit_code(self):
        for numbers in ([signal.SIGCHLD], signal.valid_signals()):
            def block(numbers=numbers):
                signal.pthread_sigmask(signal.SIG_BLOCK, numbers)

            self.assert_code(9, self.run_supervise("--", "sh", "-c", "exit 9", before=block))

    def test_a_termination_that_the_caller_blocks_is_taken_all_the_same_once_it_is_sent(self):
        """The mask is for the child; the wrapper itself must hear what is sent to it."""
        def block():
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGCHLD])

        running = self.start("--", probe("ready"), "--exit", "USR1=4", before=block)
        running.ready()
        running.kill(signal.SIGUSR1)
        self.assert_code(4, running.finish())

    def test_stdin_stdout_and_stderr_may_be_closed_in_every_combination(self):
        for capture in ("auto", "none"):
            for count in (1, 2, 3):
                for closed in itertools.combinations((0, 1, 2), count):
                    with self.subTest(capture=capture, closed=closed):
                        self.run_closed(capture, closed)

    def run_closed(self, capture, closed):
        def close():
            for fd in closed:
                os.close(fd)

        path = self.work / "report"
        path.unlink(missing_ok=True)
        script = 'echo out; echo err >&2; "$1" "$2"; exit 7'
        result = self.run_supervise(
            f"--capture={capture}", "--", "sh", "-c", script, "sh", probe("report"), str(path), before=close)
        self.assert_code(7, result)
        self.assertEqual("" if 1 in closed else "out\n", result.out)
        if 2 not in closed:
            self.assertIn("err\n", result.err)
        facts = parse(path)
        for fd in range(3):
            for value in facts.get(f"fd {fd}", []):
                self.assertNotRegex(value, r"supervise|socket:|anon_inode", "none of our own descriptors")
        self.assertEqual([], [key for key in facts if key.startswith("fd ") and int(key[3:]) > 2])
        self.assert_end(self.row(), "failed", "exit", exit_code=7)

    def test_children_from_before_an_exec_are_neither_killed_nor_waited_for(self):
        result = self.shell('sleep 1000 >/dev/null 2>&1 & echo $! >"$1"; exec supervise -- true', str(self.work / "pid"))
        pid = number_in(self.work / "pid")
        self.assertTrue(alive(pid), "it is left alone")
        os.kill(pid, signal.SIGKILL)
        self.assert_code(0, result)

    def test_a_termination_spares_the_children_from_before_an_exec(self):
        running = self.start("-c", 'sleep 1000 >/dev/null 2>&1 & echo $! >"$1"; exec supervise -- "$2"', "sh",
                             str(self.work / "pid"), probe("ready"), program="/bin/sh")
        running.wait_out("ready")
        pid = number_in(self.work / "pid")
        running.kill(signal.SIGTERM)
        running.wait_out("TERM 1")
        child = self.running_row()["pid"]
        os.kill(child, signal.SIGKILL)
        self.assert_code(137, running.finish())
        self.assertTrue(alive(pid), "it is left alone")
        os.kill(pid, signal.SIGKILL)

    def test_a_child_from_before_an_exec_that_ends_meanwhile_is_not_taken_for_the_command(self):
        self.assert_code(5, self.shell("(exit 3) & exec supervise -- sh -c 'sleep 0.2; exit 5'"))

    def test_listen_pid_that_names_the_wrapper_is_rewritten_to_the_child(self):
        path = self.work / "report"
        self.assert_code(0, self.shell('LISTEN_PID=$$ LISTEN_FDS=1 exec supervise -- "$1" "$2"', probe("report"), str(path)))
        facts = parse(path)
        self.assertIn(f"LISTEN_PID={facts['pid'][0]}".encode(), facts["env"])
        self.assertIn(b"LISTEN_FDS=1", facts["env"])

    def test_listen_pid_that_names_another_is_left_alone(self):
        _, ours = self.assert_same_start(env={"LISTEN_PID": "1", "LISTEN_FDS": "1"})
        self.assertIn(b"LISTEN_PID=1", ours["env"])

    def test_a_uid_that_is_not_in_this_ledger_is_said_and_counts_as_unset(self):
        result = self.ok("--", "true", env={"SUPERVISE_EXECUTION_UID": "abcdefghijklmnopqrst"})
        self.assertIn("abcdefghijklmnopqrst", result.err)
        self.assertIsNone(self.row()["parent_uid"])

    def test_a_uid_whose_execution_has_ended_counts_as_unset(self):
        self.ok("--", "true")
        uid = self.row()["uid"]
        result = self.ok("--", "true", env={"SUPERVISE_EXECUTION_UID": uid})
        self.assertIn(uid, result.err)
        self.assertIsNone(self.row()["parent_uid"])


class LettingGo(Case):
    def test_an_inherited_pipe_ends_when_the_child_closes_it(self):
        fifo = self.work / "fifo"
        os.mkfifo(fifo)
        read_end = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        running = self.start("-c", "exec 7>fifo; exec supervise -- sh -c 'echo x >&7; exec 7>&-; echo closed; sleep 1000'",
                             program="/bin/sh")
        running.wait_out("closed")
        self.assertEqual(b"x\n", os.read(read_end, 10))

        def ended():
            try:
                return os.read(read_end, 1) == b""
            except BlockingIOError:
                return False

        wait_for(ended, "the end of the pipe")
        os.close(read_end)
        running.kill(signal.SIGTERM)
        self.assert_code(143, running.finish())

    def test_a_lock_on_an_inherited_descriptor_is_free_when_the_child_closes_it(self):
        script = 'exec 9>lock; flock 9; exec supervise -- sh -c "exec 9>&-; echo closed; sleep 1000"'
        running = self.start("-c", script, program="/bin/sh")
        running.wait_out("closed")
        wait_for(lambda: self.run_program("/usr/bin/flock", "-n", str(self.work / "lock"), "true").code == 0, "the lock")
        running.kill(signal.SIGTERM)
        self.assert_code(143, running.finish())

    def test_the_working_directory_is_not_pinned(self):
        inside = self.work / "inside"
        inside.mkdir()
        running = self.start("--cwd", "/", "--", "sh", "-c", "echo here; sleep 1000", cwd=inside)
        running.wait_out("here")

        def elsewhere():
            return os.readlink(f"/proc/{running.pid}/cwd") == "/"

        wait_for(elsewhere, "the wrapper to leave its directory")
        for fd in pathlib.Path(f"/proc/{running.pid}/fd").iterdir():
            self.assertNotEqual(str(inside), os.readlink(fd))
        running.kill(signal.SIGTERM)
        self.assert_code(143, running.finish())


class PidOne(Case):
    UNSHARE = ("--pid", "--fork", "--kill-child", "--mount-proc")

    def setUp(self):
        super().setUp()
        if self.run_program("/usr/bin/unshare", *self.UNSHARE, "true").code != 0:
            self.skipTest("no pid namespace may be made here")

    @requires_root
    def test_it_works_as_pid_1(self):
        result = self.run_program("/usr/bin/unshare", *self.UNSHARE, BIN, "--", "sh", "-c", "echo $PPID; exit 7")
        self.assert_code(7, result)
        self.assertEqual("1\n", result.out)
        self.assert_end(self.row(), "failed", "exit", exit_code=7)

    @requires_root
    def test_pid_1_reaps_what_is_orphaned_and_ends_on_sigterm(self):
        script = '"$1" pid slow; for i in 1 2 3; do (sleep 0 &) ; done; exec "$2" --exit TERM=3'
        running = self.start(*self.UNSHARE, BIN, "--", "sh", "-c", script, "sh", probe("daemonize"), probe("ready"),
                             program="/usr/bin/unshare")
        running.wait_out("ready")
        children = pathlib.Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
        self.assertEqual(1, len(children))
        one = int(children[0])

        def no_zombies():
            left = pathlib.Path(f"/proc/{one}/task/{one}/children").read_text().split()
            return all(alive(pid) for pid in left)

        wait_for(no_zombies, "the orphans to be reaped")
        os.kill(one, signal.SIGTERM)
        self.assert_code(143, running.finish())
        self.assert_end(self.row(), "cancelled", "cancelled", exit_code=-2)


class Quickness(Case):
    def test_a_short_command_does_not_wait_for_any_grace_or_drain(self):
        self.ok("--", "true")
        since = time.monotonic()
        for _ in range(5):
            self.ok("--", "true")
        self.assertLess(time.monotonic() - since, 5, "each would take a second if it waited for the drain")


if __name__ == "__main__":
    unittest.main()
