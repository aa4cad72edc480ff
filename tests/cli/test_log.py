"""`log` shows what was kept, all of it and as it came: whole, followed, replayed, recorded; and says what is not there."""

import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import stat
import termios
import time
import unittest

from harness import Case, wait_for

INDEX_HEADER, INDEX_RECORD = 64, 40
HOUR = 3_600_000
WAIT_FOR_GO = "while [ ! -e go ]; do sleep 0.01; done"


class Log(Case):
    def run_script(self, script, *options, **how):
        return self.run_supervise("-q", *options, "--", "sh", "-c", script, **how)

    def bytes_of(self, *args):
        """What `log ARGS` writes to stdout, as bytes, and what it says."""
        running = self.start("log", *args)
        self.assert_code(0, running.finish())
        return bytes(running.collected["out"]), running.err

    def paths(self, ref="@last"):
        log = self.row(ref)["log"]
        return log, log.removesuffix(".log") + ".idx"

    def move_start(self, by):
        """As if the command had been started so many ms later (earlier) than it was."""
        self.sql("UPDATE executions SET started_at = started_at + ? WHERE id = (SELECT max(id) FROM executions)", by)


class Terminal:
    """A terminal of its own with a program in its foreground, as whoever sits before it has it."""

    def __init__(self, case, *args, **how):
        self.ours, theirs = pty.openpty()
        self.before = termios.tcgetattr(theirs)
        self.theirs = theirs  # held open, so that its settings can be asked for
        case.addCleanup(os.close, self.ours)
        case.addCleanup(os.close, theirs)
        self.shown = b""
        self.running = case.start(*args, stdin=theirs, stdout=theirs, stderr=theirs,
                                  before=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0), **how)

    def settings(self):
        return termios.tcgetattr(self.theirs)

    def take_in(self, seconds):
        if select.select([self.ours], [], [], seconds)[0]:
            self.shown += os.read(self.ours, 65536)

    def until(self, predicate, what):
        def look():
            self.take_in(0.02)
            return predicate()

        return wait_for(look, f"{what}; shown: {self.shown!r}")

    def wait_shown(self, text):
        return self.until(lambda: text in self.shown, f"{text!r} on the terminal")

    def type(self, text):
        os.write(self.ours, text)

    def end(self):
        """Its exit code (-N: signal N), once all that it wrote was taken in."""
        self.until(lambda: self.running.process.poll() is not None, "the end")
        while select.select([self.ours], [], [], 0)[0]:
            self.take_in(0)
        return self.running.process.returncode


