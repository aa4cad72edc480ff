#!/usr/bin/python3
"""Runs the real agent programs below `supervise`, without a model, and holds every end to what a person would say of it.

The programs come from the npm registry, into ${XDG_CACHE_HOME:-~/.cache}/supervise/agents; they answer to an endpoint on
loopback that follows a script. programs.py has the programs, matrix.py the cases. Each case has a HOME, a ledger and a
working directory of its own, and a deadline; no process outlives it. Prints a table, and as its last line
`N passed, N failed, N skipped`. Where the endpoint (../shared/agents) or npm isn't there, all is one skip.

    check.py [--build DIR] [--jobs N] [--no-install] [--keep] [WORD...]      WORDs: parts of a program's or case's name
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "cli"))

from harness import alive  # noqa: E402
from matrix import CASES  # noqa: E402
from programs import PROGRAMS  # noqa: E402

MODEL_STUB = ROOT.parent / "shared" / "agents" / "model_stub.py"
WORKFLOW = ROOT / "conf" / "workflows" / "review.toml"
DEADLINE = 240  # seconds a case
MARK = "AGENTS_CHECK_MARK"


class Fault(Exception):
    """What isn't as it should be."""


def marked(mark):
    """The living processes with that mark in their environment."""
    needle, found = f"{MARK}={mark}".encode(), []
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit() and needle in pathlib.Path("/proc", entry, "environ").read_bytes().split(b"\0") and alive(int(entry)):
                found.append(int(entry))
        except OSError:
            continue  # gone meanwhile
    return found


class Act:
    """One run of the program below `supervise`; its output goes to a file, or is read off a terminal."""

    def __init__(self, stage, argv, environment, terminal):
        self.output = stage.directory / f"output-{len(stage.statuses)}"
        self.master = None
        streams = {"stdin": subprocess.DEVNULL}
        if terminal:
            self.master, slave = os.openpty()
            argv, streams = ["setsid", "-c", *argv], {"stdin": slave}
        with open(self.output, "wb") as file:
            if terminal:
                streams |= {"stdout": slave, "stderr": slave}
            else:
                streams |= {"stdout": file, "stderr": subprocess.STDOUT}
            self.process = subprocess.Popen(argv, cwd=stage.work, env=environment, start_new_session=not terminal, **streams)
        if terminal:
            os.close(slave)

    def pump(self):
        """Takes what the terminal shows, so that nobody waits for a reader."""
        try:
            while self.master is not None and select.select([self.master], [], [], 0)[0]:
                with open(self.output, "ab") as file:
                    file.write(os.read(self.master, 65536))
        except OSError:
            os.close(self.master)
            self.master = None

    def key(self, byte):
        if self.master is not None:
            os.write(self.master, byte)

    def ended(self, seconds):
        until = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < until:
            self.pump()
            time.sleep(0.02)
        self.pump()
        return self.process.poll() is not None


