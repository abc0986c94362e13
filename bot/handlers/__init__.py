"""The handlers of updates, one module for each topic."""

from aiogram import Router

from bot.handlers.admin import create_admin_router
from bot.handlers.card_answers import create_answers_router
from bot.handlers.commands import (
    create_cancel_router,
    create_privacy_router,
    create_start_router,
)
from bot.handlers.context import AddressedToBot
from bot.handlers.fallback import create_fallback_router
from bot.handlers.media import create_media_router, create_sample_router
from bot.handlers.preview_card import create_card_router
from bot.handlers.results import create_results_router
from bot.handlers.styles import create_styles_router


def create_routers() -> list[Router]:
    """Create all routers, in the order in which they are asked.

    The dispatcher provides by name: actions, admins, backend_pool, broadcasts, cards, drafts,
    history, intake, job_days, job_repository, jobs, keyboards, limits, lines, messenger, program,
    queue_reader, refusals, statistics, texts and users.
    """
    addressed = AddressedToBot()
    return [
        create_sample_router(),
        create_styles_router(addressed),
        create_start_router(),
        create_privacy_router(),
        create_cancel_router(),
        create_card_router(),
        create_answers_router(addressed),
        create_results_router(),
        create_media_router(addressed),
        create_admin_router(),
        create_fallback_router(addressed),
    ]