class Whole(Log):
    def test_off_a_terminal_every_byte_is_as_it_was_written(self):
        self.run_script(r"printf '\000\377\033[2J\r\n\033[31mno end'")
        self.assertEqual((b"\x00\xff\x1b[2J\r\n\x1b[31mno end", ""), self.bytes_of("@last"))

    def test_on_a_terminal_colours_stay_and_every_other_control_is_made_visible(self):
        self.run_script(r"printf '\033[31mred\033[0m\a \033[2J\033]0;title\007 10%%\r20%%\n'")
        terminal = Terminal(self, "log", "@last")
        self.assertEqual(0, terminal.end())
        self.assertEqual(b"\x1b[31mred\x1b[0m\\x07 \\e[2J\\e]0;title\\x07 10%\\r20%\r\n", terminal.shown)

    def test_raw_is_raw_on_a_terminal_too(self):
        self.run_script(r"printf '\033[2J\007'")
        terminal = Terminal(self, "log", "--raw", "@last")
        self.assertEqual(0, terminal.end())
        self.assertEqual(b"\x1b[2J\x07", terminal.shown)

    def test_colours_go_with_color_never(self):
        self.run_script(r"printf '\033[31mred\033[0m\n'")
        terminal = Terminal(self, "log", "--color=never", "@last")
        self.assertEqual(0, terminal.end())
        self.assertEqual(b"red\r\n", terminal.shown)

    def test_one_stream_alone_and_the_last_lines_of_it(self):
        self.run_script("for i in 1 2 3; do echo out $i; echo err $i >&2; done")
        self.assertEqual(b"out 1\nout 2\nout 3\n", self.bytes_of("--stream=out", "@last")[0])
        self.assertEqual(b"err 1\nerr 2\nerr 3\n", self.bytes_of("--stream=err", "@last")[0])
        self.assertEqual(b"err 2\nerr 3\n", self.bytes_of("--stream=err", "--tail=2", "@last")[0])

    def test_tail_counts_lines_an_unfinished_one_too(self):
        self.run_script(r"printf '1\n2\n\n4\nlast'")
        for lines, wanted in ((0, b""), (1, b"last"), (2, b"4\nlast"), (3, b"\n4\nlast"), (99, b"1\n2\n\n4\nlast")):
            self.assertEqual(wanted, self.bytes_of("--tail", str(lines), "@last")[0])

    def test_timestamps_are_of_when_a_line_began(self):
        self.run_script("echo one; printf tw; echo o")
        row = self.row()
        lines = [line.split(" ", 1) for line in self.bytes_of("-t", "@last")[0].decode().splitlines()]
        self.assertEqual(["one", "two"], [text for _, text in lines])
        times = [time for time, _ in lines]
        self.assertEqual(sorted([row["started_at"], *times, row["finished_at"]]), [row["started_at"], *times, row["finished_at"]])

    def test_json_is_an_object_a_piece_with_its_stream_and_its_time(self):
        self.run_script(r"printf 'a\377\n'; echo b >&2")
        pieces = [json.loads(line) for line in self.bytes_of("--json", "@last")[0].splitlines()]
        self.assertEqual({("out", "a\ufffd\n"), ("err", "b\n")}, {(piece["stream"], piece["text"]) for piece in pieces})
        self.assertRegex(pieces[0]["at"], r"^\d{4}-\d\d-\d\dT[\d:.]{12}Z$")

    def test_what_cannot_be_had_together_is_refused(self):
        self.run_script("echo kept")
        for args in (["--raw", "--json"], ["-t", "--json"], ["-t", "--raw"], ["--replay", "-f"], ["--replay", "--tail=1"],
                     ["--replay", "-t"], ["--replay", "--json"], ["--asciicast=x", "-f"], ["--asciicast=x", "--tail=1"],
                     ["--asciicast=x", "-t"], ["--asciicast=x", "--json"], ["--asciicast=x", "--raw"],
                     ["--asciicast=x", "--replay"], ["--speed=2"], ["--idle-limit=2s"], ["--tail=-1"], ["--tail=x"],
                     *(["--replay", f"--speed={speed}"] for speed in ("0", "-1", "x", "", "1.2.3", "1e3", "0.0", "nan")),
                     ["--replay", "--idle-limit=2"]):
            with self.subTest(args):
                result = self.assert_code(2, self.run_supervise("log", *args, "@last"))
                self.assertEqual("", result.out)
                self.assertRegex(result.err, r"\Asupervise: [^\n]+\n\Z")
        self.assertFalse((self.work / "x").exists())


class Nothing(Log):
    def test_a_ref_that_is_none_is_4(self):
        self.run_script("echo kept")
        for ref in ("77", "no-such-name", "zzzzzzzz"):
            self.assert_code(4, self.run_supervise("log", ref))
            self.assert_code(4, self.run_supervise("log", "-f", ref))
            self.assert_code(4, self.run_supervise("log", "--asciicast=x", ref))
        self.assertFalse((self.work / "x").exists())

    def assert_nothing(self, said, *args):
        for more in ([], ["-f"], ["--replay"]):
            out, err = self.bytes_of(*more, *args)
            self.assertEqual(b"", out)
            self.assertRegex(err, said)

    def test_why_there_is_no_output_is_said(self):
        self.run_script("echo lost", "-n", "none", "--capture=none")
        self.assert_nothing("capture", "none")
        self.assert_code(127, self.run_supervise("-n", "missing", "--", "./missing"))
        self.assert_nothing("never ran", "missing")
        self.run_script("true", "-n", "quiet")
        self.assert_nothing("wrote none", "quiet")
        self.run_script("echo lost", "-n", "removed")
        os.unlink(self.paths("removed")[0])
        self.assert_nothing("removed", "removed")

    def test_a_log_that_is_no_regular_file_is_refused_and_nobody_waits(self):
        self.run_script("echo kept")
        log, _ = self.paths()
        os.unlink(log)
        os.mkfifo(log)
        self.assertIn(log, self.assert_code(1, self.run_supervise("log", "@last")).err)


