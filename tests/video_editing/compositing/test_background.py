"""Backgrounds: colours, pictures, videos, the blurred clip."""

import os
import struct
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.make_clips import HD, drawn, make_clip
from video_editing.compositing.background import (
    Background,
    BlurredBackground,
    ColourBackground,
    ImageBackground,
    VideoBackground,
    cover,
    open_background,
)
from video_editing.contract.errors import InputRejected
from video_editing.frames import Picture
from video_editing.pixels import convert_to_rgb
from video_editing.reading.probe import ClipLimits

LIMITS = ClipLimits()
SIZE = (96, 64)


def greys(count: int) -> list[np.ndarray]:
    """Return pictures of which each is lighter than the one before, by 10 levels."""
    return [np.full((SIZE[1], SIZE[0], 3), 30 + 10 * i, np.uint8) for i in range(count)]


def grey(picture: Picture) -> int:
    """Return the number of the grey picture."""
    return round((float(convert_to_rgb(picture, SIZE).mean()) * 255 - 30) / 10)


def sample(behind: Background, seconds: list[Fraction]) -> list[int]:
    """Return the number of the grey picture at each time."""
    empty = Picture(*(np.zeros((2, 2), np.uint8),) * 3)
    with behind.open_sampler(SIZE) as at:
        return [grey(at(moment, empty)) for moment in seconds]


@pytest.mark.parametrize(
    ("text", "colour"),
    [("red", (255, 0, 0)), ("#16697a", (22, 105, 122)), ("#fff", (255,) * 3), ("black", (0,) * 3)],
)
def test_a_colour_is_that_colour(text: str, colour: tuple[int, int, int]) -> None:
    """In R'G'B' to two levels, the precision of 8-bit video."""
    behind = open_background(text, LIMITS)
    assert isinstance(behind, ColourBackground)
    assert behind.size is None
    with behind.open_sampler((64, 36)) as at:
        shown = convert_to_rgb(at(Fraction(0), None), (64, 36)) * 255  # type: ignore[arg-type]
    assert np.abs(shown - colour).max() <= 2


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_a_picture_fills_the_canvas(tmp_path: Path, suffix: str) -> None:
    """Its left half red, its right half blue; it is cropped above and below."""
    path = tmp_path / f"behind{suffix}"
    drawn = Image.new("RGB", (200, 400), "red")
    drawn.paste("blue", (100, 0, 200, 400))
    drawn.paste("white", (0, 0, 200, 50))
    drawn.save(path)
    behind = open_background(str(path), LIMITS)
    assert isinstance(behind, ImageBackground)
    assert behind.size == (200, 400)
    with behind.open_sampler((200, 200)) as at:
        shown = convert_to_rgb(at(Fraction(0), None), (200, 200)) * 255  # type: ignore[arg-type]
    assert np.abs(shown[10:190, 20:80] - (255, 0, 0)).max() <= 8
    assert np.abs(shown[10:190, 120:180] - (0, 0, 255)).max() <= 8


