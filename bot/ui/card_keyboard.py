"""The pages of a card's keyboard: at most four rows each, between *Make it* and *Back*."""

from collections.abc import Callable, Mapping
from math import inf
from typing import Literal

from bot.domain.draft import CardPage, Draft
from bot.domain.job_request import (
    EFFECT_LEVELS,
    PALETTE,
    OverlaySize,
    RingStyle,
    SourceKind,
    describe_background,
)
from bot.ui.buttons import Button, Labels, Row, create_button, create_choice, split_into_pairs
from bot.ui.callback_data import AskColour, AskTimes, SendBackground, ShowCardPage
from bot.ui.card_choices import (
    ChooseBackgroundSound,
    ChooseBlur,
    ChooseCanvas,
    ChooseColour,
    ChooseCorner,
    ChooseEffect,
    ChooseEngine,
    ChooseFile,
    ChooseRing,
    ChooseShape,
    ChooseSize,
    ShiftFace,
    StepSize,
    ToggleOwnBackground,
    ToggleVoice,
    TrimClip,
)
from bot.ui.texts import format_time
from video_editing.contract.engines import AUTO_ENGINE, BEST_ENGINE, ENGINES
from video_editing.contract.formats import AUTO_CANVAS
from video_editing.contract.sound import BackgroundSound
from video_editing.contract.style import Anchor, Shape

CORNER_ARROWS = {
    Anchor.TOP_LEFT: "↖️",
    Anchor.TOP_RIGHT: "↗️",
    Anchor.CENTER: "⏺",
    Anchor.BOTTOM_LEFT: "↙️",
    Anchor.BOTTOM_RIGHT: "↘️",
}
#: all positions, as they are on the result
PLACE_ARROWS = (
    dict.fromkeys(Anchor, "")
    | CORNER_ARROWS
    | {
        Anchor.TOP: "⬆️",
        Anchor.LEFT: "⬅️",
        Anchor.RIGHT: "➡️",
        Anchor.BOTTOM: "⬇️",
    }
)
FACE_ARROWS: Mapping[Literal["up", "left", "right", "down"], str] = {
    "up": "⬆️",
    "left": "⬅️",
    "right": "➡️",
    "down": "⬇️",
}
SIZE_STEPS = (-20, -5, 5, 20)  #: percent of the result's height
VOICE_OPTIONS: tuple[Literal["even_voice", "denoise"], ...] = ("even_voice", "denoise")
Effect = Literal["shadow", "fade", "feather", "ring_width"]
EFFECTS: tuple[Effect, ...] = ("shadow", "fade", "feather")  #: of the page of effects
#: pages that the first one leads to, with their icons; and those that MORE leads to
FIRST_PAGES = {CardPage.RING: "⭕", CardPage.BACKGROUND: "🎨", CardPage.MORE: "⚙️"}
MORE_PAGES = {
    CardPage.TRIM: "✂️",
    CardPage.FORMAT: "📐",
    CardPage.PLACE: "📍",
    CardPage.FACE: "🙂",
    CardPage.EFFECTS: "✨",
    CardPage.SOUND: "🔊",
    CardPage.STYLES: "💾",
}
MAX_SHOWN_FILES = 5  #: backgrounds that a card offers
#: aspect ratios that a card offers, from tall to wide
CANVAS_LABELS = {"9:16": "▯ 9:16", "4:5": "▯ 4:5", "1:1": "□ 1:1", "16:9": "▭ 16:9"}
#: by how many seconds start and end are moved at most, in clips shorter than so many seconds
TRIM_STEPS = ((60, 5), (300, 10), (inf, 60))


def create_page_rows(draft: Draft, labels: Labels) -> list[Row]:
    """Create the rows of the page that is open, without those that all pages share."""
    return _PAGES[draft.page](draft, labels)


def _create_first_rows(draft: Draft, labels: Labels) -> list[Row]:
    """Create the rows for shape, corner and size, the pages of ring and background, and engine."""
    look, draft_id = draft.look, draft.id
    shapes = [
        create_choice(
            labels(shape), ChooseShape(draft=draft_id, shape=shape), is_chosen=shape is look.shape
        )
        for shape in Shape
    ]
    corners = [
        create_choice(
            arrow,
            ChooseCorner(draft=draft_id, corner=corner),
            is_chosen=corner is look.corner and look.offset == (0, 0),
        )
        for corner, arrow in CORNER_ARROWS.items()
    ]
    sizes = [
        create_choice(
            labels(size),
            ChooseSize(draft=draft_id, size=size),
            is_chosen=size is look.size and look.scale is None,
        )
        for size in OverlaySize
    ]
    pages = _create_page_buttons(draft, labels, FIRST_PAGES)
    return [shapes, corners, sizes, pages, _create_engine_row(draft, labels)]


