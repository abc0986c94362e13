"""Fixtures of the backends' tests: clips, their plans, and each kind of backend."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from backends.base import OverlayBackend
from backends.local.backend import LocalBackend
from backends.local.process import ProcessLimits
from tests.backends.support.backend_openers import MEMORY, PLACES
from tests.backends.support.event_recorder import Heard
from tests.backends.support.programs import STAND_IN
from tests.support.make_clips import make_clip
from tests.support.person_clips import somebody
from video_editing.contract.plan import Plan, make_plan
from video_editing.reading.probe import ClipLimits, probe


@pytest.fixture
def heard() -> Heard:
    """A report that records events."""
    return Heard()


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of 6 s with a person."""
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", somebody(180))


@pytest.fixture(scope="session")
def plan(clip: Path) -> Plan:
    """The clip in 12 segments."""
    return make_plan(probe(clip, ClipLimits()), segment_seconds=0.5)


@pytest.fixture
def stand_in() -> Callable[..., LocalBackend]:
    """Create local backends whose child process misbehaves as requested."""

    def create(
        behaviour: str,
        *,
        seconds: float = 60,
        stall_seconds: float = 30,
        memory: int = MEMORY,
        program: Sequence[str] = (sys.executable, str(STAND_IN)),
    ) -> LocalBackend:
        limits = ProcessLimits(seconds, stall_seconds, memory)
        program = (*program, behaviour)
        return LocalBackend("local-cpu", "cpu", limits, price=0.5, program=program)

    return create


@pytest.fixture(params=PLACES)
async def open_backend(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Callable[[float], Awaitable[OverlayBackend]]]:
    """Open a backend of each kind, with a deadline in seconds."""
    async with AsyncExitStack() as stack:

        async def open_one(seconds: float = 60) -> OverlayBackend:
            folder = tmp_path / "backend"
            return await stack.enter_async_context(PLACES[request.param](folder, seconds))

        yield open_one
