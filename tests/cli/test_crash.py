"""Killed anywhere, the ledger tells the truth.

A build of the program that kills itself at its Nth system call that leaves something behind (tests/crash/crash.c) is run
with N = 1, 2 ... until it gets through: before each such call, and in the middle of each write. What it leaves is then
met by the plain program, as whoever comes next would, and held against what really happened, which the command noted in
a file. `python3 tests/cli/test_crash.py` prints what each scenario came to.
"""

import contextlib
import functools
import json
import os
import pty
import select
import shutil
import signal
import sqlite3
import subprocess
import unittest

import harness
from harness import BIN, Case, PATIENCE, probe, wait_for

CRASH = harness.BUILD / "supervise-crash"
OLD = 1_600_000_000_000
OLD_UID = "aaaaaaaaaaaaaaaaaaaa"


@functools.cache
def verbs():
    return subprocess.run([BIN, "help"], stdout=subprocess.PIPE, text=True, check=True).stdout


class Crash(Case):
    first = False  # whether the command under test makes the ledger

    def setUp(self):
        super().setUp()
        if not CRASH.exists():
            self.skipTest(f"no program {CRASH}: `make tests` builds it, but not with sanitizers")
        self.points = self.runs = 0
        self.violations = []
        self.begin_world("template")
        if not self.first:
            self.ok("session", "begin", "--session", "old")
            self.ok("session", "close", "--session", "old")
            self.prepare()

    # --- one world a run ---

    def begin_world(self, name):
        self.world = self.dir / name
        self.world.mkdir()
        (self.world / "run").mkdir(mode=0o700)
        (self.world / "work").mkdir()
        self.work = self.world / "work"
        self.env["XDG_STATE_HOME"] = str(self.world / "state")
        self.env["XDG_RUNTIME_DIR"] = str(self.world / "run")
        self.env["SUPERVISE_CONFIG"] = str(self.dir / "config.toml")
        (self.dir / "config.toml").write_text('[store]\nbusy_timeout = "2s"\n')
        self.ledger_dir = self.world / "state" / "supervise"
        self.db = self.ledger_dir / "supervise.db"

    def copy_world(self, name):
        template = self.dir / "template" / "state"
        self.begin_world(name)
        if template.exists():
            shutil.copytree(template, self.world / "state")

    def prepare(self):
        """What stands in the ledger before; once."""

    def act(self, at, how):
        """The command under test; its status, None where it was killed at the point."""
        raise NotImplementedError

    def judge(self, status):
        """What must be true of the world now; asserts."""
        raise NotImplementedError

    def crash(self, at, how, *args, who="self", **started):
        """Runs the program with its death and waits until nothing that it started is left."""
        held, hold = os.pipe()
        env = {**self.env, "SUPERVISE_CRASH_AT": str(at), "SUPERVISE_CRASH_HOW": how, "SUPERVISE_CRASH_WHO": who,
               "SUPERVISE_CRASH_FILE": str(self.world / "died")}
        started = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **started}
        process = subprocess.Popen([str(CRASH), "-q", *args], cwd=self.work, env=env, pass_fds=[hold],
                                   start_new_session=True, **started)
        os.close(hold)
        status = process.wait(PATIENCE)
        ready, _, _ = select.select([held], [], [], PATIENCE)  # the end of file: it is nobody's any more
        os.close(held)
        self.assertTrue(ready, "something that it started still runs")
        return None if status == -signal.SIGKILL else status

    def everywhere(self, how):
        """Death at every point: before the call, or within it where that is a write."""
        calls = self.one(0, how).split()
        for at, call in enumerate(calls, 1):
            if how == "before" or "write" in call:
                self.points += 1
                self.one(at, how)
        line = f"{type(self).__name__:20} {how:6} {self.points:4} points {self.runs:5} runs {len(self.violations):3} violations"
        print(line)
        self.assertGreater(len(calls), 0, "no point at all")
        self.assertEqual([], self.violations, line)

    def one(self, at, how):
        """One death; what the program told of it."""
        self.copy_world(f"{how[0]}{at}")
        self.runs += 1
        status = self.act(at, how)
        path = self.world / "died"
        died = path.read_text().strip() if path.exists() else ""
        try:
            self.judge(status)
            self.settle()
            self.judge_settled(status)
        except (AssertionError, sqlite3.Error, KeyError) as error:
            self.violations.append(f"{how} {died}: {error}")
        if len(self.violations) > 10:
            self.fail("\n".join(self.violations))
        shutil.rmtree(self.world, ignore_errors=True)
        return died

    def test_before_each_call(self):
        self.everywhere("before")

    def test_within_each_write(self):
        self.everywhere("within")

    # --- who comes next ---

    def quiet(self, *args, code=0):
        result = subprocess.run([BIN, *args], cwd=self.work, env=self.env, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PATIENCE)
        if code is not None:
            self.assertEqual(code, result.returncode, f"supervise {args}: {result.stdout}{result.stderr}")
        return result

    def all_rows(self):
        return json.loads(self.quiet("list", "--all", "--json").stdout)

    def settle(self):
        """The next verb that writes, and the sweep where there is one; then everything holds."""
        self.quiet("session", "begin", "--session", "next")
        if "\n  sweep " in verbs():
            self.quiet("sweep")
        self.quiet("db", "check")

    def judge_settled(self, status):
        del status
        spool = self.ledger_dir / "spool"
        left = [path.name for path in spool.iterdir()] if spool.exists() else []
        self.assertEqual([], [name for name in left if not name.endswith(".tmp")], "an end that nobody takes in")
        if "\n  sweep " in verbs():
            self.assertEqual([], self.query("SELECT uid FROM executions WHERE finished_at IS NULL"), "in flight after a sweep")

    def query(self, statement, *values):
        with contextlib.closing(sqlite3.connect(self.db)) as connection:
            return connection.execute(statement, values).fetchall()


