#!/usr/bin/python3
"""Timings beside peers, measured in one run on one machine, and given as ratios. Nothing here fails for being slow.

Every contender of a group runs in turn, round after round, each round beginning with another one; what counts is the
median of all runs. The ledger is a new one in a temporary directory, warmed up, the settings are the defaults.

What it costs to run a command: `true`, run by each of them, from before the spawn to after the wait. The ledgers are
not brought into order between the runs: a ledger's write-ahead log grows until SQLite takes it in, and whoever opens
it reads it; so there are enough runs for both ledgers to go through that several times.

What it costs to pass output on: a producer of 64 KiB blocks, through `supervise` and through `tee FILE`, both into
`cat >/dev/null`, both keeping what passes on the same file system; and once more with a log that may grow as large as
the output, since by default `supervise` keeps only the beginning and the end of so much. Wall time goes from the first spawn to the end of
`cat`. CPU time is that of the wrapper alone: for `tee` what wait4 says; for `supervise` what wait4 says, which has in
it the producer that it waited for, less what the producer says of itself at its end.

What it costs to understand an agent: 100,000 JSON lines as Claude Code prints them, from a program of that name and from
the same program by a name that nobody knows.

What a waiting wrapper holds: the private pages of one of two that wait side by side (alone, it would be charged with
the program text too).
"""

import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

def median(values):
    return statistics.median(values)