def _create_page_buttons(draft: Draft, labels: Labels, pages: Mapping[CardPage, str]) -> Row:
    """Create the buttons that open *pages*, without those that change nothing in this shape.

    A person without a shape has no ring; shapes but the circle show all of the clip.
    """
    shape, hidden = draft.look.shape, set()
    if shape is Shape.NONE:
        hidden.add(CardPage.RING)
    if shape is not Shape.CIRCLE:
        hidden.add(CardPage.FACE)
    return [
        create_button(f"{icon} {labels(page)}", ShowCardPage(draft=draft.id, page=page))
        for page, icon in pages.items()
        if page not in hidden
    ]


def _create_engine_row(draft: Draft, labels: Labels) -> Row:
    """Create the buttons for the best engine that is fast enough, and for each other one."""
    icons = {AUTO_ENGINE: ENGINES[BEST_ENGINE].icon}
    icons |= {info.name: info.icon for info in ENGINES.values() if info.has_button}
    return [
        create_choice(
            f"{icon} {_get_engine_label(engine, labels)}",
            ChooseEngine(draft=draft.id, engine=engine),
            is_chosen=engine == draft.look.engine,
        )
        for engine, icon in icons.items()
    ]


def _get_engine_label(engine: str, labels: Labels) -> str:
    """Return the text ``button-ENGINE``, or the engine's name where the texts lack one."""
    try:
        return labels(engine)
    except LookupError:
        return engine


def _create_ring_rows(draft: Draft, labels: Labels) -> list[Row]:
    """Create the rows for the ring, and where there is one, for its width and another colour."""
    look = draft.look
    rings = split_into_pairs(
        create_choice(
            labels(f"ring-{ring}"),
            ChooseRing(draft=draft.id, ring=ring),
            is_chosen=ring is look.ring and look.ring_colour is None,
        )
        for ring in RingStyle
    )
    if look.ring is RingStyle.NONE:
        return [*rings, [_create_colour_button(draft, "ring", labels)]]
    widths = _create_effect_row(draft, "ring_width", labels)
    return [*rings, widths, [_create_colour_button(draft, "ring", labels)]]


def _create_colour_button(
    draft: Draft, part: Literal["background", "ring"], labels: Labels
) -> Button:
    """Create the button that asks for any colour, marked where such a one is chosen."""
    is_own = {
        "background": describe_background(draft.look.backdrop) == "other",
        "ring": draft.look.ring_colour is not None,
    }
    data = AskColour(draft=draft.id, part=part)
    return create_choice(f"🌈 {labels('colour')}", data, is_chosen=is_own[part])


def _create_effect_row(draft: Draft, effect: Effect, labels: Labels) -> Row:
    """Create the buttons for the levels of *effect*."""
    return [
        create_choice(
            labels(f"{effect.replace('_', '-')}-{level}"),
            ChooseEffect(draft=draft.id, effect=effect, level=level),
            is_chosen=value == getattr(draft.look, effect),
        )
        for level, value in enumerate(EFFECT_LEVELS[effect])
    ]


def _create_more_rows(draft: Draft, labels: Labels) -> list[Row]:
    return split_into_pairs(_create_page_buttons(draft, labels, MORE_PAGES))


def _create_effect_rows(draft: Draft, labels: Labels) -> list[Row]:
    inside = create_choice(
        labels("inside"),
        ToggleOwnBackground(draft=draft.id),
        is_chosen=draft.look.keep_background,
    )
    return [*(_create_effect_row(draft, effect, labels) for effect in EFFECTS), [inside]]


def _create_place_rows(draft: Draft, _labels: Labels) -> list[Row]:
    """Create the buttons for all nine positions and for the size in steps."""
    look = draft.look
    arrows = [
        create_choice(
            arrow,
            ChooseCorner(draft=draft.id, corner=corner),
            is_chosen=corner is look.corner and look.offset == (0, 0),
        )
        for corner, arrow in PLACE_ARROWS.items()
    ]
    sizes = [create_button(_format_step(by), StepSize(draft=draft.id, by=by)) for by in SIZE_STEPS]
    usual = ChooseSize(draft=draft.id, size=OverlaySize.MEDIUM)
    middle = create_button(f"{round(100 * look.overlay_height)} %", usual)
    return [*(arrows[i : i + 3] for i in (0, 3, 6)), [*sizes[:2], middle, *sizes[2:]]]


