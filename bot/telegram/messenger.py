"""Sends and edits messages; whatever Telegram answers, each call returns a value."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from aiogram import Bot
from aiogram.exceptions import TelegramAPIError, TelegramBadRequest, TelegramMigrateToChat
from aiogram.methods import (
    AnswerCallbackQuery,
    DeleteMessage,
    EditMessageCaption,
    EditMessageMedia,
    EditMessageReplyMarkup,
    EditMessageText,
    SavePreparedInlineMessage,
    SendAnimation,
    SendChatAction,
    SendMessage,
    SendPhoto,
    TelegramMethod,
)
from aiogram.types import FSInputFile, InlineKeyboardMarkup, InputMediaPhoto, Message

from bot.domain.job_request import Destination, JobRequest
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
from bot.telegram.client import BotApiSession
from bot.telegram.errors import classify_error, is_reply_impossible, is_topic_missing
from bot.telegram.limits import TelegramLimits, describe_sizes
from bot.telegram.sharing import build_shared_results
from bot.telegram.uploads import (
    NO_STILLS,
    ResultStills,
    ResultUpload,
    create_reply_parameters,
    estimate_upload_seconds,
    get_file_id,
)
from video_editing.contract.formats import OutputFormat

FORBIDDEN = Rejected(fault=FailureCode.NO_RIGHTS)
QUICK_TIMEOUT_SECONDS = 10  #: of a call that is made once

Keyboard = InlineKeyboardMarkup | None
EditOutcome = MessageEdited | MessageUnchanged | MessageMissing | RetryLater | ChatGone
OnChatMoved = Callable[[int, int], Awaitable[None]]

T = TypeVar("T")

log = logging.getLogger(__name__)


class Deliverable(Protocol):
    """The part of a job that its delivery needs."""

    @property
    def destination(self) -> Destination:
        """Where the result is sent."""

    @property
    def order(self) -> JobRequest:
        """What the user ordered."""


class MessageSender(Protocol):
    """The part of :class:`Messenger` that jobs and cards use."""

    async def send_text(
        self,
        destination: Destination,
        text: str,
        *,
        keyboard: Keyboard = None,
        is_retried: bool = True,
    ) -> int | RetryLater | ChatGone:
        """See :meth:`Messenger.send_text`."""
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
        """See :meth:`Messenger.edit_text`."""
        ...

    async def send_photo(
        self, destination: Destination, photo: Path, text: str, *, keyboard: Keyboard = None
    ) -> int | RetryLater | ChatGone | Rejected:
        """See :meth:`Messenger.send_photo`."""
        ...

    async def edit_photo(
        self, chat: int, message: int, photo: Path, text: str, *, keyboard: Keyboard = None
    ) -> EditOutcome:
        """See :meth:`Messenger.edit_photo`."""
        ...

    async def send_result(
        self,
        job: Deliverable,
        rendered: ResultRendered,
        keyboard: Keyboard = None,
        *,
        file: Path,
        stills: ResultStills = NO_STILLS,
        caption: str = "",
    ) -> Delivered | RetryLater | ChatGone | Rejected:
        """See :meth:`Messenger.send_result`."""
        ...

    async def edit_keyboard(
        self, chat: int, message: int, keyboard: Keyboard = None, *, is_retried: bool = True
    ) -> EditOutcome:
        """See :meth:`Messenger.edit_keyboard`."""

    async def delete_message(self, chat: int, message: int) -> EditOutcome:
        """See :meth:`Messenger.delete_message`."""
        ...

    async def send_action(self, destination: Destination, action: str) -> None:
        """See :meth:`Messenger.send_action`."""
        ...


class Messenger:
    """Sends and edits the bot's messages.

    Texts are HTML. A call that could not be made returns RetryLater. A call that was wrong in
    itself is a bug, and raises aiogram's TelegramBadRequest.

    A group that became a supergroup has another id. What is sent to the old id is sent to the new
    one. Messages in the old group cannot be edited: they count as missing.
    """

    def __init__(
        self, bot: Bot, limits: TelegramLimits, on_chat_moved: OnChatMoved | None = None
    ) -> None:
        """Store the client and the limits.

        Args:
            bot: with a :class:`bot.telegram.client.BotApiSession`.
            limits: the largest files that Telegram accepts.
            on_chat_moved: receives the old and the new id of a group that became a supergroup.
        """
        self._bot, self._limits, self._on_chat_moved = bot, limits, on_chat_moved
        self._moved_chats: dict[int, int] = {}  # new id by old id
        self._file_ids: dict[Path, str] = {}  # of files that Telegram has already

    async def send_result(
        self,
        job: Deliverable,
        rendered: ResultRendered,
        keyboard: Keyboard = None,
        *,
        file: Path,
        stills: ResultStills = NO_STILLS,
        caption: str = "",
    ) -> Delivered | RetryLater | ChatGone | Rejected:
        """Send the result of a job in the format that was ordered.

        What Telegram refuses as a video, a note or a sticker, or does not allow in the chat, is
        sent as a document.

        Raises:
            FileNotFoundError: *file* does not exist.
        """
        size = file.stat().st_size  # noqa: ASYNC240 - stat of one local file does not block
        too_big = Rejected(
            fault=FailureCode.RESULT_TOO_BIG,
            details=describe_sizes(size, self._limits.upload_bytes),
        )
        if size > self._limits.upload_bytes:
            return too_big
        upload = ResultUpload(
            job.order.form, file, rendered, stills, caption, keyboard, name=job.order.clip.name
        )
        seconds = estimate_upload_seconds(size)
        answer: Message | RetryLater | ChatGone | Rejected
        try:
            answer = await self._send(job.destination, upload.build_method, seconds=seconds)
        except TelegramBadRequest:
            answer = FORBIDDEN
        if answer == FORBIDDEN:
            build_method = upload.build_document_method
            answer = await self._send(job.destination, build_method, seconds=seconds)
        elif isinstance(answer, Message) and upload.is_unnamed_file(answer):
            await self._replace_file(upload.build_replacement(answer), seconds)
        if isinstance(answer, Message):
            return Delivered(message=answer.message_id, file_id=get_file_id(answer))
        return too_big if isinstance(answer, Rejected) and answer != FORBIDDEN else answer

    async def send_text(
        self,
        destination: Destination,
        text: str,
        *,
        keyboard: Keyboard = None,
        is_retried: bool = True,
    ) -> int | RetryLater | ChatGone:
        """Send *text* with a keyboard or none, and return the id of the message.

        Args:
            destination: where it is sent.
            text: in HTML.
            keyboard: the buttons under it.
            is_retried: False for a message that is worth a single attempt.
        """

        def build_method(where: Destination) -> TelegramMethod[Message]:
            return SendMessage(
                chat_id=where.chat,
                message_thread_id=where.topic,
                direct_messages_topic_id=where.direct_topic,
                text=text,
                reply_parameters=create_reply_parameters(where.reply_to),
                reply_markup=keyboard,
            )

        answer = await self._send(destination, build_method, is_retried=is_retried)
        if isinstance(answer, Rejected):  # without the right to write, the bot is mute there
            return ChatGone()
        return _get_message_id(answer)

    async def send_photo(
        self, destination: Destination, photo: Path, text: str, *, keyboard: Keyboard = None
    ) -> int | RetryLater | ChatGone | Rejected:
        """Send *photo* with the caption *text*, and return the id of the message.

        Raises:
            TelegramBadRequest: Telegram does not take the picture.
        """

        def build_method(where: Destination) -> TelegramMethod[Message]:
            return SendPhoto(
                chat_id=where.chat,
                message_thread_id=where.topic,
                direct_messages_topic_id=where.direct_topic,
                photo=FSInputFile(photo, "card.jpg"),
                caption=text or None,
                reply_parameters=create_reply_parameters(where.reply_to),
                reply_markup=keyboard,
            )

        answer = await self._send(destination, build_method)
        return answer if isinstance(answer, Rejected) else _get_message_id(answer)

    async def send_animation(
        self, destination: Destination, animation: Path, text: str, *, keyboard: Keyboard = None
    ) -> int | RetryLater | ChatGone:
        """Send *animation*, which is uploaded once, with the caption *text*.

        A chat that allows no animations gets the text alone.
        """

        def build_method(where: Destination) -> TelegramMethod[Message]:
            return SendAnimation(
                chat_id=where.chat,
                message_thread_id=where.topic,
                direct_messages_topic_id=where.direct_topic,
                animation=self._file_ids.get(animation) or FSInputFile(animation),
                caption=text,
                reply_parameters=create_reply_parameters(where.reply_to),
                reply_markup=keyboard,
            )

        try:
            answer = await self._send(destination, build_method)
        except TelegramBadRequest:  # Telegram may have forgotten the file
            self._file_ids.pop(animation, None)
            answer = FORBIDDEN
        if isinstance(answer, Rejected):
            return await self.send_text(destination, text, keyboard=keyboard)
        if isinstance(answer, Message) and (file_id := get_file_id(answer)):
            self._file_ids[animation] = file_id
        return _get_message_id(answer)

    async def edit_photo(
        self, chat: int, message: int, photo: Path, text: str, *, keyboard: Keyboard = None
    ) -> EditOutcome:
        """Replace the content of a message by *photo* with the caption *text*."""
        media = InputMediaPhoto(media=FSInputFile(photo, "card.jpg"), caption=text or None)
        method = EditMessageMedia(
            chat_id=chat, message_id=message, media=media, reply_markup=keyboard
        )
        return await self._edit(chat, method)

    async def edit_text(
        self,
        chat: int,
        message: int,
        text: str,
        *,
        keyboard: Keyboard = None,
        is_retried: bool = True,
    ) -> EditOutcome:
        """Replace the text of a message and its keyboard.

        Args:
            chat: the chat of the message.
            message: its id.
            text: in HTML.
            keyboard: the buttons from now on; None removes them.
            is_retried: False for an edit that is worth a single attempt, like progress.
        """
        method = EditMessageText(chat_id=chat, message_id=message, text=text, reply_markup=keyboard)
        return await self._edit(chat, method, is_retried=is_retried)

    async def edit_caption(
        self, chat: int, message: int, text: str, *, keyboard: Keyboard = None
    ) -> EditOutcome:
        """Replace the caption of a picture, in HTML, and its keyboard."""
        method = EditMessageCaption(
            chat_id=chat, message_id=message, caption=text, reply_markup=keyboard
        )
        return await self._edit(chat, method)

    async def edit_keyboard(
        self, chat: int, message: int, keyboard: Keyboard = None, *, is_retried: bool = True
    ) -> EditOutcome:
        """Replace the keyboard of a message, or remove it.

        Args:
            chat: the chat of the message.
            message: its id.
            keyboard: the buttons from now on; None removes them.
            is_retried: False for an edit that is worth a single attempt.
        """
        method = EditMessageReplyMarkup(chat_id=chat, message_id=message, reply_markup=keyboard)
        return await self._edit(chat, method, is_retried=is_retried)

    async def delete_message(self, chat: int, message: int) -> EditOutcome:
        """Delete a message; return MessageEdited where this call deleted it."""
        return await self._edit(chat, DeleteMessage(chat_id=chat, message_id=message))

    async def answer_callback(
        self, query: str, text: str = "", *, show_alert: bool = False
    ) -> None:
        """Answer the press of a button; a press that is too old for that is ignored."""
        method = AnswerCallbackQuery(
            callback_query_id=query, text=text or None, show_alert=show_alert or None
        )
        with suppress(TelegramAPIError):
            await self._bot(method, request_timeout=QUICK_TIMEOUT_SECONDS)

    async def send_action(self, destination: Destination, action: str) -> None:
        """Show an activity like "upload_video" for five seconds, where that is possible."""
        chat = self._moved_chats.get(destination.chat, destination.chat)
        method = SendChatAction(chat_id=chat, message_thread_id=destination.topic, action=action)
        with suppress(TelegramAPIError):
            await self._bot(method, request_timeout=QUICK_TIMEOUT_SECONDS)

    async def prepare_sharing(
        self, user: int, form: OutputFormat, file_id: str, title: str
    ) -> str | None:
        """Prepare a message with a result that *user* may send to a chat, and return its id.

        None where Telegram refuses it, or cannot be reached.
        """
        for result in build_shared_results(form, file_id, title):
            method = SavePreparedInlineMessage(
                user_id=user,
                result=result,
                allow_user_chats=True,
                allow_group_chats=True,
                allow_channel_chats=True,
            )
            try:
                return (await self._request(method)).id
            except TelegramBadRequest:  # the file is of another kind
                continue
            except TelegramAPIError as err:
                log.warning("a message to share is not prepared: %s", type(err).__name__)
                return None
        return None

    async def _replace_file(self, method: EditMessageMedia, seconds: int) -> None:
        """Replace a file that the user has; where that fails, the user keeps it as it is."""
        try:
            await self._bot(method, request_timeout=seconds)
        except TelegramAPIError as err:
            log.warning("a file stays without a name: %s", type(err).__name__)

    async def _send(
        self,
        destination: Destination,
        build_method: Callable[[Destination], TelegramMethod[Message]],
        *,
        seconds: int | None = None,
        is_retried: bool = True,
    ) -> Message | RetryLater | ChatGone | Rejected:
        """Send a message; return it, or why it could not be sent.

        Raises:
            TelegramBadRequest: the call was wrong in itself.
        """
        try:
            return await self._send_following(
                destination, build_method, seconds=seconds, is_retried=is_retried
            )
        except TelegramAPIError as err:
            if (outcome := classify_error(err)) is None:
                raise
        assert not isinstance(outcome, MessageMissing | MessageUnchanged), "the message is new"
        return outcome

    async def _send_following(
        self,
        destination: Destination,
        build_method: Callable[[Destination], TelegramMethod[Message]],
        *,
        seconds: int | None,
        is_retried: bool,
    ) -> Message:
        """Send a message to where the chat is now, without a topic or a reply that is gone."""
        if destination.chat in self._moved_chats:
            destination = Destination(self._moved_chats[destination.chat])
        try:
            return await self._request(build_method(destination), seconds, is_retried=is_retried)
        except TelegramMigrateToChat as err:
            await self._record_move(destination.chat, err.migrate_to_chat_id)
            destination = Destination(err.migrate_to_chat_id)
        except TelegramBadRequest as err:
            if destination.topic is not None and is_topic_missing(err):
                destination = replace(destination, topic=None)
            elif destination.reply_to is not None and is_reply_impossible(err):
                destination = replace(destination, reply_to=None)
            else:
                raise
        return await self._request(build_method(destination), seconds, is_retried=is_retried)

    async def _edit(
        self, chat: int, method: TelegramMethod[Any], *, is_retried: bool = True
    ) -> EditOutcome:
        """Change a message.

        Raises:
            TelegramBadRequest: the call was wrong in itself.
        """
        if chat in self._moved_chats:
            return MessageMissing()
        try:
            await self._request(method, is_retried=is_retried)
        except TelegramMigrateToChat as err:
            await self._record_move(chat, err.migrate_to_chat_id)
            return MessageMissing()
        except TelegramAPIError as err:
            outcome = classify_error(err)
            if outcome is None or isinstance(outcome, Rejected):
                raise
            return outcome
        return MessageEdited()

    async def _request(
        self, method: TelegramMethod[T], seconds: int | None = None, *, is_retried: bool = True
    ) -> T:
        if is_retried:
            return await self._bot(method, request_timeout=seconds)
        session = self._bot.session
        assert isinstance(session, BotApiSession)
        answer: T = await session.call_once(self._bot, method, QUICK_TIMEOUT_SECONDS)
        return answer

    async def _record_move(self, old_chat: int, new_chat: int) -> None:
        self._moved_chats[old_chat] = new_chat
        if self._on_chat_moved is None:
            return
        try:
            await self._on_chat_moved(old_chat, new_chat)
        except Exception:
            log.exception("the new id of a chat could not be stored")


def _get_message_id(answer: Message | RetryLater | ChatGone) -> int | RetryLater | ChatGone:
    return answer.message_id if isinstance(answer, Message) else answer
