"""The Modal app without Modal: its functions run in this process, and its API answers."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import ModuleType

import pytest
from aiohttp import ClientSession

from backends.server.modal_backend import ModalBackend, WorkItem, WorkResult
from tests.backends.support.event_recorder import Heard
from tests.backends.support.running_service import KEY, TOKEN, application, client, served
from video_editing.contract.plan import Plan, find_missing_segments

pytestmark = pytest.mark.filterwarnings("ignore:.*executing locally.*:UserWarning")


@pytest.fixture
def modal_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, imported with settings for this machine."""
    monkeypatch.setenv("OVERLAY_TOKEN", TOKEN)
    monkeypatch.setenv("SERVICE_PLACE", "local-cpu")
    monkeypatch.setenv("SERVICE_DIR", str(tmp_path / "service"))
    monkeypatch.setenv("MODAL_GPUS", "H100,L4")
    return importlib.reload(importlib.import_module("backends.server.modal_app"))


async def test_the_api_is_the_service(modal_app: ModuleType) -> None:
    """The API answers a health check without the key, and everything else only with it."""
    async with served(modal_app.create_api.local()) as address, ClientSession(address) as session:
        async with session.get("/healthz") as answer:
            assert answer.status == 200
        async with session.get(f"/clips/{'0' * 64}") as answer:
            assert answer.status == 401
        async with session.get(f"/clips/{'0' * 64}", headers=KEY) as answer:
            assert answer.status == 404


def test_a_worker_makes_its_work_item(modal_app: ModuleType, clip: Path, plan: Plan) -> None:
    """A worker returns the segments of its work item and the seconds that they took."""
    (modal_app.settings.service.folder / "clips").mkdir(parents=True)
    (modal_app.settings.service.folder / "clips" / "name").write_bytes(clip.read_bytes())
    part = plan.model_copy(update={"segments": plan.segments[3:5]})
    made = modal_app.Worker().make_mattes.local(WorkItem("name", part, "key"))
    assert made.failure is None
    assert sorted(made.segments) == [segment.file_name for segment in part.segments]
    assert made.seconds > 0


def test_a_workers_failure_is_returned(modal_app: ModuleType, plan: Plan) -> None:
    """A rejection of the clip is returned through Modal as fields, not as an exception."""
    (modal_app.settings.service.folder / "clips").mkdir(parents=True)
    (modal_app.settings.service.folder / "clips" / "name").write_text("once upon a time")
    made = modal_app.Worker().make_mattes.local(WorkItem("name", plan, "key"))
    assert made.failure.rejected
    assert made.failure.reason == "not_a_video"


async def test_containers_share_a_clip(
    modal_app: ModuleType, tmp_path: Path, clip: Path, plan: Plan
) -> None:
    """The client, the API and three containers together make each segment of a clip."""
    stretches_seen: list[WorkItem] = []

    async def spread(stretches: Sequence[WorkItem]) -> AsyncIterator[WorkResult]:
        for stretch in reversed(stretches):
            stretches_seen.append(stretch)
            yield await asyncio.to_thread(modal_app.Worker().make_mattes.local, stretch)

    async def told(_key: str) -> int:
        return 1

    async def share() -> None:
        """Do nothing: all share this machine's disk."""

    backend = ModalBackend(spread, told, share, max_containers=3)
    async with served(application(tmp_path / "service", backend)) as address:
        await client(address).make_mattes(clip, plan, tmp_path / "mattes", Heard())
    assert find_missing_segments(plan, tmp_path / "mattes") == []
    assert [len(stretch.plan.segments) for stretch in stretches_seen] == [4, 4, 4]
