"""Renders at the service, as its clients see them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiohttp import ClientSession

from tests.backends.support.running_service import KEY, create_service, serve_app
from tests.support.person_clips import film_of_eileen

RENDER = "cd" * 32
STYLE = {"keep_background": True}  #: which needs no mattes


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Half a second of Eileen."""
    return film_of_eileen(tmp_path_factory.mktemp("film") / "film.mp4", 12, side=160).read_bytes()


@pytest.fixture(scope="module")
def long_film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A film that takes seconds to render."""
    return film_of_eileen(tmp_path_factory.mktemp("film") / "film.mp4", 150, side=480).read_bytes()


@asynccontextmanager
async def opened(folder: Path, **changes: object) -> AsyncIterator[ClientSession]:
    """Open a session with a service whose files are in *folder*."""
    async with (
        serve_app(create_service(folder, **changes)) as address,
        ClientSession(address, headers=KEY) as session,
    ):
        yield session


async def call(session: ClientSession, method: str, path: str, **body: Any) -> tuple[int, Any]:
    async with session.request(method, path, **body) as answer:
        is_json = answer.content_type == "application/json"
        return answer.status, await (answer.json() if is_json else answer.read())


async def upload(session: ClientSession, content: bytes) -> str:
    digest = sha256(content).hexdigest()
    assert (await call(session, "PUT", f"/clips/{digest}", data=content))[0] == 201
    return digest


async def submit(session: ClientSession, digest: str, **changes: Any) -> tuple[int, Any]:
    body = {"input": digest, "style": STYLE} | changes
    return await call(session, "PUT", f"/renders/{RENDER}", json=body)


async def follow(session: ClientSession, *states: str) -> dict[str, Any]:
    """Poll the render until it is in one of *states*."""
    async with asyncio.timeout(60):
        while True:
            status, answer = await call(session, "GET", f"/renders/{RENDER}")
            assert status == 200
            if answer["state"] in states:
                return answer
            await asyncio.sleep(0.05)


async def test_a_finished_video_is_downloaded_in_parts(tmp_path: Path, film: bytes) -> None:
    """Its size is known before; a part can be asked for."""
    async with opened(tmp_path) as session:
        assert (await submit(session, await upload(session, film)))[0] == 202
        answer = await follow(session, "done", "failed")
        assert (answer["result"]["width"], answer["result"]["height"]) == (160, 160)
        status, content = await call(session, "GET", f"/renders/{RENDER}/result")
        assert (status, len(content)) == (200, answer["result"]["size"])
        headers = {"Range": "bytes=100-199"}
        status, part = await call(session, "GET", f"/renders/{RENDER}/result", headers=headers)
        assert (status, part) == (206, content[100:200])


async def test_a_finished_video_outlives_the_service(tmp_path: Path, film: bytes) -> None:
    """Another process delivers it, and does not render again."""
    async with opened(tmp_path) as session:
        await submit(session, await upload(session, film))
        await follow(session, "done")
        _, content = await call(session, "GET", f"/renders/{RENDER}/result")
    async with opened(tmp_path) as session:
        assert (await follow(session, "done"))["result"]["size"] == len(content)
        assert (await submit(session, sha256(film).hexdigest()))[1]["state"] == "done"
        assert (await call(session, "GET", f"/renders/{RENDER}/result"))[1] == content


async def test_an_interrupted_render_is_submitted_again(tmp_path: Path, long_film: bytes) -> None:
    """The service does not know it after a restart, but still has its clip."""
    async with opened(tmp_path) as session:
        digest = await upload(session, long_film)
        await submit(session, digest)
        await follow(session, "running")
    async with opened(tmp_path) as session:
        assert (await call(session, "GET", f"/renders/{RENDER}"))[0] == 404
        assert (await submit(session, digest))[0] == 202
        await follow(session, "running", "done")


def list_children() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


async def test_a_cancelled_render_stops_its_process(tmp_path: Path, long_film: bytes) -> None:
    """And it can be started again."""
    before = list_children()  # of other tests
    async with opened(tmp_path) as session:
        digest = await upload(session, long_film)
        await submit(session, digest)
        while not (await follow(session, "running"))["done"]:
            await asyncio.sleep(0.05)
        assert list_children() - before
        _, answer = await call(session, "POST", f"/renders/{RENDER}/cancel")
        assert answer["state"] == "cancelled"
        assert not list_children() - before
        assert (await call(session, "GET", f"/renders/{RENDER}/result"))[0] == 409
        assert (await submit(session, digest))[1]["state"] == "queued"
        assert (await call(session, "DELETE", f"/renders/{RENDER}"))[0] == 204
        assert (await call(session, "GET", f"/renders/{RENDER}"))[0] == 404
    assert not list((tmp_path / "renders").iterdir())


async def test_a_render_that_is_being_cancelled_can_be_submitted(
    tmp_path: Path, long_film: bytes
) -> None:
    """It starts again after its end, as when a client tries again at once."""
    async with opened(tmp_path) as session:
        digest = await upload(session, long_film)
        await submit(session, digest)
        while not (await follow(session, "running"))["done"]:
            await asyncio.sleep(0.05)
        cancelling = asyncio.create_task(call(session, "POST", f"/renders/{RENDER}/cancel"))
        await asyncio.sleep(0.02)
        assert (await submit(session, digest))[1]["state"] in {"queued", "running"}
        await cancelling
        await follow(session, "done")


async def test_files_in_use_are_not_removed(tmp_path: Path, long_film: bytes) -> None:
    """The clip of a render in progress stays."""
    async with opened(tmp_path) as session:
        digest = await upload(session, long_film)
        await submit(session, digest)
        assert (await call(session, "DELETE", f"/clips/{digest}"))[0] == 409


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"background": "/etc/hostname"}, 422),
        ({"background": "no colour"}, 422),
        ({"background_file": "../../etc/hostname"}, 422),
        ({"background_file": "0" * 64}, 404),
        ({"thumbnail": True}, 422),
        ({"form": "exe"}, 422),
        ({"style": {"size": 99}}, 422),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
async def test_only_uploaded_files_and_known_options_are_taken(
    tmp_path: Path, film: bytes, changes: dict[str, Any], status: int
) -> None:
    """Paths of the service's machine are not read, and unknown fields are refused by name."""
    async with opened(tmp_path) as session:
        found, answer = await submit(session, await upload(session, film), **changes)
        assert found == status
        if status == 422:
            assert next(iter(changes)) in answer["detail"][0]["loc"]


