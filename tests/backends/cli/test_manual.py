"""The manual's tables of options are what the models say."""

from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from backends.cli.commands import COMMANDS
from tests.support.paths import ROOT
from video_editing.cli.arguments import Option, Positional, describe_option, list_options
from video_editing.cli.commands import SceneOptions
from video_editing.contract.engines import EngineOptions
from video_editing.contract.style import Metavar, Style

MANUAL = ROOT / "docs" / "command_line.md"
HEAD = "| option | values | default | meaning |\n|---|---|---|---|\n"


def write_table(model: type[BaseModel]) -> str:
    """The options of *model* as a table in Markdown."""
    return HEAD + "".join(write_rows(model))


def write_rows(model: type[BaseModel]) -> Iterator[str]:
    """A row for each option."""
    for option in list_options(model):
        metavar = option.find(Metavar)
        name = metavar.text if option.find(Positional) else option.flags[0]
        default = "needed" if option.field.is_required() else option.default or "off"
        meaning = describe_option(option).partition(" (")[0]
        row = [f"`{name}`".replace("|", "\\|"), write_values(option), default, meaning]
        yield f"| {' | '.join(row)} |\n"


def write_values(option: Option) -> str:
    """The choices, or the value as the help writes it, with its range."""
    if option.kind is bool or option.find(Positional):
        return ""
    if option.choices:
        return ", ".join(f"`{choice}`" for choice in option.choices)
    metavar = option.find(Metavar)
    text = (metavar and metavar.text) or option.name.upper()
    return ", ".join(filter(None, (f"`{text}`".replace("|", "\\|"), option.limits)))


GROUPS = {"overlay": Style, "background": SceneOptions, "engine": EngineOptions}
TABLES: dict[str, type[BaseModel]] = {f"The {name}": model for name, model in GROUPS.items()}
TABLES |= {f"overlay {name}": command.options for name, command in COMMANDS.items()}


@pytest.mark.parametrize("title", TABLES)
def test_the_manual_has_each_option(title: str) -> None:
    """With its values, its default and its meaning; where it fails, the table is shown."""
    table = write_table(TABLES[title])
    assert table in MANUAL.read_text(), f"\n{table}"