class Damaged(Log):
    def setUp(self):
        super().setUp()
        # More than a record holds, so that there are several.
        self.run_script("seq 20000; echo end")
        self.log, self.index = self.paths()
        self.all = open(self.log, "rb").read()
        self.assertGreater(os.path.getsize(self.index), INDEX_HEADER + INDEX_RECORD)

    def test_with_half_an_index_all_is_shown_and_only_its_times_are_lost(self):
        os.truncate(self.index, INDEX_HEADER + INDEX_RECORD + 7)
        self.assertEqual((self.all, ""), self.bytes_of("@last"))
        lines = self.bytes_of("-t", "@last")[0].splitlines()
        self.assertRegex(lines[0], rb"^\d{4}-.*Z 1$")
        self.assertEqual(b"- end", lines[-1])

    def test_without_an_index_all_is_shown_with_a_warning(self):
        os.unlink(self.index)
        out, err = self.bytes_of("@last")
        self.assertEqual(self.all, out)
        self.assertIn("index", err)

    def test_the_index_of_another_log_is_not_believed(self):
        self.run_script("printf x", "-n", "other")
        shutil.copy(self.paths("other")[1], self.index)
        out, err = self.bytes_of("1")
        self.assertEqual(self.all, out)
        self.assertIn("index", err)

    def test_a_log_that_was_cut_off_is_shown_as_far_as_it_goes_and_the_rest_is_said(self):
        cut = len(self.all) // 2
        os.truncate(self.log, cut)
        out, err = self.bytes_of("@last")
        self.assertTrue(self.all.startswith(out))
        self.assertIn(f"{len(self.all) - len(out)} bytes of output are missing", err)

    def test_what_max_size_left_out_is_said_where_it_is_missing(self):
        self.config('[log]\nmax_size = "64KiB"\n')
        wanted = "".join(f"{i}\n" for i in range(1, 60001)).encode()
        self.run_script("seq 60000", "-n", "long")
        out, err = self.bytes_of("long")
        missing = int(re.search(r"(\d+) bytes of output are missing", err)[1])
        self.assertEqual(len(wanted), len(out) + missing)
        head = len(os.path.commonprefix([wanted, out]))
        self.assertEqual(wanted[head + missing:], out[head:])
        self.assertGreater(head, 16 * 1024)
        events = self.bytes_of("--json", "long")[0].splitlines()
        self.assertEqual([{"gap": missing}], [event for event in map(json.loads, events) if "gap" in event])
        cast = [json.loads(line) for line in self.bytes_of("--asciicast=-", "long")[0].splitlines()]
        self.assertEqual([f"{missing} bytes of output are missing here"], [event[2] for event in cast[1:] if event[1] == "m"])
        terminal = Terminal(self, "log", "long")
        self.assertEqual(0, terminal.end())
        self.assertIn(f"\n[{missing} bytes of output are missing here]\r\n".encode(), terminal.shown)


