"""Sessions move along the edges of their workflow, from round to round, and by no other way."""

import json
import os
import subprocess
import unittest

from harness import ROOT
from replay import ReplayCase

TINY = """
[workflow.tiny]
phases = ["plan", "build", "test", "ship"]
edges = { test = ["build", "ship"] }
[workflow.two]
phases = ["open", "done", "dropped"]
final = ["done", "dropped"]
edges = { open = ["done", "dropped"] }
[[workflow.staged.stage]]
name = "extract"
steps = ["pages", "images"]
"""
CHANGES = {"session_created", "session_reopened", "phase_advanced", "round_started", "round_completed", "session_closed",
           "session_aborted", "session_linked"}


class SessionCase(ReplayCase):
    def setUp(self):
        super().setUp()
        self.config(TINY)

    def begin(self, id="S", workflow=None):
        self.ok("session", "begin", id, *(["--workflow", workflow] if workflow else []))

    def advance(self, *args, **how):
        return self.ok("session", "advance", *args, **how)

    def refused(self, code, *args, **how):
        """It changes nothing, and says why in one line, which is returned."""
        before = self.everything()
        result = self.assert_code(code, self.run_supervise("session", *args, **how), args)
        self.assertEqual(before, self.everything(), args)
        lines = [line for line in result.err.splitlines() if "(via " not in line]
        self.assertEqual(1, len(lines), result.err)
        return lines[0]

    def everything(self):
        return {table: self.sql(f"SELECT * FROM {table}") for table in ("sessions", "rounds", "events")}

    def show(self, id="S"):
        return self.json("session", "show", id)

    def place(self, id="S"):
        session = self.show(id)
        return session["phase"], session["round"], session["status"], session["next"]

    def kinds(self, id="S"):
        return [event["type"] for event in self.events(id) if event["type"] in CHANGES]

    def inside(self, script, *options, code=0, **how):
        """Runs the script as an execution; `supervise` is in its PATH."""
        return self.assert_code(code, self.run_supervise(*options, "--", "sh", "-c", script, **how), script)

    def item_failed(self, id="S", name="one"):
        self.sql("INSERT INTO items (session, stage, id, status, at) VALUES (?, 'main', ?, 'failed', 1)", id, name)


