"""What an agent program says of itself, by the shapes of its definition: kept, explained, and evidence of its outcome.
The agents here are scripts that print what the real ones do."""

import unittest

from harness import Case

RESULT = '{"type":"result","subtype":"success","is_error":%s,"result":"%s","stop_reason":"%s","session_id":"s-1"}'


class Agents(Case):
    def agent(self, name, *lines, code=0, before=""):
        """A program of that name that prints the lines; where it is."""
        folder = self.work / "agents"
        folder.mkdir(exist_ok=True)
        data = folder / f"{name}.txt"
        data.write_text("".join(line + "\n" for line in lines))
        path = folder / name
        path.write_text(f"#!/bin/sh\n{before}\ncat {data}\nexit {code}\n")
        path.chmod(0o755)
        return str(path)

    def last(self):
        return self.json("list")[0]

    def test_a_result_that_says_it_finished_is_a_success_and_kept(self):
        self.ok("--", self.agent("claude", RESULT % ("false", "all done", "end_turn")))
        row = self.last()
        self.assert_end(row, "success", "exit")
        self.assertEqual(("claude", "s-1", "all done"), (row["agent"], row["agent_session"], row["agent_result"]["result"]))

    def test_exit_0_is_no_success_where_the_result_says_that_it_did_not_finish(self):
        result = self.assert_code(75, self.run_supervise("--", self.agent("claude", RESULT % ("false", "half", "tool_use"))))
        self.assert_end(self.last(), "incomplete", "agent-unfinished")
        self.assertIn('its own result record says that it did not finish: "half"', result.err)
        self.assertIn("next: supervise resume 1", result.err)
        self.assertEqual(1, len(self.json("list", "--outcome", "incomplete")))

    def test_a_failure_stays_one_and_is_explained_by_the_result(self):
        text = "API Error: Request rejected (429)"
        limit = '{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1795270000},"session_id":"s-1"}'
        self.assert_code(1, self.run_supervise("--", self.agent("claude", limit, RESULT % ("true", text, "stop_sequence"), code=1)))
        row = self.last()
        self.assert_end(row, "failed", "exit")
        self.assertIn(f'its own result record says "{text}"', row["explanation"])
        self.assertIn("the rate limit that it met is over at 2026-11-21T14:06:40.000Z", row["explanation"])
        self.assertEqual("supervise resume 1", row["next"])
        self.assertNotIn("last line", row["explanation"])

    def test_a_completed_session_outranks_the_result(self):
        before = f"supervise session close job"
        self.ok("-s", "job", "--", self.agent("claude", RESULT % ("true", "x", "y"), before=before))
        self.assert_end(self.last(), "success", "completed")

    def test_an_open_session_is_the_reason_whatever_the_result_says(self):
        self.assert_code(75, self.run_supervise("-s", "job", "--", self.agent("claude", RESULT % ("false", "x", "end_turn"))))
        self.assert_end(self.last(), "incomplete", "session-active")

    def test_the_last_result_of_the_outermost_run_counts(self):
        inner = RESULT.replace("s-1", "s-2") % ("true", "inner", "tool_use")
        own = RESULT % ("false", "own", "end_turn")
        self.ok("--", self.agent("claude", RESULT % ("true", "first", "x"), own, inner))
        self.assertEqual("own", self.last()["agent_result"]["result"])

    def test_a_definition_in_toml_alone_makes_an_agent(self):
        self.config("""
            [agent.mine]
            match = ["robot"]
            session_id = "conversation"
            result = { kind = "end" }
            result_text = ["why.text", "why.code"]
            unfinished = { why.code = [3, 4] }
            """)
        self.assert_code(75, self.run_supervise(
            "--", self.agent("robot", '{"kind":"end","conversation":"c1","why":{"text":"tired","code":4}}')))
        row = self.last()
        self.assert_end(row, "incomplete", "agent-unfinished")
        self.assertEqual(("mine", "c1"), (row["agent"], row["agent_session"]))
        self.assertIn('did not finish: "tired 4"', row["explanation"])

    def test_a_wrong_definition_is_refused_with_its_place(self):
        for line, told in (("result = 5", "agent.mine.result: expected a table"),
                           ("result = { a = 1979-05-27 }", "agent.mine.result: expected what JSON can say"),
                           ("result_text = 'x'", "agent.mine.result_text: expected an array of strings"),
                           ("plan = [{ items = 'x' }]", 'agent.mine.plan: expected "line" and "items"'),
                           ("plan = [{ lin = {}, items = 'x' }]", 'unknown key "lin"'),
                           ("plan = { line = {} }", "agent.mine.plan: expected an array of tables"),
                           ("resultt = {}", 'did you mean "result"')):
            with self.subTest(line):
                self.config(f"[agent.mine]\n{line}\n")
                result = self.assert_code(7, self.run_supervise("config", "check"))
                self.assertIn("supervise.toml:2: ", result.err)
                self.assertIn(told, result.err)

    def test_noise_puts_off_no_idle_timeout(self):
        noise = '{"type":"system","subtype":"api_retry","session_id":"s-1"}'
        loop = f"i=0; while [ $i -lt 600 ]; do echo '{noise}'; i=$((i+1)); sleep 0.05; done"
        self.assert_code(124, self.run_supervise("--idle-timeout", "600ms", "--", self.agent("claude", before=loop)))
        self.assert_end(self.last(), "failed", "deadline")

    def test_lines_that_are_cut_huge_or_no_utf8_harm_nothing(self):
        path = self.agent("claude")
        (self.work / "agents" / "claude.txt").write_bytes(
            b'{"type":"result","is_error":true,"result":"' + b"x" * (5 << 20) + b'\xff"}\n{"type":"result","is_err')
        self.assert_code(75, self.run_supervise("--", path))
        result = self.last()["agent_result"]
        self.assertTrue(result["is_error"])
        self.assertLess(len(result["result"]), 4096)


if __name__ == "__main__":
    unittest.main()