class Stage:
    """One case of one program: its directories, its endpoint, and what happened."""

    def __init__(self, program, binary, supervise, directory):
        self.program, self.binary, self.directory = program, binary, directory
        self.until, self.mark, self.statuses, self.stub = time.monotonic() + DEADLINE, uuid.uuid4().hex, [], None
        self.home, self.work = directory / "home", directory / "work"
        for folder in (self.home / ".config" / "supervise", self.work, directory / "bin"):
            folder.mkdir(parents=True)
        (directory / "run").mkdir(mode=0o700)
        (directory / "bin" / "supervise").symlink_to(supervise)
        shutil.copy(WORKFLOW, self.home / ".config" / "supervise" / "supervise.toml")
        # A login shell, which is what some agents run commands with, gets its PATH from the system's profile.
        path = f"{directory}/bin:{os.environ['PATH']}"
        (self.home / ".bash_profile").write_text(f"export PATH='{path}'\n")
        self.environment = {
            "PATH": path, "HOME": str(self.home), "XDG_RUNTIME_DIR": str(directory / "run"), "TMPDIR": str(directory),
            "TERM": "xterm", "LC_ALL": "C.UTF-8", MARK: self.mark,
        }
        subprocess.run(["git", "init", "-q", str(self.work)], check=True, env=self.environment)

    # --- what a play does ---

    def run(self, turns, *options):
        self.end(self.start(turns, *options))

    def start(self, turns, *options, terminal=False):
        return self.act(turns, [*options, "--", *self.program.command(self.binary)], terminal)

    def resume(self, turns, ref):
        self.end(self.act(turns, ["resume", ref], False))

    def act(self, turns, words, terminal):
        environment = self.environment | self.program.prepare(self.home, self.endpoint(turns))
        return Act(self, [str(self.directory / "bin" / "supervise"), *words], environment, terminal)

    def end(self, act):
        if not act.ended(self.until - time.monotonic()):
            raise Fault(f"did not end within {DEADLINE}s")
        self.statuses.append(act.process.returncode)

    def endpoint(self, turns):
        if self.stub:
            self.stub.kill()
            self.stub.wait()
            self.stub.stdout.close()
        number = len(self.statuses)
        script, self.requests = self.directory / f"script-{number}.json", self.directory / f"requests-{number}.jsonl"
        script.write_text(json.dumps(turns))
        self.requests.touch()
        self.stub = subprocess.Popen([sys.executable, str(HERE / "stub.py"), str(MODEL_STUB), str(script), str(self.requests)],
                                     stdout=subprocess.PIPE, env=self.environment, text=True)
        return self.stub.stdout.readline().split()[1]

    def supervise(self, *words):
        result = subprocess.run([str(self.directory / "bin" / "supervise"), *words], env=self.environment, cwd=self.work,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
        if result.returncode:
            raise Fault(f"supervise {' '.join(words)}: {result.stderr.strip()}")
        return result.stdout

    def await_requests(self, count, act):
        while len(self.requests.read_text().splitlines()) < count:
            if act.ended(0.05):
                raise Fault(f"ended before its request {count}")
            if time.monotonic() > self.until:
                raise Fault(f"no request {count} within {DEADLINE}s")

    # --- what it asks ---

    def rows(self):
        return json.loads(self.supervise("list", "--all", "--json"))[::-1]

    def tops(self):
        """The executions that were not started inside another."""
        return [row for row in self.rows() if not row["parent_uid"]]

    def events(self, ref):
        return [json.loads(line) for line in self.supervise("events", ref, "--json").splitlines()]

    def asked(self, text):
        """Whether the program said that to its model in this act."""
        return json.dumps(text)[1:-1] in self.requests.read_text()

    def hold(self, truth, what):
        if not truth:
            raise Fault(f"not so: {what}")

    def ends(self):
        tops = self.tops()
        self.hold(len(tops) == len(self.statuses), f"{len(self.statuses)} executions, not {len(tops)}")
        return [f"{row['outcome']} {row['reason']} {status}" for row, status in zip(tops, self.statuses)]

    def sweep(self):
        """Ends what is left, and says what of it was left by `supervise`."""
        if self.stub:
            self.stub.kill()
            self.stub.wait()
            self.stub.stdout.close()
        left = marked(self.mark)
        names = []
        for pid in left:
            try:
                names.append(pathlib.Path("/proc", str(pid), "comm").read_text().strip())
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        return names


def perform(program, case, binary, supervise, keep):
    """(ends as observed, the faults)"""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="agents-check-"))
    stage, ends, faults = Stage(program, binary, supervise, directory), [], []
    try:
        case.play(stage)
    except (Fault, subprocess.SubprocessError, OSError, KeyError, ValueError) as fault:
        faults.append(str(fault) or repr(fault))
    try:
        ends = stage.ends()
    except (Fault, subprocess.SubprocessError, ValueError) as fault:
        faults.append(str(fault))
    left = stage.sweep()
    if left:
        faults.append(f"processes are left: {', '.join(left)}")
    expected = case.expected(program.name)[0]
    if ends != expected and not faults:
        faults.append(f"expected {'; '.join(expected)}")
    if keep or faults:
        faults.extend([f"see {directory}"] if faults and keep else [])
        if faults and (output := sorted(directory.glob("output-*"))):
            faults.append(output[-1].read_text(errors="replace")[-600:])
    if not keep:
        shutil.rmtree(directory, ignore_errors=True)
    return ends, faults


# --- the programs ---


def cache():
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "supervise" / "agents"


def installed_version(program):
    try:
        return json.loads((cache() / "node_modules" / program.package / "package.json").read_text())["version"]
    except (OSError, ValueError, KeyError):
        return None


def why_not(may_install):
    """None where the programs are there, or were just installed."""
    if not MODEL_STUB.exists():
        return f"no endpoint to run them against ({MODEL_STUB})"
    missing = [f"{program.package}@{program.version}" for program in PROGRAMS if not installed_version(program)]
    if not missing:
        return None
    if not may_install:
        return f"not installed: {', '.join(missing)}; `make check-agents` installs them"
    if not shutil.which("npm"):
        return f"no npm to install {', '.join(missing)} with"
    cache().mkdir(parents=True, exist_ok=True)
    print(f"installing {', '.join(missing)} into {cache()}", flush=True)
    done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--prefix", str(cache()), *missing],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return f"npm could not install them: {done.stdout.strip()[-500:]}" if done.returncode else None


def chosen(words):
    for case in CASES:
        for program in PROGRAMS:
            if not words or any(word in program.name or word in case.name for word in words):
                yield program, case


def report(program, case, ends, faults):
    why = case.expected(program.name)[1]
    print(f"{'✗' if faults else '✓'} {program.name:<9} {case.name:<32} {'; '.join(ends) or '-'}{f'   ({why})' if why else ''}",
          flush=True)
    for fault in faults:
        print("    " + fault.replace("\n", "\n    "), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=str(ROOT / "build"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--no-install", action="store_true", help="skip where a program isn't there")
    parser.add_argument("--keep", action="store_true", help="leave the directories of the cases")
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    why = why_not(not options.no_install)
    if why:
        print(f"skipped: the agent programs: {why}\n0 passed, 0 failed, 1 skipped")
        return 0
    supervise = pathlib.Path(options.build, "supervise").resolve()
    for program in PROGRAMS:
        found = installed_version(program)
        print(f"{program.name} {found}" + ("" if found == program.version else f" (expectations: {program.version})"))
    print(f"{'':2}{'program':<9} {'case':<32} outcome, reason and exit status of the wrapper, a run each", flush=True)
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        jobs = {pool.submit(perform, program, case, str(cache() / "node_modules" / ".bin" / program.name), supervise,
                            options.keep): (program, case) for program, case in chosen(options.words)}
        for job in jobs:
            ends, faults = job.result()
            report(*jobs[job], ends, faults)
            passed, failed = passed + (not faults), failed + bool(faults)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
