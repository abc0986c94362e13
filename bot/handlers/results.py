"""Buttons under a result: another format, shape or corner of it, or its card again."""

from aiogram import Router
from aiogram.filters.callback_data import CallbackData
from aiogram.types import CallbackQuery

from bot.database.drafts import DraftRepository
from bot.database.jobs import Job, JobOrder, JobRefused, JobRepository, JobState
from bot.domain.job_request import JobRequest, Requester, SourceKind, measure_part
from bot.handlers.context import Conversation, create_router
from bot.handlers.media import start_card
from bot.jobs.supervisor import JobSupervisor
from bot.preview_cards import PreviewCards
from bot.ui.callback_data import RESULT_CHANGES, ReopenCard, ResultChange, ShowResultPage

ResultButton = ResultChange | ShowResultPage | ReopenCard


def create_results_router() -> Router:
    """Create the router for all buttons of results; each works for the owner of the job only."""
    router = create_router("results")
    router.callback_query.register(show_page, ShowResultPage.filter(), match_own_result)
    for change in RESULT_CHANGES:
        router.callback_query.register(order_variant, change.filter(), match_own_result)
    router.callback_query.register(reopen_card, ReopenCard.filter(), match_own_result)
    buttons: tuple[type[CallbackData], ...] = (*RESULT_CHANGES, ShowResultPage, ReopenCard)
    for button in buttons:
        router.callback_query.register(refuse_press, button.filter())
    return router


async def match_own_result(
    query: CallbackQuery,
    callback_data: ResultButton,
    job_repository: JobRepository,
) -> dict[str, Job] | bool:
    """Pass the owner of a delivered result, and provide its `job`.

    Users press as soon as they see the result, which is before the job is marked as done.
    """
    job = await job_repository.get(callback_data.job)
    if job is None or job.user != query.from_user.id:
        return False
    if job.state is not JobState.DONE and job.result is None:
        return False
    return {"job": job}


async def refuse_press(
    query: CallbackQuery,
    callback_data: ResultButton,
    conversation: Conversation,
    job_repository: JobRepository,
) -> None:
    """Explain why a press does nothing."""
    job = await job_repository.get(callback_data.job)
    key = "too-old" if job is None or job.user == query.from_user.id else "not-yours"
    await conversation.alert(query, conversation.text(key))


async def show_page(
    query: CallbackQuery, callback_data: ShowResultPage, job: Job, conversation: Conversation
) -> None:
    """Show another page of buttons."""
    await conversation.answer(query)
    keyboard = conversation.keyboards.create_result(job, callback_data.page)
    await conversation.edit_keyboard(query, keyboard)


async def reopen_card(
    query: CallbackQuery,
    job: Job,
    conversation: Conversation,
    drafts: DraftRepository,
    cards: PreviewCards,
) -> None:
    """Open a card with everything that the result was made with; its mattes are used again."""
    clip, message = job.order.clip, job.reply_to
    if message is None and query.message is not None:
        message = query.message.message_id
    is_erased = clip.kind is SourceKind.LINK and not clip.link
    if is_erased or message is None:
        await conversation.alert(query, conversation.text("too-old"))
        return
    draft = await drafts.reopen(job, conversation.language, message)
    await conversation.answer(query)
    if draft is not None:
        await start_card(draft, conversation, drafts, cards)


async def order_variant(
    query: CallbackQuery,
    callback_data: ResultChange,
    job: Job,
    conversation: Conversation,
    job_repository: JobRepository,
    jobs: JobSupervisor,
) -> None:
    """Accept a job that uses the same mattes, unless the same variant is being made."""
    order = JobRequest(
        clip=job.order.clip,
        look=callback_data.choose_appearance(job.order.look),
        form=callback_data.choose_format(job.order.form),
        mattes=job.id,
        excerpt=job.order.excerpt,
        cover=job.order.cover,
    )
    if any(other.order == order for other in await job_repository.list_open_of_user(job.user)):
        await conversation.answer(query, conversation.text("made-already"))
        return
    try:
        origin = f"form:{job.id}:{order.form}:{query.id}"
        await jobs.accept(
            [JobOrder(order, job.destination, origin)], Requester(job.user, conversation.language)
        )
    except JobRefused as refused:
        await conversation.alert(query, conversation.describe_failure(refused.code))
        return
    key = f"accepted-{order.form}" if _is_cut_short(order) else "accepted"
    await conversation.answer(query, conversation.text(key))


def _is_cut_short(order: JobRequest) -> bool:
    """Return whether the result has only the beginning: its format has a limit."""
    limit = order.form.spec.max_seconds
    return 0 < limit < measure_part(order.clip.seconds or 0, order.excerpt)
