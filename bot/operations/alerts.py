"""What admins are told unasked, and not again within the hour."""

import asyncio
import logging
import shutil
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from aiogram.exceptions import TelegramBadRequest
from sqlalchemy.exc import SQLAlchemyError

from backends.base import OverlayBackend, Report
from backends.errors import AllBackendsFailed, BackendUnavailable, FailureKind
from backends.state_file import JsonStateFile
from bot.database.users import UserRepository
from bot.domain.job_request import Destination, Language
from bot.domain.outcomes import RetryLater
from bot.telegram.messenger import Messenger
from bot.ui.texts import Texts
from video_editing.contract.plan import Plan

log = logging.getLogger(__name__)

DISK_CHECK_SECONDS = 60  #: between two looks at the disk, and two attempts to tell
MAX_PENDING = 100  #: alarms that wait to be told; more push the oldest out
LOW_DISK_BYTES, LOW_DISK_SHARE = 1_000_000_000, 0.1  #: of a disk, whichever is less

AlertValue = str | float


class AlertKind(StrEnum):
    """What it is about; each has its text, alarm-KIND."""

    REFUSED = "refused"  #: a place does not let us in: place, why
    NO_BACKEND = "nobody"  #: all places failed a job: reasons
    DISK = "disk"  #: little space is left: free, in gigabytes (10^9 bytes)
    DATABASE = "database"  #: it is broken, so the bot does not start: reason
    BUDGET = "budget"  #: the month's money is spent: spent, budget, in dollars; about the month


#: seconds between two alarms of one kind about one thing, and where that is not an hour
REPEAT_SECONDS, REPEAT_SECONDS_BY_KIND = 3600, {AlertKind.BUDGET: 40 * 86400}

#: faults of a place that only an admin can mend
OPERATOR_FAILURES = (FailureKind.REFUSED, FailureKind.UNSAFE)


@dataclass(frozen=True, slots=True)
class _PendingAlert:
    admin: int
    kind: AlertKind
    values: dict[str, AlertValue]


class AdminAlerts:
    """Collects alarms and tells each admin, once an hour for one kind and thing.

    When each was told last is kept in a file: it outlives restarts, and a broken database.
    """

    def __init__(
        self,
        messenger: Messenger,
        texts: Texts,
        admins: frozenset[int],
        folder: Path,
        users: UserRepository | None = None,
    ) -> None:
        """Know whom to tell.

        Args:
            messenger: the way to them.
            texts: in their languages.
            admins: their ids.
            folder: whose disk is watched, and where it is kept what was told.
            users: who speaks what; None while there is no database.
        """
        self._messenger = messenger
        self._texts = texts
        self._admins = admins
        self._folder = folder
        self._users = users
        self._sent_at = JsonStateFile(folder / "alarms.json", float)  # when, by the wall clock
        self._pending: deque[_PendingAlert] = deque(maxlen=MAX_PENDING)
        self._raised = asyncio.Event()

    def raise_alert(self, kind: AlertKind, subject: str = "", **values: AlertValue) -> None:
        """Have admins told, where they were not within the hour; does not wait.

        Args:
            kind: its kind.
            subject: the thing of which there may be several, as a place.
            values: what its text mentions.
        """
        if self._is_news(f"{kind}:{subject}", REPEAT_SECONDS_BY_KIND.get(kind, REPEAT_SECONDS)):
            self._pending.extend(
                _PendingAlert(admin, kind, values) for admin in sorted(self._admins)
            )
            self._raised.set()

    def handle_failure(self, failure: BackendUnavailable) -> None:
        """Sound the alarm that *failure* is worth, if any."""
        if isinstance(failure, AllBackendsFailed):
            told = [f for f in failure.exceptions if isinstance(f, BackendUnavailable)]
            reasons = ", ".join(f"{f.backend}: {f.kind}" for f in told)
            self.raise_alert(AlertKind.NO_BACKEND, reasons=reasons)
        elif failure.kind in OPERATOR_FAILURES:
            self.raise_alert(
                AlertKind.REFUSED, failure.backend, place=failure.backend, why=failure.kind.value
            )

    def report_spent_budget(self, spent: float, budget: float) -> None:
        """Sound that this month's dollars are spent."""
        month = datetime.now(UTC).strftime("%Y-%m")
        self.raise_alert(AlertKind.BUDGET, month, spent=spent, budget=budget)

    async def run(self) -> None:
        """Watch the disk and tell what was sounded, without an end."""
        while True:
            self.check_disk()
            await self.send_pending()
            with suppress(TimeoutError):
                async with asyncio.timeout(DISK_CHECK_SECONDS):
                    await self._raised.wait()

    async def send_pending(self) -> None:
        """Tell what was sounded; who cannot be reached now is told at the next call."""
        self._raised.clear()
        for _ in range(len(self._pending)):
            untold = self._pending.popleft()
            text = self._build_text(await self._get_language(untold.admin), untold)
            try:
                answer = await self._messenger.send_text(Destination(untold.admin), text)
            except TelegramBadRequest:  # a bug, for which nobody's job is to end
                log.exception("an alarm cannot be told: %s", untold.kind)
            else:
                if isinstance(answer, RetryLater):
                    self._pending.append(untold)

    def check_disk(self) -> None:
        """Sound where little is left of it."""
        try:
            disk = shutil.disk_usage(self._folder)
        except OSError:  # not there yet
            return
        if disk.free < min(LOW_DISK_BYTES, LOW_DISK_SHARE * disk.total):
            self.raise_alert(AlertKind.DISK, free=disk.free / 1e9)

    def _build_text(self, language: Language, pending: _PendingAlert) -> str:
        values = dict(pending.values)
        if pending.kind is AlertKind.REFUSED:
            values["why"] = self._texts(language, "admin-why", why=values["why"])
        return self._texts(language, f"alarm-{pending.kind}", **values)

    def _is_news(self, subject: str, repeat_seconds: float) -> bool:
        now = time.time()
        with self._sent_at.update() as told:
            if now - repeat_seconds < told.get(subject, 0.0) <= now:
                return False
            told[subject] = now
        return True

    async def _get_language(self, admin: int) -> Language:
        if self._users is None:
            return Language.EN
        try:
            return await self._users.get_language(admin) or Language.EN
        except SQLAlchemyError:  # the alarm may be about that
            return Language.EN


class AlertingBackend(OverlayBackend):
    """A place, or a chain of them, whose failures admins are told of."""

    def __init__(self, inner: OverlayBackend, alerts: AdminAlerts) -> None:
        self.name = inner.name
        self._inner = inner
        self._alerts = alerts

    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """See :class:`OverlayBackend`."""
        try:
            await self._inner.make_mattes(clip, plan, folder, report)
        except BackendUnavailable as failure:
            self._alerts.handle_failure(failure)
            raise
