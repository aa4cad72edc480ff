"""The completions for bash, zsh and fish in contrib/completions: what they offer is what the program knows, and what a
ledger holds is text to them."""

import re
import shutil
import unittest

from harness import ROOT, Case
from terminal import PROMPT, TerminalCase

SCRIPTS = ROOT / "contrib" / "completions"
HARMLESS = 'my $(touch x) `touch y` "it\'s" a\\b *;'
FILES, DIRECTORIES = "(files)", "(directories)"

# Each argument is a line, and behind it its words as bash cuts them, each ended by \x1f; the last word is completed.
BASH = r"""
. "$1"; shift
compopt() { case $2 in default) echo '(files)' ;; dirnames) echo '(directories)' ;; esac; }
for line; do
    IFS=$'\x1f' read -r -d '' COMP_LINE fields <<<"$line"
    COMP_WORDS=() COMPREPLY=()
    while [[ $fields == *$'\x1f'* ]]; do COMP_WORDS+=("${fields%%$'\x1f'*}"); fields=${fields#*$'\x1f'}; done
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_POINT=${#COMP_LINE}
    _supervise supervise
    printf '%s\n' "${COMPREPLY[@]}" ''
    printf '\x1e'
done
"""

# The function without a line editor: what it hands to zsh's own functions is printed.
ZSH = r"""
_describe() {
  local name entry
  while [[ $1 == -* ]]; do [[ $1 != -t ]] || shift; shift; done
  shift
  for name; do
    [[ $name != -S ]] || break
    [[ $name != -- ]] || continue
    for entry in "${(@P)name}"; do print -r -- "${entry%%:*}"$'\t'"${${entry#*:}//(#b)\\(?)/$match[1]}"; done
  done
}
compadd() { [[ $1 != -a ]] || set -- -- "${(@P)2}"; shift; print -rl -- "$@"; }
compset() { [[ $1 != -n ]] || print '(command)'; }
_normal() { : }; _files() { print '(files)' }; _directories() { print '(directories)' }
words=(supervise list '') CURRENT=3 PREFIX=
. $1 >/dev/null; shift
for line; do
  words=("${(@ps:\x1f:)line}") CURRENT=$#words PREFIX=$words[-1]
  _supervise
  print -n '\x1e'
done
"""

FISH = r"""
source $argv[1]
for line in $argv[2..]
    complete -C $line
    printf '\x1e'
end
"""


class CompletionCase(Case):
    def answers(self, lines, shell="bash"):
        """What that shell offers for each of the lines, where the cursor stands at the end."""
        words = [line.split(" ") for line in lines]
        if shell == "fish":
            arguments, program = ["-c", FISH, str(SCRIPTS / "supervise.fish"), *lines], "fish"
        elif shell == "zsh":
            arguments = ["-f", "-c", ZSH, "zsh", str(SCRIPTS / "_supervise"), *("\x1f".join(line) for line in words)]
            program = "zsh"
        else:
            cut = [[part for word in line for part in re.findall(r"[=:@]+|[^=:@]+", word) or [""]] for line in words]
            fields = ["\x1f".join([line, *parts]) + "\x1f" for line, parts in zip(lines, cut)]
            arguments, program = ["--norc", "-c", BASH, "bash", str(SCRIPTS / "supervise.bash"), *fields], "bash"
        result = self.assert_code(0, self.run_program(shutil.which(program), *arguments))
        self.assertEqual("", result.err)
        parts = result.out.split("\x1e")[:-1]
        self.assertEqual(len(lines), len(parts), result.out)
        # What stands behind a tab is what a shell shows beside it.
        answers = [[line.partition("\t") for line in part.splitlines() if line] for part in parts]
        self.shown = {word: description for answer in answers for word, _, description in answer}
        return [[word for word, _, _ in answer] for answer in answers]

    def offered(self, line, shell="bash"):
        return self.answers([line], shell)[0]

    def verbs(self):
        listed = self.ok("help").out.partition("\nVerbs:\n")[2].partition("\n\n")[0]
        return [re.match(r"  (\S+( \S+)*)  ", line)[1] for line in listed.splitlines()]

    def executions(self):
        """One of a name that a shell would expand, one of a name with a control character, one of a session."""
        self.ok("-n", HARMLESS, "--", "true")
        for name in ("bell\a", "c1\u009b", "-dash"):
            self.ok(f"--name={name}", "--", "true")
        self.run_supervise("-n", "half", "-s", "book:1/a", "--", "true")
        self.ok("session", "begin", "book-2")


