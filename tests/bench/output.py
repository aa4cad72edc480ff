"""What it costs to pass output on, and to understand an agent's.

A producer of blocks, through `supervise` and through `tee FILE`, both into `cat >/dev/null`, both keeping what passes on the
same file system; and once more with a log that may grow as large as the output, since by default `supervise` keeps only the
beginning and the end of so much. Wall time goes from the producer's first write to the end of `cat`: what it takes to begin
is measured elsewhere. CPU time is that of the wrapper alone: for `tee` what wait4 says; for `supervise` what wait4 says,
which has in it the producer that it waited for, less what the producer says of itself at its end.

What is kept goes to memory (/dev/shm): a disk writes back when it likes to, and a file system takes large pieces of memory,
which a virtual machine may have to ask its host for, at ten times the price. Before each run as much memory as it takes is
used and given back, for both to begin with what is at hand. On the disk, where that doesn't suffice, the best of all runs
is shown, without a goal; each begins with nothing left to write.

100,000 JSON lines as Claude Code prints them come from a program of that name, and from the same by a name that nobody
knows.
"""

import json
import mmap
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

GROUP = "output"
MEMORY = pathlib.Path("/dev/shm")
MIB = 1024 * 1024


def cpu_of(process):
    """Waits; user and system time of the process and of what it waited for, in ms."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"bench.py: cannot measure {process.args}: exit status {process.returncode}")
    return (usage.ru_utime + usage.ru_stime) * 1e3


class Place:
    """A directory to keep things in, and the producer's arguments."""

    def __init__(self, bench, directory, mib):
        self.bench, self.directory, self.mib = bench, directory, mib
        self.usage, self.file = directory / "usage", directory / "kept"
        self.environment = {"XDG_STATE_HOME": str(directory)}
        self.unlimited = directory / "unlimited.toml"
        self.unlimited.write_text(f'[log]\nmax_size = "{2 * mib}MiB"\n')

    def produce(self, block):
        return [str(self.bench.tools / "producer"), str(self.mib), str(block), str(self.usage)]

    def prepare(self):
        """Nothing of the last run is left, and memory for this one is at hand."""
        shutil.rmtree(self.directory / "supervise" / "logs", ignore_errors=True)
        self.file.unlink(missing_ok=True)
        with mmap.mmap(-1, self.mib * MIB) as memory:
            for _ in range(self.mib):
                memory.write(bytes(MIB))
        os.sync()

    def measured(self, reader, wrapper):
        """(wall, CPU of the wrapper, of the producer) in ms."""
        cpu = cpu_of(wrapper)
        reader.wait()
        end = time.monotonic_ns()
        began, producer = map(int, self.usage.read_text().split())
        return (end - began) / 1e6, cpu, producer / 1e6

    def supervise(self, block, *options):
        self.prepare()
        reader = self.bench.spawn(["cat"], stdin=subprocess.PIPE)
        wrapper = self.bench.spawn([self.bench.supervise, *options, "--", *self.produce(block)], self.environment,
                                   stdout=reader.stdin)
        reader.stdin.close()
        wall, cpu, producer = self.measured(reader, wrapper)
        return wall, cpu - producer

    def tee(self, block):
        self.prepare()
        reader = self.bench.spawn(["cat"], stdin=subprocess.PIPE)
        wrapper = self.bench.spawn(["tee", str(self.file)], stdin=subprocess.PIPE, stdout=reader.stdin)
        reader.stdin.close()
        producer = self.bench.spawn(self.produce(block), stdout=wrapper.stdin)
        wrapper.stdin.close()
        cpu_of(producer)
        return self.measured(reader, wrapper)[:2]


def columns(results):
    """(wall, CPU), each round by round."""
    return [[[of_one[place]] for of_one in results] for place in (0, 1)]


