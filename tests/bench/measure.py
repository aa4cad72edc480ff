"""What all measurements share: the programs, where they leave what they write, how often they run, and the table."""

import os
import pathlib
import random
import shutil
import statistics
import subprocess

median = statistics.median


class Bench:
    def __init__(self, build, scratch, quick=False, runs=None):
        build = pathlib.Path(build).resolve()
        self.scratch, self.quick, self.runs = scratch, quick, runs
        self.supervise, self.tools = str(build / "supervise"), build / "bench"
        self.state = scratch / "state"
        keep = {name: value for name, value in os.environ.items() if not name.startswith(("SUPERVISE_", "XDG_", "LIBEV_"))}
        self.environment = keep | {
            "HOME": str(scratch), "TMPDIR": str(scratch), "XDG_CONFIG_HOME": str(scratch / "config"),
            "XDG_STATE_HOME": str(self.state), "XDG_RUNTIME_DIR": str(scratch), "NQDIR": str(scratch / "nq"),
            "TS_SOCKET": str(scratch / "tsp"), "TS_MAXCONN": "1000",
        }
        self.rows = []

    def size(self, whole, quick):
        return quick if self.quick else whole

    def rounds(self, usual):
        return self.runs or (min(usual, 3) if self.quick else usual)

    def row(self, group, what, unit, ours, peer, theirs, goal=None, **beside):
        """`ours`, `theirs`: the values of each round, or a number; `theirs` None: it isn't here. `goal`: the largest ratio
        that will do. `beside`: {name: (unit, ours, theirs)}, told as well."""
        ratio, varies = (None, None) if theirs is None else compared(ours, theirs)
        self.rows.append({
            "group": group, "what": what, "unit": unit, "ours": summary(ours), "peer": peer,
            "theirs": None if theirs is None else summary(theirs), "ratio": ratio, "varies": varies,
            "goal": goal, "met": None if goal is None or ratio is None else ratio <= goal,
            "beside": {name: dict(zip(("unit", "ours", "theirs"), value)) for name, value in beside.items()},
        })

    def timed(self, group, what, ours, peer, theirs, goal=None, **beside):
        """A row of what times() gave, round by round: wall time, and CPU time and peak memory beside it."""
        if theirs is not None:
            middle = lambda rounds, place, unit: median(run[place] for of_one in rounds for run in of_one) / unit
            beside = {"CPU": ("ms", middle(ours, 1, 1e6), middle(theirs, 1, 1e6)),
                      "peak memory": ("MiB", middle(ours, 2, 1024), middle(theirs, 2, 1024))} | beside
        self.row(group, what, "ms", wall(ours), peer, theirs and wall(theirs), goal, **beside)

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
        """Calls every one of {name: measure}, round after round, in an order that is shuffled for each, and the same in
        each run of this; {name: [result]}, round by round."""
        results, names = {name: [] for name in contenders}, list(contenders)
        for turn in range(rounds):
            for name in random.Random(turn).sample(names, len(names)):
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

    def conmon(self, name, *command):
        """The argv of a conmon around the command, which a runtime of ours starts: see runtime.c."""
        place = self.scratch / "conmon" / name
        for directory in ("bundle", "sockets"):
            (place / directory).mkdir(parents=True, exist_ok=True)
        return ["conmon", "--sync", "--no-sync-log", "-c", name, "-u", name, "-n", name, "-r", str(self.tools / "runtime"),
                *(word for argument in command for word in ("--runtime-arg", argument)), "-b", str(place / "bundle"),
                "-p", str(place / "pid"), "-l", f"k8s-file:{place / 'log'}", "--exit-dir", str(place),
                "--socket-dir-path", str(place / "sockets")]

    def supervisord(self):
        """(argv, environment) of the one installed, else of the one that setup.sh unpacked; None without either."""
        if self.here("supervisord"):
            return ["supervisord"], {}
        unpacked = self.tools / "supervisor" / "usr"
        if not unpacked.exists():
            return None
        return (["/usr/bin/python3", str(unpacked / "bin/supervisord")],
                {"PYTHONPATH": str(unpacked / "lib/python3/dist-packages")})


def wall(rounds):
    """In ms, of what times() gave, round by round."""
    return [[run[0] / 1e6 for run in of_one] for of_one in rounds]


def quartiles(values):
    if len(values) < 2:
        return None
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return [low, high]


def summary(measured):
    if not isinstance(measured, list):
        return {"median": measured, "quartiles": None, "runs": 1}
    values = [value for of_one in measured for value in of_one]
    return {"median": median(values), "quartiles": quartiles(values), "runs": len(values)}


def compared(ours, theirs):
    """(the median of the ratios, each of the medians of one round; their quartiles): what the machine does to both at once
    isn't in them."""
    rounds = max(len(side) for side in (ours, theirs, [None]) if isinstance(side, list))
    of_each = ([median(of_one) for of_one in side] if isinstance(side, list) else [side] * rounds for side in (ours, theirs))
    ratios = [here / there for here, there in zip(*of_each)]
    return median(ratios), quartiles(ratios)


def number(value, unit):
    decimals = 0 if unit == "KiB" or value >= 100 else 2 if value < 10 else 1
    return f"{value:,.{decimals}f} {unit}".rstrip()


def pair(unit, ours, theirs):
    return number(ours, unit) if theirs is None else f"{number(ours, '')} : {number(theirs, unit)}"


HEAD = ("what", "ours", "peer or floor", "theirs", "ratio", "varies", "goal", "", "CPU", "peak memory", "besides")
RIGHT = ("ours", "theirs", "ratio", "varies", "goal", "CPU", "peak memory")


def cells(row):
    beside = {name: pair(**values) for name, values in row["beside"].items()}
    return (
        "  " + row["what"], number(row["ours"]["median"], row["unit"]), row["peer"],
        "absent" if row["theirs"] is None else number(row["theirs"]["median"], row["unit"]),
        "" if row["ratio"] is None else f"{row['ratio']:.2f}",
        "–".join(f"{end:.2f}" for end in row["varies"] or ()),
        "" if row["goal"] is None else f"{row['goal']:.2f}", {None: "", True: "met", False: "NOT MET"}[row["met"]],
        beside.pop("CPU", ""), beside.pop("peak memory", ""),
        ", ".join(f"{name} {value}" for name, value in beside.items()),
    )


def table(rows):
    """The lines of it."""
    lines, group = [HEAD], None
    for row in rows:
        if row["group"] != group:
            group = row["group"]
            lines.append((group,))
        lines.append(cells(row))
    widths = [max(len(line[place]) for line in lines if len(line) > 1) for place in range(len(HEAD))]
    align = [str.rjust if name in RIGHT else str.ljust for name in HEAD]
    return ["  ".join(to(cell, width) for to, cell, width in zip(align, line, widths)).rstrip() if len(line) > 1 else line[0]
            for line in lines]


def goals(rows):
    """The last lines."""
    told = [row for row in rows if row["goal"] is not None]
    missed = [row for row in told if row["met"] is False]
    absent = [row for row in told if row["met"] is None]
    lines = [f"Goals: {len(told) - len(missed) - len(absent)} of {len(told)} met"]
    lines += [f"  not met: {row['what']} beside {row['peer']} ({row['ratio']:.2f} of {row['goal']:.2f})" for row in missed]
    lines += [f"  not measured: {row['what']} beside {row['peer']}" for row in absent]
    return "\n".join(lines)
