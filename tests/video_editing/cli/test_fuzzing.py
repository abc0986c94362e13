"""Damaged clips: each command ends in time with a result or a sentence, and leaves nothing else.

FUZZ_FILES is the number of files: 200 by default, 2000 in the full form, which takes hours.
FUZZ_SEED selects others. With -s the kinds of ends are printed.
"""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.command_runs import list_files, read_error
from tests.support.mutate_media import mutate
from tests.support.paths import ROOT

FILES = int(os.environ.get("FUZZ_FILES", "200"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
SUFFIXES = {".mp4", ".mov", ".mkv", ".webm", ".mpg"}
MAX_CPU_SECONDS = 60  #: of an edit of the longest clip
MAX_MEMORY = 1_500_000_000  #: bytes
MAX_SCENE_BYTES = 500_000  #: of a whole clip, which is edited over a damaged background
COMMANDS = (
    ("probe", "--thumbnail", "r.jpg"),
    ("preview", "-o", "r.jpg"),
    ("edit", "--keep-background", "--form", "animation", "-o", "r.mp4"),
)
SCENE = ("edit", "--keep-background", "--form", "gif", "-o", "r.gif", "--background")

Run = Callable[[list[str]], dict[str, Any]]  #: see `tests.support.run_forked`


@pytest.mark.slow
def test_a_damaged_file_is_read_or_refused(media: Path, tmp_path: Path) -> None:
    """Bits, sizes, counts, order, length: no crash, no hang, no traceback, nothing left behind."""
    clips = sorted(path for path in media.rglob("*") if path.suffix in SUFFIXES)
    small = [clip for clip in clips if clip.stat().st_size < MAX_SCENE_BYTES]
    random = np.random.default_rng(SEED)
    faults, ends = list[str](), Counter[str]()
    with open_runner(tmp_path) as run:
        for index in range(FILES):
            clip, scene = (group[int(random.integers(len(group)))] for group in (clips, small))
            kind, content = mutate(clip.read_bytes(), random)
            damaged = tmp_path / f"{index}{clip.suffix}"
            damaged.write_bytes(content)
            works = [[name, str(damaged), *options] for name, *options in COMMANDS]
            works += [[SCENE[0], str(scene), *SCENE[1:], str(damaged)]] if index % 4 == 0 else []
            for arguments in works:
                end, wrong = judge(run(arguments), tmp_path)
                ends[end] += 1
                if wrong:
                    shutil.copy(damaged, tmp_path / f"fault{damaged.name}")
                    faults.append(f"{kind} of {clip.name}, {damaged}, {arguments[0]}: {wrong}")
            damaged.unlink()
    print(f"\n{FILES} files, seed {SEED}: {dict(ends.most_common())}")  # noqa: T201 - with -s
    assert faults == [], "\n".join(faults)


@contextmanager
def open_runner(folder: Path) -> Iterator[Run]:
    """Open a function that runs the command line in *folder*/out, by forking."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.run_forked", str(MAX_CPU_SECONDS)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None

        def run(arguments: list[str]) -> dict[str, Any]:
            for name in ("out", "tmp"):
                shutil.rmtree(folder / name, ignore_errors=True)
                (folder / name).mkdir()
            print(json.dumps([str(folder), *arguments]), file=server.stdin, flush=True)
            ended: dict[str, Any] = json.loads(server.stdout.readline())
            return ended

        yield run
        server.stdin.close()


def judge(ended: dict[str, Any], folder: Path) -> tuple[str, str]:
    """Return how a command ended, and what is wrong with that; empty if it is as it should be."""
    left = list_files(folder / "out") + list_files(folder / "tmp")
    if ended["memory"] > MAX_MEMORY:
        return "too much memory", f"{ended['memory'] / 1e6:.0f} MB"
    if ended["code"] == 0:
        return "a result", "" if len(left) == 1 else f"left {left}"
    try:
        error = read_error(ended["stderr"])
    except (AssertionError, ValueError):
        return f"exit status {ended['code']}", f"{ended['code']}, {ended['stderr'][-1500:]}"
    return str(error["reason"] or error["error"]), f"left {left}" if left else ""
