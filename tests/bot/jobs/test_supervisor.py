"""Jobs: accepted once, made whatever happens, and ended by one message."""

import asyncio
import errno
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from backends.base import OverlayBackend, Report
from backends.errors import AllBackendsFailed, BackendUnavailable, FailureKind
from backends.local.video_cli import DEFAULT_PROGRAM
from bot.database.engine import DATABASE_FILE, prepare_database
from bot.database.jobs import DiskFull, IntakePaused, Job, JobOrder, JobState, TooManyJobs
from bot.database.repository import KeyValueStore
from bot.domain.job_request import (
    Appearance,
    BackgroundChoice,
    Destination,
    JobRequest,
    Language,
    MediaSource,
    Requester,
    SourceKind,
)
from bot.domain.outcomes import ChatGone, FailureCode, RetryLater
from bot.jobs.retry_policy import Backoff
from bot.operations.intake import Intake
from bot.telegram.errors import DownloadRejected, TelegramUnavailable
from tests.bot.support.job_runtime import CLIP, Chat, Workshop, failure, stand_in, text, until
from tests.support.make_clips import make_clip
from tests.support.paths import ROOT
from video_editing.contract.formats import OutputFormat
from video_editing.contract.plan import Plan

PHOTO = MediaSource(kind=SourceKind.PHOTO, file_id="photo")
SLOW = partial(pytest.param, marks=pytest.mark.slow)
WORKSHOP = ROOT / "tests" / "bot" / "support" / "job_runtime.py"


def draw_person() -> Iterator[NDArray[np.uint8]]:
    """Pictures of a woman who sways a little."""
    photograph = cv2.resize(data.astronaut()[:307], (160, 96), interpolation=cv2.INTER_AREA)
    for i in range(20):
        yield np.roll(photograph, i % 6, axis=1)


