"""What Shotstack's API may do to us, split by what to do next; no text carries a link or a key."""

# ruff: noqa: N818 - the names say what to do next

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from backends.remote.http_client import seconds_until

LONGEST = 300  #: characters of a foreign message
LINK = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
#: an account that is used up is told of with various statuses
NO_CREDITS = re.compile(r"credit|payment|subscription|quota", re.IGNORECASE)
#: of Shotstack's own command line: a render that failed with such a text is worth a second try
TEMPORARY = re.compile(
    r"temporar|try again|time ?d? ?out|timeout|too many requests"
    r"|service unavailable|unavailable|throttl",
    re.IGNORECASE,
)


class ShotstackError(Exception):
    """Something did not come off; the text is for the log."""


class ShotstackRefused(ShotstackError):
    """The key, the plan or the credits do not allow it; asking again is pointless, admins care."""


class ShotstackInvalid(ShotstackError):
    """What was asked for is not what the API takes: our fault, or that of a template."""


class ShotstackGone(ShotstackInvalid):
    """There is nothing of that id."""


class ShotstackFailed(ShotstackError):
    """A render or an upload was taken and came to nothing; a failed render is not billed.

    Attributes:
        temporary: whether its text promises better luck.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.temporary = bool(TEMPORARY.search(text))


class ShotstackBusy(ShotstackError):
    """The rate limit is reached; surely nothing was done.

    Attributes:
        retry_after: seconds to wait.
    """

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"busy for {retry_after:.0f} s")
        self.retry_after = retry_after


class ShotstackAway(ShotstackError):
    """It cannot be reached, is broken, answers nonsense or takes too long.

    Attributes:
        reached: whether the request may have arrived, and have been carried out.
    """

    def __init__(self, text: str, *, reached: bool = True) -> None:
        super().__init__(text)
        self.reached = reached


class AlreadyAsked(ShotstackError):
    """Somebody else asked for this render meanwhile; surely nothing was done now."""


class OutcomeUnknown(ShotstackError):
    """A render may have been accepted, and be billed; asking for it again might pay twice."""


def failure(status: int, headers: Mapping[str, str], body: bytes, window: float) -> ShotstackError:
    """What an answer of *status*, which is no success, means.

    Args:
        status: of HTTP.
        headers: of the answer.
        body: as far as it was read.
        window: seconds over which requests are counted; to be waited where no time is told.
    """
    text = f"status {status}: {message(body)}"
    match status:
        case 401 | 402 | 403:
            return ShotstackRefused(text)
        case 404 | 410:
            return ShotstackGone(text)
        case 429:
            told = seconds_until(headers.get("Retry-After", ""))
            return ShotstackBusy(window if told is None else told)
        case 408:
            return ShotstackAway(text)
        case _ if 400 <= status < 500:
            return ShotstackRefused(text) if NO_CREDITS.search(text) else ShotstackInvalid(text)
        case _:
            return ShotstackAway(text)


def message(body: bytes) -> str:
    """What an error's body says, from the most precise place that its shape offers."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return clean(body.decode(errors="replace"))
    return clean(next((text for text in _texts(told) if text.strip()), ""))


def _texts(told: Any) -> Iterator[str]:
    for error in _items(_at(told, "errors"))[:1]:
        yield _text(_at(error, "detail"))
    response = _at(told, "response")
    details = _items(_at(response, "error", "details"))
    yield "; ".join(filter(None, (_text(_at(detail, "message")) for detail in details)))
    error = _at(response, "error")
    yield json.dumps(error) if isinstance(error, dict) and error else _text(error)
    yield _text(_at(response, "message"))
    yield _text(_at(told, "message"))
    yield json.dumps(told)


def _at(told: Any, *keys: str) -> Any:
    for key in keys:
        told = told.get(key) if isinstance(told, dict) else None
    return told


def _items(told: Any) -> list[Any]:
    return told if isinstance(told, list) else []


def _text(told: Any) -> str:
    return told if isinstance(told, str) else ""


def clean(text: str) -> str:
    """*text* of a stranger for a log: one short line without links, which may be signed."""
    line = " ".join(text[: 20 * LONGEST].split())
    line = LINK.sub("<link>", line)
    return "".join(filter(str.isprintable, line))[:LONGEST]
