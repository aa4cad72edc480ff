"""The queue: what gets into it and what doesn't, in which order it is started, with what, and what becomes of what waits
for something else."""

import json
import os
import signal
import unittest

from harness import wait_for
from queueing import QueueCase


class Adding(QueueCase):
    rows_finish = False

    def test_it_is_recorded_with_its_directory_and_waits(self):
        result = self.ok("queue", "add", "-n", "later", "--", "echo", "a b")
        self.assertIn("#1 is queued", result.err)
        self.assertIn("no daemon runs", result.err)
        row = self.row("later")
        self.assertEqual(result.out.strip(), row["uid"])
        wanted = {"state": "queued", "command": ["echo", "a b"], "cwd": str(self.work), "started_at": None, "attempt": 1,
                  "outcome": None, "supervisor_pid": None, "lost": False, "supervised": None}
        self.assertEqual(wanted, {key: row[key] for key in wanted})
        self.assertTrue(row["queued_at"])
        self.assertIn("none runs", row["explanation"])
        self.assertEqual(["execution_queued"], [event["type"] for event in self.events("later")])
        self.assertEqual([row["uid"]], [queued["uid"] for queued in self.json("status")["queued"]])
        self.assertEqual([row["uid"]], [queued["uid"] for queued in self.json("list", "--state", "queued")])
        self.assertIn("none runs", self.ok("status").out)
        self.assertIn("none runs", self.ok("queue", "list").out)

    def test_json_is_its_number_and_its_uid(self):
        added = json.loads(self.ok("queue", "add", "--json", "--", "true").out)
        self.assertEqual({"id", "uid"}, set(added))
        self.assertEqual(self.row("1")["uid"], added["uid"])

    def test_a_session_is_made_and_driven(self):
        self.add("--session", "book-1", "--", "true")
        self.assertEqual(("book-1", True), (self.row()["session"], self.row()["drives"]))
        self.assertEqual("in-flight", self.json("session", "show", "book-1")["completeness"])

    def test_what_is_wrong_is_refused_and_changes_nothing(self):
        self.ok("session", "begin", "over")
        self.ok("session", "close", "over")
        self.ok("session", "begin", "plain")
        self.ok("--", "true")
        before = (self.rows(), len(self.events()))
        for code, word, args in (
            (2, "no command", []),
            (2, "unknown option", ["--sesion", "x", "--", "true"]),
            (2, "session's id", ["-s", "12", "--", "true"]),
            (2, "as a name", ["-n", "", "--", "true"]),
            (2, "needs --session", ["--stages", "a..b", "--", "true"]),
            (6, "declares stages", ["-s", "plain", "--stages", "a..b", "--", "true"]),
            (6, "declares stages", ["-s", "made-with-it", "--stages", "a..b", "--", "true"]),
            (4, "no execution", ["--after", "99", "--", "true"]),
            (4, "no execution", ["--after", "2", "--", "true"]),  # which would be itself
            (6, "is closed", ["-s", "over", "--", "true"]),
        ):
            result = self.assert_code(code, self.run_supervise("queue", "add", *args), args)
            self.assertIn(word, result.err)
            self.assertEqual("", result.out)
        self.assertEqual(before, (self.rows(), len(self.events())))
        self.assert_code(4, self.run_supervise("session", "show", "made-with-it"))

    def test_stages_are_those_of_the_session(self):
        self.queue_settings(more="[workflow.book]\n[[workflow.book.stage]]\nname = 'a'\n[[workflow.book.stage]]\nname = 'b'\n")
        self.ok("session", "begin", "book-1", "--workflow", "book")
        for wrong in ("b..a", "c", "a..c", "..", "a..b..b"):
            self.assert_code(6, self.run_supervise("queue", "add", "-s", "book-1", "--stages", wrong, "--", "true"))
        self.add("-s", "book-1", "--stages", "a..b", "--", "true")
        self.assertEqual("a..b", self.row()["stages"])

    def test_a_locked_ledger_takes_nothing(self):
        self.ok("--", "true")
        self.queue_settings(more="[store]\nbusy_timeout = '100ms'\n")
        holder = self.lock()
        self.assert_code(8, self.run_supervise("queue", "add", "--", "true"))
        holder.close()
        self.assertEqual(1, len(self.rows()))

    def test_inside_a_command_it_is_a_child_and_helps(self):
        self.assert_code(75, self.run_supervise("-s", "book-1", "--", "supervise", "queue", "add", "--", "true"))
        row = self.row()
        self.assertEqual((self.row("1")["uid"], "book-1", False), (row["parent_uid"], row["session"], row["drives"]))

    def test_db_check_finds_what_is_half_in_the_queue(self):
        self.add("--", "true")
        self.ok("db", "check")
        for wrong in ("DELETE FROM queue", "INSERT INTO queue (execution, position) SELECT uid, 1 FROM executions WHERE id = 2"):
            self.ok("--", "true")
            self.sql(wrong)
            self.assertIn("queue", self.assert_code(6, self.run_supervise("db", "check")).out)

    def test_queue_verbs_of_an_absent_ledger_make_none(self):
        self.assertEqual([], self.json("queue", "list"))
        self.assert_code(4, self.run_supervise("queue", "remove", "1"))
        self.assert_code(4, self.run_supervise("queue", "retry", "1"))
        self.assertFalse(self.db.exists())


