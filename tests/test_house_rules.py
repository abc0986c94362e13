"""What keeps the code easy to find and to read, counted over the three packages."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.support.paths import ROOT

MAX_ENTRIES = 14  #: of a folder
MAX_LINES = 50  #: of a function
MAX_PARAMETERS = 6  #: of a function …
MAX_EXCEPTIONS = 10  #: … but for so many
NOQA = re.compile(r"# noqa\b(?P<rest>.*)")
REASON = re.compile(r": [A-Z0-9, ]+ - \S.{9}")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources() -> Iterator[Path]:
    """Yield the files of the three packages."""
    for package in ("video_editing", "backends", "bot"):
        yield from sorted((ROOT / package).rglob("*.py"))


def nodes() -> Iterator[tuple[str, ast.AST]]:
    """Yield the parts of all files, each with its file's name."""
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            yield str(path.relative_to(ROOT)), node


def test_a_folder_fits_on_one_screen() -> None:
    """So that its listing is the table of contents."""
    for folder in {path.parent for path in sources()}:
        entries = {path.name for path in folder.iterdir()} - {"__init__.py", "__pycache__"}
        assert len(entries) <= MAX_ENTRIES, folder.relative_to(ROOT)


def test_a_class_has_a_name_of_its_own() -> None:
    """So that a search for it finds one."""
    found = defaultdict(list)
    for path, node in nodes():
        if isinstance(node, ast.ClassDef):
            found[node.name].append(path)
    assert {name: paths for name, paths in found.items() if len(paths) > 1} == {}


def test_a_function_fits_on_one_screen() -> None:
    """Its docstring included."""
    functions = ((path, node) for path, node in nodes() if isinstance(node, Function))
    long = [
        f"{path}: {node.name}"
        for path, node in functions
        if (node.end_lineno or 0) - node.lineno >= MAX_LINES
    ]
    assert long == []


def test_few_functions_have_many_parameters() -> None:
    """What travels together is one value."""
    many = []
    for path, node in nodes():
        if isinstance(node, Function):
            arguments = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
            names = [argument.arg for argument in arguments if argument.arg not in {"self", "cls"}]
            if len(names) > MAX_PARAMETERS:
                many.append(f"{path}: {node.name}")
    assert len(many) <= MAX_EXCEPTIONS, many


def test_each_exception_to_a_lint_rule_has_a_reason_of_its_own() -> None:
    """Which a reader can judge."""
    for path in sources():
        for line in path.read_text().splitlines():
            if found := NOQA.search(line):
                assert REASON.match(found["rest"]), f"{path.relative_to(ROOT)}: {line.strip()}"
                assert "as above" not in line, f"{path.relative_to(ROOT)}: {line.strip()}"
