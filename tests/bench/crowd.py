"""Many at once, and one after another.

Contention: 64 wrappers at a time, 10,000 in all, in one ledger; beside them the same one at a time in another, and 64 of
floor at a time in a third, which leaves it to SQLite who gets a lock next. Then 64 whose commands wait, and end at once: how
long it takes until the first, half of them and the last have been recorded and are gone; `tini` shows what the processors
alone make of so many. Counted afterwards: every one is in the ledger as a success, none of them said anything, `db check`
finds nothing. Whoever waits for ten seconds gives up: that is the goal for the longest.

The queue: 1,000 x `true`, from the first that is added to the end of the last. Ours by a daemon with two slots; `tsp` with
two slots; `nq`, which runs one at a time; GNU parallel with two jobs and a log of them, which knows all its work at once
and has no queue to put it in. All but parallel have their thousand calls paid for.
"""

import os
import sqlite3
import subprocess
import time

from measure import median, wall

AT_ONCE = 64
GIVES_UP_MS = 10_000
WAITS = ["sh", "-c", "echo ready; read answer || :"]


class Crowd:
    """Contenders by name, each with a ledger of its own."""

    def __init__(self, bench):
        self.bench, self.said = bench, bench.scratch / "crowd.stderr"
        self.ledgers = {name: bench.scratch / f"{name.replace(' ', '-')}.db" for name in ("together", "one at a time")}
        floor = bench.scratch / "floors.db"
        self.prefixes = {name: [bench.supervise, "-q", "--db", str(path), "--"] for name, path in self.ledgers.items()} | {
            "floor": [str(bench.tools / "floor"), str(floor)], "tini": ["tini", "-s", "--"]}
        self.expected = dict.fromkeys(self.ledgers, 1)
        for path in self.ledgers.values():
            bench.say("--db", str(path), "--", "true")
        bench.spawn([*self.prefixes["floor"], "true"]).wait()

    def must_be_silent(self, name):
        if self.said.stat().st_size:
            raise SystemExit(f"bench.py: many at once, {name}: {self.said.read_text()[:400]}")

    def begun(self, name, count):
        if name in self.expected:
            self.expected[name] += count

    def run(self, name, at_once, runs):
        """(ms for each, their times)."""
        since = time.monotonic()
        with self.said.open("w") as stderr:
            times = self.bench.times(runs, [*self.prefixes[name], "true"], at_once, stderr=stderr)
        took = time.monotonic() - since
        self.must_be_silent(name)
        self.begun(name, runs)
        return 1e3 * took / runs, times

    def end_at_once(self, name):
        """[ms from the end of all commands to the end of each wrapper], in their order."""
        (hold, release), (ready, begun) = os.pipe(), os.pipe()
        with self.said.open("w") as stderr:
            of_all = {process.pid: process for process in (
                self.bench.spawn([*self.prefixes[name], *WAITS], stdin=hold, stdout=begun, stderr=stderr)
                for _ in range(AT_ONCE))}
        os.close(hold)
        os.close(begun)
        seen = 0
        while seen < AT_ONCE and (said := os.read(ready, 4096)):
            seen += said.count(b"\n")
        since, ends = time.monotonic(), []
        os.close(release)
        while of_all:
            pid, status = os.wait()
            ends.append(1e3 * (time.monotonic() - since))
            of_all.pop(pid).returncode = status
            if status or seen < AT_ONCE:
                raise SystemExit(f"bench.py: many at once, {name}: {seen} have begun, wait status {status:#x}")
        os.close(ready)
        self.must_be_silent(name)
        self.begun(name, AT_ONCE)
        return ends

    def check(self):
        for name, path in self.ledgers.items():
            db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
            here, = db.execute("SELECT count(*) FROM outcomes WHERE outcome = 'success'").fetchone()
            db.close()
            if here != self.expected[name]:
                raise SystemExit(f"bench.py: {self.expected[name] - here} of {self.expected[name]} executions were lost")
            self.bench.say("--db", str(path), "db", "check")


