"""What a command says by sd_notify(3), to us and through us, the watchdog, and the place of the socket."""

import os
import pathlib
import select
import shutil
import signal
import socket
import time
import unittest

from harness import BIN, PATIENCE, Case, probe, requires_root, state_of, wait_for

SYSTEMD_NOTIFY = shutil.which("systemd-notify")
MESSAGE_MAX = 4096
NOBODY = 65534
SECOND = 1_000_000  # in microseconds

# Lives by its watchdog: signs of life at half the interval, so many of them.
PINGS = """
import os, socket, sys, time
client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
client.connect(os.environ["NOTIFY_SOCKET"])
assert int(os.environ["WATCHDOG_PID"]) == os.getpid()
for _ in range(int(sys.argv[1])):
    time.sleep(int(os.environ["WATCHDOG_USEC"]) / 2e6)
    client.send(b"WATCHDOG=1")
"""

# More senders than anybody can read from.
FLOOD = 'for i in 1 2 3 4 5 6; do "$1" --times 1000000000 STATUS=x & all="$all $!"; done;'


class Notified(Case):
    """A command in flight, and a sender beside it: the socket asks for the user only."""

    def begin(self, *options, **how):
        ends = [word for end in ("TERM=0", "USR1=0", "USR2=3") for word in ("--exit", end)]
        self.running = self.start(*options, "--", probe("ready"), *ends, **how)
        self.child = self.running.ready()
        self.uid = self.running_row()["uid"]
        self.path = self.sql("SELECT socket FROM executions WHERE uid = ?", self.uid)[0][0]
        self.client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.client.close)
        self.client.connect(self.path)

    def tell(self, *messages):
        """Sends them, and returns when they have been dealt with."""
        for message in messages:
            self.client.send(message if isinstance(message, bytes) else message.encode())
        self.barrier()

    def barrier(self, message=b"BARRIER=1", count=1):
        """What sd_notify_barrier(3) does: the other end of a pipe goes along, and comes to its end when it is closed."""
        reading, writing = os.pipe()
        with open(reading, "rb", buffering=0) as answer:
            socket.send_fds(self.client, [message], [writing] * count)
            os.close(writing)
            self.assertTrue(select.select([answer], [], [], PATIENCE)[0], "the barrier is answered")
            self.assertEqual(b"", answer.read(1))

    def finish(self, code=0, number=signal.SIGUSR1):
        self.running.kill(number)
        self.assert_code(code, self.running.finish())

    def said(self, kind="execution_status", ref=None):
        return [event["data"] for event in self.events(ref or self.uid) if event["type"] == kind]


