"""The service with containers of another process, in a process that can be killed; run as a script.

``run_modal_service.py FOLDER PORT CONTAINERS`` serves on PORT of this machine and prints its
address; the process with the containers listens on the port CONTAINERS.
"""

import asyncio
import sys
from pathlib import Path

from backends.server.modal_backend import ModalBackend
from tests.backends.support.local_modal import BorrowedContainers
from tests.backends.support.running_service import create_service, serve_app


async def main(folder: Path, port: int, containers: int) -> None:
    """Serve until killed."""
    backend = ModalBackend(BorrowedContainers(containers), max_containers=3)
    async with serve_app(create_service(folder, backend), port) as address:
        print(address, flush=True)  # noqa: T201 - the test waits for it
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
