"""The liveness sweep: who lost its supervisor is settled, once, and nobody else is."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time
import unittest

from harness import Case, alive, requires_root, state_of, wait_for

HOUR = 3600_000
LINGERS = "echo up; while [ ! -e go ]; do sleep 0.01; done"


def now_ms():
    return int(time.time() * 1000)


def start_of(pid):
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


class Lost(Case):
    """Executions whose supervisor gets SIGKILL, and rows made to look like others'."""

    def lose(self, *options, script=LINGERS, ends=False):
        """A command without supervisor, and the row as it was before; `ends`: the command is gone, too."""
        running = self.start(*options, "--", "sh", "-c", script)
        if "--capture=none" not in options:
            running.wait_out("up")
        row = self.running_row(supervisor_pid=running.pid)
        running.process.kill()
        running.process.wait()
        if ends:
            os.kill(row["pid"], signal.SIGKILL)
            wait_for(lambda: not alive(row["pid"]), "the command's end")
        return running, row

    def sweep(self, *options, **how):
        return self.json("sweep", *options, **how)

    def actions(self, *options, **how):
        report = self.sweep(*options, **how)
        return {entry["uid"]: entry["action"] for entry in report["liveness"]}

    def types(self, ref=None):
        return [event["type"] for event in self.events(ref)]

    def sockets(self):
        return [path for path in (self.dir / "run").rglob("*.sock")]

    def insert(self, uid, **values):
        """A row that runs, of somewhere, without the machinery around it."""
        row = {"uid": uid.ljust(20, "a"), "command": '["x"]', "started_at": now_ms(), "heartbeat_at": now_ms(), "host": "far",
               "boot_id": "other", "machine_id": "f" * 32, "pid_ns": 1, "supervisor_pid": 1234, "supervisor_start": 5, **values}
        if not self.db.exists():
            self.ok("session", "begin", "--session", "first")
        self.sql(f"INSERT INTO executions ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", *row.values())
        return row["uid"]

    def own(self):
        """What a supervisor writes of this machine."""
        return {"boot_id": pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip(), "host": os.uname().nodename,
                "machine_id": pathlib.Path("/etc/machine-id").read_text().strip(), "pid_ns": os.stat("/proc/self/ns/pid").st_ino}

    def bystander(self):
        """A living process that has nothing to do with it."""
        process = subprocess.Popen(["sleep", "100"])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process


