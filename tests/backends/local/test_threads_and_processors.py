"""Machines with too few threads, and with too many processors."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.errors import FailureKind
from backends.local.backend import LocalBackend
from backends.local.process import ProcessLimits
from backends.local.video_cli import DEFAULT_PROGRAM
from settings import LocalSettings
from tests.backends.support.backend_openers import MEMORY
from tests.backends.support.event_recorder import EventRecorder
from tests.backends.support.programs import MISBEHAVING_VIDEO_CLI, PROGRAMS
from tests.support.make_clips import make_clip
from tests.support.onnx_networks import save_tinted
from tests.support.person_clips import somebody
from video_editing.contract.plan import Plan, write_plan

OTHER_USER = 64_123  #: a user with no other processes, which would count as well
BUDGET = 24  #: threads of the whole tree


def short_of_threads(threads: int, *arguments: object) -> tuple[str, float]:
    """Return the outcome of a local backend whose user may have *threads*, and its seconds."""
    user = ("setpriv", f"--reuid={OTHER_USER}", f"--regid={OTHER_USER}", "--clear-groups")
    # The interpreter may lie where only its owner can read.
    reading = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
    limit = ("prlimit", f"--nproc={threads}")
    script = (sys.executable, str(PROGRAMS / "run_local_backend.py"), *map(str, arguments))
    began = time.monotonic()
    result = subprocess.run(
        [*user, *reading, *limit, *script],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return result.stdout.strip(), time.monotonic() - began


@pytest.fixture
def shared(tmp_path: Path, plan: Plan) -> Path:
    """A folder with the plan, which the other user may write to."""
    if os.geteuid() or not shutil.which("setpriv") or not shutil.which("prlimit"):
        pytest.skip("needs root, setpriv and prlimit to limit the threads of another user")
    write_plan(plan, tmp_path / "mattes")
    for path in (tmp_path, tmp_path / "mattes", tmp_path / "mattes" / "plan.json"):
        os.chown(path, OTHER_USER, OTHER_USER)
    for path in tmp_path.parents:
        if path.owner() == "root" and path.stat().st_mode & 0o777 == 0o700:
            path.chmod(0o711)
    return tmp_path / "mattes"


@pytest.mark.parametrize(
    ("threads", "outcomes"), [(2, {FailureKind.BROKEN}), (3, {FailureKind.BROKEN}), (24, {"done"})]
)
def test_too_few_threads_are_the_backends_fault(
    shared: Path, clip: Path, threads: int, outcomes: set[str]
) -> None:
    """The real command line, short of threads, ends soon, and does not reject the clip."""
    outcome, seconds = short_of_threads(threads, clip, shared, LocalSettings().stall_seconds)
    assert outcome in outcomes
    assert seconds < 30


def test_a_child_that_hangs_for_threads_is_killed(
    shared: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime hangs forever with too few threads; the stall limit ends it within 30 s."""
    save_tinted(tmp_path / "net.onnx")
    monkeypatch.setenv("U2NET_HOME", str(tmp_path))
    looks = (sys.executable, MISBEHAVING_VIDEO_CLI, "opens-network")
    outcome, seconds = short_of_threads(4, clip, shared, 8, *looks)
    assert outcome == FailureKind.TOO_SLOW
    assert 8 < seconds < 8 + (30 - LocalSettings().stall_seconds)


@pytest.fixture(scope="module")
def cores(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A library to preload that fakes 64 processors."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler for the library that fakes 64 processors")
    library = tmp_path_factory.mktemp("cores") / "cores.so"
    options = ("-shared", "-fPIC", "-o", library, PROGRAMS / "many_processors.c", "-ldl")
    subprocess.run([compiler, *options], check=True)
    return f"LD_PRELOAD={library}"


def test_the_faked_processors_are_believed(cores: str) -> None:
    """Without our limits, importing numpy starts a thread for each of them."""
    code = "import numpy, os; print(len(os.listdir('/proc/self/task')))"
    command = ("env", cores, sys.executable, "-c", code)
    result = subprocess.run(command, check=True, capture_output=True)
    assert int(result.stdout) >= 64


@pytest.mark.parametrize("engine", ["mediapipe", pytest.param("rembg", marks=pytest.mark.slow)])
async def test_many_processors_start_few_threads(
    cores: str,
    clip: Path,
    plan: Plan,
    tmp_path: Path,
    heard: EventRecorder,
    engine: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On 64 processors the child and its descendants stay within the budget of threads."""
    save_tinted(tmp_path / "u2net_human_seg.onnx")
    monkeypatch.setenv("U2NET_HOME", str(tmp_path))
    program = ("env", cores, *DEFAULT_PROGRAM)
    backend = LocalBackend("local-cpu", "cpu", ProcessLimits(120, 60, MEMORY), program=program)
    chosen = plan.model_copy(update={"engine": engine})
    work = asyncio.create_task(backend.make_mattes(clip, chosen, tmp_path / "mattes", heard))
    most = 0
    while not work.done():
        most = max(most, sum(map(threads, below(os.getpid()))))
        await asyncio.sleep(0.02)
    await work
    assert 2 <= most <= BUDGET


@pytest.fixture(scope="module")
def loud(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of a person, with sound."""
    return make_clip(tmp_path_factory.mktemp("loud") / "loud.mp4", somebody(90), tone=440)


@pytest.mark.parametrize(
    "words",
    [
        "edit CLIP --background CLIP -o RESULT.mp4",
        "edit CLIP --background CLIP --backend local-cpu -o RESULT.mp4",
        "edit CLIP --form gif -o RESULT.gif",
        "cut CLIP -o RESULT.webm",
        "edit CLIP ANOTHER --start 1 --end 2 --background CLIP --even-voice --denoise -o RESULT",
        "parts CLIP --background CLIP -o RESULT",
        "preview CLIP --background CLIP -o RESULT.jpg",
        "sheet CLIP --looks LOOKS -o RESULT.jpg",
        "proxy CLIP -o RESULT",
        "demo -o RESULT.mp4",
    ],
)
@pytest.mark.slow
def test_every_command_starts_few_threads(
    cores: str, loud: Path, tmp_path: Path, words: str
) -> None:
    """On 64 processors, of which a control group allows two."""
    (tmp_path / "quota").write_text("200000 100000")
    (tmp_path / "looks").write_text('[{"style": {"shape": "rounded"}}, {}]')
    (tmp_path / "another.mp4").hardlink_to(loud)
    code = "import sys; from backends.cli import main; sys.exit(main(sys.argv[1:]))"
    paths = {"CLIP": loud, "ANOTHER": "another.mp4", "RESULT": "result", "LOOKS": "looks"}
    for name, path in paths.items():
        words = words.replace(name, str(tmp_path / path))
    environment = ("env", cores, f"CPU_MAX={tmp_path / 'quota'}")
    most = 0
    with subprocess.Popen([*environment, sys.executable, "-c", code, *words.split()]) as process:
        while process.poll() is None:
            most = max(most, threads(process.pid) + sum(map(threads, below(process.pid))))
            time.sleep(0.01)
    assert process.returncode == 0
    assert 2 <= most <= BUDGET


def below(process: int) -> Iterator[int]:
    """Yield the descendants of *process*."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return
    for child in map(int, children):
        yield child
        yield from below(child)


def threads(process: int) -> int:
    """Return the number of threads of *process*; 0 if it is gone."""
    try:
        return len(list(Path(f"/proc/{process}/task").iterdir()))
    except OSError:
        return 0
