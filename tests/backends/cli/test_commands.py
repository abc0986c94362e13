"""The installed command: what needs backends."""

import json
from pathlib import Path
from typing import Any

import pytest

from backends.cli.commands import run


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of nobody else, and state in a folder of the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    for name in ("OVERLAY_BACKENDS", "MODAL_OVERLAY_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)


def read_error(capsys: pytest.CaptureFixture[str]) -> Any:
    """The last line of standard error, which parent processes read."""
    return json.loads(capsys.readouterr().err.splitlines()[-1])


@pytest.mark.parametrize("name", ["modl", "local_cpu", "https://", "ftp://example.com"])
@pytest.mark.parametrize("command", ["edit", "cut", "autopipeline"])
def test_a_mistyped_backend_is_a_wrong_command_line(
    command: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run([command, "clip.mp4", "-o", "result.mp4", "--backend", name])
    assert ended.value.code == 2
    assert f"argument --backend: {name!r} is not" in capsys.readouterr().err


def test_a_backend_without_settings_is_found_before_the_clip_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file is no video, but nothing looks at it."""
    (tmp_path / "clip.mp4").write_bytes(b"text")
    assert run(["edit", "clip.mp4", "-o", "r.mp4", "--backend", "modal"]) == 4
    assert read_error(capsys)["error"] == "BackendUnavailable"


def test_a_backend_without_settings_is_found_before_the_clip_is_downloaded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A download from this address would be refused, with another error."""
    monkeypatch.setenv("SHOTSTACK_API_KEY", "a-key")
    assert run(["autopipeline", "http://127.0.0.1/clip.mp4", "--backend", "modal"]) == 4
    assert read_error(capsys)["error"] == "BackendUnavailable"
