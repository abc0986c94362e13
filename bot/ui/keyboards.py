"""The buttons under our messages; six rows at most, which a phone shows below a picture."""

from collections.abc import Iterable

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

from bot.database.drafts import Draft
from bot.database.jobs import Job
from bot.domain.appearance import PALETTE, Ring, Size, named
from bot.domain.job_request import Language
from bot.ui.callback_data import (
    Cancel,
    CardPage,
    ChooseBlur,
    ChooseColour,
    ChooseCorner,
    ChooseEngine,
    ChooseFile,
    ChooseRing,
    ChooseShape,
    ChooseSize,
    Keep,
    Make,
    OtherCorner,
    OtherForm,
    OtherShape,
    Page,
    Reset,
    ResultPage,
    Send,
    Speak,
)
from bot.ui.texts import Texts
from video_editing.contract.formats import Form
from video_editing.contract.style import Anchor, Shape

Button = InlineKeyboardButton
Row = list[Button]

CORNERS = {
    Anchor.TOP_LEFT: "↖️",
    Anchor.TOP_RIGHT: "↗️",
    Anchor.CENTER: "⏺",
    Anchor.BOTTOM_LEFT: "↙️",
    Anchor.BOTTOM_RIGHT: "↘️",
}
ENGINES = {"mediapipe": "⚡", "rembg": "💎"}
#: what a result is offered as, to be watched or to be cut; the GIFs of Telegram are animations
FORMS = (Form.VIDEO, Form.NOTE, Form.ANIMATION, Form.STICKER), (Form.WEBM, Form.MOV)
NOTE_SECONDS = 60  #: Telegram's longest round note
SHOWN_FILES = 5  #: backgrounds in one row
LANGUAGES = {Language.EN: "English", Language.RU: "Русский"}


class Keyboards:
    """Makes them, in the language of whoever they are for."""

    def __init__(self, texts: Texts) -> None:
        """Know the words on them."""
        self._texts = texts

    def card(self, draft: Draft, page: Page = Page.FIRST) -> InlineKeyboardMarkup:
        """Under a card; what is chosen is marked."""
        words = _Words(self._texts, draft.language)
        make = button(f"✅ {words('make')}", Make(draft=draft.id), style="success")
        match page:
            case Page.RING:
                rows = _rings(draft, words)
            case Page.BACKGROUND:
                rows = _backgrounds(draft, words)
            case _:
                return _keyboard([make], *_first(draft, words))
        back = button(f"← {words('back')}", CardPage(draft=draft.id, page=Page.FIRST))
        return _keyboard([make], *rows, [back])

    def asking(self, draft: Draft) -> InlineKeyboardMarkup:
        """The way out, under the question for a background."""
        text = self._texts(draft.language, "button-keep")
        return _keyboard([button(text, Keep(draft=draft.id))])

    def cancel(self, job: Job) -> InlineKeyboardMarkup:
        """Under the status of a job."""
        text = self._texts(job.language, "button-cancel")
        return _keyboard([button(text, Cancel(job=job.id), style="danger")])

    def result(self, job: Job, page: Page = Page.FIRST) -> InlineKeyboardMarkup:
        """Under a result: what else can be made of it."""
        words = _Words(self._texts, job.language)
        match page:
            case Page.SHAPE if can_be_reshaped(job):
                rows = _pairs(_other_shapes(job, words))
            case Page.CORNER if can_be_moved(job):
                rows = [_other_corners(job)]
            case _:
                return _keyboard(*_other_forms(job, words), _other_looks(job, words))
        back = button(f"← {words('back')}", ResultPage(job=job.id, page=Page.FIRST))
        return _keyboard(*rows, [back])

    def languages(self) -> InlineKeyboardMarkup:
        """To choose one."""
        row = [button(name, Speak(language=language)) for language, name in LANGUAGES.items()]
        return _keyboard(row)

    def style(self, language: Language) -> InlineKeyboardMarkup:
        """Under the look that is remembered."""
        return _keyboard([button(self._texts(language, "button-reset"), Reset())])


class _Words:
    """The labels of buttons in one language."""

    def __init__(self, texts: Texts, language: Language) -> None:
        self._texts, self._language = texts, language

    def __call__(self, name: str, **values: float | str) -> str:
        return self._texts(self._language, f"button-{name}", **values)


def button(text: str, data: CallbackData, *, style: str | None = None) -> Button:
    """One that sends *data*."""
    return Button(text=text, callback_data=data.pack(), style=style)


def _choice(text: str, data: CallbackData, *, chosen: bool) -> Button:
    """One of several, marked if it is the one; older apps show no colours."""
    return button(f"✓ {text}" if chosen else text, data, style="primary" if chosen else None)


