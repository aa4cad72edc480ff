"""`session import`: the history of Open Code Review, taken as it was, once, from a file that stays as it is."""

import hashlib
import json
import os
import random
import sqlite3
import stat
import subprocess
import sys
import unittest

from harness import Case
from ocr_fixture import REVIEW, Ocr, realistic

FLIGHT = "it is still in flight there: it is taken once it has ended"


class Import(Case):
    def setUp(self):
        super().setUp()
        self.file = self.work / "ocr.db"

    def ocr(self, version=13, wal=False):
        ocr = Ocr(self.file, version, wal)
        self.addCleanup(ocr.close)
        return ocr

    def take(self, *args, **how):
        """An import, after which the ledger is sound."""
        result = self.json("session", "import", "--from-ocr", str(self.file), *args, **how)
        self.ok("db", "check")
        return result

    def take_again(self):
        """Nothing is new."""
        before = self.dump()
        result = self.take()
        self.assertEqual(before, self.dump())
        self.assertEqual((0, 0, 0, 0), (result["sessions"]["new"], result["sessions"]["changed"],
                                        result["executions"]["new"], result["events"]))
        return result

    def dump(self):
        return {table: self.sql(f"SELECT * FROM {table}") for table in ("sessions", "rounds", "executions", "events", "meta")}

    def whys(self, result, which):
        return {(line["what"], line["why"]): (line["count"], line["examples"]) for line in result[which]}

    def assert_tally(self, result, which, what, words, count=1):
        found = [line for line in result[which] if line["what"] == what and words in line["why"]]
        self.assertEqual([count], [line["count"] for line in found], result[which])

    def session(self, id):
        return self.json("session", "show", id)

    def assert_session(self, id, **wanted):
        row = self.session(id)
        self.assertEqual(wanted, {key: row[key] for key in wanted})
        return row

    def by_uid(self):
        """Executions by the uid that they have there."""
        return {uid: self.row(str(number)) for number, uid in
                self.sql("SELECT id, facts ->> '$.ocr.uid' FROM executions")}

    def types(self, session):
        return [event["type"] for event in self.events(session)]


