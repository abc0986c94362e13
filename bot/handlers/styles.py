"""Saved styles: /style lists them, cards save and use them, links share them."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from aiogram import Bot, F, Router
from aiogram.exceptions import TelegramBadRequest
from aiogram.filters import Command, CommandObject, CommandStart
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message

from bot.database.drafts import DraftRepository
from bot.database.repository import generate_id
from bot.domain.draft import CardPage, Draft
from bot.domain.job_request import Appearance, Destination
from bot.domain.saved_styles import (
    MAX_NAME_LENGTH,
    MAX_STYLES,
    NameTaken,
    SavedStyle,
    SavedStyles,
    TooManyStyles,
    parse_style_name,
)
from bot.domain.style_code import format_style_code, parse_style_code
from bot.handlers.context import (
    IN_TEXT,
    AddressedToBot,
    Conversation,
    DialogData,
    DialogState,
    create_router,
    get_destination,
)
from bot.handlers.preview_card import change_card, make_reusable, match_own_draft, refuse_press
from bot.jobs.style_pictures import StylePictures
from bot.preview_cards import PreviewCards
from bot.ui.buttons import Labels
from bot.ui.callback_data import (
    ChooseStyle,
    DeleteStyle,
    ListStyles,
    OpenStyle,
    RenameStyle,
    ResetAppearance,
    SaveStyle,
    SetDefaultStyle,
    UseStyle,
)
from bot.ui.style_keyboards import (
    create_deletion,
    create_shared_style,
    create_style_list,
    create_style_page,
)
from bot.ui.texts import describe_appearance

LINK_PREFIX = "style-"  #: t.me/BOT?start=style-CODE
ID_LENGTH = 8  #: characters; an id is unique among the styles of one user


def create_styles_router(addressed: AddressedToBot) -> Router:
    """Create the router for all that concerns styles; it is asked before that of /start."""
    router = create_router("styles")
    is_shared = CommandStart(deep_link=True, magic=F.args.startswith(LINK_PREFIX))
    router.message.register(show_shared_style, IN_TEXT, is_shared)
    router.message.register(list_styles, IN_TEXT, Command("style"))
    is_text = F.text & ~F.text.startswith("/")
    router.message.register(take_name, DialogState.style_name, is_text, addressed)
    register = router.callback_query.register
    register(reset_appearance, ResetAppearance.filter())
    register(return_to_list, ListStyles.filter())
    register(open_style, OpenStyle.filter())
    register(set_default, SetDefaultStyle.filter())
    register(ask_other_name, RenameStyle.filter())
    register(delete_style, DeleteStyle.filter())
    register(use_shared_style, UseStyle.filter())
    register(ask_name, SaveStyle.filter())
    register(dress_card, ChooseStyle.filter(), match_own_draft)
    register(refuse_press, ChooseStyle.filter())
    return router


async def list_styles(
    message: Message, conversation: Conversation, style_pictures: StylePictures
) -> None:
    """Describe the look with which the user's next card begins, and show the saved styles."""
    if message.from_user is None:  # in the name of a channel
        return
    text = _list_names(_describe_next(conversation), conversation)
    keyboard = create_style_list(conversation.styles, _get_labels(conversation))
    await conversation.messenger.send_action(get_destination(message), "upload_photo")
    picture = await _draw_list(message.from_user.id, message.chat.id, conversation, style_pictures)
    await conversation.reply_with_picture(message, picture, text, keyboard)


async def return_to_list(
    query: CallbackQuery, conversation: Conversation, style_pictures: StylePictures
) -> None:
    """Show the list in place of one style."""
    await conversation.answer(query)
    await _show_list(query, _describe_next(conversation), conversation, style_pictures)


async def reset_appearance(query: CallbackQuery, conversation: Conversation) -> None:
    """Forget the last look of the user who presses, and that a style is the default."""
    await conversation.users.reset_appearance(query.from_user.id)
    await conversation.answer(query)
    await conversation.edit_text(query, conversation.text("style-reset"))


async def open_style(
    query: CallbackQuery, callback_data: OpenStyle, conversation: Conversation, bot: Bot
) -> None:
    """Show a style, its link, and what can be done with it."""
    if await _find_style(query, callback_data.style, conversation):
        await conversation.answer(query)
        await _show_style(query, callback_data.style, conversation, bot)


async def set_default(
    query: CallbackQuery, callback_data: SetDefaultStyle, conversation: Conversation, bot: Bot
) -> None:
    """Let each new card begin with a style, or with the last look again."""
    style = await _find_style(query, callback_data.style, conversation)
    if style is None:
        return
    await conversation.answer(query)
    default = style.id if callback_data.on else None
    styles = await conversation.users.change_styles(
        query.from_user.id, lambda styles: styles.set_default(default)
    )
    await _show_style(query, style.id, replace(conversation, styles=styles), bot)


