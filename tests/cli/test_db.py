"""`db`: what is checked, copied, written out and thrown away."""

import contextlib
import json
import os
import pathlib
import re
import signal
import sqlite3
import stat
import subprocess
import unittest
from concurrent.futures import ThreadPoolExecutor

from harness import Case, requires_root, wait_for

LONG_AGO = 1_600_000_000_000  # 2020
UID = "abcdefghijklmnopqrst"


def uid(number):
    """A UID of our own, the number in it."""
    return UID[:14] + "".join("abcdefghijklmnopqrstuvwxyz"[int(digit)] for digit in f"{number:06}")


class Db(Case):
    def past(self):
        """A connection that writes history as it was long ago."""
        if not self.db.exists():
            self.ok("session", "begin", "--session", "first")
            self.ok("session", "close", "--session", "first")
        connection = self.connect()
        self.addCleanup(connection.close)
        return connection

    def old_session(self, connection, name, closed=True, at=LONG_AGO):
        connection.execute("INSERT INTO sessions (id, started_at, updated_at) VALUES (?, ?, ?)", (name, at, at))
        opening = connection.execute("INSERT INTO rounds (session, round, opened_at) VALUES (?, 1, ?)", (name, at)).lastrowid
        self.old_event(connection, "session_created", name, None, {"workflow": None})
        if closed:
            self.old_event(connection, "round_completed", name, None, {"round": 1})
            connection.execute("UPDATE rounds SET completed_at = ?1, settled_at = ?1, settled_as = 'completed' WHERE id = ?2",
                               (at, opening))
            connection.execute("UPDATE sessions SET status = 'closed', close_reason = 'completed', closed_at = ? WHERE id = ?",
                               (at, name))
            self.old_event(connection, "session_closed", name)
        return opening

    def old_event(self, connection, kind, session=None, execution=None, data=None):
        connection.execute("INSERT INTO events (at, type, session, execution, data) VALUES (?, ?, ?, ?, ?)",
                           (LONG_AGO, kind, session, execution, json.dumps(data or {})))

    def old_execution(self, connection, number, session=None, opening=None, at=LONG_AGO, log=True):
        """One that ended, with its log."""
        directory = self.ledger_dir / "logs"
        directory.mkdir(mode=0o700, exist_ok=True)
        path = directory / f"{uid(number)}.log"
        if log:
            path.write_text("said\n")
            path.with_suffix(".idx").write_text("index\n")
        connection.execute("INSERT INTO executions (uid, session, drives, opening, command, started_at, finished_at, exit_code,"
                           " log) VALUES (?, ?, ?, ?, '[\"true\"]', ?, ?, 0, ?)",
                           (uid(number), session, int(session is not None), opening, at, at, str(path) if log else None))
        self.old_event(connection, "execution_started", session, uid(number))
        self.old_event(connection, "execution_finished", session, uid(number), {"exit_code": 0})
        return path

    def known(self):
        return {row[0] for row in self.sql("SELECT uid FROM executions")}

    def sessions(self):
        return {row[0] for row in self.sql("SELECT id FROM sessions")}

    def prune(self, *options, age="1d"):
        return self.json("db", "prune", "--older-than", age, *options)

    def sound(self):
        result = self.run_supervise("db", "check", "--json")
        self.assertEqual((0, []), (result.code, json.loads(result.out)["findings"]))
        return json.loads(result.out)