class Advance(SessionCase):
    def test_it_goes_along_the_edges_and_says_where_it_is(self):
        self.begin(workflow="tiny")
        said = self.advance("build", "--session", "S")
        self.assertEqual("", said.out)
        self.assertIn("session S is now in phase build (2 of 4), round 1", said.err)
        self.advance("test")
        self.advance("build")
        session = self.json("session", "advance", "test")
        self.assertEqual(("S", "test", 3, 4, 1),
                         tuple(session[key] for key in ("id", "phase", "phase_number", "phase_count", "round")))
        moves = [event["data"] for event in self.events("S") if event["type"] == "phase_advanced"]
        self.assertEqual([("plan", "build", 1), ("build", "test", 1), ("test", "build", 1), ("build", "test", 1)],
                         [(move["from"], move["to"], move["round"]) for move in moves])

    def test_what_the_graph_does_not_know_is_refused_by_name(self):
        self.begin(workflow="tiny")
        line = self.refused(5, "advance", "test")
        for word in ("S", "from plan to test", "build"):
            self.assertIn(word, line)
        line = self.refused(5, "advance", "tset")
        self.assertIn('did you mean "test"?', line)
        self.assertIn("plan, build, test, ship", line)
        for phase in ("", "Build", "x" * 10000, "plan\n", "\x1b[2J", b"caf\xe9"):
            self.assertNotIn("\x1b", self.refused(5, "advance", phase))
        self.advance("build")
        self.refused(5, "advance", "plan")
        self.advance("test")
        self.assertIn("build, ship", self.refused(5, "advance", "plan"))

    def test_the_same_phase_again_is_nothing_to_do(self):
        self.begin(workflow="tiny")
        before = self.everything()
        self.assertIn("already in phase plan", self.advance("plan").err)
        self.advance("plan", "--round", "7")
        self.assertEqual(before, self.everything())

    def test_a_final_phase_completes_the_round_once_and_leads_to_the_next(self):
        self.begin(workflow="tiny")
        for phase in ("build", "test", "ship"):
            self.advance(phase)
        self.assertEqual(("ship", 1, "active", "close"), self.place())
        self.assertEqual(1, self.event("S", "round_completed")["data"]["round"])
        self.advance("ship")
        self.assertEqual("plan", self.refused(5, "advance", "build").rpartition(" ")[2])
        self.advance("plan")
        self.assertEqual(("plan", 2, "active", "advance"), self.place())
        self.assertEqual(["session_created"] + 3 * ["phase_advanced"] + ["round_completed", "phase_advanced", "round_started"],
                         self.kinds())
        self.assertEqual(2, self.event("S", "round_started")["data"]["round"])
        for phase in ("build", "test", "ship"):
            self.advance(phase)
        self.ok("session", "close")
        self.assertEqual([(1, "completed"), (2, "completed")], self.sql("SELECT round, settled_as FROM rounds ORDER BY id"))

    def test_a_round_that_is_asked_for_is_the_next_one_on_the_way_to_it_or_none(self):
        self.begin(workflow="tiny")
        self.advance("build")
        numbers = ("0", "-1", "1", "2", "3", "+2", "9223372036854775807", "9223372036854775808", "-9223372036854775809", "1" * 5000)
        for number in numbers:
            self.assertIn("round 2 begins with the way from a final phase to plan",
                          self.refused(5, "advance", "test", f"--round={number}"))
            self.refused(5, "advance", "plan", f"--round={number}")
        for phase in ("test", "ship"):
            self.advance(phase)
        for number in set(numbers) - {"2", "+2"}:
            self.refused(5, "advance", "plan", "--round", number)
        for number in ("", "two", "2.0", "2x", "0x2", " 2"):
            self.refused(2, "advance", "plan", "--round", number)
        self.advance("plan", "--round", "2")
        self.assertEqual(("plan", 2), self.place()[:2])

    def test_closed_comes_first_then_the_unknown_then_the_same(self):
        self.begin(workflow="tiny")
        self.ok("session", "close", "--abort")
        for phase in ("nonsense", "plan", "build", "test"):
            line = self.refused(6, "advance", phase, "--session", "S", "--round", "9")
            self.assertIn("supervise session begin --session S", line)
        self.refused(6, "complete-round", "S")

    def test_without_workflow_any_phase_may_be_advanced_to(self):
        self.begin()
        self.begin("G", "staged")
        for id in ("S", "G"):
            for phase in ("one", "two", "three/4 é", "one"):
                self.advance(phase, "--session", id)
            self.assertEqual(("one", 1), self.place(id)[:2])
            for phase in ("", "a\nb", b"\xff", "\x7f"):
                self.refused(5, "advance", phase, "--session", id)
            self.refused(5, "advance", "two", "--session", id, "--round", "2")
        self.assertIsNone(self.events("S")[1]["data"]["from"])

    def test_a_move_is_progress_of_the_execution_that_makes_it(self):
        self.begin(workflow="tiny")
        self.inside("supervise session advance build", "-s", "S", code=75)
        self.assertTrue(self.row()["progress_at"])
        self.inside("supervise session advance build", "-s", "S", code=75)
        self.assertIsNone(self.row()["progress_at"])


