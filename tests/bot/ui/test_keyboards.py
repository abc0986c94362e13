"""The buttons, and what they send."""

import itertools
from dataclasses import replace
from typing import Any

import pytest
from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup
from pydantic import ValidationError

from bot.database.jobs import Job, JobState
from bot.database.repository import generate_id
from bot.domain.draft import CardPage, Draft
from bot.domain.job_request import (
    EFFECT_LEVELS,
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
from bot.domain.saved_styles import MAX_NAME_LENGTH, MAX_STYLES, SavedStyle, SavedStyles
from bot.ui import callback_data as buttons
from bot.ui import card_choices
from bot.ui.buttons import Labels
from bot.ui.callback_data import (
    RESULT_CHANGES,
    CancelJob,
    ChooseLanguage,
    KeepBackground,
    MakeResult,
    ResetAppearance,
    ResultChange,
    ResultPage,
    SaveStyle,
    SendBackground,
    ShowCardPage,
    ShowResultPage,
)
from bot.ui.card_choices import (
    CARD_CHOICES,
    CardChoice,
    ChooseColour,
    ChooseFile,
    ChooseShape,
    TrimClip,
)
from bot.ui.keyboards import RESULT_FORMATS, Keyboards
from bot.ui.style_keyboards import (
    create_deletion,
    create_shared_style,
    create_style_list,
    create_style_page,
)
from bot.ui.texts import Texts, describe_appearance
from video_editing.contract.engines import ENGINES
from video_editing.contract.excerpt import WHOLE_CLIP, Excerpt
from video_editing.contract.formats import ASPECTS, OutputFormat
from video_editing.contract.sound import BackgroundSound, SoundOptions
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
    "edge": ("start", "end"),
    "effect": tuple(EFFECT_LEVELS),
    "level": (0, 2),
    "option": ("even_voice", "denoise"),
    "part": ("background", "ring"),
    "ratio": ("auto", *(name.replace(":", "x") for name in ASPECTS)),
    "by": (-999, 999),
    "direction": ("left", "right", "up", "down", "auto"),
    "to": OutputFormat,
    "language": Language,
    "draft": (LONGEST,),
    "job": (LONGEST,),
    "style": ("s" * 16,),
    "code": ("c" * 24, "c" * 32),
    "on": (False, True),
    "sure": (False, True),
}
CLASSES: list[type[CallbackData]] = [
    each
    for each in (vars(buttons) | vars(card_choices)).values()
    if isinstance(each, type)
    and issubclass(each, CallbackData)
    and each not in {CallbackData, CardChoice, ResultChange}
]
LETTERS = 36  #: of a row on a phone, shared by its buttons
ROWS = 6
CLIP = MediaSource(kind=SourceKind.VIDEO, file_id="clip", seconds=30)
FILM = BackgroundChoice(kind="file", source=CLIP)
EFFECTS = [EFFECT_LEVELS[name] for name in ("shadow", "fade", "feather")]
SOUNDS = [
    SoundOptions(even_voice=is_even, denoise=is_even, background_sound=level)
    for is_even in (False, True)
    for level in BackgroundSound
]
FILES = tuple(MediaSource(kind=SourceKind.PHOTO, file_id=f"p{i}") for i in range(9))


def draft(
    language: Language = Language.EN,
    look: Appearance | None = None,
    files: int = 0,
    **more: Any,
) -> Draft:
    """One of Ann's."""
    rest = {"album": None, "note": None, "card": None, "used": False, "created": 0.0}
    first = (generate_id(), 1, 1, 5, None, language, more.pop("clip", CLIP), FILES[:files])
    return Draft(*first, look or Appearance(), **rest | more)


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
        *(Appearance(shadow=s, fade=f, feather=e) for s, f, e in zip(*EFFECTS, strict=True)),
        *(
            Appearance(ring=RingStyle.GOLD, ring_width=width, ring_colour="#123456", scale=1.25)
            for width in EFFECT_LEVELS["ring_width"]
        ),
        *(Appearance(sound=sound, backdrop=FILM) for sound in SOUNDS),
        Appearance(backdrop=BackgroundChoice(colour="#123456")),
        Appearance(backdrop=BackgroundChoice(kind="file", source=FILES[8])),
    ]
    made = [
        keyboards.create_card(draft(language, look, files, page=page))
        for look, page, files in itertools.product(looks, CardPage, (0, 1, 9))
    ]
    late = Excerpt(start=600.5, end=1799.5)
    made.append(keyboards.create_card(draft(language, page=CardPage.TRIM, excerpt=late)))
    made += [
        keyboards.create_result(job(language, form), page)
        for form, page in itertools.product(OutputFormat, ResultPage)
    ]
    made += [
        keyboards.create_cancel(job(language)),
        keyboards.create_background_request(draft(language)),
        keyboards.create_forget(language, 2**52),
    ]
    return [*made, keyboards.create_languages(), *style_keyboards(language)]


