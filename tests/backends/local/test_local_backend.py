"""How the end of a child process is reported."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from backends.base import CostIncurred
from backends.errors import BackendUnavailable, FailureKind
from backends.local.backend import LocalBackend
from backends.local.process import ROOT
from tests.backends.support.event_recorder import EventRecorder
from tests.backends.support.programs import PROGRAMS
from video_editing.contract.errors import Cancelled, InputRejected, OutputFailed, RejectReason
from video_editing.contract.plan import Plan, write_plan
from video_editing.contract.progress import Progress

StandIn = Callable[..., LocalBackend]
OTHERS: set[int] = set()  #: processes that were there before the test


@pytest.fixture(autouse=True)
def _others() -> None:
    """Record other children: servers that other tests share live as long as all tests."""
    OTHERS.clear()
    OTHERS.update(children())


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("rejects", RejectReason.NO_PERSON),
        ("rejects-oddly", RejectReason.CORRUPT),
        ("rejects-silently", RejectReason.CORRUPT),
    ],
)
async def test_a_rejected_clip_keeps_its_reason(
    stand_in: StandIn, clip: Path, plan: Plan, tmp_path: Path, behaviour: str, reason: RejectReason
) -> None:
    """The reason of a rejection leaves the child, even one that we do not know."""
    with pytest.raises(InputRejected) as caught:
        await stand_in(behaviour).make_mattes(clip, plan, tmp_path / "mattes", EventRecorder())
    assert caught.value.reason is reason
    assert caught.value.details == ({"seconds": 3.5} if behaviour == "rejects" else {})


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        ("no-model", FailureKind.NO_MODEL),
        ("killed", FailureKind.NO_MEMORY),
        ("dies", FailureKind.BROKEN),
        ("bug", FailureKind.BROKEN),
        ("half", FailureKind.INVALID_RESPONSE),
    ],
)
async def test_a_child_that_fails_makes_the_backend_unavailable(
    stand_in: StandIn, clip: Path, plan: Plan, tmp_path: Path, behaviour: str, why: FailureKind
) -> None:
    """A failure that is not the clip's fault is the backend's, and the next one can be asked."""
    with pytest.raises(BackendUnavailable) as caught:
        await stand_in(behaviour).make_mattes(clip, plan, tmp_path / "mattes", EventRecorder())
    assert caught.value.kind is why


async def test_a_program_that_is_not_there_makes_the_backend_unavailable(
    clip: Path, plan: Plan, tmp_path: Path, stand_in: StandIn
) -> None:
    """A broken installation is the backend's fault too."""
    backend = stand_in("works", program=("/nowhere/python",))
    with pytest.raises(BackendUnavailable) as caught:
        await backend.make_mattes(clip, plan, tmp_path / "mattes", EventRecorder())
    assert caught.value.kind is FailureKind.BROKEN


async def test_a_full_disk_is_no_fault_of_the_backend(
    stand_in: StandIn, clip: Path, plan: Plan, tmp_path: Path
) -> None:
    """If the folder cannot be written to, no other backend is asked."""
    with pytest.raises(OutputFailed):
        await stand_in("disk-full").make_mattes(clip, plan, tmp_path / "mattes", EventRecorder())
    (tmp_path / "file").touch()
    with pytest.raises(OutputFailed):
        await stand_in("works").make_mattes(
            clip, plan, tmp_path / "file" / "mattes", EventRecorder()
        )


async def test_a_child_that_others_stop_cancels_the_work(
    stand_in: StandIn, clip: Path, plan: Plan, tmp_path: Path
) -> None:
    """A SIGTERM to all processes, as at a shutdown, is no fault of the backend."""
    with pytest.raises(Cancelled):
        await stand_in("stopped").make_mattes(clip, plan, tmp_path / "mattes", EventRecorder())


