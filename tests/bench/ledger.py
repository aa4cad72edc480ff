#!/usr/bin/python3
"""ledger.py SUPERVISE FILE EXECUTIONS: a ledger with a history of that length, as years of use would leave it.

The program makes the file and one session, whose definition all others share; the history is then written by SQL, with
the triggers and indexes put aside, which are made again as they were. `db check` finds nothing in it.

One execution every ten seconds, the last one now. Of twenty, two belong to a session: one drives it, one helps; it has
two steps, three items, a checkpoint, and passes through all phases. Every fourth session was given up instead, after its
command had failed. One of twenty failed without a session, one of twenty came from the queue, and every tenth has one
name. All else is a success, but for what the first two hundred executions have: some ended with 0 in sessions that were
never finished, some were cancelled, and one has a name of its own, "rare". So whoever looks for those finds them at the far
end of the history, behind all that failed, and equally many in every ledger.
"""

import json
import pathlib
import random
import sqlite3
import subprocess
import sys
import time

EVERY_MS, TAKES_MS, ODD = 10_000, 5_000, 200
PHASES = ["context", "analysis", "reviews", "synthesis", "complete"]
WORKFLOW = f"""
[workflow.review]
phases = {json.dumps(PHASES)}
final = ["complete"]
[[workflow.review.stage]]
name = "map"
steps = ["list", "write"]
"""
USAGE = '{"user_ms":3120,"system_ms":410,"max_rss_kib":48212}'
FACTS = '{"capture":"pipe","heartbeat_slept":0,"activity_slept":0,"last_line":"wrote 3 files","child_code":%d}'
COLUMNS = {
    "sessions": "id workflow definition status close_reason phase round started_at updated_at closed_at",
    "rounds": "id session round opened_at completed_at settled_at settled_as",
    "executions": "id uid parent_uid name session drives opening command cwd host exit_code stopped_by started_at"
                  " finished_at heartbeat_at activity_at duration_ms supervisor_pid supervisor_start pid_ns boot_id"
                  " machine_id cancel_requested_at log usage facts queued_at",
    "steps": "session stage name attempt status started_at finished_at execution",
    "items": "session stage id status attempts execution at",
    "checkpoints": "id session execution steps usage data size created_at",
    "events": "at type session execution data",
}