class Saying(Notified):
    def test_ready_is_recorded_once(self):
        self.begin()
        self.tell("READY=1")
        self.assertEqual([{}], self.said("execution_ready"), "while it runs")
        self.tell("READY=1", "STATUS=x\nREADY=1")
        self.finish()
        self.assertEqual([{}], self.said("execution_ready"))

    def test_the_status_is_shown_while_it_runs_and_recorded(self):
        self.begin()
        self.tell("STATUS=120 of 400 files")
        self.assertEqual("120 of 400 files", self.row()["status_text"])
        self.assertEqual("120 of 400 files", self.json("list")[0]["status_text"])
        self.assertIn("120 of 400 files", self.ok("list").out)
        self.assertIn("120 of 400 files", self.ok("status", "@last").out)
        self.tell("STATUS=all of them")
        self.finish()
        self.assertEqual("all of them", self.row()["status_text"])
        self.assertEqual([{"status": "120 of 400 files"}, {"status": "all of them"}], self.said())

    def test_a_status_that_stands_there_already_is_no_news_and_an_empty_one_takes_it_back(self):
        self.begin()
        self.tell("STATUS=same", "STATUS=same", "STATUS=same\nWATCHDOG=1")
        self.assertEqual([{"status": "same"}], self.said())
        self.tell("STATUS=")
        self.assertIsNone(self.row()["status_text"])
        self.finish()
        self.assertEqual([{"status": "same"}, {"status": ""}], self.said())

    def test_a_status_of_any_bytes_becomes_utf8_and_no_longer_than_a_message(self):
        self.begin()
        self.tell(b"STATUS=caf\xc3\xa9 \xff\x1b[2J")
        self.assertEqual("café \ufffd\x1b[2J", self.row()["status_text"])
        self.assertNotIn("\x1b", self.ok("status", "@last").out)
        self.tell(b"STATUS=" + b"\xff" * (MESSAGE_MAX - 7))
        long = self.row()["status_text"]
        self.assertEqual({"\ufffd"}, set(long))
        self.assertGreater(len(long.encode()), 3900)
        self.assertLessEqual(len(long.encode()), 4000)
        self.finish()

    def test_stopping_errno_and_exit_status_are_recorded_and_prove_nothing(self):
        self.begin()
        self.tell("STOPPING=1\nERRNO=2", "ERRNO=2\nEXIT_STATUS=9", "STOPPING=1", "ERRNO=-1\nEXIT_STATUS=256")
        self.finish()
        self.assertEqual([{"stopping": True, "errno": 2}, {"exit_status": 9}], self.said())
        self.assert_end(self.row(), "success", "exit", exit_code=0)

    def test_ready_is_no_evidence_against_a_failure(self):
        self.begin()
        self.tell("READY=1\nSTATUS=all is well\nEXIT_STATUS=0")
        self.finish(3, signal.SIGUSR2)
        self.assert_end(self.row(), "failed", "exit", exit_code=3)

    def test_what_is_no_message_changes_nothing(self):
        self.begin()
        self.tell("STATUS=before")
        before = self.row()
        for bad in (b"", b"garbage", b"\0READY=1", bytes(range(256)), b"=1\n=\n", b"READY", b"STATUS",
                    b"STATUS=" + b"x" * MESSAGE_MAX, b"READY=1\n" + b"X=" * 32768, b"BARRIER=1\nSTATUS=mixed\nREADY=1"):
            self.tell(bad)
        self.tell("X_FOO=1\nMAINPID=1\nRELOADING=1\nX_SUPERVISE_STEP=x")
        self.assertEqual(["before"], [data["status"] for data in self.said()])
        self.assertEqual([], self.said("execution_ready"))
        self.assertEqual(before["status_text"], self.row()["status_text"])
        self.finish()

    def test_a_message_of_exactly_the_size_that_systemd_takes_is_taken(self):
        self.begin()
        tail = b"\nREADY=1"
        self.tell(b"STATUS=" + b"x" * (MESSAGE_MAX - 7 - len(tail)) + tail)
        self.assertEqual([{}], self.said("execution_ready"))
        self.finish()

    @requires_root
    def test_a_message_of_another_user_is_dropped(self):
        self.begin()
        child = os.fork()
        if child == 0:
            try:
                os.setuid(NOBODY)
                self.client.send(b"STATUS=theirs\nREADY=1\nWATCHDOG=trigger")
                os._exit(0)
            finally:
                os._exit(1)
        self.assertEqual(0, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), "it was sent")
        self.tell("ERRNO=1")
        self.finish()
        self.assertEqual([{"errno": 1}], self.said())
        self.assertEqual([], self.said("execution_ready"))

    @requires_root
    def test_root_may_speak_to_anybodys(self):
        for path in [self.dir, *self.dir.iterdir()]:
            path.chmod(0o755)
        for name in ("state", "run", "work", "home"):
            os.chown(self.dir / name, NOBODY, NOBODY)
        (self.dir / "run").chmod(0o700)

        def become_nobody():
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)

        program = shutil.copy(BIN, self.dir / "bin" / "copy")
        ready = shutil.copy(probe("ready"), self.dir / "bin" / "ready")
        running = self.start("--", ready, "--exit", "USR1=0", program=program, before=become_nobody)
        running.ready()
        path = self.dir / "run" / "supervise"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.sendto(b"STATUS=from root", str(next(path.glob("*.sock"))))
        running.kill(signal.SIGUSR1)
        self.assert_code(0, running.finish())
        listed = self.run_program(program, "list", "--json", before=become_nobody)
        self.assertIn('"from root"', self.assert_code(0, listed).out)

    def test_a_message_is_activity_and_a_wake_or_garbage_is_none(self):
        self.begin("--idle-timeout", "1s")
        began = time.monotonic()
        while time.monotonic() - began < 2:
            self.tell("X_FOO=1")
            time.sleep(0.02)
        silent = time.monotonic()
        while self.running.process.poll() is None and time.monotonic() - silent < PATIENCE:
            try:
                self.client.send(b"X_SUPERVISE_WAKE=1", socket.MSG_DONTWAIT)
                self.client.send(b"garbage", socket.MSG_DONTWAIT)
            except OSError:
                pass  # its queue is full, or it has gone
            time.sleep(0.02)
        self.assertIsNotNone(self.running.process.poll(), "it is over while they still come")
        self.assert_code(124, self.running.finish())

    def test_a_wake_works_beside_other_words(self):
        self.by_hand = True
        self.begin()
        self.sql("UPDATE executions SET stopped_by = 'cancel', cancel_requested_at = started_at")
        self.tell("STATUS=last words\nX_SUPERVISE_WAKE=1")
        self.assert_code(143, self.running.finish())
        self.assertEqual("last words", self.row()["status_text"])

    def test_every_barrier_is_answered_after_what_came_before(self):
        self.begin()
        for count in (1, 2, 10):
            self.client.send(f"STATUS=before {count}".encode())
            self.barrier(count=count)
            self.assertEqual(f"before {count}", self.row()["status_text"])
        self.barrier(b"BARRIER=1\nSTATUS=mixed")
        self.barrier(b"STATUS=with a descriptor")
        self.assertEqual("with a descriptor", self.row()["status_text"])
        self.client.send(b"BARRIER=1")
        self.tell("STATUS=still there")
        self.assertEqual([], [fd for fd in os.listdir(f"/proc/{self.running.pid}/fd")
                              if "pipe:" in os.readlink(f"/proc/{self.running.pid}/fd/{fd}")
                              and os.stat(f"/proc/{self.running.pid}/fd/{fd}").st_mode & 0o222 == 0o222])
        self.finish()

    @unittest.skipUnless(SYSTEMD_NOTIFY, "no systemd-notify here: apt-get install systemd")
    def test_systemd_notify_is_served(self):
        script = """
            systemd-notify --ready --status="half of it" || exit 1
            supervise status @last --json >while
            systemd-notify --status="all of it" || exit 2
            systemd-notify WATCHDOG_USEC=60000000 STOPPING=1 || exit 3
        """
        self.ok("--", "sh", "-c", script)
        self.assertIn('"half of it"', (self.work / "while").read_text(), "it stands there when systemd-notify returns")
        self.assertEqual([{}], self.said("execution_ready", "@last"))
        self.assertEqual([{"status": "half of it"}, {"status": "all of it"}, {"stopping": True}], self.said(ref="@last"))


