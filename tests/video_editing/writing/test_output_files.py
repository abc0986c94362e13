"""Output files, decoded again with PyAV and measured."""

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.paths import ROOT
from video_editing.contract.atomic_file import atomic_write
from video_editing.contract.errors import InputRejected, OutputFailed, RejectReason
from video_editing.frames import Layer, Matte, Picture, Timed
from video_editing.reading.audio import SAMPLE_RATE, Samples
from video_editing.writing.alpha_video import STICKER, open_mov, open_sticker, open_webm
from video_editing.writing.encoder import FileWriter
from video_editing.writing.gif import open_gif
from video_editing.writing.matte_video import open_matte_video
from video_editing.writing.mp4 import open_mp4, open_note
from video_editing.writing.size_budget import FileTooLarge, compute_fitting_size, retry_smaller
from video_editing.writing.tracks import StreamSpec

SIZE = (160, 96)
RATE = Fraction(25)
MILLISECOND = Fraction(1, 1000)

#: Timebase, tick of each frame, and tick of the clip's end.
Clock = tuple[Fraction, list[int], int]
CLOCKS: dict[str, Clock] = {
    "milliseconds, uneven": (MILLISECOND, [33 * i + 5 * (i % 3) for i in range(40)], 1500),
    "NTSC": (Fraction(1001, 30000), list(range(30)), 30),
    "starts late": (
        Fraction(1, 90000),
        [5000 + 3003 * i + 300 * (i % 5) for i in range(30)],
        99999,
    ),
    "nanoseconds": (Fraction(1, 10**9), [7 + 33_333_333 * i for i in range(30)], 10**9),
    "five a second": (Fraction(1, 5), list(range(7)), 7),
    "phone": (Fraction(1, 600), [0, 20, 41, 60, 140, 160, 161, 200], 230),
    "pause": (Fraction(1, 90000), [0, 90000, 90100, 99000], 99900),
    "two": (Fraction(1, 24000), [0, 7000], 9000),
    "one": (Fraction(1, 30), [0], 1),
}


def make_spec(
    seconds: Fraction,
    size: tuple[int, int] = SIZE,
    timebase: Fraction = 1 / RATE,
    rate: Fraction = RATE,
    *,
    has_sound: bool = False,
) -> StreamSpec:
    """Return streams whose encoder has two threads."""
    return StreamSpec(
        size=size, timebase=timebase, rate=rate, seconds=seconds, has_sound=has_sound, threads=2
    )