class History:
    """Makes rows, in the order in which they would have been written."""

    def __init__(self, executions, definition, first_round):
        self.definition, self.rounds = definition, first_round
        self.now = int(time.time() * 1000)
        self.began = self.now - executions * EVERY_MS
        self.random = random.Random(executions)
        self.rows = {table: [] for table in COLUMNS}

    def uid(self):
        return "".join(self.random.choices("abcdefghijklmnopqrstuvwxyz234567", k=20))

    def event(self, at, what, session, execution, **data):
        self.rows["events"].append((at, what, session, execution, json.dumps(data, separators=(",", ":"))))

    def execution(self, number, uid, at, code=0, outcome="success", reason="exit", *, name=None, parent=None, session=None,
                  drives=0, opening=None, cancelled=False, queued=None, during=()):
        """One from its beginning to its end; `during` are calls that make what happens in between."""
        end = at + TAKES_MS
        if queued:
            self.event(queued, "execution_queued", session, uid)
        self.event(at, "execution_started", session, uid)
        for happens in during:
            happens()
        if cancelled:
            self.event(end, "execution_cancel_requested", session, uid)
        self.event(end, "execution_finished", session, uid, exit_code=code, outcome=outcome, reason=reason,
                   duration_ms=TAKES_MS)
        self.rows["executions"].append((
            number, uid, parent, name, session, drives, opening, '["./run.sh","--part","%d"]' % number, "/home/user/work",
            "host", code, "cancel" if cancelled else None, at, end, at, end, TAKES_MS, 4711, 123456, 4026531836,
            "bce0aebc-3477-4c99-bb6b-ac0f812bd6fa", "3d1219c7c4c5404aaa1f6d2a48adfda4", end if cancelled else None,
            f"/home/user/.local/state/supervise/logs/{uid}.log", USAGE, FACTS % max(code, 0),
            queued))

    def work(self, session, uid, at, finished):
        """What happens in a session while its execution runs."""
        for step in ["list", "write"][: 2 if finished else 1]:
            self.event(at + 1, "step_started", session, uid, stage="map", name=step, attempt=1)
            self.event(at + 2, "step_done", session, uid, stage="map", name=step, attempt=1)
            self.rows["steps"].append((session, "map", step, 1, "done", at + 1, at + 2, uid))
        for item in ("a", "b", "c"):
            self.event(at + 3, "item_done", session, uid, stage="map", id=item, attempts=1)
            self.rows["items"].append((session, "map", item, "done", 1, uid, at + 3))
        self.event(at + 4, "checkpoint_saved", session, uid, id="c1", steps=2)
        self.rows["checkpoints"].append(("c1", session, uid, 2, '{"tokens":1200}', b"{}", 2, at + 4))
        for old, new in zip(PHASES, PHASES[1:]) if finished else ():
            self.event(at + 5, "phase_advanced", session, uid, **{"from": old, "to": new, "round": 1})

    def session(self, number, at, how):
        """A session and what drives it; where it was completed, with an execution that helps."""
        driver, helper, name, opening = self.uid(), self.uid(), f"review-{number}", self.rounds + 1
        completed, closed = how == "completed", how is not None
        end = at + TAKES_MS if closed else None
        self.rounds = opening
        # Somebody still looks after the unfinished, so that no sweep closes them.
        touched = end or self.now
        self.rows["sessions"].append((name, "review", self.definition, "closed" if closed else "active", how,
                                      PHASES[-1] if completed else PHASES[0], 1, at, touched, end))
        self.rows["rounds"].append((opening, name, 1, at, end if completed else None, end, how))
        self.event(at, "session_created", name, driver, workflow="review", phase=PHASES[0])
        during = [lambda: self.work(name, driver, at, completed)]
        if completed:
            during += [
                lambda: self.execution(number + 1, helper, at, parent=driver, session=name, opening=opening),
                lambda: self.event(end, "round_completed", name, driver, round=1),
                lambda: self.event(end, "session_closed", name, driver),
            ]
        ended = {"completed": (0, "success", "completed"), "aborted": (1, "failed", "exit"),
                 None: (0, "incomplete", "session-active")}[how]
        self.execution(number, driver, at, *ended, session=name, drives=1, opening=opening, during=during)
        if how == "aborted":
            self.event(end, "session_aborted", name, driver)

    def twenty(self, first, last):
        """The executions of these numbers, twenty at most."""
        helped = None
        for number in range(first, last + 1):
            at = self.began + number * EVERY_MS
            kind, odd = number % 20, number <= ODD
            if number == helped:
                continue
            if kind == 5 and (number < last or odd):
                how = None if odd else "aborted" if number // 20 % 4 == 3 else "completed"
                self.session(number, at, how)
                helped = number + 1 if how == "completed" else None
            elif kind == 7:
                self.execution(number, self.uid(), at, 1, "failed")
            elif kind == 8 and odd:
                self.execution(number, self.uid(), at, -2, "cancelled", "cancelled", cancelled=True)
            elif kind == 9:
                self.execution(number, self.uid(), at, queued=at - TAKES_MS)
            else:
                self.execution(number, self.uid(), at, name="nightly" if kind % 10 == 0 else "rare" if number == 3 else None)

    def touch_the_unfinished(self, sessions):
        for session in sessions:
            self.event(self.now, "session_resumed", session, None)


def write(db, history):
    for table, columns in COLUMNS.items():
        names = columns.split()
        db.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
                       history.rows[table])
        history.rows[table].clear()


def put_aside(db):
    """Drops triggers and indexes; the statements that make them again."""
    made = db.execute("SELECT type, name, sql FROM sqlite_schema WHERE type IN ('trigger', 'index') AND sql IS NOT NULL"
                      " ORDER BY rowid").fetchall()
    for kind, name, _ in made:
        db.execute(f"DROP {kind} {name}")
    return [sql for _, _, sql in made]


def make(supervise, path, executions):
    path = pathlib.Path(path)
    config = path.with_name(path.name + ".toml")
    config.write_text(WORKFLOW)
    subprocess.run([supervise, "-q", "--db", path, "--config", config, "session", "begin", "template", "--workflow", "review"],
                   check=True, stdout=subprocess.DEVNULL)
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = OFF")
    db.execute("PRAGMA synchronous = OFF")
    db.execute("PRAGMA cache_size = -200000")
    db.execute("BEGIN")
    aside = put_aside(db)
    definition, = db.execute("SELECT definition FROM sessions").fetchone()
    first_round, = db.execute("SELECT max(id) FROM rounds").fetchone()
    history = History(executions, definition, first_round)
    for first in range(1, executions + 1, 20):
        history.twenty(first, min(first + 19, executions))
        if first % 20_000 == 1:
            write(db, history)
    write(db, history)
    history.touch_the_unfinished([name for name, in db.execute("SELECT id FROM sessions WHERE status = 'active'")])
    write(db, history)
    for sql in aside:
        db.execute(sql)
    db.execute("COMMIT")
    db.execute("PRAGMA journal_mode = WAL")
    db.close()


if __name__ == "__main__":
    if len(sys.argv) != 4 or not sys.argv[3].isdigit():
        sys.exit("usage: ledger.py SUPERVISE FILE EXECUTIONS")
    make(sys.argv[1], sys.argv[2], int(sys.argv[3]))
