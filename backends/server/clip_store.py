"""Uploaded clips, each stored under the hash of its bytes; and downloads of clips behind links."""

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

MAX_PARALLEL_FETCHES = 4

LinkFetcher = Callable[[str, Path], Awaitable[int]]  #: downloads a link into a file


class DigestMismatch(Exception):
    """The bytes do not have the hash under which they were uploaded."""


class ClipStore:
    """A folder of clips; callers have checked that each name is a SHA-256 in hexadecimal."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def get_path(self, digest: str) -> Path:
        """Return the path of the clip, which need not exist."""
        return self._folder / digest

    def get_size(self, digest: str) -> int | None:
        """Return the clip's size in bytes, or None if it is missing; this delays its expiry."""
        path = self.get_path(digest)
        try:
            os.utime(path)
            return path.stat().st_size
        except FileNotFoundError:
            return None

    async def store(self, digest: str, chunks: AsyncIterable[bytes]) -> int:
        """Write the clip as its *chunks* arrive, and return its size in bytes.

        Raises:
            DigestMismatch: the bytes have another hash.
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
        """Remove the clip, if it exists."""
        self.get_path(digest).unlink(missing_ok=True)

    def expire(self, seconds: float, in_use: Container[str]) -> None:
        """Remove clips and parts of interrupted uploads that were not used for *seconds*."""
        for path in self._folder.iterdir():
            if path.name not in in_use and time.time() - path.stat().st_mtime > seconds:
                path.unlink(missing_ok=True)


def create_link_fetcher(limits: FetchLimits) -> LinkFetcher:
    """Return a function that downloads a public link into a file and returns its size in bytes.

    At most :data:`MAX_PARALLEL_FETCHES` downloads run at the same time.
    """
    slots = asyncio.Semaphore(MAX_PARALLEL_FETCHES)

    async def fetch_link(link: str, path: Path) -> int:
        async with slots, create_guarded_session() as session:
            return await fetch(session, link, path, limits)

    return fetch_link
