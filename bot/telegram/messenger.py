"""All that the bot says: each call ends in a value, whatever Telegram answers."""

from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from dataclasses import replace
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
from bot.domain.job_request import Destination, JobRequest, Language
from bot.domain.outcomes import (
    ChatGone,
    Delivered,
    FailureCode,
    MessageEdited,
    MessageMissing,
    MessageUnchanged,
    Rejected,
    ResultRendered,
    RetryLater,
)
from bot.telegram.errors import ErrorOutcome, classify_error, is_topic_missing
from bot.telegram.limits import TelegramLimits, describe_sizes
from bot.telegram.retry import limit_to_single_attempt
from bot.telegram.uploads import (
    MediaDimensions,
    ResultUpload,
    create_reply_parameters,
    estimate_upload_seconds,
    get_file_id,
)

QUICK_TIMEOUT_SECONDS = 10  #: for a call that is not worth more

Keyboard = InlineKeyboardMarkup | None
OnChatMoved = Callable[[int, int], Awaitable[None]]

T = TypeVar("T")


class Deliverable(Protocol):
    """What of a job its delivery needs."""

    @property
    def destination(self) -> Destination: ...  # noqa: D102
    @property
    def order(self) -> JobRequest: ...  # noqa: D102


async def _ignore_move(_old: int, _new: int) -> None:
    """Nobody needs to know that a chat moved."""


