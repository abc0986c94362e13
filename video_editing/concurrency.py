"""Threads: stages that run at the same time, and how many threads a stage may use."""

import os
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from queue import Empty, Queue
from threading import Event, Thread
from typing import TypeVar, cast

from video_editing import ffmpeg

T = TypeVar("T")

_END = object()


class _Failure:
    def __init__(self, error: BaseException) -> None:
        self.error = error


def prefetch(items: Iterable[T], depth: int) -> Generator[T, None, None]:
    """Yield *items*, which a thread computes up to *depth* ahead.

    An exception of *items* is raised here. When this generator is closed, the thread ends before
    the next item and closes *items*.
    """
    queue: Queue[object] = Queue(depth)
    stopped = Event()

    def produce() -> None:
        try:
            for item in items:
                queue.put(item)
                if stopped.is_set():
                    return
            queue.put(_END)
        except BaseException as error:  # noqa: BLE001 - the consumer raises it again
            queue.put(_Failure(error))
        finally:
            if isinstance(items, Generator):
                items.close()

    thread = Thread(target=produce, daemon=True)
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
    """Empty *queue*, so that a producer that waits in put() continues."""
    while True:
        try:
            queue.get_nowait()
        except Empty:
            return


CGROUPS = Path("/sys/fs/cgroup")
MAX_CODEC_THREADS = 4  #: the other stages run at the same time


def count_cpus(cgroups: Path = CGROUPS) -> int:
    """Return how many CPUs the affinity mask and the control group's quota allow; at least 1.

    A container gets its share of a large machine as a quota, which the affinity mask does not
    show: one thread per visible core would be dozens of threads on one or two CPUs.

    Args:
        cgroups: mount point of control groups, version 1 or 2; a container sees its own group.
    """
    return max(1, min([_count_allowed_cpus(), *_read_quotas(cgroups)]))


def count_codec_threads() -> int:
    """Return how many threads a decoder, encoder or filter uses: one per CPU, at most four."""
    return min(MAX_CODEC_THREADS, count_cpus())


def _count_allowed_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS and Windows have no affinity mask


def _read_quotas(cgroups: Path) -> Iterator[int]:
    """Yield each quota that is set, in CPUs, rounded up."""
    for quota, period in (
        _read_two_numbers(cgroups / "cpu.max"),
        _read_two_numbers(
            cgroups / "cpu" / "cpu.cfs_quota_us", cgroups / "cpu" / "cpu.cfs_period_us"
        ),
    ):
        if quota > 0 and period > 0:
            yield -(-quota // period)


def _read_two_numbers(*files: Path) -> tuple[int, int]:
    """Return the two numbers in *files*; (0, 0) without such a file or for "max"."""
    try:
        quota, period = " ".join(file.read_text() for file in files).split()
        return int(quota), int(period)
    except (OSError, ValueError):
        return 0, 0


def configure_libraries() -> None:
    """Limit numerical libraries that are imported later to one thread; disable what is not used.

    By default each of them starts one thread per CPU. The decoder, the encoder and the network
    get their threads explicitly; filters of FFmpeg get as many as those. ONNX Runtime sends
    telemetry, and numba compiles functions for rembg, which are not called, for 40 s.
    """
    for library in ("OPENBLAS", "OMP", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("NUMBA_DISABLE_JIT", "1")
    ffmpeg.limit_threads(count_codec_threads())
