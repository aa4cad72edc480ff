#!/usr/bin/python3
"""Runs every test there is and says how many passed.

Two kinds: the unit programs BUILD/tests/test_* (cmocka, read as TAP) and the black-box tests tests/cli/test_*.py
(unittest). A program or a test method is a job. Each job runs in a process tree of its own, in directories of its
own (HOME, TMPDIR, XDG_*), without a terminal, as many at a time as there are cores. When a job has ended, or is
past its deadline, whatever is left of its tree is killed, so that no test can disturb the next.

The last line is `N passed, N failed, N skipped`; it counts single tests. A crash is a failure, and so are a test
that said nothing, a non-zero exit after tests that all passed, and a test source without its program. Skipped
tests are named. Exit 0 only if something ran and nothing failed.

The tests find in their environment SUPERVISE_BUILD (the build directory) and SUPERVISE_BIN (the program).
"""

import argparse
import ctypes
import faulthandler
import fnmatch
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import unittest

TESTS = pathlib.Path(__file__).resolve().parent
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
# What would make a test see the shell that started it.
FOREIGN = re.compile(r"SUPERVISE_|XDG_|CMOCKA_|(NOTIFY_SOCKET|LISTEN_PID|LISTEN_FDS|LIBEV_FLAGS|WATCHDOG_USEC|WATCHDOG_PID|NO_COLOR)$")
OUTPUT_SHOWN = 20_000  # bytes of a failed test's output, the newest
SLOWEST = 10


class Result:
    """One test: passed, failed or skipped; `text` is why."""

    def __init__(self, name, verdict, text=""):
        self.name, self.verdict, self.text = name, verdict, text


# --- the two kinds of jobs ---


class Unit:
    """A cmocka program: one job, many tests."""

    def __init__(self, program):
        self.name, self.program = f"unit/{program.name}", program

    def run(self, _directory):
        """In the process of the test: becomes the program. It finds the files of the source tree by relative path."""
        os.chdir(TESTS.parent)
        # Python ignores SIGPIPE, and what is ignored stays so across exec.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.environ["CMOCKA_MESSAGE_OUTPUT"] = "TAP"
        os.execv(self.program, [str(self.program)])

    def results(self, _directory, output, ending):
        """What the program said, and what it left unsaid."""
        results, planned, before = [], 0, []
        for line in output.splitlines():
            if plan := re.fullmatch(r"1\.\.(\d+)", line):
                planned += int(plan[1])
            elif said := re.fullmatch(r"(not )?ok \d+ (# SKIP|-) (.*)", line):
                verdict = "skipped" if said[2] == "# SKIP" else "failed" if said[1] else "passed"
                text = "the test skipped itself" if verdict == "skipped" else "\n".join(before + [line])
                results.append(Result(f"{self.name}: {said[3]}", verdict, text))
                before = []
            elif line.startswith("#") and results:
                results[-1].text += f"\n{line}"  # cmocka's own explanation follows the verdict
            else:
                before.append(line)
        failed = any(result.verdict == "failed" for result in results)
        if len(results) < planned or not results:
            after = f" after {results[-1].name}" if results else ""
            results.append(Result(f"{self.name}: {ending}{after}, {len(results)} of {planned} tests seen", "failed", output))
        elif ending != "exit 0" and not failed:
            results.append(Result(f"{self.name}: {ending} though no test failed", "failed", output))
        return results


class Unbuilt:
    """A test source whose program isn't there: nothing runs, and that is a failure."""

    def __init__(self, source):
        self.name, self.source = f"unit/{source.stem}", source

    def run(self, _directory):
        print(f"{self.source} has no program: build it with `make tests`")

    def results(self, _directory, output, _ending):
        return [Result(self.name, "failed", output)]


class Cli:
    """One method of a unittest class."""

    def __init__(self, test):
        self.test = test
        self.name = f"cli/{test.id()}"

    def run(self, directory):
        """In the process of the test: leaves its verdict in a file."""
        faulthandler.enable()
        result = unittest.TestResult()
        # The suite around the test is what runs setUpClass and setUpModule.
        unittest.TestSuite([self.test]).run(result)
        for _, trace in result.errors + result.failures:
            print(trace)
        verdict, text = "passed", ""
        if result.errors or result.failures or result.unexpectedSuccesses:
            verdict = "failed"
            if result.unexpectedSuccesses:
                print("passed, and was expected to fail")
        elif result.skipped:
            verdict, text = "skipped", result.skipped[0][1]
        elif result.expectedFailures:
            verdict, text = "skipped", "expected to fail, and failed"
        elif not result.testsRun:
            verdict = "failed"
            print("the test did not run")
        (directory / "verdict").write_text(json.dumps([verdict, text]))

    def results(self, directory, output, ending):
        try:
            verdict, text = json.loads((directory / "verdict").read_text())
        except (OSError, ValueError):
            return [Result(self.name, "failed", f"{output}\n{ending}, no verdict")]
        if verdict == "passed" and ending != "exit 0":
            verdict, output = "failed", f"{output}\npassed, but then: {ending}"
        return [Result(self.name, verdict, output if verdict == "failed" else text)]


