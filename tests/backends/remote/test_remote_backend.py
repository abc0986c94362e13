"""The client of services that fail, hang or send invalid responses."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import numpy as np
import pytest
from aiohttp import web

from backends.base import ColdStart, CostIncurred
from backends.errors import BackendUnavailable, FailureKind
from backends.remote.job import derive_job_id
from backends.remote.polling import MAX_FAILED_POLLS
from tests.backends.support.event_recorder import EventRecorder
from tests.backends.support.misbehaving_service import (
    Handler,
    MisbehavingService,
    answer_body,
    answer_status,
    cut,
    drip,
    flood,
    hang,
    serve_misbehaving,
)
from tests.backends.support.running_service import SHORT_TIMEOUTS, create_client
from tests.backends.support.scripted_backend import make_grey_mattes
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.plan import PLAN_FILE, Plan, Segment, find_missing_segments
from video_editing.frames import Matte, Timed
from video_editing.matting.segments import write_segment

SHORT = replace(
    SHORT_TIMEOUTS,
    response=1,
    transfer=0.6,
    stall=1,
    start=2,
    cleanup=0.5,
    cold_start=0.1,
    warm_up=2,
)


@pytest.fixture(scope="module")
def valid_mattes(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of valid mattes."""
    folder = tmp_path_factory.mktemp("valid_mattes")
    for segment in plan.segments:
        write_segment(plan, segment, make_grey_mattes(segment), folder)
    return folder


@pytest.fixture
def service(valid_mattes: Path, plan: Plan) -> MisbehavingService:
    """A service that behaves, until a test overrides a call."""
    return MisbehavingService(valid_mattes, plan)


async def get_failure(
    service: MisbehavingService, clip: Path, folder: Path, heard: EventRecorder | None = None
) -> BackendUnavailable:
    """Return how the client gives up; *folder* holds nothing from the service then."""
    async with serve_misbehaving(service) as address:
        began = time.monotonic()
        with pytest.raises(BackendUnavailable) as caught:
            await create_client(address, SHORT).make_mattes(
                clip, service.plan, folder, heard or EventRecorder()
            )
        assert time.monotonic() - began < 10
    assert [path.name for path in folder.iterdir()] == [PLAN_FILE]
    assert address not in str(caught.value)
    return caught.value


async def test_a_service_that_behaves_makes_every_segment(
    service: MisbehavingService, clip: Path, tmp_path: Path
) -> None:
    """Every segment arrives, the cost is reported, and the service deletes its files."""
    heard = EventRecorder()
    async with serve_misbehaving(service) as address:
        await create_client(address).make_mattes(clip, service.plan, tmp_path, heard)
    assert find_missing_segments(service.plan, tmp_path) == []
    assert heard.of(CostIncurred) == [CostIncurred("modal", 0.0, 0.0)]
    assert service.calls[:3] == ["find", "upload", "submit"]
    assert service.calls[-2:] == ["forget", "forget"]


def test_an_upgrade_finds_the_jobs_that_were_paid_for() -> None:
    """The id of a job is that of earlier versions; it changes with the work."""
    segment = Segment(index=0, start=0, end=150, frames=150)
    plan = Plan(
        size=(640, 360),
        timebase=(1, 30),
        engine="rembg",
        model="u2net",
        every=4,
        segments=(segment,),
    )
    job_id = derive_job_id(b"key", Path("/jobs/1/mattes"), "0" * 64, plan)
    assert job_id == "415df021289dc3b3ad84d94805cb8a009687d6c69959aa89dce0721a0e6c88db"
    assert job_id != derive_job_id(b"key", Path("/jobs/2/mattes"), "0" * 64, plan)