class Sessions(Import):
    def test_a_completed_one_is_completed_and_an_open_one_is_open(self):
        ocr = self.ocr()
        ocr.review("2026-02-03-main")
        ocr.review("2026-02-04-main", "2026-02-04", completed=False, closed=False)
        self.assertEqual({"new": 2, "changed": 0, "known": 0}, self.take()["sessions"])
        row = self.assert_session(
            "2026-02-03-main", workflow="review", status="closed", close_reason="completed", completeness="complete",
            phase="complete", phase_number=8, phase_count=8, round=1, started_at="2026-02-03T09:00:00.000Z",
            closed_at="2026-02-03T09:11:00.000Z", updated_at="2026-02-03T09:11:00.000Z")
        self.assertEqual("none", row["next"])
        self.assert_session("2026-02-04-main", status="active", phase="synthesis", completeness="open")
        self.assertEqual(["session_created", *["phase_advanced"] * 6, "round_completed", "session_closed"],
                         self.types("2026-02-03-main"))
        advanced = [event["data"] for event in self.events("2026-02-03-main") if event["type"] == "phase_advanced"]
        self.assertEqual(REVIEW[:6], [data["from"] for data in advanced])
        self.assertEqual(REVIEW[1:7], [data["to"] for data in advanced])
        completed = self.event("2026-02-03-main", "round_completed")
        self.assertEqual("2026-02-03T09:10:00.000Z", completed["at"])
        self.assertEqual((1, {"verdict": "APPROVE", "blocker_count": 0}), (completed["data"]["round"], completed["data"]["data"]))
        self.take_again()

    def test_both_shapes_of_time_in_one_table_and_such_as_are_none(self):
        ocr = self.ocr()
        ocr.session("mixed", "2026-02-03T08:00:00.250Z", updated_at="NaN")
        ocr.event("mixed", "session_created", "2026-02-03 08:00:01")
        ocr.event("mixed", "phase_transition", "NaN", phase="change-context")
        ocr.event("mixed", "phase_transition", "2026-02-03T08:00:03.5Z", phase="analysis")
        ocr.row("mixed", current_phase="analysis")
        ocr.session("timeless", "garbage", updated_at="")
        ocr.event("timeless", "session_created", "2026-02-05 08:00:00")
        result = self.take()
        self.assert_tally(result, "altered", "session", "when it began can't be read")
        self.assert_session("mixed", started_at="2026-02-03T08:00:00.250Z", updated_at="2026-02-03T08:00:03.500Z")
        self.assert_session("timeless", started_at="2026-02-05T08:00:00.000Z")
        self.assertEqual(["2026-02-03T08:00:01.000Z", "2026-02-03T08:00:01.000Z", "2026-02-03T08:00:03.500Z"],
                         [event["at"] for event in self.events("mixed")])

    def test_a_review_of_the_same_day_goes_on_with_the_next_round(self):
        ocr = self.ocr()
        ocr.review("again")
        ocr.event("again", "round_started", "2026-02-03T10:00:00.000Z", 2, "context")
        ocr.event("again", "phase_transition", "2026-02-03 10:01:00", 2, "reviews")
        ocr.row("again", status="active", current_phase="reviews", current_round=2)
        self.take()
        self.assert_session("again", status="active", round=2, phase="reviews", close_reason=None)
        self.assertEqual([(1, "completed"), (2, None)],
                         self.sql("SELECT round, settled_as FROM rounds ORDER BY id"))
        self.assertEqual(["session_reopened", "round_started", "phase_advanced"], self.types("again")[-3:])
        ocr.event("again", "round_completed", "2026-02-03 10:30:00", 2)
        ocr.event("again", "session_closed", "2026-02-03 10:31:00", 2)
        ocr.row("again", status="closed", current_phase="complete")
        self.assertEqual({"new": 0, "changed": 1, "known": 0}, self.take()["sessions"])
        self.assert_session("again", close_reason="completed", round=2, phase="complete")
        self.assertEqual([(1, "completed"), (2, "completed")],
                         self.sql("SELECT round, settled_as FROM rounds ORDER BY id"))
        self.take_again()

    def test_the_abort_of_an_older_round_completes_nothing(self):
        ocr = self.ocr()
        ocr.session("gap")
        ocr.event("gap", "session_created", "2026-02-03 09:00:00")
        ocr.event("gap", "session_aborted", "2026-02-03 09:05:00", metadata={"reason": "wrong branch"})
        ocr.event("gap", "session_resumed", "2026-02-03 10:00:00")
        ocr.event("gap", "session_closed", "2026-02-03 10:10:00")
        ocr.row("gap", status="closed", current_phase="complete", updated_at="2026-02-03 10:10:00")
        ocr.command(uid="first", workflow_id="gap", end="2026-02-03 09:06:00")
        ocr.command(uid="second", workflow_id="gap", at="2026-02-03 09:59:00", end="2026-02-03 10:11:00")
        self.assert_tally(self.take(), "altered", "session", "closed without its round being completed")
        self.assert_session("gap", close_reason="aborted", completeness="closed-incomplete")
        why = self.events("gap")[-5]["data"]["why"]
        self.assertIn("session_aborted of an earlier round", why)
        for uid in ("first", "second"):
            self.assert_end(self.by_uid()[uid], "incomplete", "session-aborted", round=1)
        self.assertIn("aborted in Open Code Review", self.by_uid()["first"]["explanation"])
        self.assertIn("nothing says that round 1", self.by_uid()["second"]["explanation"])

    def test_a_close_that_only_a_synchronisation_permits_is_no_completion(self):
        ocr = self.ocr()
        for id, reason in (("synced", "session_synced"), ("legacy", "session_legacy_import")):
            ocr.session(id, status="closed", current_phase="complete", updated_at="2026-02-03 09:30:00")
            ocr.event(id, "session_created", "2026-02-03 09:00:00")
            ocr.event(id, reason, "2026-02-03 09:20:00")
        result = self.take()
        self.assert_tally(result, "left", "event", "no such event here", 2)
        for id, reason in (("synced", "session_synced"), ("legacy", "session_legacy_import")):
            self.assert_session(id, close_reason="aborted", closed_at="2026-02-03T09:30:00.000Z")
            self.assertIn(reason, self.event(id, "session_aborted")["data"]["why"])

    def test_a_stale_one_is_stale_and_its_executions_stay_incomplete(self):
        ocr = self.ocr()
        ocr.session("stale", status="closed", updated_at="2026-02-10 09:00:00")
        ocr.event("stale", "session_created", "2026-02-03 09:00:00")
        ocr.event("stale", "session_auto_closed_stale", "2026-02-10 09:00:00", metadata={"threshold": 604800})
        ocr.command(workflow_id="stale", end="2026-02-03 09:30:00")
        self.take()
        self.assert_session("stale", close_reason="stale")
        self.assert_end(self.row(), "incomplete", "session-stale")

    def test_a_round_completed_after_the_close_counts(self):
        ocr = self.ocr()
        ocr.session("late", status="closed")
        ocr.event("late", "session_created", "2026-02-03 09:00:00")
        ocr.event("late", "session_closed", "2026-02-03 09:10:00")
        ocr.event("late", "round_completed", "2026-02-03 09:10:01")
        self.take()
        self.assert_session("late", close_reason="completed")

    def test_a_round_completed_after_the_close_counts_when_it_comes_by_a_later_import(self):
        ocr = self.ocr()
        for id, closing in (("late", "session_closed"), ("aborted", "session_aborted")):
            ocr.session(id, status="closed")
            ocr.event(id, "session_created", "2026-02-03 09:00:00")
            ocr.event(id, closing, "2026-02-03 09:10:00")
        self.take()
        self.assert_session("late", close_reason="aborted")
        for id in ("late", "aborted"):
            ocr.event(id, "round_completed", "2026-02-03 09:20:00")
        self.assert_tally(self.take(), "altered", "session", "it is closed anew")
        self.assert_session("late", close_reason="completed", round=1)
        self.assert_session("aborted", close_reason="aborted")
        self.take_again()

    def test_a_map_is_counted_by_its_runs(self):
        ocr = self.ocr()
        ocr.session("map-1", workflow="map")
        ocr.event("map-1", "session_created", "2026-02-03 09:00:00")
        ocr.event("map-1", "map_completed", "2026-02-03 09:10:00")
        ocr.event("map-1", "session_closed", "2026-02-03 09:11:00")
        ocr.event("map-1", "session_resumed", "2026-02-03 10:00:00")
        ocr.event("map-1", "phase_transition", "2026-02-03 10:01:00", 1, "topology")
        ocr.event("map-1", "map_completed", "2026-02-03 10:20:00", 2, metadata={"section_count": 7})
        ocr.event("map-1", "session_closed", "2026-02-03 10:21:00", 1)
        ocr.row("map-1", status="closed", current_phase="complete", current_map_run=2, updated_at="2026-02-03 10:21:00")
        ocr.event("map-1", "round_completed", "2026-02-03 10:22:00", 3)
        self.assert_tally(self.take(), "left", "event", "no part of its session's workflow")
        self.assert_session("map-1", workflow="map", close_reason="completed", round=2, phase_count=6)

    def test_the_row_wins_over_its_events_but_not_over_a_missing_completion(self):
        ocr = self.ocr()
        ocr.review("reopened")
        ocr.row("reopened", status="active", current_phase="reviews", updated_at="2026-02-03 12:00:00")
        ocr.review("ahead", "2026-02-04")
        ocr.row("ahead", current_round=3)
        ocr.session("silent", status="closed", current_round=2, updated_at="2026-02-03 12:00:00")
        result = self.take()
        self.assert_session("reopened", status="active", phase="reviews")
        self.assert_session("ahead", status="closed", close_reason="aborted", round=3)
        self.assert_session("silent", status="closed", close_reason="aborted", round=2, closed_at="2026-02-03T12:00:00.000Z")
        self.assertEqual(["session_created", "session_aborted"], self.types("silent"))
        self.assert_tally(result, "altered", "session", "its last event closed it")
        self.assert_tally(result, "altered", "session", "another round than its events")

    def test_an_id_that_can_not_be_one_here_is_made_into_one(self):
        ids = ["20260203", "two words", "-x", "a\nb\x1b[2J", "x" * 200, "é@main"]
        ocr = self.ocr()
        for number, id in enumerate(ids):
            ocr.review(id, f"2026-02-{number + 1:02}")
            ocr.command(uid=f"c{number}", workflow_id=id, at=f"2026-02-{number + 1:02} 09:00:00",
                        end=f"2026-02-{number + 1:02} 09:12:00")
        self.assert_tally(self.take(), "altered", "session", "its id can't be one here", len(ids))
        made = [row["id"] for row in self.json("session", "list", "--all")][::-1]
        self.assertEqual(len(ids), len(set(made)))
        self.assertEqual(ids, [self.event(id, "session_created")["data"]["id"] for id in made])
        self.assertEqual(made, [row["session"] for row in self.rows()])
        for row in self.rows():
            self.assert_end(row, "success", "completed")
        self.take_again()

    def test_another_session_of_that_id_is_not_taken_for_it(self):
        self.ok("session", "begin", "2026-02-03-main")
        ocr = self.ocr()
        ocr.review("2026-02-03-main")
        self.assert_tally(self.take(), "altered", "session", "another has its id here")
        self.take_again()
        ocr.close()
        self.file = self.work / "other.db"  # another project, the same day and branch
        other = self.ocr()
        other.session("2026-02-03-main", "2026-02-03 11:00:00")
        self.take()
        self.take_again()
        self.assert_session("2026-02-03-main", workflow=None, status="active")
        self.assertEqual({None: 1, "review": 2}, {
            workflow: len([row for row in self.json("session", "list") if row["workflow"] == workflow])
            for workflow in (None, "review")})

    def test_one_that_went_on_here_is_left_alone(self):
        ocr = self.ocr()
        ocr.review("mine", completed=False, closed=False)
        self.take()
        self.ok("session", "begin", "mine")
        ocr.event("mine", "session_closed", "2026-02-05 09:00:00")
        ocr.row("mine", status="closed")
        before = self.dump()
        self.assert_tally(self.take(), "left", "session", "went on here")
        self.assertEqual(before, self.dump())

    def test_one_that_only_a_stale_sweep_closed_here_goes_on_as_it_did_there(self):
        ocr = self.ocr()
        ocr.review("slow", completed=False, closed=False)
        self.take()
        # What the sweep writes.
        self.sql("INSERT INTO events (at, type, session) VALUES (1800000000000, 'session_auto_closed_stale', 'slow')")
        self.sql("UPDATE sessions SET status = 'closed', close_reason = 'stale', closed_at = 1800000000000")
        self.sql("UPDATE rounds SET settled_as = 'stale', settled_at = 1800000000000")
        self.take_again()
        ocr.event("slow", "round_completed", "2027-02-05 09:00:00")
        ocr.event("slow", "session_closed", "2027-02-05 09:00:01")
        ocr.row("slow", status="closed", updated_at="2027-02-05 09:00:01")
        self.take()
        self.assert_session("slow", close_reason="completed", round=1)
        self.take_again()

    def test_events_that_mean_nothing_here_are_counted(self):
        ocr = self.ocr()
        ocr.review("plain")
        ocr.run("PRAGMA foreign_keys = OFF")
        ocr.event("gone", "session_created", "2026-02-03 09:00:00")
        ocr.event("plain", "session_exploded", "2026-02-03 10:00:00")
        ocr.event("plain", "session_closed", "2026-02-03 10:00:00")
        result = self.take()
        self.assertEqual({
            ("event", "its session isn't there"): (1, ["10"]),
            ("event", "there is no such event here"): (1, ["session_exploded"]),
            ("event", "it closes what is closed already"): (1, ["session_closed"])}, self.whys(result, "left"))

    def test_metadata_is_kept_whatever_it_is(self):
        deep = "[" * 3000 + "]" * 3000
        said = ["not JSON", '{"n": 12345678901234567890, "x": 1.10}', '"text"', "", "null", "\x1b[2J", deep, "{"]
        ocr = self.ocr()
        ocr.session("meta")
        for number, text in enumerate(said):
            ocr.event("meta", "session_resumed", f"2026-02-03 09:00:{number:02}", metadata=text)
        ocr.run("INSERT INTO orchestration_events (session_id, event_type, metadata) VALUES ('meta', 'session_resumed', CAST(x'ff00fe' AS TEXT))")
        self.take()
        kept = [data for (data,) in self.sql("SELECT data -> '$.data' FROM events WHERE type = 'session_resumed' ORDER BY id")]
        self.assertEqual('{"n":12345678901234567890,"x":1.10}', kept[1])
        self.assertEqual([said[0], "text", "", None, "\x1b[2J", deep, "{", "\ufffd\ufffd\ufffd"],
                         [json.loads(kept[number]) for number in (0, 2, 3, 4, 5, 6, 7, 8)])

    def test_the_configured_workflow_is_taken_where_it_knows_the_phase(self):
        self.config('[workflow.review]\nphases = ["context", "reviews", "done", "complete"]\n')
        ocr = self.ocr()
        ocr.session("ours", current_phase="reviews")
        ocr.session("theirs", current_phase="discourse")
        ocr.session("nobodys", current_phase="dreaming")
        self.assert_tally(self.take(), "altered", "session", "doesn't know the phase")
        self.assert_session("ours", phase="reviews", phase_count=4)
        self.assert_session("theirs", phase="discourse", phase_count=8)
        self.assert_session("nobodys", phase="context", phase_count=8)


