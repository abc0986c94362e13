"""Why a file is not there."""

from backends.links.download import LinkFault
from bot.outcome import Fault


class Unfetched(Exception):  # noqa: N818 - it says what happened, not that something broke
    """The file cannot be had, and asking again is pointless.

    Attributes:
        fault: why; the text for people hangs on it.
        details: numbers that the text may mention.
    """

    def __init__(self, fault: Fault | LinkFault, **details: float | str) -> None:
        super().__init__(fault.value, details)
        self.fault = fault
        self.details = details


class TelegramAway(Exception):  # noqa: N818
    """Telegram does not hand the file out now, and may in some time.

    Attributes:
        seconds: after which to ask again.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Passing(Exception):  # noqa: N818
    """It may go well at the next attempt.

    Attributes:
        final: what is raised when there is no next one.
    """

    def __init__(self, final: Unfetched | TelegramAway) -> None:
        super().__init__(repr(final))
        self.final = final