@pytest.mark.parametrize("turn", [1, 3, 6, 8])
def test_a_photograph_is_turned_by_its_exif_data(tmp_path: Path, turn: int) -> None:
    """Exif 2.3, tag 274: the red corner is at the top left."""
    upright = Image.new("RGB", (160, 96), "white")
    upright.paste("red", (0, 0, 60, 40))
    back = {
        3: Image.Transpose.ROTATE_180,
        6: Image.Transpose.ROTATE_90,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(back[turn]) if turn > 1 else upright
    exif = Image.Exif()
    exif[274] = turn
    stored.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    behind = open_background(str(tmp_path / "turned.jpg"), LIMITS)
    assert behind.size == (160, 96)
    with behind.open_sampler((160, 96)) as at:
        shown = convert_to_rgb(at(Fraction(0), None), (160, 96)) * 255  # type: ignore[arg-type]
    assert np.abs(shown[5:30, 5:50] - (255, 0, 0)).max() <= 12
    assert shown[60:, 80:].min() > 240


def test_a_video_shows_the_frame_of_the_time(tmp_path: Path) -> None:
    """At 5 frames a second behind a clip of 10, each is shown twice."""
    path = make_clip(tmp_path / "film.mp4", greys(6), rate=5, colours=HD)
    moments = [Fraction(i, 10) for i in range(12)]
    assert sample(open_background(str(path), LIMITS), moments) == [
        0,
        0,
        1,
        1,
        2,
        2,
        3,
        3,
        4,
        4,
        5,
        5,
    ]


def test_a_short_video_starts_again(tmp_path: Path) -> None:
    """After the duration of its last frame, repeatedly."""
    path = make_clip(tmp_path / "film.mp4", greys(3), rate=10, colours=HD)
    moments = [Fraction(i, 10) + Fraction(1, 50) for i in range(8)]
    assert sample(open_background(str(path), LIMITS), moments) == [0, 1, 2, 0, 1, 2, 0, 1]


def test_a_video_of_variable_rate_keeps_its_times(tmp_path: Path) -> None:
    """Shown at 0, 0.1, 0.5 and 0.6 s; in the second turn too, which begins at 0.7 s."""
    path = make_clip(tmp_path / "film.mkv", greys(4), rate=10, times=[0, 1, 5, 6], colours=HD)
    film = open_background(str(path), LIMITS)
    assert film.clip is not None
    assert film.clip.duration == pytest.approx(0.7, abs=0.01)
    moments = [Fraction(i, 100) for i in (5, 15, 45, 55, 65, 75, 85, 115, 125)]
    assert sample(film, moments) == [0, 1, 1, 2, 3, 0, 1, 1, 2]


def test_a_long_video_is_not_read_to_its_end(tmp_path: Path) -> None:
    """Closing does not wait for frames that are not used."""
    path = make_clip(tmp_path / "film.mp4", greys(20), rate=10, colours=HD)
    assert sample(open_background(str(path), LIMITS), [Fraction(0), Fraction(1, 10)]) == [0, 1]


def test_an_animated_picture_is_repeated(tmp_path: Path) -> None:
    """Its frames last 100, 100 and 200 ms."""
    first, *others = (Image.fromarray(picture) for picture in greys(3))
    options = {"save_all": True, "append_images": others, "lossless": True}
    first.save(tmp_path / "film.webp", duration=[100, 100, 200], **options)
    moments = [Fraction(i, 10) + Fraction(1, 50) for i in range(8)]
    film = open_background(str(tmp_path / "film.webp"), LIMITS)
    assert film.size == SIZE
    assert sample(film, moments) == [0, 1, 2, 2, 0, 1, 2, 2]


def test_a_blurred_clip_is_soft_and_darker() -> None:
    """A chess board becomes a uniform grey; black stays black."""
    board = np.kron(np.indices((12, 16)).sum(0) % 2, np.ones((20, 20)))
    luma = np.where(board > 0, 235, 16).astype(np.uint8)
    chroma = np.full((120, 160), 128, np.uint8)
    with BlurredBackground().open_sampler((320, 240)) as at:
        soft = at(Fraction(0), Picture(luma, chroma, chroma))
        dark = at(Fraction(0), Picture(np.full_like(luma, 16), chroma, chroma))
    assert soft.size == (320, 240)
    assert soft.y[60:180, 60:260].std() < 5
    assert 90 < soft.y.mean() < 120
    assert (dark.y == 16).all()


def test_covering_cuts_both_sides_alike() -> None:
    """The middle of a wide picture is the middle of the square."""
    wide = np.zeros((100, 400), np.uint8)
    wide[:, 180:220] = 255
    half = np.full((50, 200), 128, np.uint8)
    square = cover(Picture(wide, half, half), (100, 100))
    lit = np.flatnonzero(square.y[50] > 127)
    assert abs(lit.mean() - 49.5) <= 1
    assert len(lit) == 40


def png(width: int, height: int) -> bytes:
    """Return a grey PNG whose header announces that size and that holds little data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("words.txt", b"a few words"),
        ("empty.mp4", b""),
        ("drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
        ("drawing.png", b"<?xml version='1.0'?><svg/>"),
        ("large.png", png(16384, 16384)),
        ("list.mp4", b"ffconcat version 1.0\nfile neighbour.mp4\n"),
        ("cut.jpg", b"\xff\xd8\xff\xe0"),
    ],
)
def test_a_bad_background_is_reported_as_such(tmp_path: Path, name: str, content: bytes) -> None:
    """The reason is the background, not the clip."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputRejected) as rejected:
        open_background(str(tmp_path / name), LIMITS)
    assert rejected.value.reason == "bad_background"


def test_a_video_without_pictures_is_a_bad_background(media: Path) -> None:
    """It has sound only."""
    with pytest.raises(InputRejected) as rejected:
        open_background(str(media / "awkward/ax_audio_only_15s.mp4"), LIMITS)
    assert rejected.value.reason == "bad_background"


def test_a_video_that_breaks_while_it_is_read_is_a_bad_background(tmp_path: Path) -> None:
    """Its index is complete, its frames are not; the clip is not rejected."""
    path = make_clip(tmp_path / "film.mp4", drawn(20), rate=10, muxing={"movflags": "faststart"})
    film = open_background(str(path), LIMITS)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(InputRejected) as rejected:
        sample(film, [Fraction(i, 10) for i in range(40)])
    assert rejected.value.reason == "bad_background"


@pytest.mark.parametrize("text", ["", "no.mp4", "blurr", "#12345", "rgb(999,0,0)", "x" * 300, "-"])
def test_a_source_that_is_neither_file_nor_colour_is_a_bad_option(text: str) -> None:
    """Of any length and content."""
    with pytest.raises(InputRejected) as rejected:
        open_background(text, LIMITS)
    assert rejected.value.reason == "bad_option"
    assert rejected.value.details["option"] == "background"


def test_a_video_provides_the_sound_that_is_ducked(media: Path) -> None:
    """The mixer receives its clip."""
    film = open_background(str(media / "bg/ax_rooftops_360p_sound_noperson.mp4"), LIMITS)
    assert isinstance(film, VideoBackground)
    assert film.clip.audio_stream is not None
    assert film.size == (640, 360)
