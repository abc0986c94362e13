"""``/queue``: the jobs that run and wait, and what an admin can do about them."""

from dataclasses import dataclass
from enum import StrEnum
from time import time
from typing import Annotated

from aiogram.enums import ChatType
from aiogram.filters.callback_data import CallbackData
from aiogram.types import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, Message
from pydantic import Field

from bot.database.jobs import Job, JobRepository, JobState
from bot.database.statistics import Statistics
from bot.handlers.admin_stats import format_duration
from bot.handlers.context import Conversation
from bot.jobs.operator_actions import DONE, OperatorAction, OperatorActions
from bot.jobs.supervisor import JobSupervisor, QueueEntry
from bot.operations.intake import Intake
from bot.ui.buttons import create_button

MAX_SHOWN_JOBS = 15  #: in one message
BUTTONS_IN_ROW = 5


class QueueAction(StrEnum):
    """What a button does."""

    LIST = "list"  #: show the queue
    JOB = "job"  #: show one job
    CANCEL = "cancel"
    RETRY = "retry"  #: now, instead of after a pause
    PAUSE = "pause"
    RESUME = "resume"


#: those that change something
ACTIONS = {
    QueueAction.CANCEL: OperatorAction.CANCEL,
    QueueAction.RETRY: OperatorAction.RETRY,
    QueueAction.PAUSE: OperatorAction.PAUSE,
    QueueAction.RESUME: OperatorAction.RESUME,
}


class QueueButton(CallbackData, prefix="queue"):
    """A button under the queue.

    Attributes:
        do: what it does.
        job: the id of a job; "" for buttons that concern all.
    """

    do: QueueAction
    job: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,32}$")] = ""


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """An open job.

    Attributes:
        job: its row.
        entry: how far it is; None for one that this process has not begun.
        is_blocked: it waits for the end of another job of its user.
    """

    job: Job
    entry: QueueEntry | None
    is_blocked: bool

    @property
    def is_paused(self) -> bool:
        """Whether it waits for a time, and not for its turn."""
        return self.job.state is not JobState.RUNNING and self.job.due > time()

    @property
    def reason(self) -> str:
        """What it does or waits for, as texts name it."""
        if self.job.state is JobState.RUNNING:
            return "running"
        if self.is_paused:
            return "backend" if self.job.state is JobState.PARKED else "pause"
        if self.is_blocked:
            return "user"
        return "start" if self.entry is None or self.entry.ahead is None else "turn"


@dataclass(frozen=True, slots=True)
class QueueReader:
    """What the queue is read from.

    Attributes:
        repository: all jobs.
        supervisor: those of this process.
        statistics: how much of the disk is free.
        intake: whether new jobs are accepted.
    """

    repository: JobRepository
    supervisor: JobSupervisor
    statistics: Statistics
    intake: Intake

    async def list_jobs(self) -> list[QueuedJob]:
        """Return the open jobs: those that run, wait in their order, and are in a pause."""
        entries = self.supervisor.list_queue()
        ranks = {entry.job.id: rank for rank, entry in enumerate(entries)}
        by_id = {entry.job.id: entry for entry in entries}
        jobs = await self.repository.list_open()
        users = {job.user for job in jobs if job.state is JobState.RUNNING}
        jobs.sort(
            key=lambda job: (job.state is not JobState.RUNNING, ranks.get(job.id, len(ranks)))
        )
        return [
            QueuedJob(
                job,
                by_id.get(job.id),
                is_blocked=job.state is not JobState.RUNNING and job.user in users,
            )
            for job in jobs
        ]


async def show_queue(
    message: Message, conversation: Conversation, queue_reader: QueueReader
) -> None:
    """Show which jobs run and wait, and how much of the disk is free."""
    jobs = await queue_reader.list_jobs()
    text = _format_queue(conversation, queue_reader, jobs)
    keyboard = _create_keyboard(conversation, queue_reader, jobs, message)
    await conversation.reply(message, text, keyboard)