class Followed(Log):
    def wait_row(self, name):
        return wait_for(lambda: self.db.exists() and any(row["name"] == name for row in self.rows()), name)

    def assert_goes_on(self, follower):
        """It doesn't end within a time in which it would have seen that it has to."""
        with self.assertRaises(AssertionError):
            wait_for(lambda: follower.process.poll() is not None, "its end", deadline=0.5)

    def test_followers_of_a_fast_writer_miss_nothing_however_it_ends(self):
        wanted = "".join(f"{i}\n" for i in range(1, 30001)) + "last"
        self.run_script("true")
        for number in range(12):
            name = f"fast-{number}"
            ends = ("", "; kill -9 $$")[number % 2]
            running = self.start("-q", "-n", name, "--", "sh", "-c", f"seq 30000; printf last{ends}")
            self.wait_row(name)
            followers = [self.start("log", "-f", name) for _ in range(2)]
            self.assertEqual(wanted, running.finish().out)
            for follower in followers:
                self.assert_code(0, follower.finish())
                self.assertEqual(wanted, follower.out)

    def test_a_follower_sees_what_comes_before_the_end_and_ends_with_it(self):
        running = self.start("-n", "job", "--", "sh", "-c", f"echo one; printf part; {WAIT_FOR_GO}; echo ed")
        running.wait_out("part")
        follower, late = self.start("log", "-f", "job"), self.start("log", "-f", "--tail=1", "job")
        follower.wait_out("one\npart")
        late.wait_out("part")
        self.assertIsNone(follower.process.poll())
        (self.work / "go").touch()
        running.finish()
        for watcher, wanted in ((follower, "one\nparted\n"), (late, "parted\n")):
            self.assert_code(0, watcher.finish())
            self.assertEqual(wanted, watcher.out)

    def test_a_slow_follower_gets_all_and_holds_nobody_up(self):
        running = self.start("-q", "-n", "job", "--", "sh", "-c", f"echo begun; {WAIT_FOR_GO}; seq 300000")
        running.wait_out("begun")
        follower = self.start("log", "-f", "job")
        follower.wait_out("begun")
        (self.work / "go").touch()
        self.assert_code(0, running.finish())  # nobody reads what the follower writes
        self.assert_code(0, follower.finish())
        self.assertEqual(running.out, follower.out)

    def test_a_follower_that_was_outrun_says_what_it_missed(self):
        self.config('[log]\nmax_size = "64KiB"\n')
        running = self.start("-q", "-n", "job", "--", "sh", "-c", f"echo begun; {WAIT_FOR_GO}; seq 300000")
        running.wait_out("begun")
        follower = self.start("log", "-f", "job")
        follower.wait_out("begun")
        (self.work / "go").touch()
        self.assert_code(0, running.finish())
        self.assert_code(0, follower.finish())
        missing = sum(int(number) for number in re.findall(r"(\d+) bytes of output are missing", follower.err))
        self.assertGreater(missing, 0)
        self.assertEqual(len(running.out), len(follower.out) + missing)
        self.assertTrue(follower.out.endswith("299999\n300000\n"))

    def test_what_is_said_after_its_session_was_closed_is_followed_to_the_end(self):
        script = f"trap '{WAIT_FOR_GO}; echo bye; exit 0' TERM; echo begun; while :; do sleep 0.01; done"
        running = self.start("-q", "-n", "job", "--session", "work", "--kill-after=20s", "--", "sh", "-c", script)
        running.wait_out("begun")
        follower = self.start("log", "-f", "--stream=out", "job")
        follower.wait_out("begun")
        self.ok("session", "close", "work", "--abort")
        self.assertEqual("session-closed", self.row("job")["reason"])
        self.assert_goes_on(follower)
        (self.work / "go").touch()
        running.finish()
        self.assert_code(0, follower.finish())
        self.assertEqual("begun\nbye\n", follower.out)

    def test_one_that_is_queued_is_followed_once_it_runs(self):
        self.by_hand = True
        self.run_script("true")
        log = self.work / "queued.log"
        log.write_text("ran\n")
        self.sql("INSERT INTO executions (uid, name, command, queued_at) VALUES (?, 'job', '[\"x\"]', 1000)", "q" * 20)
        self.assertIn("queued", self.bytes_of("job")[1])
        follower = self.start("log", "-f", "job")
        self.assert_goes_on(follower)
        self.sql("UPDATE executions SET started_at = 2000, log = ? WHERE name = 'job'", str(log))
        follower.wait_out("ran\n")
        with open(log, "a") as file:
            file.write("end\n")
        self.sql("UPDATE executions SET finished_at = 3000, exit_code = 0 WHERE name = 'job'")
        self.sql("INSERT INTO events (at, type, execution) VALUES (3000, 'execution_finished', ?)", "q" * 20)
        self.assert_code(0, follower.finish())
        self.assertEqual("ran\nend\n", follower.out)

    def test_a_log_that_is_removed_under_a_follower_ends_with_the_command(self):
        running = self.start("-q", "-n", "job", "--", "sh", "-c", f"echo one; {WAIT_FOR_GO}; echo two")
        running.wait_out("one\n")
        follower = self.start("log", "-f", "job")
        follower.wait_out("one\n")
        os.unlink(self.paths("job")[0])
        late = self.start("log", "-f", "job")
        (self.work / "go").touch()
        running.finish()
        self.assert_code(0, follower.finish())
        self.assertEqual("one\ntwo\n", follower.out)
        self.assertIn("removed", self.assert_code(0, late.finish()).err)

    def test_interrupt_ends_a_follower(self):
        running = self.start("-q", "-n", "job", "--", "sh", "-c", f"echo one; {WAIT_FOR_GO}")
        running.wait_out("one\n")
        follower = self.start("log", "-f", "job")
        follower.wait_out("one\n")
        follower.kill(signal.SIGINT)
        self.assertEqual(-signal.SIGINT, follower.finish().code)
        (self.work / "go").touch()
        self.assert_code(0, running.finish())


