"""The buttons, and what they send."""

import itertools
from typing import Any

import pytest
from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup
from pydantic import ValidationError

from bot.database.drafts import Draft
from bot.database.jobs import Job, State
from bot.database.repository import secret_id
from bot.domain.appearance import PALETTE, Backdrop, Look, PaletteColour, Ring, Size
from bot.domain.job_request import Language, Order
from bot.domain.media_source import Kind, Source
from bot.ui import callback_data as buttons
from bot.ui.callback_data import (
    CHOICES,
    OTHERS,
    Cancel,
    CardPage,
    Choice,
    ChooseColour,
    ChooseFile,
    ChooseShape,
    Keep,
    Make,
    Other,
    OtherForm,
    Page,
    Reset,
    ResultPage,
    Send,
    Speak,
)
from bot.ui.captions import said_of
from bot.ui.keyboards import CORNERS, FORMS, Keyboards
from bot.ui.texts import Texts
from video_editing.contract.formats import Form
from video_editing.contract.style import Anchor, Shape, parsed

LONGEST = "x" * 32  #: id that the database has room for
VALUES: dict[str, Any] = {
    "shape": Shape,
    "corner": Anchor,
    "size": Size,
    "ring": Ring,
    "engine": ("mediapipe", "rembg"),
    "colour": PaletteColour,
    "number": (0, 999),
    "page": Page,
    "to": Form,
    "language": Language,
    "draft": (LONGEST,),
    "job": (LONGEST,),
}
CLASSES: list[type[CallbackData]] = [
    each
    for each in vars(buttons).values()
    if isinstance(each, type)
    and issubclass(each, CallbackData)
    and each not in {CallbackData, Choice, Other}
]
LETTERS = 36  #: of a row on a phone, shared by its buttons
ROWS = 6
CLIP = Source(kind=Kind.VIDEO, file_id="clip", seconds=30)
FILES = tuple(Source(kind=Kind.PHOTO, file_id=f"p{i}") for i in range(9))


def draft(language: Language = Language.EN, look: Look | None = None, files: int = 0) -> Draft:
    """One of Ann's."""
    rest = {"album": None, "note": None, "card": None, "used": False, "created": 0.0}
    return Draft(secret_id(), 1, 1, 5, None, language, CLIP, FILES[:files], look or Look(), **rest)


def job(
    language: Language = Language.EN,
    form: Form = Form.VIDEO,
    look: Look | None = None,
    seconds: float = 30,
) -> Job:
    """One of Ann's, done."""
    clip = CLIP.model_copy(update={"seconds": seconds})
    values: dict[str, Any] = dict.fromkeys(Job.__dataclass_fields__)
    values |= {"id": secret_id(), "user": 1, "chat": 1, "state": State.DONE, "language": language}
    return Job(**values | {"order": Order(clip=clip, look=look or Look(), form=form)})


def every(keyboard: InlineKeyboardMarkup) -> list[InlineKeyboardButton]:
    """All buttons."""
    return [button for row in keyboard.inline_keyboard for button in row]


def datas(keyboard: InlineKeyboardMarkup) -> list[str]:
    """What they send."""
    return [button.callback_data or "" for button in every(keyboard)]


def all_keyboards(language: Language) -> list[InlineKeyboardMarkup]:
    """Each of them, with each thing chosen."""
    keyboards = Keyboards(Texts())
    looks = [Look(shape=shape, size=Size.LARGE) for shape in Shape]
    looks += [Look(ring=ring) for ring in Ring] + [Look(backdrop=Backdrop(kind="blur"))]
    looks += [Look(engine="rembg"), Look(backdrop=Backdrop(kind="file", source=FILES[8]))]
    made = [
        keyboards.card(draft(language, look, files), page)
        for look, page, files in itertools.product(looks, Page, (0, 1, 9))
    ]
    made += [
        keyboards.result(job(language, form), page) for form, page in itertools.product(Form, Page)
    ]
    made += [keyboards.cancel(job(language)), keyboards.asking(draft(language))]
    return [*made, keyboards.languages(), keyboards.style(language)]