class Orphans(Lost):
    def test_a_dead_supervisor_with_a_dead_command_is_settled_once(self):
        _, before = self.lose("-n", "job", ends=True)
        self.assertEqual(1, len(self.sockets()))
        row = self.row("job")
        self.assertEqual((True, False, "supervise sweep"), (row["lost"], row["supervised"], row["next"]))
        self.assertIn("! lost", self.ok("list").out)
        self.assertEqual({before["uid"]: "orphaned"}, self.actions())
        row = self.assert_end(self.row("job"), "failed", "orphaned", exit_code=-3, duration_ms=None, pid=None, lost=False,
                              supervised=None)
        self.assertIn("last heard of", row["explanation"])
        self.assertIn("nobody read its output", row["explanation"])
        self.assertTrue(row["notes"])
        self.assertNotIn("threshold_ms", self.event("job", "execution_finished")["data"])
        self.assertEqual([], self.sockets(), "the sweep takes the socket away")
        self.assertEqual({"dry_run": False, "liveness": [], "stale": []}, self.sweep())
        self.assertEqual(1, self.types().count("sweep_finished"))

    def test_a_dry_run_says_it_and_changes_nothing(self):
        _, before = self.lose(ends=True)
        content = self.sql("SELECT * FROM executions"), self.sql("SELECT * FROM events"), self.sql("SELECT * FROM meta")
        report = self.sweep("--dry-run")
        self.assertEqual({"dry_run": True, "liveness": [{"uid": before["uid"], "action": "orphaned"}], "stale": []}, report)
        self.assertEqual(content, (self.sql("SELECT * FROM executions"), self.sql("SELECT * FROM events"), self.sql("SELECT * FROM meta")))
        self.assertEqual(1, len(self.sockets()))
        self.ok("sweep")

    def test_cancel_of_what_died_before_it_recorded_a_process_is_its_end(self):
        _, before = self.lose("-n", "job", ends=True)
        self.sql("UPDATE executions SET pid = NULL, pid_start = NULL")
        self.assertIn("no process of it was ever recorded", self.ok("cancel", "job").err)
        self.assert_end(self.row("job"), "failed", "orphaned", exit_code=-3)
        self.assertEqual(([], {}), (self.sockets(), self.actions()))

    def test_people_get_a_table(self):
        self.lose("-n", "job", ends=True)
        out = self.ok("sweep").out
        self.assertIn("job", out)
        self.assertIn("orphaned", out)
        self.assertIn("nothing to sweep", self.ok("sweep").err)

    def test_without_a_ledger_nothing_is_swept_and_nothing_made(self):
        for options in ((), ("--dry-run",)):
            self.assertEqual([], self.sweep(*options)["liveness"])
            self.assertFalse(self.ledger_dir.exists())

    def test_its_running_steps_become_aborted(self):
        _, before = self.lose("-n", "job", "-s", "book", ends=True)
        self.sql("INSERT INTO steps (session, stage, name, status, started_at, execution) VALUES ('book', 'a', 'x', 'running', 1, ?)",
                 before["uid"])
        self.actions()
        self.assertEqual([("aborted", "its supervisor is gone")], self.sql("SELECT status, error FROM steps"))
        self.assertIn("step_aborted", self.types("job"))
        self.assertIn("resume", self.row("job")["next"])

    def test_a_spooled_end_comes_before_the_sweep_s(self):
        self.config('[store]\nbusy_timeout = "300ms"\n')
        running = self.start("-n", "job", "--", "sh", "-c", f"{LINGERS}; exit 7")
        running.wait_out("up")
        self.running_row()
        holder = self.lock()
        (self.work / "go").touch()
        self.assertIn("spool", running.finish().err)
        holder.close()
        self.assertEqual({}, self.actions())
        self.assert_end(self.row("job"), "failed", "exit", exit_code=7)

    def test_the_real_end_of_a_presumed_one_replaces_it_once(self):
        running = self.start("-n", "job", "--", "sh", "-c", f"{LINGERS}; exit 7")
        running.wait_out("up")
        row = self.running_row()
        self.sql("UPDATE executions SET boot_id = 'other', machine_id = 'm', heartbeat_at = ?", now_ms() - HOUR)
        self.assertEqual({row["uid"]: "orphaned"}, self.actions())
        event = self.event("job", "execution_finished")
        self.assertEqual((-3, "failed", "orphaned", 900_000), tuple(event["data"][key] for key in ("exit_code", "outcome", "reason", "threshold_ms")))
        shown = self.row("job")
        self.assertIn("given up after 15m without a heartbeat", shown["explanation"])
        self.assertNotIn("is gone", shown["explanation"])
        (self.work / "go").touch()
        self.assert_code(7, running.finish())
        row = self.assert_end(self.row("job"), "failed", "exit", exit_code=7)
        self.assertIn("it was taken for orphaned until its supervisor came back", row["explanation"])
        self.assertEqual(1, self.types("job").count("execution_recovered"))
        self.assertEqual({}, self.actions())
        with self.assertRaises(Exception):
            self.sql("UPDATE executions SET exit_code = 0")


