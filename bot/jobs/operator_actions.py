"""What operators may do, on the dashboard and in the chat; each action is written down."""

import logging
from enum import StrEnum

from bot.database.audit import AuditLog
from bot.database.jobs import JobRefused
from bot.jobs.supervisor import JobSupervisor
from bot.operations.backend_pool import BackendPool, LastBackend, UnknownBackend
from bot.operations.broadcasts import Broadcasts
from bot.operations.intake import Intake

log = logging.getLogger(__name__)

DONE, NOTHING, UNKNOWN, ABSENT = "done", "nothing to do", "unknown backend", "unavailable"
LAST = "last backend"


class OperatorAction(StrEnum):
    """What is to be done."""

    CANCEL = "cancel"  #: a job
    RETRY = "retry"  #: a job that failed, or is in a pause
    PAUSE = "pause"  #: the intake
    RESUME = "resume"
    FIRST = "first"  #: put a backend before all others
    UP = "up"  #: try a backend one position earlier
    ON = "on"
    OFF = "off"
    TEST = "test"  #: check whether a backend is available
    AUTO = "auto"  #: use all backends in the order of the settings
    DRAIN = "drain"  #: pause the intake, and tell when the last job has ended
    BAN = "ban"  #: ignore a user, whose jobs end
    UNBAN = "unban"
    BROADCAST = "broadcast"  #: send the message that an admin has prepared to all users


class OperatorActions:
    """Does what operators ask for."""

    def __init__(
        self,
        jobs: JobSupervisor,
        backend_pool: BackendPool,
        intake: Intake,
        broadcasts: Broadcasts,
        audit: AuditLog,
    ) -> None:
        self._jobs, self._backend_pool = jobs, backend_pool
        self._intake, self._broadcasts, self._audit = intake, broadcasts, audit

    async def perform(self, actor: str, action: OperatorAction, subject: str = "") -> str:
        """Do it, and return "done" or why it was not.

        Args:
            actor: the Telegram id of an admin, or "browser".
            action: what is to be done.
            subject: the id of a job or a user, or the name of a backend; "" for neither.
        """
        try:
            outcome = await self._act(action, subject)
        except UnknownBackend:
            outcome = UNKNOWN
        except LastBackend:
            outcome = LAST
        except JobRefused as refused:
            outcome = refused.code.value
        log.info("%s of %r by operator %s: %s", action, subject, actor, outcome)
        await self._audit.record(actor, action, subject, outcome)
        return outcome

    async def _act(self, action: OperatorAction, subject: str) -> str:
        match action:
            case OperatorAction.CANCEL:
                return DONE if await self._jobs.cancel(subject, user=None) else NOTHING
            case OperatorAction.RETRY:
                return DONE if await self._jobs.retry(subject) else NOTHING
            case OperatorAction.TEST:
                return DONE if await self._backend_pool.recheck(subject) else ABSENT
            case OperatorAction.PAUSE | OperatorAction.RESUME:
                await self._intake.set_paused(is_paused=action is OperatorAction.PAUSE)
            case OperatorAction.DRAIN:
                await self._intake.drain()
            case OperatorAction.BAN | OperatorAction.UNBAN:
                return await self._ban(subject, is_banned=action is OperatorAction.BAN)
            case OperatorAction.BROADCAST:
                return DONE if await self._broadcasts.confirm() else NOTHING
            case _:
                await self._order_backends(action, subject)
        return DONE

    async def _ban(self, subject: str, *, is_banned: bool) -> str:
        if not subject.isdecimal():
            return NOTHING
        await self._intake.set_banned(int(subject), is_banned=is_banned)
        if is_banned:
            await self._jobs.cancel_all(int(subject))
        return DONE

    async def _order_backends(self, action: OperatorAction, name: str) -> None:
        pool = self._backend_pool
        match action:
            case OperatorAction.FIRST:
                await pool.put_first(name)
            case OperatorAction.UP:
                await pool.move_up(name)
            case OperatorAction.AUTO:
                await pool.reset_order()
            case _:
                await pool.set_enabled(name, is_enabled=action is OperatorAction.ON)
