"""What a result sounds like: the clip's voice, and the background's sound under it."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import count, tee
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from video_editing.reading.audio import (
    BLOCK_SAMPLES,
    SAMPLE_RATE,
    Samples,
    read_samples,
    split_into_blocks,
    take_samples,
)
from video_editing.reading.probe import Clip

SPEECH_GAIN = -15.0  #: dB, the background's gain while the voice is heard
PAUSE_GAIN = -6.0  #: dB, its gain in the voice's pauses

_HOP_SAMPLES = SAMPLE_RATE // 100  #: samples from one look at the voice's level to the next
_HOP_POSITIONS = np.arange(1, BLOCK_SAMPLES + 1) / _HOP_SAMPLES  #: of a block's samples, in hops
_ATTACK = (
    1 - np.exp(-_HOP_SAMPLES / (0.020 * SAMPLE_RATE)).item()
)  #: part of the way down in one hop
_RELEASE = (
    1 - np.exp(-_HOP_SAMPLES / (0.400 * SAMPLE_RATE)).item()
)  #: part of the way up in one hop

_MIN_SPEECH_LEVEL = -50.0  #: dBFS, nothing below it is a voice
_SPEECH_PROMINENCE = 12.0  #: dB, by how much a voice stands out from the noise around it
_NOISE_RISE = 0.02  #: dB a hop, how fast a noise that stays is learnt


def duck(voice: Iterable[Samples], background: Iterable[Samples]) -> Iterator[Samples]:
    """*background* under *voice*, summed; the voice is the same in the sum, bit for bit.

    The gain goes down before a word begins: it follows the voice one block ahead.

    Args:
        voice: whole blocks, without end.
        background: whole blocks, without end.
    """
    now, ahead = tee(voice)
    gains = _compute_gains(ahead)
    next(gains)
    for spoken, played, gain in zip(now, background, gains, strict=False):
        yield _add_limited(spoken, played * gain)


def _compute_gains(voice: Iterable[Samples]) -> Iterator[NDArray[np.float32]]:
    """What to multiply the background with, (BLOCK, 1), for each block of *voice*."""
    gain, noise = PAUSE_GAIN, _MIN_SPEECH_LEVEL - _SPEECH_PROMINENCE
    for block in voice:
        curve = [gain]
        for level in _measure_levels(block):
            noise = max(min(level, noise + _NOISE_RISE), _MIN_SPEECH_LEVEL - _SPEECH_PROMINENCE)
            aim = SPEECH_GAIN if level > noise + _SPEECH_PROMINENCE else PAUSE_GAIN
            gain += (aim - gain) * (_ATTACK if aim < gain else _RELEASE)
            curve.append(gain)
        yield _interpolate_gains(curve)


def _measure_levels(block: Samples) -> list[float]:
    """The power of each hop of *block*, dBFS; −120 for silence."""
    hops = block.reshape(-1, 2 * _HOP_SAMPLES)
    power = np.einsum("ij,ij->i", hops, hops) / hops.shape[1]
    levels: list[float] = (10 * np.log10(power + 1e-12)).tolist()
    return levels


def _interpolate_gains(curve: list[float]) -> NDArray[np.float32]:
    """Gains in dB at the ends of hops, drawn through as factors, (BLOCK, 1)."""
    factors = 10 ** (np.array(curve) / 20)
    line: NDArray[np.float64] = np.interp(_HOP_POSITIONS, np.arange(len(curve)), factors)
    return line.astype(np.float32)[:, None]


def _add_limited(voice: Samples, background: Samples) -> Samples:
    """The sum within −1…1: where there is not room for both, the background is bent."""
    if np.abs(background).max() <= (1 - np.abs(voice).max()) / 2:
        return voice + background
    side = np.sign(background)
    knee = np.maximum((1 - voice * side) / 2, np.float32(1e-6))
    size = np.abs(background)
    bent = np.minimum(size, knee) + knee * np.tanh(np.maximum(size - knee, 0) / knee)
    summed: Samples = np.clip(voice + side * bent, -1, 1)
    return summed


#: Seconds; the sound of a shorter loop is a rattle that nobody wants.
MIN_LOOP_SECONDS = Fraction(1, 2)

_FADE_SAMPLES = (
    SAMPLE_RATE // 200
)  #: samples over which a loop's ends are faded, so that its seam has no click


def has_sound(clip: Clip, background: Clip | None) -> bool:
    """Whether the result has anything to be heard; without it, it needs no audio stream."""
    return clip.audio_stream is not None or _is_audible(background)


def mix_audio(
    clip: Clip,
    background: Clip | None = None,
    *,
    seconds: Fraction,
    start: Fraction = Fraction(0),
) -> Iterator[Samples]:
    """The sound of the result, from *start* on, in blocks, round(seconds · RATE) samples in all.

    A voice alone is left as it is. A background plays at full level where the clip has no
    sound, ducked under it where it has. It is repeated every `background.duration`, as its
    picture is; the first turn begins at the clip's origin, whatever *start* is.

    Args:
        clip: whose sound is the voice.
        background: a clip that is shown behind, from its own origin; None for a still picture.
        seconds: how long the result is; shorter sound is followed by silence.
        start: where the result begins, in seconds from the clip's origin.

    Raises:
        InputRejected: a file cannot be opened any more.
    """
    return take_samples(_mix_endless(clip, background, start), round(seconds * SAMPLE_RATE))


def _mix_endless(clip: Clip, background: Clip | None, start: Fraction) -> Iterator[Samples]:
    """The sound from *start* on, in whole blocks, without end."""
    if not _is_audible(background):
        return read_samples(clip, start)
    loop = split_into_blocks(_loop_audio(background, round(start * SAMPLE_RATE)))
    return loop if clip.audio_stream is None else duck(read_samples(clip, start), loop)


def _is_audible(background: Clip | None) -> TypeGuard[Clip]:
    """Whether *background* is to be heard."""
    return (
        background is not None
        and background.audio_stream is not None
        and background.duration >= MIN_LOOP_SECONDS
    )


def _loop_audio(background: Clip, start_sample: int) -> Iterator[Samples]:
    """The sound of *background* again and again, from sample *start_sample* on."""
    for turn in count(int(start_sample / SAMPLE_RATE / background.duration)):
        begin, end = (round(n * background.duration * SAMPLE_RATE) for n in (turn, turn + 1))
        skipped = max(0, start_sample - begin)
        pieces = take_samples(
            read_samples(background, Fraction(skipped, SAMPLE_RATE)), end - begin - skipped
        )
        yield from _fade_loop_ends(pieces, skipped, end - begin)


def _fade_loop_ends(pieces: Iterable[Samples], position: int, length: int) -> Iterator[Samples]:
    """*pieces* from sample *position* on of a turn of *length* samples, its two ends faded."""
    for piece in pieces:
        place = np.arange(position, position + len(piece))
        gain = np.clip(np.minimum(place, length - 1 - place) / _FADE_SAMPLES, 0, 1)
        yield piece * gain.astype(np.float32)[:, None]
        position += len(piece)
