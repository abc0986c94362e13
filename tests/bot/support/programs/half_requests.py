"""Holds connections with half a request: ``half_requests.py PORT COUNT FILE``."""

import asyncio
import sys
from contextlib import suppress
from pathlib import Path


async def hold(port: int, request: bytes) -> None:
    """Open a connection again and again, and keep it until the server closes it."""
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request)
            await reader.read()
            writer.close()
        await asyncio.sleep(1)


async def main(port: int, count: int, request: bytes) -> None:
    """Hold *count* connections until the process is killed."""
    await asyncio.gather(*(hold(port, request) for _ in range(count)))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]).read_bytes()))
