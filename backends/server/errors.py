"""How what went wrong is told to clients: as fields, and as one sentence."""

import logging

from backends.errors import BackendUnavailable, Why
from backends.links.download import FetchFailed, LinkFault
from backends.remote.schemas import Failure
from video_editing.cli.output import sentence
from video_editing.contract.errors import Cancelled, InputRejected, OutputFailed

log = logging.getLogger(__name__)

OUT_OF_ORDER = "The overlay could not be made here; try again later."
LINKS = {
    LinkFault.BAD_URL: "This is not a link to a file that can be fetched.",
    LinkFault.UNREACHABLE: "The link cannot be reached.",
    LinkFault.FORBIDDEN: "The file behind the link is not open to everybody.",
    LinkFault.NOT_FOUND: "There is nothing behind the link.",
    LinkFault.SERVER_FAILED: "The server behind the link does not give the file.",
    LinkFault.NOT_A_FILE: "The link leads to a page; give a direct link to the video file.",
    LinkFault.TOO_BIG: "The file behind the link is too large.",
    LinkFault.TOO_SLOW: "The file behind the link comes too slowly.",
    LinkFault.TLS: "The server behind the link cannot prove who it is.",
    LinkFault.BROKEN_OFF: "The connection broke off before the file was there.",
}


def failure(err: Exception) -> Failure:
    """The fields; what we did not expect is logged, and told without details."""
    match err:
        case InputRejected():
            return Failure(rejected=True, reason=err.reason, details=err.details)
        case BackendUnavailable():
            return Failure(rejected=False, reason=err.why, retry_after=err.retry_after)
        case TimeoutError():
            return Failure(rejected=False, reason=Why.TOO_SLOW)
        case OutputFailed() | Cancelled():
            return Failure(rejected=False, reason=Why.BROKEN)
    log.error("a job failed by our own fault", exc_info=err)
    return Failure(rejected=False, reason=Why.BROKEN)


def told(err: Exception) -> tuple[str, str]:
    """The reason and the sentence."""
    match err:
        case FetchFailed():
            return err.fault, LINKS[err.fault]
        case InputRejected():
            return err.reason, sentence(err)
    return failure(err).reason, OUT_OF_ORDER
