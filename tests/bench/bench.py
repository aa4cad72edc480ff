#!/usr/bin/python3
"""Timings beside peers, measured in one run on one machine, and given as ratios. Nothing here fails for being slow.

The contenders of a group run round after round, each round in another order. What is given is the median of all runs; the
ratio is the median of those of the single rounds, ours through theirs, above 1 slower or larger, and "varies" are the
quartiles of these: where they are far apart, the machine was not quiet. A goal is the largest ratio that will do.

CPU time and peak memory are those of the whole process and of what it waited for. The ledgers are new ones in a temporary
directory (TMPDIR decides where), the settings are the defaults. What is measured, and what it is held against, stands at
the beginning of each file here:

  commands    what it costs to run a command, beside other wrappers
  output      what it costs to pass output on, beside tee
  memory      what waiting wrappers hold
  flat        the verbs, in ledgers of a million executions and of a thousand
  crowd       many wrappers at once; the queue beside other queues
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
PACKAGES = ["libev-dev", "libsqlite3-dev", "coreutils", "tini", "dumb-init", "conmon", "moreutils", "bsdutils", "nq",
            "task-spooler", "parallel"]


def version_of(argv, environment=None):
    try:
        said = subprocess.run(argv, check=True, capture_output=True, text=True, env=environment).stdout.split("\n")[0]
        return said or "absent"  # dpkg-query is silent of what was removed
    except (OSError, subprocess.CalledProcessError):
        return "absent"


def ticks():
    """(all, those that the host gave to others), of all processors since the start."""
    of_all = [int(count) for count in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    return sum(of_all), of_all[7]


def machine(bench):
    cpu = next((line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.machine())
    memory_kib = int(pathlib.Path("/proc/meminfo").read_text().split()[1])
    argv, more = bench.supervisord() or (["supervisord"], {})
    packages = {name: version_of(["dpkg-query", "-W", "-f", "${Version}", name]) for name in PACKAGES}
    return {"cpu": cpu, "cores": len(os.sched_getaffinity(0)), "memory_mib": memory_kib // 1024,
            "kernel": platform.release(), "file_system": version_of(["stat", "-f", "-c", "%T", str(bench.scratch)]),
            "supervise": version_of([bench.supervise, "--version"]),
            "packages": packages | {"supervisor": version_of([*argv, "--version"], bench.environment | more)}}


def disturbance(before, load):
    now = ticks()
    return {"load_before": load, "load_after": os.getloadavg()[0],
            "stolen_percent": 100 * (now[1] - before[1]) / max(1, now[0] - before[0])}


def in_words(about):
    packages = ", ".join(f"{name} {version}" for name, version in about["packages"].items())
    return (f"{about['cpu']}, {about['cores']} cores, {about['memory_mib']} MiB, Linux {about['kernel']}, "
            f"{about['file_system']}\nload {about['load_before']:.1f} before and {about['load_after']:.1f} after, "
            f"{about['stolen_percent']:.1f} % of the processors' time given to others by the host; {about['seconds']} s\n"
            f"{about['supervise']}; {packages}\n")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build", help="the build directory (build)")
    parser.add_argument("--json", metavar="FILE", help="the same as JSON into FILE; -: on stdout in place of the table")
    parser.add_argument("--runs", metavar="N", type=int, help="rounds of each comparison (what its file says)")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and smaller sizes: to try it, not to believe it")
    parser.add_argument("group", nargs="*", help=f"{', '.join(GROUPS)} (all)")
    options = parser.parse_args()
    unknown = [name for name in options.group if name not in GROUPS]
    if unknown:
        parser.error(f"no group {unknown[0]}: there are {', '.join(GROUPS)}")
    if options.runs is not None and options.runs < 1:
        parser.error("--runs: at least 1")
    return options


def main():
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="supervise-bench-") as scratch:
        bench = measure.Bench(options.build, pathlib.Path(scratch), options.quick, options.runs)
        about, before, load, since = machine(bench), ticks(), os.getloadavg()[0], time.monotonic()
        for name in options.group or GROUPS:
            print(f"bench.py: {name}", file=sys.stderr)
            GROUPS[name].measure(bench)
        about |= disturbance(before, load) | {"seconds": round(time.monotonic() - since)}
    record = json.dumps({"machine": about, "quick": options.quick, "rows": bench.rows}, indent=2) + "\n"
    if options.json == "-":
        sys.stdout.write(record)
        return
    if options.json:
        pathlib.Path(options.json).write_text(record)
    print(in_words(about))
    print("\n".join(measure.table(bench.rows)))
    print("\n" + measure.goals(bench.rows))


if __name__ == "__main__":
    main()
