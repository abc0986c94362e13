"""How a file is kept within a number of bytes: what picture and sound may take of it."""

import math
from collections.abc import Callable
from fractions import Fraction

from video_editing.contract.errors import InputRejected, Reason

#: Bits a pixel, a third of what x264's veryfast spends on a talking person at CRF 20.
WATCHABLE = 0.02
SMALLEST = 160  #: pixels, the shorter side below which a face is a blot
BUFFER = 1  #: seconds that x264 may run ahead of its bit rate
INDEX_BYTES = 4096  #: of an mp4's index, whatever is in it …
FRAME_BYTES = 24  #: … and for each picture …
BLOCK_BYTES = 16  #: … and each block of sound
BLOCKS = 47  #: blocks of AAC a second
STRAY = 1.03  #: how far an encoder may be above the bit rate it was given
QUIETEST = 32_000  #: bits a second below which AAC's speech is hard to follow
SHARES = (1.0, 0.8, 0.6, 0.4)  #: of the bytes to aim at, one after the other


class TooBig(Exception):  # noqa: N818 - it says what happened
    """A file was written and weighs more than it may; it is gone.

    Attributes:
        size: bytes it had.
        max_bytes: bytes it might have had.
    """

    def __init__(self, size: int, max_bytes: int) -> None:
        super().__init__(size, max_bytes)
        self.size = size
        self.max_bytes = max_bytes


def within(max_bytes: int, write: Callable[[int], None]) -> None:
    """Call *write* with a number of bytes to keep to, and with fewer as long as it is TooBig.

    Raises:
        InputRejected: not even the smallest share came out small enough.
    """
    for share in SHARES:
        try:
            write(int(max_bytes * share))
        except TooBig:
            continue
        return
    raise InputRejected(Reason.DOES_NOT_FIT, max_bytes=max_bytes)


def fitting_size(
    size: tuple[int, int], rate: Fraction, seconds: Fraction, max_bytes: int, *, sound: bool
) -> tuple[int, int]:
    """Give the largest even size of the same form, at most *size*, watchable in *max_bytes*.

    Raises:
        InputRejected: not even the smallest picture would be.
    """
    voice = sound_bits(seconds, max_bytes) if sound else 0
    bits = picture_bits(rate, seconds, max_bytes, voice)
    width, height = size
    pixels = bits / (WATCHABLE * float(rate))
    scale = min(1.0, math.sqrt(pixels / (width * height)))
    if scale < 1 and scale * min(size) < SMALLEST:
        raise InputRejected(Reason.DOES_NOT_FIT, max_bytes=max_bytes)
    return _even(width * scale), _even(height * scale)


def sound_bits(seconds: Fraction, max_bytes: int | None, most: int = 160_000) -> int:
    """Give the bits a second of sound: an eighth of the whole, at most *most*."""
    if max_bytes is None:
        return most
    return min(most, max(QUIETEST, int(max_bytes / seconds)))


def picture_bits(rate: Fraction, seconds: Fraction, max_bytes: int, sound: int) -> int:
    """Give the peak bits a second of the picture that keep a whole mp4 within *max_bytes*.

    Raises:
        InputRejected: nothing is left for it.
    """
    length = float(seconds)
    index = INDEX_BYTES + length * (float(rate) * FRAME_BYTES + BLOCKS * BLOCK_BYTES)
    left = 8 * (max_bytes - index) - STRAY * sound * length
    if left <= 0:
        raise InputRejected(Reason.DOES_NOT_FIT, max_bytes=max_bytes)
    return int(left / STRAY / (length + BUFFER))


def _even(length: float) -> int:
    return max(2, 2 * int(length / 2))
