"""Whether a verb takes as long in a ledger of a million executions as in one of a thousand: see ledger.py for what stands in
them. Each runs in both in turn, as often in both, with the same things to find; in one of a hundred thousand as well. A
command runs in each of them, driving a session, for the verbs that report something of it, and a queue waits. Several verbs
in a line are timed as one, by way of `sh`. What they write is small beside what is there.

Left out: `db check`, `backup`, `export` and `prune`, `list --all`, and `events` of everything, which look at all there is
by their nature; `session import`, whose time is that of what it takes in; `daemon`, which does what is measured here and
starts commands; `wait`, `log` and `events` with -f, which wait.
"""

import itertools
import json
import shlex
import sqlite3
import subprocess

import ledger
from measure import median

LIST_MS = 20

FILTERS = [
    ("--outcome", "incomplete"), ("--outcome", "failed"), ("--outcome", "cancelled"), ("--outcome", "success"),
    ("--state", "running"), ("--state", "queued"), ("--state", "finished"), ("--session", "review-5"),
    ("--name", "nightly"), ("--name", "rare"), ("--since", "1h"), ("--since", "7d"), ("--since", "1m"),
]

# UID is that of the command that runs, EVENT one of the last events; {} is another number each time.
READING = [
    "list", *(f"list {name} {value}" for name, value in FILTERS),
    "status", "status 500", "status @last", "status nightly", "status UID", "status UID8", "status review-5",
    "log spoke", "log --tail 1 --timestamps spoke", "events 500", "events review-5", "events --since EVENT",
    "wait 900", "wait nightly", "cancel 500", "session list", "session list --status active", "session show review-5",
    "item list --session review-5", "checkpoint list --session review-5", "checkpoint show --session review-5 c1",
    "queue list", "sweep --dry-run", "agent prompt",
]
WRITING = [
    "sweep", ("supervise -- true", "-- true"), ("supervise -s again -- true", "-s again -- true || [ $? = 75 ]"),
    ("resume again", "resume again || [ $? = 75 ]"), "session begin begun-{}", "session begin review-5",
    "session advance --session free phase-{}",
    ("session begin; complete-round; close",
     "session begin s-{}; session complete-round --session s-{}; session close --session s-{}"),
    ("session begin; close --abort", "session begin a-{}; session close --abort --session a-{}"),
    "queue add -- true", "queue add --after 500 -- true", "queue retry 107", "queue pause; queue resume",
    ("queue add; move; remove", "queue add --name m-{} -- true; queue move m-{} first; queue remove m-{}"),
    ("session begin; queue add; session link; queue remove",
     "session begin l-{}; queue add --name k-{} -- true; session link --session l-{} k-{}; queue remove k-{}"),
]
# Said from inside the command that runs.
INSIDE = [
    "heartbeat at-it", "step start map/a{}", "step progress map/b{} 1/2", "step done map/c{}", "step error map/d{} why",
    "step skip map/e{}", "step run map/f{} -- true", "item done --stage map {}", "item failed --stage map --error why f{}",
    ("item done; forget", "item done --stage map g{}; item forget --stage map g{}"), "item remaining --stage map",
    "checkpoint save --id c{} --steps 1",
    ("agent hook", "agent hook <<'.'\n" + json.dumps({"hook_event_name": "PostToolUse", "session_id": "a", "tool_name": "Bash",
                                                      "tool_input": {"command": "ls"}}) + "\n.\n"),
]


