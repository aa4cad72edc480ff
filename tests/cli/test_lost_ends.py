"""Never lose an end: whatever happens to the ledger while the command runs, its exit status is passed on and its end is
kept, in the ledger or in a spool file that is said on stderr and taken in by the next verb that writes."""

import os
import pathlib
import re
import shutil
import signal
import sqlite3
import threading
import time
import unittest

from harness import Case, probe, requires_root, wait_for

SHORT = '[store]\nbusy_timeout = "300ms"\n'
AFTER_GO = "echo up; while [ ! -e go ]; do sleep 0.01; done; echo out; exit 7"


class Ends(Case):
    def begin(self, *options, script=AFTER_GO):
        """A command that exits 7 once it may."""
        running = self.start(*options, "-n", "job", "--", "sh", "-c", script)
        running.wait_out("up")
        return running

    def go(self, running):
        (self.work / "go").touch()
        return self.assert_code(7, running.finish())

    def spool_file(self, result):
        """The path that stderr names, which is there."""
        for word in re.findall(r"/[^\s'\"]+", result.err):
            path = pathlib.Path(word.rstrip(".,;:)"))
            if path.is_file() and path not in (self.db,) and path.suffix != ".log" and "/logs/" not in str(path):
                return path
        self.fail(f"no spool file is named: {result.err!r}")

    def assert_taken_in(self, spool):
        self.assertFalse(spool.exists(), "the spool file is gone")
        self.assertEqual([(7,)], self.sql("SELECT exit_code FROM executions WHERE name = 'job'"))
        types = [event["type"] for event in self.events("job")]
        self.assertEqual(1, types.count("execution_finished"))
        self.assert_end(self.row("job"), "failed", "exit", exit_code=7)


