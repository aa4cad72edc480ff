"""Checkpoints: counters that are counted once, data that comes back whole, and the file that a resumed command finds."""

import base64
import os
import signal
import stat
import unittest

from harness import Case, wait_for

BYTES = bytes(range(256))
LARGEST = 2**53 - 1
SAVE_AND_WAIT = 'supervise checkpoint save --steps $1 && echo "ready $$" && exec sleep 1000'
# Tells where its checkpoint is, what it is like, and what is in it.
LOOK = 'stat -c "%a %U" "$SUPERVISE_CHECKPOINT"; echo "$SUPERVISE_CHECKPOINT"; cat "$SUPERVISE_CHECKPOINT"'


class Checkpoints(Case):
    def begin(self, session="job"):
        self.ok("session", "begin", session)

    def save(self, *args, **how):
        """Outside of any execution; the id."""
        return self.ok("checkpoint", "save", "-q", *args, **how).out.rstrip("\n")

    def save_within(self, *args, session="job"):
        """By an execution of its own."""
        return self.assert_code(75, self.run_supervise("-q", "-s", session, "--", "supervise", "-q", "checkpoint",
                                                       "save", *args)).out.rstrip("\n")

    def totals(self, session="job"):
        return self.json("session", "show", session)["totals"]

    def steps(self):
        return self.totals()["steps"]

    def refused(self, code, words, *args, **how):
        before = self.json("checkpoint", "list", "--session", "job"), len(self.events())
        result = self.assert_code(code, self.run_supervise(*args, **how))
        for word in words:
            self.assertIn(word, result.err)
        self.assertEqual("", result.out)
        self.assertEqual(before, (self.json("checkpoint", "list", "--session", "job"), len(self.events())))