class AllShells:
    """What holds for each of them; `shell` is its name."""

    shell = ""

    def setUp(self):
        super().setUp()
        if not shutil.which(self.shell):
            self.skipTest(f"no {self.shell} is installed")

    def test_every_verb_is_offered_word_by_word(self):
        verbs = self.verbs()
        groups = sorted({verb.split(" ")[0] for verb in verbs if " " in verb})
        self.assertGreater(len(verbs), 40)
        first, again, *seconds = self.answers(
            ["supervise ", "supervise help ", *(f"supervise {group} " for group in groups)], self.shell)
        self.assertEqual({verb.split(" ")[0] for verb in verbs}, set(first))
        self.assertEqual(set(first), set(again))
        for group, offered in zip(groups, seconds):
            self.assertEqual({verb.split(" ")[1] for verb in verbs if verb.startswith(group + " ")}, set(offered))

    def test_every_option_in_the_help_of_a_verb_is_offered(self):
        verbs = self.verbs()
        answers = self.answers([f"supervise {verb} {dash}" for verb in verbs for dash in ("-", "--")], self.shell)
        for number, verb in enumerate(verbs):
            found = re.findall(r"^  (?:(-\w), |    )(--[a-z-]+)", self.ok(*verb.split(" "), "--help").out, re.M)
            offered = {option.rstrip("=") for answer in answers[2 * number:2 * number + 2] for option in answer}
            self.assertGreater(len(found), 7, verb)
            self.assertEqual({name for pair in found for name in pair if name}, offered, verb)

    def test_values_that_are_fixed_are_offered(self):
        choices = {
            "list --outcome ": {"success", "incomplete", "failed", "cancelled"},
            "list --state ": {"queued", "running", "finished"},
            "run --capture ": {"auto", "pty", "pipe", "none"},
            "--color ": {"auto", "always", "never"},
            "agent install ": {"claude", "codex"},
            "queue move 1 ": {"first", "last", "before"},
            "heartbeat ": set(),
            "nosuch ": set(),
            "db prune --older-than ": set(),
        }
        for line, wanted, offered in zip(choices, choices.values(),
                                         self.answers([f"supervise {line}" for line in choices], self.shell)):
            self.assertEqual(wanted, set(offered), line)

    def test_options_before_a_verb_are_told_from_their_values(self):
        verbs = {verb.split(" ")[0] for verb in self.verbs()}
        lines = {"-vq --color=never ": verbs, "--json --config list ": verbs, "-qn ": set(), "-w ": set(),
                 "--timeout ": set(), "log -fn ": set(), "log -n5 --stream ": {"out", "err"}}
        for line, wanted, offered in zip(lines, lines.values(),
                                         self.answers([f"supervise {line}" for line in lines], self.shell)):
            self.assertEqual(wanted, set(offered), line)

    def test_references_and_sessions_come_from_the_ledger_as_text(self):
        self.executions()
        refs, more, after, sessions, shown, names = self.answers(
            ["supervise log ", "supervise wait ", "supervise queue add --after ", "supervise -s ",
             "supervise session show ", "supervise list --name "], self.shell)
        name = self.typed(HARMLESS)
        self.assertEqual({"@last", "1", "2", "3", "4", "5", name, "half", "book:1/a"}, set(refs))
        self.assertEqual([], more, "nothing is in flight")
        self.assertEqual(set(refs), set(after))
        self.assertEqual({"book:1/a", "book-2"}, set(sessions))
        self.assertEqual(set(sessions), set(shown))
        self.assertEqual({name, "half"}, set(names))
        self.assertEqual([], [path.name for path in self.work.iterdir()], "something was expanded")

    def test_only_what_a_verb_can_mean_is_offered(self):
        self.config("[queue]\nautostart = false\n")
        self.ok("-n", "over", "--", "true")
        self.ok("queue", "add", "-n", "waits", "--", "true")
        running = self.start("-n", "runs", "--", "sleep", "1000")
        self.running_row(name="runs")
        verbs = {"cancel": {"2", "3", "waits", "runs"}, "wait 1": {"2", "3", "waits", "runs"},
                 "queue remove": {"2", "waits"}, "queue move": {"2", "waits"}, "resume": {"1", "over"},
                 "queue retry": {"1", "over"}}
        for (verb, wanted), offered in zip(
                verbs.items(), self.answers([f"supervise {verb} " for verb in verbs], self.shell)):
            self.assertEqual(wanted, set(offered), verb)
        self.ok("cancel", "runs", "waits")
        running.finish()

    def test_a_ledger_that_is_named_is_the_one_asked_and_none_is_made(self):
        self.ok("--db", str(self.work / "other.db"), "-n", "elsewhere", "--", "true")
        db, joined, here, sessions = self.answers(
            [f"supervise --db {self.work}/other.db log ", f"supervise --db={self.work}/other.db log ",
             "supervise log ", "supervise -s "], self.shell)
        self.assertEqual({"@last", "1", "elsewhere"}, set(db))
        self.assertEqual(db, joined)
        self.assertEqual([[], []], [here, sessions])
        self.assertFalse(self.ledger_dir.exists(), "asking made a ledger")

    def typed(self, text):
        """As it is offered; zsh and fish quote what they insert by themselves."""
        return text


