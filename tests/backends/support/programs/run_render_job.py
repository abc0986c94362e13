"""A process that requests one render and can be killed; run as a script.

``run_render_job.py URL FOLDER INTENT [CALLBACK]`` prints the id of the finished render.
"""

import asyncio
import sys
from pathlib import Path

from backends.shotstack.render_job import render_edit
from backends.shotstack.render_log import RenderLog
from tests.backends.support.fake_shotstack import FakeShotstack
from tests.backends.support.shotstack_client import make_edit, open_fake_client


async def main(url: str, folder: str, intent: str, callback: str | None = None) -> None:
    """Render one edit."""
    fake = FakeShotstack()  # not started: only its address is used
    fake.url = url
    intents = RenderLog(Path(folder) / "shotstack.json")
    async with open_fake_client(fake, Path(folder), response=30, deadline=60, adoption=30) as api:
        state = await render_edit(api, intents, intent, make_edit(), callback_url=callback)
    print(state.id, flush=True)  # noqa: T201 - the test reads it


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
