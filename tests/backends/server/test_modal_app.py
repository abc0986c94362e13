"""The Modal app without Modal: its functions run in this process, and its API answers."""

import asyncio
import hashlib
import shutil
import tempfile
import time
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from types import ModuleType

import pytest
from aiohttp import ClientSession

from backends.base import BackendStarted, ColdStart, CostIncurred, FellBack
from backends.errors import BackendUnavailable, FailureKind
from backends.factory import BackendState
from backends.resilience.fallback import FallbackChain
from backends.server.app import create_app, create_link_app
from backends.server.modal_backend import ModalBackend
from backends.server.modal_calls import UsageMeter, WorkItem, WorkProgress, WorkResult
from backends.server.overlays import ServiceDependencies
from settings import ServiceSettings
from tests.backends.support.event_recorder import EventRecorder
from tests.backends.support.local_modal import (
    ContainersServer,
    FailingMethod,
    LocalContainers,
    LocalDict,
    start_worker,
)
from tests.backends.support.running_service import (
    KEY,
    SHORT_TIMEOUTS,
    TOKEN,
    create_client,
    create_service,
    make_copying_fetcher,
    run_program,
    serve_app,
)
from tests.backends.support.scripted_backend import ScriptedBackend, make_grey_mattes
from video_editing.contract.plan import Plan, find_missing_segments
from video_editing.contract.progress import Progress
from video_editing.matting.segments import write_segment

pytestmark = pytest.mark.filterwarnings("ignore:.*executing locally.*:UserWarning")


