"""What the tests of the bot share: a Telegram on this machine."""

import bot  # noqa: F401 - first, so that aiogram's types are light

# isort: split
from collections.abc import Iterator

import pytest
from fake_telegram import Telegram


@pytest.fixture
def telegram() -> Iterator[Telegram]:
    """One that nobody has spoken to."""
    with Telegram() as server:
        yield server
