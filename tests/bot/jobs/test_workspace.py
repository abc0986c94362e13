"""What is cleared up in the data folder, and what is left alone."""

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.database.drafts import DraftRepository
from bot.database.engine import create_engine, get_write_engine, prepare_database
from bot.database.jobs import Job, JobOrder, JobRepository
from bot.database.schema import drafts
from bot.domain.job_request import Appearance, Destination, Language, Requester
from bot.jobs.workspace import Cleanup
from settings import StorageSettings
from tests.bot.support.job_rows import ORDER, keep

HOUR = 3600


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """One with nothing in it."""
    made = create_engine(StorageSettings(folder=tmp_path))
    await prepare_database(made)
    yield made
    await made.dispose()


@pytest.fixture
def janitor(tmp_path: Path, database: AsyncEngine) -> Cleanup:
    """Keeps mattes for a day, 3 kB of them in all."""
    return Cleanup(
        tmp_path,
        JobRepository(database),
        DraftRepository(database),
        mattes_seconds=24 * HOUR,
        mattes_bytes=3000,
        job_seconds=90 * 24 * HOUR,
    )


def folder(path: Path, hours: float = 0, size: int = 1000) -> Path:
    """One with a file, that was made so many hours ago."""
    path.mkdir(parents=True)
    (path / "file").write_bytes(bytes(size))
    then = time.time() - hours * HOUR
    os.utime(path, (then, then))
    return path


async def test_what_a_crash_left_is_removed(
    tmp_path: Path, database: AsyncEngine, janitor: Cleanup
) -> None:
    """The folders of jobs that are over or unknown; however new they are."""
    await keep(database, "over", state="done")
    over, unknown = folder(tmp_path / "jobs/over"), folder(tmp_path / "jobs/unknown")
    part = folder(tmp_path / "jobs/.unknown.part")
    await janitor.clean_files()
    assert not over.exists()
    assert not unknown.exists()
    assert not part.exists()


@pytest.mark.parametrize("state", ["waiting", "running", "parked"])
async def test_an_open_job_keeps_its_folder(
    tmp_path: Path, database: AsyncEngine, janitor: Cleanup, state: str
) -> None:
    """However old it is."""
    await keep(database, "alive", state=state)
    alive = folder(tmp_path / "jobs/alive", hours=999)
    await janitor.clean_files()
    assert (alive / "file").exists()


async def test_a_clip_that_nobody_made_anything_of_is_removed(
    tmp_path: Path, database: AsyncEngine, janitor: Cleanup
) -> None:
    """After an hour; that of a job that waits is kept."""
    await keep(database, "draft:waited-for")
    old, new = folder(tmp_path / "drafts/old", 1.1), folder(tmp_path / "drafts/new", 0.9)
    waited_for = folder(tmp_path / "drafts/waited-for", 5)
    await janitor.clean_files()
    assert [path.exists() for path in (old, new, waited_for)] == [False, True, True]


async def test_cards_can_be_pressed_for_a_week(database: AsyncEngine, janitor: Cleanup) -> None:
    """Then they are forgotten."""
    kept = DraftRepository(database)
    ids = []
    for message, days in ((1, 6.9), (2, 7.1)):
        draft = await kept.add_message(
            Requester(1, Language.EN),
            Destination(1, reply_to=message),
            Appearance(),
            clip=ORDER.clip,
        )
        assert draft
        ids.append(draft.id)
        async with get_write_engine(database).begin() as connection:
            created = time.time() - days * 24 * HOUR
            await connection.execute(
                drafts.update().where(drafts.c.id == draft.id).values(created=created)
            )
    await janitor.clean_files()
    assert [await kept.get(id_) is not None for id_ in ids] == [True, False]


async def test_mattes_are_kept_for_a_day(tmp_path: Path, janitor: Cleanup) -> None:
    """And not longer."""
    old, new = folder(tmp_path / "mattes/old", 24.1), folder(tmp_path / "mattes/new", 23.9)
    await janitor.clean_files()
    assert (old.exists(), new.exists()) == (False, True)


async def test_the_oldest_mattes_make_room(tmp_path: Path, janitor: Cleanup) -> None:
    """For newer ones, where there are too many."""
    made = [folder(tmp_path / f"mattes/{hours}", hours) for hours in range(5)]
    await janitor.clean_files()
    assert [path.exists() for path in made] == [True, True, True, False, False]


async def test_mattes_that_a_job_is_made_from_are_kept(
    tmp_path: Path, database: AsyncEngine, janitor: Cleanup
) -> None:
    """Until it is over."""
    order = ORDER.model_copy(update={"mattes": "wanted"}).model_dump(mode="json")
    await keep(database, "form", order=order)
    wanted = folder(tmp_path / "mattes/wanted", 99, size=9000)
    await janitor.clean_files()
    assert wanted.exists()


class BusyRepository(JobRepository):
    """Accepts a job that uses the mattes "wanted" as soon as the open jobs were listed."""

    has_accepted = False

    async def list_open(self) -> list[Job]:
        """Return the open jobs before the new one."""
        open_jobs = await super().list_open()
        if not self.has_accepted:
            self.has_accepted = True
            order = ORDER.model_copy(update={"mattes": "wanted"})
            await self.accept(
                [JobOrder(order, Destination(1), "form:wanted:gif:1")], Requester(1, Language.EN)
            )
        return open_jobs


async def test_mattes_of_a_job_that_was_just_accepted_are_kept(
    tmp_path: Path, database: AsyncEngine
) -> None:
    """A job that comes while the folders are cleaned up."""
    cleanup = Cleanup(
        tmp_path,
        BusyRepository(database),
        DraftRepository(database),
        mattes_seconds=24 * HOUR,
        mattes_bytes=3000,
        job_seconds=90 * 24 * HOUR,
    )
    folder(tmp_path / "jobs/unknown")  # is looked at before
    wanted = folder(tmp_path / "mattes/wanted", 99)
    await cleanup.clean_files()
    assert (wanted / "file").exists()


async def test_all_else_is_none_of_its_business(tmp_path: Path, janitor: Cleanup) -> None:
    """Files beside, and files where only folders belong."""
    files = [tmp_path / "speeds.json", tmp_path / "jobs/readme", tmp_path / "elsewhere/file"]
    for file in files:
        file.parent.mkdir(exist_ok=True)
        file.write_text("x")
    await janitor.clean_files()
    assert all(file.exists() for file in files)


async def test_nothing_to_clear_up_is_fine(janitor: Cleanup) -> None:
    """Before the first clip no folder is there."""
    await janitor.clean_files()
