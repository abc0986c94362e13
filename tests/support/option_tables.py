"""The tables of options in docs/command_line.md, made from the models of the commands.

``python -m tests.support.option_tables`` writes them into the page.
"""

import re
from collections.abc import Iterator

from pydantic import BaseModel

from backends.cli.commands import COMMANDS
from tests.support.paths import ROOT
from video_editing.cli.arguments import Option, list_options
from video_editing.cli.commands import SceneOptions
from video_editing.contract.engines import EngineOptions
from video_editing.contract.excerpt import Excerpt
from video_editing.contract.sound import SoundOptions
from video_editing.contract.style import Metavar, Style

PAGE = ROOT / "docs" / "command_line.md"
SHARED = {
    "excerpt": Excerpt,
    "overlay": Style,
    "background": SceneOptions,
    "sound": SoundOptions,
    "engine": EngineOptions,
}
TABLE = re.compile(r"(<!-- options of (\w+) -->\n).*?(?=<!-- end -->)", re.DOTALL)


def build_table(name: str) -> str:
    """Return the table of a group of options, or of a command's own ones."""
    model = SHARED[name] if name in SHARED else COMMANDS[name].options
    rows = [_build_row(option) for option in _list_own_options(model)]
    return "\n".join(("| option | values | default | |", "|---|---|---|---|", *rows, ""))


def update_page(page: str) -> str:
    """Return *page* with all of its tables as the models have them."""
    return TABLE.sub(lambda table: f"{table[1]}\n{build_table(table[2])}\n", page)


def _list_own_options(model: type[BaseModel]) -> Iterator[Option]:
    for option in list_options(model):
        if option.flags != [option.name]:
            yield option


def _build_row(option: Option) -> str:
    flags = ", ".join(f"`{flag}`" for flag in sorted(option.flags, key=len))
    metavar = option.find(Metavar)
    text = metavar.text if metavar and metavar.text else ""
    values = ", ".join(f"`{each}`" for each in option.choices) or option.limits or f"`{text}`"
    values = "" if values == "``" else values.replace("|", "\\|")
    default = f"`{option.default}`" if option.default not in {"", "none"} else ""
    return f"| {flags} | {values} | {default} | {option.field.description} |"


if __name__ == "__main__":
    PAGE.write_text(update_page(PAGE.read_text()))
