"""What waiting wrappers hold.

One: the private pages and the proportional share (PSS) of one of two that wait side by side (alone, it would be charged
with the program text, too). Many: the shares of all together; beside them the same number of `tini` and of floors, and
one supervisord that watches as many commands (when it is installed: its package would start a service of root's, which
setup.sh doesn't do to you). The memory of the commands isn't counted.
"""

import pathlib
import subprocess
import time

GROUP = "memory of those that wait"
WAITS = ["sh", "-c", "echo ready; read answer || :"]


def pages(pid):
    """(private, proportional share) in KiB."""
    lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return (sum(int(line.split()[1]) for line in lines if line.startswith("Private_")),
            sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")))


def waiting(bench, prefix, count):
    """[(private, share)] of that many. Begun one after the other: the floor doesn't wait for locks."""
    all_of_them = []
    try:
        for _ in range(count):
            all_of_them.append(bench.spawn([*prefix, *WAITS], stdin=subprocess.PIPE, stdout=subprocess.PIPE))
            if not all_of_them[-1].stdout.readline():
                raise SystemExit(f"bench.py: cannot measure {prefix[0]}: its command did not begin")
        return [pages(process.pid) for process in all_of_them]
    finally:
        for process in all_of_them:
            process.communicate()


def under_supervisord(bench, count):
    """The share of a supervisord with that many commands; None without it."""
    if not bench.here("supervisord"):
        return None
    config = bench.scratch / "supervisord.conf"
    config.write_text(f"[supervisord]\nnodaemon=true\nlogfile={bench.scratch}/supervisord.log\nuser=root\n"
                      f"pidfile={bench.scratch}/supervisord.pid\nchildlogdir={bench.scratch}\n"
                      f"[program:waits]\ncommand=sleep 600\nnumprocs={count}\nprocess_name=%(process_num)d\n")
    process = bench.spawn(["supervisord", "-c", str(config)])
    try:
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
        deadline = time.monotonic() + 60
        while len(children.read_text().split()) < count:
            if time.monotonic() > deadline:
                raise SystemExit("bench.py: supervisord did not start its commands within a minute")
            time.sleep(0.1)
        return pages(process.pid)[1]
    finally:
        process.terminate()
        process.wait()


def measure(bench):
    many = bench.often(200, 50)
    ours = [bench.supervise, "--"]
    peers = {"floor": [str(bench.tools / "floor"), str(bench.scratch / "floor.db")], "tini": ["tini", "-s", "--"]}
    private, share = waiting(bench, ours, 2)[0]
    together = sum(of_one for _, of_one in waiting(bench, ours, many))
    bench.row(GROUP, "private pages of a waiting wrapper", "KiB", private, "3 MiB", 3 * 1024, 1.0)
    for name, prefix in peers.items():
        theirs = waiting(bench, prefix, 2)[0] if bench.here(prefix[0]) else (None, None)
        bench.row(GROUP, "private pages of a waiting wrapper", "KiB", private, name, theirs[0])
        bench.row(GROUP, "its proportional share (PSS)", "KiB", share, name, theirs[1])
    for name, prefix in peers.items():
        theirs = sum(of_one for _, of_one in waiting(bench, prefix, many)) if bench.here(prefix[0]) else None
        bench.row(GROUP, f"PSS of {many}, in all", "KiB", together, name, theirs, each=f"{together / many:.0f} KiB")
    bench.row(GROUP, f"PSS of {many}, in all", "KiB", together, "one supervisord", under_supervisord(bench, many))
