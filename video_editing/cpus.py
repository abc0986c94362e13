"""How many processors this process may use."""

import os
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def cpus(cgroups: Path = CGROUPS) -> int:
    """Processors that affinity and the control group's quota leave us; at least 1.

    Containers are given a share of a large machine by quota, which affinity does not show: who
    starts one thread a visible core there starts dozens.

    Args:
        cgroups: where control groups of version 1 or 2 are mounted; a container sees its own there.
    """
    return max(1, min([_allowed(), *_quotas(cgroups)]))


def _allowed() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS and Windows have no affinity mask to ask for


def _quotas(cgroups: Path) -> Iterator[int]:
    """Whole processors of each quota that is set, rounded up."""
    for quota, period in (
        _numbers(cgroups / "cpu.max"),
        _numbers(cgroups / "cpu" / "cpu.cfs_quota_us", cgroups / "cpu" / "cpu.cfs_period_us"),
    ):
        if quota > 0 and period > 0:
            yield -(-quota // period)


def _numbers(*files: Path) -> tuple[int, int]:
    """The two numbers in *files*, or (0, 0) where there are none: no such file, or "max"."""
    try:
        quota, period = " ".join(file.read_text() for file in files).split()
        return int(quota), int(period)
    except (OSError, ValueError):
        return 0, 0


def one_thread_each() -> None:
    """Keep numerical libraries that are not loaded yet from starting a thread a processor.

    Threads are ours to hand out: to the decoder, the encoder and the network.
    """
    for library in ("OPENBLAS", "OMP", "MKL", "NUMBA"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
