"""Every real clip through `overlay edit`: its result, or the reason why it is rejected."""

import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.decode_media import heard, lag, likeness, shots, times
from tests.support.overlay_command import overlay

BACKGROUND = "bg/ax_rooftops_360p_sound_noperson.mp4"
EXACT = Fraction(1, 1000)  #: seconds
IN_SYNC = 0.02  #: seconds
PAUSE = Fraction(1, 10)  #: seconds; frames are added where the clip's are further apart

#: the outcome of each clip: edited, or the reason of its rejection
CLIPS = {
    "awkward/ae_sar_2by3_testsrc.mp4": "no_person",
    "awkward/ax_12_5fps_720p.mp4": "no_person",
    "awkward/ax_audio_only_15s.mp4": "no_video_stream",
    "awkward/ax_fragmented_bogus_duration.mp4": "edited",
    "awkward/ax_iphone_dolbyvision_rot_datatracks_5frames.mov": "no_person",
    "awkward/ax_selfie_audio_stream_first_bt601.mov": "edited",
    "awkward/ax_selfie_rotate_and_mirror_matrix.mp4": "edited",
    "awkward/der_grid_swiz3n_odd_359x287_vp9_opus.webm": "edited",
}
SLOW_CLIPS = {
    "awkward/ax_hdr10_av1_portrait_noperson.mp4": "no_person",
    "awkward/ax_hevc10_editlist_rot_noperson.mp4": "no_person",
    "awkward/ax_man_bed_rot90_sound.mp4": "edited",
    "awkward/ax_sideways_man_no_rotation_tag_720x1080.mp4": "edited",
    "awkward/ax_two_hevc_tracks_rot_vfr_noperson.mp4": "no_person",
    "awkward/der_grid_lbax4n_live_webm_no_duration.webm": "edited",
    "awkward/tfjs_hand_only_yuv444p_620x1080.mp4": "edited",
    "clean/asl_again.mkv": "edited",
    "clean/asl_bird.mkv": "edited",
    "clean/asl_brother.mkv": "edited",
    "clean/asl_help.mkv": "edited",
    "clean/asl_milk.mkv": "edited",
    "clean/asl_no.mkv": "edited",
    "clean/asl_please.mkv": "edited",
    "clean/asl_sorry.mkv": "edited",
    "clean/asl_student.mkv": "edited",
    "clean/asl_thanks.mkv": "edited",
    "clean/asl_yes.mkv": "edited",
    "clean/greenscreen_man_red_tights_360x640_vfr.mp4": "edited",
    "clean/grid_bbaf2n.mpg": "edited",
    "clean/grid_lbax4n.mpg": "edited",
    "clean/grid_lbbc2a.mpg": "edited",
    "clean/grid_pwij3p.mpg": "edited",
    "clean/grid_swiz3n.mpg": "edited",
    "clean/mdn_selfie_man_60fps_sound.mp4": "edited",
    "clean/pyfeat_face_then_noface_hevc_vfr.mov": "edited",
    "clean/pyfeat_selfie_smile.mp4": "edited",
    "clean/tfjs_squats_portrait_5fps.mp4": "edited",
    "clean/two_people_webcam_720p_waving.webm": "edited",
    "gt/der_gt_pwij3p_phone_portrait_hevc_rot_vfr.mp4": "edited",
    "gt/gt_talk_lbbc2a_rooftops.mp4": "edited",
    "gt/gt_talk_pwij3p_rooftops_portrait.mp4": "edited",
    "webcam/kao_kari.mp4": "edited",
    "webcam/kao_makudo_migihidari.mp4": "edited",
    "webcam/kao_makudo_nikoniko.mp4": "edited",
    "webcam/kao_makudo_note.mp4": "edited",
}

#: Clips of kinds that once came out wrong: frames of the result, and its seconds.
UNUSUAL_CLIPS = {
    "alonger.mp4": (38, 2.98),
    "bf.avi": (75, 3.0),
    "c51.mp4": (75, 3.0),
    "cat_jump.ts": (100, 4.02),
    "cat_reset.ts": (100, 4.02),
    "clap.mp4": (30, 1.0),
    "drift.mp4": (150, 6.0),
    "i.mpg": (25, 1.0),
    "paff_64.ts": (25, 1.0),
    "pause.mp4": (60, 5.0),
    "turnmid.webm": (60, 2.4),
    "va8.webm": (25, 1.0),
    "va9.webm": (25, 1.0),
}

#: Clips that are turned or mirrored by their display matrix, or not by it.
TURNED = [
    "awkward/ax_man_bed_rot90_sound.mp4",
    "awkward/ax_selfie_rotate_and_mirror_matrix.mp4",
    "awkward/ax_sideways_man_no_rotation_tag_720x1080.mp4",
    "gt/der_gt_pwij3p_phone_portrait_hevc_rot_vfr.mp4",
]


