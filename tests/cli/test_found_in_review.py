"""Faults that a reading of the whole found, each with the test that would have."""

import os
import signal
import socket
import unittest

from harness import BIN, Case, wait_for


class Sessions(Case):
    def test_a_verb_that_finds_the_only_active_session_links_its_execution(self):
        self.ok("session", "begin", "A")
        result = self.run_supervise("--", "sh", "-c", "supervise session close --abort", env=self.in_path())
        self.assert_code(75, result)
        self.assert_end(self.row(), "incomplete", "session-aborted", session="A", drives=True)
        self.assertIn("session_linked", [event["type"] for event in self.events("A")])

    def test_who_drives_a_session_is_told_that_another_one_does_not_become_its_own(self):
        result = self.run_supervise("-s", "A", "--", "sh", "-c", "supervise session begin B", env=self.in_path())
        self.assertIn("this execution drives session A already", result.err)
        self.assertEqual("A", self.row()["session"])

    def test_all_that_a_session_lacks_is_listed_however_much(self):
        steps = ", ".join(f'"step-with-a-long-name-{i}"' for i in range(200))
        self.config(f'[[workflow.book.stage]]\nname = "extract"\nsteps = [{steps}]\n')
        self.ok("session", "begin", "A", "--workflow", "book")
        result = self.assert_code(6, self.run_supervise("session", "close", "A"))
        for i in range(200):
            self.assertIn(f"step-with-a-long-name-{i} has not begun", result.err)

    def test_a_session_goes_on_when_its_workflow_is_not_configured_any_more(self):
        self.config('[workflow.book]\nphases = ["a", "b"]\n')
        self.ok("session", "begin", "A", "--workflow", "book")
        self.config("")
        self.ok("session", "begin", "A", "--workflow", "book")
        self.assert_code(75, self.run_supervise("-s", "A", "-w", "book", "--", "true"))
        self.assert_code(4, self.run_supervise("session", "begin", "B", "--workflow", "book"))

    def test_why_survives_bytes_that_are_no_utf_8(self):
        self.ok("session", "begin", "A")
        self.ok("session", "close", "A", "--abort", "--why", b"caf\xe9")
        self.assertEqual("caf\ufffd", self.event("A", "session_aborted")["data"]["why"])

    def in_path(self):
        return {"PATH": f"{os.path.dirname(BIN)}:{self.env['PATH']}"}


class Ends(Case):
    def test_an_end_is_spooled_from_a_directory_whose_name_is_no_utf_8(self):
        place = os.fsencode(self.work) + b"/d\xff"
        os.mkdir(place)
        self.ok("-n", "first", "--", "true")
        script = f'mv {self.db} {self.db}.away; exit 4'
        result = self.assert_code(4, self.run_supervise("-n", "job", "--", "sh", "-c", script, cwd=place))
        self.assertIn("spool", result.err)
        os.rename(f"{self.db}.away", self.db)
        self.ok("session", "begin", "A")
        self.assert_end(self.row("job"), "failed", "exit", exit_code=4)

    def test_an_end_is_taken_in_under_another_spelling_of_the_ledger(self):
        place = self.work / "led"
        place.mkdir(mode=0o700)
        script = f"mv {place}/l.db {place}/l.db.away; exit 4"
        self.assert_code(4, self.run_supervise("--db", "x/../led/l.db", "--", "sh", "-c", script, cwd=self.here_with("x")))
        os.rename(place / "l.db.away", place / "l.db")
        self.ok("--db", str(place / "l.db"), "session", "begin", "A")
        self.assertEqual([(4,)], self.sql("SELECT exit_code FROM executions", path=place / "l.db"))

    def test_a_presumed_end_does_not_stop_what_lives(self):
        running = self.start("--", "sh", "-c", "echo up; while [ ! -e go ]; do sleep 0.01; done; echo out")
        running.wait_out("up")
        path = self.running_row() and self.sql("SELECT socket FROM executions")[0][0]
        self.sql("UPDATE executions SET exit_code = -3, finished_at = started_at")
        self.sql("INSERT INTO events (at, type, execution) SELECT started_at, 'execution_finished', uid FROM executions")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"X_SUPERVISE_WAKE=1", path)
        (self.work / "go").touch()
        self.assert_code(0, running.finish())
        self.assertIn("out", running.out)
        self.assert_end(self.row(), "success", "exit", exit_code=0)
        self.assertIn("execution_recovered", [event["type"] for event in self.events()])

    def test_the_end_of_a_row_that_was_deleted_meanwhile_is_kept_and_taken_in(self):
        script = f"sqlite3 {self.db} 'DELETE FROM executions'; exit 4"
        result = self.assert_code(4, self.run_supervise("-n", "job", "--", "sh", "-c", script))
        self.assertIn("the row is not in the ledger any more", result.err)
        self.ok("session", "begin", "A")
        self.assert_end(self.row("job"), "failed", "exit", exit_code=4)

    def here_with(self, name):
        (self.work / name).mkdir()
        return self.work


