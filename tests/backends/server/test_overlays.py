"""The three routes for overlays of clips behind links."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import av
import pytest
from aiohttp import ClientSession
from fastapi import FastAPI

from backends.links.download import FetchFailed, LinkError
from tests.backends.support.running_service import (
    KEY,
    create_service,
    make_copying_fetcher,
    serve_app,
    serve_in_process,
)

Opened = Callable[[FastAPI], Awaitable[ClientSession]]
ASKED = {"video_url": "https://example.com/a.mp4", "container": "webm"}


@pytest.fixture
async def opened() -> AsyncIterator[Opened]:
    """Open a session with the service."""
    async with AsyncExitStack() as stack:

        async def opened_one(app: FastAPI) -> ClientSession:
            address = await stack.enter_async_context(serve_app(app))
            return await stack.enter_async_context(ClientSession(address, headers=KEY))

        yield opened_one


def list_files(folder: Path) -> list[str]:
    """Return the names of all files."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


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
    session = await opened(
        create_service(tmp_path / "service", fetch_link=make_copying_fetcher(clip))
    )
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
    assert list_files(tmp_path / "service") == ["links.key", "overlay.json", "overlay.webm"]
    (state,) = (tmp_path / "service").rglob("overlay.json")
    assert "example.com" not in state.read_text()


async def test_a_forged_link_to_an_overlay(opened: Opened, tmp_path: Path, clip: Path) -> None:
    """A link with another name, time or signature is refused."""
    session = await opened(
        create_service(tmp_path / "service", fetch_link=make_copying_fetcher(clip))
    )
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
    app = create_service(
        tmp_path / "service", fetch_link=make_copying_fetcher(clip), sync_seconds=0.1
    )
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

    session = await opened(create_service(tmp_path, fetch_link=fetched))
    async with session.post("/process_overlay_sync", json=ASKED) as answer:
        told = await answer.json()
    assert (told["status"], told["reason"]) == ("failed", fault)
    assert told["error"].endswith(".")
    assert "example.com" not in str(told)


async def test_a_clip_that_cannot_be_used(opened: Opened, tmp_path: Path) -> None:
    """The answer names what is wrong with the clip, and no file of it remains."""
    text = tmp_path / "text"
    text.write_text("once upon a time")
    session = await opened(
        create_service(tmp_path / "service", fetch_link=make_copying_fetcher(text))
    )
    async with session.post("/process_overlay_sync", json=ASKED) as answer:
        told = await answer.json()
    assert (told["status"], told["reason"]) == ("failed", "not_a_video")
    assert list_files(tmp_path / "service") == ["links.key", "overlay.json"]


@pytest.mark.slow
async def test_a_killed_service_finishes_its_overlays(tmp_path: Path, clip: Path) -> None:
    """The next process goes on with those in progress, and earlier links work with it."""
    folder = tmp_path / "service"
    async with (
        serve_in_process(folder, clip) as (process, address),
        ClientSession(address, headers=KEY) as session,
    ):
        async with session.post("/process_overlay_endpoint", json=ASKED) as answer:
            job_id = (await answer.json())["job_id"]
        while not list(folder.rglob("plan.json")):
            await asyncio.sleep(0.02)
        process.kill()
    async with (
        serve_in_process(folder, tmp_path / "no clip") as (process, address),
        ClientSession(address, headers=KEY) as session,
    ):
        told = await result(session, job_id)
        assert told["status"] == "completed", told
    link = urlsplit(str(told["overlay_url"]))
    async with (
        serve_in_process(folder) as (_, address),
        ClientSession() as stranger,
        stranger.get(f"{address}{link.path}?{link.query}") as answer,
    ):
        assert answer.status == 200
        assert (await answer.read()) == next(folder.rglob("overlay.webm")).read_bytes()


async def test_a_link_works_as_long_as_it_says(
    opened: Opened, tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An overlay that nobody asks for any more is kept for its links; then all of it is removed."""
    monkeypatch.setattr("backends.server.app.SWEEP_SECONDS", 0.05)
    app = create_service(
        tmp_path / "service",
        fetch_link=make_copying_fetcher(clip),
        retention_seconds=0.1,
        link_seconds=3,
    )
    session = await opened(app)
    async with session.post("/process_overlay_sync", json=ASKED) as answer:
        told = await answer.json()
    expires = int(parse_qs(urlsplit(told["overlay_url"]).query)["expires"][0])
    while time.time() < expires - 0.3:
        async with session.get(told["overlay_url"]) as answer:
            assert answer.status == 200
        await asyncio.sleep(0.2)
    while list_files(tmp_path / "service") != ["links.key"]:
        assert time.time() < expires + 5
        await asyncio.sleep(0.1)
    async with session.get("/get_result", params={"job_id": told["job_id"]}) as answer:
        assert answer.status == 404


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
    session = await opened(create_service(tmp_path))
    async with session.post("/process_overlay_endpoint", json=ASKED | {field: value}) as answer:
        told = await answer.json()
        assert answer.status == 422
    assert [fault["loc"][-1] for fault in told["detail"]] == [field]
    assert "passwd" not in str(told)
    assert "input" not in told["detail"][0]


async def test_an_unknown_overlay(opened: Opened, tmp_path: Path) -> None:
    """An unknown or a forged id is refused."""
    session = await opened(create_service(tmp_path))
    for job_id, status in (("0" * 32, 404), ("../../x", 422), ("", 422)):
        async with session.get("/get_result", params={"job_id": job_id}) as answer:
            assert answer.status == status
