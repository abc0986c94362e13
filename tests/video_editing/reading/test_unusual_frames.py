"""Clips whose frames are unusual: with alpha, of two forms, cropped, of wide primaries."""

import struct
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pillow_heif
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.support.make_clips import HD, Colours, drawn, make_clip
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.frames import Picture
from video_editing.pixels import convert_to_rgb
from video_editing.reading.decode import read_frames, read_keyframes
from video_editing.reading.probe import probe

TO_BT709 = {  # linear light
    9: np.array(
        [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
    ),
    12: np.array([[1.2249, -0.2249, 0], [-0.0421, 1.0421, 0], [-0.0196, -0.0786, 1.0983]]),
}


def rgb(picture: Picture) -> NDArray[np.float64]:
    """Return the colours, (H, W, 3), 0–255."""
    return np.asarray(convert_to_rgb(picture, picture.size), np.float64) * 255


def draw_half_transparent(count: int) -> Iterator[av.VideoFrame]:
    """Yield frames whose left half is opaque red, and whose right half hides white."""
    for _ in range(count):
        rgba = np.full((120, 160, 4), (255, 0, 0, 255), np.uint8)
        rgba[:, 80:] = (255, 255, 255, 0)
        yield av.VideoFrame.from_ndarray(rgba, "rgba").reformat(format="yuva420p")


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
def test_alpha_beside_the_blocks_of_webm_is_over_black(tmp_path: Path, codec: str) -> None:
    """Hidden colours stay hidden, in key frames read alone as well."""
    options = {"auto-alt-ref": "0", "g": "5"}
    path = make_clip(
        tmp_path / "a.webm",
        draw_half_transparent(10),
        codec=codec,
        pixels="yuva420p",
        options=options,
    )
    clip = probe(path)
    frames = [*read_frames(clip), *read_keyframes(clip, clip.keyframes)]
    assert len(frames) >= 12
    for frame in frames:
        shown = rgb(frame.value)
        assert shown[60, 120] == pytest.approx([0, 0, 0], abs=6)
        assert shown[60, 40] == pytest.approx([255, 0, 0], abs=12)


@pytest.mark.parametrize("name", ["va8.webm", "va9.webm"])
def test_a_sticker_has_no_ghost(cases: Path, name: str) -> None:
    clip = probe(cases / name)
    shown = [rgb(frame.value)[60, 120] for frame in read_frames(clip)]
    assert np.abs(shown).max() <= 6


def join_forms(path: Path, codec: str) -> Path:
    """Write a clip of 15 wide frames and then 15 high ones; each shows a white square."""
    parts = []
    for name, size in (("wide", (160, 120)), ("high", (120, 160))):
        picture = np.full((size[1], size[0], 3), 60, np.uint8)
        picture[size[1] // 2 - 20 : size[1] // 2 + 20, size[0] // 2 - 20 : size[0] // 2 + 20] = 255
        part = path.with_stem(name)
        parts.append(make_clip(part, [picture] * 15, rate=25, codec=codec, colours=HD))
    with av.open(str(path), "w") as out, av.open(str(parts[0])) as first:
        stream = out.add_stream_from_template(first.streams.video[0])
        for number, part in enumerate(parts):
            with av.open(str(part)) as container:
                for packet in container.demux(video=0):
                    if packet.size:
                        packet.pts = packet.dts = packet.pts + 600 * number
                        packet.stream = stream
                        out.mux(packet)
    return path


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
def test_frames_of_another_form_are_not_stretched(tmp_path: Path, codec: str) -> None:
    """A browser records a phone that is turned: the square stays one, between black borders."""
    clip = probe(join_forms(tmp_path / "a.webm", codec))
    assert clip.size == (160, 120)
    frames = [frame.value for frame in read_frames(clip)]
    assert len(frames) == 30
    assert {frame.size for frame in frames} == {(160, 120)}
    lit = np.argwhere(frames[20].y > 170)
    width, height = np.ptp(lit[:, 1]) + 1, np.ptp(lit[:, 0]) + 1
    assert (width, height) == (pytest.approx(30, abs=2), pytest.approx(30, abs=2))
    assert frames[20].y[:, :30].max() <= 20
    assert frames[20].y[60, 50] == pytest.approx(16 + 60 * 219 / 255, abs=6)


def test_a_turned_recording_is_fitted(cases: Path) -> None:
    clip = probe(cases / "turnmid.webm")
    frames = list(read_frames(clip))
    borders = [float(frame.value.y[:, :90].max()) for frame in frames]
    assert max(borders[-20:]) <= 20
    assert min(borders[:20]) > 40


def insert_clean_aperture(path: Path, width: int, height: int, down: int) -> None:
    """Write the box into the first video's sample entry, whose file has its index at the end."""
    content = path.read_bytes()
    numbers = (width, 1, height, 1, 0, 1, down, 1)
    box = struct.pack(">I4sIIIIiIiI", 40, b"clap", *numbers)
    begin, start = 0, content.index(b"moov") - 4
    sizes = []
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"):
        begin = content.index(name, start) - 4
        start = begin + 8
        sizes.append(begin)
    (size,) = struct.unpack(">I", content[begin : begin + 4])
    content = content[: begin + size] + box + content[begin + size :]
    for position in sizes:
        (size,) = struct.unpack(">I", content[position : position + 4])
        content = content[:position] + struct.pack(">I", size + 40) + content[position + 4 :]
    path.write_bytes(content)


def test_the_clean_aperture_alone_is_shown(tmp_path: Path) -> None:
    """Bit by bit what the whole frame shows there, also where it is not in the middle."""
    path = make_clip(tmp_path / "a.mp4", drawn(3), colours=HD)
    whole = [frame.value for frame in read_frames(probe(path))]
    insert_clean_aperture(path, 120, 72, down=8)
    clip = probe(path)
    assert clip.size == (120, 72)
    for frame, full in zip(read_frames(clip), whole, strict=True):
        assert np.array_equal(frame.value.y, full.y[20:92, 20:140])
        assert np.array_equal(frame.value.u, full.u[10:46, 10:70])


def test_the_bars_around_a_clean_aperture_are_gone(cases: Path) -> None:
    clip = probe(cases / "clap.mp4")
    assert clip.size == (640, 360)
    picture = next(read_frames(clip)).value
    assert picture.y[:4].mean() > 30


@pytest.mark.parametrize("primaries", TO_BT709)
def test_wide_primaries_become_those_of_bt709(tmp_path: Path, primaries: int) -> None:
    """Within three levels of the formula, in linear light."""
    tags = Colours(matrix=1, primaries=primaries)
    for colour in ((200, 100, 80), (90, 160, 100), (60, 80, 190), (128, 128, 128)):
        frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), colour, np.uint8), "rgb24")
        stored = frame.reformat(format="yuv444p", dst_colorspace="ITU709", dst_color_range="MPEG")
        path = make_clip(tmp_path / "a.mkv", [stored], codec="ffv1", pixels="yuv444p", colours=tags)
        light = np.clip(TO_BT709[primaries] @ (np.array(colour) / 255) ** 2.4, 0, 1)
        found = rgb(next(read_frames(probe(path))).value)[32, 32]
        assert np.abs(found - light ** (1 / 2.4) * 255).max() <= 3


