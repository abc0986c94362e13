"""Presses under a result: the same in another form, shape or corner."""

from aiogram import Router
from aiogram.filters.callback_data import CallbackData
from aiogram.types import CallbackQuery

from bot.database.jobs import Job, Ledger, QueueFull, State, TooMany
from bot.domain.job_request import Language, Order
from bot.handlers.context import router
from bot.handlers.preview_card import too_many
from bot.jobs.supervisor import Jobs
from bot.telegram.messenger import Sending
from bot.ui.callback_data import OTHERS, Other, ResultPage
from bot.ui.keyboards import Keyboards
from bot.ui.texts import Texts


def results_router() -> Router:
    """All buttons of results, each for its owner."""
    made = router("results")
    made.callback_query.register(turned, ResultPage.filter(), owned)
    for other in OTHERS:
        made.callback_query.register(ordered, other.filter(), owned)
    buttons: tuple[type[CallbackData], ...] = (*OTHERS, ResultPage)
    for button in buttons:
        made.callback_query.register(refused, button.filter())
    return made


async def owned(
    query: CallbackQuery, callback_data: Other | ResultPage, ledger: Ledger
) -> dict[str, Job] | bool:
    """Pass whoever presses a button of her own result; tell its job.

    People press as soon as it is there, which is before the job is cleared up.
    """
    job = await ledger.get(callback_data.job)
    if job is None or job.user != query.from_user.id:
        return False
    if job.state is not State.DONE and job.result is None:
        return False
    return {"job": job}


async def refused(
    query: CallbackQuery,
    callback_data: Other | ResultPage,
    ledger: Ledger,
    sending: Sending,
    texts: Texts,
    language: Language,
) -> None:
    """Say why a press does nothing."""
    job = await ledger.get(callback_data.job)
    key = "too-old" if job is None or job.user == query.from_user.id else "not-yours"
    await sending.answer(query.id, texts(language, key), alert=True)


async def turned(
    query: CallbackQuery,
    callback_data: ResultPage,
    job: Job,
    sending: Sending,
    keyboards: Keyboards,
) -> None:
    """Show another page of buttons."""
    await sending.answer(query.id)
    if under := query.message:
        keyboard = keyboards.result(job, callback_data.page)
        await sending.edit_keyboard(under.chat.id, under.message_id, keyboard)


async def ordered(
    query: CallbackQuery,
    callback_data: Other,
    job: Job,
    ledger: Ledger,
    jobs: Jobs,
    sending: Sending,
    texts: Texts,
    language: Language,
) -> None:
    """Take in a job that makes another with the same mattes, unless it is being made."""
    order = Order(
        clip=job.order.clip,
        look=callback_data.look(job.order.look),
        form=callback_data.form(job.order.form),
        mattes=job.id,
    )
    if any(other.order == order for other in await ledger.of(job.user)):
        await sending.answer(query.id, texts(language, "made-already"))
        return
    try:
        await jobs.accept(
            order,
            user=job.user,
            chat=job.chat,
            topic=job.topic,
            reply_to=job.reply_to,
            language=language,
            origin=f"form:{job.id}:{order.form}:{query.id}",
        )
    except (TooMany, QueueFull) as full:
        await sending.answer(query.id, too_many(texts, language, full), alert=True)
        return
    await sending.answer(query.id, texts(language, "accepted"))
