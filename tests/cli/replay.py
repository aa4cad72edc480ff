"""Sessions told again from the events alone: what the rows and the rounds have to be if the history is the truth."""

import json

from harness import Case

CLOSING = {"session_closed": "completed", "session_aborted": "aborted", "session_auto_closed_stale": "stale"}


class Replayed:
    """One session, event by event."""

    def __init__(self, at, data):
        self.status, self.close_reason, self.phase, self.round = "active", None, data["phase"], 1
        self.started_at, self.updated_at, self.closed_at = at, at, None
        self.rounds = []
        self.open(at)

    def open(self, at):
        self.rounds.append({"round": self.round, "opened_at": at, "completed_at": None, "settled_at": None, "settled_as": None})

    def settle(self, at, reason):
        assert self.rounds[-1]["settled_as"] is None, "a round is settled once"
        self.rounds[-1].update(settled_at=at, settled_as=reason)

    def take(self, at, kind, data):
        self.updated_at = max(self.updated_at, at)
        if kind in CLOSING:
            assert self.status == "active", f"{kind} of a closed session"
            self.status, self.close_reason, self.closed_at = "closed", CLOSING[kind], at
            self.settle(at, self.close_reason)
        elif kind == "session_reopened":
            assert self.status == "closed", "an active session is reopened"
            self.status, self.close_reason, self.closed_at = "active", None, None
            self.phase, self.round = data["phase"], data["round"]
            self.open(at)
        elif kind == "phase_advanced":
            assert self.status == "active", "a closed session advances"
            assert self.phase == data["from"], f"a move from {data['from']}, but it is in {self.phase}"
            self.phase = data["to"]
            if data["round"] != self.round:
                assert data["round"] == self.round + 1 and self.rounds[-1]["completed_at"], "rounds follow one another"
                self.settle(at, "completed")
                self.round = data["round"]
                self.open(at)
        elif kind == "round_completed":
            assert (self.status, self.round) == ("active", data["round"]), "another round is completed"
            assert self.rounds[-1]["completed_at"] is None, "a round is completed once"
            self.rounds[-1]["completed_at"] = at
        elif kind == "round_started":
            assert self.rounds[-1]["round"] == data["round"], "a round begins that isn't open"


def replay(events):
    """{id: Replayed} of rows (at, type, session, data) in their order."""
    sessions = {}
    for at, kind, session, data in events:
        if session is None:
            continue
        data = json.loads(data)
        if kind == "session_created":
            assert session not in sessions, f"{session} is created twice"
            sessions[session] = Replayed(at, data)
        else:
            sessions[session].take(at, kind, data)
    return sessions


class ReplayCase(Case):
    """A test at whose end each session is what its events say."""

    lied_to = False  # the test has written rows by itself that no event tells of

    def check_ledger(self):
        super().check_ledger()
        if self.db.exists() and not self.lied_to:
            self.assert_replay()

    def assert_replay(self):
        sessions = replay(self.sql("SELECT at, type, session, data FROM events ORDER BY id"))
        columns = ("status", "close_reason", "phase", "round", "started_at", "updated_at", "closed_at")
        rows = {row[0]: dict(zip(columns, row[1:])) for row in self.sql(f"SELECT id, {', '.join(columns)} FROM sessions")}
        self.assertEqual(rows, {id: {name: getattr(each, name) for name in columns} for id, each in sessions.items()})
        columns = ("round", "opened_at", "completed_at", "settled_at", "settled_as")
        openings = {id: [] for id in rows}
        for row in self.sql(f"SELECT session, {', '.join(columns)} FROM rounds ORDER BY id"):
            openings[row[0]].append(dict(zip(columns, row[1:])))
        self.assertEqual(openings, {id: each.rounds for id, each in sessions.items()})
