"""Plans: segments that hold each frame once, stored in a folder that belongs to one clip."""

from pathlib import Path

import pytest

from tests.support.make_clips import drawn, make_clip
from video_editing.contract.errors import InputRejected, OutputFailed, RejectReason
from video_editing.contract.plan import (
    Plan,
    find_missing_segments,
    make_plan,
    read_plan,
    read_plan_of,
    write_plan,
)
from video_editing.reading.probe import Clip, probe


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """33 frames at uneven times, one of which lasts four seconds."""
    ticks = [*range(20), *range(140, 153)]
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    return probe(make_clip(path, drawn(33), rate=30, times=ticks))


@pytest.mark.parametrize("seconds", [0.1, 0.5, 1, 100])
def test_segments_hold_every_frame_once(clip: Clip, seconds: float) -> None:
    """In order, without a gap, none empty, whatever their length."""
    segments = make_plan(clip, segment_seconds=seconds).segments
    frames = [[t for t in clip.times if s.start <= t < s.end] for s in segments]
    assert [t for times in frames for t in times] == list(clip.times)
    assert [len(times) for times in frames] == [s.frames for s in segments]
    assert min(s.frames for s in segments) > 0
    assert [s.index for s in segments] == list(range(len(segments)))


def test_segments_are_about_as_long_as_asked(tmp_path: Path) -> None:
    """Two seconds in halves are four of them; a second in ten-second pieces is one."""
    even = probe(make_clip(tmp_path / "even.mp4", drawn(60), rate=30))
    assert [s.frames for s in make_plan(even, segment_seconds=0.5).segments] == [15] * 4
    assert len(make_plan(even, segment_seconds=10).segments) == 1


def test_segments_begin_with_a_frame(clip: Clip) -> None:
    """A file of mattes begins at 0 then, and no container has to keep a start to the tick."""
    assert all(s.start in clip.times for s in make_plan(clip, segment_seconds=0.1).segments)


def test_a_stored_plan_is_read_back(clip: Clip, tmp_path: Path) -> None:
    """With all its fields; the folder is created."""
    plan = make_plan(clip, "rembg", model="isnet-general-use", every=6)
    write_plan(plan, tmp_path / "a" / "b")
    assert read_plan(tmp_path / "a" / "b") == plan
    assert read_plan_of(clip, tmp_path / "a" / "b") == plan
    assert plan.frames == 33
    assert find_missing_segments(plan, tmp_path / "a" / "b") == list(plan.segments)


def test_a_folder_accepts_the_plan_of_another_engine(clip: Clip, tmp_path: Path) -> None:
    """The segments are the same."""
    write_plan(make_plan(clip), tmp_path)
    write_plan(make_plan(clip, "rembg"), tmp_path)
    assert read_plan(tmp_path).engine == "rembg"


def test_a_folder_belongs_to_one_clip(clip: Clip, tmp_path: Path) -> None:
    """A plan of another length or size is rejected when it is written and when it is read."""
    write_plan(make_plan(clip), tmp_path / "folder")
    ticks = [*range(20), *range(140, 153)]
    shorter = make_clip(tmp_path / "shorter.mp4", drawn(32), rate=30, times=ticks[:-1])
    smaller = make_clip(tmp_path / "smaller.mp4", drawn(33, (96, 64)), rate=30, times=ticks)
    for other in (probe(shorter), probe(smaller)):
        with pytest.raises(InputRejected) as written:
            write_plan(make_plan(other), tmp_path / "folder")
        with pytest.raises(InputRejected) as read:
            read_plan_of(other, tmp_path / "folder")
        assert written.value.reason is read.value.reason is RejectReason.BAD_MATTE
    assert read_plan(tmp_path / "folder") == make_plan(clip)


@pytest.mark.parametrize("text", ["", "{}", "no plan", '{"size": [1, 2]}', "[" * 9999])
def test_an_invalid_plan_is_a_bad_matte(tmp_path: Path, text: str) -> None:
    """So is a folder without a plan."""
    (tmp_path / "plan.json").write_text(text)
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(InputRejected) as rejected:
            read_plan(folder)
        assert rejected.value.reason is RejectReason.BAD_MATTE


def test_a_folder_that_cannot_be_created_is_reported(clip: Clip, tmp_path: Path) -> None:
    """A file has its name."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputFailed):
        write_plan(make_plan(clip), tmp_path / "file" / "folder")


def test_a_plan_survives_json(clip: Clip) -> None:
    """Services send it as JSON."""
    plan = make_plan(clip, segment_seconds=0.3)
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


def test_a_part_of_a_plan_is_selected_by_index(clip: Clip) -> None:
    """Not by position: a part of a part keeps the indices of the clip's segments."""
    plan = make_plan(clip, segment_seconds=0.1)
    part = plan.select([4, 2, 3])
    assert [segment.index for segment in part.segments] == [2, 3, 4]
    assert part.select([3]).segments == plan.segments[3:4]
    with pytest.raises(KeyError):
        part.select([0])
