"""A process that builds a chain of local-cpu and says what it loaded; run as a script."""

import asyncio
import sys
from pathlib import Path

from backends.factory import create_chain
from settings import BackendSettings, Settings, StorageSettings

if __name__ == "__main__":
    places, storage = (
        BackendSettings(names=("local-cpu",)),
        StorageSettings(folder=Path(sys.argv[1])),
    )
    asyncio.run(create_chain(Settings(backends=places, storage=storage)))
    print(*sys.modules)  # noqa: T201
