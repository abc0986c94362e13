"""Creates the keyboards under messages: at most six rows, which a phone shows below a picture."""

from collections.abc import Iterable, Mapping
from math import inf
from typing import Literal

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, WebAppInfo

from bot.database.drafts import CardPage, Draft
from bot.database.jobs import Job
from bot.domain.job_request import PALETTE, Language, OverlaySize, RingStyle, describe_background
from bot.ui.callback_data import (
    AskTimes,
    CancelJob,
    ChangeCorner,
    ChangeFormat,
    ChangeShape,
    ChooseBlur,
    ChooseCanvas,
    ChooseColour,
    ChooseCorner,
    ChooseEngine,
    ChooseFile,
    ChooseLanguage,
    ChooseRing,
    ChooseShape,
    ChooseSize,
    ForgetUser,
    KeepBackground,
    MakeResult,
    ResetAppearance,
    ResultPage,
    SendBackground,
    ShowCardPage,
    ShowResultPage,
    TrimClip,
    TrySample,
)
from bot.ui.texts import Texts, format_time
from video_editing.contract.engines import AUTO_ENGINE, BEST_ENGINE, ENGINES
from video_editing.contract.formats import AUTO_CANVAS, OutputFormat
from video_editing.contract.style import Anchor, Shape

Button = InlineKeyboardButton
Row = list[Button]

CORNER_ARROWS = {
    Anchor.TOP_LEFT: "↖️",
    Anchor.TOP_RIGHT: "↗️",
    Anchor.CENTER: "⏺",
    Anchor.BOTTOM_LEFT: "↙️",
    Anchor.BOTTOM_RIGHT: "↘️",
}
#: pages that the first one leads to, with their icons; and those that MORE leads to
FIRST_PAGES = {CardPage.RING: "⭕", CardPage.BACKGROUND: "🎨", CardPage.MORE: "⚙️"}
MORE_PAGES = {CardPage.TRIM: "✂️", CardPage.FORMAT: "📐"}
#: formats that are offered for a result: for watching, and for editing; Telegram's GIFs are
#: animations
RESULT_FORMATS = (
    (OutputFormat.VIDEO, OutputFormat.NOTE, OutputFormat.ANIMATION, OutputFormat.STICKER),
    (OutputFormat.WEBM, OutputFormat.MOV),
)
MAX_SHOWN_FILES = 5  #: backgrounds that a card offers
#: aspect ratios that a card offers, from tall to wide
CANVAS_LABELS = {"9:16": "▯ 9:16", "4:5": "▯ 4:5", "1:1": "□ 1:1", "16:9": "▭ 16:9"}
#: by how many seconds start and end are moved at most, in clips shorter than so many seconds
TRIM_STEPS = ((60, 5), (300, 10), (inf, 60))
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

    def create_card(self, draft: Draft) -> InlineKeyboardMarkup:
        """Create the page of a card's keyboard that is open; the current choices are marked."""
        words = _Labels(self._texts, draft.language)
        make = create_button(f"✅ {words('make')}", MakeResult(draft=draft.id), style="success")
        match draft.page:
            case CardPage.RING:
                rows = _create_ring_rows(draft, words)
            case CardPage.BACKGROUND:
                rows = _create_background_rows(draft, words)
            case CardPage.MORE:
                rows = _split_into_pairs(_create_page_buttons(draft, words, MORE_PAGES))
            case CardPage.TRIM:
                rows = _create_trim_rows(draft, words)
            case CardPage.FORMAT:
                rows = _create_canvas_rows(draft, words)
            case CardPage.FIRST:
                row = [make, *self._create_editor_button(draft, words)]
                return _create_keyboard(row, *_create_first_page(draft, words))
        upper = CardPage.MORE if draft.page in MORE_PAGES else CardPage.FIRST
        back = create_button(f"← {words('back')}", ShowCardPage(draft=draft.id, page=upper))
        return _create_keyboard([make], *rows, [back])

    def create_background_request(self, draft: Draft) -> InlineKeyboardMarkup:
        """Create the keyboard under the question for a background, which ends it."""
        text = self._texts(draft.language, "button-keep")
        return _create_keyboard([create_button(text, KeepBackground(draft=draft.id))])

    def create_cancel(self, job: Job) -> InlineKeyboardMarkup:
        """Create the keyboard under the progress message of a job."""
        text = self._texts(job.language, "button-cancel")
        return _create_keyboard([create_button(text, CancelJob(job=job.id), style="danger")])

    def create_result(self, job: Job, page: ResultPage = ResultPage.FIRST) -> InlineKeyboardMarkup:
        """Create a page of a result's keyboard, which orders variants of it."""
        words = _Labels(self._texts, job.language)
        match page:
            case ResultPage.SHAPE if is_shape_visible(job):
                rows = _split_into_pairs(_create_shape_buttons(job, words))
            case ResultPage.CORNER if is_corner_visible(job):
                rows = [_create_corner_row(job)]
            case _:
                return _create_keyboard(
                    *_create_format_rows(job, words), _create_page_row(job, words)
                )
        back = create_button(
            f"← {words('back')}", ShowResultPage(job=job.id, page=ResultPage.FIRST)
        )
        return _create_keyboard(*rows, [back])

    def _create_editor_button(self, draft: Draft, words: "_Labels") -> Row:
        """Create the button to the editor where Telegram opens one: in a private chat."""
        if not self._site or not draft.is_private:
            return []
        page = WebAppInfo(url=f"{self._site}/editor?draft={draft.id}")
        return [Button(text=f"✋ {words('editor')}", web_app=page)]

    def create_dashboard_row(self, language: Language) -> Row:
        """Create the button to the operator's dashboard, for private chats; none without a site."""
        if not self._site:
            return []
        text = self._texts(language, "admin-button-dashboard")
        return [Button(text=text, web_app=WebAppInfo(url=f"{self._site}/ops"))]

    def create_welcome(self, language: Language) -> InlineKeyboardMarkup:
        """Create the keyboard under the welcome."""
        return _create_keyboard(
            [create_button(self._texts(language, "button-sample"), TrySample(), style="primary")]
        )

    def create_languages(self) -> InlineKeyboardMarkup:
        """Create the keyboard that offers all languages."""
        row = [
            create_button(name, ChooseLanguage(language=language))
            for language, name in LANGUAGE_NAMES.items()
        ]
        return _create_keyboard(row)

    def create_style(self, language: Language) -> InlineKeyboardMarkup:
        """Create the keyboard under the remembered appearance."""
        return _create_keyboard(
            [create_button(self._texts(language, "button-reset"), ResetAppearance())]
        )

    def create_forget(self, language: Language, user: int) -> InlineKeyboardMarkup:
        """Create the keyboard that asks whether everything of a user is to be deleted."""
        return _create_keyboard(
            [create_button(self._texts(language, "button-forget"), ForgetUser(user=user))]
        )