class History:
    """A ledger of that length, and what goes on in it."""

    def __init__(self, bench, executions):
        self.bench, self.path = bench, bench.scratch / f"history-{executions}.db"
        self.quiet = bench.scratch / "quiet.toml"
        self.quiet.write_text("[queue]\nautostart = false\n")  # what is added to the queue stays there
        ledger.make(bench.supervise, self.path, executions)
        self.uid = self.say("-s", "live", "-n", "live", "--detach", "--", "sleep", "86400").strip()
        self.say("-n", "spoke", "--", "echo", "said")
        self.say("session", "begin", "free")
        for number in range(50):
            self.say("queue", "add", *(["--after", "live"] if number % 10 == 9 else []), "--", "true")
        db = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        self.event = str(db.execute("SELECT max(id) - 5 FROM events").fetchone()[0])
        db.close()

    def common(self):
        return [self.bench.supervise, "--db", str(self.path), "--config", str(self.quiet)]

    def say(self, *argv):
        return self.bench.say(*self.common()[1:], *argv)

    def argv(self, text):
        for word, means in (("UID8", self.uid[:8]), ("UID", self.uid), ("EVENT", self.event)):
            text = text.replace(word, means)
        if not any(sign in text for sign in ";|<"):
            return [*self.common(), *shlex.split(text)]
        us = shlex.join(self.common())
        script = " && ".join(f"{us} {part.strip()}" for part in text.replace("{}", "$1").split(";"))
        return ["sh", "-c", script, "sh", "{}"]

    def times(self, text, runs, inside=False):
        environment = {"SUPERVISE_EXECUTION_UID": self.uid, "SUPERVISE_DB": str(self.path)} if inside else {}
        return self.bench.times(runs, self.argv(text), environment=environment)

    def end(self):
        self.say("cancel", self.uid)
        subprocess.run([*self.common(), "-q", "wait", self.uid], env=self.bench.environment)
        for leftover in self.bench.scratch.glob(self.path.name + "*"):
            leftover.unlink()


def in_all(bench, histories, text, rounds, inside=False, runs=None):
    """{executions: [times], round by round}; as often in each."""
    first = [history.times(text, 2, inside) for history in histories.values()]
    slowest = max(wall for times in first for wall, *_ in times) / 1e9
    runs = runs or max(1, min(bench.size(10, 3), int(0.5 / slowest)))
    return bench.in_turn({executions: lambda history=history: history.times(text, runs, inside)
                          for executions, history in histories.items()}, rounds)


def row(bench, results, what, goal):
    few, some, many = results
    middle = median(wall for times in results[some] for wall, *_ in times) / 1e6
    group = f"flatness: in a ledger of {many:,} executions, beside one of {few:,}"
    bench.timed(group, what, results[many], f"of {few:,}", results[few], goal, **{f"of {some:,}": ("ms", middle, None)})
    return bench.rows[-1]


def pairs(bench, histories):
    """Of all pairs of filters the one that differs most."""
    texts = [f"list {shlex.join(one)} {shlex.join(other)}" for one, other in itertools.combinations(FILTERS, 2)
             if one[0] != other[0]]
    few, _, many = histories
    found = {text: in_all(bench, histories, text, 3, runs=1) for text in texts}
    ratio = lambda text: median(t[0][0] for t in found[text][many]) / median(t[0][0] for t in found[text][few])
    worst = max(texts, key=ratio)
    row(bench, in_all(bench, histories, worst, bench.rounds(10)), f"worst of {len(texts)} pairs: {worst}", None)


def measure(bench):
    sizes = (1_000, 10_000, 100_000) if bench.quick else (1_000, 100_000, 1_000_000)
    histories = {}
    try:
        for executions in sizes:
            histories[executions] = History(bench, executions)
        rounds, lists = bench.rounds(10), []
        for verb in READING + INSIDE + WRITING:
            what, text = (verb, verb) if isinstance(verb, str) else verb
            told = row(bench, in_all(bench, histories, text, rounds, verb in INSIDE), what, 1.5)
            if text.startswith("list"):
                lists.append(told)
        slowest = max(lists, key=lambda told: told["ours"]["median"])
        bench.row(slowest["group"], f"slowest: {slowest['what']}", "ms", slowest["ours"]["median"], f"{LIST_MS} ms", LIST_MS, 1.0)
        pairs(bench, histories)
    finally:
        for history in histories.values():
            history.end()
