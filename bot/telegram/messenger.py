"""All that the bot says: each call ends in a value, whatever Telegram answers."""

from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

from aiogram import Bot
from aiogram.exceptions import TelegramAPIError, TelegramBadRequest, TelegramMigrateToChat
from aiogram.methods import (
    AnswerCallbackQuery,
    DeleteMessage,
    EditMessageMedia,
    EditMessageReplyMarkup,
    EditMessageText,
    SendChatAction,
    SendMessage,
    SendPhoto,
    TelegramMethod,
)
from aiogram.types import FSInputFile, InlineKeyboardMarkup, InputMediaPhoto, Message

from bot.database.drafts import Draft
from bot.database.jobs import Job
from bot.domain.job_request import Language, Order
from bot.domain.outcomes import (
    Delivered,
    Edited,
    Fault,
    Gone,
    Later,
    Made,
    Missing,
    Refused,
    Unchanged,
)
from bot.telegram.errors import Meaning, meaning, no_topic
from bot.telegram.limits import Limits, sizes
from bot.telegram.retry import hurried
from bot.telegram.uploads import Address, Extended, Upload, file_id, reply, upload_seconds

HURRY_SECONDS = 10  #: for a call that is not worth more

Keyboard = InlineKeyboardMarkup | None
Moved = Callable[[int, int], Awaitable[None]]

T = TypeVar("T")


class Ordered(Protocol):
    """What of a job its delivery needs."""

    @property
    def chat(self) -> int: ...  # noqa: D102
    @property
    def topic(self) -> int | None: ...  # noqa: D102
    @property
    def reply_to(self) -> int | None: ...  # noqa: D102
    @property
    def order(self) -> Order: ...  # noqa: D102


async def _nobody(_old: int, _new: int) -> None:
    """Nobody needs to know that a chat moved."""


