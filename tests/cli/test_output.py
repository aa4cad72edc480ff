"""Output is passed on byte for byte as it comes, kept in the log, and nobody who reads it, or stops, harms the command."""

import fcntl
import hashlib
import json
import os
import signal
import socket
import subprocess
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from harness import BIN, Case, probe, wait_for

MIB = 1 << 20
NASTY = b"\x00\x01\xff\xfe\xc3\x28 \x1b[31m\r\n\x7f\n no newline at the end"


class Output(Case):
    def random_file(self, name, size):
        path = self.work / name
        path.write_bytes(os.urandom(size))
        return path

    def log(self, *args):
        """The log as bytes."""
        done = subprocess.run([BIN, "log", "--raw", *args], env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=60, cwd=self.work)
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout

    def bytes_of(self, *args, **how):
        """What the program writes to stdout, as bytes."""
        running = self.start(*args, **how)
        self.assert_code(0, running.finish())
        return bytes(running.collected["out"])


class Bytes(Output):
    def test_200_mb_on_two_streams_in_odd_pieces_arrive_and_are_kept_exactly(self):
        self.config('[log]\nmax_size = "1GiB"\n')
        sizes = {"out": 120 * MIB + 12345, "err": 80 * MIB + 777}
        paths = {name: self.random_file(name, size) for name, size in sizes.items()}
        running = self.start("-q", "--", probe("chunks"), str(paths["out"]), str(paths["err"]), "7", stderr=subprocess.PIPE)
        hashes = {name: hashlib.sha256() for name in sizes}
        got = dict.fromkeys(sizes, 0)
        tail = b""
        while running.process.poll() is None or running.pipes:
            running.pump(1)
            for name, data in running.collected.items():
                piece = bytes(data[: sizes[name] - got[name]])
                hashes[name].update(piece)
                got[name] += len(piece)
                if name == "err":
                    tail += data[len(piece):]
                data.clear()
        self.assertEqual(0, running.process.returncode, tail)
        for name, path in paths.items():
            wanted = hashlib.sha256(path.read_bytes()).hexdigest()
            self.assertEqual(wanted, hashes[name].hexdigest(), f"std{name} as it was passed on")
            self.assertEqual(wanted, hashlib.sha256(self.log(f"--stream={name}", "@last")).hexdigest(), f"std{name} as it was kept")

    def test_bytes_that_are_no_text_are_passed_on_and_kept(self):
        path = self.work / "nasty"
        path.write_bytes(NASTY)
        self.assertEqual(NASTY, self.bytes_of("--", "cat", str(path)))
        self.assertEqual(NASTY, self.log("@last"))
        self.assertEqual(NASTY, self.bytes_of("log", "@last"), "off a terminal the log is raw")

    def test_what_the_command_wrote_last_is_never_lost(self):
        self.ok("--", "true")

        def run(number):
            result = self.run_supervise("-n", f"bingo-{number}", "--", "printf", "Bingo")
            return result.code, result.out

        with ThreadPoolExecutor(4) as pool:
            self.assertEqual({(0, "Bingo")}, set(pool.map(run, range(300))))
        logs = self.sql("SELECT log FROM executions WHERE name LIKE 'bingo-%'")
        self.assertEqual(300, len(logs))
        self.assertEqual({b"Bingo"}, {open(path, "rb").read() for (path,) in logs})

    def test_both_streams_keep_their_own_order_and_can_be_told_apart(self):
        script = "for i in 1 2 3 4 5; do echo out $i; echo err $i >&2; done"
        result = self.ok("-q", "--", "sh", "-c", script)
        out = "".join(f"out {i}\n" for i in range(1, 6))
        err = "".join(f"err {i}\n" for i in range(1, 6))
        self.assertEqual(out, result.out)
        self.assertTrue(result.err.startswith(err), result.err)
        self.assertEqual(out, self.log("--stream=out", "@last").decode())
        self.assertEqual(err, self.log("--stream=err", "@last").decode())
        self.assertEqual(sorted((out + err).splitlines()), sorted(self.log("@last").decode().splitlines()))

    def test_stdin_passes_through_to_its_end(self):
        data = os.urandom(3 * MIB)
        with open(self.work / "in", "wb") as file:
            file.write(data)
        with open(self.work / "in", "rb") as file:
            self.assertEqual(data, self.bytes_of("--", "cat", stdin=file))
        read_end, write_end = os.pipe()
        running = self.start("--", "sh", "-c", "read line; echo \"got $line\"", stdin=read_end)
        os.close(read_end)
        os.write(write_end, b"hello\n")
        running.wait_out("got hello\n")
        os.close(write_end)
        self.assert_code(0, running.finish())

    def test_stdin_null_gives_the_command_nothing_to_wait_for(self):
        read_end, write_end = os.pipe()
        self.assertEqual(b"", self.bytes_of("--stdin=null", "--", "cat", stdin=read_end))
        os.close(read_end)
        os.close(write_end)


