"""What is refused before anything is spawned: 125 for `run`, no child, no row; and the verbs' own codes."""

import json
import os
import shutil
import unittest

from harness import BIN, Case, requires_root

SHORT = '[store]\nbusy_timeout = "200ms"\n'


class Refused(Case):
    def assert_refused(self, *args, says=(), **how):
        """125, one line that says why, nothing spawned and no row."""
        result = self.assert_code(125, self.run_supervise(*args, "--", "touch", "spawned", **how), f"{args!r}")
        self.assertRegex(result.err, r"(?m)^supervise: ")
        for word in says:
            self.assertIn(word, result.err)
        self.assertEqual("", result.out)
        self.assertFalse((self.work / "spawned").exists(), "nothing is spawned")
        if self.db.exists():
            self.assertEqual([(0,)], self.sql("SELECT count(*) FROM executions"))


class BadCommandLines(Refused):
    def test_an_option_that_does_not_exist_is_refused_with_the_nearest_one(self):
        self.assert_refused("run", "--timeot", "5s", says=["--timeot", "--timeout"])
        self.assert_refused("run", "-Z")

    def test_an_option_without_its_argument_is_refused(self):
        self.assert_code(125, self.run_supervise("run", "--timeout"))

    def test_a_flag_with_an_argument_is_refused(self):
        self.assert_refused("run", "--detach=yes")

    def test_what_goes_on_in_the_background_cannot_read_our_stdin(self):
        self.assert_refused("run", "--detach", "--stdin=inherit", says=["--stdin=inherit", "--detach"])

    def test_a_bad_duration_is_refused(self):
        for value in ("banana", "5", "-5s", "5 s", "1m1h", "", "1.5", "5x", "0.0001ms", "99999999999999d"):
            for option in ("--timeout", "--idle-timeout", "--kill-after"):
                with self.subTest(option=option, value=value):
                    self.assert_refused("run", option, value)

    def test_a_word_an_option_does_not_know_is_refused(self):
        self.assert_refused("run", "--capture=tty")
        self.assert_refused("run", "--stdin=file")
        self.assert_refused("run", "--exit-code=mine")
        self.assert_refused("run", "--env", "NOEQUALS")

    def test_a_bad_session_id_is_refused(self):
        for name in ("123", "", "-x", "a b", "é", "x" * 129):
            with self.subTest(name=name):
                self.assert_refused("run", f"--session={name}")

    def test_an_unknown_workflow_is_refused(self):
        self.assert_refused("run", "--workflow", "no-such", says=["no-such"])

    def test_run_without_a_command_is_125(self):
        for args in (["run"], ["--"], ["run", "--"], ["-n", "name"], ["run", "-n", "name", "--"]):
            with self.subTest(args=args):
                result = self.assert_code(125, self.run_supervise(*args))
                self.assertRegex(result.err, r"(?m)^supervise: ")


class BadConfigurations(Refused):
    def assert_config_refused(self, text, *says):
        path = self.work / "bad.toml"
        path.write_text(text)
        self.assert_refused("--config", str(path), says=[f"{path}:", *says])
        self.assert_refused("run", env={"SUPERVISE_CONFIG": str(path)}, says=[f"{path}:", *says])
        result = self.assert_code(7, self.run_supervise("list", "--config", str(path)))
        self.assertIn(f"{path}:", result.err)

    def test_an_unknown_key_is_refused_with_file_line_and_the_nearest_key(self):
        self.assert_config_refused('[run]\ntimeuot = "5s"\n', "bad.toml:2", "timeout")
        self.assert_config_refused('[rum]\ntimeout = "5s"\n', "bad.toml:1", "run")

    def test_a_wrong_type_is_refused_with_what_was_expected(self):
        self.assert_config_refused("[run]\n\ntimeout = 5\n", "bad.toml:3")
        self.assert_config_refused('[run]\nuid_env = "ONE"\n', "bad.toml:2")
        self.assert_config_refused('[queue]\nslots = "two"\n', "bad.toml:2")

    def test_a_bad_duration_or_size_or_word_is_refused(self):
        self.assert_config_refused('[run]\ndrain = "soon"\n', "bad.toml:2")
        self.assert_config_refused('[log]\nmax_size = "lots"\n', "bad.toml:2")
        self.assert_config_refused('[run]\ncapture = "film"\n', "bad.toml:2")

    def test_what_is_no_toml_is_refused(self):
        self.assert_config_refused("[run\n", "bad.toml:1")
        self.assert_config_refused('[run]\ndrain = "1s"\ndrain = "2s"\n', "bad.toml:3")

    def test_a_file_that_was_named_and_is_not_there_is_refused(self):
        self.assert_refused("--config", "/no/such.toml", says=["/no/such.toml"])

    def test_a_bad_file_found_by_itself_is_refused_too(self):
        self.config("[run]\nnonsense = 1\n")
        self.assert_refused("run", says=["supervise.toml:2"])
        (self.dir / "config" / "supervise" / "supervise.toml").unlink()
        (self.work / "supervise.toml").write_text("nonsense = 1\n")
        self.assert_refused("run", says=["supervise.toml:1"])