async def test_a_partial_plan_is_made(
    service: MisbehavingService, clip: Path, plan: Plan, tmp_path: Path
) -> None:
    """Segments are identified by their index, not by their position in the plan."""
    service.plan = plan.model_copy(update={"segments": plan.segments[7:9]})
    async with serve_misbehaving(service) as address:
        await create_client(address).make_mattes(clip, service.plan, tmp_path, EventRecorder())
    assert [path.name for path in sorted(tmp_path.glob("*.mp4"))] == ["00007.mp4", "00008.mp4"]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (401, FailureKind.REFUSED),
        (403, FailureKind.REFUSED),
        (404, FailureKind.REFUSED),
        (413, FailureKind.REFUSED),
        (429, FailureKind.BUSY),
        (500, FailureKind.BROKEN),
        (502, FailureKind.BROKEN),
        (503, FailureKind.BUSY),
        (507, FailureKind.BROKEN),
        (302, FailureKind.INVALID_RESPONSE),
        (418, FailureKind.INVALID_RESPONSE),
    ],
)
async def test_a_status_says_why(
    service: MisbehavingService, clip: Path, tmp_path: Path, code: int, expected: FailureKind
) -> None:
    """Each status other than 2xx has its kind of failure."""
    service.overrides["submit"] = answer_status(code)
    assert (await get_failure(service, clip, tmp_path)).kind is expected
    assert service.calls.count("submit") == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), ("a date", 100), ("soon", None), ("nan", None)],
)
async def test_retry_after_is_handed_on(
    service: MisbehavingService, clip: Path, tmp_path: Path, header: str, seconds: float | None
) -> None:
    """Seconds or a date in Retry-After reach the caller."""
    if header == "a date":
        header = formatdate(time.time() + 100, usegmt=True)
    service.overrides["submit"] = answer_status(429, Retry_After=header)
    given = (await get_failure(service, clip, tmp_path)).retry_after
    assert given == (seconds if seconds is None else pytest.approx(seconds, abs=60))


async def test_a_closed_port(clip: Path, plan: Plan, tmp_path: Path) -> None:
    """A closed port is reported within a second."""
    began = time.monotonic()
    with pytest.raises(BackendUnavailable) as caught:
        await create_client("http://127.0.0.1:9").make_mattes(clip, plan, tmp_path, EventRecorder())
    assert caught.value.kind is FailureKind.UNREACHABLE
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        (hang, FailureKind.TOO_SLOW),
        (drip, FailureKind.TOO_SLOW),
        (cut, FailureKind.UNREACHABLE),
        (flood, FailureKind.INVALID_RESPONSE),
    ],
)
@pytest.mark.parametrize("call", ["find", "submit", "follow", "segment"])
async def test_no_call_hangs(
    service: MisbehavingService,
    clip: Path,
    tmp_path: Path,
    call: str,
    override: Handler,
    expected: FailureKind,
) -> None:
    """No response, and slow, broken or endless bodies end the call and the job."""
    service.overrides[call] = override
    assert (await get_failure(service, clip, tmp_path)).kind is expected
    assert service.calls[-1] == "cancel"


async def test_an_upload_without_a_response(
    service: MisbehavingService, clip: Path, tmp_path: Path
) -> None:
    """An upload that is not answered is given up."""
    service.overrides["upload"] = hang
    assert (await get_failure(service, clip, tmp_path)).kind is FailureKind.TOO_SLOW


@pytest.mark.parametrize("call", ["find", "submit", "follow"])
@pytest.mark.parametrize(
    "override",
    [
        answer_body(b"<html>Hello</html>", "text/html"),
        answer_body(b"null"),
        answer_body(b"{}"),
        answer_body(b"[]"),
        answer_body(b'{"job_id": '),
        answer_body(b"\xff\xfe\x00"),
        answer_body(b""),
        answer_body(b"[" * 100_000),
    ],
)
async def test_garbage_is_no_response(
    service: MisbehavingService, clip: Path, tmp_path: Path, call: str, override: Handler
) -> None:
    """HTML, null, missing fields and truncated JSON are not accepted."""
    service.overrides[call] = override
    assert (await get_failure(service, clip, tmp_path)).kind is FailureKind.INVALID_RESPONSE


@pytest.mark.parametrize(
    "override",
    [
        {"job_id": "ab" * 32},
        {"input": "0" * 64},
        {"fps": float("nan")},
        {"done": -1},
        {"state": "resting"},
        {"device_seconds": float("inf")},
        {"ready": ["first"]},
        {"ready": None},
    ],
)
async def test_a_response_that_cannot_be_true(
    service: MisbehavingService, clip: Path, tmp_path: Path, override: dict[str, object]
) -> None:
    """A response about another job, and impossible values, are not accepted."""

    async def follow(request: web.Request) -> web.StreamResponse:
        return web.json_response(service.describe_job(request, **override))

    service.overrides["follow"] = follow
    assert (await get_failure(service, clip, tmp_path)).kind is FailureKind.INVALID_RESPONSE


