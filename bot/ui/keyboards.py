"""Creates the keyboards under messages: at most six rows, which a phone shows below a picture."""

from collections.abc import Iterable

from aiogram.types import InlineKeyboardMarkup, WebAppInfo

from bot.database.jobs import Job
from bot.domain.draft import CardPage, Draft
from bot.domain.job_request import Language
from bot.domain.saved_styles import NO_STYLES, SavedStyles
from bot.ui.buttons import Button, Labels, Row, create_button, create_keyboard, split_into_pairs
from bot.ui.callback_data import (
    CancelJob,
    ChangeCorner,
    ChangeFormat,
    ChangeShape,
    ChooseLanguage,
    ForgetUser,
    KeepBackground,
    MakeResult,
    ReopenCard,
    ResultPage,
    SeparateClips,
    ShowCardPage,
    ShowResultPage,
    TrySample,
)
from bot.ui.card_keyboard import CORNER_ARROWS, MORE_PAGES, create_page_rows
from bot.ui.style_keyboards import create_card_styles
from bot.ui.texts import Texts
from video_editing.contract.formats import OutputFormat
from video_editing.contract.style import Shape

#: formats that are offered for a result: for watching, and as files; Telegram's own GIFs are
#: animations
RESULT_FORMATS = (
    (OutputFormat.VIDEO, OutputFormat.NOTE, OutputFormat.ANIMATION, OutputFormat.STICKER),
    (OutputFormat.GIF, OutputFormat.WEBM, OutputFormat.MOV),
)
LANGUAGE_NAMES = {Language.EN: "English", Language.RU: "Русский"}


class Keyboards:
    """Creates all keyboards, in the language of their user."""

    def __init__(self, texts: Texts, site: str = "") -> None:
        """Store what keyboards need.

        Args:
            texts: all texts.
            site: the public address of the bot's pages; "" without one, and then no button to them.
        """
        self._texts, self._site = texts, site

    def create_card(self, draft: Draft, styles: SavedStyles = NO_STYLES) -> InlineKeyboardMarkup:
        """Create the page of a card's keyboard that is open; the current choices are marked.

        Args:
            draft: whose card it is.
            styles: of its owner, for the page of styles.
        """
        words = Labels(self._texts, draft.language)
        count = len(draft.clips)
        label = words("make-all", count=count) if count > 1 else words("make")
        make = create_button(f"✅ {label}", MakeResult(draft=draft.id), style="success")
        if draft.page is CardPage.STYLES:
            rows = create_card_styles(draft, styles, words)
        else:
            rows = create_page_rows(draft, words)
        if draft.page is CardPage.FIRST:
            first = [make, *self._create_editor_button(draft, words)]
            if count > 1:
                first.append(create_button(f"🎞 {words('separate')}", SeparateClips(draft=draft.id)))
            return create_keyboard(first, *rows)
        upper = CardPage.MORE if draft.page in MORE_PAGES else CardPage.FIRST
        back = create_button(f"← {words('back')}", ShowCardPage(draft=draft.id, page=upper))
        return create_keyboard([make], *rows, [back])

    def create_background_request(self, draft: Draft) -> InlineKeyboardMarkup:
        """Create the keyboard under the question for a background, which ends it."""
        text = self._texts(draft.language, "button-keep")
        return create_keyboard([create_button(text, KeepBackground(draft=draft.id))])

    def create_cancel(self, job: Job) -> InlineKeyboardMarkup:
        """Create the keyboard under the progress message of a job."""
        text = self._texts(job.language, "button-cancel")
        return create_keyboard([create_button(text, CancelJob(job=job.id), style="danger")])

    def create_result(self, job: Job, page: ResultPage = ResultPage.FIRST) -> InlineKeyboardMarkup:
        """Create a page of a result's keyboard, which orders variants of it."""
        words = Labels(self._texts, job.language)
        match page:
            case ResultPage.SHAPE if is_shape_visible(job):
                rows = split_into_pairs(_create_shape_buttons(job, words))
            case ResultPage.CORNER if is_corner_visible(job):
                rows = [_create_corner_row(job)]
            case _:
                change = create_button(f"✏️ {words('change')}", ReopenCard(job=job.id))
                last = [change, *self._create_share_button(job, words)]
                return create_keyboard(
                    *_create_format_rows(job, words), _create_page_row(job, words), last
                )
        back = create_button(
            f"← {words('back')}", ShowResultPage(job=job.id, page=ResultPage.FIRST)
        )
        return create_keyboard(*rows, [back])

    def _create_editor_button(self, draft: Draft, words: Labels) -> Row:
        """Create the button to the editor where Telegram opens one: in a private chat."""
        if not self._site or not draft.is_private:
            return []
        page = WebAppInfo(url=f"{self._site}/editor?draft={draft.id}")
        return [Button(text=f"✋ {words('editor')}", web_app=page)]

    def _create_share_button(self, job: Job, words: Labels) -> Row:
        """Create the button to the page that shares a result, where there is one."""
        if not self._site or not job.is_shareable:
            return []
        page = WebAppInfo(url=f"{self._site}/share?job={job.id}")
        return [Button(text=f"📤 {words('share')}", web_app=page)]

    def create_dashboard_row(self, language: Language) -> Row:
        """Create the button to the operator's dashboard, for private chats; none without a site."""
        if not self._site:
            return []
        text = self._texts(language, "admin-button-dashboard")
        return [Button(text=text, web_app=WebAppInfo(url=f"{self._site}/ops"))]

    def create_welcome(self, language: Language) -> InlineKeyboardMarkup:
        """Create the keyboard under the welcome."""
        return create_keyboard(
            [create_button(self._texts(language, "button-sample"), TrySample(), style="primary")]
        )

    def create_languages(self) -> InlineKeyboardMarkup:
        """Create the keyboard that offers all languages."""
        row = [
            create_button(name, ChooseLanguage(language=language))
            for language, name in LANGUAGE_NAMES.items()
        ]
        return create_keyboard(row)

    def create_forget(self, language: Language, user: int) -> InlineKeyboardMarkup:
        """Create the keyboard that asks whether everything of a user is to be deleted."""
        return create_keyboard(
            [create_button(self._texts(language, "button-forget"), ForgetUser(user=user))]
        )


