"""The real service in a process of its own, which can be killed; run as a script.

``run_service.py FOLDER`` serves on a free port of this machine and prints its address.
"""

import asyncio
import sys
from pathlib import Path

from tests.backends.support.running_service import application, served


async def main(folder: Path) -> None:
    """Serve until killed."""
    async with served(application(folder)) as address:
        print(address, flush=True)  # noqa: T201 - the test reads it
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
