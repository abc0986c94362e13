"""Translation of exceptions into what clients receive, which is JSON for every error."""

import logging
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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


async def _report_invalid_fields(_: Request, err: Exception) -> JSONResponse:
    """Name the invalid fields without their values, which may be secret or not valid JSON."""
    assert isinstance(err, RequestValidationError)
    fields = [{key: error[key] for key in ("loc", "msg", "type")} for error in err.errors()]
    return JSONResponse({"detail": fields}, 422)


async def _report_rejected_input(_: Request, err: Exception) -> JSONResponse:
    assert isinstance(err, InputRejected)
    field = {"loc": ["body", "input"], "msg": describe_error(err), "type": err.reason}
    return JSONResponse({"detail": [field]}, 422)


async def _report_unavailable(_: Request, __: Exception) -> JSONResponse:
    return JSONResponse({"detail": INTERNAL_ERROR_MESSAGE}, 503, {"Retry-After": "30"})


async def _report_full_disk(_: Request, __: Exception) -> JSONResponse:
    return JSONResponse({"detail": "the disk is full"}, 507)


async def _report_bug(_: Request, __: Exception) -> JSONResponse:
    return JSONResponse({"detail": INTERNAL_ERROR_MESSAGE}, 500)


ExceptionHandler = Callable[[Request, Any], Coroutine[Any, Any, Response]]

EXCEPTION_HANDLERS: dict[int | type[Exception], ExceptionHandler] = {
    RequestValidationError: _report_invalid_fields,
    InputRejected: _report_rejected_input,
    BackendUnavailable: _report_unavailable,
    OutputFailed: _report_full_disk,
    Exception: _report_bug,
}


class JsonErrorMiddleware:
    """Replaces the plain text with which the framework reports a few errors."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        replacement: JSONResponse | None = None

        async def send_json(message: Message) -> None:
            nonlocal replacement
            if message["type"] == "http.response.start" and _is_plain_error(message):
                status = message["status"]
                replacement = JSONResponse({"detail": HTTPStatus(status).phrase}, status)
                headers = MutableHeaders(raw=message["headers"])
                headers.update(replacement.headers)
            elif replacement is not None:
                message = {"type": "http.response.body", "body": replacement.body}
            await send(message)

        await self._app(scope, receive, send_json)


def _is_plain_error(start: Message) -> bool:
    content_type = Headers(raw=start["headers"]).get("content-type", "")
    return start["status"] >= 400 and content_type.startswith("text/plain")
