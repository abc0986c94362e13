"""Pictures of the kinds that phones, cameras and editors write."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from tests.support.colour_profiles import (
    ADOBE_RGB,
    DISPLAY_P3,
    Space,
    convert_to_srgb,
    make_profile,
)
from tests.support.make_clips import drawn, make_clip
from tests.support.overlay_command import overlay
from video_editing.contract.errors import InputRejected
from video_editing.contract.media import PICTURE_KINDS
from video_editing.frames import Picture
from video_editing.pixels import convert_to_rgb
from video_editing.reading import pictures
from video_editing.reading.pictures import read_animation, read_image

SIZE = (96, 64)
SUFFIXES = [suffix for kind in PICTURE_KINDS for suffix in kind.suffixes]
ORIENTED = [".jpg", ".png", ".webp", ".heic"]


def rgb(picture: Picture) -> NDArray[np.float64]:
    """Return the colours, (H, W, 3), 0–255."""
    return np.asarray(convert_to_rgb(picture, picture.size), np.float64) * 255


def make_quarters() -> Image.Image:
    """Return a picture whose four quarters have different colours, of which three are primary."""
    image = Image.new("RGB", SIZE, "white")
    width, height = SIZE
    image.paste("red", (0, 0, width // 2, height // 2))
    image.paste("lime", (width // 2, 0, width, height // 2))
    image.paste("blue", (0, height // 2, width // 2, height))
    return image


def save(image: Image.Image, path: Path, **options: object) -> Path:
    """Write *image* with the highest quality of its format."""
    if path.suffix in {".heic", ".heif"}:
        pillow_heif.from_pillow(image).save(path, quality=-1, **options)
    elif path.suffix == ".webp":
        image.save(path, lossless=True, **options)
    elif path.suffix == ".avif":
        image.save(path, quality=100, subsampling="4:4:4", **options)
    else:
        image.save(path, quality=100, **options)
    return path


def find_largest_error(picture: Picture, expected: Image.Image) -> float:
    """Return the largest error of colour in the middles of the quarters."""
    found = rgb(picture)
    height, width = found.shape[:2]
    want = np.asarray(expected.convert("RGB").resize((width, height)), np.float64)
    spots = np.ix_((height // 4, 3 * height // 4), (width // 4, 3 * width // 4))
    return float(np.abs(found[spots] - want[spots]).max())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_kind_that_texts_promise_is_read(tmp_path: Path, suffix: str) -> None:
    """Whatever the name of the file is."""
    path = save(make_quarters(), tmp_path / f"a{suffix}").rename(tmp_path / "a.mp4")
    assert find_largest_error(read_image(path), make_quarters()) <= 4


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ORIENTED)
def test_exif_turns_and_mirrors(tmp_path: Path, suffix: str, orientation: int) -> None:
    """As Pillow's own reader of it does."""
    exif = Image.Exif()
    exif[0x112] = orientation
    path = save(make_quarters(), tmp_path / f"a{suffix}", exif=exif.tobytes())
    oriented = make_quarters()
    oriented.getexif()[0x112] = orientation
    expected = ImageOps.exif_transpose(oriented)
    picture = read_image(path)
    assert picture.size == expected.size
    assert find_largest_error(picture, expected) <= 4


@pytest.mark.parametrize("space", [DISPLAY_P3, ADOBE_RGB], ids=["P3", "Adobe RGB"])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".avif", ".heic"])
def test_colours_of_a_profile_are_converted(tmp_path: Path, suffix: str, space: Space) -> None:
    """To sRGB, within three levels."""
    for colour in ((200, 100, 80), (90, 160, 100), (60, 80, 190), (128, 128, 128)):
        image = Image.new("RGB", SIZE, colour)
        path = save(image, tmp_path / f"a{suffix}", icc_profile=make_profile(space))
        found = rgb(read_image(path))[32, 48]
        stored = np.asarray(Image.open(path))[32, 48]  # AVIF is not lossless
        assert np.abs(found - convert_to_srgb(stored, space)).max() <= 3


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L"])
def test_a_png_with_a_profile_is_a_background(tmp_path: Path, mode: str) -> None:
    """The process ends well: a fault would show when it clears up."""
    picture, result = tmp_path / "a.png", tmp_path / "a.mp4"
    make_quarters().convert(mode).save(picture, icc_profile=make_profile(DISPLAY_P3))
    clip = make_clip(tmp_path / "clip.mp4", drawn(3))
    frame = ("--shape", "none", "--keep-background", "--background", picture)
    ran = overlay("edit", clip, *frame, "-o", result)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("suffix", [".avif", ".heic"])
