"""The pipeline from a clip to a video; the service makes the mattes, the fake renders."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest

from backends.errors import BackendUnavailable
from backends.shotstack.pipeline import PipelineRequest, run_pipeline
from tests.backends.support.fake_shotstack import FakeShotstack, RenderOutcome
from tests.backends.support.running_service import TOKEN, create_client, create_service, serve_app
from tests.backends.support.shotstack_renderer import KEY, create_shotstack_renderer
from tests.support.paths import ROOT
from tests.support.person_clips import film_of_eileen
from video_editing.contract.style import Shape
from video_editing.reading.probe import ClipLimits, probe

OVERLAY = (sys.executable, "-c", "from backends.cli import main; raise SystemExit(main())")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a second of Eileen at 24 frames a second, with a voice."""
    return film_of_eileen(
        tmp_path_factory.mktemp("film") / "film.mp4", 12, side=160, rate=24, tone=440
    )


@pytest.fixture
async def fake() -> AsyncIterator[FakeShotstack]:
    """A fake Shotstack without faults."""
    async with FakeShotstack(keys={"stage": KEY}) as fake:
        yield fake


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[str]:
    """The real service, with this machine's processor."""
    async with serve_app(create_service(tmp_path / "service")) as address:
        yield address


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The folder of the state files."""
    return tmp_path / "data"


class Ran:
    """How a run of the installed command ended."""

    def __init__(self, code: int | None, out: bytes, err: bytes) -> None:
        self.code, self.out, self.err = code, out.decode(), err.decode()


async def ran(folder: Path, words: Iterable[object], **environment: str) -> Ran:
    """Run ``overlay autopipeline``."""
    process = await asyncio.create_subprocess_exec(
        *OVERLAY,
        "autopipeline",
        *map(str, words),
        "--progress=json",
        cwd=folder,
        env=os.environ | {"DATA_DIR": str(folder / "data"), "PYTHONPATH": str(ROOT)} | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return Ran(process.returncode, out, err)


@pytest.mark.slow
async def test_from_a_clip_to_a_finished_video(
    fake: FakeShotstack, service: str, film: Path, tmp_path: Path
) -> None:
    """There are overlays by shape, one render with all of them, and the downloaded video."""
    result = tmp_path / "result.mp4"
    it = await ran(
        tmp_path,
        [film, "--shapes", "circle,rect", "--background", "teal", "-o", result],
        OVERLAY_BACKENDS="modal",
        MODAL_OVERLAY_ENDPOINT=service,
        OVERLAY_TOKEN=TOKEN,
        SHOTSTACK_API_KEY=KEY,
        SHOTSTACK_ADDRESS=fake.url,
    )
    assert it.code == 0, it.err
    told = json.loads(it.out.splitlines()[-1])
    assert '"asked", "backend": "modal"' in it.out
    assert set(told["overlays"]) == {"circle", "rect"}
    assert {url.split("/")[-2] for url in told["overlays"].values()} == set(fake.files)
    (render,) = fake.renders.values()
    clips = [clip for track in render.body["timeline"]["tracks"] for clip in track["clips"]]
    assert [clip["asset"]["src"] for clip in clips] == [*told["overlays"].values()]
    assert [clip["length"] for clip in clips] == [0.25, 0.25]
    assert told["video"].startswith(fake.url)
    seen = probe(result, ClipLimits())
    assert (seen.size, float(seen.duration)) == ((160, 160), pytest.approx(0.5, abs=0.05))


@pytest.mark.parametrize("link", ["http://127.0.0.1/clip.mp4", "http://10.0.0.1/clip.mp4"])
async def test_a_link_to_a_private_address_is_not_followed(
    fake: FakeShotstack, tmp_path: Path, link: str
) -> None:
    """The exit code is 3, and Shotstack receives no request."""
    it = await ran(tmp_path, [link], SHOTSTACK_API_KEY=KEY, SHOTSTACK_ADDRESS=fake.url)
    assert it.code == 3
    assert json.loads(it.err.splitlines()[-1])["error"] == "NotFetched"
    assert not fake.requests


async def test_a_missing_key_is_reported(film: Path, tmp_path: Path) -> None:
    """The message names the setting and is not a traceback."""
    it = await ran(tmp_path, [film], SHOTSTACK_API_KEY="")
    assert it.code == 4
    assert "SHOTSTACK_API_KEY" in it.err
    assert "Traceback" not in it.err


@pytest.mark.slow
async def test_overlays_may_come_with_their_mattes(
    fake: FakeShotstack, service: str, film: Path, data: Path
) -> None:
    """The result has both addresses, and no video is downloaded without a path."""
    wanted = PipelineRequest(film, (Shape.CIRCLE, Shape.NONE), "luma")
    piped = await run_pipeline(
        wanted,
        create_client(service),
        create_shotstack_renderer(fake.url, data),
        data / "w",
        lambda _: None,
    )
    assert piped.lumas.keys() == piped.overlays.keys() == {"circle", "none"}
    assert len(fake.files) == 4
    assert not fake.find_requests("result")


async def test_a_template_can_be_the_timeline(
    fake: FakeShotstack, service: str, film: Path, data: Path
) -> None:
    """Its merge fields have the given values, with addresses and the length filled in.

    The length is a number, as the schema of a clip requires.
    """
    clip = {"asset": {"type": "video", "src": "{{HEAD}}"}, "start": 0, "length": "{{SECONDS}}"}
    fake.templates["a-template"] = {
        "timeline": {"tracks": [{"clips": [clip]}]},
        "output": {"format": "mp4", "size": {"width": 640, "height": 360}, "fps": 25},
    }
    merge = {"HEAD": "{circle}", "SECONDS": "{length}", "TITLE": "{length} seconds", "COUNT": 3}
    wanted = PipelineRequest(film, template="a-template", merge=merge)
    piped = await run_pipeline(
        wanted,
        create_client(service),
        create_shotstack_renderer(fake.url, data),
        data / "w",
        lambda _: None,
        data / "result.mp4",
    )
    (render,) = fake.renders.values()
    assert render.body["merge"] == [
        {"find": "HEAD", "replace": piped.overlays["circle"]},
        {"find": "SECONDS", "replace": 0.5},
        {"find": "TITLE", "replace": "0.5 seconds"},
        {"find": "COUNT", "replace": 3},
    ]
    assert probe(data / "result.mp4", ClipLimits()).size == (640, 360)


@pytest.mark.parametrize(
    "fate",
    [
        RenderOutcome(final_status="failed", error="An asset could not be downloaded"),
        RenderOutcome(result="truncated"),
    ],
    ids=["failed", "truncated"],
)
async def test_a_failure_leaves_nothing(
    fake: FakeShotstack, service: str, film: Path, data: Path, fate: RenderOutcome
) -> None:
    """There is no result file, and no source at Shotstack."""
    fake.outcomes.append(fate)
    with pytest.raises(BackendUnavailable):
        await run_pipeline(
            PipelineRequest(film),
            create_client(service),
            create_shotstack_renderer(fake.url, data),
            data / "w",
            lambda _: None,
            data / "result.mp4",
        )
    assert fake.files == {}
    assert not list(data.glob("*.mp4"))