def test_the_table_lists_every_clip(media: Path) -> None:
    """A clip that is added to the folders needs a row."""
    present = {
        str(path.relative_to(media))
        for folder in ("awkward", "clean", "gt", "webcam")
        for path in (media / folder).iterdir()
        if not path.name.endswith(".alpha.mkv")
    }
    assert present == CLIPS.keys() | SLOW_CLIPS.keys()


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        *CLIPS.items(),
        *(pytest.param(*row, marks=pytest.mark.slow) for row in SLOW_CLIPS.items()),
    ],
)
def test_each_clip_is_edited_in_sync_or_rejected(
    media: Path, tmp_path: Path, name: str, outcome: str
) -> None:
    """A result has the clip's frames at their times and its voice; a rejection leaves no file.

    Where they are far apart, it has frames in between, since the background moves.
    """
    clip, result = media / name, tmp_path / "result.mp4"
    ran = overlay("edit", clip, "--background", media / BACKGROUND, "-o", result)
    if outcome != "edited":
        assert ran.returncode == 3
        assert json.loads(ran.stderr.splitlines()[-1])["reason"] == outcome
        assert list(tmp_path.iterdir()) == []
        return
    assert ran.returncode == 0, ran.stderr
    voice, mixed = heard(clip), heard(result)
    shown = times(clip)
    origin = min(shown[0], voice.start) if voice else shown[0]
    written = times(result)
    kept = [min(written, key=lambda time: abs(time - (at - origin))) for at in shown]
    assert max(abs(a - (b - origin)) for a, b in zip(kept, shown, strict=True)) <= EXACT
    far_apart = any(after - before > PAUSE for before, after in pairwise(shown))
    assert (len(written) > len(shown)) == far_apart
    assert max(after - before for before, after in pairwise(written)) <= PAUSE
    assert mixed is not None
    if voice is not None:
        assert abs(lag(mixed.since(Fraction(0)), voice.since(origin))) <= IN_SYNC


@pytest.mark.parametrize("name", UNUSUAL_CLIPS)
def test_each_unusual_clip_is_edited(cases: Path, tmp_path: Path, name: str) -> None:
    """A result has all frames in their order, and is as long as the clip."""
    frames, seconds = UNUSUAL_CLIPS[name]
    result = tmp_path / "result.mp4"
    full_frame = ("--shape", "none", "--keep-background", "--size", 1, "--background", "black")
    ran = overlay("edit", cases / name, *full_frame, "--progress", "json", "-o", result)
    assert ran.returncode == 0, ran.stderr
    assert len(times(result)) == frames
    assert json.loads(ran.stdout.splitlines()[-1])["seconds"] == pytest.approx(seconds, abs=0.01)


def test_a_photo_is_told_from_a_video(cases: Path, tmp_path: Path) -> None:
    """It is rejected as a clip, and taken as a background."""
    result = tmp_path / "result.mp4"
    ran = overlay("edit", cases / "grid.heic", "-o", result)
    assert ran.returncode == 3
    assert "photo" in ran.stderr
    frame = ("--shape", "none", "--keep-background", "--background", cases / "grid.heic")
    assert overlay("edit", cases / "clap.mp4", *frame, "-o", result).returncode == 0


@pytest.mark.parametrize("name", TURNED)
def test_results_stand_upright(media: Path, tmp_path: Path, name: str) -> None:
    """The full frame looks like the stored one, turned by the display matrix."""
    result = tmp_path / "result.mp4"
    full_frame = ("--shape", "none", "--keep-background", "--size", 1, "--background", "black")
    assert overlay("edit", media / name, *full_frame, "-o", result).returncode == 0
    shown = next(shots(result)).to_ndarray(format="gray")
    stored = next(shots(media / name))
    expected = turned(stored.to_ndarray(format="gray"), matrix(stored))
    assert (shown.shape[0] > shown.shape[1]) == (expected.shape[0] > expected.shape[1])
    expected = cv2.resize(expected, shown.shape[::-1], interpolation=cv2.INTER_AREA)
    assert likeness(shown, expected) > 0.98
    assert likeness(shown, expected[:, ::-1]) < 0.9
    assert likeness(shown, expected[::-1]) < 0.9


def matrix(frame: av.VideoFrame) -> NDArray[np.int64]:
    """Return the directions of a frame's axes on screen, (2, 2); the identity without a matrix."""
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return np.eye(2, dtype=np.int64)
    return np.frombuffer(data, np.int32).reshape(3, 3)[:2, :2] // 65536


def turned(picture: NDArray[np.uint8], axes: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Move each pixel along the axes (ISO/IEC 14496-12, 6.2.2)."""
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    right, down = x * axes[0, 0] + y * axes[1, 0], x * axes[0, 1] + y * axes[1, 1]
    right, down = right - right.min(), down - down.min()
    upright = np.zeros((down.max() + 1, right.max() + 1), np.uint8)
    upright[down, right] = picture
    return upright
