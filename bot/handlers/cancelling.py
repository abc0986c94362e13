"""Stopping what is being made."""

from aiogram import Router
from aiogram.filters import Command
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message

from bot.buttons import Cancel
from bot.database.ledger import Ledger
from bot.handlers.speaking import reply, router
from bot.handlers.waiting import Waiting
from bot.jobs import Jobs
from bot.languages import Language
from bot.telegram.sending import Sending
from bot.texts import Texts


def cancelling_router() -> Router:
    """The command stops all jobs of somebody, a button one of them."""
    made = router("cancelling")
    made.message.register(no_background, Command("cancel"), Waiting.background)
    made.message.register(cancel_all, Command("cancel"))
    made.callback_query.register(cancel, Cancel.filter())
    return made


async def no_background(
    message: Message, state: FSMContext, sending: Sending, texts: Texts, language: Language
) -> None:
    """Wait for no background any more."""
    await state.clear()
    await reply(sending, message, texts(language, "background-kept"))


async def cancel_all(
    message: Message,
    ledger: Ledger,
    jobs: Jobs,
    sending: Sending,
    texts: Texts,
    language: Language,
) -> None:
    """Stop all that is made for somebody."""
    user = message.from_user
    if user is None:  # a channel
        return
    count = 0
    for job in await ledger.of(user.id):
        count += await jobs.cancel(job.id, user.id)
    key = "cancel-all" if count else "cancel-nothing"
    await reply(sending, message, texts(language, key, count=count))


async def cancel(
    query: CallbackQuery,
    callback_data: Cancel,
    ledger: Ledger,
    jobs: Jobs,
    sending: Sending,
    texts: Texts,
    language: Language,
) -> None:
    """Stop one job for its owner."""
    job, user = await ledger.get(callback_data.job), query.from_user.id
    if job is None:
        await sending.answer(query.id, texts(language, "too-old"), alert=True)
    elif job.user != user:
        await sending.answer(query.id, texts(language, "not-yours"), alert=True)
    else:
        stopped = await jobs.cancel(job.id, user)
        await sending.answer(query.id, texts(language, "cancelling" if stopped else "cancel-over"))
