"""``/ops``: the routes of the operator's dashboard."""

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.jobs.operator_actions import OperatorAction, OperatorActions
from bot.operations.logs import RecentLines
from bot.web.guards import HEADERS, RequestRate, create_handler, get_authorization, read_json
from bot.web.ops_state import HISTORY_DAYS, OpsState
from bot.web.signatures import MAX_AGE_SECONDS, Operator, Signatures

EVENT_SECONDS = 0.5  #: between two looks at what changed
KEEP_ALIVE_SECONDS = 15.0  #: without a change, after which a comment keeps proxies from closing
MAX_LISTENERS = 20  #: pages that are open at the same time
MAX_LOG_LINES = 300  #: of one job
MAX_REMEMBERED = 10_000  #: actions that are recognised when they come again


class ActionRequest(BaseModel):
    """A confirmed action.

    Attributes:
        action: what is to be done.
        subject: the id of a job, or the name of a backend; "" for the intake.
        id: of this request, chosen by the page.
    """

    model_config = ConfigDict(extra="forbid")

    action: OperatorAction
    subject: str = Field(max_length=200, pattern=r"^[A-Za-z0-9_.:\[\]-]*$")
    id: str = Field(pattern=r"^[A-Za-z0-9-]{16,64}$")


class ReplayedRequest(Exception):
    """The request came before."""


class SeenRequests:
    """Recognises a request that is sent again, for as long as its signature is valid."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: OrderedDict[str, float] = OrderedDict()

    def require_new(self, request_id: str) -> None:
        """Remember a request. Raises ReplayedRequest."""
        now = self._clock()
        while self._seen and (
            len(self._seen) >= MAX_REMEMBERED
            or now - next(iter(self._seen.values())) > MAX_AGE_SECONDS
        ):
            self._seen.popitem(last=False)
        if request_id in self._seen:
            raise ReplayedRequest
        self._seen[request_id] = now


class OpsPages:
    """Answers the requests of the dashboard, all of which an operator must sign."""

    def __init__(
        self,
        signatures: Signatures,
        state: OpsState,
        actions: OperatorActions,
        lines: RecentLines,
    ) -> None:
        """Store the collaborators.

        Args:
            signatures: tells operators from others.
            state: what is shown.
            actions: what can be done.
            lines: the latest lines of the log.
        """
        self._signatures, self._state = signatures, state
        self._actions, self._lines = actions, lines
        self._rate = RequestRate(burst=60, per_second=2)
        self._seen = SeenRequests()
        self._listeners = 0

    async def send_events(self, request: web.Request) -> web.StreamResponse:
        """Send the state, and again whenever it changed.

        It ends when the page is closed or its signature expires; the page that asks again then
        learns why.
        """
        operator = self._check(request)
        if self._listeners >= MAX_LISTENERS:
            raise web.HTTPServiceUnavailable
        response = web.StreamResponse(
            headers=HEADERS | {"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
        )
        await response.prepare(request)
        self._listeners += 1
        try:
            with suppress(ConnectionError, TimeoutError):  # the page was closed, or is too old
                async with asyncio.timeout(operator.seconds_left):
                    await self._send_changes(response)
        finally:
            self._listeners -= 1
        return response

    async def send_history(self, request: web.Request) -> web.Response:
        """Send the series of the charts."""
        self._check(request)
        days = request.query.get("days", "")
        if days not in map(str, HISTORY_DAYS):
            raise web.HTTPBadRequest
        return web.json_response(await self._state.read_history(int(days)))

    async def send_log(self, request: web.Request) -> web.Response:
        """Send the latest lines of the log about a job."""
        self._check(request)
        lines = self._lines.find(request.match_info["job"])
        return web.json_response({"lines": lines[-MAX_LOG_LINES:]})

    async def act(self, request: web.Request) -> web.Response:
        """Do what an operator confirmed; 409 for a request that came before."""
        operator = self._check(request)
        try:
            asked = ActionRequest.model_validate(await read_json(request))
            self._seen.require_new(asked.id)
        except ValidationError as err:
            raise web.HTTPBadRequest from err
        except ReplayedRequest as err:
            raise web.HTTPConflict from err
        outcome = await self._actions.perform(operator.actor, asked.action, asked.subject)
        self._state.invalidate()
        return web.json_response({"outcome": outcome})

    async def _send_changes(self, response: web.StreamResponse) -> None:
        """Send without an end. Raises ConnectionError when nobody listens any more."""
        sent, sent_at = "", 0.0
        while True:
            text = json.dumps(await self._state.read(), ensure_ascii=False)
            if text != sent:
                await response.write(f"data: {text}\n\n".encode())
                sent, sent_at = text, time.monotonic()
            elif time.monotonic() - sent_at > KEEP_ALIVE_SECONDS:
                await response.write(b": still here\n\n")
                sent_at = time.monotonic()
            await asyncio.sleep(EVENT_SECONDS)

    def _check(self, request: web.Request) -> Operator:
        """Return who operates. Raises SignatureRefused or HTTPTooManyRequests."""
        operator = self._signatures.check_operator(get_authorization(request))
        self._rate.require(operator.actor)
        return operator


def create_ops_routes(get_pages: Callable[[], OpsPages]) -> list[web.RouteDef]:
    """Create the routes.

    Args:
        get_pages: returns what answers; raises HTTPServiceUnavailable before the bot works.
    """
    handle = partial(create_handler, get_pages)
    return [
        web.get("/ops/events", handle(OpsPages.send_events)),
        web.get("/ops/history", handle(OpsPages.send_history)),
        web.get("/ops/jobs/{job:[A-Za-z0-9_-]{1,32}}/log", handle(OpsPages.send_log)),
        web.post("/ops/actions", handle(OpsPages.act)),
    ]
