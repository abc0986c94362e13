"""One class and one row make an engine: everything that lists engines has it."""

import sys
from pathlib import Path

import pytest

from backends.local.backend import LocalBackend
from backends.local.process import ProcessLimits
from backends.resilience.throughput import EngineSpeeds, ThroughputEstimates
from backends.state_file import JsonStateFile
from bot.domain.draft import Draft
from bot.domain.job_request import Appearance, Language, MediaSource, SourceKind
from bot.ui.card_choices import ChooseEngine
from bot.ui.keyboards import Keyboards
from bot.ui.texts import Texts, build_card_caption
from tests.backends.support.running_service import create_service
from tests.support.make_clips import drawn, make_clip
from tests.support.toy_engine import TOY
from video_editing.cli.main import main
from video_editing.contract.engines import ENGINES
from video_editing.contract.plan import make_plan
from video_editing.matting.segments import read_segment
from video_editing.reading.probe import ClipLimits, probe

PROGRAM = (sys.executable, "-m", "tests.support.toy_engine")


@pytest.fixture(autouse=True)
def _row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENGINES, TOY.name, TOY)


def create_draft(language: Language) -> Draft:
    """A draft whose user chose the toy."""
    clip = MediaSource(kind=SourceKind.VIDEO, file_id="x", seconds=12)
    look = Appearance(engine="toy")
    return Draft(
        *("d", 1, 1, 1, None, language, clip, (), look, None, None, None), used=False, created=0
    )


@pytest.mark.parametrize("command", ["edit", "cut", "matte", "preview", "parts"])
def test_the_help_lists_it(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "--engine {auto,rvm,mediapipe,chroma,rembg,toy}" in shown
    assert "toy is a disc" in shown


def test_the_service_documents_it(tmp_path: Path) -> None:
    schemas = create_service(tmp_path).openapi()["components"]["schemas"]
    assert schemas["OverlayRequest"]["properties"]["engine"]["enum"] == ["auto", *ENGINES]


@pytest.mark.parametrize("language", Language)
def test_the_card_offers_it(language: Language) -> None:
    """With the engine's name where the texts have no label; the press comes back as the toy."""
    draft = create_draft(language)
    keyboard = Keyboards(Texts()).create_card(draft)
    (button,) = (b for row in keyboard.inline_keyboard for b in row if "🧸" in b.text)
    assert button.text == "✓ 🧸 toy"
    assert ChooseEngine.unpack(button.callback_data or "").apply(draft).look.engine == "toy"
    assert ": toy." in build_card_caption(Texts(), draft)
    assert "toy: 1" in Texts()(language, "admin-speed", engine="toy", speed=1)


def test_its_first_speed_is_known(tmp_path: Path) -> None:
    estimates = ThroughputEstimates(JsonStateFile(tmp_path / "speeds.json", EngineSpeeds))
    assert estimates.get_speed("local-cpu", "toy") == 1000


async def test_it_makes_mattes_in_a_child(tmp_path: Path) -> None:
    """Through the command line, as a backend starts it."""
    clip = make_clip(tmp_path / "clip.mp4", drawn(12))
    plan = make_plan(probe(clip, ClipLimits()), "toy")
    limits = ProcessLimits(60, 30, 2_000_000_000)
    backend = LocalBackend("local-cpu", "cpu", limits, program=PROGRAM)
    await backend.make_mattes(clip, plan, tmp_path / "mattes", lambda _: None)
    mattes = [m.value for s in plan.segments for m in read_segment(plan, s, tmp_path / "mattes")]
    assert len(mattes) == 12
    assert all(matte[12, 20] > 250 and matte[0, 0] < 5 for matte in mattes)
