"""Serves health, readiness, metrics and the webhooks on $PORT."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from aiohttp import web
from yarl import URL

from backends.connection_guard import answering, receiving
from backends.shotstack.render_log import MAX_CALLBACK_BYTES, CallbackReceiver
from bot.operations.metrics import Metrics
from bot.telegram.updates import UpdateHandler

MAX_UPDATE_BYTES = 1 << 20
CHECK_TIMEOUT_SECONDS = 2.0  #: after which a readiness check counts as failed
CALLBACK_PATH = "/shotstack"  #: followed by the secret and the intent
WEBHOOK_HEADER = "X-Telegram-Bot-Api-Secret-Token"

ReadinessCheck = Callable[[], Awaitable[bool]]


@dataclass
class Readiness:
    """What /readyz and /metrics show; not ready until :meth:`start` is called.

    Attributes:
        checks: run at each request, by the public name of what they check.
        metrics: of the bot; None until it works.
        versions: what /readyz shows beside that, by name.
    """

    checks: dict[str, ReadinessCheck] = field(default_factory=dict)
    metrics: Metrics | None = None
    versions: Mapping[str, str] = field(default_factory=dict)

    def start(self, checks: Mapping[str, ReadinessCheck], metrics: Metrics) -> None:
        """Run *checks* and show *metrics* from now on."""
        self.checks, self.metrics = dict(checks), metrics

    async def list_missing(self) -> list[str]:
        """Return the names of failed checks; ["lease"] while another process holds the lock."""
        if not self.checks:
            return ["lease"]
        results = await asyncio.gather(*map(_run_check, self.checks.values()))
        return [name for name, is_ok in zip(self.checks, results, strict=True) if not is_ok]


async def _run_check(check: ReadinessCheck) -> bool:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
            return await check()
    except Exception:  # noqa: BLE001 - a check that fails in any way is not passed
        return False


def create_web_app(
    readiness: Readiness, routes: Iterable[web.RouteDef] = (), metrics_token: str = ""
) -> web.Application:
    """Create the web application with the health pages and *routes*.

    Args:
        readiness: what the pages show.
        routes: further ones.
        metrics_token: that /metrics requires; "": it is open, and shows less.
    """

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def readyz(_: web.Request) -> web.Response:
        missing = await readiness.list_missing()
        status = HTTPStatus.SERVICE_UNAVAILABLE if missing else HTTPStatus.OK
        answer = {"ready": not missing, "missing": missing, **readiness.versions}
        return web.json_response(answer, status=status)

    async def metrics(request: web.Request) -> web.Response:
        if metrics_token and not _has_bearer_token(request, metrics_token):
            raise web.HTTPUnauthorized(headers={"WWW-Authenticate": "Bearer"})
        if readiness.metrics is None:
            raise web.HTTPServiceUnavailable
        page = await readiness.metrics.render_page(is_public=not metrics_token)
        return web.Response(body=page, content_type="text/plain")

    pages = web.Application(client_max_size=MAX_UPDATE_BYTES, middlewares=[_hold_connection])
    pages.add_routes(
        [
            web.get("/healthz", healthz),
            web.get("/readyz", readyz),
            web.get("/metrics", metrics),
            *routes,
        ]
    )
    return pages


def _has_bearer_token(request: web.Request, token: str) -> bool:
    header = request.headers.get("Authorization", "").encode(errors="replace")
    return hmac.compare_digest(header, f"Bearer {token}".encode())


@web.middleware
async def _hold_connection(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Keep the connection open while the handler works."""
    with answering():
        return await handler(request)


def build_webhook_url(base: str, secret: str) -> URL:
    """Return the address for updates, which contains a hash of the secret as a path."""
    digest = hashlib.sha256(b"webhook path " + secret.encode()).hexdigest()
    return URL(base) / digest[:32]


def create_webhook_route(address: URL, secret: str, handle: UpdateHandler) -> web.RouteDef:
    """Create the route on which Telegram posts updates, one at a time.

    Args:
        address: made by :func:`build_webhook_url`.
        secret: that Telegram sends in a header; without it the body is not read.
        handle: returns when Telegram may forget the update.
    """

    async def receive_update(request: web.Request) -> web.Response:
        token = request.headers.get(WEBHOOK_HEADER, "")
        if not hmac.compare_digest(token.encode(errors="replace"), secret.encode()):
            raise web.HTTPUnauthorized
        try:
            with receiving():
                body = await request.read()
            update = json.loads(body)
        except ValueError as err:
            raise web.HTTPBadRequest from err
        if not isinstance(update, dict):
            raise web.HTTPBadRequest
        await handle(update)
        return web.Response()

    return web.post(address.path, receive_update)


def create_callback_route(callbacks: CallbackReceiver) -> web.RouteDef:
    """Create the route on which Shotstack reports that a render ended."""

    async def receive_callback(request: web.Request) -> web.Response:
        secret, intent = request.match_info["secret"], request.match_info["intent"]
        if not callbacks.is_known(secret, intent):
            raise web.HTTPNotFound
        with receiving():
            body = await request.content.read(MAX_CALLBACK_BYTES + 1)
        return web.Response(status=callbacks.receive(secret, intent, body))

    return web.post(f"{CALLBACK_PATH}/{{secret}}/{{intent}}", receive_callback)


class RecentEvent:
    """Tells whether an event was recorded within the last *seconds*."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._last = seconds, float("-inf")

    def record(self) -> None:
        """Record the event."""
        self._last = time.monotonic()

    async def __call__(self) -> bool:
        """Return whether it was recorded lately."""
        return time.monotonic() - self._last < self._seconds
