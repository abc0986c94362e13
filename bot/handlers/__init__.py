"""What the bot does when somebody writes or presses something."""

from aiogram import Router

from bot.handlers.admin import admin_router
from bot.handlers.commands import cancelling_router, start_router, style_router
from bot.handlers.context import Addressed
from bot.handlers.fallback import strangers_router
from bot.handlers.media import clips_router
from bot.handlers.preview_card import card_router
from bot.handlers.results import results_router


def routers() -> list[Router]:
    """All of them, in the order in which they are asked.

    They take by name: cards, drafts, jobs, keyboards, ledger, limits, people, sending, texts, and
    what admins need.
    """
    addressed = Addressed()
    return [
        start_router(),
        style_router(),
        cancelling_router(),
        card_router(),
        results_router(),
        clips_router(addressed),
        admin_router(),
        strangers_router(addressed),
    ]
