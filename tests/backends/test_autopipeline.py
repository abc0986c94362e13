"""From a clip to a finished video at Shotstack: the service makes the mattes, the fake renders."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fake_shotstack import FakeShotstack, Fate
from people import film_of_eileen
from rendering import KEY
from served import TOKEN, application, served

from video_editing.clip import Limits, probe

OVERLAY = (sys.executable, "-c", "from backends.cli import main; raise SystemExit(main())")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a second of Eileen at 24 frames a second, with a voice."""
    return film_of_eileen(
        tmp_path_factory.mktemp("film") / "film.mp4", 12, side=160, rate=24, tone=440
    )


@pytest.fixture
async def fake() -> AsyncIterator[FakeShotstack]:
    """A Shotstack that does as it should."""
    async with FakeShotstack(keys={"stage": KEY}) as fake:
        yield fake


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[str]:
    """The real service, with this machine's processor."""
    async with served(application(tmp_path / "service")) as address:
        yield address


class Ran:
    """How a run of the command line ended."""

    def __init__(self, code: int | None, out: bytes, err: bytes) -> None:
        self.code, self.out, self.err = code, out.decode(), err.decode()

    @property
    def told(self) -> dict[str, object]:
        """The last line, for parents."""
        assert self.code == 0, self.err
        told: dict[str, object] = json.loads(self.out.splitlines()[-1])
        return told


async def autopipeline(fake: FakeShotstack, service: str, folder: Path, *words: object) -> Ran:
    """Run the installed command as people do."""
    environment = os.environ | {
        "DATA_DIR": str(folder / "data"),
        "OVERLAY_BACKENDS": "modal",
        "MODAL_OVERLAY_ENDPOINT": service,
        "OVERLAY_TOKEN": TOKEN,
        "SHOTSTACK_API_KEY": KEY,
        "SHOTSTACK_ADDRESS": fake.url,
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    process = await asyncio.create_subprocess_exec(
        *OVERLAY,
        "autopipeline",
        *map(str, words),
        "--progress=json",
        cwd=folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    return await ended(process)


async def ended(process: asyncio.subprocess.Process) -> Ran:
    out, err = await process.communicate()
    return Ran(process.returncode, out, err)


async def test_from_a_clip_to_a_finished_video(
    fake: FakeShotstack, service: str, film: Path, tmp_path: Path
) -> None:
    """Overlays by shape at Shotstack, one render in which they take turns, the video fetched."""
    result = tmp_path / "result.mp4"
    words = film, "--shapes", "circle,rect", "--background", "teal", "-o", result
    ran = await autopipeline(fake, service, tmp_path, *words)
    told = ran.told
    assert '"asked", "backend": "modal"' in ran.out
    assert set(told["overlays"]) == {"circle", "rect"}
    assert {url.split("/")[-2] for url in told["overlays"].values()} == set(fake.stored)
    (render,) = fake.renders.values()
    (track,) = render.asked["timeline"]["tracks"]
    assert [clip["asset"]["src"] for clip in track["clips"]] == [*told["overlays"].values()]
    assert [clip["length"] for clip in track["clips"]] == [0.25, 0.25]
    assert str(told["video"]).startswith(fake.url)
    seen = probe(result, Limits())
    assert (seen.size, float(seen.duration)) == ((160, 160), pytest.approx(0.5, abs=0.05))


async def test_overlays_may_come_with_their_mattes(
    fake: FakeShotstack, service: str, film: Path, tmp_path: Path
) -> None:
    """Then both addresses are told, and nothing is fetched that was not asked for."""
    ran = await autopipeline(fake, service, tmp_path, film, "--container", "luma")
    assert set(ran.told["lumas"]) == set(ran.told["overlays"]) == {"circle"}
    assert not fake.calls("result")


async def test_a_template_can_be_the_timeline(
    fake: FakeShotstack, service: str, film: Path, tmp_path: Path
) -> None:
    """Its fields become what is said, addresses of overlays among it."""
    clip = {"asset": {"type": "video", "src": "{{HEAD}}"}, "start": 0, "length": 0.5}
    fake.templates["a-template"] = {
        "timeline": {"tracks": [{"clips": [clip]}]},
        "output": {"format": "mp4", "size": {"width": 640, "height": 360}, "fps": 25},
    }
    result = tmp_path / "result.mp4"
    merge = "--template", "a-template", "--merge", "HEAD={circle}"
    ran = await autopipeline(fake, service, tmp_path, film, *merge, "-o", result)
    (render,) = fake.renders.values()
    assert render.asked["merge"] == [{"find": "HEAD", "replace": ran.told["overlays"]["circle"]}]
    assert probe(result, Limits()).size == (640, 360)


async def test_a_failed_render_leaves_nothing(
    fake: FakeShotstack, service: str, film: Path, tmp_path: Path
) -> None:
    """Exit code 4, one sentence, no file and no source."""
    fake.fates.append(Fate(end="failed", error="An asset could not be downloaded"))
    ran = await autopipeline(fake, service, tmp_path, film, "-o", tmp_path / "result.mp4")
    assert ran.code == 4
    assert json.loads(ran.err.splitlines()[-1])["error"] == "BackendUnavailable"
    assert KEY not in ran.err
    assert fake.stored == {}
    assert not (tmp_path / "result.mp4").exists()


async def test_a_dead_result_leaves_no_file(
    fake: FakeShotstack, service: str, film: Path, tmp_path: Path
) -> None:
    """What is no video does not get the name that was asked for."""
    fake.fates.append(Fate(result="truncated"))
    ran = await autopipeline(fake, service, tmp_path, film, "-o", tmp_path / "result.mp4")
    assert ran.code == 4
    assert [path.name for path in tmp_path.glob("*.mp4")] == []


@pytest.mark.parametrize("link", ["http://127.0.0.1/clip.mp4", "http://10.0.0.1/clip.mp4"])
async def test_a_link_into_our_network_is_not_followed(
    fake: FakeShotstack, service: str, tmp_path: Path, link: str
) -> None:
    """Exit code 3, and Shotstack hears nothing of it."""
    ran = await autopipeline(fake, service, tmp_path, link)
    assert ran.code == 3
    assert json.loads(ran.err.splitlines()[-1])["error"] == "NotFetched"
    assert not fake.ledger


async def test_without_a_key_it_is_told(film: Path, tmp_path: Path) -> None:
    """A setting's name, not a traceback."""
    process = await asyncio.create_subprocess_exec(
        *OVERLAY,
        "autopipeline",
        film,
        env=os.environ | {"SHOTSTACK_API_KEY": "", "DATA_DIR": str(tmp_path)},
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    ran = await ended(process)
    assert ran.code == 4
    assert "SHOTSTACK_API_KEY" in ran.err
    assert "Traceback" not in ran.err
