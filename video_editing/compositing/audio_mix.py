"""The sound of a result: the clip's voice, and the background's sound ducked under it."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import count, tee
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from video_editing.compositing.voice import read_voice
from video_editing.contract.sound import DEFAULT_SOUND, BackgroundSound, SoundOptions
from video_editing.reading.audio import (
    BLOCK_SAMPLES,
    SAMPLE_RATE,
    Samples,
    read_samples,
    split_into_blocks,
    take_samples,
)
from video_editing.reading.probe import Clip

SPEECH_GAIN = -15.0  #: dB, the background's gain during speech
PAUSE_GAIN = -6.0  #: dB, its gain in pauses of the voice

#: dB that are added to the background's gain; alone, it never becomes louder than it is
BACKGROUND_GAINS = {
    BackgroundSound.QUIET: -8.0,
    BackgroundSound.NORMAL: 0.0,
    BackgroundSound.LOUD: 8.0,
}

_HOP_SAMPLES = SAMPLE_RATE // 100  #: samples between measurements of the voice's level
_HOP_POSITIONS = np.arange(1, BLOCK_SAMPLES + 1) / _HOP_SAMPLES  #: of a block's samples, in hops
#: part of the way to a lower gain in one hop: a time constant of 20 ms
_ATTACK = 1 - np.exp(-_HOP_SAMPLES / (0.020 * SAMPLE_RATE)).item()
#: part of the way to a higher gain in one hop: a time constant of 400 ms
_RELEASE = 1 - np.exp(-_HOP_SAMPLES / (0.400 * SAMPLE_RATE)).item()

_MIN_SPEECH_LEVEL = -50.0  #: dBFS; quieter sound is no speech
_SPEECH_PROMINENCE = 12.0  #: dB by which speech exceeds the noise floor
_NOISE_RISE = 0.02  #: dB per hop by which the estimated noise floor rises


def duck(voice: Iterable[Samples], background: Iterable[Samples]) -> Iterator[Samples]:
    """Mix *background* under *voice*, which stays unchanged in the sum bit by bit.

    The gain falls before a word begins, because it follows the voice one block ahead.

    Args:
        voice: full blocks, endless.
        background: full blocks, endless.
    """
    now, ahead = tee(voice)
    gains = _compute_gains(ahead)
    next(gains)
    for voice_block, block, gain in zip(now, background, gains, strict=False):
        yield _add_limited(voice_block, block * gain)


def _compute_gains(voice: Iterable[Samples]) -> Iterator[NDArray[np.float32]]:
    """Yield the background's factors, (BLOCK, 1), for each block of *voice*."""
    gain, noise = PAUSE_GAIN, _MIN_SPEECH_LEVEL - _SPEECH_PROMINENCE
    for block in voice:
        curve = [gain]
        for level in _measure_levels(block):
            noise = max(min(level, noise + _NOISE_RISE), _MIN_SPEECH_LEVEL - _SPEECH_PROMINENCE)
            target = SPEECH_GAIN if level > noise + _SPEECH_PROMINENCE else PAUSE_GAIN
            gain += (target - gain) * (_ATTACK if target < gain else _RELEASE)
            curve.append(gain)
        yield _interpolate_gains(curve)


def _measure_levels(block: Samples) -> list[float]:
    """Return the power of each hop of *block*, dBFS; −120 for silence."""
    hops = block.reshape(-1, 2 * _HOP_SAMPLES)
    power = np.einsum("ij,ij->i", hops, hops) / hops.shape[1]
    levels: list[float] = (10 * np.log10(power + 1e-12)).tolist()
    return levels


def _interpolate_gains(curve: list[float]) -> NDArray[np.float32]:
    """Interpolate gains in dB at the ends of hops to a factor for each sample, (BLOCK, 1)."""
    factors = 10 ** (np.array(curve) / 20)
    line: NDArray[np.float64] = np.interp(_HOP_POSITIONS, np.arange(len(curve)), factors)
    return line.astype(np.float32)[:, None]