class Executions(Import):
    def test_each_has_its_true_outcome(self):
        ocr = self.ocr()
        ocr.review("done")
        ocr.review("open", "2026-02-04", completed=False, closed=False)
        for uid, code, session in (("zero", 0, None), ("three", 3, None), ("minus-1", -1, None), ("minus-2", -2, None),
                                   ("minus-3", -3, "done"), ("minus-4", -4, "done"), ("minus-4-alone", -4, None),
                                   ("minus-5", -5, None), ("windows", 3221225786, None), ("null", None, None),
                                   ("done-0", 0, "done"), ("done-1", 1, "done")):
            ocr.command(uid=uid, code=code, workflow_id=session)
        ocr.command(uid="spawn", code=-1, output="Process error: spawn ocr ENOENT")
        ocr.command(uid="open-0", workflow_id="open", at="2026-02-04 09:00:00", end="2026-02-04 09:20:00")
        ocr.command("session-instance:principal-1", uid="instance", workflow_id="open", at="2026-02-04 09:01:00",
                    end="2026-02-04 09:20:00")
        ocr.command("session-instances", uid="look-alike", workflow_id="open", at="2026-02-04 09:01:00", end="2026-02-04 09:20:00")
        self.take()
        rows = self.by_uid()
        self.assertEqual({
            "zero": ("success", "exit", 0), "three": ("failed", "exit", 3), "minus-1": ("failed", "orphaned", -3),
            "minus-2": ("cancelled", "cancelled", -2), "minus-3": ("failed", "orphaned", -3),
            "minus-4": ("cancelled", "session-closed", -4), "minus-4-alone": ("failed", "orphaned", -3),
            "minus-5": ("failed", "deadline", -5), "windows": ("failed", "orphaned", -3),
            "null": ("failed", "orphaned", -3), "done-0": ("success", "completed", 0), "done-1": ("failed", "exit", 1),
            "spawn": ("failed", "spawn", -1), "open-0": ("incomplete", "session-active", 0),
            "instance": ("success", "exit", 0), "look-alike": ("incomplete", "session-active", 0),
        }, {uid: (row["outcome"], row["reason"], row["exit_code"]) for uid, row in rows.items()})
        self.assertIn("could not be started, or a signal killed it", rows["minus-1"]["explanation"])
        self.assertIn("without an exit code", rows["null"]["explanation"])
        self.assertIn("its exit code there is 3221225786", rows["windows"]["notes"])
        self.assertIn("spawn ocr ENOENT", rows["spawn"]["explanation"])
        self.assertEqual((True, False), (rows["open-0"]["drives"], rows["instance"]["drives"]))
        self.assertEqual((1800000, None), (rows["zero"]["duration_ms"], rows["minus-3"]["duration_ms"]))
        # What is derived follows its session.
        ocr.event("open", "round_completed", "2026-02-05 09:00:00")
        ocr.event("open", "session_closed", "2026-02-05 09:01:00")
        ocr.row("open", status="closed")
        self.take()
        self.assert_end(self.by_uid()["open-0"], "success", "completed")

    def test_everything_known_of_one_is_kept(self):
        ocr = self.ocr()
        ocr.review("r")
        ocr.command("ocr review --team 'a b'", "2026-02-03T08:59:00.100Z", "2026-02-03T09:12:00.350Z", 0, uid="u",
                    args='["--team","a b"]', workflow_id="r", vendor="claude", vendor_session_id="3f1c", persona="principal",
                    instance_index=2, name="lead", resolved_model="opus", last_heartbeat_at="2026-02-03 09:11:59",
                    notes="first\nsecond", output="one\ntwo é\n", pid=1)
        self.assertEqual({"new": 1, "known": 0, "logs": 1}, self.take()["executions"])
        row = self.row("lead")
        wanted = {
            "command": ["ocr", "review", "--team", "a b"], "session": "r", "drives": True, "agent": "claude",
            "agent_session": "3f1c", "name": "lead", "started_at": "2026-02-03T08:59:00.100Z",
            "finished_at": "2026-02-03T09:12:00.350Z", "duration_ms": 780250, "heartbeat_at": "2026-02-03T09:11:59.000Z",
            "pid": None, "host": None, "cwd": None, "round": 1, "workflow": "review",
            "notes": ["imported from Open Code Review: supervisor, persona principal, instance 2, model opus", "first", "second"]}
        self.assertEqual(wanted, {key: row[key] for key in wanted})
        self.assertEqual("one\ntwo é\n", self.ok("log", "lead").out)
        self.assertEqual(0o600, stat.S_IMODE(os.stat(row["log"]).st_mode))

    def test_they_get_numbers_in_the_order_in_which_they_began(self):
        self.ok("--", "true")
        ocr = self.ocr()
        ocr.command("third", "2026-02-03T10:00:00.000Z", "2026-02-03T10:01:00.000Z")
        ocr.command("second", "2026-02-03 09:30:00", "2026-02-03 09:31:00")
        ocr.command("first", "2026-02-03T09:00:00.500Z", "2026-02-03T10:01:00.000Z")
        self.take()
        self.assertEqual([["true"], ["first"], ["second"], ["third"]], [row["command"] for row in self.rows()])
        self.assertEqual([1, 2, 3, 4], [row["id"] for row in self.rows()])

    def test_what_is_in_flight_is_taken_once_it_has_ended(self):
        ocr = self.ocr()
        number = ocr.command(uid="long", end=None, code=None)
        self.assertEqual({("execution", FLIGHT): (1, [str(number)])}, self.whys(self.take(), "left"))
        self.assertEqual([], self.rows())
        ocr.run("UPDATE command_executions SET finished_at = '2026-02-03 11:00:00', exit_code = 4")
        self.assertEqual({"new": 1, "known": 0, "logs": 0}, self.take()["executions"])
        self.assert_end(self.row(), "failed", "exit", exit_code=4)
        self.take_again()

    def test_times_that_can_not_be_read_are_said(self):
        ocr = self.ocr()
        ocr.command(uid="before", at="2026-02-03 08:00:00", end="2026-02-03 08:01:00")
        ocr.command(uid="start", at="NaN", end="2026-02-03 08:30:00")
        ocr.command(uid="end", end="NaN", last_heartbeat_at="2026-02-03T09:20:00.000Z")
        ocr.command(uid="no-end", end=None, code=7)
        ocr.command(uid="backwards", at="2026-02-03 09:00:00", end="2026-02-03 08:00:00")
        result = self.take()
        rows = self.by_uid()
        self.assert_tally(result, "altered", "execution", "when it began can't be read")
        self.assert_tally(result, "altered", "execution", "when it ended can't be read", 2)
        self.assertEqual("2026-02-03T08:00:00.000Z", rows["start"]["started_at"])
        self.assertEqual("2026-02-03T09:20:00.000Z", rows["end"]["finished_at"])
        self.assert_end(rows["no-end"], "failed", "exit", exit_code=7)
        self.assertEqual([None] * 4, [rows[uid]["duration_ms"] for uid in ("start", "end", "no-end", "backwards")])
        self.assertIn("it ended before it began, by its own times", rows["backwards"]["notes"])

    def test_a_uid_that_two_rows_have_is_said(self):
        ocr = self.ocr()
        ocr.command("one", uid="twin", at="2026-02-03 09:00:00")
        ocr.command("two", uid="twin", at="2026-02-03 09:00:00")
        ocr.command("three", uid="twin", at="2026-02-03 09:00:01")
        self.assert_tally(self.take(), "left", "execution", "another row has its uid")
        self.assertEqual([["one"], ["three"]], [row["command"] for row in self.rows()])

    def test_a_row_that_is_given_its_uid_later_is_known_again(self):
        ocr = self.ocr(5)
        ocr.command()
        ocr.command("ocr map")
        self.assertEqual(2, self.take()["executions"]["new"])
        ocr.upgrade(13)
        ocr.run("UPDATE command_executions SET uid = 'new-' || id")
        self.assertEqual({"new": 0, "known": 2, "logs": 0}, self.take_again()["executions"])

    def test_what_ran_under_us_too_is_not_taken_twice(self):
        self.ok("--", "true")
        ocr = self.ocr()
        ocr.command(uid=self.row()["uid"])
        self.assertEqual({"new": 0, "known": 1, "logs": 0}, self.take()["executions"])

    def test_a_session_that_is_not_there_is_none(self):
        ocr = self.ocr()
        ocr.run("PRAGMA foreign_keys = OFF")
        ocr.command(workflow_id="gone")
        self.assert_tally(self.take(), "altered", "execution", "its session isn't there")
        self.assert_end(self.row(), "success", "exit", session=None)

    def test_an_agents_id_that_would_be_an_option_is_none(self):
        ocr = self.ocr()
        ocr.command(vendor="claude", vendor_session_id="--dangerously-skip-permissions")
        self.take()
        self.assertIsNone(self.row()["agent_session"])
        self.assertIn("its agent's session id there: --dangerously-skip-permissions", self.row()["notes"])

    def test_output_that_can_not_be_kept_costs_the_output_alone(self):
        ocr = self.ocr()
        ocr.command(output="lost\n", code=1)
        self.config('[log]\ndir = "/dev/null/logs"\n')
        self.assert_tally(self.take(), "altered", "execution", "its output could not be kept")
        self.assert_end(self.row(), "failed", "exit", log=None)
        self.assertIn('its last line of output was "lost"', self.row()["explanation"])
        self.assertIn("its log is not whole", self.row()["explanation"])