def style_keyboards(language: Language) -> list[InlineKeyboardMarkup]:
    """Those of saved styles: none, one, all but one, and all, with the longest names."""
    keyboards, labels = Keyboards(Texts()), Labels(Texts(), language)
    made = []
    for count in (0, 1, MAX_STYLES - 1, MAX_STYLES):
        saved = tuple(
            SavedStyle(id=f"s{i}", name="W" * MAX_NAME_LENGTH, look=Appearance())
            for i in range(count)
        )
        styles = SavedStyles(saved=saved, default="s0")
        made += [
            keyboards.create_card(draft(language, page=CardPage.STYLES), styles),
            create_style_list(styles, labels),
            create_shared_style("c" * 32, styles, labels),
        ]
    style = SavedStyle(id="s0", name="A", look=Appearance())
    made += [create_style_page(style, "l", labels, is_default=is_on) for is_on in (False, True)]
    return [*made, create_deletion(style, labels)]


@pytest.mark.parametrize("kind", CLASSES)
def test_a_button_fits_64_bytes(kind: type[CallbackData]) -> None:
    """With every value and the longest id; and comes back as it was."""
    names = list(kind.model_fields)
    choices = VALUES | {"page": CardPage if kind is ShowCardPage else ResultPage}
    if kind is card_choices.ChooseBackgroundSound:
        choices |= {"level": BackgroundSound}
    if kind is SaveStyle:  # it has one of the two
        choices |= {"draft": (None,)}
        assert kind.unpack(SaveStyle(draft=LONGEST).pack()) == SaveStyle(draft=LONGEST)
    for values in itertools.product(*(choices[name] for name in names)):
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
    for page in CardPage:
        first = every(keyboards.create_card(draft(language, page=page)))[0]
        assert (first.style, (first.callback_data or "")[:5]) == ("success", "make:")
    assert every(keyboards.create_cancel(job(language)))[0].style == "danger"