@pytest.fixture
def modal_app(modal_module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of the app, with a Dict of this process."""
    monkeypatch.setattr(modal_module, "progress", LocalDict())
    return modal_module


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
    part = plan.model_copy(update={"segments": plan.segments[3:5]})
    made = modal_app.Worker().make_mattes.local(WorkItem(clip=str(clip), plan=part, key="key"))
    assert made.failure is None
    assert sorted(made.segments) == [segment.file_name for segment in part.segments]
    assert made.seconds > 0


async def test_a_request_that_fails_as_it_is_cancelled_does_not_go_on_for_ever(
    modal_app: ModuleType, tmp_path: Path, clip: Path, plan: Plan
) -> None:
    """Neither a worker nor the API waits for ever where the Dict fails as a piece ends."""
    modal_app.progress.put = modal_app.progress.get = FailingMethod()
    containers = LocalContainers(start_worker(modal_app), board=modal_app.ModalContainers())
    async with asyncio.timeout(30):
        await ModalBackend(containers, max_containers=2).make_mattes(
            clip, plan, tmp_path, EventRecorder()
        )
    assert find_missing_segments(plan, tmp_path) == []


def test_a_container_is_paid_from_its_start_to_its_last_idle_second() -> None:
    """Its items together cost what it costs, however many there are."""
    meter = UsageMeter(started_at=100, idle_window=60)
    charges = [meter.charge(190, 200), meter.charge(230, 240), meter.charge(250, 255)]
    assert charges == [90 + 10 + 60, 30 + 10, 10 + 5]
    assert sum(charges) == 255 + 60 - 100
    assert meter.charge(10_000, 10_001) == 60 + 1  # kept warm: the hours before are nobody's


async def test_the_cost_of_a_job_contains_the_cold_start(
    modal_app: ModuleType, tmp_path: Path, clip: Path, plan: Plan
) -> None:
    """And the time for which the container waits for more work; the client learns of both."""
    containers = LocalContainers(start_worker(modal_app), board=modal_app.ModalContainers())
    service, heard = modal_app.build_api(containers, modal_app.settings.service), EventRecorder()
    began = time.monotonic()
    async with serve_app(service) as address:
        few = plan.model_copy(update={"segments": plan.segments[:2]})
        await create_client(address).make_mattes(clip, few, tmp_path / "mattes", heard)
    (cost,) = heard.of(CostIncurred)
    start = began - modal_app.STARTED_AT
    idle = modal_app.settings.modal.scaledown_window
    assert start + idle < cost.seconds < start + idle + (time.monotonic() - began)
    assert cost.dollars == pytest.approx(0.5 * cost.seconds)


def test_a_workers_failure_is_returned(modal_app: ModuleType, tmp_path: Path, plan: Plan) -> None:
    """A rejection of the clip is returned through Modal as fields, not as an exception."""
    (tmp_path / "text").write_text("once upon a time")
    made = modal_app.Worker().make_mattes.local(
        WorkItem(clip=str(tmp_path / "text"), plan=plan, key="key")
    )
    assert made.failure.rejected
    assert made.failure.reason == "not_a_video"


@pytest.mark.parametrize("is_dict_broken", [False, True])
async def test_containers_share_a_clip(
    modal_app: ModuleType, tmp_path: Path, clip: Path, plan: Plan, *, is_dict_broken: bool
) -> None:
    """The client, the API and three containers together make each segment of a clip.

    A failing Dict costs nothing but the progress; one that works is empty at the end.
    """
    containers = LocalContainers(
        start_worker(modal_app),
        board=modal_app.ModalContainers(),
        is_dict_broken=is_dict_broken,
    )
    async with serve_app(modal_app.build_api(containers, modal_app.settings.service)) as address:
        await create_client(address).make_mattes(clip, plan, tmp_path / "mattes", EventRecorder())
    assert find_missing_segments(plan, tmp_path / "mattes") == []
    assert [len(item.plan.segments) for item in containers.items] == [4, 4, 4]
    assert is_dict_broken or modal_app.progress.entries == {}


def fetch_here(
    modal_app: ModuleType, containers: LocalContainers, clip: Path, **changes: object
) -> ServiceDependencies:
    """Return what the service works with at Modal, where every link leads to *clip*."""
    backend = ModalBackend(containers, max_containers=8)
    dependencies = modal_app.create_dependencies(backend, "modal", modal_app.settings)
    fetch_link = make_copying_fetcher(clip)
    return replace(dependencies, fetch_link=fetch_link, **changes)


async def test_an_overlay_by_link_is_made_by_containers(modal_app: ModuleType, clip: Path) -> None:
    """They find the downloaded clip; the overlay is committed before it is announced."""
    containers = LocalContainers(start_worker(modal_app))
    dependencies = fetch_here(modal_app, containers, clip, commit=containers.commit_files)
    app = create_app(modal_app.settings.service, dependencies)
    request = {"video_url": "https://example.com/a.mp4", "container": "webm"}
    async with (
        serve_app(app) as address,
        ClientSession(address, headers=KEY) as session,
        session.post("/process_overlay_sync", json=request) as answer,
    ):
        assert (await answer.json())["status"] == "completed"
    assert containers.commits == 2  # the clip, and the overlay


async def test_jobs_do_not_wait_for_each_other(
    modal_app: ModuleType, tmp_path: Path, clip: Path, plan: Plan
) -> None:
    """Each has containers of its own."""
    containers = LocalContainers(make_with_a_person, work_seconds=60)
    async with serve_app(modal_app.build_api(containers, modal_app.settings.service)) as address:
        client = create_client(address)
        jobs = [
            asyncio.create_task(
                client.make_mattes(clip, plan, tmp_path / name, EventRecorder()), name=name
            )
            for name in "ab"
        ]
        while len(containers.items) < 6:
            assert not any(job.done() for job in jobs)
            await asyncio.sleep(0.05)
        for job in jobs:
            job.cancel()
        await asyncio.wait(jobs)


async def test_whoever_has_a_link_needs_no_key(
    modal_app: ModuleType, tmp_path: Path, clip: Path
) -> None:
    """Links lead to a second app, which sees the overlay once the Volume is read again.

    That app serves the documentation, and nothing else.
    """
    settings = ServiceSettings(token=TOKEN, folder=tmp_path / "service")
    seen = settings.model_copy(update={"folder": tmp_path / "volume"})

    async def reload() -> None:
        shutil.copytree(settings.folder, seen.folder, dirs_exist_ok=True)

    containers = LocalContainers(start_worker(modal_app))
    described = modal_app.build_api(containers, settings)
    async with serve_app(create_link_app(seen, reload, described)) as site:
        app = create_app(settings, fetch_here(modal_app, containers, clip, links_site=f"{site}/"))
        request = {"video_url": "https://example.com/a.mp4", "container": "webm"}
        async with (
            serve_app(app) as address,
            ClientSession(address, headers=KEY) as session,
            session.post("/process_overlay_sync", json=request) as answer,
        ):
            link = (await answer.json())["overlay_url"]
        assert link.startswith(f"{site}/overlays/")
        async with ClientSession() as stranger:
            for url, status in (
                (link, 200),
                (f"{link[:-1]}{'1' if link.endswith('0') else '0'}", 403),
                (f"{site}/docs", 200),
                (f"{site}/openapi.json", 200),
                (f"{site}/clips/{'0' * 64}", 404),
                (f"{site}/get_result?job_id={'0' * 32}", 404),
            ):
                async with stranger.get(url) as answer:
                    assert (url, answer.status) == (url, status)


async def test_the_app_of_links_is_open(modal_app: ModuleType) -> None:
    """It describes the service, and refuses what is not signed."""
    async with (
        serve_app(modal_app.create_links.local()) as address,
        ClientSession(address) as session,
    ):
        async with session.get("/docs") as answer:
            assert "process_overlay_sync" in await answer.text()
        async with session.get("/overlays/x?expires=9999999999&signature=x") as answer:
            assert answer.status == 403


def make_quickly(item: WorkItem) -> WorkResult:
    """Return segments without content."""
    return WorkResult({segment.file_name: b"m" for segment in item.plan.segments}, 1)


def make_with_a_person(item: WorkItem) -> WorkResult:
    """Return real segments with a person in them."""
    with tempfile.TemporaryDirectory() as name:
        for segment in item.plan.segments:
            write_segment(item.plan, segment, make_grey_mattes(segment), Path(name))
        return WorkResult({path.name: path.read_bytes() for path in Path(name).iterdir()}, 1)


async def test_only_a_lost_piece_is_made_again(tmp_path: Path, plan: Plan) -> None:
    """The pieces of the other containers are kept, and so is what the lost one had ready."""
    containers = LocalContainers(make_quickly, lost=(1,))
    folder = tmp_path / "mattes"
    await ModalBackend(containers, max_containers=3).make_mattes(
        tmp_path / "clip", plan, folder, EventRecorder()
    )
    assert find_missing_segments(plan, folder) == []
    assert [len(item.plan.segments) for item in containers.items] == [4, 4, 4, 3]
    assert len({item.key for item in containers.items}) == 4
    assert containers.progress == {}


async def test_segments_come_as_they_are_ready(tmp_path: Path, clip: Path, plan: Plan) -> None:
    """The client has the first one of a piece long before the last one is made."""
    containers = LocalContainers(make_with_a_person, work_seconds=12)
    backend = ModalBackend(containers, max_containers=1)
    mattes = tmp_path / "mattes"
    async with serve_app(create_service(tmp_path / "service", backend)) as address:
        client = create_client(address)
        job = asyncio.create_task(client.make_mattes(clip, plan, mattes, EventRecorder()))
        while not list(mattes.glob("*.mp4")):
            assert not job.done()
            await asyncio.sleep(0.05)
        (call,) = containers.calls.values()
        assert not call.future.done()
        job.cancel()
        await asyncio.wait([job])


async def test_a_worker_publishes_each_segment(
    modal_app: ModuleType, clip: Path, plan: Plan
) -> None:
    """In the Dict, from which the API's container reads and deletes them."""
    item = WorkItem(clip=str(clip), plan=plan, key="key")
    meter = UsageMeter(time.monotonic(), 0)
    worker = asyncio.create_task(modal_app.make_item(ScriptedBackend(pause=0.3), item, meter))
    containers = modal_app.ModalContainers()
    await asyncio.sleep(0.1)
    assert await containers.get_progress(item) == WorkProgress(0)
    while not (progress := await containers.get_progress(item)).ready:
        assert not worker.done()
        await asyncio.sleep(0.05)
    content = await containers.get_segment(item, progress.ready[0])
    result = await worker
    assert result.segments[progress.ready[0]] == content
    assert len(result.segments) == len(plan.segments)
    await containers.delete_progress(item)
    assert modal_app.progress.entries == {}


async def test_containers_work_on_while_the_api_restarts(
    modal_app: ModuleType, tmp_path: Path, clip: Path, plan: Plan
) -> None:
    """One that is stopped in good order cancels no call; the next one goes on by itself.

    What the containers cost is counted once.
    """
    containers = LocalContainers(make_with_a_person, work_seconds=4)
    settings = ServiceSettings(token=TOKEN, folder=tmp_path / "service")
    job = f"/jobs/{'ab' * 16}"
    async with (
        serve_app(modal_app.build_api(containers, settings)) as address,
        ClientSession(address, headers=KEY) as session,
    ):
        digest = hashlib.sha256(clip.read_bytes()).hexdigest()
        async with session.put(f"/clips/{digest}", data=clip.read_bytes()) as answer:
            assert answer.status == 201
        request = {"input": digest, "plan": plan.model_dump()}
        async with session.put(job, json=request) as answer:
            fields = await answer.json()
        while not fields["ready"]:
            await asyncio.sleep(0.05)
            async with session.get(job) as answer:
                fields = await answer.json()
    for _ in range(2):
        async with (
            serve_app(modal_app.build_api(containers, settings)) as address,
            ClientSession(address, headers=KEY) as session,
        ):
            while fields["state"] != "done":
                await asyncio.sleep(0.05)
                async with session.get(job) as answer:
                    fields = await answer.json()
                    assert fields["state"] in {"queued", "running", "done"}
            assert (len(containers.items), containers.cancelled) == (3, [])
            async with session.get(job) as answer:
                assert (await answer.json())["device_seconds"] == 3


async def test_an_overlay_waits_for_containers_without_a_slot_of_this_machine(
    modal_app: ModuleType, clip: Path
) -> None:
    """Overlays are cut one after the other; their mattes are made at the same time."""
    containers = LocalContainers(make_with_a_person, cold_seconds=60)
    changes = {"parallel_mattes": 2, "before_close": lambda: None}
    dependencies = fetch_here(modal_app, containers, clip, **changes)
    request = {"video_url": "https://example.com/a.mp4", "container": "webm"}
    async with (
        serve_app(create_app(modal_app.settings.service, dependencies)) as address,
        ClientSession(address, headers=KEY) as session,
    ):
        for _ in range(2):
            async with session.post("/process_overlay_endpoint", json=request) as answer:
                assert answer.status == 202
        async with asyncio.timeout(30):
            while len({item.clip for item in containers.items}) < 2:
                await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_a_restart_of_the_api_costs_nothing(
    tmp_path: Path, clip: Path, plan: Plan, unused_tcp_port: int
) -> None:
    """It is killed in the middle; the next one finds the job and its calls, which go on meanwhile.

    The client sees some failed polls and no more.
    """
    containers = LocalContainers(make_with_a_person, work_seconds=12)
    program = ("run_modal_service.py", tmp_path / "service", unused_tcp_port)
    program = (*program, ContainersServer(containers).port)
    mattes, heard = tmp_path / "mattes", EventRecorder()
    async with run_program(*program) as (process, address):
        client = create_client(address, replace(SHORT_TIMEOUTS, poll=2))
        job = asyncio.create_task(client.make_mattes(clip, plan, mattes, heard))
        while not list(mattes.glob("*.mp4")):
            assert not job.done()
            await asyncio.sleep(0.05)
        process.kill()
    async with run_program(*program):
        await job
    assert find_missing_segments(plan, mattes) == []
    assert len(containers.items) == 3
    assert containers.cancelled == []


@pytest.mark.parametrize("seconds", [0.05, 0.3])
async def test_a_cancelled_job_stops_its_containers(
    tmp_path: Path, plan: Plan, seconds: float
) -> None:
    """Each call is cancelled, at once, even if it is just being sent."""
    containers = LocalContainers(make_quickly, work_seconds=60)
    backend = ModalBackend(containers, max_containers=3)
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await backend.make_mattes(tmp_path / "clip", plan, tmp_path / "m", EventRecorder())
    assert time.monotonic() - began < 2
    assert len(containers.cancelled) == len(containers.items) == 3


COLD_SECONDS, SCALE = 200, 40  #: of a container's start; by which all times are divided
MODAL_TIMEOUTS = replace(
    SHORT_TIMEOUTS, start=5 / SCALE, stall=90 / SCALE, warm_up=300 / SCALE, cold_start=3 / SCALE
)


async def test_a_cold_start_has_its_own_time(tmp_path: Path, clip: Path, plan: Plan) -> None:
    """The job waits for containers that take 200 s, and says so; a queue is not waited for so long.

    Another backend is not asked, and no progress is told before the first container has begun.
    """
    containers = LocalContainers(
        make_with_a_person, cold_seconds=COLD_SECONDS / SCALE, work_seconds=50 / SCALE
    )
    service = create_service(tmp_path / "service", ModalBackend(containers, max_containers=3))
    heard = EventRecorder()
    async with serve_app(service) as address:
        client = create_client(address, MODAL_TIMEOUTS)
        estimates = BackendState(tmp_path / "state").estimates
        chain = FallbackChain([client, ScriptedBackend()], estimates, deadline=600)
        await chain.make_mattes(clip, plan, tmp_path / "mattes", heard)
    kinds = [type(event) for event in heard.events]
    assert kinds[:3] == [BackendStarted, ColdStart, Progress]
    assert FellBack not in kinds
    assert heard.of(ColdStart) == [ColdStart("modal")]
    assert find_missing_segments(plan, tmp_path / "mattes") == []


async def test_containers_that_never_start_are_given_up(
    tmp_path: Path, clip: Path, plan: Plan
) -> None:
    """After the time for a cold start, and their calls are cancelled."""
    containers = LocalContainers(make_quickly, cold_seconds=60)
    service = create_service(tmp_path / "service", ModalBackend(containers, max_containers=3))
    async with serve_app(service) as address:
        client = create_client(address, replace(MODAL_TIMEOUTS, warm_up=0.5))
        with pytest.raises(BackendUnavailable) as caught:
            await client.make_mattes(clip, plan, tmp_path / "mattes", EventRecorder())
        assert caught.value.kind is FailureKind.TOO_SLOW
        assert len(containers.cancelled) == 3


async def test_a_second_container_may_be_cold_too(tmp_path: Path, plan: Plan) -> None:
    """Where a container is lost, the job is warming up again until another one has begun."""
    containers = LocalContainers(make_quickly, lost=(0,), cold_seconds=1.2, work_seconds=1.2)
    heard = EventRecorder()
    await ModalBackend(containers, max_containers=1).make_mattes(
        tmp_path / "clip", plan, tmp_path / "mattes", heard
    )
    cold = ColdStart("modal")
    events = [event for event in heard.events if not isinstance(event, CostIncurred)]
    assert [is_cold for is_cold, _ in groupby(events, lambda event: event == cold)] == [
        *(True, False),
        *(True, False),
    ]


def test_settings_of_the_deploy_reach_the_containers(
    modal_app: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that concerns them, but no secret and no path."""
    monkeypatch.setenv("SERVICE_CLIP_MB", "7")
    variables = modal_app.list_variables(modal_app.Settings(_env_file=None))
    assert variables["SERVICE_CLIP_MB"] == "7"
    assert variables["MODAL_GPUS"] == "H100,L4"
    assert not variables.keys() & {"OVERLAY_TOKEN", "SERVICE_DIR"}
