"""The mediapipe engine: its mattes, which do not depend on the piece of the clip."""

from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from video_editing.frames import Matte, Picture, Timed
from video_editing.matting.mediapipe_engine import MediapipeEngine
from video_editing.reading.decode import read_frames
from video_editing.reading.probe import Clip, probe

FRAMES = 30


def mattes(clip: Clip, start: int = 0, end: int | None = None) -> Iterator[Matte]:
    """Yield the mattes of the frames from *start* to *end*, computed with their context only."""
    engine = MediapipeEngine(clip)
    end = len(clip.times) if end is None else end
    first, last = max(0, start - engine.context_frames), end + engine.context_frames
    until = clip.times[last] if last < len(clip.times) else None
    found = engine.compute_mattes(read_frames(clip, clip.times[first], until))
    return (matte for _, matte in islice(found, start - first, end - first))


@pytest.fixture(scope="module")
def talker(media: Path) -> Clip:
    return probe(media / "gt/gt_talk_lbbc2a_rooftops.mp4")


def test_a_clip_in_pieces_gets_the_same_mattes_as_in_one(talker: Clip) -> None:
    """Ten segments, each computed with its context only, equal one piece, bit by bit."""
    one_piece = list(mattes(talker, 0, FRAMES))
    pieces = [m for start in range(0, FRAMES, 3) for m in mattes(talker, start, start + 3)]
    assert all(np.array_equal(a, b) for a, b in zip(one_piece, pieces, strict=True))


def test_every_frame_comes_back_once_and_in_order(talker: Clip) -> None:
    """No frame is dropped or repeated, also at the ends of the clip."""
    found = MediapipeEngine(talker).compute_mattes(read_frames(talker))
    assert [frame.time for frame, _ in found] == list(talker.times)


def test_a_matte_has_the_proportions_of_the_frame_and_is_not_larger(talker: Clip) -> None:
    """640 by 480 is unchanged."""
    assert next(mattes(talker, 0, 1)).shape == (480, 640)


@pytest.mark.parametrize(
    "name",
    [
        "bg/ae_sound_over_plain_colour_noperson.mp4",
        "bg/ax_rooftops_360p_sound_noperson.mp4",
        "awkward/ax_hdr10_av1_portrait_noperson.mp4",
    ],
)
def test_a_frame_without_a_person_has_an_empty_matte(media: Path, name: str) -> None:
    """False detections of the models are removed."""
    assert not any(matte.any() for matte in mattes(probe(media / name), 0, FRAMES))


def test_a_person_ends_with_the_shot(media: Path) -> None:
    """From two frames after the cut to a cartoon on, mattes are empty."""
    clip = probe(media / "clean/pyfeat_face_then_noface_hevc_vfr.mov")
    shown = [matte.mean() / 255 for matte in mattes(clip, 60, 90)]
    cut = _cut(clip, 60, 90)
    assert min(shown[: cut - 1]) > 0.2
    assert max(shown[cut + 2 :]) == 0


def test_a_matte_never_reaches_across_a_cut(talker: Clip, media: Path) -> None:
    """The mattes of a shot do not depend on the shot that follows."""
    shot = list(islice(read_frames(talker), 20))
    other = probe(media / "bg/ae_sound_over_plain_colour_noperson.mp4")
    strange = next(read_frames(other)).value
    width, height = talker.size
    strange = Picture(
        np.ascontiguousarray(cv2.resize(strange.y, (width, height))),
        np.ascontiguousarray(cv2.resize(strange.u, (width // 2, height // 2))),
        np.ascontiguousarray(cv2.resize(strange.v, (width // 2, height // 2))),
    )
    after = [Timed(time, strange) for time in talker.times[20:40]]
    engine = MediapipeEngine(talker)
    alone = [matte for _, matte in engine.compute_mattes(shot)]
    followed = [matte for _, matte in engine.compute_mattes([*shot, *after])]
    assert all(np.array_equal(a, b) for a, b in zip(alone, followed[:20], strict=True))
    assert not any(matte.any() for matte in followed[20:])


def test_a_person_who_moves_fast_is_segmented_in_every_frame(talker: Clip) -> None:
    """A matte in between is not the mean of the mattes around it where those lie apart."""
    still = next(read_frames(talker)).value
    shifts = range(0, 16 * 12, 12)
    moving = [
        Timed(time, _shift(still, pixels))
        for time, pixels in zip(talker.times, shifts, strict=False)
    ]
    found = MediapipeEngine(talker).compute_mattes(moving)
    aligned = [
        np.roll(matte, -pixels, axis=1) > 127
        for (_, matte), pixels in zip(found, shifts, strict=True)
    ]
    for before, after in pairwise(aligned):
        assert (before & after).sum() > 0.95 * (before | after).sum()


def test_a_hand_alone_is_a_person(media: Path) -> None:
    """The mattes of a signing hand are not empty."""
    clip = probe(media / "awkward/tfjs_hand_only_yuv444p_620x1080.mp4")
    assert min(matte.mean() / 255 for matte in mattes(clip, 0, 20)) > 0.05


def test_both_of_two_people_are_segmented(media: Path) -> None:
    """The man on the left and the man on the right each fill a good part of their half."""
    clip = probe(media / "clean/two_people_webcam_720p_waving.webm")
    for matte in mattes(clip, 100, 110):
        half = matte.shape[1] // 2
        assert matte[:, :half].mean() > 0.15 * 255
        assert matte[:, half:].mean() > 0.25 * 255


def test_mattes_agree_with_the_exact_alpha(talker: Clip, media: Path) -> None:
    """Their IoU is above the model's own 0.94."""
    truth = probe(media / "gt/gt_talk_lbbc2a_rooftops.alpha.mkv")
    for matte, exact in zip(
        mattes(talker, 20, 30), read_frames(truth, truth.times[20]), strict=False
    ):
        ours, person = matte > 127, exact.value.y > 127
        assert (ours & person).sum() / (ours | person).sum() > 0.945


def _shift(picture: Picture, pixels: int) -> Picture:
    """Return *picture*, moved by an even number of *pixels* to the right."""
    planes = (picture.y, pixels), (picture.u, pixels // 2), (picture.v, pixels // 2)
    return Picture(*(np.roll(plane, count, axis=1) for plane, count in planes))


def _cut(clip: Clip, start: int, end: int) -> int:
    """Return the position, from *start*, of the frame that differs most from its predecessor."""
    frames = read_frames(clip, clip.times[start], clip.times[end])
    lumas = [cv2.resize(frame.value.y, (32, 32)).astype(int) for frame in frames]
    changes = [np.abs(b - a).mean() for a, b in pairwise(lumas)]
    return int(np.argmax(changes)) + 1