class _Labels:
    """The labels of buttons in one language."""

    def __init__(self, texts: Texts, language: Language) -> None:
        self._texts, self._language = texts, language

    def __call__(self, name: str, **values: float | str) -> str:
        return self._texts(self._language, f"button-{name}", **values)


def create_button(text: str, data: CallbackData, *, style: str | None = None) -> Button:
    """Create a button that sends *data*."""
    return Button(text=text, callback_data=data.pack(), style=style)


def _create_choice(text: str, data: CallbackData, *, is_chosen: bool) -> Button:
    """Create one of several choices; the chosen one has a tick too: older apps show no colours."""
    return create_button(
        f"✓ {text}" if is_chosen else text, data, style="primary" if is_chosen else None
    )


def _create_keyboard(*rows: Row) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup(inline_keyboard=[row for row in rows if row])


def _split_into_pairs(buttons: Iterable[Button]) -> list[Row]:
    row = list(buttons)
    return [row[i : i + 2] for i in range(0, len(row), 2)]


def _create_first_page(draft: Draft, labels: _Labels) -> list[Row]:
    """Create the rows for shape, corner and size, the pages of ring and background, and engine."""
    look, draft_id = draft.look, draft.id
    shapes = [
        _create_choice(
            labels(shape), ChooseShape(draft=draft_id, shape=shape), is_chosen=shape is look.shape
        )
        for shape in Shape
    ]
    corners = [
        _create_choice(
            arrow, ChooseCorner(draft=draft_id, corner=corner), is_chosen=corner is look.corner
        )
        for corner, arrow in CORNER_ARROWS.items()
    ]
    sizes = [
        _create_choice(
            labels(size), ChooseSize(draft=draft_id, size=size), is_chosen=size is look.size
        )
        for size in OverlaySize
    ]
    pages = _create_page_buttons(draft, labels, FIRST_PAGES)
    return [shapes, corners, sizes, pages, _create_engine_row(draft, labels)]


def _create_page_buttons(draft: Draft, labels: _Labels, pages: Mapping[CardPage, str]) -> Row:
    """Create the buttons that open *pages*; a person without a shape has no ring."""
    return [
        create_button(f"{icon} {labels(page)}", ShowCardPage(draft=draft.id, page=page))
        for page, icon in pages.items()
        if page is not CardPage.RING or draft.look.shape is not Shape.NONE
    ]


