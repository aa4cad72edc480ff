"""`resume`, the agent's own session id that it needs, and `log.keep`."""

import os
import re
import unittest

from harness import Case, wait_for
from terminal import TerminalCase

CLAUDE = """#!/bin/sh
printf '%s\\n' "args: $*"
printf '{"type":"system","nested":{"session_id":"inner"},"session_id":"abc-'
printf '123.x:_"}\\r\\n{"type":"result","session_id":"second"}\\n{"session_id":"third"}'
"""


class Resume(Case):
    def test_the_last_command_runs_again_on_the_same_session_as_the_next_attempt(self):
        place = self.work / "place"
        place.mkdir()
        script = 'echo "attempt $SUPERVISE_ATTEMPT in $SUPERVISE_SESSION"; [ "$SUPERVISE_ATTEMPT" = 1 ] || supervise session close'
        self.assert_code(75, self.run_supervise("-s", "job", "-n", "name", "--", "sh", "-c", script, cwd=place))
        result = self.ok("resume", "1")
        self.assertEqual("attempt 2 in job\n", result.out.replace("session job closed as completed\n", ""))
        self.assertIn("resuming #1 in session job, attempt 2: sh -c", result.err)
        second, first = self.json("list")
        self.assertEqual(first["command"], second["command"])
        self.assertEqual((2, "job", True, "name", str(place)),
                         tuple(second[key] for key in ("attempt", "session", "drives", "name", "cwd")))
        for row in (first, second):
            self.assert_end(row, "success", "completed")

    def test_of_a_session_the_newest_execution_is_resumed(self):
        self.assert_code(75, self.run_supervise("-s", "job", "--", "echo", "first"))
        self.assert_code(75, self.run_supervise("-s", "job", "--", "echo", "second"))
        for ref in ("job", "1"):
            self.assertEqual("second\n", self.assert_code(75, self.run_supervise("resume", ref)).out)

    def test_what_only_helped_in_the_session_is_not_resumed_in_its_place(self):
        self.assert_code(75, self.run_supervise("-s", "job", "--", "sh", "-c", "echo outer; supervise -q -- echo inner"))
        for ref in ("1", "job"):
            result = self.assert_code(75, self.run_supervise("resume", ref))
            self.assertEqual("outer\ninner\n", result.out)
        result = self.ok("resume", "2")
        self.assertEqual("inner\n", result.out)
        self.assertNotIn("in session", result.err)

    def test_a_command_that_json_cannot_say_is_run_byte_for_byte(self):
        odd = b"a\xff\n\xc3("
        self.assert_code(75, self.run_supervise("-s", "job", "--", "printf", "%s", odd))
        result = self.assert_code(75, self.run_supervise("resume", "job", "-q"))
        log = self.ok("log", "2", "--raw")
        self.assertEqual(odd.decode("utf-8", "surrogateescape"), log.out, result.err)

    def test_it_exits_as_the_command_does(self):
        self.assert_code(3, self.run_supervise("--", "sh", "-c", "exit 3"))
        self.assert_code(3, self.run_supervise("resume", "@last"))
        self.assertEqual([1, 2], [row["attempt"] for row in self.rows()])

    def test_a_closed_session_is_refused_and_the_way_out_is_named(self):
        self.assert_code(75, self.run_supervise("-s", "job", "--", "true"))
        self.ok("session", "close", "--session", "job", "--abort")
        result = self.assert_code(6, self.run_supervise("resume", "1"))
        self.assertIn("supervise session begin --session job", result.err)
        self.assertEqual(1, len(self.rows()))
        self.ok("session", "begin", "--session", "job")
        self.assert_code(75, self.run_supervise("resume", "1"))

    def test_what_still_runs_is_refused(self):
        running = self.start("--", "sleep", "1000")
        self.running_row()
        result = self.assert_code(6, self.run_supervise("resume", "1"))
        self.assertIn("has not ended", result.err)
        self.ok("cancel", "1")
        running.finish()

    def test_a_program_that_is_gone_is_refused_before_anything_is_written(self):
        program = self.script("tool", "#!/bin/sh\nexit 3\n")
        self.assert_code(3, self.run_supervise("--", program))
        os.unlink(program)
        result = self.assert_code(4, self.run_supervise("resume", "1"))
        self.assertIn("tool is not found", result.err)
        self.assertEqual(1, len(self.rows()))

    def test_an_unknown_one_is_4(self):
        self.assert_code(4, self.run_supervise("resume", "nothing"))