class Floods(Notified):
    def test_a_flood_is_written_a_few_times_a_second_and_its_last_word_stands(self):
        began = time.monotonic()
        self.ok("--", probe("notify"), "--times", "300000", "STATUS=number")
        seconds = time.monotonic() - began
        self.assertEqual("number 300000", self.row()["status_text"])
        said = self.said(ref="@last")
        self.assertEqual({"status": "number 300000"}, said[-1])
        self.assertLessEqual(len(said), 5 * (seconds + 1) + 1)

    def test_a_flood_starves_nothing(self):
        running = self.start("--", "sh", "-c", f'{FLOOD} echo up; read line; echo "got $line"; kill $all', "sh",
                             probe("notify"), stdin=(pipe := os.pipe())[0])
        os.close(pipe[0])
        running.wait_out("up")
        wait_for(lambda: self.running_row()["status_text"], "the flood")
        os.write(pipe[1], b"it\n")
        os.close(pipe[1])
        running.wait_out("got it")
        self.assert_code(0, running.finish())

    def test_a_cancel_gets_through_a_flood(self):
        running = self.start("--", "sh", "-c", f"{FLOOD} wait", "sh", probe("notify"))
        wait_for(lambda: self.db.exists() and self.rows() and self.rows()[0]["status_text"], "the flood")
        since = time.monotonic()
        self.ok("cancel", "@last")
        self.assert_code(143, running.finish())
        self.assertLess(time.monotonic() - since, 25, "and not at the next heartbeat")

    def test_what_is_said_in_the_last_moment_is_recorded(self):
        for turn in range(100):
            with self.subTest(turn=turn):
                self.ok("--", probe("notify"), "READY=1", f"STATUS=turn {turn}", "ERRNO=5")
        rows = self.rows()
        self.assertEqual([f"turn {turn}" for turn in range(100)], [row["status_text"] for row in rows])
        events = self.events()
        self.assertEqual(100, sum(event["type"] == "execution_ready" for event in events))
        self.assertEqual(100, sum(event["data"].get("errno") == 5 for event in events))

    @requires_root
    def test_all_that_waits_when_the_end_is_seen_is_still_read(self):
        """More of it than is read at one go; in a network name space of its own such a queue may be long."""
        long_queue = 'echo 4000 >/proc/sys/net/unix/max_dgram_qlen && exec "$@"'
        if self.run_program("/usr/bin/unshare", "--net", "/bin/sh", "-c", long_queue, "sh", "true").code != 0:
            self.skipTest("no network name space may be made here")
        self.begin("--net", "/bin/sh", "-c", long_queue, "sh", BIN, "--capture=none", program="/usr/bin/unshare")
        os.kill(self.running.pid, signal.SIGSTOP)
        wait_for(lambda: state_of(self.running.pid) == "T", "the wrapper to be stopped")
        for number in range(1500):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
                client.sendto(b"STATUS=%d" % number, self.path)
        os.kill(self.child, signal.SIGUSR1)
        wait_for(lambda: state_of(self.child) == "Z", "the end of the child")
        os.kill(self.running.pid, signal.SIGCONT)
        self.assert_code(0, self.running.finish())
        self.assertEqual("1499", self.row()["status_text"])

    def test_a_ledger_that_is_busy_blocks_nothing_and_gets_it_later(self):
        self.begin()
        holder = self.lock()
        self.tell("READY=1\nSTATUS=meanwhile")
        self.running.kill(signal.SIGRTMIN)
        self.running.wait_out("RT34 1\n")
        holder.close()
        wait_for(lambda: self.row()["status_text"] == "meanwhile", "it to be tried again")
        holder = self.lock()
        since = time.monotonic()
        for count in range(2, 7):
            self.tell(f"STATUS=meanwhile {count}")
            self.running.kill(signal.SIGRTMIN)
            self.running.wait_out(f"RT34 {count}\n")
        self.assertLess(time.monotonic() - since, 10)
        holder.close()
        wait_for(lambda: self.row()["status_text"] == "meanwhile 6", "the latest")
        self.assertEqual([{}], self.said("execution_ready"))
        self.finish()

    def test_what_could_not_be_written_goes_to_the_spool_with_the_end(self):
        self.config('[store]\nbusy_timeout = "200ms"\n')
        self.begin()
        holder = self.lock()
        self.tell("READY=1\nSTATUS=last words\nERRNO=7\nSTOPPING=1\nEXIT_STATUS=8")
        self.running.kill(signal.SIGUSR1)
        result = self.assert_code(0, self.running.finish())
        self.assertIn("spool", result.err)
        holder.close()
        self.ok("session", "begin", "A")
        row = self.assert_end(self.row(self.uid), "success", "exit")
        self.assertEqual("last words", row["status_text"])
        self.assertEqual([{}], self.said("execution_ready"))
        self.assertEqual([{"status": "last words", "stopping": True, "errno": 7, "exit_status": 8}], self.said())

    def test_without_a_ledger_it_is_heard_too(self):
        self.ledger_dir.mkdir(mode=0o700)
        (self.ledger_dir / "supervise.db").mkdir()
        listener = Above(self)
        self.assert_code(124, self.run_supervise(
            "--no-ledger-ok", "--watchdog", "1h", "--", "sh", "-c", '"$0" READY=1 WATCHDOG=trigger; exec sleep 1000',
            probe("notify"), env=listener.env))
        self.assertEqual([b"READY=1\n"], listener.messages())
        (self.ledger_dir / "supervise.db").rmdir()


