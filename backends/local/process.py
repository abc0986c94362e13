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
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from backends.errors import FailureKind

ROOT = Path(__file__).parents[2]
POLL_SECONDS = 0.05  #: seconds between two looks at the child
TERMINATE_SECONDS = 1.0  #: seconds between SIGTERM and SIGKILL
MAX_LINE_BYTES = 1 << 16  #: bytes; of a longer line, and of standard error, only the end is kept
MIN_CPU_SECONDS = (
    0.5  #: seconds of processor time that are a sign of life; a child that hangs takes none
)
PROCESS_GUARD = (sys.executable, "-m", "backends.local.process_guard")
MAX_READ_BYTES = 1 << 20  #: bytes read from a pipe at one look at most

#: what a child learns of our environment; keys and tokens are not among it
PASSED_VARIABLES = (
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
FIXED_VARIABLES = {
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "ORT_DISABLE_TELEMETRY": "1",
}


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """What a child may take.

    Attributes:
        max_seconds: from its start to its end.
        stall_seconds: seconds between two signs of life: a line that is one, or work done.
        max_memory: bytes of main memory that it and its children hold at any time.
        nice: how far it stands back for what people wait for now, 0 to 19.
    """

    max_seconds: float
    stall_seconds: float
    max_memory: int
    nice: int = 10


@dataclass(frozen=True, slots=True)
class ProcessResult:
    """How a child ended.

    Attributes:
        exit_code: its exit code; negative: the signal that killed it.
        stderr: the end of what it wrote there.
        broken_limit: which limit it broke, for which we ended it.
    """

    exit_code: int
    stderr: bytes
    broken_limit: FailureKind | None = None


async def run_supervised(
    command: Sequence[str], limits: ProcessLimits, on_line: Callable[[bytes], bool]
) -> ProcessResult:
    """Run *command* to its end, or to that of its limits or of our task.

    When this returns or raises, no process of its group is left.

    Args:
        command: the program and its arguments.
        limits: what it may take.
        on_line: called with each line of its standard output; whether it is a sign of life.

    Raises:
        OSError: it could not be started: no such program, no processes or no memory left.
    """
    process = subprocess.Popen(  # noqa: ASYNC220, S603 - asyncio blocks as long; no shell
        [*PROCESS_GUARD, str(os.getpid()), str(limits.nice), *command],
        cwd=ROOT,
        env=filter_environment(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with closing(_ProcessMonitor(process, limits, on_line)) as monitor:
        try:
            while process.poll() is None and not monitor.has_broken_limit():  # noqa: ASYNC110 - threads run out
                await asyncio.sleep(POLL_SECONDS)
        finally:
            await _stop(process)
    return ProcessResult(process.returncode, monitor.stderr, monitor.broken_limit)


def filter_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What a child may know of *environment*, and what keeps its libraries calm."""
    return {
        key: environment[key] for key in PASSED_VARIABLES if key in environment
    } | FIXED_VARIABLES


async def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the child's whole group: by asking, and after a grace by force."""
    try:
        await _terminate(process)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await _reap(process)


async def _reap(process: subprocess.Popen[bytes]) -> None:
    """Wait until the kernel has ended the killed child; a cancel is raised only then.

    That may take seconds, for one that holds much memory or that is traced; polling needs no
    thread and leaves the event loop free.
    """
    cancelled = None
    while process.poll() is None:
        try:
            await asyncio.sleep(POLL_SECONDS)
        except asyncio.CancelledError as err:
            cancelled = err
    if cancelled is not None:
        raise cancelled


async def _terminate(process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + TERMINATE_SECONDS
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
    while process.poll() is None and time.monotonic() < deadline:  # noqa: ASYNC110 - see above
        await asyncio.sleep(POLL_SECONDS)


class _ProcessMonitor:
    """What a child says and takes."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        limits: ProcessLimits,
        on_line: Callable[[bytes], bool],
    ) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self._pid, self._stdout, self._stderr = process.pid, process.stdout, process.stderr
        for pipe in (self._stdout, self._stderr):
            os.set_blocking(pipe.fileno(), False)
        self._limits, self._on_line = limits, on_line
        self._started_at = self._last_sign_at = time.monotonic()
        self._cpu_seconds = 0.0
        self._partial_line = b""  # of standard output, not yet whole
        self.stderr = b""
        self.broken_limit: FailureKind | None = None

    def has_broken_limit(self) -> bool:
        """Whether the child broke a limit; empties its pipes in passing."""
        self._read_pipes()
        now = time.monotonic()
        if (work := read_cpu_seconds(self._pid)) - self._cpu_seconds > MIN_CPU_SECONDS:
            self._last_sign_at, self._cpu_seconds = now, work
        if (
            now - self._started_at > self._limits.max_seconds
            or now - self._last_sign_at > self._limits.stall_seconds
        ):
            self.broken_limit = FailureKind.TOO_SLOW
        elif read_memory(self._pid) > self._limits.max_memory:
            self.broken_limit = FailureKind.NO_MEMORY
        return self.broken_limit is not None

    def close(self) -> None:
        """Hear the rest, and close the pipes."""
        self._read_pipes()
        self._stdout.close()
        self._stderr.close()

    def _read_pipes(self) -> None:
        self.stderr = (self.stderr + _read_available(self._stderr))[-MAX_LINE_BYTES:]
        *lines, rest = (self._partial_line + _read_available(self._stdout)).split(b"\n")
        self._partial_line = rest[-MAX_LINE_BYTES:]
        for line in lines:
            if self._on_line(line):
                self._last_sign_at = time.monotonic()


def _read_available(pipe: IO[bytes]) -> bytes:
    """What can be read at once, up to a gulp."""
    chunks = []
    size = 0
    with suppress(BlockingIOError):
        while size < MAX_READ_BYTES and (chunk := os.read(pipe.fileno(), MAX_LINE_BYTES)):
            chunks.append(chunk)
            size += len(chunk)
    return b"".join(chunks)


def read_memory(pid: int) -> int:
    """Bytes of main memory that a process and its children hold; 0 where there is no /proc."""
    pages = sum(
        int(_read_proc_file(process, "statm", "0 0").split()[1])
        for process in _iterate_process_tree(pid)
    )
    return pages * os.sysconf("SC_PAGE_SIZE")


def read_cpu_seconds(pid: int) -> float:
    """Seconds of it that a process and its children took; 0 where there is no /proc."""
    stats = (
        _read_proc_file(process, "stat", ")" + " 0" * 13).rpartition(")")[2]
        for process in _iterate_process_tree(pid)
    )
    ticks = sum(int(field) for stat in stats for field in stat.split()[11:13])
    return ticks / os.sysconf("SC_CLK_TCK")


def _iterate_process_tree(pid: int) -> Iterator[int]:
    yield pid
    for child in _read_proc_file(pid, f"task/{pid}/children").split():
        yield from _iterate_process_tree(int(child))


def _read_proc_file(pid: int, file: str, default: str = "") -> str:
    try:
        return Path(f"/proc/{pid}/{file}").read_text()
    except OSError:
        return default
