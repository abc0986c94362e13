"""The keyboards of saved styles: on a card, under their list, under one, and under a shared one."""

from urllib.parse import quote

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardMarkup

from bot.domain.draft import Draft
from bot.domain.saved_styles import SavedStyle, SavedStyles
from bot.ui.buttons import (
    Button,
    Labels,
    Row,
    create_button,
    create_choice,
    create_keyboard,
    split_into_pairs,
)
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

MAX_LABEL_LENGTH = 16  #: characters of a name on a button: two share a row


def create_card_styles(draft: Draft, styles: SavedStyles, labels: Labels) -> list[Row]:
    """Create the rows that give a card the look of a style, and save its look as one."""
    buttons = [
        create_choice(
            _shorten(style.name),
            ChooseStyle(draft=draft.id, style=style.id),
            is_chosen=style.look == draft.look,
        )
        for style in styles.saved
    ]
    return split_into_pairs([*buttons, *_create_save(SaveStyle(draft=draft.id), styles, labels)])


def create_style_list(styles: SavedStyles, labels: Labels) -> InlineKeyboardMarkup:
    """Create the keyboard that opens each style; the default one has a star."""
    buttons = [
        create_button(
            f"⭐ {_shorten(style.name)}" if style.id == styles.default else _shorten(style.name),
            OpenStyle(style=style.id),
        )
        for style in styles.saved
    ]
    rows = split_into_pairs([*buttons, *_create_save(SaveStyle(), styles, labels)])
    return create_keyboard(*rows, [create_button(labels("reset"), ResetAppearance())])


def create_style_page(
    style: SavedStyle, link: str, labels: Labels, *, is_default: bool
) -> InlineKeyboardMarkup:
    """Create the keyboard for one style, which *link* shares."""
    star = create_choice(
        f"⭐ {labels('style-default')}",
        SetDefaultStyle(style=style.id, on=not is_default),
        is_chosen=is_default,
    )
    share = Button(
        text=f"🔗 {labels('style-share')}",
        url=f"https://t.me/share/url?url={quote(link, safe='')}",
    )
    rename = create_button(f"✏️ {labels('style-rename')}", RenameStyle(style=style.id))
    delete = create_button(f"🗑 {labels('style-delete')}", DeleteStyle(style=style.id, sure=False))
    return create_keyboard([star], [share], [rename, delete], [_create_back(ListStyles(), labels)])


def create_deletion(style: SavedStyle, labels: Labels) -> InlineKeyboardMarkup:
    """Create the keyboard that asks whether a style is to be deleted."""
    delete = create_button(
        f"🗑 {labels('style-delete')}", DeleteStyle(style=style.id, sure=True), style="danger"
    )
    return create_keyboard([delete], [_create_back(OpenStyle(style=style.id), labels)])


def create_shared_style(code: str, styles: SavedStyles, labels: Labels) -> InlineKeyboardMarkup:
    """Create the keyboard that uses or saves the look of a link."""
    use = create_button(f"✅ {labels('style-use')}", UseStyle(code=code), style="success")
    return create_keyboard([use], _create_save(SaveStyle(code=code), styles, labels))


def _create_save(data: SaveStyle, styles: SavedStyles, labels: Labels) -> Row:
    """Create the button that saves a look, where there is room for one."""
    return [] if styles.is_full else [create_button(f"💾 {labels('style-save')}", data)]


def _create_back(data: CallbackData, labels: Labels) -> Button:
    return create_button(f"← {labels('back')}", data)


def _shorten(name: str) -> str:
    return name if len(name) <= MAX_LABEL_LENGTH else f"{name[: MAX_LABEL_LENGTH - 1].rstrip()}…"
