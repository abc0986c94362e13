"""A command in a process of its own: it may hang, crash, flood us or eat memory, and only it ends.

No thread and no watcher of asyncio's is needed, because threads are among the things that run out
(FAULTS, R02): the child's pipes are emptied in passing, a few times a second, so that however much
it writes it can neither block nor fill our memory.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from backends.errors import Why

ROOT = Path(__file__).parents[2]
TICK = 0.05  #: seconds between two looks at the child
GRACE = 1.0  #: seconds between SIGTERM and SIGKILL
LINE = 1 << 16  #: bytes; of a longer line, and of standard error, only the end is kept
WORK = 0.5  #: seconds of processor time that are a sign of life; a child that hangs takes none
LEASH = (sys.executable, "-m", "backends.local.process_guard")
GULP = 1 << 20  #: bytes read from a pipe at one look at most

#: what a child learns of our environment; keys and tokens are not among it
PASSED_ON = (
    "CUDA_VISIBLE_DEVICES",
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "NUMBA_CACHE_DIR",
    "PATH",
    "PYTHONPATH",
    "TMPDIR",
    "TZ",
    "U2NET_HOME",
    "XDG_CACHE_HOME",
)
#: for libraries that start a thread for each processor of the host, and one that calls home
CALMED = {
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "ORT_DISABLE_TELEMETRY": "1",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may take.

    Attributes:
        seconds: from its start to its end.
        patience: seconds between two signs of life: a line that is one, or work done.
        memory: bytes of main memory that it and its children hold at any time.
        nice: how far it stands back for what people wait for now, 0 to 19.
    """

    seconds: float
    patience: float
    memory: int
    nice: int = 10


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended.

    Attributes:
        code: its exit code; negative: the signal that killed it.
        stderr: the end of what it wrote there.
        why: which limit it broke, for which we ended it.
    """

    code: int
    stderr: bytes
    why: Why | None = None


async def run(command: Sequence[str], limits: Limits, heard: Callable[[bytes], bool]) -> Ended:
    """Run *command* to its end, or to that of its limits or of our task.

    When this returns or raises, no process of its group is left.

    Args:
        command: the program and its arguments.
        limits: what it may take.
        heard: called with each line of its standard output; whether it is a sign of life.

    Raises:
        OSError: it could not be started: no such program, no processes or no memory left.
    """
    process = subprocess.Popen(  # noqa: ASYNC220, S603 - asyncio blocks as long; no shell
        [*LEASH, str(os.getpid()), str(limits.nice), *command],
        cwd=ROOT,
        env=scrubbed(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    watch = _Watch(process, limits, heard)
    try:
        while process.poll() is None and not watch.broken():  # noqa: ASYNC110 - see above
            await asyncio.sleep(TICK)
    finally:
        await _stop(process)
        watch.close()
    return Ended(process.returncode, watch.stderr, watch.why)


def scrubbed(environment: Mapping[str, str]) -> dict[str, str]:
    """What a child may know of *environment*, and what keeps its libraries calm."""
    return {key: environment[key] for key in PASSED_ON if key in environment} | CALMED


async def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the child's whole group: by asking, and after a grace by force."""
    try:
        await _asked_to_stop(process)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


async def _asked_to_stop(process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + GRACE
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
    while process.poll() is None and time.monotonic() < deadline:  # noqa: ASYNC110 - see above
        await asyncio.sleep(TICK)


class _Watch:
    """What a child says and takes."""

    def __init__(
        self, process: subprocess.Popen[bytes], limits: Limits, heard: Callable[[bytes], bool]
    ) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self._pid, self._stdout, self._stderr = process.pid, process.stdout, process.stderr
        for pipe in (self._stdout, self._stderr):
            os.set_blocking(pipe.fileno(), False)
        self._limits, self._heard = limits, heard
        self._began = self._alive = time.monotonic()
        self._work = 0.0
        self._line = b""  # of standard output, not yet whole
        self.stderr = b""
        self.why: Why | None = None

    def broken(self) -> bool:
        """Whether the child broke a limit; empties its pipes in passing."""
        self._listen()
        now = time.monotonic()
        if (work := processor_time(self._pid)) - self._work > WORK:
            self._alive, self._work = now, work
        if now - self._began > self._limits.seconds or now - self._alive > self._limits.patience:
            self.why = Why.TOO_SLOW
        elif memory(self._pid) > self._limits.memory:
            self.why = Why.NO_MEMORY
        return self.why is not None

    def close(self) -> None:
        """Hear the rest, and close the pipes."""
        self._listen()
        self._stdout.close()
        self._stderr.close()

    def _listen(self) -> None:
        self.stderr = (self.stderr + _waiting_in(self._stderr))[-LINE:]
        *lines, rest = (self._line + _waiting_in(self._stdout)).split(b"\n")
        self._line = rest[-LINE:]
        for line in lines:
            if self._heard(line):
                self._alive = time.monotonic()


def _waiting_in(pipe: IO[bytes]) -> bytes:
    """What can be read at once, up to a gulp."""
    chunks = []
    size = 0
    with suppress(BlockingIOError):
        while size < GULP and (chunk := os.read(pipe.fileno(), LINE)):
            chunks.append(chunk)
            size += len(chunk)
    return b"".join(chunks)


def memory(pid: int) -> int:
    """Bytes of main memory that a process and its children hold; 0 where there is no /proc."""
    pages = sum(int(_read(process, "statm", "0 0").split()[1]) for process in _family(pid))
    return pages * os.sysconf("SC_PAGE_SIZE")


def processor_time(pid: int) -> float:
    """Seconds of it that a process and its children took; 0 where there is no /proc."""
    stats = (_read(process, "stat", ")" + " 0" * 13).rpartition(")")[2] for process in _family(pid))
    ticks = sum(int(field) for stat in stats for field in stat.split()[11:13])
    return ticks / os.sysconf("SC_CLK_TCK")


def _family(pid: int) -> Iterator[int]:
    yield pid
    for child in _read(pid, f"task/{pid}/children").split():
        yield from _family(int(child))


def _read(pid: int, file: str, otherwise: str = "") -> str:
    try:
        return Path(f"/proc/{pid}/{file}").read_text()
    except OSError:
        return otherwise