class AsItComes(Output):
    def test_a_line_without_its_end_arrives_while_the_command_lives(self):
        script = 'printf partial; while [ ! -e go ]; do sleep 0.01; done; printf " and whole\\n"'
        running = self.start("--", "sh", "-c", script)
        running.wait_out("partial")
        self.assertIsNone(running.process.poll())
        wait_for(lambda: self.log("@last") == b"partial", "the same in the log")
        (self.work / "go").touch()
        self.assert_code(0, running.finish())
        self.assertEqual("partial and whole\n", running.out)

    def test_log_f_follows_until_the_end(self):
        script = 'echo one; while [ ! -e go ]; do sleep 0.01; done; echo two'
        running = self.start("-n", "followed", "--", "sh", "-c", script)
        running.wait_out("one")
        follower = self.start("log", "-f", "followed")
        follower.wait_out("one\n")
        (self.work / "go").touch()
        self.assert_code(0, running.finish())
        self.assert_code(0, follower.finish())
        self.assertEqual("one\ntwo\n", follower.out)

    def test_log_shows_the_newest_lines_and_times(self):
        self.ok("--", "sh", "-c", "for i in 1 2 3 4 5 6; do echo line $i; done")
        self.assertEqual("line 5\nline 6\n", self.ok("log", "--tail", "2", "@last").out)
        lines = self.ok("log", "--timestamps", "@last").out.splitlines()
        self.assertEqual(6, len(lines))
        for number, line in enumerate(lines, 1):
            self.assertRegex(line, rf"\d\d:\d\d:\d\d.*line {number}$")