def _add_limited(voice: Samples, background: Samples) -> Samples:
    """Return the sum within −1…1: the background is limited softly to the room the voice leaves."""
    if np.abs(background).max() <= (1 - np.abs(voice).max()) / 2:
        return voice + background
    side = np.sign(background)
    knee = np.maximum((1 - voice * side) / 2, np.float32(1e-6))
    size = np.abs(background)
    limited = np.minimum(size, knee) + knee * np.tanh(np.maximum(size - knee, 0) / knee)
    summed: Samples = np.clip(voice + side * limited, -1, 1)
    return summed


#: seconds; the sound of a shorter loop is a rattle and is left out
MIN_LOOP_SECONDS = Fraction(1, 2)

#: samples over which a loop's ends are faded, so that its seam has no click
_FADE_SAMPLES = SAMPLE_RATE // 200


def has_sound(clip: Clip, background: Clip | None, sound: SoundOptions = DEFAULT_SOUND) -> bool:
    """Return whether the result has sound; without it, it needs no audio stream."""
    return clip.audio_stream is not None or _is_audible(background, sound)


def mix_audio(
    clip: Clip,
    background: Clip | None = None,
    sound: SoundOptions = DEFAULT_SOUND,
    *,
    seconds: Fraction,
    start: Fraction = Fraction(0),
) -> Iterator[Samples]:
    """Yield the sound of the result in blocks, round(seconds · SAMPLE_RATE) samples in all.

    A voice without a background is unchanged, unless *sound* changes it. The background's sound
    has full level if the clip has no sound, else it is ducked. It repeats every
    `background.picture_duration`, as its frames do; the first turn begins with the result.

    Args:
        clip: the clip whose sound is the voice.
        background: the video behind the person, from its own origin; None for other backgrounds.
        sound: of the voice and of the background.
        seconds: length of the result; shorter sound is followed by silence.
        start: beginning of the result, in seconds from the clip's origin.

    Raises:
        InputRejected: a file cannot be opened any more.
    """
    voice = read_voice(clip, sound, seconds=seconds, start=start)
    mixed = voice if not _is_audible(background, sound) else _mix(clip, voice, background, sound)
    return take_samples(mixed, round(seconds * SAMPLE_RATE))


def _mix(
    clip: Clip, voice: Iterator[Samples], background: Clip, sound: SoundOptions
) -> Iterator[Samples]:
    """Yield *voice* over the sound of *background* in full blocks, endless."""
    loop, gain = (
        split_into_blocks(_loop_audio(background)),
        BACKGROUND_GAINS[sound.background_sound],
    )
    if clip.audio_stream is None:
        gain = min(gain, 0)
    if gain:
        factor = np.float32(10 ** (gain / 20))
        loop = (block * factor for block in loop)
    return loop if clip.audio_stream is None else duck(voice, loop)


def _is_audible(background: Clip | None, sound: SoundOptions) -> TypeGuard[Clip]:
    """Return whether the sound of *background* is used."""
    return (
        background is not None
        and sound.background_sound is not BackgroundSound.OFF
        and background.audio_stream is not None
        and background.picture_duration >= MIN_LOOP_SECONDS
    )


def _loop_audio(background: Clip) -> Iterator[Samples]:
    """Yield the sound of *background* repeatedly."""
    for turn in count():
        begin, end = (
            round(n * background.picture_duration * SAMPLE_RATE) for n in (turn, turn + 1)
        )
        yield from _fade_loop_ends(take_samples(read_samples(background), end - begin), end - begin)


def _fade_loop_ends(pieces: Iterable[Samples], length: int) -> Iterator[Samples]:
    """Yield *pieces* of a turn of *length* samples with faded ends."""
    position = 0
    for piece in pieces:
        index = np.arange(position, position + len(piece))
        gain = np.clip(np.minimum(index, length - 1 - index) / _FADE_SAMPLES, 0, 1)
        yield piece * gain.astype(np.float32)[:, None]
        position += len(piece)
