"""Processes that are forked from one which has imported everything already."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Self

from tests.bot.support.programs import PROGRAMS
from tests.support.paths import ROOT

STARTER = PROGRAMS / "fork_server.py"


class Forked:
    """One of them; as `subprocess.Popen`, as far as that is needed."""

    def __init__(self, pid: int, end: Path) -> None:
        self.pid, self._end = pid, end
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code, if it ended."""
        if self.returncode is None and self._end.exists():
            self.returncode = int(self._end.read_text())
        return self.returncode

    def wait(self) -> int:
        """Wait for its end."""
        while (code := self.poll()) is None:
            time.sleep(0.002)
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it by force."""
        self.send_signal(signal.SIGKILL)


class Nursery:
    """The process that they come from; started when the first is wanted."""

    def __init__(self) -> None:
        self._ends = tempfile.TemporaryDirectory()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            assert self._process.stdin
            assert self._process.stdout
            self._process.stdin.close()
            self._process.wait(10)
            self._process.stdout.close()
        self._ends.cleanup()

    def fork(self, environment: dict[str, str], output: Path, tools: Path) -> Forked:
        """Start a bot."""
        with self._lock:
            process = self._process = self._process or subprocess.Popen(
                [sys.executable, str(STARTER), self._ends.name],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            assert process.stdin
            assert process.stdout
            order = {"environment": environment, "output": str(output), "tools": str(tools)}
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
            pid = int(process.stdout.readline())
        return Forked(pid, Path(self._ends.name) / str(pid))