def make_picture(shade: int, size: tuple[int, int] = SIZE) -> Picture:
    """Return a picture of luma *shade* with another luma in its top left corner."""
    width, height = size
    half = (height + 1) // 2, (width + 1) // 2
    y, u, v = (
        np.full((height, width), shade, np.uint8),
        np.full(half, 110, np.uint8),
        np.full(half, 140, np.uint8),
    )
    y[: height // 4, : width // 4] = 120
    return Picture(y, u, v)


def make_noise(size: tuple[int, int], seed: int) -> Picture:
    """Return random values, which no codec can compress."""
    random = np.random.default_rng(seed)
    width, height = size
    shapes = [(height, width), *[((height + 1) // 2, (width + 1) // 2)] * 2]
    return Picture(*(random.integers(16, 236, shape, np.uint8) for shape in shapes))


def draw_disc(size: tuple[int, int], step: int = 0) -> Matte:
    """Return a disc with an edge 16 pixels wide, *step* pixels to the right of the centre."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    inside = min(size) / 3 - np.hypot(y - height / 2, x - width / 2 - step)
    return np.clip(127 + inside * 16, 0, 255).astype(np.uint8)


def decode_frames(path: Path, decoder: str | None = None) -> Iterator[av.VideoFrame]:
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        if decoder is None:
            yield from file.decode(stream)
            return
        codec = av.CodecContext.create(decoder, "r")
        for packet in file.demux(stream):
            for frame in codec.decode(packet if packet.size else None):
                assert isinstance(frame, av.VideoFrame)
                yield frame


def plane(frame: av.VideoFrame, index: int, dtype: type = np.uint8) -> NDArray[Any]:
    source = frame.planes[index]
    return np.frombuffer(memoryview(source), dtype).reshape(source.height, -1)[:, : source.width]


def times(path: Path) -> list[Fraction]:
    return [frame.pts * frame.time_base for frame in decode_frames(path)]  # type: ignore[operator]


def decode_audio(path: Path) -> tuple[Fraction, Samples]:
    """Return the time of the first sample, in seconds, and all samples of one channel."""
    with av.open(str(path)) as file:
        frames = list(file.decode(audio=0))
    resampler = av.AudioResampler("fltp", "stereo", SAMPLE_RATE)
    blocks = [block.to_ndarray()[0] for frame in frames for block in resampler.resample(frame)]
    return frames[0].pts * frames[0].time_base, np.concatenate(blocks)  # type: ignore[operator]


def duration(path: Path) -> Fraction:
    """Return the end of the video stream in seconds, from the file's header."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        assert stream.duration is not None
        assert stream.time_base is not None
        return ((stream.start_time or 0) + stream.duration) * stream.time_base


def write_mp4(path: Path, clock: Clock, size: tuple[int, int] = SIZE) -> None:
    timebase, ticks, end = clock
    with open_mp4(path, make_spec(end * timebase, size, timebase)) as writer:
        for i, tick in enumerate(ticks):
            writer.write_picture(Timed(tick, make_picture(40 + 5 * i % 150, size)))


@pytest.mark.parametrize("clock", CLOCKS.values(), ids=CLOCKS)
def test_times(tmp_path: Path, clock: Clock) -> None:
    """An mp4 shows each frame at its time and ends with the last frame."""
    timebase, ticks, end = clock
    write_mp4(tmp_path / "result.mp4", clock)
    got = times(tmp_path / "result.mp4")
    assert len(got) == len(ticks)
    assert (
        max(abs(time - tick * timebase) for time, tick in zip(got, ticks, strict=True))
        < MILLISECOND / 20
    )
    assert abs(duration(tmp_path / "result.mp4") - end * timebase) < MILLISECOND


@pytest.mark.parametrize("clock", CLOCKS.values(), ids=CLOCKS)
@pytest.mark.parametrize("form", ["mov", "webm", "mkv"])
def test_times_of_overlays_and_mattes(tmp_path: Path, form: str, clock: Clock) -> None:
    """Overlays and mattes show each frame at its time, to the millisecond."""
    timebase, ticks, end = clock
    path = tmp_path / f"file.{form}"
    spec = make_spec(end * timebase, SIZE, timebase)
    file: AbstractContextManager[FileWriter[Any]]
    if form == "mkv":
        file, what = open_matte_video(path, spec), draw_disc(SIZE)
    else:
        open_file = open_mov if form == "mov" else open_webm
        file = open_file(path, spec, {})
        what = Layer(make_picture(90), draw_disc(SIZE))
    with file as writer:
        for tick in ticks:
            writer.write_picture(Timed(tick, what))
    got = times(path)
    assert len(got) == len(ticks)
    assert (
        max(abs(time - tick * timebase) for time, tick in zip(got, ticks, strict=True))
        < MILLISECOND
    )


def test_result_plays_everywhere(tmp_path: Path) -> None:
    """It is H.264 High in yuv420p, tagged BT.709 limited, with the index in front of the frames."""
    path = tmp_path / "result.mp4"
    write_mp4(path, CLOCKS["NTSC"])
    with av.open(str(path)) as file:
        codec = file.streams.video[0].codec_context
        assert (codec.name, codec.profile, codec.pix_fmt) == ("h264", "High", "yuv420p")
        assert (codec.colorspace, codec.color_primaries, codec.color_trc, codec.color_range) == (
            1,
        ) * 4
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("size", [(160, 96), (98, 54), (1000, 18)])
def test_planes_are_preserved(tmp_path: Path, size: tuple[int, int]) -> None:
    """Y, U and V are decoded as written for widths of any alignment."""
    write_mp4(tmp_path / "result.mp4", CLOCKS["five a second"], size)
    width, height = size
    for i, frame in enumerate(decode_frames(tmp_path / "result.mp4")):
        assert (frame.width, frame.height) == size
        assert np.abs(plane(frame, 0)[height // 2 :].astype(int) - (40 + 5 * i % 150)).max() < 4
        assert (
            np.abs(plane(frame, 0)[: height // 4 - 2, : width // 4 - 2].astype(int) - 120).mean()
            < 4
        )
        assert np.abs(plane(frame, 1).astype(int) - 110).max() < 4
        assert np.abs(plane(frame, 2).astype(int) - 140).max() < 4


def test_a_picture_may_be_reused(tmp_path: Path) -> None:
    """write_picture() copies: the caller may draw the next picture into the same memory."""
    drawn = make_picture(40)
    with open_mp4(tmp_path / "r.mp4", make_spec(10 / RATE)) as writer:
        for i in range(10):
            drawn.y[:] = 40 + 15 * i
            writer.write_picture(Timed(i, drawn))
    shades = [plane(frame, 0).mean() for frame in decode_frames(tmp_path / "r.mp4")]
    assert np.abs(np.array(shades) - 40 - 15 * np.arange(10)).max() < 2


def write_flash_and_click(writer: FileWriter[Any], white: Any, black: Any, at: int) -> None:
    """Write three seconds of *black* and silence, with *white* and a click in frame *at*."""
    step = SAMPLE_RATE // int(RATE)
    for i in range(3 * int(RATE)):
        block = np.zeros((step, 2), np.float32)
        if i == at:
            block[:48] = 0.9
        writer.write_samples(block)
        writer.write_picture(Timed(i, white if i == at else black))


@pytest.mark.parametrize("form", ["mp4", "note", "mov", "webm"])
def test_sync(tmp_path: Path, form: str) -> None:
    """A click is within 5 ms of its flash: the priming samples of audio encoders are cut."""
    size = (384, 384)
    path = tmp_path / f"file.{'mp4' if form == 'note' else form}"
    spec = make_spec(Fraction(3), size, has_sound=True)
    white: Any = make_picture(220, size)
    black: Any = make_picture(20, size)
    file: AbstractContextManager[FileWriter[Any]]
    if form == "mp4":
        file = open_mp4(path, spec)
    elif form == "note":
        file = open_note(path, spec)
    else:
        open_file = open_mov if form == "mov" else open_webm
        file = open_file(path, spec, {})
        solid = np.full(size[::-1], 255, np.uint8)
        white, black = Layer(white, solid), Layer(black, solid)
    with file as writer:
        write_flash_and_click(writer, white, black, at=30)
    dtype = np.uint16 if form == "mov" else np.uint8
    brightness = [plane(frame, 0, dtype).mean() for frame in decode_frames(path)]
    flash = times(path)[int(np.argmax(brightness))]
    start, sound = decode_audio(path)
    click = float(start) + int(np.argmax(np.abs(sound) > 0.3)) / SAMPLE_RATE
    assert float(flash) == pytest.approx(30 / RATE, abs=1e-3)
    assert click == pytest.approx(float(flash), abs=0.005)


@pytest.mark.parametrize("size", [(160, 96), (161, 97)])
def test_alpha_in_prores(tmp_path: Path, size: tuple[int, int]) -> None:
    """ProRes keeps alpha within half a level; opaque pixels are fully opaque."""
    path = tmp_path / "overlay.mov"
    alphas = write_overlay(open_mov, path, size)
    for frame, alpha in zip(decode_frames(path), alphas, strict=True):
        levels = plane(frame, 3, np.uint16) / 4095 * 255
        assert not levels[:, size[0] :].any()
        levels = levels[:, : size[0]]
        assert np.abs(levels - alpha).max() < 0.5
        assert levels[alpha == 255].min() > 254.7
        assert levels[alpha == 0].max() == 0


@pytest.mark.parametrize("size", [(160, 96), (161, 97)])
def test_alpha_in_webm(tmp_path: Path, size: tuple[int, int]) -> None:
    """Alpha in VP9 is bit-exact."""
    path = tmp_path / "overlay.webm"
    alphas = write_overlay(open_webm, path, size)
    for frame, alpha in zip(decode_frames(path, "libvpx-vp9"), alphas, strict=True):
        assert frame.format.name == "yuva420p"
        assert np.array_equal(plane(frame, 3), alpha)


@pytest.mark.parametrize("open_file", [open_mov, open_webm])
def test_overlay_colours_are_straight(tmp_path: Path, open_file: Any) -> None:
    """Colours are not multiplied by alpha and are tagged BT.709."""
    path = tmp_path / ("o.mov" if open_file is open_mov else "o.webm")
    write_overlay(open_file, path, SIZE)
    for frame in decode_frames(path):
        bits, dtype = (4, np.uint16) if open_file is open_mov else (0, np.uint8)
        assert np.abs((plane(frame, 0, dtype)[50:] >> bits).astype(int) - 90).max() < 4
        assert np.abs((plane(frame, 1, dtype) >> bits).astype(int) - 110).max() < 4
        assert frame.colorspace == 1


def test_chroma_keeps_its_siting(tmp_path: Path) -> None:
    """Upsampled chroma keeps its siting: on even columns, between rows."""
    path = tmp_path / "o.mov"
    ramp = np.tile(np.arange(40, 200, 2, dtype=np.uint8), (48, 1))
    layer = Layer(Picture(np.full((96, 160), 90, np.uint8), ramp, ramp.copy()), draw_disc(SIZE))
    with open_mov(path, make_spec(1 / RATE), {}) as writer:
        writer.write_picture(Timed(0, layer))
    (frame,) = decode_frames(path)
    columns = plane(frame, 1, np.uint16).mean(axis=0) / 16
    assert np.abs(columns[2:-2] - np.arange(42, 198)).max() < 0.4


def write_overlay(open_file: Any, path: Path, size: tuple[int, int]) -> list[Matte]:
    """Write ten layers of a moving disc and return their alphas."""
    alphas = [draw_disc(size, step) for step in range(10)]
    note = {"box": [2, 4, *size], "frame": [1920, 1080]}
    with open_file(path, make_spec(10 / RATE, size), note) as writer:
        for i, alpha in enumerate(alphas):
            writer.write_picture(Timed(i, Layer(make_picture(90, size), alpha)))
    with av.open(str(path)) as file:
        tags = {name.lower(): value for name, value in file.metadata.items()}
    assert json.loads(tags["comment"]) == note
    return alphas


@pytest.mark.parametrize("size", [(160, 96), (161, 97), (2, 3)])
def test_mattes_are_exact(tmp_path: Path, size: tuple[int, int]) -> None:
    """Mattes of any size are bit-exact."""
    path = tmp_path / "matte.mkv"
    mattes = [make_noise(size, seed).y for seed in range(5)]
    with open_matte_video(path, make_spec(5 / RATE, size)) as writer:
        for i, matte in enumerate(mattes):
            writer.write_picture(Timed(i, matte))
    for frame, matte in zip(decode_frames(path), mattes, strict=True):
        assert frame.format.name == "gray"
        assert np.array_equal(plane(frame, 0), matte)


@pytest.mark.parametrize("max_bytes", [60_000, 250_000, 1_000_000])
def test_a_file_keeps_to_its_bytes(tmp_path: Path, max_bytes: int) -> None:
    """Three seconds of noise with audio use between half and all of the bytes allowed."""
    path = tmp_path / "result.mp4"
    random = np.random.default_rng(0)
    with open_mp4(path, make_spec(Fraction(3), has_sound=True), max_bytes) as writer:
        for i in range(75):
            writer.write_samples(random.uniform(-0.5, 0.5, (1920, 2)).astype(np.float32))
            writer.write_picture(Timed(i, make_noise(SIZE, i)))
    assert max_bytes / 2 < path.stat().st_size <= max_bytes


def test_a_generous_limit_changes_nothing(tmp_path: Path) -> None:
    """A limit far above the size of the file does not lower its quality."""
    sizes = []
    for max_bytes in (None, 10**8):
        with open_mp4(tmp_path / "r.mp4", make_spec(Fraction(1)), max_bytes) as writer:
            for i in range(25):
                writer.write_picture(Timed(i, make_picture(40 + i)))
        sizes.append((tmp_path / "r.mp4").stat().st_size)
    assert sizes[1] == pytest.approx(sizes[0], rel=0.05)


def test_too_large_a_file_is_deleted(tmp_path: Path) -> None:
    """A sticker of noise above the limit raises FileTooLarge and leaves no file."""
    with pytest.raises(FileTooLarge) as caught:
        write_sticker(tmp_path / "s.webm", [make_noise((512, 384), 0)], 50_000)
    assert caught.value.size > caught.value.max_bytes == 50_000
    assert not list(tmp_path.iterdir())


def test_too_few_bytes_are_rejected(tmp_path: Path) -> None:
    """Too few bytes for the index are rejected before a file is written."""
    with (
        pytest.raises(InputRejected) as caught,
        open_mp4(tmp_path / "r.mp4", make_spec(Fraction(60), has_sound=True), 10_000),
    ):
        pass
    assert caught.value.reason is RejectReason.DOES_NOT_FIT
    assert not list(tmp_path.iterdir())


def test_retry_smaller_lowers_the_bytes() -> None:
    """FileTooLarge leads to a smaller attempt; after the last one the clip is rejected."""
    asked = []

    def write(max_bytes: int) -> None:
        asked.append(max_bytes)
        if max_bytes > 700:
            raise FileTooLarge(2000, max_bytes)

    retry_smaller(1000, write)
    assert asked == [1000, 800, 600]
    with pytest.raises(InputRejected) as caught:
        retry_smaller(10_000, write)
    assert caught.value.reason is RejectReason.DOES_NOT_FIT


def test_fitting_size() -> None:
    """Fewer bytes or a longer clip give a smaller even size of the same shape, then a rejection."""
    full, minute = (1920, 1080), Fraction(60)
    assert compute_fitting_size(full, Fraction(30), minute, 50_000_000, has_sound=True) == full
    budgets = [8_000_000, 5_000_000, 3_000_000, 2_000_000]
    sizes = [
        compute_fitting_size(full, Fraction(30), minute, budget, has_sound=True)
        for budget in budgets
    ]
    assert all(a[0] > b[0] for a, b in itertools.pairwise(sizes))
    for width, height in sizes:
        assert (width % 2, height % 2) == (0, 0)
        assert width / height == pytest.approx(16 / 9, rel=0.01)
    assert compute_fitting_size(full, Fraction(30), 10 * minute, 50_000_000, has_sound=True) < full
    with pytest.raises(InputRejected) as caught:
        compute_fitting_size(full, Fraction(30), 60 * minute, 10_000_000, has_sound=True)
    assert caught.value.reason is RejectReason.DOES_NOT_FIT
    assert compute_fitting_size((100, 100), RATE, minute, 50_000_000, has_sound=False) == (100, 100)


def write_sticker(path: Path, pictures: list[Picture], max_bytes: int) -> None:
    """Write one second of *pictures*, repeated in turn."""
    rate = Fraction(30)
    size = pictures[0].size
    with open_sticker(path, make_spec(Fraction(1), size, 1 / rate, rate), max_bytes) as writer:
        for i in range(30):
            writer.write_picture(Timed(i, Layer(pictures[i % len(pictures)], draw_disc(size, i))))


def test_a_sticker_meets_telegrams_limits(tmp_path: Path) -> None:
    """It is VP9 with alpha, 512 pixels, silent, at most 256 KiB, even if every frame differs."""
    path = tmp_path / "sticker.webm"
    pictures = [blur(make_noise((512, 384), seed)) for seed in range(3)]
    retry_smaller(STICKER.max_bytes, lambda max_bytes: write_sticker(path, pictures, max_bytes))
    assert path.stat().st_size <= 256 * 1024
    with av.open(str(path)) as file:
        assert [stream.type for stream in file.streams] == ["video"]
        assert (file.streams.video[0].width, file.streams.video[0].height) == (512, 384)
    frames = list(decode_frames(path, "libvpx-vp9"))
    assert len(frames) == 30
    assert np.abs(plane(frames[-1], 3).astype(int) - draw_disc((512, 384), 29)).mean() < 6


def blur(noise: Picture) -> Picture:
    return Picture(*(cv2.GaussianBlur(p, (0, 0), 2) for p in (noise.y, noise.u, noise.v)))


@pytest.mark.parametrize(
    ("open_file", "size", "seconds"),
    [
        (open_sticker, (512, 512), Fraction(31, 10)),
        (open_note, (480, 480), Fraction(61)),
    ],
)
def test_telegram_limits(tmp_path: Path, open_file: Any, size: Any, seconds: Fraction) -> None:
    """A file longer than Telegram accepts is rejected."""
    spec = make_spec(seconds, size, has_sound=open_file is open_note)
    path = tmp_path / "file"
    with (
        pytest.raises(InputRejected) as caught,
        open_file(path, spec),
    ):
        pass
    assert caught.value.reason is RejectReason.TOO_LONG


def test_a_note_is_about_a_megabit(tmp_path: Path) -> None:
    """A note of noise has about the bit rate of Telegram's own notes, in H.264 Baseline."""
    path = tmp_path / "note.mp4"
    with open_note(path, make_spec(Fraction(4), (384, 384))) as writer:
        for i in range(100):
            writer.write_picture(Timed(i, make_noise((384, 384), i % 7)))
    assert path.stat().st_size * 8 / 4 < 1_000_000 * 1.35
    with av.open(str(path)) as file:
        assert "Baseline" in str(file.streams.video[0].codec_context.profile)


@pytest.mark.parametrize("rate", [10, 30, 60])
def test_gif(tmp_path: Path, rate: int) -> None:
    """A GIF keeps times to 10 ms, at most 33 frames per second, and colours."""
    path = tmp_path / "a.gif"
    with open_gif(path, make_spec(Fraction(1), SIZE, Fraction(1, rate), Fraction(rate))) as writer:
        for i in range(rate):
            chroma = (np.full((48, 80), level, np.uint8) for level in (90, 180))
            writer.write_picture(Timed(i, Picture(np.full((96, 160), 130 + i, np.uint8), *chroma)))
    frames = list(decode_frames(path))
    assert len(frames) == min(rate, 30)
    indices = range(0, rate, 2 if rate == 60 else 1)
    for i, frame, time in zip(indices, frames, times(path), strict=True):
        assert abs(time - Fraction(i, rate)) <= Fraction(1, 100)
        red, green, blue = frame.to_ndarray(format="rgb24")[60, 80].astype(int)
        light = (130 + i - 16) * 255 / 219  # BT.709, limited range
        assert red == pytest.approx(min(255, light + 1.793 * 52), abs=5)
        assert green == pytest.approx(light - 0.213 * -38 - 0.533 * 52, abs=5)
        assert blue == pytest.approx(max(0, light + 2.112 * -38), abs=5)
    with av.open(str(path)) as file:
        assert file.duration == pytest.approx(1e6, abs=20_000)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError])
@pytest.mark.parametrize("form", ["mp4", "mov", "webm", "mkv", "gif"])
def test_interrupted(tmp_path: Path, form: str, error: type[BaseException]) -> None:
    """An exception leaves no partial file, and an older file of that name unchanged."""
    path = tmp_path / f"file.{form}"
    path.write_text("older")
    with pytest.raises(error):
        write_some(form, path, error)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "older"


@contextmanager
def open_form(form: str, path: Path) -> Iterator[tuple[FileWriter[Any], Any]]:
    """Open a file of *form*; yield its writer and a frame for it that does not compress."""
    size = (640, 360)
    spec = make_spec(Fraction(4), size)
    noise = make_noise(size, 0)
    file: AbstractContextManager[FileWriter[Any]]
    what: Any = noise
    match form:
        case "mp4":
            file = open_mp4(path, spec)
        case "gif":
            file = open_gif(path, spec)
        case "mkv":
            file, what = open_matte_video(path, spec), noise.y
        case _:
            open_file = open_mov if form == "mov" else open_webm
            file = open_file(path, spec, {})
            what = Layer(noise, noise.y)
    with file as writer:
        yield writer, what


def write_some(form: str, path: Path, error: type[BaseException] | None = None) -> None:
    """Write three frames, then raise *error* if given."""
    with open_form(form, path) as (writer, what):
        for i in range(3):
            writer.write_picture(Timed(i, what))
        if error is not None:
            raise error


def fill_up(form: str, path: Path) -> None:
    """Write a hundred frames; print the OutputFailed that this raises."""
    try:
        with open_form(form, path) as (writer, what):
            for i in range(100):
                writer.write_picture(Timed(i, what))
    except OutputFailed as failure:
        print(failure)  # noqa: T201 - the parent reads it


LIMITED = """
import resource, signal, sys
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sys.dont_write_bytecode = True  # it would be cut short in the source tree
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
from tests.video_editing.writing.test_output_files import fill_up
fill_up(sys.argv[1], Path(sys.argv[2]))
"""


@pytest.mark.parametrize("form", ["mp4", "mov", "webm", "mkv", "gif"])
def test_file_size_limit_of_the_system(tmp_path: Path, form: str) -> None:
    """At the system's limit of the file size the error names it and no file is left."""
    assert "File too large" in run_script(LIMITED, form, tmp_path / f"file.{form}")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def small_file_system(tmp_path: Path) -> Iterator[Path]:
    """A file system of 200 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)]
    try:
        refused = subprocess.run(mount, capture_output=True, check=False).returncode
    except FileNotFoundError:
        refused = 1
    if refused:
        pytest.skip("mounting a file system is not permitted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)  # noqa: S607 - its folder differs between systems


FULL = """
import sys
from pathlib import Path
from tests.video_editing.writing.test_output_files import fill_up
fill_up(sys.argv[1], Path(sys.argv[2]))
"""


@pytest.mark.parametrize("form", ["mp4", "mov", "webm", "mkv", "gif"])
def test_full_disk(small_file_system: Path, form: str) -> None:
    """On a full disk the error names the cause and no file is left."""
    assert "No space left" in run_script(FULL, form, small_file_system / f"file.{form}")
    assert not list(small_file_system.iterdir())


def run_script(script: str, form: str, path: Path) -> str:
    """Run *script* in a process of its own and return its output."""
    command = [sys.executable, "-c", script, form, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return done.stdout


def test_missing_folder(tmp_path: Path) -> None:
    """A missing output folder raises OutputFailed."""
    with pytest.raises(OutputFailed):
        write_some("mp4", tmp_path / "no" / "file.mp4")


def test_errors_of_the_caller_propagate(tmp_path: Path) -> None:
    """An OSError raised by the caller inside the block is not translated."""
    with pytest.raises(FileNotFoundError), open_form("mp4", tmp_path / "file.mp4"):
        (tmp_path / "clip.mp4").read_bytes()


def test_atomic_write_replaces_the_older_file(tmp_path: Path) -> None:
    """A finished file replaces the older one; its partial file had the same suffix."""
    path = tmp_path / "file.txt"
    path.write_text("older")
    with atomic_write(path) as part:
        assert part.suffix == ".txt"
        assert part.parent == tmp_path
        part.write_text("newer")
        assert path.read_text() == "older"
    assert path.read_text() == "newer"
    assert list(tmp_path.iterdir()) == [path]
