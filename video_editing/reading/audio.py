"""The sound of a file as 48 kHz stereo samples, each at its presentation time."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import chain, groupby
from typing import NamedTuple

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from video_editing.reading.container import opened
from video_editing.reading.probe import Clip

Samples = NDArray[np.float32]  #: (n, 2), left and right, −1…1, 48 kHz

RATE = 48_000  #: samples a second
BLOCK = RATE // 20  #: samples in a whole block

#: Seconds that a frame may be early or late and still be joined to the one before it. Phones
#: write jitter of half a frame (10 ms) over sound without a gap, and WebM rounds to 1 ms.
JITTER = 0.015

#: Seconds in one frame; a few bytes that claim to last for hours would fill the memory.
_LONGEST = 10

_SILENCE: Samples = np.zeros((BLOCK, 2), np.float32)


class _Run(NamedTuple):
    """Frames of one form without a gap between them, which one resampler can take."""

    start: Fraction  #: file seconds
    sample_format: str
    layout: AudioLayout
    rate: int


class _RunOf:
    """Tells which run a frame belongs to; asked for every frame in order."""

    def __init__(self) -> None:
        self._run = _Run(Fraction(0), "", AudioLayout("mono"), RATE)
        self._length = 0  # samples

    def __call__(self, frame: AudioFrame) -> _Run:
        form = frame.format.name, frame.layout, frame.sample_rate
        if form != self._run[1:] or self._is_off(frame.time):
            due = self._run.start + Fraction(self._length, self._run.rate)
            self._run = _Run(_start(frame, due), *form)
            self._length = 0
        self._length += frame.samples
        return self._run

    def _is_off(self, time: float | None) -> bool:
        """Whether *time* is not when the run's next frame is due; no time is in time."""
        due = float(self._run.start) + self._length / self._run.rate
        return time is not None and abs(time - due) > JITTER


def heard(clip: Clip, start: Fraction = Fraction(0)) -> Iterator[Samples]:
    """The sound of *clip* from *start* on, in whole blocks, followed by silence without end.

    Where nothing is to be heard, or nothing can be decoded, there is silence; where the file
    has two samples for one moment, the first to come is taken.

    Args:
        clip: whose sound; one without any is silent.
        start: seconds from the clip's origin.
    """
    return blocks(() if clip.sound is None else _placed(clip, clip.sound, round(start * RATE)))


def blocks(pieces: Iterable[Samples]) -> Iterator[Samples]:
    """*pieces* cut anew into whole blocks, followed by silence without end."""
    rest = _SILENCE[:0]
    for piece in pieces:
        rest = np.concatenate((rest, piece))
        while len(rest) >= BLOCK:
            yield rest[:BLOCK]
            rest = rest[BLOCK:]
    yield np.concatenate((rest, _SILENCE))[:BLOCK]
    while True:
        yield _SILENCE


def cut(pieces: Iterable[Samples], length: int) -> Iterator[Samples]:
    """The first *length* samples of *pieces*, which are at least that many."""
    for piece in pieces:
        if length <= len(piece):
            yield piece[:length]
            return
        yield piece
        length -= len(piece)


def _placed(clip: Clip, index: int, at: int) -> Iterator[Samples]:
    """What *clip* has from its sample *at* on, in pieces of at most a block, without a gap."""
    with opened(clip.path) as container:
        for run, frames in groupby(_decoded(container, index), _RunOf()):
            begin = round((run.start - clip.origin) * RATE)
            for piece in _resampled(frames, min(2, run.layout.nb_channels)):
                while at < begin:
                    yield _SILENCE[: begin - at]
                    at += min(BLOCK, begin - at)
                yield piece[at - begin :]
                begin += len(piece)
                at = max(at, begin)


def _decoded(container: InputContainer, index: int) -> Iterator[AudioFrame]:
    """The frames that can be decoded and used; a file that breaks off ends them."""
    stream = container.streams[index]
    assert isinstance(stream, AudioStream)
    with suppress(av.FFmpegError):
        for packet in container.demux(stream):
            with suppress(av.FFmpegError):
                for frame in stream.decode(packet):
                    if frame.samples <= _LONGEST * frame.sample_rate:
                        yield frame


def _resampled(frames: Iterable[AudioFrame], channels: int) -> Iterator[Samples]:
    """All sound of *frames*, of one form and 1 or 2 *channels* or more, in blocks and a rest."""
    # To stereo, the resampler makes mono quieter by 3 dB, and without rematrix_maxval lets
    # a downmix of five channels reach 2.4.
    resampler = AudioResampler(
        "flt",
        ("mono", "stereo")[channels - 1],
        RATE,
        frame_size=BLOCK,
        options={"rematrix_maxval": "1"},
    )
    with suppress(av.FFmpegError):  # channels that it cannot mix, as of ambisonics
        for frame in chain(frames, (None,)):
            for piece in resampler.resample(frame):
                samples = np.clip(piece.to_ndarray().reshape(-1, channels), -1, 1)
                samples[np.isnan(samples)] = 0
                yield np.broadcast_to(samples, (len(samples), 2))


def _start(frame: AudioFrame, due: Fraction) -> Fraction:
    """When *frame* is heard, in file seconds; *due* where the file does not say."""
    if frame.pts is None or frame.time_base is None:
        return due
    return frame.pts * frame.time_base
