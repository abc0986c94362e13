"""Reads objects of Telegram's of which a part has a form that this program does not know.

Telegram adds kinds of origins, media and users at any time. What is not understood is left out, so
that the rest is.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, TypeVar

from pydantic import ValidationError

MAX_CHANGES = 60  #: of one object

T = TypeVar("T")


def parse_known_parts(parse: Callable[[dict[str, Any]], T], raw: Mapping[str, Any]) -> T | None:
    """Return what *parse* makes of *raw* without the parts that it does not accept.

    A required value that is missing or wrong becomes "" or 0; where neither is accepted, what it is
    a part of is left out.

    Args:
        parse: raises pydantic's ValidationError.
        raw: from JSON; it is not changed.

    Returns:
        None if nothing is left that *parse* accepts.
    """
    value = dict(raw)
    for number in range(MAX_CHANGES):
        try:
            return parse(value)
        except ValidationError as err:
            value = value if number else deepcopy(value)
            if not _mend(value, err.errors()[0]["loc"]):
                return None
    return None


def _mend(value: dict[str, Any], location: tuple[int | str, ...]) -> bool:
    """Change the part of *value* at *location*; return False where there is none but all of it."""
    path: list[tuple[Any, int | str]] = []  # containers, and the keys in them
    here: Any = value
    for key in location:  # names of classes are among them, which are no keys
        if _has(here, key):
            path.append((here, key))
            here = here[key]
    is_missing = isinstance(here, dict) and bool(location) and not _has(here, location[-1])
    if is_missing and isinstance(location[-1], str) and location[-1][:1].islower():
        here[location[-1]] = ""
        return True
    if not path:
        return False
    container, key = path[-1]
    if here == "":
        container[key] = 0
    elif here == 0 and len(path) > 1:
        del path[-2][0][path[-2][1]]
    else:
        del container[key]
    return True


def _has(container: Any, key: int | str) -> bool:
    if isinstance(container, dict):
        return key in container
    return isinstance(container, list) and isinstance(key, int) and key < len(container)
