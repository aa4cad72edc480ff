"""What all measurements share: the programs, where they leave what they write, how often they run, and the table."""

import os
import pathlib
import shutil
import statistics
import subprocess

median = statistics.median


class Bench:
    def __init__(self, build, scratch, quick):
        build = pathlib.Path(build).resolve()
        self.scratch, self.quick = scratch, quick
        self.supervise, self.tools = str(build / "supervise"), build / "bench"
        self.state = scratch / "state"
        keep = {name: value for name, value in os.environ.items() if not name.startswith(("SUPERVISE_", "XDG_", "LIBEV_"))}
        self.environment = keep | {
            "HOME": str(scratch), "TMPDIR": str(scratch), "XDG_CONFIG_HOME": str(scratch / "config"),
            "XDG_STATE_HOME": str(self.state), "XDG_RUNTIME_DIR": str(scratch), "NQDIR": str(scratch / "nq"),
            "TS_SOCKET": str(scratch / "tsp"), "TS_MAXCONN": "1000",
        }
        self.rows = []

    def often(self, number, quick):
        return quick if self.quick else number

    def row(self, group, what, unit, ours, beside_name, beside, goal=None, **more):
        """`goal`: the largest ratio of ours to what stands beside it; `beside` None: that isn't here. `more` is told, too."""
        ratio = ours / beside if beside else None
        self.rows.append({
            "group": group, "what": what, "unit": unit, "ours": ours, "beside_name": beside_name, "beside": beside,
            "ratio": ratio, "goal": goal, "met": None if goal is None or ratio is None else ratio <= goal, "more": more,
        })

    def spawn(self, argv, environment=None, **streams):
        """Popen, with /dev/null for every stream that isn't named."""
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | streams
        return subprocess.Popen(argv, cwd=self.scratch, env=self.environment | (environment or {}), **streams)

    def say(self, *argv, environment=None, **more):
        """What the program prints."""
        return subprocess.run([self.supervise, *argv], cwd=self.scratch, env=self.environment | (environment or {}),
                              check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, **more).stdout

    @staticmethod
    def in_turn(contenders, rounds):
        """Calls every one of {name: measure}, round after round, each beginning with another; {name: [results]}."""
        results, names = {name: [] for name in contenders}, list(contenders)
        for turn in range(rounds):
            first = turn % len(names)
            for name in names[first:] + names[:first]:
                results[name].append(contenders[name]())
        return results

    def times(self, runs, argv, at_once=1, environment=None, stderr=subprocess.DEVNULL):
        """[(wall in ns, CPU in ns, peak memory in KiB)] of that many runs."""
        timer = subprocess.run([self.tools / "spawn_timer", str(at_once), str(runs), *argv], cwd=self.scratch,
                               env=self.environment | (environment or {}), stdout=subprocess.PIPE, stderr=stderr, text=True)
        if timer.returncode:
            raise SystemExit(f"bench.py: cannot measure {' '.join(map(str, argv))}: a run of it failed")
        return [tuple(map(int, line.split())) for line in timer.stdout.splitlines()]

    def here(self, program):
        return shutil.which(program, path=self.environment["PATH"])


def number(value, unit):
    if unit in ("ms", "s") and value < 100:
        return f"{value:.2f} {unit}"
    return f"{value:,.0f} {unit}"


def table(rows):
    """The lines of it."""
    lines, group = [], None
    cells = []
    for row in rows:
        if row["group"] != group:
            group = row["group"]
            cells.append((group,))
        there = row["beside"] is not None
        cells.append((
            "  " + row["what"], number(row["ours"], row["unit"]), row["beside_name"],
            number(row["beside"], row["unit"]) if there else "absent", f"{row['ratio']:.2f}" if there else "",
            "" if row["goal"] is None else f"{row['goal']:.2f}", {None: "", True: "met", False: "NOT MET"}[row["met"]],
            ", ".join(f"{name} {value}" for name, value in row["more"].items()),
        ))
    head = ("what", "ours", "peer or floor", "", "ratio", "goal", "", "besides")
    widths = [max(len(line[place]) for line in [head, *cells] if len(line) > 1) for place in range(len(head))]
    for line in [head, *cells]:
        aligned = line if len(line) == 1 else (
            cell.rjust(width) if place in (1, 3, 4, 5) else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths)))
        lines.append("  ".join(aligned).rstrip())
    return lines
