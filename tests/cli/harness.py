"""What every black-box test stands on: a home of its own, the program, polling instead of sleeping, and the two claims
that hold at the end of each test: nothing it started still runs, and the ledger is whole with every execution finished.

A test is a method of a class below `Case`. It runs the program with `self.run_supervise(...)` (until its end) or
`self.start(...)` (meanwhile), and asks it with `self.json(...)`, `self.row(REF)`, `self.events(REF)`.
"""

import functools
import json
import os
import pathlib
import re
import resource
import select
import shlex
import shutil
import signal
import sqlite3
import stat
import subprocess
import tempfile
import time
import unittest
import uuid
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = str(pathlib.Path(os.environ.get("SUPERVISE_BIN", ROOT / "build" / "supervise")).resolve())
BUILD = pathlib.Path(os.environ.get("SUPERVISE_BUILD", pathlib.Path(BIN).parent)).resolve()
PROBES = BUILD / "probes"
PATIENCE = 30  # seconds: how long anything may take that is bound to happen
MARK = "TEST_MARK"
# A sanitizer's own settings are part of the program's build, not of the world that a test makes.
PASSED_ON = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")
SANITIZER = re.compile(rb"ERROR: \w+Sanitizer|runtime error:")

EXECUTION_FIELDS = set(
    """id uid parent_uid name session drives workflow stages command cwd host state outcome reason explanation next
    exit_code signal stopped_by spawn_errno round attempt queued_at started_at finished_at heartbeat_at activity_at
    progress_at duration_ms pid supervisor_pid supervised stalled lost cancel_requested_at status_text log agent
    agent_session agent_result usage notes""".split()
)
SESSION_FIELDS = set(
    """id workflow status close_reason completeness next phase phase_number phase_count round started_at updated_at
    closed_at totals stages executions""".split()
)
EVENT_FIELDS = {"id", "at", "type", "session", "execution", "data"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class Result(NamedTuple):
    code: int
    out: str
    err: str


def probe(name):
    path = PROBES / name
    if not path.exists():
        raise unittest.SkipTest(f"no program {path}: build it with `make tests`")
    return str(path)


def text_of(data):
    return data.decode("utf-8", "surrogateescape")


def wait_for(predicate, what="it", deadline=PATIENCE):
    """Polls until the predicate says something true, and returns that."""
    until = time.monotonic() + deadline
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > until:
            raise AssertionError(f"waited {deadline}s in vain for {what}")
        time.sleep(0.005)


def state_of(pid):
    """The state letter of a process, "" where there is none."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def alive(pid):
    return state_of(pid) not in ("", "Z", "X")


def number_in(path):
    """The number that stands in a file, once it does."""
    return int(wait_for(lambda: path.exists() and path.read_text().strip(), f"a number in {path.name}"))


def requires_root(method):
    """For what only root may do to the machine: mounts, other users, namespaces."""

    @functools.wraps(method)
    def wrapped(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        return method(self)

    return wrapped


class Running:
    """A program that runs meanwhile. Its output is taken in as it comes."""

    def __init__(self, case, process):
        self.case, self.process, self.pid = case, process, process.pid
        self.collected = {"out": bytearray(), "err": bytearray()}
        self.pipes = {}
        for name, pipe in (("out", process.stdout), ("err", process.stderr)):
            if pipe:
                os.set_blocking(pipe.fileno(), False)
                self.pipes[pipe.fileno()] = (name, pipe)

    @property
    def out(self):
        return text_of(self.collected["out"])

    @property
    def err(self):
        return text_of(self.collected["err"])

    def pump(self, seconds):
        """Takes in what comes within that time; returns at the first something."""
        if not self.pipes:
            time.sleep(min(seconds, 0.005))
            return
        for fd in select.select(list(self.pipes), [], [], seconds)[0]:
            name, pipe = self.pipes[fd]
            data = os.read(fd, 1 << 20)
            self.collected[name] += data
            if not data:
                del self.pipes[fd]
                pipe.close()

    def close(self, name):
        """The reader of that stream goes away."""
        for fd, (its_name, pipe) in list(self.pipes.items()):
            if its_name == name:
                del self.pipes[fd]
                pipe.close()

    def until(self, predicate, what, deadline=PATIENCE):
        until = time.monotonic() + deadline
        while not (value := predicate()):
            if time.monotonic() > until or (self.process.poll() is not None and not self.pipes):
                if value := predicate():
                    return value
                raise AssertionError(f"no {what}; code {self.process.poll()}, out {self.out!r}, err {self.err!r}")
            self.pump(0.02)
        return value

    def wait_out(self, text, deadline=PATIENCE):
        return self.until(lambda: text in self.out, f"{text!r} on stdout", deadline)

    def wait_err(self, text, deadline=PATIENCE):
        return self.until(lambda: text in self.err, f"{text!r} on stderr", deadline)

    def ready(self, count=1):
        """The pids of the `ready` probes, once they all are."""
        said = self.until(
            lambda: (found := re.findall(r"ready (\d+)\n", self.out)) and len(found) >= count and found,
            "probe that is ready",
        )
        return [int(pid) for pid in said] if count > 1 else int(said[0])

    def kill(self, number):
        self.process.send_signal(number)

    def finish(self, deadline=PATIENCE):
        """Waits for the end of the program, and of its output."""
        until = time.monotonic() + deadline
        while self.process.poll() is None or self.pipes:
            if time.monotonic() > until:
                left = [f"{pid} {command}" for pid, command in self.case.survivors().items()]
                raise AssertionError(
                    f"hung: {self.process.args!r}, code {self.process.poll()}, out {self.out[-2000:]!r}, "
                    f"err {self.err[-2000:]!r}, running: {left}"
                )
            self.pump(0.02 if self.process.poll() is None else 0.5)
        if SANITIZER.search(self.collected["err"]):
            raise AssertionError(f"a sanitizer spoke: {self.err}")
        return Result(self.process.returncode, self.out, self.err)


class Case(unittest.TestCase):
    maxDiff = 4000
    rows_finish = True  # at the end of the test every execution of the ledger is finished
    by_hand = False  # the test wrote rows without the events that belong to them

    def setUp(self):
        if not os.access(BIN, os.X_OK):
            self.fail(f"no program {BIN}: build it with `make`")
        # A short path: sockets live below it, and theirs may have 107 bytes.
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="sv-")).resolve()
        for name in ("home", "state", "config", "work", "bin"):
            (self.dir / name).mkdir()
        (self.dir / "run").mkdir(mode=0o700)
        (self.dir / "bin" / "supervise").symlink_to(BIN)
        self.work = self.dir / "work"
        self.mark = uuid.uuid4().hex
        self.env = {
            "PATH": f"{self.dir}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": str(self.dir / "home"),
            "XDG_STATE_HOME": str(self.dir / "state"),
            "XDG_CONFIG_HOME": str(self.dir / "config"),
            "XDG_RUNTIME_DIR": str(self.dir / "run"),
            "LC_ALL": "C.UTF-8",
            "TMPDIR": str(self.work),
            MARK: self.mark,
        }
        self.env.update({name: os.environ[name] for name in PASSED_ON if name in os.environ})
        self.ledger_dir = self.dir / "state" / "supervise"
        self.db = self.ledger_dir / "supervise.db"
        self.started = []
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.addCleanup(self.end)

    # --- running ---

    def start(self, *args, program=BIN, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
              env=None, cwd=None, before=None, keep_fds=False, group=False):
        """Starts `supervise ARGS` (or another program). `env` is added (None: taken away); `before` is called in the
        child before exec; `keep_fds`: it inherits what is inheritable. It leads a session without terminal, or with
        `group` only a group, whose parent we are."""
        environment = dict(self.env)
        for name, value in (env or {}).items():
            if value is None:
                environment.pop(name, None)
            else:
                environment[name] = value

        process = subprocess.Popen(
            [program, *map(os.fsencode, args)], stdin=stdin, stdout=stdout, stderr=stderr, env=environment,
            cwd=cwd or self.work, preexec_fn=before, close_fds=not keep_fds, start_new_session=not group,
            process_group=0 if group else None,
        )
        running = Running(self, process)
        self.started.append(running)
        return running

    def run_program(self, program, *args, deadline=PATIENCE, feed=None, **how):
        if feed is not None:
            with tempfile.TemporaryFile(dir=self.dir) as file:
                file.write(feed)
                file.seek(0)
                return self.start(*args, program=program, stdin=file, **how).finish(deadline)
        return self.start(*args, program=program, **how).finish(deadline)

    def run_supervise(self, *args, **how):
        return self.run_program(BIN, *args, **how)

    def shell(self, script, *args, **how):
        """`supervise` is in its PATH."""
        return self.run_program("/bin/sh", "-c", script, "sh", *args, **how)

    def assert_code(self, code, result, message=""):
        self.assertEqual(code, result.code, f"{message}\nout: {result.out[-3000:]}\nerr: {result.err[-3000:]}")
        return result

    def ok(self, *args, **how):
        return self.assert_code(0, self.run_supervise(*args, **how), f"supervise {args!r}")

    def config(self, text):
        directory = self.dir / "config" / "supervise"
        directory.mkdir(exist_ok=True)
        (directory / "supervise.toml").write_text(text)

    def script(self, name, text, mode=0o755):
        path = self.work / name
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    # --- asking ---

    def json(self, *args, **how):
        result = self.ok(*args, "--json", **how)
        try:
            return json.loads(result.out)
        except ValueError:
            raise AssertionError(f"no JSON from supervise {args!r}: {result.out!r}") from None

    def row(self, ref="@last"):
        return self.json("status", ref)

    def rows(self):
        """Every execution, oldest first."""
        return self.json("list", "--all")[::-1]

    def events(self, ref=None, *args):
        result = self.ok("events", *([str(ref)] if ref else []), *args, "--json")
        return [json.loads(line) for line in result.out.splitlines()]

    def event(self, ref, kind):
        """The one event of that type."""
        found = [event for event in self.events(ref) if event["type"] == kind]
        self.assertEqual(1, len(found), f"{kind} of {ref}: {found}")
        return found[0]

    def sql(self, statement, *values, path=None):
        with self.connect(path) as connection:
            try:
                return connection.execute(statement, values).fetchall()
            finally:
                connection.commit()

    def connect(self, path=None):
        return sqlite3.connect(path or self.db, timeout=PATIENCE, isolation_level=None)

    def running_row(self, **wanted):
        """The one execution in flight that has these values, once it is there with its child's pid."""
        def find():
            if not self.db.exists():
                return None
            found = [row for row in self.json("list", "--state", "running", "--all")
                     if row["pid"] and all(row[key] == value for key, value in wanted.items())]
            return found[0] if found else None

        return wait_for(find, f"a running execution {wanted}")

    def assert_end(self, row, outcome, reason, **more):
        """How an execution ended, with the fields that say so."""
        wanted = {"state": "finished", "outcome": outcome, "reason": reason, **more}
        self.assertEqual(wanted, {key: row[key] for key in wanted}, row.get("explanation"))
        self.assertTrue(row["explanation"], "an end has an explanation")
        self.assertTrue(row["finished_at"])
        return row

    def lock(self):
        """Holds the ledger's write lock until the connection that is returned is closed."""
        holder = sqlite3.connect(self.db, timeout=PATIENCE, isolation_level=None)
        self.addCleanup(holder.close)
        holder.execute("BEGIN IMMEDIATE")
        return holder

    # --- the end ---

    def survivors(self):
        """The living processes that have this test's mark in their environment, as {pid: command}."""
        found = {}
        needle = f"{MARK}={self.mark}".encode()
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                if needle in pathlib.Path("/proc", entry, "environ").read_bytes().split(b"\0") and alive(int(entry)):
                    command = pathlib.Path("/proc", entry, "cmdline").read_bytes()
                    found[int(entry)] = shlex.join(text_of(part) for part in command.split(b"\0")[:-1])
            except OSError:
                continue  # gone meanwhile
        return found

    def end(self):
        for running in self.started:
            for name in ("out", "err"):
                running.close(name)
        survivors = self.survivors()
        until = time.monotonic() + 3
        while survivors and time.monotonic() < until:
            time.sleep(0.01)
            survivors = self.survivors()
        left = survivors
        while left:  # what forks meanwhile is met in the next turn
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.01)
            left = self.survivors()
        for running in self.started:
            running.process.wait()
        if getattr(self._outcome, "success", True):  # else the reason stands there already
            self.assertEqual({}, survivors, "processes of the test survive it")
            self.check_ledger()
            self.check_runtime()

    def check_ledger(self):
        if not self.db.exists():
            return
        with self.connect() as connection:
            self.assertEqual([("ok",)], connection.execute("PRAGMA integrity_check").fetchall())
            self.assertEqual([], connection.execute("PRAGMA foreign_key_check").fetchall())
            if self.rows_finish:
                open_rows = connection.execute("SELECT id, command FROM executions WHERE finished_at IS NULL").fetchall()
                self.assertEqual([], open_rows, "executions that aren't finished")
                ends = connection.execute(
                    "SELECT e.id FROM executions e WHERE 1 <> (SELECT count(*) FROM events v WHERE v.execution = e.uid"
                    " AND v.type = 'execution_finished')").fetchall()
                self.assertEqual([], ends, "executions without exactly one execution_finished")
        connection.close()
        if self.rows_finish and not self.by_hand:
            checked = subprocess.run([BIN, "db", "check"], cwd=self.dir, env=self.env, stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PATIENCE)
            self.assertEqual(0, checked.returncode, f"{checked.stdout}{checked.stderr}")

    def check_runtime(self):
        """A wrapper that ended leaves no socket behind."""
        if self.rows_finish:
            left = [str(path) for path in (self.dir / "run").rglob("*") if stat.S_ISSOCK(path.lstat().st_mode)]
            self.assertEqual([], left, "sockets left behind")


if __name__ == "__main__":
    raise SystemExit("this is what the tests stand on; run tests/run.py")
