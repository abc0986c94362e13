"""Styles without a chat: names, limits, and the code of a link, which anybody may write."""

import random
import string

import pytest

from bot.domain.job_request import (
    Appearance,
    BackgroundChoice,
    MediaSource,
    OverlaySize,
    RingStyle,
    SourceKind,
)
from bot.domain.saved_styles import (
    MAX_NAME_LENGTH,
    MAX_STYLES,
    NameTaken,
    SavedStyle,
    SavedStyles,
    TooManyStyles,
    parse_style_name,
)
from bot.domain.style_code import CODE_FIELDS, format_style_code, parse_style_code
from video_editing.contract.formats import ASPECTS
from video_editing.contract.sound import BackgroundSound, SoundOptions
from video_editing.contract.style import Anchor, Shape

CODE_LENGTH = 32
#: what links of version 1 had
OLD_LOOKS = {
    "ARD6D6CAAAAAAUAAAAR01VwE": Appearance(),
    "AUEJrQa-owAPMUAAAAAAAABj": Appearance(
        shape=Shape.ROUNDED,
        corner=Anchor.TOP_LEFT,
        offset=(0.125, -0.333),
        scale=1.25,
        shadow=0.35,
        feather=3,
        keep_background=True,
        ring=RingStyle.GOLD,
        backdrop=BackgroundChoice(kind="blur"),
        canvas="9:16",
        sound=SoundOptions(even_voice=True, background_sound=BackgroundSound.QUIET),
    ),
}
ALPHABET = string.ascii_letters + string.digits + "-_"
PHOTO = MediaSource(kind=SourceKind.PHOTO, file_id="private", size=5)
LOOKS = [
    Appearance(),
    *(Appearance(shape=shape) for shape in Shape),
    *(Appearance(corner=corner) for corner in Anchor),
    *(Appearance(size=size) for size in OverlaySize),
    *(Appearance(scale=scale) for scale in (0.1, 1.25, 2.0)),
    *(Appearance(offset=offset) for offset in ((-2, 2), (0.125, -0.333))),
    *(Appearance(centre=centre) for centre in ((0, 0), (1, 1), (0.125, 0.95))),
    *(Appearance(ring=ring) for ring in RingStyle),
    *(Appearance(canvas=canvas) for canvas in ASPECTS),
    *(Appearance(sound=SoundOptions(background_sound=level)) for level in BackgroundSound),
    Appearance(sound=SoundOptions(even_voice=True)),
    Appearance(sound=SoundOptions(denoise=True)),
    Appearance(keep_background=True),
    Appearance(shadow=1, fade=10, feather=99, ring_width=0.25, ring_colour="#ffffff"),
    Appearance(shadow=0.35, fade=0.5, feather=3, ring_width=0.01, ring_colour="#000000"),
    Appearance(backdrop=BackgroundChoice(kind="blur")),
    Appearance(backdrop=BackgroundChoice(colour="#000000")),
    Appearance(backdrop=BackgroundChoice(colour="#ffffff")),
]


def style(name: str, look: Appearance | None = None) -> SavedStyle:
    """One whose id is its name."""
    return SavedStyle(id=name, name=name, look=look or Appearance())


def full() -> SavedStyles:
    """As many as there is room for."""
    return SavedStyles(saved=tuple(style(f"s{i}") for i in range(MAX_STYLES)))


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_comes_back_from_its_code(look: Appearance) -> None:
    """Every value of it."""
    assert parse_style_code(format_style_code(look)) == look


def test_a_code_has_every_field_but_the_engine() -> None:
    """A new one needs bits, and another version."""
    assert {field.path[0] for field in CODE_FIELDS} == set(Appearance.model_fields) - {"engine"}
    sounds = {field.path[1] for field in CODE_FIELDS if field.path[0] == "sound"}
    assert sounds == set(SoundOptions.model_fields)
    assert sum(field.bits for field in CODE_FIELDS) <= 6 * CODE_LENGTH - 8


@pytest.mark.parametrize(("code", "look"), OLD_LOOKS.items())
def test_a_link_of_before_is_read(code: str, look: Appearance) -> None:
    assert parse_style_code(code) == look


def test_a_code_tells_nothing_of_the_user() -> None:
    """Not the background file, nor the engine."""
    private = Appearance(backdrop=BackgroundChoice(kind="file", source=PHOTO), engine="rembg")
    assert format_style_code(private) == format_style_code(Appearance())


def test_numbers_are_rounded_to_what_nobody_sees() -> None:
    """And a colour is the same however it is written."""
    drawn = Appearance(offset=(0.12345, 0), scale=0.5049, feather=0.51, ring_colour="teal")
    close = Appearance(offset=(0.123, 0), scale=0.5, feather=0.5, ring_colour="#008080")
    assert parse_style_code(format_style_code(drawn)) == close


@pytest.mark.parametrize(
    "code",
    [
        "",
        "A" * 23,
        "A" * 24,
        "A" * 25,
        "A" * 32,
        "/" * 32,
        "_" * 24,
        "_" * 32,
        format_style_code(Appearance())[:-1] + "B",
        format_style_code(Appearance())[:24],
        next(iter(OLD_LOOKS)) + "A" * 8,
        "ы" * 24,
        format_style_code(Appearance())[:-1],
        format_style_code(Appearance()) + "\n",
        "B" + format_style_code(Appearance())[1:],
    ],
)
def test_what_is_no_code_is_none(code: str) -> None:
    """Cut short, of another version, or never ours."""
    assert parse_style_code(code) is None


def test_a_forged_code_is_a_possible_look_or_none() -> None:
    """Whatever its bits: what is accepted is what we would have written."""
    chance = random.Random(7)  # noqa: S311 - it only has to be the same again
    start = format_style_code(Appearance())
    accepted = 0
    for _ in range(20_000):
        letters = list(start)
        for _ in range(chance.randint(1, 6)):
            letters[chance.randrange(CODE_LENGTH)] = chance.choice(ALPHABET)
        code = "".join(letters)
        if look := parse_style_code(code):
            accepted += 1
            assert format_style_code(look) == code
            assert (look.backdrop.source, look.engine) == (None, "auto")
    assert 0 < accepted < 20_000


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("  Lessons \n in\twinter ", "Lessons in winter"),
        ("<b>&", "<b>&"),
        ("a\u202eb\0c", "a b c"),
        ("я" * MAX_NAME_LENGTH, "я" * MAX_NAME_LENGTH),
        ("я" * (MAX_NAME_LENGTH + 1), None),
        (" \n\u200b", None),
    ],
)
def test_names(text: str, name: str | None) -> None:
    """One line, nothing invisible, not too long."""
    assert parse_style_name(text) == name


def test_a_name_that_is_saved_again_gets_the_new_look() -> None:
    """Also where there is room for no other."""
    rect = Appearance(shape=Shape.RECT)
    styles = full().save(SavedStyle(id="new", name="S1", look=rect))
    assert len(styles.saved) == MAX_STYLES
    assert styles.find("s1") == style("s1", rect)
    with pytest.raises(TooManyStyles):
        styles.save(style("other"))


def test_a_name_belongs_to_one_style() -> None:
    styles = full()
    with pytest.raises(NameTaken):
        styles.rename("s1", "S2")
    renamed = styles.rename("s1", "S1").find("s1")
    assert renamed is not None
    assert renamed.name == "S1"
    assert styles.rename("gone", "x") == styles


def test_a_deleted_style_is_no_default() -> None:
    styles = full().set_default("s1")
    assert styles.delete("s2").default == "s1"
    assert styles.delete("s1").default is None
    assert styles.delete("s1").find("s1") is None
