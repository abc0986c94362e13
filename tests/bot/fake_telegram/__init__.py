"""A Telegram on this machine: the Bot API over HTTP, and people who talk to the bot."""

from fake_telegram.calls import Call, Calls
from fake_telegram.faults import Fault, Rates
from fake_telegram.messages import Button, Chat, Media, Message
from fake_telegram.telegram import TOKEN, Telegram
from fake_telegram.users import Press, User

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
