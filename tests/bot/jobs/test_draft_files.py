"""The files of drafts: which are removed, and when."""

from pathlib import Path

import pytest

from bot.database.jobs import DiskFull, JobOrder
from bot.domain.draft import Draft
from bot.domain.job_request import (
    Appearance,
    Destination,
    JobRequest,
    Language,
    MediaSource,
    Requester,
    SourceKind,
)
from bot.jobs.draft_files import MAX_USER_DRAFTS, MIN_FREE_BYTES, UNSTATED_BYTES
from tests.bot.support.job_runtime import CLIP, Workshop, stand_in

LINK = MediaSource(kind=SourceKind.LINK, link="https://films.example/clip.mp4")


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """One with a quick program."""
    return Workshop(tmp_path / "data", stand_in(tmp_path / "programs"))


async def add_draft(workshop: Workshop, message: int, user: int = 7) -> Draft:
    """Return a draft with a file."""
    draft = await workshop.drafts.add_message(
        Requester(user, Language.EN), Destination(user, reply_to=message), Appearance(), clip=CLIP
    )
    assert draft is not None
    folder = workshop.folders.get_draft_folder(draft.id)
    folder.mkdir(parents=True)
    (folder / "clip").write_bytes(b"clip")
    return draft


def has_files(workshop: Workshop, draft: Draft) -> bool:
    """Return whether the files of *draft* are there."""
    return workshop.folders.get_draft_folder(draft.id).exists()


@pytest.fixture
def full(workshop: Workshop) -> Workshop:
    """One with a disk on which the files of one draft have room."""
    workshop.free, workshop.draft_bytes = MIN_FREE_BYTES + 1, 1
    return workshop


async def test_drafts_are_dropped_before_a_job_is_refused(full: Workshop) -> None:
    """The oldest first; those of the job that is ordered stay."""
    async with full.open():
        first, second, third = [await add_draft(full, number) for number in range(3)]
        request = JobRequest(clip=CLIP, look=Appearance())
        order = JobOrder(request, first.destination, origin=f"draft:{first.id}")
        assert await full.jobs.accept([order], first.requester)
        assert not has_files(full, second)
        assert not has_files(full, third)


async def test_a_full_disk_without_drafts_refuses(workshop: Workshop) -> None:
    """There is nothing that could be removed."""
    workshop.free = MIN_FREE_BYTES - 1
    async with workshop.open():
        with pytest.raises(DiskFull):
            await workshop.accept()


async def test_files_in_use_stay(full: Workshop) -> None:
    """A card is being drawn from them."""
    async with full.open():
        first, second = [await add_draft(full, number) for number in range(2)]
        with full.draft_files.use(first.id):
            assert await full.draft_files.make_room()
        assert has_files(full, first)
        assert not has_files(full, second)


async def test_files_of_open_jobs_stay(full: Workshop) -> None:
    """A job that waits has not linked them yet."""
    async with full.open():
        first, second = [await add_draft(full, number) for number in range(2)]
        request = JobRequest(clip=CLIP, look=Appearance())
        order = JobOrder(request, first.destination, origin=f"draft:{first.id}")
        await full.ledger.accept([order], first.requester, max_waiting=10)
        assert await full.draft_files.make_room()
        assert has_files(full, first)
        assert not has_files(full, second)


@pytest.mark.parametrize(("source", "size"), [(CLIP, CLIP.size), (LINK, UNSTATED_BYTES)])
async def test_what_is_on_its_way_is_counted(
    workshop: Workshop, source: MediaSource, size: int
) -> None:
    """As if it were on the disk already."""
    async with workshop.open():
        workshop.free = MIN_FREE_BYTES + size
        with workshop.draft_files.expect([source]):
            assert await workshop.draft_files.make_room()
        with workshop.draft_files.expect([source, source]):
            assert not await workshop.draft_files.make_room()
        assert await workshop.draft_files.make_room()


async def test_a_user_has_files_of_few_drafts(workshop: Workshop) -> None:
    """The newest; those of others are not touched."""
    async with workshop.open():
        other = await add_draft(workshop, 1, user=8)
        drafts = [await add_draft(workshop, number) for number in range(MAX_USER_DRAFTS + 2)]
        await workshop.draft_files.trim(7)
        assert [has_files(workshop, draft) for draft in drafts] == [False] * 2 + [True] * 10
        assert has_files(workshop, other)
