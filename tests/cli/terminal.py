"""A terminal with a person at it: a pseudo-terminal that the test holds the other end of, with a program in it, keys
that are sent, and what shows on its screen awaited.

`TerminalCase.window(...)` opens one. The program in it is by default what a job-control shell would have started: a
group in the foreground, below the leader of the session. With `leads=True` it leads the session itself, as a shell
does, or a program that a terminal emulator runs directly.
"""

import fcntl
import os
import pathlib
import re
import select
import signal
import struct
import termios
import time

from harness import BIN, Case, PATIENCE, Result, SANITIZER, alive, probe, state_of, text_of, wait_for

PROMPT = "at-your-service> "
CONTROL_C, CONTROL_D, CONTROL_Z, CONTROL_BACKSLASH = b"\x03", b"\x04", b"\x1a", b"\x1c"


def size_of(fd):
    """(rows, columns)"""
    return struct.unpack("HHHH", fcntl.ioctl(fd, termios.TIOCGWINSZ, bytes(8)))[:2]


def without_waiting(fd, data):
    try:
        return os.write(fd, data)
    except BlockingIOError:
        return 0


class Window:
    def __init__(self, case, argv, *, rows=30, columns=100, env=None, leads=False, streams=None):
        """`streams`: {1: path}: that stream goes to a file (0: comes from it) and not to the terminal."""
        self.case, self.argv, self.screen, self.seen, self.status = case, argv, bytearray(), 0, None
        self.master, slave = os.openpty()
        self.name = os.ttyname(slave)
        self.resize(rows, columns)
        environment = dict(case.env, TERM="dumb")
        for name, value in (env or {}).items():
            environment.pop(name, None)
            if value is not None:
                environment[name] = value
        self.told, says = os.pipe()
        held, self.hold = os.pipe()
        self.leader = os.fork()
        if self.leader == 0:
            try:
                for fd in set(range(3, 256)) - {slave, says, held}:  # no other window's other end, above all
                    os.closerange(fd, fd + 1)
                self._lead(slave, says, held, leads, environment, streams or {})
            finally:
                os._exit(99)
        for fd in (slave, says, held):
            os.close(fd)
        os.set_blocking(self.master, False)
        self.pid = struct.unpack("i", os.read(self.told, 4))[0]

    # --- in the process of the session's leader ---

    def _lead(self, slave, says, held, leads, environment, streams):
        for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):  # what Python has made of them
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        if leads:
            os.write(says, struct.pack("i", os.getpid()))
            self._become(slave, environment, streams)
        for number in (signal.SIGTTOU, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        ready, go = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.setpgid(0, 0)
            os.close(go)
            os.read(ready, 1)
            for number in (signal.SIGTTOU, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            self._become(slave, environment, streams)
        os.setpgid(pid, pid)
        os.tcsetpgrp(slave, pid)
        os.write(says, struct.pack("i", pid))
        os.close(go)
        os.write(says, struct.pack("i", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])))
        os.close(says)
        os.read(held, 1)  # the session, and with it the modes of the terminal, stays until the window is closed
        os._exit(0)

    def _become(self, slave, environment, streams):
        for fd in range(3):
            source = slave
            if fd in streams:
                source = os.open(streams[fd], os.O_RDONLY if fd == 0 else os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
            os.dup2(source, fd)
        os.closerange(3, 64)
        os.chdir(self.case.work)
        os.execvpe(self.argv[0], self.argv, environment)

    # --- the screen ---

    @property
    def out(self):
        return text_of(bytes(self.screen))

    def pump(self, seconds=0.02):
        """Takes in what comes within that time; False once the terminal has no program any more."""
        if self.master < 0:
            return False
        if select.select([self.master], [], [], seconds)[0]:
            try:
                data = os.read(self.master, 1 << 16)
            except BlockingIOError:
                return True
            except OSError:
                return False
            self.screen += data
        return True

    def until(self, predicate, what, deadline=PATIENCE):
        """Reads the screen until the predicate says something true."""
        end = time.monotonic() + deadline
        while not (value := predicate()):
            if time.monotonic() > end:
                left = [f"{pid} {state_of(pid)} {command}" for pid, command in self.case.survivors().items()]
                raise AssertionError(f"no {what}; screen: {self.out[-3000:]!r}; running: {left}")
            self.pump()
        return value

    def expect(self, pattern, deadline=PATIENCE):
        """The next match of a regular expression (text: as it stands) on the screen; what stands before it is past."""
        wanted = pattern if isinstance(pattern, re.Pattern) else re.compile(re.escape(pattern))

        def look():
            return wanted.search(text_of(bytes(self.screen[self.seen:])))

        found = self.until(look, f"{wanted.pattern!r} on the screen", deadline)
        self.seen += len(text_of(bytes(self.screen[self.seen:]))[:found.end()].encode("utf-8", "surrogateescape"))
        return found

    # --- the keys ---

    def send(self, data, deadline=PATIENCE):
        """Types; reads the screen meanwhile, as a terminal does."""
        data = data.encode() if isinstance(data, str) else data
        end = time.monotonic() + deadline
        while data:
            if time.monotonic() > end:
                raise AssertionError(f"{len(data)} bytes could not be typed; screen: {self.out[-2000:]!r}")
            _, room, _ = select.select([], [self.master], [], 0.02)
            if room:
                data = data[without_waiting(self.master, data[:4096]):]
            self.pump(0)

    def send_what_fits(self, data, quiet=0.5):
        """Types until nothing goes in any more for that long; how much did."""
        sent, last = 0, time.monotonic()
        while sent < len(data) and time.monotonic() - last < quiet:
            if select.select([], [self.master], [], 0.02)[1] and (
                    length := without_waiting(self.master, data[sent:sent + 4096])):
                sent, last = sent + length, time.monotonic()
            self.pump(0)
        return sent

    def line(self, text):
        self.send(text + "\n")

    # --- the terminal ---

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def modes(self):
        return termios.tcgetattr(self.master)

    def is_raw(self):
        return not self.modes()[3] & termios.ICANON

    def foreground(self):
        return os.tcgetpgrp(self.master)

    # --- the end ---

    def close(self):
        """The window is closed: the line is hung up."""
        if self.master >= 0:
            os.close(self.master)
            self.master = -1

    def ended(self):
        """Whether the program has ended; its code is then in `status`. Only for one that doesn't lead."""
        if self.status is None and select.select([self.told], [], [], 0)[0]:
            data = os.read(self.told, 4)
            self.status = struct.unpack("i", data)[0] if len(data) == 4 else -99
        return self.status is not None

    def finish(self, deadline=PATIENCE):
        """Waits for the end of the program, and reads what it left on the screen."""
        if self.pid == self.leader:
            def over():
                pid, status = os.waitpid(self.leader, os.WNOHANG)
                if pid:
                    self.status = os.waitstatus_to_exitcode(status)
                return pid
            self.until(over, f"end of {self.argv!r}", deadline)
            self.leader = 0
        else:
            self.until(self.ended, f"end of {self.argv!r}", deadline)
        while self.master >= 0 and select.select([self.master], [], [], 0.02)[0] and self.pump(0):
            pass
        self.case.assertIsNone(SANITIZER.search(self.screen), self.out)
        return Result(self.status, self.out, "")

    def give_up(self):
        self.close()
        os.close(self.hold)
        os.close(self.told)
        if self.leader:
            try:
                os.kill(self.leader, signal.SIGKILL)
            except ProcessLookupError:
                pass
            os.waitpid(self.leader, 0)


class TerminalCase(Case):
    """`window(...)` runs `supervise ARGS` on a terminal of its own; `shell_window()` an interactive bash."""

    def setUp(self):
        super().setUp()
        self.windows, self.shells = [], []

    def survivors(self):
        """The shells of shell_window() are no leftovers."""
        return {pid: command for pid, command in super().survivors().items() if pid not in self.shells}

    def end(self):
        try:
            super().end()
        finally:
            for window in self.windows:
                window.give_up()

    def window(self, *args, program=BIN, **how):
        window = Window(self, [program, *map(str, args)], **how)
        self.windows.append(window)
        return window

    def shell_window(self, **how):
        """bash with job control and without a line editor, so that the terminal's modes are nobody's but ours."""
        env = {"PS1": PROMPT, "PS2": "", "HISTFILE": None, **how.pop("env", {})}
        window = self.window("--norc", "--noprofile", "--noediting", "-i", program="/bin/bash", leads=True, env=env, **how)
        self.shells.append(window.pid)
        window.expect(PROMPT)
        return window

    def at_prompt(self, window, text):
        """One command at the shell's prompt; what it showed, its echo left out."""
        window.line(text)
        window.expect("\n")
        begin = window.seen
        window.expect(PROMPT)
        return text_of(bytes(window.screen[begin:window.seen]))[:-len(PROMPT)].replace("\r\n", "\n")

    def log(self, ref="@last", *args):
        return self.ok("log", ref, *args).out

    def wait_state(self, pid, letters):
        wait_for(lambda: state_of(pid) in letters, f"state {letters} of {pid}, which is {state_of(pid)}")

    def wait_gone(self, *pids):
        wait_for(lambda: not any(alive(pid) for pid in pids), f"the end of {pids}")

    def leader_of(self, row):
        """The process between `supervise` and the child."""
        stat = pathlib.Path(f"/proc/{row['pid']}/stat").read_text().rpartition(")")[2].split()
        return int(stat[1])


class Probes(TerminalCase):
    """What most of these tests begin with."""

    def ready(self, *args, options=(), **how):
        window = self.window(*options, "--", probe("ready"), *args, **how)
        return window, int(window.expect(re.compile(r"ready (\d+)\r+\n"))[1])

    def keys(self, *args, options=(), **how):
        """`keys` that writes to the file "typed"."""
        *modes, count = args
        window = self.window(*options, "--", probe("keys"), *modes, self.work / "typed", count, **how)
        return window, int(window.expect(re.compile(r"ready (\d+)\r+\n"))[1])

    def typed(self):
        return (self.work / "typed").read_bytes()

    def count(self, window, pid, name):
        return len(re.findall(rf"(?<!\d){pid} {name} \d+\r", window.out))

    def child_terminal(self, pid):
        fd = os.open(f"/proc/{pid}/fd/0", os.O_RDWR | os.O_NOCTTY)
        self.addCleanup(os.close, fd)
        return fd

    def wait_raw(self, window):
        window.until(window.is_raw, "raw mode outside")
