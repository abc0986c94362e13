"""Excerpts: times as people write them, and the frames that they name."""

from fractions import Fraction

import pytest

from tests.support.make_clips import drawn, make_clip
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.excerpt import Excerpt, Span, find_span
from video_editing.reading.probe import Clip, probe


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """Two seconds at ten frames a second."""
    return probe(make_clip(tmp_path_factory.mktemp("clips") / "c.mkv", drawn(20), rate=10))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5", 5), ("0:05", 5), ("1:05.5", 65.5), ("1:00:01", 3601), ("90", 90), (0.25, 0.25)],
)
def test_a_time_is_seconds_or_minutes_and_seconds(text: object, seconds: float) -> None:
    """As people write it."""
    assert Excerpt.from_options(start=text).start == seconds


@pytest.mark.parametrize(
    "text",
    ["", ":", "1:", "1:60", "1:-5", "-1", "1:2:3:4", "1:75:00", "nan", "1:nan", "inf", "9e9"],
)
def test_other_texts_are_no_times(text: str) -> None:
    """They are options that are not possible."""
    with pytest.raises(InputRejected) as rejected:
        Excerpt.from_options(end=text)
    assert rejected.value.reason is RejectReason.BAD_OPTION
    assert rejected.value.details["option"] == "end"


@pytest.mark.parametrize(
    ("excerpt", "max_seconds", "first", "count", "seconds"),
    [
        (Excerpt(), 0, 0, 20, "2"),
        (Excerpt(start=0.5), 0, 5, 15, "3/2"),
        (Excerpt(end=0.5), 0, 0, 5, "1/2"),
        (Excerpt(start=0.45, end=0.75), 0, 4, 4, "7/20"),  # from the frame that is shown at 0.45
        (Excerpt(start=0.5, end=9), 0, 5, 15, "3/2"),
        (Excerpt(start=0.5), 1, 5, 10, "1"),
        (Excerpt(start=0.5, end=0.7), 1, 5, 2, "1/5"),
    ],
)
def test_a_span_begins_with_the_frame_that_is_shown_then(
    clip: Clip, excerpt: Excerpt, max_seconds: int, first: int, count: int, seconds: str
) -> None:
    """And ends where it is told to, or at the end of the clip."""
    span = find_span(clip, excerpt, max_seconds)
    assert span.start == clip.times[first]
    assert sum(span.start <= time < span.end for time in clip.times) == count
    assert span.seconds == Fraction(seconds)


def test_a_start_before_the_first_frame_keeps_the_sound_before_it() -> None:
    """A clip whose sound begins first."""

    class LateFilm:
        size, timebase, times, duration = (2, 2), Fraction(1, 10), (8, 9), Fraction(1)

    assert find_span(LateFilm(), Excerpt(start=0.35)) == Span(3, 10, Fraction(7, 10))


@pytest.mark.parametrize("excerpt", [Excerpt(start=2), Excerpt(start=99), Excerpt(start=1, end=1)])
def test_an_excerpt_without_a_frame_is_rejected(clip: Clip, excerpt: Excerpt) -> None:
    """With the length of the clip, for the user."""
    with pytest.raises(InputRejected) as rejected:
        find_span(clip, excerpt)
    assert rejected.value.reason is RejectReason.NOTHING_LEFT
    assert rejected.value.details == {"seconds": 2.0}
