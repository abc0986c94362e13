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
from backends.errors import AllBackendsFailed, BackendUnavailable, Why
from backends.state_file import Shelf
from bot.database.users import People
from bot.domain.job_request import Language
from bot.domain.outcomes import Later
from bot.telegram.messenger import Sending
from bot.ui.texts import Texts
from video_editing.contract.plan import Plan

log = logging.getLogger(__name__)

LOOK_SECONDS = 60  #: between two looks at the disk, and two attempts to tell
UNTOLD = 100  #: alarms that wait to be told; more push the oldest out
LOW_BYTES, LOW_SHARE = 1_000_000_000, 0.1  #: of a disk, whichever is less

Value = str | float


class Alarm(StrEnum):
    """What it is about; each has its text, alarm-KIND."""

    REFUSED = "refused"  #: a place does not let us in: place, why
    NOBODY = "nobody"  #: all places failed a job: reasons
    DISK = "disk"  #: little space is left: free, in gigabytes (10^9 bytes)
    DATABASE = "database"  #: it is broken, so the bot does not start: reason
    BUDGET = "budget"  #: the month's money is spent: spent, budget, in dollars; about the month


#: seconds between two alarms of one kind about one thing, and where that is not an hour
QUIET_SECONDS, QUIET = 3600, {Alarm.BUDGET: 40 * 86400}

#: faults of a place that only an admin can mend
MENDABLE = (Why.REFUSED, Why.UNSAFE)


@dataclass(frozen=True, slots=True)
class _Untold:
    admin: int
    alarm: Alarm
    values: dict[str, Value]


class Alarms:
    """Collects alarms and tells each admin, once an hour for one kind and thing.

    When each was told last is kept in a file: it outlives restarts, and a broken database.
    """

    def __init__(
        self,
        sending: Sending,
        texts: Texts,
        admins: frozenset[int],
        folder: Path,
        people: People | None = None,
    ) -> None:
        """Know whom to tell.

        Args:
            sending: the way to them.
            texts: in their languages.
            admins: their ids.
            folder: whose disk is watched, and where it is kept what was told.
            people: who speaks what; None while there is no database.
        """
        self._sending = sending
        self._texts = texts
        self._admins = admins
        self._folder = folder
        self._people = people
        self._told = Shelf(folder / "alarms.json", float)  # when, by the wall clock
        self._untold: deque[_Untold] = deque(maxlen=UNTOLD)
        self._sounded = asyncio.Event()

    def sound(self, alarm: Alarm, about: str = "", **values: Value) -> None:
        """Have admins told, where they were not within the hour; does not wait.

        Args:
            alarm: its kind.
            about: the thing of which there may be several, as a place.
            values: what its text mentions.
        """
        if self._is_news(f"{alarm}:{about}", QUIET.get(alarm, QUIET_SECONDS)):
            self._untold.extend(_Untold(admin, alarm, values) for admin in sorted(self._admins))
            self._sounded.set()

    def heard(self, failure: BackendUnavailable) -> None:
        """Sound the alarm that *failure* is worth, if any."""
        if isinstance(failure, AllBackendsFailed):
            told = [f for f in failure.exceptions if isinstance(f, BackendUnavailable)]
            reasons = ", ".join(f"{f.backend}: {f.why}" for f in told)
            self.sound(Alarm.NOBODY, reasons=reasons)
        elif failure.why in MENDABLE:
            self.sound(Alarm.REFUSED, failure.backend, place=failure.backend, why=failure.why.value)

    def budget_reached(self, spent: float, budget: float) -> None:
        """Sound that this month's dollars are spent."""
        month = datetime.now(UTC).strftime("%Y-%m")
        self.sound(Alarm.BUDGET, month, spent=spent, budget=budget)

    async def run(self) -> None:
        """Watch the disk and tell what was sounded, without an end."""
        while True:
            self.look_at_disk()
            await self.tell()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._sounded.wait()

    async def tell(self) -> None:
        """Tell what was sounded; who cannot be reached now is told at the next call."""
        self._sounded.clear()
        for _ in range(len(self._untold)):
            untold = self._untold.popleft()
            text = self._text(await self._language(untold.admin), untold)
            try:
                answer = await self._sending.text(untold.admin, text)
            except TelegramBadRequest:  # a bug, for which nobody's job is to end
                log.exception("an alarm cannot be told: %s", untold.alarm)
            else:
                if isinstance(answer, Later):
                    self._untold.append(untold)

    def look_at_disk(self) -> None:
        """Sound where little is left of it."""
        try:
            disk = shutil.disk_usage(self._folder)
        except OSError:  # not there yet
            return
        if disk.free < min(LOW_BYTES, LOW_SHARE * disk.total):
            self.sound(Alarm.DISK, free=disk.free / 1e9)

    def _text(self, language: Language, untold: _Untold) -> str:
        values = dict(untold.values)
        if untold.alarm is Alarm.REFUSED:
            values["why"] = self._texts(language, "admin-why", why=values["why"])
        return self._texts(language, f"alarm-{untold.alarm}", **values)

    def _is_news(self, what: str, quiet: float) -> bool:
        now = time.time()
        with self._told.changing() as told:
            if now - quiet < told.get(what, 0.0) <= now:
                return False
            told[what] = now
        return True

    async def _language(self, admin: int) -> Language:
        if self._people is None:
            return Language.EN
        try:
            return await self._people.language(admin) or Language.EN
        except SQLAlchemyError:  # the alarm may be about that
            return Language.EN


class Alarmed(OverlayBackend):
    """A place, or a chain of them, whose failures admins are told of."""

    def __init__(self, inner: OverlayBackend, alarms: Alarms) -> None:
        self.name = inner.name
        self._inner = inner
        self._alarms = alarms

    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """See :class:`OverlayBackend`."""
        try:
            await self._inner.make_mattes(clip, plan, folder, report)
        except BackendUnavailable as failure:
            self._alarms.heard(failure)
            raise