def contention(bench):
    crowd, rounds = Crowd(bench), bench.rounds(5)
    runs = bench.size(10_000, 1_000) // rounds
    at_once = {"together": AT_ONCE, "one at a time": 1, "floor": AT_ONCE}
    results = bench.in_turn({name: lambda name=name: crowd.run(name, at_once[name], runs) for name in at_once}, rounds)
    group = f"{AT_ONCE} wrappers at once, {runs * rounds:,} in all: none lost, no error"
    each = {name: [[ms] for ms, _ in of_one] for name, of_one in results.items()}
    walls = {name: wall([times for _, times in of_one]) for name, of_one in results.items()}
    longest = {name: [[max(of_one)] for of_one in of_all] for name, of_all in walls.items()}
    rate = lambda name: 1e3 / median(ms for ms, in each[name])
    for peer, name in (("one at a time", "one at a time"), (f"floor, {AT_ONCE} at once", "floor")):
        bench.row(group, "time for each", "ms", each["together"], peer, each[name],
                  **{"in a second": ("", rate("together"), rate(name))})
    bench.row(group, "from beginning to end, median", "ms", walls["together"], f"floor, {AT_ONCE} at once", walls["floor"])
    bench.row(group, "the longest of each round", "ms", longest["together"], f"floor, {AT_ONCE} at once", longest["floor"])
    bench.row(group, "the longest of all", "ms", max(ms for ms, in longest["together"]), "gives up", GIVES_UP_MS, 1.0)

    peers = [name for name in ("floor", "tini") if bench.here(crowd.prefixes[name][0])]
    ends = bench.in_turn({name: lambda name=name: crowd.end_at_once(name) for name in ("together", *peers)}, 4 * rounds)
    crowd.check()
    for what, place in (("first", 0), ("half", AT_ONCE // 2 - 1), ("last", -1)):
        middle = {name: [[of_one[place]] for of_one in of_all] for name, of_all in ends.items()}
        for name in ("floor", "tini"):
            bench.row(f"{AT_ONCE} that end at once", f"{what} gone after", "ms", middle["together"], name, middle.get(name))


def ours(bench, count, turn):
    path = bench.scratch / f"queue-{turn}.db"
    settings = bench.scratch / "slots.toml"
    settings.write_text("[queue]\nslots = 2\nautostart = false\n")
    common = [bench.supervise, "-q", "--db", str(path), "--config", str(settings)]
    bench.say("--db", str(path), "--", "true")
    daemon = bench.spawn([*common, "daemon"])
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        began, since = time.time(), time.monotonic()
        bench.times(count, [*common, "queue", "add", "--", "true"])
        added = time.monotonic() - since
        # Asked seldom, for it not to cost what is measured; the ledger says when the last one ended.
        while (ended := db.execute("SELECT count(*), max(finished_at) FROM executions WHERE exit_code = 0"
                                   " AND queued_at > 0").fetchone())[0] < count:
            if daemon.poll() is not None:
                raise SystemExit(f"bench.py: the daemon ended: {daemon.returncode}")
            time.sleep(0.05)
        return ended[1] / 1e3 - began, added
    finally:
        db.close()
        daemon.terminate()
        daemon.wait()


def by_tsp(bench, count, turn):
    bench.spawn(["tsp", "-K"]).wait()
    bench.spawn(["tsp", "-S", "2"]).wait()
    try:
        since = time.monotonic()
        bench.times(count, ["tsp", "-n", "true"])
        added = time.monotonic() - since
        for job in (count - 2, count - 1):
            bench.spawn(["tsp", "-w", str(job)]).wait()
        return time.monotonic() - since, added
    finally:
        bench.spawn(["tsp", "-K"]).wait()


def by_nq(bench, count, turn):
    directory = bench.scratch / f"nq-{turn}"
    directory.mkdir()
    since = time.monotonic()
    bench.times(count, ["nq", "-q", "true"], environment={"NQDIR": str(directory)})
    added = time.monotonic() - since
    bench.spawn(["nq", "-w"], environment={"NQDIR": str(directory)}).wait()
    return time.monotonic() - since, added


def by_parallel(bench, count, turn):
    since = time.monotonic()
    work = "".join(f"{n}\n" for n in range(count))
    result = subprocess.run(["parallel", "-j2", "--joblog", str(bench.scratch / f"joblog-{turn}"), "-N0", "true"], input=work,
                            text=True, cwd=bench.scratch, env=bench.environment, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)
    if result.returncode:
        raise SystemExit(f"bench.py: parallel exited {result.returncode}")
    return time.monotonic() - since, None


def is_gnu_parallel(bench):
    """moreutils has another program of that name."""
    if not bench.here("parallel"):
        return False
    said = subprocess.run(["parallel", "--version"], capture_output=True, text=True, env=bench.environment,
                          stdin=subprocess.DEVNULL)
    return "GNU" in said.stdout


def queue(bench):
    count, rounds = bench.size(1_000, 100), bench.rounds(5)
    here = {"tsp, 2 slots": bench.here("tsp") and by_tsp, "nq": bench.here("nq") and by_nq,
            "GNU parallel -j2": is_gnu_parallel(bench) and by_parallel}
    turns = iter(range(1_000_000))
    contenders = {name: lambda run=run: run(bench, count, next(turns)) for name, run in [("ours", ours), *here.items()] if run}
    results = bench.in_turn(contenders, rounds)
    whole = {name: [[seconds] for seconds, _ in of_one] for name, of_one in results.items()}
    added = {name: median(s for _, s in of_one) for name, of_one in results.items() if of_one[0][1] is not None}
    for name in here:
        more = {"to add them": ("s", added["ours"], added[name])} if name in added else {}
        bench.row(f"queue: {count:,} x `true`", "daemon, 2 slots", "s", whole["ours"], name, whole.get(name), **more)


def measure(bench):
    contention(bench)
    queue(bench)