class Sending:
    """The bot's voice.

    Texts are HTML. A chat that moved is followed. A call that could not be made is worth trying
    Later; one that was wrong in itself raises aiogram's TelegramBadRequest, as a bug does.
    """

    def __init__(self, bot: Bot, limits: Limits, moved: Moved = _nobody) -> None:
        """Remember how to speak.

        Args:
            bot: with a :class:`bot.telegram.client.Session`.
            limits: of what Telegram takes.
            moved: told the old and the new id of a group that became a supergroup.
        """
        self._bot, self._limits, self._moved = bot, limits, moved

    async def result(
        self,
        job: Ordered,
        made: Extended,
        keyboard: Keyboard = None,
        *,
        file: Path,
        thumbnail: Path | None = None,
        caption: str = "",
    ) -> Delivered | Later | Gone | Refused:
        """Deliver what a job made, in the form that was ordered.

        What Telegram does not take as a video, a note or a sticker it takes as a file.

        Raises:
            FileNotFoundError: the result is not there.
        """
        size = file.stat().st_size  # noqa: ASYNC240 - one look
        if size > self._limits.upload:
            details = sizes(size, self._limits.upload)
            return Refused(fault=Fault.RESULT_TOO_BIG, details=details)
        upload = Upload(job.order.form, file, made, thumbnail, caption, job.reply_to, keyboard)
        to, seconds = Address(job.chat, job.topic), upload_seconds(size)
        try:
            answer = await self._asked(to, upload.call, seconds)
        except TelegramBadRequest:
            answer = await self._asked(to, upload.plain, seconds)
        if isinstance(answer, Message):
            return Delivered(message=answer.message_id, file_id=file_id(answer))
        if isinstance(answer, Refused):
            return Refused(fault=answer.fault, details=sizes(size, self._limits.upload))
        return _of_new(answer)

    async def text(
        self,
        chat: int,
        text: str,
        *,
        topic: int | None = None,
        reply_to: int | None = None,
        keyboard: Keyboard = None,
        patient: bool = True,
    ) -> int | Later | Gone:
        """Say *text*; the message's id."""

        def call(to: Address) -> TelegramMethod[Message]:
            return SendMessage(
                chat_id=to.chat,
                message_thread_id=to.topic,
                text=text,
                reply_parameters=reply(reply_to),
                reply_markup=keyboard,
            )

        return await self._said(Address(chat, topic), call, patient=patient)

    async def card(
        self,
        chat: int,
        photo: Path,
        text: str,
        *,
        topic: int | None = None,
        reply_to: int | None = None,
        keyboard: Keyboard = None,
    ) -> int | Later | Gone:
        """Show *photo* with *text* under it; the message's id."""

        def call(to: Address) -> TelegramMethod[Message]:
            return SendPhoto(
                chat_id=to.chat,
                message_thread_id=to.topic,
                photo=FSInputFile(photo, "card.jpg"),
                caption=text or None,
                reply_parameters=reply(reply_to),
                reply_markup=keyboard,
            )

        return await self._said(Address(chat, topic), call)

    async def redraw(
        self,
        chat: int,
        message: int,
        photo: Path,
        text: str,
        *,
        keyboard: Keyboard = None,
        patient: bool = True,
    ) -> Edited | Unchanged | Missing | Later | Gone:
        """Put *photo* with *text* under it in the place of what a message shows, or only says."""
        media = InputMediaPhoto(media=FSInputFile(photo, "card.jpg"), caption=text or None)

        def call(to: Address) -> TelegramMethod[Any]:
            return EditMessageMedia(
                chat_id=to.chat, message_id=message, media=media, reply_markup=keyboard
            )

        return await self._edited(chat, call, patient=patient)

    async def edit_text(
        self,
        chat: int,
        message: int,
        text: str,
        *,
        keyboard: Keyboard = None,
        patient: bool = True,
    ) -> Edited | Unchanged | Missing | Later | Gone:
        """Have a message of ours say *text*, with these buttons or none.

        Args:
            chat: where it is.
            message: its id.
            text: in HTML.
            keyboard: the buttons that it has from now on.
            patient: False for what is worth one attempt, like progress.
        """

        def call(to: Address) -> TelegramMethod[Any]:
            return EditMessageText(
                chat_id=to.chat, message_id=message, text=text, reply_markup=keyboard
            )

        return await self._edited(chat, call, patient=patient)

    async def edit_keyboard(
        self, chat: int, message: int, keyboard: Keyboard = None
    ) -> Edited | Unchanged | Missing | Later | Gone:
        """Give a message other buttons, or none."""

        def call(to: Address) -> TelegramMethod[Any]:
            return EditMessageReplyMarkup(
                chat_id=to.chat, message_id=message, reply_markup=keyboard
            )

        return await self._edited(chat, call)

    async def delete(self, chat: int, message: int) -> Edited | Unchanged | Missing | Later | Gone:
        """Remove a message; Edited when it is gone by this call."""

        def call(to: Address) -> TelegramMethod[Any]:
            return DeleteMessage(chat_id=to.chat, message_id=message)

        return await self._edited(chat, call)

    async def answer(self, query: str, text: str = "", *, alert: bool = False) -> None:
        """End the waiting of a button; nothing is lost when it has waited too long already."""
        call = AnswerCallbackQuery(
            callback_query_id=query, text=text or None, show_alert=alert or None
        )
        with suppress(TelegramAPIError):
            await self._bot(call, request_timeout=HURRY_SECONDS)

    async def action(self, chat: int, action: str, topic: int | None = None) -> None:
        """Show that something is being done, like "upload_video", where that is possible."""
        call = SendChatAction(chat_id=chat, message_thread_id=topic, action=action)
        with suppress(TelegramAPIError):
            await self._bot(call, request_timeout=HURRY_SECONDS)

    async def _said(
        self,
        to: Address,
        call: Callable[[Address], TelegramMethod[Message]],
        *,
        patient: bool = True,
    ) -> int | Later | Gone:
        answer = await self._asked(to, call, patient=patient)
        if isinstance(answer, Message):
            return answer.message_id
        refused = _of_new(answer)
        assert not isinstance(refused, Refused), "only results are large"
        return refused

    async def _edited(
        self, chat: int, call: Callable[[Address], TelegramMethod[Any]], *, patient: bool = True
    ) -> Edited | Unchanged | Missing | Later | Gone:
        answer = await self._asked(Address(chat), call, patient=patient)
        if isinstance(answer, Unchanged | Missing | Later | Gone):
            return answer
        return Edited()

    async def _asked(
        self,
        to: Address,
        call: Callable[[Address], TelegramMethod[T]],
        seconds: int | None = None,
        *,
        patient: bool = True,
    ) -> T | Meaning:
        """Telegram's answer, or what its refusal means.

        Raises:
            TelegramBadRequest: the call was wrong in itself.
        """
        seconds = seconds if patient else HURRY_SECONDS
        try:
            with nullcontext() if patient else hurried():
                return await self._followed(to, call, seconds)
        except TelegramAPIError as err:
            if (meant := meaning(err)) is not None:
                return meant
            raise

    async def _followed(
        self, to: Address, call: Callable[[Address], TelegramMethod[T]], seconds: int | None
    ) -> T:
        """Telegram's answer, where the chat is now."""
        try:
            return await self._bot(call(to), request_timeout=seconds)
        except TelegramMigrateToChat as err:
            now = Address(err.migrate_to_chat_id, to.topic)
            await self._moved(to.chat, now.chat)
        except TelegramBadRequest as err:
            if to.topic is None or not no_topic(err):
                raise
            now = Address(to.chat)
        return await self._bot(call(now), request_timeout=seconds)


