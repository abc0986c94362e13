"""The client of Shotstack: uploads carry no key, and failures are split by what to do next."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from backends.shotstack.client import RequestLimits, ShotstackClient
from backends.shotstack.errors import (
    OutcomeUnknown,
    ShotstackError,
    ShotstackFailed,
    ShotstackInvalid,
    ShotstackNotFound,
    ShotstackRateLimited,
    ShotstackRefused,
    ShotstackUnavailable,
    create_error,
    extract_message,
)
from tests.backends.support.fake_shotstack import KEY, FakeShotstack, RenderOutcome
from tests.backends.support.misbehaving_service import (
    Handler,
    answer_body,
    answer_status,
    cut,
    drip,
    flood,
    hang,
)
from tests.backends.support.shotstack_client import make_edit, open_fake_client
from tests.support.make_clips import drawn, make_clip

#: the request of tests about answers
Question = Callable[[ShotstackClient], Awaitable[object]]


@pytest.fixture
async def fake() -> AsyncIterator[FakeShotstack]:
    """A fake Shotstack without faults."""
    async with FakeShotstack() as fake:
        yield fake


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of two seconds."""
    return make_clip(tmp_path_factory.mktemp("film") / "film.mp4", drawn(60), tone=440)


def told(code: int, text: str) -> Handler:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=code, text=text, content_type="application/json")

    return answer


# Uploads


async def test_a_file_is_uploaded(fake: FakeShotstack, tmp_path: Path, film: Path) -> None:
    """Its bytes arrive unchanged, and renders can use its address once it is ready."""
    begun: list[str] = []
    async with open_fake_client(fake, tmp_path) as at:
        there = await at.upload(film, begun.append)
    assert begun == [there.id]
    assert fake.files[there.id].content == film.read_bytes()
    assert fake.files[there.id].status == "ready"
    assert there.url.startswith(f"{fake.url}/files/")


async def test_the_signed_address_gets_no_key(
    fake: FakeShotstack, tmp_path: Path, film: Path
) -> None:
    """The storage receives the bytes and their length only."""
    async with open_fake_client(fake, tmp_path) as at:
        await at.upload(film)
    (entry,) = fake.find_requests("put")
    assert KEY not in str(entry.headers)
    assert entry.headers["Content-Length"] == str(film.stat().st_size)
    assert "Transfer-Encoding" not in entry.headers


async def test_the_id_is_known_before_the_upload(
    fake: FakeShotstack, tmp_path: Path, film: Path
) -> None:
    """After a kill during an upload, the source's id is recorded."""
    seen: list[int] = []
    async with open_fake_client(fake, tmp_path) as at:
        await at.upload(film, lambda _: seen.append(len(fake.find_requests("put"))))
    assert seen == [0]


async def test_a_source_may_not_be_found_at_first(
    fake: FakeShotstack, tmp_path: Path, film: Path
) -> None:
    """A 404 right after the upload is tolerated."""
    fake.polls_not_found = 3
    async with open_fake_client(fake, tmp_path) as at:
        assert (await at.upload(film)).id in fake.files


async def test_a_source_that_never_appears_is_given_up(
    fake: FakeShotstack, tmp_path: Path, film: Path
) -> None:
    """After the grace period a 404 is an error."""
    fake.polls_not_found = 10_000
    async with open_fake_client(fake, tmp_path) as at:
        with pytest.raises(ShotstackNotFound):
            await at.upload(film)


async def test_a_file_that_is_no_video_is_refused(fake: FakeShotstack, tmp_path: Path) -> None:
    """A file that Shotstack cannot read is a failure with its message, without a wait."""
    text = tmp_path / "film.mp4"
    text.write_text("no film")
    async with open_fake_client(fake, tmp_path) as at:
        with pytest.raises(ShotstackFailed, match="not a media file"):
            await at.upload(text)


async def test_a_source_that_stays_importing_is_given_up(
    fake: FakeShotstack, tmp_path: Path, film: Path
) -> None:
    """A source must be ready in a certain time."""
    fake.polls_until_ready = 10_000
    async with open_fake_client(fake, tmp_path, ingest=0.5) as at:
        with pytest.raises(ShotstackUnavailable):
            await at.upload(film)


