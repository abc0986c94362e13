"""Tell kinds of files by their first bytes; the name of a file says nothing."""

from pathlib import Path

_PICTURE_SIGNATURES = (
    *(b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM"),
    *(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),  # TIFF and BigTIFF
)
#: Major brands of HEIF and AVIF (ISO/IEC 23008-12, annex B; AV1 Image File Format, 9).
_PICTURE_BRANDS = frozenset(b"heic heix heim heis hevc hevx heif mif1 mif2 msf1 avif avis".split())


def is_picture(path: Path) -> bool:
    """Return whether *path* begins as a picture does: JPEG, PNG, WebP, HEIF, AVIF, TIFF or BMP.

    GIF counts as a video.
    """
    with path.open("rb") as file:
        head = file.read(12)
    if head[4:8] == b"ftyp":
        return head[8:12] in _PICTURE_BRANDS
    return head.startswith(_PICTURE_SIGNATURES) or (head[:4], head[8:]) == (b"RIFF", b"WEBP")


def has_streams_that_begin_late(path: Path) -> bool:
    """Return whether *path* is FLV, MPEG-TS or MPEG-PS, whose header does not list the streams."""
    with path.open("rb") as file:
        head = file.read(197)
    is_transport_stream = head[:1] == head[188:189] == b"G" or head[4:5] == head[196:] == b"G"
    return is_transport_stream or head.startswith((b"FLV", b"\0\0\1\xba"))
