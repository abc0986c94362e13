"""Imports point one way: video_editing, then backends, then bot."""

import ast
from collections.abc import Iterator

import pytest

from tests.support.paths import ROOT

OURS = {"video_editing", "backends", "bot", "settings"}


def imported(source: str) -> Iterator[str]:
    """The packages that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


@pytest.mark.parametrize(
    ("layer", "below"),
    [
        ("video_editing", {"video_editing"}),
        ("backends", {"video_editing", "backends", "settings"}),
        ("bot", OURS),
        ("settings.py", set()),
    ],
)
def test_a_layer_knows_only_those_below_it(layer: str, below: set[str]) -> None:
    """Not even inside a function."""
    top = ROOT / layer
    modules = [top] if top.is_file() else sorted(top.rglob("*.py"))
    assert modules
    for path in modules:
        known = set(imported(path.read_text())) & OURS
        assert known <= below, f"{path.relative_to(ROOT)} imports {known - below}"


def test_hidden_imports_are_found() -> None:
    """The rule would be none if a function could break it."""
    hidden = "def f():\n    from backends.local.process import run\n    import bot.ui.texts as t\n"
    assert set(imported(hidden)) == {"backends", "bot"}
