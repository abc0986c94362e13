"""Command-line options made from pydantic models: parsers, help texts, values, child arguments.

A field is an option: its name, aliases, type, range, default and description say all about it. A
field that is a model itself is a group of options. The module imports no native library, since
the bot builds the arguments of child processes with it.
"""

import argparse
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from itertools import chain
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    TypeGuard,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

from annotated_types import Ge, Le
from pydantic import AliasChoices, BaseModel, BeforeValidator, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from video_editing.contract.style import Metavar, OneOf, OptionModel

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Positional:
    """Annotation of a field that is given by position, not by a name.

    Attributes:
        is_several: whether several may be given, for which the command runs one after the other.
    """

    is_several: bool = False


@dataclass(frozen=True, slots=True)
class Only:
    """Annotation of a group of which a command offers these fields only."""

    names: Sequence[str]


class Option(NamedTuple):
    """One field of a model, as the command line, help texts and tables need it.

    Attributes:
        name: the field's name.
        flags: names with their dashes, the preferred one first; the bare name if positional.
        field: the field.
        kind: the field's type without None and annotations.
        annotations: of the field and of its type.
    """

    name: str
    flags: list[str]
    field: FieldInfo
    kind: Any
    annotations: list[Any]

    @property
    def choices(self) -> list[Any]:
        """The values that are possible, or nothing where they cannot be listed."""
        one_of = self.find(OneOf)
        if one_of is not None:
            return list(one_of.values)
        if isinstance(self.kind, type) and issubclass(self.kind, Enum):
            return [member.value for member in self.kind]
        values = get_args(self.kind) if get_origin(self.kind) is Literal else ()
        return [value.value if isinstance(value, Enum) else value for value in values]

    @property
    def limits(self) -> str:
        """The least and the greatest value, where there are both; of a pair, those of each."""
        low, high = _find_bounds(self.annotations + _split_annotation(_get_item_type(self.kind))[1])
        return "" if low is None or high is None else f"{low:g} to {high:g}"

    @property
    def default(self) -> str:
        """The default as help texts state it; empty where there is none to state."""
        metavar, default = self.find(Metavar), self.field.default
        if metavar and metavar.default:
            return str(metavar.default)
        if default is PydanticUndefined or self.kind is bool:
            return ""
        if metavar and metavar.text and metavar.text.endswith("|auto"):
            return "auto"
        return "none" if default in (None, ()) else format_value(default)

    @property
    def is_several(self) -> bool:
        """Whether several may be given, for which the command runs one after the other."""
        positional = self.find(Positional)
        return positional is not None and positional.is_several

    def find(self, kind: type[Any]) -> Any:
        """Return the annotation of that class, or None."""
        return next((each for each in self.annotations if isinstance(each, kind)), None)


def list_options(model: type[BaseModel], only: Iterable[str] | None = None) -> Iterator[Option]:
    """Yield the options of a model's own fields, without those of the models in it."""
    for name, field in model.model_fields.items():
        kind, annotations = _split_annotation(field.annotation)
        if _is_model(kind) or (only is not None and name not in only):
            continue
        annotations += field.metadata
        aliases = field.validation_alias
        names = aliases.choices if isinstance(aliases, AliasChoices) else [name]
        flags = [_format_flag(str(each)) for each in names]
        if any(isinstance(each, Positional) for each in annotations):
            flags = [name]
        yield Option(name, flags, field, kind, annotations)


def add_options(command: argparse.ArgumentParser, model: type[BaseModel]) -> None:
    """Add an option for each field of *model*, and a group for each model in it."""
    for option in list_options(model):
        _add_option(command, option)
    for name, group_model, only in _list_groups(model):
        group = command.add_argument_group(name.replace("_", " "))
        for option in list_options(group_model, only):
            _add_option(group, option)


def read_options(
    model: type[Model], namespace: argparse.Namespace, command: argparse.ArgumentParser
) -> Model:
    """Build *model* from what was parsed; what was not given keeps its default and is not "set".

    Raises:
        InputRejected: BAD_OPTION, a value of a group is out of its range.
        SystemExit: the options do not go together; the usage is printed.
    """
    given = vars(namespace)
    values: dict[str, object] = {name: given[name] for name in given if name in model.model_fields}
    for several in filter(lambda option: option.is_several, list_options(model)):
        (values[several.name],) = given[several.name]
    for name, group_model, only in _list_groups(model):
        options = list_options(group_model, only)
        group = {option.name: given[option.name] for option in options if option.name in given}
        values[name] = group_model.from_options(**group)
    try:
        return model.model_validate(values)
    except ValidationError as err:
        first = err.errors(include_url=False)[0]
        option = "".join(f"argument {_format_flag(str(name))}: " for name in first["loc"][:1])
        command.error(option + first["msg"].removeprefix("Value error, "))