class CompleteRound(SessionCase):
    def test_it_is_the_way_to_the_only_final_phase_under_the_same_rules(self):
        self.begin(workflow="tiny")
        self.assertIn("from plan to ship", self.refused(5, "complete-round"))
        for phase in ("build", "test"):
            self.advance(phase)
        self.assertIn("phase ship (4 of 4), round 1, which is complete", self.ok("session", "complete-round").err)
        before = self.everything()
        self.assertIn("already", self.ok("session", "complete-round", "S").err)
        self.assertEqual(before, self.everything())

    def test_several_final_phases_are_to_be_named(self):
        self.begin(workflow="two")
        self.assertIn("done, dropped", self.refused(5, "complete-round"))
        self.advance("dropped")
        self.ok("session", "complete-round")

    def test_without_phases_it_completes_the_round(self):
        self.begin()
        self.begin("G", "staged")
        for id in ("S", "G"):
            self.ok("session", "complete-round", "--session", id)
            self.ok("session", "complete-round", "--session", id)
            self.advance("later", "--session", id)
            self.assertEqual(1, self.event(id, "round_completed")["data"]["round"])
        self.ok("session", "close", "S")
        self.assertEqual(["session_created", "round_completed", "phase_advanced", "session_closed"], self.kinds())
        self.assertIn("extract/images", self.refused(6, "close", "G"))


class Data(SessionCase):
    def test_it_is_kept_with_the_event(self):
        self.begin()
        data = {"findings": [1, 2.5, None, "é\u0000\n"], "deep": {"n": 123456789012345678}}
        path = self.work / "data.json"
        path.write_text("\n " + json.dumps(data) + "\n")
        self.ok("session", "complete-round", "--data", str(path))
        self.assertEqual({"round": 1, "data": data}, self.event("S", "round_completed")["data"])
        self.advance("next", "--data", "-", feed=b"[]")
        self.assertEqual([], self.event("S", "phase_advanced")["data"]["data"])

    def test_into_a_final_phase_it_goes_with_the_completion(self):
        self.begin(workflow="two")
        self.advance("done", "--data", "-", feed=b'"all of it"')
        self.assertEqual({"round": 1, "data": "all of it"}, self.event("S", "round_completed")["data"])
        self.assertNotIn("data", self.event("S", "phase_advanced")["data"])
        said = self.ok("session", "complete-round", "--data", "-", feed=b"1").err
        self.assertIn("--data is not recorded", said)

    def test_what_is_no_json_changes_nothing(self):
        self.begin()
        for feed in (b"", b" ", b"{", b'{"a": [1, 2', b"{} {}", b"nul", b"'a'", b'"\xff"', b"\xef\xbb\xbf{}", b"1e999", b"NaN",
                     b"\0", b'{"a": "\x00"}', b"[" * 1990 + b"]" * 1990 + b"x", b"[" * 100000, b"[" * 2030 + b"]" * 2030):
            self.refused(7, "complete-round", "--data", "-", feed=feed)
        (self.work / "bad.json").write_text('{\n "a": }')
        self.assertIn("bad.json: it is no JSON: line 2", self.refused(7, "complete-round", "--data", "bad.json"))
        self.refused(4, "complete-round", "--data", "missing.json")
        self.refused(1, "complete-round", "--data", ".")
        self.refused(1, "complete-round", "--data", "-", before=lambda: os.close(0))

    def test_a_mebibyte_is_taken_and_no_more(self):
        self.begin()
        fits = b'"' + b"x" * (1024 * 1024 - 2) + b'"'
        self.refused(7, "complete-round", "--data", "-", feed=fits + b" ")
        self.refused(7, "complete-round", "--data", "-", feed=b'"' + b"x" * 50_000_000 + b'"')
        self.ok("session", "complete-round", "--data", "-", feed=fits)
        self.assertEqual(1024 * 1024 - 2, len(self.event("S", "round_completed")["data"]["data"]))

    def test_what_is_too_much_is_refused_without_its_end(self):
        self.begin()
        running = self.start("session", "complete-round", "--data", "-", stdin=subprocess.PIPE)
        try:
            running.process.stdin.write(b" " * (2 * 1024 * 1024))
        except BrokenPipeError:
            pass
        self.assert_code(7, running.finish())
        with self.assertRaises(BrokenPipeError):
            running.process.stdin.write(b" ")
            running.process.stdin.flush()
        self.assertEqual(["session_created"], self.kinds())

    def test_a_pipe_that_dies_half_way_changes_nothing(self):
        self.begin()
        running = self.start("session", "complete-round", "--data", "-", stdin=subprocess.PIPE)
        running.process.stdin.write(b'{"findings": [1, 2')
        running.process.stdin.close()
        self.assert_code(7, running.finish())
        self.assertEqual(["session_created"], self.kinds())


