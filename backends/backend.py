"""What a place of work is."""

from abc import ABC, abstractmethod
from pathlib import Path

from backends.events import Report
from video_editing.contract.plan import Plan


class OverlayBackend(ABC):
    """A place where the person in a clip is cut out."""

    name: str  #: as in settings, logs, metrics and messages to admins

    @abstractmethod
    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """Write every matte segment of *plan* that *folder* lacks.

        A segment appears under its final name only when it is whole, so whoever is asked
        next goes on where this backend stopped. Cancelling stops the place as well.

        Raises:
            InputRejected: the clip is at fault; asking elsewhere is pointless.
            BackendUnavailable: the place is at fault; ask elsewhere.
            OutputFailed: *folder* cannot be written to, by whomever.
            Cancelled: somebody else ended the work.
        """