class Away(OverlayBackend):
    """A chain in which everybody fails, so often as said, before *inner* does it."""

    name = "chain"

    def __init__(self, inner: OverlayBackend, times: int, *whys: FailureKind) -> None:
        self._inner, self.times, self._whys = inner, times, whys

    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """See :class:`OverlayBackend`."""
        if self.times:
            self.times -= 1
            self._fail()
        await self._inner.make_mattes(clip, plan, folder, report)

    def _fail(self) -> NoReturn:
        raise AllBackendsFailed(
            "no backend left", [BackendUnavailable("x", why) for why in self._whys]
        )


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Where the stand-in program looks."""
    return tmp_path / "programs"


@pytest.fixture
def workshop(tmp_path: Path, programs: Path) -> Workshop:
    """One with a quick program."""
    return Workshop(tmp_path / "data", stand_in(programs))


async def test_a_job_ends_in_a_result(workshop: Workshop) -> None:
    """From the acceptance to the result; nothing else is left of it but the mattes."""
    async with workshop.open():
        job = await workshop.over(await workshop.accept())
        assert (job.state, job.file_id, job.status) == (JobState.DONE, "sent", None)
        assert workshop.chat.ends() == ["result"]
        assert not workshop.folders.get_job_folder(job.id).exists()
        assert len(list(workshop.folders.get_mattes_folder(job.id).glob("*.mp4"))) == 3
        assert len(workshop.chat.all("delete")) == len(workshop.chat.all("progress"))
        assert workshop.jobs.list_queue() == []


@pytest.mark.slow
async def test_the_real_program_makes_a_result(tmp_path: Path) -> None:
    """Each stage asks the command line for what it has."""
    workshop = Workshop(tmp_path / "data", DEFAULT_PROGRAM)
    workshop.files.there["clip"] = make_clip(tmp_path / "clip.mp4", draw_person()).read_bytes()
    async with workshop.open():
        job = await workshop.over(await workshop.accept(), 60)
        assert (job.state, workshop.chat.ends()) == (JobState.DONE, ["result"])


async def test_an_origin_makes_one_job(workshop: Workshop) -> None:
    """A press that is delivered five times at once ends in one result."""
    async with workshop.open():
        made = await asyncio.gather(*(workshop.accept() for _ in range(5)))
        (job,) = (job for job in made if job)
        await workshop.over(job)
        assert await workshop.accept() is None
        assert workshop.chat.ends() == ["result"]


async def test_a_paused_intake_outlives_a_restart(workshop: Workshop) -> None:
    """It refuses new jobs, and what was accepted goes on."""
    async with workshop.open():
        accepted = await workshop.accept()
        await workshop.intake.set_paused(is_paused=True)
        with pytest.raises(IntakePaused):
            await workshop.accept(origin="draft:2")
        await workshop.over(accepted)
        again = Intake(KeyValueStore(workshop.engine))
        await again.load()
        assert again.is_paused
        await workshop.intake.set_paused(is_paused=False)
        await workshop.over(await workshop.accept(origin="draft:2"))


async def test_a_drained_queue_is_told_and_stays_paused(workshop: Workshop) -> None:
    """When the last job has ended; over a restart as well."""
    drained = []
    async with workshop.open():
        accepted = await workshop.accept()
        await workshop.intake.drain()
        workshop.intake.on_drained = lambda: drained.append(True)
        again = Intake(KeyValueStore(workshop.engine))
        await again.load()
        assert again.is_draining
        assert again.is_paused
        await workshop.over(accepted)

        async def told() -> bool:
            return bool(drained)

        await until(told, 10)
        assert workshop.intake.is_paused
        assert not workshop.intake.is_draining
    assert len(drained) == 1


async def test_a_banned_user_orders_nothing(workshop: Workshop) -> None:
    """Wherever the order comes from; others do."""
    async with workshop.open():
        await workshop.intake.set_banned(7, is_banned=True)
        with pytest.raises(IntakePaused):
            await workshop.accept(user=7)
        await workshop.over(await workshop.accept(user=8, origin="draft:2"))
        again = Intake(KeyValueStore(workshop.engine))
        await again.load()
        assert again.banned == {7}


async def test_sending_is_shown_at_the_top_of_the_chat(workshop: Workshop) -> None:
    """Again while it takes long, and no more when it is done; not for what is sent at once."""
    workshop.chat.seconds = 5.3
    async with workshop.open():
        await workshop.over(await workshop.accept())
        assert workshop.chat.actions == ["upload_video"] * 2
        workshop.chat.seconds = 0.7
        await workshop.over(await workshop.accept(origin="draft:2", form=OutputFormat.NOTE))
        assert workshop.chat.actions[2:] == ["upload_video_note"]
        workshop.chat.seconds = 0
        await workshop.over(await workshop.accept(origin="draft:3"))
        assert len(workshop.chat.actions) == 3


async def test_a_failed_job_is_retried_once(workshop: Workshop) -> None:
    """A retry that failed may be retried itself; a result is not."""
    rejection = DownloadRejected(FailureCode.FILE_GONE)
    workshop.files.there["clip"] = rejection
    async with workshop.open():
        failed = await workshop.over(await workshop.accept())
        workshop.files.there["clip"] = b"a clip"
        retried = await workshop.over(await workshop.jobs.retry(failed.id))
        assert (failed.state, retried.state) == (JobState.FAILED, JobState.DONE)
        assert retried.order == failed.order
        assert await workshop.jobs.retry(failed.id) is None
        assert await workshop.jobs.retry(retried.id) is None
        assert await workshop.jobs.retry("none") is None


async def test_an_admin_cancels_any_job(workshop: Workshop) -> None:
    """Another user does not; and the owner is told who did."""
    async with workshop.open():
        job = await workshop.accept()
        assert job is not None
        assert not await workshop.jobs.cancel(job.id, user=job.user + 1)
        assert await workshop.jobs.cancel(job.id, user=None)
        assert (await workshop.over(job)).state is JobState.CANCELLED
        assert workshop.chat.ends() == [text("job-cancelled-by-operator")]


async def test_who_brings_many_is_refused(workshop: Workshop, programs: Path) -> None:
    """One job runs and three wait; on a full disk no job of any user is accepted."""
    stand_in(programs, matte={"seconds": 20})
    async with workshop.open():
        for number in range(4):
            assert await workshop.accept(origin=f"draft:{number}")
        with pytest.raises(TooManyJobs):
            await workshop.accept(origin="draft:more")
        workshop.free = 1000
        with pytest.raises(DiskFull):
            await workshop.accept(user=8, origin="draft:other")


async def test_the_form_after_the_result_needs_no_mattes(
    workshop: Workshop, programs: Path
) -> None:
    """Another form is made with the mattes that are there; the clip is fetched again."""
    async with workshop.open():
        first = await workshop.over(await workshop.accept())
        stand_in(programs, matte={"fault": "bug"})
        second = await workshop.accept(
            origin=f"form:{first.id}:gif:1", form=OutputFormat.GIF, mattes=first.id
        )
        assert (await workshop.over(second)).state is JobState.DONE
        assert workshop.files.fetched == ["clip", "clip"]


async def test_lost_mattes_are_made_again(workshop: Workshop) -> None:
    """Another form is there even when the mattes are gone."""
    async with workshop.open():
        second = await workshop.accept(
            origin="form:gone:gif:1", form=OutputFormat.GIF, mattes="gone"
        )
        assert (await workshop.over(second)).state is JobState.DONE


async def test_what_the_card_fetched_is_not_fetched_again(workshop: Workshop) -> None:
    """The clip and the background of a draft are the job's; both folders go with it."""
    look = Appearance(backdrop=BackgroundChoice(kind="file", source=PHOTO))
    workshop.files.there["photo"] = b"a photo"
    folder = workshop.folders.get_draft_folder("x")
    folder.mkdir(parents=True)
    (folder / "clip").write_bytes(b"a clip")
    async with workshop.open():
        job = await workshop.over(await workshop.accept(look=look))
        assert job.state is JobState.DONE
        assert workshop.files.fetched == ["photo"]
        assert not folder.exists()


