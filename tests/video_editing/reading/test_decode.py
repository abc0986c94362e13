"""Reading a clip: upright pictures in one colour space at their presentation times."""

import struct
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.make_clips import HD, Colours, drawn, make_clip
from video_editing.concurrency import count_cpus
from video_editing.contract.errors import InputRejected
from video_editing.frames import Picture, Timed
from video_editing.reading.decode import read_frames
from video_editing.reading.pictures import read_image
from video_editing.reading.probe import Clip, probe
from video_editing.reading.tonemap import HLG, PQ, WHITE_NITS, encode_pq, roll_off, tone_map

#: Real clips: upright size with square pixels, and number of frames shown.
CLIPS = {
    "awkward/ae_sar_2by3_testsrc.mp4": ((640, 540), 60),
    "awkward/ax_12_5fps_720p.mp4": ((1280, 720), 13),
    "awkward/ax_fragmented_bogus_duration.mp4": ((1080, 720), 30),
    "awkward/ax_hdr10_av1_portrait_noperson.mp4": ((720, 1280), 127),
    "awkward/ax_hevc10_editlist_rot_noperson.mp4": ((1080, 1920), 77),
    "awkward/ax_iphone_dolbyvision_rot_datatracks_5frames.mov": ((720, 1280), 4),
    "awkward/ax_man_bed_rot90_sound.mp4": ((720, 1280), 149),
    "awkward/ax_selfie_audio_stream_first_bt601.mov": ((640, 428), 30),
    "awkward/ax_selfie_rotate_and_mirror_matrix.mp4": ((720, 1080), 30),
    "awkward/ax_sideways_man_no_rotation_tag_720x1080.mp4": ((720, 1080), 30),
    "awkward/ax_two_hevc_tracks_rot_vfr_noperson.mp4": ((768, 1024), 58),
    "awkward/der_grid_lbax4n_live_webm_no_duration.webm": ((360, 288), 75),
    "awkward/der_grid_swiz3n_odd_359x287_vp9_opus.webm": ((359, 287), 75),
    "awkward/tfjs_hand_only_yuv444p_620x1080.mp4": ((620, 1080), 325),
    "gt/der_gt_pwij3p_phone_portrait_hevc_rot_vfr.mp4": ((480, 640), 60),
    "gt/gt_talk_lbbc2a_rooftops.mp4": ((640, 480), 75),
    "gt/gt_talk_pwij3p_rooftops_portrait.mp4": ((480, 640), 75),
}

#: Display matrices (ISO/IEC 14496-12, 6.2.2) and the same transforms in numpy.
UNIT = 1 << 16
TURNS = {
    "none": ((1, 0, 0, 1), lambda y: y),
    "clockwise": ((0, 1, -1, 0), lambda y: np.rot90(y, -1)),
    "half": ((-1, 0, 0, -1), lambda y: np.rot90(y, 2)),
    "counter-clockwise": ((0, -1, 1, 0), lambda y: np.rot90(y, 1)),
    "mirrored": ((-1, 0, 0, 1), np.fliplr),
    "flipped": ((1, 0, 0, -1), np.flipud),
    "transposed": ((0, 1, 1, 0), np.transpose),
    "mirrored and clockwise": ((0, -1, -1, 0), lambda y: np.rot90(np.fliplr(y), -1)),
}


def read(clip: Clip, start: int = 0, end: int | None = None) -> list[Timed[Picture]]:
    return list(read_frames(clip, start, end))


def are_same(one: Picture, other: Picture) -> bool:
    return all(np.array_equal(getattr(one, p), getattr(other, p)) for p in "yuv")


def decode_raw_frames(path: Path, stream: int) -> Iterator[av.VideoFrame]:
    """Decode frames with FFmpeg alone."""
    with av.open(str(path)) as container:
        container.streams[stream].codec_context.thread_type = "AUTO"
        yield from container.decode(container.streams[stream])


