"""What a session says is what happened: whoever asks, whoever is in a hurry, whoever writes the SQL."""

import subprocess
import threading
import unittest

from harness import BIN, wait_for
from test_sessions import SessionCase

# A stale close as a sweep writes it.
STALE = """
BEGIN IMMEDIATE;
INSERT INTO events (at, type, session, data) SELECT max(at) + 1, 'session_auto_closed_stale', '{0}', '{{"threshold_ms":1}}'
    FROM events WHERE session = '{0}';
UPDATE sessions SET status = 'closed', close_reason = 'stale', closed_at = updated_at WHERE id = '{0}';
UPDATE rounds SET settled_as = 'stale', settled_at = (SELECT closed_at FROM sessions WHERE id = '{0}')
    WHERE session = '{0}' AND id = (SELECT max(id) FROM rounds WHERE session = '{0}');
COMMIT;
"""


def table_text(title, columns, rows):
    """`rows` as {name: [cell...]}."""
    lines = [[title, *columns]] + [[name, *cells] for name, cells in rows.items()]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


class TruthCase(SessionCase):
    def close_stale(self, id):
        with self.connect() as connection:
            connection.executescript(STALE.format(id))


class Matrix(TruthCase):
    """Every way to end, in every state of the session: outcome, reason, and the status of the wrapper."""

    maxDiff = None

    # The options of the run, and what its command does before it ends. None: it helps the session of an outer run.
    STATES = {
        "no session": ([], ""),
        "none, one required": (["--require-session"], ""),
        "helps": (None, ""),
        "round open": (["-s", "{}", "-w", "two"], ""),
        "round complete": (["-s", "{}", "-w", "two"], "supervise session advance done"),
        "next round": (["-s", "{}", "-w", "two"], "supervise session advance done && supervise session advance open"),
        "completed": (["-s", "{}", "-w", "two"], "supervise session advance done && supervise session close"),
        "completed, reopened": (["-s", "{}", "-w", "two"],
                                "supervise session advance done && supervise session close && supervise session begin >/dev/null"),
        "aborted": (["-s", "{}"], "supervise session close --abort"),
        "stale": (["-s", "{}"], 'sqlite3 -cmd ".timeout 30000" "$SUPERVISE_DB" "$STALE"'),
    }
    ENDS = ("exit 0", "exit 3", "SIGKILL", "not found", "deadline", "cancel", "closed from outside")
    FAILED = {"exit 3": ("failed", "exit", 3), "SIGKILL": ("failed", "signal", 137), "not found": ("failed", "spawn", 127),
              "deadline": ("failed", "deadline", 124), "cancel": ("cancelled", "cancelled", 143),
              "closed from outside": ("cancelled", "session-closed", 143)}
    DONE = ("success", "completed", 0)
    EXIT_0 = {"no session": ("success", "exit", 0), "none, one required": ("incomplete", "no-session", 75), "helps": ("success", "exit", 0),
              "round open": ("incomplete", "session-active", 75), "round complete": ("incomplete", "session-active", 75),
              "next round": ("incomplete", "session-active", 75), "completed": DONE,
              "completed, reopened": ("incomplete", "session-active", 75), "aborted": ("incomplete", "session-aborted", 75),
              "stale": ("incomplete", "session-stale", 75)}

    def expected(self, state, end):
        if end == "closed from outside" and (state.startswith("no") or state in ("completed", "aborted", "stale")):
            return None  # nothing is there to be closed
        if end == "not found" and self.STATES[state][1]:
            return None  # nothing ran that could have brought it there
        if end == "exit 0":
            return self.EXIT_0[state]
        return self.DONE if state == "completed" and end in ("deadline", "cancel") else self.FAILED[end]

    def run_cell(self, state, end, name, timeout=2):
        """The status of the wrapper, or None where the command wasn't ready at its deadline."""
        options, prepare = self.STATES[state]
        ready = self.work / name
        script = f"{prepare or 'true'} && touch {ready}; " + {"exit 0": "exit 0", "exit 3": "exit 3", "SIGKILL": "kill -KILL $$"}.get(end, "sleep 1000")
        command = ["./missing"] if end == "not found" else ["sh", "-c", script]
        args = ["-q", "-n", name, *[option.format(name) for option in options or []]]
        args += [f"--timeout={timeout}s"] if end == "deadline" else []
        if options is None:  # in a session that another one drives
            args = ["-q", "-s", f"in-{name}", "--exit-code=child", "--", BIN, *args]
        running = self.start(*args, "--", *command, env={"STALE": STALE.format(name)})
        if end in ("cancel", "closed from outside"):
            running.until(ready.exists, "command that is ready")
            if end == "cancel":
                self.ok("cancel", name)
            elif state == "helps":
                self.close_around(f"in-{name}")
            else:
                self.ok("session", "close", name, *([] if state == "round complete" else ["--abort"]))
        status = running.finish(60).code
        if end != "deadline":
            self.assertNotEqual(ready.exists(), end == "not found", f"{state}, {end}: the command got there")
        return status if ready.exists() or end == "not found" else None

    def close_around(self, id):
        """Closed by its driver, which is spared: only the helper is ended."""
        driver = self.json("list", "--session", id)[-1]
        self.assertTrue(driver["drives"])
        self.ok("session", "close", id, "--abort", env={"SUPERVISE_EXECUTION_UID": driver["uid"]})

    def fill(self, state, cells):
        for end in self.ENDS:
            if self.expected(state, end) is None:
                cells[state, end] = None
                continue
            name = f"{state}-{end}".replace(" ", "-").replace(",", "")
            status, timeout, tries = None, 2, 0
            while status is None and timeout < 60:
                status = self.run_cell(state, end, f"{name}.{tries}", timeout)
                timeout, tries = timeout * 3, tries + 1
            row = self.row(f"#{self.sql('SELECT max(id) FROM executions WHERE name = ?', f'{name}.{tries - 1}')[0][0]}")
            cells[state, end] = (row["outcome"], row["reason"], status)

    def test_every_cell(self):
        cells = {}
        self.ok("session", "begin", "first")  # the ledger is there
        threads = [threading.Thread(target=self.fill, args=(state, cells)) for state in self.STATES]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rows = {state: ["—" if cells.get((state, end)) is None else "{} {} → {}".format(*cells[state, end]) for end in self.ENDS]
                for state in self.STATES}
        print(table_text("SESSION", self.ENDS, rows))
        self.assertEqual({(state, end): self.expected(state, end) for state in self.STATES for end in self.ENDS}, cells)


