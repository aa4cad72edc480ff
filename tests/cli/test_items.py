"""Items: what is on record when the command returns, all of a batch or none, and what remains."""

import os
import signal
import unittest

from harness import Case, wait_for

MANY = 200_000  # ids of a batch that is long enough to be met in the middle

# One passage over a directory of files; `bad` ones can't be imported the first time.
IMPORT = """
n=0
ls in | supervise -q item remaining --stage import | while IFS= read -r name; do
    if [ "$SUPERVISE_ATTEMPT" = 1 ] && grep -q bad "in/$name"; then
        supervise -q item failed "$name" --stage import --error "cannot parse it"
        continue
    fi
    echo "$name" >> processed
    supervise -q item done "$name" --stage import
    n=$((n + 1))
    [ $((n % 10)) -ne 0 ] || supervise -q checkpoint save --steps $n --id "import-$SUPERVISE_ATTEMPT" > saved
done
[ "$(supervise -q item list --stage import --status done --json | grep -c '"id"')" = 338 ] && supervise -q session close
"""


class Items(Case):
    def begin(self, session="job", *args):
        self.ok("session", "begin", session, *args)

    def done(self, **how):
        return [item["id"] for item in self.json("item", "list", "--status", "done", **how)]

    def counts(self):
        return [self.sql(f"SELECT count(*) FROM {what}")[0][0] for what in ("items", "events")]

    def refused(self, code, words, *args, **how):
        """Exits so, says all of the words, and changes nothing."""
        before = self.counts()
        result = self.assert_code(code, self.run_supervise(*args, **how))
        for word in words:
            self.assertIn(word, result.err)
        self.assertEqual("", result.out)
        self.assertEqual(before, self.counts())

    def test_what_is_reported_stands_in_the_list_and_in_the_history(self):
        self.begin()
        self.ok("item", "done", "a", "b", "a")
        self.ok("item", "failed", "c", "--stage", "other", "--error", "no text")
        a, b, c = self.json("item", "list")
        self.assertEqual(["id", "stage", "status", "attempts", "error", "execution", "at"], list(a))
        self.assertEqual(("a", "main", "done", 1, None, None), tuple(a.values())[:-1])
        self.assertEqual(("c", "other", "failed", 1, "no text", None), tuple(c.values())[:-1])
        self.assertEqual([b], self.json("item", "list")[1:2])
        said = [(event["type"], event["data"]) for event in self.events("job")[1:]]
        self.assertEqual([("item_done", {"stage": "main", "id": "a", "attempts": 1}),
                          ("item_done", {"stage": "main", "id": "b", "attempts": 1}),
                          ("item_failed", {"stage": "other", "id": "c", "attempts": 1, "error": "no text"})], said)
        table = self.ok("item", "list").out
        self.assertIn("✗ failed", table)
        self.assertIn("no text", table)
        self.assertEqual([c], self.json("item", "list", "--stage", "other"))
        self.assertEqual([c], self.json("item", "list", "--status", "failed"))

    def test_a_failed_item_is_tried_again_and_done_is_final(self):
        self.begin()
        self.ok("item", "failed", "a", "--error", "first")
        self.ok("item", "failed", "a", "--error", "second")
        self.assertEqual([(2, "second")], [(i["attempts"], i["error"]) for i in self.json("item", "list")])
        self.ok("item", "done", "a")
        self.assertEqual([(3, None)], [(i["attempts"], i["error"]) for i in self.json("item", "list")])
        before = self.counts()
        self.ok("item", "done", "a")
        self.assertEqual(before, self.counts())
        self.assertEqual(3, self.json("item", "list")[0]["attempts"])
        self.refused(5, ["item a of stage main", "it is done", "item forget"], "item", "failed", "new", "a")
        self.ok("item", "failed", "a", "--stage", "another")

    def test_forgotten_is_as_if_it_had_never_been_reported(self):
        self.begin()
        self.ok("item", "done", "a", "b")
        self.refused(4, ["item c of stage main"], "item", "forget", "a", "c")
        self.ok("item", "forget", "a")
        self.assertEqual(["b"], self.done())
        self.assertEqual({"stage": "main", "id": "a"}, self.event("job", "item_forgotten")["data"])
        self.ok("item", "failed", "a")
        self.assertEqual(1, self.json("item", "list")[0]["attempts"])

    def test_what_remains_comes_in_order_and_once_and_its_number_is_the_total(self):
        self.begin()
        self.ok("item", "done", "b")
        self.ok("item", "failed", "d", "--error", "later")
        self.ok("item", "done", "c", "--stage", "other")
        result = self.ok("item", "remaining", feed=b"d\nc\nb\na\nc\n")
        self.assertEqual("d\nc\na\n", result.out)
        self.assertEqual([("main", 4)], self.sql("SELECT stage, total FROM stage_totals"))
        self.assertEqual("x", self.ok("item", "remaining", feed=b"x").out.rstrip("\n"))
        self.assertEqual([("main", 1)], self.sql("SELECT stage, total FROM stage_totals"))
        self.assertEqual(["x", "y"], self.json("item", "remaining", feed=b"x\ny"))
        self.assertEqual([], self.json("item", "remaining", feed=b""))
        self.assertEqual([("main", 0)], self.sql("SELECT stage, total FROM stage_totals"))

    def test_ids_of_any_kind_go_through_ended_by_nul(self):
        self.begin()
        odd = [b"two\nlines", b"\x1b[2J", b"-", b"--help", "✓".encode(), b"x" * 4096]
        self.ok("item", "done", "-", "-0", feed=b"\0".join(odd[:3]) + b"\0")
        result = self.ok("item", "remaining", "-0", feed=b"\0".join(odd))
        self.assertEqual(b"\0".join(odd[3:]) + b"\0", result.out.encode())
        self.assertEqual(sorted(odd[:3]), sorted(item.encode() for item in self.done()))
        self.assertNotIn("\x1b", self.ok("item", "list").out)
        self.ok("item", "done", "--", "-odd", "two\nlines of a word")

    def test_an_empty_line_is_no_id(self):
        self.begin()
        self.assertEqual("a\nb\n", self.ok("item", "remaining", feed=b"\n\na\n\nb\n\n").out)
        self.ok("item", "done", "-", feed=b"a\n" + b"\n" * 100_000 + b"b")
        self.assertEqual(["a", "b"], self.done())
        self.assertEqual("", self.ok("item", "remaining", feed=b"\n").out)
        self.refused(2, ["id 1", "empty"], "item", "remaining", "-0", feed=b"\0a\0")

    def test_a_batch_with_one_bad_id_changes_nothing_and_names_it(self):
        self.begin()
        for feed, words in ((b"a\nb\r\n", ["line 2", "control", "-0"]), (b"a\n\n\n\r\n", ["line 4", "control"]),
                            (b"a\n\xff\n", ["line 2", "not UTF-8"]), (b"a\nb\n" + b"x" * 65536, ["line 3", "4096"]),
                            (b"a\n" + b"x" * 300_000 + b"\nb\n", ["line 2", "4096"]), (b"a\0b\n", ["line 1"])):
            for verb in (["done", "-"], ["failed", "-"], ["remaining"]):
                self.refused(2, [*words, "nothing was changed"], "item", *verb, feed=feed)
        self.refused(2, ["id 2", "empty"], "item", "done", "-", "-0", feed=b"a\0\0b")
        self.refused(2, ["empty"], "item", "done", "a", "")
        self.refused(2, ["4096"], "item", "done", "x" * 4097)
        self.refused(2, ["not UTF-8"], "item", "done", b"a\xff")
        self.refused(2, ["stdin"], "item", "done", "-", "a", feed=b"b")
        self.refused(2, ["-0"], "item", "done", "a", "-0")
        self.refused(2, ["stage"], "item", "done", "a", "--stage", "a/b")
        self.refused(2, ["item done"], "item", "done")
        self.assertEqual([], self.sql("SELECT * FROM stage_totals"))

    def test_a_stdin_that_cannot_be_read_changes_nothing(self):
        self.begin()
        directory = os.open(self.work, os.O_RDONLY)
        self.addCleanup(os.close, directory)
        self.refused(1, ["cannot read ids from stdin"], "item", "done", "-", stdin=directory)
        self.refused(1, ["cannot read ids from stdin"], "item", "remaining", before=lambda: os.close(0))

    def test_an_error_that_is_too_long_is_cut_between_characters(self):
        self.begin()
        self.ok("item", "failed", "a", "--error", "✗" * 3000)
        text = self.json("item", "list")[0]["error"]
        self.assertLessEqual(len(text.encode()), 4096)
        self.assertEqual("✗" * 1364 + "…", text)

    def test_a_closed_session_takes_none_and_none_is_needed_to_read(self):
        self.begin()
        self.ok("item", "done", "a")
        self.ok("session", "close", "job")
        for args in (["done", "b"], ["failed", "b"], ["forget", "a"], ["remaining"]):
            self.refused(6, ["session job is closed"], "item", *args, "--session", "job")
        self.assertEqual(["a"], [item["id"] for item in self.json("item", "list", "--session", "job")])

    def test_a_failed_item_keeps_the_session_from_closing(self):
        self.begin()
        self.ok("item", "failed", "a")
        self.assertIn("item main/a", self.assert_code(6, self.run_supervise("session", "close", "job")).err)
        self.ok("item", "done", "a")
        self.ok("session", "close", "job")

    def test_a_strict_workflow_knows_its_stages(self):
        self.config('[workflow.book]\nstrict = true\n[[workflow.book.stage]]\nname = "extract"\nsteps = ["pages"]\n'
                    '[workflow.free]\n[[workflow.free.stage]]\nname = "extract"\nsteps = []\n')
        self.begin("b", "--workflow", "book")
        self.begin("f", "--workflow", "free")
        for verb in (["done", "a"], ["remaining"]):
            self.refused(5, ['no stage "pictures"', "extract"], "item", *verb, "--session", "b", "--stage", "pictures")
            self.refused(5, ['no stage "main"'], "item", *verb, "--session", "b")
        self.ok("item", "done", "a", "--session", "b", "--stage", "extract")
        self.ok("item", "done", "a", "--session", "f", "--stage", "pictures")

    def test_without_a_ledger_there_is_no_session_and_none_is_made(self):
        for args in (["done", "a"], ["remaining"], ["list"]):
            self.assert_code(4, self.run_supervise("item", *args))
        self.assertFalse(self.db.exists())

    def test_inside_an_execution_a_session_begins_and_progress_is_noted(self):
        for verb in ("echo a | supervise item remaining", "supervise item done a", "supervise item failed a"):
            self.assert_code(75, self.shell(f"supervise -n import -- sh -c '{verb}'"))
        last = self.row()
        self.assertTrue(last["drives"])
        self.assertIsNotNone(last["progress_at"])
        self.assertEqual(last["uid"], self.json("item", "list", "--session", last["session"])[0]["execution"])
        self.assertEqual(3, len(self.json("session", "list")))

    def test_a_reader_that_has_seen_enough_is_no_trouble(self):
        self.begin()
        result = self.shell("seq 100000 | (supervise item remaining; echo $? >status) | head -1")
        self.assertEqual("1\n", result.out)
        self.assertEqual("supervise: session job (via only-active)\n", result.err)
        self.assertEqual([("main", 100_000)], self.sql("SELECT stage, total FROM stage_totals"))
        wait_for((self.work / "status").exists)

    def test_a_stdout_that_is_full_is_said(self):
        self.begin()
        with open("/dev/full", "w") as full:
            result = self.assert_code(1, self.run_supervise("item", "remaining", feed=b"a\n", stdout=full))
        self.assertIn("cannot write to stdout", result.err)

    def test_nobody_waits_for_who_names_or_reads_the_ids_slowly(self):
        self.begin()
        read, write = os.pipe()
        slow = self.start("item", "remaining", stdin=read)
        os.close(read)
        os.write(write, b"a\n")
        self.ok("item", "done", "b")
        os.write(write, b"b\nc\n")
        os.close(write)
        self.assertEqual("a\nc\n", self.assert_code(0, slow.finish()).out)

    def test_a_batch_that_is_killed_leaves_all_or_nothing(self):
        self.begin()
        feed = self.work / "ids"
        feed.write_text("".join(f"id-{n}\n" for n in range(MANY)))
        wal = self.db.with_name(self.db.name + "-wal")
        before = wal.stat().st_size
        with feed.open() as file:
            batch = self.start("item", "done", "-", stdin=file)
            wait_for(lambda: wal.stat().st_size > before + (1 << 20) or batch.process.poll() is not None,
                     "the batch in the middle of its transaction")
            batch.kill(signal.SIGKILL)
            batch.finish()
        self.assertIn(self.counts()[0], (0, MANY))
        self.assertEqual(self.counts()[0], self.sql("SELECT count(*) FROM events WHERE type = 'item_done'")[0][0])
        self.ok("item", "done", "-", feed=feed.read_bytes())
        self.assertEqual(MANY, self.counts()[0])
        self.assertEqual("", self.ok("item", "remaining", feed=feed.read_bytes()).out)

    def test_a_ledger_that_stays_locked_is_busy_and_unchanged(self):
        self.begin()
        self.config('[store]\nbusy_timeout = "50ms"\n')
        lock = self.lock()
        self.assert_code(8, self.run_supervise("item", "done", "a"))
        self.assert_code(8, self.run_supervise("item", "remaining", feed=b"a\n"))
        lock.close()
        self.assertEqual(0, self.counts()[0])

    def test_of_twenty_at_once_none_is_lost(self):
        self.begin()
        script = "for n in 1 2 3 4 5 6 7 8; do supervise -q item done $1-$n || exit; done"
        workers = [self.start("-c", script, "sh", str(n), program="/bin/sh") for n in range(20)]
        for worker in workers:
            self.assert_code(0, worker.finish())
        self.assertEqual(160, len(self.done()))
        self.assertEqual(160, self.sql("SELECT count(*) FROM events WHERE type = 'item_done'")[0][0])


