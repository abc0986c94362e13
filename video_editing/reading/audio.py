"""Decode audio into 48 kHz stereo samples, each at its presentation time."""

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

from video_editing.reading.clock import JoinedClock
from video_editing.reading.container import open_container, read_packets
from video_editing.reading.probe import Clip

Samples = NDArray[np.float32]  #: (n, 2), left and right, −1…1, 48 kHz

SAMPLE_RATE = 48_000  #: Hz
BLOCK_SAMPLES = SAMPLE_RATE // 20  #: samples in a full block

#: Seconds by which a frame may be early or late and still continue the one before it. Phones
#: write jitter of half a frame (10 ms) over audio without gaps, and WebM rounds to 1 ms.
MAX_JITTER = 0.015

_MAX_DRIFT = 0.05  #: of a sound clock, as a share; real ones are within a hundredth
_MIN_LATENESS = 0.01  #: seconds from which a drifting sound is stretched; jitter is less
_DRIFT_SHARE = 0.03  #: of a frame's lateness that counts as drift

_GAIN_RISE = 1.05  #: by which the gain of a limited downmix grows from one block to the next

#: Longer frames are dropped: a few bytes can decode to hours of samples, which fill the memory.
_MAX_FRAME_SECONDS = 10

_SILENCE: Samples = np.zeros((BLOCK_SAMPLES, 2), np.float32)


class _FrameRun(NamedTuple):
    """Frames of one format without gaps between them, which one resampler can take."""

    start: Fraction  #: seconds of the file's clock
    sample_format: str
    layout: AudioLayout
    rate: int


class _RunTracker:
    """Returns the run that each frame belongs to, called in the order of the frames."""

    def __init__(self) -> None:
        self._run = _FrameRun(Fraction(0), "", AudioLayout("mono"), SAMPLE_RATE)
        self._length = 0  # samples
        self._drift = 0.0  # seconds by which the run is longer than its samples

    def __call__(self, frame: AudioFrame) -> _FrameRun:
        audio_format = frame.format.name, frame.layout, frame.sample_rate
        if audio_format != self._run[1:] or self._is_discontinuous(frame.time):
            due = self._run.start + Fraction(self._length, self._run.rate)  # of untimed frames
            self._run = _FrameRun(_compute_start(frame, due), *audio_format)
            self._length, self._drift = 0, 0.0
        self._length += frame.samples
        return self._run

    def _is_discontinuous(self, time: float | None) -> bool:
        """Return whether *time* is too far from where the run ends; None continues the run.

        The end follows the times of the frames slowly, so that a clock that drifts continues it.
        """
        if time is None:
            return False
        error = time - float(self._run.start) - self._length / self._run.rate - self._drift
        self._drift += error * _DRIFT_SHARE
        return abs(error) > MAX_JITTER


def read_samples(clip: Clip, start: Fraction = Fraction(0)) -> Iterator[Samples]:
    """Yield the samples of *clip* from *start* on in full blocks, then endless silence.

    Gaps and undecodable parts are silent. Of samples that overlap in time the first ones in the
    file count.

    Args:
        clip: without an audio stream it is silent.
        start: seconds from the clip's origin.
    """
    return split_into_blocks(
        ()
        if clip.audio_stream is None
        else _read_without_gaps(clip, clip.audio_stream, round(start * SAMPLE_RATE))
    )


def split_into_blocks(pieces: Iterable[Samples]) -> Iterator[Samples]:
    """Yield the samples of *pieces* in full blocks, then endless silence."""
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
    """Yield the first *length* samples of *pieces*, which hold at least that many."""
    for piece in pieces:
        if length <= len(piece):
            yield piece[:length]
            return
        yield piece
        length -= len(piece)


