"""A place that failed is left alone for a while, then tried by one job before all others."""

import time
from pathlib import Path

from pydantic import BaseModel

from backends.base import Event, OverlayBackend, Report
from backends.errors import BackendUnavailable, Why
from backends.state_file import Shelf
from video_editing.contract.errors import InputRejected
from video_editing.contract.plan import Plan
from video_editing.contract.progress import Progress

#: faults that do not pass by themselves: one is enough
LASTING = (Why.REFUSED, Why.UNSAFE, Why.NO_MODEL)


class Rest(BaseModel):
    """How a place fared.

    Attributes:
        failures: how many came in a row.
        until: the monotonic clock's time before which nobody asks again.
    """

    failures: int = 0
    until: float = 0


class Breaker(OverlayBackend):
    """Closed; open for a cool-down; half-open, when one job may probe.

    Taking the probe moves the end of the rest on by another cool-down, and as long as the probe
    gets on it keeps doing so. A probe that dies therefore blocks the place for no longer.

    The monotonic clock is the machine's: no jump of the wall clock moves it, and a restarted
    process goes on with it. Only a restarted machine begins it anew; an end of rest that lies
    further ahead than a cool-down was written before that, and is past.
    """

    def __init__(
        self, inner: OverlayBackend, shelf: Shelf[Rest], *, failures: int, cooldown: float
    ) -> None:
        """Watch over *inner*.

        Args:
            inner: the place.
            shelf: where it is kept how all places fared.
            failures: so many in a row open the breaker.
            cooldown: seconds for which it stays open.
        """
        self.name = inner.name
        self._inner = inner
        self._shelf = shelf
        self._failures = failures
        self._cooldown = cooldown

    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """See :class:`OverlayBackend`."""
        if self._closed():
            watched = report
        else:
            self._take_probe()
            watched = self._prolonging(report)
        try:
            await self._inner.make_mattes(clip, plan, folder, watched)
        except BackendUnavailable as failure:
            self._failed(failure.why)
            raise
        except InputRejected:
            self._worked()
            raise
        self._worked()

    def _closed(self) -> bool:
        return self._rest().failures < self._failures

    def _rest(self) -> Rest:
        return self._shelf.read().get(self.name, Rest())

    def _take_probe(self) -> None:
        """Be the one that asks again.

        Raises:
            BackendUnavailable: RESTING, it is too early, or somebody else is the one.
        """
        with self._shelf.changing() as rests:
            rest = rests.setdefault(self.name, Rest())
            now = time.monotonic()
            if now < rest.until <= now + self._cooldown:
                raise BackendUnavailable(self.name, Why.RESTING)
            rest.until = now + self._cooldown

    def _prolonging(self, report: Report) -> Report:
        """Report, and keep the probe ours while it gets on."""
        taken = time.monotonic()

        def prolonged(event: Event) -> None:
            nonlocal taken
            now = time.monotonic()
            if isinstance(event, Progress) and now - taken > self._cooldown / 2:
                taken = now
                with self._shelf.changing() as rests:
                    rests.setdefault(self.name, Rest()).until = now + self._cooldown
            report(event)

        return prolonged

    def _failed(self, why: Why) -> None:
        with self._shelf.changing() as rests:
            rest = rests.setdefault(self.name, Rest())
            rest.failures += self._failures if why in LASTING else 1
            rest.until = time.monotonic() + self._cooldown

    def _worked(self) -> None:
        if self._rest().failures:
            with self._shelf.changing() as rests:
                rests.pop(self.name, None)
