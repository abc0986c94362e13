"""The files of drafts: a cache, of which parts are removed when users or the disk need the space.

What is removed is downloaded again when its card is redrawn or ordered.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.database.drafts import DraftRepository
from bot.database.jobs import JobRepository
from bot.domain.job_request import MediaSource
from bot.jobs.workspace import Workspace, list_oldest_first, measure_size, remove_folder

MIN_FREE_BYTES = 500_000_000  #: bytes of free disk that downloads for cards leave for jobs
MAX_USER_DRAFTS = 10  #: drafts of a user whose files are kept
MAX_USER_BYTES = 1_000_000_000  #: of their files
UNSTATED_BYTES = 50_000_000  #: what is counted for a file whose size its message does not state


class DraftFiles:
    """Removes files of drafts that nothing uses, the oldest first."""

    def __init__(
        self,
        workspace: Workspace,
        drafts: DraftRepository,
        job_repository: JobRepository,
        get_free_bytes: Callable[[], Awaitable[int]],
    ) -> None:
        """Store the collaborators.

        Args:
            workspace: the folders of drafts.
            drafts: which of them are whose.
            job_repository: its open jobs need the files of their drafts.
            get_free_bytes: returns the bytes of free disk.
        """
        self._workspace, self._drafts = workspace, drafts
        self._job_repository, self._get_free_bytes = job_repository, get_free_bytes
        self._in_use: Counter[str] = Counter()
        self._expected_bytes = 0  # of downloads in progress

    @contextmanager
    def use(self, draft_id: str) -> Iterator[Path]:
        """Keep the folder of a draft while the block runs; yield its path."""
        self._in_use[draft_id] += 1
        try:
            yield self._workspace.get_draft_folder(draft_id)
        finally:
            self._in_use[draft_id] -= 1

    @contextmanager
    def expect(self, sources: Iterable[MediaSource]) -> Iterator[None]:
        """Count files that are downloaded in the block as if they were on the disk."""
        size = sum(source.size or UNSTATED_BYTES for source in sources)
        self._expected_bytes += size
        try:
            yield
        finally:
            self._expected_bytes -= size

    async def make_room(self, for_draft: str | None = None) -> bool:
        """Return whether enough disk is free, if need be after removing files of other drafts."""
        if await self._has_room():
            return True
        for folder in await asyncio.to_thread(list_oldest_first, self._workspace.drafts):
            if folder.name != for_draft and await self._remove(folder) and await self._has_room():
                return True
        return False

    async def trim(self, user: int) -> None:
        """Remove the oldest files of a user who has too many."""
        newest_first = [
            self._workspace.get_draft_folder(draft_id)
            for draft_id in reversed(await self._drafts.list_unused(user))
        ]
        count, size = 0, 0
        for folder in filter(Path.is_dir, newest_first):
            count, size = count + 1, size + await asyncio.to_thread(measure_size, folder)
            if count > MAX_USER_DRAFTS or size > MAX_USER_BYTES:
                await self._remove(folder)

    async def _has_room(self) -> bool:
        return await self._get_free_bytes() - self._expected_bytes >= MIN_FREE_BYTES

    async def _remove(self, folder: Path) -> bool:
        """Remove the folder of a draft; return False if its card or its job needs it."""
        if any(job.draft_id == folder.name for job in await self._job_repository.list_open()):
            return False
        if self._in_use[folder.name]:
            return False
        await remove_folder(folder)
        return True