class Living(Lost):
    def assert_untouched(self, row):
        self.assertEqual({}, self.actions())
        self.assertEqual("running", self.row(row["uid"])["state"])

    def finish(self, running):
        (self.work / "go").touch()
        self.assert_code(0, running.finish())

    def test_a_stopped_supervisor_with_a_heartbeat_an_hour_old_lives(self):
        running = self.start("--", "sh", "-c", LINGERS)
        running.wait_out("up")
        row = self.running_row()
        os.kill(running.pid, signal.SIGSTOP)
        wait_for(lambda: state_of(running.pid) == "T", "the stop")
        self.sql("UPDATE executions SET heartbeat_at = ?", now_ms() - HOUR)
        self.assert_untouched(row)
        self.assertEqual((True, False), tuple(self.row()[key] for key in ("supervised", "lost")))
        os.kill(running.pid, signal.SIGCONT)
        self.finish(running)

    def test_one_whose_socket_was_deleted_lives_by_its_identity(self):
        running = self.start("--", "sh", "-c", LINGERS)
        running.wait_out("up")
        row = self.running_row()
        for path in self.sockets():
            path.unlink()
        self.sql("UPDATE executions SET heartbeat_at = ?", now_ms() - HOUR)
        self.assert_untouched(row)
        self.finish(running)

    def test_what_is_no_socket_of_ours_alone_says_nothing(self):
        """connect(2) refuses at a regular file, too."""
        running = self.start("--", "sh", "-c", LINGERS)
        running.wait_out("up")
        row = self.running_row()
        path = self.sockets()[0]
        directory = path.parent

        def regular():
            path.write_text("")

        def link():
            path.symlink_to(self.work / "dead.sock")

        def unbound():
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as nobody:
                nobody.bind(str(self.work / "dead.sock"))

        unbound()
        for make in (regular, link):
            path.unlink()
            make()
            self.assert_untouched(row)
        path.unlink()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as nobody:
            nobody.bind(str(path))
        directory.chmod(0o755)
        self.assert_untouched(row)
        self.assertTrue(path.exists())
        directory.chmod(0o700)
        path.unlink()
        self.finish(running)

    @requires_root
    def test_the_socket_of_another_user_says_nothing(self):
        running = self.start("--", "sh", "-c", LINGERS)
        running.wait_out("up")
        row = self.running_row()
        path = self.sockets()[0]
        path.unlink()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as nobody:
            nobody.bind(str(path))
        os.chown(path, 65534, 65534)
        self.assert_untouched(row)
        os.chown(path, 0, 0)
        os.chown(path.parent, 65534, 65534)
        self.assert_untouched(row)
        os.chown(path.parent, 0, 0)
        self.finish(running)

    @requires_root
    def test_without_proc_nobody_is_dead(self):
        """Neither is the machine taken for one that has been booted since, because its boot id can't be read."""
        running = self.start("--", "sh", "-c", LINGERS)
        running.wait_out("up")
        row = self.running_row()
        for path in self.sockets():
            path.unlink()
        script = "umount -l /proc || exit 99; supervise sweep --json"
        result = self.run_program("/usr/bin/unshare", "--mount", "/bin/sh", "-c", script)
        if result.code == 99 or "unshare" in result.err:
            self.skipTest("nothing may be unmounted here")
        # Not its code: a sanitizer's search for leaks needs /proc itself, and fails.
        self.assertEqual([], json.loads(result.out)["liveness"], result.err)
        self.assert_untouched(row)
        self.finish(running)

    @requires_root
    def test_in_another_pid_namespace_only_the_heartbeat_tells_once_the_socket_is_out_of_reach(self):
        running = self.start("-n", "job", "--", "sh", "-c", LINGERS)
        running.wait_out("up")
        row = self.running_row()
        inside = ("--mount-proc", "--pid", "--fork", "--mount", "/bin/sh", "-c", "supervise sweep --json")
        old = now_ms() - HOUR

        def sweep_inside():
            result = self.run_program("/usr/bin/unshare", *inside)
            if "unshare" in result.err:
                self.skipTest("no namespaces here")
            return json.loads(self.assert_code(0, result).out)["liveness"]

        self.sql("UPDATE executions SET heartbeat_at = ?", old)
        self.assertEqual([], sweep_inside(), "the socket answers")
        for path in self.sockets():
            path.unlink()
        self.sql("UPDATE executions SET heartbeat_at = ?", now_ms())
        self.assertEqual([], sweep_inside(), "a young heartbeat")
        self.sql("UPDATE executions SET heartbeat_at = ?", old)
        self.assertEqual([{"uid": row["uid"], "action": "orphaned"}], sweep_inside())
        self.assertEqual(row["pid"], self.row("job")["pid"], "its process isn't known to be gone")
        self.finish(running)
        self.assert_end(self.row("job"), "success", "exit", exit_code=0)

    def test_what_is_queued_or_finished_is_left_alone(self):
        self.ok("--", "true")
        self.insert("q", started_at=None, queued_at=now_ms() - 9 * HOUR, heartbeat_at=None, supervisor_pid=None)
        rows = self.sql("SELECT * FROM executions")
        self.assertEqual({}, self.actions())
        self.assertEqual(rows, self.sql("SELECT * FROM executions"))
        self.sql("DELETE FROM executions WHERE queued_at IS NOT NULL")


