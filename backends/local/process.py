"""Run a command in a child process, which may hang, crash, write without end or use all memory.

Neither a thread nor asyncio's child watcher is used, because threads are among the things that run
out: the event loop empties the child's pipes a few times a second, so that output of
any size neither blocks the child nor fills our memory.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from backends.errors import FailureKind

ROOT = Path(__file__).parents[2]
POLL_SECONDS = 0.05  #: seconds between two looks at the child's state and pipes
MEASURE_SECONDS = 0.2  #: seconds between two measurements of its processes, which read all of /proc
TERMINATE_SECONDS = 1.0  #: seconds between SIGTERM and SIGKILL
MAX_LINE_BYTES = 1 << 16  #: a longer line, and standard error, keep their last bytes only
MIN_CPU_SECONDS = 0.5  #: of processor time count as a sign of life; a child that hangs uses none
PROCESS_GUARD = (sys.executable, "-m", "backends.local.process_guard")
MAX_READ_BYTES = 1 << 20  #: read from a pipe at one look

#: variables of our environment that a child receives; keys and tokens are not among them
PASSED_VARIABLES = (
    "CUDA_VISIBLE_DEVICES",
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "PATH",
    "PYTHONPATH",
    "TMPDIR",
    "TZ",
    "U2NET_HOME",
    "XDG_CACHE_HOME",
)
#: as `video_editing.concurrency.configure_libraries` sets them
FIXED_VARIABLES = {
    "MKL_NUM_THREADS": "1",
    "NUMBA_DISABLE_JIT": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "ORT_DISABLE_TELEMETRY": "1",
}


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """Limits of a child process.

    Attributes:
        max_seconds: from its start to its end.
        stall_seconds: between two signs of life: an accepted line, or processor time used.
        max_memory: bytes of main memory that it and its descendants hold at any time.
        nice: niceness, 0 to 19; a higher one yields to work that a user waits for.
        is_memory_hard: whether the kernel refuses the child more memory than that as well, which
            is measured too rarely to stop sudden growth. CUDA takes more of it than it uses.
    """

    max_seconds: float
    stall_seconds: float
    max_memory: int
    nice: int = 10
    is_memory_hard: bool = True


@dataclass(frozen=True, slots=True)
class ProcessResult:
    """How a child process ended.

    Attributes:
        exit_code: its exit code; negative: the signal that killed it.
        stderr: the last `MAX_LINE_BYTES` of its standard error.
        broken_limit: the limit for which we ended it, if any.
    """

    exit_code: int
    stderr: bytes
    broken_limit: FailureKind | None = None


async def run_supervised(
    command: Sequence[str], limits: ProcessLimits, on_line: Callable[[bytes], bool]
) -> ProcessResult:
    """Run *command* until it ends, breaks a limit or our task is cancelled.

    When this returns or raises, no process of the child's group is left.

    Args:
        command: the program and its arguments.
        limits: what it may use.
        on_line: receives each line of standard output; returns whether it is a sign of life.

    Raises:
        OSError: the child cannot be started: no such program, no processes or no memory left.
    """
    memory = limits.max_memory if limits.is_memory_hard else -1
    process = subprocess.Popen(  # noqa: ASYNC220, S603 - asyncio blocks as long; no shell
        [*PROCESS_GUARD, str(os.getpid()), str(limits.nice), str(memory), *command],
        cwd=ROOT,
        env=filter_environment(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with closing(_ProcessMonitor(process, limits, on_line)) as monitor:
        try:
            while not (_has_ended(process) or monitor.has_broken_limit()):
                await _pause()
        finally:
            await _stop(process)
    return ProcessResult(process.returncode, monitor.stderr, monitor.broken_limit)


def filter_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a child: a part of ours, and limits for its libraries."""
    return {
        key: environment[key] for key in PASSED_VARIABLES if key in environment
    } | FIXED_VARIABLES


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is not None


async def _pause() -> None:
    """Let other tasks run until the next look; an event would need a thread that sets it."""
    await asyncio.sleep(POLL_SECONDS)


