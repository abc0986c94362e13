"""Why nothing came from a link."""

from enum import StrEnum
from http import HTTPStatus


class LinkFault(StrEnum):
    """Why nothing came from a link; the texts for people hang on it."""

    BAD_URL = "bad_url"  #: none that we follow
    UNREACHABLE = "unreachable"  #: no such name, nobody answers, or an address we do not go to
    FORBIDDEN = "forbidden"  #: 401, 403, 451: it is not for everybody
    NOT_FOUND = "not_found"  #: 404, 410
    SERVER_FAILED = "server_failed"  #: any other status that is no success
    NOT_A_FILE = "not_a_file"  #: a page to look at, or something packed
    TOO_BIG = "too_big"
    TOO_SLOW = "too_slow"
    TLS = "tls"  #: its certificate is not to be trusted
    BROKEN_OFF = "broken_off"  #: the connection broke, again and again


class FetchFailed(Exception):  # noqa: N818 - it says what happened, not that something broke
    """Nothing usable came from the link.

    Attributes:
        fault: which of the known faults it is.
    """

    def __init__(self, fault: LinkFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


def look_at_status(status: int) -> None:
    """Let the statuses pass that come with a file.

    Raises:
        FetchFailed: *status* is another one.
    """
    match status:
        case HTTPStatus.OK | HTTPStatus.PARTIAL_CONTENT:
            return
        case 401 | 403 | 407 | 451:
            raise FetchFailed(LinkFault.FORBIDDEN)
        case 404 | 410:
            raise FetchFailed(LinkFault.NOT_FOUND)
        case _:
            raise FetchFailed(LinkFault.SERVER_FAILED)
