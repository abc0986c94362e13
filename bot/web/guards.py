"""What every page and request of a browser passes: headers, limits of bodies and rates."""

import json
import logging
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, TypeVar

from aiohttp import web

from backends.connection_guard import receiving
from bot.web.signatures import SignatureRefused

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 8 << 10
MAX_KEYS = 10_000  #: whose requests are counted; the one that asked least recently is forgotten
TELEGRAM_SCRIPT = "https://telegram.org/js/telegram-web-app.js"
#: everything comes from us but Telegram's script; pictures and videos are read with a signature,
#: and shown from the page's own memory
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        f"script-src 'self' {TELEGRAM_SCRIPT}",
        "style-src 'self'",
        "img-src 'self' blob:",
        "media-src blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors https://web.telegram.org https://*.web.telegram.org",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
P = TypeVar("P")


class RequestRate:
    """Allows so many requests at once, and so many a second in the long run, by key."""

    def __init__(
        self, burst: float, per_second: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst, self._per_second, self._clock = burst, per_second, clock
        self._buckets: dict[str, tuple[float, float]] = {}  # what is left, and when

    def require(self, key: str) -> None:
        """Count a request of *key*.

        Raises:
            HTTPTooManyRequests: there were too many.
        """
        now = self._clock()
        left, at = self._buckets.pop(key, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._per_second)
        is_allowed = left >= 1
        self._buckets[key] = (left - 1 if is_allowed else left, now)
        if len(self._buckets) > MAX_KEYS:
            self._buckets.pop(next(iter(self._buckets)))
        if not is_allowed:
            raise web.HTTPTooManyRequests(headers={"Retry-After": str(int(1 / self._per_second))})


class RequestGuard:
    """Wraps handlers: headers on every response, and refusals that say nothing to strangers."""

    def __init__(self) -> None:
        self._strangers = RequestRate(burst=30, per_second=0.5)

    def wrap(self, handler: Handler) -> Handler:
        """Return *handler* with the headers; a refused signature is 401 or, too often, 429."""

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                response = await handler(request)
            except SignatureRefused as refused:
                response = self._refuse(request, refused)
            except web.HTTPException as err:
                response = err
            except ConnectionError:  # nobody listens any more
                raise
            except Exception:
                log.exception("%s %s failed", request.method, _get_route(request))
                response = web.Response(status=HTTPStatus.INTERNAL_SERVER_ERROR)
            if not response.prepared:
                response.headers.update(HEADERS | dict(response.headers))
            if isinstance(response, web.HTTPException):
                raise response
            return response

        return handle

    def _refuse(self, request: web.Request, refused: SignatureRefused) -> web.Response:
        log.warning("refused %s %s: %s", request.method, _get_route(request), refused)
        try:
            self._strangers.require(request.remote or "")
        except web.HTTPTooManyRequests as err:
            return err
        why = "expired" if refused.is_expired else "unsigned"
        return web.json_response({"error": why}, status=HTTPStatus.UNAUTHORIZED)


def _get_route(request: web.Request) -> str:
    """Return the path of the route, without what a stranger wrote in it."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else ""


def create_handler(
    get_pages: Callable[[], P], answer: Callable[[P, web.Request], Awaitable[web.StreamResponse]]
) -> Handler:
    """Return a handler that asks for the pages at each request, since they may not be there yet.

    Args:
        get_pages: returns what answers; raises HTTPServiceUnavailable before the bot works.
        answer: the method of the pages that does.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        return await answer(get_pages(), request)

    return handle


def get_authorization(request: web.Request) -> str:
    """Return the header with the signature; "" without one."""
    return request.headers.get("Authorization", "")


async def read_json(request: web.Request) -> dict[str, Any]:
    """Return the JSON object in the body.

    Raises:
        HTTPRequestEntityTooLarge: the body is larger than :data:`MAX_BODY_BYTES`.
        HTTPBadRequest: it is no JSON object.
        HTTPUnsupportedMediaType: it is not declared as JSON, as a form of another site is not.
    """
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise web.HTTPRequestEntityTooLarge(MAX_BODY_BYTES, request.content_length or 0)
    with receiving():
        body = b""
        while len(body) <= MAX_BODY_BYTES and (part := await request.content.readany()):
            body += part
    if len(body) > MAX_BODY_BYTES:
        raise web.HTTPRequestEntityTooLarge(MAX_BODY_BYTES, len(body))
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as err:
        raise web.HTTPBadRequest from err
    if not isinstance(value, dict):
        raise web.HTTPBadRequest
    return value
