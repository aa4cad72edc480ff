"""Asking: what a REF means, the filters, waiting, following, and help that helps."""

import json
import os
import pty
import re
import select
import signal
import termios
import time
import unittest

from harness import BIN, EVENT_FIELDS, TIME, Case, probe, wait_for

VERBS = ["run", "status", "list", "log", "events", "wait", "cancel", "session begin", "session close", "session show",
         "session list", "heartbeat", "config show", "config check", "config path", "db check", "db path"]


class Refs(Case):
    def setUp(self):
        super().setUp()
        for name, code in (("first", 0), ("second", 1), ("second", 2)):
            self.assert_code(code, self.run_supervise("-n", name, "--", "sh", "-c", f"exit {code}"))

    def number(self, ref):
        return self.row(ref)["id"]

    def test_last_is_the_newest(self):
        self.assertEqual(3, self.number("@last"))

    def test_digits_alone_are_a_number(self):
        self.assertEqual([1, 2, 3], [self.number(ref) for ref in "123"])

    def test_a_number_comes_before_a_name_of_digits(self):
        self.ok("-n", "2", "--", "true")
        self.assertEqual(2, self.number("2"))

    def test_digits_that_are_no_execution_are_not_found_and_never_a_name(self):
        for ref in ("0", "#0", "77", "#77", "9223372036854775808", "99999999999999999999999"):
            self.ok("-n", ref, "--", "true")
            for verb in ("status", "log", "wait", "events", "cancel"):
                with self.subTest(verb=verb, ref=ref):
                    self.assertIn(ref, self.assert_code(4, self.run_supervise(verb, ref)).err)
        self.assertEqual(2, self.number("#2"))

    def test_a_uid_or_its_unique_beginning_of_four_or_more(self):
        for row in self.rows():
            self.assertEqual(row["id"], self.number(row["uid"]))
            self.assertEqual(row["id"], self.number(row["uid"][:8]))
            self.assert_code(4, self.run_supervise("status", row["uid"][:3]))

    def test_a_name_is_the_newest_of_that_name(self):
        self.assertEqual(1, self.number("first"))
        self.assertEqual(3, self.number("second"))

    def test_a_uid_comes_before_a_name(self):
        uid = self.row("1")["uid"]
        self.ok("-n", uid, "--", "true")
        self.assertEqual(1, self.number(uid))

    def test_a_session_comes_before_a_name_and_means_its_newest_execution(self):
        for _ in range(2):
            self.assert_code(75, self.run_supervise("-s", "second", "--", "true"))
        self.assert_code(75, self.run_supervise("wait", "second"))
        self.assertEqual("second", self.row("second")["id"], "status shows the session itself")

    def test_what_is_not_there_is_4(self):
        for verb in ("status", "log", "wait", "events", "cancel"):
            for ref in ("nothing", "99", "zzzzzzzz"):
                result = self.assert_code(4, self.run_supervise(verb, ref))
                self.assertIn(ref, result.err)

    def test_last_of_an_empty_ledger_is_4(self):
        self.assert_code(4, self.run_supervise("--db", str(self.work / "none.db"), "status", "@last"))
        self.assertFalse((self.work / "none.db").exists())

    def test_an_ambiguous_beginning_is_3_with_the_candidates(self):
        uid = self.row("1")["uid"]
        twin = uid[:6] + ("a" if uid[6] != "a" else "b") + uid[7:]
        connection = self.connect()
        names = [row[1] for row in connection.execute("PRAGMA table_info(executions)") if row[1] not in ("id", "uid")]
        connection.execute(f"INSERT INTO executions (uid, {', '.join(names)}) SELECT ?, {', '.join(names)} FROM executions "
                           "WHERE id = 1", (twin,))
        connection.execute("INSERT INTO events (at, type, session, execution, data) SELECT at, type, session, ?, data "
                           "FROM events WHERE execution = ?", (twin, uid))
        connection.close()
        result = self.assert_code(3, self.run_supervise("status", uid[:6]))
        self.assertIn(uid, result.err)
        self.assertIn(twin, result.err)
        self.assertEqual(1, self.number(uid[:7]))

    def test_several_in_flight_are_ambiguous_for_wait_but_not_for_status(self):
        running = [self.start("-n", "twin", "--", "sleep", "1000") for _ in range(2)]
        wait_for(lambda: len([row for row in self.json("list", "--state", "running") if row["pid"]]) == 2, "both to run")
        self.assert_code(3, self.run_supervise("wait", "twin"))
        self.assert_code(3, self.run_supervise("log", "-f", "twin"))
        self.assertEqual(5, self.number("twin"))
        for each in running:
            each.kill(signal.SIGTERM)
            each.finish()


