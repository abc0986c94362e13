"""``/stats`` and ``/queue``: how the jobs go."""

import html
from collections.abc import Sequence
from time import time

from aiogram.types import Message

from bot.database.statistics import (
    DAY_SECONDS,
    DurationStats,
    Grouping,
    JobCounts,
    JobSummary,
    Statistics,
    get_day_start,
)
from bot.database.users import UserRepository
from bot.domain.job_request import Language
from bot.handlers.context import format_duration, get_language, reply_to_admin
from bot.telegram.messenger import Messenger
from bot.ui.texts import Texts

PERIOD_DAYS = (7, 30)  #: days, beside today
DURATION_DAYS = 7
GROUPINGS: tuple[Grouping, ...] = ("stage", "place")
MAX_SHOWN_JOBS = 30  #: jobs in one message
MAX_NAME_LENGTH = 14  #: letters of a name; with three numbers a line that fits a phone


async def show_stats(
    message: Message,
    statistics: Statistics,
    messenger: Messenger,
    texts: Texts,
    users: UserRepository,
) -> None:
    """Say how many jobs there were, how long they took and what they cost."""
    language = await get_language(message.from_user, users)
    parts = [
        await _format_job_counts(statistics, texts, language),
        await _format_durations(statistics, texts, language),
        await _format_spending(statistics, texts, language),
        _format_queue_counts(await statistics.list_open_jobs(), texts, language),
        texts(language, "admin-utc"),
    ]
    await reply_to_admin(messenger, message, "\n\n".join(parts))


async def show_queue(
    message: Message,
    statistics: Statistics,
    messenger: Messenger,
    texts: Texts,
    users: UserRepository,
) -> None:
    """Say which jobs run and wait, and how much room is left for them."""
    language = await get_language(message.from_user, users)
    active = await statistics.list_open_jobs()
    lines = [_format_queue_counts(active, texts, language)]
    lines += [_format_job(job, texts, language) for job in active[:MAX_SHOWN_JOBS]]
    if len(active) > MAX_SHOWN_JOBS:
        lines.append(texts(language, "admin-more", count=len(active) - MAX_SHOWN_JOBS))
    free, total = statistics.get_disk_usage()
    lines.append(texts(language, "admin-disk", free=free / 1e9, total=total / 1e9))
    await reply_to_admin(messenger, message, "\n".join(lines))


async def _format_job_counts(statistics: Statistics, texts: Texts, language: Language) -> str:
    now = time()
    spans = [await statistics.count_ended_jobs(get_day_start(now))]
    spans += [await statistics.count_ended_jobs(now - days * DAY_SECONDS) for days in PERIOD_DAYS]
    heads = [texts(language, "admin-today")]
    heads += [texts(language, "admin-days", days=days) for days in PERIOD_DAYS]
    rows = [["", *heads]]
    for name in ("all", "done", "failed", "cancelled"):
        counts = (str(getattr(ended, name)) for ended in spans)
        rows.append([texts(language, f"admin-row-{name}"), *counts])
    rows.append([texts(language, "admin-row-success"), *map(_format_percent, spans)])
    return f"{texts(language, 'admin-jobs')}\n{format_table(rows)}"


async def _format_durations(statistics: Statistics, texts: Texts, language: Language) -> str:
    since = time() - DURATION_DAYS * DAY_SECONDS
    heads = [texts(language, f"admin-column-{name}") for name in ("count", "median", "p95")]
    parts = []
    for by in GROUPINGS:
        found = await statistics.get_durations(by, since)
        if found:
            parts.append(texts(language, f"admin-times-by-{by}", days=DURATION_DAYS))
            parts.append(format_table([["", *heads], *map(_format_row, found)]))
    return "\n".join(parts)


async def _format_spending(statistics: Statistics, texts: Texts, language: Language) -> str:
    cost = await statistics.get_spending(time())
    lines = (
        texts(language, f"admin-cost-{name}", dollars=getattr(cost, name))
        for name in ("today", "month", "projected")
    )
    return "\n".join((texts(language, "admin-cost"), *lines))


def _format_queue_counts(active: Sequence[JobSummary], texts: Texts, language: Language) -> str:
    states = [job.state for job in active]
    counts = {state: states.count(state) for state in ("running", "waiting", "parked")}
    return texts(language, "admin-queue", **counts)


def _format_job(job: JobSummary, texts: Texts, language: Language) -> str:
    now = time()
    return texts(
        language,
        "admin-job",
        state=job.state,
        user=str(job.user),  # as a number it would be grouped by commas
        stage=job.stage,
        age=format_duration(texts, language, now - job.created),
        due=format_duration(texts, language, max(job.due - now, 0)),
    )


def _format_percent(counts: JobCounts) -> str:
    return "–" if counts.success_rate is None else f"{100 * counts.success_rate:.0f}%"


def _format_row(durations: DurationStats) -> list[str]:
    name = (
        durations.name
        if len(durations.name) <= MAX_NAME_LENGTH
        else f"{durations.name[: MAX_NAME_LENGTH - 1]}…"
    )
    return [
        name,
        str(durations.count),
        _format_seconds(durations.median),
        _format_seconds(durations.p95),
    ]


def _format_seconds(seconds: float) -> str:
    return f"{seconds:.1f}" if seconds < 100 else f"{seconds:.0f}"


def format_table(rows: Sequence[Sequence[str]]) -> str:
    """*rows* in columns, the first to the left and all others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        numbers = (f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True))
        lines.append("  ".join((f"{first:<{widths[0]}}", *numbers)))
    text = html.escape("\n".join(lines))
    return f"<pre>{text}</pre>"