class Rules(TruthCase):
    def test_a_command_that_closes_its_own_session_is_recorded_to_its_end(self):
        self.inside("echo before; supervise session close; echo after; sleep 0.1; echo end", "-s", "S")
        row = self.assert_end(self.row(), "success", "completed", exit_code=0)
        self.assertEqual("before\nafter\nend\n", self.ok("log", row["uid"], "--stream=out").out)
        self.assertEqual(0, self.event(row["uid"], "execution_finished")["data"]["exit_code"])

    def test_a_closed_session_takes_nothing(self):
        self.begin(workflow="two")
        self.advance("done")
        self.ok("session", "close")
        for verb in (["advance", "open"], ["advance", "done"], ["advance", "open", "--round", "2"], ["complete-round"]):
            self.refused(6, *verb, "--session", "S")

    def test_a_reopened_session_is_not_closed_on_what_was_completed_before(self):
        self.begin(workflow="two")
        self.advance("done")
        self.ok("session", "close")
        self.begin()
        self.assertIn("round 2 is not complete", self.refused(6, "close"))
        self.ok("session", "close", "--abort")
        self.begin()
        self.assertEqual(("open", 2), self.place()[:2])
        self.assertIn("round 2 is not complete", self.refused(6, "close"))

    def test_a_reason_to_close_counts_for_its_round_only(self):
        for number, reason in enumerate(("aborted", "stale")):
            id = f"S{number}"
            self.begin(id, "two")
            self.assert_code(75, self.run_supervise("-s", id, "-n", f"{reason}-1", "--", "true"))
            self.ok("session", "close", id, "--abort") if reason == "aborted" else self.close_stale(id)
            self.begin(id)
            self.assert_code(75, self.run_supervise("-s", id, "-n", f"{reason}-2", "--", "true"))
            self.assert_end(self.row(f"{reason}-2"), "incomplete", "session-active")
            self.advance("done", "--session", id)
            self.ok("session", "close", id)
            self.assert_end(self.row(f"{reason}-1"), "incomplete", f"session-{reason}", round=1)
            self.assert_end(self.row(f"{reason}-2"), "success", "completed", round=1)

    def test_a_stale_close_never_makes_a_success(self):
        self.begin(workflow="two")
        self.assert_code(75, self.run_supervise("-s", "S", "--", "true"))
        self.advance("done")  # all that was missing is the closing
        self.close_stale("S")
        self.assert_end(self.row(), "incomplete", "session-stale")
        self.assertEqual(("closed", "stale", "closed-incomplete", "reopen"),
                         tuple(self.show()[key] for key in ("status", "close_reason", "completeness", "next")))

    def test_a_childs_end_never_ends_its_parents_session(self):
        for end in ("exit 0", "exit 3", "kill -KILL $$"):
            self.inside(f"supervise --exit-code=child -- sh -c '{end}'; true", "-s", "S", code=75)
            self.assertEqual("active", self.show()["status"])

    def test_a_close_touches_no_execution_of_another_session(self):
        self.begin("A")
        self.begin("B")
        others = [self.start("-n", "other", "-s", "B", "--", "sleep", "1000"), self.start("-n", "none", "--", "sleep", "1000")]
        linked = self.start("-n", "linked", "--", "sh", "-c", "supervise session link B; echo linked; sleep 1000")
        linked.wait_out("linked")
        mine = self.start("-n", "mine", "-s", "A", "--", "sleep", "1000")
        wait_for(lambda: 4 == len([row for row in self.json("list", "--state", "running", "--all") if row["pid"]]), "all of them")
        self.ok("session", "close", "A", "--abort")
        self.assert_code(143, mine.finish())
        self.assertEqual({"other", "none", "linked"}, {row["name"] for row in self.json("list", "--state", "running", "--all")})
        self.ok("cancel", "other", "none", "linked")
        for running in (*others, linked):
            running.finish()
        self.assertEqual("active", self.show("B")["status"])

    def test_with_two_sessions_an_agent_always_meets_its_own(self):
        self.begin("A", "two")
        self.begin("B", "two")
        self.inside("supervise session advance done && supervise session close", "-s", "B")
        self.assertEqual(("open", "active"), self.place("A")[::2])
        self.assertEqual(("done", "closed"), self.place("B")[::2])
        self.begin("B")
        line = self.refused(3, "advance", "done")
        self.assertIn("A", line)
        self.assertIn("B", line)

    def test_times_compare_as_numbers(self):
        """A time of fewer digits is an earlier one, whatever its first digit is."""
        self.lied_to = True
        for id, at in (("nine", 999), ("ten", 10000), ("thousand", 1000)):
            self.begin(id)
            self.sql("UPDATE sessions SET started_at = ?, updated_at = ? WHERE id = ?", at, at, id)
        self.assertEqual(["ten", "thousand", "nine"], [each["id"] for each in self.json("session", "list")])
        self.assertIn("ten, thousand, nine", self.refused(3, "show"))
        self.ok("-n", "run", "--", "true")
        self.sql("UPDATE executions SET session = NULL WHERE name = 'run'")
        self.sql("UPDATE sessions SET updated_at = 9 WHERE id = 'nine'")
        self.advance("x", "--session", "nine")
        self.assertGreater(self.sql("SELECT updated_at FROM sessions WHERE id = 'nine'")[0][0], 10000)

    def test_an_inherited_link_and_a_later_one_judge_alike(self):
        self.begin("A")
        self.ok("-n", "late", "--", "true")
        self.assert_code(75, self.run_supervise("-s", "A", "-n", "early", "--", "true"))
        self.ok("session", "link", "A", "late")
        self.ok("session", "close", "A")
        keys = ("outcome", "reason", "session", "drives", "round", "explanation")
        late, early = self.row("late"), self.row("early")
        self.assertEqual([early[key] for key in keys[:-1]], [late[key] for key in keys[:-1]])


