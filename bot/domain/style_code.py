"""A look as a short code, with which a link shares it."""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import webcolors

from bot.domain.job_request import Appearance

VERSION = 2  #: of new codes
VERSION_BITS = 8
CODE_PATTERN = r"^[A-Za-z0-9_-]{24}(?:[A-Za-z0-9_-]{8})?$"  #: of version 1, or of version 2
COLOUR = 1 << 24  #: added to the three bytes of a colour


def format_style_code(look: Appearance) -> str:
    """Return the values of *look* as a code.

    It has neither the engine nor a background file: they are the user's. Numbers are rounded to
    steps too small to see.
    """
    values, (size, fields) = look.model_dump(mode="json"), _VERSIONS[VERSION]
    code = VERSION
    for field in fields:
        code = code << field.bits | field.to_number(_find_parent(values, field)[field.path[-1]])
    code <<= _count_spare_bits(size, fields)
    return base64.urlsafe_b64encode(code.to_bytes(size, "big")).decode()


def parse_style_code(code: str) -> Appearance | None:
    """Return the look of a code; None if it is not one: anybody can write a link."""
    if not re.fullmatch(CODE_PATTERN, code):
        return None
    content = base64.urlsafe_b64decode(code)
    size, fields = _VERSIONS.get(content[0], (0, ()))
    spare = _count_spare_bits(size, fields)
    rest, filling = divmod(int.from_bytes(content, "big"), 1 << max(0, spare))
    if len(content) != size or filling:
        return None
    values = Appearance().model_dump(mode="json")
    try:
        for field in reversed(fields):
            number, rest = rest & ((1 << field.bits) - 1), rest >> field.bits
            _find_parent(values, field)[field.path[-1]] = field.to_value(number)
        return Appearance.model_validate(values)
    except (ValueError, IndexError):  # pydantic's error is a ValueError
        return None


class _CodeField(NamedTuple):
    """A value of a look in a code.

    Attributes:
        path: the keys of the value in a look as JSON.
        bits: how many it takes.
        to_number: converts a value to a number of so many bits.
        to_value: converts it back. Raises ValueError or IndexError: the number means nothing.
    """

    path: tuple[str | int, ...]
    bits: int
    to_number: Callable[[Any], int]
    to_value: Callable[[int], object]


def _count_spare_bits(size: int, fields: "Sequence[_CodeField]") -> int:
    """Return the bits after *fields* in a code of *size* bytes."""
    return 8 * size - VERSION_BITS - sum(field.bits for field in fields)


def _find_parent(values: dict[str, Any], field: _CodeField) -> Any:
    """Return the part of *values* that contains the value of *field*."""
    parent: Any = values
    for key in field.path[:-1]:
        parent = parent[key]
    return parent


def _create_choice_field(
    path: tuple[str | int, ...], bits: int, values: Sequence[str | bool]
) -> _CodeField:
    return _CodeField(path, bits, values.index, values.__getitem__)


def _create_number_field(
    path: tuple[str | int, ...], bits: int, step: float, lowest: float = 0
) -> _CodeField:
    return _CodeField(
        path,
        bits,
        lambda value: round((value - lowest) / step),
        lambda number: round(lowest + number * step, 3),
    )


def _pack_colour(colour: str) -> int:
    """Return a CSS name, #rgb or #rrggbb as a number."""
    is_hex = colour.startswith("#")
    code = webcolors.normalize_hex(colour) if is_hex else webcolors.name_to_hex(colour)
    return COLOUR | int(code[1:], 16)


def _unpack_colour(number: int) -> str:
    if not number & COLOUR:
        raise ValueError
    return f"#{number - COLOUR:06x}"


def _pack_background(background: dict[str, Any]) -> int:
    """Return a background as a number; a file, which is the user's, is the usual colour."""
    return 0 if background["kind"] == "blur" else _pack_colour(background["colour"])


def _unpack_background(number: int) -> dict[str, str]:
    return {"colour": _unpack_colour(number)} if number else {"kind": "blur"}


def _pack_centre(centre: Sequence[float] | None) -> int:
    """Return a pair of fractions in thousandths as a number; 0 is none."""
    return 0 if centre is None else 1 + round(1000 * centre[0]) * 1001 + round(1000 * centre[1])


def _unpack_centre(number: int) -> list[float] | None:
    return [each / 1000 for each in divmod(number - 1, 1001)] if number else None


#: from the first bit to the last, after the version. Codes are in links that users have: values are
#: added at the end of a list, and fields never change.
_FIRST_FIELDS = (
    _create_choice_field(("shape",), 3, ("circle", "rect", "rounded", "none")),
    _create_choice_field(
        ("corner",),
        4,
        (
            "top-left",
            "top",
            "top-right",
            "left",
            "center",
            "right",
            "bottom-left",
            "bottom",
            "bottom-right",
        ),
    ),
    _create_number_field(("offset", 0), 12, 0.001, -2),
    _create_number_field(("offset", 1), 12, 0.001, -2),
    _create_choice_field(("size",), 2, ("small", "medium", "large")),
    _CodeField(
        ("scale",),
        8,
        lambda scale: round(100 * scale) if scale else 0,
        lambda number: number / 100 if number else None,
    ),
    _create_number_field(("shadow",), 7, 0.01),
    _create_number_field(("fade",), 7, 0.1),
    _create_number_field(("feather",), 10, 0.1),
    _create_choice_field(("ring",), 3, ("none", "white", "black", "gold")),
    _create_number_field(("ring_width",), 8, 0.001),
    _CodeField(
        ("ring_colour",),
        25,
        lambda colour: _pack_colour(colour) if colour else 0,
        lambda number: _unpack_colour(number) if number else None,
    ),
    _CodeField(("backdrop",), 25, _pack_background, _unpack_background),
    _create_choice_field(("canvas",), 4, ("auto", "9:16", "1:1", "4:5", "16:9")),
    _create_choice_field(("sound", "even_voice"), 1, (False, True)),
    _create_choice_field(("sound", "denoise"), 1, (False, True)),
    _create_choice_field(("sound", "background_sound"), 3, ("off", "quiet", "normal", "loud")),
    _create_choice_field(("keep_background",), 1, (False, True)),
)
#: a new field is added at the end, into bits that were 0: for it 0 means its default
CODE_FIELDS = (*_FIRST_FIELDS, _CodeField(("centre",), 20, _pack_centre, _unpack_centre))
#: by version: the bytes of a code, and its fields
_VERSIONS: Mapping[int, tuple[int, Sequence[_CodeField]]] = {
    1: (18, _FIRST_FIELDS),
    VERSION: (24, CODE_FIELDS),
}
