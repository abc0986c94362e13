"""What people read, in their languages."""

import html
import logging
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fluent.runtime import FluentBundle, FluentResource

from bot.domain.job_request import Language

log = logging.getLogger(__name__)

LOCALES_FOLDER = Path(__file__).parents[1] / "locales"
#: what sentences about faults may mention; a text says nothing of what is 0
DEFAULT_DETAILS: Mapping[str, float | str] = {"size": 0, "limit": 0, "seconds": 0}


class Texts:
    """Every text by its key; values may be anything that somebody sent, and texts are HTML."""

    def __call__(self, language: Language, key: str, /, **values: float | str) -> str:
        """The text *key*, with *values* in it.

        Raises:
            LookupError: there is no such text.
        """
        bundle = _load_bundle(language)
        pattern = bundle.get_message(key).value
        assert pattern is not None, f"{key} says nothing"
        text, errors = bundle.format_pattern(pattern, {k: _escape(v) for k, v in values.items()})
        if errors:  # a value that was forgotten; all else is worth saying
            log.error("%s in %s: %s", key, language, errors)
        return str(text)

    def describe_failure(
        self, language: Language, code: str, details: Mapping[str, float | str]
    ) -> str:
        """Why something cannot be done, and what to do.

        Args:
            language: of the text.
            code: a value of Fault, of video_editing's Reason or of backends' LinkFault.
            details: what is known of it.
        """
        told = {name: details.get(name, nothing) for name, nothing in DEFAULT_DETAILS.items()}
        return self(language, f"fault-{code.replace('_', '-')}", **told)


def _escape(value: float | str) -> float | str:
    return html.escape(value, quote=False) if isinstance(value, str) else value


@cache
def _load_bundle(language: Language) -> FluentBundle:
    def format_duration(seconds: float) -> str:
        return _format_duration(bundle, seconds)

    functions: dict[str, Any] = {"SPAN": format_duration}  # a str will do for a FluentType
    bundle = FluentBundle([language], functions=functions, use_isolating=False)
    for path in sorted(LOCALES_FOLDER.glob(f"*{language}.ftl")):
        bundle.add_resource(FluentResource(path.read_text("utf-8")))
    return bundle


def _format_duration(bundle: FluentBundle, seconds: float) -> str:
    """A length of time in words: seconds, whole minutes, or 1:05."""
    minutes, rest = divmod(math.ceil(seconds), 60)
    hours = minutes // 60
    if hours:
        return f"{hours}:{minutes % 60:02}:{rest:02}"
    if minutes and rest:
        return f"{minutes}:{rest:02}"
    key, count = ("span-minutes", minutes) if minutes else ("span-seconds", rest)
    pattern = bundle.get_message(key).value
    assert pattern is not None, f"{key} says nothing"
    return str(bundle.format_pattern(pattern, {"count": count})[0])
