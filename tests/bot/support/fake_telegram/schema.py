"""The published description of the Bot API, against which every call of the bot is checked.

aiogram's classes of methods and types are generated from the page of the Bot API; they say which
parameters there are, which are required and of which type, and which are deprecated. What is
uploaded is decoded by media_limits.py. Lengths of texts are the business of methods.py, which
refuses what Telegram refuses.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from aiogram import methods
from aiogram.methods import TelegramMethod
from aiogram.types import BufferedInputFile
from pydantic import ValidationError

from tests.bot.support.fake_telegram.calls import Call
from tests.bot.support.fake_telegram.media_limits import find_wrong_uploads

MAX_CALLBACK_BYTES = 64
UPLOAD = BufferedInputFile(b"", "upload")  #: in place of a file that comes with a call


class Validator:
    """Looks at calls.

    Attributes:
        violations: what in them the Bot API does not describe, or not so.
        checked_calls: number of calls that all validators looked at.
    """

    checked_calls = 0

    def __init__(self) -> None:
        self.violations: list[str] = []

    def check(self, call: Call) -> None:
        """Look at one call."""
        self.violations += find_violations(call)
        Validator.checked_calls += 1

    def require_none(self) -> None:
        """Fail where there were violations, once for each."""
        found, self.violations = self.violations, []
        assert not found, f"against the Bot API: {found[:5]}"


def find_violations(call: Call) -> Iterator[str]:
    """Yield what in *call* the Bot API does not describe, or not so."""
    kind = _list_methods().get(call.method)
    if kind is None:
        yield f"{call.method}: no such method"
        return
    arguments = {name: value for name, value in call.arguments.items() if name not in call.files}
    for name in arguments:
        info = kind.model_fields.get(name)
        if info is None:
            yield f"{call.method}: no parameter {name}"
        elif isinstance(info.json_schema_extra, dict) and info.json_schema_extra.get("deprecated"):
            yield f"{call.method}: {name} is deprecated"
    values = {name: _parse(value) for name, value in arguments.items()}
    yield from _find_wrong_types(call, kind, values)
    yield from _find_wrong_buttons(call, values.get("reply_markup"))
    yield from find_wrong_uploads(call)


def _find_wrong_types(
    call: Call, kind: type[TelegramMethod[Any]], values: Mapping[str, Any]
) -> Iterator[str]:
    uploads = dict.fromkeys(call.files, UPLOAD)
    known = {name: value for name, value in uploads.items() if name in kind.model_fields}
    try:
        kind.model_validate({**known, **values})
    except ValidationError as err:
        for error in err.errors(include_url=False):
            yield f"{call.method}: {'.'.join(map(str, error['loc']))}: {error['msg']}"


def _find_wrong_buttons(call: Call, markup: Any) -> Iterator[str]:
    for row in markup.get("inline_keyboard", ()) if isinstance(markup, dict) else ():
        for button in row:
            size = len(str(button.get("callback_data", "x")).encode())
            if not 1 <= size <= MAX_CALLBACK_BYTES or not button.get("text"):
                yield f"{call.method}: a button of {size} bytes, {button.get('text')!r}"


def _parse(value: Any) -> Any:
    """Return objects and lists, which come as JSON in a form, and uploaded files as such."""
    if isinstance(value, str) and value.startswith("attach://"):
        return UPLOAD
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


@cache
def _list_methods() -> dict[str, type[TelegramMethod[Any]]]:
    """Return the classes of aiogram's methods, by their names in the Bot API."""
    kinds = (getattr(methods, name) for name in methods.__all__)
    return {
        kind.__api_method__: kind
        for kind in kinds
        if isinstance(kind, type)
        and issubclass(kind, TelegramMethod)
        and kind is not TelegramMethod
    }