async def test_a_render_keeps_its_request(tmp_path: Path, film: bytes) -> None:
    """Another request under the same id is refused."""
    async with opened(tmp_path) as session:
        digest = await upload(session, film)
        await submit(session, digest)
        assert (await submit(session, digest, background="red"))[0] == 409


async def test_mattes_of_another_size_are_rejected(tmp_path: Path, film: bytes) -> None:
    """The sizes of the segments must be those of the uploaded file."""
    plan = {
        "size": (160, 160),
        "timebase": (1, 12800),
        "engine": "mediapipe",
        "model": "u2netp",
        "every": 0,
        "segments": [{"index": 0, "start": 0, "end": 1, "frames": 1}],
    }
    async with opened(tmp_path) as session:
        digest = await upload(session, film)
        mattes = {"input": digest, "plan": plan, "sizes": [1]}
        await submit(session, digest, mattes=mattes, style={})
        failure = (await follow(session, "failed"))["failure"]
    assert (failure["rejected"], failure["reason"]) == (True, "bad_matte")


async def test_results_expire(tmp_path: Path, film: bytes) -> None:
    """After the time that the settings name, also those of an earlier process."""
    async with opened(tmp_path) as session:
        await submit(session, await upload(session, film))
        await follow(session, "done")
    async with opened(tmp_path, retention_seconds=0.01) as session:
        async with asyncio.timeout(5):
            while list((tmp_path / "renders").iterdir()):
                await asyncio.sleep(0.05)
        assert (await call(session, "GET", f"/renders/{RENDER}"))[0] == 404
