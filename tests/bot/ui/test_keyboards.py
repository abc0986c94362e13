"""The buttons, and what they send."""

import itertools
from typing import Any

import pytest
from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup
from pydantic import ValidationError

from bot.database.drafts import Draft
from bot.database.jobs import Job, JobState
from bot.database.repository import generate_id
from bot.domain.job_request import (
    PALETTE,
    Appearance,
    BackgroundChoice,
    JobRequest,
    Language,
    MediaSource,
    OverlaySize,
    PaletteColour,
    RingStyle,
    SourceKind,
)
from bot.ui import callback_data as buttons
from bot.ui.callback_data import (
    CARD_CHOICES,
    RESULT_CHANGES,
    CancelJob,
    CardChoice,
    ChangeFormat,
    ChooseColour,
    ChooseFile,
    ChooseLanguage,
    ChooseShape,
    KeepBackground,
    KeyboardPage,
    MakeResult,
    ResetAppearance,
    ResultChange,
    SendBackground,
    ShowCardPage,
    ShowResultPage,
)
from bot.ui.keyboards import CORNER_ARROWS, RESULT_FORMATS, Keyboards
from bot.ui.texts import Texts, describe_appearance
from video_editing.contract.engines import ENGINES
from video_editing.contract.formats import OutputFormat
from video_editing.contract.style import Anchor, Shape, parse_colour

LONGEST = "x" * 32  #: id that the database has room for
VALUES: dict[str, Any] = {
    "user": [1, 2**63 - 1],
    "shape": Shape,
    "corner": Anchor,
    "size": OverlaySize,
    "ring": RingStyle,
    "engine": tuple(ENGINES),
    "colour": PaletteColour,
    "number": (0, 999),
    "page": KeyboardPage,
    "to": OutputFormat,
    "language": Language,
    "draft": (LONGEST,),
    "job": (LONGEST,),
}
CLASSES: list[type[CallbackData]] = [
    each
    for each in vars(buttons).values()
    if isinstance(each, type)
    and issubclass(each, CallbackData)
    and each not in {CallbackData, CardChoice, ResultChange}
]
LETTERS = 36  #: of a row on a phone, shared by its buttons
ROWS = 6
CLIP = MediaSource(kind=SourceKind.VIDEO, file_id="clip", seconds=30)
FILES = tuple(MediaSource(kind=SourceKind.PHOTO, file_id=f"p{i}") for i in range(9))


def draft(
    language: Language = Language.EN, look: Appearance | None = None, files: int = 0
) -> Draft:
    """One of Ann's."""
    rest = {"album": None, "note": None, "card": None, "used": False, "created": 0.0}
    return Draft(
        generate_id(), 1, 1, 5, None, language, CLIP, FILES[:files], look or Appearance(), **rest
    )


def job(
    language: Language = Language.EN,
    form: OutputFormat = OutputFormat.VIDEO,
    look: Appearance | None = None,
    seconds: float = 30,
) -> Job:
    """One of Ann's, done."""
    clip = CLIP.model_copy(update={"seconds": seconds})
    values: dict[str, Any] = dict.fromkeys(Job.__dataclass_fields__)
    values |= {
        "id": generate_id(),
        "user": 1,
        "chat": 1,
        "state": JobState.DONE,
        "language": language,
    }
    return Job(**values | {"order": JobRequest(clip=clip, look=look or Appearance(), form=form)})


def every(keyboard: InlineKeyboardMarkup) -> list[InlineKeyboardButton]:
    """All buttons."""
    return [button for row in keyboard.inline_keyboard for button in row]


def datas(keyboard: InlineKeyboardMarkup) -> list[str]:
    """What they send."""
    return [button.callback_data or "" for button in every(keyboard)]


def all_keyboards(language: Language) -> list[InlineKeyboardMarkup]:
    """Each of them, with each thing chosen."""
    keyboards = Keyboards(Texts())
    looks = [Appearance(shape=shape, size=OverlaySize.LARGE) for shape in Shape]
    looks += [Appearance(ring=ring) for ring in RingStyle] + [
        Appearance(backdrop=BackgroundChoice(kind="blur"))
    ]
    looks += [
        Appearance(engine="rembg"),
        Appearance(backdrop=BackgroundChoice(kind="file", source=FILES[8])),
    ]
    made = [
        keyboards.create_card(draft(language, look, files), page)
        for look, page, files in itertools.product(looks, KeyboardPage, (0, 1, 9))
    ]
    made += [
        keyboards.create_result(job(language, form), page)
        for form, page in itertools.product(OutputFormat, KeyboardPage)
    ]
    made += [
        keyboards.create_cancel(job(language)),
        keyboards.create_background_request(draft(language)),
        keyboards.create_forget(language, 2**52),
    ]
    return [*made, keyboards.create_languages(), keyboards.create_style(language)]


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
    from bot.handlers.admin_backends import BackendButton  # noqa: PLC0415 - it alone needs admins

    prefixes = [kind.__prefix__ for kind in (*CLASSES, BackendButton)]
    assert len(set(prefixes)) == len(prefixes)
    assert {*CARD_CHOICES, *RESULT_CHANGES, ShowCardPage, ShowResultPage} < set(CLASSES)
    assert {
        MakeResult,
        SendBackground,
        KeepBackground,
        CancelJob,
        ChooseLanguage,
        ResetAppearance,
    } < set(CLASSES)


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
    for page in KeyboardPage:
        first = every(keyboards.create_card(draft(language), page))[0]
        assert (first.style, (first.callback_data or "")[:5]) == ("success", "make:")
    assert every(keyboards.create_cancel(job(language)))[0].style == "danger"


