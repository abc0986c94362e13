"""Clips that were uploaded, each under the hash of its bytes."""

import asyncio
import os
import time
from collections.abc import AsyncIterable, Awaitable, Callable, Container
from hashlib import sha256
from pathlib import Path

from backends.links.download import FetchLimits, fetch
from backends.links.ssrf_guard import guarded_session
from video_editing.contract.atomic_file import whole
from video_editing.contract.errors import OutputFailed


class OtherContent(Exception):  # noqa: N818
    """The bytes do not have the hash that they came under."""


class Clips:
    """A folder of clips by their hashes, whose form was checked before they come here."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def path(self, digest: str) -> Path:
        """Where the clip is or would be."""
        return self._folder / digest

    def size(self, digest: str) -> int | None:
        """Bytes of the clip, or None if it is not here; who asks wants it kept a while longer."""
        path = self.path(digest)
        try:
            os.utime(path)
            return path.stat().st_size
        except FileNotFoundError:
            return None

    async def keep(self, digest: str, chunks: AsyncIterable[bytes]) -> int:
        """Store the clip as it comes in; tells its bytes.

        Raises:
            OtherContent: it is not the clip it was said to be.
            OutputFailed: the disk is full.
        """
        size, seen = 0, sha256()
        with whole(self.path(digest)) as part:
            try:
                with part.open("wb") as file:
                    async for chunk in chunks:
                        size += len(chunk)
                        seen.update(chunk)
                        file.write(chunk)
            except OSError as err:
                raise OutputFailed(err.strerror) from err
            if seen.hexdigest() != digest:
                raise OtherContent
        return size

    def remove(self, digest: str) -> None:
        """Forget the clip."""
        self.path(digest).unlink(missing_ok=True)

    def expire(self, seconds: float, used: Container[str]) -> None:
        """Remove what nobody touched for *seconds*, parts of broken uploads among it."""
        for path in self._folder.iterdir():
            if path.name not in used and time.time() - path.stat().st_mtime > seconds:
                path.unlink(missing_ok=True)


Fetch = Callable[[str, Path], Awaitable[int]]

AT_ONCE = 4


def guarded(limits: FetchLimits) -> Fetch:
    """Fetch a link to a public place into a file, a few at a time; tells its bytes."""
    free = asyncio.Semaphore(AT_ONCE)

    async def fetched(link: str, path: Path) -> int:
        async with free, guarded_session() as session:
            return await fetch(session, link, path, limits)

    return fetched