class Order(QueueCase):
    def order_of_starts(self):
        rows = [row for row in self.rows() if row["started_at"]]
        events = [event["execution"] for event in self.events() if event["type"] == "execution_started"]
        return [row["id"] for uid in events for row in rows if row["uid"] == uid]

    def test_first_come_first_served_unless_moved(self):
        for name in "abcde":
            self.add("-n", name, "--", "true")
        self.ok("queue", "move", "e", "first")
        self.ok("queue", "move", "a", "last")
        self.ok("queue", "move", "d", "before", "b")
        self.assertEqual([5, 4, 2, 3, 1], self.queued())
        self.drain()
        self.assertEqual([5, 4, 2, 3, 1], self.order_of_starts())

    def test_a_place_that_is_none_is_refused(self):
        self.add("-n", "a", "--", "true")
        for words in (["a"], ["a", "second"], ["a", "before"], ["a", "first", "a"], ["a", "before", "a", "a"]):
            self.assert_code(2, self.run_supervise("queue", "move", *words))
        self.assert_code(4, self.run_supervise("queue", "move", "a", "before", "nobody"))
        self.drain()
        self.assertIn("has ended", self.assert_code(6, self.run_supervise("queue", "move", "a", "first")).err)

    def test_a_pause_holds_what_waits(self):
        self.add("--", "true")
        self.ok("queue", "pause")
        self.assertIn("already", self.ok("queue", "pause").err)
        self.assertIn("the queue is paused", self.row()["explanation"])
        self.drain()  # there is nothing to do for it
        self.assertEqual([1], self.queued())
        self.ok("queue", "resume")
        self.drain()
        self.assertEqual("success", self.row()["outcome"])

    def test_what_is_removed_never_runs(self):
        uid = self.add("--", "touch", "ran")
        self.ok("queue", "remove", uid)
        self.assert_end(self.row(uid), "cancelled", "cancelled", exit_code=-2, started_at=None)
        self.assertEqual(["it was removed from the queue"], self.row(uid)["notes"])
        self.assertEqual("it was removed from the queue", self.event(uid, "execution_finished")["data"]["why"])
        self.drain()
        self.assertFalse((self.work / "ran").exists())
        self.assertEqual([(0,)], self.sql("SELECT count(*) FROM queue"))

    def test_cancel_takes_it_out_too(self):
        uid = self.add("--", "true")
        self.ok("cancel", uid, "--why", "not today")
        self.assert_end(self.row(uid), "cancelled", "cancelled")
        self.assertEqual("not today", self.event(uid, "execution_finished")["data"]["why"])
        self.assertEqual([(0,)], self.sql("SELECT count(*) FROM queue"))

    def test_what_has_started_is_not_removed(self):
        self.add("-n", "job", "--", "sleep", "100")
        self.daemon()
        self.running_row(name="job")
        self.assertIn("cancel", self.assert_code(6, self.run_supervise("queue", "remove", "job")).err)
        self.assertIsNone(self.row("job")["cancel_requested_at"])
        self.ok("cancel", "job")
        self.assert_code(143, self.run_supervise("wait", "job"))