def _create_face_rows(draft: Draft, labels: Labels) -> list[Row]:
    """Create the buttons that move the face inside the circle, around *automatic*."""
    up, left, right, down = (
        create_button(arrow, ShiftFace(draft=draft.id, direction=direction))
        for direction, arrow in FACE_ARROWS.items()
    )
    auto = create_choice(
        labels("face-auto"),
        ShiftFace(draft=draft.id, direction="auto"),
        is_chosen=draft.look.centre is None,
    )
    return [[up], [left, auto, right], [down]]


def _create_sound_rows(draft: Draft, labels: Labels) -> list[Row]:
    """Create the buttons for the voice, and for the sound of a file in the background."""
    sound, source = draft.look.sound, draft.look.backdrop.source
    voice = [
        create_choice(
            labels(option.replace("_", "-")),
            ToggleVoice(draft=draft.id, option=option),
            is_chosen=getattr(sound, option),
        )
        for option in VOICE_OPTIONS
    ]
    if source is None or source.kind is SourceKind.PHOTO:
        return [voice]
    levels = split_into_pairs(
        create_choice(
            labels(f"sound-{level}"),
            ChooseBackgroundSound(draft=draft.id, level=level),
            is_chosen=level is sound.background_sound,
        )
        for level in BackgroundSound
    )
    return [voice, *levels]


def _create_background_rows(draft: Draft, labels: Labels) -> list[Row]:
    """Create the rows for colours, blur, files that the user sent, and another file."""
    background, draft_id = draft.look.backdrop, draft.id
    colours = [
        create_choice(
            square,
            ChooseColour(draft=draft_id, colour=name),
            is_chosen=name == describe_background(background),
        )
        for name, (_, square) in PALETTE.items()
    ]
    blur = create_choice(
        f"🌫 {labels('blur')}", ChooseBlur(draft=draft_id), is_chosen=background.kind == "blur"
    )
    files = [
        create_choice(
            f"🏞 {number + 1}",
            ChooseFile(draft=draft_id, number=number),
            is_chosen=source == background.source,
        )
        for number, source in enumerate(draft.backgrounds)
    ]
    send = create_button(f"🖼 {labels('send')}", SendBackground(draft=draft_id))
    others = [blur, send, _create_colour_button(draft, "background", labels)]
    return [colours[:4], colours[4:], others, files[-MAX_SHOWN_FILES:]]


def _create_trim_rows(draft: Draft, labels: Labels) -> list[Row]:
    """Create the rows for the start, the end where it is known, and two times as text."""
    excerpt, seconds = draft.excerpt, (draft.clip and draft.clip.seconds) or 0
    end = excerpt.end or seconds
    rows = [_create_edge_row(draft, "start", f"⏮ {format_time(round(excerpt.start))}")]
    if end:
        rows.append(_create_edge_row(draft, "end", f"⏭ {format_time(round(end))}"))
    return [*rows, [create_button(f"⌨️ {labels('times')}", AskTimes(draft=draft.id))]]


def _create_canvas_rows(draft: Draft, labels: Labels) -> list[Row]:
    """Create the buttons for the format of the background, and for each aspect ratio."""
    ratios = {AUTO_CANVAS: f"🖼 {labels('canvas-auto')}"} | CANVAS_LABELS
    auto, *others = [
        create_choice(
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
            _format_step(by) if by else label,
            TrimClip(draft=draft.id, edge=edge, by=by),
        )
        for by in (-step, -1, 0, 1, step)
    ]


def _format_step(by: int) -> str:
    """Return *by* as "+5" or, with a minus sign, "−5"."""
    return f"{'−' if by < 0 else '+'}{abs(by)}"


_PAGES: Mapping[CardPage, Callable[[Draft, Labels], list[Row]]] = {
    CardPage.FIRST: _create_first_rows,
    CardPage.RING: _create_ring_rows,
    CardPage.BACKGROUND: _create_background_rows,
    CardPage.MORE: _create_more_rows,
    CardPage.TRIM: _create_trim_rows,
    CardPage.FORMAT: _create_canvas_rows,
    CardPage.PLACE: _create_place_rows,
    CardPage.FACE: _create_face_rows,
    CardPage.EFFECTS: _create_effect_rows,
    CardPage.SOUND: _create_sound_rows,
}