def _keyboard(*rows: Row) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup(inline_keyboard=[row for row in rows if row])


def _pairs(buttons: Iterable[Button]) -> list[Row]:
    row = list(buttons)
    return [row[i : i + 2] for i in range(0, len(row), 2)]


def _first(draft: Draft, words: _Words) -> list[Row]:
    """Shape, corner, size, the ways to ring and background, engine."""
    look, id_ = draft.look, draft.id
    shapes = [
        _choice(words(shape), ChooseShape(draft=id_, shape=shape), chosen=shape is look.shape)
        for shape in Shape
    ]
    corners = [
        _choice(arrow, ChooseCorner(draft=id_, corner=corner), chosen=corner is look.corner)
        for corner, arrow in CORNERS.items()
    ]
    sizes = [
        _choice(words(size), ChooseSize(draft=id_, size=size), chosen=size is look.size)
        for size in Size
    ]
    ring = button(f"⭕ {words('ring')}…", CardPage(draft=id_, page=Page.RING))
    background = button(f"🎨 {words('background')}…", CardPage(draft=id_, page=Page.BACKGROUND))
    return [
        shapes,
        corners,
        sizes,
        [background] if look.shape is Shape.NONE else [ring, background],
        _engines(draft, words),
    ]


def _engines(draft: Draft, words: _Words) -> Row:
    return [
        _choice(
            f"{mark} {words(engine)}",
            ChooseEngine.model_validate({"draft": draft.id, "engine": engine}),
            chosen=engine == draft.look.engine,
        )
        for engine, mark in ENGINES.items()
    ]


def _rings(draft: Draft, words: _Words) -> list[Row]:
    return _pairs(
        _choice(
            words(f"ring-{ring}"),
            ChooseRing(draft=draft.id, ring=ring),
            chosen=ring is draft.look.ring,
        )
        for ring in Ring
    )


def _backgrounds(draft: Draft, words: _Words) -> list[Row]:
    """Colours, blur, and files: those that came, or another."""
    backdrop, id_ = draft.look.backdrop, draft.id
    colours = [
        _choice(square, ChooseColour(draft=id_, colour=name), chosen=name == named(backdrop))
        for name, (_, square) in PALETTE.items()
    ]
    blur = _choice(f"🌫 {words('blur')}", ChooseBlur(draft=id_), chosen=backdrop.kind == "blur")
    files = [
        _choice(
            f"🏞 {number + 1}",
            ChooseFile(draft=id_, number=number),
            chosen=source == backdrop.source,
        )
        for number, source in enumerate(draft.backgrounds)
    ]
    send = button(f"🖼 {words('send')}", Send(draft=id_))
    return [colours[:4], colours[4:], [blur, send], files[-SHOWN_FILES:]]


def _other_forms(job: Job, words: _Words) -> list[Row]:
    rows = []
    for forms in FORMS:
        row = [
            button(words(form), OtherForm(job=job.id, to=form))
            for form in forms
            if form is not job.order.form and (form is not Form.NOTE or can_be_a_note(job))
        ]
        rows += [row] if len(row) <= 3 else _pairs(row)
    return rows


def _other_looks(job: Job, words: _Words) -> Row:
    """The ways to other shapes and corners, where they make a difference."""
    row = []
    if can_be_reshaped(job):
        row.append(button(f"{words('shape')}…", ResultPage(job=job.id, page=Page.SHAPE)))
    if can_be_moved(job):
        row.append(button(f"{words('corner')}…", ResultPage(job=job.id, page=Page.CORNER)))
    return row


def _other_shapes(job: Job, words: _Words) -> Iterable[Button]:
    for shape in Shape:
        if shape is not job.order.look.shape:
            yield button(words(shape), OtherShape(job=job.id, shape=shape))


def _other_corners(job: Job) -> Row:
    return [
        button(arrow, OtherCorner(job=job.id, corner=corner))
        for corner, arrow in CORNERS.items()
        if corner is not job.order.look.corner
    ]


def can_be_a_note(job: Job) -> bool:
    """Whether Telegram takes it as one, as far as its length is known."""
    return (job.order.clip.seconds or 0) <= NOTE_SECONDS


def can_be_reshaped(job: Job) -> bool:
    """Whether its shape is seen: a round note is round."""
    return job.order.form is not Form.NOTE


def can_be_moved(job: Job) -> bool:
    """Whether its corner is seen: a note has it in its middle, an overlay has none."""
    return job.order.form is not Form.NOTE and not job.order.form.transparent
