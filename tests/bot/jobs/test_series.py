"""Several jobs of one press: one after another, with one progress message and one report."""

from pathlib import Path

import pytest

from bot.database.jobs import Job, JobState
from bot.domain.job_request import MediaSource
from tests.bot.support.job_runtime import CLIP, Workshop, failure, stand_in, text, until

BROKEN = CLIP.model_copy(update={"file_id": "broken"})


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Where the stand-in program looks."""
    return tmp_path / "programs"


@pytest.fixture
def workshop(tmp_path: Path, programs: Path) -> Workshop:
    """One with a quick program, and a clip that shows nobody."""
    return open_workshop(tmp_path, programs)


def open_workshop(folder: Path, programs: Path, **behaviour: object) -> Workshop:
    """One on the data in *folder*."""
    made = Workshop(folder / "data", stand_in(programs, **behaviour))
    made.files.there["broken"] = b'{"matte": {"fault": "rejects"}}\n'
    return made


async def over(workshop: Workshop, jobs: list[Job]) -> list[JobState]:
    """Wait until all jobs are over; return how they ended."""
    return [(await workshop.over(job)).state for job in jobs]


def list_results(workshop: Workshop) -> list[str]:
    """Return the ids of the jobs whose results were sent, in the order of sending."""
    return [sent["job"] for sent in workshop.chat.all("result")]


@pytest.mark.parametrize(
    ("clips", "report"),
    [
        pytest.param((CLIP, CLIP, CLIP), [], marks=pytest.mark.slow),
        (
            (CLIP, BROKEN, CLIP),
            [
                text("series-end", done=2, count=3)
                + f"\n\n{text('series-failed', numbers='2')} {failure('no_person')}"
            ],
        ),
        pytest.param(
            (BROKEN, CLIP, BROKEN),
            [
                text("series-end", done=1, count=3)
                + f"\n\n{text('series-failed', numbers='1, 3')} {failure('no_person')}"
            ],
            marks=pytest.mark.slow,
        ),
    ],
    ids=["whole", "second broken", "first and last broken"],
)
async def test_a_series_has_one_progress_message_and_one_report(
    workshop: Workshop, clips: tuple[MediaSource, ...], report: list[str]
) -> None:
    """Results come in order; a clip that fails does not stop those behind it."""
    async with workshop.open():
        jobs = await workshop.accept_series(*clips)
        states = await over(workshop, jobs)
        good = [job.id for job, clip in zip(jobs, clips, strict=True) if clip is CLIP]
        assert list_results(workshop) == good
        assert states == [JobState.DONE if clip is CLIP else JobState.FAILED for clip in clips]
        assert [sent["text"] for sent in workshop.chat.all("text")] == report
        assert len(workshop.chat.all("progress")) == len(workshop.chat.all("delete")) == 1
        numbers = {shown.split("\n")[0] for shown in workshop.chat.progress()}
        expected = {text("status-series", number=number, count=3) for number in (1, 2, 3)}
        assert numbers <= expected
        assert len(numbers) > 1


async def test_cancel_stops_what_is_left(workshop: Workshop, programs: Path) -> None:
    """Told once, with what is ready; the button of a job that is over cancels as well."""
    async with workshop.open():
        first, *rest = await workshop.accept_series(CLIP, CLIP, CLIP)
        await workshop.over(first)
        stand_in(programs, edit={"seconds": 30})
        assert not await workshop.jobs.cancel(first.id, user=70)
        assert await workshop.jobs.cancel(first.id, user=7)
        assert await over(workshop, rest) == [JobState.CANCELLED] * 2
        stopped = f"{text('job-cancelled')}\n\n{text('series-end', done=1, count=3)}"
        assert workshop.chat.ends() == [stopped, "result"]
        assert len(workshop.chat.all("progress")) == len(workshop.chat.all("delete")) == 1


@pytest.mark.slow
async def test_a_series_goes_on_after_a_restart(tmp_path: Path, programs: Path) -> None:
    """With its progress message, from the clip at which it was."""
    first = open_workshop(tmp_path, programs)
    async with first.open():
        jobs = await first.accept_series(CLIP, CLIP, CLIP)
        await first.over(jobs[0])
        stand_in(programs, edit={"seconds": 30})

        async def continued() -> bool:
            return first.jobs.list_running() == [jobs[1].id]

        await until(continued)
    second = open_workshop(tmp_path, programs)
    async with second.open():
        assert await over(second, jobs) == [JobState.DONE] * 3
    assert list_results(second) == [job.id for job in jobs]
    assert len(second.chat.all("progress")) == len(second.chat.all("delete")) == 1