class Streams(Case):
    def test_a_reader_that_takes_nothing_does_not_hold_who_is_asked_to_stop(self):
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        running = self.start("--", "sh", "-c", "echo up >&2; exec yes", stdout=writing)
        os.close(writing)
        running.wait_err("up")
        running.kill(signal.SIGTERM)
        self.assert_code(143, running.finish(deadline=10))
        self.assert_end(self.row(), "cancelled", "cancelled", exit_code=-2)

    def test_a_stderr_that_takes_nothing_more_does_not_kill_the_command(self):
        with open("/dev/full", "wb") as full:
            running = self.start("-q", "--", "sh", "-c", "echo a >&2; sleep 0.1; echo b >&2; echo done", stderr=full)
            self.assert_code(0, running.finish())
        self.assertEqual("done\n", running.out)
        self.assertEqual("a\nb\n", self.ok("log", "@last", "--stream", "err").out)

    def test_who_is_asked_to_stop_may_speak_until_the_grace_is_over(self):
        worker = "trap 'for i in 1 2 3 4 5 6; do sleep 0.3; echo line; done; exit 0' TERM; echo up; while :; do sleep 0.01; done"
        running = self.start("--", "sh", "-c", f'sh -c "{worker}" & wait', env={"PATH": self.env["PATH"]})
        running.wait_out("up")
        running.kill(signal.SIGTERM)
        running.finish()
        self.assertEqual("up\n" + 6 * "line\n", running.out)


    def full_pipe(self):
        """The ends of a pipe that takes nothing more."""
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        os.set_blocking(writing, False)
        with self.assertRaises(BlockingIOError):
            while True:
                os.write(writing, bytes(4096))
        os.set_blocking(writing, True)
        return reading, writing

    def start_unheard(self, script):
        reading, writing = self.full_pipe()
        running = self.start("--", "sh", "-c", script, stderr=writing)
        os.close(writing)
        return running, reading

    def ended(self):
        return self.db.exists() and self.rows() and self.rows()[0]["state"] == "finished"

    def test_a_stderr_that_nobody_reads_does_not_hold_who_is_asked_to_stop(self):
        running, _ = self.start_unheard("echo up; exec sleep 1000")
        running.wait_out("up")
        running.kill(signal.SIGTERM)
        self.assert_code(143, running.finish(deadline=10))

    def test_the_summary_waits_for_its_reader_until_somebody_asks_to_end(self):
        running, _ = self.start_unheard("exit 3")
        wait_for(self.ended, "the end")
        running.kill(signal.SIGTERM)
        self.assert_code(3, running.finish(deadline=10))
        running, reading = self.start_unheard("exit 4")
        wait_for(lambda: len(self.rows()) == 2 and self.row()["state"] == "finished", "the end")
        self.assertIsNone(running.process.poll())
        said = b""
        while data := os.read(reading, 1 << 20):
            said += data
        self.assertIn(b"supervise: #2 ", said)
        self.assert_code(4, running.finish())

    def test_the_summary_is_one_write(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs:
            self.start("--color=always", "--", "sh", "-c", "exit 3", stderr=theirs.fileno()).finish()
            self.assertRegex(ours.recv(4096), rb"^supervise: #1 .*failed.*: exit 3 .*; next: supervise log 1\n$")


class Signals(Case):
    def test_timeout_asks_once_though_it_signals_twice(self):
        script = 'trap "sleep 0.05; echo cleaned; exit 0" TERM; touch up; while :; do sleep 0.02; done'
        up = self.work / "up"
        for limit in (0.2, 0.2, 0.2, 0.2, 0.2, 1, 2, 5):
            up.unlink(missing_ok=True)
            result = self.run_program("/usr/bin/timeout", str(limit), BIN, "--kill-after", "20s", "-q", "--", "sh", "-c", script)
            if up.exists():  # else it was too slow a start, and nobody was there to be asked
                self.assertEqual("cleaned\n", result.out)

    def test_a_command_that_ended_by_itself_was_not_cancelled(self):
        self.by_hand = True
        running = self.start("--", "sh", "-c", "echo up; while [ ! -e go ]; do sleep 0.01; done")
        running.wait_out("up")
        child = self.running_row()["pid"]
        os.kill(running.pid, signal.SIGSTOP)
        (self.work / "go").touch()
        wait_for(lambda: open(f"/proc/{child}/stat").read().rpartition(")")[2].split()[0] == "Z", "the child's end")
        self.sql("UPDATE executions SET cancel_requested_at = 1, stopped_by = 'cancel'")
        os.kill(running.pid, signal.SIGCONT)
        self.assert_code(0, running.finish())
        self.assert_end(self.row(), "success", "exit", exit_code=0, stopped_by=None)

    def test_a_nested_supervisor_writes_its_end_when_the_outer_grace_is_the_shorter_one(self):
        inner = f'{BIN} --kill-after 30s -n inner -- sh -c "trap : TERM; echo up; while :; do sleep 0.01; done"'
        running = self.start("--kill-after", "300ms", "-n", "outer", "--", "sh", "-c", f"{inner}; true")
        running.wait_out("up")
        running.kill(signal.SIGTERM)
        running.finish()
        wait_for(lambda: all(row["state"] == "finished" for row in self.rows()), "both ends")
        self.assert_end(self.row("inner"), "cancelled", "cancelled", exit_code=-2)


class Ledger(Case):
    def test_nothing_is_written_over_by_insert_or_replace(self):
        self.ok("--", "true")
        for statement in (
            "INSERT OR REPLACE INTO executions (id, uid, command, started_at, exit_code, finished_at)"
            " SELECT id, uid, command, started_at, 5, 5 FROM executions",
            "INSERT OR REPLACE INTO events (id, at, type) SELECT id, at, 'item_done' FROM events LIMIT 1",
            "DELETE FROM events",
            "UPDATE executions SET stopped_by = 'cancel'",
        ):
            with self.assertRaises(Exception, msg=statement):
                self.sql(statement)

    def test_a_schema_version_that_cannot_be_is_refused(self):
        self.by_hand = True
        self.ok("--", "true")
        for version in (-1, 0):
            self.sql(f"PRAGMA user_version = {version}")
            self.assert_code(7, self.run_supervise("list"))
            self.assert_code(125, self.run_supervise("--", "true"))
        self.sql("PRAGMA user_version = 1")

    def test_what_is_no_regular_file_is_no_ledger(self):
        os.mkfifo(self.work / "fifo")
        self.assert_code(7, self.run_supervise("--db", "fifo", "list"))
        self.assert_code(125, self.run_supervise("--db", "fifo", "--", "true"))

    def test_a_read_only_medium_can_be_read(self):
        self.ok("--", "true")
        script = f"""
            mkdir small && mount -t tmpfs -o size=2m,mode=700 small small || exit 99
            sqlite3 {self.db} 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null && cp {self.db} small/l.db
            mount -o remount,ro small && supervise --db small/l.db list --json && ! supervise --db small/l.db session begin
        """
        result = self.run_program("/usr/bin/unshare", "--mount", "/bin/sh", "-c", script)
        if result.code == 99 or "unshare" in result.err:
            self.skipTest("no file system may be mounted here")
        self.assertIn('"outcome": "success"', self.assert_code(0, result).out)
        self.assertRegex(result.err, r"^supervise: cannot write to the ledger \S+: Read-only file system\n$")


class Sessions(Case):
    def test_what_is_done_beside_the_list_makes_no_list_complete(self):
        script = ("supervise -q item done extra; printf 'a\\nb\\n' | supervise -q item remaining >/dev/null; supervise -q item done a; "
                  "[ -e more ] && supervise -q item done b; true")
        self.assert_code(75, self.run_supervise("-n", "job", "--", "sh", "-c", script))
        self.assertIn("stage main has 1 of 2 done", self.row()["explanation"])
        (self.work / "more").touch()
        self.ok("-n", "again", "--", "sh", "-c", script)

    def test_a_session_of_its_own_waits_for_who_else_drives_it(self):
        first = self.start("-n", "job", "--", "sh", "-c", "supervise step done a; echo up; while [ ! -e go ]; do sleep 0.01; done")
        first.wait_out("up")
        second = self.start("-s", "job", "--", "sh", "-c", "echo up; while [ ! -e on ]; do sleep 0.01; done; supervise step done b")
        second.wait_out("up")
        (self.work / "go").touch()
        self.assert_code(75, first.finish())
        (self.work / "on").touch()
        self.assert_code(0, second.finish())
        self.assertEqual(["completed", "completed"], [row["reason"] for row in self.rows()])

    def test_what_only_has_to_be_closed_is_not_run_again(self):
        self.config("[workflow.two]\nphases = ['a', 'b']\n")
        self.assert_code(75, self.run_supervise("-s", "job", "-w", "two", "--", "supervise", "session", "advance", "b"))
        self.assertEqual("supervise session close job", self.row()["next"])

    def test_what_says_nothing_of_its_work_is_run_again(self):
        self.assert_code(75, self.run_supervise("-s", "job", "--", "true"))
        self.assertEqual("supervise resume 1", self.row()["next"])
        self.config("[workflow.two]\nphases = ['a', 'b']\n")
        self.assert_code(75, self.run_supervise("-s", "begun", "-w", "two", "--", "true"))
        self.assertEqual("supervise resume 2", self.row()["next"])

    def test_who_moves_a_session_by_name_drives_it(self):
        self.ok("session", "begin", "job")
        self.assert_code(75, self.run_supervise("--", "supervise", "session", "advance", "somewhere", "--session", "job"))
        self.assertEqual(("job", True), (self.row()["session"], self.row()["drives"]))
        self.ok("-n", "inner", "--", "supervise", "session", "show", "job")
        self.assertIsNone(self.row()["session"])

    def test_to_begin_is_activity(self):
        self.ok("--idle-timeout", "2s", "--", "sh", "-c", "for i in 1 2 3 4 5; do sleep 0.7; supervise -q session begin a >/dev/null; done;"
                " supervise session close a")

    def test_a_made_id_is_free(self):
        for known in ("session-999999999999999", "session-1000000000000000"):
            self.ok("session", "begin", known)
        self.assertEqual("session-1000000000000001\n", self.ok("session", "begin").out)


if __name__ == "__main__":
    unittest.main()