class Bench:
    def __init__(self, options, scratch):
        self.options, self.scratch = options, scratch
        build = pathlib.Path(options.build).resolve()
        self.supervise, self.tools = str(build / "supervise"), build / "bench"
        self.state = scratch / "state"
        keep = {name: value for name, value in os.environ.items() if not name.startswith(("SUPERVISE_", "XDG_", "LIBEV_"))}
        self.environment = keep | {
            "HOME": str(scratch), "TMPDIR": str(scratch), "XDG_CONFIG_HOME": str(scratch / "config"),
            "XDG_STATE_HOME": str(self.state), "NQDIR": str(scratch / "nq"), "TS_SOCKET": str(scratch / "tsp"),
        }
        self.rows = []

    def row(self, what, unit, ours, beside_name, beside, goal=None):
        ratio = ours / beside if beside else None
        self.rows.append({
            "what": what, "unit": unit, "ours": ours, "beside_name": beside_name, "beside": beside, "ratio": ratio,
            "goal": goal, "met": None if goal is None or ratio is None else ratio <= goal,
        })

    def spawn(self, argv, **streams):
        """Popen, with /dev/null for every stream that isn't named."""
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | streams
        return subprocess.Popen(argv, cwd=self.scratch, env=self.environment, **streams)

    @staticmethod
    def in_turn(contenders, rounds):
        """Calls every one of {name: measure}, round after round, each beginning with another; {name: [results]}."""
        results, names = {name: [] for name in contenders}, list(contenders)
        for turn in range(rounds):
            first = turn % len(names)
            for name in names[first:] + names[:first]:
                results[name].append(contenders[name]())
        return results

    # --- running a command ---

    def times(self, runs, argv):
        """[(wall, CPU)] in ns of that many runs."""
        timer = subprocess.run([self.tools / "spawn_timer", str(runs), *argv], cwd=self.scratch, env=self.environment,
                               check=True, stdout=subprocess.PIPE, text=True)
        return [tuple(map(int, line.split())) for line in timer.stdout.splitlines()]

    def batch(self, argv):
        times = self.times(self.options.runs, argv)
        if argv[0] == "nq":
            self.spawn(["nq", "-w"]).wait()  # what it left running must not disturb the next
        return times

    def start(self):
        """The first group: what, command, goal; the first is ours, the others stand beside it."""
        contenders = [
            ("supervise -- true", [self.supervise, "--", "true"], None),
            ("floor", [str(self.tools / "floor"), str(self.scratch / "floor.db"), "true"], 1.25),
            ("tini -s -- true", ["tini", "-s", "--", "true"], 2.5),
            ("dumb-init true", ["dumb-init", "true"], None),
            ("timeout 10 true", ["timeout", "10", "true"], None),
            ("nq true (doesn't wait)", ["nq", "-q", "true"], None),
            ("tsp -nf true", ["tsp", "-nf", "true"], None),
            ("true", ["true"], None),
        ]
        present = [(name, argv) for name, argv, _ in contenders if shutil.which(argv[0])]
        try:
            for _, argv in present:
                self.times(self.options.runs, argv)
            batches = self.in_turn({name: lambda argv=argv: self.batch(argv) for name, argv in present}, self.options.rounds)
        finally:
            if shutil.which("tsp"):
                self.spawn(["tsp", "-K"]).wait()
        results = {name: [run for batch in of_one for run in batch] for name, of_one in batches.items()}
        ours = results[contenders[0][0]]
        for name, _, goal in contenders[1:]:
            theirs = results.get(name)
            self.row(contenders[0][0], "ms", median(wall for wall, _ in ours) / 1e6, name,
                     theirs and median(wall for wall, _ in theirs) / 1e6, goal)
        floor = median(cpu for _, cpu in results["floor"])
        self.row("CPU time of supervise -- true", "ms", median(cpu for _, cpu in ours) / 1e6, "floor", floor / 1e6)

    # --- output ---

    def through_supervise(self, produce, usage, *options):
        """(wall, CPU of the wrapper alone) in seconds."""
        since = time.monotonic()
        wrapper = self.spawn([self.supervise, *options, "--", *produce], stdout=subprocess.PIPE)
        reader = self.spawn(["cat"], stdin=wrapper.stdout)
        wrapper.stdout.close()
        cpu = self.cpu_of(wrapper)
        reader.wait()
        wall = time.monotonic() - since
        shutil.rmtree(self.state / "supervise/logs", ignore_errors=True)
        return wall, cpu - int(usage.read_text()) / 1e9

    def through_tee(self, produce):
        since = time.monotonic()
        producer = self.spawn(produce, stdout=subprocess.PIPE)
        wrapper = self.spawn(["tee", str(self.scratch / "tee.log")], stdin=producer.stdout, stdout=subprocess.PIPE)
        producer.stdout.close()
        reader = self.spawn(["cat"], stdin=wrapper.stdout)
        wrapper.stdout.close()
        cpu = self.cpu_of(wrapper)
        reader.wait()
        wall = time.monotonic() - since
        producer.wait()
        (self.scratch / "tee.log").unlink()
        return wall, cpu

    @staticmethod
    def cpu_of(process):
        """Waits; user and system time of the process and of what it waited for, in seconds."""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"bench.py: cannot measure {process.args}: exit status {process.returncode}")
        return usage.ru_utime + usage.ru_stime

    def output(self):
        usage = self.scratch / "producer.usage"
        produce = [str(self.tools / "producer"), str(self.options.mib), str(usage)]
        unlimited = self.scratch / "unlimited.toml"
        unlimited.write_text(f'[log]\nmax_size = "{2 * self.options.mib}MiB"\n')
        contenders = {
            "": lambda: self.through_supervise(produce, usage),
            ", all kept": lambda: self.through_supervise(produce, usage, "--config", str(unlimited)),
            "tee FILE": lambda: self.through_tee(produce),
        }
        results = self.in_turn(contenders, self.options.output_rounds + 1)
        theirs = results.pop("tee FILE")[1:]  # the first warms up
        for how, ours in results.items():
            self.row(f"wall time of {self.options.mib} MiB of output{how}", "ms", median(w for w, _ in ours[1:]) * 1e3,
                     "tee FILE", median(w for w, _ in theirs) * 1e3, 1.0)
            per_gib = 1e3 * 1024 / self.options.mib
            self.row(f"CPU time per GiB of output{how}", "ms", median(c for _, c in ours[1:]) * per_gib,
                     "tee FILE", median(c for _, c in theirs) * per_gib, 2.0)

    # --- an agent's JSON lines ---

    @staticmethod
    def agent_line(number):
        """As Claude Code prints them: a tool call, its result, a text."""
        session = {"session_id": "060e9bd5-5438-4dba-a477-4777832cbad7", "uuid": f"e134aac7-{number}"}
        content = ({"type": "tool_use", "id": f"toolu_{number}", "name": "Bash", "input": {"command": "ls -la src/base"}},
                   {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": "hi\n" * 60, "is_error": False},
                   {"type": "text", "text": "I looked at the result and go on with the next thing. " * 6})[number % 3]
        role = "user" if content["type"] == "tool_result" else "assistant"
        message = {"id": f"msg_{number}", "type": "message", "role": role, "content": [content], "stop_reason": None}
        return json.dumps({"type": role, "message": message, **session}, separators=(",", ":")) + "\n"

    def through_name(self, name, lines):
        """(wall, CPU of all) in seconds of `cat` by that name, below `supervise`."""
        program = self.scratch / name
        if not program.exists():
            program.symlink_to(shutil.which("cat"))
        since = time.monotonic()
        cpu = self.cpu_of(self.spawn([self.supervise, "--", str(program), str(lines)]))
        wall = time.monotonic() - since
        shutil.rmtree(self.state / "supervise/logs", ignore_errors=True)
        return wall, cpu

    def agent_lines(self):
        lines = self.scratch / "lines.json"
        lines.write_text("".join(map(self.agent_line, range(100_000))))
        results = self.in_turn({name: lambda name=name: self.through_name(name, lines) for name in ("claude", "plain")},
                               self.options.output_rounds + 1)
        for what, place in (("wall", 0), ("CPU", 1)):
            ours, theirs = (median(run[place] for run in results[name][1:]) * 1e3 for name in ("claude", "plain"))
            self.row(f"{what} time of 100,000 lines of an agent", "ms", ours, "of no agent", theirs)

    # --- memory ---

    def memory(self):
        pair = [self.spawn([self.supervise, "--", "sh", "-c", "echo ready; read answer || :"], stdin=subprocess.PIPE,
                           stdout=subprocess.PIPE) for _ in range(2)]
        for process in pair:
            process.stdout.readline()
        pages = pathlib.Path(f"/proc/{pair[0].pid}/smaps_rollup").read_text().splitlines()
        private = sum(int(line.split()[1]) for line in pages if line.startswith("Private_"))
        for process in pair:
            process.communicate()
        self.row("private memory of a waiting wrapper", "KiB", private, "3 MiB", 3 * 1024, 1.0)


def version_of(argv):
    try:
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split("\n")[0]
    except (OSError, subprocess.CalledProcessError):
        return "absent"


def machine(supervise):
    cpu = next((line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.machine())
    packages = {name: version_of(["dpkg-query", "-W", "-f", "${Version}", name])
                for name in ("libev-dev", "libsqlite3-dev", "coreutils", "tini", "dumb-init", "nq", "task-spooler")}
    return {"cpu": cpu, "cores": len(os.sched_getaffinity(0)), "kernel": platform.release(),
            "supervise": version_of([supervise, "--version"]), "packages": packages}


def print_table(about, rows):
    versions = ", ".join(f"{name} {version}" for name, version in about["packages"].items())
    print(f"{about['cpu']}, {about['cores']} cores, Linux {about['kernel']}; {about['supervise']}; {versions}\n")
    cells = [("what", "ours", "beside", "", "ratio", "goal", "met")]
    for row in rows:
        number = lambda value, unit=row["unit"]: f"{value:.2f} {unit}" if unit == "ms" and value < 100 else f"{value:.0f} {unit}"
        there = row["beside"] is not None
        cells.append((
            row["what"], number(row["ours"]), row["beside_name"], number(row["beside"]) if there else "absent",
            f"{row['ratio']:.2f}" if there else "", "" if row["goal"] is None else f"{row['goal']:.2f}",
            {None: "", True: "yes", False: "no"}[row["met"]],
        ))
    widths = [max(map(len, column)) for column in zip(*cells)]
    for line in cells:
        aligned = (cell.rjust(width) if place in (1, 3, 4, 5) else cell.ljust(width)
                   for place, (cell, width) in enumerate(zip(line, widths)))
        print("  ".join(aligned).rstrip())


def main():
    parser = argparse.ArgumentParser(description="timings beside peers, as ratios")
    parser.add_argument("--build", default="build", help="the build directory (build)")
    parser.add_argument("--json", action="store_true", help="the same as JSON")
    parser.add_argument("--rounds", type=int, default=20, help="rounds of the first group (20)")
    parser.add_argument("--runs", type=int, default=20, help="runs of a command in each round (20)")
    parser.add_argument("--output-rounds", type=int, default=7, help="rounds of the second group (7)")
    parser.add_argument("--mib", type=int, default=512, help="output in each of them (512)")
    options = parser.parse_args()
    if min(options.rounds, options.runs, options.output_rounds, options.mib) < 1:
        parser.error("every number must be positive")

    with tempfile.TemporaryDirectory(prefix="supervise-bench-") as scratch:
        bench = Bench(options, pathlib.Path(scratch))
        about = machine(bench.supervise)
        bench.start()
        bench.output()
        bench.agent_lines()
        bench.memory()
    if options.json:
        print(json.dumps({"machine": about, "rows": bench.rows}, indent=2))
    else:
        print_table(about, bench.rows)


if __name__ == "__main__":
    main()