class Import(Case):
    rows_finish = False  # of the wrapper that is killed nothing is written any more; the close settles its row

    def test_an_import_that_is_killed_goes_on_where_it_was(self):
        files = self.work / "in"
        files.mkdir()
        names = [f"conversation {n:03}.json" for n in range(338)]
        for n, name in enumerate(names):
            (files / name).write_text("bad" if n % 50 == 7 else "good")
        bad = names[7::50]
        self.ok("session", "begin", "import")
        first = self.start("-s", "import", "--", "sh", "-c", IMPORT)
        wait_for(lambda: self.sql("SELECT count(*) FROM items WHERE status = 'done'")[0][0] >= 101,
                 "a hundred and one", deadline=120)
        first.kill(signal.SIGKILL)
        for pid in self.survivors():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        first.finish()
        wait_for(lambda: not self.survivors(), "the end of all")
        before = self.json("item", "list", "--session", "import")
        self.assertGreaterEqual(len([item for item in before if item["status"] == "done"]), 101)
        self.assertLess(len(before), 338)

        second = self.start("-s", "import", "--env", "SUPERVISE_ATTEMPT=2", "--", "sh", "-c", IMPORT)
        self.assert_code(0, second.finish(deadline=120))
        items = self.json("item", "list", "--session", "import")
        self.assertEqual(names, [item["id"] for item in items])
        self.assertEqual({"done"}, {item["status"] for item in items})
        done = self.sql("SELECT data ->> 'id' FROM events WHERE type = 'item_done'")
        self.assertEqual(sorted(names), sorted(name for name, in done), "done once each")
        tried_again = {item["id"] for item in items if item["attempts"] == 2}
        failed = {name for name, in self.sql("SELECT data ->> 'id' FROM events WHERE type = 'item_failed'")}
        self.assertEqual(failed, tried_again)
        self.assertTrue(failed < set(bad) and failed, "those that were met before the kill")
        # What was in hand when the kill came was begun twice: nothing else was.
        processed = (self.work / "processed").read_text().splitlines()
        self.assertLessEqual(len(processed) - len(set(processed)), 1)
        self.assertEqual([("import", 338)], self.sql("SELECT stage, total FROM stage_totals"))
        session = self.json("session", "show", "import")
        self.assertEqual("complete", session["completeness"])
        one, two = (steps for steps, in self.sql(
            "SELECT steps FROM checkpoints WHERE number IN (SELECT max(number) FROM checkpoints GROUP BY execution) ORDER BY number"))
        saved_at = len([item for item in before if item["status"] == "done"]) // 10 * 10
        self.assertIn(one, (saved_at, saved_at - 10))  # the kill may have come just before it was saved
        self.assertEqual((338 - len([item for item in before if item["status"] == "done"])) // 10 * 10, two)
        self.assertEqual(one + two, session["totals"]["steps"])
        self.assertEqual(["success", "cancelled"], [row["outcome"] for row in self.json("list")])


if __name__ == "__main__":
    unittest.main()
