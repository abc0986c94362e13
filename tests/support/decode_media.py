"""Files as PyAV alone reads them: what tests compare with what the program makes."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]  #: (H, W, 3)
HEARD = 16_000  #: Hz, at which sounds are compared


def main_stream(container: av.container.InputContainer) -> VideoStream:
    """The picture stream with most packets, which is what a viewer takes for the video."""
    return max(container.streams.video, key=lambda stream: stream.frames or 0)


def shots(path: Path) -> Iterator[av.VideoFrame]:
    """All frames of the main stream, as they are stored."""
    with av.open(str(path)) as container:
        stream = main_stream(container)
        stream.thread_type = "AUTO"
        yield from container.decode(stream)


def rgb(path: Path) -> list[Rgb]:
    """All frames of a short file that stands upright; BT.709 as its tags say."""
    return [frame.to_ndarray(format="rgb24") for frame in shots(path)]


def times(path: Path) -> list[Fraction]:
    """When each frame is shown, in seconds of the file's own clock."""
    return sorted(frame.pts * frame.time_base for frame in shots(path))


class Heard(NamedTuple):
    """A sound: when it begins, in seconds of the file's own clock, and its samples at HEARD Hz."""

    start: Fraction
    samples: NDArray[np.float32]

    def since(self, origin: Fraction) -> NDArray[np.float32]:
        """The samples from *origin* on, silence before the first."""
        early = round((self.start - origin) * HEARD)
        return np.concatenate((np.zeros(max(0, early), np.float32), self.samples[max(0, -early) :]))


def heard(path: Path) -> Heard | None:
    """The sound of a file, all its channels in one; None where it has none."""
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
    """Seconds by which *original* comes late in *sound*, whatever else is heard there.

    Knapp and Carter 1976, "The generalized correlation method for estimation of time delay",
    with the phase transform.
    """
    length = len(sound) + len(original)
    cross = np.fft.rfft(sound, length) * np.conj(np.fft.rfft(original, length))
    likeness = np.fft.irfft(cross / (np.abs(cross) + 1e-9), length)
    reach = HEARD // 2
    return (int(np.argmax(np.r_[likeness[-reach:], likeness[:reach]])) - reach) / HEARD


def likeness(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Correlation of two pictures, −1…1."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])