async def test_a_transient_failure_of_an_upload_is_repeated(
    fake: FakeShotstack, tmp_path: Path, film: Path
) -> None:
    """The same bytes are sent to the same address, from the start."""
    fake.override("put", answer_status(500), times=2)
    async with open_fake_client(fake, tmp_path) as at:
        there = await at.upload(film)
    assert fake.files[there.id].content == film.read_bytes()
    assert len(fake.find_requests("put")) == 3
    assert len(fake.find_requests("upload")) == 1


async def test_a_stalled_upload_is_abandoned(
    fake: FakeShotstack, tmp_path: Path, film: Path
) -> None:
    """A stalled upload is abandoned after its timeout."""
    fake.override("put", hang)
    began = time.monotonic()
    async with open_fake_client(fake, tmp_path, response=0.2, retry_total=0.5) as at:
        with pytest.raises(ShotstackUnavailable, match="stalled"):
            await at.upload(film)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_an_upload_follows_no_redirect(
    fake: FakeShotstack, tmp_path: Path, film: Path, code: int
) -> None:
    """The file is sent to the address that Shotstack names, and to no other."""
    fake.override("put", answer_status(code, Location=f"{fake.url}/elsewhere"))
    async with open_fake_client(fake, tmp_path) as at:
        with pytest.raises(ShotstackUnavailable):
            await at.upload(film)
    assert all("elsewhere" not in entry.path for entry in fake.requests)


@pytest.mark.parametrize(
    "link", ["", "file:///etc/passwd", "ftp://example.com/", "https://", "https://u:p@host/", "//x"]
)
async def test_an_upload_goes_to_web_addresses_only(
    fake: FakeShotstack, tmp_path: Path, film: Path, link: str
) -> None:
    """Another scheme in the answer is refused."""
    place = f'{{"data": {{"id": "a", "attributes": {{"url": "{link}"}}}}}}'
    fake.override("upload", answer_body(place.encode()))
    async with open_fake_client(fake, tmp_path) as at:
        with pytest.raises(ShotstackUnavailable):
            await at.upload(film)
    assert fake.find_requests("put") == []


async def test_an_expired_address_is_an_error(
    fake: FakeShotstack, tmp_path: Path, film: Path
) -> None:
    """An expired address is an error without the address's signature."""
    fake.upload_link_seconds = -1
    async with open_fake_client(fake, tmp_path) as at:
        with pytest.raises(ShotstackUnavailable) as caught:
            await at.upload(film)
    assert "Signature" not in str(caught.value)


async def test_the_reason_of_the_storage_is_kept(
    fake: FakeShotstack, tmp_path: Path, film: Path
) -> None:
    """Its code and message are in the error; the key's id and the signature are not."""
    refusal = (
        "<Error><Code>SignatureDoesNotMatch</Code><Message>The signature we calculated does not "
        "match 0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c.</Message>"
        "<AWSAccessKeyId>AKIDEXAMPLE</AWSAccessKeyId>"
        "<StringToSign>AWS4-HMAC-SHA256 secret</StringToSign></Error>"
    )
    fake.override("put", told(403, refusal))
    async with open_fake_client(fake, tmp_path) as at:
        with pytest.raises(ShotstackUnavailable, match="403 SignatureDoesNotMatch The") as caught:
            await at.upload(film)
    assert all(secret not in str(caught.value) for secret in ("AKID", "AWS4", "0f1e2d3c"))


@pytest.mark.parametrize(
    ("signed", "kind"), [("host", None), ("content-type;host", "application/octet-stream")]
)
async def test_an_upload_names_no_content_type_that_is_not_signed(
    fake: FakeShotstack, tmp_path: Path, film: Path, signed: str, kind: str | None
) -> None:
    """The storage compares the headers with the signature."""
    link = f"{fake.url}/signed/1?X-Amz-SignedHeaders={signed.replace(';', '%3B')}"
    place = f'{{"data": {{"id": "a", "attributes": {{"url": "{link}"}}}}}}'
    fake.override("upload", answer_body(place.encode()))
    fake.override("put", answer_status(200))
    async with open_fake_client(fake, tmp_path) as at:
        with pytest.raises(ShotstackNotFound):
            await at.upload(film)
    (entry,) = fake.find_requests("put")
    assert entry.headers.get("Content-Type") == kind


