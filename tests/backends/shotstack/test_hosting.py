"""Overlays of the service that are hosted at Shotstack until they expire."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession, web

from backends.shotstack.transfer import ShotstackHosting
from settings import RenderingSettings
from tests.backends.support.fake_shotstack import FakeShotstack
from tests.backends.support.running_service import KEY as BEARER
from tests.backends.support.running_service import create_service, make_copying_fetcher, serve_app
from tests.backends.support.shotstack_renderer import KEY, SHORT_TIMEOUTS
from tests.support.person_clips import film_of_eileen

ASKED = {"video_url": "https://example.com/a.mp4", "container": "webm"}


@pytest.fixture
async def fake() -> AsyncIterator[FakeShotstack]:
    """A fake Shotstack without faults."""
    async with FakeShotstack(keys={"stage": KEY}) as fake:
        yield fake


@pytest.fixture
def hosting(fake: FakeShotstack, tmp_path: Path) -> ShotstackHosting:
    """The hosting at the fake."""
    settings = RenderingSettings(_env_file=None, api_key=KEY, api_url=fake.url)
    return ShotstackHosting(settings, tmp_path / "hosting", SHORT_TIMEOUTS)


async def made(folder: Path, hosting: ShotstackHosting) -> tuple[dict[str, object], int]:
    """Make an overlay; return the service's answer and the bytes at its address."""
    clip = film_of_eileen(folder / "clip.mp4", 8, side=96)
    app = create_service(folder / "service", fetch_link=make_copying_fetcher(clip), hosting=hosting)
    async with serve_app(app) as address, ClientSession(address, headers=BEARER) as session:
        async with session.post("/process_overlay_sync", json=ASKED) as answer:
            told = await answer.json()
        async with ClientSession() as stranger, stranger.get(str(told["overlay_url"])) as file:
            assert file.status == 200
            return told, len(await file.read())


async def test_an_overlay_is_hosted_at_shotstack(
    fake: FakeShotstack, hosting: ShotstackHosting, tmp_path: Path
) -> None:
    """The service's answer has the address at Shotstack."""
    told, size = await made(tmp_path, hosting)
    assert str(told["overlay_url"]).startswith(f"{fake.url}/files/")
    (stored,) = fake.files.values()
    assert stored.content is not None
    assert len(stored.content) == size


@pytest.mark.slow
async def test_if_shotstack_fails_the_service_hosts_the_overlay(
    fake: FakeShotstack, hosting: ShotstackHosting, tmp_path: Path
) -> None:
    """The answer has a link of the service, as without a key."""

    async def refused(_: web.Request) -> web.StreamResponse:
        return web.json_response({"message": "Forbidden"}, status=403)

    fake.override("upload", refused)
    told, size = await made(tmp_path, hosting)
    assert "/overlays/" in str(told["overlay_url"])
    assert size > 0


async def test_old_files_are_deleted(
    fake: FakeShotstack, hosting: ShotstackHosting, tmp_path: Path
) -> None:
    """A later process deletes them as well; newer files stay."""
    path = film_of_eileen(tmp_path / "file.mp4", 3, side=96)
    assert await hosting.upload("a", path)
    await hosting.remove_older_than(seconds=60)
    assert len(fake.files) == 1
    await asyncio.sleep(0.1)
    settings = RenderingSettings(_env_file=None, api_key=KEY, api_url=fake.url)
    await ShotstackHosting(settings, tmp_path / "hosting", SHORT_TIMEOUTS).remove_older_than(
        seconds=0.05
    )
    assert fake.files == {}
