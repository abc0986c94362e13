"""The events of a backend."""

from typing import get_args

import pytest

from backends.base import (
    BackendStarted,
    ColdStart,
    CostIncurred,
    EngineDowngraded,
    Event,
    FellBack,
    RetryScheduled,
)
from video_editing.contract.progress import Progress

KINDS = {
    BackendStarted: "asked",
    ColdStart: "warming",
    RetryScheduled: "waiting",
    FellBack: "fellback",
    EngineDowngraded: "hurried",
    CostIncurred: "spent",
}


@pytest.mark.parametrize(("event", "kind"), KINDS.items())
def test_the_kind_of_an_event_stays(event: type[BackendStarted], kind: str) -> None:
    """Programs that read the command line's JSON lines know events by their kind."""
    assert event.kind == kind


def test_every_event_has_a_kind() -> None:
    """Progress names its stage itself."""
    assert {*KINDS, Progress} == set(get_args(Event))
