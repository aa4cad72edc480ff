"""The daemon: it may be killed, doubled, upgraded or lose its ledger at any moment; whatever is queued runs exactly once."""

import os
import pathlib
import signal
import socket
import time
import unittest

from harness import alive, number_in, state_of, wait_for
from queueing import QueueCase

BROKEN = "[queue\n"


class Starting(QueueCase):
    def test_slots_are_filled_and_no_more(self):
        self.queue_settings(slots=3)
        for number in range(5):
            self.add("--", "sh", "-c", f"echo $$ >begun-{number}; until test -e go; do sleep 0.02; done")
        self.daemon()
        for number in range(3):
            number_in(self.work / f"begun-{number}")
        self.assertIn("waits for a slot: 3 of 3 are taken", self.row("4")["explanation"])
        self.assertEqual([4, 5], self.queued())
        self.assertFalse((self.work / "begun-3").exists())
        (self.work / "go").touch()
        self.assertEqual({"success"}, {row["outcome"] for row in self.all_ended()})

    def test_one_at_a_time_one_after_another(self):
        for number in range(10):
            self.add("--", "sh", "-c", "mkdir alone && rmdir alone")
        self.assertEqual({"success"}, {row["outcome"] for row in self.drain()})

    def test_what_is_queued_while_it_runs_is_started(self):
        self.daemon()
        for _ in range(3):
            self.add("--", "true")
            self.all_ended()

    def test_each_is_a_session_of_its_own_with_nothing_of_the_daemons(self):
        reading, writing = os.pipe()
        os.set_inheritable(writing, True)
        inode = os.fstat(reading).st_ino
        self.add("--", "sh", "-c", "ls -l /proc/$PPID/fd /proc/self/fd; ps -o sid= -p $PPID >sid; ps -o pid= -p $PPID >pid")
        daemon = self.daemon("--until-idle", keep_fds=True)
        os.close(writing)
        self.assertEqual("", daemon.finish().out)
        self.assertEqual(b"", os.read(reading, 1), "nobody holds the pipe")
        os.close(reading)
        self.assertNotIn(f"pipe:[{inode}]", self.ok("log", "1").out)
        self.assertEqual((self.work / "sid").read_text(), (self.work / "pid").read_text())
        self.assertTrue(self.row()["log"])
        self.assertEqual("", daemon.err)

    def test_its_ended_wrappers_leave_no_zombies(self):
        daemon = self.daemon()
        for _ in range(3):
            self.add("--", "true")
        self.all_ended()

        def children():
            found = pathlib.Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split()
            return [pid for pid in found if state_of(pid)]

        wait_for(lambda: not children(), "no child, dead or alive")

    def test_what_is_written_while_all_slots_are_taken_hardly_wakes_it(self):
        daemon = self.daemon()
        self.add("--", "sh", "-c", "echo $$ >begun; until test -e go; do sleep 0.02; done")
        number_in(self.work / "begun")

        def times_woken():
            status = pathlib.Path(f"/proc/{daemon.pid}/status").read_text()
            return int(status.split("\nvoluntary_ctxt_switches:")[1].split()[0])

        before, since = times_woken(), time.monotonic()
        for number in range(50):
            self.add("--", "true")
        woken, took = times_woken() - before, time.monotonic() - since
        self.assertLess(woken, 20 + 20 * took, f"each of the 50 is written in more than ten pages; {took} s")
        (self.work / "go").touch()
        self.assertEqual({"success"}, {row["outcome"] for row in self.all_ended()})

    def test_what_waited_for_a_failure_is_cancelled_while_all_slots_are_taken(self):
        self.daemon()
        self.add("--", "sh", "-c", "echo $$ >begun; until test -e go; do sleep 0.02; done")
        number_in(self.work / "begun")
        first = self.start("--", "sh", "-c", "until test -e fail; do sleep 0.02; done; exit 3")
        wait_for(lambda: len(self.rows()) == 2, "the one that is to fail")
        self.add("--after", "2", "--", "true")
        (self.work / "fail").touch()
        self.assertEqual(3, first.finish().code)
        wait_for(lambda: self.row("3")["outcome"] == "cancelled", "the end of what waited")
        self.assertEqual("running", self.row("1")["state"])
        (self.work / "go").touch()
        self.all_ended()

    def test_once_sweeps_starts_what_is_due_and_returns(self):
        self.queue_settings(slots=2)
        for number in range(3):
            self.add("--", "sh", "-c", f"echo $$ >begun-{number}; until test -e go; do sleep 0.02; done")
        self.assert_code(0, self.run_supervise("daemon", "--once"))
        self.assertEqual(["running", "running", "queued"], [row["state"] for row in self.rows()])
        self.assert_code(0, self.run_supervise("daemon", "--once"))
        self.assertEqual([3], self.queued(), "no slot is free")
        (self.work / "go").touch()
        wait_for(lambda: [row["state"] for row in self.rows()][:2] == ["finished"] * 2, "the end of both")
        self.assert_code(0, self.run_supervise("daemon", "--once"))
        self.all_ended()

    def test_what_it_starts_has_its_umask(self):
        self.add("--", "sh", "-c", "umask >mask")
        self.ok("daemon", "--once", before=lambda: os.umask(0o027))
        self.all_ended()
        self.assertEqual("0027\n", (self.work / "mask").read_text())

    def test_once_beside_a_daemon_only_sweeps(self):
        daemon = self.daemon()
        self.add("--", "true")
        self.all_ended()
        self.ok("queue", "pause")
        self.add("--", "true")
        self.assertIn(f"process {daemon.pid}", self.ok("daemon", "--once").err)
        self.ok("queue", "resume")
        self.all_ended()


