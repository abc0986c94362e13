"""Handing frames and sound to a writer."""

from collections.abc import Iterator
from fractions import Fraction
from typing import TypeVar

from video_editing.encode import SAMPLE_RATE, Sound, Writer
from video_editing.frames import Timed

P = TypeVar("P")


def write(
    frames: Iterator[Timed[P]],
    sound: Iterator[Sound] | None,
    writer: Writer[P],
    timebase: Fraction,
) -> None:
    """Write pictures and sound side by side, so that neither waits long for the other."""
    blocks = sound or iter(())
    heard = Fraction(0)
    for frame in frames:
        while heard <= frame.time * timebase and (block := next(blocks, None)) is not None:
            writer.sound(block)
            heard += Fraction(len(block), SAMPLE_RATE)
        writer.picture(frame)
    for block in blocks:
        writer.sound(block)