class AgentSession(Case):
    def setUp(self):
        super().setUp()
        self.script("claude", CLAUDE)
        self.path = {"PATH": f"{self.work}:{self.env['PATH']}"}

    def test_the_agent_continues_its_own_conversation(self):
        self.assert_code(75, self.run_supervise("-s", "job", "--", "claude", "-p", "go", env=self.path))
        row = self.row()
        self.assertEqual(("claude", "abc-123.x:_"), (row["agent"], row["agent_session"]))
        self.assertEqual(["a later session id of claude was ignored: second"], row["notes"])
        result = self.assert_code(75, self.run_supervise("resume", "job", env=self.path))
        self.assertIn("args: -p --resume abc-123.x:_ Go on where you stopped", result.out)
        self.assertIn("claude's own session abc-123.x:_", result.err)

    def test_without_an_id_the_same_command_runs_again_and_that_is_said(self):
        self.script("claude", "#!/bin/sh\necho args: $*\n")
        self.assert_code(75, self.run_supervise("-s", "job", "--", "claude", "-p", "go", env=self.path))
        self.assertIsNone(self.row()["agent_session"])
        result = self.assert_code(75, self.run_supervise("resume", "job", env=self.path))
        self.assertEqual("args: -p go\n", result.out)
        self.assertIn("no session id of claude was captured", result.err)

    def test_the_id_stands_in_the_row_while_the_agent_runs(self):
        self.script("claude", CLAUDE + "\necho; exec sleep 1000\n")
        running = self.start("--", "claude", env=self.path)
        wait_for(lambda: self.db.exists() and self.rows() and self.rows()[0]["agent_session"], "the id")
        self.ok("cancel", "1")
        running.finish()

    def test_a_command_that_is_no_agent_is_not_looked_at(self):
        self.ok("--", "printf", '{"session_id":"abc"}\\n')
        self.assertEqual((None, None), (self.row()["agent"], self.row()["agent_session"]))

    def test_what_is_no_id_is_dropped(self):
        self.script("claude", "#!/bin/sh\nprintf '{\"session_id\":\"a b; rm -rf\"}\\n'\n")
        self.ok("--", "claude", env=self.path)
        self.assertIsNone(self.row()["agent_session"])