@pytest.mark.parametrize(
    ("look", "page", "marked"),
    [
        (Appearance(), CardPage.FIRST, ["✓ Circle", "✓ ↘️", "✓ Medium", "✓ ✨ Best"]),
        (
            Appearance(
                shape=Shape.NONE, corner=Anchor.CENTER, size=OverlaySize.SMALL, engine="rembg"
            ),
            CardPage.FIRST,
            ["✓ Free", "✓ ⏺", "✓ Small"],
        ),
        (Appearance(ring=RingStyle.GOLD), CardPage.RING, ["✓ Gold", "✓ Medium"]),
        (Appearance(), CardPage.BACKGROUND, ["✓ 🟦"]),
        (Appearance(backdrop=BackgroundChoice(kind="blur")), CardPage.BACKGROUND, ["✓ 🌫 Blur"]),
        (
            Appearance(backdrop=BackgroundChoice(kind="file", source=FILES[1])),
            CardPage.BACKGROUND,
            ["✓ 🏞 2"],
        ),
        (
            Appearance(backdrop=BackgroundChoice(colour="#123456")),
            CardPage.BACKGROUND,
            ["✓ 🌈 Colour"],
        ),
        (Appearance(), CardPage.FORMAT, ["✓ 🖼 As the background"]),
        (Appearance(canvas="4:5"), CardPage.FORMAT, ["✓ ▯ 4:5"]),
        (Appearance(ring=RingStyle.GOLD, ring_width=0.04), CardPage.RING, ["✓ Gold", "✓ Thick"]),
        (
            Appearance(ring=RingStyle.WHITE, ring_colour="#123456"),
            CardPage.RING,
            ["✓ Medium", "✓ 🌈 Colour"],
        ),
        (Appearance(corner=Anchor.TOP), CardPage.PLACE, ["✓ ⬆️"]),
        (Appearance(corner=Anchor.TOP, offset=(0.1, 0), scale=0.5), CardPage.PLACE, []),
        (Appearance(), CardPage.EFFECTS, ["✓ No shadow", "✓ No fade", "✓ Sharp edge"]),
        (
            Appearance(shadow=0.7, fade=0.5, feather=0.5),
            CardPage.EFFECTS,
            ["✓ Darker", "✓ Fade 0.5 s"],
        ),
        (
            Appearance(keep_background=True),
            CardPage.EFFECTS,
            ["✓ No shadow", "✓ No fade", "✓ Sharp edge", "✓ Keep what is behind me"],
        ),
        (Appearance(sound=SOUNDS[0]), CardPage.SOUND, []),
        (Appearance(sound=SOUNDS[-1]), CardPage.SOUND, ["✓ Even loudness", "✓ Less noise"]),
        (
            Appearance(sound=SOUNDS[0], backdrop=FILM),
            CardPage.SOUND,
            ["✓ Background muted"],
        ),
    ],
)
def test_what_is_chosen_is_marked(look: Appearance, page: CardPage, marked: list[str]) -> None:
    """And nothing else; in words, since not every app shows colours."""
    keyboard = Keyboards(Texts()).create_card(draft(look=look, files=3, page=page))
    found = [button for button in every(keyboard) if button.text.startswith("✓")]
    assert [button.text for button in found] == marked
    assert all(button.style == "primary" for button in found)


def test_every_part_of_a_look_can_be_chosen() -> None:
    """From some page of the card."""
    look = Appearance(ring=RingStyle.GOLD, backdrop=FILM)
    keyboards, of = Keyboards(Texts()), draft(look=look, files=2)
    pages = [replace(of, page=page) for page in CardPage]
    sent = {data for page in pages for data in datas(keyboards.create_card(page))}
    for field, values in {
        "shape": Shape,
        "corner": Anchor,
        "size": OverlaySize,
        "ring": RingStyle,
    }.items():
        for value in values:
            assert f"{field}:{of.id}:{value}" in sent
    for colour in PaletteColour:
        assert f"colour:{of.id}:{colour}" in sent
    assert {f"blur:{of.id}", f"send:{of.id}", f"file:{of.id}:0", f"file:{of.id}:1"} < sent
    assert {f"effect:{of.id}:{effect}:{n}" for effect in EFFECT_LEVELS for n in range(3)} < sent
    assert {f"noise:{of.id}:{level}" for level in BackgroundSound} < sent
    assert {f"voice:{of.id}:even_voice", f"voice:{of.id}:denoise"} < sent
    assert {f"paint:{of.id}:background", f"paint:{of.id}:ring", f"step:{of.id}:-5"} < sent
    assert {f"canvas:{of.id}:{ratio}" for ratio in VALUES["ratio"]} < sent
    assert {f"engine:{of.id}:auto", f"engine:{of.id}:mediapipe"} < sent


def test_back_leads_to_the_page_before() -> None:
    """A page that *More* leads to has it between itself and the first one: there are no deeper."""
    keyboards, of = Keyboards(Texts()), draft()
    found: dict[str, str] = {}
    for page in set(CardPage) - {CardPage.FIRST}:
        *_, back = datas(keyboards.create_card(replace(of, page=page)))
        found[page] = back.split(":")[2]
    assert found == {
        **dict.fromkeys(("ring", "background", "more"), "first"),
        **dict.fromkeys(("trim", "format", "place", "face", "effects", "sound", "styles"), "more"),
    }


def test_a_free_person_has_no_ring() -> None:
    """There is no edge along which it could run."""
    sent = datas(Keyboards(Texts()).create_card(draft(look=Appearance(shape=Shape.NONE))))
    assert not [data for data in sent if data.endswith(":ring")]


