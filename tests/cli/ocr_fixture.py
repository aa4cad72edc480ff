"""Databases as Open Code Review makes them, of several ages, for the tests of `session import`."""

import json
import sqlite3

SESSIONS = """CREATE TABLE sessions (
    id TEXT PRIMARY KEY, branch TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'closed')),
    workflow_type TEXT NOT NULL CHECK (workflow_type IN ('review', 'map')),
    current_phase TEXT NOT NULL DEFAULT 'context', phase_number INTEGER NOT NULL DEFAULT 1,
    current_round INTEGER NOT NULL DEFAULT 1, current_map_run INTEGER NOT NULL DEFAULT 1,
    started_at TEXT NOT NULL DEFAULT (datetime('now')), updated_at TEXT NOT NULL DEFAULT (datetime('now')),
    session_dir TEXT NOT NULL)"""
EVENTS = """CREATE TABLE orchestration_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL REFERENCES sessions(id) ON DELETE RESTRICT,
    event_type TEXT NOT NULL, phase TEXT, phase_number INTEGER, round INTEGER, metadata TEXT,
    created_at TEXT NOT NULL DEFAULT (datetime('now')))"""
COMMANDS = """CREATE TABLE command_executions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, command TEXT NOT NULL, args TEXT, exit_code INTEGER,
    started_at TEXT NOT NULL DEFAULT (datetime('now')), finished_at TEXT, output TEXT)"""
# What later migrations added to command_executions.
ADDED = [
    (3, "pid INTEGER"), (4, "is_detached INTEGER NOT NULL DEFAULT 0"), (9, "uid TEXT"),
    (11, "workflow_id TEXT REFERENCES sessions(id) ON DELETE RESTRICT"), (11, "vendor TEXT"),
    (11, "vendor_session_id TEXT"), (11, "persona TEXT"), (11, "instance_index INTEGER"), (11, "name TEXT"),
    (11, "resolved_model TEXT"), (11, "last_heartbeat_at TEXT"), (11, "notes TEXT"),
]
REVIEW = ["context", "change-context", "analysis", "reviews", "aggregation", "discourse", "synthesis", "complete"]


class Ocr:
    """One such database. Foreign keys are off, so that it can hold what it should not."""

    def __init__(self, path, version=13, wal=False):
        self.path, self.version = path, version
        self.connection = sqlite3.connect(path, isolation_level=None)
        if wal:
            self.run("PRAGMA journal_mode = WAL")
        for statement in (SESSIONS, EVENTS, COMMANDS, "CREATE INDEX idx_events ON orchestration_events (session_id)",
                          "CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied_at TEXT, description TEXT)"):
            self.run(statement)
        self.upgrade(version, 0)

    def upgrade(self, version, since=None):
        since = self.version if since is None else since
        for number, column in ADDED:
            if since < number <= version:
                self.run(f"ALTER TABLE command_executions ADD COLUMN {column}")
        for number in range(since + 1, version + 1):
            self.run("INSERT INTO schema_version VALUES (?, datetime('now'), '')", number)
        self.version = version

    def run(self, statement, *values):
        return self.connection.execute(statement, values).fetchall()

    def insert(self, table, **columns):
        names = ", ".join(columns)
        marks = ", ".join("?" for _ in columns)
        return self.connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(columns.values())).lastrowid

    def session(self, id, at="2026-02-03 09:00:00", workflow="review", **columns):
        self.insert("sessions", **{
            "id": id, "branch": "main", "workflow_type": workflow, "started_at": at, "updated_at": at,
            "session_dir": f".ocr/sessions/{id}", "current_phase": "context" if workflow == "review" else "map-context",
            **columns})

    def row(self, id, **columns):
        for name, value in columns.items():
            self.run(f"UPDATE sessions SET {name} = ? WHERE id = ?", value, id)

    def event(self, session, kind, at, round=1, phase=None, metadata=None):
        if isinstance(metadata, (dict, list)):
            metadata = json.dumps(metadata)
        return self.insert("orchestration_events", session_id=session, event_type=kind, phase=phase, round=round,
                           metadata=metadata, created_at=at)

    def command(self, command="ocr review", at="2026-02-03T09:00:00.000Z", end="2026-02-03T09:30:00.000Z", code=0,
                **columns):
        return self.insert("command_executions", **{
            "command": command, "args": "[]", "started_at": at, "finished_at": end, "exit_code": code, **columns})

    def review(self, id, day="2026-02-03", completed=True, closed=True):
        """A session that went through all its phases, as `ocr state` writes it."""
        self.session(id, f"{day} 09:00:00")
        self.event(id, "session_created", f"{day} 09:00:00", phase="context")
        for number, phase in enumerate(REVIEW[1:-1], 1):
            self.event(id, "phase_transition", f"{day} 09:{number:02}:00", phase=phase)
        if completed:
            self.event(id, "round_completed", f"{day} 09:10:00", phase="synthesis",
                       metadata={"verdict": "APPROVE", "blocker_count": 0})
        if closed:
            self.event(id, "session_closed", f"{day} 09:11:00", phase="complete")
        self.row(id, status="closed" if closed else "active", current_phase="complete" if closed else "synthesis",
                 updated_at=f"{day} 09:11:00")

    def close(self):
        self.connection.close()