class Elsewhere(Lost):
    rows_finish = False

    def test_another_host_is_judged_by_its_heartbeat(self):
        self.insert("young", heartbeat_at=now_ms() - HOUR // 5)
        old = self.insert("old", heartbeat_at=now_ms() - HOUR // 4 - 5000)
        self.insert("future", heartbeat_at=now_ms() + 9 * HOUR)
        self.insert("neveryoung", heartbeat_at=None, started_at=now_ms() - HOUR)
        never = self.insert("neverold", heartbeat_at=None, started_at=now_ms() - 2 * HOUR - 5000)
        lost = {row["uid"]: row["lost"] for row in self.rows()}
        self.assertEqual({old, never}, {uid for uid in lost if lost[uid]}, "list says what a sweep would do")
        self.assertEqual({old: "orphaned", never: "orphaned"}, self.actions())
        self.assertEqual([900_000, 7_200_000], [self.event(uid, "execution_finished")["data"]["threshold_ms"] for uid in (old, never)])
        self.assertIn("was last heard of at about", self.row(old)["explanation"])
        self.assertIn("was never heard of", self.row(never)["explanation"])
        self.assertEqual({}, self.actions())

    def test_thresholds_are_settings_and_0_is_never(self):
        self.insert("old", heartbeat_at=now_ms() - 999 * HOUR)
        self.insert("never", heartbeat_at=None, started_at=now_ms() - 999 * HOUR)
        self.config('[sweep]\nheartbeat_stale_after = "0"\nno_heartbeat_after = "0"\n')
        self.assertEqual({}, self.actions())
        self.config('[sweep]\nheartbeat_stale_after = "1h"\nno_heartbeat_after = "0"\n')
        self.assertEqual(["orphaned"], list(self.actions().values()))

    def test_this_machine_before_its_last_boot_is_dead_however_young(self):
        own = self.own()
        uid = self.insert("before", **{**own, "boot_id": "11111111-2222-3333-4444-555555555555"})
        self.insert("clone", **{**own, "boot_id": "11111111-2222-3333-4444-555555555555", "host": "another"})
        self.insert("nameless", **{**own, "boot_id": "11111111-2222-3333-4444-555555555555", "machine_id": None})
        self.assertEqual({uid: "orphaned"}, self.actions())
        self.assertNotIn("threshold_ms", self.event(uid, "execution_finished")["data"])

    def test_a_reused_pid_is_never_trusted_and_never_signalled(self):
        """Supervisor and command: the numbers are a living process's, the start times aren't."""
        bystander = self.bystander()
        real = start_of(bystander.pid)
        pids = {"supervisor_pid": bystander.pid, "pid": bystander.pid, **self.own()}
        both = self.insert("both", supervisor_start=real - 1, pid_start=real - 1, **pids)
        child = self.insert("child", supervisor_start=real, pid_start=real - 1, **pids)
        unknown = self.insert("unknown", supervisor_start=None, pid_start=real, **pids)
        self.assertEqual((True, False, False), tuple(self.row(uid)["lost"] for uid in (both, child, unknown)))
        self.assert_code(0, self.run_supervise("cancel", both))
        self.assert_end(self.row(both), "failed", "orphaned", exit_code=-3)
        self.assertEqual({}, self.actions())
        self.sql("UPDATE executions SET supervisor_start = 1 WHERE uid = ?", child)
        self.assertEqual({child: "orphaned"}, self.actions())
        self.insert("closed", supervisor_start=1, pid_start=real - 1, **pids, exit_code=-4, finished_at=now_ms())
        self.assertEqual(["released"], list(self.actions().values()))
        self.assertIsNone(bystander.poll())
        self.assertEqual("S", state_of(bystander.pid))

    def test_fifty_sweeps_at_once_change_each_row_once(self):
        self.ok("session", "begin", "--session", "first")
        own = self.own()
        values = [(f"r{i:019}", '["x"]', now_ms(), now_ms(), own["host"], "11111111-2222-3333-4444-555555555555", own["machine_id"])
                  for i in range(1000)]
        connection = self.connect()
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO executions (uid, command, started_at, heartbeat_at, host, boot_id, machine_id)"
                               " VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        connection.execute("INSERT INTO events (at, type, execution) SELECT started_at, 'execution_started', uid FROM executions"
                           " WHERE uid LIKE 'r0%'")
        connection.execute("COMMIT")
        connection.close()
        running = [self.start("sweep", "--json") for _ in range(50)]
        swept = []
        for one in running:
            result = self.assert_code(0, one.finish(deadline=100))
            swept += [entry["uid"] for entry in json.loads(result.out)["liveness"]]
        self.assertEqual(sorted(value[0] for value in values), sorted(swept), "each once, by one of them")
        self.assertEqual([(1000,)], self.sql("SELECT count(*) FROM events WHERE type = 'execution_finished'"))
        self.assertEqual([(1000,)], self.sql("SELECT count(*) FROM executions WHERE exit_code = -3"))
        self.assertEqual({}, self.actions())
        self.ok("db", "check")


class Unsupervised(Lost):
    def test_a_command_that_lives_on_is_left_and_noted_once(self):
        _, before = self.lose("-n", "job", "--capture=none")
        row = self.row("job")
        self.assertEqual(("running", True, False, "supervise sweep"), tuple(row[key] for key in ("state", "lost", "supervised", "next")))
        self.assertIn("running", row["explanation"])
        self.assertEqual({before["uid"]: "unsupervised"}, self.actions("--dry-run"))
        self.assertEqual({before["uid"]: "unsupervised"}, self.actions())
        self.assertEqual({}, self.actions())
        self.assertEqual({"pid": before["pid"]}, self.event("job", "execution_unsupervised")["data"])
        self.assertTrue(alive(before["pid"]))
        (self.work / "go").touch()
        wait_for(lambda: not alive(before["pid"]), "the command's end")
        self.assertEqual({before["uid"]: "orphaned"}, self.actions())
        self.assert_end(self.row("job"), "failed", "orphaned", exit_code=-3)

    def test_a_wait_ends_though_the_command_goes_on(self):
        _, before = self.lose("-n", "job", "--capture=none")
        self.assertIn("its supervisor is gone", self.assert_code(125, self.run_supervise("wait", "job")).err)
        self.assertTrue(alive(before["pid"]))
        (self.work / "go").touch()
        wait_for(lambda: not alive(before["pid"]), "the command's end")
        self.ok("sweep")

    def test_a_wait_that_goes_on_ends_with_the_supervisor(self):
        running = self.start("-n", "job", "--capture=none", "--", "sh", "-c", "echo up; while [ ! -e go ]; do sleep 0.01; done")
        running.wait_out("up")
        waiting = self.start("wait", "job")
        running.process.kill()
        running.process.wait()
        self.assert_code(125, waiting.finish())
        (self.work / "go").touch()
        wait_for(lambda: not self.survivors(), "the command's end")
        self.ok("sweep")

    def test_cancel_ends_it_and_writes_2(self):
        script = f"trap 'touch asked; exit 0' TERM; sleep 100 & {LINGERS}"
        _, before = self.lose("-n", "job", "--capture=none", script=script)
        self.ok("cancel", "job", "--why", "wrong branch")
        row = self.assert_end(self.row("job"), "cancelled", "cancelled", exit_code=-2, stopped_by="cancel", pid=None, duration_ms=None)
        self.assertIn("wrong branch", row["explanation"])
        self.assertTrue((self.work / "asked").exists(), "SIGTERM, and time to act on it")
        self.assertEqual(["execution_started", "execution_cancel_requested", "execution_finished"], self.types("job"))
        self.assertEqual({}, self.survivors(), "what is below it goes, too")
        self.assertEqual([], self.sockets())
        self.assertEqual({}, self.actions())

    def test_cancel_kills_what_does_not_listen_after_the_grace(self):
        self.config('[run]\nkill_after = "300ms"\n')
        _, before = self.lose("-n", "job", "--capture=none", script=f"trap '' TERM; {LINGERS}")
        self.ok("cancel", "job")
        self.assert_end(self.row("job"), "cancelled", "cancelled", exit_code=-2)
        self.assertFalse(alive(before["pid"]))

    def test_the_group_that_it_leads_goes_with_it(self):
        """Whoever lost its parent is found by the group alone."""
        script = f"(sh -c 'echo $$ >orphan; exec sleep 100' &) ; {LINGERS}"
        self.lose("-n", "job", "--capture=none", script=script)
        wait_for(lambda: (self.work / "orphan").exists() and (self.work / "orphan").read_text().strip(), "the orphan")
        self.ok("cancel", "job")
        wait_for(lambda: not self.survivors(), "the end of the last short sleep, too", deadline=10)

    def test_a_wrapper_below_it_writes_its_own_end_and_a_detached_one_goes_on(self):
        self.config('[run]\nkill_after = "300ms"\n')
        inner = f"supervise --kill-after 9s -n inner -- sh -c \"trap '' TERM; {LINGERS}\""
        script = f"supervise -d -n apart -- sh -c 'while [ ! -e stop ]; do sleep 0.01; done'; {inner}; true"
        running = self.start("-n", "outer", "--capture=none", "--", "sh", "-c", script)
        self.running_row(name="inner")
        running.process.kill()
        running.process.wait()
        self.ok("cancel", "outer")
        self.assert_end(self.row("outer"), "cancelled", "cancelled", exit_code=-2)
        self.assert_end(self.row("inner"), "cancelled", "cancelled", exit_code=-2, signal=9)
        self.assertEqual("running", self.row("apart")["state"])
        (self.work / "stop").touch()
        self.assert_code(0, self.run_supervise("wait", "apart"))

    def test_a_cancel_that_was_cut_off_is_finished_by_sweeps(self):
        self.by_hand = True
        self.config('[run]\nkill_after = "100ms"\n')
        _, before = self.lose("-n", "job", "--capture=none", script=f"trap '' TERM; {LINGERS}")
        self.sql("UPDATE executions SET stopped_by = 'cancel', cancel_requested_at = ?", now_ms())
        self.assertEqual({before["uid"]: "stopped"}, self.actions())
        self.assertTrue(alive(before["pid"]), "asked first")
        wait_for(lambda: self.actions() and not alive(before["pid"]), "the sweep after the grace", deadline=10)
        wait_for(lambda: self.row("job")["state"] == "finished" or self.actions(), "its end")
        self.assert_end(self.row("job"), "cancelled", "cancelled", exit_code=-2)

    def test_closing_its_session_ends_it(self):
        _, before = self.lose("-n", "job", "-s", "book", "--capture=none")
        self.ok("session", "close", "book", "--abort")
        row = self.assert_end(self.row("job"), "cancelled", "session-closed", exit_code=-4, pid=None)
        self.assertFalse(alive(before["pid"]))
        self.assertEqual({}, self.actions())

    def test_what_a_close_left_running_is_ended_by_sweeps(self):
        """As if the close had been killed after its transaction."""
        self.by_hand = True
        self.config('[run]\nkill_after = "100ms"\n')
        _, before = self.lose("-n", "job", "-s", "book", "--capture=none", script=f"trap '' TERM; {LINGERS}")
        self.sql("UPDATE executions SET exit_code = -4, finished_at = ?, opening = (SELECT max(id) FROM rounds)", now_ms())
        self.sql("INSERT INTO events (at, type, execution, session) VALUES (?, 'execution_finished', ?, 'book')", now_ms(), before["uid"])
        self.assertEqual({before["uid"]: "stopped"}, self.actions())
        wait_for(lambda: self.actions() and not alive(before["pid"]), "SIGKILL after the grace", deadline=10)
        wait_for(lambda: self.row("job")["pid"] is None or self.actions(), "its release")
        self.assertEqual((None, -4), tuple(self.row("job")[key] for key in ("pid", "exit_code")))

    def test_on_a_terminal_it_is_hung_up_and_the_explanation_says_so(self):
        running = self.start("-n", "job", "--capture=pty", "--", "sh", "-c", LINGERS)
        running.wait_out("up")
        before = self.running_row()
        running.process.kill()
        wait_for(lambda: not alive(before["pid"]), "the hang-up")
        running.process.wait()
        self.assertEqual({before["uid"]: "orphaned"}, self.actions())
        self.assertIn("its terminal was hung up", self.row("job")["explanation"])


class InWrappers(Lost):
    def test_a_wrapper_sweeps_on_its_timer_and_a_short_one_never(self):
        _, before = self.lose("-n", "job", ends=True)
        self.ok("--", "true")
        self.assertTrue(self.row("job")["lost"])
        self.config('[sweep]\ninterval = "50ms"\n')
        running = self.start("-n", "sweeper", "--", "sh", "-c", LINGERS)
        wait_for(lambda: self.row("job")["state"] == "finished", "the sweep of another's wrapper")
        (self.work / "go").touch()
        self.assert_code(0, running.finish())
        self.assertNotIn("sweep", running.err)
        self.assert_end(self.row("job"), "failed", "orphaned", exit_code=-3)

    def test_of_several_one_does_it_an_interval(self):
        """A trigger keeps the times at which one of them took its turn."""
        self.ok("sweep")
        self.ok("session", "begin", "--session", "first")
        self.ok("sweep")
        self.sql("CREATE TABLE turns (at INTEGER)")
        self.sql("CREATE TRIGGER turn AFTER UPDATE ON meta WHEN NEW.key = 'swept_rows_at' BEGIN INSERT INTO turns VALUES (NEW.value); END")
        self.config('[sweep]\ninterval = "300ms"\n')
        running = [self.start("--", "sh", "-c", LINGERS) for _ in range(4)]
        wait_for(lambda: self.sql("SELECT count(*) FROM turns")[0][0] >= 5, "five turns")
        (self.work / "go").touch()
        for one in running:
            self.assert_code(0, one.finish())
        turns = [int(at) for at, in self.sql("SELECT at FROM turns ORDER BY at")]
        for before, after in zip(turns, turns[1:]):
            self.assertGreaterEqual(after - before, 270)

    def test_an_end_that_was_spooled_since_the_ledger_was_opened_comes_first(self):
        self.config('[store]\nbusy_timeout = "300ms"\n[sweep]\ninterval = "20ms"\n')
        sweeper = self.start("--", "sh", "-c", "echo up; while [ ! -e stop ]; do sleep 0.01; done")
        sweeper.wait_out("up")
        running = self.start("-n", "job", "--", "sh", "-c", f"{LINGERS}; exit 7")
        running.wait_out("up")
        self.running_row(name="job")
        holder = self.lock()
        (self.work / "go").touch()
        self.assertIn("spool", self.assert_code(7, running.finish()).err)
        holder.close()
        wait_for(lambda: self.sql("SELECT exit_code FROM executions WHERE name = 'job'")[0][0] is not None, "the sweep")
        self.assertEqual(["execution_started", "execution_finished"], self.types("job"))
        self.assert_end(self.row("job"), "failed", "exit", exit_code=7)
        (self.work / "stop").touch()
        self.assert_code(0, sweeper.finish())

    def test_a_locked_ledger_holds_up_neither_output_nor_the_end(self):
        self.config('[sweep]\ninterval = "20ms"\n')
        self.lose("-n", "job", ends=True)
        running = self.start("--", "sh", "-c", "echo up; i=0; while [ ! -e go ]; do sleep 0.02; done; echo out")
        running.wait_out("up")
        wait_for(lambda: self.row("job")["state"] == "finished", "a sweep")
        holder = self.lock()
        (self.work / "go").touch()
        running.wait_out("out", deadline=5)
        holder.close()
        self.assert_code(0, running.finish())

    def test_many_rows_do_not_hold_up_the_command(self):
        """A sweep of thousands goes on bit by bit."""
        self.ok("--", "true")
        own = self.own()
        connection = self.connect()
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO executions (uid, command, started_at, heartbeat_at, host, boot_id, machine_id)"
                               " VALUES (?, '[\"x\"]', ?, ?, ?, '11111111-2222-3333-4444-555555555555', ?)",
                               [(f"r{i:019}", now_ms(), now_ms(), own["host"], own["machine_id"]) for i in range(3000)])
        connection.execute("INSERT INTO events (at, type, execution) SELECT started_at, 'execution_started', uid FROM executions"
                           " WHERE uid LIKE 'r0%'")
        connection.execute("COMMIT")
        connection.close()
        self.config('[sweep]\ninterval = "20ms"\n')
        running = self.start("--", "sh", "-c", "echo up; while [ ! -e go ]; do sleep 0.01; done; echo out")
        running.wait_out("up")
        wait_for(lambda: self.sql("SELECT 1 FROM executions WHERE exit_code = -3 LIMIT 1"), "the sweep's beginning")
        (self.work / "go").touch()
        running.wait_out("out")
        self.assertTrue(self.sql("SELECT 1 FROM executions WHERE finished_at IS NULL AND uid LIKE 'r%' LIMIT 1"),
                        "what the command writes is passed on while there is more to sweep")
        self.assert_code(0, running.finish())
        self.ok("sweep", deadline=100)