class Running(QueueCase):
    def test_it_runs_with_the_environment_and_directory_of_its_add(self):
        (self.work / "there").mkdir()
        self.add("--", "sh", "-c", 'pwd; echo "$WHO|$DAEMON|$SUPERVISE_ATTEMPT|$NOTIFY_SOCKET|$SUPERVISE_EXECUTION_UID"; cat; '
                 'ps -o sid= -p $$', cwd=self.work / "there", env={"WHO": "me", "NOTIFY_SOCKET": "/nowhere"})
        self.daemon("--until-idle", env={"DAEMON": "its", "WHO": "the daemon"}).finish()
        row = self.assert_end(self.row(), "success", "exit")
        lines = self.ok("log", "@last").out.splitlines()
        self.assertEqual(str(self.work / "there"), lines[0])
        who, daemons, attempt, socket, uid = lines[1].split("|")
        self.assertEqual(("me", "", "1", row["uid"]), (who, daemons, attempt, uid))
        self.assertNotEqual("/nowhere", socket)
        self.assertEqual(3, len(lines), "its stdin is empty")

    def test_the_environment_leaves_the_ledger_as_it_starts(self):
        self.add("--", "sh", "-c", "touch begun; sleep 100", env={"SECRET": "only for it"})
        self.assertIn(b"SECRET=only for it\0", self.sql("SELECT environment FROM queue")[0][0])
        self.daemon()
        wait_for((self.work / "begun").exists, "its start")
        self.assertEqual([(0,)], self.sql("SELECT count(*) FROM queue"))
        self.ok("cancel", "1")
        self.assert_code(143, self.run_supervise("wait", "1"))

    def test_nor_is_it_left_in_the_file_once_the_daemon_is_idle_or_ends(self):
        def left():
            return [path.name for path in self.ledger_dir.glob("supervise.db*") if b"only for it" in path.read_bytes()]

        self.add("--", "true", env={"SECRET": "only for it"})
        self.assertTrue(left())
        daemon = self.daemon()
        self.all_ended()
        wait_for(lambda: not left(), "the file without it")
        self.add("--", "sh", "-c", "touch begun; sleep 100", env={"SECRET": "only for it"})
        wait_for((self.work / "begun").exists, "its start")
        self.assertTrue(left(), "it is folded away when nothing runs, and at the end")
        daemon.kill(signal.SIGTERM)
        daemon.finish()
        self.assertEqual([], left())
        self.ok("cancel", "2")
        self.assert_code(143, self.run_supervise("wait", "2"))

    def test_words_that_are_no_text_stay_as_they_are(self):
        self.add("--", "printf", "%s", b"\xff|\xfe", "")
        self.drain()
        self.assertEqual("\udcff|\udcfe", self.ok("log", "1").out)

    def test_a_command_that_is_not_there_any_more(self):
        script = self.script("gone.sh", "#!/bin/sh\n")
        self.add("--", script)
        os.unlink(script)
        self.drain()
        self.assert_end(self.row(), "failed", "spawn", exit_code=-1)
        self.assert_code(127, self.run_supervise("wait", "1"))

    def test_a_directory_that_is_not_there_any_more(self):
        (self.work / "there").mkdir()
        self.add("--", "true", cwd=self.work / "there")
        (self.work / "there").rmdir()
        self.drain()
        self.assertIn("there", self.assert_end(self.row(), "failed", "spawn", exit_code=-1)["explanation"])

    def test_a_session_that_is_closed_meanwhile_ends_it(self):
        self.add("--session", "book-1", "--", "touch", "ran")
        self.ok("session", "close", "book-1", "--abort")
        self.assert_end(self.row("1"), "cancelled", "session-closed", exit_code=-4, started_at=None)
        self.assertEqual([(0,)], self.sql("SELECT count(*) FROM queue"))
        self.ok("session", "begin", "book-1")
        self.drain()
        self.assertFalse((self.work / "ran").exists())
        self.ok("session", "close", "book-1")

    def test_the_configuration_that_was_named_holds(self):
        (self.work / "own.toml").write_text("[run]\nuid_env = ['OTHER_NAME']\n[queue]\nautostart = false\n")
        self.add("--config", "own.toml", "--", "sh", "-c", "echo $OTHER_NAME")
        self.drain()
        self.assertEqual(self.row()["uid"], self.ok("log", "1").out.strip())

    def test_wait_and_log_wait_for_its_start_too(self):
        self.add("-n", "job", "--", "sh", "-c", "echo said; exit 3")
        waiter, reader = self.start("wait", "job"), self.start("log", "-f", "job")
        self.assertIsNone(waiter.process.poll())
        self.daemon()
        self.assertEqual("said\n", self.assert_code(0, reader.finish()).out)
        self.assert_code(3, waiter.finish())

    def test_somebody_else_was_quicker(self):
        uid = self.add("--", "sh", "-c", "echo once >>ran")
        claims = [self.start("queue", "claim", uid) for _ in range(5)]
        for claim in claims:
            self.assertEqual((0, "", ""), tuple(claim.finish()))
        self.assertEqual("once\n", (self.work / "ran").read_text())
        self.assertEqual((0, "", ""), tuple(self.run_supervise("queue", "claim", uid)))

    def test_a_chain_ends_where_one_of_it_fails(self):
        self.add("-n", "one", "--", "true")
        self.add("-n", "two", "--after", "one", "--", "false")
        self.add("-n", "three", "--after", "1", "--after", "two", "--", "touch", "ran")
        self.add("-n", "four", "--after", "three", "--", "true")
        self.assertIn("waits for #1, which is queued", self.row("two")["explanation"])
        self.drain()
        self.assert_end(self.row("two"), "failed", "exit")
        self.assert_end(self.row("three"), "cancelled", "cancelled", exit_code=-2, started_at=None,
                        notes=["it waited for #2, which has failed"])
        self.assertIn("it waited for #2, which has failed", self.row("three")["explanation"])
        self.assertEqual("it waited for #3, which was cancelled", self.event("four", "execution_finished")["data"]["why"])
        self.assertFalse((self.work / "ran").exists())

    def test_after_what_has_failed_already_it_is_cancelled_at_once(self):
        self.assert_code(1, self.run_supervise("-n", "failed", "--", "false"))
        self.ok("-n", "fine", "--", "true")
        self.add("-n", "removed", "--", "true")
        self.ok("queue", "remove", "removed")
        for after, why in (("failed", "it waited for #1, which has failed"), ("removed", "it waited for #3, which was cancelled")):
            with self.subTest(after):
                result = self.ok("queue", "add", "--after", "fine", "--after", after, "--", "touch", "ran")
                self.assertIn("is cancelled at once", result.err)
                self.assertIn(why, result.err)
                uid = result.out.strip()
                self.assert_end(self.row(uid), "cancelled", "cancelled", exit_code=-2, started_at=None, notes=[why])
                self.assertEqual(why, self.event(uid, "execution_finished")["data"]["why"])
                self.assertEqual("execution_queued", self.events(uid)[0]["type"])
        self.assertEqual(([(0,)], [(0,)]), (self.sql("SELECT count(*) FROM queue"), self.sql("SELECT count(*) FROM queue_after")))
        uid = self.add("--after", "fine", "--", "true")
        self.drain()
        self.assert_end(self.row(uid), "success", "exit")
        self.assertFalse((self.work / "ran").exists())

    def test_what_waits_for_what_is_ended_by_hand_is_settled_without_a_daemon(self):
        for verb in (["queue", "remove", "{}-1"], ["cancel", "{}-1"], ["session", "close", "--abort", "{}"]):
            name = verb[0]
            with self.subTest(name):
                self.add("-n", f"{name}-1", "-s", name, "--", "true")
                self.add("-n", f"{name}-2", "--after", f"{name}-1", "--", "true")
                self.add("-n", f"{name}-3", "--after", f"{name}-2", "--", "true")
                self.ok(*(word.format(name) for word in verb))
                for number in (2, 3):
                    self.assert_end(self.row(f"{name}-{number}"), "cancelled", "cancelled", exit_code=-2)
                if name != "session":
                    self.ok("session", "close", "--abort", name)
        self.assert_code(75, self.run_supervise("-s", "round", "-n", "first", "--", "true"))
        self.add("-n", "next", "--after", "first", "--", "true")
        self.ok("session", "close", "round")
        self.assertEqual([(0,)], self.sql("SELECT count(*) FROM queue_after"), "its round was completed")
        self.drain()

    def test_after_what_is_incomplete_it_waits_for_the_round(self):
        for session, verb, outcome in (("kept", ["close"], "success"), ("left", ["close", "--abort"], "cancelled")):
            with self.subTest(session):
                self.assert_code(75, self.run_supervise("-s", session, "-n", f"first-{session}", "--", "true"))
                self.add("-n", session + "-next", "--after", f"first-{session}", "--", "true")
                daemon = self.daemon()
                row = self.row(session + "-next")
                self.assertEqual("queued", row["state"])
                self.assertIn("is incomplete until its session is closed as completed or goes on to the next round", row["explanation"])
                self.ok("session", *verb, session)
                wait_for(lambda: self.row(session + "-next")["outcome"] == outcome, "what becomes of it")
                daemon.kill(signal.SIGTERM)
                daemon.finish()


