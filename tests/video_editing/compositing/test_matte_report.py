"""The report on the mattes of a clip."""

import json
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.support.make_clips import drawn, make_clip
from tests.support.overlay_command import overlay
from tests.support.person_clips import film_of_eileen
from video_editing.compositing.matte_report import ClipWarning, MatteObserver, MatteReport
from video_editing.frames import Matte, Picture, Timed
from video_editing.reading.probe import Clip, probe

WIDTH, HEIGHT = 160, 90
FRAMES = 30


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """A clip whose timebase the reports use; the pictures are not its own."""
    return probe(make_clip(tmp_path_factory.mktemp("clips") / "c.mp4", drawn(8)))


def picture(luma: np.ndarray) -> Picture:
    grey = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    return Picture(luma.astype(np.uint8), grey, grey)


def scenery(shift: int = 0, seed: int = 0) -> np.ndarray:
    """Return a picture with structure, moved to the right by *shift* pixels."""
    random = np.random.default_rng(seed)
    coarse = np.kron(random.integers(60, 200, (12, 60)), np.ones((8, 8)))
    return np.asarray(coarse[:HEIGHT, 100 - shift :][:, :WIDTH])


def person(left: int = 60, top: int = 20, width: int = 40) -> Matte:
    matte = np.zeros((HEIGHT, WIDTH), np.uint8)
    matte[top:, left : left + width] = 255
    return matte


def report(clip: Clip, frames: Iterable[tuple[np.ndarray, Matte]]) -> MatteReport:
    """Return the report on pictures that follow each other at 10 frames a second."""
    observer = MatteObserver(clip)
    observer.start("toy")
    for index, (luma, matte) in enumerate(frames):
        time = int(Fraction(index, 10) / clip.timebase)
        observer.observe(Timed(time, picture(luma)), matte)
    return observer.summarize()


def test_a_plain_talker_gives_no_warning(clip: Clip) -> None:
    found = report(clip, [(scenery(), person())] * FRAMES)
    assert found == MatteReport(
        engine="toy",
        frames=FRAMES,
        empty_frames=0,
        shots=1,
        people=1,
        certainty=1.0,
        warnings=(),
    )


def test_frames_without_a_person_are_counted(clip: Clip) -> None:
    empty = np.zeros((HEIGHT, WIDTH), np.uint8)
    found = report(clip, [(scenery(), person())] * 10 + [(scenery(), empty)] * 7)
    assert (found.frames, found.empty_frames) == (17, 7)


def test_shots_are_counted(clip: Clip) -> None:
    frames = [(scenery(seed=seed), person()) for seed in (1, 2, 3) for _ in range(5)]
    assert report(clip, frames).shots == 3


def test_two_people_are_seen(clip: Clip) -> None:
    both = np.maximum(person(20, 20, 35), person(100, 20, 35))
    found = report(clip, [(scenery(), both)] * FRAMES)
    assert found.people == 2
    assert found.warnings == (ClipWarning.SEVERAL_PEOPLE,)


def test_a_semi_transparent_person_is_not_certain(clip: Clip) -> None:
    ghost = np.where(person() > 0, 128, 0).astype(np.uint8)
    assert report(clip, [(scenery(), ghost)] * FRAMES).certainty == 0


def test_a_dark_clip_is_warned_of_first(clip: Clip) -> None:
    """Also where the head is cut off as well."""
    found = report(clip, [(scenery() // 5 + 10, person(top=0))] * FRAMES)
    assert found.warnings == (ClipWarning.DARK, ClipWarning.CUT_OFF)


def test_a_moving_camera_is_seen_beside_a_person_who_stands_still(clip: Clip) -> None:
    frames = [(scenery(shift=3 * index), person()) for index in range(FRAMES)]
    assert report(clip, frames).warnings == (ClipWarning.CAMERA_MOVES,)


def test_a_person_who_moves_is_no_moving_camera(clip: Clip) -> None:
    def frame(index: int) -> tuple[np.ndarray, Matte]:
        matte = person(left=20 + 3 * index)
        return np.where(matte > 0, 220 - scenery(seed=5), scenery()), matte

    assert report(clip, map(frame, range(FRAMES))).warnings == ()


def test_a_second_pass_begins_anew(clip: Clip) -> None:
    """As when a result came out too large."""
    observer = MatteObserver(clip)
    for _ in range(2):
        observer.start("toy")
        for index in range(4):
            observer.observe(Timed(index, picture(scenery())), person())
    assert observer.summarize().frames == 4


def test_the_report_is_written_and_printed(tmp_path: Path) -> None:
    """The same in the file of ``--report`` and in the last line."""
    clip, report_file = film_of_eileen(tmp_path / "c.mp4", 8), tmp_path / "report.json"
    arguments = ("--engine=mediapipe", "--progress=json", f"--report={report_file}")
    ran = overlay("edit", clip, "-o", tmp_path / "r.mp4", *arguments)
    assert ran.returncode == 0, ran.stderr
    written, printed = json.loads(report_file.read_text()), json.loads(ran.stdout.splitlines()[-1])
    assert (written["engine"], written["frames"], written["people"]) == ("mediapipe", 8, 1)
    assert written.items() <= printed.items()