class Lost(Log):
    rows_finish = False  # nobody settles what has lost its supervisor here

    def test_a_follower_of_one_that_lost_its_supervisor_ends_and_says_so(self):
        running = self.start("-n", "job", "--", "sh", "-c", f"echo one; {WAIT_FOR_GO}")
        running.wait_out("one\n")
        follower = self.start("log", "-f", "job")
        follower.wait_out("one\n")
        running.kill(signal.SIGKILL)
        result = self.assert_code(0, follower.finish())
        self.assertEqual("one\n", result.out)
        self.assertIn("supervisor", result.err)
        (self.work / "go").touch()
        running.finish()


class Replayed(Log):
    PAUSED = r"printf '\000\377A'; sleep 0.5; echo err >&2"
    LONG = ("--replay", "--speed=0.0001")  # half a second is more than an hour

    def seconds(self, *args):
        since = time.monotonic()
        out, _ = self.bytes_of(*args)
        return time.monotonic() - since, out

    def test_every_byte_comes_again_at_its_time(self):
        self.run_script(self.PAUSED)
        took, out = self.seconds("--replay", "@last")
        self.assertEqual(b"\x00\xffAerr\n", out)
        self.assertGreaterEqual(took, 0.49)
        took, out = self.seconds("--replay", "--speed=0.5", "@last")
        self.assertGreaterEqual(took, 0.98)
        self.assertEqual(b"\x00\xffAerr\n", out)

    def test_one_stream_comes_at_its_time_too(self):
        self.run_script(self.PAUSED)
        took, out = self.seconds("--replay", "--stream=err", "@last")
        self.assertEqual(b"err\n", out)
        self.assertGreaterEqual(took, 0.49)

    def test_faster_and_with_shorter_pauses(self):
        """An hour before the first byte, which nobody waits for."""
        self.run_script(self.PAUSED)
        self.move_start(-HOUR)
        for options in (["--speed=100000"], ["--speed", "99999.5"], ["--idle-limit=10ms"]):
            self.assertEqual(b"\x00\xffAerr\n", self.seconds("--replay", *options, "@last")[1])
        waiting = self.start("log", "--replay", "--idle-limit=0", "@last")
        with self.assertRaises(AssertionError):
            waiting.until(lambda: waiting.out or waiting.process.poll() is not None, "output", deadline=0.3)
        waiting.kill(signal.SIGTERM)
        self.assertEqual(-signal.SIGTERM, waiting.finish().code)

    def test_what_has_no_time_is_shown_at_once(self):
        self.run_script(self.PAUSED)
        self.move_start(-HOUR)
        os.unlink(self.paths()[1])
        out, err = self.bytes_of("--replay", "@last")
        self.assertEqual(b"\x00\xffAerr\n", out)
        self.assertIn("index", err)

    def test_a_clock_that_was_set_back_takes_no_time(self):
        self.run_script("echo A")
        self.move_start(HOUR)
        self.assertEqual(b"A\n", self.bytes_of("--replay", "@last")[0])

    def test_gaps_are_said(self):
        self.config('[log]\nmax_size = "64KiB"\n')
        self.run_script("seq 60000")
        out, err = self.bytes_of("--replay", "@last")
        self.assertEqual(self.bytes_of("@last")[0], out)
        self.assertRegex(err, r"\Asupervise: \d+ bytes of output are missing here\n\Z")

    def test_a_reader_that_goes_away_ends_it_in_the_middle_of_a_pause(self):
        self.run_script(self.PAUSED)
        self.move_start(HOUR)
        replay = self.start("log", *self.LONG, "@last")
        replay.wait_out("A")
        replay.close("out")
        self.assertEqual(-signal.SIGPIPE, replay.finish().code)

    def test_the_interrupt_key_ends_it_and_the_terminal_is_as_it_was(self):
        self.run_script(r"printf '\033[?1049h\033[?25l\033[?2004h\033[31mscreen'; sleep 0.5; echo more")
        self.move_start(HOUR)
        terminal = Terminal(self, "log", *self.LONG, "@last")
        terminal.wait_shown(b"screen")
        self.assertFalse(terminal.settings()[3] & termios.ECHO, "what the terminal answers is not shown")
        terminal.type(b"\x1b[?62;c\x03")
        self.assertEqual(-signal.SIGINT, terminal.end())
        after = terminal.shown.partition(b"screen")[2]
        self.assertEqual({b"\x1b[0m", b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?2004l"}, set(re.findall(rb"\x1b\[[?0-9]+[a-z]", after)))
        self.assertNotIn(b"more", after)
        self.assertNotIn(b"62;c", after)
        self.assertEqual(terminal.before, terminal.settings())

    def test_a_whole_replay_on_a_terminal_is_raw_and_leaves_it_as_it_was(self):
        self.run_script(r"printf '\033[2J\033[31mred\007'")
        terminal = Terminal(self, "log", "--replay", "@last")
        self.assertEqual(0, terminal.end())
        self.assertEqual(b"\x1b[2J\x1b[31mred\x07\x1b[0m", terminal.shown)
        self.assertEqual(terminal.before, terminal.settings())

    def test_what_the_terminal_answers_is_not_left_for_whoever_reads_it_next(self):
        self.run_script(r"printf '\033[c'; sleep 0.3; printf end")
        self.move_start(HOUR)
        terminal = Terminal(self, "log", "--replay", "--speed=0.1", "@last")
        terminal.wait_shown(b"\x1b[c")
        terminal.type(b"\x1b[?62;c\n")
        wait_for(lambda: select.select([terminal.theirs], [], [], 0)[0], "the answer")
        self.assertEqual(0, terminal.end())
        self.assertEqual(b"\x1b[cend", terminal.shown)
        self.assertEqual([], select.select([terminal.theirs], [], [], 0)[0])


class Recorded(Log):
    def cast(self, *args):
        """The header and the events of a recording."""
        lines = self.bytes_of("--asciicast=-", *args)[0].decode().splitlines()
        header, *events = (json.loads(line) for line in lines)
        return header, events

    def test_it_is_a_header_and_what_came_when(self):
        self.run_script(r"printf 'h\303'; sleep 0.5; printf '\251\033[31m\377\n\000'", "-n", "job")
        header, events = self.cast("job")
        row = self.row("job")
        self.assertEqual((2, 80, 24), (header["version"], header["width"], header["height"]))
        started = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(header["timestamp"]))
        self.assertEqual(row["started_at"][:19], started)
        self.assertIn("sh -c ", header["title"])
        self.assertEqual({"version", "width", "height", "timestamp", "title"}, set(header))
        self.assertEqual("hé\x1b[31m\ufffd\r\n\0", "".join(text for _, _, text in events))
        self.assertEqual({"o"}, {kind for _, kind, _ in events})
        times = [at for at, _, _ in events]
        self.assertEqual(sorted(times), times)
        self.assertLess(times[0], times[1] - 0.49)

    def test_a_known_window_is_told_and_what_a_terminal_was_sent_stays_as_it_was(self):
        self.run_script("echo one")
        self.sql("""UPDATE executions SET facts = json_patch(facts, '{"rows": 50, "columns": 132, "capture": "pty"}')""")
        header, events = self.cast("@last")
        self.assertEqual((132, 50), (header["width"], header["height"]))
        self.assertEqual("one\n", events[0][2])

    def test_one_stream_alone(self):
        self.run_script("echo out; echo err >&2")
        self.assertEqual(["err\r\n"], [text for _, _, text in self.cast("--stream=err", "@last")[1]])

    def test_the_file_is_private_and_takes_the_place_of_an_older_one(self):
        self.run_script("echo kept")
        path = self.work / "it.cast"
        path.write_text("old")
        path.chmod(0o644)
        result = self.ok("log", "--asciicast", "it.cast", "@last")
        self.assertEqual(("", ""), (result.out, result.err))
        self.assertEqual(self.bytes_of("--asciicast=-", "@last")[0], path.read_bytes())
        self.assertEqual(0o600, stat.S_IMODE(path.stat().st_mode))
        self.assertEqual([path], list(self.work.iterdir()))

    def test_without_output_it_is_a_header_and_why_is_said(self):
        self.run_script("true")
        result = self.ok("log", "--asciicast=it.cast", "@last")
        self.assertIn("wrote none", result.err)
        self.assertEqual(1, len((self.work / "it.cast").read_text().splitlines()))

    def test_a_file_that_cannot_be_written_is_an_error_and_the_old_one_stays(self):
        self.run_script("echo kept")
        self.assertIn("no/it.cast", self.assert_code(1, self.run_supervise("log", "--asciicast=no/it.cast", "@last")).err)
        log, index = self.paths()
        (self.work / "it.cast").write_text("old")
        os.unlink(log)
        os.mkfifo(log)
        self.assert_code(1, self.run_supervise("log", "--asciicast=it.cast", "@last"))
        self.assertEqual("old", (self.work / "it.cast").read_text())
        self.assertEqual(["it.cast"], os.listdir(self.work))


if __name__ == "__main__":
    unittest.main()