async def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the child's process group: with SIGTERM, and after a grace period with SIGKILL."""
    try:
        await _terminate(process)
    finally:
        _signal_group(process, signal.SIGKILL)
        await _reap(process)


async def _terminate(process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + TERMINATE_SECONDS
    if not _has_ended(process):
        _signal_group(process, signal.SIGTERM)
    while not _has_ended(process) and time.monotonic() < deadline:
        await _pause()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to the child's group, which may be empty; macOS refuses it for a zombie."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


async def _reap(process: subprocess.Popen[bytes]) -> None:
    """Wait until the kernel has ended the killed child; a cancel is raised only then.

    That may take seconds, for one that holds much memory or that is traced; polling needs no
    thread and leaves the event loop free.
    """
    cancelled = None
    while not _has_ended(process):
        try:
            await _pause()
        except asyncio.CancelledError as err:
            cancelled = err
    if cancelled is not None:
        raise cancelled


class _ProcessMonitor:
    """Reads a child's output and watches its limits."""

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
        self._measured_at = 0.0
        self._usage = ProcessUsage(memory=0, cpu_seconds=0)
        self._cpu_seconds = 0.0  # at the last sign of life
        self._partial_line = b""  # of standard output
        self.stderr = b""
        self.broken_limit: FailureKind | None = None

    def has_broken_limit(self) -> bool:
        """Empty the child's pipes and return whether it has broken a limit."""
        self._read_pipes()
        now = time.monotonic()
        self._measure(now)
        if (
            now - self._started_at > self._limits.max_seconds
            or now - self._last_sign_at > self._limits.stall_seconds
        ):
            self.broken_limit = FailureKind.TOO_SLOW
        elif self._usage.memory > self._limits.max_memory:
            self.broken_limit = FailureKind.NO_MEMORY
        return self.broken_limit is not None

    def close(self) -> None:
        """Read what is left in the pipes and close them."""
        self._read_pipes()
        self._stdout.close()
        self._stderr.close()

    def _measure(self, now: float) -> None:
        if now - self._measured_at < MEASURE_SECONDS:
            return
        self._measured_at, self._usage = now, measure_usage(self._pid)
        if self._usage.cpu_seconds - self._cpu_seconds > MIN_CPU_SECONDS:
            self._last_sign_at, self._cpu_seconds = now, self._usage.cpu_seconds

    def _read_pipes(self) -> None:
        self.stderr = (self.stderr + _read_available(self._stderr))[-MAX_LINE_BYTES:]
        *lines, rest = (self._partial_line + _read_available(self._stdout)).split(b"\n")
        self._partial_line = rest[-MAX_LINE_BYTES:]
        for line in lines:
            if self._on_line(line):
                self._last_sign_at = time.monotonic()


def _read_available(pipe: IO[bytes]) -> bytes:
    """Return what can be read at once, about `MAX_READ_BYTES` at most."""
    chunks = []
    size = 0
    with suppress(BlockingIOError):
        while size < MAX_READ_BYTES and (chunk := os.read(pipe.fileno(), MAX_LINE_BYTES)):
            chunks.append(chunk)
            size += len(chunk)
    return b"".join(chunks)


@dataclass(frozen=True, slots=True)
class ProcessUsage:
    """What a process and its descendants use.

    Attributes:
        memory: bytes of main memory that they hold.
        cpu_seconds: seconds of processor time that they used so far.
    """

    memory: int
    cpu_seconds: float


def measure_usage(pid: int) -> ProcessUsage:
    """Measure a process and its descendants; those that end meanwhile count as 0."""
    memory, cpu_seconds = 0, 0.0
    for process in _list_tree(pid):
        with suppress(psutil.Error), process.oneshot():  # it has ended, or is another user's
            memory += process.memory_info().rss
            cpu_times = process.cpu_times()
            cpu_seconds += cpu_times.user + cpu_times.system
    return ProcessUsage(memory, cpu_seconds)


def _list_tree(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
