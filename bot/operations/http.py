"""What is served on $PORT: whether we live, whether we work, metrics, and the webhook."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from aiohttp import web
from yarl import URL

from backends.shotstack.render_log import MAX_CALLBACK_BYTES as LONGEST_CALLBACK
from backends.shotstack.render_log import CallbackReceiver
from bot.operations.metrics import Metrics

MAX_UPDATE_BYTES = 1 << 20  #: bytes of an update
CHECK_TIMEOUT_SECONDS = 2.0  #: in which a check answers, or counts as failed
CALLBACK_PATH = "/shotstack"  #: before the secret and the intent
WEBHOOK_HEADER = "X-Telegram-Bot-Api-Secret-Token"

ReadinessCheck = Callable[[], Awaitable[bool]]
WebhookHandler = Callable[[Mapping[str, Any]], Awaitable[None]]


@dataclass
class Readiness:
    """What must be so before we work, each by a name that may be shown.

    Attributes:
        checks: asked at every look.
        metrics: once there are any.
    """

    checks: dict[str, ReadinessCheck] = field(default_factory=dict)
    metrics: Metrics | None = None

    def start(self, checks: Mapping[str, ReadinessCheck], metrics: Metrics) -> None:
        """Tell from now on whether *checks* hold, and show *metrics*."""
        self.checks, self.metrics = dict(checks), metrics

    async def list_missing(self) -> list[str]:
        """What is not so."""
        if not self.checks:
            return ["lease"]
        hold = await asyncio.gather(*map(_run_check, self.checks.values()))
        return [name for name, holds in zip(self.checks, hold, strict=True) if not holds]


async def _run_check(check: ReadinessCheck) -> bool:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
            return await check()
    except Exception:  # noqa: BLE001 - whatever it is, it is not so
        return False


def create_web_app(readiness: Readiness, routes: Iterable[web.RouteDef] = ()) -> web.Application:
    """The pages, and *routes* besides."""

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def readyz(_: web.Request) -> web.Response:
        missing = await readiness.list_missing()
        status = HTTPStatus.SERVICE_UNAVAILABLE if missing else HTTPStatus.OK
        return web.json_response({"ready": not missing, "missing": missing}, status=status)

    async def metrics(_: web.Request) -> web.Response:
        if readiness.metrics is None:
            raise web.HTTPServiceUnavailable
        return web.Response(body=await readiness.metrics.render_page(), content_type="text/plain")

    pages = web.Application(client_max_size=MAX_UPDATE_BYTES)
    pages.add_routes(
        [
            web.get("/healthz", healthz),
            web.get("/readyz", readyz),
            web.get("/metrics", metrics),
            *routes,
        ]
    )
    return pages


def build_webhook_url(base: str, secret: str) -> URL:
    """Where Telegram brings updates: nobody guesses it, and it does not tell the secret."""
    digest = hashlib.sha256(b"webhook path " + secret.encode()).hexdigest()
    return URL(base) / digest[:32]


def create_webhook_route(address: URL, secret: str, handle: WebhookHandler) -> web.RouteDef:
    """The route on which Telegram brings updates, one at a time.

    Args:
        address: of :func:`webhook_address`.
        secret: that it shows; without it nothing is read.
        handle: returns when the update may be forgotten.
    """

    async def receive_update(request: web.Request) -> web.Response:
        shown = request.headers.get(WEBHOOK_HEADER, "")
        if not hmac.compare_digest(shown.encode(errors="replace"), secret.encode()):
            raise web.HTTPUnauthorized
        try:
            update = json.loads(await request.read())
        except ValueError as err:
            raise web.HTTPBadRequest from err
        if not isinstance(update, dict):
            raise web.HTTPBadRequest
        await handle(update)
        return web.Response()

    return web.post(address.path, receive_update)


def create_callback_route(callbacks: CallbackReceiver) -> web.RouteDef:
    """The route on which Shotstack tells that a render ended."""

    async def receive_callback(request: web.Request) -> web.Response:
        body = await request.content.read(LONGEST_CALLBACK + 1)
        secret, intent = request.match_info["secret"], request.match_info["intent"]
        return web.Response(status=callbacks.receive(secret, intent, body))

    return web.post(f"{CALLBACK_PATH}/{{secret}}/{{intent}}", receive_callback)


class RecentEvent:
    """Whether something happened within the last so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._last = seconds, float("-inf")

    def record(self) -> None:
        """It happens."""
        self._last = time.monotonic()

    async def __call__(self) -> bool:
        """Whether it did."""
        return time.monotonic() - self._last < self._seconds
