"""What Shotstack's API may do to us, split by what to do next; no text carries a link or a key."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from backends.remote.http_client import parse_retry_after

MAX_MESSAGE_LENGTH = 300  #: characters of a foreign message
LINK_PATTERN = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
#: an account that is used up is told of with various statuses
NO_CREDITS_PATTERN = re.compile(r"credit|payment|subscription|quota", re.IGNORECASE)
#: of Shotstack's own command line: a render that failed with such a text is worth a second try
TRANSIENT_PATTERN = re.compile(
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


class ShotstackNotFound(ShotstackInvalid):
    """There is nothing of that id."""


class ShotstackFailed(ShotstackError):
    """A render or an upload was taken and came to nothing; a failed render is not billed.

    Attributes:
        is_transient: whether its text promises better luck.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.is_transient = bool(TRANSIENT_PATTERN.search(text))


class ShotstackRateLimited(ShotstackError):
    """The rate limit is reached; surely nothing was done.

    Attributes:
        retry_after: seconds to wait.
    """

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"busy for {retry_after:.0f} s")
        self.retry_after = retry_after


class ShotstackUnavailable(ShotstackError):
    """It cannot be reached, is broken, answers nonsense or takes too long.

    Attributes:
        has_reached_server: whether the request may have arrived, and have been carried out.
    """

    def __init__(self, text: str, *, has_reached_server: bool = True) -> None:
        super().__init__(text)
        self.has_reached_server = has_reached_server


class DuplicateRender(ShotstackError):
    """Somebody else asked for this render meanwhile; surely nothing was done now."""


class OutcomeUnknown(ShotstackError):
    """A render may have been accepted, and be billed; asking for it again might pay twice."""


def create_error(
    status: int, headers: Mapping[str, str], body: bytes, window: float
) -> ShotstackError:
    """What an answer of *status*, which is no success, means.

    Args:
        status: of HTTP.
        headers: of the answer.
        body: as far as it was read.
        window: seconds over which requests are counted; to be waited where no time is told.
    """
    text = f"status {status}: {extract_message(body)}"
    match status:
        case 401 | 402 | 403:
            return ShotstackRefused(text)
        case 404 | 410:
            return ShotstackNotFound(text)
        case 429:
            told = parse_retry_after(headers.get("Retry-After", ""))
            return ShotstackRateLimited(window if told is None else told)
        case 408:
            return ShotstackUnavailable(text)
        case _ if 400 <= status < 500:
            return (
                ShotstackRefused(text)
                if NO_CREDITS_PATTERN.search(text)
                else ShotstackInvalid(text)
            )
        case _:
            return ShotstackUnavailable(text)


def extract_message(body: bytes) -> str:
    """What an error's body says, from the most precise place that its shape offers."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return sanitize(body.decode(errors="replace"))
    return sanitize(next((text for text in _find_texts(document) if text.strip()), ""))


def _find_texts(document: Any) -> Iterator[str]:
    for error in _as_list(_get_nested(document, "errors"))[:1]:
        yield _as_text(_get_nested(error, "detail"))
    response = _get_nested(document, "response")
    details = _as_list(_get_nested(response, "error", "details"))
    yield "; ".join(filter(None, (_as_text(_get_nested(detail, "message")) for detail in details)))
    error = _get_nested(response, "error")
    yield json.dumps(error) if isinstance(error, dict) and error else _as_text(error)
    yield _as_text(_get_nested(response, "message"))
    yield _as_text(_get_nested(document, "message"))
    yield json.dumps(document)


def _get_nested(document: Any, *keys: str) -> Any:
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def sanitize(text: str) -> str:
    """*text* of a stranger for a log: one short line without links, which may be signed."""
    line = " ".join(text[: 20 * MAX_MESSAGE_LENGTH].split())
    line = LINK_PATTERN.sub("<link>", line)
    return "".join(filter(str.isprintable, line))[:MAX_MESSAGE_LENGTH]
