"""What an operator may do on the dashboard: each request acts once, and is written down."""

import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from bot.database.audit import AuditLog
from bot.database.jobs import JobRefused
from bot.jobs.supervisor import JobSupervisor
from bot.operations.backend_pool import BackendPool, UnknownBackend
from bot.operations.intake import Intake
from bot.web.signatures import MAX_AGE_SECONDS

log = logging.getLogger(__name__)

MAX_REMEMBERED = 10_000  #: requests that are recognised when they come again
DONE, NOTHING, UNKNOWN, ABSENT = "done", "nothing to do", "unknown backend", "unavailable"


class OpsAction(StrEnum):
    """What is to be done."""

    CANCEL = "cancel"
    RETRY = "retry"
    PAUSE = "pause"
    RESUME = "resume"
    FIRST = "first"
    TEST = "test"


class ActionRequest(BaseModel):
    """A confirmed action.

    Attributes:
        action: what is to be done.
        subject: the id of a job, or the name of a backend; "" for the intake.
        id: of this request, chosen by the page.
    """

    model_config = ConfigDict(extra="forbid")

    action: OpsAction
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


class OpsActions:
    """Does what operators ask for."""

    def __init__(
        self, jobs: JobSupervisor, backend_pool: BackendPool, intake: Intake, audit: AuditLog
    ) -> None:
        self._jobs, self._backend_pool = jobs, backend_pool
        self._intake, self._audit = intake, audit
        self._seen = SeenRequests()

    async def perform(self, actor: str, request: ActionRequest) -> str:
        """Do it once, and return "done" or why it was not.

        Raises:
            ReplayedRequest: it was done before.
        """
        self._seen.require_new(request.id)
        try:
            outcome = await self._act(request.action, request.subject)
        except UnknownBackend:
            outcome = UNKNOWN
        except JobRefused as refused:
            outcome = refused.code.value
        log.info("%s of %r by operator %s: %s", request.action, request.subject, actor, outcome)
        await self._audit.record(actor, request.action, request.subject, outcome)
        return outcome

    async def _act(self, action: OpsAction, subject: str) -> str:
        match action:
            case OpsAction.CANCEL:
                return DONE if await self._jobs.cancel(subject, user=None) else NOTHING
            case OpsAction.RETRY:
                return DONE if await self._jobs.retry(subject) else NOTHING
            case OpsAction.FIRST:
                return await _finish(self._backend_pool.put_first(subject))
            case OpsAction.TEST:
                return DONE if await self._backend_pool.recheck(subject) else ABSENT
            case _:
                return await _finish(self._intake.set_paused(is_paused=action is OpsAction.PAUSE))


async def _finish(work: Awaitable[None]) -> str:
    await work
    return DONE
