"""Equal services, real ones over HTTP, share the jobs and take over from each other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from backends.base import BackendStarted, FellBack, OverlayBackend
from backends.errors import FailureKind
from backends.factory import BackendState, assemble_chain
from backends.remote.backend import RemoteBackend
from settings import BackendSettings, RemoteSettings
from tests.backends.support.event_recorder import EventRecorder
from tests.backends.support.running_service import (
    SHORT_TIMEOUTS,
    TOKEN,
    create_service,
    serve_app,
)
from tests.backends.support.scripted_backend import ScriptedBackend
from video_editing.contract.plan import Plan, find_missing_segments

GROUP = "[https://a.example,https://b.example],local-cpu"


@dataclass
class Service:
    """A service that runs in the test's event loop.

    Attributes:
        device: makes its mattes.
        client: asks it.
    """

    device: ScriptedBackend
    client: RemoteBackend
    _server: AsyncExitStack

    async def stop(self) -> None:
        """Stop it; its port is closed then."""
        await self._server.aclose()


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[list[Service]]:
    """Two services, with the hosts of the group as their names."""
    services = []
    async with AsyncExitStack() as stack:
        for name in ("a.example", "b.example"):
            server = await stack.enter_async_context(AsyncExitStack())
            device = ScriptedBackend(pause=0.05)
            app = create_service(tmp_path / name, device, parallel_jobs=9)
            address = await server.enter_async_context(serve_app(app))
            settings = RemoteSettings(endpoint=address, token=TOKEN)
            client = RemoteBackend(name, settings, timeouts=SHORT_TIMEOUTS)
            services.append(Service(device, client, server))
        yield services


def create_chain(
    services: list[Service], local: OverlayBackend, state: BackendState
) -> OverlayBackend:
    """Create the chain of one job; chains of the same *state* know of each other's jobs."""
    backends = [*(service.client for service in services), local]
    return assemble_chain(backends, state, BackendSettings(names=GROUP, attempts=1))


@pytest.mark.slow
async def test_the_service_with_the_fewest_jobs_gets_the_next(
    services: list[Service], tmp_path: Path, clip: Path, plan: Plan
) -> None:
    """Of six jobs at once each of two services makes three; later the first is asked."""
    local, state = ScriptedBackend("local-cpu"), BackendState(tmp_path)
    chains = [create_chain(services, local, state) for _ in range(6)]
    async with asyncio.TaskGroup() as group:
        for i, chain in enumerate(chains):
            folder = tmp_path / f"mattes{i}"
            group.create_task(chain.make_mattes(clip, plan, folder, EventRecorder()))
    assert [len(service.device.plans) for service in services] == [3, 3]
    heard = EventRecorder()
    await chains[5].make_mattes(clip, plan, tmp_path / "mattes", heard)
    assert heard.of(BackendStarted) == [BackendStarted("a.example")]
    assert local.plans == []


async def test_an_equal_service_takes_over(
    services: list[Service], tmp_path: Path, clip: Path, plan: Plan
) -> None:
    """A service that stops costs its unfinished segments; the other one makes the rest."""
    first, second = services
    first.device.pause = 0.3
    local, heard = ScriptedBackend("local-cpu"), EventRecorder()
    chain = create_chain(services, local, BackendState(tmp_path))
    folder = tmp_path / "mattes"
    job = asyncio.create_task(chain.make_mattes(clip, plan, folder, heard))
    while not folder.exists() or len(find_missing_segments(plan, folder)) > len(plan.segments) - 3:
        assert not job.done()
        await asyncio.sleep(0.02)
    finished = {s.index for s in plan.segments} - {
        s.index for s in find_missing_segments(plan, folder)
    }
    await first.stop()
    await job
    assert heard.of(BackendStarted) == [BackendStarted("a.example"), BackendStarted("b.example")]
    assert [event.why for event in heard.of(FellBack)] == [FailureKind.UNREACHABLE]
    assert not finished & set(second.device.written)
    assert find_missing_segments(plan, folder) == []
    assert local.plans == []


async def test_without_any_of_them_the_next_backend_is_asked(
    services: list[Service], tmp_path: Path, clip: Path, plan: Plan
) -> None:
    """Each of the group is asked once before."""
    for service in services:
        await service.stop()
    local, heard = ScriptedBackend("local-cpu"), EventRecorder()
    chain = create_chain(services, local, BackendState(tmp_path))
    await chain.make_mattes(clip, plan, tmp_path / "mattes", heard)
    asked = [event.backend for event in heard.of(BackendStarted)]
    assert asked == ["a.example", "b.example", "local-cpu"]