def _read_without_gaps(clip: Clip, stream_index: int, position: int) -> Iterator[Samples]:
    """Yield the samples of *clip* from sample *position* on, without gaps, at most a block each."""
    with open_container(clip.path) as container:
        decoded = _join_times(_decode_stream(container, stream_index), clip)
        for run, frames in groupby(decoded, _RunTracker()):
            begin = round((run.start - clip.origin) * SAMPLE_RATE)
            for piece in _resample(frames, run.layout.nb_channels):
                while position < begin:
                    yield _SILENCE[: begin - position]
                    position += min(BLOCK_SAMPLES, begin - position)
                yield piece[position - begin :]
                begin += len(piece)
                position = max(position, begin)


def _decode_stream(container: InputContainer, stream_index: int) -> Iterator[AudioFrame]:
    """Yield the frames that decode, up to the end or to where the file breaks off."""
    stream = container.streams[stream_index]
    assert isinstance(stream, AudioStream)
    for packet in chain(read_packets(container, stream), [None]):
        with suppress(av.FFmpegError):
            for frame in stream.decode(packet):
                if frame.samples <= _MAX_FRAME_SECONDS * frame.sample_rate:
                    yield frame


def _join_times(frames: Iterable[AudioFrame], clip: Clip) -> Iterator[AudioFrame]:
    """Yield *frames* with the times of one clock."""
    clock = JoinedClock(clip.parts)
    for frame in frames:
        if clip.parts and frame.pts is not None and frame.time_base is not None:
            frame.pts = round(clock(frame.pts * frame.time_base) / frame.time_base)
        yield frame


def _resample(frames: Iterable[AudioFrame], channels: int) -> Iterator[Samples]:
    """Yield the samples of *frames* in blocks, the last one shorter.

    Args:
        frames: of one format, without gaps.
        channels: of the frames; more than two are mixed down (ITU-R BS.775-4, annex 4).
    """
    # Mono stays mono, because the resampler's stereo from mono is 3 dB quieter. Samples are
    # stretched or compressed where their clock drifts from the file's by more than the jitter.
    resampler = AudioResampler(
        "flt",
        "mono" if channels == 1 else "stereo",
        SAMPLE_RATE,
        frame_size=BLOCK_SAMPLES,
        options={
            "async": str(round(_MAX_DRIFT * SAMPLE_RATE)),
            "min_comp": str(_MIN_LATENESS),
            "max_soft_comp": str(_MAX_DRIFT),
        },
    )
    pieces = _run_resampler(resampler, frames, min(2, channels))
    for piece in _limit(pieces) if channels > 2 else pieces:
        samples = np.clip(piece, -1, 1)
        yield np.broadcast_to(samples, (len(samples), 2))


def _run_resampler(
    resampler: AudioResampler, frames: Iterable[AudioFrame], channels: int
) -> Iterator[Samples]:
    with suppress(av.FFmpegError):  # layouts that it cannot mix down, such as ambisonics
        for frame in chain(frames, (None,)):
            for piece in resampler.resample(frame):
                samples = np.asarray(piece.to_ndarray(), np.float32).reshape(-1, channels)
                yield np.where(np.isnan(samples), np.float32(0), samples)


def _limit(pieces: Iterable[Samples]) -> Iterator[Samples]:
    """Yield the pieces of a downmix within −1…1; it may reach 2.4, and is made quieter there.

    The gain falls in the piece before, and rises slowly, so it has no steps.
    """
    gain, waiting = 1.0, None
    for piece in chain(pieces, (None,)):
        peak = 0 if piece is None else float(np.abs(piece).max(initial=0))
        room = min(1.0, gain * _GAIN_RISE, 1 / max(peak, 1))
        if waiting is not None:
            before, samples = waiting
            after = min(gain, room)
            yield samples * np.linspace(before, after, len(samples), dtype=np.float32)[:, None]
            waiting = None if piece is None else (after, piece)
        elif piece is not None:
            waiting = room, piece
        gain = room


def _compute_start(frame: AudioFrame, due: Fraction) -> Fraction:
    """Return the time of *frame* in seconds of the file's clock; *due* if it has no time."""
    if frame.pts is None or frame.time_base is None:
        return due
    return frame.pts * frame.time_base
