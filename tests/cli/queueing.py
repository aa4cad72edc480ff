"""What the tests of the queue and of the daemon share: nothing is started by itself, and a daemon that a test starts is
ended by its pid."""

import os
import signal

from harness import BIN, Case, alive, wait_for

SETTINGS = "[queue]\nslots = {slots}\nautostart = {autostart}\nidle = '{idle}'\n"


class QueueCase(Case):
    def setUp(self):
        super().setUp()
        self.queue_settings()
        self.addCleanup(self.end_daemon)  # before end() looks for survivors

    def queue_settings(self, slots=1, autostart=False, idle="50ms", more=""):
        self.config(SETTINGS.format(slots=slots, autostart=str(autostart).lower(), idle=idle) + more)

    def add(self, *args, **how):
        """The UID of what is queued."""
        return self.ok("queue", "add", *args, **how).out.strip()

    def daemon(self, *args, **how):
        return self.start("daemon", *args, **how)

    def daemon_pid(self):
        """Of the daemon that runs by itself, from its lock; None where none does."""
        try:
            pid = int(self.db.with_name("supervise.db.daemon").read_text().split()[0])
            program = os.readlink(f"/proc/{pid}/exe")
        except (OSError, ValueError, IndexError):
            return None
        return pid if program == BIN and alive(pid) and pid in self.survivors() else None

    def end_daemon(self):
        for running in self.started:
            if running.process.poll() is None and "daemon" in running.process.args:
                running.kill(signal.SIGTERM)
        pid = self.daemon_pid()
        if pid:
            os.kill(pid, signal.SIGTERM)
            wait_for(lambda: not alive(pid), "the end of the daemon")

    def all_ended(self):
        wait_for(lambda: all(row["state"] == "finished" for row in self.rows()), "the end of all that is queued")
        return self.rows()

    def drain(self):
        """Runs what is queued to its end, by a daemon that ends by itself."""
        self.daemon("--until-idle").finish()
        return self.rows()

    def queued(self):
        return [row["id"] for row in self.json("queue", "list")]