class Readers(Output):
    def test_a_reader_that_goes_away_is_gone_for_the_command_too(self):
        running = self.start("--", "yes")
        running.wait_out("y\ny\n")
        running.close("out")
        result = running.finish()
        self.assert_code(128 + signal.SIGPIPE, result)
        self.assert_end(self.row(), "failed", "signal", signal=int(signal.SIGPIPE))

    def test_a_shells_pipeline_ends_as_it_would_bare(self):
        self.assertEqual("y\n", self.assert_code(0, self.shell("supervise -- yes | head -n 1")).out)

    def test_a_reader_that_goes_away_while_the_command_is_quiet_is_noticed_at_the_next_write(self):
        script = 'echo a; while [ ! -e go ]; do sleep 0.01; done; echo b; echo c; touch survived'
        running = self.start("--", "sh", "-c", script)
        running.wait_out("a\n")
        running.close("out")
        time.sleep(0.3)  # it is quiet: the wrapper has had its time to see that nobody reads
        (self.work / "go").touch()
        result = running.finish()
        self.assertFalse((self.work / "survived").exists())
        self.assert_code(128 + signal.SIGPIPE, result)
        self.assertTrue(self.log("@last").startswith(b"a\n"))

    def test_what_had_come_when_the_reader_went_away_is_kept(self):
        """The reader took nothing, so it waits in the pipes between; the log has all of it."""
        read_end, write_end = os.pipe()
        fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 4096)
        pieces = [os.urandom(60000), os.urandom(30000)]
        for number, piece in enumerate(pieces):
            (self.work / f"data{number}").write_bytes(piece)
        script = """trap '' PIPE; cat data0; while [ ! -e more ]; do sleep 0.01; done
            cat data1; touch written; while [ ! -e go ]; do sleep 0.01; done; exit 4"""
        running = self.start("--", "sh", "-c", script, stdout=write_end)
        os.close(write_end)
        wait_for(lambda: self.db.exists() and self.rows() and self.log("@last") == pieces[0], "the first piece in the log")
        (self.work / "more").touch()
        wait_for(lambda: (self.work / "written").exists(), "the command to have written")
        os.close(read_end)
        wait_for(lambda: self.log("@last") == b"".join(pieces), "the log to have all that came")
        (self.work / "go").touch()
        self.assert_code(4, running.finish())
        self.assertEqual(b"".join(pieces), self.log("@last"))

    def test_a_reader_that_takes_nothing_holds_up_no_signal(self):
        script = '"$1" --exit TERM=0 >signals & exec yes'
        for kind in ("pipe", "socket"):
            with self.subTest(stdout=kind):
                signals = self.work / "signals"
                signals.write_text("")
                ours, theirs = os.pipe() if kind == "pipe" else [end.detach() for end in socket.socketpair()]
                running = self.start("-q", "--", "sh", "-c", script, "sh", probe("ready"), stdout=theirs)
                os.close(theirs)
                wait_for(lambda: "ready" in signals.read_text(), "the probe")
                time.sleep(0.3)  # by now everything between is full
                running.kill(signal.SIGWINCH)
                wait_for(lambda: "WINCH 1" in signals.read_text(), "the signal", 5)
                os.close(ours)
                self.assert_code(128 + signal.SIGPIPE, running.finish())

    def test_a_command_that_ignores_sigpipe_meets_epipe_and_the_record_stays_whole(self):
        script = """import os, signal
signal.signal(signal.SIGPIPE, signal.SIG_IGN)
try:
    while True:
        os.write(1, b'x' * 4096)
except BrokenPipeError:
    os.write(2, b'met it\\n')
    os._exit(9)
"""
        running = self.start("--", "/usr/bin/python3", "-c", script)
        running.wait_out("xxx")
        running.close("out")
        self.assert_code(9, running.finish())
        self.assertIn("met it", running.err)
        self.assert_end(self.row(), "failed", "exit", exit_code=9)
        self.assertTrue(self.log("--stream=out", "@last").startswith(running.out[:10000].encode()))

    def test_when_nobody_reads_stderr_the_summary_harms_nothing(self):
        read_end, write_end = os.pipe()
        os.close(read_end)
        running = self.start("--", "sh", "-c", "echo out; exit 4", stderr=write_end)
        os.close(write_end)
        self.assert_code(4, running.finish())
        self.assert_end(self.row(), "failed", "exit", exit_code=4)

    def test_a_slow_reader_loses_nothing(self):
        """It begins to read long after the command could have ended, and the drain with it."""
        self.config('[run]\ndrain = "200ms"\n')
        path = self.random_file("data", 3 * MIB)
        running = self.start("-q", "--", "cat", str(path))
        time.sleep(0.7)
        while running.pipes:
            running.pump(1)
            time.sleep(0.001)
        self.assert_code(0, running.finish())
        self.assertEqual(path.read_bytes(), bytes(running.collected["out"]))
        self.assertEqual(path.read_bytes(), self.log("@last"))

    def test_a_reader_slower_than_the_drain_loses_nothing_of_a_command_that_has_ended(self):
        """What fits into the pipes between them lets the command end at once; nothing of it may be dropped."""
        self.config('[run]\ndrain = "200ms"\n')
        read_end, write_end = os.pipe()
        fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 4096)
        data = os.urandom(60000)
        (self.work / "data").write_bytes(data)
        running = self.start("--", "cat", str(self.work / "data"), stdout=write_end)
        os.close(write_end)
        time.sleep(0.8)
        got = b""
        while piece := os.read(read_end, 65536):
            got += piece
        os.close(read_end)
        self.assert_code(0, running.finish())
        self.assertEqual(data, got)


class Kinds(Output):
    """Whatever stdout is."""

    def test_a_file_gets_all_of_it_and_two_streams_in_one_file_overwrite_nothing(self):
        script = 'i=0; while [ $i -lt 200 ]; do echo "out $i"; echo "err $i" >&2; i=$((i+1)); done'
        for redirect in (">f 2>&1", ">>f 2>&1", ">>f 2>>f"):
            with self.subTest(redirect=redirect):
                (self.work / "f").write_text("")
                self.assert_code(0, self.shell(f"supervise -q -- sh -c '{script}' {redirect}"))
                lines = (self.work / "f").read_text().splitlines()
                for name in ("out", "err"):
                    self.assertEqual([f"{name} {i}" for i in range(200)], [line for line in lines if line.startswith(name)])

    def test_a_socket_gets_all_of_it(self):
        ours, theirs = socket.socketpair()
        data = self.random_file("data", MIB)
        running = self.start("--", "cat", str(data), stdout=theirs)
        theirs.close()
        got = b""
        while piece := ours.recv(65536):
            got += piece
        ours.close()
        self.assert_code(0, running.finish())
        self.assertEqual(data.read_bytes(), got)

    def test_a_full_device_is_an_error_of_ours_and_not_of_the_record(self):
        with open("/dev/full", "wb") as full:
            result = self.run_supervise("--", "sh", "-c", "echo x; exit 3", stdout=full)
        self.assert_code(3, result)
        self.assertEqual(b"x\n", self.log("@last"))

    def test_the_callers_own_descriptors_are_never_made_nonblocking(self):
        """They are shared with the caller's shell and every other program there."""
        read_end, write_end = os.pipe()
        ours, theirs = socket.socketpair()
        running = self.start("--", "sh", "-c", "echo up; while [ ! -e go ]; do sleep 0.01; done", stdout=write_end, stdin=theirs)
        self.assertEqual(b"up\n", os.read(read_end, 10))
        self.assertTrue(os.get_blocking(write_end))
        self.assertTrue(os.get_blocking(theirs.fileno()))
        (self.work / "go").touch()
        self.assert_code(0, running.finish())
        self.assertTrue(os.get_blocking(write_end))
        for fd in (read_end, write_end):
            os.close(fd)
        ours.close()
        theirs.close()

    def test_a_nonblocking_stdout_of_the_callers_loses_nothing(self):
        read_end, write_end = os.pipe()
        os.set_blocking(write_end, False)
        data = self.random_file("data", MIB)
        running = self.start("--", "cat", str(data), stdout=write_end)
        os.close(write_end)
        time.sleep(0.3)
        got = b""
        while piece := os.read(read_end, 65536):
            got += piece
        os.close(read_end)
        self.assert_code(0, running.finish())
        self.assertEqual(data.read_bytes(), got)

    def test_the_command_finds_pipes_that_block_as_it_would_bare(self):
        script = "import os; print(os.get_blocking(1), os.get_blocking(2), os.get_blocking(0))"
        self.assertEqual("True True True\n", self.ok("--", "/usr/bin/python3", "-c", script).out)

    def test_capture_none_passes_all_on_and_keeps_nothing(self):
        result = self.ok("--capture=none", "--", "sh", "-c", "echo out; echo err >&2")
        self.assertEqual("out\n", result.out)
        self.assertIn("err\n", result.err)
        self.assertNotIn("out", self.run_supervise("log", "--raw", "@last").out)