async def delete_style(
    query: CallbackQuery,
    callback_data: DeleteStyle,
    conversation: Conversation,
    style_pictures: StylePictures,
) -> None:
    """Delete a style, after a question."""
    style = await _find_style(query, callback_data.style, conversation)
    if style is None:
        return
    await conversation.answer(query)
    if not callback_data.sure:
        text = conversation.text("style-delete-ask", name=style.name)
        keyboard = create_deletion(style, _get_labels(conversation))
        await conversation.edit_text(query, text, keyboard)
        return
    styles = await conversation.users.change_styles(
        query.from_user.id, lambda styles: styles.delete(style.id)
    )
    text = conversation.text("style-deleted", name=style.name)
    await _show_list(query, text, replace(conversation, styles=styles), style_pictures)


async def ask_other_name(
    query: CallbackQuery, callback_data: RenameStyle, conversation: Conversation, state: FSMContext
) -> None:
    """Ask for another name of a style, as text."""
    if await _find_style(query, callback_data.style, conversation):
        await _ask_name(query, conversation, state, DialogData(style=callback_data.style))


async def ask_name(
    query: CallbackQuery,
    callback_data: SaveStyle,
    conversation: Conversation,
    state: FSMContext,
    drafts: DraftRepository,
) -> None:
    """Ask for the name under which a look is saved: of a card, of a link, or the next one."""
    data = DialogData()
    if callback_data.draft:
        draft = await drafts.get(callback_data.draft)
        if draft is None or draft.user != query.from_user.id:
            key = "too-old" if draft is None else "not-yours"
            await conversation.alert(query, conversation.text(key))
            return
        data = DialogData(draft=draft.id)
    elif callback_data.code:
        data = DialogData(code=callback_data.code)
    await _ask_name(query, conversation, state, data)


async def _ask_name(
    query: CallbackQuery, conversation: Conversation, state: FSMContext, data: DialogData
) -> None:
    await state.set_state(DialogState.style_name)
    await state.set_data(dict(data))
    await conversation.answer(query)
    if message := query.message:
        # One that is too old to be read cannot be replied to.
        destination = (
            get_destination(message)
            if isinstance(message, Message)
            else Destination(message.chat.id)
        )
        await conversation.messenger.send_text(destination, conversation.text("style-name-ask"))


async def take_name(
    message: Message, conversation: Conversation, state: FSMContext, drafts: DraftRepository
) -> None:
    """Save a look under the name that was asked for, or rename a style."""
    assert message.from_user is not None, "messages to the bot have an author"
    user, name = message.from_user.id, parse_style_name(message.text or "")
    if name is None:
        text = conversation.text("style-name-wrong", limit=MAX_NAME_LENGTH)
        await conversation.reply(message, text)
        return
    data = await state.get_data()
    draft = await drafts.get(data.get("draft", ""))
    look = _find_look(data, draft, conversation)

    def change(styles: SavedStyles) -> SavedStyles:
        if style_id := data.get("style"):
            return styles.rename(style_id, name)
        return styles.save(SavedStyle(id=generate_id()[:ID_LENGTH], name=name, look=look))

    try:
        styles = await conversation.users.change_styles(user, change)
    except NameTaken:
        await conversation.reply(message, conversation.text("style-name-taken", name=name))
        return
    except TooManyStyles:
        await state.clear()
        await conversation.reply(message, conversation.text("style-too-many", limit=MAX_STYLES))
        return
    await state.clear()
    await conversation.reply(message, conversation.text("style-saved", name=name))
    if draft is not None:
        await _update_card(draft, styles, conversation)


def _find_look(data: dict[str, str], draft: Draft | None, conversation: Conversation) -> Appearance:
    """Return the look that is to be saved."""
    if draft is not None:
        return make_reusable(draft.look)
    shared = parse_style_code(data.get("code", ""))
    return conversation.appearance if shared is None else _keep_engine(shared, conversation)


def _keep_engine(look: Appearance, conversation: Conversation) -> Appearance:
    """Return the look of a link with the engine that the user chose: it has none."""
    return look.model_copy(update={"engine": conversation.appearance.engine})


async def _update_card(draft: Draft, styles: SavedStyles, conversation: Conversation) -> None:
    """Show the new style on the card, if its page of styles is open."""
    if draft.card is not None and not draft.used and draft.page is CardPage.STYLES:
        keyboard = conversation.keyboards.create_card(draft, styles)
        await conversation.messenger.edit_keyboard(draft.chat, draft.card, keyboard)