class BadLedgers(Case):
    """Each makes a ledger that can't be used; then the same is expected of `run` and the verbs."""

    def check_ledger(self):
        pass  # it is no ledger

    def assert_unusable(self, verb_code=(7,), **how):
        result = self.assert_code(125, self.run_supervise("--", "touch", "spawned", **how))
        self.assertRegex(result.err, r"(?m)^supervise: ")
        self.assertFalse((self.work / "spawned").exists(), "nothing is spawned")
        for verb in (["list"], ["status"], ["cancel", "@last"]):
            self.assertIn(self.run_supervise(*verb, **how).code, verb_code, verb)
        result = self.assert_code(3, self.run_supervise(
            "--no-ledger-ok", "--", "sh", "-c", "touch spawned-anyway; echo out; exit 3", **how))
        self.assertEqual("out\n", result.out)
        self.assertRegex(result.err, r"(?m)^supervise: ")
        self.assertTrue((self.work / "spawned-anyway").exists())

    def place(self, content):
        self.ledger_dir.mkdir(mode=0o700)
        self.db.write_bytes(content)

    def assert_unchanged(self, **how):
        before = self.db.read_bytes()
        self.assert_unusable(**how)
        self.assertEqual(before, self.db.read_bytes(), "the file is left as it was")

    def test_a_file_that_is_no_database_is_refused_and_left_alone(self):
        self.place(b"these are my notes, not a ledger\n" * 100)
        self.assert_unchanged()

    def test_a_newer_schema_is_refused_and_left_alone(self):
        self.ok("--", "true")
        self.sql("PRAGMA user_version = 9999")
        self.sql("PRAGMA wal_checkpoint(TRUNCATE)")
        self.assert_unchanged()

    def test_another_programs_database_is_refused_and_left_alone(self):
        self.ledger_dir.mkdir(mode=0o700)
        self.sql("PRAGMA application_id = 252006674")
        self.sql("CREATE TABLE theirs (x)")
        self.assert_unchanged()

    def test_a_directory_in_its_place_is_refused(self):
        self.db.mkdir(parents=True)
        self.assert_unusable(verb_code=(1, 7))

    def test_a_directory_that_cannot_be_made_is_refused(self):
        (self.dir / "state" / "supervise").write_text("a file\n")
        result = self.assert_code(125, self.run_supervise("--", "touch", "spawned"))
        self.assertRegex(result.err, r"(?m)^supervise: ")
        self.assertFalse((self.work / "spawned").exists())

    @requires_root
    def test_a_directory_that_may_not_be_entered_is_refused(self):
        closed = self.dir / "closed"
        closed.mkdir(mode=0o700)
        for path in [self.dir, *self.dir.iterdir()]:
            if path != closed:
                os.chown(path, 65534, 65534)
        program = shutil.copy(BIN, self.dir / "bin" / "copy")
        result = self.run_program(program, "--cwd", str(closed), "--", "true", before=lambda: os.setuid(65534))
        self.assert_code(125, result)
        self.assertIn(str(closed), result.err)
        self.assertFalse(self.db.exists(), "no row")

    @requires_root
    def test_a_ledger_that_may_not_be_read_is_refused(self):
        self.ok("--", "true")
        for path in [self.dir, *self.dir.iterdir()]:
            path.chmod(0o755)
        os.chown(self.work, 65534, 65534)
        os.chown(self.dir / "run", 65534, 65534)
        (self.dir / "run").chmod(0o700)
        program = shutil.copy(BIN, self.dir / "bin" / "copy")

        def become_nobody():
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)

        result = self.run_program(program, "--", "touch", "spawned", before=become_nobody)
        self.assert_code(125, result)
        self.assertFalse((self.work / "spawned").exists())
        self.assertIn(self.run_program(program, "list", before=become_nobody).code, (1, 7))
        self.assert_code(3, self.run_program(
            program, "--no-ledger-ok", "--", "sh", "-c", "exit 3", before=become_nobody))

    def test_a_ledger_locked_for_longer_than_the_timeout_is_refused_by_run_and_busy_for_verbs(self):
        self.config(SHORT)
        self.ok("--", "true")
        holder = self.lock()
        result = self.assert_code(125, self.run_supervise("--", "touch", "spawned"))
        self.assertRegex(result.err, "lock|busy")
        self.assertFalse((self.work / "spawned").exists())
        self.assert_code(8, self.run_supervise("session", "begin", "--session", "s"))
        self.assert_code(0, self.run_supervise("list"), "reading needs no lock")
        self.assert_code(3, self.run_supervise("--no-ledger-ok", "--", "sh", "-c", "exit 3"))
        holder.close()
        self.assertEqual([(0,)], self.sql("SELECT count(*) FROM sessions"))

    def test_a_ledger_locked_for_less_than_the_timeout_is_waited_for(self):
        self.ok("--", "true")
        holder = self.lock()
        running = self.start("--", "sh", "-c", "exit 4")
        with self.assertRaises(AssertionError):
            running.finish(deadline=0.5)
        holder.close()
        self.assert_code(4, running.finish())
        self.assertEqual(2, len(self.rows()))

    def test_a_damaged_ledger_is_found_by_db_check(self):
        self.ok("--", "true")
        self.sql("PRAGMA wal_checkpoint(TRUNCATE)")
        for suffix in ("-wal", "-shm"):
            self.db.with_name(self.db.name + suffix).unlink(missing_ok=True)
        with open(self.db, "r+b") as file:
            size = file.seek(0, os.SEEK_END)
            for page in range(4096, size, 4096):
                file.seek(page)
                file.write(b"\xff" * 64)
        self.assert_code(7, self.run_supervise("db", "check"))


    def test_a_list_that_breaks_off_is_no_array(self):
        db = self.work / "damaged.db"
        self.ok("--db", str(db), "--", "true")
        names = [row[1] for row in self.sql("PRAGMA table_info(executions)", path=db) if row[1] not in ("id", "uid")]
        self.sql(f"WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO executions "
                 f"(uid, {', '.join(names)}) SELECT printf('u%019d', i), {', '.join(names)} FROM n, executions", path=db)
        self.assertEqual([(0,)], [row[:1] for row in self.sql("PRAGMA wal_checkpoint(TRUNCATE)", path=db)])
        content = db.read_bytes()
        pages = [at for at in range(4096, len(content), 4096)
                 if b"u%019d" % 100 in content[at:at + 4096] and os.fsencode(self.work) in content[at:at + 4096]]
        self.assertEqual(1, len(pages), "the page of the row")
        with open(db, "r+b") as file:
            file.seek(pages[0])
            file.write(b"\xff" * 64)
        result = self.assert_code(7, self.run_supervise("--db", str(db), "list", "--all", "--json"))
        self.assertIn('"uid": "u%019d"' % 500, result.out)
        with self.assertRaises(ValueError):
            json.loads(result.out)


