"""A Telegram on this machine: the Bot API over HTTP, and people who talk to the bot."""

from tests.bot.support.fake_telegram.calls import Call, Calls
from tests.bot.support.fake_telegram.faults import Fault, Rates
from tests.bot.support.fake_telegram.messages import Button, Chat, Media, Message
from tests.bot.support.fake_telegram.telegram import TOKEN, Telegram
from tests.bot.support.fake_telegram.users import Press, User

__all__ = [
    "TOKEN",
    "Button",
    "Call",
    "Calls",
    "Chat",
    "Fault",
    "Media",
    "Message",
    "Press",
    "Rates",
    "Telegram",
    "User",
]
