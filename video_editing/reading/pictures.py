"""Read pictures and animations: upright, in the colours of their profile, alpha over black."""

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.media import PICTURE_KINDS
from video_editing.frames import Picture
from video_editing.reading.container import MAX_PIXELS
from video_editing.reading.normalize import FrameGeometry, FrameNormalizer

MAX_IMAGE_PIXELS = 50_000_000  #: of a background image; the largest that phones take
MAX_WEBP_PIXELS = 16_000_000  #: of a WebP, whose decoder holds 24 bytes for each

_TAGS = "colour tags"  #: of an image's `info`: its primaries and transfer
_STRIP_ROWS = 64  #: of a reduced picture, which are made at once
_MAX_META_BYTES = 1 << 16  #: of an AVIF or HEIF file, in which its properties are

_SRGB = ImageCms.createProfile("sRGB")
_ANIMATED_FORMATS = frozenset({"WEBP", "PNG", "AVIF"})  # several pictures of a TIFF are pages
#: Seconds below which a frame's length is not believed, and the length that it has then; browsers
#: do the same.
_MIN_FRAME_SECONDS, _SHORT_FRAME_SECONDS = Fraction(11, 1000), Fraction(1, 10)

#: What Pillow's readers raise for damaged files.
_DAMAGED = (
    *(OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, ArithmeticError),
    *(RuntimeError, struct.error, Image.DecompressionBombError),
)


def read_image(path: Path) -> Picture:
    """Read a picture: upright, in sRGB, alpha over black, reduced to 4K if larger.

    Raises:
        InputRejected: BAD_BACKGROUND; "why" is a RejectReason: the file is of another format, too
            large (with "width", "height" and "megapixels", the limit) or damaged.
        FileNotFoundError: the file does not exist.
    """
    with _open_image(path) as image:
        return _convert(image)


def is_animation(path: Path) -> bool:
    """Return whether a picture moves.

    Raises:
        InputRejected: as :func:`read_image`.
    """
    with _open_image(path) as image:
        return image.format in _ANIMATED_FORMATS and getattr(image, "is_animated", False)


def read_animation(path: Path) -> Iterator[tuple[Fraction, Picture]]:
    """Yield each picture of an animation and the seconds that it is shown.

    Raises:
        InputRejected: as :func:`read_image`.
    """
    with _open_image(path) as image:
        for index in range(getattr(image, "n_frames", 1)):
            image.seek(index)
            image.load()
            seconds = Fraction(round(image.info.get("duration", 0)), 1000)
            shown = seconds if seconds >= _MIN_FRAME_SECONDS else _SHORT_FRAME_SECONDS
            yield shown, _convert(image.copy())


@contextmanager
def _open_image(path: Path) -> Iterator[Image.Image]:
    """Open *path*, and translate what its reader raises until the block ends."""
    path.stat()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large pictures, which are measured here
            image = Image.open(path, formats=_register_formats())
        with image:
            limit = MAX_WEBP_PIXELS if image.format == "WEBP" else MAX_IMAGE_PIXELS
            if image.width * image.height > limit:
                raise _reject(
                    RejectReason.TOO_LARGE,
                    width=image.width,
                    height=image.height,
                    megapixels=limit / 1_000_000,
                )
            if image.format in {"AVIF", "HEIF"}:
                image.info[_TAGS] = _read_colour_tags(path)
            yield image
    except Image.DecompressionBombError as err:
        raise _reject(RejectReason.TOO_LARGE, megapixels=MAX_IMAGE_PIXELS / 1_000_000) from err
    except UnidentifiedImageError as err:
        raise _reject(RejectReason.UNSUPPORTED_FORMAT) from err
    except _DAMAGED as err:
        raise _reject(RejectReason.CORRUPT) from err


def _reject(why: RejectReason, **details: float) -> InputRejected:
    return InputRejected(RejectReason.BAD_BACKGROUND, why=why, **details)


def _register_formats() -> list[str]:
    """Return Pillow's names of the formats that are read, after teaching it HEIF."""
    import pi_heif  # noqa: PLC0415 - 70 ms that only pictures need

    pi_heif.register_heif_opener()
    return [kind.reader for kind in PICTURE_KINDS]


def _convert(image: Image.Image) -> Picture:
    shrink = min(1, (MAX_PIXELS / (image.width * image.height)) ** 0.5)
    # A JPEG is decoded at a half, a quarter or an eighth of its size, where that suffices.
    image.draft(None, (int(image.width * shrink), int(image.height * shrink)))
    image.load()
    ImageOps.exif_transpose(image, in_place=True)
    shrink = min(1, (MAX_PIXELS / (image.width * image.height)) ** 0.5)
    size = (max(1, int(image.width * shrink)), max(1, int(image.height * shrink)))
    colours = _shrink_in_strips(image, int(1 / shrink))
    if colours.size != size:
        colours = colours.resize(size)
    frame = av.VideoFrame.from_ndarray(np.asarray(_flatten(colours, image)), "rgb24")
    frame.color_primaries, frame.color_trc = _find_colour_tags(image)
    return FrameNormalizer(FrameGeometry(size, size))(frame)


def _shrink_in_strips(image: Image.Image, factor: int) -> Image.Image:
    """Return *image* with 8 bits, reduced by a whole *factor*, without a copy of its full size."""
    if factor == 1:
        return _reduce_depth(image)
    width, height, rows = image.width, image.height, _STRIP_ROWS * factor
    reduced: Image.Image | None = None
    for top in range(0, height, rows):
        strip = _reduce_depth(image.crop((0, top, width, min(top + rows, height)))).reduce(factor)
        if reduced is None:
            reduced = Image.new(strip.mode, (strip.width, -(-height // factor)))
        reduced.paste(strip, (0, top // factor))
    assert reduced is not None, "a picture has rows"
    return reduced


def _reduce_depth(image: Image.Image) -> Image.Image:
    """Return *image* with 8 bits, as grey, RGB or CMYK, and alpha if it has any."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in {"L", "RGB", "CMYK"} else image.convert("RGB")


def _flatten(colours: Image.Image, source: Image.Image) -> Image.Image:
    """Return *colours* as sRGB over black; the profile is that of *source*."""
    opaque = colours.convert("RGB") if colours.mode == "RGBA" else colours
    rgb = _convert_to_srgb(opaque, source.info.get("icc_profile"))
    if colours.mode == "RGBA":
        black = Image.new("RGB", rgb.size)
        black.paste(rgb, mask=colours.getchannel("A"))
        return black
    return rgb


def _convert_to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return *image* in sRGB; a missing or unusable *profile* counts as sRGB."""
    if profile:
        with suppress(ImageCms.PyCMSError, OSError):
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
            converted = ImageCms.profileToProfile(image, source, _SRGB, intent, "RGB")
            assert converted is not None, "it is not converted in place"
            return converted
    return image.convert("RGB")


def _find_colour_tags(image: Image.Image) -> tuple[int, int]:
    """Return primaries and transfer of a picture without a profile (ITU-T H.273); 2 is unknown."""
    return (2, 2) if image.info.get("icc_profile") else image.info.get(_TAGS, (2, 2))


def _read_colour_tags(path: Path) -> tuple[int, int]:
    """Return primaries and transfer of an AVIF or HEIF file (ISO/IEC 14496-12, 12.1.5)."""
    with path.open("rb") as file:
        _, found, box = file.read(_MAX_META_BYTES).partition(b"colrnclx")
    return struct.unpack(">HH", box[:4]) if found and len(box) >= 4 else (2, 2)
