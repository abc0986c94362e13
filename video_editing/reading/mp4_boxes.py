"""Walk through the boxes of MP4, MOV and HEIF files (ISO/IEC 14496-12, 4.2)."""

from collections.abc import Iterator
from typing import IO

Span = tuple[int, int]  #: first byte, and the byte after the last one

#: Bytes before the first box inside these boxes: the number of entries, and the sample entry of
#: a video (ISO/IEC 14496-12, 8.5.2 and 12.1.3).
_HEADER_BYTES = {b"stsd": 8, b"sample entry": 78}


def find_boxes(file: IO[bytes], span: Span, name: bytes, *names: bytes) -> Iterator[Span]:
    """Yield the content of each box *name* in *span*, or of *names* in these.

    Args:
        file: is read where it has headers only.
        span: content of the box around; the whole file.
        name: of the box; an empty one is that of any sample entry.
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
                yield from find_boxes(file, inside, *names)
            else:
                yield inside
        begin = after
