"""The Modal app under uvicorn, with Modal's own client: its requests reach a fake over gRPC."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import modal
import pytest

from backends.base import ColdStart, FellBack
from backends.factory import BackendState
from backends.resilience.fallback import FallbackChain
from backends.server.modal_calls import WorkItem
from tests.backends.support.event_recorder import EventRecorder
from tests.backends.support.fake_modal import FakeModal, serve_fake_modal
from tests.backends.support.local_modal import start_worker
from tests.backends.support.running_service import SHORT_TIMEOUTS, create_client, serve_app
from tests.backends.support.scripted_backend import ScriptedBackend
from tests.support.paths import ROOT
from video_editing.contract.plan import Plan, find_missing_segments

pytestmark = pytest.mark.filterwarnings("ignore:.*executing locally.*:UserWarning")


@pytest.fixture
async def fake(
    modal_module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[FakeModal]:
    """A Modal whose workers run here, by `.local()`; the app finds it by its address."""
    fake = FakeModal(start_worker(modal_module))
    monkeypatch.setattr(modal_module, "Worker", modal.Cls.from_name("overlaybot", "Worker"))
    async with serve_fake_modal(fake) as address:
        monkeypatch.setenv("MODAL_SERVER_URL", address)
        monkeypatch.setenv("MODAL_TOKEN_ID", "ak-1")
        monkeypatch.setenv("MODAL_TOKEN_SECRET", "as-1")
        yield fake
        client = await modal.Client.from_env.aio()
        await client.close.aio()


async def test_the_app_can_be_deployed(modal_module: ModuleType, fake: FakeModal) -> None:
    """What each function gets; each line of the image that runs uv is one that uv understands."""
    await modal_module.app.deploy.aio()
    assert fake.is_published
    worker, door, links = (fake.functions[name] for name in ("Worker.*", "door", "links"))
    assert worker.resources.gpu_config.gpu_type == "H100"
    assert (worker.resources.milli_cpu, worker.resources.memory_mb) == (4000, 6000)
    for function in (worker, door, links):
        mounts = {mount.mount_path: mount.volume_id for mount in function.volume_mounts}
        assert mounts["/service"] == "vo-overlaybot-service"
    assert door.webhook_config.requires_proxy_auth
    assert not links.webhook_config.requires_proxy_auth
    assert (list(door.secret_ids), list(links.secret_ids)) == (["st-overlay-service"], [])
    commands = [command for image in fake.images for command in image]
    assert "ENV MODAL_GPUS=H100,L4" in commands
    (sync,) = (command for command in commands if "uv sync" in command)
    words = sync.removeprefix("RUN /.uv/uv").replace("/.uv", str(ROOT)).split()
    # `--frozen` and no network: only whether the options are understood together.
    process = await asyncio.create_subprocess_exec(
        *("uv", *words, "--dry-run", "--offline"), stderr=asyncio.subprocess.PIPE
    )
    _, stderr = await process.communicate()
    assert b"Usage:" not in stderr, stderr.decode()


async def test_a_job_of_the_deployed_app(
    modal_module: ModuleType, fake: FakeModal, tmp_path: Path, clip: Path, plan: Plan
) -> None:
    """Calls, Dict and Volume work as in Modal's client; nothing is left in the Dict."""
    async with serve_app(modal_module.create_api.local()) as address:
        await create_client(address).make_mattes(clip, plan, tmp_path / "mattes", EventRecorder())
    assert find_missing_segments(plan, tmp_path / "mattes") == []
    assert fake.requests.count("FunctionMap") == 3
    assert {"VolumeCommit", "DictUpdate", "DictGet", "DictPop"} <= set(fake.requests)
    assert fake.dicts == {"overlaybot-progress": {}}


async def test_a_failing_dict_loses_nothing(
    modal_module: ModuleType, fake: FakeModal, tmp_path: Path, clip: Path, plan: Plan
) -> None:
    """Neither the worker nor the API needs it."""
    fake.failing |= {"DictGetOrCreate", "DictUpdate", "DictGet", "DictPop"}
    async with serve_app(modal_module.create_api.local()) as address:
        await create_client(address).make_mattes(clip, plan, tmp_path / "mattes", EventRecorder())
    assert find_missing_segments(plan, tmp_path / "mattes") == []
    assert fake.requests.count("FunctionMap") == 3


async def test_a_lost_piece_is_sent_again(
    modal_module: ModuleType, fake: FakeModal, tmp_path: Path, clip: Path, plan: Plan
) -> None:
    """And no other one."""
    fake.lost = (1,)
    async with serve_app(modal_module.create_api.local()) as address:
        await create_client(address).make_mattes(clip, plan, tmp_path / "mattes", EventRecorder())
    assert find_missing_segments(plan, tmp_path / "mattes") == []
    assert fake.requests.count("FunctionMap") == 4


async def test_a_cold_start_and_a_cancelled_job(
    modal_module: ModuleType, fake: FakeModal, tmp_path: Path, clip: Path, plan: Plan
) -> None:
    """A start of 200 s (of 4 here) is waited for; a cancelled job cancels its calls within 5 s."""
    fake.cold_seconds = 200 / 50
    timeouts = replace(SHORT_TIMEOUTS, start=5 / 50, stall=90 / 50, warm_up=300 / 50)
    chain, heard = ScriptedBackend("local-cpu"), EventRecorder()
    async with serve_app(modal_module.create_api.local()) as address:
        estimates = BackendState(tmp_path / "state").estimates
        backends = [create_client(address, timeouts), chain]
        job = asyncio.create_task(
            FallbackChain(backends, estimates, deadline=600).make_mattes(
                clip, plan, tmp_path / "mattes", heard
            )
        )
        while not heard.done:
            assert not job.done()
            await asyncio.sleep(0.05)
        assert heard.of(ColdStart) == [ColdStart("modal")]
        assert heard.of(FellBack) == []
        await job

        waiting = asyncio.create_task(
            create_client(address).make_mattes(clip, plan, tmp_path / "other", heard)
        )
        while fake.requests.count("FunctionMap") < 6:
            assert not waiting.done()
            await asyncio.sleep(0.05)
        began = time.monotonic()
        waiting.cancel()
        while fake.requests.count("FunctionCallCancel") < 3:
            assert time.monotonic() - began < 5
            await asyncio.sleep(0.05)
        await asyncio.wait([waiting])


async def test_a_call_is_found_again_by_its_id(
    modal_module: ModuleType, fake: FakeModal, clip: Path, plan: Plan
) -> None:
    """As the API does after it was killed."""
    item = WorkItem(clip=str(clip), plan=plan, key="key")
    call = await modal_module.ModalContainers().spawn(item)
    again = await modal_module.ModalContainers().attach(call.id)
    assert again.id == call.id
    assert (await again.get()).segments == (await call.get()).segments
    assert fake.requests.count("FunctionMap") == 1
