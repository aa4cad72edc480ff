"""Whether a verb takes as long in a ledger of a million executions as in one of a thousand: see ledger.py for what stands in
them. Each verb runs in both in turn, with the same things to find in both; a command runs in both as well, driving a
session, for the verbs that report something of it. What a verb writes is small beside what is there.
"""

import sqlite3
import time

import ledger
from measure import median

GROUP = "flatness"
PER_TURN_S = 0.5


def make(bench, executions):
    """A ledger, and in it an execution that runs: (path, its UID)."""
    path = bench.scratch / f"history-{executions}.db"
    ledger.make(bench.supervise, path, executions)
    uid = bench.say("--db", str(path), "-s", "live", "-n", "live", "--detach", "--", "sleep", "86400").strip()
    for number in range(3):
        bench.say("--db", str(path), "--config", str(settings(bench)), "queue", "add", "--", "true")
    return path, uid


def settings(bench):
    """A queue that nobody serves, for what is added to it to stay there."""
    path = bench.scratch / "quiet.toml"
    path.write_text("[queue]\nautostart = false\n")
    return path


def verbs(bench):
    """(what, arguments, whether they are said from inside the execution that runs)."""
    quiet = ["--config", str(settings(bench))]
    return [
        ("list", ["list"], False),
        ("list --outcome incomplete", ["list", "--outcome", "incomplete"], False),
        ("list --outcome failed", ["list", "--outcome", "failed"], False),
        ("list --outcome cancelled", ["list", "--outcome", "cancelled"], False),
        ("list --outcome success", ["list", "--outcome", "success"], False),
        ("list --state running", ["list", "--state", "running"], False),
        ("list --state queued", ["list", "--state", "queued"], False),
        ("list --state finished", ["list", "--state", "finished"], False),
        ("list --session ID", ["list", "--session", "review-5"], False),
        ("list --name, one of ten", ["list", "--name", "nightly"], False),
        ("list --name, one in all", ["list", "--name", "rare"], False),
        ("list --since 1h", ["list", "--since", "1h"], False),
        ("list --since 1m, fewer than a page", ["list", "--since", "1m"], False),
        ("status", ["status"], False),
        ("status NUMBER", ["status", "500"], False),
        ("status @last", ["status", "@last"], False),
        ("status NAME, one of ten", ["status", "nightly"], False),
        ("status UID", ["status", "UID"], False),
        ("status, 8 letters of a UID", ["status", "UID8"], False),
        ("status SESSION", ["status", "review-5"], False),
        ("session list", ["session", "list"], False),
        ("session list --status active", ["session", "list", "--status", "active"], False),
        ("session show ID", ["session", "show", "review-5"], False),
        ("events NUMBER", ["events", "500"], False),
        ("events SESSION", ["events", "review-5"], False),
        ("events --since, the last few", ["events", "--since", "EVENT"], False),
        ("wait, on one that has ended", ["wait", "900"], False),
        ("wait NAME, one of ten", ["wait", "nightly"], False),
        ("queue list", ["queue", "list"], False),
        ("sweep --dry-run", ["sweep", "--dry-run"], False),
        ("sweep", ["sweep"], False),
        ("queue add -- true", [*quiet, "queue", "add", "--", "true"], False),
        ("heartbeat", ["heartbeat", "at it"], True),
        ("step done", ["step", "done", "map/{}"], True),
        ("item done", ["item", "done", "--stage", "map", "{}"], True),
        ("supervise -- true", ["--", "true"], False),
    ]


def batch(bench, history, arguments, inside):
    path, uid, event, runs = history["path"], history["uid"], history["event"], history["runs"]
    words = {"UID": uid, "UID8": uid[:8], "EVENT": event}
    environment = {"SUPERVISE_EXECUTION_UID": uid, "SUPERVISE_DB": str(path)} if inside else {}
    argv = [bench.supervise, "--db", str(path), *(words.get(argument, argument) for argument in arguments)]
    if not runs:
        since = time.monotonic()
        bench.times(1, argv, environment=environment)
        once = time.monotonic() - since
        runs = history["runs"] = max(1, min(bench.often(20, 3), int(PER_TURN_S / once)))
    return [wall for wall, *_ in bench.times(runs, argv, environment=environment)]


def newest_event(bench, path):
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return str(db.execute("SELECT max(id) - 5 FROM events").fetchone()[0])
    finally:
        db.close()


def measure(bench):
    few, many = 1_000, bench.often(1_000_000, 100_000)
    histories = {}
    try:
        for executions in (few, many):
            path, uid = make(bench, executions)
            histories[executions] = {"path": path, "uid": uid, "event": newest_event(bench, path)}
        for what, arguments, inside in verbs(bench):
            for history in histories.values():
                history["runs"] = None
            of_all = bench.in_turn({executions: lambda history=history: batch(bench, history, arguments, inside)
                                    for executions, history in histories.items()}, bench.often(6, 3))
            small, large = (median([run for batch in of_all[executions] for run in batch]) / 1e6 for executions in (few, many))
            bench.row(GROUP, f"{what}, of {many:,}", "ms", large, f"of {few:,}", small, 1.5)
            if what == "list":
                bench.row(GROUP, f"{what}, of {many:,}", "ms", large, "20 ms", 20, 1.0)
    finally:
        for history in histories.values():
            bench.say("--db", str(history["path"]), "cancel", history["uid"])
            for leftover in bench.scratch.glob(history["path"].name + "*"):
                leftover.unlink()
