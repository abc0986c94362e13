"""Segments that came from elsewhere: looked at by a child before they get their names."""

import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from backends.errors import BackendUnavailable, FailureKind
from backends.local.video_cli import VideoCli
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.plan import Plan, write_plan


class SegmentStaging:
    """A hidden folder in which segments wait until they were checked.

    Where nobody is in any segment, either nobody is in the clip or the place is broken. One
    segment without anybody is believed once another one shows somebody; until then it waits, and
    if there never is one, another place must have a look.

    Attributes:
        folder: where the segments belong.
    """

    def __init__(
        self, backend: str, video_cli: VideoCli, clip: Path, plan: Plan, folder: Path
    ) -> None:
        self._backend, self._video_cli, self._clip = backend, video_cli, clip
        self._segments = {segment.index: segment for segment in plan.segments}
        self.folder = folder
        self._staging_folder = Path(tempfile.mkdtemp(prefix=".arrivals-", dir=folder))
        write_plan(plan, self._staging_folder)
        self._unconfirmed: set[int] = set()
        self._has_person = False

    def get_path(self, index: int) -> Path:
        """Where to put the segment."""
        return self._staging_folder / self._segments[index].file_name

    async def accept(self, indices: Collection[int]) -> None:
        """Check the segments that were put there, and give them their names.

        Raises:
            BackendUnavailable: one of them is not what it should be.
        """
        if not indices:
            return
        self._unconfirmed |= set(indices)
        if await self._contains_person(indices):
            self._has_person = True
        if self._has_person:
            for index in sorted(self._unconfirmed):
                self.get_path(index).replace(self.folder / self._segments[index].file_name)
            self._unconfirmed.clear()

    def finish(self) -> None:
        """Say that no more segments come.

        Raises:
            BackendUnavailable: nobody was in any of them.
        """
        if self._unconfirmed:
            raise BackendUnavailable(
                self._backend, FailureKind.INVALID_RESPONSE, "nobody in any segment"
            )

    def close(self) -> None:
        """Remove what was not taken."""
        shutil.rmtree(self._staging_folder, ignore_errors=True)

    async def _contains_person(self, indices: Collection[int]) -> bool:
        only = ",".join(map(str, sorted(indices)))
        where = ("--segments", str(self._staging_folder.absolute()))
        try:
            await self._video_cli.run(
                *("matte", str(self._clip.absolute()), *where, "--check", "--only", only),
                *("--progress", "json"),
                report=_ignore_progress,
            )
        except InputRejected as err:
            if err.reason is RejectReason.NO_PERSON:
                return False
            raise BackendUnavailable(
                self._backend, FailureKind.INVALID_RESPONSE, str(err.details.get("why"))
            ) from err
        return True


@contextmanager
def open_staging(
    backend: str, video_cli: VideoCli, clip: Path, plan: Plan, folder: Path
) -> Iterator[SegmentStaging]:
    """A place for what comes into *folder*, gone when the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    staging = SegmentStaging(backend, video_cli, clip, plan, folder)
    try:
        yield staging
    finally:
        staging.close()


def _ignore_progress(_: object) -> None:
    """A check is quick."""