class Lies(TruthCase):
    """Plain SQL, by the sqlite3 shell, that would make the ledger say what never happened."""

    LAST = "(SELECT max(id) FROM rounds WHERE session = '{0}')"
    LIES = (
        ("an unknown event", "INSERT INTO events (at, type, session) VALUES (1, 'session_blessed', 'open')", "unknown event type"),
        ("a second end", "INSERT INTO events (at, type, execution) SELECT 1, 'execution_finished', uid FROM executions LIMIT 1",
         "an end is written once"),
        ("another end", "UPDATE executions SET exit_code = 7 WHERE exit_code = 0", "an end is written once"),
        ("judged by another opening", "UPDATE executions SET opening = (SELECT id FROM rounds WHERE settled_as = 'completed') WHERE session = 'open'",
         "an end is written once"),
        ("a link to another's opening", "UPDATE executions SET session = 'open', drives = 1, opening = (SELECT id FROM rounds WHERE session = 'done') "
         "WHERE session IS NULL", "an end is written once"),
        ("status out of vocabulary", "UPDATE sessions SET status = 'paused' WHERE id = 'open'", "CHECK constraint failed"),
        ("reason out of vocabulary", "UPDATE sessions SET status = 'closed', close_reason = 'bored', closed_at = 1 WHERE id = 'open'",
         "CHECK constraint failed"),
        ("closed without a time", "UPDATE sessions SET status = 'closed', close_reason = 'aborted' WHERE id = 'open'", "CHECK constraint failed"),
        ("completed without its round", "UPDATE sessions SET status = 'closed', close_reason = 'completed', closed_at = 1 WHERE id = 'open'",
         "it has no round_completed event"),
        ("a round completed without event", "UPDATE rounds SET completed_at = 1 WHERE session = 'open'", "it has no round_completed event"),
        ("a round completed by another's event", "INSERT INTO events (at, type, session, data) VALUES (1, 'round_completed', 'open', '{\"round\":2}'); "
         "UPDATE rounds SET completed_at = 1 WHERE session = 'open'", "it has no round_completed event"),
        ("reopened, closed on round 1's event", "UPDATE sessions SET status = 'closed', close_reason = 'completed', closed_at = 1 WHERE id = 'again'",
         "it has no round_completed event"),
        ("the same with the round set back", "UPDATE sessions SET round = 1 WHERE id = 'again'; "
         "UPDATE sessions SET status = 'closed', close_reason = 'completed', closed_at = 1 WHERE id = 'again'",
         "it has no round_completed event"),
        ("an opening written over", "REPLACE INTO rounds (id, session, round, opened_at) SELECT id, session, round, 1 FROM rounds WHERE session = 'done'",
         "there is such a round already"),
        ("settled twice", "UPDATE rounds SET settled_as = 'aborted' WHERE session = 'done'", "the round is settled"),
        ("an event changed", "UPDATE events SET type = 'session_closed' WHERE type = 'session_created'", "an event can't be changed"),
        ("an event written over", "REPLACE INTO events (id, at, type) VALUES (1, 1, 'sweep_finished')", "an event can't be changed"),
        ("an event deleted", "DELETE FROM events WHERE type = 'round_completed'", "an event can't be taken back"),
        ("a closed session's phase", "UPDATE sessions SET phase = 'open' WHERE id = 'done'", "the session is closed"),
        ("a closed session's reason", "UPDATE sessions SET close_reason = 'completed' WHERE id = 'aborted'",
         "it has no round_completed event"),
        ("an unknown phase", "UPDATE sessions SET phase = 'nirvana' WHERE id = 'open'", "the workflow has no such phase"),
        ("another definition", "UPDATE sessions SET definition = '{}' WHERE id = 'open'", "keeps the workflow that it began with"),
        ("born closed", "INSERT INTO sessions (id, status, close_reason, started_at, updated_at, closed_at) VALUES ('x', 'closed', 'completed', 1, 1, 1)",
         "a session begins active"),
        ("a session written over", "REPLACE INTO sessions (id, started_at, updated_at) VALUES ('aborted', 1, 1)", "there is such a session already"),
    )

    def test_each_is_refused_and_changes_nothing(self):
        self.begin("open", "two")
        for id in ("done", "again"):
            self.begin(id, "two")
            self.advance("done", "--session", id)
            self.ok("session", "close", id)
        self.begin("again")
        self.begin("aborted", "two")
        self.ok("session", "close", "aborted", "--abort")
        self.assert_code(75, self.run_supervise("-s", "open", "--", "true"))
        self.ok("--", "true")
        before = self.everything(), self.sql("SELECT * FROM executions")
        answers = {}
        for what, statement, wanted in self.LIES:
            done = subprocess.run(["sqlite3", "-bail", "-cmd", ".timeout 30000", str(self.db), f"BEGIN; {statement}; COMMIT;"], capture_output=True, text=True, timeout=30)
            answers[what] = [done.stderr.strip().split("\n")[0].rpartition("near line 1: ")[2]]
            with self.subTest(what):
                self.assertIn(wanted, done.stderr)
                self.assertNotEqual(0, done.returncode)
                self.assertEqual(before, (self.everything(), self.sql("SELECT * FROM executions")))
        print(table_text("LIE", ["ANSWER"], answers))
        self.ok("db", "check")


