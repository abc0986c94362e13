"""The files for platforms: they are valid, and name what exists."""

import json
import os
import re
import subprocess
import tomllib
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.bot.support.running_bot import RunningBot
from tests.support.paths import ROOT

START = ["python", "-m", "bot"]
#: what the build of the package reads besides the code
BUILT_FROM = ("pyproject.toml", "uv.lock", "README.md", "LICENSE", "settings.py")


@pytest.fixture(scope="module")
def dockerfile() -> list[tuple[str, str]]:
    """Its instructions, each with what follows it."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines if line]


@pytest.fixture(scope="module")
def railway() -> dict[str, dict[str, object]]:
    """The configuration for Railway."""
    config = json.loads((ROOT / "railway.json").read_text())
    assert isinstance(config, dict)
    return config


def test_the_procfile_starts_the_bot() -> None:
    """As a web process: it has pages, and a port."""
    lines = (ROOT / "Procfile").read_text().splitlines()
    assert lines == [f"web: {' '.join(START)}"]
    assert find_spec("bot.__main__")


def test_railway_starts_it_and_looks_at_a_page_that_is_there(
    railway: dict[str, dict[str, object]],
) -> None:
    """Without a shell in between, which would keep SIGTERM to itself; once, for there is one disk.

    Its parser wants numbers for the seconds.
    """
    assert railway["build"] == {"builder": "RAILPACK"}
    deploy = railway["deploy"]
    assert str(deploy["startCommand"]).split() == START
    assert deploy["healthcheckPath"] == "/healthz"
    assert deploy["restartPolicyType"] == "ALWAYS"
    assert deploy["numReplicas"] == 1
    for name in ("drainingSeconds", "overlapSeconds", "healthcheckTimeout"):
        assert isinstance(deploy[name], int)
    draining = deploy["drainingSeconds"]
    assert isinstance(draining, int)
    assert draining > 2, "it takes two seconds to end"


def test_the_python_is_one_for_which_it_is_made() -> None:
    """In each place that names one."""
    version = (ROOT / ".python-version").read_text().strip()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=3.11,<3.13"
    assert version in {"3.11", "3.12"}
    images = re.findall(r"^FROM (\S+:\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert images == [images[0]] * 2
    assert re.fullmatch(rf"python:{version}\.\d+-slim-\w+", images[0])


def test_the_image_is_built_of_known_versions(dockerfile: list[tuple[str, str]]) -> None:
    """By a uv of one version, without what only develops the bot."""
    runs = [rest for kind, rest in dockerfile if kind == "RUN"]
    assert any(re.search(r"pip install .*\buv==\d", rest) for rest in runs)
    syncs = [rest for rest in runs if rest.startswith("uv sync")]
    assert syncs
    assert all({"--locked", "--no-dev"} <= set(rest.split()) for rest in syncs)


def test_the_image_runs_the_bot_itself_and_not_as_root(dockerfile: list[tuple[str, str]]) -> None:
    """In the exec form, so that signals reach it; its data are on a volume that it may write."""
    kinds = [kind for kind, _ in dockerfile]
    assert json.loads(dockerfile[kinds.index("CMD")][1]) == START
    assert ("USER", "bot") in dockerfile[: kinds.index("CMD")]
    assert ("VOLUME", "/data") in dockerfile
    assert any("DATA_DIR=/data" in rest for kind, rest in dockerfile if kind == "ENV")
    assert any("chown bot /data" in rest for kind, rest in dockerfile if kind == "RUN")


def test_all_that_is_copied_is_there(dockerfile: list[tuple[str, str]]) -> None:
    """Also what .dockerignore leaves out."""
    for kind, rest in dockerfile:
        if kind == "COPY" and not rest.startswith("--from="):
            assert all((ROOT / name).exists() for name in rest.split()[:-1])
    patterns = (ROOT / ".dockerignore").read_text().split()
    kept = {pattern[1:] for pattern in patterns if pattern[0] == "!"}
    for name in (*BUILT_FROM, ".python-version", "bot", "backends", "video_editing"):
        assert name in kept or not any(fnmatch(name, pattern) for pattern in patterns), name
    for name in (".env", ".git", ".venv", "data"):
        assert name not in kept
        assert any(fnmatch(name, pattern) for pattern in patterns), name


async def test_the_image_knows_whether_the_bot_lives(
    talk: RunningBot, dockerfile: list[tuple[str, str]]
) -> None:
    """Its check succeeds on one that runs, and fails on none."""
    rest = next(rest for kind, rest in dockerfile if kind == "HEALTHCHECK")
    command = json.loads(rest.partition("CMD ")[2])
    for port, code in ((talk.bot.port, 0), (1, 1)):
        assert checked(command, port) == code


def checked(command: list[str], port: int) -> int:
    """The status of a check of the bot on that port."""
    environment = {"PATH": os.environ["PATH"], "PORT": str(port)}
    return subprocess.run(
        command, env=environment, stderr=subprocess.DEVNULL, timeout=20, check=False
    ).returncode


def test_the_tests_of_a_new_machine_can_be_read() -> None:
    """By the shell that runs them."""
    script = Path(ROOT / ".ci" / "run")
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", script], check=True)  # noqa: S607 - wherever it is
