"""What the months cost, and how much they may."""

import time
from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel

from backends.state_file import Shelf

#: called with what is spent and with the budget, in dollars
Alarm = Callable[[float, float], None]

MONTHS = 13  #: that are remembered


class MoneySpent(Exception):  # noqa: N818 - it says what happened
    """The month's budget does not allow it."""


class Month(BaseModel):
    """One month.

    Attributes:
        bookings: dollars by what they were spent on.
        told: whether the alarm was sounded.
    """

    bookings: dict[str, float] = {}
    told: bool = False

    @property
    def dollars(self) -> float:
        """What it has cost so far."""
        return sum(self.bookings.values())


class Money:
    """A monthly budget, shared by all processes of this machine; months are UTC's.

    What is about to be bought is booked before and taken back if it came to nothing, so that
    purchases side by side stay within the budget too, and one that is tried again costs once.
    """

    def __init__(
        self,
        path: Path,
        budget: float | None,
        alarm: Alarm,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Know the budget.

        Args:
            path: where the bookings are kept.
            budget: dollars a month; None is without an end.
            alarm: sounded once in a month in which the budget is reached.
            clock: seconds since the epoch.
        """
        self._shelf = Shelf(path, Month)
        self._budget, self._alarm, self._clock = budget, alarm, clock

    def book(self, what: str, dollars: float) -> None:
        """Spend *dollars* on *what*, once.

        Raises:
            MoneySpent: there are not so many left.
        """
        if dollars <= 0:
            return
        with self._shelf.changing() as months:
            if any(what in month.bookings for month in months.values()):
                return
            now = months.setdefault(self._month(), Month())
            for old in sorted(months)[:-MONTHS]:
                del months[old]
            if self._budget is None or now.dollars + dollars <= self._budget:
                now.bookings[what] = dollars
                return
            news, now.told = not now.told, True
            spent = now.dollars
        if news:
            self._alarm(spent, self._budget)
        raise MoneySpent

    def take_back(self, what: str) -> None:
        """It came to nothing, and is not billed."""
        with self._shelf.changing() as months:
            for month in months.values():
                month.bookings.pop(what, None)

    def spent(self) -> float:
        """Dollars of this month."""
        return self._shelf.read().get(self._month(), Month()).dollars

    def _month(self) -> str:
        return time.strftime("%Y-%m", time.gmtime(self._clock()))