class Locked(Ends):
    def test_a_ledger_that_is_locked_for_two_seconds_at_the_end_is_waited_for(self):
        running = self.begin()
        holder = self.lock()
        (self.work / "go").touch()
        with self.assertRaises(AssertionError):
            running.finish(deadline=2)
        holder.close()
        result = self.assert_code(7, running.finish())
        self.assertNotIn("spool", result.err)
        self.assert_end(self.row(), "failed", "exit", exit_code=7)

    def spooled(self):
        """A run whose end met a lock for longer than the busy timeout; the spool file."""
        self.config(SHORT)
        running = self.begin()
        holder = self.lock()
        result = self.go(running)
        spool = self.spool_file(result)
        self.assertEqual(0o600, spool.stat().st_mode & 0o777)
        self.assertEqual([(None,)], holder.execute("SELECT exit_code FROM executions").fetchall())
        holder.close()
        return spool

    def test_one_locked_for_longer_gets_the_end_by_way_of_a_spool_file(self):
        spool = self.spooled()
        self.ok("-n", "next", "--", "true")
        self.assert_taken_in(spool)
        self.assertEqual(["job", "next"], [row["name"] for row in self.rows()])

    def test_a_deadline_and_a_termination_come_with_the_spooled_end(self):
        self.config(SHORT)
        for name, code, sentinel, event in (("late", 124, -5, "execution_deadline"), ("ended", 143, -2, None)):
            running = self.start("-n", name, "--timeout", "400ms" if name == "late" else "0", "--", probe("ready"),
                                 "--default", "TERM")
            running.ready()
            self.running_row(name=name)
            holder = self.lock()
            if name == "ended":
                running.kill(signal.SIGTERM)
            result = self.assert_code(code, running.finish())
            spool = self.spool_file(result)
            holder.close()
            self.ok("session", "begin", "--session", name + "-after")
            self.assertFalse(spool.exists())
            row = self.row(name)
            self.assertEqual((sentinel, 15), (row["exit_code"], row["signal"]))
            types = [each["type"] for each in self.events(name)]
            self.assertEqual("execution_finished", types[-1])
            if event:
                self.assertIn(event, types)

    def test_it_takes_no_longer_than_the_busy_timeout_to_give_up(self):
        since = time.monotonic()
        self.spooled()
        self.assertLess(time.monotonic() - since, 8, "the default of ten seconds isn't what counts")
        self.ok("session", "begin", "--session", "s")

    def test_reading_verbs_show_a_spooled_end_and_leave_it_where_it_is(self):
        spool = self.spooled()
        content = spool.read_bytes()
        for row in (self.json("list")[0], self.row("job")):
            self.assert_end(row, "failed", "exit", exit_code=7, lost=False)
        self.assertEqual([], self.json("status")["running"])
        self.assertEqual([], self.json("list", "--state", "running"))
        self.assertEqual(["job"], [row["name"] for row in self.json("list", "--outcome", "failed")])
        self.assertEqual(content, spool.read_bytes())
        self.assertEqual([(None,)], self.sql("SELECT exit_code FROM executions"))
        self.ok("session", "begin", "--session", "s")
        self.assert_taken_in(spool)

    def test_wait_takes_it_in_and_ends_as_the_wrapper_did(self):
        spool = self.spooled()
        self.assert_code(7, self.run_supervise("wait", "job"))
        self.assert_taken_in(spool)

    def test_cancel_takes_it_in_and_finds_it_finished(self):
        spool = self.spooled()
        self.run_supervise("cancel", "job")
        self.assert_taken_in(spool)
        self.assertIsNone(self.row("job")["cancel_requested_at"])

    def test_a_spool_file_that_others_may_write_is_ignored_and_named(self):
        spool = self.spooled()
        spool.chmod(0o666)
        result = self.run_supervise("session", "begin", "--session", "s")
        self.assertIn(str(spool), result.err)
        self.assertTrue(spool.exists())
        self.assertEqual([(None,)], self.sql("SELECT exit_code FROM executions WHERE name = 'job'"))
        spool.chmod(0o600)
        self.ok("session", "begin", "--session", "s")
        self.assert_taken_in(spool)

    @requires_root
    def test_a_spool_file_of_another_user_is_ignored_and_named(self):
        spool = self.spooled()
        os.chown(spool, 65534, 65534)
        result = self.run_supervise("session", "begin", "--session", "s")
        self.assertIn(str(spool), result.err)
        self.assertEqual([(None,)], self.sql("SELECT exit_code FROM executions WHERE name = 'job'"))
        os.chown(spool, 0, 0)
        self.ok("session", "begin", "--session", "s")
        self.assert_taken_in(spool)

    def test_a_spool_file_cut_short_is_not_taken_for_an_end(self):
        spool = self.spooled()
        content = spool.read_bytes()
        spool.write_bytes(content[: len(content) // 2])
        result = self.run_supervise("session", "begin", "--session", "s")
        self.assertIn(f"{spool}: ", result.err)
        self.assertIn(f"it is set aside as {spool}.bad", result.err)
        self.assertFalse(spool.exists())
        self.assertEqual(content[: len(content) // 2], pathlib.Path(f"{spool}.bad").read_bytes())
        self.assertEqual([(None,)], self.sql("SELECT exit_code FROM executions WHERE name = 'job'"))
        spool.write_bytes(content)
        spool.chmod(0o600)
        self.ok("session", "begin", "--session", "s")
        self.assert_taken_in(spool)

    def test_an_end_is_taken_in_once_however_many_come_at_the_same_time(self):
        spool = self.spooled()
        threads = [threading.Thread(target=self.run_supervise, args=("session", "begin", "--session", f"s{i}")) for i in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assert_taken_in(spool)

    def test_a_lock_while_the_command_runs_holds_up_neither_output_nor_signals(self):
        running = self.begin()
        holder = self.lock()
        for _ in range(3):  # reports that want to write meanwhile
            running.pump(0.02)
        (self.work / "go").touch()
        running.wait_out("out", deadline=5)
        holder.close()
        self.assert_code(7, running.finish())


class Gone(Ends):
    def files(self):
        return sorted(path for path in self.ledger_dir.iterdir() if path.name.startswith("supervise.db"))

    def test_one_that_was_replaced_meanwhile_does_not_swallow_the_end(self):
        """What is open has no name any more: to write there would be to lose it."""
        self.config(SHORT)
        running = self.begin()
        moved = [(path, path.with_name("moved-" + path.name)) for path in self.files()]
        for path, aside in moved:
            path.rename(aside)
        self.ok("--db", str(self.work / "other.db"), "--", "true")
        (self.work / "other.db").rename(self.db)
        result = self.go(running)
        spool = self.spool_file(result)
        for path in self.files():
            path.unlink()
        for path, aside in moved:
            aside.rename(path)
        self.ok("session", "begin", "--session", "s")
        self.assert_taken_in(spool)

    def test_one_that_was_deleted_meanwhile_is_made_anew_with_the_whole_row(self):
        self.config(SHORT)
        running = self.begin()
        before = self.row()
        uid = before["uid"]
        for path in self.files():
            path.unlink()
        result = self.go(running)
        spool = self.spool_file(result)
        self.ok("session", "begin", "--session", "s")
        self.assert_taken_in(spool)
        row = self.row(uid)
        self.assertEqual({key: before[key] for key in ("name", "command", "cwd", "host", "started_at", "log", "attempt")},
                         {key: row[key] for key in ("name", "command", "cwd", "host", "started_at", "log", "attempt")})
        self.assertIn("execution_started", [event["type"] for event in self.events(uid)])

    def test_one_that_was_deleted_with_the_session_of_the_run_takes_the_end_in_all_the_same(self):
        self.config(SHORT)
        running = self.begin("-s", "book-1")
        for path in self.files():
            path.unlink()
        spool = self.spool_file(self.go(running))
        self.ok("session", "begin", "--session", "s")
        self.assert_taken_in(spool)

    def test_one_whose_directory_is_gone_finds_another_place(self):
        self.config(SHORT)
        running = self.begin("--db", str(self.work / "place" / "own.db"))
        (self.work / "place").rename(self.work / "moved")
        result = self.go(running)
        spool = self.spool_file(result)
        for path in sorted((self.work / "place").rglob("*")):  # where it was made anew, it is put back with what is in it
            if path.is_dir():
                (self.work / "moved" / path.relative_to(self.work / "place")).mkdir(mode=0o700, exist_ok=True)
            else:
                path.rename(self.work / "moved" / path.relative_to(self.work / "place"))
        shutil.rmtree(self.work / "place", ignore_errors=True)
        (self.work / "moved").rename(self.work / "place")
        self.ok("--db", str(self.work / "place" / "own.db"), "session", "begin", "--session", "s")
        self.assertEqual([(7,)], self.sql("SELECT exit_code FROM executions", path=self.work / "place" / "own.db"))

    @requires_root
    def test_a_full_disk_does_not_lose_the_end(self):
        """The ledger on a small file system that the command fills; the state directory is elsewhere."""
        place = self.work / "small"
        place.mkdir()
        script = f"""
            mount -t tmpfs -o size=2m,mode=700 small {place} || exit 99
            supervise --db {place}/own.db -n job -- sh -c 'dd if=/dev/zero of={place}/fill bs=4k; exit 7' 2>err
            echo $?
            rm {place}/fill
            supervise --db {place}/own.db list --json >before
            supervise --db {place}/own.db session begin --session s 2>err2 >/dev/null; echo $?
            supervise --db {place}/own.db list --json >after
            sqlite3 {place}/own.db 'PRAGMA integrity_check; SELECT exit_code FROM executions'
        """
        self.config(SHORT)
        result = self.run_program("/usr/bin/unshare", "--mount", "/bin/sh", "-c", script)
        if result.code == 99 or "unshare" in result.err:
            self.skipTest("no file system may be mounted here")
        self.assertEqual("7\n0\nok\n7\n", result.out, (self.work / "err").read_text() + (self.work / "err2").read_text())
        for name in ("before", "after"):
            self.assertIn('"exit_code": 7', (self.work / name).read_text().replace('":7', '": 7'))

    def test_the_state_directory_serves_where_the_ledgers_own_does_not(self):
        """The place beside the ledger is taken by something that is no directory of ours; the end is kept elsewhere."""
        self.config(SHORT)
        running = self.begin("--db", str(self.work / "place" / "own.db"))
        (self.work / "place").rename(self.work / "moved")
        (self.work / "place").write_text("in the way\n")
        result = self.go(running)
        spool = self.spool_file(result)
        self.assertTrue(str(spool).startswith(str(self.dir / "state")), spool)
        (self.work / "place").unlink()
        (self.work / "moved").rename(self.work / "place")
        self.ok("--db", str(self.work / "place" / "own.db"), "session", "begin", "--session", "s")
        self.assertEqual([(7,)], self.sql("SELECT exit_code FROM executions", path=self.work / "place" / "own.db"))
        self.assertFalse(spool.exists())


class Places(Ends):
    """Where ends wait, and whose they are."""

    def spooled(self, db, code=7, where=None):
        """An end that its ledger couldn't take; the file it is in."""
        (spool,) = self.all_spooled(db, code)
        if where:
            self.assertEqual(where, spool.parent)
        return spool

    def all_spooled(self, db, *codes):
        """Those of several that run side by side."""
        self.config(SHORT)
        running = []
        for code in codes:
            go = self.work / f"go-{db.name}-{code}"
            running.append(self.start("--db", str(db), "--", "sh", "-c",
                                      f"echo up; while [ ! -e {go} ]; do sleep 0.01; done; exit {code}"))
            running[-1].wait_out("up")
        holder = sqlite3.connect(db, timeout=30, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        spools = []
        for each, code in zip(running, codes):
            (self.work / f"go-{db.name}-{code}").touch()
            result = self.assert_code(code, each.finish())
            spools.append(pathlib.Path(re.search(r"kept in (/\S+\.json),", result.err)[1]))
            self.assertTrue(spools[-1].exists())
        holder.close()
        return spools

    def blocked(self, db):
        """Beside that ledger stands something that no spool can be made of."""
        db.parent.mkdir(mode=0o700, exist_ok=True)
        (db.parent / "spool").write_text("in the way\n")
        return db

    def codes(self, db):
        return [code for (code,) in self.sql("SELECT exit_code FROM executions ORDER BY id", path=db)]

    def test_each_place_that_will_not_have_it_leaves_it_to_the_next(self):
        db = self.blocked(self.work / "place" / "own.db")
        state, runtime = self.dir / "state" / "supervise" / "spool", self.dir / "run" / "supervise" / "spool"
        first = self.spooled(db, 7, state)
        self.ok("--db", str(db), "session", "begin", "--session", "s")
        self.assertFalse(first.exists())
        state.rmdir()
        state.write_text("in the way\n")
        second = self.spooled(db, 8, runtime)
        self.ok("--db", str(db), "session", "begin", "--session", "s")
        self.assertFalse(second.exists())
        state.unlink()
        state.mkdir(mode=0o755)  # others could look
        third = self.spooled(db, 9, runtime)
        self.ok("--db", str(db), "session", "begin", "--session", "s")
        self.assertFalse(third.exists())
        self.assertEqual([7, 8, 9], self.codes(db))

    def test_the_ends_of_another_ledger_are_left_alone(self):
        one, other = self.blocked(self.work / "one" / "a.db"), self.blocked(self.work / "two" / "b.db")
        of_one, of_other = self.spooled(one, 7), self.spooled(other, 8)
        self.assertEqual(of_one.parent, of_other.parent)
        content = of_other.read_bytes()
        result = self.ok("--db", str(one), "session", "begin", "--session", "s")
        self.assertNotIn("spool", result.err)
        self.assertEqual((False, content), (of_one.exists(), of_other.read_bytes()))
        self.assertEqual(([7], [None]), (self.codes(one), self.codes(other)))
        self.ok("--db", str(other), "session", "begin", "--session", "s")
        self.assertEqual([8], self.codes(other))

    def test_they_are_taken_in_in_the_order_in_which_they_came(self):
        db = self.work / "place" / "own.db"
        spools = self.all_spooled(db, 7, 8, 9)
        for age, spool in enumerate((spools[1], spools[2], spools[0])):
            os.utime(spool, ns=(0, 1_600_000_000 * 10**9 + age))
        self.ok("--db", str(db), "session", "begin", "--session", "s")
        self.assertEqual([(8,), (9,), (7,)], self.sql("SELECT data ->> '$.exit_code' FROM events WHERE type ="
                                                      " 'execution_finished' ORDER BY id", path=db))

    def test_one_that_another_verb_took_meanwhile_is_no_news(self):
        """A name that leads nowhere any more, as it is met between the look at the directory and the file."""
        db = self.work / "place" / "own.db"
        spool = self.spooled(db)
        (spool.parent / "gone.json").symlink_to("nowhere")  # a link isn't followed: it is named
        result = self.ok("--db", str(db), "session", "begin", "--session", "s")
        self.assertIn("gone.json is ignored", result.err)
        threads = []
        spool = self.spooled(db, 8)
        (spool.parent / "gone.json").unlink()
        results = []
        for number in range(6):
            threads.append(threading.Thread(target=lambda number=number: results.append(
                self.run_supervise("--db", str(db), "session", "begin", "--session", f"s{number}"))))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([""] * 6, [result.err for result in results])
        self.assertEqual([7, 8], self.codes(db))


class SupervisorGone(Ends):
    """SIGKILL to the wrapper: nothing of ours kills the child, and nobody pretends to know how it ended."""

    rows_finish = False

    def kill_wrapper(self, *options):
        running = self.start("-n", "job", *options, "--", "sh", "-c", "while [ ! -e go ]; do sleep 0.01; done; touch done")
        row = self.running_row()
        running.process.kill()
        running.process.wait()
        return running, row

    def test_the_child_lives_on_and_is_shown_as_unsupervised(self):
        running, row = self.kill_wrapper("--capture=none")
        self.assertEqual("running", self.row("job")["state"])
        self.assertTrue(self.row("job")["lost"])
        (self.work / "go").touch()
        wait_for(lambda: (self.work / "done").exists(), "the child to end by itself")
        running.finish()

    def test_a_wait_on_what_is_lost_ends_with_125(self):
        running, row = self.kill_wrapper("--capture=none")
        (self.work / "go").touch()
        wait_for(lambda: not self.survivors(), "the child to end")
        self.assert_code(125, self.run_supervise("wait", "job"))
        running.finish()

    def test_before_the_row_stands_nothing_runs_and_nothing_is_left(self):
        self.ok("--", "true")
        holder = self.lock()
        running = self.start("-n", "job", "--capture=none", "--", "touch", "ran")
        wait_for(lambda: len(self.survivors()) == 2, "the wrapper and what it holds back")
        running.process.kill()
        running.process.wait()
        wait_for(lambda: not self.survivors(), "what is held back to end with it")
        holder.close()
        self.assertFalse((self.work / "ran").exists())
        self.assertEqual(1, len(self.rows()))

    def test_on_supervisor_death_kill_ends_it_at_once(self):
        self.config('[run]\non_supervisor_death = "kill"\n')
        running, row = self.kill_wrapper("--capture=none")
        wait_for(lambda: not os.path.exists(f"/proc/{row['pid']}"), "the child to be ended by the kernel")
        running.finish()


if __name__ == "__main__":
    unittest.main()
