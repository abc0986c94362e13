"""A file's bytes on their way to a signed address, which gets nothing but them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import ClientConnectorError, ClientError, ClientSession, hdrs
from yarl import URL

from backends.shotstack.errors import ShotstackAway
from backends.shotstack.pace import Pace

UPLOAD_CHUNK = 1 << 18  #: bytes


async def put(session: ClientSession, link: str, path: Path, schemes: set[str], pace: Pace) -> None:
    """Put the file at *path* to *link*; no key goes there, and no redirect is followed.

    Args:
        session: that can reach where files may go.
        link: as Shotstack gave it; signed, so that no text may carry it.
        path: of the file.
        schemes: that are good enough.
        pace: how long to wait.

    Raises:
        ShotstackAway: it did not arrive.
    """
    url = _checked(link, schemes)
    loop = asyncio.get_running_loop()
    size = (await asyncio.to_thread(path.stat)).st_size

    async def chunks(limit: asyncio.Timeout) -> AsyncIterator[bytes]:
        with path.open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, UPLOAD_CHUNK):
                limit.reschedule(loop.time() + pace.transfer)
                yield chunk
        limit.reschedule(loop.time() + pace.answer)

    headers = {hdrs.CONTENT_LENGTH: str(size), hdrs.CONTENT_TYPE: "application/octet-stream"}
    try:
        async with (
            asyncio.timeout(pace.answer) as limit,
            session.put(url, data=chunks(limit), headers=headers, allow_redirects=False) as answer,
        ):
            status = answer.status
    except TimeoutError:
        raise ShotstackAway("an upload stood still") from None
    except ClientConnectorError as err:
        raise ShotstackAway(f"an upload: {type(err).__name__}", reached=False) from None
    except (ClientError, OSError, ValueError) as err:
        raise ShotstackAway(f"an upload: {type(err).__name__}") from None
    if not 200 <= status < 300:
        raise ShotstackAway(f"an upload: status {status}")


def _checked(link: str, schemes: set[str]) -> URL:
    try:
        url = URL(link, encoded=True)  # as it was signed
    except ValueError:
        raise ShotstackAway("an upload's address is none") from None
    if url.scheme not in schemes or not url.host or url.user or url.password:
        raise ShotstackAway("an upload's address is none")
    return url
