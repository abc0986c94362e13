"""Errors of Shotstack's API, split by what to do next; no text contains a link or a key."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from backends.remote.http_client import parse_retry_after

MAX_MESSAGE_LENGTH = 300  #: characters of a message from Shotstack
LINK_PATTERN = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
LONG_WORD_PATTERN = re.compile(r"\S{33,}")  #: longer than S3's codes; may be a key or signature
STORAGE_ELEMENT = "<{0}>([^<]*)</{0}>"  #: of S3's answer to a failed request
#: no credits or no plan; Shotstack reports it with various statuses
NO_CREDITS_PATTERN = re.compile(r"credit|payment|subscription|quota", re.IGNORECASE)
#: error texts of renders that are worth a second attempt, as in Shotstack's own command line
TRANSIENT_PATTERN = re.compile(
    r"temporar|try again|time ?d? ?out|timeout|too many requests"
    r"|service unavailable|unavailable|throttl",
    re.IGNORECASE,
)


class ShotstackError(Exception):
    """A request or render failed; the text is for the log."""


class ShotstackRefused(ShotstackError):
    """The key, the plan or the credits do not allow the request; an admin has to act."""


class ShotstackInvalid(ShotstackError):
    """The API does not accept the request: a bug of ours, or a mistake in a template."""


class ShotstackNotFound(ShotstackInvalid):
    """There is no object of that id."""


class ShotstackFailed(ShotstackError):
    """A render or an upload was accepted and failed; a failed render is not billed.

    Attributes:
        is_transient: whether the text suggests that a second attempt may succeed.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.is_transient = bool(TRANSIENT_PATTERN.search(text))


class ShotstackRateLimited(ShotstackError):
    """The rate limit is reached; the request was certainly not carried out.

    Attributes:
        retry_after: seconds to wait.
    """

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"rate limited for {retry_after:.0f} s")
        self.retry_after = retry_after


class ShotstackUnavailable(ShotstackError):
    """Shotstack cannot be reached, fails, answers in an unknown form or takes too long.

    Attributes:
        has_reached_server: whether the request may have been received and carried out.
    """

    def __init__(self, text: str, *, has_reached_server: bool = True) -> None:
        super().__init__(text)
        self.has_reached_server = has_reached_server


class DuplicateRender(ShotstackError):
    """Another task has requested this render; this request was not sent."""


class OutcomeUnknown(ShotstackError):
    """A render may have been accepted, and may be billed; a second request might be too."""


def create_error(
    status: int, headers: Mapping[str, str], body: bytes, window: float
) -> ShotstackError:
    """Return the error that an unsuccessful answer means.

    Args:
        status: of HTTP.
        headers: of the answer.
        body: of the answer.
        window: seconds of the rate limit's window, the wait if the answer does not state one.
    """
    text = f"status {status}: {extract_message(body)}"
    match status:
        case 401 | 402 | 403:
            return ShotstackRefused(text)
        case 404 | 410:
            return ShotstackNotFound(text)
        case 429:
            retry_after = parse_retry_after(headers.get("Retry-After", ""))
            return ShotstackRateLimited(window if retry_after is None else retry_after)
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
    """Return the message in an error's body: the most precise one that its shape offers."""
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


def extract_storage_reason(body: bytes) -> str:
    """Return why S3 refused an upload: its code and message.

    The other elements of its answer repeat the signature, the key's id and what was signed.
    """
    text = body.decode(errors="replace")
    found = (STORAGE_ELEMENT.format(name) for name in ("Code", "Message"))
    matches = (re.search(pattern, text) for pattern in found)
    reason = " ".join(match[1] for match in matches if match)
    return sanitize(LONG_WORD_PATTERN.sub("<…>", reason))


def sanitize(text: str) -> str:
    """Return foreign *text* for a log: one short line without links, which may be signed."""
    line = " ".join(text[: 20 * MAX_MESSAGE_LENGTH].split())
    line = LINK_PATTERN.sub("<link>", line)
    return "".join(filter(str.isprintable, line))[:MAX_MESSAGE_LENGTH]