@pytest.mark.parametrize(
    "rejection",
    [
        DownloadRejected(FailureCode.FILE_GONE),
        DownloadRejected(FailureCode.FILE_TOO_BIG, size=30, limit=20),
    ],
)
async def test_a_file_that_cannot_be_had(workshop: Workshop, rejection: DownloadRejected) -> None:
    """Its user learns why, once."""
    workshop.files.there["clip"] = rejection
    async with workshop.open():
        job = await workshop.over(await workshop.accept())
        assert (job.state, job.fault) == (JobState.FAILED, rejection.fault)
        assert workshop.chat.ends() == [failure(rejection.fault, **rejection.details)]


async def test_a_clip_at_fault(workshop: Workshop, programs: Path) -> None:
    """The user learns once what the command line finds wrong; no file is left."""
    stand_in(programs, matte={"fault": "rejects", "reason": "no_person"})
    async with workshop.open():
        job = await workshop.over(await workshop.accept())
        assert (job.state, job.fault) == (JobState.FAILED, "no_person")
        assert workshop.chat.ends() == [failure("no_person")]
        assert not workshop.folders.get_job_folder(job.id).exists()


async def test_a_long_link_is_refused(tmp_path: Path, programs: Path) -> None:
    """How long a clip behind a link lasts is known when it is planned."""
    workshop = Workshop(tmp_path / "data", stand_in(programs))
    workshop.stages._limits = type(workshop.limits)(clip_seconds=1)  # noqa: SLF001
    async with workshop.open():
        job = await workshop.over(await workshop.accept())
        assert job.fault == "too_long_clip"


async def test_a_result_that_is_too_big(workshop: Workshop, programs: Path) -> None:
    """What cannot be made to fit is refused cleanly."""
    stand_in(programs, cut={"size": 2_000_000})
    async with workshop.open():
        job = await workshop.over(await workshop.accept(form=OutputFormat.MOV))
        assert workshop.chat.ends() == [failure("result_too_big", size=2, limit=1)]
        assert job.fault == "result_too_big"


async def test_telegram_may_be_away_for_long(workshop: Workshop) -> None:
    """The result is delivered once it is back; the same for the clip."""
    workshop.chat.answers = [RetryLater(seconds=0.1) for _ in range(5)]
    away: list[Exception | bytes] = [TelegramUnavailable(0.1), TelegramUnavailable(0.1), b"a clip"]
    real = workshop.files.fetch

    async def fetch(source: MediaSource, path: Path) -> None:
        workshop.files.there["clip"] = away.pop(0)
        await real(source, path)

    workshop.files.fetch = fetch  # type: ignore[method-assign]
    async with workshop.open():
        job = await workshop.over(await workshop.accept())
        assert (job.state, workshop.chat.ends()) == (JobState.DONE, ["result"])


@pytest.mark.slow
async def test_a_wait_for_telegram_outlives_us(tmp_path: Path, programs: Path) -> None:
    """What Telegram asks to be sent later is not made again, and sent when it is due."""
    program = stand_in(programs)
    first = Workshop(tmp_path / "data", program)
    first.chat.answers = [RetryLater(seconds=2.5)]
    async with first.open():
        job = await first.accept()
        assert job is not None

        async def delayed() -> bool:
            now = await first.ledger.get(job.id)
            return now is not None and now.due > time.time()

        await until(delayed)
    second = Workshop(tmp_path / "data", program)
    async with second.open():
        await asyncio.sleep(0.8)
        assert second.chat.ends() == []
        assert (await second.over(job)).state is JobState.DONE
    made = (programs / "runs.jsonl").read_text().count('"command": "edit"')
    assert (made, second.chat.ends()) == (1, ["result"])