def _of_new(meant: Meaning) -> Later | Gone | Refused:
    """What can be meant where a message is new, and neither missing nor unchanged."""
    assert not isinstance(meant, Missing | Unchanged)
    return meant


Value = str | float
Told = Edited | Unchanged | Missing | Later | Gone


class Voice(Protocol):
    """The part of :class:`bot.telegram.messenger.Sending` that is needed."""

    async def text(
        self,
        chat: int,
        text: str,
        *,
        topic: int | None = None,
        reply_to: int | None = None,
        keyboard: Keyboard = None,
        patient: bool = True,
    ) -> int | Later | Gone:
        """Say *text*; the message's id."""
        ...

    async def edit_text(
        self,
        chat: int,
        message: int,
        text: str,
        *,
        keyboard: Keyboard = None,
        patient: bool = True,
    ) -> Told:
        """Have a message of ours say *text*."""
        ...

    async def card(
        self,
        chat: int,
        photo: Path,
        text: str,
        *,
        topic: int | None = None,
        reply_to: int | None = None,
        keyboard: Keyboard = None,
    ) -> int | Later | Gone:
        """Show *photo* with *text* under it; the message's id."""
        ...

    async def redraw(
        self, chat: int, message: int, photo: Path, text: str, *, keyboard: Keyboard = None
    ) -> Told:
        """Put *photo* with *text* under it in the place of what a message shows."""
        ...

    async def result(
        self,
        job: Job,
        made: Made,
        keyboard: Keyboard = None,
        *,
        file: Path,
        thumbnail: Path | None = None,
        caption: str = "",
    ) -> Delivered | Later | Gone | Refused:
        """Deliver what a job made."""
        ...

    async def delete(self, chat: int, message: int) -> Told:
        """Remove a message."""
        ...


class Words(Protocol):
    """The texts."""

    def __call__(self, language: Language, key: str, /, **values: Value) -> str:
        """The text called *key*."""
        ...

    def fault(self, language: Language, fault: str, details: dict[str, Value]) -> str:
        """Why something cannot be done."""
        ...


class Buttons(Protocol):
    """What is under our messages."""

    def cancel(self, job: Job) -> Keyboard:
        """Under the status of a job."""
        ...

    def result(self, job: Job) -> Keyboard:
        """Under its result."""
        ...

    def card(self, draft: Draft) -> Keyboard:
        """Under a card."""
        ...
