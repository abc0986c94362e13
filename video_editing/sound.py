"""What a result sounds like: the clip's voice, and the background's sound under it."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import count
from typing import TypeGuard

import numpy as np

from video_editing.clip import Clip
from video_editing.ducking import ducked
from video_editing.samples import RATE, Samples, blocks, cut, heard

#: Seconds; the sound of a shorter loop is a rattle that nobody wants.
SHORTEST_LOOP = Fraction(1, 2)

_FADE = RATE // 200  #: samples over which a loop's ends are faded, so that its seam has no click


def has_sound(clip: Clip, background: Clip | None) -> bool:
    """Whether the result has anything to be heard; without it, it needs no audio stream."""
    return clip.sound is not None or _plays(background)


def mixed(
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
    return cut(_endless(clip, background, start), round(seconds * RATE))


def _endless(clip: Clip, background: Clip | None, start: Fraction) -> Iterator[Samples]:
    """The sound from *start* on, in whole blocks, without end."""
    if not _plays(background):
        return heard(clip, start)
    loop = blocks(_turns(background, round(start * RATE)))
    return loop if clip.sound is None else ducked(heard(clip, start), loop)


def _plays(background: Clip | None) -> TypeGuard[Clip]:
    """Whether *background* is to be heard."""
    return (
        background is not None
        and background.sound is not None
        and background.duration >= SHORTEST_LOOP
    )


def _turns(background: Clip, at: int) -> Iterator[Samples]:
    """The sound of *background* again and again, from sample *at* on."""
    for turn in count(int(at / RATE / background.duration)):
        begin, end = (round(n * background.duration * RATE) for n in (turn, turn + 1))
        skipped = max(0, at - begin)
        pieces = cut(heard(background, Fraction(skipped, RATE)), end - begin - skipped)
        yield from _faded(pieces, skipped, end - begin)


def _faded(pieces: Iterable[Samples], at: int, length: int) -> Iterator[Samples]:
    """*pieces* from sample *at* on of a turn of *length* samples, its two ends faded."""
    for piece in pieces:
        place = np.arange(at, at + len(piece))
        gain = np.clip(np.minimum(place, length - 1 - place) / _FADE, 0, 1)
        yield piece * gain.astype(np.float32)[:, None]
        at += len(piece)
