"""The ledger defends itself against whoever writes the SQL, and can be read by anybody while it is in use."""

import signal
import sqlite3
import subprocess
import unittest
from concurrent.futures import ThreadPoolExecutor

from harness import Case


class Lies(Case):
    """Statements in plain SQL that would make the history say what never happened."""

    def assert_refused(self, statement, *values):
        before = self.dump()
        with self.assertRaises(sqlite3.DatabaseError, msg=statement):
            self.sql(statement, *values)
        self.assertEqual(before, self.dump())

    def dump(self):
        return {table: self.sql(f"SELECT * FROM {table}") for table in ("sessions", "rounds", "executions", "events")}

    def copy_event(self, kind):
        """Writes the newest event once more, as another type."""
        names = [row[1] for row in self.sql("PRAGMA table_info(events)") if row[1] not in ("id", "type")]
        return (f"INSERT INTO events (type, {', '.join(names)}) SELECT '{kind}', {', '.join(names)} FROM events "
                "ORDER BY id DESC LIMIT 1")

    def test_an_unknown_event_type_is_refused(self):
        self.ok("--", "true")
        self.assert_refused(self.copy_event("execution_exploded"))
        self.sql(self.copy_event("execution_status"))  # the statement itself is sound

    def test_an_event_is_never_changed(self):
        self.ok("--", "true")
        self.assert_refused("UPDATE events SET type = 'execution_status'")
        self.assert_refused("UPDATE events SET at = at + 1")

    def test_a_second_end_is_refused(self):
        self.assert_code(3, self.run_supervise("--", "sh", "-c", "exit 3"))
        self.assert_refused("UPDATE executions SET exit_code = 0")
        self.assert_refused("UPDATE executions SET finished_at = finished_at + 1")
        self.assert_refused("UPDATE executions SET exit_code = -3")
        self.assert_refused(self.copy_event("execution_finished"))

    def test_what_is_finished_never_runs_again(self):
        self.ok("--", "true")
        self.assert_refused("UPDATE executions SET finished_at = NULL, exit_code = NULL")
        self.assert_refused("UPDATE executions SET finished_at = NULL")

    def test_an_end_has_a_code_and_a_code_an_end(self):
        running = self.start("--", "sleep", "1000")
        self.running_row()
        self.assert_refused("UPDATE executions SET exit_code = 0")
        self.assert_refused("UPDATE executions SET finished_at = started_at")
        self.assert_refused("UPDATE executions SET finished_at = started_at, exit_code = 256")
        self.assert_refused("UPDATE executions SET finished_at = started_at, exit_code = -6")
        running.kill(signal.SIGTERM)
        running.finish()

    def test_words_outside_the_vocabulary_are_refused(self):
        self.assert_code(75, self.run_supervise("-s", "book-1", "--", "true"))
        self.assert_refused("UPDATE sessions SET status = 'paused'")
        self.assert_refused("UPDATE sessions SET status = 'closed', close_reason = 'bored', closed_at = started_at")
        self.assert_refused("UPDATE executions SET stopped_by = 'boredom'")
        self.assert_refused("UPDATE rounds SET settled_as = 'perfect', settled_at = opened_at")

    def test_a_session_is_not_closed_as_completed_without_its_round(self):
        self.assert_code(75, self.run_supervise("-s", "book-1", "--", "true"))
        self.assert_refused("UPDATE sessions SET status = 'closed', close_reason = 'completed', closed_at = started_at")
        self.assert_refused("UPDATE rounds SET settled_as = 'completed', settled_at = opened_at, completed_at = opened_at")
        self.assert_end(self.row(), "incomplete", "session-active")

    def test_a_session_is_not_born_closed(self):
        self.ok("session", "begin", "--session", "book-1")
        self.assert_refused("INSERT INTO sessions (id, status, close_reason, started_at, updated_at, closed_at) "
                            "VALUES ('lie', 'closed', 'completed', 1, 1, 1)")

    def test_another_type_than_the_columns_is_refused(self):
        self.ok("--", "true")
        self.assert_refused("UPDATE executions SET started_at = 'yesterday'")
        self.assert_refused("UPDATE executions SET command = 'true'")


