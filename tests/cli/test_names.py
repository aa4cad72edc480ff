"""Names and ids as they are typed: the same rule in every verb, and never an answer without its reason."""

import unittest

from harness import Case

NO_SESSIONS = ("123", "", "-x", "a b", "é", "x" * 129)
OF_A_SESSION = (
    ["step", "start", "a"], ["step", "progress", "a", "1/2"], ["step", "done", "a"], ["step", "error", "a", "why"],
    ["step", "skip", "a"], ["step", "run", "a", "--", "true"],
    ["item", "done", "a"], ["item", "failed", "a"], ["item", "forget", "a"], ["item", "remaining"], ["item", "list"],
    ["checkpoint", "save"], ["checkpoint", "list"], ["checkpoint", "show", "a"],
    ["session", "begin"], ["session", "advance", "a"], ["session", "complete-round"], ["session", "show"],
    ["session", "close"], ["session", "link"], ["list"], ["queue", "add", "true"],
)


class Sessions(Case):
    def test_what_can_be_no_session_s_id_is_bad_usage_everywhere(self):
        self.ok("session", "begin", "only")
        before = self.sql("SELECT count(*) FROM events")
        for verb in OF_A_SESSION:
            for name in NO_SESSIONS:
                with self.subTest(verb=verb, name=name):
                    at = 2 if verb[0] != "list" else 1
                    result = self.assert_code(2, self.run_supervise(*verb[:at], f"--session={name}", *verb[at:]))
                    self.assertIn("as a session's id: it ", result.err)
        self.assertEqual(before, self.sql("SELECT count(*) FROM events"))

    def test_its_short_form_is_s_everywhere(self):
        self.ok("session", "begin", "-s", "only")
        for verb in OF_A_SESSION:
            with self.subTest(verb=verb):
                at = 2 if verb[0] != "list" else 1
                result = self.assert_code(2, self.run_supervise(*verb[:at], "-s", "12", *verb[at:]))
                self.assertIn('cannot take "12" as a session\'s id', result.err)

    def test_it_may_be_the_second_word_of_advance(self):
        self.config('[workflow.two]\nphases = ["a", "b"]\n')
        for name in ("one", "other"):
            self.ok("session", "begin", "-w", "two", name)
        self.ok("session", "advance", "b", "other")
        self.assertEqual(["a", "b"], [self.json("session", "show", name)["phase"] for name in ("one", "other")])
        self.assertIn("named twice", self.assert_code(2, self.run_supervise(
            "session", "advance", "b", "one", "--session", "other")).err)

    def test_however_long_an_argument_is_the_reason_is_said(self):
        long = "y" * 10240
        for reason, *args in (
            ["longer than 128", "step", "done", "a", "--session", long],
            ["longer than 128", "step", "done", long],
            ["longer than 128", "item", "done", "a", "--stage", long],
            ["longer than 128", "step", "done", "a", "--stage", long],
            ["is configured; see `supervise config show`", "session", "begin", "--workflow", long],
            ["`supervise list` shows them", "status", long],
            ["it is no whole number", "session", "advance", "a", "--round", long],
            ["to run a command: supervise -- ", long],
        ):
            with self.subTest(args=[arg[:20] for arg in args]):
                result = self.run_supervise(*args)
                self.assertNotEqual(0, result.code)
                self.assertIn(reason, result.err)
                self.assertLess(len(result.err), 2200)


class Stages(Case):
    def test_one_rule_says_what_a_stage_is_called(self):
        self.ok("session", "begin", "only")
        for name, fault in ((".x", "."), ("x.", "."), ("-x", "'-'"), ("a/b", "/"), ("a..b", ".."), ("", "empty"),
                            ("a\tb", "control"), ("x" * 129, "128"), ("v1.2", None), ("größer", None)):
            for verb in (["step", "done", "a"], ["item", "done", "a"]):
                with self.subTest(verb=verb, name=name):
                    result = self.assert_code(2 if fault else 0, self.run_supervise(*verb, f"--stage={name}"))
                    self.assertIn(fault or "", result.err)

    def test_a_workflow_is_held_to_it_too(self):
        for name in (".x", "-x", "a/b", "x" * 129):
            with self.subTest(name=name):
                self.config(f'[[workflow.book.stage]]\nname = "{name}"\nsteps = []\n')
                self.assertIn(name, self.assert_code(7, self.run_supervise("config", "check")).err)


if __name__ == "__main__":
    unittest.main()