class Lists(Case):
    def setUp(self):
        super().setUp()
        self.ok("-n", "good", "--", "true")
        self.assert_code(1, self.run_supervise("-n", "bad", "--", "false"))
        self.assert_code(75, self.run_supervise("-n", "half", "-s", "book-1", "--", "true"))

    def names(self, *args):
        return [row["name"] for row in self.json("list", *args)]

    def test_it_is_the_history_newest_first(self):
        self.assertEqual(["half", "bad", "good"], self.names())

    def test_it_is_filtered_by_outcome_state_session_and_name(self):
        self.assertEqual(["good"], self.names("--outcome", "success"))
        self.assertEqual(["bad"], self.names("--outcome=failed"))
        self.assertEqual(["half"], self.names("--outcome", "incomplete"))
        self.assertEqual([], self.names("--outcome", "cancelled"))
        self.assertEqual(["half"], self.names("--session", "book-1"))
        self.assertEqual(["bad"], self.names("--name", "bad"))
        self.assertEqual([], self.names("--state", "running"))
        self.assertEqual(["half", "bad", "good"], self.names("--state", "finished"))
        self.assertEqual([], self.names("--state", "queued"))
        self.assertEqual([], self.names("--outcome", "failed", "--name", "good"))

    def test_it_shows_20_or_as_many_as_asked_or_all(self):
        for _ in range(20):
            self.ok("--", "true")
        self.assertEqual(20, len(self.names()))
        self.assertEqual(2, len(self.names("-n", "2")))
        self.assertEqual(23, len(self.names("--all")))
        self.assertEqual(23, len(self.names("-n", "100")))

    def test_it_is_one_array_of_all_rows_that_match(self):
        for args in ([], ["--all"], ["-n", "1"], ["--name", "nothing"]):
            out = self.ok("list", "--json", *args).out
            self.assertEqual(json.dumps(json.loads(out), indent=2, ensure_ascii=False) + "\n", out)

    def test_its_memory_does_not_grow_with_its_rows(self):
        db = str(self.work / "many.db")
        self.ok("--db", db, "-n", "one", "--", "true")
        names = [row[1] for row in self.sql("PRAGMA table_info(executions)", path=db) if row[1] not in ("id", "uid")]
        self.sql(f"WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO executions "
                 f"(uid, {', '.join(names)}) SELECT printf('u%019d', i), {', '.join(names)} FROM n, executions", path=db)

        def listed():
            """The rows of `list --all`, and the most memory it had, in KiB."""
            out = self.work / "out"
            env = {**self.env, "ASAN_OPTIONS": self.env.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"}
            pid = os.posix_spawn(BIN, [BIN, "--db", db, "list", "--all", "--json"], env,
                                 file_actions=[(os.POSIX_SPAWN_OPEN, 1, out, os.O_WRONLY | os.O_CREAT, 0o600)])
            _, status, usage = os.wait4(pid, 0)
            self.assertEqual(0, status)
            return len(json.loads(out.read_bytes())), usage.ru_maxrss

        count, peak = listed()
        self.assertEqual(20001, count)
        # Held whole, the rows would take 180 MiB. What the test itself takes counts up to the program's exec.
        self.assertLess(peak, 100 * 1024)

    def test_since_takes_a_duration_or_a_time(self):
        self.assertEqual(3, len(self.names("--since", "1h")))
        middle = self.row("bad")["started_at"]
        self.assertEqual(["half", "bad"], self.names("--since", middle))
        self.assertEqual([], self.names("--since", "2100-01-01T00:00:00Z"))
        self.assertEqual(3, len(self.names("--since", "2001-02-03T04:05:06+01:00")))
        time.sleep(0.3)
        self.assertEqual([], self.names("--since", "200ms"))

    def test_bad_values_are_2_with_the_nearest_right_one(self):
        result = self.assert_code(2, self.run_supervise("list", "--outcome", "sucess"))
        self.assertIn("success", result.err)
        result = self.assert_code(2, self.run_supervise("list", "--state", "runing"))
        self.assertIn("running", result.err)
        for args in (["--since", "yesterday"], ["--since", "5"], ["-n", "many"], ["-n", "-1"], ["--nonsense"], ["--color=pink"]):
            with self.subTest(args=args):
                self.assert_code(2, self.run_supervise("list", *args))

    def test_the_table_shows_symbol_and_word_and_only_columns_in_use(self):
        out = self.ok("list").out
        for word in ("✓ success", "✗ failed", "◐ incomplete", "good", "bad", "half", "book-1"):
            self.assertIn(word, out)
        without = self.ok("list", "--name", "good").out
        self.assertNotRegex(without, "(?i)session")
        self.assertRegex(out, "(?i)session")

    def test_status_json_has_its_four_lists(self):
        running = self.start("-n", "now", "--", "sleep", "1000")
        self.running_row(name="now")
        status = self.json("status")
        self.assertEqual({"running", "queued", "recent", "sessions", "snapshot"}, set(status))
        self.assertEqual(["now"], [row["name"] for row in status["running"]])
        self.assertEqual([], status["queued"])
        self.assertEqual(["half", "bad", "good"], [row["name"] for row in status["recent"]])
        self.assertEqual(["book-1"], [session["id"] for session in status["sessions"]])
        self.assertIn("now", self.ok("status").out)
        running.kill(signal.SIGTERM)
        running.finish()

    def test_status_of_one_says_everything_about_it(self):
        out = self.ok("status", "half").out
        row = self.row("half")
        for fact in (row["uid"], "book-1", "true", row["explanation"], row["next"], str(self.work)):
            self.assertIn(fact, out)


    def test_status_of_a_session_ends_with_the_output_of_its_newest_execution(self):
        for text in ("older", "newest\\033[31m"):
            self.assert_code(75, self.run_supervise("-s", "book-2", "--", "printf", f"{text} words\\nlast line\\n"))
        out = self.ok("status", "book-2").out
        self.assertTrue(out.endswith("\n\nOutput of #5:\n  newest\\e[31m words\n  last line\n"), out)
        self.assertNotIn("older words\n", out)

    def test_a_session_is_begun_by_its_id_as_a_word_or_an_option(self):
        self.assertEqual("book-3\n", self.ok("session", "begin", "book-3").out)
        self.assertEqual("book-3\n", self.ok("session", "begin", "--session", "book-3").out)
        self.assertEqual(1, len([each for each in self.json("session", "list", "--all") if each["id"] == "book-3"]))
        self.assert_code(2, self.run_supervise("session", "begin", "a", "--session", "b"))
        self.assert_code(2, self.run_supervise("session", "begin", "a", "b"))
        self.assert_code(2, self.run_supervise("session", "begin", "42"))


class Waiting(Case):
    def test_wait_ends_as_the_wrapper_did(self):
        self.config("[run]\n")
        for code, args in ((0, ["--", "true"]), (3, ["--", "sh", "-c", "exit 3"]), (137, ["--", "sh", "-c", "kill -9 $$"]),
                           (124, ["--timeout", "100ms", "--", "sleep", "9"]), (75, ["--require-session", "--", "true"])):
            with self.subTest(code=code):
                self.assert_code(code, self.run_supervise(*args))
                self.assertEqual("", self.assert_code(code, self.run_supervise("wait", "@last")).out)

    def test_wait_on_several_gives_the_first_that_is_not_0_in_the_order_named(self):
        for name, code in (("a", 0), ("b", 5), ("c", 6)):
            self.run_supervise("-n", name, "--", "sh", "-c", f"exit {code}")
        self.assert_code(5, self.run_supervise("wait", "a", "b", "c"))
        self.assert_code(6, self.run_supervise("wait", "c", "b", "a"))
        self.assert_code(0, self.run_supervise("wait", "a", "a"))
        self.assert_code(2, self.run_supervise("wait"))

    def test_wait_waits_for_what_runs(self):
        running = self.start("-n", "job", "--", probe("ready"), "--exit", "USR1=9")
        running.ready()
        self.running_row(name="job")
        waiting = self.start("wait", "job")
        with self.assertRaises(AssertionError):
            waiting.finish(deadline=0.5)
        since = time.monotonic()
        running.kill(signal.SIGUSR1)
        self.assert_code(9, running.finish())
        self.assert_code(9, waiting.finish())
        self.assertLess(time.monotonic() - since, 5)

    def test_wait_on_a_name_means_the_one_in_flight(self):
        running = self.start("-n", "job", "--", probe("ready"), "--exit", "USR1=9")
        running.ready()
        self.running_row(name="job")
        self.ok("-n", "job", "--", "true")
        waiting = self.start("wait", "job")
        with self.assertRaises(AssertionError):
            waiting.finish(deadline=0.3)
        running.kill(signal.SIGUSR1)
        self.assert_code(9, running.finish())
        self.assert_code(9, waiting.finish())

    def test_what_is_not_there_is_4_before_anything_is_waited_for(self):
        running = self.start("-n", "job", "--", "sleep", "1000")
        self.running_row(name="job")
        self.assert_code(4, self.run_supervise("wait", "job", "nothing"))
        running.kill(signal.SIGTERM)
        running.finish()


class Events(Case):
    def test_an_event_is_one_json_object_a_line(self):
        self.assert_code(75, self.run_supervise("-s", "book-1", "--", "true"))
        events = self.events()
        self.assertTrue(all(EVENT_FIELDS <= set(event) for event in events))
        self.assertTrue(all(TIME.fullmatch(event["at"]) and isinstance(event["data"], dict) for event in events))
        self.assertEqual(["session_created", "execution_started", "execution_finished"],
                         [event["type"] for event in events if event["type"] != "session_linked"])

    def test_since_leaves_out_what_was_seen(self):
        for _ in range(3):
            self.ok("--", "true")
        events = self.events()
        seen = events[2]["id"]
        self.assertEqual(events[3:], self.events(None, "--since", str(seen)))
        self.assertEqual([], self.events(None, "--since", str(events[-1]["id"])))

    def test_those_of_one_execution_or_session_alone(self):
        self.ok("-n", "one", "--", "true")
        self.assert_code(75, self.run_supervise("-s", "book-1", "-n", "two", "--", "true"))
        one = {event["execution"] for event in self.events("one")}
        two = {event["execution"] for event in self.events("two")}
        self.assertEqual((1, 1), (len(one), len(two)))
        self.assertNotEqual(one, two)
        self.assertEqual({"book-1"}, {event["session"] for event in self.events("book-1")})
        self.assertIn("session_created", [event["type"] for event in self.events("book-1")])

    def test_f_follows_what_others_do(self):
        self.ok("--", "true")
        follower = self.start("events", "-f", "--json")
        follower.wait_out("execution_finished")
        self.assert_code(3, self.run_supervise("--", "sh", "-c", "exit 3"))
        follower.until(lambda: follower.out.count("execution_finished") == 2, "event of the other")
        snapshot, *lines = [json.loads(line) for line in follower.out.splitlines()]
        self.assertEqual({"type": "snapshot", "snapshot": 2}, snapshot)
        self.assertEqual(sorted({line["id"] for line in lines}), [line["id"] for line in lines], "each once, in order")
        follower.kill(signal.SIGTERM)
        follower.finish()

    def test_a_reader_of_events_that_goes_away_ends_it(self):
        self.ok("--", "true")
        self.assert_code(0, self.shell("supervise events | head -n 1 >/dev/null"))
        follower = self.start("events", "-f")
        follower.wait_out("execution_finished")
        follower.close("out")
        self.ok("--", "true")
        follower.kill(signal.SIGTERM)
        follower.finish()


class Settings(Case):
    def test_config_show_names_every_setting_its_value_and_where_it_came_from(self):
        self.config('[run]\nkill_after = "3s"\n')
        settings = {entry["key"]: entry for entry in self.json("config", "show", "--db", "/x/y.db")}
        self.assertTrue(all({"key", "value", "origin"} <= set(entry) for entry in settings.values()))
        wanted = """store.path store.busy_timeout store.sync run.capture run.timeout run.idle_timeout run.kill_after run.drain
            run.incomplete_exit run.uid_env run.require_session run.on_supervisor_death sweep.interval
            sweep.stale_session_after sweep.heartbeat_interval sweep.heartbeat_stale_after sweep.no_heartbeat_after
            sweep.stalled_after queue.slots queue.autostart queue.idle log.dir log.max_size log.keep checkpoint.max_size
            agents.max_nudges agents.resume_prompt""".split()
        self.assertEqual(set(), set(wanted) - set(settings))
        self.assertEqual("3s", settings["run.kill_after"]["value"])
        self.assertIn(str(self.dir / "config/supervise/supervise.toml"), settings["run.kill_after"]["origin"])
        self.assertEqual("/x/y.db", settings["store.path"]["value"])
        self.assertNotEqual(settings["store.path"]["origin"], settings["run.drain"]["origin"])
        self.assertEqual("1s", settings["run.drain"]["value"])

    def test_the_nearest_project_file_wins_over_the_users_and_a_named_one_replaces_it(self):
        self.config('[run]\ndrain = "2s"\nkill_after = "2s"\ntimeout = "2s"\n')
        (self.dir / "supervise.toml").write_text('[run]\ndrain = "9s"\n')
        (self.work / "supervise.toml").write_text('[run]\ndrain = "3s"\nkill_after = "3s"\n')
        named = self.work / "named.toml"
        named.write_text('[run]\ndrain = "4s"\n')
        deeper = self.work / "a" / "b"
        deeper.mkdir(parents=True)

        def values(**how):
            settings = {entry["key"]: entry["value"] for entry in self.json("config", "show", **how)}
            return [settings[f"run.{key}"] for key in ("drain", "kill_after", "timeout")]

        self.assertEqual(["3s", "3s", "2s"], values(cwd=deeper))
        self.assertEqual(["4s", "2s", "2s"], values(cwd=deeper, env={"SUPERVISE_CONFIG": str(named)}), "it replaces the one found")
        settings = {entry["key"]: entry["value"] for entry in json.loads(
            self.ok("--config", str(named), "config", "show", "--json", env={"SUPERVISE_CONFIG": "/no/such"}).out)}
        self.assertEqual("4s", settings["run.drain"])

    def test_config_check_says_what_is_wrong_and_where(self):
        good, bad = self.work / "good.toml", self.work / "bad.toml"
        good.write_text('[run]\ndrain = "1h30m"\n[log]\nmax_size = "10KB"\n[workflow.x]\nphases = ["a", "b"]\n')
        bad.write_text('[run]\ndrian = "1s"\n')
        self.ok("config", "check", str(good))
        result = self.assert_code(7, self.run_supervise("config", "check", str(bad)))
        self.assertRegex(result.err, r"bad\.toml:2.*drain")

    def test_config_path_names_the_files(self):
        self.config("[run]\n")
        self.assertIn(str(self.dir / "config/supervise/supervise.toml"), self.ok("config", "path").out)


class Help(Case):
    def test_nothing_at_all_is_usage_on_stderr_and_2(self):
        result = self.assert_code(2, self.run_supervise())
        self.assertEqual("", result.out)
        self.assertIn("supervise", result.err)

    def test_help_begins_with_examples(self):
        for verb in [[], *(verb.split() for verb in VERBS)]:
            with self.subTest(verb=verb):
                result = self.ok(*verb, "--help")
                self.assertEqual("", result.err)
                first = [line for line in result.out.splitlines() if line.strip()][:3]
                self.assertEqual("Examples:", first[0])
                self.assertIn("supervise ", first[1])
                self.assertTrue(all(len(line) <= 120 for line in result.out.splitlines()))

    def test_an_unknown_verb_is_2_with_the_nearest_right_one(self):
        for typed, meant in (("lsit", "list"), ("stauts", "status"), ("cancle", "cancel"), ("evnets", "events")):
            result = self.assert_code(2, self.run_supervise(typed))
            self.assertIn(meant, result.err)
            self.assertEqual("", result.out)
        self.assert_code(2, self.run_supervise("entirely-unknown"))
        result = self.assert_code(2, self.run_supervise("session", "begn"))
        self.assertIn("begin", result.err)

    def test_the_beginning_of_a_word_is_met_with_the_whole(self):
        for args, meant in ((["--time", "5s", "true"], '"--timeout"'), (["list", "--out", "x"], '"--outcome"'),
                            (["list", "--state", "run"], '"running"'), (["sess", "list"], '"session"')):
            self.assertIn(f"did you mean {meant}?", self.assert_code(2, self.run_supervise(*args)).err)

    def test_a_command_without_its_dashes_is_told_of_them(self):
        self.assertEqual('supervise: unknown verb "sleep"; did you mean "sweep"? To run a command: supervise -- sleep\n',
                         self.assert_code(2, self.run_supervise("sleep")).err)
        for command in ("true", "make", "ls"):
            result = self.assert_code(2, self.run_supervise(command))
            self.assertEqual(f'supervise: unknown verb "{command}"; to run a command: supervise -- {command}\n', result.err)

    def test_an_unknown_option_is_2_with_the_nearest_right_one(self):
        result = self.assert_code(2, self.run_supervise("list", "--otcome", "failed"))
        self.assertIn("--outcome", result.err)
        self.assert_code(2, self.run_supervise("status", "a", "b"))

    def test_version_is_on_stdout(self):
        self.assertRegex(self.ok("--version").out, r"^supervise \d+\.\d+")

    def test_global_options_stand_before_or_after_the_verb(self):
        other = str(self.work / "other.db")
        self.ok("--db", other, "-q", "run", "-n", "there", "--", "true")
        for args in (["--db", other, "--json", "list"], ["list", "--json", "--db", other], ["--json", "list", f"--db={other}"]):
            self.assertEqual(["there"], [row["name"] for row in json.loads(self.ok(*args).out)])
        self.assertFalse(self.db.exists())

    def test_q_keeps_the_summary_quiet(self):
        self.assertEqual("", self.ok("-q", "--", "true").err)
        self.assertNotEqual("", self.ok("--", "true").err)


class Sanitised(Case):
    NAME = "n\x1b[31mred\x07\x9b0m\r"
    ARG = "\x1b]0;owned\x07 a\x08b\x7f"

    def test_what_a_child_or_its_name_says_never_reaches_the_terminal_raw(self):
        result = self.assert_code(3, self.run_supervise(
            "-n", self.NAME, "--", "sh", "-c", "printf '\\033[2Jlast line\\007\\n'; exit 3", self.ARG))
        self.assert_clean(result.err)
        for args in (["list"], ["status"], ["status", "@last"], ["events"], ["cancel", "@last"], ["cancel", self.NAME],
                     ["status", "\x1b[31mnothing"], ["\x1b[31mverb"], ["list", "--outcome", "\x1b[31m"], ["list", "--\x1b[31m"]):
            with self.subTest(args=args):
                result = self.run_supervise(*args)
                self.assert_clean(result.out)
                self.assert_clean(result.err)
        self.assertEqual(self.NAME, self.row()["name"], "JSON has the truth")

    def assert_clean(self, text):
        self.assertEqual([], re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text), repr(text))

    def test_a_command_that_is_not_found_is_named_without_its_escapes(self):
        self.assert_clean(self.assert_code(127, self.run_supervise("--", "./\x1b[31mmissing")).err)

    def test_the_log_is_raw_off_a_terminal(self):
        self.ok("--", "printf", r"\033[31mred\007\n")
        self.assertEqual("\x1b[31mred\x07\n", self.ok("log", "@last").out)