class Stale(Lost):
    def age(self, session, days):
        self.sql("UPDATE sessions SET started_at = ?1, updated_at = ?1 WHERE id = ?2", now_ms() - days * 24 * HOUR, session)

    def stale(self, *options):
        return [entry["session"] for entry in self.sweep(*options)["stale"]]

    def test_a_session_that_nobody_drives_is_closed_as_stale(self):
        self.assert_code(75, self.run_supervise("-n", "job", "-s", "old", "--", "true"))
        self.ok("session", "begin", "--session", "young")
        self.age("old", 8)
        self.age("young", 6)
        self.assertEqual(["old"], self.stale("--dry-run"))
        self.assertEqual("active", self.json("session", "show", "old")["status"])
        self.assertEqual(["old"], self.stale())
        session = self.json("session", "show", "old")
        self.assertEqual(("closed", "stale", "closed-incomplete"), tuple(session[key] for key in ("status", "close_reason", "completeness")))
        self.assertEqual(604_800_000, self.event("old", "session_auto_closed_stale")["data"]["threshold_ms"])
        self.assertEqual([("stale",)], self.sql("SELECT settled_as FROM rounds WHERE session = 'old'"))
        self.assert_end(self.row("job"), "incomplete", "session-stale", exit_code=0)
        self.assertEqual([], self.stale())
        self.assertEqual("active", self.json("session", "show", "young")["status"])
        self.ok("db", "check")

    def test_one_without_any_event_counts_from_its_start(self):
        self.by_hand = True
        self.ok("session", "begin", "--session", "first")
        self.sql("INSERT INTO sessions (id, started_at, updated_at) VALUES ('bare', 1, 1)")
        self.sql("INSERT INTO rounds (session, round, opened_at) VALUES ('bare', 1, 1)")
        self.assertEqual(["bare"], self.stale())

    def test_what_is_in_flight_or_queued_keeps_it_open(self):
        running = self.start("-s", "flying", "--", "sh", "-c", LINGERS)
        running.wait_out("up")
        self.running_row()
        self.ok("session", "begin", "--session", "queued")
        self.insert("q", started_at=None, queued_at=now_ms(), heartbeat_at=None, supervisor_pid=None, session="queued")
        self.age("flying", 99)
        self.age("queued", 99)
        self.assertEqual([], self.stale())
        (self.work / "go").touch()
        running.finish()
        self.sql("DELETE FROM executions WHERE queued_at IS NOT NULL")
        self.assertEqual(["queued"], self.stale(), "the other had an event just now")

    def test_an_orphan_s_session_is_stale_once_it_is_quiet_again(self):
        _, before = self.lose("-s", "book", ends=True)
        self.age("book", 99)
        report = self.sweep()
        self.assertEqual((1, []), (len(report["liveness"]), report["stale"]), "its end is an event of the session")

    def test_0_is_never(self):
        self.config('[sweep]\nstale_session_after = "0"\n')
        self.ok("session", "begin", "--session", "old")
        self.age("old", 999)
        self.assertEqual([], self.stale())

    def test_many_at_once_close_it_once(self):
        for number in range(20):
            self.ok("session", "begin", "--session", f"s{number}")
            self.age(f"s{number}", 8 + number)
        results = []
        threads = [threading.Thread(target=lambda: results.append(self.stale())) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(f"s{number}" for number in range(20)), sorted(session for result in results for session in result))
        self.assertEqual([(20,)], self.sql("SELECT count(*) FROM events WHERE type = 'session_auto_closed_stale'"))