class Counters(Checkpoints):
    def test_a_session_has_the_sum_of_what_each_execution_counted_last(self):
        self.save_within("--steps", "2", "--usage", "tokens=10", "--usage", "cost=1")
        self.assert_code(75, self.shell("supervise -s job -- sh -c 'supervise checkpoint save --steps 1 --usage tokens=5;"
                                        " supervise checkpoint save --steps 4 --usage tokens=7'"))
        self.assertEqual({"steps": 6, "usage": {"tokens": 17, "cost": 1}}, self.totals())
        self.assertIn("6 steps, cost 1, tokens 17", self.ok("session", "list").out)
        self.assertIn("6 steps, cost 1, tokens 17", self.ok("session", "show", "job").out)
        self.assertIn("6 steps, cost 1, tokens 17", self.ok("status", "job").out)

    def test_no_session_with_counters_no_column(self):
        self.begin()
        self.assertNotIn("TOTALS", self.ok("session", "list").out)

    def test_three_and_then_five_from_the_start_of_the_session_are_five(self):
        self.save_within("--steps", "3")
        self.save_within("--session-steps", "5")
        self.assertEqual(5, self.steps())
        self.save_within("--session-steps", "4")  # less than what is counted already
        self.assertEqual(5, self.steps())

    def test_three_and_then_two_and_five_side_by_side_are_ten(self):
        self.save_within("--steps", "3")
        children = [self.start("-s", "job", "--", "sh", "-c", SAVE_AND_WAIT, "sh", steps) for steps in ("2", "5")]
        for child in children:
            child.ready()
        self.assertEqual(10, self.steps())
        for child in children:
            child.kill(signal.SIGTERM)
            child.finish()
        self.assertEqual(10, self.steps())

    def test_a_child_that_counts_from_the_start_of_the_session_beside_its_parent(self):
        script = ("supervise checkpoint save --steps 3; supervise -- supervise checkpoint save --session-steps 5;"
                  " supervise checkpoint save --session-steps 6")
        self.assert_code(75, self.run_supervise("-s", "job", "--", "sh", "-c", script))
        self.assertEqual([4, 2], [row["steps"] for row in self.json("checkpoint", "list", "--session", "job")][:2])
        self.assertEqual(6, self.steps())

    def test_a_counter_that_is_not_given_stays_as_it_was(self):
        self.begin()
        self.save("--steps", "3", "--usage", "tokens=5")
        self.save("--usage", "cost=2")
        self.save()
        self.assertEqual({"steps": 3, "usage": {"tokens": 5, "cost": 2}}, self.totals())
        self.save_within("--usage", "tokens=1")
        self.assertEqual({"steps": 3, "usage": {"tokens": 6, "cost": 2}}, self.totals())

    def test_saved_twice_it_is_counted_once(self):
        self.begin()
        self.assertEqual("one", self.save("--id", "one", "--steps", "3", "--usage", "tokens=5"))
        self.save("--id", "two", "--steps", "4")
        events = len(self.events())
        self.assertEqual("one", self.save("--id", "one", "--steps", "3", "--usage", "tokens=5"))
        self.save_within("--id", "one", "--steps", "3")  # by whoever sends it again
        self.assertEqual(4, self.steps())
        self.assertEqual(["two", "one"], [row["id"] for row in self.json("checkpoint", "list", "--session", "job")])
        self.assertEqual(events, len([e for e in self.events() if not e["execution"]]), "no event for what was there")

    def test_saved_again_with_more_it_takes_its_own_place_and_is_the_newest(self):
        self.begin()
        self.save("--id", "last", "--steps", "3", "--data", "-", feed=b"kept")
        self.save("--id", "other", "--steps", "4")
        self.save("--id", "last", "--steps", "5")
        self.assertEqual(5, self.steps())
        self.assertEqual(["last", "other"], [row["id"] for row in self.json("checkpoint", "list")])
        self.assertEqual("kept", self.json("checkpoint", "show", "last")["data"])
        self.save("--id", "last", "--data", "-", feed=b"new")
        self.assertEqual(("new", 5), (self.json("checkpoint", "show", "last")["data"], self.steps()))

    def test_a_made_id_is_no_other_s(self):
        self.begin()
        self.save("--id", "checkpoint-2")
        ids = {self.save() for _ in range(3)}
        self.assertEqual(3, len(ids - {"checkpoint-2"}))
        self.assertEqual(4, len(self.json("checkpoint", "list")))

    def test_ids_are_of_their_session(self):
        self.save_within("--id", "same", "--steps", "1", session="job")
        self.save_within("--id", "same", "--steps", "2", session="other")
        self.assertEqual((1, 2), (self.totals("job")["steps"], self.totals("other")["steps"]))

    def test_what_is_no_counter_is_refused(self):
        self.begin()
        for value in ("-1", "x", "1.5", "", " 1", "+1", "0x1", "1e3", str(LARGEST + 1), "9" * 30):
            for option in (["--steps", value], ["--session-steps", value], ["--usage", f"tokens={value}"]):
                self.refused(2, [value, "whole number"], "checkpoint", "save", *option)
        for usage in ("tokens", "=1", "-x=1", "a\nb=1", "x" * 129 + "=1", b"\xff=1"):
            self.refused(2, ["--usage"], "checkpoint", "save", "--usage", usage)
        self.refused(2, ["twice", "tokens"], "checkpoint", "save", "--usage", "tokens=1", "--usage", "tokens=2")
        self.refused(2, ["--session-steps"], "checkpoint", "save", "--steps", "1", "--session-steps", "1")
        for id in ("", "-x", "a\x1b[2J", "x" * 129, b"\xff"):
            self.refused(2, ["id of a checkpoint"], "checkpoint", "save", f"--id={id}" if isinstance(id, str) else b"--id=" + id)

    def test_a_total_that_cannot_be_counted_is_refused(self):
        self.save_within("--steps", str(LARGEST), "--usage", f"tokens={LARGEST}")
        self.refused(6, ["job", "steps"], "checkpoint", "save", "--steps", "1")
        self.refused(6, ["job", "tokens"], "checkpoint", "save", "--usage", "tokens=1")
        self.save("--steps", "0", "--usage", "tokens=0")
        self.assertEqual({"steps": LARGEST, "usage": {"tokens": LARGEST}}, self.totals())

    def test_the_event_says_what_was_saved(self):
        self.begin()
        self.save("--id", "a", "--steps", "3", "--usage", "tokens=5", "--data", "-", feed=b"1234")
        self.assertEqual({"id": "a", "steps": 3, "usage": {"tokens": 5}, "size": 4},
                         self.event("job", "checkpoint_saved")["data"])

    def test_of_twenty_at_once_none_is_lost(self):
        self.begin()
        workers = [self.start("-s", "job", "--", "supervise", "checkpoint", "save", "--steps", "2") for _ in range(20)]
        for worker in workers:
            self.assert_code(75, worker.finish(60))
        self.assertEqual(40, self.steps())

    def test_a_closed_session_takes_none_and_shows_what_it_has(self):
        self.begin()
        self.save("--id", "a", "--steps", "3")
        self.ok("session", "close", "job")
        self.refused(6, ["session job is closed"], "checkpoint", "save", "--session", "job", "--steps", "4")
        self.assertEqual(3, self.json("checkpoint", "show", "a", "--session", "job")["steps"])

    def test_inside_an_execution_a_session_begins_and_progress_is_noted(self):
        self.assert_code(75, self.run_supervise("--", "supervise", "checkpoint", "save", "--steps", "3"))
        row = self.row()
        self.assertTrue(row["drives"])
        self.assertIsNotNone(row["progress_at"])
        self.assertEqual(row["uid"], self.json("checkpoint", "list", "--session", row["session"])[0]["execution"])

    def test_without_a_ledger_there_is_no_session(self):
        for args in (["save"], ["list"], ["show", "a"]):
            self.assert_code(4, self.run_supervise("checkpoint", *args))
        self.assertFalse(self.db.exists())