class AgentPrompt(Case):
    """What an agent is told, and with which words it goes on. The agents print their arguments, a line each."""

    def agent(self, name, id_field, before="", code=0):
        (self.work / "agents").mkdir(exist_ok=True)
        id_line = f"printf '{{\"{id_field}\":\"id-1\"}}\\n'"
        return self.script(f"agents/{name}", f"#!/bin/sh\n{before}\nprintf '<%s>\\n' \"$@\"\n{id_line}\nexit {code}\n")

    def resumed(self, ref="@last", code=75, **how):
        """The arguments that the agent got."""
        result = self.assert_code(code, self.run_supervise("resume", ref, **how))
        return re.findall(r"^<(.*)>$", result.out, re.M)

    def prompt(self, *run, code=75):
        self.assert_code(code, self.run_supervise(*run, "--", self.agent("claude", "session_id", code=0 if code == 75 else code), "-p"))
        return self.resumed(code=code)[-1]

    def test_what_its_session_lacks_and_what_comes_next(self):
        self.config("""
            [agents]
            resume_prompt = "Do go on."
            [workflow.book]
            phases = ["draft", "review", "done"]
            edges = { draft = ["review", "done"] }
            [[workflow.book.stage]]
            name = "extract"
            steps = ["images", "pages"]
            """)
        self.assertEqual(
            "Do go on. Session job is in phase draft (1 of 3), round 1. Still missing: round 1 is not complete (phase draft);"
            " step extract/images has not begun; step extract/pages has not begun."
            " Next: supervise session advance review or done.", self.prompt("-s", "job", "-w", "book"))

    def test_of_many_things_the_first_are_named(self):
        steps = ", ".join(f'"s{number}"' for number in range(10, 40))
        self.config(f"[workflow.long]\n[[workflow.long.stage]]\nname = 'all'\nsteps = [{steps}]\n")
        prompt = self.prompt("-s", "job", "-w", "long")
        self.assertIn("step all/s21 has not begun; and 18 more. Then: supervise session close.", prompt)
        self.assertNotIn("s22", prompt)

    def test_in_a_session_that_lacks_nothing_it_is_to_close_it(self):
        self.assertTrue(self.prompt("-s", "job").endswith(
            ". Session job is active, round 1. Nothing is missing. Next: supervise session close."))

    def test_without_a_session_how_the_last_run_ended(self):
        self.assertRegex(self.prompt(code=3), r"^Go on .*\. How your last run ended: exit 3 after [^ ]+; .*\.$")

    def test_resumed_again_it_is_told_once(self):
        self.assert_code(75, self.run_supervise("-s", "job", "--", self.agent("codex", "thread_id"), "exec", "--json", "go"))
        first, second = self.resumed(), self.resumed()
        self.assertEqual(["exec", "--json", "resume", "id-1"], first[:4])
        self.assertEqual(first, second)
        self.assertEqual([1, 2, 3], [row["attempt"] for row in self.rows()])

    def test_the_program_is_started_as_it_was(self):
        path = self.agent("claude", "session_id", before='echo "A=$A"')
        self.assert_code(75, self.run_supervise("-s", "job", "--", "env", "A=b", path, "--model", "x", "-p"))
        result = self.assert_code(75, self.run_supervise("resume", "job"))
        self.assertIn("A=b\n<--model>\n<x>\n<-p>\n<--resume>\n<id-1>\n<Go on", result.out)

    def test_with_an_option_that_forgets_the_same_command_runs_again(self):
        self.assert_code(75, self.run_supervise("-s", "job", "--", self.agent("codex", "thread_id"), "exec", "--ephemeral", "go"))
        result = self.assert_code(75, self.run_supervise("resume", "job"))
        self.assertIn("<exec>\n<--ephemeral>\n<go>\n", result.out)
        self.assertIn("codex's own session id-1 can't be gone on with", result.err)

    def test_a_resume_of_ones_own_is_taken_as_it_is(self):
        self.config("""
            [agent.robot]
            resume = ["sh", "-c", "cat; echo again {session}"]
            session_id = "id"
            """)
        self.assert_code(75, self.run_supervise("-s", "job", "--", self.agent("robot", "id")))
        result = self.assert_code(75, self.run_supervise("resume", "job", feed=b"fed\n"))
        self.assertEqual("fed\nagain id-1\n", result.out)

    def test_where_the_program_is_not_in_the_command_any_more_the_same_runs_again(self):
        self.config("[agent.robot]\nresume = ['{program}', 'again']\nsession_id = 'id'\n")
        self.assert_code(75, self.run_supervise("-s", "job", "--", self.agent("robot", "id"), "go"))
        self.config("[agent.robot]\nmatch = ['machine']\nresume = ['{program}', 'again']\n")
        self.assertEqual(["go"], self.resumed())

    def test_told_in_its_words_an_agent_does_not_wait_for_a_pipe(self):
        self.assert_code(75, self.run_supervise("-s", "job", "--", self.agent("codex", "thread_id", before="cat"), "exec"))
        reader, writer = os.pipe()
        try:
            running = self.start("resume", "job", stdin=reader)
            self.assert_code(75, running.finish())
        finally:
            os.close(reader)
            os.close(writer)


class AgentTerminal(TerminalCase):
    def test_told_in_its_words_an_agent_keeps_its_terminal(self):
        path = self.script("claude", "#!/bin/sh\ntty -s && echo on a terminal\n"
                                     "printf '{\"session_id\":\"id-1\"}\\n'\nprintf '<%s>\\n' \"$@\"\n")
        self.assert_code(75, self.run_supervise("-s", "job", "--", path))
        window = self.window("resume", "job")
        window.expect("on a terminal")
        self.assert_code(75, window.finish())
        self.assertIn("<--resume>\r\n<id-1>\r\n<Go on", window.out)


class Keep(Case):
    def test_a_log_older_than_log_keep_is_removed_and_the_row_says_so(self):
        self.ok("--", "echo", "kept for a while")
        log = self.row()["log"]
        old = self.row()["uid"]
        self.assertTrue(os.path.exists(log))
        self.config('[log]\nkeep = "1ms"\n[sweep]\ninterval = "50ms"\n')
        running = self.start("--", "sh", "-c", "echo up; exec sleep 1000")
        running.wait_out("up")
        # The log of the old one is as old as its last byte: the sweep that comes after that finds it.
        os.utime(log, (1, 1))
        wait_for(lambda: not os.path.exists(log), "the log to be removed")
        self.assertFalse(os.path.exists(log[:-4] + ".idx"))
        row = self.row(old)
        self.assertIsNone(row["log"])
        self.assertIn("log.keep", row["notes"][0])
        self.assertTrue(os.path.exists(self.running_row()["log"]), "what runs keeps its log")
        self.ok("cancel", "@last")
        running.finish()

    def test_without_log_keep_nothing_is_removed(self):
        self.ok("--", "echo", "kept")
        log = self.row()["log"]
        os.utime(log, (1, 1))
        self.config('[sweep]\ninterval = "20ms"\n')
        self.ok("--", "sleep", "0.3")
        self.assertTrue(os.path.exists(log))


if __name__ == "__main__":
    unittest.main()
