"""The monthly budget: bookings, releases, refusals and alerts."""

from collections.abc import Callable
from pathlib import Path

import pytest

from backends.rendering.budget import BudgetExceeded, MonthlyBudget

MAY, JUNE = 1_777_800_000.0, 1_780_400_000.0  # of 2026


@pytest.fixture
def alarms() -> list[tuple[float, float]]:
    """The arguments of each call of the listener."""
    return []


@pytest.fixture
def money(tmp_path: Path, alarms: list[tuple[float, float]]) -> Callable[..., MonthlyBudget]:
    """Open a budget of one dollar."""

    def opened(budget: float | None = 1, now: float = MAY) -> MonthlyBudget:
        def alarm(spent: float, whole: float) -> None:
            alarms.append((spent, whole))

        return MonthlyBudget(tmp_path / "money.json", budget, alarm, lambda: now)

    return opened


def test_bookings_add_up_and_outlive_the_process(money: Callable[..., MonthlyBudget]) -> None:
    """Another process sees the bookings."""
    money().reserve("a", 0.25)
    money().reserve("b", 0.5)
    assert money().get_spent() == 0.75


def test_the_same_thing_costs_once(money: Callable[..., MonthlyBudget]) -> None:
    """A render that continues after a restart is not booked again, even in a new month."""
    money().reserve("a", 0.25)
    money().reserve("a", 0.25)
    money(now=JUNE).reserve("a", 0.25)
    assert (money().get_spent(), money(now=JUNE).get_spent()) == (0.25, 0)


def test_more_than_the_budget_is_refused_with_one_alert(
    money: Callable[..., MonthlyBudget], alarms: list[tuple[float, float]]
) -> None:
    """Also if one purchase exceeds it; smaller ones may still fit."""
    money().reserve("a", 0.75)
    for _ in range(3):
        with pytest.raises(BudgetExceeded):
            money().reserve("b", 0.5)
    assert alarms == [(0.75, 1)]
    money().reserve("c", 0.25)


def test_a_new_month_is_a_new_budget(
    money: Callable[..., MonthlyBudget], alarms: list[tuple[float, float]]
) -> None:
    """The listener is called again in the new month."""
    for now in (MAY, JUNE):
        money(now=now).reserve(f"a {now}", 1)
        with pytest.raises(BudgetExceeded):
            money(now=now).reserve("b", 0.1)
    assert len(alarms) == 2


def test_a_released_booking_is_free(money: Callable[..., MonthlyBudget]) -> None:
    """A failed render is not billed."""
    money().reserve("a", 1)
    money().release("a")
    money().reserve("b", 1)


def test_without_a_budget_all_is_counted_and_allowed(money: Callable[..., MonthlyBudget]) -> None:
    """There is no limit, but the sum is recorded."""
    money(None).reserve("a", 1e6)
    assert money(None).get_spent() == 1e6


def test_what_is_free_is_not_booked(money: Callable[..., MonthlyBudget]) -> None:
    """The sandbox works after the budget is spent."""
    money().reserve("a", 1)
    money().reserve("b", 0)
