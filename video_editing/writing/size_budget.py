"""How a file is kept within a number of bytes: what picture and sound may take of it."""

import math
from collections.abc import Callable
from fractions import Fraction

from video_editing.contract.errors import InputRejected, RejectReason

#: Bits a pixel, a third of what x264's veryfast spends on a talking person at CRF 20.
MIN_BITS_PER_PIXEL = 0.02
MIN_SIDE = 160  #: pixels, the shorter side below which a face is a blot
BUFFER_SECONDS = 1  #: seconds that x264 may run ahead of its bit rate
INDEX_BYTES = 4096  #: of an mp4's index, whatever is in it …
FRAME_BYTES = 24  #: … and for each picture …
AUDIO_BLOCK_BYTES = 16  #: … and each block of sound
AUDIO_BLOCKS_PER_SECOND = 47  #: blocks of AAC a second
BITRATE_OVERSHOOT = 1.03  #: how far an encoder may be above the bit rate it was given
MIN_AUDIO_BITRATE = 32_000  #: bits a second below which AAC's speech is hard to follow
BUDGET_SHARES = (1.0, 0.8, 0.6, 0.4)  #: of the bytes to aim at, one after the other


class FileTooLarge(Exception):
    """A file was written and weighs more than it may; it is gone.

    Attributes:
        size: bytes it had.
        max_bytes: bytes it might have had.
    """

    def __init__(self, size: int, max_bytes: int) -> None:
        super().__init__(size, max_bytes)
        self.size = size
        self.max_bytes = max_bytes


def retry_smaller(max_bytes: int, write: Callable[[int], None]) -> None:
    """Call *write* with a number of bytes to keep to, and with fewer as long as it is TooBig.

    Raises:
        InputRejected: not even the smallest share came out small enough.
    """
    for share in BUDGET_SHARES:
        try:
            write(int(max_bytes * share))
        except FileTooLarge:
            continue
        return
    raise InputRejected(RejectReason.DOES_NOT_FIT, max_bytes=max_bytes)


def compute_fitting_size(
    size: tuple[int, int], rate: Fraction, seconds: Fraction, max_bytes: int, *, has_sound: bool
) -> tuple[int, int]:
    """Give the largest even size of the same form, at most *size*, watchable in *max_bytes*.

    Raises:
        InputRejected: not even the smallest picture would be.
    """
    voice = compute_audio_bitrate(seconds, max_bytes) if has_sound else 0
    bits = compute_video_bitrate(rate, seconds, max_bytes, voice)
    width, height = size
    pixels = bits / (MIN_BITS_PER_PIXEL * float(rate))
    scale = min(1.0, math.sqrt(pixels / (width * height)))
    if scale < 1 and scale * min(size) < MIN_SIDE:
        raise InputRejected(RejectReason.DOES_NOT_FIT, max_bytes=max_bytes)
    return _floor_to_even(width * scale), _floor_to_even(height * scale)


def compute_audio_bitrate(
    seconds: Fraction, max_bytes: int | None, max_bitrate: int = 160_000
) -> int:
    """Give the bits a second of sound: an eighth of the whole, at most *max_bitrate*."""
    if max_bytes is None:
        return max_bitrate
    return min(max_bitrate, max(MIN_AUDIO_BITRATE, int(max_bytes / seconds)))


def compute_video_bitrate(
    rate: Fraction, seconds: Fraction, max_bytes: int, audio_bitrate: int
) -> int:
    """Give the peak bits a second of the picture that keep a whole mp4 within *max_bytes*.

    Raises:
        InputRejected: nothing is left for it.
    """
    length = float(seconds)
    index = INDEX_BYTES + length * (
        float(rate) * FRAME_BYTES + AUDIO_BLOCKS_PER_SECOND * AUDIO_BLOCK_BYTES
    )
    left = 8 * (max_bytes - index) - BITRATE_OVERSHOOT * audio_bitrate * length
    if left <= 0:
        raise InputRejected(RejectReason.DOES_NOT_FIT, max_bytes=max_bytes)
    return int(left / BITRATE_OVERSHOOT / (length + BUFFER_SECONDS))


def _floor_to_even(length: float) -> int:
    return max(2, 2 * int(length / 2))
