"""Stages that work side by side."""

import os
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from queue import Empty, Queue
from threading import Event, Thread
from typing import TypeVar, cast

T = TypeVar("T")

_END = object()


class _Failure:
    def __init__(self, error: BaseException) -> None:
        self.error = error


def prefetch(items: Iterable[T], depth: int) -> Generator[T, None, None]:
    """Pass on *items*, made in a thread of their own, up to *depth* of them ahead of time.

    What *items* raises is raised here. When this generator is closed, the thread ends before
    the next item and *items* is closed in it.
    """
    queue: Queue[object] = Queue(depth)
    stopped = Event()

    def make() -> None:
        try:
            for item in items:
                queue.put(item)
                if stopped.is_set():
                    return
            queue.put(_END)
        except BaseException as error:  # noqa: BLE001 - it is raised again where it is awaited
            queue.put(_Failure(error))
        finally:
            if isinstance(items, Generator):
                items.close()

    thread = Thread(target=make, daemon=True)
    thread.start()
    try:
        while (item := queue.get()) is not _END:
            if isinstance(item, _Failure):
                raise item.error
            yield cast("T", item)
    finally:
        stopped.set()
        while thread.is_alive():
            _drain(queue)
            thread.join(0.01)


def _drain(queue: Queue[object]) -> None:
    """Make room for a producer that waits to put."""
    while True:
        try:
            queue.get_nowait()
        except Empty:
            return


CGROUPS = Path("/sys/fs/cgroup")


def count_cpus(cgroups: Path = CGROUPS) -> int:
    """Processors that affinity and the control group's quota leave us; at least 1.

    Containers are given a share of a large machine by quota, which affinity does not show: who
    starts one thread a visible core there starts dozens.

    Args:
        cgroups: where control groups of version 1 or 2 are mounted; a container sees its own there.
    """
    return max(1, min([_count_allowed_cpus(), *_read_quotas(cgroups)]))


def _count_allowed_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS and Windows have no affinity mask to ask for


def _read_quotas(cgroups: Path) -> Iterator[int]:
    """Whole processors of each quota that is set, rounded up."""
    for quota, period in (
        _read_two_numbers(cgroups / "cpu.max"),
        _read_two_numbers(
            cgroups / "cpu" / "cpu.cfs_quota_us", cgroups / "cpu" / "cpu.cfs_period_us"
        ),
    ):
        if quota > 0 and period > 0:
            yield -(-quota // period)


def _read_two_numbers(*files: Path) -> tuple[int, int]:
    """The two numbers in *files*, or (0, 0) where there are none: no such file, or "max"."""
    try:
        quota, period = " ".join(file.read_text() for file in files).split()
        return int(quota), int(period)
    except (OSError, ValueError):
        return 0, 0


def limit_library_threads() -> None:
    """Keep numerical libraries that are not loaded yet from starting a thread a processor.

    Threads are ours to hand out: to the decoder, the encoder and the network.
    """
    for library in ("OPENBLAS", "OMP", "MKL", "NUMBA"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
