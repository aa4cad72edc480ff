#!/usr/bin/python3
"""Where `supervise -- true` goes: instructions by phase (callgrind), and system calls (strace), as Markdown tables.

    python3 tests/bench/profile.py [--build DIR]

Instructions are those of the wrapper in user space, exact but for how long the write-ahead log happens to be; time in the
kernel isn't among them: that is what the second table is for. In a new ledger, in a temporary directory, after three runs.
"""

import argparse
import collections
import os
import pathlib
import re
import subprocess
import tempfile

# What is counted as a phase: the function that all of it happens in. Preparing statements is taken out of all of them.
PHASES = [
    ("settings", "settings_load"),
    ("the fork", "spawn_hold"),
    ("the beginning is written", "execution_begin"),
    ("the command is let go", "spawn_release"),
    ("the end is written", "execution_finish"),
]
PREPARE, SCHEMA = "sqlite3LockAndPrepare", "sqlite3InitOne"


class Profile:
    def __init__(self, build, scratch):
        self.supervise, self.scratch = str(pathlib.Path(build).resolve() / "supervise"), scratch
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(("SUPERVISE_", "XDG_"))} | {
            "HOME": str(scratch), "XDG_STATE_HOME": str(scratch / "state"), "XDG_RUNTIME_DIR": str(scratch)}
        for _ in range(3):
            self.run([])

    def run(self, under):
        result = subprocess.run([*under, self.supervise, "-q", "--", "true"], cwd=self.scratch, env=self.environment,
                                stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if result.returncode:
            raise SystemExit(f"profile.py: {' '.join([*under, 'supervise'])}: exit status {result.returncode}\n{result.stderr}")
        return result.stderr

    def instructions(self, inside=None):
        """({function: instructions in it and below}, all) of a run, or of what of it is inside that function."""
        out = self.scratch / "callgrind.out"
        only = [f"--toggle-collect={inside}"] if inside else []
        self.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *only])
        said = subprocess.run(["callgrind_annotate", "--inclusive=yes", "--threshold=100", str(out)], check=True,
                              capture_output=True, text=True).stdout
        whole = re.search(r"^ *([\d,]+) \(100\.0%\)  PROGRAM TOTALS", said, re.MULTILINE)
        found = re.findall(r"^ *([\d,]+) \( *[\d.]+%\)  \S*:(\w+)(?:\.part\.\d+)? \[", said, re.MULTILINE)
        number = lambda text: int(text.replace(",", ""))
        inclusive = collections.defaultdict(int)
        for count, name in found:
            inclusive[name] = max(inclusive[name], number(count))
        return inclusive, number(whole.group(1)) if whole else 0

    def calls(self):
        """[(call, how often, microseconds)] of the wrapper alone."""
        out = self.scratch / "strace.out"
        self.run(["strace", "-T", "-o", str(out)])
        count, time = collections.Counter(), collections.Counter()
        for line in out.read_text().splitlines():
            name = re.match(r"(\w+)\(", line)
            took = re.search(r"<([\d.]+)>$", line)
            if name and took:
                count[name.group(1)] += 1
                time[name.group(1)] += round(float(took.group(1)) * 1e6)
        return [(name, count[name], time[name]) for name, _ in count.most_common()]


def phases(profile):
    inclusive, whole = profile.instructions()
    schema, prepare = inclusive[SCHEMA], inclusive[PREPARE]
    rows = [("schema parse", schema), ("prepares, without it", prepare - schema)]
    for what, function in PHASES:
        inside, total = profile.instructions(function)
        if total == 0:
            raise SystemExit(f"profile.py: nothing was counted in {function}: has it another name now?")
        rows.append((f"{what} (`{function}`), without prepares", total - inside[PREPARE]))
    rows.append(("rest", whole - sum(count for _, count in rows)))
    return rows, whole


def main():
    parser = argparse.ArgumentParser(description="where `supervise -- true` goes")
    parser.add_argument("--build", default="build", help="the build directory (build)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="supervise-profile-") as scratch:
        profile = Profile(options.build, pathlib.Path(scratch))
        rows, whole = phases(profile)
        print("| phase | instructions | of all |\n|---|---:|---:|")
        for what, count in rows:
            print(f"| {what} | {count:,} | {100 * count / whole:.1f} % |")
        print(f"| all | {whole:,} | |\n\n| system call | times | µs, under strace |\n|---|---:|---:|")
        calls = profile.calls()
        for name, count, time in calls:
            print(f"| {name} | {count} | {time} |")
        print(f"| all {len(calls)} | {sum(count for _, count, _ in calls)} | {sum(time for *_, time in calls)} |")


if __name__ == "__main__":
    main()