@pytest.mark.parametrize("behaviour", ["malformed-progress", "floods"])
async def test_nonsense_is_ignored(
    stand_in: StandIn, clip: Path, plan: Plan, tmp_path: Path, heard: EventRecorder, behaviour: str
) -> None:
    """Lines that are no progress, and 10 MB of anything, neither block us nor fill our memory."""
    before, most, lags = held(), 0, []
    backend = stand_in(behaviour)
    work = asyncio.create_task(backend.make_mattes(clip, plan, tmp_path / "mattes", heard))
    while not work.done():
        began = time.monotonic()
        await asyncio.sleep(0.01)
        lags.append(time.monotonic() - began - 0.01)
        most = max(most, held())
    await work
    assert heard.done[-1] == plan.frames
    assert {event.fps for event in heard.of(Progress)} == {50.0}
    assert most - before < 8_000_000
    assert sorted(lags)[len(lags) * 99 // 100] < 0.25


@pytest.mark.parametrize(
    ("behaviour", "limit", "why"),
    [
        ("hangs", {"seconds": 1.0}, FailureKind.TOO_SLOW),
        ("hangs", {"stall_seconds": 1.0}, FailureKind.TOO_SLOW),
        ("spins", {"seconds": 2.0, "stall_seconds": 1.0}, FailureKind.TOO_SLOW),
        ("allocates", {"memory": 400_000_000}, FailureKind.NO_MEMORY),
    ],
)
async def test_limits_end_a_child(
    stand_in: StandIn,
    clip: Path,
    plan: Plan,
    tmp_path: Path,
    heard: EventRecorder,
    behaviour: str,
    limit: dict[str, float],
    why: FailureKind,
) -> None:
    """A child that takes too long, hangs or grows is killed, though it ignores SIGTERM."""
    began = time.monotonic()
    with pytest.raises(BackendUnavailable) as caught:
        await stand_in(behaviour, **limit).make_mattes(clip, plan, tmp_path / "mattes", heard)
    assert caught.value.kind is why
    assert time.monotonic() - began < 8
    assert not children()
    assert len(heard.of(CostIncurred)) == 1


async def test_work_is_a_sign_of_life(
    stand_in: StandIn, clip: Path, plan: Plan, tmp_path: Path
) -> None:
    """A child that writes nothing but computes is not taken for one that hangs."""
    backend = stand_in("spins", seconds=5.0, stall_seconds=3.0)
    began = time.monotonic()
    with pytest.raises(BackendUnavailable):
        await backend.make_mattes(clip, plan, tmp_path / "mattes", EventRecorder())
    assert time.monotonic() - began > 4.5


async def test_cancelling_kills_the_group(
    stand_in: StandIn, clip: Path, plan: Plan, tmp_path: Path
) -> None:
    """A child that ignores SIGTERM, and its own child, are gone two seconds after a cancel."""
    backend = stand_in("hangs-with-child")
    work = asyncio.create_task(
        backend.make_mattes(clip, plan, tmp_path / "mattes", EventRecorder())
    )
    while len(children()) < 2:
        await asyncio.sleep(0.01)
    processes = children()
    work.cancel()
    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await work
    # The kernel ends a killed grandchild in its own time, and we cannot wait for it.
    while any(alive(process) for process in processes) and time.monotonic() - began < 2:
        await asyncio.sleep(0.01)
    assert time.monotonic() - began < 2
    assert not any(alive(process) for process in processes)


async def test_a_child_receives_no_secret(
    stand_in: StandIn,
    clip: Path,
    plan: Plan,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A child receives the variables that it needs, and limits for its libraries."""
    monkeypatch.setenv("BOT_TOKEN", "secret")
    monkeypatch.setenv("U2NET_HOME", "/weights")
    await stand_in("dumps-environment").make_mattes(
        clip, plan, tmp_path / "mattes", EventRecorder()
    )
    seen = json.loads((tmp_path / "environment.json").read_text())
    assert "secret" not in seen.values()
    assert seen["U2NET_HOME"] == "/weights"
    assert seen["OMP_NUM_THREADS"] == seen["OPENBLAS_NUM_THREADS"] == "1"
    assert seen["ORT_DISABLE_TELEMETRY"] == "1"


async def test_the_cost_depends_on_the_price(
    stand_in: StandIn, clip: Path, plan: Plan, tmp_path: Path, heard: EventRecorder
) -> None:
    """The cost is the seconds times the price, for a failed job too."""
    with pytest.raises(BackendUnavailable):
        await stand_in("bug").make_mattes(clip, plan, tmp_path / "mattes", heard)
    (spent,) = heard.of(CostIncurred)
    assert spent.seconds > 0
    assert spent.dollars == spent.seconds * 0.5


async def test_a_killed_parent_takes_its_child_along(
    clip: Path, plan: Plan, tmp_path: Path
) -> None:
    """A second after our process was killed, its child is gone as well."""
    write_plan(plan, tmp_path / "mattes")
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, PROGRAMS / "hanging_backend.py", clip, tmp_path / "mattes")
    )
    while not (processes := children(parent.pid)) or not hangs(processes[0]):
        await asyncio.sleep(0.02)
    parent.kill()
    await parent.wait()
    await asyncio.sleep(1)
    assert not any(map(alive, processes))


async def test_a_child_whose_parent_died_first_does_not_begin(tmp_path: Path) -> None:
    """A child that is tied to its parent too late ends at once."""
    unused_id = 2**22  # beyond the largest process number that Linux gives out
    guard = "backends.local.process_guard"
    command = ("-m", guard, str(unused_id), "0", "-1", "touch", str(tmp_path / "begun"))
    child = await asyncio.create_subprocess_exec(sys.executable, *command, cwd=ROOT)
    assert await child.wait() == -signal.SIGKILL
    assert not (tmp_path / "begun").exists()


def held() -> int:
    """Bytes of main memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def hangs(process: int) -> bool:
    """Whether the stand-in is at its fault: it ignores SIGTERM."""
    ignored = Path(f"/proc/{process}/status").read_text().partition("SigIgn:")[2].split()[0]
    return bool(int(ignored, 16) & 1 << signal.SIGTERM - 1)


def children(of: int | None = None) -> list[int]:
    """All processes below *of*, or this one, but those that were there before the test."""
    found, rest = [], [of or os.getpid()]
    while rest:
        parent = rest.pop()
        below = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        ours = [child for child in map(int, below) if child not in OTHERS]
        found += ours
        rest += ours
    return found


def alive(process: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