class Check(Db):
    rows_finish = False  # what is told here are lies

    # What no verb would do, and the rule that finds it. In each: `book` is active in round 1 and has execution 1, which
    # ended; `shut` is closed as completed and has execution 2.
    LIES = {
        "foreign-keys": "UPDATE executions SET session = 'nowhere' WHERE id = 1",
        "orphan-events": "DELETE FROM executions WHERE id = 1",
        "created-by-event": "DELETE FROM events WHERE type = 'session_created' AND session = 'book'",
        "begun-by-event": "DELETE FROM events WHERE type = 'execution_started' AND session = 'book'",
        "one-finish-event": "DELETE FROM events WHERE type = 'execution_finished' AND session = 'book'",
        "no-finish-event-in-flight": "UPDATE executions SET finished_at = NULL, exit_code = NULL WHERE id = 1",
        "judged-by-opening": "UPDATE executions SET opening = NULL WHERE id = 1",
        "completed-by-event": "DELETE FROM events WHERE type = 'round_completed' AND session = 'shut'",
        "settled-with-session": "UPDATE rounds SET settled_as = 'aborted' WHERE session = 'shut'",
        "active-has-open-round": "UPDATE rounds SET settled_at = 1, settled_as = 'aborted' WHERE session = 'book'",
        "end-by-event": "UPDATE executions SET exit_code = 0 WHERE id = 1",
        "recovered-once": """INSERT INTO events (at, type, execution, data) SELECT 1, 'execution_recovered', uid,
                             '{"exit_code":3}' FROM executions, (SELECT 1 UNION SELECT 2) WHERE id = 1""",
        "status-by-event": """UPDATE sessions SET status = 'closed', close_reason = 'aborted', closed_at = 1
                              WHERE id = 'book'""",
        "phase-by-event": "UPDATE sessions SET phase = 'synthesis' WHERE id = 'book'",
        "round-by-event": "UPDATE sessions SET round = 2 WHERE id = 'book'",
        "rounds-by-event": "UPDATE rounds SET completed_at = 1 WHERE session = 'book'",
        "events-by-round": """INSERT INTO events (at, type, session, data) VALUES (1, 'round_completed', 'book',
                              '{"round":1}')""",
        "steps-by-event": """INSERT INTO steps (session, stage, name, status, finished_at) VALUES ('book', 'a', 'x', 'done', 1);
                             INSERT INTO events (at, type, session, data) VALUES
                              (1, 'step_error', 'book', '{"stage":"a","name":"x","attempt":1}')""",
        "items-by-event": """INSERT INTO events (at, type, session, data) VALUES
                              (1, 'item_done', 'book', '{"stage":"a","id":"i"}')""",
        "one-open-round": "INSERT INTO rounds (session, round, opened_at) VALUES ('book', 1, 1)",
        "last-attempt-runs": """INSERT INTO steps (session, stage, name, attempt, status, finished_at) VALUES
                                ('book', 'a', 'x', 1, 'running', NULL), ('book', 'a', 'x', 2, 'done', 1)""",
        "running-has-no-end": """INSERT INTO steps (session, stage, name, status, finished_at) VALUES
                                 ('book', 'a', 'x', 'running', 1)""",
        "steps-of-the-ended": """INSERT INTO steps (session, stage, name, status, execution) SELECT
                                 'book', 'a', 'x', 'running', uid FROM executions WHERE id = 1""",
        "checkpoint-size": """INSERT INTO checkpoints (id, session, size, created_at) VALUES ('c', 'book', 7, 1);
                              INSERT INTO events (at, type, session, data) VALUES (1, 'checkpoint_saved', 'book', '{"id":"c"}')""",
        "checkpoints-by-event": "INSERT INTO checkpoints (id, session, created_at) VALUES ('c', 'book', 1)",
        "queue": "INSERT INTO queue (execution, position) SELECT uid, 1 FROM executions WHERE id = 1",
        "guards": "DROP INDEX events_session",
    }

    def tell(self, lie):
        """Writes it with the ledger's own guards away, which are then there again."""
        connection = self.connect()
        guards = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in guards:
            connection.execute(f"DROP TRIGGER {name}")
        connection.executescript(lie)
        for _, made in guards:
            connection.execute(made)
        connection.close()

    def findings(self, code):
        result = self.assert_code(code, self.run_supervise("db", "check", "--json"))
        return json.loads(result.out)

    def test_each_rule_finds_what_breaks_it_and_nothing_else_is_found(self):
        self.assert_code(3, self.run_supervise("-s", "book", "--", "sh", "-c", "exit 3"))
        self.ok("-s", "shut", "--", "supervise", "session", "close", "--session", "shut")
        self.sound()
        with sqlite3.connect(self.db) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        whole = self.db.read_bytes()
        for rule, lie in self.LIES.items():
            with self.subTest(rule):
                self.tell(lie)
                said = self.findings(6)
                self.assertIn(rule, {finding["check"] for finding in said["findings"]})
                self.assertEqual((False, False), (said["sound"], said["damaged"]))
                for path in self.ledger_dir.glob("supervise.db*"):
                    path.unlink()
                self.db.write_bytes(whole)
                self.db.chmod(0o600)
        self.sound()

    def test_every_rule_has_its_lie(self):
        source = (pathlib.Path(__file__).parents[2] / "src/store/check_rules.c").read_text()
        rules = dict(re.findall(r'\{"([a-z-]+)", (true|false)', source))
        self.assertEqual({name for name, damage in rules.items() if damage == "false"}, set(self.LIES))

    def test_a_file_that_is_damaged_is_7(self):
        for _ in range(30):
            self.run_supervise("--", "true")
        with sqlite3.connect(self.db) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            page = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'events_execution'").fetchone()[0]
        connection.close()
        with open(self.db, "r+b") as file:
            file.seek((page - 1) * 4096)
            file.write(b"\xff" * 4096)
        for path in self.ledger_dir.glob("supervise.db-*"):
            path.unlink()
        self.assertTrue(self.findings(7)["damaged"])
        result = self.assert_code(7, self.run_supervise("db", "check"))
        self.assertIn("is damaged", result.err)
        self.db.unlink()  # nothing is asked of it any more

    def test_what_lies_in_the_spool_is_shown_and_is_no_fault_of_the_ledger(self):
        self.config('[store]\nbusy_timeout = "300ms"\n')
        running = self.start("--", "sh", "-c", "echo up; while [ ! -e go ]; do sleep 0.01; done")
        running.wait_out("up")
        holder = self.lock()
        (self.work / "go").touch()
        running.finish()
        holder.close()
        (waiting,) = (self.ledger_dir / "spool").iterdir()
        for name in ("cut.json", "one.json.bad", "two.json.tmp", "open.json"):
            (waiting.parent / name).write_text('{"version": 1')
            (waiting.parent / name).chmod(0o644 if name == "open.json" else 0o600)
        (waiting.parent / "other.json").write_text(waiting.read_text().replace(str(self.db), "/another/ledger"))
        (waiting.parent / "other.json").chmod(0o600)
        said = self.sound()
        self.assertEqual({"waiting": waiting.name, "unreadable": "cut.json", "set-aside": "one.json.bad",
                          "half-written": "two.json.tmp", "ignored": "open.json"},
                         {entry["state"]: pathlib.Path(entry["path"]).name for entry in said["spool"]})
        self.assertIn(f"spool, waiting: {waiting}\n", self.ok("db", "check").out)
        self.assertTrue(waiting.exists())
        self.ok("session", "begin", "--session", "s")
        self.assertNotIn("waiting", {entry["state"] for entry in self.sound()["spool"]})
        self.assertTrue((waiting.parent / "other.json").exists())

    def test_logs_of_no_execution_are_named(self):
        self.ok("--", "echo", "hello")
        logs = self.ledger_dir / "logs"
        (logs / f"{UID}.log").write_text("whose?\n")
        (logs / f"{UID}.idx").write_text("whose?\n")
        (logs / "notes.log").write_text("not named by us\n")
        self.assertEqual({str(logs / f"{UID}.log"), str(logs / f"{UID}.idx")}, set(self.sound()["orphaned_logs"]))
        self.assertIn(f"{UID}.log\n", self.ok("db", "check").out)

    def test_a_log_that_is_gone_is_no_fault(self):
        self.ok("--", "echo", "hello")
        for path in (self.ledger_dir / "logs").iterdir():
            path.unlink()
        self.sound()


