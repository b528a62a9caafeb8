"""On a terminal: the live lines, and Ctrl-C typed there."""
import os
import pty
import select
import signal
import struct
import subprocess
import time
from fcntl import ioctl
from termios import TIOCSWINSZ

import servers
from place import wait_until
from servers import Endpoint
from test_kill import PLAN, done_leaves, leaves


class Terminal:
    """hlua with a terminal of its own."""

    def __init__(self, place, *arguments, rows=30, columns=100):
        self.master, slave = pty.openpty()
        ioctl(slave, TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen(
            [servers.HLUA, "plan.lua", *arguments], env={**place.environment, "TERM": "xterm"}, cwd=place.folder, stdin=slave,
            stdout=slave, stderr=slave, start_new_session=True,
            preexec_fn=lambda: ioctl(0, 0x540E, 0))  # TIOCSCTTY: its controlling terminal
        os.close(slave)
        self.text = ""

    def read(self):
        """Takes what is there now."""
        while select.select([self.master], [], [], 0)[0]:
            try:
                more = os.read(self.master, 65536)
            except OSError:  # the other side is closed
                return
            self.text += more.decode(errors="replace")

    def type(self, text):
        os.write(self.master, text.encode())

    def end(self, timeout=60):
        limit = time.monotonic() + timeout * servers.SLOW
        while self.process.poll() is None:
            self.read()
            if time.monotonic() > limit:
                self.process.kill()
                raise AssertionError(f"hlua was not done: {self.text[-2000:]}")
            time.sleep(0.01)
        self.read()
        os.close(self.master)
        assert "Sanitizer" not in self.text and "runtime error:" not in self.text, self.text[-6000:]
        return self.process.returncode


def test_live_lines_and_closing_screen(place):
    leaves(place, leaves=60, rows=200)
    place.plan(PLAN)
    with Endpoint("--latency-ms", "20") as endpoint:
        place.target(endpoint.url)
        terminal = Terminal(place)
        assert terminal.end() == 0, terminal.text[-3000:]
        for word in ("Target", "items/s", "WU/s", "flight", "retries", "rejects", "12,000 rows read", "12,000 written", "done"):
            assert word in terminal.text, (word, terminal.text[-3000:])
        assert terminal.text.count("items/s") > 2, "the block was not drawn again"


def test_control_c_twice(place):
    leaves(place, leaves=150, rows=100)
    place.plan(PLAN)
    with Endpoint("--latency-ms", "20") as endpoint:
        place.target(endpoint.url)
        terminal = Terminal(place)
        wait_until(lambda: terminal.read() or done_leaves(place), "a chunk")
        terminal.type("\x03")
        assert terminal.end() == 130, terminal.text[-3000:]
        assert "interrupt" in terminal.text.lower() or "stopping" in terminal.text.lower(), terminal.text[-3000:]
        endpoint.faults("op=BatchWriteItem,from=10,what=delay,ms=60000")
        begin = endpoint.writes()
        terminal = Terminal(place)
        wait_until(lambda: terminal.read() or endpoint.writes() > begin + 12, "writes that hang")
        terminal.type("\x03")
        time.sleep(0.5)
        terminal.read()
        assert terminal.process.poll() is None
        terminal.type("\x03")
        assert terminal.end(10) in (130, -signal.SIGINT), terminal.text[-3000:]
        endpoint.faults()
        assert place.hlua("migrate").counts() == (15_000, 15_000, 0, 0, 0)