class Data(Checkpoints):
    def test_it_comes_back_byte_for_byte(self):
        self.begin()
        file = self.work / "state"
        file.write_bytes(BYTES)
        self.save("--id", "bytes", "--data", str(file))
        self.save("--id", "text", "--data", "-", feed='{"page": 7}\0✓'.encode())
        raw = self.work / "raw"
        with raw.open("wb") as out:
            self.ok("checkpoint", "show", "bytes", "--raw", stdout=out)
        self.assertEqual(BYTES, raw.read_bytes())
        shown = self.json("checkpoint", "show", "bytes")
        self.assertEqual((BYTES, "base64", 256), (base64.b64decode(shown["data"]), shown["data_encoding"], shown["size"]))
        shown = self.json("checkpoint", "show", "text")
        self.assertEqual(('{"page": 7}\0✓', "utf-8"), (shown["data"], shown["data_encoding"]))
        fields = ["id", "session", "execution", "steps", "usage", "size", "created_at"]
        self.assertEqual(fields, list(self.json("checkpoint", "list")[0]))
        self.assertEqual([*fields, "data", "data_encoding"], list(shown))
        self.assertIn("256 bytes", self.ok("checkpoint", "show", "bytes").out)
        self.assertIn("256 bytes", self.ok("checkpoint", "list").out)
        self.save("--id", "none", "--steps", "1")
        self.assertIsNone(self.json("checkpoint", "show", "none")["data"])
        self.assertEqual("", self.ok("checkpoint", "show", "none", "--raw").out)
        self.assert_code(2, self.run_supervise("checkpoint", "show", "none", "--raw", "--json"))

    def test_what_cannot_be_saved_leaves_the_last_good_one(self):
        self.begin()
        self.config('[checkpoint]\nmax_size = "1KiB"\n')
        self.save("--id", "good", "--data", "-", feed=b"x" * 1024)
        save = ["checkpoint", "save", "--id", "good", "--data"]
        self.refused(7, ["stdin", "1KiB", "checkpoint.max_size"], *save, "-", feed=b"y" * 1025)
        self.refused(7, ["1KiB"], *save, "/dev/zero")
        self.refused(7, ["empty"], *save, "-", feed=b"")
        self.refused(7, ["empty"], *save, "/dev/null")
        self.refused(4, ["no such file"], *save, "nowhere")
        self.refused(1, ["cannot save", str(self.work)], *save, str(self.work))
        self.refused(1, ["cannot save stdin"], *save, "-", before=lambda: os.close(0))
        self.assertEqual("x" * 1024, self.json("checkpoint", "show", "good")["data"])

    def test_a_file_that_somebody_writes_to_is_not_saved_half(self):
        """A file in /proc has no size, and gives more than that."""
        self.begin()
        self.refused(7, ["its size is 0", "changed while it was read"], "checkpoint", "save", "--data", "/proc/self/status")

    def test_nothing_is_locked_while_the_data_comes(self):
        self.begin()
        read, write = os.pipe()
        slow = self.start("checkpoint", "save", "--id", "slow", "--data", "-", stdin=read)
        os.close(read)
        os.write(write, b"first ")
        self.save("--id", "quick", "--steps", "1")
        os.write(write, b"second")
        os.close(write)
        self.assert_code(0, slow.finish())
        self.assertEqual("first second", self.json("checkpoint", "show", "slow")["data"])
        self.assertEqual(["slow", "quick"], [row["id"] for row in self.json("checkpoint", "list")])

    def test_who_dies_while_saving_changes_nothing(self):
        self.begin()
        self.save("--id", "good", "--data", "-", feed=b"good")
        read, write = os.pipe()
        dying = self.start("checkpoint", "save", "--id", "good", "--data", "-", stdin=read)
        os.close(read)
        os.write(write, b"half")
        dying.kill(signal.SIGKILL)
        dying.finish()
        os.close(write)
        self.assertEqual("good", self.json("checkpoint", "show", "good")["data"])

    def test_another_session_s_and_an_unknown_one_are_told_apart(self):
        self.save_within("--id", "a", session="job")
        self.save_within("--id", "b", session="other")
        result = self.assert_code(4, self.run_supervise("checkpoint", "show", "b", "--session", "job"))
        self.assertIn("checkpoint b is of session other, not of session job", result.err)
        result = self.assert_code(4, self.run_supervise("checkpoint", "show", "c", "--session", "job"))
        self.assertIn('session job has no checkpoint "c"', result.err)


