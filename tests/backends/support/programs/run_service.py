"""The real service in a process that can be killed; run as a script.

``run_service.py FOLDER [CLIP]`` serves on a free port of this machine and prints its address; every
link leads to CLIP.
"""

import asyncio
import sys
from pathlib import Path

from tests.backends.support.running_service import create_service, make_copying_fetcher, serve_app


async def main(folder: Path, clip: Path) -> None:
    """Serve until killed."""
    app = create_service(folder, fetch_link=make_copying_fetcher(clip))
    async with serve_app(app) as address:
        print(address, flush=True)  # noqa: T201 - the test reads it
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[-1])))
