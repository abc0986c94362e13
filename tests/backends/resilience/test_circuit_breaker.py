"""A backend that fails is not asked until its cool-down ends."""

import asyncio
import json
import sys
import time
from pathlib import Path

import pytest

from backends.base import OverlayBackend
from backends.errors import BackendUnavailable, FailureKind
from backends.resilience.circuit_breaker import BreakerState, CircuitBreaker
from backends.state_file import JsonStateFile
from tests.backends.support.event_recorder import Heard
from tests.backends.support.programs import PROGRAMS
from tests.backends.support.scripted_backend import Scripted
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.plan import Plan

COOLDOWN = 0.5


def down(why: FailureKind = FailureKind.UNREACHABLE) -> BackendUnavailable:
    return BackendUnavailable("backend", why)


def guarded(inner: OverlayBackend, folder: Path, cooldown: float = COOLDOWN) -> CircuitBreaker:
    """Create a breaker as after a restart: its state is in the folder."""
    return CircuitBreaker(
        inner,
        JsonStateFile(folder / "rests.json", BreakerState),
        failure_threshold=2,
        cooldown=cooldown,
    )


async def outcome(
    backend: OverlayBackend, clip: Path, plan: Plan, folder: Path
) -> FailureKind | None:
    """Return why a job failed, or None if it succeeded."""
    try:
        await backend.make_mattes(clip, plan, folder, Heard())
    except BackendUnavailable as failure:
        return failure.kind
    return None


async def test_it_opens_after_failures_in_a_row(clip: Path, plan: Plan, tmp_path: Path) -> None:
    """After two failures the backend is not asked during the cool-down, and no time is lost."""
    backend = Scripted("backend", [down()] * 9)
    seen = [await outcome(guarded(backend, tmp_path), clip, plan, tmp_path / "a") for _ in range(2)]
    began = time.monotonic()
    seen += [
        await outcome(guarded(backend, tmp_path), clip, plan, tmp_path / "a") for _ in range(5)
    ]
    assert time.monotonic() - began < 0.5
    assert seen == [FailureKind.UNREACHABLE] * 2 + [FailureKind.COOLING_DOWN] * 5
    assert len(backend.asked) == 2


async def test_a_success_between_failures_keeps_it_closed(
    clip: Path, plan: Plan, tmp_path: Path
) -> None:
    """Only failures in a row count."""
    for i, script in enumerate([[down()], [], [down()], []]):
        backend = Scripted("backend", script)
        await outcome(guarded(backend, tmp_path), clip, plan, tmp_path / str(i))
    assert JsonStateFile(tmp_path / "rests.json", BreakerState).read() == {}


@pytest.mark.parametrize("why", [FailureKind.REFUSED, FailureKind.UNSAFE, FailureKind.NO_MODEL])
async def test_a_lasting_fault_opens_it_at_once(
    clip: Path, plan: Plan, tmp_path: Path, why: FailureKind
) -> None:
    """A backend that refuses us is not asked twice."""
    backend = Scripted("backend", [down(why)] * 2)
    seen = [await outcome(guarded(backend, tmp_path), clip, plan, tmp_path / "a") for _ in range(2)]
    assert seen == [why, FailureKind.COOLING_DOWN]


async def test_a_bad_clip_is_no_failure_of_the_backend(
    clip: Path, plan: Plan, tmp_path: Path
) -> None:
    """A backend that rejects a clip works."""
    backend = Scripted("backend", [down(), InputRejected(RejectReason.CORRUPT), down(), down()])
    breaker = guarded(backend, tmp_path)
    assert await outcome(breaker, clip, plan, tmp_path / "a") is FailureKind.UNREACHABLE
    with pytest.raises(InputRejected):
        await outcome(breaker, clip, plan, tmp_path / "a")
    assert await outcome(breaker, clip, plan, tmp_path / "a") is FailureKind.UNREACHABLE
    assert await outcome(breaker, clip, plan, tmp_path / "a") is FailureKind.UNREACHABLE


async def test_of_a_hundred_waiting_jobs_one_probes(clip: Path, plan: Plan, tmp_path: Path) -> None:
    """When half-open, one job asks the backend; if it succeeds, all may."""
    backend = Scripted("backend", [down(), down()], pause=0.02)
    breakers = [guarded(backend, tmp_path) for _ in range(100)]
    for _ in range(2):
        await outcome(breakers[0], clip, plan, tmp_path / "a")
    await asyncio.sleep(COOLDOWN)
    seen = await asyncio.gather(
        *(outcome(b, clip, plan, tmp_path / str(i)) for i, b in enumerate(breakers))
    )
    assert sorted(map(str, seen)) == ["None"] + ["resting"] * 99
    assert len(backend.asked) == 3
    assert await outcome(breakers[7], clip, plan, tmp_path / "b") is None


