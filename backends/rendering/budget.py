"""The monthly budget of paid renderers, with all that was spent."""

import time
from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel

from backends.state_file import JsonStateFile

#: called with the dollars spent and the budget
BudgetListener = Callable[[float, float], None]

RETAINED_MONTHS = 13  #: a year and the current month


class BudgetExceeded(Exception):
    """The rest of the month's budget is too small for the purchase."""


class MonthRecord(BaseModel):
    """The purchases of one month.

    Attributes:
        bookings: dollars by purchase.
        told: whether the listener was called in this month.
    """

    bookings: dict[str, float] = {}
    told: bool = False

    @property
    def dollars(self) -> float:
        """The dollars spent so far."""
        return sum(self.bookings.values())


class MonthlyBudget:
    """A budget for each month (UTC), shared by all processes of this machine.

    A purchase is booked before it is made and released if nothing was billed. So purchases at the
    same time stay within the budget together, and one that is tried again is booked once.
    """

    def __init__(
        self,
        path: Path,
        limit: float | None,
        on_exceeded: BudgetListener,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Open the budget.

        Args:
            path: the state file with the bookings.
            limit: dollars a month; None for no limit.
            on_exceeded: called once in a month in which a purchase exceeds the budget.
            clock: returns seconds since the epoch.
        """
        self._state_file = JsonStateFile(path, MonthRecord)
        self._limit, self._on_exceeded, self._clock = limit, on_exceeded, clock

    def reserve(self, purchase: str, dollars: float) -> None:
        """Book *dollars* for *purchase*, unless it is booked already.

        Raises:
            BudgetExceeded: the rest of the month's budget is smaller.
        """
        if dollars <= 0:
            return
        with self._state_file.update() as months:
            if any(purchase in month.bookings for month in months.values()):
                return
            month = months.setdefault(self._get_month_key(), MonthRecord())
            for expired in sorted(months)[:-RETAINED_MONTHS]:
                del months[expired]
            if self._limit is None or month.dollars + dollars <= self._limit:
                month.bookings[purchase] = dollars
                return
            is_first_alert, month.told = not month.told, True
            spent = month.dollars
        if is_first_alert:
            self._on_exceeded(spent, self._limit)
        raise BudgetExceeded

    def release(self, purchase: str) -> None:
        """Remove the booking of *purchase*, which is not billed."""
        with self._state_file.update() as months:
            for month in months.values():
                month.bookings.pop(purchase, None)

    def get_spent(self) -> float:
        """Return the dollars spent in the current month."""
        return self._state_file.read().get(self._get_month_key(), MonthRecord()).dollars

    def _get_month_key(self) -> str:
        return time.strftime("%Y-%m", time.gmtime(self._clock()))
