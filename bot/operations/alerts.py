"""Alerts to admins, at most one an hour for each kind and subject."""

import asyncio
import logging
import shutil
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from sqlalchemy.exc import SQLAlchemyError

from backends.base import OverlayBackend, Report
from backends.errors import AllBackendsFailed, BackendUnavailable, FailureKind
from backends.state_file import JsonStateFile
from bot.database.repository import JsonValue, KeyValueStore
from bot.database.users import UserRepository
from bot.domain.job_request import Destination, Language
from bot.domain.outcomes import RetryLater
from bot.telegram.messenger import Messenger
from bot.ui.texts import Texts
from video_editing.contract.plan import Plan

log = logging.getLogger(__name__)

DISK_CHECK_SECONDS = 60  #: between two checks of the disk, and between two attempts to send
MAX_PENDING = 100  #: alerts that are not sent yet; the oldest are dropped
LOW_DISK_BYTES, LOW_DISK_SHARE = 1_000_000_000, 0.1  #: free space of a disk; the lesser counts

STARTS_KEY = "starts"  #: of the times of the latest starts in the database
RESTART_WINDOW_SECONDS, MAX_STARTS = 900, 4  #: so many starts in that time are a fault

AlertValue = str | float


class AlertKind(StrEnum):
    """The kinds of alerts, with the values of their texts ``alarm-KIND``."""

    REFUSED = "refused"  #: a backend refuses the bot: place, why
    NO_BACKEND = "nobody"  #: all backends failed a job: reasons
    DISK = "disk"  #: the disk is nearly full: free, in gigabytes (10^9 bytes)
    DATABASE = "database"  #: the database is unusable, so the bot does not start: reason
    BUDGET = "budget"  #: the month's budget is spent: spent, budget, in dollars
    PRIVACY_MODE = "privacy"  #: in groups mentions of the bot do not arrive
    CARD = "card"  #: Telegram refuses a preview: why
    POISON = "poison"  #: a job was given up after several attempts: job
    DRAINED = "drained"  #: the last job has ended, and no new one is accepted
    BROADCAST = "broadcast"  #: a message to all users was sent: sent, failed
    RESTARTS = "restarts"  #: the bot starts again and again: count, minutes


REPEAT_SECONDS = 3600  #: between two alerts of one kind and subject
#: the same for kinds of another rate
REPEAT_SECONDS_BY_KIND = {
    AlertKind.BUDGET: 40 * 86400,
    AlertKind.PRIVACY_MODE: 365 * 86400,
    AlertKind.DRAINED: 0,
    AlertKind.BROADCAST: 0,
}

#: failures of a backend that only the operator can repair
OPERATOR_FAILURES = (FailureKind.REFUSED, FailureKind.UNSAFE, FailureKind.WRONG_PICTURE)


@dataclass(frozen=True, slots=True)
class _PendingAlert:
    admin: int
    kind: AlertKind
    values: dict[str, AlertValue]


