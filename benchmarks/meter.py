"""Measure the wall-clock time, the CPU time and the peak memory of a command."""

import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

INTERVAL = 0.1  #: seconds between two samples of the memory

PROC = Path("/proc")


class Cost(NamedTuple):
    """The cost of one run of a command.

    Attributes:
        seconds: wall-clock time from the start of the process to its end.
        cpu_seconds: CPU time, child processes included.
        peak_bytes: largest proportional set size (PSS) of the process tree; 0 where the system
            has no /proc.
        output: the text on standard output.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    output: str


def measure(module: str, *arguments: object) -> Cost:
    """Run ``python -m module arguments`` in a child process and measure it.

    Raises:
        RuntimeError: the command failed; the message has the end of its standard error.
    """
    cpu_seconds = _read_children_cpu_seconds()
    start = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        monitor = _MemoryMonitor(process.pid)
        output, errors = process.communicate()
        seconds = time.perf_counter() - start
        peak_bytes = monitor.stop()
    if process.returncode:
        raise RuntimeError(f"{module} ended with {process.returncode}: {errors[-2000:]}")
    return Cost(seconds, _read_children_cpu_seconds() - cpu_seconds, peak_bytes, output)


def _read_children_cpu_seconds() -> float:
    """Return the CPU seconds of all child processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class _MemoryMonitor:
    """Samples the memory of a process tree in a thread until `stop` is called."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._peak = 0
        self._stop = Event()
        self._thread = Thread(target=self._sample)
        self._thread.start()

    def _sample(self) -> None:
        while not self._stop.wait(INTERVAL):
            self._peak = max(self._peak, sum(map(_read_pss, _list_process_tree(self._pid))))

    def stop(self) -> int:
        """Stop sampling and return the largest sample in bytes."""
        self._stop.set()
        self._thread.join()
        return self._peak


def _list_process_tree(pid: int) -> Iterator[int]:
    """Yield *pid* and all its descendants."""
    yield pid
    for children in PROC.glob(f"{pid}/task/*/children"):
        for child in _read_words(children):
            yield from _list_process_tree(int(child))


def _read_pss(pid: int) -> int:
    """Return the PSS of one process in bytes."""
    words = _read_words(PROC / str(pid) / "smaps_rollup")
    return int(words[words.index("Pss:") + 1]) * 1024 if "Pss:" in words else 0


def _read_words(file: Path) -> Sequence[str]:
    """Return the words of a file of /proc; none when the process has ended."""
    try:
        return file.read_text().split()
    except OSError:
        return ()
