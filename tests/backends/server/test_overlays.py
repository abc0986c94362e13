"""The three routes for overlays of clips behind links."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import av
import pytest
from aiohttp import ClientSession
from fastapi import FastAPI

from backends.links.download import FetchFailed, LinkError
from tests.backends.support.running_service import KEY, application, copied_from, served

Opened = Callable[[FastAPI], Awaitable[ClientSession]]
ASKED = {"video_url": "https://example.com/a.mp4", "container": "webm"}


@pytest.fixture
async def opened() -> AsyncIterator[Opened]:
    """Open a session with the service."""
    async with AsyncExitStack() as stack:

        async def opened_one(app: FastAPI) -> ClientSession:
            address = await stack.enter_async_context(served(app))
            return await stack.enter_async_context(ClientSession(address, headers=KEY))

        yield opened_one


async def result(session: ClientSession, job_id: str) -> dict[str, object]:
    """Return the answer of get_result once the overlay is no longer in progress."""
    while True:
        async with session.get("/get_result", params={"job_id": job_id}) as answer:
            assert answer.status == 200
            told = await answer.json()
        if told["status"] != "processing":
            return dict(told)
        await asyncio.sleep(0.1)


async def test_an_overlay_by_link(opened: Opened, tmp_path: Path, clip: Path) -> None:
    """The clip becomes a transparent overlay that can be downloaded by a link without a key."""
    session = await opened(application(tmp_path / "service", fetched=copied_from(clip)))
    async with session.post("/process_overlay_endpoint", json=ASKED) as answer:
        begun = await answer.json()
    assert begun["status"] == "processing"
    told = await result(session, begun["job_id"])
    assert told["status"] == "completed", told
    assert told["duration"] == pytest.approx(6, abs=0.1)
    assert told["processing_time"] > 0
    async with ClientSession() as stranger, stranger.get(told["overlay_url"]) as answer:
        assert answer.status == 200
        assert answer.content_type == "video/webm"
        (tmp_path / "overlay.webm").write_bytes(await answer.read())
    with av.open(str(tmp_path / "overlay.webm")) as file:
        assert file.streams.video[0].codec_context.name.startswith(("vp9", "libvpx-vp9"))
    assert {path.suffix for path in (tmp_path / "service").rglob("*") if path.is_file()} == {
        ".webm"
    }


async def test_a_forged_link_to_an_overlay(opened: Opened, tmp_path: Path, clip: Path) -> None:
    """A link with another name, time or signature is refused."""
    session = await opened(application(tmp_path / "service", fetched=copied_from(clip)))
    async with session.post("/process_overlay_sync", json=ASKED) as answer:
        told = await answer.json()
        assert (answer.status, told["status"]) == (200, "completed")
    url = urlsplit(told["overlay_url"])
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    for path, changes in (
        (url.path, {"signature": "0" * 64}),
        (url.path, {"expires": str(int(query["expires"]) + 1)}),
        (f"/overlays/{'0' * 32}", {}),
        ("/overlays/..%2f..%2fetc%2fpasswd", {}),
    ):
        async with session.get(path, params=query | changes) as answer:
            assert answer.status in {403, 404}


async def test_a_long_overlay_is_fetched_later(opened: Opened, tmp_path: Path, clip: Path) -> None:
    """process_overlay_sync answers in time, with the id for get_result."""
    app = application(tmp_path / "service", fetched=copied_from(clip), sync_seconds=0.1)
    session = await opened(app)
    async with session.post("/process_overlay_sync", json=ASKED) as answer:
        told = await answer.json()
        assert (answer.status, told["status"]) == (202, "processing")
    assert (await result(session, told["job_id"]))["status"] == "completed"


@pytest.mark.parametrize("fault", list(LinkError))
async def test_a_link_that_fails(opened: Opened, tmp_path: Path, fault: LinkError) -> None:
    """Each fault of a link has its reason and a sentence, which does not contain the link."""

    async def fetched(_link: str, _path: Path) -> int:
        raise FetchFailed(fault)

    session = await opened(application(tmp_path, fetched=fetched))
    async with session.post("/process_overlay_sync", json=ASKED) as answer:
        told = await answer.json()
    assert (told["status"], told["reason"]) == ("failed", fault)
    assert told["error"].endswith(".")
    assert "example.com" not in str(told)


async def test_a_clip_that_cannot_be_used(opened: Opened, tmp_path: Path) -> None:
    """The answer names what is wrong with the clip, and no file of it remains."""
    text = tmp_path / "text"
    text.write_text("once upon a time")
    session = await opened(application(tmp_path / "service", fetched=copied_from(text)))
    async with session.post("/process_overlay_sync", json=ASKED) as answer:
        told = await answer.json()
    assert (told["status"], told["reason"]) == ("failed", "not_a_video")
    assert [path for path in (tmp_path / "service").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("video_url", "file:///etc/passwd"),
        ("video_url", "http://user@example.com/"),
        ("video_url", "http://example.com/" + "x" * 5000),
        ("video_url", None),
        ("container", "avi"),
        ("threshold", 2),
        ("threshold", float("nan")),
        ("feather", -1),
        ("engine", "magic"),
        ("rembg_model", "../../etc/passwd"),
        ("rembg_model", "--output"),
        ("shape", "star"),
        ("circle_radius", 0),
        ("circle_center_x", 1.5),
        ("circle_center_y", "left"),
    ],
)
async def test_a_wrong_field_is_named(
    opened: Opened, tmp_path: Path, field: str, value: object
) -> None:
    """422 names the wrong field without its value."""
    session = await opened(application(tmp_path))
    async with session.post("/process_overlay_endpoint", json=ASKED | {field: value}) as answer:
        told = await answer.json()
        assert answer.status == 422
    assert [fault["loc"][-1] for fault in told["detail"]] == [field]
    assert "passwd" not in str(told)
    assert "input" not in told["detail"][0]


async def test_an_unknown_overlay(opened: Opened, tmp_path: Path) -> None:
    """An unknown or a forged id is refused."""
    session = await opened(application(tmp_path))
    for job_id, status in (("0" * 32, 404), ("../../x", 422), ("", 422)):
        async with session.get("/get_result", params={"job_id": job_id}) as answer:
            assert answer.status == status
