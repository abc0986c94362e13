"""Memory: how much there is, how much this process holds, how it is kept, and a limit on it.

On Linux the kernel refuses private memory beyond a limit, which code, mapped files and reserved
addresses do not count towards. Elsewhere there is no such limit.
"""

import ctypes
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from video_editing.concurrency import CGROUPS

_PROCESS_FILE = Path("/proc/self/statm")  #: sizes of this process in pages (proc_pid_statm(5))
_STATUS_FILE = Path("/proc/self/status")  #: its peaks, in kilobytes
_SHORT_SHARE = 0.8  #: of a limit, from which on an allocation may fail
_RESIDENT, _PRIVATE = 1, 5  #: fields of it
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  #: parameters of glibc's allocator (mallopt(3))
_KEPT_BYTES = 128 * 2**20  #: freed memory that a heap keeps at most
_MAX_KEPT_BLOCK = 32 * 2**20  #: bytes; larger blocks are always returned, which is glibc's limit


def keep_freed_memory() -> None:
    """Keep freed memory for the next frames, where the C library is glibc.

    By default every plane of a frame is returned to the kernel, which clears each page that it
    gives: a tenth of an edit's processor time.
    """
    if sys.platform == "linux" and (set_parameter := getattr(ctypes.CDLL(None), "mallopt", None)):
        set_parameter(_MMAP_THRESHOLD, _MAX_KEPT_BLOCK)
        set_parameter(_TRIM_THRESHOLD, _KEPT_BYTES)


def count_machine_bytes(cgroups: Path = CGROUPS) -> int:
    """Return how many bytes of memory the machine, or the control group if less, has.

    Args:
        cgroups: mount point of control groups, version 1 or 2; a container sees its own group.
    """
    sizes = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for file in (cgroups / "memory.max", cgroups / "memory" / "memory.limit_in_bytes"):
        try:
            sizes.append(int(file.read_text()))
        except (OSError, ValueError):  # no such group; "max" is no limit
            continue
    return min(sizes)


def measure_resident_bytes() -> int:
    """Return how many bytes of memory this process holds; elsewhere than on Linux, held at most."""
    return _read_bytes(_RESIDENT) if sys.platform == "linux" else measure_peak_bytes()


def measure_peak_bytes() -> int:
    """Return how many bytes of memory this process held at most since it began."""
    if sys.platform == "linux":
        return _read_peak("VmHWM")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def is_memory_short(max_private: float) -> bool:
    """Return whether this process has most of the private memory or addresses that it may have."""
    if measure_private_bytes() > _SHORT_SHARE * max_private:
        return True
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY or sys.platform != "linux":
        return False
    return _read_peak("VmPeak") > _SHORT_SHARE * limit


@contextmanager
def limit_private_memory(max_bytes: int) -> Iterator[None]:
    """Let allocations fail in the block where this process would have more than *max_bytes*."""
    if sys.platform != "linux":
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_DATA)
    limits = [max_bytes, *(limit for limit in before if limit != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_DATA, (min(limits), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def measure_private_bytes() -> int:
    """Return how many bytes this process has allocated; 0 elsewhere than on Linux."""
    return _read_bytes(_PRIVATE) if sys.platform == "linux" else 0


@contextmanager
def limit_allocations(max_bytes: int) -> Iterator[None]:
    """Let allocations fail in the block once it has taken *max_bytes* more than it began with."""
    with limit_private_memory(measure_private_bytes() + max_bytes):
        yield


def _read_bytes(field: int) -> int:
    return int(_PROCESS_FILE.read_text().split()[field]) * os.sysconf("SC_PAGE_SIZE")


def _read_peak(name: str) -> int:
    line = next(line for line in _STATUS_FILE.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024