class Watchdog(Notified):
    def struck(self, interval_ms, code=124):
        self.assert_code(code, self.running.finish())
        row = self.assert_end(self.row(self.uid), "failed", "deadline", exit_code=-5, stopped_by="deadline")
        event = self.event(self.uid, "execution_deadline")
        self.assertEqual({"deadline": "watchdog", "threshold_ms": interval_ms}, event["data"])
        return row

    def struck_at(self):
        """Wall seconds."""
        return self.sql("SELECT at FROM events WHERE type = 'execution_deadline'")[0][0] / 1000

    def environment(self, *options, **how):
        out = self.ok(*options, "--", "/bin/sh", "-c", "echo $$; env", **how).out.replace("\r", "")
        pid, *lines = out.splitlines()
        return pid, dict(line.split("=", 1) for line in lines if "=" in line)

    def test_the_child_is_told_how_often_and_that_it_is_meant(self):
        for capture in ("pipe", "pty", "none"):
            with self.subTest(capture=capture):
                pid, environment = self.environment("--watchdog", "1h", f"--capture={capture}")
                self.assertEqual(str(3600 * SECOND), environment["WATCHDOG_USEC"])
                self.assertEqual(pid, environment["WATCHDOG_PID"])

    def test_what_was_meant_for_us_is_not_passed_on(self):
        for other in ("$$", "1"):
            script = f'export WATCHDOG_USEC=5 WATCHDOG_PID={other} NOTIFY_SOCKET=/x; exec supervise "$@"'
            for options in ([], ["--watchdog", "0"]):
                out = self.assert_code(0, self.shell(script, *options, "--", "env")).out
                self.assertNotIn("WATCHDOG", out)
                self.assertIn(f"NOTIFY_SOCKET={self.dir}/run/supervise/", out)
        out = self.shell('export LISTEN_PID=$$ LISTEN_FDS=0; exec supervise --watchdog 1h -- sh -c \'echo $$; env\'').out
        self.assertIn(f"LISTEN_PID={out.split()[0]}\n", out, "the one beside it is rewritten as ever")
        self.assertIn(f"WATCHDOG_PID={out.split()[0]}\n", out)

    def test_one_that_gives_signs_of_life_is_left_alone(self):
        self.ok("--watchdog", "2s", "--", "/usr/bin/python3", "-c", PINGS, "3")
        self.assert_end(self.row(), "success", "exit", stopped_by=None)

    def test_one_that_gives_none_is_ended(self):
        self.begin("--watchdog", "1s")
        row = self.struck(1000)
        self.assertIn("no WATCHDOG=1 for 1s", row["explanation"])
        self.assert_code(124, self.run_supervise("wait", self.uid))

    def test_one_that_stops_giving_them_is_ended_that_long_after_the_last(self):
        self.begin("--watchdog", "2s")
        time.sleep(0.5)
        last = time.time()
        self.tell("WATCHDOG=1")
        self.struck(2000)
        self.assertGreaterEqual(self.struck_at() - last, 1.9)

    def test_the_time_counts_anew_with_the_first_ready(self):
        self.begin("--watchdog", "2s")
        time.sleep(0.5)
        last = time.time()
        self.tell("READY=1")
        self.tell("STATUS=a status is no sign of life")
        self.struck(2000)
        self.assertGreaterEqual(self.struck_at() - last, 1.9)

    def test_a_trigger_ends_it_with_or_without_a_watchdog(self):
        for options in ([], ["--watchdog", "1h"]):
            with self.subTest(options=options):
                self.begin(*options)
                self.client.send(b"STATUS=internal error\nWATCHDOG=1\nWATCHDOG=trigger")
                row = self.struck(0)
                self.assertIn("WATCHDOG=trigger", row["explanation"])
                self.assertEqual("internal error", row["status_text"])
                types = [event["type"] for event in self.events(self.uid)]
                self.assertLess(types.index("execution_status"), types.index("execution_deadline"))

    def test_the_child_may_change_the_interval_begin_and_end_it(self):
        self.begin("--watchdog", "1h")
        self.tell("WATCHDOG_USEC=700001")
        self.struck(701)
        self.begin()
        self.tell("WATCHDOG_USEC=500000")
        self.struck(500)
        self.begin("--watchdog", "2s")
        self.tell("WATCHDOG_USEC=0")
        time.sleep(2.2)
        self.finish()

    def test_a_child_that_exits_before_its_trigger_is_read_has_exited(self):
        self.ok("--keep-stragglers", "--", probe("notify"), "STATUS=bye")
        self.assert_end(self.row(), "success", "exit", stopped_by=None)

    def test_it_does_not_strike_while_both_are_stopped(self):
        self.begin("--watchdog", "1s", group=True)
        os.kill(self.running.pid, signal.SIGTSTP)
        wait_for(lambda: state_of(self.running.pid) == "T" and state_of(self.child) == "T", "both to be stopped")
        time.sleep(1.2)
        continued = time.time()
        os.kill(self.running.pid, signal.SIGCONT)
        self.struck(1000)
        self.assertGreaterEqual(self.struck_at() - continued, 0.95)

    def test_a_supervisor_that_was_held_up_looks_what_has_come_before_it_strikes(self):
        self.begin("--watchdog", "2s")
        os.kill(self.running.pid, signal.SIGSTOP)
        time.sleep(2.2)
        self.client.send(b"WATCHDOG_USEC=0")
        os.kill(self.running.pid, signal.SIGCONT)
        self.barrier()
        self.finish()

    def test_more_time_puts_off_the_timeout_and_the_watchdog_and_has_to_be_asked_for_again(self):
        for option in ("--timeout", "--watchdog"):
            with self.subTest(option=option):
                self.begin(option, "2s")
                asked = time.time()
                self.tell(f"EXTEND_TIMEOUT_USEC={3 * SECOND}")
                self.tell("EXTEND_TIMEOUT_USEC=1", "EXTEND_TIMEOUT_USEC=-5", "EXTEND_TIMEOUT_USEC=0")
                self.assert_code(124, self.running.finish())
                at = self.sql("SELECT at FROM events WHERE type = 'execution_deadline' AND execution = ?", self.uid)
                self.assertGreaterEqual(at[0][0] / 1000 - asked, 2.9)
                self.assertLess(at[0][0] / 1000 - asked, 2.9 + PATIENCE)
                self.assertEqual(2000, self.event(self.uid, "execution_deadline")["data"]["threshold_ms"])

    def test_more_time_makes_no_deadline_where_there_is_none(self):
        self.begin("--idle-timeout", "1h")
        self.tell("EXTEND_TIMEOUT_USEC=1")
        self.tell("STATUS=on and on")
        self.finish()
        self.assert_end(self.row(), "success", "exit", stopped_by=None)

    def test_a_length_that_is_none_is_refused(self):
        for bad in ("5", "x", "-1s", ""):
            self.assert_code(125, self.run_supervise("--watchdog", bad, "--", "touch", "spawned"))
        self.assertFalse((self.work / "spawned").exists())
        self.assertFalse(self.db.exists())