class Source(Import):
    def fingerprint(self):
        """All that is in the directory of the source, with its times."""
        return {path.name: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns, path.stat().st_size)
                for path in self.work.iterdir() if path.name.startswith("ocr.db")}

    def refuse(self, code, *words):
        result = self.assert_code(code, self.run_supervise("session", "import", "--from-ocr", str(self.file)))
        self.assertEqual(1, len(result.err.splitlines()), result.err)
        for word in words:
            self.assertIn(word, result.err)
        self.assertFalse(self.db.exists(), "a ledger was made for nothing")

    def test_every_age_is_read_and_stays_as_it_is(self):
        for version in (1, 5, 9, 11, 13):
            with self.subTest(version=version):
                self.file = self.work / f"ocr.db-{version}"
                ocr = self.ocr(version)
                ocr.review(f"v{version}")
                ocr.command(f"ocr-{version}", output="x\n")
                ocr.close()
                before = self.fingerprint()
                result = self.take()
                self.assertEqual(version, result["schema_version"])
                self.assertEqual(([], []), (result["left"], result["altered"]))
                self.take_again()
                self.assertEqual(before, self.fingerprint())
        self.assertEqual(5, len(self.rows()))

    def test_one_in_wal_mode_at_rest_is_read_without_a_trace(self):
        realistic(self.file, wal=True).close()
        before = self.fingerprint()
        self.assertEqual(["ocr.db"], list(before))
        self.assertEqual(10, self.take()["executions"]["new"])
        self.assertEqual(before, self.fingerprint())

    def test_one_in_wal_mode_in_use_is_read_with_what_is_in_its_wal(self):
        ocr = self.ocr(wal=True)
        ocr.run("PRAGMA wal_checkpoint(TRUNCATE)")
        ocr.review("in-the-wal")
        ocr.run("BEGIN IMMEDIATE")
        ocr.session("not-yet")
        before = self.fingerprint()
        self.take()
        self.assertEqual(["in-the-wal"], [row["id"] for row in self.json("session", "list")])
        after = self.fingerprint()
        self.assertEqual([before[name] for name in ("ocr.db", "ocr.db-wal")], [after[name] for name in ("ocr.db", "ocr.db-wal")])
        self.assertEqual(list(before), list(after))
        ocr.run("COMMIT")
        self.assertEqual(1, self.take()["sessions"]["new"])

    def test_one_whose_writer_was_killed_is_read_with_what_is_in_its_wal(self):
        self.leave_behind("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0",
                          "INSERT INTO sessions VALUES ('late', 'b', 'active', 'review', 'context', 1, 1, 1, '2026-02-03', '2026-02-03', 'd')")
        (self.work / "ocr.db-shm").unlink()
        before = self.fingerprint()
        self.assertIn("ocr.db-wal", before)
        self.take()
        self.assertEqual(["late"], [row["id"] for row in self.json("session", "list")])
        self.assertEqual(before, self.fingerprint())
        self.assertEqual([], [path for path in self.work.iterdir() if "supervise-import" in path.name])

    def test_a_transaction_that_was_cut_off_is_rolled_back_in_a_copy(self):
        self.leave_behind("PRAGMA cache_size = 1; PRAGMA cache_spill = 1; PRAGMA synchronous = OFF; BEGIN",
                          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) "
                          "INSERT INTO command_executions (command, started_at, finished_at, exit_code, output) "
                          "SELECT 'x', '2026-02-03', '2026-02-03', 0, hex(zeroblob(500)) FROM n")
        before = self.fingerprint()
        self.assertIn("ocr.db-journal", before)
        self.assertEqual({"new": 1, "known": 0, "logs": 0}, self.take()["executions"])
        self.assertEqual(before, self.fingerprint())

    def leave_behind(self, *statements):
        """A database whose writer is killed after these statements."""
        ocr = self.ocr()
        ocr.command()
        ocr.close()
        script = ("import os, signal, sqlite3, sys\nc = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
                  "for s in sys.argv[2:]:\n    [c.execute(part) for part in s.split(';')]\n"
                  "os.kill(os.getpid(), signal.SIGKILL)")
        subprocess.run([sys.executable, "-c", script, str(self.file), *statements], check=False)

    def test_one_that_is_locked_is_busy(self):
        self.config('[store]\nbusy_timeout = "50ms"\n')
        ocr = self.ocr()
        ocr.run("BEGIN EXCLUSIVE")
        self.refuse(8, "another process holds it")

    def test_what_is_no_such_database_is_refused(self):
        self.refuse(4, "No such file")
        self.file.write_bytes(b"")
        self.refuse(7, "no SQLite database")
        self.file.write_text("this is not a database\n" * 100)
        self.refuse(7, "no SQLite database")
        self.file.unlink()
        with sqlite3.connect(self.file) as connection:
            connection.execute("CREATE TABLE sessions (id TEXT, user TEXT)")
        connection.close()
        self.refuse(7, "none of the tables of Open Code Review")
        self.file = self.work
        self.refuse(7, "no regular file")
        self.file = self.work / "fifo"
        os.mkfifo(self.file)
        self.refuse(7, "no regular file")

    def test_one_without_rows_and_one_without_tables(self):
        ocr = self.ocr()
        result = self.take()
        self.assertEqual(([], []), (result["left"], result["altered"]))
        ocr.run("DROP TABLE command_executions")
        ocr.review("left")
        result = self.take()
        self.assertEqual({("table", "it isn't there, or not with the columns it needs"): (1, ["command_executions"])},
                         self.whys(result, "left"))
        self.assertEqual(1, result["sessions"]["new"])
        ocr.run("DROP TABLE sessions")
        self.assert_tally(self.take(), "left", "event", "its session isn't there", 9)

    def test_one_that_is_cut_off_changes_nothing(self):
        ocr = self.ocr()
        for number in range(30):
            ocr.review(f"s{number}", f"2026-02-{number % 28 + 1:02}")
            ocr.command(uid=f"c{number}", workflow_id=f"s{number}", output=f"line {number}\n" * 200)
        ocr.close()
        whole = self.file.read_bytes()
        for part in (0.98, 0.7, 0.5, 0.3, 0.1):
            self.file.write_bytes(whole[:int(len(whole) * part)])
            result = self.assert_code(7, self.run_supervise("session", "import", "--from-ocr", str(self.file)), part)
            self.assertRegex(result.err, "cut off" if part > 0.9 else "cut off|malformed")
            if self.db.exists():
                self.assertEqual([], self.rows())
                self.assertEqual([], self.json("session", "list"))
            logs = self.ledger_dir / "logs"
            self.assertEqual([], list(logs.iterdir()) if logs.exists() else [])
        self.file.write_bytes(whole)
        self.assertEqual(30, self.take()["executions"]["new"])

    def test_one_that_fails_in_the_middle_leaves_nothing_neither_rows_nor_logs(self):
        ocr = self.ocr()
        ocr.review("r")
        ocr.command(output="kept\n", uid="u", workflow_id="r")
        ocr.command(name="boom", at="2026-02-03T10:00:00Z")
        self.ok("--", "true")
        self.sql("CREATE TRIGGER boom BEFORE INSERT ON executions WHEN NEW.name = 'boom' BEGIN SELECT RAISE(ABORT, 'boom'); END")
        before = self.dump()
        result = self.assert_code(6, self.run_supervise("session", "import", "--from-ocr", str(self.file)))
        self.assertIn("boom", result.err)
        self.assertEqual(before, self.dump())
        self.assertEqual([], list((self.ledger_dir / "logs").iterdir()))
        self.sql("DROP TRIGGER boom")
        self.assertEqual(2, self.take()["executions"]["new"])

    def test_a_log_that_an_import_left_when_it_was_killed_is_in_nobodys_way(self):
        self.ocr().command(output="kept\n", name="x")
        self.take()
        for path in self.ledger_dir.glob("supervise.db*"):
            path.unlink()
        self.assertEqual(([], 1), ((took := self.take())["altered"], took["executions"]["logs"]))
        self.assertEqual("kept\n", self.ok("log", "x").out)

    def test_a_dry_run_says_the_same_and_changes_nothing(self):
        realistic(self.file).close()
        would = self.json("session", "import", "--from-ocr", str(self.file), "--dry-run")
        self.assertFalse(self.ledger_dir.exists())
        took = self.take()
        self.assertEqual({**took, "dry_run": True, "executions": {**took["executions"], "logs": 0}}, would)
        before = self.dump()
        logs = sorted((self.ledger_dir / "logs").iterdir())
        with sqlite3.connect(self.file) as connection:
            connection.execute("UPDATE command_executions SET finished_at = '2026-02-05', exit_code = 0, output = 'x' WHERE exit_code IS NULL")
        connection.close()
        self.assertEqual(1, self.json("session", "import", "--from-ocr", str(self.file), "--dry-run")["executions"]["new"])
        self.assertEqual((before, logs), (self.dump(), sorted((self.ledger_dir / "logs").iterdir())))

    def test_people_are_told_what_was_taken_and_what_was_left(self):
        realistic(self.file).close()
        result = self.ok("session", "import", "--from-ocr", str(self.file))
        self.assertEqual("", result.out)
        self.assertIn("took from", result.err)
        self.assertIn("4 sessions (4 new), 10 executions", result.err)
        self.assertIn("left 1 execution (11): it is still in flight there", result.err)
        self.assertIn("altered 1 session (2026-01-20-fix-cache)", result.err)
        result = self.ok("session", "import", "--from-ocr", str(self.file))
        self.assertIn("known already: 4 sessions, 10 executions", result.err)

    def test_without_a_file_it_says_which(self):
        result = self.assert_code(2, self.run_supervise("session", "import"))
        self.assertIn("--from-ocr", result.err)

    def test_a_ledger_that_is_locked_is_busy_and_no_log_is_left(self):
        self.ok("--", "true")
        self.config('[store]\nbusy_timeout = "50ms"\n')
        realistic(self.file).close()
        self.lock()
        self.assert_code(8, self.run_supervise("session", "import", "--from-ocr", str(self.file)))
        logs = self.ledger_dir / "logs"
        self.assertEqual([], list(logs.iterdir()) if logs.exists() else [])