class Colour(Case):
    def on_terminal(self, *args, columns=80, **env):
        """What the program writes to a terminal."""
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (24, columns))
        running = self.start(*args, stdin=theirs, stdout=theirs, stderr=theirs, env={"TERM": "xterm-256color", **env})
        os.close(theirs)
        got = b""
        until = time.monotonic() + 20
        while time.monotonic() < until:
            if not select.select([ours], [], [], 0.05)[0]:
                continue
            try:
                piece = os.read(ours, 65536)
            except OSError:
                break
            if not piece:
                break
            got += piece
        os.close(ours)
        running.finish()
        return got.decode()

    def setUp(self):
        super().setUp()
        self.assert_code(1, self.run_supervise("-n", "job", "--", "false"))

    def test_colour_is_for_terminals(self):
        self.assertIn("\x1b[", self.on_terminal("list"))
        self.assertNotIn("\x1b[", self.ok("list").out)
        self.assertIn("\x1b[", self.ok("list", "--color=always").out)
        self.assertNotIn("\x1b[", self.on_terminal("list", "--color=never"))

    def test_on_a_narrow_terminal_what_is_short_stays_whole(self):
        running = self.start("-n", "a-name-of-some-length", "-s", "a-session-of-some-length", "--", "sh", "-c",
                             'supervise heartbeat a status of some length; exec sleep 1000')
        wait_for(lambda: self.row()["status_text"], "its status")
        out = self.on_terminal("list", columns=60)
        running.kill(signal.SIGTERM)
        running.finish()
        self.assertTrue(all(len(line) <= 60 for line in re.sub(r"\x1b\[[\d;]*m", "", out).splitlines()), out)
        for whole in ("● running", "✗ failed", "STATE", "STARTED", "just now", "TOOK", "STATUS", "COMM"):
            self.assertIn(whole, out)

    def test_on_a_narrow_terminal_a_sessions_id_and_a_files_path_stay_whole(self):
        (self.work / "supervise.toml").write_text('[workflow.of-some-length]\nphases = ["a-phase-of-some-length", "b", "c"]\n')
        self.ok("session", "begin", "review-2026-02-03", "--workflow", "of-some-length")
        self.assertIn("review-2026-02-03", self.on_terminal("session", "list", columns=70))
        path = str(self.work / "supervise.toml")
        self.assertIn(path, self.on_terminal("config", "path", columns=max(60, len(path) + 16)))

    def test_no_color_is_heeded(self):
        self.assertNotIn("\x1b[", self.on_terminal("list", NO_COLOR="1"))
        self.assertIn("✗ failed", self.on_terminal("list", NO_COLOR="1"))

    def test_colours_of_a_log_stay_on_a_terminal_and_every_other_control_is_made_visible(self):
        self.ok("--", "printf", r"\033[31mred\033[0m\033[2Jgone\007\n")
        shown = self.on_terminal("log", "@last")
        self.assertIn("\x1b[31mred", shown)
        self.assertNotIn("\x1b[2J", shown)
        self.assertNotIn("\x07", shown)
        self.assertIn("\x1b[2J", self.on_terminal("log", "--raw", "@last"))


if __name__ == "__main__":
    unittest.main()
