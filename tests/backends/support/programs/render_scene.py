"""A process that renders with the fake Shotstack and can be killed; run as a script.

``render_scene.py ADDRESS FOLDER CLIP RESULT`` prints the name of the renderer that made the result.
"""

import asyncio
import sys
from pathlib import Path

from backends.rendering.base import LocalRenderer, RenderRequest
from backends.rendering.fallback import FallbackRenderer
from tests.backends.support.shotstack_renderer import (
    KEEP_BACKGROUND,
    LIMITS,
    create_shotstack_renderer,
)


async def _render(address: str, folder: Path, clip: Path, result: Path) -> None:
    chain = FallbackRenderer([create_shotstack_renderer(address, folder), LocalRenderer(LIMITS)])
    rendered = await chain.render(
        RenderRequest(clip, None, "teal", KEEP_BACKGROUND), result, lambda _: None
    )
    print(rendered.renderer)  # noqa: T201 - the test reads it


if __name__ == "__main__":
    asyncio.run(_render(sys.argv[1], *map(Path, sys.argv[2:])))
