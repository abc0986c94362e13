"""What became of a message that was to be changed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Edited:
    """It is as it was to be."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """It was so before."""


@dataclass(frozen=True, slots=True)
class Missing:
    """It is not there any more, or not ours to change: what it was to say needs a new one."""
