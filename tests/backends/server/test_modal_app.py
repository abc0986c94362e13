"""The Modal app without Modal: its functions run in this process, and its API answers."""

import asyncio
import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import pytest
from aiohttp import ClientSession

from backends.server.modal_backend import ModalBackend, WorkItem, WorkResult
from tests.backends.support.event_recorder import EventRecorder
from tests.backends.support.running_service import (
    KEY,
    TOKEN,
    create_client,
    create_service,
    serve_app,
)
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
    async with (
        serve_app(modal_app.create_api.local()) as address,
        ClientSession(address) as session,
    ):
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


class LocalCall:
    """A worker's call in a thread of this process."""

    def __init__(self, containers: "LocalContainers", item: WorkItem) -> None:
        self._containers, self._item = containers, item

    async def get(self) -> WorkResult:
        """Make the item, fail or hang, as the containers are told."""
        if self._containers.items.index(self._item) in self._containers.lost:
            raise ConnectionError("the container is gone")
        if self._containers.hangs:
            await asyncio.sleep(60)
        return await asyncio.to_thread(self._containers.make, self._item)

    async def cancel(self) -> None:
        """Note it."""
        self._containers.cancelled.append(self._item)


class LocalContainers:
    """Workers of this process, the n-th of which may be lost, and a Dict that always fails."""

    def __init__(
        self,
        make: Callable[[WorkItem], WorkResult],
        lost: Sequence[int] = (),
        *,
        hangs: bool = False,
    ) -> None:
        self.make, self.lost, self.hangs = make, lost, hangs
        self.items: list[WorkItem] = []
        self.cancelled: list[WorkItem] = []

    async def commit_clips(self) -> None:
        """Do nothing: all share this machine's disk."""

    async def spawn(self, item: WorkItem) -> LocalCall:
        """Start nothing yet."""
        self.items.append(item)
        return LocalCall(self, item)

    async def get_progress(self, _key: str) -> int:
        """Fail as Modal's connection does."""
        raise ConnectionError

    delete_progress = get_progress


async def test_containers_share_a_clip(
    modal_app: ModuleType, tmp_path: Path, clip: Path, plan: Plan
) -> None:
    """The client, the API and three containers together make each segment of a clip.

    A failing Dict costs nothing but the progress.
    """
    containers = LocalContainers(modal_app.Worker().make_mattes.local)
    backend = ModalBackend(containers, max_containers=8)
    async with serve_app(create_service(tmp_path / "service", backend)) as address:
        await create_client(address).make_mattes(clip, plan, tmp_path / "mattes", EventRecorder())
    assert find_missing_segments(plan, tmp_path / "mattes") == []
    assert [len(item.plan.segments) for item in containers.items] == [4, 4, 4]


def make_quickly(item: WorkItem) -> WorkResult:
    """Return segments without content."""
    return WorkResult({segment.file_name: b"m" for segment in item.plan.segments}, 1)


async def test_only_a_lost_piece_is_made_again(tmp_path: Path, plan: Plan) -> None:
    """The pieces of the other containers are kept."""
    containers = LocalContainers(make_quickly, lost=(1,))
    folder = tmp_path / "mattes"
    await ModalBackend(containers, max_containers=3).make_mattes(
        tmp_path / "clip", plan, folder, EventRecorder()
    )
    assert find_missing_segments(plan, folder) == []
    assert len({item.progress_key for item in containers.items}) == 4


async def test_a_cancelled_job_stops_its_containers(tmp_path: Path, plan: Plan) -> None:
    """Each call is cancelled, at once."""
    containers = LocalContainers(make_quickly, hangs=True)
    backend = ModalBackend(containers, max_containers=3)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await backend.make_mattes(tmp_path / "clip", plan, tmp_path / "m", EventRecorder())
    assert len(containers.cancelled) == len(containers.items) == 3


def test_settings_of_the_deploy_reach_the_containers(
    modal_app: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that concerns them, but no secret and no path."""
    monkeypatch.setenv("SERVICE_CLIP_MB", "7")
    variables = modal_app.list_variables(modal_app.Settings(_env_file=None))
    assert variables["SERVICE_CLIP_MB"] == "7"
    assert variables["MODAL_GPUS"] == "H100,L4"
    assert not variables.keys() & {"OVERLAY_TOKEN", "SERVICE_DIR"}