class Run(Crash):
    """A command that notes that it began and that it is done, and exits 0 as it is told."""

    code, options = 0, ()
    script = "echo began >began; echo out; echo err >&2; echo done >done; exit {code}"
    outcome = "success"

    def act(self, at, how):
        return self.crash(at, how, *self.options, "-n", "job", "--", "sh", "-c", self.script.format(code=self.code))

    def job(self):
        rows = [row for row in self.all_rows() if row["name"] == "job"]
        self.assertLessEqual(len(rows), 1)
        return rows[0] if rows else None

    def exit_status(self):
        return self.code

    def judge(self, status):
        row = self.job()
        began, done = ((self.work / name).exists() for name in ("began", "done"))
        if began:
            self.assertIsNotNone(row, "the command ran and isn't in the ledger")
        if row and row["state"] == "finished":
            self.assertTrue(done, f"an end that wasn't: {row}")
            self.assertEqual((self.code, self.outcome), (row["exit_code"], row["outcome"]))
        elif row:
            self.assertEqual((None, "running", True), (row["outcome"], row["state"], row["lost"]))
            self.assertIsNotNone(row["pid"], "a command that nobody could find")
        if status is not None:
            self.assertEqual((self.exit_status(), "finished"), (status, row["state"]))

    def judge_settled(self, status):
        super().judge_settled(status)
        row = self.job()
        if row and row["exit_code"] is not None and row["exit_code"] >= 0:
            self.assertTrue((self.work / "done").exists())
            self.assertEqual((self.code, self.outcome), (row["exit_code"], row["outcome"]))
        elif row and row["state"] == "finished":
            self.assertEqual((-3, "failed", "orphaned"), (row["exit_code"], row["outcome"], row["reason"]))
        self.quiet("log", "job", code=None if row is None else 0)

class ExitZero(Run):
    pass


class FirstRun(Run):
    first = True


class ExitThreeInSession(Run):
    code, outcome, options = 3, "failed", ("-s", "book")


class SessionCompleted(Run):
    options = ("-s", "book")
    script = f"echo began >began; {BIN} -q session close --session book && echo closed >closed; echo done >done; exit 0"

    def judge(self, status):
        super().judge(status)
        if (self.work / "closed").exists():
            self.assertEqual([("closed", "completed")], self.query("SELECT status, close_reason FROM sessions WHERE id = 'book'"))


class StepReported(Run):
    """The step it leaves running is aborted with the end, however that comes."""

    options = ("-s", "book")
    outcome, exit_status = "incomplete", lambda self: 75
    script = f"echo began >began; {BIN} -q step start main/read && echo reported >reported; echo done >done; exit 0"

    def setUp(self):
        if "\n  step start " not in verbs():
            self.skipTest("there is no verb `step`")
        super().setUp()

    def judge_settled(self, status):
        super().judge_settled(status)
        if (self.work / "reported").exists() and "\n  sweep " in verbs():
            self.assertEqual([("aborted",)], self.query("SELECT status FROM steps"))


class OnTerminal(Run):
    """Below a leader of its own."""

    script = "echo began >began; echo done >done; exit {code}"

    def act(self, at, how):
        master, slave = pty.openpty()
        try:
            return self.crash(at, how, "-n", "job", "--", "sh", "-c", self.script.format(code=0), stdin=slave, stdout=slave)
        finally:
            os.close(master)
            os.close(slave)


