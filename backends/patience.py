"""How long the client of a service waits, and how it reads a service's refusals."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from backends.errors import BackendUnavailable, Why

LONGEST_WAIT = 3600  #: seconds; a service that asks for more is not believed


@dataclass(frozen=True)
class Patience:
    """How long the client waits.

    Attributes:
        answer: seconds for one request to be answered; Modal holds one for 150, then says 303.
        transfer: seconds for an answer's body, or for an upload's next bytes to move.
        warming: seconds without an answer after which the place is thought to be starting.
        start: seconds for a job to begin; a cold GPU takes a minute or two.
        stall: seconds in which a job at work must get further.
        poll: seconds between two questions.
        farewell: seconds for a last word, when the work is over or stopped.
        total: seconds for everything.
    """

    answer: float = 160
    transfer: float = 30
    warming: float = 3
    start: float = 300
    stall: float = 90
    poll: float = 0.5
    farewell: float = 1.5
    total: float = 3600


class Refused(BackendUnavailable):
    """The service answered with a status that is no success.

    Attributes:
        status: that status.
    """

    def __init__(self, backend: str, status: int, headers: Mapping[str, str]) -> None:
        retry_after = seconds_until(headers.get("Retry-After", ""))
        super().__init__(backend, _why(status), f"status {status}", retry_after=retry_after)
        self.status = status


def _why(status: int) -> Why:
    match status:
        case 401 | 403 | 404 | 407 | 413:
            return Why.REFUSED
        case 429 | 503:
            return Why.BUSY
        case _ if status >= 500:
            return Why.BROKEN
        case _:
            return Why.GARBAGE


def seconds_until(retry_after: str) -> float | None:
    """What a Retry-After header asks for, given in seconds or as a date (RFC 9110, 10.2.3)."""
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(retry_after).timestamp() - time.time()
        except ValueError:
            return None
    return min(max(seconds, 0), LONGEST_WAIT) if math.isfinite(seconds) else None