def mattes(
    plan: Plan, value: int, shape: tuple[int, int] = (48, 80), folder: Path = Path()
) -> None:
    """Write every segment with mattes of one value."""

    def filled(index: int) -> Iterator[Timed[Matte]]:
        for matte in make_grey_mattes(plan.segments[index]):
            yield Timed(matte.time, np.full(shape, value, np.uint8))

    for segment in plan.segments:
        write_segment(plan, segment, filled(segment.index), folder)


def segments(service: MisbehavingService, content: bytes, job: str | None = None) -> None:
    """Make the service send *content* for every segment."""

    async def segment(request: web.Request) -> web.StreamResponse:
        return web.Response(body=content, headers={"Job-Id": job or request.path.split("/")[2]})

    service.overrides["segment"] = segment


async def test_truncated_segments(service: MisbehavingService, clip: Path, tmp_path: Path) -> None:
    """A segment that ends early is not accepted, although its Content-Length is right."""
    good = (service.mattes / service.plan.segments[0].file_name).read_bytes()
    for content in (good[: len(good) // 2], good[:100], b"", b"ffconcat version 1.0\nfile x\n"):
        segments(service, content)
        assert (await get_failure(service, clip, tmp_path)).kind is FailureKind.INVALID_RESPONSE


async def test_another_segment_of_the_same_job(
    service: MisbehavingService, clip: Path, tmp_path: Path
) -> None:
    """Mattes for another number of frames are not accepted."""
    short = service.plan.segments[0].model_copy(
        update={"frames": service.plan.segments[0].frames - 1}
    )
    write_segment(service.plan, short, make_grey_mattes(short), tmp_path)
    content = (tmp_path / short.file_name).read_bytes()
    (tmp_path / short.file_name).unlink()
    segments(service, content)
    assert (await get_failure(service, clip, tmp_path)).kind is FailureKind.INVALID_RESPONSE


async def test_another_jobs_segment(
    service: MisbehavingService, clip: Path, tmp_path: Path
) -> None:
    """A valid segment of another job is not accepted."""
    good = (service.mattes / service.plan.segments[0].file_name).read_bytes()
    segments(service, good, "cd" * 32)
    assert (await get_failure(service, clip, tmp_path)).kind is FailureKind.INVALID_RESPONSE


@pytest.mark.parametrize(
    ("value", "shape"), [(0, (48, 80)), (255, (48, 80)), (200, (48, 64)), (200, (192, 320))]
)
async def test_mattes_that_cannot_be_right(
    service: MisbehavingService, clip: Path, tmp_path: Path, value: int, shape: tuple[int, int]
) -> None:
    """No person at all, only person, and frames of another size are not accepted."""
    service.mattes = tmp_path / "lies"
    service.mattes.mkdir()
    mattes(service.plan, value, shape, service.mattes)
    (tmp_path / "mattes").mkdir()
    assert (
        await get_failure(service, clip, tmp_path / "mattes")
    ).kind is FailureKind.INVALID_RESPONSE


async def test_a_person_may_leave_the_clip_for_a_while(
    service: MisbehavingService, clip: Path, tmp_path: Path
) -> None:
    """A segment without a person is accepted, because another one shows that the service works."""
    service.mattes = tmp_path / "some"
    service.mattes.mkdir()
    mattes(service.plan, 0, folder=service.mattes)
    last = service.plan.segments[-1]
    write_segment(service.plan, last, make_grey_mattes(last), service.mattes)
    async with serve_misbehaving(service) as address:
        await create_client(address).make_mattes(
            clip, service.plan, tmp_path / "mattes", EventRecorder()
        )
    assert find_missing_segments(service.plan, tmp_path / "mattes") == []


@pytest.mark.parametrize("call", ["follow", "segment"])
async def test_a_few_failed_polls_do_not_end_a_job(
    service: MisbehavingService, clip: Path, tmp_path: Path, call: str
) -> None:
    """The job is neither cancelled nor submitted again when a proxy answers 502 three times."""
    answers = iter([answer_status(502)] * 3)

    async def fail_at_first(request: web.Request) -> web.StreamResponse:
        failure = next(answers, None)
        return await (failure or getattr(service, call))(request)

    service.overrides[call] = fail_at_first
    async with serve_misbehaving(service) as address:
        await create_client(address, SHORT).make_mattes(
            clip, service.plan, tmp_path, EventRecorder()
        )
    assert find_missing_segments(service.plan, tmp_path) == []
    assert service.calls.count("submit") == 1
    assert "cancel" not in service.calls


async def test_many_failed_polls_cancel_a_job(
    service: MisbehavingService, clip: Path, tmp_path: Path
) -> None:
    """A service that only answers 502 is given up, and its job is cancelled."""
    service.overrides["follow"] = answer_status(502)
    assert (await get_failure(service, clip, tmp_path)).kind is FailureKind.BROKEN
    assert service.calls.count("follow") == MAX_FAILED_POLLS
    assert service.calls[-1] == "cancel"


async def test_a_poll_waits_as_long_as_the_service_asks(
    service: MisbehavingService, clip: Path, tmp_path: Path
) -> None:
    """A pause that outlasts the stall time ends the job at once."""
    service.overrides["follow"] = answer_status(503, Retry_After="7")
    assert (await get_failure(service, clip, tmp_path)).retry_after == 7
    assert service.calls.count("follow") == 1


async def test_a_lost_job_is_not_polled_again(
    service: MisbehavingService, clip: Path, tmp_path: Path
) -> None:
    """A service that forgot the job is asked for it once."""
    service.overrides["follow"] = answer_status(404)
    assert (await get_failure(service, clip, tmp_path)).kind is FailureKind.BROKEN
    assert service.calls.count("follow") == 1


async def test_done_without_all_segments(
    service: MisbehavingService, clip: Path, tmp_path: Path
) -> None:
    """A job that is done without all of its segments has failed."""

    async def follow(request: web.Request) -> web.StreamResponse:
        return web.json_response(service.describe_job(request, state="done"))

    service.overrides["follow"] = follow
    assert (await get_failure(service, clip, tmp_path)).kind is FailureKind.BROKEN


@pytest.mark.parametrize(
    ("state", "cold_starts"),
    [
        ({"state": "running"}, []),
        ({"state": "queued"}, []),
        ({"state": "queued", "is_warming_up": True}, [ColdStart("modal")]),
    ],
)
async def test_a_job_that_stalls(
    service: MisbehavingService,
    clip: Path,
    tmp_path: Path,
    state: dict[str, object],
    cold_starts: list[ColdStart],
) -> None:
    """A job without progress is given up and cancelled; only a cold start is told as one."""

    async def follow(request: web.Request) -> web.StreamResponse:
        return web.json_response(service.describe_job(request, **state))

    service.overrides["follow"] = follow
    heard = EventRecorder()
    failure = await get_failure(service, clip, tmp_path, heard)
    assert failure.kind is FailureKind.TOO_SLOW
    assert service.calls[-1] == "cancel"
    assert heard.of(ColdStart) == cold_starts


async def test_the_reasons_of_the_service_arrive(
    service: MisbehavingService, clip: Path, tmp_path: Path
) -> None:
    """A rejection or failure at the service is raised with its fields."""

    def failed(**failure: object) -> None:
        async def follow(request: web.Request) -> web.StreamResponse:
            return web.json_response(service.describe_job(request, state="failed", failure=failure))

        service.overrides["follow"] = follow

    failed(rejected=False, reason="no_model", retry_after=9)
    failure = await get_failure(service, clip, tmp_path)
    assert (failure.kind, failure.retry_after) == (FailureKind.NO_MODEL, 9)
    failed(rejected=False, reason="a reason of next year")
    assert (await get_failure(service, clip, tmp_path)).kind is FailureKind.BROKEN
    failed(rejected=True, reason="too_long", details={"seconds": 7200.0, "limit": 3600.0})
    async with serve_misbehaving(service) as address:
        with pytest.raises(InputRejected) as caught:
            await create_client(address).make_mattes(clip, service.plan, tmp_path, EventRecorder())
    assert caught.value.reason is RejectReason.TOO_LONG
    assert caught.value.details == {"seconds": 7200.0, "limit": 3600.0}


async def test_redirects_of_a_long_request_are_followed(
    service: MisbehavingService, clip: Path, tmp_path: Path
) -> None:
    """Three redirects before the response are a cold start, not a failure."""
    left = 3

    async def follow(request: web.Request) -> web.StreamResponse:
        nonlocal left
        await asyncio.sleep(0.2)
        if left:
            left -= 1
            return web.Response(status=303, headers={"Location": f"{request.path}?slice={left}"})
        return await MisbehavingService.follow(service, request)

    service.overrides["follow"] = follow
    heard = EventRecorder()
    async with serve_misbehaving(service) as address:
        timeouts = replace(SHORT, transfer=5, response=5)
        await create_client(address, timeouts).make_mattes(clip, service.plan, tmp_path, heard)
    assert find_missing_segments(service.plan, tmp_path) == []
    assert heard.of(ColdStart) == [ColdStart("modal")]


@pytest.mark.parametrize(
    "elsewhere", ["http://169.254.169.254/latest", "http://localhost:{port}/x"]
)
async def test_the_key_is_not_sent_to_another_host(
    service: MisbehavingService, clip: Path, tmp_path: Path, elsewhere: str
) -> None:
    """A 303 to another host is not followed."""
    seen: list[str] = []

    async def other(request: web.Request) -> web.StreamResponse:
        seen.append(request.path)
        return web.Response()

    service.overrides["follow"] = other
    async with serve_misbehaving(
        MisbehavingService(service.mattes, service.plan, {"without_key": other})
    ) as trap:
        location = elsewhere.format(port=trap.rpartition(":")[2])
        service.overrides["follow"] = answer_status(303, Location=location)
        assert (await get_failure(service, clip, tmp_path)).kind is FailureKind.INVALID_RESPONSE
    assert seen == []


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (200, FailureKind.UNSAFE),
        (204, FailureKind.UNSAFE),
        (302, FailureKind.INVALID_RESPONSE),
        (303, FailureKind.INVALID_RESPONSE),
        (400, FailureKind.INVALID_RESPONSE),
        (404, FailureKind.REFUSED),
        (422, FailureKind.INVALID_RESPONSE),
        (500, FailureKind.BROKEN),
    ],
)
async def test_a_service_that_does_not_reject_a_request_without_a_key_receives_no_clip(
    service: MisbehavingService, clip: Path, tmp_path: Path, code: int, expected: FailureKind
) -> None:
    """Only a success is reported as open to everybody."""
    service.overrides["without_key"] = answer_status(code)
    assert (await get_failure(service, clip, tmp_path)).kind is expected
    assert service.calls == []


