"""A child process under supervision."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from backends.local.process import ProcessLimits, ProcessUsage, measure_usage, run_supervised
from tests.backends.support.programs import PROGRAMS

ZOMBIE_SECONDS = 1.5  #: seconds for which the killed child cannot be reaped
COMMAND = (sys.executable, str(PROGRAMS / "traced_child.py"), str(ZOMBIE_SECONDS))


@pytest.mark.skipif(sys.platform != "linux", reason="needs ptrace to keep a killed child")
async def test_a_killed_child_that_stays_does_not_block_the_event_loop() -> None:
    """Other tasks run, and a second cancel waits, until the kernel has reaped the child."""
    is_traced = asyncio.Event()

    def handle_line(_: bytes) -> bool:
        is_traced.set()
        return True

    limits = ProcessLimits(max_seconds=60, stall_seconds=60, max_memory=10**9)
    work = asyncio.create_task(run_supervised(COMMAND, limits, handle_line))
    await asyncio.wait([work, asyncio.create_task(is_traced.wait())], return_when="FIRST_COMPLETED")
    if work.done():
        pytest.skip("this machine does not permit ptrace, which keeps a killed child")
    loop = asyncio.get_running_loop()
    began, lags = loop.time(), []
    while not work.done():
        work.cancel()
        before = loop.time()
        await asyncio.sleep(0.02)
        lags.append(loop.time() - before - 0.02)
    assert work.cancelled()
    assert loop.time() - began > ZOMBIE_SECONDS / 2
    assert max(lags) < ZOMBIE_SECONDS / 4


@contextmanager
def run_with_child(*command: str) -> Iterator[int]:
    """Run *command* below a process that does nothing, and yield that one's id."""
    code = f"import subprocess; subprocess.run({command!r})"
    with subprocess.Popen([sys.executable, "-c", code], start_new_session=True) as process:
        yield process.pid
        os.killpg(process.pid, signal.SIGKILL)


def test_usage_counts_descendants() -> None:
    """Memory and processor time of a child's child belong to the child."""
    code = "x = b'x' * 100_000_000\nwhile True: pass"
    with run_with_child(sys.executable, "-c", code) as pid:
        deadline = time.monotonic() + 20
        while (usage := measure_usage(pid)).cpu_seconds < 1 and time.monotonic() < deadline:
            time.sleep(0.05)
    assert usage.cpu_seconds >= 1
    assert 100_000_000 < usage.memory < 300_000_000


def test_a_process_that_has_ended_uses_nothing() -> None:
    """Neither one that nobody has reaped yet, nor one that is gone, is an error."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert measure_usage(process.pid).memory == 0
    process.wait()
    assert measure_usage(process.pid) == ProcessUsage(0, 0)


def test_processes_that_come_and_go_are_no_error() -> None:
    """A child may end between the listing of its parent's children and its measurement."""
    with run_with_child("sh", "-c", "while true; do /bin/true; done") as pid:
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            assert measure_usage(pid).memory > 0


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels do not limit memory")
@pytest.mark.parametrize("is_hard", [True, False])
async def test_the_kernel_refuses_memory_beyond_the_limit(*, is_hard: bool) -> None:
    """Sudden growth is over before anybody looks; a GPU's driver reserves what it never uses."""
    limits = ProcessLimits(60, 60, max_memory=500_000_000, is_memory_hard=is_hard)
    reserve = "import mmap; mmap.mmap(-1, 2_000_000_000, flags=mmap.MAP_PRIVATE)"
    result = await run_supervised((sys.executable, "-c", reserve), limits, lambda _line: True)
    assert (result.exit_code != 0, result.broken_limit) == (is_hard, None)
    assert (b"Cannot allocate memory" in result.stderr) == is_hard
