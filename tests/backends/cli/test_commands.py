"""The installed command: what needs backends."""

import json
from pathlib import Path
from typing import Any

import pytest

from backends.cli.commands import run
from tests.support.make_clips import drawn, make_clip
from tests.support.person_clips import film_of_eileen


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of nobody else, and state in a folder of the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    for name in ("OVERLAY_BACKENDS", "MODAL_OVERLAY_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of 70 s, with one frame per second."""
    return film_of_eileen(tmp_path_factory.mktemp("clips") / "long.mp4", 70, side=160, rate=1)


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


@pytest.mark.parametrize("command", ["edit", "cut"])
def test_a_kept_background_asks_no_backend(command: str, tmp_path: Path) -> None:
    """Nothing would read the mattes; here the backend could not make any."""
    clip = make_clip(tmp_path / "clip.mp4", drawn(12))
    result = tmp_path / "result.mov"
    assert (
        run([command, str(clip), "-o", str(result), "--keep-background", "--backend", "modal"]) == 0
    )
    assert result.exists()


@pytest.mark.parametrize(
    ("command", "seconds"),
    [
        (["cut", "--container", "sticker", "-o", "r.webm"], 3),
        (["edit", "--form", "gif", "-o", "r.gif"], 15),
        (["edit", "--form", "note", "-o", "r.mp4"], 60),
        (["edit", "-o", "r.mp4"], 70),
    ],
)
@pytest.mark.slow
def test_a_short_form_has_mattes_of_its_segments_only(
    command: list[str],
    seconds: int,
    long_clip: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of the segments of five seconds that the form shows a part of."""
    asked = [command[0], str(long_clip), *command[1:], "--backend", "local-cpu"]
    assert run([*asked, "--progress", "json"]) == 0
    steps = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    totals = {step["total"] for step in steps if step["stage"] == "mattes"}
    assert totals == {-(-seconds // 5) * 5}