class Messenger:
    """The bot's voice.

    Texts are HTML. A chat that moved is followed. A call that could not be made is worth trying
    Later; one that was wrong in itself raises aiogram's TelegramBadRequest, as a bug does.
    """

    def __init__(
        self, bot: Bot, limits: TelegramLimits, on_chat_moved: OnChatMoved = _ignore_move
    ) -> None:
        """Remember how to speak.

        Args:
            bot: with a :class:`bot.telegram.client.Session`.
            limits: of what Telegram takes.
            on_chat_moved: told the old and the new id of a group that became a supergroup.
        """
        self._bot, self._limits, self._on_chat_moved = bot, limits, on_chat_moved

    async def send_result(
        self,
        job: Deliverable,
        rendered: MediaDimensions,
        keyboard: Keyboard = None,
        *,
        file: Path,
        thumbnail: Path | None = None,
        caption: str = "",
    ) -> Delivered | RetryLater | ChatGone | Rejected:
        """Deliver what a job made, in the form that was ordered.

        What Telegram does not take as a video, a note or a sticker it takes as a file.

        Raises:
            FileNotFoundError: the result is not there.
        """
        size = file.stat().st_size  # noqa: ASYNC240 - one look
        if size > self._limits.upload_bytes:
            details = describe_sizes(size, self._limits.upload_bytes)
            return Rejected(fault=FailureCode.RESULT_TOO_BIG, details=details)
        upload = ResultUpload(job.order.form, file, rendered, thumbnail, caption, keyboard)
        to, seconds = job.destination, estimate_upload_seconds(size)
        try:
            answer = await self._call(to, upload.build_method, seconds)
        except TelegramBadRequest:
            answer = await self._call(to, upload.build_document_method, seconds)
        if isinstance(answer, Message):
            return Delivered(message=answer.message_id, file_id=get_file_id(answer))
        if isinstance(answer, Rejected):
            return Rejected(
                fault=answer.fault, details=describe_sizes(size, self._limits.upload_bytes)
            )
        return _to_send_outcome(answer)

    async def send_text(
        self,
        destination: Destination,
        text: str,
        *,
        keyboard: Keyboard = None,
        is_retried: bool = True,
    ) -> int | RetryLater | ChatGone:
        """Say *text*; the message's id."""

        def call(to: Destination) -> TelegramMethod[Message]:
            return SendMessage(
                chat_id=to.chat,
                message_thread_id=to.topic,
                text=text,
                reply_parameters=create_reply_parameters(to.reply_to),
                reply_markup=keyboard,
            )

        return await self._send(destination, call, is_retried=is_retried)

    async def send_photo(
        self,
        destination: Destination,
        photo: Path,
        text: str,
        *,
        keyboard: Keyboard = None,
    ) -> int | RetryLater | ChatGone:
        """Show *photo* with *text* under it; the message's id."""

        def call(to: Destination) -> TelegramMethod[Message]:
            return SendPhoto(
                chat_id=to.chat,
                message_thread_id=to.topic,
                photo=FSInputFile(photo, "card.jpg"),
                caption=text or None,
                reply_parameters=create_reply_parameters(to.reply_to),
                reply_markup=keyboard,
            )

        return await self._send(destination, call)

    async def edit_photo(
        self,
        chat: int,
        message: int,
        photo: Path,
        text: str,
        *,
        keyboard: Keyboard = None,
        is_retried: bool = True,
    ) -> MessageEdited | MessageUnchanged | MessageMissing | RetryLater | ChatGone:
        """Put *photo* with *text* under it in the place of what a message shows, or only says."""
        media = InputMediaPhoto(media=FSInputFile(photo, "card.jpg"), caption=text or None)

        def call(to: Destination) -> TelegramMethod[Any]:
            return EditMessageMedia(
                chat_id=to.chat, message_id=message, media=media, reply_markup=keyboard
            )

        return await self._edit(chat, call, is_retried=is_retried)

    async def edit_text(
        self,
        chat: int,
        message: int,
        text: str,
        *,
        keyboard: Keyboard = None,
        is_retried: bool = True,
    ) -> MessageEdited | MessageUnchanged | MessageMissing | RetryLater | ChatGone:
        """Have a message of ours say *text*, with these buttons or none.

        Args:
            chat: where it is.
            message: its id.
            text: in HTML.
            keyboard: the buttons that it has from now on.
            is_retried: False for what is worth one attempt, like progress.
        """

        def call(to: Destination) -> TelegramMethod[Any]:
            return EditMessageText(
                chat_id=to.chat, message_id=message, text=text, reply_markup=keyboard
            )

        return await self._edit(chat, call, is_retried=is_retried)

    async def edit_keyboard(
        self, chat: int, message: int, keyboard: Keyboard = None
    ) -> MessageEdited | MessageUnchanged | MessageMissing | RetryLater | ChatGone:
        """Give a message other buttons, or none."""

        def call(to: Destination) -> TelegramMethod[Any]:
            return EditMessageReplyMarkup(
                chat_id=to.chat, message_id=message, reply_markup=keyboard
            )

        return await self._edit(chat, call)

    async def delete_message(
        self, chat: int, message: int
    ) -> MessageEdited | MessageUnchanged | MessageMissing | RetryLater | ChatGone:
        """Remove a message; Edited when it is gone by this call."""

        def call(to: Destination) -> TelegramMethod[Any]:
            return DeleteMessage(chat_id=to.chat, message_id=message)

        return await self._edit(chat, call)

    async def answer_callback(
        self, query: str, text: str = "", *, show_alert: bool = False
    ) -> None:
        """End the waiting of a button; nothing is lost when it has waited too long already."""
        call = AnswerCallbackQuery(
            callback_query_id=query, text=text or None, show_alert=show_alert or None
        )
        with suppress(TelegramAPIError):
            await self._bot(call, request_timeout=QUICK_TIMEOUT_SECONDS)

    async def send_action(self, chat: int, action: str, topic: int | None = None) -> None:
        """Show that something is being done, like "upload_video", where that is possible."""
        call = SendChatAction(chat_id=chat, message_thread_id=topic, action=action)
        with suppress(TelegramAPIError):
            await self._bot(call, request_timeout=QUICK_TIMEOUT_SECONDS)

    async def _send(
        self,
        to: Destination,
        call: Callable[[Destination], TelegramMethod[Message]],
        *,
        is_retried: bool = True,
    ) -> int | RetryLater | ChatGone:
        answer = await self._call(to, call, is_retried=is_retried)
        if isinstance(answer, Message):
            return answer.message_id
        refused = _to_send_outcome(answer)
        assert not isinstance(refused, Rejected), "only results are large"
        return refused

    async def _edit(
        self,
        chat: int,
        call: Callable[[Destination], TelegramMethod[Any]],
        *,
        is_retried: bool = True,
    ) -> MessageEdited | MessageUnchanged | MessageMissing | RetryLater | ChatGone:
        answer = await self._call(Destination(chat), call, is_retried=is_retried)
        if isinstance(answer, MessageUnchanged | MessageMissing | RetryLater | ChatGone):
            return answer
        return MessageEdited()

    async def _call(
        self,
        to: Destination,
        call: Callable[[Destination], TelegramMethod[T]],
        seconds: int | None = None,
        *,
        is_retried: bool = True,
    ) -> T | ErrorOutcome:
        """Telegram's answer, or what its refusal means.

        Raises:
            TelegramBadRequest: the call was wrong in itself.
        """
        seconds = seconds if is_retried else QUICK_TIMEOUT_SECONDS
        try:
            with nullcontext() if is_retried else limit_to_single_attempt():
                return await self._call_following_chat(to, call, seconds)
        except TelegramAPIError as err:
            if (meant := classify_error(err)) is not None:
                return meant
            raise

    async def _call_following_chat(
        self, to: Destination, call: Callable[[Destination], TelegramMethod[T]], seconds: int | None
    ) -> T:
        """Telegram's answer, where the chat is now."""
        try:
            return await self._bot(call(to), request_timeout=seconds)
        except TelegramMigrateToChat as err:
            now = replace(to, chat=err.migrate_to_chat_id)
            await self._on_chat_moved(to.chat, now.chat)
        except TelegramBadRequest as err:
            if to.topic is None or not is_topic_missing(err):
                raise
            now = replace(to, topic=None)
        return await self._bot(call(now), request_timeout=seconds)