class Shape(Case):
    def test_it_is_what_the_contract_says_sqlite_is_told(self):
        self.ok("--", "true")
        self.assertNotEqual(0, self.sql("PRAGMA application_id")[0][0])
        self.assertGreaterEqual(self.sql("PRAGMA user_version")[0][0], 1)
        self.assertEqual("wal", self.sql("PRAGMA journal_mode")[0][0])
        tables = self.sql("SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND type = 'table' "
                          "AND name NOT LIKE 'sqlite_%'")
        self.assertLessEqual({"sessions", "rounds", "executions", "steps", "items", "checkpoints", "events", "meta"},
                             {name for name, _ in tables})
        self.assertEqual([], [name for name, strict in tables if not strict])

    def test_times_are_milliseconds_since_the_epoch(self):
        self.assert_code(75, self.run_supervise("-s", "book-1", "--", "true"))
        for table in ("sessions", "rounds", "executions", "events"):
            for row in self.sql(f"PRAGMA table_info({table})"):
                if row[1] == "at" or row[1].endswith("_at"):
                    self.assertEqual("INTEGER", row[2], f"{table}.{row[1]}")
                    for (value,) in self.sql(f"SELECT {row[1]} FROM {table} WHERE {row[1]} IS NOT NULL"):
                        self.assertTrue(1_600_000_000_000 < value < 4_000_000_000_000, f"{table}.{row[1]} {value}")

    def test_anyone_reads_it_with_sqlite3_while_it_is_in_use(self):
        running = self.start("--", "sleep", "1000")
        row = self.running_row()
        done = subprocess.run(["sqlite3", str(self.db), "SELECT pid FROM executions WHERE finished_at IS NULL"],
                              stdout=subprocess.PIPE, timeout=30, check=True)
        self.assertEqual(f"{row['pid']}\n".encode(), done.stdout)
        running.kill(signal.SIGTERM)
        running.finish()

    def test_a_long_reader_holds_up_nobody(self):
        self.ok("--", "true")
        reader = self.connect()
        reader.execute("BEGIN")
        self.assertEqual(1, reader.execute("SELECT count(*) FROM executions").fetchone()[0])
        self.assert_code(3, self.run_supervise("--", "sh", "-c", "exit 3"))
        self.assertEqual(1, reader.execute("SELECT count(*) FROM executions").fetchone()[0])
        reader.close()
        self.assertEqual(2, len(self.rows()))

    def test_the_events_of_a_run_are_in_order_and_complete(self):
        self.ok("--", "true")
        events = self.events("@last")
        self.assertEqual(["execution_started", "execution_finished"], [event["type"] for event in events])
        self.assertEqual(sorted(event["id"] for event in events), [event["id"] for event in events])

    def test_many_at_once_on_a_new_ledger_are_all_recorded(self):
        """The ledger is made by whoever is first, and the others wait for it."""
        with ThreadPoolExecutor(16) as pool:
            results = list(pool.map(lambda number: self.run_supervise("--", "sh", "-c", f"exit {number}"), range(48)))
        self.assertEqual(list(range(48)), [result.code for result in results])
        self.assertEqual(set(range(48)), {row["exit_code"] for row in self.rows()})
        self.assertEqual(list(range(1, 49)), [row["id"] for row in self.rows()])

    def test_several_that_make_a_new_ledger_at_the_same_moment_agree_on_it(self):
        """Time after time, since it takes luck to meet the moment in which the file is there and not yet a ledger."""
        for turn in range(25):
            path = str(self.work / f"{turn}.db")
            running = [self.start("--db", path, "--", "sh", "-c", f"exit {number}") for number in range(3)]
            for number, each in enumerate(running):
                self.assert_code(number, each.finish(), f"turn {turn}")
            self.assertEqual([(3, 3)], self.sql("SELECT count(*), count(finished_at) FROM executions", path=path))

    def test_db_check_is_content_with_a_sound_ledger_and_names_what_does_not_hold(self):
        self.assert_code(75, self.run_supervise("-s", "book-1", "--", "true"))
        self.ok("db", "check")
        self.sql("DROP TRIGGER IF EXISTS executions_one_end")
        connection = self.connect()
        for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("DELETE FROM events WHERE type = 'execution_finished'")
        connection.close()
        result = self.assert_code(6, self.run_supervise("db", "check"))
        self.assertNotEqual("", result.out + result.err)
        self.rows_finish = False  # it was this test that took the event away

    def test_db_path_says_where_it_is(self):
        self.assertEqual(f"{self.db}\n", self.ok("db", "path").out)


if __name__ == "__main__":
    unittest.main()
