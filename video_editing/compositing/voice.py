"""The clip's voice as a result has it: with less noise, and at an even loudness."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from itertools import chain

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.filter import Graph
from av.filter.context import FilterContext

from video_editing.contract.sound import LOUDNESS, SoundOptions
from video_editing.reading.audio import (
    SAMPLE_RATE,
    Samples,
    read_samples,
    split_into_blocks,
    take_samples,
)
from video_editing.reading.probe import Clip

Filter = tuple[str, str]  #: FFmpeg's name of a filter, and its options

#: Brings quiet and loud passages closer: normalizes quarters of a second to a peak of 0.7, by a
#: gain of at most 10 that changes over seven of them.
_LEVELLER: Filter = ("dynaudnorm", "framelen=250:gausssize=7:maxgain=10:peak=0.7:altboundary=1")
_MAX_GAIN = 12.0  #: dB that the levelled voice is made louder; silence stays quiet
_LIMITER: Filter = ("alimiter", "limit=0.84:level=0:latency=1:attack=5:release=50")
_GATE = -70.0  #: LUFS, FFmpeg's loudness of silence

_DENOISER_LAG = 1200  #: samples by which FFmpeg's afftdn is late at 48 kHz
_NOISE_REDUCTION = 20  #: dB
_NOISE_MARGIN = 4.0  #: dB above the level of pauses up to which a part of a spectrum is noise
_NOISE_PERCENTILE = 10  #: of the levels of a clip is that of its pauses
_LEVEL_SAMPLES = SAMPLE_RATE // 100  #: samples of which a level is measured
_SILENCE = 1e-4  #: RMS below which a level is digital silence, which is no pause


def read_voice(
    clip: Clip, sound: SoundOptions, *, seconds: Fraction, start: Fraction
) -> Iterator[Samples]:
    """Yield the voice of *clip* from *start* on in full blocks, then endless silence.

    What is measured, the noise or the loudness, is that of the *seconds* from there.

    Raises:
        InputRejected: the file cannot be opened any more.
    """
    if clip.audio_stream is None or not (sound.denoise or sound.even_voice):
        return read_samples(clip, start)
    length = round(seconds * SAMPLE_RATE)

    def read() -> Iterator[Samples]:
        pieces = take_samples(read_samples(clip, start), length)
        return _denoise(pieces, noise, length) if sound.denoise else pieces

    noise = _measure_noise(take_samples(read_samples(clip, start), length)) if sound.denoise else 0
    if not sound.even_voice:
        return split_into_blocks(read())
    gain = LOUDNESS - _measure_loudness(_filter(read(), [_LEVELLER]))
    volume = f"volume={min(gain, _MAX_GAIN)}dB"
    return split_into_blocks(_filter(read(), [_LEVELLER, ("volume", volume), _LIMITER]))


def _denoise(pieces: Iterable[Samples], noise: float, length: int) -> Iterator[Samples]:
    """Yield *pieces* with less of the steady noise whose level is *noise*, dBFS."""
    floor = min(max(noise + _NOISE_MARGIN, -80), -20)
    options = f"noise_reduction={_NOISE_REDUCTION}:noise_floor={floor}"
    late = np.zeros((_DENOISER_LAG, 2), np.float32)  # pushes the last samples out
    skipped = _DENOISER_LAG
    ahead = _filter(chain(pieces, [late]), [("afftdn", options)])
    for piece in take_samples(ahead, length + _DENOISER_LAG):
        if skipped < len(piece):
            yield piece[skipped:]
        skipped = max(0, skipped - len(piece))


def _measure_noise(pieces: Iterable[Samples]) -> float:
    """Return the level of the pauses of a sound, dBFS."""
    levels = []
    for piece in pieces:
        whole = len(piece) // _LEVEL_SAMPLES * _LEVEL_SAMPLES
        parts = piece[:whole].reshape(-1, 2 * _LEVEL_SAMPLES)
        levels.append(np.sqrt((parts**2).mean(axis=1)))
    heard = np.concatenate(levels) if levels else np.zeros(0)
    heard = heard[heard > _SILENCE]
    quiet = np.percentile(heard, _NOISE_PERCENTILE) if heard.size else _SILENCE
    return float(20 * np.log10(quiet))


def _measure_loudness(pieces: Iterable[Samples]) -> float:
    """Return the integrated loudness of a sound (EBU R 128), LUFS; `LOUDNESS` of silence."""
    measured = _GATE
    for frame in _run_filters(pieces, [("ebur128", "metadata=1")]):
        measured = float(frame.metadata.get("lavfi.r128.I", measured))
    return measured if measured > _GATE else LOUDNESS


def _filter(pieces: Iterable[Samples], filters: Sequence[Filter]) -> Iterator[Samples]:
    """Yield the samples of *pieces* after *filters*, in pieces of another length."""
    to_floats = ("aformat", "sample_fmts=flt:channel_layouts=stereo")
    for frame in _run_filters(pieces, [*filters, to_floats]):
        yield np.asarray(frame.to_ndarray(), np.float32).reshape(-1, 2)


def _run_filters(pieces: Iterable[Samples], filters: Sequence[Filter]) -> Iterator[AudioFrame]:
    """Yield the frames that FFmpeg's *filters* make of *pieces*."""
    graph = Graph()
    tick = Fraction(1, SAMPLE_RATE)
    source = graph.add_abuffer(
        sample_rate=SAMPLE_RATE, format="flt", layout="stereo", time_base=tick
    )
    sink = graph.add("abuffersink")
    graph.link_nodes(source, *(graph.add(*each) for each in filters), sink).configure()
    position = 0
    for piece in pieces:
        packed = np.ascontiguousarray(piece, np.float32).reshape(1, -1)
        frame = AudioFrame.from_ndarray(packed, "flt", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, position, tick
        position += len(piece)
        source.push(frame)
        yield from _pull_frames(sink)
    source.push(None)
    yield from _pull_frames(sink)


def _pull_frames(sink: FilterContext) -> Iterator[AudioFrame]:
    with suppress(av.BlockingIOError, av.EOFError):
        while True:
            frame = sink.pull()
            assert isinstance(frame, AudioFrame)
            yield frame