class Forked(Run):
    """What it forked dies before it is the command: that never ran, and nobody says it did well."""

    def act(self, at, how):
        return self.crash(at, how, "-n", "job", "--", "sh", "-c", self.script.format(code=0), who="forked")

    def judge(self, status):
        row = self.job()
        if (self.work / "began").exists():
            self.assertEqual((0, 0), (status, row["exit_code"]))
        else:
            self.assertNotEqual(0, status)
            self.assertEqual("failed", row["outcome"])

    judge_settled = Crash.judge_settled

    def test_before_each_call(self):
        """How many they are, nobody is left to tell: until there is one more than that."""
        while self.one(self.runs + 1, "before"):
            self.points += 1
        print(f"{type(self).__name__:20} before {self.points:4} points {self.runs:5} runs {len(self.violations):3} violations")
        self.assertGreater(self.points, 0)
        self.assertEqual([], self.violations)

    test_within_each_write = None  # they write nothing but the number of an error


class Spooled(Run):
    """Its ledger is elsewhere at the end: the end goes to the spool, and is taken in once the ledger is back."""

    code, outcome = 3, "failed"
    script = "echo began >began; mkdir away; mv {ledger}* away; echo done >done; exit 3"

    def begin_world(self, name):
        super().begin_world(name)
        (self.dir / "config.toml").write_text('[store]\nbusy_timeout = "20ms"\n')

    def act(self, at, how):
        status = self.crash(at, how, "-n", "job", "--", "sh", "-c", self.script.format(ledger=self.db))
        for path in (self.work / "away").glob("*") if (self.work / "away").exists() else ():
            path.rename(self.ledger_dir / path.name)
        return status


class TakenIn(Crash):
    """Who takes in a spooled end dies over it: it is taken in once, by the next."""

    def prepare(self):
        (self.dir / "config.toml").write_text('[store]\nbusy_timeout = "200ms"\n')
        running = self.start("-n", "job", "--", "sh", "-c", "echo up; while [ ! -e go ]; do sleep 0.01; done; exit 7")
        running.wait_out("up")
        holder = self.lock()
        (self.work / "go").touch()
        running.finish()
        holder.close()
        (spool,) = (self.ledger_dir / "spool").iterdir()
        self.template = str(self.db)

    def copy_world(self, name):
        super().copy_world(name)
        for path in (self.ledger_dir / "spool").iterdir():
            path.write_text(path.read_text().replace(self.template, str(self.db)))

    def act(self, at, how):
        return self.crash(at, how, "session", "begin", "--session", "book")

    def judge(self, status):
        (row,) = [row for row in self.all_rows() if row["name"] == "job"]
        self.assertEqual(("finished", 7, False), (row["state"], row["exit_code"], row["lost"]), "shown as it ended")

    def judge_settled(self, status):
        super().judge_settled(status)
        self.assertEqual([(7, 1)], self.query(
            "SELECT exit_code, (SELECT count(*) FROM events v WHERE v.execution = e.uid AND v.type = 'execution_finished')"
            " FROM executions e"))

class Close(Crash):
    """`session close`, with an execution in flight in it, that ends with it."""

    def prepare(self):
        self.ok("session", "begin", "--session", "book")
        self.sql("INSERT INTO executions (uid, session, drives, command, started_at) VALUES (?, 'book', 1, '[\"true\"]', ?)",
                 OLD_UID, OLD)
        self.sql("INSERT INTO events (at, type, session, execution) VALUES (?, 'execution_started', 'book', ?)", OLD, OLD_UID)

    def act(self, at, how):
        return self.crash(at, how, "session", "close", "--session", "book", "--abort")

    def judge(self, status):
        found = self.query("SELECT s.close_reason, e.exit_code FROM sessions s JOIN executions e ON e.session = s.id")
        self.assertIn(found, ([(None, None)], [("aborted", -4)]))
        if status == 0:
            self.assertEqual([("aborted", -4)], found)

    def settle(self):
        self.quiet("session", "close", "--session", "book", "--abort")
        super().settle()

    def judge_settled(self, status):
        super().judge_settled(status)
        self.assertEqual([(1,)], self.query("SELECT count(*) FROM events WHERE type = 'session_aborted'"))

class Cancel(Crash):
    """`cancel` of what runs: the intent is written before the signal, once, and the end says it."""

    def act(self, at, how):
        self.running = self.start("-n", "job", "--", probe("ready"), "--default", "TERM")
        self.running.ready()
        return self.crash(at, how, "cancel", "job")

    def judge(self, status):
        if status == 0:
            self.assertEqual(1, len(self.query("SELECT 1 FROM executions WHERE cancel_requested_at IS NOT NULL")))

    def settle(self):
        self.quiet("cancel", "job")
        self.assertEqual(143, self.running.finish().code)
        self.started.remove(self.running)
        super().settle()

    def judge_settled(self, status):
        super().judge_settled(status)
        self.assertEqual([(-2, 15)], self.query("SELECT exit_code, signal FROM executions"))
        self.assertEqual([(1,)], self.query("SELECT count(*) FROM events WHERE type = 'execution_cancel_requested'"))