async def test_deleting_twice_is_fine(fake: FakeShotstack, tmp_path: Path, film: Path) -> None:
    """A second deletion succeeds, and the list shows the remaining sources."""
    async with open_fake_client(fake, tmp_path) as at:
        one, other = await at.upload(film), await at.upload(film)
        await at.delete_source(one.id)
        await at.delete_source(one.id)
        assert [source.id for source in await at.list_sources()] == [other.id]
    assert set(fake.files) == {other.id}


# How answers are distinguished


async def asked(at: ShotstackClient) -> object:
    """Poll a render."""
    return await at.get_status("a-render")


async def rendering(at: ShotstackClient) -> object:
    """Request a render."""
    return await at.submit_render(make_edit())


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (answer_status(401), ShotstackRefused),
        (answer_status(402), ShotstackRefused),
        (answer_status(403), ShotstackRefused),
        (told(400, '{"message": "Not enough credits"}'), ShotstackRefused),
        (told(400, '{"message": "Bad Request"}'), ShotstackInvalid),
        (answer_status(404), ShotstackInvalid),
        (answer_status(302, Location="https://example.com/"), OutcomeUnknown),
        (answer_status(500), OutcomeUnknown),
        (answer_status(504), OutcomeUnknown),
        (answer_status(200), OutcomeUnknown),
        (told(201, '{"response": {"id": "../../etc"}}'), OutcomeUnknown),
        (told(201, "[" * 100_000), OutcomeUnknown),
        (answer_body(b"\xff\xfe not json"), OutcomeUnknown),
        (cut, OutcomeUnknown),
        (flood, OutcomeUnknown),
    ],
)
async def test_the_meaning_of_answers_without_a_render(
    fake: FakeShotstack, tmp_path: Path, answer: Handler, kind: type[ShotstackError]
) -> None:
    """A clear refusal is one; everything else may have been accepted. No request is repeated."""
    fake.override("render", answer)
    async with open_fake_client(fake, tmp_path) as at:
        with pytest.raises(kind) as caught:
            await at.submit_render(make_edit())
    assert type(caught.value) in {kind, ShotstackNotFound}
    assert len(fake.find_requests("render")) == 1


@pytest.mark.parametrize("answer", [hang, drip])
async def test_an_answer_has_a_timeout(
    fake: FakeShotstack, tmp_path: Path, answer: Handler
) -> None:
    """Without an answer, or with a slow one, the render may have been accepted."""
    fake.override("render", answer)
    began = time.monotonic()
    async with open_fake_client(fake, tmp_path, response=0.5) as at:
        with pytest.raises(OutcomeUnknown):
            await at.submit_render(make_edit())
    assert time.monotonic() - began < 2


async def test_a_failed_connection_is_certain(fake: FakeShotstack, tmp_path: Path) -> None:
    """Without a connection nothing was accepted."""
    fake.url = "http://127.0.0.1:9"
    async with open_fake_client(fake, tmp_path) as at:
        with pytest.raises(ShotstackUnavailable) as caught:
            await at.submit_render(make_edit())
    assert not caught.value.has_reached_server


async def test_a_wrong_key_is_refused_at_once(fake: FakeShotstack, tmp_path: Path) -> None:
    """The request is sent once."""
    async with open_fake_client(fake, tmp_path, key="another") as at:
        with pytest.raises(ShotstackRefused):
            await at.get_status("a-render")
    assert len(fake.requests) == 1


async def test_no_credits_are_a_refusal(fake: FakeShotstack, tmp_path: Path) -> None:
    """An account without minutes renders nothing."""
    fake.credits = 0
    async with open_fake_client(fake, tmp_path) as at:
        with pytest.raises(ShotstackRefused, match="credits"):
            await at.submit_render(make_edit())
    assert fake.billed_seconds == []


async def test_the_error_of_a_bad_edit_has_its_reason(fake: FakeShotstack, tmp_path: Path) -> None:
    """The error has the reason, for the log."""
    wrong = make_edit()
    wrong["output"]["size"]["width"] = 161
    async with open_fake_client(fake, tmp_path) as at:
        with pytest.raises(ShotstackInvalid, match=r"output\.size\.width"):
            await at.submit_render(wrong)


@pytest.mark.parametrize(
    "answer", [answer_status(500), answer_status(503), cut, flood, answer_body(b"nonsense")]
)
async def test_a_failed_poll_is_repeated(
    fake: FakeShotstack, tmp_path: Path, answer: Handler
) -> None:
    """A poll that fails transiently is repeated."""
    async with open_fake_client(fake, tmp_path) as at:
        render = await at.submit_render(make_edit())
        fake.override("status", answer, times=2)
        assert (await at.get_status(render)).id == render


