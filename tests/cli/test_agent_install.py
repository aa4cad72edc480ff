"""`agent install` and `agent uninstall`: our hooks in an agent's settings, and nothing else of them touched."""

import json
import os
import shutil
import unittest

from harness import BIN, Case

COMMAND = "supervise agent hook"
EVENTS = {
    "claude": ["SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "TaskCreated", "TaskCompleted", "Stop",
               "StopFailure", "SessionEnd"],
    "codex": ["SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop", "SessionEnd"],
}
MINE = """{
    "permissions": {"allow": ["Bash(ls:*)"], "x": 1.50},
    "hooks": {
        "Stop": [
            {"hooks": [{"type": "command", "command": "notify-send done"}]}
        ]
    },
    "model": "opus"
}
"""


class Install(Case):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        self.settings = self.home / ".claude" / "settings.json"

    def write(self, text, path=None):
        path = path or self.settings
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def commands(self, path=None):
        """{event: [commands]}"""
        hooks = json.loads((path or self.settings).read_text())["hooks"]
        return {event: [hook["command"] for group in groups for hook in group["hooks"]] for event, groups in hooks.items()}

    def test_into_a_home_without_settings(self):
        for agent, path in (("claude", self.settings), ("codex", self.home / ".codex" / "hooks.json")):
            result = self.ok("agent", "install", agent)
            self.assertIn(f"{path}: hooks installed", result.err)
            self.assertEqual({event: [COMMAND] for event in EVENTS[agent]}, self.commands(path))
            self.ok("agent", "uninstall", agent)
            self.assertEqual({}, json.loads(path.read_text()))
        self.assertIn("/hooks", self.ok("agent", "install", "codex").err)

    def test_twice_is_once_and_all_else_stays_byte_for_byte(self):
        self.write(MINE)
        self.ok("agent", "install", "claude")
        first = self.settings.read_text()
        self.assertEqual(["notify-send done", COMMAND], self.commands()["Stop"])
        self.assertTrue(first.startswith(MINE[:MINE.index('"Stop"')]))
        self.assertIn("the hooks are there already", self.ok("agent", "install", "claude").err)
        self.assertEqual(first, self.settings.read_text())
        self.ok("agent", "uninstall", "claude")
        self.assertEqual(MINE, self.settings.read_text())
        self.assertIn("no hooks of ours", self.ok("agent", "uninstall", "claude").err)
        self.assertEqual(["settings.json"], os.listdir(self.settings.parent))

    def test_a_dry_run_shows_it_and_changes_nothing(self):
        self.write(MINE)
        out = self.ok("agent", "install", "claude", "--dry-run").out
        self.assertEqual(f"--- {self.settings}\n+++ {self.settings}\n", "".join(out.splitlines(True)[:2]))
        self.assertEqual(MINE, self.settings.read_text())

    def test_a_dry_run_is_a_patch(self):
        for before in (MINE, "{}\n", '{"a":1}', "{}"):
            self.write(before)
            (self.work / "p").write_text(self.ok("agent", "install", "claude", "--dry-run").out)
            self.ok("agent", "install", "claude")
            after = self.settings.read_text()
            (self.work / "settings.json").write_text(before)
            self.assert_code(0, self.shell("python3 - <<'END'\n" + APPLY + "END\n"))
            self.assertEqual(after, (self.work / "settings.json").read_text())

    def test_other_places(self):
        project = self.work / "project"
        project.mkdir()
        self.ok("agent", "install", "claude", "--project", str(project))
        self.assertEqual(EVENTS["claude"], list(self.commands(project / ".claude" / "settings.json")))
        self.assertFalse(self.settings.exists())
        other = self.dir / "other"
        other.mkdir()
        self.ok("agent", "install", "claude", env={"CLAUDE_CONFIG_DIR": str(other)})
        self.ok("agent", "install", "codex", env={"CODEX_HOME": str(other)})
        self.assertEqual({"settings.json", "hooks.json"}, set(os.listdir(other)))
        self.assertIn("no directory", self.assert_code(4, self.run_supervise(
            "agent", "install", "claude", "--project", str(project / "none"))).err)

    def test_a_link_stays_one_and_the_mode_too(self):
        real = self.dir / "dotfiles.json"
        real.write_text(MINE)
        real.chmod(0o640)
        self.settings.parent.mkdir()
        self.settings.symlink_to(real)
        self.ok("agent", "install", "claude")
        self.assertTrue(self.settings.is_symlink())
        self.assertEqual(0o640, real.stat().st_mode & 0o777)
        self.assertIn(COMMAND, real.read_text())

    def test_without_the_program_in_path_it_is_named_by_its_own(self):
        result = self.run_supervise("agent", "install", "claude", env={"PATH": "/usr/bin:/bin"})
        self.assert_code(0, result)
        self.assertEqual([f"{BIN} agent hook"], self.commands()["Stop"])
        self.ok("agent", "install", "claude")  # found in PATH now: the command takes the place of the other
        self.assertEqual({event: [COMMAND] for event in EVENTS["claude"]}, self.commands())

    def test_a_path_with_spaces_is_one_word_to_the_shell(self):
        odd = self.dir / "my own"
        odd.mkdir()
        shutil.copy(BIN, odd / "supervise")
        self.assert_code(0, self.run_program(str(odd / "supervise"), "agent", "install", "claude", env={"PATH": "/usr/bin:/bin"}))
        command, = self.commands()["Stop"]
        self.assertEqual(f"'{odd}/supervise' agent hook", command)
        self.assert_code(0, self.shell(command))
        self.ok("agent", "uninstall", "claude")
        self.assertEqual("{}\n", self.settings.read_text())

    def test_another_program_of_that_name_is_not_ours(self):
        fake = self.dir / "fake"
        fake.mkdir()
        (fake / "supervise").write_text("#!/bin/sh\n")
        (fake / "supervise").chmod(0o755)
        self.ok("agent", "install", "claude", env={"PATH": f"{fake}:{self.dir}/bin:/usr/bin:/bin"})
        self.assertEqual([f"{BIN} agent hook"], self.commands()["Stop"])

    def test_what_is_no_json_is_refused_unchanged_with_its_line(self):
        for text, line in (('{\n  // mine\n  "a": 1\n}\n', 2), ('{\n  "a": 1,\n}\n', 3), ("[]", 1), ("", 1),
                           ('{\n"hooks": 5}', 2)):
            for verb in ("install", "uninstall"):
                self.write(text)
                result = self.assert_code(7, self.run_supervise("agent", verb, "claude"))
                self.assertIn(f"settings.json:{line}: ", result.err)
                self.assertEqual(1, result.err.count("\n"))
                self.assertEqual(text, self.settings.read_text())

    def test_without_permission_it_is_one_line(self):
        if os.geteuid() == 0:
            self.skipTest("root may")
        self.write(MINE)
        self.settings.parent.chmod(0o500)
        try:
            result = self.assert_code(1, self.run_supervise("agent", "install", "claude"))
        finally:
            self.settings.parent.chmod(0o700)
        self.assertRegex(result.err, r"^supervise: cannot write .*: Permission denied\n$")

    def test_where_it_cannot_be_written_nothing_is_left_behind(self):
        blocked = self.dir / "blocked"
        blocked.mkdir()
        (blocked / ".claude").write_text("a file\n")
        result = self.assert_code(1, self.run_supervise("agent", "install", "claude", "--project", str(blocked)))
        self.assertEqual(1, result.err.count("\n"))
        self.assertEqual([".claude"], os.listdir(blocked))
        folder = self.dir / "folder"
        (folder / ".claude" / "settings.json").mkdir(parents=True)
        self.assert_code(1, self.run_supervise("agent", "install", "claude", "--project", str(folder)))

    def test_an_unknown_agent_is_met_with_the_nearest(self):
        self.assertIn('did you mean "claude"', self.assert_code(4, self.run_supervise("agent", "install", "cluade")).err)
        self.assertIn("claude, codex", self.assert_code(4, self.run_supervise("agent", "install", "emacs")).err)

    def test_json(self):
        path = str(self.settings)
        self.assertEqual({"agent": "claude", "path": path, "changed": True, "dry_run": True},
                         self.json("agent", "install", "claude", "--dry-run"))
        self.assertEqual({"agent": "claude", "path": path, "changed": True, "dry_run": False},
                         self.json("agent", "install", "claude"))
        self.assertEqual(False, self.json("agent", "install", "claude")["changed"])

    def test_what_is_installed_is_what_the_agent_runs(self):
        """From the settings to the ledger, by the shell, as the agent does it."""
        self.ok("agent", "install", "claude")
        command, = self.commands()["Stop"]
        (self.work / "claude").write_text("#!/bin/sh\necho '%s' | sh -c '%s'\n" % (
            json.dumps({"hook_event_name": "Stop", "session_id": "s", "stop_hook_active": False}), command))
        (self.work / "claude").chmod(0o755)
        result = self.run_supervise("-s", "job", "--", str(self.work / "claude"))
        self.assertIn('"decision"', result.out)


# A unified diff of one piece, applied.
APPLY = r'''
import re
head, rest = open("p").read().split("@@ ", 1)
numbers, body = rest.split(" @@\n", 1)
begin, count = map(int, re.match(r"-(\d+),(\d+)", numbers).groups())
lines = open("settings.json").read().splitlines(True)
at = begin - 1 if count else begin
new, last = [], None
for line in body.splitlines(True):
    if line.startswith("\\"):
        if last == "+":
            new[-1] = new[-1][:-1]
        continue
    last = line[0]
    if last == "+":
        new.append(line[1:])
    else:
        assert lines[at + body.splitlines(True).index(line)].rstrip("\n") == line[1:].rstrip("\n"), line
lines[at:at + count] = new
open("settings.json", "w").write("".join(lines))
'''


if __name__ == "__main__":
    unittest.main()