@pytest.mark.parametrize("kind", CLASSES)
def test_a_button_fits_64_bytes(kind: type[CallbackData]) -> None:
    """With every value and the longest id; and comes back as it was."""
    names = list(kind.model_fields)
    for values in itertools.product(*(VALUES[name] for name in names)):
        button = kind.model_validate(dict(zip(names, values, strict=True)))
        packed = button.pack()  # raises where it does not fit
        assert kind.unpack(packed) == button


def test_no_two_kinds_of_buttons_are_called_the_same() -> None:
    """Nor as one of the admins'."""
    from bot.handlers.admin_backends import Turn  # noqa: PLC0415 - it alone needs admins

    prefixes = [kind.__prefix__ for kind in (*CLASSES, Turn)]
    assert len(set(prefixes)) == len(prefixes)
    assert {*CHOICES, *OTHERS, CardPage, ResultPage} < set(CLASSES)
    assert {Make, Send, Keep, Cancel, Speak, Reset} < set(CLASSES)


@pytest.mark.parametrize(
    "data",
    [
        "shape:abc",
        "shape:abc:hexagon",
        "shape::circle",
        "shape:a/../b:circle",
        "shape:a\0b:circle",
        "file:abc:-1",
        "file:abc:1e9",
        "colour:abc:#fff",
        "make:" + "x" * 59,
        "make:абв",
        ":" * 64,
    ],
)
def test_what_nobody_can_press_is_not_taken(data: str) -> None:
    """Forged data names no button."""
    for kind in CLASSES:
        with pytest.raises((ValidationError, ValueError, TypeError)):
            kind.unpack(data)


@pytest.mark.parametrize("language", Language)
def test_keyboards_fit_a_phone(language: Language) -> None:
    """Six rows at most, with room for each label; no two buttons send the same."""
    for keyboard in all_keyboards(language):
        assert 1 <= len(keyboard.inline_keyboard) <= ROWS
        assert len(set(datas(keyboard))) == len(datas(keyboard))
        for row in keyboard.inline_keyboard:
            assert max(len(button.text) for button in row) <= LETTERS / len(row), row


@pytest.mark.parametrize("language", Language)
def test_make_it_comes_first_and_is_green(language: Language) -> None:
    """On each page of a card; and *Cancel* is red."""
    keyboards = Keyboards(Texts())
    for page in Page:
        first = every(keyboards.card(draft(language), page))[0]
        assert (first.style, (first.callback_data or "")[:5]) == ("success", "make:")
    assert every(keyboards.cancel(job(language)))[0].style == "danger"


@pytest.mark.parametrize(
    ("look", "page", "marked"),
    [
        (Look(), Page.FIRST, ["✓ Circle", "✓ ↘️", "✓ Medium", "✓ ⚡ Fast"]),
        (
            Look(shape=Shape.NONE, corner=Anchor.CENTER, size=Size.SMALL, engine="rembg"),
            Page.FIRST,
            ["✓ Free", "✓ ⏺", "✓ Small", "✓ 💎 Fine"],
        ),
        (Look(ring=Ring.GOLD), Page.RING, ["✓ Gold"]),
        (Look(), Page.BACKGROUND, ["✓ 🟦"]),
        (Look(backdrop=Backdrop(kind="blur")), Page.BACKGROUND, ["✓ 🌫 Blur"]),
        (
            Look(backdrop=Backdrop(kind="file", source=FILES[1])),
            Page.BACKGROUND,
            ["✓ 🏞 2"],
        ),
        (Look(backdrop=Backdrop(colour="#123456")), Page.BACKGROUND, []),
    ],
)
def test_what_is_chosen_is_marked(look: Look, page: Page, marked: list[str]) -> None:
    """And nothing else; in words, since not every app shows colours."""
    keyboard = Keyboards(Texts()).card(draft(look=look, files=3), page)
    found = [button for button in every(keyboard) if button.text.startswith("✓")]
    assert [button.text for button in found] == marked
    assert all(button.style == "primary" for button in found)