class Defaults(Case):
    def test_the_ledger_is_private_and_its_directory_too(self):
        self.ok("--", "true", before=lambda: os.umask(0))
        self.assertEqual(0o600, self.db.stat().st_mode & 0o777)
        self.assertEqual(0o700, self.ledger_dir.stat().st_mode & 0o777)
        for path in self.ledger_dir.rglob("*"):
            self.assertEqual(0, path.stat().st_mode & 0o077, f"{path} is for its owner alone")

    def test_the_option_wins_over_the_environment_and_that_over_the_file(self):
        self.config(f'[store]\npath = "{self.dir}/file.db"\n')
        self.ok("--", "true")
        self.assertTrue((self.dir / "file.db").exists())
        self.ok("--", "true", env={"SUPERVISE_DB": f"{self.dir}/environment.db"})
        self.assertTrue((self.dir / "environment.db").exists())
        self.ok("--db", f"{self.dir}/option.db", "--", "true", env={"SUPERVISE_DB": f"{self.dir}/environment.db"})
        self.assertTrue((self.dir / "option.db").exists())
        for name in ("file", "environment", "option"):
            self.assertEqual([(1,)], self.sql("SELECT count(*) FROM executions", path=self.dir / f"{name}.db"), name)
        self.assertFalse(self.db.exists())

    def test_a_relative_ledger_stays_where_it_was_meant_though_the_wrapper_leaves_its_directory(self):
        result = self.ok("--db", "own.db", "--cwd", str(self.dir / "home"), "--", "sh", "-c", 'echo "$SUPERVISE_DB"')
        self.assertEqual(f"{self.work}/own.db\n", result.out)
        self.assertEqual([(0,)], self.sql("SELECT exit_code FROM executions", path=self.work / "own.db"))

    def test_without_state_home_the_ledger_is_below_home(self):
        self.ok("--", "true", env={"XDG_STATE_HOME": None})
        self.assertTrue((self.dir / "home/.local/state/supervise/supervise.db").exists())

    def test_without_any_home_only_what_needs_a_ledger_is_refused(self):
        for home in (None, "", "relative/home"):
            with self.subTest(home=home):
                env = {"HOME": home, "XDG_STATE_HOME": None}
                for verb in (["list"], ["status"], ["wait", "1"], ["cancel", "1"], ["session", "list"], ["db", "path"]):
                    result = self.assert_code(1, self.run_supervise(*verb, env=env))
                    self.assertRegex(result.err, "neither HOME nor XDG_STATE_HOME is set .*--db")
                self.assert_code(125, self.run_supervise("--", "touch", "spawned", env=env))
                self.ok("config", "check", env=env)
                self.ok("config", "show", env=env)
                settings = {each["key"]: each for each in self.json("config", "show", env=env)}
                self.assertIsNone(settings["store.path"]["value"])
                self.assertRegex(settings["store.path"]["origin"], "^neither HOME nor XDG_STATE_HOME is set")
                self.ok("--db", str(self.work / "named.db"), "--", "true", env=env)
        self.assertFalse((self.work / "spawned").exists())
        self.assertFalse((self.work / "relative").exists())

    def test_without_any_home_a_command_that_matters_more_than_its_record_runs(self):
        result = self.assert_code(3, self.run_supervise("--no-ledger-ok", "--", "sh", "-c", 'echo "out $SUPERVISE_DB"; exit 3',
                                                        env={"HOME": None, "XDG_STATE_HOME": None}))
        self.assertEqual("out \n", result.out)
        self.assertEqual(1, result.err.count("neither HOME nor XDG_STATE_HOME is set"))
        self.assertEqual(1, result.err.count("output is not kept"))
        self.assertEqual([], list(self.work.iterdir()))

    def test_verbs_that_only_read_create_nothing(self):
        for verb, code in ((["list"], 0), (["status"], 0), (["events"], 0), (["config", "show"], 0), (["session", "list"], 0),
                           (["db", "path"], 0), (["status", "@last"], 4), (["log", "1"], 4), (["wait", "1"], 4),
                           (["cancel", "1"], 4), (["--version"], 0), (["--help"], 0)):
            with self.subTest(verb=verb):
                self.assert_code(code, self.run_supervise(*verb))
                self.assertEqual([], list((self.dir / "state").iterdir()))
        self.assertEqual([], self.json("list"))
        for args, said in ((["-n", "1"], "no execution is recorded yet"), (["--name", "x"], "no execution is like that")):
            self.assertIn(said, self.ok("list", *args).err)
        self.assertEqual({"running": [], "queued": [], "recent": [], "sessions": [], "snapshot": 0},
                         self.json("status"))
        self.assertEqual([], list((self.dir / "state").iterdir()))
        self.assertEqual([], list((self.dir / "run").iterdir()))

    def test_a_project_file_may_set_but_not_run_anything(self):
        (self.dir / "supervise.toml").write_text('[run]\nincomplete_exit = 33\n')
        self.assert_code(33, self.run_supervise("--require-session", "--", "true"))


if __name__ == "__main__":
    unittest.main()