async def test_a_redirect_of_a_request_without_a_key_is_followed(
    service: MisbehavingService, clip: Path, tmp_path: Path
) -> None:
    """Modal redirects while it starts; the answer at the end tells that a key is needed."""
    answers = iter([answer_status(303, Location="/clips/0"), answer_status(401)])

    async def redirect_once(request: web.Request) -> web.StreamResponse:
        return await next(answers)(request)

    service.overrides["without_key"] = redirect_once
    async with serve_misbehaving(service) as address:
        await create_client(address).make_mattes(clip, service.plan, tmp_path, EventRecorder())
    assert find_missing_segments(service.plan, tmp_path) == []


@pytest.fixture
def slow(service: MisbehavingService) -> MisbehavingService:
    """A service whose jobs never end."""

    async def follow(request: web.Request) -> web.StreamResponse:
        return web.json_response(service.describe_job(request, done=len(service.calls) % 100))

    service.overrides["follow"] = follow
    return service


async def test_cancelling_deletes_the_remote_job(
    slow: MisbehavingService, clip: Path, tmp_path: Path
) -> None:
    """Cancelling the work stops the remote job, and deletes the clip."""
    async with serve_misbehaving(slow) as address:
        backend = create_client(address, SHORT)
        work = asyncio.create_task(backend.make_mattes(clip, slow.plan, tmp_path, EventRecorder()))
        while "follow" not in slow.calls:
            await asyncio.sleep(0.02)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
    assert slow.calls[-2:] == ["forget", "forget"]


async def test_a_deadline_deletes_the_remote_job(
    slow: MisbehavingService, clip: Path, tmp_path: Path
) -> None:
    """At the deadline the work is stopped here and at the service."""
    async with serve_misbehaving(slow) as address:
        backend = create_client(address, replace(SHORT, total=1))
        with pytest.raises(BackendUnavailable) as caught:
            await backend.make_mattes(clip, slow.plan, tmp_path, EventRecorder())
    assert caught.value.kind is FailureKind.TOO_SLOW
    assert slow.calls[-2:] == ["forget", "forget"]