async def test_repetitions_end(fake: FakeShotstack, tmp_path: Path) -> None:
    """Repeated failures end within the time for all attempts."""
    fake.override("status", answer_status(500))
    began = time.monotonic()
    async with open_fake_client(fake, tmp_path) as at:
        with pytest.raises(ShotstackUnavailable):
            await at.get_status("a-render")
    assert time.monotonic() - began < 4
    assert 2 <= len(fake.find_requests("status")) <= 5


async def test_the_state_of_another_render_is_an_error(fake: FakeShotstack, tmp_path: Path) -> None:
    """An answer about another render is an error."""
    fake.override("status", told(200, '{"response": {"id": "other", "status": "done"}}'))
    async with open_fake_client(fake, tmp_path) as at:
        with pytest.raises(ShotstackUnavailable):
            await at.get_status("a-render")


async def test_wrong_types_are_tolerated(fake: FakeShotstack, tmp_path: Path) -> None:
    """Numbers may be strings, and values of wrong types are None."""
    strange = '{"response": {"id": "r", "status": 7, "duration": "12.5", "url": ["x"], "new": {}}}'
    fake.override("status", told(200, strange))
    async with open_fake_client(fake, tmp_path) as at:
        state = await at.get_status("r")
    assert (state.status, state.duration, state.url) == (None, 12.5, None)


async def test_a_429_blocks_all_requests_for_a_window(fake: FakeShotstack, tmp_path: Path) -> None:
    """After one 429 all requests wait for a window."""
    fake.window = 1
    fake.override("status", answer_status(429), times=1)
    async with open_fake_client(fake, tmp_path, limits=RequestLimits(150, 120, 1)) as at:
        render = await at.submit_render(make_edit())
        await asyncio.gather(*(at.get_status(render) for _ in range(5)))
    times = [entry.time for entry in fake.find_requests("status")]
    refused = next(entry.time for entry in fake.find_requests("status") if entry.status == 429)
    assert sum(1 for moment in times if refused + 0.2 < moment < refused + 1) == 0
    assert len(times) == 6


async def test_a_429_for_longer_than_the_wait(fake: FakeShotstack, tmp_path: Path) -> None:
    """A request without a slot in time fails with the time of the next one."""
    fake.override("render", answer_status(429, Retry_After="50"))
    async with open_fake_client(fake, tmp_path, gate=0.2) as at:
        with pytest.raises(ShotstackRateLimited) as caught:
            await at.submit_render(make_edit())
        assert caught.value.retry_after == 50
        with pytest.raises(ShotstackRateLimited) as caught:
            await at.submit_render(make_edit())
        assert 40 < caught.value.retry_after < 60
    assert len(fake.find_requests("render")) == 1


@pytest.mark.slow
async def test_a_hundred_at_once_stay_within_the_limit(fake: FakeShotstack, tmp_path: Path) -> None:
    """With renders and polls together there is no 429 (60 s are 1 s in this test)."""
    fake.window, fake.request_limits["stage", "edit"] = 1, 75
    async with open_fake_client(fake, tmp_path, limits=RequestLimits(75, 120, 1)) as at:

        async def followed() -> None:
            render = await at.submit_render(make_edit())
            while (await at.get_status(render)).status != "done":
                await asyncio.sleep(0.5)

        await asyncio.gather(*(followed() for _ in range(100)))
    assert len(fake.billed_seconds) == 100
    assert fake.count_peak_requests("edit") <= 75
    assert not [entry for entry in fake.requests if entry.status == 429]


@pytest.mark.slow
async def test_a_hundred_clients_stay_within_the_limit(fake: FakeShotstack, tmp_path: Path) -> None:
    """Each has its own connection, as in separate processes; they share the state file only."""
    fake.window, fake.request_limits["stage", "edit"] = 4, 150

    async def followed() -> None:
        async with open_fake_client(
            fake, tmp_path, limits=RequestLimits(150, 120, 4), gate=60
        ) as at:
            render = await at.submit_render(make_edit())
            while (await at.get_status(render)).status != "done":
                await asyncio.sleep(0.5)

    await asyncio.gather(*(followed() for _ in range(100)))
    assert len(fake.billed_seconds) == 100
    assert fake.count_peak_requests("edit") <= 150
    assert not [entry for entry in fake.requests if entry.status == 429]