class OneAtATime(QueueCase):
    def test_a_second_one_is_refused_and_told_who_has_it(self):
        daemon = self.daemon()
        wait_for(lambda: self.daemon_pid() == daemon.pid, "the lock")
        self.assertIn(f"process {daemon.pid} is", self.assert_code(6, self.run_supervise("daemon")).err)
        other = self.dir / "linked.db"
        other.symlink_to(self.db)
        self.assertIn(str(daemon.pid), self.assert_code(6, self.run_supervise("--db", str(other), "daemon")).err)
        daemon.kill(signal.SIGKILL)
        daemon.finish()
        self.daemon("--until-idle").finish()

    def test_many_at_once_make_one(self):
        for _ in range(6):
            self.add("--", "sh", "-c", "mkdir alone && rmdir alone && echo x >>ran")
        daemons = [self.daemon("--until-idle") for _ in range(6)]
        codes = [daemon.finish().code for daemon in daemons]
        self.all_ended()
        self.assertLessEqual(set(codes), {0, 6})
        self.assertIn(0, codes)
        self.assertEqual("x\n" * 6, (self.work / "ran").read_text())


class Dying(QueueCase):
    def test_killed_again_and_again_each_runs_exactly_once(self):
        self.queue_settings(slots=2)
        count = 60
        for number in range(count):
            self.add("--", "sh", "-c", f"echo {number} >>ran")
        for part in range(1, 5):
            daemon = self.daemon()
            wait_for(lambda: sum(row["state"] == "finished" for row in self.rows()) >= part * 10, "some of them")
            daemon.kill(signal.SIGKILL)
            daemon.finish()
        self.daemon("--until-idle").finish()
        self.assertEqual({"success"}, {row["outcome"] for row in self.all_ended()})
        ran = sorted(map(int, (self.work / "ran").read_text().split()))
        self.assertEqual(list(range(count)), ran)

    def test_what_runs_goes_on_without_it_and_the_next_one_counts_it(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            with self.subTest(number):
                for file in self.work.iterdir():
                    file.unlink()
                self.add("--", "sh", "-c", "echo $$ >begun; until test -e go; do sleep 0.02; done; exit 3")
                waiting = self.add("--", "true")
                daemon = self.daemon()
                child = number_in(self.work / "begun")
                daemon.kill(number)
                daemon.finish()
                self.assertTrue(alive(child))
                after = self.daemon("--until-idle")
                wait_for(lambda: "waits for a slot" in self.row(waiting)["explanation"], "the next daemon")
                (self.work / "go").touch()
                after.finish()
                failed, succeeded = self.rows()[-2:]
                self.assert_end(failed, "failed", "exit", exit_code=3)
                self.assert_end(succeeded, "success", "exit")
                self.assertGreaterEqual(succeeded["started_at"], failed["finished_at"])

    def test_a_wrapper_that_was_killed_holds_no_slot(self):
        self.rows_finish = False  # the killed one's end is for a sweep to say
        self.add("-n", "killed", "--", "sh", "-c", "echo $$ >begun; exec sleep 100")
        daemon = self.daemon()
        child = number_in(self.work / "begun")
        daemon.kill(signal.SIGKILL)
        daemon.finish()
        os.kill(self.running_row(name="killed")["supervisor_pid"], signal.SIGKILL)
        os.kill(child, signal.SIGKILL)
        self.add("-n", "next", "--", "true")
        self.daemon()
        wait_for(lambda: self.row("next")["outcome"] == "success", "the next")

    def test_one_with_settings_that_are_wrong_never_starts_and_says_why(self):
        (self.work / "broken").mkdir()
        first = self.add("--", "touch", self.work / "ran", cwd=self.work / "broken")
        second = self.add("--after", first, "--", "true")
        (self.work / "broken" / "supervise.toml").write_text(BROKEN)
        self.assertIn("supervise.toml:1", self.daemon("--until-idle").finish().err)
        row = self.assert_end(self.row(first), "failed", "spawn", exit_code=-1, started_at=None)
        self.assertIn("supervise.toml:1", row["explanation"])
        self.assertIn("supervise.toml:1", row["notes"][0])
        self.assert_end(self.row(second), "cancelled", "cancelled")
        self.assertEqual([(0,)], self.sql("SELECT count(*) FROM queue"))
        self.assertFalse((self.work / "ran").exists())

    def test_one_that_cannot_begin_waits_and_others_go_on(self):
        config = self.work / "own.toml"
        config.write_text("[queue]\nautostart = false\n")
        first = self.add("--config", str(config), "--", "true")
        config.unlink()  # it may come back
        second = self.add("--", "true")
        daemon = self.daemon()
        wait_for(lambda: self.row(second)["state"] == "finished", "the other")
        daemon.wait_err("ended before it began")
        self.assertIn("own.toml", daemon.err)
        self.assertEqual("queued", self.row(first)["state"])
        self.assertLess(daemon.err.count("ended before it began"), 3, "it is not tried all the time")
        config.touch()
        self.assertEqual({"success"}, {row["outcome"] for row in self.all_ended()})


class Autostart(QueueCase):
    def setUp(self):
        super().setUp()
        self.queue_settings(autostart=True)

    def ended(self):
        wait_for(lambda: not self.daemon_pid(), "the end of the daemon")

    def test_add_starts_one_that_ends_when_idle(self):
        self.queue_settings(autostart=True, idle="1h")
        result = self.ok("queue", "add", "--", "true")
        self.assertNotIn("daemon", result.err)
        self.all_ended()
        pid = self.daemon_pid()
        self.assertEqual("/", os.readlink(f"/proc/{pid}/cwd"))
        self.assertEqual(pid, os.getsid(pid))
        self.assertEqual("/dev/null", os.readlink(f"/proc/{pid}/fd/1"))
        self.assertEqual(str(self.ledger_dir / "daemon.log"), os.readlink(f"/proc/{pid}/fd/2"))
        self.ok("queue", "add", "--", "true")
        self.all_ended()
        self.assertEqual(pid, self.daemon_pid(), "the same one")
        os.kill(pid, signal.SIGTERM)
        self.ended()
        self.queue_settings(autostart=True)
        self.ok("queue", "add", "--", "true")
        self.all_ended()
        self.ended()
        self.assertEqual("", (self.ledger_dir / "daemon.log").read_text())

    def test_it_has_the_settings_of_the_project_it_is_started_in(self):
        (self.work / "supervise.toml").write_text("[queue]\nslots = 2\nidle = '1h'\nautostart = true\n")
        for number in range(2):
            self.ok("queue", "add", "--", "sh", "-c", f"echo $$ >begun-{number}; until test -e go; do sleep 0.02; done")
        for number in range(2):
            number_in(self.work / f"begun-{number}")
        (self.work / "go").touch()
        self.all_ended()

    def test_no_wakeup_is_lost_as_it_ends(self):
        self.queue_settings(autostart=True, idle="1ms")
        for _ in range(40):
            self.assert_code(0, self.run_supervise("wait", self.add("--", "true")))

    def test_it_holds_no_pipe_of_its_caller(self):
        self.queue_settings(autostart=True, idle="1h")
        self.assert_code(0, self.shell('uid=$(supervise queue add -- true 2>&1); supervise wait @last'), "the shell saw the end")

    def test_retry_and_resume_start_one_too(self):
        self.ok("queue", "pause")
        self.ok("queue", "add", "--", "false")
        self.assertIsNone(self.daemon_pid())
        self.ok("queue", "resume")
        self.assert_code(1, self.run_supervise("wait", "1"))
        self.ended()
        self.ok("queue", "retry", "1")
        self.assert_code(1, self.run_supervise("wait", "2"))
        self.ended()

    def test_one_started_inside_a_command_outlives_it(self):
        """And so does what it starts: neither is part of the command's tree."""
        self.queue_settings(autostart=True, idle="1h")
        self.ok("-n", "outer", "--", "supervise", "queue", "add", "-n", "inner", "--", "sh", "-c",
                "echo $$ >begun; until test -e go; do sleep 0.02; done")
        self.assertEqual([], [event for event in self.events("outer") if event["type"] == "stragglers_killed"])
        pid = self.daemon_pid()
        self.assertTrue(pid)
        self.assertNotIn(b"SUPERVISE_EXECUTION_UID", pathlib.Path(f"/proc/{pid}/environ").read_bytes())
        number_in(self.work / "begun")
        (self.work / "go").touch()
        self.assertEqual(["success"] * 2, [row["outcome"] for row in self.all_ended()])

    def test_one_that_a_command_starts_in_its_background_is_no_part_of_it(self):
        for capture in ("pipe", "none"):
            with self.subTest(capture):
                outer = self.start("-n", "outer", f"--capture={capture}", "--", "sh", "-c",
                                   "supervise daemon >/dev/null 2>&1 & echo $! >begun; exec sleep 100")
                pid = number_in(self.work / "begun")
                wait_for(lambda: self.daemon_pid() == pid, "the daemon")
                if capture == "none":
                    row = self.running_row(name="outer")
                    outer.kill(signal.SIGKILL)
                    outer.process.wait()
                    self.assertTrue(alive(row["pid"]))
                self.assert_code(0, self.run_supervise("cancel", "outer"))
                wait_for(lambda: self.row("outer")["state"] == "finished", "the end of the command")
                outer.finish()
                self.ok("queue", "add", "-n", f"after-{capture}", "--", "true")
                wait_for(lambda: self.row(f"after-{capture}")["outcome"] == "success", "what the daemon starts")
                self.assertEqual(pid, self.daemon_pid())
                self.end_daemon()
                (self.work / "begun").unlink()

    def test_what_it_has_to_say_is_kept(self):
        self.queue_settings(autostart=True, idle="1h")
        config = self.work / "own.toml"
        config.touch()
        self.ok("queue", "pause")
        self.add("--config", str(config), "--", "true")
        config.unlink()
        self.ok("queue", "resume")
        log = self.ledger_dir / "daemon.log"
        wait_for(lambda: log.exists() and "ended before it began" in log.read_text(), "the warning")
        self.assertEqual(0o600, log.stat().st_mode & 0o777)
        self.ok("queue", "remove", "1")


class Ledger(QueueCase):
    def test_a_lock_is_sat_out(self):
        uid = self.add("--", "true")
        holder = self.lock()
        daemon = self.daemon()
        wait_for(lambda: self.daemon_pid() == daemon.pid, "the daemon")
        self.assertEqual("queued", self.row(uid)["state"])
        holder.close()
        self.all_ended()

    def test_a_sweep_that_a_lock_prevents_is_done_once_it_has_gone(self):
        self.rows_finish = False  # nobody but that sweep would end it
        lost = self.start("-n", "lost", "--", "sleep", "100")
        row = self.running_row(name="lost")
        for pid in (lost.pid, row["pid"]):
            os.kill(pid, signal.SIGKILL)
        lost.process.wait()
        wait_for(lambda: not alive(row["pid"]), "the end of the command")
        holder = self.lock()
        daemon = self.daemon()
        daemon.wait_err("it is tried again")
        holder.close()
        wait_for(lambda: self.row("lost")["outcome"] == "failed", "the sweep")
        self.assertIsNone(daemon.process.poll())

    def test_what_others_find_without_supervisor_is_watched_and_after_a_new_start_too(self):
        self.rows_finish = False
        daemon = self.daemon()
        wait_for(lambda: self.daemon_pid() == daemon.pid, "the daemon")
        for name in ("found", "gone"):
            lost = self.start("-n", name, "--capture=none", "--", "sleep", "100")
            row = self.running_row(name=name)
            lost.kill(signal.SIGKILL)
            lost.process.wait()
            if name == "gone":
                aside = self.dir / "aside"
                os.rename(self.ledger_dir, aside)
                daemon.wait_err("No such file")
                os.rename(aside, self.ledger_dir)
                daemon.wait_err("can be used again")
            else:
                self.ok("sweep")
            wait_for(lambda: len([1 for fd in pathlib.Path(f"/proc/{daemon.pid}/fd").iterdir() if os.readlink(fd) == "anon_inode:[pidfd]"]),
                     "a watch")
            os.kill(row["pid"], signal.SIGKILL)
            wait_for(lambda: self.row(name)["outcome"] == "failed", "its end", 10)
            self.assertIn("was seen to end at", str(self.row(name)["notes"]))

    def test_one_that_goes_and_comes_back_is_found_again(self):
        daemon = self.daemon()
        self.add("--", "true")
        self.all_ended()
        aside = self.dir / "aside"
        os.rename(self.ledger_dir, aside)
        daemon.wait_err("No such file")
        self.assertEqual(1, daemon.err.count("No such file"), "said once")
        self.assertFalse(self.ledger_dir.exists(), "nothing is made in its place")
        os.rename(aside, self.ledger_dir)
        daemon.wait_err("can be used again")
        self.add("--", "true")
        self.all_ended()
        self.assertIsNone(daemon.process.poll())

    def test_a_new_one_in_its_place_is_taken_up(self):
        daemon = self.daemon()
        self.add("--", "true")
        self.all_ended()
        os.rename(self.ledger_dir, self.dir / "aside")
        self.add("-n", "new", "--", "true")
        wait_for(lambda: self.row("new")["outcome"] == "success", "the one in the new ledger")
        self.assertIsNone(daemon.process.poll())
        self.assertEqual(daemon.pid, self.daemon_pid())

    def test_no_ledger_is_no_trouble_at_the_start(self):
        daemon = self.daemon()
        wait_for(lambda: self.db.exists(), "the ledger")
        self.add("--", "true")
        self.all_ended()
        daemon.kill(signal.SIGINT)
        self.assertEqual((0, "", ""), tuple(daemon.finish()))


class Manager(QueueCase):
    def test_it_says_when_it_is_ready_and_when_it_ends(self):
        path = self.dir / "notify"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(listener.close)
        listener.bind(str(path))
        listener.settimeout(30)
        daemon = self.daemon(env={"NOTIFY_SOCKET": str(path)})
        self.assertEqual(b"READY=1", listener.recv(100))
        self.assertEqual(daemon.pid, self.daemon_pid(), "it holds the lock by then")
        daemon.kill(signal.SIGTERM)
        self.assertEqual(b"STOPPING=1", listener.recv(100))
        self.assert_code(0, daemon.finish())

    def test_the_abstract_namespace_too(self):
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(listener.close)
        listener.bind(f"\0{self.mark}")
        listener.settimeout(30)
        self.daemon("--until-idle", env={"NOTIFY_SOCKET": f"@{self.mark}"}).finish()
        self.assertEqual([b"READY=1", b"STOPPING=1"], [listener.recv(100), listener.recv(100)])


if __name__ == "__main__":
    unittest.main()