class Retry(QueueCase):
    def test_it_is_the_next_attempt_with_this_environment_there(self):
        (self.work / "there").mkdir()
        self.assert_code(75, self.run_supervise("-s", "book-1", "-n", "job", "--", "sh", "-c", 'echo "$WHO $SUPERVISE_ATTEMPT"; pwd',
                                                cwd=self.work / "there", env={"WHO": "first"}))
        uid = self.ok("queue", "retry", "book-1", env={"WHO": "second"}).out.strip()
        row = self.row(uid)
        wanted = {"attempt": 2, "session": "book-1", "drives": True, "cwd": str(self.work / "there"), "name": "job"}
        self.assertEqual(wanted, {key: row[key] for key in wanted})
        self.assertIn("has not ended", self.assert_code(6, self.run_supervise("queue", "retry", uid)).err)
        self.drain()
        self.assertEqual(f"second 2\n{self.work}/there\n", self.ok("log", uid).out)
        self.ok("session", "close", "book-1")

    def test_what_succeeded_is_not_tried_again(self):
        self.ok("--", "true")
        self.assertIn("has succeeded", self.assert_code(6, self.run_supervise("queue", "retry", "1")).err)
        self.assertEqual(1, len(self.rows()))

    def test_a_closed_session_takes_none(self):
        self.assert_code(75, self.run_supervise("-s", "book-1", "--", "true"))
        self.ok("session", "close", "--abort", "book-1")
        self.assert_code(6, self.run_supervise("queue", "retry", "1"))
        self.assertEqual(1, len(self.rows()))

    def test_what_never_ran_can_be(self):
        self.add("--", "sh", "-c", "exit 4")
        self.ok("queue", "remove", "1")
        self.ok("queue", "retry", "1")
        self.drain()
        self.assert_end(self.row("2"), "failed", "exit", exit_code=4, attempt=2)


