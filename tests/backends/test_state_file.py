"""State that many processes update at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from backends.state_file import JsonStateFile


def test_no_change_is_lost(tmp_path: Path) -> None:
    """Increments of many threads, each with a state file of its own, add up."""

    def add(_: int) -> None:
        with JsonStateFile(tmp_path / "facts.json", int).update() as facts:
            facts["count"] = facts.get("count", 0) + 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(400)))
    assert JsonStateFile(tmp_path / "facts.json", int).read() == {"count": 400}


def test_a_change_that_fails_changes_nothing(tmp_path: Path) -> None:
    """An exception in the block is raised, and the state stays."""
    state_file = JsonStateFile(tmp_path / "facts.json", int)
    with state_file.update() as facts:
        facts["count"] = 1

    def fail() -> None:
        with state_file.update() as facts:
            facts["count"] = 2
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert state_file.read() == {"count": 1}
