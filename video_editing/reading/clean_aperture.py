"""The clean aperture of an MP4 or MOV file: the part of its frames that is to be shown."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from struct import Struct
from typing import IO

from av.video.stream import VideoStream

from video_editing.frames import Box
from video_editing.reading.normalize import compute_square_pixel_size

#: Numerator and denominator of width, height, and distance of the middles across and down.
_CLEAN_APERTURE = Struct(">IIIIiIiI")

#: Bytes before the first box inside these boxes: the number of entries, and the sample entry of
#: a video (ISO/IEC 14496-12, 8.5.2 and 12.1.3).
_HEADER_BYTES = {b"stsd": 8, b"sample entry": 78}


def find_clean_aperture(path: Path, stream: VideoStream) -> Box | None:
    """Return the clean aperture of *stream* in square pixels (ISO/IEC 14496-12, 12.1.4.1).

    Returns:
        None where the whole frame is shown; left and top are even.
    """
    with path.open("rb") as file:
        if file.read(8)[4:] not in {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"}:
            return None
        end = file.seek(0, 2)
        for begin, after in _find_boxes(file, (0, end), b"moov", b"trak"):
            track = begin, after
            if _read_track_id(file, track) == stream.id:
                return _read_aperture(file, track, stream)
    return None


def _read_track_id(file: IO[bytes], track: tuple[int, int]) -> int | None:
    for begin, _ in _find_boxes(file, track, b"tkhd"):
        file.seek(begin)
        is_long = file.read(1) == b"\1"  # version 1 has times of 64 bits
        file.seek(begin + (20 if is_long else 12))
        return int.from_bytes(file.read(4), "big")
    return None


def _read_aperture(file: IO[bytes], track: tuple[int, int], stream: VideoStream) -> Box | None:
    names = b"mdia", b"minf", b"stbl", b"stsd", b"", b"clap"
    for begin, _ in _find_boxes(file, track, *names):
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


def _find_boxes(
    file: IO[bytes], span: tuple[int, int], name: bytes, *names: bytes
) -> Iterator[tuple[int, int]]:
    """Yield begin and end of the content of each box *name* in *span*, or of *names* in these.

    Args:
        file: is read where it has headers only.
        span: begin and end of the content of the box around.
        name: of the box; an empty one is that of any.
        names: of the boxes inside, from the outer to the inner one.
    """
    begin, end = span
    while begin + 8 <= end:
        file.seek(begin)
        header = file.read(16)
        size, kind, content = int.from_bytes(header[:4], "big"), header[4:8], begin + 8
        if size == 1:
            size, content = int.from_bytes(header[8:], "big"), begin + 16
        after = end if size == 0 else min(end, begin + size)
        if after < content:
            return
        if name in {b"", kind}:
            inside = content + _HEADER_BYTES.get(name or b"sample entry", 0), after
            if names:
                yield from _find_boxes(file, inside, *names)
            else:
                yield inside
        begin = after