@pytest.mark.parametrize("fails", ["result", "text"])
async def test_whoever_blocks_us_is_left_alone(
    workshop: Workshop, programs: Path, fails: str
) -> None:
    """The job ends silently, and its files go."""
    if fails == "text":
        stand_in(programs, edit={"fault": "rejects"})
    workshop.chat.answers = [ChatGone()]
    async with workshop.open():
        job = await workshop.over(await workshop.accept())
        assert (job.state, job.fault) == (JobState.CANCELLED, "gone")
        assert workshop.chat.ends() == []
        assert not workshop.folders.get_job_folder(job.id).exists()


async def test_a_job_that_nobody_can_do_waits(tmp_path: Path, programs: Path) -> None:
    """It is parked, shows that, gives its slot to others, and continues when a backend is there."""
    workshop = Workshop(tmp_path / "data", stand_in(programs), pace=Backoff(after_unavailable=0.4))
    workshop.place = Away(workshop.place, 2, FailureKind.UNREACHABLE, FailureKind.COOLING_DOWN)
    async with workshop.open():
        job = await workshop.accept()
        assert job is not None

        async def parked() -> bool:
            now = await workshop.ledger.get(job.id)
            parked = now is not None and now.state is JobState.PARKED
            return parked and not workshop.jobs.list_running()

        await until(parked)
        assert (await workshop.over(job)).state is JobState.DONE
        assert text("status-parked") in workshop.chat.progress()


async def test_after_a_day_nobody_is_told(workshop: Workshop) -> None:
    """The day is half a second here."""
    workshop.place = Away(workshop.place, 1000, FailureKind.UNREACHABLE)
    async with workshop.open():
        job = await workshop.over(await workshop.accept())
        assert (job.state, job.fault) == (JobState.FAILED, "nobody")
        assert workshop.chat.ends() == [failure("nobody")]


@pytest.mark.parametrize("command", [SLOW("plan"), SLOW("matte"), "edit"])
async def test_a_job_that_breaks_children_is_poison(
    workshop: Workshop, programs: Path, command: str
) -> None:
    """After three that died of it, and one message; others go on."""
    stand_in(programs, **{command: {"fault": "dies"}})
    workshop.place = Chained(workshop.place)
    async with workshop.open():
        job = await workshop.over(await workshop.accept())
        assert (job.state, job.fault) == (JobState.FAILED, "poison")
        assert workshop.chat.ends() == [failure("poison")]
        assert workshop.poisoned == [job.id]
        runs = (programs / "runs.jsonl").read_text().count(f'"command": "{command}"')
        assert runs == 3


async def test_a_child_that_dies_twice_is_forgiven(workshop: Workshop, programs: Path) -> None:
    """The third attempt is one."""
    stand_in(programs, edit={"fault": "dies", "times": 2})
    async with workshop.open():
        assert (await workshop.over(await workshop.accept())).state is JobState.DONE


async def test_a_bug_of_ours_ends_in_a_message(workshop: Workshop) -> None:
    """Whatever is raised, and as often."""
    workshop.files.there["clip"] = ZeroDivisionError("a bug")
    async with workshop.open():
        job = await workshop.over(await workshop.accept())
        assert (job.fault, workshop.chat.ends()) == ("poison", [failure("poison")])


class Chained(OverlayBackend):
    """A chain of one place."""

    name = "chain"

    def __init__(self, inner: OverlayBackend) -> None:
        self._inner = inner

    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """See :class:`OverlayBackend`."""
        try:
            await self._inner.make_mattes(clip, plan, folder, report)
        except BackendUnavailable as failure:
            raise AllBackendsFailed("no backend left", [failure]) from failure


@pytest.mark.parametrize("stage", ["fetch", SLOW("plan"), SLOW("mattes"), "compose"])
async def test_cancelled_at_every_stage(workshop: Workshop, programs: Path, stage: str) -> None:
    """Within two seconds, by its owner alone, with one message and nothing left."""
    slow = {"fault": "hangs"}
    stand_in(programs, **{"plan": slow} if stage == "plan" else {}, matte={"seconds": 0})
    match stage:
        case "fetch":
            workshop.files.seconds = 60
        case "mattes":
            stand_in(programs, matte=slow)
        case "compose":
            stand_in(programs, edit=slow)
    async with workshop.open():
        job = await workshop.accept()
        assert job is not None
        await workshop.at(stage)
        await asyncio.sleep(0.3)
        assert not await workshop.jobs.cancel(job.id, user=70)
        began = time.monotonic()
        assert await workshop.jobs.cancel(job.id, user=7)
        over = await workshop.over(job, 5)
        assert time.monotonic() - began < 2
        assert over.state is JobState.CANCELLED
        assert workshop.chat.ends() == [text("job-cancelled")]
        assert not workshop.folders.get_job_folder(job.id).exists()
        assert not await workshop.jobs.cancel(job.id, user=7)