class AdminAlerts:
    """Collects alerts and sends them to each admin, without repetitions.

    The times of the last alerts are stored in a file, which a broken database does not affect.
    """

    def __init__(
        self,
        messenger: Messenger,
        texts: Texts,
        admins: frozenset[int],
        folder: Path,
        users: UserRepository | None = None,
    ) -> None:
        """Store what alerts need.

        Args:
            messenger: sends them.
            texts: all texts.
            admins: Telegram's ids of the admins.
            folder: whose disk is checked, and where the state file is.
            users: the languages of users; None without a database.
        """
        self._messenger = messenger
        self._texts = texts
        self._admins = admins
        self._folder = folder
        self._users = users
        self._sent_at = JsonStateFile(folder / "alarms.json", float)  # seconds since 1970
        self._pending: deque[_PendingAlert] = deque(maxlen=MAX_PENDING)
        self._raised = asyncio.Event()

    def raise_alert(self, kind: AlertKind, subject: str = "", **values: AlertValue) -> None:
        """Queue an alert for all admins, unless the same one was raised within its interval.

        Args:
            kind: its kind.
            subject: tells alerts of one kind apart, like the name of a backend.
            values: of its text.
        """
        if self._is_due(f"{kind}:{subject}", REPEAT_SECONDS_BY_KIND.get(kind, REPEAT_SECONDS)):
            self._pending.extend(
                _PendingAlert(admin, kind, values) for admin in sorted(self._admins)
            )
            self._raised.set()

    def handle_failure(self, failure: BackendUnavailable) -> None:
        """Raise the alert that follows from *failure*, if any."""
        if isinstance(failure, AllBackendsFailed):
            failures = [f for f in failure.exceptions if isinstance(f, BackendUnavailable)]
            reasons = ", ".join(f"{f.backend}: {f.kind}" for f in failures)
            self.raise_alert(AlertKind.NO_BACKEND, reasons=reasons)
        elif failure.kind in OPERATOR_FAILURES:
            self.raise_alert(
                AlertKind.REFUSED, failure.backend, place=failure.backend, why=failure.kind.value
            )

    def report_spent_budget(self, spent: float, budget: float) -> None:
        """Raise the alert that this month's budget is spent, in dollars."""
        month = datetime.now(UTC).strftime("%Y-%m")
        self.raise_alert(AlertKind.BUDGET, month, spent=spent, budget=budget)

    def report_drained(self) -> None:
        """Raise the alert that the last job has ended."""
        self.raise_alert(AlertKind.DRAINED)

    def report_broadcast(self, sent: int, failed: int) -> None:
        """Raise the alert that a message to all users was sent."""
        self.raise_alert(AlertKind.BROADCAST, sent=sent, failed=failed)

    def report_poison(self, job_id: str) -> None:
        """Raise the alert that a job was given up."""
        self.raise_alert(AlertKind.POISON, job=job_id)

    def report_refused_card(self, why: str) -> None:
        """Raise the alert that Telegram refuses a preview."""
        self.raise_alert(AlertKind.CARD, why, why=why)

    async def check_restarts(self, store: KeyValueStore) -> None:
        """Record a start of the bot; raise an alert where there were several in a short time."""
        now, stored = time.time(), await store.get(STARTS_KEY)
        earlier = [at for at in stored if isinstance(at, float)] if isinstance(stored, list) else []
        starts = [*(at for at in earlier if 0 <= now - at < RESTART_WINDOW_SECONDS), now]
        await store.put(STARTS_KEY, list[JsonValue](starts[-MAX_STARTS:]))
        if len(starts) >= MAX_STARTS:
            minutes = RESTART_WINDOW_SECONDS // 60
            self.raise_alert(AlertKind.RESTARTS, count=len(starts), minutes=minutes)

    async def check_privacy_mode(self, bot: Bot) -> None:
        """Raise an alert if *bot* does not receive mentions in groups. Raises TelegramAPIError."""
        me = await bot.me()
        if me.can_join_groups and me.can_read_all_group_messages is False:
            self.raise_alert(AlertKind.PRIVACY_MODE)

    async def run(self) -> None:
        """Check the disk and send alerts, without an end."""
        while True:
            self.check_disk()
            await self.send_pending()
            with suppress(TimeoutError):
                async with asyncio.timeout(DISK_CHECK_SECONDS):
                    await self._raised.wait()

    async def send_pending(self) -> None:
        """Send the queued alerts; those that cannot be sent now stay in the queue."""
        self._raised.clear()
        for _ in range(len(self._pending)):
            alert = self._pending.popleft()
            text = self._build_text(await self._get_language(alert.admin), alert)
            try:
                answer = await self._messenger.send_text(Destination(alert.admin), text)
            except TelegramBadRequest:  # a bug, which must not stop the other alerts
                log.exception("an alert cannot be sent: %s", alert.kind)
            else:
                if isinstance(answer, RetryLater):
                    self._pending.append(alert)

    def check_disk(self) -> None:
        """Raise an alert if the disk is nearly full."""
        try:
            disk = shutil.disk_usage(self._folder)
        except OSError:  # the folder does not exist yet
            return
        if disk.free < min(LOW_DISK_BYTES, LOW_DISK_SHARE * disk.total):
            self.raise_alert(AlertKind.DISK, free=disk.free / 1e9)

    def _build_text(self, language: Language, pending: _PendingAlert) -> str:
        values = dict(pending.values)
        if pending.kind is AlertKind.REFUSED:
            values["why"] = self._texts(language, "admin-why", why=values["why"])
        return self._texts(language, f"alarm-{pending.kind}", **values)

    def _is_due(self, subject: str, repeat_seconds: float) -> bool:
        """Return whether no such alert was raised within its interval, and record this one."""
        now = time.time()
        with self._sent_at.update() as sent_at:
            if now - repeat_seconds < sent_at.get(subject, 0.0) <= now:
                return False
            sent_at[subject] = now
        return True

    async def _get_language(self, admin: int) -> Language:
        if self._users is None:
            return Language.EN
        try:
            return (await self._users.get_preferences(admin)).language or Language.EN
        except SQLAlchemyError:  # the alert may be about the database
            return Language.EN


class ObservedBackend(OverlayBackend):
    """Reports the failures of a backend, or of a chain of them."""

    def __init__(
        self, inner: OverlayBackend, on_failure: Callable[[BackendUnavailable], None]
    ) -> None:
        self.name = inner.name
        self._inner = inner
        self._on_failure = on_failure

    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """See :meth:`OverlayBackend.make_mattes`."""
        try:
            await self._inner.make_mattes(clip, plan, folder, report)
        except BackendUnavailable as failure:
            self._on_failure(failure)
            raise
