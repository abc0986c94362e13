"""Looking a few items ahead and behind in a stream."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from typing import TypeVar

T = TypeVar("T")


def windows(items: Iterable[T], reach: int) -> Iterator[tuple[T, list[T]]]:
    """Each item with those up to *reach* before and after it, itself among them.

    At both ends of *items* there are fewer. Costs *reach* items of delay and memory for
    2 × *reach* + 1.
    """
    span = 2 * reach + 1
    window: deque[T | None] = deque(repeat(None, span), span)
    for item in chain(items, repeat(None, reach)):
        window.append(item)
        middle = window[reach]
        if middle is not None:
            yield middle, [neighbour for neighbour in window if neighbour is not None]
