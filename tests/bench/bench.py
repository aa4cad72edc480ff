#!/usr/bin/python3
"""Timings beside peers, measured in one run on one machine, and given as ratios. Nothing here fails for being slow.

Every contender of a group runs in turn, round after round, each round beginning with another one; what counts is the
median of all runs. The ledgers are new ones in a temporary directory, the settings are the defaults. What is measured,
and what it is held against, stands at the beginning of each file here:

  commands    what it costs to run a command, beside other wrappers
  output      what it costs to pass output on, beside tee
  memory      what waiting wrappers hold
  flat        the verbs, in a ledger of a million executions and in one of a thousand
  crowd       many wrappers at once; the queue beside other queues

A ratio is ours through theirs, above 1 slower or larger; a goal is the largest ratio that will do.
"""

import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

import commands
import crowd
import flat
import measure
import memory
import output

GROUPS = {"commands": commands, "output": output, "memory": memory, "flat": flat, "crowd": crowd}
PACKAGES = ["libev-dev", "libsqlite3-dev", "coreutils", "tini", "dumb-init", "moreutils", "bsdutils", "nq", "task-spooler",
            "parallel", "supervisor"]


def version_of(argv):
    try:
        said = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split("\n")[0]
        return said or "absent"  # dpkg-query is silent of what was removed
    except (OSError, subprocess.CalledProcessError):
        return "absent"


def machine(supervise, scratch):
    cpu = next((line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.machine())
    memory_kib = int(pathlib.Path("/proc/meminfo").read_text().split()[1])
    file_system = version_of(["stat", "-f", "-c", "%T", str(scratch)])
    return {"cpu": cpu, "cores": len(os.sched_getaffinity(0)), "memory_mib": memory_kib // 1024,
            "kernel": platform.release(), "file_system": file_system,
            "load": os.getloadavg()[0], "supervise": version_of([supervise, "--version"]),
            "packages": {name: version_of(["dpkg-query", "-W", "-f", "${Version}", name]) for name in PACKAGES}}


def in_words(about):
    packages = ", ".join(f"{name} {version}" for name, version in about["packages"].items())
    return (f"{about['cpu']}, {about['cores']} cores, {about['memory_mib']} MiB, Linux {about['kernel']}, "
            f"{about['file_system']}; load {about['load']:.1f} before and {about['load_after']:.1f} after; {about['seconds']} s\n{about['supervise']}; {packages}\n")


def main():
    parser = argparse.ArgumentParser(description="timings beside peers, as ratios")
    parser.add_argument("--build", default="build", help="the build directory (build)")
    parser.add_argument("--json", metavar="FILE", help="the same as JSON into FILE; -: on stdout in place of the table")
    parser.add_argument("--quick", action="store_true", help="fewer runs and a smaller ledger: to try it, not to believe it")
    parser.add_argument("group", nargs="*", help=f"{', '.join(GROUPS)} (all)")
    options = parser.parse_args()
    unknown = [name for name in options.group if name not in GROUPS]
    if unknown:
        parser.error(f"no group {unknown[0]}: there are {', '.join(GROUPS)}")

    with tempfile.TemporaryDirectory(prefix="supervise-bench-") as scratch:
        bench = measure.Bench(options.build, pathlib.Path(scratch), options.quick)
        about = machine(bench.supervise, scratch)
        since = time.monotonic()
        for name in options.group or GROUPS:
            print(f"bench.py: {name}", file=sys.stderr)
            GROUPS[name].measure(bench)
        about |= {"load_after": os.getloadavg()[0], "seconds": round(time.monotonic() - since)}
    record = json.dumps({"machine": about, "quick": options.quick, "rows": bench.rows}, indent=2) + "\n"
    if options.json == "-":
        sys.stdout.write(record)
        return
    if options.json:
        pathlib.Path(options.json).write_text(record)
    print(in_words(about))
    print("\n".join(measure.table(bench.rows)))


if __name__ == "__main__":
    main()
