"""A process that builds a chain of local-cpu and says what it loaded; run as a script."""

import asyncio
import sys
from pathlib import Path

from backends.factory import chain
from settings import Backends, Settings, Storage

if __name__ == "__main__":
    places, storage = Backends(names=("local-cpu",)), Storage(folder=Path(sys.argv[1]))
    asyncio.run(chain(Settings(backends=places, storage=storage)))
    print(*sys.modules)  # noqa: T201