class Describing(AllShells):
    """Those that show beside a word what it is."""

    def test_what_it_is_stands_beside_it(self):
        self.ok("-n", "first", "--", "true", "two\nlines")
        self.answers(["supervise log ", "supervise list -", "supervise ", "supervise queue "], self.shell)
        self.assertRegex(self.shown["1"], r"^✓ success +first +.*true 'two\\nlines'$")
        self.assertEqual("the newest", self.shown["@last"])
        for line, option in ((r"-n, --limit N ", "-n"), (r"-n, --limit N ", "--limit"), ("      --all ", "--all"),
                             (r"--outcome=\S+\n", "--outcome="), ("--color=\\S+ ", "--color=")):
            text = re.search(line + " *(.*)", self.ok("list", "--help").out)[1]
            self.assertEqual(text, self.shown[option], option)
        self.assertEqual("what runs and what has just ended; with REF, everything about one execution or session",
                         self.shown["status"])
        self.assertEqual("show, check, path", self.shown["config"])


class Bash(AllShells, CompletionCase):
    shell = "bash"

    def typed(self, text):
        """As `printf %q` has it."""
        return re.sub(r"([^\w@%+=:,./-])", r"\\\1", text)

    def test_values_behind_an_equals_sign(self):
        self.assertEqual(["success"], self.offered("supervise list --outcome=su"))
        self.assertEqual(["success", "incomplete", "failed", "cancelled"], self.offered("supervise list --outcome="))
        self.assertEqual(["--outcome="], self.offered("supervise list --out"))

    def test_files_and_directories_are_left_to_the_shell(self):
        for line in ("--config ", "--db=", "db backup ", "config check ", "session complete-round --data ",
                     "log --asciicast "):
            self.assertEqual([FILES], self.offered(f"supervise {line}"), line)
        self.assertEqual([DIRECTORIES], self.offered("supervise run --cwd "))

    def test_the_wrapped_command_is_completed_as_a_command(self):
        (self.dir / "bin" / "our-own command").write_text("#!/bin/sh\n")
        (self.dir / "bin" / "our-own command").chmod(0o755)
        for line in ("-- ", "run ", "-s x -- ", "--timeout 1h ", "run -n list ", "queue add ", "queue add -- ",
                     "step run it -- "):
            self.assertEqual(["our-own\\ command"], self.offered(f"supervise {line}our-o"), line)
        self.assertEqual([FILES], self.offered("supervise -- cat -"), "the command's own words")
        self.assertEqual([FILES], self.offered("supervise run ./our"))

    def test_what_bash_completion_brings_is_asked_for_the_wrapped_command(self):
        script = self.script("theirs.bash", f'. {SCRIPTS}/supervise.bash\n'
                             '_command_offset() { COMPREPLY=("offset $1 of ${COMP_WORDS[*]}"); }\n'
                             'COMP_WORDS=(supervise --color = never -- make al) COMP_CWORD=6\n'
                             'COMP_LINE="supervise --color=never -- make al"\n_supervise\necho "${COMPREPLY[@]}"\n')
        self.assertEqual("offset 5 of supervise --color = never -- make al\n",
                         self.run_program("/bin/bash", script).out)


