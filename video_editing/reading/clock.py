"""The clock of a file that was joined of several: it begins again, or jumps, at each joint."""

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

_JITTER = Fraction(1, 10)  #: seconds by which times may go back without a joint


class Part(NamedTuple):
    """A part of a file in which the clock runs on, in seconds of that clock.

    Attributes:
        start: of the first frame.
        end: of the last frame.
        shift: is added to the times, so that the part follows the one before it.
    """

    start: Fraction
    end: Fraction
    shift: Fraction


class JoinedClock:
    """Converts times of one stream, called in the order of the file, to those of one clock.

    Args:
        parts: of the file; none if its clock runs on.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = list(parts)
        self._latest: Fraction | None = None

    def __call__(self, seconds: Fraction) -> Fraction:
        """Return the time of the joined clip; unchanged in a file of one part."""
        if not self._parts:
            return seconds
        while len(self._parts) > 1 and self._is_of_next_part(seconds):
            del self._parts[0]
            self._latest = None
        self._latest = seconds if self._latest is None else max(self._latest, seconds)
        return seconds + self._parts[0].shift

    def _is_of_next_part(self, seconds: Fraction) -> bool:
        present, following = self._parts[:2]
        if following.start < present.end:
            return self._latest is not None and seconds < self._latest - _JITTER
        return seconds - present.end > abs(following.start - seconds)
