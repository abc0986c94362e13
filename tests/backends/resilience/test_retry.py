"""When a backend is asked again."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from backends.base import RetryScheduled
from backends.errors import BackendUnavailable, FailureKind
from backends.remote.http_client import parse_retry_after
from backends.resilience.retry import TRANSIENT_FAILURES, RetryingBackend
from tests.backends.support.event_recorder import Heard
from tests.backends.support.scripted_backend import Scripted
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.plan import Plan


def down(why: FailureKind, retry_after: float | None = None) -> BackendUnavailable:
    return BackendUnavailable("backend", why, retry_after=retry_after)


@pytest.mark.parametrize("why", TRANSIENT_FAILURES)
async def test_a_passing_fault_is_tried_again(
    clip: Path, plan: Plan, tmp_path: Path, heard: Heard, why: FailureKind
) -> None:
    """The second attempt continues where the first one stopped, within two seconds."""
    backend = Scripted("backend", [down(why)], segments=4)
    began = time.monotonic()
    await RetryingBackend(backend, attempts=2, max_seconds=30).make_mattes(
        clip, plan, tmp_path / "mattes", heard
    )
    assert backend.made == list(range(12))
    assert time.monotonic() - began < 2
    assert [waiting.why for waiting in heard.of(RetryScheduled)] == [why]


@pytest.mark.parametrize(
    "fault",
    [
        *(down(why) for why in FailureKind if why not in TRANSIENT_FAILURES),
        InputRejected(RejectReason.CORRUPT),
        KeyError(),
    ],
    ids=repr,
)
async def test_other_faults_are_not(
    clip: Path, plan: Plan, tmp_path: Path, heard: Heard, fault: Exception
) -> None:
    """What does not pass by itself, or is not the backend's fault, is not tried again."""
    backend = Scripted("backend", [fault])
    with pytest.raises(type(fault)):
        await RetryingBackend(backend, attempts=5, max_seconds=30).make_mattes(
            clip, plan, tmp_path / "mattes", heard
        )
    assert len(backend.asked) == 1
    assert not heard.of(RetryScheduled)


async def test_attempts_are_counted(clip: Path, plan: Plan, tmp_path: Path, heard: Heard) -> None:
    """The last failure is raised, and a pause that does not follow is not reported."""
    backend = Scripted(
        "backend", [down(FailureKind.BROKEN), down(FailureKind.BROKEN), down(FailureKind.BUSY)]
    )
    with pytest.raises(BackendUnavailable) as caught:
        await RetryingBackend(backend, attempts=3, max_seconds=30).make_mattes(
            clip, plan, tmp_path / "mattes", heard
        )
    assert caught.value.kind is FailureKind.BUSY
    assert len(backend.asked) == 3
    assert len(heard.of(RetryScheduled)) == 2


async def test_it_waits_as_asked(clip: Path, plan: Plan, tmp_path: Path, heard: Heard) -> None:
    """A backend that names a time is asked again then, not before."""
    backend = Scripted("backend", [down(FailureKind.BUSY, retry_after=1.5)])
    began = time.monotonic()
    await RetryingBackend(backend, attempts=2, max_seconds=30).make_mattes(
        clip, plan, tmp_path / "mattes", heard
    )
    assert 1.5 <= time.monotonic() - began < 4
    assert heard.of(RetryScheduled) == [RetryScheduled("backend", FailureKind.BUSY, 1.5)]


async def test_a_pause_that_is_too_long_is_not_begun(
    clip: Path, plan: Plan, tmp_path: Path, heard: Heard
) -> None:
    """If the pause would outlast the time for all attempts, the next backend is asked at once."""
    backend = Scripted("backend", [down(FailureKind.BUSY, retry_after=31)])
    began = time.monotonic()
    with pytest.raises(BackendUnavailable):
        await RetryingBackend(backend, attempts=2, max_seconds=30).make_mattes(
            clip, plan, tmp_path / "mattes", heard
        )
    assert time.monotonic() - began < 1
    assert not heard.of(RetryScheduled)


async def test_a_backend_that_worked_for_long_is_not_asked_again(
    clip: Path, plan: Plan, tmp_path: Path, heard: Heard
) -> None:
    """The time for all attempts includes the time in which the backend works."""
    backend = Scripted("backend", [down(FailureKind.BROKEN)], segments=11, pause=0.05)
    with pytest.raises(BackendUnavailable):
        await RetryingBackend(backend, attempts=2, max_seconds=0.5).make_mattes(
            clip, plan, tmp_path / "mattes", heard
        )
    assert len(backend.asked) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("3", 3.0), (" 120 ", 120.0), ("0", 0.0), ("soon", None), ("", None), ("inf", None)],
)
def test_retry_after_in_seconds(header: str, seconds: float | None) -> None:
    """A number of seconds is understood; anything else asks for nothing."""
    assert parse_retry_after(header) == seconds


@pytest.mark.parametrize(("ahead", "least", "most"), [(60, 55, 60), (-60, 0, 0)])
def test_retry_after_as_a_date(ahead: int, least: int, most: int) -> None:
    """A date is understood; one that is past means now."""
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=ahead), usegmt=True)
    seconds = parse_retry_after(date)
    assert seconds is not None
    assert least <= seconds <= most