def test_a_choice_changes_one_thing() -> None:
    """And a file that did not come cannot be chosen."""
    of = draft(look=Appearance(size=OverlaySize.LARGE), files=1)
    shaped = ChooseShape(draft=of.id, shape=Shape.RECT).apply(of)
    assert shaped == replace(of, look=Appearance(size=OverlaySize.LARGE, shape=Shape.RECT))
    behind = ChooseFile(draft=of.id, number=0).apply(of)
    assert behind
    assert behind.look.backdrop == BackgroundChoice(kind="file", source=FILES[0])
    assert ChooseFile(draft=of.id, number=1).apply(of) is None
    red = ChooseColour(draft=of.id, colour=PaletteColour.RED).apply(of)
    assert describe_appearance(red.look)["background"] == "red"


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


@pytest.mark.parametrize(
    ("before", "edge", "by", "after"),
    [
        (WHOLE_CLIP, "start", 5, Excerpt(start=5)),
        (Excerpt(start=5), "start", -10, WHOLE_CLIP),
        (Excerpt(start=5, end=9), "start", 0, Excerpt(end=9)),
        (Excerpt(start=5, end=9), "start", 10, Excerpt(start=8, end=9)),
        (WHOLE_CLIP, "start", 60, Excerpt(start=29)),
        (WHOLE_CLIP, "end", -1, Excerpt(end=29)),
        (WHOLE_CLIP, "end", -60, Excerpt(end=1)),
        (WHOLE_CLIP, "end", 1, WHOLE_CLIP),
        (Excerpt(start=5, end=29), "end", 5, Excerpt(start=5)),
        (Excerpt(start=5, end=29), "end", 0, Excerpt(start=5)),
        (Excerpt(start=28.5, end=29.5), "end", -1, Excerpt(start=28.5, end=29.5)),
    ],
)
def test_a_clip_of_30_seconds_is_trimmed(
    before: Excerpt, edge: Any, by: int, after: Excerpt
) -> None:
    """A second is left at least, and a part that reaches its end has none."""
    of = draft(excerpt=before)
    assert TrimClip(draft=of.id, edge=edge, by=by).apply(of).excerpt == after


def test_the_end_of_a_clip_of_unknown_length_is_moved_once_it_was_set() -> None:
    """By text; before, only the start has buttons."""
    of = draft(clip=CLIP.model_copy(update={"seconds": None}), page=CardPage.TRIM)
    keyboards = Keyboards(Texts())
    assert not [data for data in datas(keyboards.create_card(of)) if ":end:" in data]
    of = replace(of, excerpt=Excerpt(end=42))
    assert "⏭ 0:42" in [button.text for button in every(keyboards.create_card(of))]
    shorter = TrimClip(draft=of.id, edge="end", by=-1).apply(of)
    assert shorter.excerpt == Excerpt(end=41)


def test_a_long_result_is_offered_as_a_note() -> None:
    """Which shows its first minute."""
    sent = datas(Keyboards(Texts()).create_result(job(seconds=61)))
    assert [data for data in sent if data.endswith(":note")]


def test_other_looks_are_offered_where_they_can_be_seen() -> None:
    """A note is round and in the middle; an overlay has no corner; all others have both."""
    keyboards = Keyboards(Texts())
    video, note, overlay = job(), job(form=OutputFormat.NOTE), job(form=OutputFormat.WEBM)
    shapes = [
        data.split(":")[2] for data in datas(keyboards.create_result(video, ResultPage.SHAPE))[:-1]
    ]
    assert shapes == ["rect", "rounded", "none"]
    corners = [
        data.split(":")[2] for data in datas(keyboards.create_result(video, ResultPage.CORNER))[:-1]
    ]
    assert corners == ["top-left", "top-right", "center", "bottom-left"]
    assert not [data for data in datas(keyboards.create_result(note)) if data.startswith("more:")]
    assert keyboards.create_result(note, ResultPage.SHAPE) == keyboards.create_result(note)
    assert [d for d in datas(keyboards.create_result(overlay)) if d.startswith("more:")] == [
        f"more:{overlay.id}:shape"
    ]
