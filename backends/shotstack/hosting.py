"""Files that Shotstack holds for others: each has an address there until it is taken away."""

import logging
from pathlib import Path

from backends.shotstack.errors import ShotstackError
from backends.shotstack.rate_limiter import Pace, Seen, steady_time
from backends.shotstack.render_log import Intents
from backends.shotstack.transfer import client, delete
from backends.state_file import Shelf
from settings import Rendering

log = logging.getLogger(__name__)


class Hosting:
    """Files at Shotstack, by names of ours."""

    def __init__(self, settings: Rendering, folder: Path, pace: Pace | None = None) -> None:
        """Know the account.

        Args:
            settings: whose it is.
            folder: where it is kept what lies there.
            pace: how long to wait.
        """
        self._settings, self._pace = settings, pace
        self._seen = Shelf(folder / "requests.json", Seen)
        self._files = Intents(folder / "hosted.json")

    async def put(self, name: str, path: Path) -> str | None:
        """Bring the file at *path* there, and give its address; None where that fails."""
        try:
            async with client(self._settings, self._seen, self._pace) as shotstack:
                begun = await shotstack.upload(
                    path, lambda source: self._files.brought(name, source)
                )
        except ShotstackError as err:
            log.warning("a file is not at Shotstack: %s", err)
            return None
        return begun.url

    async def remove(self, older: float) -> None:
        """Take away what has lain there for more than *older* seconds, or as much as can be."""
        names = self._files.left_behind(steady_time() - older)
        if not names:
            return
        try:
            async with client(self._settings, self._seen, self._pace) as shotstack:
                await delete(shotstack, self._files, names)
        except ShotstackError as err:
            log.warning("files stay at Shotstack for now: %s", err)