class Zsh(Describing, CompletionCase):
    shell = "zsh"

    def test_the_wrapped_command_is_left_to_zsh(self):
        lines = ["-- ls", "run ls", "-s x -- ls", "--timeout 1h ls -", "run -n list ls", "queue add -- ls -",
                 "step run it -- ls"]
        for line, offered in zip(lines, self.answers([f"supervise {line}" for line in lines], "zsh")):
            self.assertEqual(["(command)"], offered, line)

    def test_files_and_directories_are_left_to_zsh(self):
        self.assertEqual([[FILES], [FILES], [DIRECTORIES]],
                         self.answers(["supervise --config ", "supervise db backup ", "supervise run --cwd "], "zsh"))


class Fish(Describing, CompletionCase):
    shell = "fish"

    def test_the_wrapped_command_is_completed_as_a_command(self):
        (self.dir / "bin" / "our-own").symlink_to("/bin/true")
        for line in ("-- ", "run ", "-s x -- ", "--timeout 1h ", "queue add -- "):
            self.assertEqual(["our-own"], self.offered(f"supervise {line}our-o", "fish"), line)

    def test_files_and_values_behind_an_equals_sign(self):
        (self.work / "here.toml").touch()
        self.assertEqual(["--config=here.toml"], self.offered("supervise --config=he", "fish"))
        self.assertEqual(["--outcome=success"], self.offered("supervise list --outcome=su", "fish"))


class OnATerminal(TerminalCase, CompletionCase):
    """What only the line editor can tell: which part of the line is replaced, and how it is quoted."""

    def type(self, window, lines):
        for typed, wanted in lines.items():
            window.send(f"said {typed}\t\n")
            window.expect("".join(f"<{word}>" for word in wanted))
            window.expect(PROMPT)

    def editor(self, shell, *options, setup):
        window = self.window(*options, "-i", program=shutil.which(shell), leads=True, columns=200,
                             env={"PS1": PROMPT, "HISTFILE": None})
        self.shells.append(window.pid)
        window.expect(PROMPT)
        window.line(f"said() {{ printf '<%s>' \"$@\"; echo; }}; {setup}; echo se't up'")
        window.expect("set up")
        window.expect(PROMPT)
        return window

    def lines(self):
        self.executions()
        (self.work / "some file").touch()
        return {
            "list --outcome=su": ["list", "--outcome=success"],
            "log @la": ["log", "@last"],
            "log book:": ["log", "book:1/a"],
            "--session=book:": ["--session=book:1/a"],
            "log my": ["log", HARMLESS],
            "log my\\ ": ["log", HARMLESS],
            "--config=som": ["--config=some file"],
            "db backup so": ["db", "backup", "some file"],
        }

    def test_bash(self):
        window = self.editor("bash", "--norc", "--noprofile",
                             setup=f". {SCRIPTS}/supervise.bash; complete -F _supervise said")
        self.type(window, {**self.lines(), "log 'ha": ["log", "half"]})

    def test_zsh(self):
        if not shutil.which("zsh"):
            self.skipTest("no zsh is installed")
        window = self.editor("zsh", "-f", setup=f"fpath=({SCRIPTS} $fpath); autoload -Uz compinit; compinit -uD; "
                             "compdef _supervise said")
        self.type(window, self.lines())


class Installed(Case):
    def test_the_shells_find_them_where_they_look(self):
        made = self.run_program(shutil.which("make"), "-n", "install", "DESTDIR=/d", "PREFIX=/p", cwd=ROOT).out
        for script, place in (("supervise.bash", "bash-completion/completions/supervise"),
                              ("_supervise", "zsh/site-functions/_supervise"),
                              ("supervise.fish", "fish/vendor_completions.d/supervise.fish")):
            self.assertTrue((SCRIPTS / script).is_file())
            self.assertIn(f"contrib/completions/{script} /d/p/share/{place}\n", made)


if __name__ == "__main__":
    unittest.main()
