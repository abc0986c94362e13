"""Jobs of the service that are started while they stop."""

import asyncio
import os
from pathlib import Path

import pytest

from backends.base import OverlayBackend, Report
from backends.remote.schemas import MatteJobRequest, MatteJobState
from backends.server.jobs import ACTIVE_FILE, JobStore, ServerJob
from settings import ServiceSettings
from video_editing.contract.plan import Plan

JOB = "ab" * 16


class EndlessBackend(OverlayBackend):
    """Works until it is cancelled, and takes a moment to stop."""

    name = "endless"

    def __init__(self) -> None:
        self.calls = 0

    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """See :class:`OverlayBackend`."""
        del clip, plan, folder, report
        self.calls += 1
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)


class Jobs:
    """A store with one job, whose backend never ends by itself."""

    def __init__(self, folder: Path, clip: Path, plan: Plan) -> None:
        self._folder, self.backend = folder, EndlessBackend()
        settings = ServiceSettings(folder=folder)
        self.store = JobStore(folder / "jobs", self.backend, settings, asyncio.Semaphore(1))
        self._request, self._clip = MatteJobRequest(input="0" * 64, plan=plan), clip

    async def submit(self) -> ServerJob:
        """Ask for the mattes."""
        return await self.store.submit(JOB, self._request, self._clip)

    async def start(self) -> ServerJob:
        """Ask for the mattes, and wait until the backend makes them."""
        calls = self.backend.calls
        job = await self.submit()
        async with asyncio.timeout(5):
            while self.backend.calls == calls:
                await asyncio.sleep(0.01)
        return job

    async def restart(self) -> None:
        """Close the store; open it again, as the next process does."""
        await self.store.close()
        settings = ServiceSettings(folder=self._folder)
        self.store = JobStore(self._folder / "jobs", self.backend, settings, asyncio.Semaphore(1))
        self.store.resume(lambda _digest: self._clip)
        await asyncio.sleep(0.1)


@pytest.fixture
def jobs(tmp_path: Path, clip: Path, plan: Plan) -> Jobs:
    return Jobs(tmp_path, clip, plan)


async def test_a_job_that_is_submitted_while_it_is_cancelled_runs_again(jobs: Jobs) -> None:
    """The answer describes the new run, not the one that ends."""
    job = await jobs.start()
    cancel = asyncio.create_task(jobs.store.cancel(job))
    await asyncio.sleep(0)
    again = await jobs.submit()
    await cancel
    await asyncio.sleep(0.1)
    assert again.state is MatteJobState.RUNNING
    assert jobs.backend.calls == 2
    await jobs.store.close()


async def test_a_job_in_progress_goes_on_in_the_next_process(jobs: Jobs) -> None:
    """Also in the one after that; a job that a client cancelled does not."""
    await jobs.start()
    for calls in (2, 3):
        await jobs.restart()
        assert jobs.backend.calls == calls
    job = jobs.store.get(JOB)
    assert job is not None
    assert job.state is MatteJobState.RUNNING
    await jobs.store.cancel(job)
    await jobs.restart()
    assert jobs.backend.calls == 3
    await jobs.store.close()


async def test_a_job_whose_time_is_over_is_not_resumed(jobs: Jobs, tmp_path: Path) -> None:
    """One that stops the process each time does not do so for ever."""
    await jobs.start()
    os.utime(tmp_path / "jobs" / JOB / ACTIVE_FILE, (0, 0))
    await jobs.restart()
    assert jobs.backend.calls == 1


async def test_a_cancel_leaves_a_later_run_alone(jobs: Jobs) -> None:
    """A run that starts between the end of the cancelled one and the cancel's return is kept."""
    job = await jobs.start()
    assert job.task is not None
    later: list[asyncio.Task[ServerJob]] = []
    job.task.add_done_callback(lambda _: later.append(asyncio.create_task(jobs.submit())))
    await jobs.store.cancel(job)
    assert (await later[0]).task is not None
    assert job.state is not MatteJobState.CANCELLED
    await jobs.store.close()
    assert job.state is MatteJobState.CANCELLED


async def test_a_job_that_is_cancelled_before_its_first_step_can_run(jobs: Jobs) -> None:
    """The task never ran, so nothing but the cancel can clear it."""
    job = await jobs.submit()
    await jobs.store.cancel(job)
    assert (job.task, job.state) == (None, MatteJobState.CANCELLED)
    assert (await jobs.start()).state is MatteJobState.RUNNING
    await jobs.store.close()


async def test_a_delete_leaves_a_new_job_of_the_same_id_alone(jobs: Jobs) -> None:
    """Of two deletes the second ends after the job was submitted anew."""
    job = await jobs.start()
    first = asyncio.create_task(jobs.store.delete(job))
    await asyncio.sleep(0)
    anew = asyncio.create_task(jobs.submit())
    await asyncio.sleep(0)
    second = asyncio.create_task(jobs.store.delete(job))
    await asyncio.gather(first, anew, second)
    assert jobs.store.get(JOB) is anew.result()
    assert anew.result() is not job
    assert anew.result().folder.exists()
    await jobs.store.close()


async def test_a_submission_delays_the_expiry(jobs: Jobs) -> None:
    """A job that a client submits again is in use, also if it was not polled for long."""
    job = await jobs.start()
    job.last_access -= 3600
    await jobs.submit()
    await jobs.store.expire(60)
    assert jobs.store.get(JOB) is job
    await jobs.store.close()
