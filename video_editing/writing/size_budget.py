"""Keep a file within a number of bytes: bit rates, frame size and repeated attempts."""

import math
from collections.abc import Callable
from fractions import Fraction

from video_editing.contract.errors import InputRejected, RejectReason

#: Bits per pixel; a third of what x264's preset veryfast spends on a talking person at CRF 20.
MIN_BITS_PER_PIXEL = 0.02
MIN_SIDE = 160  #: pixels of the shorter side; in a smaller frame a face is not recognisable
BUFFER_SECONDS = 1  #: seconds of video in x264's rate control buffer
INDEX_BYTES = 4096  #: of an mp4's index, fixed part …
FRAME_BYTES = 24  #: … plus these per frame …
AUDIO_BLOCK_BYTES = 16  #: … and these per block of audio
AUDIO_BLOCKS_PER_SECOND = 47  #: of AAC, 1024 samples each, at 48 kHz
BITRATE_OVERSHOOT = 1.03  #: allowance for encoders that exceed their target bit rate
MIN_AUDIO_BITRATE = 32_000  #: bits per second; with less, speech in AAC is hard to follow
BUDGET_SHARES = (1.0, 0.8, 0.6, 0.4)  #: of the bytes that successive attempts aim at


class FileTooLarge(Exception):
    """An output file came out larger than allowed and was deleted.

    Attributes:
        size: bytes of the file.
        max_bytes: bytes allowed.
    """

    def __init__(self, size: int, max_bytes: int) -> None:
        super().__init__(size, max_bytes)
        self.size = size
        self.max_bytes = max_bytes


def retry_smaller(max_bytes: int, write: Callable[[int], None]) -> None:
    """Call *write* with *max_bytes*, and with fewer bytes while it raises FileTooLarge.

    Raises:
        InputRejected: DOES_NOT_FIT, the attempt with the fewest bytes failed, too.
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
    """Return the largest frame size that is watchable in *max_bytes*.

    It is even, has the aspect ratio of *size* and is at most as large.

    Args:
        size: width and height in pixels.
        rate: frames per second.
        seconds: length of the file.
        max_bytes: of the file.
        has_sound: whether the file has an audio stream.

    Raises:
        InputRejected: DOES_NOT_FIT, the shorter side would be below `MIN_SIDE`.
    """
    audio_bitrate = compute_audio_bitrate(seconds, max_bytes) if has_sound else 0
    bits = compute_video_bitrate(rate, seconds, max_bytes, audio_bitrate)
    width, height = size
    pixels = bits / (MIN_BITS_PER_PIXEL * float(rate))
    scale = min(1.0, math.sqrt(pixels / (width * height)))
    if scale < 1 and scale * min(size) < MIN_SIDE:
        raise InputRejected(RejectReason.DOES_NOT_FIT, max_bytes=max_bytes)
    return _floor_to_even(width * scale), _floor_to_even(height * scale)


def compute_audio_bitrate(
    seconds: Fraction, max_bytes: int | None, max_bitrate: int = 160_000
) -> int:
    """Return bits per second of audio: an eighth of the file, 32,000 … *max_bitrate*."""
    if max_bytes is None:
        return max_bitrate
    return min(max_bitrate, max(MIN_AUDIO_BITRATE, int(max_bytes / seconds)))


def compute_video_bitrate(
    rate: Fraction, seconds: Fraction, max_bytes: int, audio_bitrate: int
) -> int:
    """Return the peak bits per second of video that keep an mp4 within *max_bytes*.

    Raises:
        InputRejected: DOES_NOT_FIT, index and audio alone take all of them.
    """
    length = float(seconds)
    index = INDEX_BYTES + length * (
        float(rate) * FRAME_BYTES + AUDIO_BLOCKS_PER_SECOND * AUDIO_BLOCK_BYTES
    )
    video_bits = 8 * (max_bytes - index) - BITRATE_OVERSHOOT * audio_bitrate * length
    if video_bits <= 0:
        raise InputRejected(RejectReason.DOES_NOT_FIT, max_bytes=max_bytes)
    return int(video_bits / BITRATE_OVERSHOOT / (length + BUFFER_SECONDS))


def _floor_to_even(length: float) -> int:
    return max(2, 2 * int(length / 2))