class Which(SessionCase):
    """Which session a verb means; each verb asks the same."""

    VERBS = (["advance", "x"], ["complete-round"], ["close"], ["close", "--abort"], ["show"])

    def test_none_and_several_are_refused(self):
        for verb in self.VERBS + (["link"],):
            self.assert_code(4, self.run_supervise("session", *verb))
        self.assertFalse(self.db.exists())
        self.begin("A")
        self.begin("B")
        for verb in self.VERBS + (["link"],):
            line = self.refused(3, *verb)
            self.assertIn("A", line)
            self.assertIn("B", line)
        for verb in self.VERBS + (["link"],):
            self.refused(4, *verb, "--session", "C")

    def test_how_it_was_found_is_said(self):
        self.begin("A")
        self.assertIn("session A (via only-active)\n", self.ok("session", "show").err)
        self.assertIn("session A (via only-active)\n", self.advance("x").err)
        self.assertNotIn("(via", self.advance("y", "--session", "A").err)
        self.assertNotIn("(via", self.ok("-q", "session", "complete-round").err)
        self.begin("B")
        script = "supervise session advance z; supervise session complete-round; supervise session show >/dev/null; supervise session close"
        said = self.inside(script, "-s", "B").err
        self.assertEqual(4, said.count("session B (via execution)\n"))
        self.assertEqual("active", self.show("A")["status"])

    def test_what_the_environment_says_of_a_session_decides_nothing(self):
        self.begin("A")
        self.begin("B")
        self.refused(3, "advance", "x", env={"SUPERVISE_SESSION": "A"})

    def test_an_executions_session_counts_when_it_is_closed_too(self):
        self.begin("A")
        self.begin("B")
        self.ok("session", "close", "B")
        script = "supervise session close B --abort; supervise session advance x; echo $?; supervise session close; echo $?"
        self.begin("B")
        said = self.inside(script, "-s", "B", code=75)
        self.assertEqual("6\n0\n", said.out)
        self.assertIn("session B was already closed", said.err)
        self.assertEqual(("active", None), tuple(self.show("A")[key] for key in ("status", "phase")))

    def test_a_verb_that_changes_links_the_execution_and_one_that_reads_does_not(self):
        self.begin("A")
        self.inside("supervise session show")
        self.assertIsNone(self.row()["session"])
        for verb in ("advance x", "advance x", "complete-round", "complete-round", "link"):
            self.inside(f"supervise session {verb}", code=75)
            self.assertEqual(("A", True), (self.row()["session"], self.row()["drives"]), verb)
        self.inside("supervise session advance ''; true")
        self.assertIsNone(self.row()["session"], "what was refused changes nothing")
        self.inside("supervise session close")
        self.assertEqual(("A", True), (self.row()["session"], self.row()["drives"]))

    def test_ids_are_held_to_their_rule(self):
        for id in ("a", "0a", "a/b:c+d.e_f-g", "x" * 128, "+1", "1.0", "0x10", "1e3", ".", "..", "/"):
            self.begin(id)
            self.ok("session", "close", "--session", id)
        for id in ("", "0", "42", "007", "1" * 40, "-x", "a b", "a\n", "\x1b[31m", "é", "١٢", "#42", "@last", "x" * 129, "x" * 10240,
                   b"\xff", "a\\b", "a'b"):
            for verb in (["begin"], ["advance", "x"], ["complete-round"], ["link"], ["close"], ["show"]):
                line = self.refused(2, *verb, b"--session=" + os.fsencode(id))
                self.assertTrue(line.isprintable(), line)