@pytest.mark.parametrize(
    ("look", "page", "marked"),
    [
        (Appearance(), KeyboardPage.FIRST, ["✓ Circle", "✓ ↘️", "✓ Medium", "✓ ✨ Best"]),
        (
            Appearance(
                shape=Shape.NONE, corner=Anchor.CENTER, size=OverlaySize.SMALL, engine="rembg"
            ),
            KeyboardPage.FIRST,
            ["✓ Free", "✓ ⏺", "✓ Small"],
        ),
        (Appearance(ring=RingStyle.GOLD), KeyboardPage.RING, ["✓ Gold"]),
        (Appearance(), KeyboardPage.BACKGROUND, ["✓ 🟦"]),
        (Appearance(backdrop=BackgroundChoice(kind="blur")), KeyboardPage.BACKGROUND, ["✓ 🌫 Blur"]),
        (
            Appearance(backdrop=BackgroundChoice(kind="file", source=FILES[1])),
            KeyboardPage.BACKGROUND,
            ["✓ 🏞 2"],
        ),
        (Appearance(backdrop=BackgroundChoice(colour="#123456")), KeyboardPage.BACKGROUND, []),
    ],
)
def test_what_is_chosen_is_marked(look: Appearance, page: KeyboardPage, marked: list[str]) -> None:
    """And nothing else; in words, since not every app shows colours."""
    keyboard = Keyboards(Texts()).create_card(draft(look=look, files=3), page)
    found = [button for button in every(keyboard) if button.text.startswith("✓")]
    assert [button.text for button in found] == marked
    assert all(button.style == "primary" for button in found)


def test_every_part_of_a_look_can_be_chosen() -> None:
    """From some page of the card."""
    keyboards, of = Keyboards(Texts()), draft(files=2)
    sent = {data for page in KeyboardPage for data in datas(keyboards.create_card(of, page))}
    for field, values in {
        "shape": Shape,
        "corner": CORNER_ARROWS,
        "size": OverlaySize,
        "ring": RingStyle,
    }.items():
        for value in values:
            assert f"{field}:{of.id}:{value}" in sent
    for colour in PaletteColour:
        assert f"colour:{of.id}:{colour}" in sent
    assert {f"blur:{of.id}", f"send:{of.id}", f"file:{of.id}:0", f"file:{of.id}:1"} < sent
    assert {f"engine:{of.id}:auto", f"engine:{of.id}:mediapipe"} < sent


def test_a_free_person_has_no_ring() -> None:
    """There is no edge along which it could run."""
    sent = datas(Keyboards(Texts()).create_card(draft(look=Appearance(shape=Shape.NONE))))
    assert not [data for data in sent if data.endswith(":ring")]


def test_a_choice_changes_one_thing() -> None:
    """And a file that did not come cannot be chosen."""
    of = draft(look=Appearance(size=OverlaySize.LARGE), files=1)
    shaped = ChooseShape(draft=of.id, shape=Shape.RECT).apply(of)
    assert shaped == Appearance(size=OverlaySize.LARGE, shape=Shape.RECT)
    behind = ChooseFile(draft=of.id, number=0).apply(of)
    assert behind
    assert behind.backdrop == BackgroundChoice(kind="file", source=FILES[0])
    assert ChooseFile(draft=of.id, number=1).apply(of) is None
    red = ChooseColour(draft=of.id, colour=PaletteColour.RED).apply(of)
    assert describe_appearance(red)["background"] == "red"


def test_colours_are_such() -> None:
    """As video_editing takes them; the default is among them."""
    assert [parse_colour(colour) for colour, _ in PALETTE.values()]
    assert BackgroundChoice().colour in {colour for colour, _ in PALETTE.values()}


@pytest.mark.parametrize("form", OutputFormat)
def test_a_result_is_offered_as_all_that_it_is_not(form: OutputFormat) -> None:
    """Each form but its own, in some seconds."""
    of = job(form=form)
    sent = datas(Keyboards(Texts()).create_result(of))
    offered = [data.split(":")[2] for data in sent if data.startswith("again:")]
    assert offered == [other for forms in RESULT_FORMATS for other in forms if other is not form]


def test_a_long_result_is_not_offered_as_a_note() -> None:
    """Telegram's notes last a minute."""
    sent = datas(Keyboards(Texts()).create_result(job(seconds=61)))
    assert ChangeFormat(job="x", to=OutputFormat.NOTE).pack().replace("x", "") not in ",".join(sent)
    assert not [data for data in sent if data.endswith(":note")]


def test_other_looks_are_offered_where_they_can_be_seen() -> None:
    """A note is round and in the middle; an overlay has no corner; all others have both."""
    keyboards = Keyboards(Texts())
    video, note, overlay = job(), job(form=OutputFormat.NOTE), job(form=OutputFormat.WEBM)
    shapes = [
        data.split(":")[2]
        for data in datas(keyboards.create_result(video, KeyboardPage.SHAPE))[:-1]
    ]
    assert shapes == ["rect", "rounded", "none"]
    corners = [
        data.split(":")[2]
        for data in datas(keyboards.create_result(video, KeyboardPage.CORNER))[:-1]
    ]
    assert corners == ["top-left", "top-right", "center", "bottom-left"]
    assert not [data for data in datas(keyboards.create_result(note)) if data.startswith("more:")]
    assert keyboards.create_result(note, KeyboardPage.SHAPE) == keyboards.create_result(note)
    assert [d for d in datas(keyboards.create_result(overlay)) if d.startswith("more:")] == [
        f"more:{overlay.id}:shape"
    ]