def test_every_part_of_a_look_can_be_chosen() -> None:
    """From some page of the card."""
    keyboards, of = Keyboards(Texts()), draft(files=2)
    sent = {data for page in Page for data in datas(keyboards.card(of, page))}
    for field, values in {"shape": Shape, "corner": CORNERS, "size": Size, "ring": Ring}.items():
        for value in values:
            assert f"{field}:{of.id}:{value}" in sent
    for colour in PaletteColour:
        assert f"colour:{of.id}:{colour}" in sent
    assert {f"blur:{of.id}", f"send:{of.id}", f"file:{of.id}:0", f"file:{of.id}:1"} < sent
    assert {f"engine:{of.id}:mediapipe", f"engine:{of.id}:rembg"} < sent


def test_a_free_person_has_no_ring() -> None:
    """There is no edge along which it could run."""
    sent = datas(Keyboards(Texts()).card(draft(look=Look(shape=Shape.NONE))))
    assert not [data for data in sent if data.endswith(":ring")]


def test_a_choice_changes_one_thing() -> None:
    """And a file that did not come cannot be chosen."""
    of = draft(look=Look(size=Size.LARGE), files=1)
    shaped = ChooseShape(draft=of.id, shape=Shape.RECT).made(of)
    assert shaped == Look(size=Size.LARGE, shape=Shape.RECT)
    behind = ChooseFile(draft=of.id, number=0).made(of)
    assert behind
    assert behind.backdrop == Backdrop(kind="file", source=FILES[0])
    assert ChooseFile(draft=of.id, number=1).made(of) is None
    red = ChooseColour(draft=of.id, colour=PaletteColour.RED).made(of)
    assert said_of(red)["background"] == "red"


def test_colours_are_such() -> None:
    """As video_editing takes them; the default is among them."""
    assert [parsed(colour) for colour, _ in PALETTE.values()]
    assert Backdrop().colour in {colour for colour, _ in PALETTE.values()}


@pytest.mark.parametrize("form", Form)
def test_a_result_is_offered_as_all_that_it_is_not(form: Form) -> None:
    """Each form but its own, in some seconds."""
    of = job(form=form)
    sent = datas(Keyboards(Texts()).result(of))
    offered = [data.split(":")[2] for data in sent if data.startswith("again:")]
    assert offered == [other for forms in FORMS for other in forms if other is not form]


def test_a_long_result_is_not_offered_as_a_note() -> None:
    """Telegram's notes last a minute."""
    sent = datas(Keyboards(Texts()).result(job(seconds=61)))
    assert OtherForm(job="x", to=Form.NOTE).pack().replace("x", "") not in ",".join(sent)
    assert not [data for data in sent if data.endswith(":note")]


def test_other_looks_are_offered_where_they_can_be_seen() -> None:
    """A note is round and in the middle; an overlay has no corner; all others have both."""
    keyboards = Keyboards(Texts())
    video, note, overlay = job(), job(form=Form.NOTE), job(form=Form.WEBM)
    shapes = [data.split(":")[2] for data in datas(keyboards.result(video, Page.SHAPE))[:-1]]
    assert shapes == ["rect", "rounded", "none"]
    corners = [data.split(":")[2] for data in datas(keyboards.result(video, Page.CORNER))[:-1]]
    assert corners == ["top-left", "top-right", "center", "bottom-left"]
    assert not [data for data in datas(keyboards.result(note)) if data.startswith("more:")]
    assert keyboards.result(note, Page.SHAPE) == keyboards.result(note)
    assert [d for d in datas(keyboards.result(overlay)) if d.startswith("more:")] == [
        f"more:{overlay.id}:shape"
    ]