def _to_send_outcome(outcome: ErrorOutcome) -> RetryLater | ChatGone | Rejected:
    """What can be meant where a message is new, and neither missing nor unchanged."""
    assert not isinstance(outcome, MessageMissing | MessageUnchanged)
    return outcome


TextValue = str | float
EditOutcome = MessageEdited | MessageUnchanged | MessageMissing | RetryLater | ChatGone


class MessageSender(Protocol):
    """The part of :class:`bot.telegram.messenger.Sending` that is needed."""

    async def send_text(
        self,
        destination: Destination,
        text: str,
        *,
        keyboard: Keyboard = None,
        is_retried: bool = True,
    ) -> int | RetryLater | ChatGone:
        """Say *text*; the message's id."""
        ...

    async def edit_text(
        self,
        chat: int,
        message: int,
        text: str,
        *,
        keyboard: Keyboard = None,
        is_retried: bool = True,
    ) -> EditOutcome:
        """Have a message of ours say *text*."""
        ...

    async def send_photo(
        self,
        destination: Destination,
        photo: Path,
        text: str,
        *,
        keyboard: Keyboard = None,
    ) -> int | RetryLater | ChatGone:
        """Show *photo* with *text* under it; the message's id."""
        ...

    async def edit_photo(
        self, chat: int, message: int, photo: Path, text: str, *, keyboard: Keyboard = None
    ) -> EditOutcome:
        """Put *photo* with *text* under it in the place of what a message shows."""
        ...

    async def send_result(
        self,
        job: Job,
        rendered: ResultRendered,
        keyboard: Keyboard = None,
        *,
        file: Path,
        thumbnail: Path | None = None,
        caption: str = "",
    ) -> Delivered | RetryLater | ChatGone | Rejected:
        """Deliver what a job made."""
        ...

    async def delete_message(self, chat: int, message: int) -> EditOutcome:
        """Remove a message."""
        ...


class TextProvider(Protocol):
    """The texts."""

    def __call__(self, language: Language, key: str, /, **values: TextValue) -> str:
        """The text called *key*."""
        ...

    def describe_failure(self, language: Language, code: str, details: dict[str, TextValue]) -> str:
        """Why something cannot be done."""
        ...


class KeyboardProvider(Protocol):
    """What is under our messages."""

    def create_cancel(self, job: Job) -> Keyboard:
        """Under the status of a job."""
        ...

    def create_result(self, job: Job) -> Keyboard:
        """Under its result."""
        ...

    def create_card(self, draft: Draft) -> Keyboard:
        """Under a card."""
        ...
