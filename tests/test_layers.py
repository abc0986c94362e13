"""Imports point one way, between the packages and inside each of them."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.support.paths import ROOT

PACKAGES = ("video_editing", "backends", "bot")
ABOVE = {
    "settings": {*PACKAGES},
    "video_editing": {"backends", "bot", "settings"},
    "backends": {"bot"},
    "bot": set[str](),
}
#: folders and modules of each package; one imports only from those in the lines before it
LAYERS = {
    "video_editing": (
        ("contract", "ffmpeg"),
        ("frames", "concurrency"),
        ("memory",),
        ("pixels",),
        ("pyramid",),
        ("reading",),
        ("writing",),
        ("matting",),
        ("compositing",),
        ("pipelines",),
        ("cli",),
        ("__main__",),
    ),
    "backends": (
        ("errors",),
        ("base", "state_file", "connection_guard"),
        ("resilience", "local", "links"),
        ("rendering",),
        ("remote",),
        ("shotstack",),
        ("factory",),
        ("renderer_factory",),
        ("server",),
        ("cli",),
    ),
    "bot": (
        ("domain",),
        ("database",),
        ("telegram", "ui"),
        ("operations",),
        ("jobs",),
        ("preview_cards",),
        ("handlers",),
        ("web",),
        ("wiring",),
        ("app",),
        ("__main__",),
    ),
}


def modules(package: str) -> dict[str, Path]:
    """Return the files of a package or module by their dotted names."""
    single = ROOT / f"{package}.py"
    paths = [single] if single.exists() else sorted((ROOT / package).rglob("*.py"))
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in paths
    }


def imports(source: str) -> Iterator[str]:
    """Yield the dotted names that a module imports, also inside a function."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{name.name}" for name in node.names)


@pytest.mark.parametrize("package", ABOVE)
def test_a_package_imports_none_above_it(package: str) -> None:
    """Not even inside a function."""
    for name, path in modules(package).items():
        found = {imported.split(".")[0] for imported in imports(path.read_text())}
        assert not found & ABOVE[package], name


@pytest.mark.parametrize("package", PACKAGES)
def test_a_folder_imports_only_from_layers_before_it(package: str) -> None:
    """Nor from its neighbours in the same layer."""
    level = {unit: number for number, units in enumerate(LAYERS[package]) for unit in units}
    for name, path in modules(package).items():
        if name == package:
            continue
        unit = name.split(".")[1]
        for imported in imports(path.read_text()):
            top, _, rest = imported.partition(".")
            other = rest.split(".")[0]
            if top == package and other not in {"", unit}:
                assert level[other] < level[unit], f"{name} imports {imported}"


@pytest.mark.parametrize("package", PACKAGES)
def test_modules_import_each_other_in_no_circle(package: str) -> None:
    """Neither inside a folder."""
    files = modules(package)
    graph = {
        name: {
            other
            for imported in imports(path.read_text())
            for other in (imported, imported.rpartition(".")[0])
            if other in files and other != name
        }
        for name, path in files.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as err:
        pytest.fail(" imports ".join(err.args[1]))


def test_hidden_imports_are_found() -> None:
    """The rules would be none if a function could break them."""
    hidden = "def f():\n    from backends.local.process import run\n    import bot.ui.texts as t\n"
    assert set(imports(hidden)) == {"backends.local.process.run", "bot.ui.texts"}