def format_options(options: OptionModel) -> list[str]:
    """Write *options* as arguments for a child process; defaults are left out."""
    arguments = []
    for option in list_options(type(options)):
        value = getattr(options, option.name)
        if value is None or value == option.field.default:
            continue
        flag = option.flags[0]
        arguments.append(flag if value is True else f"{flag}={format_value(value)}")
    return arguments


def format_value(value: object) -> str:
    """Write *value* as the command line reads it."""
    if isinstance(value, tuple):
        return ",".join(map(format_value, value))
    return str(value)


def describe_option(option: Option) -> str:
    """Return the help text: description, range and default."""
    text, one_of = option.field.description or "", option.find(OneOf)
    if one_of and one_of.describe:
        text += f": {one_of.describe()}"
    notes = [option.limits, f"default: {option.default}" if option.default else ""]
    return f"{text} ({'; '.join(filter(None, notes))})" if any(notes) else text


def _add_option(command: argparse._ActionsContainer, option: Option) -> None:
    settings: dict[str, Any] = {"help": describe_option(option).replace("%", "%%")}
    metavar = option.find(Metavar)
    if metavar and metavar.text:
        settings["metavar"] = metavar.text
    if option.flags != [option.name]:
        is_required = option.field.is_required()
        settings |= {"dest": option.name, "required": is_required, "default": argparse.SUPPRESS}
    if option.is_several:
        settings["nargs"] = "+"
    if option.kind is bool:
        settings["action"] = "store_true"
    else:
        settings["type"] = _create_reader(option)
        if choices := option.choices:
            settings["choices"] = choices
        if get_origin(option.kind) is list:
            settings["action"] = "append"
    command.add_argument(*sorted(option.flags, key=len), **settings)


def _list_groups(
    model: type[BaseModel],
) -> Iterator[tuple[str, type[OptionModel], Sequence[str] | None]]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if _is_model(kind):
            only = next((each.names for each in field.metadata if isinstance(each, Only)), None)
            yield name, kind, only


def _is_model(annotation: Any) -> TypeGuard[type[OptionModel]]:
    return isinstance(annotation, type) and issubclass(annotation, OptionModel)


def _format_flag(name: str) -> str:
    return f"-{name}" if len(name) == 1 else f"--{name.replace('_', '-')}"


def _split_annotation(annotation: Any) -> tuple[Any, list[Any]]:
    """Return the type without None and annotations, and these annotations."""
    if get_origin(annotation) in {Union, types.UnionType}:
        annotation = next(each for each in get_args(annotation) if each is not types.NoneType)
    annotations: list[Any] = []
    if get_origin(annotation) is Annotated:
        annotation, *annotations = get_args(annotation)
    flat = (each.metadata if isinstance(each, FieldInfo) else [each] for each in annotations)
    return annotation, list(chain.from_iterable(flat))


def _get_item_type(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) in {tuple, list} else kind


def _find_bounds(annotations: Iterable[Any]) -> tuple[Any, Any]:
    low = high = None
    for each in annotations:
        low = each.ge if isinstance(each, Ge) else low
        high = each.le if isinstance(each, Le) else high
    return low, high


def _create_reader(option: Option) -> Callable[[str], object]:
    """Return the function that reads the option's value from its text."""
    metavar = option.find(Metavar)
    has_auto = bool(metavar and metavar.text and metavar.text.endswith("|auto"))
    expected = metavar.text if metavar and metavar.text else f"a possible {option.name}"
    if option.choices:
        expected = f"one of {', '.join(map(str, option.choices))}"
    elif option.limits:
        expected += f", {option.limits}"

    def read(text: str) -> object:
        if has_auto and text == "auto":
            return option.field.default
        try:
            return _read_value(text, option.kind, option.annotations)
        except (ValueError, ZeroDivisionError) as err:
            raise argparse.ArgumentTypeError(f"{text!r} is not {expected}") from err

    return read


def _convert(text: str, annotations: Iterable[Any]) -> Any:
    """Return what the model's own conversion makes of *text* before it is validated."""
    for each in annotations:
        if isinstance(each, BeforeValidator):
            convert: Any = each.func  # of the two kinds that pydantic takes, ours have no info
            return convert(text)
    return text


def _read_value(text: str, kind: Any, annotations: Iterable[Any]) -> object:
    """Convert *text*; whole numbers and rates must be in their range, models check the others.

    Raises:
        ValueError, ZeroDivisionError: it is not such a value.
    """
    if get_origin(kind) is list:
        return _read_value(text, *_split_annotation(_get_item_type(kind)))
    if get_origin(kind) is tuple:
        parts, items = text.split(","), get_args(kind)
        if items[-1] is ...:
            items = items[:1] * len(parts)
        return tuple(
            _read_value(part, *_split_annotation(item))
            for part, item in zip(parts, items, strict=True)
        )
    if get_origin(kind) is Literal:
        kind = type(get_args(kind)[0])
    value = kind(_convert(text, annotations))
    if isinstance(value, int | Fraction):
        low, high = _find_bounds(annotations)
        if (low is not None and value < low) or (high is not None and value > high):
            raise ValueError(text)
    return value
