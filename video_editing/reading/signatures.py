"""Tell kinds of files by their first bytes; the name of a file says nothing."""

import mmap
import re
from io import SEEK_CUR, SEEK_END, SEEK_SET
from pathlib import Path
from typing import IO

from video_editing.reading.mp4_boxes import Span, find_boxes

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


#: The first box of an MP4 file (ISO/IEC 14496-12, 4.3).
_MP4_START = re.compile(rb"\0\0\0[\x10-\x40]ftyp[ -~]{4}", re.DOTALL)


def find_motion(path: Path) -> Span | None:
    """Return where the video of a motion photo is in its file; None if it has none.

    Phones write it behind the JPEG, or into a box of the HEIF file (Android, motion photo format).
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(4)
        if file.read(4) == b"ftyp":
            return next(find_boxes(file, (0, size), b"mpvd"), None)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            start = _MP4_START.search(content)
            return (start.start(), size) if start else None


class FileSpan:
    """A part of a file, as a file for FFmpeg."""

    def __init__(self, file: IO[bytes], span: Span) -> None:
        self._file = file
        self._begin, self._end = span
        file.seek(self._begin)

    def read(self, size: int) -> bytes:
        """Read up to *size* bytes."""
        return self._file.read(max(0, min(size, self._end - self._file.tell())))

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        """Move to *offset*, and return the new position."""
        base = {SEEK_SET: self._begin, SEEK_CUR: self._file.tell(), SEEK_END: self._end}[whence]
        return self._file.seek(base + offset) - self._begin

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell() - self._begin


def has_streams_that_begin_late(path: Path) -> bool:
    """Return whether *path* is FLV, MPEG-TS or MPEG-PS, whose header does not list the streams."""
    with path.open("rb") as file:
        head = file.read(197)
    is_transport_stream = head[:1] == head[188:189] == b"G" or head[4:5] == head[196:] == b"G"
    return is_transport_stream or head.startswith((b"FLV", b"\0\0\1\xba"))
