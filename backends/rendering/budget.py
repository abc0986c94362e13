"""What the months cost, and how much they may."""

import time
from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel

from backends.state_file import JsonStateFile

#: called with what is spent and with the budget, in dollars
BudgetListener = Callable[[float, float], None]

RETAINED_MONTHS = 13  #: that are remembered


class BudgetExceeded(Exception):
    """The month's budget does not allow it."""


class MonthRecord(BaseModel):
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


class MonthlyBudget:
    """A monthly budget, shared by all processes of this machine; months are UTC's.

    What is about to be bought is booked before and taken back if it came to nothing, so that
    purchases side by side stay within the budget too, and one that is tried again costs once.
    """

    def __init__(
        self,
        path: Path,
        limit: float | None,
        on_exceeded: BudgetListener,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Know the budget.

        Args:
            path: where the bookings are kept.
            limit: dollars a month; None is without an end.
            on_exceeded: sounded once in a month in which the budget is reached.
            clock: seconds since the epoch.
        """
        self._state_file = JsonStateFile(path, MonthRecord)
        self._limit, self._on_exceeded, self._clock = limit, on_exceeded, clock

    def reserve(self, purchase: str, dollars: float) -> None:
        """Spend *dollars* on *purchase*, once.

        Raises:
            MoneySpent: there are not so many left.
        """
        if dollars <= 0:
            return
        with self._state_file.update() as months:
            if any(purchase in month.bookings for month in months.values()):
                return
            now = months.setdefault(self._get_month_key(), MonthRecord())
            for old in sorted(months)[:-RETAINED_MONTHS]:
                del months[old]
            if self._limit is None or now.dollars + dollars <= self._limit:
                now.bookings[purchase] = dollars
                return
            is_first_alert, now.told = not now.told, True
            spent = now.dollars
        if is_first_alert:
            self._on_exceeded(spent, self._limit)
        raise BudgetExceeded

    def release(self, purchase: str) -> None:
        """It came to nothing, and is not billed."""
        with self._state_file.update() as months:
            for month in months.values():
                month.bookings.pop(purchase, None)

    def get_spent(self) -> float:
        """Dollars of this month."""
        return self._state_file.read().get(self._get_month_key(), MonthRecord()).dollars

    def _get_month_key(self) -> str:
        return time.strftime("%Y-%m", time.gmtime(self._clock()))
