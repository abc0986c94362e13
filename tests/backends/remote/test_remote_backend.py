"""The client and services that fail, lie or play dead: each is found out, and nothing stays."""

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
from backends.remote.job import MAX_FAILED_POLLS, derive_job_id
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

BRISK = replace(
    SHORT_TIMEOUTS, response=0.6, transfer=0.6, stall=1, start=2, cleanup=0.5, cold_start=0.1
)


@pytest.fixture(scope="module")
def honest(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of good mattes."""
    folder = tmp_path_factory.mktemp("honest")
    for segment in plan.segments:
        write_segment(plan, segment, make_grey_mattes(segment), folder)
    return folder


@pytest.fixture
def liar(honest: Path, plan: Plan) -> MisbehavingService:
    """A service that does not lie yet."""
    return MisbehavingService(honest, plan)


async def why(
    liar: MisbehavingService, clip: Path, folder: Path, heard: EventRecorder | None = None
) -> BackendUnavailable:
    """How the client gives up; nothing that came from the service is in *folder*."""
    async with serve_misbehaving(liar) as address:
        began = time.monotonic()
        with pytest.raises(BackendUnavailable) as caught:
            await create_client(address, BRISK).make_mattes(
                clip, liar.plan, folder, heard or EventRecorder()
            )
        assert time.monotonic() - began < 10
    assert [path.name for path in folder.iterdir()] == [PLAN_FILE]
    assert address not in str(caught.value)
    return caught.value


async def test_an_honest_service_is_believed(
    liar: MisbehavingService, clip: Path, tmp_path: Path
) -> None:
    """Where nothing is wrong everything arrives, is paid for, and the service is told to forget."""
    heard = EventRecorder()
    async with serve_misbehaving(liar) as address:
        await create_client(address).make_mattes(clip, liar.plan, tmp_path, heard)
    assert find_missing_segments(liar.plan, tmp_path) == []
    assert heard.of(CostIncurred) == [CostIncurred("modal", 0.0, 0.0)]
    assert liar.calls[:3] == ["find", "upload", "submit"]
    assert liar.calls[-2:] == ["forget", "forget"]


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
    liar: MisbehavingService, clip: Path, plan: Plan, tmp_path: Path
) -> None:
    """Segments are found by their index, which is not their position in a partial plan."""
    liar.plan = plan.model_copy(update={"segments": plan.segments[7:9]})
    async with serve_misbehaving(liar) as address:
        await create_client(address).make_mattes(clip, liar.plan, tmp_path, EventRecorder())
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
    liar: MisbehavingService, clip: Path, tmp_path: Path, code: int, expected: FailureKind
) -> None:
    """Each status that is no success is one of our reasons (B01, B03, B04)."""
    liar.overrides["submit"] = answer_status(code)
    assert (await why(liar, clip, tmp_path)).kind is expected
    assert liar.calls.count("submit") == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), ("a date", 100), ("soon", None), ("nan", None)],
)
async def test_retry_after_is_handed_on(
    liar: MisbehavingService, clip: Path, tmp_path: Path, header: str, seconds: float | None
) -> None:
    """Seconds or a date, whichever the service names, reach whoever retries (B04)."""
    if header == "a date":
        header = formatdate(time.time() + 100, usegmt=True)
    liar.overrides["submit"] = answer_status(429, Retry_After=header)
    given = (await why(liar, clip, tmp_path)).retry_after
    assert given == (seconds if seconds is None else pytest.approx(seconds, abs=60))


async def test_nobody_listens(clip: Path, plan: Plan, tmp_path: Path) -> None:
    """A closed port is told within a second (B02)."""
    began = time.monotonic()
    with pytest.raises(BackendUnavailable) as caught:
        await create_client("http://127.0.0.1:9").make_mattes(clip, plan, tmp_path, EventRecorder())
    assert caught.value.kind is FailureKind.UNREACHABLE
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("lie", "expected"),
    [
        (hang, FailureKind.TOO_SLOW),
        (drip, FailureKind.TOO_SLOW),
        (cut, FailureKind.UNREACHABLE),
        (flood, FailureKind.INVALID_RESPONSE),
    ],
)
@pytest.mark.parametrize("call", ["find", "submit", "follow", "segment"])
async def test_no_call_hangs(
    liar: MisbehavingService,
    clip: Path,
    tmp_path: Path,
    call: str,
    lie: Handler,
    expected: FailureKind,
) -> None:
    """Silence, drips, broken and endless bodies end every call, and the job there (B06, B07)."""
    liar.overrides[call] = lie
    assert (await why(liar, clip, tmp_path)).kind is expected
    assert liar.calls[-1] == "cancel"


async def test_an_upload_that_nobody_takes(
    liar: MisbehavingService, clip: Path, tmp_path: Path
) -> None:
    """An upload that is not answered is given up (B06)."""
    liar.overrides["upload"] = hang
    assert (await why(liar, clip, tmp_path)).kind is FailureKind.TOO_SLOW


@pytest.mark.parametrize("call", ["find", "submit", "follow"])
@pytest.mark.parametrize(
    "lie",
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
async def test_garbage_is_no_answer(
    liar: MisbehavingService, clip: Path, tmp_path: Path, call: str, lie: Handler
) -> None:
    """HTML, null, missing fields and half JSON are not what was asked for (B08)."""
    liar.overrides[call] = lie
    assert (await why(liar, clip, tmp_path)).kind is FailureKind.INVALID_RESPONSE


@pytest.mark.parametrize(
    "lie",
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
async def test_an_answer_that_cannot_be_true(
    liar: MisbehavingService, clip: Path, tmp_path: Path, lie: dict[str, object]
) -> None:
    """Another job's answer, and numbers that are none, are found out (B08, B10)."""

    async def follow(request: web.Request) -> web.StreamResponse:
        return web.json_response(liar.describe_job(request, **lie))

    liar.overrides["follow"] = follow
    assert (await why(liar, clip, tmp_path)).kind is FailureKind.INVALID_RESPONSE


def mattes(
    plan: Plan, value: int, shape: tuple[int, int] = (48, 80), folder: Path = Path()
) -> None:
    """Write every segment with mattes of one value."""

    def filled(index: int) -> Iterator[Timed[Matte]]:
        for matte in make_grey_mattes(plan.segments[index]):
            yield Timed(matte.time, np.full(shape, value, np.uint8))

    for segment in plan.segments:
        write_segment(plan, segment, filled(segment.index), folder)


def segments(liar: MisbehavingService, content: bytes, job: str | None = None) -> None:
    """Have the service send *content* for every segment."""

    async def segment(request: web.Request) -> web.StreamResponse:
        return web.Response(body=content, headers={"Job-Id": job or request.path.split("/")[2]})

    liar.overrides["segment"] = segment


async def test_truncated_segments(liar: MisbehavingService, clip: Path, tmp_path: Path) -> None:
    """A segment that ends early is not taken, though its length was told right (B10)."""
    good = (liar.mattes / liar.plan.segments[0].file_name).read_bytes()
    for content in (good[: len(good) // 2], good[:100], b"", b"ffconcat version 1.0\nfile x\n"):
        segments(liar, content)
        assert (await why(liar, clip, tmp_path)).kind is FailureKind.INVALID_RESPONSE


async def test_another_segment_of_the_same_job(
    liar: MisbehavingService, clip: Path, tmp_path: Path
) -> None:
    """Mattes for another number of frames are not taken (B10)."""
    short = liar.plan.segments[0].model_copy(update={"frames": liar.plan.segments[0].frames - 1})
    write_segment(liar.plan, short, make_grey_mattes(short), tmp_path)
    content = (tmp_path / short.file_name).read_bytes()
    (tmp_path / short.file_name).unlink()
    segments(liar, content)
    assert (await why(liar, clip, tmp_path)).kind is FailureKind.INVALID_RESPONSE


async def test_another_jobs_segment(liar: MisbehavingService, clip: Path, tmp_path: Path) -> None:
    """A segment under another job's name is not taken, be it ever so good (B10)."""
    good = (liar.mattes / liar.plan.segments[0].file_name).read_bytes()
    segments(liar, good, "cd" * 32)
    assert (await why(liar, clip, tmp_path)).kind is FailureKind.INVALID_RESPONSE


@pytest.mark.parametrize(
    ("value", "shape"), [(0, (48, 80)), (255, (48, 80)), (200, (48, 64)), (200, (192, 320))]
)
async def test_mattes_that_cannot_be(
    liar: MisbehavingService, clip: Path, tmp_path: Path, value: int, shape: tuple[int, int]
) -> None:
    """Nobody anywhere, nothing but person, and pictures of another size are not taken (B10)."""
    liar.mattes = tmp_path / "lies"
    liar.mattes.mkdir()
    mattes(liar.plan, value, shape, liar.mattes)
    (tmp_path / "mattes").mkdir()
    assert (await why(liar, clip, tmp_path / "mattes")).kind is FailureKind.INVALID_RESPONSE


async def test_somebody_may_be_away_for_a_while(
    liar: MisbehavingService, clip: Path, tmp_path: Path
) -> None:
    """One segment without anybody is believed, because another one shows that the place works."""
    liar.mattes = tmp_path / "some"
    liar.mattes.mkdir()
    mattes(liar.plan, 0, folder=liar.mattes)
    last = liar.plan.segments[-1]
    write_segment(liar.plan, last, make_grey_mattes(last), liar.mattes)
    async with serve_misbehaving(liar) as address:
        await create_client(address).make_mattes(
            clip, liar.plan, tmp_path / "mattes", EventRecorder()
        )
    assert find_missing_segments(liar.plan, tmp_path / "mattes") == []


@pytest.mark.parametrize("call", ["follow", "segment"])
async def test_a_few_failed_polls_do_not_end_a_job(
    liar: MisbehavingService, clip: Path, tmp_path: Path, call: str
) -> None:
    """The job is neither cancelled nor submitted again when a proxy answers 502 three times."""
    answers = iter([answer_status(502)] * 3)

    async def fail_at_first(request: web.Request) -> web.StreamResponse:
        failure = next(answers, None)
        return await (failure or getattr(liar, call))(request)

    liar.overrides[call] = fail_at_first
    async with serve_misbehaving(liar) as address:
        await create_client(address, BRISK).make_mattes(clip, liar.plan, tmp_path, EventRecorder())
    assert find_missing_segments(liar.plan, tmp_path) == []
    assert liar.calls.count("submit") == 1
    assert "cancel" not in liar.calls


async def test_many_failed_polls_cancel_a_job(
    liar: MisbehavingService, clip: Path, tmp_path: Path
) -> None:
    """A service that only answers 502 is given up, and its job is cancelled."""
    liar.overrides["follow"] = answer_status(502)
    assert (await why(liar, clip, tmp_path)).kind is FailureKind.BROKEN
    assert liar.calls.count("follow") == MAX_FAILED_POLLS
    assert liar.calls[-1] == "cancel"


async def test_a_poll_waits_as_long_as_the_service_asks(
    liar: MisbehavingService, clip: Path, tmp_path: Path
) -> None:
    """A pause that outlasts the stall time ends the job at once."""
    liar.overrides["follow"] = answer_status(503, Retry_After="7")
    assert (await why(liar, clip, tmp_path)).retry_after == 7
    assert liar.calls.count("follow") == 1


async def test_a_lost_job_is_not_polled_again(
    liar: MisbehavingService, clip: Path, tmp_path: Path
) -> None:
    """A service that forgot the job is asked for it once."""
    liar.overrides["follow"] = answer_status(404)
    assert (await why(liar, clip, tmp_path)).kind is FailureKind.BROKEN
    assert liar.calls.count("follow") == 1


async def test_done_without_all_segments(
    liar: MisbehavingService, clip: Path, tmp_path: Path
) -> None:
    """A job that says it is done, but has not made everything, has failed."""

    async def follow(request: web.Request) -> web.StreamResponse:
        return web.json_response(liar.describe_job(request, state="done"))

    liar.overrides["follow"] = follow
    assert (await why(liar, clip, tmp_path)).kind is FailureKind.BROKEN


@pytest.mark.parametrize(
    ("state", "expected"), [("running", FailureKind.TOO_SLOW), ("queued", FailureKind.TOO_SLOW)]
)
async def test_a_job_that_stands_still(
    liar: MisbehavingService, clip: Path, tmp_path: Path, state: str, expected: FailureKind
) -> None:
    """A job that never gets further is given up and cancelled, before its start or after."""

    async def follow(request: web.Request) -> web.StreamResponse:
        return web.json_response(liar.describe_job(request, state=state))

    liar.overrides["follow"] = follow
    heard = EventRecorder()
    assert (await why(liar, clip, tmp_path, heard)).kind is expected
    assert liar.calls[-1] == "cancel"
    assert state == "running" or heard.of(ColdStart) == [ColdStart("modal")]


async def test_the_services_own_reasons_arrive(
    liar: MisbehavingService, clip: Path, tmp_path: Path
) -> None:
    """What the service says about the clip, or about itself, reaches us with its fields."""

    def failed(**failure: object) -> None:
        async def follow(request: web.Request) -> web.StreamResponse:
            return web.json_response(liar.describe_job(request, state="failed", failure=failure))

        liar.overrides["follow"] = follow

    failed(rejected=False, reason="no_model", retry_after=9)
    failure = await why(liar, clip, tmp_path)
    assert (failure.kind, failure.retry_after) == (FailureKind.NO_MODEL, 9)
    failed(rejected=False, reason="a reason of next year")
    assert (await why(liar, clip, tmp_path)).kind is FailureKind.BROKEN
    failed(rejected=True, reason="too_long", details={"seconds": 7200.0, "limit": 3600.0})
    async with serve_misbehaving(liar) as address:
        with pytest.raises(InputRejected) as caught:
            await create_client(address).make_mattes(clip, liar.plan, tmp_path, EventRecorder())
    assert caught.value.reason is RejectReason.TOO_LONG
    assert caught.value.details == {"seconds": 7200.0, "limit": 3600.0}


async def test_modals_slices_are_followed(
    liar: MisbehavingService, clip: Path, tmp_path: Path
) -> None:
    """Three times 303 on the way to an answer is a cold start, not a failure (B05, B09)."""
    left = 3

    async def follow(request: web.Request) -> web.StreamResponse:
        nonlocal left
        await asyncio.sleep(0.2)
        if left:
            left -= 1
            return web.Response(status=303, headers={"Location": f"{request.path}?slice={left}"})
        return await MisbehavingService.follow(liar, request)

    liar.overrides["follow"] = follow
    heard = EventRecorder()
    async with serve_misbehaving(liar) as address:
        patience = replace(BRISK, transfer=5, response=5)
        await create_client(address, patience).make_mattes(clip, liar.plan, tmp_path, heard)
    assert find_missing_segments(liar.plan, tmp_path) == []
    assert heard.of(ColdStart) == [ColdStart("modal")]


@pytest.mark.parametrize(
    "elsewhere", ["http://169.254.169.254/latest", "http://localhost:{port}/x"]
)
async def test_the_key_goes_nowhere_else(
    liar: MisbehavingService, clip: Path, tmp_path: Path, elsewhere: str
) -> None:
    """A 303 to another host is not followed, so nobody there sees our key (B05)."""
    seen: list[str] = []

    async def other(request: web.Request) -> web.StreamResponse:
        seen.append(request.path)
        return web.Response()

    liar.overrides["follow"] = other
    async with serve_misbehaving(
        MisbehavingService(liar.mattes, liar.plan, {"without_key": other})
    ) as trap:
        location = elsewhere.format(port=trap.rpartition(":")[2])
        liar.overrides["follow"] = answer_status(303, Location=location)
        assert (await why(liar, clip, tmp_path)).kind is FailureKind.INVALID_RESPONSE
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
    liar: MisbehavingService, clip: Path, tmp_path: Path, code: int, expected: FailureKind
) -> None:
    """Only a success is reported as open to everybody (Z10)."""
    liar.overrides["without_key"] = answer_status(code)
    assert (await why(liar, clip, tmp_path)).kind is expected
    assert liar.calls == []


async def test_a_redirect_of_a_request_without_a_key_is_followed(
    liar: MisbehavingService, clip: Path, tmp_path: Path
) -> None:
    """Modal redirects while it starts; the answer at the end tells that a key is needed."""
    answers = iter([answer_status(303, Location="/clips/0"), answer_status(401)])

    async def redirect_once(request: web.Request) -> web.StreamResponse:
        return await next(answers)(request)

    liar.overrides["without_key"] = redirect_once
    async with serve_misbehaving(liar) as address:
        await create_client(address).make_mattes(clip, liar.plan, tmp_path, EventRecorder())
    assert find_missing_segments(liar.plan, tmp_path) == []


@pytest.fixture
def slow(liar: MisbehavingService) -> MisbehavingService:
    """A service that works without an end."""

    async def follow(request: web.Request) -> web.StreamResponse:
        return web.json_response(liar.describe_job(request, done=len(liar.calls) % 100))

    liar.overrides["follow"] = follow
    return liar


async def test_cancelling_cancels_there(
    slow: MisbehavingService, clip: Path, tmp_path: Path
) -> None:
    """Whoever stops the work here stops it there as well, and what was uploaded goes."""
    async with serve_misbehaving(slow) as address:
        place = create_client(address, BRISK)
        work = asyncio.create_task(place.make_mattes(clip, slow.plan, tmp_path, EventRecorder()))
        while "follow" not in slow.calls:
            await asyncio.sleep(0.02)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
    assert slow.calls[-2:] == ["forget", "forget"]


async def test_a_deadline_stops_it_there(
    slow: MisbehavingService, clip: Path, tmp_path: Path
) -> None:
    """At the deadline the work is stopped here and there (B06, B12)."""
    async with serve_misbehaving(slow) as address:
        place = create_client(address, replace(BRISK, total=1))
        with pytest.raises(BackendUnavailable) as caught:
            await place.make_mattes(clip, slow.plan, tmp_path, EventRecorder())
    assert caught.value.kind is FailureKind.TOO_SLOW
    assert slow.calls[-2:] == ["forget", "forget"]
