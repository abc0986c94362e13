"""A monthly budget: what is booked, taken back, refused, and told."""

from collections.abc import Callable
from pathlib import Path

import pytest

from backends.rendering.budget import Money, MoneySpent

MAY, JUNE = 1_777_800_000.0, 1_780_400_000.0  # of 2026


@pytest.fixture
def alarms() -> list[tuple[float, float]]:
    """What the alarm was sounded with."""
    return []


@pytest.fixture
def money(tmp_path: Path, alarms: list[tuple[float, float]]) -> Callable[..., Money]:
    """Opens a budget of one dollar."""

    def opened(budget: float | None = 1, now: float = MAY) -> Money:
        def alarm(spent: float, whole: float) -> None:
            alarms.append((spent, whole))

        return Money(tmp_path / "money.json", budget, alarm, lambda: now)

    return opened


def test_bookings_add_up_and_outlive_the_process(money: Callable[..., Money]) -> None:
    """What one process spent, the next one knows."""
    money().book("a", 0.25)
    money().book("b", 0.5)
    assert money().spent() == 0.75


def test_the_same_thing_costs_once(money: Callable[..., Money]) -> None:
    """A render that is followed after a restart is not another one, not even in a new month."""
    money().book("a", 0.25)
    money().book("a", 0.25)
    money(now=JUNE).book("a", 0.25)
    assert (money().spent(), money(now=JUNE).spent()) == (0.25, 0)


def test_more_than_the_budget_is_refused_and_told_once(
    money: Callable[..., Money], alarms: list[tuple[float, float]]
) -> None:
    """Also where it is reached in one step; smaller things may still fit."""
    money().book("a", 0.75)
    for _ in range(3):
        with pytest.raises(MoneySpent):
            money().book("b", 0.5)
    assert alarms == [(0.75, 1)]
    money().book("c", 0.25)


def test_a_new_month_is_a_new_budget(
    money: Callable[..., Money], alarms: list[tuple[float, float]]
) -> None:
    """And its end is told again."""
    for now in (MAY, JUNE):
        money(now=now).book(f"a {now}", 1)
        with pytest.raises(MoneySpent):
            money(now=now).book("b", 0.1)
    assert len(alarms) == 2


def test_what_came_to_nothing_is_free(money: Callable[..., Money]) -> None:
    """A failed render is not billed."""
    money().book("a", 1)
    money().take_back("a")
    money().book("b", 1)


def test_without_a_budget_all_is_counted_and_allowed(money: Callable[..., Money]) -> None:
    """No end, but a sum."""
    money(None).book("a", 1e6)
    assert money(None).spent() == 1e6


def test_what_is_free_is_not_booked(money: Callable[..., Money]) -> None:
    """The sandbox goes on when all is spent."""
    money().book("a", 1)
    money().book("b", 0)
