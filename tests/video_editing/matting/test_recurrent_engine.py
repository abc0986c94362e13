"""A recurrent engine: the mattes of a segment are the same whatever is computed with it."""

import threading
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.make_clips import make_clip
from video_editing.contract.errors import ModelUnavailable
from video_editing.contract.excerpt import Span, find_span
from video_editing.contract.plan import Plan, find_missing_segments, make_plan, write_plan
from video_editing.contract.progress import ignore
from video_editing.frames import FrameMatte, Matte, Picture, Timed
from video_editing.matting.matte_stream import open_computed_mattes, write_missing_segments
from video_editing.matting.segments import read_mattes
from video_editing.matting.temporal_filter import slide_window
from video_editing.reading.decode import read_frames
from video_editing.reading.probe import Clip, probe

RATE = 8
SEGMENTS = 10
FRAMES = SEGMENTS * 5 * RATE


class LumaAverage:
    """A toy network: the exponential average of luma over all frames it has seen.

    It looks two frames ahead as well, so that it has state and context.
    """

    context_frames = 2
    warm_up_frames = 7
    parallel_runs = 1

    def compute_mattes(self, frames: Iterable[Timed[Picture]]) -> Iterator[FrameMatte]:
        """Yield each frame with the average so far."""
        state: NDArray[np.float64] | None = None
        doubled = ((frame, frame) for frame in frames)
        for (frame, _), window in slide_window(doubled, self.context_frames):
            luma = np.mean([near.value.y for near in window], axis=0)
            state = luma if state is None else 0.9 * state + 0.1 * luma
            yield frame, np.rint(state).astype(np.uint8)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """Noise whose brightness wanders, 50 s of it: ten segments."""
    random = np.random.default_rng(3)
    levels = 110 + 80 * np.sin(np.arange(FRAMES) / 9)
    pictures = (
        np.clip(random.normal(level, 30, (36, 64, 3)), 0, 255).astype(np.uint8) for level in levels
    )
    return probe(make_clip(tmp_path_factory.mktemp("clips") / "c.mp4", pictures, rate=RATE))


@pytest.fixture(scope="module")
def plan(clip: Clip) -> Plan:
    """The plan of ten segments."""
    plan = make_plan(clip)
    assert len(plan.segments) == SEGMENTS
    return plan


def write(
    clip: Clip, plan: Plan, folder: Path, *parts: list[int], parallel_runs: int = 1
) -> list[bytes]:
    """Write the segments of *plan* in several calls and return all mattes."""
    engine = LumaAverage()
    engine.parallel_runs = parallel_runs
    write_plan(plan, folder)
    for part in parts:
        write_missing_segments(clip, plan.select(part), folder, engine, ignore)
    return [matte.value.tobytes() for matte in read_mattes(clip, folder, find_span(clip))]


@pytest.fixture(scope="module")
def mattes(clip: Clip, plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """All mattes, written in one call."""
    return write(clip, plan, tmp_path_factory.mktemp("mattes"), list(range(SEGMENTS)))


@pytest.mark.parametrize(
    "parts",
    [
        [[i] for i in range(SEGMENTS)],
        [[i] for i in (7, 2, 9, 0, 5, 1, 8, 3, 6, 4)],
        [[0, 1, 5], [2, 3, 4, 8, 9], [6, 7]],
    ],
)
def test_pieces_have_the_mattes_of_one_piece(
    clip: Clip, plan: Plan, mattes: list[bytes], tmp_path: Path, parts: list[list[int]]
) -> None:
    """Segment by segment, in any order, in groups with gaps: bit by bit the same."""
    assert write(clip, plan, tmp_path, *parts) == mattes


@pytest.mark.parametrize("parallel_runs", [2, 3, 20])
def test_parts_at_the_same_time_have_the_mattes_of_one_pass(
    clip: Clip, plan: Plan, mattes: list[bytes], tmp_path: Path, parallel_runs: int
) -> None:
    """Also where the parts differ in length, and with more runs than segments."""
    parts = [list(range(SEGMENTS - 1)), [SEGMENTS - 1]]
    assert write(clip, plan, tmp_path, *parts, parallel_runs=parallel_runs) == mattes


class FailsLate(LumaAverage):
    """Fails in the middle of the second of two parts."""

    parallel_runs = 2
    end = 0

    def compute_mattes(self, frames: Iterable[Timed[Picture]]) -> Iterator[FrameMatte]:
        """Yield mattes of the first part only."""
        for frame, matte in super().compute_mattes(frames):
            if frame.time > self.end:
                raise ModelUnavailable("toy", "it fails")
            yield frame, matte


def test_a_failure_of_one_part_ends_the_others(clip: Clip, plan: Plan, tmp_path: Path) -> None:
    """It is raised, no thread is left, and whole segments stay."""
    engine = FailsLate()
    engine.end = clip.times[3 * FRAMES // 4]
    threads = threading.active_count()
    write_plan(plan, tmp_path)
    with pytest.raises(ModelUnavailable):
        write_missing_segments(clip, plan, tmp_path, engine, ignore)
    assert threading.active_count() == threads
    assert 0 < len(find_missing_segments(plan, tmp_path)) < SEGMENTS


def test_mattes_in_process_are_the_stored_ones(clip: Clip, mattes: list[bytes]) -> None:
    """Without a folder the borders of the segments are the same."""
    with open_computed_mattes(clip, LumaAverage(), find_span(clip)) as pairs:
        found = [(frame.time, matte.tobytes()) for frame, matte in pairs]
    assert found == list(zip(clip.times, mattes, strict=True))


def test_a_part_of_a_clip_has_the_mattes_of_all_of_it(clip: Clip, mattes: list[bytes]) -> None:
    """It begins and ends within a segment."""
    span = Span(clip.times[70], clip.times[190], Fraction(0))
    with open_computed_mattes(clip, LumaAverage(), span) as pairs:
        found = [(frame.time, matte.tobytes()) for frame, matte in pairs]
    assert found == list(zip(clip.times[70:190], mattes[70:190], strict=True))


def test_each_frame_depends_on_the_warm_up_and_the_context_only(
    clip: Clip, mattes: list[bytes]
) -> None:
    """The mattes of a segment are those of one run over the frames that the engine asks for."""
    first = 4 * 5 * RATE
    window = islice(read_frames(clip), first - 9, first + 5 * RATE + 2)
    run = [matte.tobytes() for _, matte in LumaAverage().compute_mattes(window)]
    assert run[9:-2] == mattes[first : first + 5 * RATE]


def test_the_toy_has_a_state(clip: Clip, mattes: list[bytes]) -> None:
    """One run over all frames gives other mattes: without warm-up, pieces would differ."""
    run: list[Matte] = [matte for _, matte in LumaAverage().compute_mattes(read_frames(clip))]
    assert [matte.tobytes() for matte in run] != mattes