class Link(SessionCase):
    def test_the_calling_execution_is_linked_and_the_first_wins(self):
        self.begin("A")
        self.begin("B")
        said = self.inside("supervise session link A; supervise session link B; echo $?; supervise session link A", code=75)
        self.assertEqual("6\n", said.out)
        self.assertIn("drives session A, and goes on driving that one", said.err)
        self.assertIn("drives session A already", said.err)
        self.assert_end(self.row(), "incomplete", "session-active", session="A", drives=True)
        self.assertEqual(1, self.kinds("A").count("session_linked"))
        self.assertNotIn("session_linked", self.kinds("B"))

    def test_outside_of_any_execution_it_is_to_be_named(self):
        self.begin("A")
        self.refused(4, "link", "A")
        self.refused(4, "link", "A", "99")

    def test_after_its_end_it_is_judged_by_the_opening_in_which_it_ended(self):
        self.ok("-n", "before", "--", "true")
        self.begin("A", "two")
        self.ok("-n", "first", "--", "true")
        self.assert_code(3, self.run_supervise("-n", "failing", "--", "sh", "-c", "exit 3"))
        self.advance("done", "--session", "A")
        self.advance("open", "--session", "A")
        self.ok("-n", "second", "--", "true")
        for name in ("before", "first", "failing", "second"):
            self.assertEqual("A", self.json("session", "link", "A", name)["id"])
        self.assert_end(self.row("before"), "success", "completed", round=1)
        self.assert_end(self.row("first"), "success", "completed", session="A", drives=True, round=1)
        self.assert_end(self.row("failing"), "failed", "exit")
        self.assert_end(self.row("second"), "incomplete", "session-active", round=2)
        self.assert_code(75, self.run_supervise("wait", "second"))
        self.ok("session", "close", "A", "--abort")
        self.ok("-n", "third", "--", "true")
        self.ok("session", "link", "third", "--session", "A")
        self.assert_end(self.row("second"), "incomplete", "session-aborted")
        self.assert_end(self.row("third"), "incomplete", "session-aborted")
        self.begin("B")
        self.assertIn("drives session A", self.refused(6, "link", "B", "first"))

    def test_a_helper_may_be_made_a_driver(self):
        self.begin("A")
        self.inside("supervise -n inner -- supervise session link A; echo $?", "-s", "A", "-n", "outer", code=75)
        self.assert_end(self.row("inner"), "incomplete", "session-active", drives=True)
        self.inside("supervise -n late -- true", "-s", "A", code=75)
        self.assert_end(self.row("late"), "success", "exit", drives=False)
        self.ok("session", "link", "A", "late")
        self.assert_end(self.row("late"), "incomplete", "session-active", drives=True)

    def test_a_helper_that_has_ended_stays_in_the_opening_in_which_it_did(self):
        self.begin("A")
        self.ok("session", "close", "A", "--abort")
        self.begin("A")
        self.inside("supervise -n late -- true", "-s", "A", code=75)
        self.lied_to = True  # the clock is set back
        self.sql("UPDATE rounds SET opened_at = opened_at + 1000000000 WHERE settled_as IS NULL")
        self.ok("session", "link", "A", "late")
        self.assert_end(self.row("late"), "incomplete", "session-active", drives=True)

    def test_what_runs_is_not_linked_to_a_closed_session(self):
        self.begin("A")
        self.ok("session", "close", "A")
        self.assertIn("6\n", self.inside("supervise session link A; echo $?").out)
        self.assert_end(self.row(), "success", "exit", session=None)


