"""``/stats``: counts, durations and costs of jobs."""

import html
from collections.abc import Mapping, Sequence
from time import time

from aiogram.types import Message

from bot.database.history import History
from bot.database.statistics import (
    DAY_SECONDS,
    DurationStats,
    Grouping,
    JobCounts,
    JobSummary,
    Statistics,
    get_day_start,
)
from bot.handlers.context import Conversation

PERIOD_DAYS = (7, 30)  #: periods of /stats in addition to today
DETAIL_DAYS = 7  #: period of failures, formats and durations
TREND_DAYS = 30
BARS = "▁▂▃▄▅▆▇█"
GROUPINGS: tuple[Grouping, ...] = ("stage", "place")
MAX_NAME_LENGTH = 14  #: characters; with three numbers a line fits a phone

#: seconds by unit, the largest first
DURATION_UNITS = {"d": 86400, "h": 3600, "min": 60, "s": 1}


async def show_stats(
    message: Message, conversation: Conversation, statistics: Statistics, history: History
) -> None:
    """Show how many jobs ended, why some failed, how long they took and what they cost."""
    since = time() - DETAIL_DAYS * DAY_SECONDS
    failures = {group.reason: group.count for group in await history.list_failures(since)}
    formats = await statistics.count_formats(since)
    parts = [
        await _format_job_counts(conversation, statistics),
        await _format_trend(conversation, history),
        _format_counts(conversation, "failures", failures),
        _format_counts(conversation, "formats", formats),
        await _format_durations(conversation, statistics, since),
        await _format_spending(conversation, statistics),
        _format_queue_counts(conversation, await statistics.list_open_jobs()),
        conversation.text("admin-utc"),
    ]
    await conversation.reply(message, "\n\n".join(filter(None, parts)))


def format_duration(conversation: Conversation, seconds: float) -> str:
    """Return a duration in the largest unit of which it has at least two."""
    unit = next((unit for unit, size in DURATION_UNITS.items() if seconds >= 2 * size), "s")
    return conversation.text("admin-span", unit=unit, count=int(seconds // DURATION_UNITS[unit]))


def format_table(rows: Sequence[Sequence[str]]) -> str:
    """Align *rows* in columns as HTML: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        numbers = (f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True))
        lines.append("  ".join((f"{first:<{widths[0]}}", *numbers)))
    text = html.escape("\n".join(lines))
    return f"<pre>{text}</pre>"


async def _format_job_counts(conversation: Conversation, statistics: Statistics) -> str:
    now = time()
    starts = [get_day_start(now), *(now - days * DAY_SECONDS for days in PERIOD_DAYS)]
    periods = [await statistics.count_ended_jobs(start) for start in starts]
    headings = [conversation.text("admin-today")]
    headings += [conversation.text("admin-days", days=days) for days in PERIOD_DAYS]
    rows = [["", *headings]]
    for name in ("all", "done", "failed", "cancelled"):
        counts = (str(getattr(period, name)) for period in periods)
        rows.append([conversation.text(f"admin-row-{name}"), *counts])
    rows.append([conversation.text("admin-row-success"), *map(_format_percent, periods)])
    users = [str(await statistics.count_users(start)) for start in starts]
    rows.append([conversation.text("admin-row-users"), *users])
    return f"{conversation.text('admin-jobs')}\n{format_table(rows)}"


async def _format_trend(conversation: Conversation, history: History) -> str:
    """Return the jobs that were done on each day as a row of bars; "" without any."""
    done = (await history.read(time(), TREND_DAYS)).done
    if not any(done):
        return ""
    bars = "".join(BARS[count * (len(BARS) - 1) // max(done)] for count in done)
    return conversation.text("admin-trend", days=TREND_DAYS, bars=bars, most=max(done))


def _format_counts(conversation: Conversation, key: str, counts: Mapping[str, int]) -> str:
    """Return a table with the heading ``admin-KEY``; "" without counts."""
    if not counts:
        return ""
    heading = conversation.text(f"admin-{key}", days=DETAIL_DAYS)
    rows = [[name or "–", str(count)] for name, count in counts.items()]
    return f"{heading}\n{format_table(rows)}"


async def _format_durations(
    conversation: Conversation, statistics: Statistics, since: float
) -> str:
    headings = [conversation.text(f"admin-column-{name}") for name in ("count", "median", "p95")]
    parts = []
    for grouping in GROUPINGS:
        durations = await statistics.get_durations(grouping, since)
        if grouping == "stage" and (waiting := await statistics.get_waiting_time(since)):
            durations.append(waiting)
        if durations:
            parts.append(conversation.text(f"admin-times-by-{grouping}", days=DETAIL_DAYS))
            parts.append(format_table([["", *headings], *map(_format_row, durations)]))
    return "\n".join(parts)


async def _format_spending(conversation: Conversation, statistics: Statistics) -> str:
    spending = await statistics.get_spending(time())
    lines = (
        conversation.text(f"admin-cost-{name}", dollars=getattr(spending, name))
        for name in ("today", "month", "projected")
    )
    return "\n".join((conversation.text("admin-cost"), *lines))


def _format_queue_counts(conversation: Conversation, jobs: Sequence[JobSummary]) -> str:
    states = [job.state for job in jobs]
    counts = {state: states.count(state) for state in ("running", "waiting", "parked")}
    return conversation.text("admin-queue", **counts)


def _format_percent(counts: JobCounts) -> str:
    return "–" if counts.success_rate is None else f"{100 * counts.success_rate:.0f}%"


def _format_row(durations: DurationStats) -> list[str]:
    name = durations.name
    if len(name) > MAX_NAME_LENGTH:
        name = f"{name[: MAX_NAME_LENGTH - 1]}…"
    return [
        name,
        str(durations.count),
        _format_seconds(durations.median),
        _format_seconds(durations.p95),
    ]


def _format_seconds(seconds: float) -> str:
    return f"{seconds:.1f}" if seconds < 100 else f"{seconds:.0f}"