class Prune(Crash):
    """What is left of the history is whole, and no row names a log that is gone."""

    def prepare(self):
        logs = self.ledger_dir / "logs"
        logs.mkdir()
        with contextlib.closing(self.connect()) as connection:
            connection.execute("BEGIN")
            for number in range(8):
                uid = OLD_UID[:19] + "abcdefgh"[number]
                for ending in ("log", "idx"):
                    (logs / f"{uid}.{ending}").write_text("said\n")
                connection.execute("INSERT INTO executions (uid, command, started_at, finished_at, exit_code, log)"
                                   " VALUES (?, '[\"true\"]', ?, ?, 0, ?)", (uid, OLD, OLD, str(logs / f"{uid}.log")))
                connection.execute("INSERT INTO events (at, type, execution) VALUES (?, 'execution_started', ?)", (OLD, uid))
                connection.execute("INSERT INTO events (at, type, execution, data) VALUES (?, 'execution_finished', ?,"
                                   " '{\"exit_code\":0}')", (OLD, uid))
            connection.execute("COMMIT")
        self.template = str(self.db.parent)

    def copy_world(self, name):
        super().copy_world(name)
        with contextlib.closing(sqlite3.connect(self.db, isolation_level=None)) as connection:
            connection.execute("UPDATE executions SET log = replace(log, ?, ?)", (self.template, str(self.db.parent)))

    def act(self, at, how):
        return self.crash(at, how, "db", "prune", "--older-than", "1d")

    def judge(self, status):
        left = self.query("SELECT uid, log FROM executions")
        self.assertIn(len(left), (0, 8), "one transaction")
        for uid, log in left:
            self.assertTrue(os.path.exists(log), f"{uid} names a log that is gone")
        if status == 0:
            self.assertEqual([], left)
        self.quiet("db", "check")

    def settle(self):
        self.quiet("db", "prune", "--older-than", "1d")
        super().settle()

    def judge_settled(self, status):
        super().judge_settled(status)
        self.assertEqual([], self.query("SELECT uid FROM executions"))
        if status == 0:
            self.assertEqual([], list((self.ledger_dir / "logs").iterdir()))

class Backup(Crash):
    """The copy is there whole or not at all."""

    def act(self, at, how):
        return self.crash(at, how, "db", "backup", "copy.db")

    def judge(self, status):
        copy = self.work / "copy.db"
        if status == 0:
            self.assertTrue(copy.exists())
        if copy.exists():
            self.quiet("--db", str(copy), "db", "check")
            self.assertEqual(self.quiet("db", "export").stdout, self.quiet("--db", str(copy), "db", "export").stdout)
        else:
            self.quiet("db", "backup", "copy.db")

class Sweep(Crash):
    """Two executions whose supervisors were killed: each gets one end."""

    def setUp(self):
        if "\n  sweep " not in verbs():
            self.skipTest("there is no verb `sweep`")
        super().setUp()

    def prepare(self):
        for number in range(2):
            running = self.start("-n", f"job{number}", "--capture=none", "--", probe("ready"))
            row = self.running_row(name=f"job{number}")
            running.process.kill()
            running.process.wait()
            os.kill(row["pid"], signal.SIGKILL)
            wait_for(lambda: not os.path.exists(f"/proc/{row['pid']}"), "its child to be gone")
            running.finish()

    def act(self, at, how):
        return self.crash(at, how, "sweep")

    def judge(self, status):
        ends = self.query("SELECT exit_code FROM executions ORDER BY id")
        self.assertLessEqual({end for (end,) in ends}, {None, -3})
        if status == 0:
            self.assertEqual([(-3,), (-3,)], ends)

    def judge_settled(self, status):
        super().judge_settled(status)
        self.assertEqual([(2,)], self.query("SELECT count(*) FROM events WHERE type = 'execution_finished'"))

def load_tests(loader, _tests, _pattern):
    """Without the classes that only others stand on."""
    suite = unittest.TestSuite()
    for case in (FirstRun, ExitZero, ExitThreeInSession, SessionCompleted, StepReported, OnTerminal,
                 Forked, Spooled, TakenIn, Close, Cancel, Sweep, Prune, Backup):
        suite.addTests(loader.loadTestsFromTestCase(case))
    return suite


if __name__ == "__main__":
    unittest.main()