class Close(SessionCase):
    def test_all_that_is_missing_is_listed_at_once(self):
        self.by_hand = True
        self.config('[workflow.book]\nphases = ["a", "b"]\n[[workflow.book.stage]]\nname = "s"\nsteps = ["x", "y"]\n')
        self.begin(workflow="book")
        self.item_failed()
        line = self.refused(6, "close")
        for need in ("round 1 is not complete (phase a)", "step s/x has not begun", "step s/y has not begun", "item main/one has failed"):
            self.assertIn(need, line)

    def test_failed_items_may_be_accepted_and_nothing_else(self):
        self.by_hand = True
        self.begin(workflow="two")
        self.item_failed()
        self.item_failed(name="other")
        self.assertNotIn("item", self.refused(6, "close", "--accept-failed"))
        self.advance("done")
        self.assertIn("item main/one has failed", self.refused(6, "close"))
        self.refused(2, "close", "--accept-failed", "--abort")
        self.assertEqual("complete", self.json("session", "close", "--accept-failed")["completeness"])
        self.assertEqual({"accepted_failed": 2}, self.event("S", "session_closed")["data"])

    def test_closing_the_closed_is_a_notice(self):
        self.begin()
        self.ok("session", "close", "S")
        before = self.everything()
        for args in ([], ["--abort", "--why", "late"], ["--accept-failed"]):
            self.assertIn("already closed", self.ok("session", "close", "S", *args).err)
        self.assertEqual(before, self.everything())

    def test_aborting_goes_from_anywhere_with_its_reason(self):
        self.begin(workflow="tiny")
        self.advance("build")
        session = self.json("session", "close", "--abort", "--why", "no more")
        self.assertEqual(("closed", "aborted", "closed-incomplete", "reopen", "build"),
                         tuple(session[key] for key in ("status", "close_reason", "completeness", "next", "phase")))
        self.assertEqual("no more", self.event("S", "session_aborted")["data"]["why"])


class Begin(SessionCase):
    def test_each_row_of_its_table(self):
        self.begin(workflow="tiny")
        self.advance("build")
        self.begin(workflow="tiny")
        self.begin()
        self.assertEqual(("build", 1), self.place()[:2])
        self.refused(6, "begin", "S", "--workflow", "two")
        self.ok("session", "close", "--abort")
        self.refused(6, "begin", "S", "--workflow", "two")
        self.begin(workflow="tiny")
        self.assertEqual(("plan", 1), self.place()[:2])
        self.assertEqual({"round": 1, "phase": "plan"}, self.event("S", "session_reopened")["data"])
        for phase in ("build", "test", "ship"):
            self.advance(phase)
        self.ok("session", "close", "--abort")
        self.begin()
        self.assertEqual(("plan", 2), self.place()[:2], "the highest completed round + 1")
        self.assertEqual(1, self.kinds().count("round_started"))
        self.refused(4, "begin", "T", "--workflow", "nonsense")

    def test_a_session_goes_on_by_the_definition_that_it_began_with(self):
        self.begin(workflow="tiny")
        self.assertNotIn("definition", self.ok("session", "show").err)
        for config, word in (('[workflow.tiny]\nphases = ["plan", "ship"]\n', "another"), ("", "none of that name")):
            self.config(config)
            for verb in (["begin", "S"], ["advance", "plan"], ["show"]):
                said = self.ok("session", *verb).err
                self.assertIn("definition of workflow tiny that it began with", said)
                self.assertIn(word, said)
            self.refused_by_its_own_graph()
        self.advance("build")
        self.ok("session", "close", "--abort")
        self.begin()
        self.assertEqual("plan", self.place()[0])

    def refused_by_its_own_graph(self):
        result = self.assert_code(5, self.run_supervise("session", "advance", "ship"))
        self.assertIn("build", result.err)

    def test_a_key_in_another_order_is_no_other_definition(self):
        self.begin(workflow="tiny")
        head, _, tail = TINY.partition("edges =")
        self.config(head.replace('phases', 'strict = false\ninitial = "plan"\nphases') + "edges =" + tail)
        self.assertNotIn("definition", self.ok("session", "show").err)