def make_flat_frame(
    size: tuple[int, int], values: Sequence[int], pixels: str = "yuv420p"
) -> av.VideoFrame:
    """Return a frame of one colour: *values* of its planes, 8 or 10 bits."""
    frame = av.VideoFrame(*size, pixels)
    kind = np.dtype("<u2" if "10" in pixels else "u1")
    for plane, value in zip(frame.planes, values, strict=True):
        plane.update(np.full(plane.buffer_size // kind.itemsize, value, kind).tobytes())
    return frame


def sample_centre(picture: Picture) -> tuple[int, int, int]:
    """Return Y', Cb and Cr at the centre."""
    width, height = picture.size
    return (
        int(picture.y[height // 2, width // 2]),
        int(picture.u[height // 4, width // 4]),
        int(picture.v[height // 4, width // 4]),
    )


def make_matrix(red: float, blue: float) -> NDArray[np.float64]:
    """Return the matrix from R'G'B' to Y'CbCr for two luma coefficients (ITU-T H.273, 8.3)."""
    green = 1 - red - blue
    luma = np.array([red, green, blue])
    return np.stack(
        [
            luma,
            (np.array([0, 0, 1]) - luma) / (2 * (1 - blue)),
            (np.array([1, 0, 0]) - luma) / (2 * (1 - red)),
        ]
    )


BT601, BT709, BT2020 = (
    make_matrix(0.299, 0.114),
    make_matrix(0.2126, 0.0722),
    make_matrix(0.2627, 0.0593),
)
LIMITED = (np.array([219, 224, 224]), np.array([16, 128, 128]))
FULL = (np.array([255, 255, 255]), np.array([0, 128, 128]))


@pytest.mark.parametrize("name", CLIPS)
def test_a_real_clip_has_its_size_and_every_frame_its_time(media: Path, name: str) -> None:
    """Sizes and times equal those that FFmpeg decodes, in seconds of the file's clock."""
    clip = probe(media / name)
    times = [
        frame.pts * frame.time_base for frame in decode_raw_frames(clip.path, clip.video_stream)
    ]
    assert (clip.size, len(clip.times)) == CLIPS[name]
    assert [clip.origin + time * clip.timebase for time in clip.times] == times
    assert all(b > a >= 0 for a, b in pairwise(clip.times))
    assert clip.duration > clip.times[-1] * clip.timebase


@pytest.mark.parametrize("name", CLIPS)
def test_a_real_clip_gives_pictures_of_its_size(media: Path, name: str) -> None:
    """The first half of its frames have the size and the times that probe() returned."""
    clip = probe(media / name)
    half = len(clip.times) // 2
    width, height = clip.size
    found = read_frames(clip, end=clip.times[half])
    for time, picture in zip(clip.times[:half], found, strict=True):
        assert picture.time == time
        assert picture.value.size == clip.size
        assert picture.value.u.shape == picture.value.v.shape
        assert picture.value.u.shape == ((height + 1) // 2, (width + 1) // 2)


def test_audio_without_video_is_rejected(media: Path) -> None:
    """A file with audio only is rejected."""
    with pytest.raises(InputRejected, match="no_video_stream"):
        probe(media / "awkward/ax_audio_only_15s.mp4")


@pytest.mark.parametrize(
    "name",
    [
        "awkward/ax_selfie_rotate_and_mirror_matrix.mp4",
        "awkward/ax_man_bed_rot90_sound.mp4",
        "gt/der_gt_pwij3p_phone_portrait_hevc_rot_vfr.mp4",
    ],
)
def test_a_real_clip_is_oriented_by_its_matrix(media: Path, name: str) -> None:
    """Each pixel is at its coordinates multiplied by the file's display matrix."""
    clip = probe(media / name)
    frame = next(decode_raw_frames(clip.path, clip.video_stream))
    a, b, _, c, d, *_ = np.frombuffer(frame.side_data["DISPLAYMATRIX"], np.int32) / UNIT
    luma = np.frombuffer(frame.planes[0], np.uint8).reshape(frame.height, -1)[:, : frame.width]
    y, x = np.mgrid[: frame.height, : frame.width]
    across, down = np.rint(a * x + c * y).astype(int), np.rint(b * x + d * y).astype(int)
    expected = np.zeros(clip.size[::-1], np.int16)
    expected[down - down.min(), across - across.min()] = luma
    found = next(read_frames(clip)).value.y.astype(np.int16)
    assert np.corrcoef(expected.ravel(), found.ravel())[0, 1] > 0.999


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("size", [(160, 96), (66, 34)])
def test_all_eight_orientations(tmp_path: Path, turn: str, size: tuple[int, int]) -> None:
    """Quarter turns, mirrored or not, are bit-exact."""
    (a, b, c, d), same = TURNS[turn]
    path = make_clip(
        tmp_path / "a.mp4",
        drawn(3, size),
        colours=HD,
        turn=[n * UNIT for n in (a, b, 0, c, d, 0, 0, 0)] + [1 << 30],
    )
    stored = [frame.to_ndarray()[: size[1]] for frame in decode_raw_frames(path, 0)]
    found = read(probe(path))
    assert all(np.array_equal(p.value.y, same(y)) for p, y in zip(found, stored, strict=True))
    assert found[0].value.size == probe(path).size


@pytest.mark.parametrize(("degrees", "quarter"), [(30, 0), (-60, -1), (100, 1), (-170, 2)])
def test_other_angles_go_to_the_nearest_quarter(tmp_path: Path, degrees: int, quarter: int) -> None:
    """Angles, as some phones write them, are rounded to quarter turns."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = [int(n * UNIT) for n in (cos, -sin, 0, sin, cos, 0, 0, 0)] + [1 << 30]
    path = make_clip(tmp_path / "a.mp4", drawn(1), colours=HD, turn=turn)
    stored = next(decode_raw_frames(path, 0)).to_ndarray()[:96]
    assert np.array_equal(next(read_frames(probe(path))).value.y, np.rot90(stored, quarter))


@pytest.mark.parametrize(
    ("aspect", "size"), [(Fraction(3, 2), (240, 96)), (Fraction(2, 3), (160, 144))]
)
def test_pixels_become_square_by_enlarging(
    tmp_path: Path, aspect: Fraction, size: tuple[int, int]
) -> None:
    """Frames are enlarged along one side to make pixels square."""
    path = make_clip(tmp_path / "a.mp4", drawn(2), aspect=aspect, colours=HD)
    clip = probe(path)
    assert clip.size == size
    found = next(read_frames(clip)).value.y
    stored = next(decode_raw_frames(path, 0)).to_ndarray()[:96]
    assert np.abs(found.astype(int) - cv2.resize(stored, size).astype(int)).mean() < 4


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (321, 241), (359, 287), (3, 500)])
def test_any_parity_and_the_smallest_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    """Odd sizes are preserved; chroma sizes are rounded up."""
    clip = probe(make_clip(tmp_path / "a.webm", drawn(2, size), codec="libvpx-vp9"))
    found = read(clip)
    assert clip.size == size
    assert found[0].value.y.shape == size[::-1]
    assert found[0].value.u.shape == ((size[1] + 1) // 2, (size[0] + 1) // 2)


@pytest.mark.parametrize(
    ("tags", "coefficients", "scale"),
    [
        (Colours(matrix=1, range=1), BT709, LIMITED),
        (Colours(matrix=1, range=2), BT709, FULL),
        (Colours(matrix=6, range=1), BT601, LIMITED),
        (Colours(matrix=5, range=2), BT601, FULL),
        (Colours(matrix=9, range=1), BT2020, LIMITED),
        (Colours(matrix=2, range=0), BT601, LIMITED),
    ],
    ids=["709", "709 full", "601", "601 full", "2020", "untagged"],
)
def test_colours_are_those_of_the_tags(
    tmp_path: Path,
    tags: Colours,
    coefficients: NDArray[np.float64],
    scale: tuple[NDArray[np.int_], NDArray[np.int_]],
) -> None:
    """Converted colours equal the formula to 2.6 levels; small untagged clips are BT.601."""
    size, zero = scale
    for stored in ((90, 100, 170), (160, 150, 110), (120, 128, 128)):
        path = make_clip(
            tmp_path / "a.mkv", [make_flat_frame((64, 64), stored)], codec="ffv1", colours=tags
        )
        rgb = np.linalg.solve(coefficients, (np.array(stored) - zero) / size)
        expected = BT709 @ rgb * LIMITED[0] + LIMITED[1]
        found = sample_centre(read(probe(path))[0].value)
        assert np.abs(np.array(found) - expected).max() <= 2.6


@pytest.mark.parametrize("size", [(1280, 544), (544, 1280), (960, 720)])
@pytest.mark.parametrize("matrix_tag", [2, 5, 6])
def test_large_clips_are_bt709_unless_tagged(
    tmp_path: Path, size: tuple[int, int], matrix_tag: int
) -> None:
    """Untagged clips of HD size are BT.709, landscape and portrait, as in players."""
    stored = (90, 100, 170)
    path = make_clip(
        tmp_path / "a.mkv",
        [make_flat_frame(size, stored)],
        codec="ffv1",
        colours=Colours(matrix=matrix_tag),
    )
    assert (sample_centre(read(probe(path))[0].value) == stored) == (matrix_tag == 2)


@pytest.mark.parametrize(
    "pixels", ["yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "gbrp10le", "bgr0", "bgra"]
)
def test_other_pixel_formats(tmp_path: Path, pixels: str) -> None:
    """Other depths, subsamplings and RGB give the same picture."""
    path = make_clip(tmp_path / "a.mkv", drawn(1), codec="ffv1", pixels=pixels)
    reference = make_clip(tmp_path / "b.mkv", drawn(1), codec="ffv1", pixels="yuv444p")
    found, expected = (read(probe(p))[0].value for p in (path, reference))
    assert np.abs(found.y.astype(int) - expected.y.astype(int)).mean() < 2.5
    assert np.abs(found.u.astype(int) - expected.u.astype(int)).mean() < 2.5


@pytest.mark.parametrize(("extent", "luma"), [(1, 120), (2, 16 + 120 * 219 / 255)])
def test_grey_clips_have_grey_pictures(tmp_path: Path, extent: int, luma: float) -> None:
    """Luma follows the range tag; chroma is neutral."""
    frame = make_flat_frame((64, 64), [120], "gray")
    path = make_clip(
        tmp_path / "a.mkv", [frame], codec="ffv1", pixels="gray", colours=Colours(range=extent)
    )
    assert sample_centre(read(probe(path))[0].value) == (pytest.approx(luma, abs=1), 128, 128)


def test_alpha_is_composed_over_black(tmp_path: Path) -> None:
    """Alpha is composed over black."""
    frame = av.VideoFrame.from_ndarray(np.full((64, 64, 4), (200, 200, 200, 64), np.uint8), "rgba")
    path = make_clip(tmp_path / "a.mov", [frame], codec="qtrle", pixels="argb")
    y, u, v = sample_centre(read(probe(path))[0].value)
    assert y == pytest.approx(16 + 219 * 50 / 255, abs=1)
    assert (u, v) == (128, 128)


def test_an_animated_gif_is_a_clip(tmp_path: Path) -> None:
    """A GIF with a palette is read like a video."""
    path = make_clip(tmp_path / "a.gif", drawn(5), codec="gif", pixels="rgb8", rate=10)
    clip = probe(path)
    assert clip.size == (160, 96)
    assert len(read(clip)) == 5
    assert float(clip.rate) == pytest.approx(10)


def test_planes_of_common_clips_are_not_copied(tmp_path: Path) -> None:
    """Planes of 8-bit BT.709 share the decoder's memory and are read-only."""
    picture = next(read_frames(probe(make_clip(tmp_path / "a.mp4", drawn(2), colours=HD)))).value
    for plane in (picture.y, picture.u, picture.v):
        assert not plane.flags.owndata
        assert not plane.flags.writeable


def test_pictures_stay_valid_after_decoding(tmp_path: Path) -> None:
    """A picture stays unchanged while decoding continues and after it ends."""
    clip = probe(make_clip(tmp_path / "a.mp4", drawn(60), colours=HD))
    copies, pictures = [], []
    for picture in read_frames(clip):
        pictures.append(picture.value)
        copies.append(picture.value.y.copy())
    assert all(np.array_equal(p.y, copy) for p, copy in zip(pictures, copies, strict=True))


SEEKING = {
    "closed groups": ("mp4", "libx264", {"g": "12"}),
    "open groups": ("mp4", "libx264", {"x264-params": "keyint=12:open-gop=1:bframes=3"}),
    "intra refresh": ("mp4", "libx264", {"x264-params": "keyint=12:intra-refresh=1"}),
    "one group": ("mkv", "libx264", {"g": "300"}),
    "hevc": ("mp4", "libx265", {"x265-params": "keyint=12:log-level=none"}),
    "transport stream": ("ts", "libx264", {"g": "12"}),
    "program stream": ("mpg", "mpeg2video", {"g": "12", "bf": "2"}),
    "vp8 with hidden frames": (
        "webm",
        "libvpx",
        {"g": "12", "auto-alt-ref": "1", "lag-in-frames": "8", "deadline": "good", "b": "400k"},
    ),
    "vp9": ("webm", "libvpx-vp9", {"g": "12", "lag-in-frames": "8"}),
    "mpeg-4 with b-frames": ("avi", "mpeg4", {"g": "12", "bf": "2"}),
    "flash": ("flv", "flv", {"g": "12"}),
}


@pytest.mark.parametrize("kind", SEEKING)
def test_frames_are_the_same_wherever_reading_starts(tmp_path: Path, kind: str) -> None:
    """Ranges give exactly the frames with start <= time < end, bit-identical."""
    suffix, codec, options = SEEKING[kind]
    clip = probe(make_clip(tmp_path / f"a.{suffix}", drawn(50), codec=codec, options=options))
    all_pictures = read(clip)
    assert tuple(picture.time for picture in all_pictures) == clip.times
    assert len(all_pictures) == 50
    for first, last in ((0, 5), (11, 14), (12, 13), (24, 50), (37, 38), (49, 50)):
        end = clip.times[last] if last < 50 else None
        part = read(clip, clip.times[first], end)
        expected = all_pictures[first:last]
        assert [p.time for p in part] == list(clip.times[first:last])
        assert all(are_same(p.value, w.value) for p, w in zip(part, expected, strict=True))


@pytest.mark.parametrize(
    "name", ["clean/grid_bbaf2n.mpg", "bg/ax_rooftops_360p_sound_noperson.mp4"]
)
def test_real_clips_are_the_same_wherever_reading_starts(media: Path, name: str) -> None:
    """Ranges of real clips are bit-identical to the same frames of the clip."""
    clip = probe(media / name)
    all_pictures = {p.time: p.value for p in read_frames(clip, end=clip.times[70])}
    for first in (1, 33, 68):
        part = read(clip, clip.times[first], clip.times[70])
        assert len(part) == 70 - first
        assert all(are_same(p.value, all_pictures[p.time]) for p in part)


def remux(source: Path, path: Path, change: Callable[[int, bytes], bytes | None]) -> Path:
    """Copy the video packets of *source* as changed by *change*, which drops a packet with None."""
    with av.open(str(source)) as container, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(container.streams.video[0])
        for i, packet in enumerate(p for p in container.demux(video=0) if p.size):
            content = change(i, bytes(packet))
            if content is not None:
                changed = av.Packet(content)
                changed.pts, changed.dts = packet.pts, packet.dts
                changed.time_base, changed.is_keyframe = packet.time_base, packet.is_keyframe
                changed.stream = stream
                out.mux(changed)
    return path


def test_reference_only_frames_are_not_shown(tmp_path: Path) -> None:
    """Hidden VP8 frames are packets without show_frame (RFC 6386, 9.1)."""
    source = make_clip(tmp_path / "a.webm", drawn(20), codec="libvpx")
    hidden = remux(
        source,
        tmp_path / "b.webm",
        lambda i, data: bytes([data[0] & ~0x10]) + data[1:] if i == 7 else data,
    )
    complete, clip = probe(source), probe(hidden)
    assert clip.times == complete.times[:7] + complete.times[8:]
    assert tuple(picture.time for picture in read_frames(clip)) == clip.times


def test_a_recording_that_begins_in_the_middle_of_a_group(tmp_path: Path) -> None:
    """Frames before the first key frame do not decode and are not counted."""
    options = {"g": "12", "bf": "0", "sc_threshold": "0"}
    source = make_clip(tmp_path / "a.ts", drawn(50), options=options)
    cut = remux(source, tmp_path / "b.ts", lambda i, data: None if i < 5 else data)
    clip = probe(cut)
    assert len(clip.times) == 38
    assert clip.times[0] == clip.keyframes[0] == 0
    assert tuple(picture.time for picture in read_frames(clip)) == clip.times


def test_a_start_between_frames_gives_the_next(tmp_path: Path) -> None:
    """Ranges are times, not frame indices; an empty range gives no pictures."""
    clip = probe(make_clip(tmp_path / "a.mp4", drawn(20)))
    assert read(clip, clip.times[5] + 1)[0].time == clip.times[6]
    assert read(clip, clip.times[5] + 1, clip.times[6]) == []
    assert read(clip, clip.times[-1] + 1) == []


def test_key_frames_equal_those_of_a_full_read(tmp_path: Path) -> None:
    """Key frames read alone equal those of a full read."""
    clip = probe(make_clip(tmp_path / "a.mp4", drawn(50), options={"g": "10", "sc_threshold": "0"}))
    keys = list(read_frames(clip, keyframes_only=True))
    assert [p.time for p in keys] == list(clip.keyframes) == list(clip.times[::10])
    all_pictures = {p.time: p.value for p in read(clip)}
    assert all(are_same(p.value, all_pictures[p.time]) for p in keys)


def test_variable_frame_times_are_preserved(tmp_path: Path) -> None:
    """Times are those of the file, not multiples of a mean rate."""
    times = [0, 1, 5, 6, 30, 31, 77]
    clip = probe(make_clip(tmp_path / "a.mp4", drawn(7), rate=100, times=times))
    assert [p.time * clip.timebase for p in read_frames(clip)] == [Fraction(t, 100) for t in times]
    assert clip.rate == Fraction(600, 77)


def test_a_thousand_frames_a_second(tmp_path: Path) -> None:
    """Slow motion is thinned out to 120 frames per second at most, of its full length."""
    options = {"x264-params": "scenecut=0"}
    clip = probe(make_clip(tmp_path / "a.mp4", drawn(100), rate=1000, options=options))
    assert clip.rate <= 120
    assert clip.duration == Fraction(1, 10)
    assert [p.time * clip.timebase for p in read(clip)] == [
        Fraction(ms, 1000) for ms in (0, 9, 17, 25, 34, 42, 50, 59, 67, 75, 84, 92)
    ]


def test_a_rate_of_120_keeps_all_frames(tmp_path: Path) -> None:
    """Also where the container rounds their times to milliseconds."""
    clip = probe(make_clip(tmp_path / "a.mkv", drawn(60), rate=120))
    assert len(read(clip)) == 60


def test_the_last_frame_lasts_a_mean_interval(tmp_path: Path) -> None:
    """Without a stored duration (FLV) the last frame lasts one mean frame interval."""
    clip = probe(make_clip(tmp_path / "a.flv", drawn(50), codec="flv"))
    assert float(clip.duration) == pytest.approx(50 / 30, abs=0.002)


def test_time_zero_is_the_first_frame_without_audio(tmp_path: Path) -> None:
    """A start offset of the file is not part of the clip."""
    clip = probe(make_clip(tmp_path / "a.mkv", drawn(3), rate=10, times=[20, 21, 22]))
    assert clip.origin == 2
    assert clip.times[0] == 0
    assert float(clip.duration) == pytest.approx(0.3)


def test_time_zero_is_the_first_audio_sample_if_earlier(tmp_path: Path) -> None:
    """Time 0 is the first audio sample; the first frame comes later."""
    times = [5, 6, 7, 8]
    path = make_clip(tmp_path / "a.mp4", drawn(4), rate=10, times=times, tone=440)
    clip = probe(path)
    assert clip.audio_stream is not None
    assert clip.origin == 0
    assert clip.times[0] * clip.timebase == Fraction(1, 2)
    assert float(clip.duration) == pytest.approx(0.9)


def test_the_stream_with_most_frames_is_chosen(media: Path) -> None:
    """In a motion photo the video is chosen, not the larger still image."""
    clip = probe(media / "awkward/ax_two_hevc_tracks_rot_vfr_noperson.mp4")
    assert clip.video_stream == 0
    assert len(clip.times) == 58


@pytest.mark.parametrize(("nits", "low", "high"), [(0, 0, 0), (26, 0.4, 0.46), (203, 0.88, 0.95)])
def test_grey_levels_in_sdr(nits: float, low: float, high: float) -> None:
    """Black stays black, 18 % grey (26 nits) is mid-grey, paper white (203 nits) is near white.

    Levels from ITU-R BT.2408-7, table 1.
    """
    grey = tone_map(np.full((1, 3), encode_pq(np.array(nits, float))), PQ)[0]
    assert np.ptp(grey) < 1e-3
    assert low <= grey.mean() <= high


def test_hlg_and_pq_agree_on_reference_levels() -> None:
    """HLG 75 % and PQ 58 %, both 203 nits (ITU-R BT.2408-7, table 1), map to one level."""
    hlg = tone_map(np.full((1, 3), 0.75), HLG)
    assert np.allclose(hlg, tone_map(np.full((1, 3), 0.5806), PQ), atol=0.01)


def test_the_curve_is_monotonic_and_bounded() -> None:
    """The roll-off is monotonic up to 10,000 nits, bounded, and linear below 50 nits."""
    nits = np.geomspace(0.001, 10_000, 500)
    sdr = roll_off(nits)
    assert (np.diff(sdr) > -1e-6).all()
    assert sdr.max() == pytest.approx(WHITE_NITS, rel=1e-3)
    assert np.allclose(sdr[nits < 50], nits[nits < 50], rtol=1e-3)


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_hdr_frames_follow_the_formula(tmp_path: Path, transfer: int) -> None:
    """FFmpeg's lookup is within three levels of the exact mapping."""
    tags = Colours(matrix=9, range=1, transfer=transfer, primaries=9)
    for rgb in ((0.1, 0.1, 0.1), (0.4, 0.4, 0.4), (0.58, 0.58, 0.58), (0.5, 0.35, 0.3)):
        stored = BT2020 @ np.array(rgb) * LIMITED[0] * 4 + LIMITED[1] * 4
        frame = make_flat_frame((64, 64), [round(n) for n in stored], "yuv420p10le")
        path = make_clip(
            tmp_path / "a.mkv", [frame], codec="ffv1", pixels="yuv420p10le", colours=tags
        )
        expected = BT709 @ tone_map(np.array([rgb]), transfer)[0] * LIMITED[0] + LIMITED[1]
        found = sample_centre(read(probe(path))[0].value)
        assert np.abs(np.array(found) - expected).max() <= 3


def test_colours_outside_bt709_keep_their_hue_and_brightness_order() -> None:
    """The primaries of BT.2020 keep their dominant channel and stay within 0–1."""
    red, green, blue = tone_map(np.eye(3) * 0.58, PQ)
    assert red.argmax() == 0
    assert green.argmax() == 1
    assert blue.argmax() == 2
    corners = tone_map(np.stack(np.meshgrid(*[[0.0, 0.5, 1.0]] * 3), -1), PQ)
    assert corners.min() >= 0
    assert corners.max() <= 1


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_an_image_is_a_picture(tmp_path: Path, suffix: str) -> None:
    """An image of red above green is read as BT.709."""
    image = np.zeros((90, 121, 3), np.uint8)
    image[:45, :, 2], image[45:, :, 1] = 255, 255
    path = tmp_path / f"%02d.{suffix}"
    cv2.imwrite(str(path), image)
    picture = read_image(path)
    assert picture.size == (121, 90)
    for row, rgb in ((10, (1, 0, 0)), (80, (0, 1, 0))):
        expected = BT709 @ np.array(rgb) * LIMITED[0] + LIMITED[1]
        found = (picture.y[row, 60], picture.u[row // 2, 30], picture.v[row // 2, 30])
        assert np.abs(np.array(found) - expected).max() < 5


def test_an_image_with_alpha_is_composed_over_black(tmp_path: Path) -> None:
    """White with alpha 0.5 becomes mid-grey."""
    cv2.imwrite(str(tmp_path / "a.png"), np.full((40, 40, 4), (255, 255, 255, 128), np.uint8))
    assert sample_centre(read_image(tmp_path / "a.png"))[0] == pytest.approx(
        16 + 219 * 128 / 255, abs=1
    )


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_an_image_is_oriented_by_exif(tmp_path: Path, orientation: int) -> None:
    """EXIF orientation is applied as OpenCV does."""
    plain = cv2.imencode(".jpg", next(drawn(1)))[1].tobytes()
    tiff = b"II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 0x112, 3, 1, orientation, 0, 0)
    exif = b"Exif\0\0" + tiff
    path = tmp_path / "a.jpg"
    path.write_bytes(plain[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + plain[2:])
    expected = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).astype(float) * 219 / 255 + 16
    found = read_image(path).y
    assert found.shape == expected.shape
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.99


def test_a_huge_image_is_reduced_to_4k(tmp_path: Path) -> None:
    """An image of 24 megapixels is reduced to 4K with its aspect ratio."""
    cv2.imwrite(str(tmp_path / "a.jpg"), np.zeros((4000, 6000, 3), np.uint8))
    width, height = read_image(tmp_path / "a.jpg").size
    assert width * height <= 4096 * 2304
    assert width / height == pytest.approx(1.5, abs=0.01)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "100000 100000\n"}, 1),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu.max": "6400000 100000\n"}, None),
        ({}, None),
    ],
)
def test_the_quota_of_a_container_limits_cpus(
    tmp_path: Path, files: dict[str, str], expected: int | None
) -> None:
    """A quota below the affinity mask limits the count; a larger one or none does not."""
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    assert count_cpus(tmp_path) == (expected or count_cpus(tmp_path / "nothing"))
