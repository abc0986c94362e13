"""What the tests of places share: clips with their plans, and each kind of place, opened."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import pytest
from making import make_clip
from numpy.typing import NDArray
from scripted import Scripted
from served import QUICK, application, client, served
from skimage import data

from backends.base import Event, OverlayBackend
from backends.local.backend import LocalBackend
from backends.local.process import Limits
from backends.local.video_cli import COMMAND
from video_editing.contract.plan import Plan, planned
from video_editing.contract.progress import Progress
from video_editing.reading.probe import Limits as ClipLimits
from video_editing.reading.probe import probe

T = TypeVar("T")

STAND_IN = Path(__file__).parent / "stand_in.py"
MEMORY = 2_000_000_000

#: opens a place that keeps its files in a folder and gives up on a job after some seconds
Opener = Callable[[Path, float], AbstractAsyncContextManager[OverlayBackend]]


@asynccontextmanager
async def local_cpu(_folder: Path, seconds: float) -> AsyncIterator[OverlayBackend]:
    """The real command line in a real child."""
    yield LocalBackend("local-cpu", "cpu", Limits(seconds, 30, MEMORY), program=COMMAND)


@asynccontextmanager
async def scripted(_folder: Path, seconds: float) -> AsyncIterator[OverlayBackend]:
    """The fake, as slow as a real one."""
    yield Scripted(pause=0.1, seconds=seconds)


@asynccontextmanager
async def service(folder: Path, seconds: float) -> AsyncIterator[OverlayBackend]:
    """The real service, with this machine's processor, at the other end of HTTP."""
    async with served(application(folder)) as address:
        yield client(address, replace(QUICK, total=seconds))


#: over which the contract runs; whoever adds a kind of place adds a line
PLACES: dict[str, Opener] = {"local-cpu": local_cpu, "scripted": scripted, "service": service}


@dataclass
class Heard:
    """A report that remembers everything."""

    events: list[Event] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        """Remember *event*."""
        self.events.append(event)

    def of(self, kind: type[T]) -> list[T]:
        """Those events that are of *kind*."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def done(self) -> list[int]:
        """How many frames were done, report by report."""
        return [event.done for event in self.of(Progress) if event.stage == "mattes"]


@pytest.fixture
def heard() -> Heard:
    """An empty report."""
    return Heard()


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of 6 s in which somebody is."""
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", somebody(180))


def somebody(count: int) -> Iterator[NDArray[np.uint8]]:
    """Pictures of a woman who sways a little."""
    photograph = cv2.resize(data.astronaut()[:307], (160, 96), interpolation=cv2.INTER_AREA)
    for i in range(count):
        yield np.roll(photograph, i % 6, axis=1)


@pytest.fixture(scope="session")
def plan(clip: Path) -> Plan:
    """The clip in 12 segments."""
    return planned(probe(clip, ClipLimits()), seconds=0.5)


@pytest.fixture
def stand_in() -> Callable[..., LocalBackend]:
    """Makes a local place whose child is the stand-in of the given behaviour."""

    def made(
        behaviour: str,
        *,
        seconds: float = 60,
        patience: float = 30,
        memory: int = MEMORY,
        program: Sequence[str] = (sys.executable, str(STAND_IN)),
    ) -> LocalBackend:
        limits = Limits(seconds, patience, memory)
        program = (*program, behaviour)
        return LocalBackend("local-cpu", "cpu", limits, price=0.5, program=program)

    return made


@pytest.fixture(params=PLACES)
async def open_place(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Callable[[float], Awaitable[OverlayBackend]]]:
    """Opens a place of each kind, with a deadline in seconds."""
    async with AsyncExitStack() as stack:

        async def opened(seconds: float = 60) -> OverlayBackend:
            folder = tmp_path / "place"
            return await stack.enter_async_context(PLACES[request.param](folder, seconds))

        yield opened