def _create_engine_row(draft: Draft, labels: _Labels) -> Row:
    """Create the buttons for the best engine that is fast enough, and for each other one."""
    icons = {AUTO_ENGINE: ENGINES[BEST_ENGINE].icon}
    icons |= {info.name: info.icon for info in ENGINES.values() if info.has_button}
    return [
        _create_choice(
            f"{icon} {_get_engine_label(engine, labels)}",
            ChooseEngine(draft=draft.id, engine=engine),
            is_chosen=engine == draft.look.engine,
        )
        for engine, icon in icons.items()
    ]


def _get_engine_label(engine: str, labels: _Labels) -> str:
    """Return the text ``button-ENGINE``, or the engine's name where the texts lack one."""
    try:
        return labels(engine)
    except LookupError:
        return engine


def _create_ring_rows(draft: Draft, labels: _Labels) -> list[Row]:
    return _split_into_pairs(
        _create_choice(
            labels(f"ring-{ring}"),
            ChooseRing(draft=draft.id, ring=ring),
            is_chosen=ring is draft.look.ring,
        )
        for ring in RingStyle
    )


def _create_background_rows(draft: Draft, labels: _Labels) -> list[Row]:
    """Create the rows for colours, blur, files that the user sent, and another file."""
    background, draft_id = draft.look.backdrop, draft.id
    colours = [
        _create_choice(
            square,
            ChooseColour(draft=draft_id, colour=name),
            is_chosen=name == describe_background(background),
        )
        for name, (_, square) in PALETTE.items()
    ]
    blur = _create_choice(
        f"🌫 {labels('blur')}", ChooseBlur(draft=draft_id), is_chosen=background.kind == "blur"
    )
    files = [
        _create_choice(
            f"🏞 {number + 1}",
            ChooseFile(draft=draft_id, number=number),
            is_chosen=source == background.source,
        )
        for number, source in enumerate(draft.backgrounds)
    ]
    send = create_button(f"🖼 {labels('send')}", SendBackground(draft=draft_id))
    return [colours[:4], colours[4:], [blur, send], files[-MAX_SHOWN_FILES:]]


def _create_trim_rows(draft: Draft, labels: _Labels) -> list[Row]:
    """Create the rows for the start, the end where it is known, and two times as text."""
    excerpt, seconds = draft.excerpt, (draft.clip and draft.clip.seconds) or 0
    end = excerpt.end or seconds
    rows = [_create_edge_row(draft, "start", f"⏮ {format_time(round(excerpt.start))}")]
    if end:
        rows.append(_create_edge_row(draft, "end", f"⏭ {format_time(round(end))}"))
    return [*rows, [create_button(f"⌨️ {labels('times')}", AskTimes(draft=draft.id))]]


def _create_canvas_rows(draft: Draft, labels: _Labels) -> list[Row]:
    """Create the buttons for the format of the background, and for each aspect ratio."""
    ratios = {AUTO_CANVAS: f"🖼 {labels('canvas-auto')}"} | CANVAS_LABELS
    auto, *others = [
        _create_choice(
            label,
            ChooseCanvas.model_validate({"draft": draft.id, "ratio": ratio.replace(":", "x")}),
            is_chosen=ratio == draft.look.canvas,
        )
        for ratio, label in ratios.items()
    ]
    return [[auto], others]


def _create_edge_row(draft: Draft, edge: Literal["start", "end"], label: str) -> Row:
    """Create the buttons that move *edge*, around the one that says where it is and resets it."""
    seconds = (draft.clip and draft.clip.seconds) or 0
    step = next(step for limit, step in TRIM_STEPS if seconds < limit)
    return [
        create_button(
            f"{'−' if by < 0 else '+'}{abs(by)}" if by else label,
            TrimClip(draft=draft.id, edge=edge, by=by),
        )
        for by in (-step, -1, 0, 1, step)
    ]


def _create_format_rows(job: Job, labels: _Labels) -> list[Row]:
    rows = []
    for formats in RESULT_FORMATS:
        row = [
            create_button(labels(format_), ChangeFormat(job=job.id, to=format_))
            for format_ in formats
            if format_ is not job.order.form
        ]
        rows += [row] if len(row) <= 3 else _split_into_pairs(row)
    return rows


def _create_page_row(job: Job, labels: _Labels) -> Row:
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


def _create_shape_buttons(job: Job, labels: _Labels) -> Iterable[Button]:
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
