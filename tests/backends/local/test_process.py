"""A child process under supervision."""

import asyncio
import sys

import pytest

from backends.local.process import ProcessLimits, run_supervised
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
