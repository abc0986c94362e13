"""The clean aperture of an MP4 or MOV file: the part of its frames that is to be shown."""

from fractions import Fraction
from pathlib import Path
from struct import Struct
from typing import IO

from av.video.stream import VideoStream

from video_editing.frames import Box
from video_editing.reading.mp4_boxes import Span, find_boxes
from video_editing.reading.normalize import compute_square_pixel_size

#: Numerator and denominator of width, height, and distance of the middles across and down.
_CLEAN_APERTURE = Struct(">IIIIiIiI")


def find_clean_aperture(path: Path, stream: VideoStream) -> Box | None:
    """Return the clean aperture of *stream* in square pixels (ISO/IEC 14496-12, 12.1.4.1).

    Returns:
        None where the whole frame is shown; left and top are even.
    """
    with path.open("rb") as file:
        if file.read(8)[4:] not in {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"}:
            return None
        end = file.seek(0, 2)
        for begin, after in find_boxes(file, (0, end), b"moov", b"trak"):
            track = begin, after
            if _read_track_id(file, track) == stream.id:
                return _read_aperture(file, track, stream)
    return None


def _read_track_id(file: IO[bytes], track: Span) -> int | None:
    for begin, _ in find_boxes(file, track, b"tkhd"):
        file.seek(begin)
        is_long = file.read(1) == b"\1"  # version 1 has times of 64 bits
        file.seek(begin + (20 if is_long else 12))
        return int.from_bytes(file.read(4), "big")
    return None


def _read_aperture(file: IO[bytes], track: Span, stream: VideoStream) -> Box | None:
    names = b"mdia", b"minf", b"stbl", b"stsd", b"", b"clap"
    for begin, _ in find_boxes(file, track, *names):
        file.seek(begin)
        data = file.read(_CLEAN_APERTURE.size)
        if len(data) == _CLEAN_APERTURE.size:
            return _compute_box(_CLEAN_APERTURE.unpack(data), stream)
    return None


def _compute_box(fields: tuple[int, ...], stream: VideoStream) -> Box | None:
    pairs = zip(fields[::2], fields[1::2], strict=True)
    width, height, right, down = (Fraction(n, max(1, d)) for n, d in pairs)
    coded = stream.width, stream.height
    square = compute_square_pixel_size(*coded, stream.sample_aspect_ratio)
    spans = []
    for clean, middle, side, full in zip(
        (width, height), (right, down), coded, square, strict=True
    ):
        scale = Fraction(full, side)
        first = max(0, round(((side - clean) / 2 + middle) * scale) // 2 * 2)
        length = min(full - first, round(clean * scale))
        if length < 1:
            return None
        spans.append((first, length))
    (left, across), (top, lines) = spans
    return None if (across, lines) == square else Box(left, top, across, lines)
