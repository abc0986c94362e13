"""The id of an intent is the same in every version, so that an upgrade pays for no render twice."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import create_model

from backends.rendering.base import RenderRequest
from backends.shotstack.render_log import compute_intent_id
from video_editing.contract.excerpt import Excerpt
from video_editing.contract.formats import OutputFormat
from video_editing.contract.sound import SoundOptions
from video_editing.contract.style import Anchor, Shape, Style

FOLDER = Path("/data/jobs/7")
RESULT = FOLDER / "result.mp4"
REQUEST = RenderRequest(FOLDER / "clip", FOLDER / "mattes", "blur", Style())
OTHER_VALUES: dict[str, Any] = {
    "clip": FOLDER / "other",
    "mattes": None,
    "background": "teal",
    "style": Style(feather=7),
    "form": OutputFormat.ANIMATION,
    "max_bytes": 50_000_000,
    "thumbnail": FOLDER / "result.jpg",
    "canvas": "1:1",
    "excerpt": Excerpt(start=2),
    "sound": SoundOptions(denoise=True),
}
DETAILED_STYLE = Style(
    shape=Shape.ROUNDED,
    radius=0.5,
    crop=(0.5, 1),
    centre=(0.25, 0.75),
    threshold=0.6,
    feather=7,
    ring=0.05,
    ring_colour="red",
    shadow=0.5,
    position=Anchor.TOP_LEFT,
    offset=(0.1, -0.2),
    size=0.35,
    fade=1,
)
OPTIONS_STYLE = Style.from_options(
    shape="none", position="bottom", offset=(0, 0), feather=0, centre=(0.5, 0.5)
)
#: computed by the first version, at commit f196c1c
FIRST_VERSION = {
    "1d80b7829b34e6aeedb06c12fa2934e8": REQUEST,
    "0f5bc07374d50b591e07d9b78c80d30f": replace(
        REQUEST, mattes=None, background="#1d3557", style=Style(keep_background=True)
    ),
    "2828679d00dd3ea3f4062897a1faa26b": replace(
        REQUEST, background='/data/it\'s "one".png', thumbnail=FOLDER / "result.jpg"
    ),
    "62d87000efbcc390e3b66e3ffd92e50d": replace(REQUEST, max_bytes=50_000_000),
    "74b5be73c934cd5af7453c200a51cd7b": replace(REQUEST, form=OutputFormat.ANIMATION),
    "8528c5ce78ac79f733825789eb644587": replace(REQUEST, background="teal", style=DETAILED_STYLE),
    "c7256b6e78a66e80958bdb4570d59608": replace(REQUEST, background="teal", style=OPTIONS_STYLE),
}


@pytest.mark.parametrize("intent", FIRST_VERSION)
def test_the_id_is_that_of_the_first_version(intent: str) -> None:
    """State files that contain it stay valid."""
    assert compute_intent_id(FIRST_VERSION[intent], RESULT) == intent


def test_each_field_of_a_request_changes_the_id() -> None:
    """Results that differ are different intents; the cover, which is not made there, is none."""
    assert OTHER_VALUES.keys() == {field.name for field in fields(RenderRequest)} - {"cover"}
    covered = replace(REQUEST, cover=FOLDER / "cover.jpg")
    assert compute_intent_id(covered, RESULT) == compute_intent_id(REQUEST, RESULT)
    ids = {
        compute_intent_id(replace(REQUEST, **{name: value}), RESULT)
        for name, value in OTHER_VALUES.items()
    }
    ids |= {compute_intent_id(REQUEST, RESULT), compute_intent_id(REQUEST, FOLDER / "other.mp4")}
    assert len(ids) == len(OTHER_VALUES) + 2


def test_a_new_field_of_a_style_changes_the_id_only_if_it_is_set() -> None:
    """A later version with one more field computes the same id for work of this version."""
    later = create_model("LaterStyle", __base__=Style, glow=(float, 0))
    unset = compute_intent_id(replace(REQUEST, style=later()), RESULT)
    assert unset == compute_intent_id(REQUEST, RESULT)
    assert compute_intent_id(replace(REQUEST, style=later(glow=0.5)), RESULT) != unset
