"""``/stats`` and ``/queue``: how the jobs go."""

import html
from collections.abc import Sequence
from time import time

from aiogram.types import Message

from bot.database.statistics import DAY, Active, By, Ended, Statistics, Times, midnight
from bot.database.users import People
from bot.domain.job_request import Language
from bot.handlers.context import answer, language_of, span
from bot.telegram.messenger import Sending
from bot.ui.texts import Texts

SPANS = (7, 30)  #: days, beside today
TIMES_DAYS = 7
GROUPS: tuple[By, ...] = ("stage", "place")
SHOWN = 30  #: jobs in one message
WIDEST = 14  #: letters of a name; with three numbers a line that fits a phone


async def stats(
    message: Message,
    statistics: Statistics,
    sending: Sending,
    texts: Texts,
    people: People,
) -> None:
    """Say how many jobs there were, how long they took and what they cost."""
    language = await language_of(message.from_user, people)
    parts = [
        await _jobs(statistics, texts, language),
        await _times(statistics, texts, language),
        await _cost(statistics, texts, language),
        _counts(await statistics.active(), texts, language),
        texts(language, "admin-utc"),
    ]
    await answer(sending, message, "\n\n".join(parts))


async def queue(
    message: Message,
    statistics: Statistics,
    sending: Sending,
    texts: Texts,
    people: People,
) -> None:
    """Say which jobs run and wait, and how much room is left for them."""
    language = await language_of(message.from_user, people)
    active = await statistics.active()
    lines = [_counts(active, texts, language)]
    lines += [_job(job, texts, language) for job in active[:SHOWN]]
    if len(active) > SHOWN:
        lines.append(texts(language, "admin-more", count=len(active) - SHOWN))
    free, total = statistics.disk()
    lines.append(texts(language, "admin-disk", free=free / 1e9, total=total / 1e9))
    await answer(sending, message, "\n".join(lines))


async def _jobs(statistics: Statistics, texts: Texts, language: Language) -> str:
    now = time()
    spans = [await statistics.ended(midnight(now))]
    spans += [await statistics.ended(now - days * DAY) for days in SPANS]
    heads = [texts(language, "admin-today")]
    heads += [texts(language, "admin-days", days=days) for days in SPANS]
    rows = [["", *heads]]
    for name in ("all", "done", "failed", "cancelled"):
        counts = (str(getattr(ended, name)) for ended in spans)
        rows.append([texts(language, f"admin-row-{name}"), *counts])
    rows.append([texts(language, "admin-row-success"), *map(_per_cent, spans)])
    return f"{texts(language, 'admin-jobs')}\n{table(rows)}"


async def _times(statistics: Statistics, texts: Texts, language: Language) -> str:
    since = time() - TIMES_DAYS * DAY
    heads = [texts(language, f"admin-column-{name}") for name in ("count", "median", "p95")]
    parts = []
    for by in GROUPS:
        found = await statistics.times(by, since)
        if found:
            parts.append(texts(language, f"admin-times-by-{by}", days=TIMES_DAYS))
            parts.append(table([["", *heads], *map(_row, found)]))
    return "\n".join(parts)


async def _cost(statistics: Statistics, texts: Texts, language: Language) -> str:
    cost = await statistics.cost(time())
    lines = (
        texts(language, f"admin-cost-{name}", dollars=getattr(cost, name))
        for name in ("today", "month", "projected")
    )
    return "\n".join((texts(language, "admin-cost"), *lines))


def _counts(active: Sequence[Active], texts: Texts, language: Language) -> str:
    states = [job.state for job in active]
    counts = {state: states.count(state) for state in ("running", "waiting", "parked")}
    return texts(language, "admin-queue", **counts)


def _job(job: Active, texts: Texts, language: Language) -> str:
    now = time()
    return texts(
        language,
        "admin-job",
        state=job.state,
        user=str(job.user),  # as a number it would be grouped by commas
        stage=job.stage,
        age=span(texts, language, now - job.created),
        due=span(texts, language, max(job.due - now, 0)),
    )


def _per_cent(ended: Ended) -> str:
    return "–" if ended.success is None else f"{100 * ended.success:.0f}%"


def _row(times: Times) -> list[str]:
    name = times.name if len(times.name) <= WIDEST else f"{times.name[: WIDEST - 1]}…"
    return [name, str(times.count), _seconds(times.median), _seconds(times.p95)]


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f}" if seconds < 100 else f"{seconds:.0f}"


def table(rows: Sequence[Sequence[str]]) -> str:
    """*rows* in columns, the first to the left and all others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        numbers = (f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True))
        lines.append("  ".join((f"{first:<{widths[0]}}", *numbers)))
    text = html.escape("\n".join(lines))
    return f"<pre>{text}</pre>"
