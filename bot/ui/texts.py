"""The texts that users read, in their languages."""

import html
import logging
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fluent.runtime import FluentBundle, FluentResource

from bot.domain.draft import Draft
from bot.domain.job_request import Appearance, Language, describe_background, measure_part
from bot.domain.outcomes import Rejected
from video_editing.contract.engines import BEST_ENGINE, FAST_ENGINE
from video_editing.contract.excerpt import WHOLE_CLIP, Excerpt
from video_editing.contract.formats import OutputFormat
from video_editing.contract.media import PICTURE_KINDS, VIDEO_KINDS, list_names
from video_editing.contract.sound import SoundOptions

log = logging.getLogger(__name__)

ASSUMED_RATE = 30  #: frames a second of a clip: Telegram does not state them
LOCALES_FOLDER = Path(__file__).parents[1] / "locales"

TextValue = float | str
WHOLE = "whole"  #: in texts: no part of a clip, but all of it
OWN = "own"  #: in texts: a place or a size that the user chose in the editor

#: values that the texts of failures may mention or select on; a text omits what is 0
DEFAULT_DETAILS: Mapping[str, TextValue] = {
    "size": 0,
    "limit": 0,
    "seconds": 0,
    "megapixels": 0,
    "what": "",
    "why": "",
    "stream": "",
}
#: the kinds of files that a text may list
FILE_KINDS = {"pictures": list_names(PICTURE_KINDS), "videos": list_names(VIDEO_KINDS)}


class Texts:
    """All texts by key. Texts are HTML; values are escaped, so they may come from users."""

    def __init__(self) -> None:
        """Read all languages, which takes a tenth of a second each in a new process."""
        for language in Language:
            _load_bundle(language)

    def __call__(self, language: Language, key: str, /, **values: TextValue) -> str:
        """Return the text *key* with *values* in it.

        Raises:
            LookupError: there is no such text.
        """
        bundle = _load_bundle(language)
        pattern = bundle.get_message(key).value
        assert pattern is not None, f"{key} has no value"
        text, errors = bundle.format_pattern(pattern, {k: _escape(v) for k, v in values.items()})
        if errors:  # a missing value: the rest of the text is still of use
            log.error("%s in %s: %s", key, language, errors)
        return str(text)

    def describe_failure(
        self, language: Language, code: str, details: Mapping[str, TextValue]
    ) -> str:
        """Return why something failed, and what the user can do.

        Args:
            language: of the text.
            code: a FailureCode, a RejectReason of video_editing or a LinkError of backends.
            details: numbers and names that the text may mention or select on.
        """
        values = {name: details.get(name, default) for name, default in DEFAULT_DETAILS.items()}
        return self(language, f"fault-{code.replace('_', '-')}", **values, **FILE_KINDS)


def describe_failures(
    texts: Texts, language: Language, failures: Mapping[int, Rejected]
) -> list[str]:
    """Return one text for each reason why videos of a series, by their numbers, failed."""
    numbers: dict[str, list[int]] = {}
    for number, failure in sorted(failures.items()):
        text = texts.describe_failure(language, failure.fault, failure.details)
        numbers.setdefault(text, []).append(number)
    return [
        f"{texts(language, 'series-failed', numbers=', '.join(map(str, those)))} {text}"
        for text, those in numbers.items()
    ]