# --- a process tree ---


def prctl(option, argument):
    if ctypes.CDLL(None, use_errno=True).prctl(option, argument, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def tree_below(root):
    """The living descendants of a process, as {pid: command line}."""
    parents, commands = {}, {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            stat = pathlib.Path("/proc", entry, "stat").read_text(errors="replace")
            command = pathlib.Path("/proc", entry, "cmdline").read_bytes().replace(b"\0", b" ")
        except OSError:
            continue  # gone meanwhile
        state, parent = stat.rpartition(")")[2].split()[:2]
        if state not in "ZX":
            parents[int(entry)] = int(parent)
            commands[int(entry)] = f"{state} {command.decode(errors='replace').strip()}"

    def below(pid):
        while pid in parents:
            pid = parents[pid]
            if pid == root:
                return True
        return False

    return {pid: commands[pid] for pid in parents if below(pid)}


def reap():
    """Waits for whatever has ended: {pid: status}."""
    ended = {}
    try:
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            ended[found[0]] = found[1]
    except ChildProcessError:
        pass
    return ended


def kill_tree(root):
    """SIGKILL to all below this process, until none is left: what forks meanwhile is met in the next turn."""
    while victims := tree_below(root):
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        signal.sigtimedwait({signal.SIGCHLD}, 0.05)
        reap()
    reap()


def in_words(status):
    code = os.waitstatus_to_exitcode(status)
    return f"exit {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"


def become_test(job, directory, environment):
    """The process of the test itself. Doesn't return."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD, signal.SIGTERM})
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        os.environ.clear()
        os.environ.update(environment)
        tempfile.tempdir = None  # where it points was decided with our TMPDIR
        os.chdir(environment["HOME"])
        job.run(directory)
        code = 0
    except SystemExit as end:
        print(f"the test called exit({end.code})")
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def guard(job, directory, environment, deadline):
    """The guardian of one job: all that the job starts ends up below it. Leaves `ending` and `leftovers` in files."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGTERM})
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the runner's business: it sends us SIGTERM
    os.setsid()
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    output = os.open(directory / "output", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.closerange(3, 256)

    test = os.fork()
    if test == 0:
        become_test(job, directory, environment)
    until, ending = time.monotonic() + deadline, None
    while ending is None:
        ended = reap()
        left = until - time.monotonic()
        if test in ended:
            ending = in_words(ended[test])
        elif left <= 0:
            ending = f"past its deadline of {deadline:g}s"
            left_now = "".join(f"  {pid} {command}\n" for pid, command in tree_below(os.getpid()).items())
            os.write(2, f"\n{ending}; running then:\n{left_now}".encode())
            os.kill(test, signal.SIGABRT)  # a Python test answers with a traceback
            signal.sigtimedwait({signal.SIGCHLD}, 1)
        elif (met := signal.sigtimedwait({signal.SIGCHLD, signal.SIGTERM}, left)) and met.si_signo == signal.SIGTERM:
            ending = "interrupted"
    leftovers = tree_below(os.getpid())
    kill_tree(os.getpid())
    (directory / "leftovers").write_text("".join(f"{command}\n" for command in leftovers.values()))
    (directory / "ending").write_text(ending)


# --- the runner ---


class Runner:
    def __init__(self, options, scratch):
        self.options, self.scratch = options, scratch
        self.running = {}  # guardian's pid: (job, directory, since)
        self.results = []
        self.times = []  # (seconds, job's name)
        self.leftovers = []  # (job's name, command lines)

    def environment(self, directory):
        environment = dict(os.environ)
        for name, part, mode in (
            ("HOME", "home", 0o755), ("TMPDIR", "tmp", 0o1777), ("XDG_CONFIG_HOME", "home/.config", 0o700),
            ("XDG_STATE_HOME", "home/.local/state", 0o700), ("XDG_DATA_HOME", "home/.local/share", 0o700),
            ("XDG_CACHE_HOME", "home/.cache", 0o700), ("XDG_RUNTIME_DIR", "run", 0o700),
        ):
            path = directory / part
            path.mkdir(parents=True)
            path.chmod(mode)
            environment[name] = str(path)
        return environment

    def start(self, number, job):
        directory = self.scratch / str(number)
        directory.mkdir()
        environment = self.environment(directory)
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                guard(job, directory, environment, self.options.deadline)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        self.running[pid] = (job, directory, time.monotonic())

    def collect(self):
        """Waits for one guardian and takes in what its job said."""
        pid, _ = os.wait()
        job, directory, since = self.running.pop(pid)
        seconds = time.monotonic() - since

        def read(name, absent):
            try:
                return (directory / name).read_text(errors="replace")
            except OSError:
                return absent

        results = job.results(directory, read("output", ""), read("ending", "lost its guardian"))
        for result in results:
            self.say(result)
        self.results += results
        self.times.append((seconds, job.name))
        if left := read("leftovers", ""):
            self.leftovers.append((job.name, left.splitlines()))
        shutil.rmtree(directory, ignore_errors=True)

    def say(self, result):
        if result.verdict == "failed":
            shown = result.text.strip()[-OUTPUT_SHOWN:].replace("\n", "\n    ")
            print(f"FAILED {result.name}\n    {shown}\n", flush=True)
        elif self.options.verbose:
            print(f"{result.verdict:7} {result.name}", flush=True)

    def run(self, jobs):
        waiting = list(enumerate(jobs))[::-1]
        try:
            while waiting or self.running:
                while waiting and len(self.running) < self.options.jobs:
                    self.start(*waiting.pop())
                self.collect()
        except KeyboardInterrupt:
            waiting.clear()
            for pid in self.running:
                os.kill(pid, signal.SIGTERM)
            while self.running:
                self.collect()

    def report(self):
        """The summary; the exit status."""
        if self.options.verbose:
            print("\nslowest:")
            for seconds, name in sorted(self.times, reverse=True)[:SLOWEST]:
                print(f"  {seconds:6.2f}s {name}")
            for name, commands in self.leftovers:
                print(f"left running by {name}: {'; '.join(commands)}")
        of = {verdict: [r for r in self.results if r.verdict == verdict] for verdict in ("passed", "failed", "skipped")}
        for result in of["skipped"]:
            print(f"skipped {result.name}: {result.text}")
        for result in of["failed"]:
            print(f"failed {result.name}")
        if not of["passed"] + of["failed"]:
            print("nothing ran", file=sys.stderr, flush=True)
        print(", ".join(f"{len(results)} {verdict}" for verdict, results in of.items()))
        return 1 if of["failed"] or not of["passed"] else 0


def single_tests(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from single_tests(test)
        else:
            yield test


def find_jobs(build, patterns):
    """Every job whose name holds, or matches, one of the patterns."""
    jobs = []
    for source in sorted((TESTS / "unit").glob("test_*.c")):
        program = build / "tests" / source.stem
        jobs.append(Unit(program) if os.access(program, os.X_OK) else Unbuilt(source))
    modules = TESTS / "cli"
    if modules.is_dir():
        sys.path.insert(0, str(modules))
        jobs += [Cli(test) for test in single_tests(unittest.TestLoader().discover(str(modules), "test_*.py"))]

    def wanted(name):
        return not patterns or any(pattern in name or fnmatch.fnmatchcase(name, pattern) for pattern in patterns)

    return [job for job in jobs if wanted(job.name)]


def main():
    parser = argparse.ArgumentParser(description="runs the tests; the last line says how many passed")
    parser.add_argument("--build", default="build", help="the build directory (build)")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="how many at a time (the cores)")
    parser.add_argument("--deadline", type=float, default=120, help="seconds for one test, or one unit program (120)")
    parser.add_argument("-v", "--verbose", action="store_true", help="every test, the slowest, and what was left running")
    parser.add_argument("pattern", nargs="*", help="only what has this in its name: unit/test_NAME, cli/MODULE.CLASS.METHOD")
    options = parser.parse_args()
    if options.jobs < 1 or options.deadline <= 0:
        parser.error("--jobs and --deadline must be positive")

    # In the background of a script, or below nohup, some are ignored, which the commands of the tests would inherit.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    build = pathlib.Path(options.build).resolve()
    for name in [name for name in os.environ if FOREIGN.match(name)]:
        del os.environ[name]
    os.environ["SUPERVISE_BUILD"], os.environ["SUPERVISE_BIN"] = str(build), str(build / "supervise")
    sys.pycache_prefix = str(build / "pycache")  # nothing is written beside the sources
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # A short path: sockets live below it, and theirs may have 107 bytes. Open, for tests that become another user.
    with tempfile.TemporaryDirectory(prefix="sv-") as scratch:
        os.chmod(scratch, 0o711)
        runner = Runner(options, pathlib.Path(scratch).resolve())
        runner.run(find_jobs(build, options.pattern))
    sys.exit(runner.report())


if __name__ == "__main__":
    main()