@pytest.mark.parametrize("gap", [b"", b"MotionPhoto_Data"], ids=["directly", "after a mark"])
def test_the_video_behind_a_jpeg_is_a_clip(tmp_path: Path, gap: bytes) -> None:
    """Phones write motion photos so."""
    video = make_clip(tmp_path / "a.mp4", drawn(10), colours=HD, options={"g": "4"}, tone=300)
    Image.new("RGB", (640, 480), "teal").save(tmp_path / "photo.jpg")
    path = tmp_path / "motion.jpg"
    path.write_bytes((tmp_path / "photo.jpg").read_bytes() + gap + video.read_bytes())
    clip, plain = probe(path), probe(video)
    assert (clip.times, clip.audio_stream) == (plain.times, plain.audio_stream)
    for start in (0, clip.times[6]):
        for found, expected in zip(
            read_frames(clip, start), read_frames(plain, start), strict=True
        ):
            assert np.array_equal(found.value.y, expected.value.y)


def test_the_video_in_a_heic_file_is_a_clip(tmp_path: Path) -> None:
    """It has a box of its own."""
    video = make_clip(tmp_path / "a.mp4", drawn(10), colours=HD).read_bytes()
    pillow_heif.from_pillow(Image.new("RGB", (64, 64), "teal")).save(tmp_path / "a.heic")
    box = struct.pack(">I4s", len(video) + 8, b"mpvd") + video
    path = tmp_path / "motion.heic"
    path.write_bytes((tmp_path / "a.heic").read_bytes() + box)
    assert len(list(read_frames(probe(path)))) == 10


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "heic", "avif", "tif", "bmp"])
def test_a_photo_is_no_clip(tmp_path: Path, suffix: str) -> None:
    """The reason says so, so that the text can."""
    image, path = Image.new("RGB", (64, 64), "teal"), tmp_path / f"a.{suffix}"
    if suffix == "heic":
        pillow_heif.from_pillow(image).save(path)
    else:
        image.save(path)
    with pytest.raises(InputRejected) as caught:
        probe(path)
    assert caught.value.reason is RejectReason.NOT_A_VIDEO
    assert caught.value.details == {"what": "picture"}
