"""``/errors``: what runs, why jobs failed lately, and the latest errors of the log."""

from collections.abc import Mapping
from dataclasses import dataclass
from time import time

from aiogram.types import InlineKeyboardMarkup, Message

from bot.database.history import FailureGroup, History
from bot.database.statistics import DAY_SECONDS
from bot.handlers.admin_queue import QueueAction, QueueButton
from bot.handlers.admin_stats import DETAIL_DAYS, format_duration
from bot.handlers.context import Conversation
from bot.operations.logs import RecentLines
from bot.ui.buttons import create_button

MAX_SHOWN_ERRORS = 8
MAX_ERROR_LENGTH = 200  #: characters
MAX_RETRIES = 4  #: buttons, one for each reason


@dataclass(frozen=True, slots=True)
class RunningProgram:
    """What runs.

    Attributes:
        versions: of the bot and of FFmpeg, by name.
        started_at: when this process began to work, in seconds since 1970.
    """

    versions: Mapping[str, str]
    started_at: float


async def show_errors(
    message: Message,
    conversation: Conversation,
    history: History,
    lines: RecentLines,
    program: RunningProgram,
) -> None:
    """Show versions, uptime, failures by reason, and errors of this process."""
    failures = await history.list_failures(time() - DETAIL_DAYS * DAY_SECONDS)
    parts = [
        _format_program(conversation, program),
        _format_failures(conversation, failures),
        _format_log(conversation, lines),
    ]
    keyboard = _create_keyboard(conversation, failures)
    await conversation.reply(message, "\n\n".join(parts), keyboard)


def _format_program(conversation: Conversation, program: RunningProgram) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in program.versions.items())
    uptime = format_duration(conversation, time() - program.started_at)
    return conversation.text("admin-program", versions=versions, uptime=uptime)


def _format_failures(conversation: Conversation, failures: list[FailureGroup]) -> str:
    lines = [conversation.text("admin-failures", days=DETAIL_DAYS)]
    lines += [
        conversation.text(
            "admin-failure",
            reason=group.reason or "–",
            count=group.count,
            ago=format_duration(conversation, time() - group.last),
        )
        for group in failures
    ]
    return "\n".join(lines if failures else [*lines, "–"])


def _format_log(conversation: Conversation, lines: RecentLines) -> str:
    errors = lines.list_errors(MAX_SHOWN_ERRORS)
    shown = [conversation.text("admin-log")]
    shown += [
        conversation.text(
            "admin-log-line",
            ago=format_duration(conversation, time() - error.at),
            logger=error.logger,
            message=error.message[:MAX_ERROR_LENGTH],
        )
        for error in errors
    ]
    return "\n".join(shown if errors else [*shown, "–"])


def _create_keyboard(
    conversation: Conversation, failures: list[FailureGroup]
) -> InlineKeyboardMarkup | None:
    """Create a button for each reason, which repeats the last job that failed for it."""
    rows = [
        [
            create_button(
                conversation.text("admin-button-repeat", reason=group.reason or "–"),
                QueueButton(do=QueueAction.RETRY, job=group.jobs[0]),
            )
        ]
        for group in failures[:MAX_RETRIES]
    ]
    return InlineKeyboardMarkup(inline_keyboard=rows) if rows else None
