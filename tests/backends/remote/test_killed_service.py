"""A service that is killed while it works."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from backends.base import BackendStarted, Event, FellBack
from backends.errors import AllBackendsFailed, FailureKind
from backends.factory import create_chain
from backends.resilience.fallback import FallbackChain
from settings import BackendSettings, RemoteSettings, Settings, StorageSettings
from tests.backends.support.event_recorder import EventRecorder
from tests.backends.support.running_service import TOKEN, serve_in_process
from tests.support.make_clips import make_clip
from tests.support.person_clips import somebody
from video_editing.contract.plan import Plan, find_missing_segments, make_plan
from video_editing.contract.progress import Progress
from video_editing.reading.probe import ClipLimits, probe

COOLDOWN = 3.0  #: seconds; enough for a hundred jobs to come and go


@asynccontextmanager
async def listener(address: str) -> AsyncIterator[list[None]]:
    """Close every connection to *address*, and yield the list of connections."""
    calls: list[None] = []

    def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.append(None)
        writer.close()

    parts = urlsplit(address)
    async with await asyncio.start_server(hang_up, parts.hostname, parts.port):
        yield calls


async def chained(address: str, folder: Path, **changes: float) -> FallbackChain:
    """Create the chain from settings, with its state in *folder*."""
    chain = await create_chain(
        Settings(
            backends=BackendSettings(names=("modal", "local-cpu"), **changes),
            remote=RemoteSettings(endpoint=address, token=TOKEN),
            storage=StorageSettings(folder=folder),
        )
    )
    assert isinstance(chain, FallbackChain)
    return chain


@pytest.fixture(scope="module")
def minute(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of 60 s, at 5 frames a second."""
    return make_clip(tmp_path_factory.mktemp("minute") / "clip.mp4", somebody(300), rate=5)


class Clock(EventRecorder):
    """A report that records events with their times."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def __call__(self, event: Event) -> None:
        """Record *event* and the time."""
        super().__call__(event)
        self.times.append(time.monotonic())

    def since(self, began: float, event: Event) -> float:
        """Return the seconds from *began* to *event*."""
        return self.times[self.events.index(event)] - began


@pytest.mark.slow
async def test_a_killed_service_costs_seconds_not_the_job(minute: Path, tmp_path: Path) -> None:
    """The job ends on local-cpu with the finished segments; the next job does not ask the service.

    Lost is the time from the kill until more frames are done than before it.
    """
    plan, clock = make_plan(probe(minute, ClipLimits())), Clock()
    folder = tmp_path / "mattes"
    async with serve_in_process(tmp_path / "service") as (process, address):
        backends = await chained(address, tmp_path)
        work = asyncio.create_task(backends.make_mattes(minute, plan, folder, clock))
        await arrived(plan, folder, 4, work)
        process.send_signal(signal.SIGKILL)
        killed, done = time.monotonic(), max(clock.done)
        kept = prints(folder)
        await work
    assert not find_missing_segments(plan, folder)
    assert len(kept) >= 4
    assert kept.items() <= prints(folder).items()
    assert [event.backend for event in clock.of(BackendStarted)] == ["modal", "local-cpu"]
    assert recovered(clock, done) - killed < 10

    async with listener(address) as calls:
        began, clock = time.monotonic(), Clock()
        again = asyncio.create_task(backends.make_mattes(minute, plan, tmp_path / "b", clock))
        await arrived(plan, tmp_path / "b", 1, again)
        again.cancel()
        await asyncio.wait([again])
    assert clock.since(began, BackendStarted("local-cpu")) < 0.1
    assert calls == []


async def test_of_a_hundred_waiting_jobs_one_calls(
    clip: Path, plan: Plan, tmp_path: Path, unused_tcp_port: int
) -> None:
    """After the cool-down one job asks the service that was down, all others do not."""
    address = f"http://127.0.0.1:{unused_tcp_port}"
    backends = await chained(address, tmp_path, cooldown=COOLDOWN, attempts=1)
    backends = FallbackChain(backends.backends[:1], backends.estimates, deadline=60)
    await failed(backends, clip, plan, tmp_path / "first")
    await asyncio.sleep(COOLDOWN)
    async with listener(address) as calls:
        jobs = (failed(backends, clip, plan, tmp_path / str(i)) for i in range(100))
        why = await asyncio.gather(*jobs)
    assert sorted(why) == [FailureKind.COOLING_DOWN] * 99 + [FailureKind.UNREACHABLE]
    assert 1 <= len(calls) <= 2  # of one job: aiohttp dials again when it is hung up on


async def failed(backends: FallbackChain, clip: Path, plan: Plan, folder: Path) -> FailureKind:
    """Return why the only backend of the chain failed."""
    heard = EventRecorder()
    with pytest.raises(AllBackendsFailed):
        await backends.make_mattes(clip, plan, folder, heard)
    (fell,) = heard.of(FellBack)
    return fell.why


async def arrived(plan: Plan, folder: Path, count: int, work: asyncio.Task[None]) -> None:
    """Wait until *count* segments are in the folder."""
    while len(plan.segments) - len(find_missing_segments(plan, folder)) < count:
        assert not work.done()
        await asyncio.sleep(0.01)


def recovered(clock: Clock, done: int) -> float:
    """Return when more than *done* frames were done."""
    steps = zip(clock.events, clock.times, strict=True)
    return next(at for event, at in steps if isinstance(event, Progress) and event.done > done)


def prints(folder: Path) -> dict[str, tuple[int, int]]:
    """Return what changes if a segment is written again."""
    files = folder.glob("[0-9]*.mp4")
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}