def test_colours_without_a_profile_are_those_of_the_tags(tmp_path: Path, suffix: str) -> None:
    """A phone may write primaries alone: 12 is Display P3."""
    path = save(Image.new("RGB", SIZE, (200, 100, 80)), tmp_path / f"a{suffix}")
    head, box, rest = path.read_bytes().partition(b"colrnclx")
    assert box
    path.write_bytes(head + box + b"\0\x0c" + rest[2:])
    found = rgb(read_image(path))[32, 48]
    stored = np.asarray(Image.open(path))[32, 48]
    assert np.abs(found - convert_to_srgb(stored, DISPLAY_P3)).max() <= 3


def test_an_unusable_profile_is_ignored(tmp_path: Path) -> None:
    path = save(make_quarters(), tmp_path / "a.png", icc_profile=b"no profile")
    assert find_largest_error(read_image(path), make_quarters()) <= 3


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_of_grey_keep_their_upper_eight(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    Image.fromarray(np.full((64, 96), 120 << 8, np.uint16)).save(path)
    assert rgb(read_image(path))[32, 48] == pytest.approx(120, abs=2)


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    path = save(make_quarters().convert("CMYK"), tmp_path / "a.jpg")
    assert find_largest_error(read_image(path), make_quarters()) <= 6


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_alpha_is_over_black(tmp_path: Path, mode: str) -> None:
    """A quarter that is transparent has no colour, whatever it hides."""
    image = make_quarters().convert("RGBA")
    image.putalpha(Image.new("L", SIZE, 0))
    image.convert(mode).save(tmp_path / "a.png")
    assert rgb(read_image(tmp_path / "a.png")).max() <= 2


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".avif", ".heic"])
def test_all_kinds_have_the_same_limit(tmp_path: Path, suffix: str) -> None:
    """20 megapixels are taken, and reduced to 4K."""
    image = Image.new("RGB", (5000, 4000), "teal")
    options = {"speed": 10} if suffix == ".avif" else {}
    if suffix == ".heic":
        pillow_heif.from_pillow(image).save(tmp_path / "a.heic", quality=10)
    else:
        image.save(tmp_path / f"a{suffix}", **options)
    width, height = read_image(tmp_path / f"a{suffix}").size
    assert width * height <= 4096 * 2304
    assert width / height == pytest.approx(1.25, abs=0.01)


def test_a_very_large_picture_is_reduced_in_strips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Upright, without seams, and with its alpha over black."""
    monkeypatch.setattr(pictures, "MAX_PIXELS", 40_000)
    image = make_quarters().convert("RGBA").resize((501, 599), Image.Resampling.BILINEAR)
    image.paste((0, 0, 0, 0), (250, 300, 350, 400))
    exif = Image.Exif()
    exif[0x0112] = 6  # the orientation
    image.save(tmp_path / "a.png", compress_level=1, exif=exif)
    picture = rgb(read_image(tmp_path / "a.png"))
    flat = Image.new("RGB", image.size)
    flat.paste(image, mask=image.getchannel("A"))
    upright = flat.transpose(Image.Transpose.ROTATE_270)
    expected = np.asarray(upright.resize(picture.shape[1::-1], Image.Resampling.BOX), np.float64)
    difference = np.abs(picture - expected)
    assert difference.mean() < 1
    assert np.percentile(difference, 90) < 3  # the rest is at edges
    assert picture.size <= 3 * 40_000


@pytest.mark.parametrize(
    ("suffix", "size", "megapixels"), [(".png", (10_000, 5_001), 50), (".webp", (4001, 4000), 16)]
)
def test_a_picture_that_is_too_large_says_so(
    tmp_path: Path, suffix: str, size: tuple[int, int], megapixels: int
) -> None:
    path = tmp_path / f"a{suffix}"
    Image.new("1", size).save(path, method=0)
    with pytest.raises(InputRejected) as caught:
        read_image(path)
    width, height = size
    assert caught.value.details == {
        "why": "too_large",
        "width": width,
        "height": height,
        "megapixels": megapixels,
    }


@pytest.mark.parametrize("suffix", [".webp", ".png", ".avif"])
def test_an_animation_has_its_pictures_and_times(tmp_path: Path, suffix: str) -> None:
    """Each for as long as it says."""
    first, *others = (Image.new("RGB", SIZE, name) for name in ("red", "lime", "blue"))
    options = {"lossless": True} if suffix == ".webp" else {}
    path = tmp_path / f"a{suffix}"
    first.save(path, save_all=True, append_images=others, duration=[100, 200, 300], **options)
    frames = list(read_animation(path))
    assert [seconds for seconds, _ in frames] == [Fraction(n, 10) for n in (1, 2, 3)]
    assert [int(rgb(picture)[32, 48].argmax()) for _, picture in frames] == [0, 1, 2]


def test_a_grid_of_tiles_is_one_picture(cases: Path) -> None:
    """As phones write large HEIC pictures."""
    picture = read_image(cases / "grid.heic")
    assert picture.size == (1024, 768)
    spots = rgb(picture)[[100, 100, 700, 700], [100, 900, 100, 900]]
    assert spots == pytest.approx(
        np.array([(200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0)]), abs=6
    )