class Prune(Db):
    def test_what_is_old_goes_with_its_events_and_its_log_and_what_is_new_stays(self):
        past = self.past()
        log = self.old_execution(past, 1)
        shut_log = self.old_execution(past, 2, "shut", self.old_session(past, "shut"))
        past.execute("INSERT INTO steps (session, stage, name, status, finished_at) VALUES ('shut', 'a', 'x', 'done', 1)")
        self.old_event(past, "step_done", "shut", None, {"stage": "a", "name": "x", "attempt": 1})
        past.execute("INSERT INTO meta VALUES ('ocr:shut', '{}')")
        self.ok("--", "echo", "new")
        new = self.row()
        self.assertEqual({"dry_run": False, "executions": 2, "sessions": 1, "events": 8, "logs": 2, "interrupted": False},
                         {key: value for key, value in self.prune().items() if key != "before"})
        self.assertEqual(({new["uid"]}, {"first"}), (self.known(), self.sessions()))
        self.assertEqual([], self.sql("SELECT * FROM steps"))
        self.assertEqual([], self.sql("SELECT * FROM meta WHERE key LIKE 'ocr:%'"), "what an import keeps of it")
        for path in (log, log.with_suffix(".idx"), shut_log, shut_log.with_suffix(".idx")):
            self.assertFalse(path.exists(), path)
        self.assertTrue(os.path.exists(new["log"]))
        self.assertEqual([], self.sql("SELECT * FROM events WHERE session = 'shut' OR execution IN (?, ?)", uid(1), uid(2)))
        self.assertEqual([], self.sound()["orphaned_logs"])
        self.assertEqual(0, self.prune()["executions"])

    def test_an_active_session_stays_with_all_that_is_of_it(self):
        past = self.past()
        log = self.old_execution(past, 1, "book", self.old_session(past, "book", closed=False))
        self.assertEqual(0, self.prune()["executions"])
        self.assertEqual(({uid(1)}, {"first", "book"}), (self.known(), self.sessions()))
        self.assertTrue(log.exists())

    def test_a_session_stays_whole_while_an_execution_of_it_ended_later(self):
        past = self.past()
        opening = self.old_session(past, "shut")
        self.old_execution(past, 1, "shut", opening)
        now = self.sql("SELECT unixepoch() * 1000")[0][0]
        self.old_execution(past, 2, "shut", opening, at=now)
        self.old_session(past, "late", at=now)
        self.assertEqual((0, 0), (self.prune()["executions"], self.prune()["sessions"]))
        self.assertEqual({uid(1), uid(2)}, self.known())

    def test_what_runs_or_is_queued_and_what_that_waits_for_stays(self):
        past = self.past()
        self.old_execution(past, 1)
        self.old_execution(past, 2)
        past.execute("INSERT INTO executions (uid, command, queued_at) VALUES (?, '[\"true\"]', ?)", (uid(3), LONG_AGO))
        self.old_event(past, "execution_queued", None, uid(3))
        past.execute("INSERT INTO queue (execution, position) VALUES (?, 1)", (uid(3),))
        past.execute("INSERT INTO queue_after VALUES (?, ?)", (uid(3), uid(1)))
        running = self.start("--", "sleep", "1000")
        row = self.running_row()
        self.assertEqual(1, self.prune(age="1ms")["executions"])
        self.assertEqual({uid(1), uid(3), row["uid"]}, self.known())
        self.assertEqual([(uid(1),)], self.sql("SELECT after FROM queue_after"))
        running.kill(signal.SIGTERM)
        running.finish()
        self.sound()
        past.execute("DELETE FROM queue")
        past.execute("UPDATE executions SET finished_at = ?, exit_code = -2 WHERE uid = ?", (LONG_AGO, uid(3)))
        self.old_event(past, "execution_finished", None, uid(3), {"exit_code": -2})
        self.assertEqual(2, self.prune()["executions"])

    def test_one_that_was_closed_with_its_session_stays_while_its_process_may_live(self):
        past = self.past()
        self.old_execution(past, 1, "shut", self.old_session(past, "shut"))
        past.execute("INSERT INTO executions (uid, session, drives, opening, command, started_at, finished_at, exit_code, pid)"
                     " SELECT ?, 'shut', 1, id, '[\"true\"]', 1, 1, -4, 4242 FROM rounds WHERE session = 'shut'", (uid(2),))
        self.old_event(past, "execution_started", "shut", uid(2))
        self.old_event(past, "execution_finished", "shut", uid(2), {"exit_code": -4})
        self.assertEqual(0, self.prune()["executions"])
        self.sql("UPDATE executions SET pid = NULL")
        self.assertEqual(2, self.prune()["executions"])

    def test_what_the_history_of_something_that_stays_names_stays(self):
        """Its event can't go without both, and one half of it would be a lie."""
        past = self.past()
        self.old_session(past, "book", closed=False)
        self.old_session(past, "shut")
        self.old_execution(past, 1)
        for session in ("book", "shut"):  # one outside of both has reported to them
            self.old_event(past, "step_progress", session, uid(1))
        self.old_execution(past, 2)
        self.assertEqual((1, 0), (self.prune()["executions"], self.prune()["sessions"]))
        self.assertEqual(({uid(1)}, {"first", "book", "shut"}), (self.known(), self.sessions()))
        self.sound()

    def test_what_is_tied_together_and_over_goes_together(self):
        past = self.past()
        for session in ("one", "two"):
            self.old_execution(past, len(session) * 10 + ord(session[0]), session, self.old_session(past, session))
        self.old_execution(past, 1)
        for session in ("one", "two"):
            self.old_event(past, "step_progress", session, uid(1))
        said = self.prune()
        self.assertEqual((3, 2), (said["executions"], said["sessions"]))
        self.sound()

    def test_a_dry_run_counts_and_changes_nothing(self):
        past = self.past()
        log = self.old_execution(past, 1)
        self.old_execution(past, 2, "shut", self.old_session(past, "shut"))
        before = self.ok("db", "export").out
        said = self.prune("--dry-run")
        self.assertEqual(before, self.ok("db", "export").out)
        self.assertTrue(log.exists())
        done = self.prune()
        self.assertTrue(said.pop("dry_run"))
        self.assertFalse(done.pop("dry_run"))
        del said["before"], done["before"]
        self.assertEqual(said, done)

    def test_only_a_file_that_is_named_as_its_log_is_removed(self):
        past = self.past()
        self.old_execution(past, 1, log=False)
        mine = self.work / "precious.log"
        mine.write_text("mine\n")
        past.execute("UPDATE executions SET log = ?", (str(mine),))
        said = self.prune()
        self.assertEqual((1, 0), (said["executions"], said["logs"]))
        self.assertTrue(mine.exists())

    def test_an_age_must_be_given(self):
        self.past()
        for options in ((), ("--older-than", "0"), ("--older-than", "soon"), ("--older-than", "7")):
            self.assert_code(2, self.run_supervise("db", "prune", *options))

    def test_without_a_ledger_none_is_made(self):
        self.assertEqual(0, self.prune()["executions"])
        self.assertFalse(self.db.exists())

    def many(self, count):
        past = self.past()
        past.execute("BEGIN")
        for number in range(count):
            self.old_execution(past, number, log=False)
        past.execute("COMMIT")

    def test_interrupted_it_stops_between_two_transactions(self):
        self.many(1200)
        holder = self.lock()
        running = self.start("db", "prune", "--older-than", "1d", "--json")

        def holds_back():
            blocked = re.search(r"SigBlk:\s*([0-9a-f]+)", pathlib.Path(f"/proc/{running.pid}/status").read_text())
            return int(blocked[1], 16) >> (signal.SIGTERM - 1) & 1

        wait_for(holds_back, "the first transaction to be waited for")
        running.kill(signal.SIGTERM)
        holder.close()
        result = running.finish()
        self.assertEqual(-signal.SIGTERM, result.code)
        said = json.loads(result.out)
        self.assertTrue(said["interrupted"])
        self.assertEqual(1200 - said["executions"], len(self.known()))
        self.assertIn(said["executions"], (0, 500), "whole transactions")
        self.sound()
        self.assertEqual(len(self.known()), self.prune()["executions"])

    def test_others_write_meanwhile(self):
        self.many(4000)
        running = self.start("db", "prune", "--older-than", "1d")
        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(lambda number: self.run_supervise("--", "sh", "-c", f"exit {number}"), range(24)))
        self.assert_code(0, running.finish())
        self.assertEqual(list(range(24)), [result.code for result in results])
        self.assertEqual(set(range(24)), {row["exit_code"] for row in self.rows()})
        self.sound()