class Stalled(Case):
    def test_what_the_machine_slept_does_not_count(self):
        """The ledger is told that it had slept less when something was heard last."""
        self.config('[sweep]\nheartbeat_interval = "1m"\nstalled_after = "15m"\n')
        running = self.start("--", "sh", "-c", "echo up; while [ ! -e go ]; do sleep 0.01; done")
        running.wait_out("up")
        self.running_row()
        wait_for(lambda: self.sql("SELECT facts ->> '$.activity_slept' FROM executions")[0][0] is not None, "what is known of sleep")
        self.sql("UPDATE executions SET activity_at = ?", now_ms() - HOUR)
        self.assertTrue(self.row()["stalled"])
        self.assertIn("! stalled", self.ok("list").out)
        self.sql("UPDATE executions SET facts = json_set(facts, '$.activity_slept', (facts ->> '$.activity_slept') - ?)", HOUR)
        self.assertFalse(self.row()["stalled"])
        self.ok("heartbeat", env={"SUPERVISE_EXECUTION_UID": self.row()["uid"]})
        self.sql("UPDATE executions SET activity_at = ?", now_ms() - HOUR)
        self.assertTrue(self.row()["stalled"], "a report notes it anew")
        (self.work / "go").touch()
        running.finish()


if __name__ == "__main__":
    unittest.main()
