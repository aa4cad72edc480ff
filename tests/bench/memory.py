"""What waiting wrappers hold: memory of their own, and their proportional share (PSS).

Of their own is what they have written to, and shares no page with a file or a process; it is the same for one and for one of
many. In the share stands the program's text as well, divided among those that run it. One alone, which is charged with all
of its text, and 200 together; beside them as many of floor, `tini` and `conmon`, and one supervisord that watches as many
commands by itself (its package would start a service of root's, so setup.sh only unpacks it). What the commands take isn't
counted.
"""

import contextlib
import pathlib
import subprocess
import time

GROUP = "memory of those that wait"
WAITS = ["sh", "-c", "echo ready; read answer || :"]


def pages(pid):
    """(its own, share) in KiB."""
    lines = dict(line.split(":") for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    return [int(lines[name].split()[0]) for name in ("Private_Dirty", "Pss")]


def until(what, holds):
    deadline = time.monotonic() + 60
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit(f"bench.py: {what} within a minute")
        time.sleep(0.05)


@contextlib.contextmanager
def wrappers(bench, prefix, count):
    """Begun one after the other."""
    all_of_them = []
    try:
        for _ in range(count):
            all_of_them.append(bench.spawn([*prefix, *WAITS], stdin=subprocess.PIPE, stdout=subprocess.PIPE))
            if not all_of_them[-1].stdout.readline():
                raise SystemExit(f"bench.py: cannot measure {prefix[0]}: its command did not begin")
        yield all_of_them
    finally:
        for process in all_of_them:
            process.communicate()


@contextlib.contextmanager
def conmons(bench, count):
    """Their commands have no stdin of ours: they wait for a name to come into being."""
    over, names = bench.scratch / "over", [f"waits-{number}" for number in range(count)]
    command = ["sh", "-c", f"echo ready; until [ -e {over} ]; do sleep 0.2; done"]
    over.unlink(missing_ok=True)
    all_of_them = [bench.spawn(bench.conmon(name, *command)) for name in names]
    logs = [bench.scratch / "conmon" / name / "log" for name in names]
    try:
        until("conmon's commands did not begin", lambda: all(log.exists() and "ready" in log.read_text() for log in logs))
        yield all_of_them
    finally:
        over.touch()
        for process, log in zip(all_of_them, logs):
            process.wait()
            log.unlink(missing_ok=True)


@contextlib.contextmanager
def supervisord(bench, count):
    argv, environment = bench.supervisord()
    config = bench.scratch / "supervisord.conf"
    config.write_text(f"[supervisord]\nnodaemon=true\nlogfile={bench.scratch}/supervisord.log\nminfds=4096\n"
                      f"pidfile={bench.scratch}/supervisord.pid\nchildlogdir={bench.scratch}\n"
                      f"[program:waits]\ncommand=sleep 600\nnumprocs={count}\nprocess_name=%(process_num)d\n")
    process = bench.spawn([*argv, "-c", str(config)], environment)
    children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
    begun = lambda: [pathlib.Path(f"/proc/{pid}/comm").read_text() for pid in children.read_text().split()]
    try:
        until("supervisord did not start its commands", lambda: begun() == ["sleep\n"] * count)
        yield [process]
    finally:
        process.terminate()
        process.wait()


def held(wait, bench, *how):
    """(their own, share) in KiB, of all that wait."""
    with wait(bench, *how) as processes:
        return [sum(column) for column in zip(*(pages(process.pid) for process in processes))]


def contenders(bench):
    """{name: measures it, for a number of commands}; those that are here."""
    prefixes = {"supervise": [bench.supervise, "--"], "floor": [str(bench.tools / "floor"), str(bench.scratch / "floor.db")],
                "tini": ["tini", "-s", "--"]}
    found = {name: lambda count, prefix=prefix: held(wrappers, bench, prefix, count)
             for name, prefix in prefixes.items() if bench.here(prefix[0])}
    if bench.here("conmon"):
        found["conmon"] = lambda count: held(conmons, bench, count)
    if bench.supervisord():
        found["one supervisord"] = lambda count: held(supervisord, bench, count)
    return found


def measure(bench):
    found, rounds, many = contenders(bench), bench.rounds(3), bench.size(200, 50)
    for count, together in ((1, "one, alone"), (many, f"{many} together")):
        results = bench.in_turn({name: lambda run=run: run(count) for name, run in found.items()}, rounds)
        column = lambda name, place: name in results and [[of_one[place]] for of_one in results[name]] or None
        if count == 1:
            bench.row(GROUP, f"private memory, {together}", "KiB", column("supervise", 0), "3 MiB", 3 * 1024, 1.0)
        for name in ("floor", "tini", "conmon", "one supervisord"):
            for place, what in enumerate(("private memory", "share (PSS)")):
                bench.row(GROUP, f"{what}, {together}", "KiB", column("supervise", place), name, column(name, place))