def build_card_caption(
    texts: Texts, draft: Draft, *, warning: str = "", speeds: Mapping[str, float] | None = None
) -> str:
    """Return the text of a card.

    Args:
        texts: all texts.
        draft: what the card is of.
        warning: what the user may want to know of the clip, a ClipWarning; "" for nothing.
        speeds: measured frames a second by engine, from which the times of Best and Fast follow.
    """
    seconds = (draft.clip and draft.clip.seconds) or 0
    look = describe_appearance(draft.look)
    part = format_excerpt(draft.excerpt, seconds)
    count = len(draft.clips)
    parts = [texts(draft.language, "card-caption", seconds=seconds, part=part, count=count, **look)]
    speeds = speeds or {}
    if seconds and not draft.look.keep_background and {BEST_ENGINE, FAST_ENGINE} <= speeds.keys():
        frames = measure_part(seconds, draft.excerpt) * ASSUMED_RATE
        best, fast = (frames / speeds[engine] for engine in (BEST_ENGINE, FAST_ENGINE))
        parts.append(texts(draft.language, "card-times", best=best, fast=fast))
    if draft.form is not OutputFormat.VIDEO:
        form = texts(draft.language, f"button-{draft.form}")
        parts.append(texts(draft.language, "card-form", form=form))
    if count > 1:
        parts.append(texts(draft.language, "card-series", count=count))
    if warning:
        parts.append(texts(draft.language, "card-warning", warning=warning))
    return "\n".join(parts)


def format_excerpt(excerpt: Excerpt, seconds: float) -> str:
    """Return *excerpt* as "0:05–0:42", or WHOLE; the clip lasts *seconds*, 0 if unknown."""
    if excerpt == WHOLE_CLIP:
        return WHOLE
    end = excerpt.end or seconds
    return f"{format_time(excerpt.start)}–{format_time(end) if end else ''}"


def format_time(seconds: float) -> str:
    """Return a time in a clip as "0:05", "0:05.5" or "1:02:03"."""
    minutes, rest = divmod(round(seconds, 1), 60)
    hours, minutes = divmod(int(minutes), 60)
    start = f"{hours}:{minutes:02}" if hours else f"{minutes}"
    return f"{start}:{rest:04.1f}".removesuffix(".0")


def describe_appearance(appearance: Appearance) -> dict[str, str]:
    """Return the values with which a text describes *appearance*."""
    has_sound = appearance.backdrop.kind == "file"
    return {
        "shape": appearance.shape.value,
        "corner": appearance.corner.value if appearance.offset == (0, 0) else OWN,
        "size": appearance.size.value if appearance.scale is None else OWN,
        "face": "own" if appearance.to_style().centre else "auto",
        "ring": OWN if appearance.ring_colour else appearance.ring.value,
        "shadow": _describe_effect(appearance.shadow),
        "fade": _describe_effect(appearance.fade),
        "edge": _describe_effect(appearance.feather),
        "inside": _describe_effect(appearance.keep_background),
        "voice": _describe_voice(appearance.sound),
        "noise": appearance.sound.background_sound.value if has_sound else "normal",
        "background": describe_background(appearance.backdrop),
        "canvas": appearance.canvas,
        "engine": appearance.engine,
    }


def _describe_effect(strength: float) -> str:
    return "some" if strength else "none"


def _describe_voice(sound: SoundOptions) -> str:
    if sound.even_voice:
        return "both" if sound.denoise else "even"
    return "clean" if sound.denoise else "plain"


def _escape(value: TextValue) -> TextValue:
    return html.escape(value, quote=False) if isinstance(value, str) else value


@cache
def _load_bundle(language: Language) -> FluentBundle:
    def format_duration(seconds: float) -> str:
        return _format_duration(bundle, seconds)

    functions: dict[str, Any] = {"SPAN": format_duration}  # Fluent accepts a str as well
    bundle = FluentBundle([language], functions=functions, use_isolating=False)
    for path in sorted(LOCALES_FOLDER.glob(f"*{language}.ftl")):
        bundle.add_resource(FluentResource(path.read_text("utf-8")))
    return bundle


def _format_duration(bundle: FluentBundle, seconds: float) -> str:
    """Return a duration as text: seconds, full minutes, or 1:05."""
    minutes, rest = divmod(math.ceil(seconds), 60)
    hours = minutes // 60
    if hours:
        return f"{hours}:{minutes % 60:02}:{rest:02}"
    if minutes and rest:
        return f"{minutes}:{rest:02}"
    key, count = ("span-minutes", minutes) if minutes else ("span-seconds", rest)
    pattern = bundle.get_message(key).value
    assert pattern is not None, f"{key} has no value"
    return str(bundle.format_pattern(pattern, {"count": count})[0])