async def dress_card(
    query: CallbackQuery,
    callback_data: ChooseStyle,
    draft: Draft,
    conversation: Conversation,
    drafts: DraftRepository,
    cards: PreviewCards,
) -> None:
    """Give a card the look of a style; the mattes of another engine are not used."""
    style = await _find_style(query, callback_data.style, conversation)
    if style is None:
        return
    await conversation.answer(query)
    mattes = draft.mattes if style.look.engine == draft.look.engine else None
    changed = replace(draft, look=style.look, mattes=mattes)
    await change_card(query, draft, changed, conversation, drafts, cards)


async def show_shared_style(
    message: Message,
    command: CommandObject,
    conversation: Conversation,
    state: FSMContext,
    style_pictures: StylePictures,
) -> None:
    """Show the look of a link, which the user may use or save; an open question is closed."""
    await state.clear()
    code = (command.args or "").removeprefix(LINK_PREFIX)
    look = parse_style_code(code)
    if look is None:
        await conversation.reply(message, conversation.text("style-link-wrong"))
        return
    assert message.from_user is not None, "messages to the bot have an author"
    values = describe_appearance(_keep_engine(look, conversation))
    keyboard = create_shared_style(code, conversation.styles, _get_labels(conversation))
    await conversation.messenger.send_action(get_destination(message), "upload_photo")
    picture = await style_pictures.draw(message.from_user.id, message.chat.id, [look])
    text = conversation.text("style-shared", **values)
    await conversation.reply_with_picture(message, picture, text, keyboard)


async def use_shared_style(
    query: CallbackQuery, callback_data: UseStyle, conversation: Conversation
) -> None:
    """Let the next card begin with the look of a link, and no style be the default any more."""
    look = parse_style_code(callback_data.code)
    if look is None:
        await conversation.alert(query, conversation.text("too-old"))
        return
    user, look = query.from_user.id, _keep_engine(look, conversation)
    await conversation.users.change_styles(user, lambda styles: styles.set_default(None))
    await conversation.users.set_appearance(user, look)
    await conversation.answer(query)
    text = conversation.text("style-used", **describe_appearance(look))
    await conversation.edit_text(query, text)


async def _find_style(
    query: CallbackQuery, style_id: str, conversation: Conversation
) -> SavedStyle | None:
    """Return a style of the user who presses; say where there is none."""
    style = conversation.styles.find(style_id)
    if style is None:
        await conversation.alert(query, conversation.text("style-gone"))
    return style


async def _show_style(
    query: CallbackQuery, style_id: str, conversation: Conversation, bot: Bot
) -> None:
    style = conversation.styles.find(style_id)
    if style is None:  # deleted at this moment
        return
    is_default = style.id == conversation.styles.default
    name = (await bot.me()).username
    link = f"https://t.me/{name}?start={LINK_PREFIX}{format_style_code(style.look)}"
    text = conversation.text(
        "style-page",
        name=style.name,
        link=link,
        default="yes" if is_default else "no",
        **describe_appearance(style.look),
    )
    keyboard = create_style_page(style, link, _get_labels(conversation), is_default=is_default)
    await conversation.edit_text(query, text, keyboard)


async def _show_list(
    query: CallbackQuery, text: str, conversation: Conversation, style_pictures: StylePictures
) -> None:
    """Show *text* and all styles in place of one style, with their picture where one was."""
    text = _list_names(text, conversation)
    keyboard = create_style_list(conversation.styles, _get_labels(conversation))
    message = query.message
    if isinstance(message, Message) and message.photo:
        chat, user = message.chat.id, query.from_user.id
        if picture := await _draw_list(user, chat, conversation, style_pictures):
            with suppress(TelegramBadRequest):  # without the right to send photos any more
                await conversation.messenger.edit_photo(
                    chat, message.message_id, picture, text, keyboard=keyboard
                )
                return
    await conversation.edit_text(query, text, keyboard)


async def _draw_list(
    user: int, chat: int, conversation: Conversation, style_pictures: StylePictures
) -> Path | None:
    """Return a picture of the saved styles, or else of the next look."""
    saved = [style.look for style in conversation.styles.saved]
    looks = saved or [conversation.appearance]
    return await style_pictures.draw(user, chat, looks, is_numbered=bool(saved))


def _list_names(text: str, conversation: Conversation) -> str:
    """Return *text* with the names of the styles above it, numbered as in their picture."""
    lines = [
        conversation.text("style-line", number=number, name=style.name)
        for number, style in enumerate(conversation.styles.saved, 1)
    ]
    return "\n\n".join(["\n".join(lines), text] if lines else [text])


def _describe_next(conversation: Conversation) -> str:
    """Return what the user's next card begins with."""
    default = conversation.styles.find(conversation.styles.default)
    return conversation.text(
        "style-shown",
        name=default.name if default else "",
        default="yes" if default else "no",
        **describe_appearance(conversation.appearance),
    )


def _get_labels(conversation: Conversation) -> Labels:
    return Labels(conversation.texts, conversation.language)
