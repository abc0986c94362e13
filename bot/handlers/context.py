"""What handlers share: the filter for messages to the bot, the conversation, dialog states."""

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from aiogram import BaseMiddleware, Bot, F, Router
from aiogram.enums import ChatType
from aiogram.exceptions import TelegramBadRequest
from aiogram.filters import Filter
from aiogram.fsm.state import State, StatesGroup
from aiogram.types import (
    CallbackQuery,
    InlineKeyboardMarkup,
    Message,
    MessageEntity,
    TelegramObject,
    User,
)

from bot.database.drafts import TooManyCards
from bot.database.users import Preferences, UserRepository
from bot.domain.job_request import (
    Appearance,
    Destination,
    Language,
    detect_language,
    is_language_doubtful,
)
from bot.domain.outcomes import Rejected
from bot.domain.saved_styles import SavedStyles
from bot.operations.intake import Intake
from bot.telegram.limits import TelegramLimits
from bot.telegram.messenger import Messenger
from bot.ui.keyboards import Keyboards
from bot.ui.texts import Texts, TextValue

log = logging.getLogger(__name__)

#: for commands: in the caption of a video they would keep it from being handled as one
IN_TEXT = F.text
MAKE_COMMAND = "make"  #: in a caption, or in a reply to a video
MAX_ALBUMS = 1000  #: albums that are remembered, of which a part was addressed to the bot


class AddressedToBot(Filter):
    """Passes all private messages; in groups those that mention the bot or reply to it.

    ``/make`` and ``/anything@the_bot`` are mentions: with privacy mode groups pass nothing else on.

    Messages in the name of a group or channel are ignored: no user could press their buttons.
    """

    def __init__(self) -> None:
        self._albums: deque[str] = deque(maxlen=MAX_ALBUMS)

    async def __call__(self, message: Message, bot: Bot) -> bool:
        """Return whether *message* is addressed to the bot."""
        if message.from_user is None or message.from_user.is_bot or message.sender_chat:
            return False
        if message.chat.type == ChatType.PRIVATE:
            return True
        if message.media_group_id in self._albums:  # only one part of an album has a caption
            return True
        if not (_is_reply_to_bot(message, bot) or await _has_mention_of_bot(message, bot)):
            return False
        if message.media_group_id:
            self._albums.append(message.media_group_id)
        return True


def _is_reply_to_bot(message: Message, bot: Bot) -> bool:
    replied = message.reply_to_message
    return bool(replied and replied.from_user and replied.from_user.id == bot.id)


async def _has_mention_of_bot(message: Message, bot: Bot) -> bool:
    text = message.text or message.caption or ""
    name = f"@{(await bot.me()).username}".lower()
    return any(
        _is_mention(entity, entity.extract_from(text).lower(), name)
        or (entity.user is not None and entity.user.id == bot.id)
        for entity in message.entities or message.caption_entities or []
    )


def _is_mention(entity: MessageEntity, text: str, name: str) -> bool:
    is_command = entity.type == "bot_command"
    return (entity.type == "mention" and text == name) or (
        is_command and (text == f"/{MAKE_COMMAND}" or text.endswith(name))
    )


@dataclass(frozen=True, slots=True)
class Conversation:
    """The means to answer one update, in the language of its user.

    Attributes:
        messenger: sends and edits messages.
        texts: all texts, in each language.
        keyboards: creates the buttons under messages.
        users: what users chose before.
        limits: what the bot accepts.
        language: the user's.
        appearance: with which the user's next draft starts.
        styles: which the user saved.
    """

    messenger: Messenger
    texts: Texts
    keyboards: Keyboards
    users: UserRepository
    limits: TelegramLimits
    language: Language
    appearance: Appearance
    styles: SavedStyles

    def text(self, key: str, /, **values: TextValue) -> str:
        """Return the text *key* in the user's language."""
        return self.texts(self.language, key, **values)

    def describe_failure(self, code: str, details: Mapping[str, TextValue] | None = None) -> str:
        """Return why something failed, in the user's language."""
        return self.texts.describe_failure(self.language, code, details or {})

    async def reply(
        self, message: Message, text: str, keyboard: InlineKeyboardMarkup | None = None
    ) -> None:
        """Reply to *message*; a chat in which the bot may not write is ignored."""
        await self.messenger.send_text(get_destination(message), text, keyboard=keyboard)

    async def reply_with_picture(
        self,
        message: Message,
        picture: Path | None,
        text: str,
        keyboard: InlineKeyboardMarkup | None = None,
    ) -> None:
        """Reply with *picture* and *text*; with the text alone where there is or may be none."""
        if picture is not None:
            destination = get_destination(message)
            with suppress(TelegramBadRequest):
                sent = await self.messenger.send_photo(
                    destination, picture, text, keyboard=keyboard
                )
                if not isinstance(sent, Rejected):
                    return
        await self.reply(message, text, keyboard)

    async def answer(self, query: CallbackQuery, text: str = "") -> None:
        """Answer the press of a button with a short notice, or without one."""
        await self.messenger.answer_callback(query.id, text)

    async def alert(self, query: CallbackQuery, text: str) -> None:
        """Answer the press of a button with a window that the user closes."""
        await self.messenger.answer_callback(query.id, text, show_alert=True)

    async def edit_text(
        self, query: CallbackQuery, text: str, keyboard: InlineKeyboardMarkup | None = None
    ) -> None:
        """Replace the text and the keyboard of the message whose button was pressed."""
        message = query.message
        if message is None:
            return
        is_picture = isinstance(message, Message) and message.photo
        edit = self.messenger.edit_caption if is_picture else self.messenger.edit_text
        await edit(message.chat.id, message.message_id, text, keyboard=keyboard)

    async def edit_keyboard(
        self,
        query: CallbackQuery,
        keyboard: InlineKeyboardMarkup | None = None,
        *,
        is_retried: bool = True,
    ) -> None:
        """Replace or remove the keyboard of the message whose button was pressed."""
        if message := query.message:
            await self.messenger.edit_keyboard(
                message.chat.id, message.message_id, keyboard, is_retried=is_retried
            )


