"""Read files with PyAV alone, to compare them with what the program reads and writes."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]  #: (H, W, 3)
HEARD = 16_000  #: Hz; the sample rate at which audio is compared


def main_stream(container: av.container.InputContainer) -> VideoStream:
    """Return the video stream with the most frames."""
    return max(container.streams.video, key=lambda stream: stream.frames or 0)


def shots(path: Path) -> Iterator[av.VideoFrame]:
    """Yield the frames of the main stream as stored, neither turned nor converted."""
    with av.open(str(path)) as container:
        stream = main_stream(container)
        stream.thread_type = "AUTO"
        yield from container.decode(stream)


def rgb(path: Path) -> list[Rgb]:
    """Return all frames of a short upright file as RGB, converted as its tags say."""
    return [frame.to_ndarray(format="rgb24") for frame in shots(path)]


def times(path: Path) -> list[Fraction]:
    """Return the presentation times of all frames, in seconds of the file's clock."""
    return sorted(frame.pts * frame.time_base for frame in shots(path))


class Heard(NamedTuple):
    """Decoded audio.

    Attributes:
        start: of the first sample, in seconds of the file's clock.
        samples: (n,), one channel, at `HEARD` Hz.
    """

    start: Fraction
    samples: NDArray[np.float32]

    def since(self, origin: Fraction) -> NDArray[np.float32]:
        """Return the samples from *origin* (file seconds) on, padded with silence in front."""
        offset = round((self.start - origin) * HEARD)
        silence = np.zeros(max(0, offset), np.float32)
        return np.concatenate((silence, self.samples[max(0, -offset) :]))


def heard(path: Path) -> Heard | None:
    """Return the audio of a file mixed to one channel; None without an audio stream."""
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return None
        resampler = av.AudioResampler("flt", "mono", HEARD)
        start, pieces = None, []
        for frame in container.decode(audio=0):
            start = frame.pts * frame.time_base if start is None else start
            pieces += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
        pieces += [piece.to_ndarray()[0] for piece in resampler.resample(None)]
    return Heard(start or Fraction(0), np.concatenate(pieces))


def lag(sound: NDArray[np.float32], original: NDArray[np.float32]) -> float:
    """Return the delay in seconds of *original* within *sound*, which may contain other audio.

    Knapp and Carter 1976, "The generalized correlation method for estimation of time delay",
    with the phase transform.
    """
    length = len(sound) + len(original)
    cross = np.fft.rfft(sound, length) * np.conj(np.fft.rfft(original, length))
    correlation = np.fft.irfft(cross / (np.abs(cross) + 1e-9), length)
    reach = HEARD // 2
    return (int(np.argmax(np.r_[correlation[-reach:], correlation[:reach]])) - reach) / HEARD


def likeness(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Return the correlation of two pictures, −1…1."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])
