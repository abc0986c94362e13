"""Clips that were uploaded, each under the hash of its bytes."""

import asyncio
import os
import time
from collections.abc import AsyncIterable, Awaitable, Callable, Container
from hashlib import sha256
from pathlib import Path

from backends.links.download import FetchLimits, fetch
from backends.links.ssrf_guard import create_guarded_session
from video_editing.contract.atomic_file import atomic_write
from video_editing.contract.errors import OutputFailed


class DigestMismatch(Exception):
    """The bytes do not have the hash that they came under."""


class ClipStore:
    """A folder of clips by their hashes, whose form was checked before they come here."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def get_path(self, digest: str) -> Path:
        """Where the clip is or would be."""
        return self._folder / digest

    def get_size(self, digest: str) -> int | None:
        """Bytes of the clip, or None if it is not here; who asks wants it kept a while longer."""
        path = self.get_path(digest)
        try:
            os.utime(path)
            return path.stat().st_size
        except FileNotFoundError:
            return None

    async def store(self, digest: str, chunks: AsyncIterable[bytes]) -> int:
        """Store the clip as it comes in; tells its bytes.

        Raises:
            OtherContent: it is not the clip it was said to be.
            OutputFailed: the disk is full.
        """
        size, hasher = 0, sha256()
        with atomic_write(self.get_path(digest)) as part:
            try:
                with part.open("wb") as file:
                    async for chunk in chunks:
                        size += len(chunk)
                        hasher.update(chunk)
                        file.write(chunk)
            except OSError as err:
                raise OutputFailed(err.strerror) from err
            if hasher.hexdigest() != digest:
                raise DigestMismatch
        return size

    def remove(self, digest: str) -> None:
        """Forget the clip."""
        self.get_path(digest).unlink(missing_ok=True)

    def expire(self, seconds: float, in_use: Container[str]) -> None:
        """Remove what nobody touched for *seconds*, parts of broken uploads among it."""
        for path in self._folder.iterdir():
            if path.name not in in_use and time.time() - path.stat().st_mtime > seconds:
                path.unlink(missing_ok=True)


LinkFetcher = Callable[[str, Path], Awaitable[int]]

MAX_PARALLEL_FETCHES = 4


def create_link_fetcher(limits: FetchLimits) -> LinkFetcher:
    """Fetch a link to a public place into a file, a few at a time; tells its bytes."""
    slots = asyncio.Semaphore(MAX_PARALLEL_FETCHES)

    async def fetch_link(link: str, path: Path) -> int:
        async with slots, create_guarded_session() as session:
            return await fetch(session, link, path, limits)

    return fetch_link