class ConversationMiddleware(BaseMiddleware):
    """Gives handlers the `conversation`, in the language that the user chose or has in Telegram."""

    async def __call__(
        self,
        handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]],
        event: TelegramObject,
        data: dict[str, Any],
    ) -> Any:
        """Call *handler* with the conversation in *data*."""
        user: User | None = data.get("event_from_user")
        users: UserRepository = data["users"]
        preferences = await users.get_preferences(user.id) if user else Preferences()
        data["conversation"] = Conversation(
            messenger=data["messenger"],
            texts=data["texts"],
            keyboards=data["keyboards"],
            users=users,
            limits=data["limits"],
            language=preferences.language or detect_language(user.language_code if user else None),
            appearance=preferences.appearance,
            styles=preferences.styles,
        )
        try:
            result = await handler(event, data)
        except TooManyCards:
            await _refuse_card(event, data["conversation"])
            return None
        if user and preferences.language is None and is_language_doubtful(user.language_code):
            await _ask_language_once(event, user.id, data["conversation"])
        return result


async def _refuse_card(event: TelegramObject, conversation: Conversation) -> None:
    """Explain that the user has too many cards, as fits a message or a press."""
    text = conversation.text("too-many-cards")
    if isinstance(event, CallbackQuery):
        await conversation.alert(event, text)
    elif isinstance(event, Message):
        await conversation.reply(event, text)


async def _ask_language_once(event: TelegramObject, user: int, conversation: Conversation) -> None:
    """Ask in both languages, in a private chat; until the answer the detected one is used."""
    if not isinstance(event, Message) or event.chat.type != ChatType.PRIVATE:
        return
    await conversation.users.set_language(user, conversation.language)
    if not (event.text or "").startswith("/language"):  # which asks by itself
        text = "\n".join(conversation.texts(language, "language-ask") for language in Language)
        await conversation.reply(event, text, conversation.keyboards.create_languages())


class BanMiddleware(BaseMiddleware):
    """Ignores updates of banned users."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def __call__(
        self,
        handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]],
        event: TelegramObject,
        data: dict[str, Any],
    ) -> Any:
        """Call *handler* unless the user is banned."""
        user: User | None = data.get("event_from_user")
        if user is None or user.id not in self._intake.banned:
            return await handler(event, data)
        log.info("an update of user %s, who is banned, is ignored", user.id)
        return None


def create_router(name: str) -> Router:
    """Create a router whose handlers receive the `conversation`."""
    router, middleware = Router(name=name), ConversationMiddleware()
    for observer in (
        router.message,
        router.edited_message,
        router.channel_post,
        router.edited_channel_post,
        router.callback_query,
    ):
        observer.middleware(middleware)
    return router


def get_destination(message: Message) -> Destination:
    """Return where a reply to *message* is sent."""
    topic = message.message_thread_id if message.is_topic_message else None
    direct = message.direct_messages_topic
    direct_topic = direct.topic_id if direct else None
    return Destination(message.chat.id, topic, message.message_id, direct_topic)


class DialogState(StatesGroup):
    """Questions that the bot asked and the user has not answered."""

    background = State(group_name="Waiting")  #: for a file as the background of a draft
    colour = State(group_name="Waiting")  #: of the background or the ring of a draft
    times = State(group_name="Waiting")  #: for the start and the end of the used part of its clip
    style_name = State(group_name="Waiting")  #: for the name of a style


class DialogData(TypedDict, total=False):
    """What is stored with a question.

    Attributes:
        draft: the id of the draft that is asked about.
        part: what a colour is for, as in :class:`AskColour`.
        album: Telegram's id of an album whose first part was the answer.
        kept: a picture that came before its clip, as in :class:`bot.handlers.media.KeptBackground`.
        style: the id of the saved style that is renamed.
        code: of the look that is saved, as in a link.
    """

    draft: str
    style: str
    code: str
    part: str
    album: str
    kept: dict[str, Any]