class Backup(Db):
    def dump(self, path):
        with contextlib.closing(sqlite3.connect(path)) as connection:
            return list(connection.iterdump())

    def test_it_is_the_ledger_and_0600_and_can_take_its_place(self):
        self.assert_code(3, self.run_supervise("-s", "book", "--", "sh", "-c", "exit 3"))
        copy = self.work / "copy.db"
        said = self.json("db", "backup", "copy.db")
        self.assertEqual({"path": str(copy), "size": copy.stat().st_size}, said)
        self.assertEqual(0o600, stat.S_IMODE(copy.stat().st_mode))
        self.assertEqual(self.dump(self.db), self.dump(copy))
        self.assertEqual(["copy.db"], os.listdir(self.work))
        self.assertEqual(self.ok("list", "--json").out, self.ok("--db", str(copy), "list", "--json").out)
        self.ok("--db", str(copy), "--", "true")
        self.assertEqual([("wal",)], self.sql("PRAGMA journal_mode", path=copy))
        self.ok("--db", str(copy), "db", "check")

    def test_what_is_there_stays(self):
        self.ok("--", "true")
        copy = self.work / "copy.db"
        copy.write_text("mine\n")
        (self.work / "dangling").symlink_to("nowhere")
        for name in ("copy.db", "dangling"):
            result = self.assert_code(1, self.run_supervise("db", "backup", name))
            self.assertEqual(1, len(result.err.splitlines()))
            self.assertIn("name another one, or remove that first", result.err)
        self.assertEqual("mine\n", copy.read_text())
        self.assertEqual({"copy.db", "dangling"}, set(os.listdir(self.work)))

    def test_a_place_that_cannot_be_written_to_is_said_in_a_line(self):
        self.ok("--", "true")
        result = self.assert_code(1, self.run_supervise("db", "backup", "nowhere/copy.db"))
        self.assertEqual(1, len(result.err.splitlines()), result.err)
        self.assertIn("nowhere/copy.db", result.err)

    def test_where_there_is_no_ledger_there_is_nothing_to_copy(self):
        self.assert_code(4, self.run_supervise("db", "backup", "copy.db"))
        self.assertEqual(([], False), (os.listdir(self.work), self.db.exists()))

    def test_one_moment_of_it_while_twenty_write(self):
        self.ok("--", "true")
        stop = self.work / "stop"

        def write(number):
            results = []
            while not stop.exists():
                results.append(self.run_supervise("-s", f"s{number}", "--", "sh", "-c", "exit 3").code)
            return results

        with ThreadPoolExecutor(20) as pool:
            writers = [pool.submit(write, number) for number in range(20)]
            try:
                for number in range(6):
                    copy = str(self.work / f"{number}.db")
                    self.ok("db", "backup", copy)
                    self.ok("--db", copy, "db", "check")
            finally:
                stop.touch()
        self.assertEqual({3}, {code for writer in writers for code in writer.result()})
        self.sound()

    def test_an_end_that_waits_in_the_spool_is_in_it(self):
        self.config('[store]\nbusy_timeout = "300ms"\n')
        running = self.start("--", "sh", "-c", "echo up; while [ ! -e go ]; do sleep 0.01; done; exit 7")
        running.wait_out("up")
        holder = self.lock()
        (self.work / "go").touch()
        running.finish()
        holder.close()
        self.ok("db", "backup", "copy.db")
        self.assertEqual([(7,)], self.sql("SELECT exit_code FROM executions", path=self.work / "copy.db"))
        self.ok("session", "begin", "--session", "s")

    @requires_root
    def test_a_full_disk_leaves_nothing_behind(self):
        past = self.past()
        for number in range(2000):
            self.old_event(past, "sweep_finished", data={"text": "x" * 900})
        script = """
            mkdir small && mount -t tmpfs -o size=512k small small || exit 99
            supervise db backup small/copy.db; echo $?
            ls -A small
        """
        result = self.run_program("/usr/bin/unshare", "--mount", "/bin/sh", "-c", script)
        if result.code == 99 or "unshare" in result.err:
            self.skipTest("no file system may be mounted here")
        self.assertEqual("1\n", result.out, result.err)
        self.assertEqual(1, len(result.err.splitlines()), result.err)
        self.assertIn("is there room on that disk?", result.err)