async def test_cancelled_while_it_is_sent(workshop: Workshop) -> None:
    """Too late: the result comes, and nothing else is said."""
    workshop.chat.seconds = 0.5
    async with workshop.open():
        job = await workshop.accept()
        assert job is not None
        await workshop.at("deliver")
        await asyncio.sleep(0.2)
        assert await workshop.jobs.cancel(job.id, user=7)
        assert (await workshop.over(job)).state is JobState.DONE
        assert workshop.chat.ends() == ["result"]


async def test_cancelled_between_two_attempts_to_send(workshop: Workshop) -> None:
    """In good time: nothing is sent any more."""
    workshop.chat.answers = [RetryLater(seconds=20)]
    async with workshop.open():
        job = await workshop.accept()
        assert job is not None

        async def delayed() -> bool:
            now = await workshop.ledger.get(job.id)
            return now is not None and now.due > time.time()

        await until(delayed)
        assert await workshop.jobs.cancel(job.id, user=7)
        assert (await workshop.over(job, 3)).state is JobState.CANCELLED
        assert workshop.chat.ends() == [text("job-cancelled")]


async def test_who_is_gone_needs_no_work(workshop: Workshop, programs: Path) -> None:
    """As soon as Telegram says so of a status, the work ends, and nothing more is said."""
    stand_in(programs, matte={"seconds": 60})
    workshop.chat.edits = [ChatGone()]
    async with workshop.open():
        job = await workshop.over(await workshop.accept(), 5)
        assert (job.state, job.fault) == (JobState.CANCELLED, "gone")
        assert workshop.chat.ends() == workshop.chat.all("delete") == []


async def test_a_workflow_that_breaks_is_followed_by_another(workshop: Workshop) -> None:
    """Within seconds, while we live; what was sent is not sent again."""
    workshop.chat.breaks = 1
    async with workshop.open():
        job = await workshop.over(await workshop.accept(), 8)
        assert (job.state, workshop.chat.ends()) == (JobState.DONE, ["result"])


async def record_workflows(
    workshop: Workshop, job: Job, count: int, ended: object, status: str = "ERROR"
) -> None:
    """Write that *count* workflows of a job failed, at the time *ended* in milliseconds."""
    rows = [(job.id if n == 0 else f"{job.id}.{n}", status, ended, ended) for n in range(count)]
    with closing(sqlite3.connect(workshop.folder / DATABASE_FILE)) as file, file:
        file.executemany(
            "INSERT INTO workflow_status (workflow_uuid, status, name, created_at, updated_at)"
            " VALUES (?, ?, 'Jobs.run', ?, ?)",
            rows,
        )


async def test_a_week_of_failed_workflows_is_followed_by_another(workshop: Workshop) -> None:
    """However many there were, the job is started again."""
    async with workshop.open():
        job = await kept(workshop, 7)
        await record_workflows(workshop, job, 1100, 1000)
        assert (await workshop.over(job, 15)).state is JobState.DONE