async def test_templates(fake: FakeShotstack, tmp_path: Path) -> None:
    """A template is rendered with its fields filled in, or read and rendered as an edit."""
    fake.templates["t"] = make_edit(src="{{HEAD}}")
    src = "https://films.example.com/head.mp4"
    async with open_fake_client(fake, tmp_path) as at:
        await at.submit_template("t", {"HEAD": src})
        merge = [{"find": "HEAD", "replace": src}]
        await at.submit_render({**await at.get_template("t"), "merge": merge})
        with pytest.raises(ShotstackInvalid):
            await at.submit_template("unknown", {})
    assert [
        next(render.edit.clips()).asset.src  # type: ignore[union-attr]
        for render in fake.renders.values()
    ] == [src, src]


# Secrets


@pytest.mark.parametrize("question", [asked, rendering])
@pytest.mark.parametrize(
    "answer",
    [
        told(400, f'{{"message": "{KEY} https://s3.example.com/x?X-Amz-Signature=abc"}}'),
        told(500, "see https://s3.example.com/x?X-Amz-Signature=abc"),
        cut,
        answer_status(302, Location="https://example.com/?X-Amz-Signature=abc"),
    ],
)
async def test_no_error_and_no_log_line_has_a_secret(
    fake: FakeShotstack,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    question: Question,
    answer: Handler,
) -> None:
    """Neither the key nor a signed link, for any answer."""
    caplog.set_level(logging.DEBUG)
    fake.override("status", answer)
    fake.override("render", answer)
    async with open_fake_client(fake, tmp_path) as at:
        with pytest.raises(ShotstackError) as caught:
            await question(at)
    printed = capsys.readouterr()
    ours = [record.getMessage() for record in caplog.records if record.name != "aiohttp.access"]
    for text in (str(caught.value), repr(caught.value), printed.out, printed.err, *ours):
        assert "Signature" not in text
        assert KEY not in text


async def test_values_hide_their_links(fake: FakeShotstack, tmp_path: Path, film: Path) -> None:
    """The representation of a source or a render has no address."""
    async with open_fake_client(fake, tmp_path) as at:
        there = await at.upload(film)
        render = await at.submit_render(make_edit())
        while (state := await at.get_status(render)).status != "done":
            await asyncio.sleep(0.05)
    assert state.url
    assert "http" not in f"{there!r} {state!r} {there} {state}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"errors": [{"detail": "one"}], "message": "two"}', "one"),
        (
            '{"response": {"error": {"details": [{"message": "a"}, {"message": "b"}]}}}',
            "a; b",
        ),
        ('{"response": {"error": "plain", "message": "x"}}', "plain"),
        ('{"response": {"message": "inner"}, "message": "outer"}', "inner"),
        ('{"message": "outer", "response": []}', "outer"),
        ("not json\n at all", "not json at all"),
        ('{"errors": "none", "response": 7}', '{"errors": "none", "response": 7}'),
        ("null", "null"),
        ("", ""),
        ("[" * 100_000, "[" * 300),
        ('{"message": "see https://x.example/?sig=1 now"}', "see <link> now"),
    ],
)
def test_the_message_of_an_error(text: str, found: str) -> None:
    """The most precise one, in one short line."""
    assert extract_message(text.encode()) == found


def test_a_429_has_its_wait() -> None:
    """After Retry-After, or after a window."""
    said = create_error(429, {"Retry-After": "7"}, b"", 60)
    unsaid = create_error(429, {}, b"", 60)
    assert isinstance(said, ShotstackRateLimited)
    assert isinstance(unsaid, ShotstackRateLimited)
    assert (said.retry_after, unsaid.retry_after) == (7, 60)


async def test_an_accepted_render_without_an_answer_is_billed(
    fake: FakeShotstack, tmp_path: Path
) -> None:
    """Therefore an unknown outcome is not requested again."""
    fake.outcomes.append(RenderOutcome(response="dropped"))
    async with open_fake_client(fake, tmp_path) as at:
        with pytest.raises(OutcomeUnknown):
            await at.submit_render(make_edit())
    assert fake.billed_seconds == [1.0]