class Export(Db):
    def lines(self, *args, **how):
        return [json.loads(line) for line in self.ok(*args, "db", "export", **how).out.splitlines()]

    def everything(self):
        """A ledger with rows in every table and all kinds of values in them."""
        past = self.past()
        self.old_execution(past, 1, "shut", self.old_session(past, "shut"))
        past.execute("INSERT INTO checkpoints (id, session, data, size, created_at) VALUES ('c', 'shut', ?, 3, 1)", (b"\0\xff\n",))
        past.execute("INSERT INTO items VALUES ('shut', 'a', 'i', 'done', 1, NULL, NULL, 1)")
        past.execute("INSERT INTO steps (session, stage, name, status, finished_at) VALUES ('shut', 'a', 'x', 'done', 1)")
        past.execute("INSERT INTO stage_totals (session, stage, total) VALUES ('shut', 'a', 2)")
        past.execute("INSERT INTO plan_items (session, name, key, position) VALUES ('shut', 'x', '1', 0)")
        past.execute("INSERT INTO meta VALUES ('k', CAST(x'ff41' AS TEXT))")
        past.execute("INSERT INTO executions (uid, command, queued_at) VALUES (?, '[\"true\"]', ?)", (uid(2), LONG_AGO))
        self.old_event(past, "execution_queued", None, uid(2))
        past.execute("INSERT INTO queue VALUES (?, 1, ?)", (uid(2), b"A=1\0"))
        past.execute("INSERT INTO queue_after VALUES (?, ?)", (uid(2), uid(1)))
        self.rows_finish = False

    def test_every_row_of_every_table_stands_in_it_as_it_is_stored(self):
        self.everything()
        said = {}
        for line in self.lines():
            self.assertEqual({"table", "row"}, set(line))
            said.setdefault(line["table"], []).append(line["row"])
        connection = self.connect()
        connection.row_factory = sqlite3.Row
        connection.text_factory = lambda data: data.decode() if data.isascii() else {"hex": data.hex()}
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'"
                                                       " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")]
        self.assertEqual(set(tables), set(said), "each has a row")
        for table in tables:
            stored = [{key: {"hex": row[key].hex()} if isinstance(row[key], bytes) else row[key] for key in row.keys()}
                      for row in connection.execute(f"SELECT * FROM {table}")]
            self.assertEqual(stored, said[table])
        connection.close()
        self.assertEqual({"hex": "00ff0a"}, said["checkpoints"][0]["data"])
        self.assertEqual([{"key": "k", "value": {"hex": "ff41"}}], [row for row in said["meta"] if row["key"] == "k"])

    def test_parents_come_before_those_that_refer_to_them(self):
        self.everything()
        order = list(dict.fromkeys(line["table"] for line in self.lines()))
        for table in order:
            for (parent,) in self.sql(f"SELECT \"table\" FROM pragma_foreign_key_list('{table}')"):
                self.assertLess(order.index(parent), order.index(table), f"{table} refers to {parent}")
        self.assertEqual(order, [name for (name,) in self.sql("SELECT name FROM sqlite_schema WHERE type = 'table' AND name"
                                                              " NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid")])

    def test_it_is_one_moment_however_slow_the_reader(self):
        past = self.past()
        for number in range(200):
            self.old_event(past, "sweep_finished", data={"text": "x" * 2000})
        running = self.start("db", "export", stdout=subprocess.PIPE)
        running.wait_out('"table"')
        self.ok("-n", "later", "--", "true")
        self.old_event(past, "sweep_finished", data={"text": "later"})
        result = running.finish()
        self.assertEqual(0, result.code)
        self.assertNotIn("later", result.out)
        self.assertEqual(200, result.out.count("sweep_finished"))

    def test_a_reader_that_goes_away_is_no_error_of_ours(self):
        past = self.past()
        for number in range(200):
            self.old_event(past, "sweep_finished", data={"text": "x" * 2000})
        result = self.shell("supervise db export | head -1")
        self.assertEqual((0, 1, ""), (result.code, len(result.out.splitlines()), result.err))

    def test_of_an_absent_ledger_nothing_is_said_and_nothing_made(self):
        self.assertEqual([], self.lines())
        self.assertFalse(self.db.exists())

    @requires_root
    def test_it_reads_what_it_may_not_write(self):
        self.ok("--", "true")
        with contextlib.closing(self.connect()) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for path in (self.dir, self.dir / "state", self.ledger_dir):
            path.chmod(0o755)
        self.db.chmod(0o644)
        before = sorted(os.listdir(self.ledger_dir))
        place = {"HOME": "/nowhere", "XDG_STATE_HOME": None, "XDG_CONFIG_HOME": None, "XDG_RUNTIME_DIR": None}
        lines = self.lines("--db", str(self.db), env=place, cwd="/", before=lambda: os.setuid(65534))
        self.assertIn("executions", {line["table"] for line in lines})
        self.assertEqual(before, sorted(os.listdir(self.ledger_dir)))


if __name__ == "__main__":
    unittest.main()
