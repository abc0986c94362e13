"""A process that renders one result at the fake Shotstack and can be killed; run as a script.

``render_scene.py ADDRESS FOLDER CLIP RESULT`` prints which renderer made it.
"""

import asyncio
import sys
from pathlib import Path

from backends.rendering.base import LocalRenderer, RenderRequest
from backends.rendering.fallback import FallbackRenderer
from tests.backends.support.shotstack_renderer import KEPT, LIMITS, shotstack


async def _work(address: str, folder: Path, clip: Path, result: Path) -> None:
    chain = FallbackRenderer([shotstack(address, folder), LocalRenderer(LIMITS)])
    made = await chain.render(RenderRequest(clip, None, "teal", KEPT), result, lambda _: None)
    print(made.renderer)  # noqa: T201 - the test reads it


if __name__ == "__main__":
    asyncio.run(_work(sys.argv[1], *map(Path, sys.argv[2:])))
