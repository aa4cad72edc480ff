"""What each agent program does in each case, and what `supervise` has to make of it: as a person would judge.

A case is a play of one act or more: each runs the program once, below `supervise`, against an endpoint that answers by
`turns` (../shared/agents/model_stub.py says what a turn may be). `ends`: "OUTCOME REASON STATUS" an act, the status being
the wrapper's. `but`: where a program is odd, what is true of it, and why.
"""

import os
import re
import signal

BEGIN = {"run": "supervise session begin review-1 --workflow review && supervise session advance change-context"}
TO_REVIEWS = {"run": "supervise session advance analysis && supervise session advance reviews"}
TO_THE_END = {"run": "supervise session advance aggregation && supervise session advance discourse &&"
                     " supervise session advance synthesis && supervise session advance complete"}
CLOSE = {"run": "supervise session close"}
HANG = {"hang": 600}


def say(text):
    return {"say": text}


class Case:
    def __init__(self, name, ends, play, but=None):
        self.name, self.ends, self.play, self.but = name, ends, play, but or {}

    def expected(self, program):
        """The ends, and why they are others than usual."""
        return self.but.get(program, (self.ends, ""))


# --- plays ---


def simple(*turns, options=(), says=None):
    def play(stage):
        stage.run(turns, *options)
        if says:
            stage.hold(re.search(says, stage.tops()[-1]["explanation"], re.I), f"{says} in its explanation")

    return play


def half_then_resumed(stage):
    stage.run([BEGIN, TO_REVIEWS, say("I stop here.")])
    stage.hold("still in phase reviews (4 of 8), round 1" in stage.tops()[0]["explanation"], "where it stopped")
    stage.hold(stage.tops()[0]["next"] == "supervise resume 1", "what to do next")
    stage.resume([TO_THE_END, CLOSE, say("Now it is complete.")], "1")
    stage.hold(stage.asked("Next: supervise session advance aggregation."), "it was told what is missing")
    stage.hold(stage.tops()[0]["outcome"] == "success", "that the first became a success too")
    same_conversation(stage)


def same_conversation(stage):
    first, second = stage.tops()
    stage.hold(first["agent_session"] and first["agent_session"] == second["agent_session"], "one conversation")
    stage.hold(first["agent_session"] in second["command"], "it was resumed by its id")


def failed_then_resumed(stage):
    stage.run([{"run": "echo before"}, {"error": 401, "type": "authentication_error"}])
    stage.resume([say("There we go.")], "@last")
    stage.hold(stage.asked("How your last run ended: exit 1"), "it was told how its last run ended")
    stage.hold(stage.asked("echo before"), "the conversation of before is there")
    same_conversation(stage)


def cut_for_good(stage):
    act = stage.start([{"cut": "begin"}])
    if stage.program.name == "opencode":
        stage.await_requests(6, act)
        stage.supervise("cancel", "@last")
    stage.end(act)


def cancelled(stage):
    act = stage.start([{"run": "echo one"}, HANG])
    stage.await_requests(2, act)
    stage.supervise("cancel", "@last", "--why", "enough")
    stage.end(act)


def interrupted(stage):
    """^C, as often as it takes."""
    act = stage.start([{"run": "echo one"}, HANG], terminal=True)
    stage.await_requests(2, act)
    for _ in range(3):
        act.key(b"\x03")
        if act.ended(10):
            break
    stage.end(act)


def killed(stage):
    act = stage.start([{"run": "echo one"}, HANG])
    stage.await_requests(2, act)
    os.kill(stage.tops()[0]["pid"], signal.SIGKILL)
    stage.end(act)


def straggler(stage):
    stage.run([{"run": "setsid -f sleep 987 </dev/null >/dev/null 2>&1; echo started"}, say("done")])
    killed_ones = [event["data"]["processes"] for event in stage.events("1") if event["type"] == "stragglers_killed"]
    stage.hold(any("sleep" in process["command"] for process in sum(killed_ones, [])), "sleep among the stragglers killed")


def nested(stage):
    stage.run([{"run": "supervise -- sh -c 'exit 0'; echo inner=$?"}, say("done")], "-s", "outer")
    stage.hold(stage.asked("inner=0"), "the inner wrapper exits 0")
    inner = [row for row in stage.rows() if row["parent_uid"]]
    stage.hold([(row["outcome"], row["reason"], row["drives"], row["session"]) for row in inner] ==
               [("success", "exit", False, "outer")], f"an inner one that helps: {inner}")


CASES = [
    Case("works all phases, closes", ["success completed 0"], simple(BEGIN, TO_REVIEWS, TO_THE_END, CLOSE, say("complete"))),
    Case("stops half-way, is resumed", ["success completed 75", "success completed 0"], half_then_resumed),
    Case("no session", ["success exit 0"], simple({"run": "echo one"}, say("done"))),
    Case("no session, --require-session", ["incomplete no-session 75"],
         simple({"run": "echo one"}, say("done"), options=["--require-session"])),
    Case("gives up after a failed tool", ["incomplete session-active 75"],
         simple(BEGIN, {"run": "exit 3"}, say("I give up."))),
    Case("rate limit, retries end", ["failed exit 1"],
         simple({"error": 429, "type": "rate_limit_error", "retry_after": 1}, says=r"\b429\b")),
    Case("unauthorized", ["failed exit 1"], simple({"error": 401, "type": "authentication_error"}, says=r"\b401\b")),
    Case("fails, is resumed by its id", ["failed exit 1", "success exit 0"], failed_then_resumed),
    Case("stream cut twice", ["success exit 0"], simple({"cut": "begin"}, {"cut": "begin"}, say("done"))),
    Case("stream cut for good", ["failed exit 1"], cut_for_good,
         {"opencode": (["cancelled cancelled 143"], "it tries again for ever: cancelled at its sixth try")}),
    Case("answers break, --idle-timeout", ["failed exit 1"], simple({"cut": ""}, options=["--idle-timeout", "12s"]),
         {"opencode": (["failed deadline 124"], "it tries again for ever, which is no activity")}),
    Case("token limit of an answer", ["failed exit 1"], simple({"say": "half a tho", "stop": "max_tokens"}),
         {"opencode": (["incomplete agent-unfinished 75"], "it exits 0; its last step_finish says \"length\"")}),
    Case("answer hangs, --idle-timeout", ["failed deadline 124"],
         simple({"run": "echo one"}, HANG, options=["--idle-timeout", "12s"])),
    Case("answer hangs, cancel", ["cancelled cancelled 143"], cancelled),
    Case("answer hangs, ^C", ["cancelled cancelled 130"], interrupted,
         {"claude": (["incomplete agent-unfinished 75"], "it takes ^C as a key, exits 0, and its result says \"aborted_streaming\""),
          "codex": (["failed exit 1"], "it takes ^C as a key, and exits 1 as after any error")}),
    Case("leaves a process behind", ["success exit 0"], straggler),
    Case("killed with -9", ["failed signal 137"], killed),
    Case("runs supervise inside", ["incomplete session-active 75"], nested),
]