class Many(Import):
    def test_a_long_history_is_a_matter_of_seconds(self):
        ocr = self.ocr()
        ocr.run("BEGIN")
        for number in range(500):
            ocr.review(f"s{number}", f"2026-02-{number % 28 + 1:02}")
            ocr.run("INSERT INTO orchestration_events (session_id, event_type, phase, round, created_at) "
                    "SELECT session_id, 'phase_transition', 'reviews', 1, created_at FROM orchestration_events e, "
                    "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 24) SELECT i FROM n) "
                    "WHERE e.session_id = ?", f"s{number}")
        ocr.run("COMMIT")
        count = ocr.run("SELECT count(*) FROM orchestration_events")[0][0]
        self.assertGreater(count, 100_000)
        result = self.json("session", "import", "--from-ocr", str(self.file), deadline=60)
        self.assertGreaterEqual(result["events"], 100_000)

    def test_whatever_is_in_it_the_ledger_stays_sound(self):
        """Histories that make no sense, imported while they grow. The seeds are fixed."""
        kinds = ["session_created", "session_resumed", "round_started", "phase_transition", "round_completed",
                 "map_completed", "session_closed", "session_aborted", "session_auto_closed_stale", "session_synced",
                 "session_legacy_import", "nonsense"]
        for seed in range(3):
            dice = random.Random(seed)
            self.file = self.work / f"{seed}.db"
            ocr = self.ocr(13)
            ocr.run("PRAGMA foreign_keys = OFF")
            ocr.run("PRAGMA ignore_check_constraints = ON")

            def time():
                day = f"{dice.randint(1, 28):02}"
                return dice.choice([f"2026-0{dice.randint(1, 9)}-{day} 0{dice.randint(0, 9)}:00:00", "NaN",
                                    f"2026-02-{day}T10:00:00.{dice.randint(0, 999):03}Z"])

            ids = [f"{seed}-{number}" for number in range(6)]
            for id in ids:
                ocr.session(id, time(), dice.choice(["review", "review", "map", "dance"]))
            for turn in range(3):
                for _ in range(25):
                    ocr.event(dice.choice([*ids, "gone"]), dice.choice(kinds), time(), dice.choice([None, 0, -3, 1, 1, 2, 3]),
                              dice.choice([None, *REVIEW, "nowhere"]), dice.choice([None, "{}", "x"]))
                for id in ids:
                    ocr.row(id, status=dice.choice(["active", "closed", "odd"]), current_round=dice.choice([1, 2, 3, 0]),
                            current_map_run=dice.choice([1, 2]), updated_at=time(), current_phase=dice.choice([*REVIEW, "topology", "?"]))
                for number in range(8):
                    ocr.command(dice.choice(["ocr review", "session-instance", ""]), time(), dice.choice([None, time()]),
                                dice.choice([None, *range(-7, 3), 300, "x", 1.5]), uid=f"{seed}-{turn}-{number}",
                                workflow_id=dice.choice([None, "gone", *ids]), output=dice.choice([None, "", "x\n"]),
                                args=dice.choice([None, "[]", '["a"]', "{"]), notes=dice.choice([None, "\n\n", "n"]))
                with self.subTest(seed=seed, turn=turn):
                    self.take()
                    self.take_again()


if __name__ == "__main__":
    unittest.main()