class Resume(Checkpoints):
    def setUp(self):
        super().setUp()
        self.begin()
        self.save("--id", "page-7", "--data", "-", feed=BYTES)

    def runtime_files(self):
        return [path for path in (self.dir / "run").rglob("*") if not path.is_dir()]

    def look(self, *args, code=75, **how):
        """What the command saw: mode, path, content."""
        with (self.work / "seen").open("wb") as out:
            result = self.assert_code(code, self.run_supervise(*args, "--", "sh", "-c", LOOK, stdout=out, **how))
        mode, path, content = (self.work / "seen").read_bytes().split(b"\n", 2)
        self.assertFalse(os.path.exists(path), "the file goes with the command")
        self.assertEqual([], self.runtime_files())
        return mode.split()[0], path.decode(), content, result

    def test_the_command_finds_the_data_in_a_file_of_its_own(self):
        mode, path, content, _ = self.look("-s", "job", "--resume-from", "page-7")
        self.assertEqual((b"600", BYTES), (mode, content))
        self.assertEqual(str(self.dir / "run" / "supervise"), os.path.dirname(path))
        self.assertEqual(0o700, stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode))

    def test_without_a_runtime_directory_another_private_one_serves(self):
        (self.dir / "run" / "supervise").mkdir(mode=0o755)
        mode, path, content, _ = self.look("-s", "job", "--resume-from", "page-7")
        self.assertTrue(path.startswith("/tmp/supervise-"), path)
        self.assertEqual((b"600", BYTES), (mode, content))

    def test_a_path_that_is_too_long_for_a_socket_serves(self):
        deep = self.dir / "run" / ("x" * 120)
        deep.mkdir(mode=0o700)
        _, path, content, _ = self.look("-s", "job", "--resume-from", "page-7", env={"XDG_RUNTIME_DIR": str(deep)})
        self.assertEqual((str(deep / "supervise"), BYTES), (os.path.dirname(path), content))

    def test_the_file_goes_however_the_command_ends(self):
        self.assert_code(127, self.run_supervise("-s", "job", "--resume-from", "page-7", "--", "no-such-command"))
        self.assertEqual([], self.runtime_files())
        running = self.start("-s", "job", "--resume-from", "page-7", "--", "sleep", "1000")
        self.running_row()
        self.assertEqual(1, len([path for path in self.runtime_files() if path.suffix == ".checkpoint"]))
        self.ok("cancel", "@last")
        running.finish()
        self.assertEqual([], self.runtime_files())

    def test_the_file_goes_before_anybody_can_see_the_end(self):
        os.mkfifo(self.work / "gate")
        self.config('[store]\nbusy_timeout = "30s"\n')
        running = self.start("-s", "job", "--resume-from", "page-7", "--", "sh", "-c", ": < gate")
        self.running_row()
        lock = self.lock()  # the end can't be written
        (self.work / "gate").write_text("")
        wait_for(lambda: [path.suffix for path in self.runtime_files()] == [".sock"], "the file to go", deadline=10)
        self.assertIsNone(running.process.poll())
        lock.close()
        self.assert_code(75, running.finish())

    def test_what_cannot_be_resumed_is_refused_before_anything_begins(self):
        self.save_within("--id", "theirs", session="other")
        before = len(self.rows())
        for args, words in (
                (["--resume-from", "page-7"], ["page-7", "--session"]),
                (["-s", "job", "--resume-from", "theirs"], ["checkpoint theirs is of session other, not of session job"]),
                (["-s", "job", "--resume-from", "page-8"], ['no checkpoint "page-8"']),
                (["-s", "new", "--resume-from", "page-7"], ["of session job, not of session new"]),
                (["-s", "job", "--resume-from", "./page-7"], ['no checkpoint "./page-7"'])):
            result = self.assert_code(125, self.run_supervise(*args, "--", "touch", "ran"))
            for word in words:
                self.assertIn(word, result.err)
        self.assertFalse((self.work / "ran").exists())
        self.assertEqual(before, len(self.rows()))
        self.assertEqual([], self.runtime_files())
        self.ok("session", "close", "job")
        self.assert_code(125, self.run_supervise("-s", "job", "--resume-from", "page-7", "--", "touch", "ran"))
        self.assertEqual([], self.runtime_files())

    def test_no_ledger_no_checkpoint_no_run(self):
        result = self.assert_code(125, self.run_supervise("--db", "/dev/null/none", "--no-ledger-ok", "-s", "job",
                                                          "--resume-from", "page-7", "--", "touch", "ran"))
        self.assertIn("/dev/null", result.err)
        self.assertFalse((self.work / "ran").exists())

    def test_of_an_outer_command_no_checkpoint_is_inherited(self):
        script = 'supervise -q -- sh -c \'echo "inner: $SUPERVISE_CHECKPOINT."\''
        result = self.run_supervise("-s", "job", "--resume-from", "page-7", "--", "sh", "-c", script)
        self.assertEqual("inner: .\n", result.out)

    def test_resume_goes_on_from_the_newest_with_data(self):
        self.assert_code(75, self.run_supervise("-s", "job", "--", "sh", "-c", LOOK + " | od -An -tx1"))
        self.save("--id", "page-8", "--data", "-", feed=b"eight\n")
        self.save("--id", "counters", "--steps", "3")
        result = self.assert_code(75, self.run_supervise("resume", "job"))
        self.assertIn("resuming #1 in session job from checkpoint page-8, attempt 2", result.err)
        self.assertIn("65 69 67 68 74 0a", result.out)
        self.assertEqual([], self.runtime_files())

    def test_data_that_was_cut_off_is_refused_and_the_last_whole_one_stands(self):
        self.by_hand = True
        self.save("--id", "page-8", "--data", "-", feed=b"eight")
        self.sql("UPDATE checkpoints SET data = substr(data, 1, 3) WHERE id = 'page-8'")
        result = self.assert_code(125, self.run_supervise("-s", "job", "--resume-from", "page-8", "--", "true"))
        self.assertIn("the data of checkpoint page-8 is cut off: 3 bytes of 5", result.err)
        self.assert_code(7, self.run_supervise("checkpoint", "show", "page-8"))
        self.assert_code(75, self.run_supervise("-s", "job", "--", "true"))
        self.assertIn("from checkpoint page-7", self.assert_code(75, self.run_supervise("resume", "job")).err)

    def test_what_drives_no_session_resumes_without(self):
        self.ok("--", "true")
        self.assertNotIn("checkpoint", self.ok("resume", "@last").err)


if __name__ == "__main__":
    unittest.main()