class Logs(Output):
    def test_a_log_that_cannot_be_opened_is_a_warning_and_harms_nothing(self):
        (self.work / "file").write_text("")
        self.config(f'[log]\ndir = "{self.work}/file/logs"\n')
        result = self.assert_code(3, self.run_supervise("--", "sh", "-c", "echo out; exit 3"))
        self.assertEqual("out\n", result.out)
        self.assertRegex(result.err, r"(?m)^supervise: .*log")
        self.assert_end(self.row(), "failed", "exit", exit_code=3)

    def test_a_log_stops_growing_and_keeps_the_head_and_the_newest_tail(self):
        self.config('[log]\nmax_size = "256KiB"\n')
        lines = [f"line {i:07d} {'x' * 84}\n" for i in range(40000)]
        (self.work / "data").write_text("".join(lines))
        self.assertEqual("".join(lines).encode(), self.bytes_of("--", "cat", str(self.work / "data")))
        result = self.ok("log", "--raw", "@last")
        self.assertLess(len(result.out), 400 * 1024)
        self.assertGreater(len(result.out), 128 * 1024)
        self.assertTrue(result.out.startswith("".join(lines[:50])))
        self.assertTrue(result.out.endswith("".join(lines[-50:])))
        kept = [path for path in self.ledger_dir.rglob("*") if path.is_file() and not path.name.startswith("supervise.db")]
        self.assertLess(sum(path.stat().st_size for path in kept), MIB, "the index is small too")
        said = self.ok("log", "@last")
        self.assertRegex(said.err + said.out.replace("".join(lines), ""), r"(?i)bytes|KiB|MiB|gap|left out|omitted|dropped")

    def test_the_log_is_private_and_named_in_the_row(self):
        self.ok("--", "echo", "kept")
        path = self.row()["log"]
        self.assertEqual(b"kept\n", open(path, "rb").read())
        self.assertEqual(0o600, os.stat(path).st_mode & 0o777)

    def test_a_log_that_is_removed_meanwhile_harms_nothing(self):
        running = self.start("--", "sh", "-c", "echo a; while [ ! -e go ]; do sleep 0.01; done; echo b; exit 6")
        running.wait_out("a\n")
        os.unlink(wait_for(lambda: self.row()["log"], "the log"))
        (self.work / "go").touch()
        self.assert_code(6, running.finish())
        self.assertEqual("a\nb\n", running.out)

    def test_status_shows_the_last_lines_of_output(self):
        self.ok("--", "sh", "-c", "for i in $(seq 100); do echo number $i; done")
        self.assertIn("number 100", self.ok("status", "@last").out)


class Json(Output):
    def test_what_a_command_prints_never_spoils_the_json(self):
        self.assert_code(1, self.run_supervise("-n", "n\x1b[31m\"\\\n", "--", "sh", "-c", "printf '\\377\\000\"\\\\'; exit 1"))
        for args in (["status", "@last"], ["list"], ["status"]):
            json.loads(self.ok(*args, "--json").out)


if __name__ == "__main__":
    unittest.main()
