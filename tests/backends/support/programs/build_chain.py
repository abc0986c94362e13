"""A process that creates a chain of local-cpu and prints the loaded modules; run as a script."""

import asyncio
import sys
from pathlib import Path

from backends.factory import create_chain
from settings import BackendSettings, Settings, StorageSettings

if __name__ == "__main__":
    backends, storage = (
        BackendSettings(names=("local-cpu",)),
        StorageSettings(folder=Path(sys.argv[1])),
    )
    asyncio.run(create_chain(Settings(backends=backends, storage=storage)))
    print(*sys.modules)  # noqa: T201
