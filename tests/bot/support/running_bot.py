"""Bots that run against a fake Telegram, and their users."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

from tests.bot.support.bot_process import BotProcess
from tests.bot.support.fake_telegram import Telegram, User

ADMIN = 1
_numbers = itertools.count(1000)


@dataclass
class RunningBot:
    """A fake Telegram and a running bot; creates users."""

    telegram: Telegram
    bot: BotProcess

    def user(self, language: str = "en", name: str = "Ann") -> User:
        """Create a new user."""
        return self.telegram.user(next(_numbers), language, name)


#: starts a bot with a stand-in, or the real program, and settings of its own
Opener = Callable[..., BotProcess]