class Show(SessionCase):
    def test_the_page_tells_where_it_is_what_was_and_what_closing_needs(self):
        self.begin(workflow="tiny")
        for phase in ("build", "test", "ship", "plan", "build"):
            self.advance(phase)
        self.assert_code(75, self.run_supervise("-s", "S", "--", "true"))
        page = self.ok("session", "show", "S").out
        for text in ("plan, [build], test, ship", "build (2 of 4)", "Round 1:", "completed; opened", "Round 2:", "open; opened",
                     "To close:     round 2 is not complete (phase build)", "◐ incomplete"):
            self.assertIn(text, page)
        self.assertEqual(page, self.ok("status", "S").out)
        self.ok("session", "close", "--abort")
        self.assertNotIn("To close", self.ok("session", "show", "S").out)

    def test_every_reader_says_the_same(self):
        self.begin("idle", "tiny")
        self.begin("done", "two")
        self.assert_code(75, self.run_supervise("-s", "done", "--", "true"))
        self.advance("done", "--session", "done")
        self.begin("gone")
        self.ok("session", "close", "gone", "--abort")
        self.begin("good")
        self.ok("session", "close", "good")
        running = self.start("-s", "busy", "--", "sleep", "1000")
        self.running_row()
        listed = {each["id"]: each for each in self.json("session", "list", "--all")}
        verdicts = {id: (each["completeness"], each["next"]) for id, each in listed.items()}
        self.assertEqual({"idle": ("open", "advance"), "done": ("open", "close"), "gone": ("closed-incomplete", "reopen"),
                          "good": ("complete", "none"), "busy": ("in-flight", "wait")}, verdicts)
        for id, each in listed.items():
            self.assertEqual(each, self.show(id))
            self.assertEqual(each, self.row(id))
        self.assertEqual([each for each in listed.values() if each["status"] == "active"], self.json("status")["sessions"])
        (executed,) = [row for row in self.rows() if row["session"] == "done"]
        self.assertEqual(executed, self.row(executed["uid"]))
        self.assertIn(executed["explanation"], self.ok("status", executed["uid"]).out)
        table = self.ok("session", "list", "--all").out
        for id, (completeness, _) in verdicts.items():
            self.assertRegex(table, rf"(?m)^{id}\b.*{completeness}")
        self.assertEqual({"idle", "done", "busy"}, {each["id"] for each in self.json("session", "list", "--status", "active")})
        self.assertEqual(2, len(self.json("session", "list", "-n", "2")))
        self.ok("cancel", "busy")
        running.finish()


class Definitions(SessionCase):
    def test_those_that_are_shipped_are_right(self):
        for name in ("review", "map"):
            path = str(ROOT / "conf" / "workflows" / f"{name}.toml")
            self.ok("config", "check", path)
            self.assertEqual(f"{name}-1\n", self.ok("--config", path, "session", "begin", "--workflow", name).out)

    def test_a_bad_one_is_refused_with_its_line(self):
        for line, text in (
            (3, "phases = ['a', 'b']\nedges = { a = ['x'] }"),
            (3, "phases = ['a', 'b']\nedges = { x = ['a'] }"),
            (3, "phases = ['a', 'b']\nedges = { a = [] }"),
            (3, "phases = ['a', 'b', 'c', 'd']\nedges = { a = ['b', 'd'], b = ['c'], c = ['b'] }"),
            (3, "phases = ['a', 'b']\ninitial = 'x'"),
            (3, "phases = ['a', 'b']\nfinal = ['x']"),
            (3, "phases = ['a', 'b']\nstrict = 1"),
            (2, "phases = ['a', 'b', 'a']"),
            (1, "strict = true"),
            (5, "[[workflow.w.stage]]\nname = 's'\n[[workflow.w.stage]]\nname = 's'"),
            (4, "[[workflow.w.stage]]\nname = 's'\nsteps = ['x', 'x']"),
        ):
            (self.work / "w.toml").write_text(f"[workflow.w]\n{text}\n")
            result = self.assert_code(7, self.run_supervise("config", "check", "w.toml"), text)
            self.assertRegex(result.err, rf"w\.toml:{line}: ", text)


if __name__ == "__main__":
    unittest.main()
