"""What it costs to pass output on, and to understand an agent's.

A producer of 64 KiB blocks, through `supervise` and through `tee FILE`, both into `cat >/dev/null`, both keeping what
passes on the same file system; and once more with a log that may grow as large as the output, since by default
`supervise` keeps only the beginning and the end of so much. Wall time goes from the first spawn to the end of `cat`. CPU
time is that of the wrapper alone: for `tee` what wait4 says; for `supervise` what wait4 says, which has in it the producer
that it waited for, less what the producer says of itself at its end.

100,000 JSON lines as Claude Code prints them come from a program of that name, and from the same by a name that nobody
knows.
"""

import json
import os
import shutil
import subprocess
import time

from measure import median

GROUP = "output"


def cpu_of(process):
    """Waits; user and system time of the process and of what it waited for, in seconds."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"bench.py: cannot measure {process.args}: exit status {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def forget_logs(bench):
    shutil.rmtree(bench.state / "supervise/logs", ignore_errors=True)


def through_supervise(bench, produce, usage, *options):
    """(wall, CPU of the wrapper alone) in seconds."""
    since = time.monotonic()
    wrapper = bench.spawn([bench.supervise, *options, "--", *produce], stdout=subprocess.PIPE)
    reader = bench.spawn(["cat"], stdin=wrapper.stdout)
    wrapper.stdout.close()
    cpu = cpu_of(wrapper)
    reader.wait()
    wall = time.monotonic() - since
    forget_logs(bench)
    return wall, cpu - int(usage.read_text()) / 1e9


def through_tee(bench, produce):
    since = time.monotonic()
    producer = bench.spawn(produce, stdout=subprocess.PIPE)
    wrapper = bench.spawn(["tee", str(bench.scratch / "tee.log")], stdin=producer.stdout, stdout=subprocess.PIPE)
    producer.stdout.close()
    reader = bench.spawn(["cat"], stdin=wrapper.stdout)
    wrapper.stdout.close()
    cpu = cpu_of(wrapper)
    reader.wait()
    wall = time.monotonic() - since
    producer.wait()
    (bench.scratch / "tee.log").unlink()
    return wall, cpu


def blocks(bench, mib, rounds):
    usage = bench.scratch / "producer.usage"
    produce = [str(bench.tools / "producer"), str(mib), str(usage)]
    unlimited = bench.scratch / "unlimited.toml"
    unlimited.write_text(f'[log]\nmax_size = "{2 * mib}MiB"\n')
    contenders = {
        "": lambda: through_supervise(bench, produce, usage),
        ", all kept": lambda: through_supervise(bench, produce, usage, "--config", str(unlimited)),
        "tee FILE": lambda: through_tee(bench, produce),
    }
    results = bench.in_turn(contenders, rounds + 1)
    theirs = results.pop("tee FILE")[1:]  # the first warms up
    for how, ours in results.items():
        bench.row(GROUP, f"wall time of {mib} MiB{how}", "ms", median(w for w, _ in ours[1:]) * 1e3,
                  "tee FILE", median(w for w, _ in theirs) * 1e3, 1.0)
        per_gib = 1e3 * 1024 / mib
        bench.row(GROUP, f"CPU time per GiB{how}", "ms", median(c for _, c in ours[1:]) * per_gib,
                  "tee FILE", median(c for _, c in theirs) * per_gib, 2.0)


def agent_line(number):
    """As Claude Code prints them: a tool call, its result, a text."""
    session = {"session_id": "060e9bd5-5438-4dba-a477-4777832cbad7", "uuid": f"e134aac7-{number}"}
    content = ({"type": "tool_use", "id": f"toolu_{number}", "name": "Bash", "input": {"command": "ls -la src/base"}},
               {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": "hi\n" * 60, "is_error": False},
               {"type": "text", "text": "I looked at the result and go on with the next thing. " * 6})[number % 3]
    role = "user" if content["type"] == "tool_result" else "assistant"
    message = {"id": f"msg_{number}", "type": "message", "role": role, "content": [content], "stop_reason": None}
    return json.dumps({"type": role, "message": message, **session}, separators=(",", ":")) + "\n"


def through_name(bench, name, lines):
    """(wall, CPU of all) in seconds of `cat` by that name, below `supervise`."""
    program = bench.scratch / name
    if not program.exists():
        program.symlink_to(bench.here("cat"))
    since = time.monotonic()
    cpu = cpu_of(bench.spawn([bench.supervise, "--", str(program), str(lines)]))
    wall = time.monotonic() - since
    forget_logs(bench)
    return wall, cpu


def agent_lines(bench, rounds):
    lines = bench.scratch / "lines.json"
    lines.write_text("".join(map(agent_line, range(100_000))))
    results = bench.in_turn({name: lambda name=name: through_name(bench, name, lines) for name in ("claude", "plain")},
                            rounds + 1)
    for what, place in (("wall", 0), ("CPU", 1)):
        ours, theirs = (median(run[place] for run in results[name][1:]) * 1e3 for name in ("claude", "plain"))
        bench.row(GROUP, f"{what} time of 100,000 lines of an agent", "ms", ours, "of no agent", theirs)


def measure(bench):
    rounds = bench.often(7, 2)
    blocks(bench, bench.often(512, 64), rounds)
    agent_lines(bench, rounds)
