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

from video_editing.reading.container import open_container
from video_editing.reading.probe import Clip

Samples = NDArray[np.float32]  #: (n, 2), left and right, −1…1, 48 kHz

SAMPLE_RATE = 48_000  #: samples a second
BLOCK_SAMPLES = SAMPLE_RATE // 20  #: samples in a whole block

#: Seconds that a frame may be early or late and still be joined to the one before it. Phones
#: write jitter of half a frame (10 ms) over sound without a gap, and WebM rounds to 1 ms.
MAX_JITTER = 0.015

#: Seconds in one frame; a few bytes that claim to last for hours would fill the memory.
_MAX_FRAME_SECONDS = 10

_SILENCE: Samples = np.zeros((BLOCK_SAMPLES, 2), np.float32)


class _FrameRun(NamedTuple):
    """Frames of one form without a gap between them, which one resampler can take."""

    start: Fraction  #: file seconds
    sample_format: str
    layout: AudioLayout
    rate: int


class _RunTracker:
    """Tells which run a frame belongs to; asked for every frame in order."""

    def __init__(self) -> None:
        self._run = _FrameRun(Fraction(0), "", AudioLayout("mono"), SAMPLE_RATE)
        self._length = 0  # samples

    def __call__(self, frame: AudioFrame) -> _FrameRun:
        form = frame.format.name, frame.layout, frame.sample_rate
        if form != self._run[1:] or self._is_discontinuous(frame.time):
            due = self._run.start + Fraction(self._length, self._run.rate)
            self._run = _FrameRun(_compute_start(frame, due), *form)
            self._length = 0
        self._length += frame.samples
        return self._run

    def _is_discontinuous(self, time: float | None) -> bool:
        """Whether *time* is not when the run's next frame is due; no time is in time."""
        due = float(self._run.start) + self._length / self._run.rate
        return time is not None and abs(time - due) > MAX_JITTER


def read_samples(clip: Clip, start: Fraction = Fraction(0)) -> Iterator[Samples]:
    """The sound of *clip* from *start* on, in whole blocks, followed by silence without end.

    Where nothing is to be heard, or nothing can be decoded, there is silence; where the file
    has two samples for one moment, the first to come is taken.

    Args:
        clip: whose sound; one without any is silent.
        start: seconds from the clip's origin.
    """
    return split_into_blocks(
        ()
        if clip.audio_stream is None
        else _read_without_gaps(clip, clip.audio_stream, round(start * SAMPLE_RATE))
    )


def split_into_blocks(pieces: Iterable[Samples]) -> Iterator[Samples]:
    """*pieces* cut anew into whole blocks, followed by silence without end."""
    rest = _SILENCE[:0]
    for piece in pieces:
        rest = np.concatenate((rest, piece))
        while len(rest) >= BLOCK_SAMPLES:
            yield rest[:BLOCK_SAMPLES]
            rest = rest[BLOCK_SAMPLES:]
    yield np.concatenate((rest, _SILENCE))[:BLOCK_SAMPLES]
    while True:
        yield _SILENCE


def take_samples(pieces: Iterable[Samples], length: int) -> Iterator[Samples]:
    """The first *length* samples of *pieces*, which are at least that many."""
    for piece in pieces:
        if length <= len(piece):
            yield piece[:length]
            return
        yield piece
        length -= len(piece)


def _read_without_gaps(clip: Clip, stream_index: int, position: int) -> Iterator[Samples]:
    """Yield the samples of *clip* from *position* on, in pieces of at most a block, gapless."""
    with open_container(clip.path) as container:
        for run, frames in groupby(_decode_stream(container, stream_index), _RunTracker()):
            begin = round((run.start - clip.origin) * SAMPLE_RATE)
            for piece in _resample(frames, min(2, run.layout.nb_channels)):
                while position < begin:
                    yield _SILENCE[: begin - position]
                    position += min(BLOCK_SAMPLES, begin - position)
                yield piece[position - begin :]
                begin += len(piece)
                position = max(position, begin)


def _decode_stream(container: InputContainer, stream_index: int) -> Iterator[AudioFrame]:
    """The frames that can be decoded and used; a file that breaks off ends them."""
    stream = container.streams[stream_index]
    assert isinstance(stream, AudioStream)
    with suppress(av.FFmpegError):
        for packet in container.demux(stream):
            with suppress(av.FFmpegError):
                for frame in stream.decode(packet):
                    if frame.samples <= _MAX_FRAME_SECONDS * frame.sample_rate:
                        yield frame


def _resample(frames: Iterable[AudioFrame], channels: int) -> Iterator[Samples]:
    """All sound of *frames*, of one form and 1 or 2 *channels* or more, in blocks and a rest."""
    # To stereo, the resampler makes mono quieter by 3 dB, and without rematrix_maxval lets
    # a downmix of five channels reach 2.4.
    resampler = AudioResampler(
        "flt",
        ("mono", "stereo")[channels - 1],
        SAMPLE_RATE,
        frame_size=BLOCK_SAMPLES,
        options={"rematrix_maxval": "1"},
    )
    with suppress(av.FFmpegError):  # channels that it cannot mix, as of ambisonics
        for frame in chain(frames, (None,)):
            for piece in resampler.resample(frame):
                samples = np.clip(piece.to_ndarray().reshape(-1, channels), -1, 1)
                samples[np.isnan(samples)] = 0
                yield np.broadcast_to(samples, (len(samples), 2))


def _compute_start(frame: AudioFrame, due: Fraction) -> Fraction:
    """When *frame* is heard, in file seconds; *due* where the file does not say."""
    if frame.pts is None or frame.time_base is None:
        return due
    return frame.pts * frame.time_base
