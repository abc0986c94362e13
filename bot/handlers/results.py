"""Presses under a result: the same in another form, shape or corner."""

from aiogram import Router
from aiogram.filters.callback_data import CallbackData
from aiogram.types import CallbackQuery

from bot.database.jobs import Job, JobRefused, JobRepository, JobState
from bot.domain.job_request import JobRequest, Language, Requester
from bot.handlers.context import create_router
from bot.jobs.supervisor import JobSupervisor
from bot.telegram.messenger import Messenger
from bot.ui.callback_data import RESULT_CHANGES, ResultChange, ShowResultPage
from bot.ui.keyboards import Keyboards
from bot.ui.texts import Texts


def create_results_router() -> Router:
    """All buttons of results, each for its owner."""
    made = create_router("results")
    made.callback_query.register(show_page, ShowResultPage.filter(), match_own_result)
    for other in RESULT_CHANGES:
        made.callback_query.register(order_variant, other.filter(), match_own_result)
    buttons: tuple[type[CallbackData], ...] = (*RESULT_CHANGES, ShowResultPage)
    for button in buttons:
        made.callback_query.register(refuse_press, button.filter())
    return made


async def match_own_result(
    query: CallbackQuery,
    callback_data: ResultChange | ShowResultPage,
    job_repository: JobRepository,
) -> dict[str, Job] | bool:
    """Pass whoever presses a button of her own result; tell its job.

    People press as soon as it is there, which is before the job is cleared up.
    """
    job = await job_repository.get(callback_data.job)
    if job is None or job.user != query.from_user.id:
        return False
    if job.state is not JobState.DONE and job.result is None:
        return False
    return {"job": job}


async def refuse_press(
    query: CallbackQuery,
    callback_data: ResultChange | ShowResultPage,
    job_repository: JobRepository,
    messenger: Messenger,
    texts: Texts,
    language: Language,
) -> None:
    """Say why a press does nothing."""
    job = await job_repository.get(callback_data.job)
    key = "too-old" if job is None or job.user == query.from_user.id else "not-yours"
    await messenger.answer_callback(query.id, texts(language, key), show_alert=True)


async def show_page(
    query: CallbackQuery,
    callback_data: ShowResultPage,
    job: Job,
    messenger: Messenger,
    keyboards: Keyboards,
) -> None:
    """Show another page of buttons."""
    await messenger.answer_callback(query.id)
    if under := query.message:
        keyboard = keyboards.create_result(job, callback_data.page)
        await messenger.edit_keyboard(under.chat.id, under.message_id, keyboard)


async def order_variant(
    query: CallbackQuery,
    callback_data: ResultChange,
    job: Job,
    job_repository: JobRepository,
    jobs: JobSupervisor,
    messenger: Messenger,
    texts: Texts,
    language: Language,
) -> None:
    """Take in a job that makes another with the same mattes, unless it is being made."""
    order = JobRequest(
        clip=job.order.clip,
        look=callback_data.choose_appearance(job.order.look),
        form=callback_data.choose_format(job.order.form),
        mattes=job.id,
    )
    if any(other.order == order for other in await job_repository.list_open_of_user(job.user)):
        await messenger.answer_callback(query.id, texts(language, "made-already"))
        return
    try:
        await jobs.accept(
            order,
            Requester(job.user, language),
            job.destination,
            origin=f"form:{job.id}:{order.form}:{query.id}",
        )
    except JobRefused as refused:
        await messenger.answer_callback(
            query.id, texts.describe_failure(language, refused.code, {}), show_alert=True
        )
        return
    await messenger.answer_callback(query.id, texts(language, "accepted"))