def realistic(path, wal=False):
    """A few weeks of a project: what worked, what was aborted, resumed, swept, and what runs now."""
    ocr = Ocr(path, 13, wal)
    ocr.review("2026-01-12-feature-login", "2026-01-12")
    ocr.command("ocr review --team principal:2", "2026-01-12T08:59:58.120Z", "2026-01-12T09:11:30.004Z", 0,
                args='["--team","principal:2"]', uid="cmd-0001", workflow_id="2026-01-12-feature-login", vendor="claude",
                vendor_session_id="3f1c9a1e-0000-4000-8000-0000000000a1", last_heartbeat_at="2026-01-12T09:11:00.000Z",
                output="▸ Spawning claude\nRound 1 complete. Verdict: APPROVE\n")
    for number in (1, 2):
        ocr.command(f"session-instance:principal-{number}", "2026-01-12 09:03:05", "2026-01-12 09:07:44", 0, args=None,
                    uid=f"0d3e0000-0000-4000-8000-00000000000{number}", workflow_id="2026-01-12-feature-login",
                    vendor="claude", persona="principal", instance_index=number, name=f"principal-{number}",
                    resolved_model="opus", last_heartbeat_at="2026-01-12 09:07:40")
    # Closed with nothing to show for it, let through by the abort of an earlier round.
    ocr.session("2026-01-20-fix-cache", "2026-01-20 14:00:00")
    ocr.event("2026-01-20-fix-cache", "session_created", "2026-01-20 14:00:00", phase="context")
    ocr.event("2026-01-20-fix-cache", "phase_transition", "2026-01-20 14:02:00", phase="change-context")
    ocr.event("2026-01-20-fix-cache", "session_aborted", "2026-01-20 14:05:00", metadata={"reason": "wrong branch"})
    ocr.event("2026-01-20-fix-cache", "session_resumed", "2026-01-20T15:00:00.000Z", phase="context")
    ocr.event("2026-01-20-fix-cache", "phase_transition", "2026-01-20 15:10:00", phase="reviews")
    ocr.event("2026-01-20-fix-cache", "session_closed", "2026-01-20 15:20:00", phase="complete")
    ocr.row("2026-01-20-fix-cache", status="closed", current_phase="complete", updated_at="2026-01-20 15:20:00")
    ocr.command("ocr review", "2026-01-20T14:59:00.000Z", "2026-01-20T15:21:00.000Z", 0, uid="cmd-0002",
                workflow_id="2026-01-20-fix-cache", vendor="claude", last_heartbeat_at="2026-01-20T15:20:55.000Z",
                output="I have closed the review session.\n")
    # The agent stopped in the middle: exit 0, and the session is open.
    ocr.session("2026-02-03-refactor-db", "2026-02-03 10:00:00")
    ocr.event("2026-02-03-refactor-db", "session_created", "2026-02-03 10:00:00", phase="context")
    for minute, phase in enumerate(REVIEW[1:4], 1):
        ocr.event("2026-02-03-refactor-db", "phase_transition", f"2026-02-03 10:{minute:02}:00", phase=phase)
    ocr.row("2026-02-03-refactor-db", current_phase="reviews", updated_at="2026-02-03 10:03:00")
    ocr.command("ocr review", "2026-02-03T09:59:57.000Z", "2026-02-03T10:41:10.500Z", 0, uid="cmd-0003",
                workflow_id="2026-02-03-refactor-db", vendor="claude", last_heartbeat_at="2026-02-03T10:41:00.000Z",
                output="The reviewers are running in the background. I'll report when they are done.\n")
    ocr.session("2026-02-04-main-map", "2026-02-04 08:00:00", "map")
    ocr.event("2026-02-04-main-map", "session_created", "2026-02-04 08:00:00", phase="map-context")
    ocr.event("2026-02-04-main-map", "map_completed", "2026-02-04 08:20:00", metadata={"section_count": 7})
    ocr.event("2026-02-04-main-map", "session_closed", "2026-02-04 08:20:05", phase="complete")
    ocr.row("2026-02-04-main-map", status="closed", current_phase="complete", updated_at="2026-02-04 08:20:05")
    ocr.command("ocr map", "2026-02-04T07:59:59.000Z", "2026-02-04T08:20:20.000Z", 0, uid="cmd-0004",
                workflow_id="2026-02-04-main-map", vendor="opencode", last_heartbeat_at="2026-02-04T08:20:15.000Z")
    ocr.command("progress", "2026-02-04T09:00:00.000Z", "2026-02-04T09:00:01.000Z", -1, uid="cmd-0005",
                output="Process error: spawn ocr ENOENT")
    ocr.command("ocr review", "2026-02-04T09:05:00.000Z", "2026-02-04T09:06:00.000Z", -1, uid="cmd-0006")
    ocr.command("ocr review", "2026-02-04T09:10:00.000Z", "2026-02-04T09:12:00.000Z", -2, uid="cmd-0007")
    ocr.command("ocr review", "2026-02-04T09:20:00.000Z", "2026-02-04T13:20:00.000Z", -5, uid="cmd-0008")
    ocr.command("ocr review", "2026-02-04T14:00:00.000Z", None, None, uid="cmd-0009",
                last_heartbeat_at="2026-02-04T14:01:00.000Z")
    return ocr