class Storms(TruthCase):
    """Many at once on one session: one wins, the others are told, and the history is in one order."""

    def together(self, count, *args, **how):
        running = [self.start(*(arg.format(i) for arg in args), **how) for i in range(count)]
        return [each.finish(120) for each in running]

    def test_begun_at_once_it_is_created_once(self):
        for result in self.together(20, "session", "begin", "S", "--workflow", "tiny"):
            self.assert_code(0, result)
        kinds = [event["type"] for event in self.events("S")]
        self.assertEqual(["session_created"] + 19 * ["session_resumed"], kinds)

    def test_begun_at_once_without_id_each_has_its_own(self):
        ids = {self.assert_code(0, result).out for result in self.together(20, "session", "begin", "--workflow", "tiny")}
        self.assertEqual({f"tiny-{i}\n" for i in range(1, 21)}, ids)

    def test_advanced_at_once_it_moves_once(self):
        self.begin(workflow="two")
        codes = [result.code for result in self.together(10, "session", "advance", "done", "-q")]
        codes += [result.code for result in self.together(10, "session", "complete-round", "-q")]
        self.assertEqual([0] * 20, codes, "one moves it, for the others it is there already")
        self.assertEqual(["session_created", "phase_advanced", "round_completed"], self.kinds())
        codes = [result.code for result in self.together(10, "session", "advance", "open", "--round", "2")]
        self.assertEqual([0] * 10, codes)
        self.assertEqual(1, self.kinds().count("round_started"))

    def test_of_two_ways_one_is_taken(self):
        self.begin(workflow="two")
        running = [self.start("session", "advance", phase) for phase in ("done", "dropped") * 8]
        codes = [each.finish(120).code for each in running]
        self.assertEqual({0: 8, 5: 8}, {code: codes.count(code) for code in codes})
        self.assertEqual(1, self.kinds().count("phase_advanced"))

    def test_closed_at_once_it_is_closed_once(self):
        self.begin()
        running = [self.start("session", "close", "S", *args) for args in ([], ["--abort"]) * 10]
        results = [self.assert_code(0, each.finish(120)) for each in running]
        self.assertEqual(1, sum("closed as" in result.err for result in results))
        self.assertEqual(1, sum(kind in ("session_closed", "session_aborted") for kind in self.kinds()))

    def test_all_of_it_at_once_leaves_one_history(self):
        verbs = (["begin", "S", "--workflow", "two"], ["advance", "done", "--session", "S"], ["advance", "open", "--session", "S"],
                 ["close", "S"], ["close", "S", "--abort"], ["complete-round", "S"])
        self.ok("session", "begin", "S", "--workflow", "two")
        running = [self.start("session", *verb) for verb in verbs * 12]
        codes = {each.finish(120).code for each in running}
        self.assertLessEqual(codes, {0, 5, 6})
        self.ok("db", "check")

    def test_fifty_processes_lose_none_of_a_thousand_moves(self):
        self.begin()
        script = 'for j in $(seq 20); do supervise -q session advance "$1-$j" --session S || exit $?; done'
        running = [self.start("-c", script, "sh", str(i), program="/bin/sh") for i in range(50)]
        self.assertEqual([0] * 50, [each.finish(300).code for each in running])
        moves = [event["data"] for event in self.events("S") if event["type"] == "phase_advanced"]
        self.assertEqual(1000, len(moves))
        self.assertEqual({f"{i}-{j}" for i in range(50) for j in range(1, 21)}, {move["to"] for move in moves})
        for i in range(50):
            mine = [move["to"] for move in moves if move["to"].startswith(f"{i}-")]
            self.assertEqual([f"{i}-{j}" for j in range(1, 21)], mine, "each one's moves in its own order")
        self.assertEqual([None] + [move["to"] for move in moves][:-1], [move["from"] for move in moves])
        print(f"50 processes × 20 moves: {len(moves)} recorded, {len(set(move['to'] for move in moves))} of them different")

    def test_in_a_ring_every_move_that_was_told_is_recorded(self):
        self.config('[workflow.ring]\nphases = ["a", "b", "c"]\n')
        self.begin(workflow="ring")
        script = "for j in $(seq 8); do for p in b c a; do supervise session advance $p --session S 2>&1; done; done"
        running = [self.start("-c", script, program="/bin/sh") for _ in range(6)]
        said = "".join(each.finish(300).out for each in running)
        self.assertEqual(6 * 24, len(said.splitlines()))
        self.assertEqual(said.count("is now in"), self.kinds().count("phase_advanced"))
        self.assertEqual(6 * 24, said.count("is now in") + said.count("is already in") + said.count("cannot advance"))


if __name__ == "__main__":
    unittest.main()