class Above:
    """Who started us, as a service manager would: a NOTIFY_SOCKET of its own."""

    def __init__(self, case, address=None):
        self.case = case
        self.address = address or str(case.dir / "above")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.address.replace("@", "\0", 1))
        self.socket.setblocking(False)
        case.addCleanup(self.socket.close)
        self.env = {"NOTIFY_SOCKET": self.address}

    def messages(self):
        """What waits."""
        found = []
        while True:
            try:
                found.append(self.socket.recv(1 << 16))
            except BlockingIOError:
                return found

    def fill(self):
        """Nothing more goes in. Returns how many are in it."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.connect(self.address)
            client.setblocking(False)
            for count in range(100000):
                try:
                    client.send(b"FILL=1")
                except BlockingIOError:
                    return count
        raise AssertionError("its queue has no end")


class Relay(Notified):
    def test_ready_status_and_stopping_go_on_and_nothing_else(self):
        for address in (None, f"@supervise-test-{os.getpid()}"):
            with self.subTest(address=address):
                above = Above(self, address)
                self.begin(env=above.env)
                self.tell("READY=1", b"STATUS=caf\xe9 1", "WATCHDOG=1\nERRNO=3\nEXTEND_TIMEOUT_USEC=1\nMAINPID=1\nX_FOO=1",
                          "READY=1\nSTATUS=two", "STOPPING=1", "STOPPING=1")
                self.assertEqual([b"READY=1\n", "STATUS=caf\ufffd 1\n".encode(), b"STATUS=two\n", b"STOPPING=1\n"],
                                 above.messages())
                self.finish()
                self.assertEqual([], above.messages())

    def test_ready_comes_before_stopping_in_messages_of_their_own(self):
        above = Above(self)
        self.ok("--", probe("notify"), "STOPPING=1\nREADY=1\nSTATUS=x", env=above.env)
        self.assertEqual([b"READY=1\nSTATUS=x\n", b"STOPPING=1\n"], above.messages())

    def test_the_last_words_go_on_too(self):
        above = Above(self)
        for turn in range(20):
            self.ok("--", probe("notify"), "READY=1", f"STATUS=turn {turn}", env=above.env)
            self.assertIn(f"STATUS=turn {turn}\n".encode(), b"".join(above.messages()))

    def test_a_flood_goes_on_a_few_times_a_second(self):
        above = Above(self)
        self.begin("--timeout", "1h", env=above.env)
        for number in range(2000):
            self.client.send(b"STATUS=%d" % number)
        self.tell("READY=1")
        messages = above.messages()
        self.assertIn(b"READY=1\nSTATUS=1999\n", messages, "the ready takes the latest status along")
        self.assertLess(len(messages), 100)
        self.finish()

    def test_one_who_does_not_read_holds_nothing_up_and_gets_the_latest_when_it_does(self):
        above = Above(self)
        filled = above.fill()
        self.begin(env=above.env)
        self.tell("READY=1", "STATUS=one", "STATUS=two")
        self.assertEqual(filled, len(above.messages()))
        said = []
        wait_for(lambda: said.extend(above.messages()) or said, "what was said meanwhile")
        self.assertEqual([b"READY=1\nSTATUS=two\n"], said)
        above.fill()
        self.tell("STOPPING=1")
        self.finish()

    def test_one_who_is_not_there_harms_nothing(self):
        for address in (f"{self.dir}/nobody", "/" + "x" * 200, "vsock:2:1234", "relative", "", "@", "/"):
            with self.subTest(address=address):
                self.ok("--", probe("notify"), "READY=1\nSTATUS=x\nSTOPPING=1", env={"NOTIFY_SOCKET": address})
                self.assertEqual("x", self.row()["status_text"])

    def test_it_goes_on_through_a_supervise_around_it(self):
        above = Above(self)
        self.ok("-n", "outer", "--", "supervise", "-n", "inner", "--", probe("notify"), "READY=1\nSTATUS=deep\nERRNO=4",
                env=above.env)
        for name in ("outer", "inner"):
            self.assertEqual("deep", self.row(name)["status_text"])
            self.assertEqual([{}], self.said("execution_ready", name))
        self.assertEqual([{"status": "deep"}], self.said(ref="outer"))
        self.assertEqual([b"READY=1\nSTATUS=deep\n"], above.messages())


class Place(Case):
    def place(self, **how):
        """Where the socket stands, and what is said on stderr."""
        result = self.ok("--", "sh", "-c", 'stat -c "%a %n" "$NOTIFY_SOCKET" "${NOTIFY_SOCKET%/*}"', **how)
        modes = [line.split() for line in result.out.splitlines()]
        self.assertEqual(["600", "700"], [mode for mode, _ in modes])
        self.assertFalse(os.path.exists(modes[0][1]), "it goes with us")
        self.assertNotIn("cannot", result.err)
        return pathlib.Path(modes[1][1])

    def assert_below_tmp(self, **how):
        self.assertRegex(str(self.place(**how)), rf"^/tmp/supervise-({os.geteuid()}|\w{{6}})$")

    def test_it_stands_in_a_directory_of_its_own_in_the_runtime_directory(self):
        self.assertEqual(self.dir / "run" / "supervise", self.place())
        self.assertEqual(self.dir / "run" / "supervise", self.place(), "one that is there is used again")

    def test_the_umask_takes_nothing_from_it(self):
        self.assertEqual(self.dir / "run" / "supervise", self.place(before=lambda: os.umask(0o777)))
        shutil.rmtree(self.dir / "run" / "supervise")
        self.assertEqual(self.dir / "run" / "supervise", self.place(before=lambda: os.umask(0)))
        result = self.ok("--", "sh", "-c", "umask", before=lambda: os.umask(0o137))
        self.assertEqual("0137\n", result.out, "the command's own is as it was")

    def test_a_runtime_directory_that_cannot_serve_is_passed_over(self):
        wide = self.dir / "wide"
        wide.mkdir()
        wide.chmod(0o777)
        (self.dir / "file").write_text("")
        (self.dir / "link").symlink_to(self.dir / "run")
        long = self.dir / ("x" * 90)
        long.mkdir(mode=0o700)
        for value in (None, "", "relative", "/nowhere/at/all", str(self.dir / "file"), str(self.dir / "link"), str(wide),
                      str(long)):
            with self.subTest(value=value):
                self.assert_below_tmp(env={"XDG_RUNTIME_DIR": value})
        self.assertEqual([], [*wide.iterdir(), *long.iterdir()], "nothing is left there")

    def test_what_stands_in_the_way_is_left_alone(self):
        place, elsewhere = self.dir / "run" / "supervise", self.dir / "elsewhere"
        elsewhere.mkdir(mode=0o700)

        def directory(mode):
            place.mkdir()
            place.chmod(mode)

        for name, make in {"a file": lambda: place.write_text("theirs"), "a link": lambda: place.symlink_to(elsewhere),
                           "a link to nowhere": lambda: place.symlink_to("nowhere"), "a fifo": lambda: os.mkfifo(place),
                           "a wide directory": lambda: directory(0o755), "a writable one": lambda: directory(0o722)}.items():
            with self.subTest(name):
                make()
                before = place.lstat()
                self.assert_below_tmp()
                after = place.lstat()
                self.assertEqual((before.st_ino, before.st_mode), (after.st_ino, after.st_mode))
                self.assertEqual([], list(elsewhere.iterdir()))
                if place.is_dir() and not place.is_symlink():
                    place.rmdir()
                else:
                    place.unlink()

    @requires_root
    def test_anothers_directory_is_not_used(self):
        place = self.dir / "run" / "supervise"
        place.mkdir(mode=0o700)
        os.chown(place, NOBODY, NOBODY)
        self.assert_below_tmp()
        self.assertEqual([], list(place.iterdir()))
        place.rmdir()
        os.chown(self.dir / "run", NOBODY, NOBODY)
        self.assert_below_tmp()
        self.assertEqual([], list((self.dir / "run").iterdir()))

    def mounted(self, script):
        """In a name space of its own, where the directories below /tmp may be covered."""
        result = self.run_program("/usr/bin/unshare", "--mount", "/bin/sh", "-c", script, env={"XDG_RUNTIME_DIR": None})
        if result.code == 99 or "unshare" in result.err:
            self.skipTest("no file system may be mounted here")
        return result

    @requires_root
    def test_where_the_directory_below_tmp_is_taken_too_one_is_made_for_it_alone(self):
        own = f"/tmp/supervise-{os.geteuid()}"
        result = self.mounted(f"""
            mkdir -m 700 -p {own} && mount -t tmpfs -o mode=777 squat {own} || exit 99
            supervise -- sh -c 'echo "$NOTIFY_SOCKET"; stat -c %a "${{NOTIFY_SOCKET%/*}}"'
        """)
        path, mode = self.assert_code(0, result).out.split()
        self.assertRegex(path, r"^/tmp/supervise-\w{6}/\w+\.sock$")
        self.assertEqual("700", mode)
        self.assertFalse(os.path.exists(os.path.dirname(path)), "it goes with its socket")

    @requires_root
    def test_where_no_place_has_it_we_run_without_and_say_so(self):
        result = self.mounted(f"""
            mount --bind {self.dir} {self.dir} && mount --rbind /tmp /tmp && mount -o remount,bind,ro /tmp || exit 99
            NOTIFY_SOCKET=/x WATCHDOG_USEC=1 supervise --watchdog 200ms -- sh -c 'sleep 0.5; env | grep -E "NOTIFY|WATCHDOG"; exit 3'
        """)
        self.assert_code(3, result)
        self.assertEqual("", result.out)
        self.assertIn("cannot make a socket", result.err)
        self.assertIn("no watchdog", result.err)
        self.assertEqual([(None,)], self.sql("SELECT socket FROM executions"))


if __name__ == "__main__":
    unittest.main()
