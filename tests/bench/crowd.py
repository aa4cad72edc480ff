"""Many at once, and one after another.

Contention: 64 wrappers at a time, 10,000 in all, in one ledger; beside them one at a time in another. Counted afterwards:
every one is in the ledger as a success, none of them said anything, `db check` finds nothing.

The queue: 1,000 x `true`, from the first that is added to the end of the last. Ours by a daemon with two slots; `tsp` with
two slots; `nq`, which runs one at a time; GNU parallel with two jobs and a log of them, which knows all its work at once
and has no queue to put it in. All but parallel have their thousand calls paid for.
"""

import sqlite3
import subprocess
import time

from measure import median

AT_ONCE = 64


def ledger_at(bench, name):
    path = bench.scratch / f"{name}.db"
    bench.say("--db", str(path), "--", "true")
    return path


def crowd(bench, path, at_once, runs):
    """([wall in ms], runs in a second), and nothing said on stderr."""
    said = bench.scratch / "crowd.stderr"
    since = time.monotonic()
    with said.open("w") as stderr:
        times = bench.times(runs, [bench.supervise, "-q", "--db", str(path), "--", "true"], at_once, stderr=stderr)
    took = time.monotonic() - since
    if said.stat().st_size:
        raise SystemExit(f"bench.py: {at_once} wrappers at once said: {said.read_text()[:400]}")
    return sorted(wall / 1e6 for wall, *_ in times), runs / took


def check(bench, path, expected):
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    here, = db.execute("SELECT count(*) FROM outcomes WHERE outcome = 'success'").fetchone()
    db.close()
    if here != expected:
        raise SystemExit(f"bench.py: {expected - here} of {expected} executions were lost")
    bench.say("--db", str(path), "db", "check")


def contention(bench):
    runs = bench.often(10_000, 640)
    alone = ledger_at(bench, "alone")
    together = ledger_at(bench, "together")
    single, rate_alone = crowd(bench, alone, 1, runs // 10)
    walls, rate = crowd(bench, together, AT_ONCE, runs)
    check(bench, together, runs + 1)
    group = f"{AT_ONCE} wrappers at once, {runs:,} in all: none lost, no error"
    # As a time per execution, for a larger ratio to be worse here as well.
    bench.row(group, "time per execution", "ms", 1e3 / rate, "one at a time", 1e3 / rate_alone,
              **{"per second": f"{rate:.0f}:{rate_alone:.0f}"})
    for what, share in (("median", 0.5), ("99 of 100 below", 0.99), ("longest", 1)):
        place = lambda of: of[min(len(of) - 1, int(len(of) * share))]
        bench.row(group, f"duration of one, {what}", "ms", place(walls), "one at a time", place(single))


def ours(bench, count, turn):
    path = bench.scratch / f"queue-{turn}.db"
    settings = bench.scratch / "slots.toml"
    settings.write_text("[queue]\nslots = 2\nautostart = false\n")
    common = [bench.supervise, "-q", "--db", str(path), "--config", str(settings)]
    bench.say("--db", str(path), "--", "true")
    daemon = bench.spawn([*common, "daemon"])
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        since = time.monotonic()
        bench.times(count, [*common, "queue", "add", "--", "true"])
        added = time.monotonic() - since
        while db.execute("SELECT count(*) FROM executions WHERE exit_code = 0 AND queued_at > 0").fetchone()[0] < count:
            if daemon.poll() is not None:
                raise SystemExit(f"bench.py: the daemon ended: {daemon.returncode}")
            time.sleep(0.005)
        return time.monotonic() - since, added
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
    count, rounds = bench.often(1_000, 100), bench.often(3, 1)
    here = {"tsp, 2 slots": bench.here("tsp") and by_tsp, "nq": bench.here("nq") and by_nq,
            "GNU parallel -j2": is_gnu_parallel(bench) and by_parallel}
    turns = iter(range(1_000_000))
    contenders = {name: lambda run=run: run(bench, count, next(turns)) for name, run in [("ours", ours), *here.items()] if run}
    results = bench.in_turn(contenders, rounds)
    middle = {name: median([whole for whole, _ in of_one]) for name, of_one in results.items()}
    added = {name: median([a for _, a in of_one]) for name, of_one in results.items() if of_one[0][1] is not None}
    for name in here:
        more = {"to add them": f"{added['ours']:.2f}:{added[name]:.2f} s"} if name in added else {}
        bench.row(f"queue: {count:,} x `true`", "daemon, 2 slots", "s", middle["ours"], name, middle.get(name), **more)


def measure(bench):
    contention(bench)
    queue(bench)