@pytest.mark.slow
async def test_a_workflow_that_ended_unwritten_is_replaced(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk: DBOS takes it for an open one, but nothing works at it any more."""
    monkeypatch.setattr("bot.jobs.supervisor.LOST_SECONDS", 4.0)
    async with workshop.open():
        job = await kept(workshop, 7)
        await record_workflows(workshop, job, 1, 1000, status="PENDING")
        await asyncio.sleep(3)
        assert workshop.chat.ends() == [], "a start may still continue it"
        assert (await workshop.over(job, 15)).state is JobState.DONE


async def test_an_error_of_one_job_stops_no_other(workshop: Workshop) -> None:
    """A job whose workflows cannot be read does not keep those behind it from being started."""
    async with workshop.open():
        first, second = await kept(workshop, 7), await kept(workshop, 8)
        await record_workflows(workshop, first, 1, "unreadable")
        assert (await workshop.over(second, 15)).state is JobState.DONE


async def test_a_job_is_opened_once(workshop: Workshop) -> None:
    """Two searches for orphaned jobs that find it at the same time start it once."""
    barrier, list_open, searches = asyncio.Barrier(2), workshop.ledger.list_open, [1, 2]

    async def list_open_together() -> list[Job]:
        """Return the open jobs to both searches at the same time."""
        open_jobs = await list_open()
        if searches:
            searches.pop()
            await barrier.wait()
        return open_jobs

    async with workshop.open():
        job = await kept(workshop, 7)
        workshop.ledger.list_open = list_open_together  # type: ignore[method-assign]
        await asyncio.gather(workshop.jobs.resume(), workshop.jobs.resume())
        assert (await workshop.over(job, 10)).state is JobState.DONE
        assert len(workshop.chat.all("progress")) == 1
        assert workshop.chat.ends() == ["result"]


async def test_a_job_is_loaded_once(workshop: Workshop) -> None:
    """Two callers that find it in the database at the same time get one active job."""
    async with workshop.open():
        job = await kept(workshop, 7)
        loads = [workshop.active_jobs.load(job.id) for _ in range(2)]
        first, second = await asyncio.gather(*loads)
        assert first is second is not None


async def test_a_quick_other_form_uses_the_mattes(workshop: Workshop, programs: Path) -> None:
    """Ordered as soon as the result is sent, while Telegram is slow to remove the progress."""
    workshop.chat.delete_seconds = 1
    async with workshop.open():
        first = await workshop.accept()
        assert first is not None

        async def sent() -> bool:
            return bool(workshop.chat.all("result"))

        await until(sent)
        second = await workshop.accept(
            origin=f"form:{first.id}:gif:1", form=OutputFormat.GIF, mattes=first.id
        )
        assert (await workshop.over(second)).state is JobState.DONE
        runs = (programs / "runs.jsonl").read_text()
        assert runs.count('"command": "matte"') == 1


async def test_failed_forks_are_not_the_clips_fault(
    tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine without free processes parks the job, however often."""
    start, failures = subprocess.Popen, [OSError(errno.EAGAIN, "no process") for _ in range(5)]

    def start_or_fail(*args: Any, **kwargs: Any) -> Any:
        if failures:
            raise failures.pop()
        return start(*args, **kwargs)

    workshop = Workshop(tmp_path / "data", stand_in(programs), pace=Backoff(after_unavailable=0.05))
    workshop.place = Chained(workshop.place)
    async with workshop.open():
        monkeypatch.setattr(subprocess, "Popen", start_or_fail)
        job = await workshop.over(await workshop.accept())
        assert (job.state, job.attempts) == (JobState.DONE, 0)


async def test_a_job_that_waits_learns_its_position_at_once(
    workshop: Workshop, programs: Path
) -> None:
    """Before any other job changes."""
    stand_in(programs, matte={"seconds": 20})
    async with workshop.open():
        await workshop.accept()
        await workshop.at("mattes")
        await workshop.accept(origin="draft:second")

        async def shown() -> bool:
            return text("status-waiting", ahead=0, seconds=0) in workshop.chat.progress()

        await until(shown, 3)


async def test_a_child_that_somebody_ends_is_not_to_blame(tmp_path: Path, programs: Path) -> None:
    """However often; the job waits, and is done."""
    program = stand_in(programs, edit={"fault": "ended", "times": 4})
    workshop = Workshop(tmp_path / "data", program, pace=Backoff(after_error=0.05))
    async with workshop.open():
        job = await workshop.over(await workshop.accept())
        assert (job.state, job.attempts) == (JobState.DONE, 0)


async def test_a_suspect_is_looked_at_alone(tmp_path: Path, programs: Path) -> None:
    """Some time after our start; three deaths have not ended it, but it would be the fourth."""
    program = stand_in(programs, matte={"seconds": 0.8})
    workshop = Workshop(tmp_path / "data", program, at_once=3, pace=Backoff(startup_quiet=0.5))
    await prepare_database(workshop.engine)
    suspect, other = [await kept(workshop, user) for user in (1, 2)]
    for _ in range(3):
        await workshop.ledger.mark_running(suspect.id, "mattes")
        await workshop.ledger.count_crash()
    together = []
    async with workshop.open():
        began = time.monotonic()
        while await workshop.ledger.list_open():
            together.append(workshop.jobs.list_running())
            if suspect.id in together[-1]:
                assert time.monotonic() - began > 0.4
            await asyncio.sleep(0.02)
        assert [suspect.id] in together
        assert [other.id] in together
        assert max(map(len, together)) == 1
        for job in (suspect, other):
            assert (await workshop.over(job)).state is JobState.DONE


async def test_a_cancel_that_nobody_heard_is_seen(workshop: Workshop) -> None:
    """At the next stage: it may be written down as we begin to look after the job."""
    workshop.files.seconds = 0.3
    async with workshop.open():
        job = await workshop.accept()
        assert job is not None
        await workshop.at("fetch")
        assert await workshop.ledger.mark_cancelled(job.id, 7)
        assert (await workshop.over(job, 5)).state is JobState.CANCELLED


async def test_cancelled_while_it_waits(workshop: Workshop, programs: Path) -> None:
    """For its turn, or parked."""
    stand_in(programs, matte={"seconds": 20})
    async with workshop.open():
        await workshop.accept()
        waiting = await workshop.accept(origin="draft:second")
        assert waiting is not None
        await workshop.at("mattes")
        assert [one.ahead for one in workshop.jobs.list_queue()] == [None, 0]
        assert await workshop.jobs.cancel(waiting.id, user=7)
        assert (await workshop.over(waiting, 2)).state is JobState.CANCELLED
        assert len(workshop.jobs.list_queue()) == 1


async def test_cancelled_while_parked(tmp_path: Path, programs: Path) -> None:
    """However long the pause would be."""
    workshop = Workshop(tmp_path / "data", stand_in(programs), pace=Backoff())
    workshop.place = Away(workshop.place, 1000, FailureKind.UNREACHABLE)
    async with workshop.open():
        job = await workshop.accept()
        assert job is not None

        async def parked() -> bool:
            now = await workshop.ledger.get(job.id)
            return now is not None and now.state is JobState.PARKED

        await until(parked)
        assert await workshop.jobs.cancel(job.id, user=7)
        assert (await workshop.over(job, 2)).state is JobState.CANCELLED


async def test_a_job_in_a_pause_goes_on_at_once_where_an_admin_wants_it(
    tmp_path: Path, programs: Path
) -> None:
    """However long the pause would be; one that runs or is over has no pause to end."""
    workshop = Workshop(tmp_path / "data", stand_in(programs), pace=Backoff())
    workshop.place = Away(workshop.place, 1, FailureKind.UNREACHABLE)
    async with workshop.open():
        job = await workshop.accept()
        assert job is not None

        async def parked() -> bool:
            now = await workshop.ledger.get(job.id)
            return now is not None and now.state is JobState.PARKED

        await until(parked)
        assert await workshop.jobs.retry(job.id)
        assert (await workshop.over(job, 10)).state is JobState.DONE
        assert await workshop.jobs.retry(job.id) is None


async def test_the_place_in_the_queue_is_told(workshop: Workshop, programs: Path) -> None:
    """And is true."""
    stand_in(programs, matte={"seconds": 0.4})
    async with workshop.open():
        jobs = [await workshop.accept(user=user, origin=f"draft:{user}") for user in range(5)]
        for job in jobs:
            await workshop.over(job)
        positions = {text("status-waiting", ahead=ahead, seconds=0) for ahead in range(5)}
        assert positions & set(workshop.chat.progress()) == {
            text("status-waiting", ahead=ahead, seconds=0) for ahead in range(3)
        }
        assert workshop.chat.ends() == ["result"] * 5


async def test_what_stages_took_is_noted(workshop: Workshop, programs: Path) -> None:
    """By stage and place."""
    stand_in(programs, matte={"seconds": 0.3})
    async with workshop.open():
        job = await workshop.over(await workshop.accept())
        async with workshop.engine.connect() as connection:
            rows = await connection.exec_driver_sql(
                f"SELECT stage, place, seconds FROM measures WHERE job = '{job.id}'"  # noqa: S608
            )
            noted = {(stage, place): seconds for stage, place, seconds in rows}
        assert {("plan", "local"), ("mattes", "local-cpu"), ("compose", "local")} <= set(noted)
        assert 0.3 < noted["mattes", "local-cpu"] < 5


async def kept(workshop: Workshop, user: int) -> Job:
    """A job that is in the ledger only."""
    request = JobRequest(clip=CLIP, look=Appearance())
    (job,) = await workshop.ledger.accept(
        [JobOrder(request, Destination(user), f"draft:{user}")], Requester(user, Language.EN)
    )
    return job


def lived(folder: Path, programs: Path, where: str = "nowhere") -> int:
    """Run a bot in a process of its own that dies at *where*; return its exit code."""
    command = [sys.executable, str(WORKSHOP), str(folder), str(programs), where]
    return subprocess.run(command, timeout=90, check=False).returncode


DEATHS = [
    *(
        "files.fetch",
        "files.fetch:after",
        "chat.send_result",
        "chat.delete_message",
        "chat.delete_message:after",
    ),
    *(
        "ledger.mark_running:after",
        "measures.record_stage",
        "measures.record_stage:after",
        "ledger.finish",
    ),
    *("ledger.finish:after", "stages.plan:after", "stages.make_mattes", "stages.make_mattes:after"),
    *(
        "stages.compose",
        "stages.compose:after",
        "stages.keep_mattes:after",
        "stages.remove_files:after",
    ),
    *("ledger.mark_delivered:after", "ledger.accept:after"),
]


@pytest.mark.slow
@pytest.mark.parametrize("where", DEATHS)
def test_a_job_survives_death(tmp_path: Path, programs: Path, where: str) -> None:
    """Wherever it came, the next bot delivers once and clears up."""
    stand_in(programs, matte={"seconds": 0.1})
    assert lived(tmp_path / "data", programs, where) == 9
    assert lived(tmp_path / "data", programs) == 0

    assert Chat(tmp_path / "data" / "sent.jsonl").ends() == ["result"]
    assert not list((tmp_path / "data" / "jobs").iterdir())


@pytest.mark.slow
def test_death_inside_the_send_is_the_only_double(tmp_path: Path, programs: Path) -> None:
    """Telegram has it, but the bot got no answer: it is sent again, once."""
    stand_in(programs)
    assert lived(tmp_path / "data", programs, "chat.send_result:after") == 9
    assert lived(tmp_path / "data", programs) == 0

    assert Chat(tmp_path / "data" / "sent.jsonl").ends() == ["result", "result"]


@pytest.mark.slow
def test_a_job_that_kills_us_is_poison(tmp_path: Path, programs: Path) -> None:
    """The container dies four times; the fifth bot tells, and lives."""
    stand_in(programs, edit={"fault": "kills-parent"})
    codes = [lived(tmp_path / "data", programs) for _ in range(5)]
    assert codes == [-9, -9, -9, -9, 0]

    assert Chat(tmp_path / "data" / "sent.jsonl").ends() == [failure("poison")]


async def test_a_lost_disk_is_survived(tmp_path: Path, programs: Path) -> None:
    """What earlier steps made is made again, though they are recorded as done."""
    program = stand_in(programs, matte={"seconds": 30})
    first = Workshop(tmp_path / "data", program)
    async with first.open():
        job = await first.accept()
        assert job is not None
        await first.at("mattes")
    stand_in(programs)
    for path in first.folders.get_job_folder(job.id).rglob("*"):
        if path.is_file():
            path.unlink()
    second = Workshop(tmp_path / "data", program)
    async with second.open():
        assert (await second.over(job)).state is JobState.DONE
        assert second.chat.ends() == ["result"]


async def test_cancel_after_a_restart(tmp_path: Path, programs: Path) -> None:
    """A job that was cancelled while no process worked at it stops when it is resumed."""
    program = stand_in(programs, matte={"seconds": 30})
    first = Workshop(tmp_path / "data", program)
    async with first.open():
        job = await first.accept()
        assert job is not None
        await first.at("mattes")
        await first.jobs.stop()
        assert await first.ledger.mark_cancelled(job.id, 7)
    second = Workshop(tmp_path / "data", program)
    async with second.open():
        assert (await second.over(job, 10)).state is JobState.CANCELLED
        assert second.chat.ends() == [text("job-cancelled")]


async def test_restarting_is_told_and_nobodys_fault(tmp_path: Path, programs: Path) -> None:
    """Once in a boot loop, however often we are stopped; the job is not to blame."""
    program = stand_in(programs, matte={"seconds": 30})
    for _ in range(2):
        workshop = Workshop(tmp_path / "data", program)
        async with workshop.open():
            job = await workshop.accept() or (await workshop.ledger.list_open())[0]
            await workshop.at("mattes")
            await asyncio.sleep(0.2)
            began = time.monotonic()
            await workshop.jobs.announce_restart()
            assert time.monotonic() - began < 1
    now = await workshop.ledger.get(job.id)
    assert now is not None
    assert now.deaths == 0
    assert workshop.chat.progress().count(text("status-restarting")) == 1
    await workshop.engine.dispose()


async def test_a_row_without_a_workflow_is_started(tmp_path: Path, programs: Path) -> None:
    """We died between the two."""
    program = stand_in(programs)
    first = Workshop(tmp_path / "data", program)
    async with first.open():
        job = await kept(first, 7)
    second = Workshop(tmp_path / "data", program)
    async with second.open():
        assert (await second.over(job)).state is JobState.DONE
