"""The contract of all renderers."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from backends.rendering.base import LocalRenderer, Renderer, RenderRequest
from tests.backends.support.event_recorder import EventRecorder
from tests.backends.support.fake_shotstack import FakeShotstack
from tests.backends.support.running_service import (
    create_renderer_client,
    create_service,
    serve_app,
)
from tests.backends.support.shotstack_renderer import (
    KEEP_BACKGROUND,
    LIMITS,
    create_shotstack_renderer,
)
from tests.support.paths import ROOT
from tests.support.person_clips import film_of_eileen
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.progress import Progress
from video_editing.reading.probe import ClipLimits, probe


@asynccontextmanager
async def local(_folder: Path) -> AsyncIterator[Renderer]:
    """The real command line in a real child."""
    yield LocalRenderer(LIMITS)


@asynccontextmanager
async def service(folder: Path) -> AsyncIterator[Renderer]:
    """The real service over HTTP, which runs the command line."""
    async with serve_app(create_service(folder)) as address:
        yield create_renderer_client(address)


@asynccontextmanager
async def sandbox(folder: Path) -> AsyncIterator[Renderer]:
    """The real client, with the fake at the other end of HTTP."""
    async with FakeShotstack() as fake:
        yield create_shotstack_renderer(fake.url, folder)


@asynccontextmanager
async def sandbox_by_mov(folder: Path) -> AsyncIterator[Renderer]:
    """The same, with alpha in the overlay."""
    async with FakeShotstack() as fake:
        yield create_shotstack_renderer(fake.url, folder, alpha_format="mov")


#: over which the contract runs; a new renderer is one more line
RENDERERS: dict[str, Callable[[Path], AbstractAsyncContextManager[Renderer]]] = {
    "local": local,
    "service": service,
    "shotstack": sandbox,
    "shotstack by mov": sandbox_by_mov,
}


@pytest.fixture(params=RENDERERS)
async def opened(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Renderer]:
    """A renderer of each kind."""
    async with RENDERERS[request.param](tmp_path / "data") as renderer:
        yield renderer


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a second of Eileen at 24 frames a second, with a voice."""
    return film_of_eileen(
        tmp_path_factory.mktemp("film") / "film.mp4", 12, side=160, rate=24, tone=440
    )


@pytest.mark.parametrize("background", ["teal", "blur", "film", "picture"])
async def test_the_result_is_as_the_clip(
    opened: Renderer, film: Path, tmp_path: Path, heard: EventRecorder, background: str
) -> None:
    """It has the clip's size, length, rate and audio, and the reported properties are correct."""
    background = {
        "film": str(film),
        "picture": str(ROOT / "docs" / "demo.jpg"),
    }.get(background, background)
    result = tmp_path / "result.mp4"
    told = await opened.render(
        RenderRequest(film, None, background, KEEP_BACKGROUND), result, heard
    )
    seen, clip = probe(result, ClipLimits()), probe(film, ClipLimits())
    assert told.renderer == opened.name
    assert (told.width, told.height) == seen.size
    assert told.seconds == pytest.approx(float(seen.duration), abs=1 / 24)
    if not background.endswith(".jpg"):
        assert seen.size == clip.size
    assert seen.duration == pytest.approx(clip.duration, abs=1 / 24)
    assert seen.rate == pytest.approx(clip.rate, rel=0.01)
    assert seen.audio_stream is not None
    assert heard.of(Progress)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "data") == ["result.mp4"]


async def test_a_file_that_is_no_video_is_rejected(
    opened: Renderer, tmp_path: Path, heard: EventRecorder
) -> None:
    """Every renderer rejects the clip."""
    clip = tmp_path / "clip.mp4"
    clip.write_text("once upon a time")
    with pytest.raises(InputRejected) as caught:
        await opened.render(
            RenderRequest(clip, None, "teal", KEEP_BACKGROUND), tmp_path / "result.mp4", heard
        )
    assert caught.value.reason is RejectReason.NOT_A_VIDEO
    assert not (tmp_path / "result.mp4").exists()


async def test_an_unknown_background_is_rejected(
    opened: Renderer, film: Path, tmp_path: Path, heard: EventRecorder
) -> None:
    """Every renderer rejects the background."""
    with pytest.raises(InputRejected) as caught:
        await opened.render(
            RenderRequest(film, None, "no colour", KEEP_BACKGROUND), tmp_path / "result.mp4", heard
        )
    assert caught.value.reason is RejectReason.BAD_OPTION


async def test_a_thumbnail_is_written(
    opened: Renderer, film: Path, tmp_path: Path, heard: EventRecorder
) -> None:
    """The thumbnail is written to its path."""
    scene = RenderRequest(film, None, "teal", KEEP_BACKGROUND, thumbnail=tmp_path / "small.jpg")
    await opened.render(scene, tmp_path / "result.mp4", heard)
    assert (tmp_path / "small.jpg").read_bytes().startswith(b"\xff\xd8")