class Following(QueueCase):
    def test_a_reader_that_begins_again_misses_nothing_and_repeats_nothing(self):
        def lines(reader):
            return [json.loads(line) for line in reader.out.splitlines() if line.endswith("}")]

        reader = self.start("events", "-f", "--json")
        reader.wait_out("snapshot")
        self.assertEqual([{"type": "snapshot", "snapshot": 0}], lines(reader))
        reader.kill(signal.SIGTERM)
        reader.finish()

        seen, last = [], 0
        for _ in range(4):
            reader = self.start("events", "-f", "--json", "--since", str(last))
            self.ok("--", "true")
            reader.wait_out("execution_finished")
            self.ok("--", "true")  # nobody reads this one's
            reader.kill(signal.SIGKILL)
            reader.finish()
            snapshot, *events = lines(reader)
            self.assertLessEqual(snapshot["snapshot"], self.json("status")["snapshot"])
            cut = [event["type"] for event in events].index("execution_finished") + 1
            seen += [event["id"] for event in events[:cut]]
            last = seen[-1]
        wanted = [event["id"] for event in self.events()]
        self.assertEqual(wanted[:len(seen)], seen)

    def test_status_says_as_of_which_event_it_is(self):
        self.ok("--", "true")
        snapshot = self.json("status")["snapshot"]
        self.assertEqual(self.events()[-1]["id"], snapshot)
        self.assertEqual([], self.events(None, "--since", str(snapshot)))

    def test_another_ledger_in_its_place_begins_again(self):
        for _ in range(3):
            self.ok("--", "true")
        reader = self.start("events", "-f", "--json")
        reader.until(lambda: reader.out.count("execution_finished") == 3, "all that is there")
        other = self.dir / "other.db"
        self.ok("--db", str(other), "--", "true")
        self.sql("PRAGMA wal_checkpoint(TRUNCATE)", path=other)
        for end in ("-wal", "-shm"):
            self.db.with_name(self.db.name + end).unlink()
        os.rename(other, self.db)
        reader.until(lambda: reader.out.count('"type":"snapshot"') == 2, "a new snapshot")
        reader.until(lambda: reader.out.count("execution_finished") == 4, "what is in the other")
        reader.kill(signal.SIGTERM)
        reader.finish()


if __name__ == "__main__":
    unittest.main()