async def press_queue_button(
    query: CallbackQuery,
    callback_data: QueueButton,
    conversation: Conversation,
    queue_reader: QueueReader,
    actions: OperatorActions,
) -> None:
    """Do what the button says, and show the queue or the job."""
    notice = ""
    if action := ACTIONS.get(callback_data.do):
        outcome = await actions.perform(str(query.from_user.id), action, callback_data.job)
        notice = conversation.text("admin-did" if outcome == DONE else "admin-did-nothing")
    await conversation.answer(query, notice)
    if not isinstance(query.message, Message):  # Telegram allows no edits of old messages
        return
    jobs = await queue_reader.list_jobs()
    chosen = [one for one in jobs if one.job.id == callback_data.job]
    if callback_data.do is QueueAction.JOB and chosen:
        text = _format_job(conversation, jobs.index(chosen[0]) + 1, chosen[0])
        await conversation.edit_text(query, text, _create_job_keyboard(conversation, chosen[0]))
        return
    text = _format_queue(conversation, queue_reader, jobs)
    keyboard = _create_keyboard(conversation, queue_reader, jobs, query.message)
    await conversation.edit_text(query, text, keyboard)


def _format_queue(conversation: Conversation, reader: QueueReader, jobs: list[QueuedJob]) -> str:
    states = [one.job.state for one in jobs]
    counts = {state.value: states.count(state) for state in JobState}
    lines = [conversation.text("admin-queue", **counts)]
    if reader.intake.is_paused:
        lines.append(conversation.text("admin-paused"))
    lines += [
        _format_job(conversation, number, one)
        for number, one in enumerate(jobs[:MAX_SHOWN_JOBS], 1)
    ]
    if len(jobs) > MAX_SHOWN_JOBS:
        lines.append(conversation.text("admin-more", count=len(jobs) - MAX_SHOWN_JOBS))
    free, total = reader.statistics.get_disk_usage()
    lines.append(conversation.text("admin-disk", free=free / 1e9, total=total / 1e9))
    return "\n".join(lines)


def _format_job(conversation: Conversation, number: int, one: QueuedJob) -> str:
    now, job, entry = time(), one.job, one.entry
    seconds = job.order.clip.seconds
    share = entry.share if entry else None
    return conversation.text(
        "admin-job",
        number=number,
        state=job.state,
        user=str(job.user),  # Fluent would group the digits of a number
        length="?" if seconds is None else f"{seconds // 60:.0f}:{seconds % 60:02.0f}",
        engine=conversation.text("admin-engine", engine=job.order.look.engine),
        why=one.reason,
        stage=job.stage,
        percent="" if share is None else f" {share:.0%}",
        backend=f", {entry.backend}" if entry and entry.backend else "",
        ahead=entry.ahead or 0 if entry else 0,
        due=format_duration(conversation, max(job.due - now, 0)),
        age=format_duration(conversation, now - job.created),
    )


def _create_keyboard(
    conversation: Conversation, reader: QueueReader, jobs: list[QueuedJob], message: Message
) -> InlineKeyboardMarkup:
    """Create a button for each job, those for the intake, and the way to the dashboard."""
    numbers = [
        create_button(str(number), QueueButton(do=QueueAction.JOB, job=one.job.id))
        for number, one in enumerate(jobs[:MAX_SHOWN_JOBS], 1)
    ]
    rows = [numbers[i : i + BUTTONS_IN_ROW] for i in range(0, len(numbers), BUTTONS_IN_ROW)]
    switch = QueueAction.RESUME if reader.intake.is_paused else QueueAction.PAUSE
    rows.append(
        [_create_button(conversation, switch), _create_button(conversation, QueueAction.LIST)]
    )
    if message.chat.type == ChatType.PRIVATE:  # Telegram opens pages from no other chats
        rows.append(conversation.keyboards.create_dashboard_row(conversation.language))
    return InlineKeyboardMarkup(inline_keyboard=[row for row in rows if row])


def _create_job_keyboard(conversation: Conversation, one: QueuedJob) -> InlineKeyboardMarkup:
    actions = [QueueAction.CANCEL, *([QueueAction.RETRY] if one.is_paused else [])]
    row = [_create_button(conversation, action, one.job.id) for action in actions]
    back = create_button(conversation.text("admin-button-back"), QueueButton(do=QueueAction.LIST))
    return InlineKeyboardMarkup(inline_keyboard=[row, [back]])


def _create_button(
    conversation: Conversation, action: QueueAction, job: str = ""
) -> InlineKeyboardButton:
    text = conversation.text(f"admin-button-{action}")
    return create_button(text, QueueButton(do=action, job=job))