def blocks(bench, place, block, rounds):
    """{how: (wall, CPU per GiB)}, in ms, each round by round."""
    contenders = {
        "": lambda: place.supervise(block),
        ", all kept": lambda: place.supervise(block, "--config", str(place.unlimited)),
        "tee FILE": lambda: place.tee(block),
    }
    for run in contenders.values():
        run()
    per_gib = lambda rounds: [[ms * 1024 / place.mib for ms in of_one] for of_one in rounds]
    return {name: (columns(of_one)[0], per_gib(columns(of_one)[1]))
            for name, of_one in bench.in_turn(contenders, rounds).items()}


def in_memory(bench, place, block, rounds):
    results = blocks(bench, place, block, rounds)
    what = f"{place.mib} MiB by {block // 1024} KiB"
    for how in ("", ", all kept"):
        for column, name, goal in ((0, "wall time", 1.0), (1, "CPU time per GiB", 2.0)):
            bench.row(GROUP, f"{name}, {what}{how}", "ms", results[how][column], "tee FILE", results["tee FILE"][column], goal)


def on_disk(bench, place, rounds):
    best = {name: min(ms for of_one in of_all[0] for ms in of_one)
            for name, of_all in blocks(bench, place, 64 * 1024, rounds).items()}
    for how in ("", ", all kept"):
        bench.row(GROUP, f"best wall time, {place.mib} MiB, on disk{how}", "ms", best[how], "tee FILE", best["tee FILE"])


def agent_line(number):
    """As Claude Code prints them: a tool call, its result, a text."""
    session = {"session_id": "060e9bd5-5438-4dba-a477-4777832cbad7", "uuid": f"e134aac7-{number}"}
    content = ({"type": "tool_use", "id": f"toolu_{number}", "name": "Bash", "input": {"command": "ls -la src/base"}},
               {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": "hi\n" * 60, "is_error": False},
               {"type": "text", "text": "I looked at the result and go on with the next thing. " * 6})[number % 3]
    role = "user" if content["type"] == "tool_result" else "assistant"
    message = {"id": f"msg_{number}", "type": "message", "role": role, "content": [content], "stop_reason": None}
    return json.dumps({"type": role, "message": message, **session}, separators=(",", ":")) + "\n"


def through_name(bench, place, name, lines):
    """(wall, CPU of all) in ms of `cat` by that name, below `supervise`."""
    program = bench.scratch / name
    if not program.exists():
        program.symlink_to(bench.here("cat"))
    place.prepare()
    since = time.monotonic()
    cpu = cpu_of(bench.spawn([bench.supervise, "--", str(program), str(lines)], place.environment))
    return (time.monotonic() - since) * 1e3, cpu


def agent_lines(bench, place, rounds):
    lines = bench.scratch / "lines.json"
    lines.write_text("".join(map(agent_line, range(100_000))))
    contenders = {name: lambda name=name: through_name(bench, place, name, lines) for name in ("claude", "plain")}
    for run in contenders.values():
        run()
    results = {name: columns(of_one) for name, of_one in bench.in_turn(contenders, rounds).items()}
    for what, of_known, of_unknown in zip(("wall", "CPU"), results["claude"], results["plain"]):
        bench.row(GROUP, f"{what} time, 100,000 lines of an agent", "ms", of_known, "of no agent", of_unknown)


def measure(bench):
    mib, rounds = bench.size(256, 128), bench.rounds(15)
    room = shutil.disk_usage(MEMORY).free if MEMORY.is_dir() else 0
    if room < 2 * mib * MIB:
        raise SystemExit(f"bench.py: {MEMORY} has no room for {2 * mib} MiB; name the other groups to go without output")
    with tempfile.TemporaryDirectory(prefix="supervise-bench-", dir=MEMORY) as directory:
        place = Place(bench, pathlib.Path(directory), mib)
        for block in (64 * 1024, 4 * 1024):
            in_memory(bench, place, block, rounds)
        agent_lines(bench, place, rounds)
    disk = bench.scratch / "disk"
    disk.mkdir()
    on_disk(bench, Place(bench, disk, mib), rounds)
