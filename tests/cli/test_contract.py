"""The contract read sentence by sentence: what a user met otherwise than it stands there."""

import unittest

from harness import Case


class References(Case):
    def test_a_session_without_execution_is_not_taken_for_another_ones_uid(self):
        self.ok("-n", "other", "--", "true")
        beginning = self.row("other")["uid"][:6]
        self.ok("session", "begin", beginning)
        for verb in (["wait"], ["log"], ["cancel"], ["resume"], ["queue", "remove"], ["queue", "retry"]):
            with self.subTest(verb=verb):
                result = self.assert_code(4, self.run_supervise(*verb, beginning))
                self.assertIn(f"session {beginning} has no execution", result.err)
        self.assertEqual(beginning, self.json("status", beginning)["id"], "where a session may be meant it is one")

    def test_a_session_without_execution_is_not_taken_for_a_name(self):
        self.assert_code(3, self.run_supervise("-n", "job", "--", "sh", "-c", "exit 3"))
        self.assert_code(3, self.run_supervise("wait", "job"))
        self.ok("session", "begin", "job")
        self.assert_code(4, self.run_supervise("wait", "job"))

    def test_a_uid_is_found_whatever_it_is_made_of(self):
        self.ok("--", "true")
        self.by_hand = True
        self.sql("INSERT INTO executions (uid, command, started_at, finished_at, exit_code)"
                 " VALUES ('4F8C-0192-Hand', '[\"true\"]', 1, 2, 5)")
        self.rows_finish = False
        self.assertEqual(5, self.row("4F8C-0192-Hand")["exit_code"])
        self.assert_code(5, self.run_supervise("wait", "4F8C-0192-Hand"))


class Refusals(Case):
    def test_a_mistyped_workflow_is_met_with_the_nearest_by_run_too(self):
        self.config('[workflow.review]\nphases = ["a", "b"]\n')
        for words in (["-w", "reviw"], ["-s", "new", "-w", "reviw"]):
            with self.subTest(words=words):
                result = self.assert_code(125, self.run_supervise(*words, "--", "touch", "ran"))
                self.assertIn('no workflow "reviw" is configured; did you mean "review"?', result.err)
        self.assertFalse((self.work / "ran").exists())
        self.assertFalse(self.db.exists(), "nothing is recorded")

    def test_a_mistyped_phase_of_a_workflow_is_met_with_the_nearest(self):
        self.config('[workflow.review]\nphases = ["context", "reviews", "complete"]\nedges = { revews = ["complete"] }\n')
        result = self.assert_code(7, self.run_supervise("config", "check"))
        self.assertIn('toml:3: ', result.err)
        self.assertIn('did you mean "reviews"?', result.err)

    def test_a_setting_is_blamed_where_it_stands(self):
        self.config('[sweep]\nheartbeat_interval = "20m"\n')
        result = self.assert_code(7, self.run_supervise("list"))
        self.assertIn("supervise.toml:2: sweep.heartbeat_interval must be shorter than sweep.stalled_after (built-in)", result.err)
        self.config('[sweep]\nstalled_after = "10s"\n')
        result = self.assert_code(7, self.run_supervise("list"))
        self.assertIn("supervise.toml:2: sweep.stalled_after must be longer than sweep.heartbeat_interval (built-in)", result.err)

    def test_the_usage_of_a_verb_without_words_ends_where_it_ends(self):
        result = self.assert_code(2, self.run_supervise("config", "show", "this"))
        self.assertTrue(result.err.endswith("usage: supervise config show\n"), result.err)


class Codes(Case):
    def test_resume_that_begins_nothing_ends_as_other_verbs_do(self):
        self.config("[store]\nbusy_timeout = \"100ms\"\n")
        self.assert_code(3, self.run_supervise("--", "sh", "-c", "touch ran; exit 3"))
        (self.work / "ran").unlink()
        holder = self.lock()
        self.assert_code(8, self.run_supervise("resume", "@last"))
        holder.close()
        self.assertFalse((self.work / "ran").exists())
        self.assert_code(3, self.run_supervise("resume", "@last"))


class Streams(Case):
    def test_a_feed_that_nobody_can_take_ends_however_much_there_is(self):
        self.ok("session", "begin", "many")
        self.ok("item", "done", *[f"item-{i}" for i in range(300)])
        for since in range(0, 200, 10):
            with self.subTest(since=since), open("/dev/full", "w") as full:
                result = self.run_supervise("events", "-f", "--since", str(since), "many", stdout=full, deadline=10)
                self.assertIn("cannot write to stdout", self.assert_code(1, result).err)


class Ledger(Case):
    def test_its_file_alone_is_a_ledger_from_the_start(self):
        self.ok("--", "true")
        copy = self.work / "copy.db"
        copy.write_bytes(self.db.read_bytes())
        self.assertEqual(self.sql("PRAGMA application_id")[0][0], int.from_bytes(copy.read_bytes()[68:72], "big"))
        self.ok("--db", str(copy), "list")
        with open(copy, "r+b") as file:
            for page in range(4096, file.seek(0, 2), 4096):
                file.seek(page)
                file.write(b"\xff" * 64)
        self.assert_code(7, self.run_supervise("--db", str(copy), "db", "check"))


class Tables(Case):
    def test_what_never_started_is_not_shown_as_started(self):
        self.config("[queue]\nautostart = false\n")
        self.ok("queue", "add", "-n", "one", "--", "true")
        self.ok("queue", "add", "-n", "two", "--", "true")
        header = self.ok("queue", "list").out.splitlines()[0].split()
        self.assertEqual(["#", "STATE", "NAME", "QUEUED", "STATUS", "COMMAND"], header)
        self.ok("cancel", "one", "two")
        header = self.ok("list").out.splitlines()[0].split()
        self.assertEqual(["#", "STATE", "NAME", "QUEUED", "COMMAND"], header)
        self.ok("--", "true")
        header = self.ok("list").out.splitlines()[0].split()
        self.assertEqual(["#", "STATE", "NAME", "QUEUED", "STARTED", "TOOK", "COMMAND"], header)


if __name__ == "__main__":
    unittest.main()
