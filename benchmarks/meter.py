"""What a command costs: its time from start to end, its processors' time, its memory."""

import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

INTERVAL = 0.1  #: seconds between two looks at the memory

PROC = Path("/proc")


class Cost(NamedTuple):
    """What one run of a command took.

    Attributes:
        seconds: from the start of its process to its end.
        busy: seconds of processor time, its children's included.
        peak: bytes that its whole process tree held at most, pages that are shared counted in
            shares (PSS); 0 where the system has no /proc.
        said: what it wrote to standard output.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    output: str


def measure(module: str, *arguments: object) -> Cost:
    """Run ``python -m module arguments`` in a process of its own.

    Raises:
        RuntimeError: it failed; with what it complained of.
    """
    busy = _read_children_cpu_seconds()
    start = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        watch = _MemoryMonitor(process.pid)
        said, complaint = process.communicate()
        seconds = time.perf_counter() - start
        peak = watch.stop()
    if process.returncode:
        raise RuntimeError(f"{module} ended with {process.returncode}: {complaint[-2000:]}")
    return Cost(seconds, _read_children_cpu_seconds() - busy, peak, said)


def _read_children_cpu_seconds() -> float:
    """Processor seconds of all children that have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


class _MemoryMonitor:
    """Looks at the memory of a process and all it started, now and then, until told to end."""

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
        """Stop looking and give the most bytes that were seen at once."""
        self._stop.set()
        self._thread.join()
        return self._peak


def _list_process_tree(pid: int) -> Iterator[int]:
    """*pid* and all processes below it."""
    yield pid
    for children in PROC.glob(f"{pid}/task/*/children"):
        for child in _read_words(children):
            yield from _list_process_tree(int(child))


def _read_pss(pid: int) -> int:
    """Bytes of one process, its share of what it shares included."""
    words = _read_words(PROC / str(pid) / "smaps_rollup")
    return int(words[words.index("Pss:") + 1]) * 1024 if "Pss:" in words else 0


def _read_words(file: Path) -> Sequence[str]:
    """The words of a file; none when its process has ended."""
    try:
        return file.read_text().split()
    except OSError:
        return ()
