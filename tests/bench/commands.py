"""What it costs to run a command: `true`, run by each of them, from before the spawn to after the wait.

The ledgers are not brought into order between the runs: a ledger's write-ahead log grows until SQLite takes it in, and
whoever opens it reads it; so there are enough runs for both ledgers to go through that several times.

What stands beside it, and why:
  floor       the least that a program can do which records a command with the same libraries
  floor -s    the same on a ledger of ours, with an event beside each of its two writes: what the schema alone costs
  tini        an init of a container: spawns, passes signals on, waits, reaps
  dumb-init   the same
  timeout     spawns and waits, with a deadline
  conmon      watches a container's command for podman, and keeps its output; with a runtime of ours (runtime.c), which
              spawns and is a process more. It doesn't sync its log, as we don't
  chronic     keeps the output back until it knows how the command ended (Perl)
  script      gives the command a terminal of its own and keeps the output; beside `supervise --capture=pty`
  nq, tsp     keep the output of what they are given, and return before (nq) or when (tsp -nf, by way of its server,
              whose CPU time isn't seen) it has ended
  true        the command alone
Not compared: pee, which runs no command of its own but shells to read its stdin; supervisord, which starts nothing on
demand (its memory stands beside ours); cron and at, whose unit is a minute.
"""

GROUP = "one command, `true`"


def contenders(bench):
    """(what, argv, [(peer, its argv, goal)])."""
    ours = [bench.supervise, "--", "true"]
    floor = [str(bench.tools / "floor"), str(bench.scratch / "floor.db"), "true"]
    ledger = bench.state / "supervise" / "floor.db"
    bench.say("--db", str(ledger), "--", "true")
    schema = [str(bench.tools / "floor"), "-s", str(ledger), "true"]
    pty = [bench.supervise, "--capture=pty", "--", "true"]
    peers = [
        ("tini -s -- true", ["tini", "-s", "--", "true"], 2.5),
        ("dumb-init true", ["dumb-init", "true"], None),
        ("timeout 10 true", ["timeout", "10", "true"], None),
        ("conmon", bench.conmon("true", "true"), None),
        ("chronic true", ["chronic", "true"], None),
        ("nq true (doesn't wait)", ["nq", "-q", "true"], None),
        ("tsp -nf true", ["tsp", "-nf", "true"], None),
        ("true", ["true"], None),
    ]
    script = ["script", "-qec", "true", str(bench.scratch / "typescript")]
    return [
        ("supervise -- true", ours, [("floor", floor, 1.25), ("floor -s (our schema)", schema, None), *peers]),
        ("supervise --capture=pty -- true", pty, [("script -qec true FILE", script, None)]),
    ]


def batch(bench, argv, runs):
    times = bench.times(runs, argv)
    if argv[0] == "nq":
        bench.spawn(["nq", "-w"]).wait()  # what it left running must not disturb the next
    return times


def measure(bench):
    runs, rounds = bench.size(10, 5), bench.rounds(40)
    groups = contenders(bench)
    everybody = {name: argv for what, ours, peers in groups for name, argv, *_ in [(what, ours), *peers] if bench.here(argv[0])}
    try:
        for argv in everybody.values():
            batch(bench, argv, runs)
        results = bench.in_turn({name: lambda argv=argv: batch(bench, argv, runs) for name, argv in everybody.items()}, rounds)
    finally:
        if bench.here("tsp"):
            bench.spawn(["tsp", "-K"]).wait()
    for what, _, peers in groups:
        for name, _, goal in peers:
            bench.timed(GROUP, what, results[what], name, results.get(name), goal)
