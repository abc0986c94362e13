"""A process that requests one render and can be killed; run as a script.

``run_render_job.py URL FOLDER INTENT [CALLBACK]`` prints the render's id when it is done.
"""

import asyncio
import sys
from pathlib import Path

from backends.shotstack.render_job import render_edit
from backends.shotstack.render_log import RenderLog
from tests.backends.support.fake_shotstack import FakeShotstack
from tests.backends.support.shotstack_client import client, edit


async def main(url: str, folder: str, intent: str, callback: str | None = None) -> None:
    """Render the edit."""
    fake = FakeShotstack()  # not served: only its address matters
    fake.url = url
    intents = RenderLog(Path(folder) / "shotstack.json")
    async with client(fake, Path(folder), response=30, deadline=60, adoption=30) as at:
        state = await render_edit(at, intents, intent, edit(), callback_url=callback)
    print(state.id, flush=True)  # noqa: T201 - the test reads it


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
