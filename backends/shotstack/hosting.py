"""Files that Shotstack holds for others: each has an address there until it is taken away."""

import logging
from pathlib import Path

from backends.shotstack.errors import ShotstackError
from backends.shotstack.rate_limiter import RequestLog, ShotstackTimeouts, get_steady_time
from backends.shotstack.render_log import RenderLog
from backends.shotstack.transfer import delete_sources, open_shotstack_client
from backends.state_file import JsonStateFile
from settings import RenderingSettings

log = logging.getLogger(__name__)


class ShotstackHosting:
    """Files at Shotstack, by names of ours."""

    def __init__(
        self, settings: RenderingSettings, folder: Path, timeouts: ShotstackTimeouts | None = None
    ) -> None:
        """Know the account.

        Args:
            settings: whose it is.
            folder: where it is kept what lies there.
            timeouts: how long to wait.
        """
        self._settings, self._timeouts = settings, timeouts
        self._request_log = JsonStateFile(folder / "requests.json", RequestLog)
        self._upload_log = RenderLog(folder / "hosted.json")

    async def upload(self, name: str, path: Path) -> str | None:
        """Bring the file at *path* there, and give its address; None where that fails."""
        try:
            async with open_shotstack_client(
                self._settings, self._request_log, self._timeouts
            ) as shotstack:
                begun = await shotstack.upload(
                    path, lambda source: self._upload_log.add_source(name, source)
                )
        except ShotstackError as err:
            log.warning("a file is not at Shotstack: %s", err)
            return None
        return begun.url

    async def remove_older_than(self, seconds: float) -> None:
        """Take away what has lain there for more than *seconds* seconds, or as much as can be."""
        names = self._upload_log.find_leftover_sources(get_steady_time() - seconds)
        if not names:
            return
        try:
            async with open_shotstack_client(
                self._settings, self._request_log, self._timeouts
            ) as shotstack:
                await delete_sources(shotstack, self._upload_log, names)
        except ShotstackError as err:
            log.warning("files stay at Shotstack for now: %s", err)