def _create_format_rows(job: Job, labels: Labels) -> list[Row]:
    rows = []
    for formats in RESULT_FORMATS:
        row = [
            create_button(labels(format_), ChangeFormat(job=job.id, to=format_))
            for format_ in formats
            if format_ is not job.order.form
        ]
        rows += [row] if len(row) <= 3 else split_into_pairs(row)
    return rows


def _create_page_row(job: Job, labels: Labels) -> Row:
    """Create the buttons for the pages of shapes and corners, where they change the result."""
    row = []
    if is_shape_visible(job):
        row.append(
            create_button(f"{labels('shape')}…", ShowResultPage(job=job.id, page=ResultPage.SHAPE))
        )
    if is_corner_visible(job):
        row.append(
            create_button(
                f"{labels('corner')}…", ShowResultPage(job=job.id, page=ResultPage.CORNER)
            )
        )
    return row


def _create_shape_buttons(job: Job, labels: Labels) -> Iterable[Button]:
    for shape in Shape:
        if shape is not job.order.look.shape:
            yield create_button(labels(shape), ChangeShape(job=job.id, shape=shape))


def _create_corner_row(job: Job) -> Row:
    return [
        create_button(arrow, ChangeCorner(job=job.id, corner=corner))
        for corner, arrow in CORNER_ARROWS.items()
        if corner is not job.order.look.corner
    ]


def is_shape_visible(job: Job) -> bool:
    """Return whether the result shows its shape: a round note is always round."""
    return job.order.form is not OutputFormat.NOTE


def is_corner_visible(job: Job) -> bool:
    """Return whether the result shows its corner: a note is centred, an overlay has none."""
    return job.order.form is not OutputFormat.NOTE and not job.order.form.is_transparent