async def test_of_many_processes_one_probes(tmp_path: Path) -> None:
    """The breaker is shared by all processes of the machine."""
    rests = {"backend": BreakerState(failures=2, until=0)}
    with JsonStateFile(tmp_path / "rests.json", BreakerState).update() as known:
        known.update(rests)
    script = PROGRAMS / "probe_breaker.py"
    probers = [
        await asyncio.create_subprocess_exec(
            sys.executable, script, tmp_path, stdout=asyncio.subprocess.PIPE
        )
        for _ in range(6)
    ]
    outputs = [(await prober.communicate())[0].decode().strip() for prober in probers]
    assert sorted(outputs) == ["resting"] * 5 + ["unreachable"]


async def test_a_probe_that_fails_begins_the_rest_anew(
    clip: Path, plan: Plan, tmp_path: Path
) -> None:
    """One failure at half-open is enough."""
    backend = Scripted("backend", [down()] * 9)
    breaker = guarded(backend, tmp_path)
    seen = [await outcome(breaker, clip, plan, tmp_path / "a") for _ in range(2)]
    await asyncio.sleep(COOLDOWN)
    seen += [await outcome(breaker, clip, plan, tmp_path / "a") for _ in range(2)]
    assert seen == [FailureKind.UNREACHABLE] * 3 + [FailureKind.COOLING_DOWN]


async def test_a_probe_that_dies_blocks_nobody_for_long(
    clip: Path, plan: Plan, tmp_path: Path
) -> None:
    """When the probing job is cancelled, another one may probe after a cool-down."""
    backend = Scripted("backend", [down(), down()], pause=5)
    breaker = guarded(backend, tmp_path)
    for _ in range(2):
        await outcome(breaker, clip, plan, tmp_path / "a")
    await asyncio.sleep(COOLDOWN)
    probe = asyncio.create_task(outcome(breaker, clip, plan, tmp_path / "a"))
    await asyncio.sleep(0.05)
    probe.cancel()
    assert await outcome(breaker, clip, plan, tmp_path / "b") is FailureKind.COOLING_DOWN
    await asyncio.sleep(COOLDOWN)
    assert await outcome(guarded(Scripted("backend"), tmp_path), clip, plan, tmp_path / "b") is None


async def test_a_probe_that_takes_long_stays_the_only_one(
    clip: Path, plan: Plan, tmp_path: Path
) -> None:
    """As long as the probe gets on, no second one is let in."""
    backend = Scripted("backend", [down(), down()], pause=0.1)
    breaker = guarded(backend, tmp_path)
    for _ in range(2):
        await outcome(breaker, clip, plan, tmp_path / "a")
    await asyncio.sleep(COOLDOWN)
    probe = asyncio.create_task(outcome(breaker, clip, plan, tmp_path / "a"))
    await asyncio.sleep(2 * COOLDOWN)
    assert await outcome(breaker, clip, plan, tmp_path / "b") is FailureKind.COOLING_DOWN
    assert await probe is None
    assert await outcome(breaker, clip, plan, tmp_path / "b") is None


async def test_a_restarted_machine_probes_at_once(clip: Path, plan: Plan, tmp_path: Path) -> None:
    """An end of rest by a clock that began anew since then is past, not years ahead."""
    rest = {"backend": {"failures": 7, "until": time.monotonic() + 1e6}}
    (tmp_path / "rests.json").write_text(json.dumps(rest))
    assert await outcome(guarded(Scripted("backend"), tmp_path), clip, plan, tmp_path / "a") is None


@pytest.mark.parametrize(
    "damage", [b"", b"\x00\xff", b"[]", b'{"backend": 7}', b'{"backend": {"fail']
)
async def test_a_damaged_file_knows_nothing(
    clip: Path, plan: Plan, tmp_path: Path, damage: bytes
) -> None:
    """A state that cannot be read is that of a backend that never failed."""
    (tmp_path / "rests.json").write_bytes(damage)
    assert await outcome(guarded(Scripted("backend"), tmp_path), clip, plan, tmp_path / "a") is None


async def test_a_folder_that_cannot_be_written_costs_no_job(
    clip: Path, plan: Plan, tmp_path: Path
) -> None:
    """If the state cannot be written, the backend's own failure still arrives."""
    (tmp_path / "file").touch()
    backend = Scripted("backend", [down(FailureKind.BROKEN)])
    breaker = guarded(backend, tmp_path / "file")
    assert await outcome(breaker, clip, plan, tmp_path / "a") is FailureKind.BROKEN
    assert await outcome(breaker, clip, plan, tmp_path / "a") is None
