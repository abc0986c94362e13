"""Translation of exceptions into what clients receive: fields of a job, or one sentence."""

import logging

from backends.errors import BackendUnavailable, FailureKind
from backends.links.download import FetchFailed, LinkError
from backends.remote.schemas import MatteJobFailure
from video_editing.cli.output import describe_error
from video_editing.contract.errors import Cancelled, InputRejected, OutputFailed

log = logging.getLogger(__name__)

INTERNAL_ERROR_MESSAGE = "The overlay could not be made here; try again later."
LINK_ERROR_MESSAGES = {
    LinkError.BAD_URL: "This is not a link to a file that can be fetched.",
    LinkError.UNREACHABLE: "The link cannot be reached.",
    LinkError.FORBIDDEN: "The file behind the link is not open to everybody.",
    LinkError.NOT_FOUND: "There is nothing behind the link.",
    LinkError.SERVER_FAILED: "The server behind the link does not give the file.",
    LinkError.NOT_A_FILE: "The link leads to a page; give a direct link to the video file.",
    LinkError.TOO_BIG: "The file behind the link is too large.",
    LinkError.TOO_SLOW: "The file behind the link comes too slowly.",
    LinkError.TLS: "The server behind the link cannot prove who it is.",
    LinkError.BROKEN_OFF: "The connection broke off before the file was complete.",
}


def create_job_failure(err: Exception) -> MatteJobFailure:
    """Return the fields for *err*; unexpected exceptions are logged, and sent without details."""
    match err:
        case InputRejected():
            return MatteJobFailure(rejected=True, reason=err.reason, details=err.details)
        case BackendUnavailable():
            return MatteJobFailure(rejected=False, reason=err.kind, retry_after=err.retry_after)
        case TimeoutError():
            return MatteJobFailure(rejected=False, reason=FailureKind.TOO_SLOW)
        case OutputFailed() | Cancelled():
            return MatteJobFailure(rejected=False, reason=FailureKind.BROKEN)
    log.error("a job failed because of a bug", exc_info=err)
    return MatteJobFailure(rejected=False, reason=FailureKind.BROKEN)


def describe_for_client(err: Exception) -> tuple[str, str]:
    """Return the reason and the sentence for *err*."""
    match err:
        case FetchFailed():
            return err.reason, LINK_ERROR_MESSAGES[err.reason]
        case InputRejected():
            return err.reason, describe_error(err)
    return create_job_failure(err).reason, INTERNAL_ERROR_MESSAGE
