"""The command line of video_editing in a child: what it reports, and what its end means."""

import logging
import math
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from pydantic import BaseModel, TypeAdapter, ValidationError

from backends.errors import BackendUnavailable, Why
from backends.local.process import Ended, Limits, run
from video_editing.contract.errors import Cancelled, InputRejected, OutputFailed, Reason
from video_editing.contract.progress import Progress

log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-m", "video_editing")
RESERVED = ("self", "reason")  #: names that no detail can have
_PROGRESS = TypeAdapter(Progress)
_TOLD = TypeAdapter(dict[str, Any])


class Told(BaseModel):
    """The last line that the command writes to standard error.

    Attributes:
        error: the class of what went wrong.
        reason: which one, where the clip is at fault.
        details: numbers and names about it.
        message: one sentence for people.
    """

    error: str = ""
    reason: str | None = None
    details: dict[str, Any] = {}
    message: str = ""


class Command:
    """The command line of video_editing, as run in one place."""

    def __init__(self, place: str, limits: Limits, program: Sequence[str] = COMMAND) -> None:
        """Remember how to run it.

        Args:
            place: named in errors.
            limits: what each run may take.
            program: what to run in its stead, and with which first arguments.
        """
        self._place = place
        self._limits = limits
        self._program = tuple(program)

    async def run(self, *arguments: str, report: Callable[[Progress], None]) -> dict[str, Any]:
        """Run it once with *arguments*, telling how far it is.

        Returns:
            what it said of its result in the end; nothing where it said nothing.

        Raises:
            InputRejected: what the user gave cannot be used.
            BackendUnavailable: this place cannot do it: no model, no memory, no time, a crash.
            OutputFailed: the result cannot be written.
            Cancelled: it was asked to stop, not by us.
        """
        result: dict[str, Any] = {}

        def heard(line: bytes) -> bool:
            result.update(result_in(line))
            progress = progress_in(line)
            if progress is not None:
                report(progress)
            return progress is not None

        try:
            ended = await run([*self._program, *arguments], self._limits, heard)
        except OSError as err:
            raise BackendUnavailable(self._place, Why.BROKEN, f"no child: {err.strerror}") from err
        if ended.why is not None:
            raise BackendUnavailable(self._place, ended.why)
        if ended.code:
            self._fail(ended)
        return result

    def _fail(self, ended: Ended) -> NoReturn:
        told = last_words(ended.stderr)
        match ended.code:
            case 3:
                raise rejected(told.reason, told.details)
            case 4:
                raise BackendUnavailable(self._place, Why.NO_MODEL, told.message)
            case 5:
                raise OutputFailed(told.message)
            case 130 | 143:
                raise Cancelled(ended.code - 128)
            case -9:  # not by us, so by a kernel that ran out of memory
                raise BackendUnavailable(self._place, Why.NO_MEMORY, "killed")
            case code if code < 0:
                raise BackendUnavailable(self._place, Why.BROKEN, signal.strsignal(-code) or "")
            case code:
                log.error("a child ended with %s: %s", code, ended.stderr.decode(errors="replace"))
                raise BackendUnavailable(self._place, Why.BROKEN, f"exit code {code}")


def progress_in(line: bytes) -> Progress | None:
    """The progress that *line* tells, if it tells one that can be."""
    try:
        progress = _PROGRESS.validate_json(line)
    except ValidationError:
        return None
    possible = 0 <= progress.done <= progress.total and math.isfinite(progress.fps)
    return progress if possible else None


def result_in(line: bytes) -> dict[str, Any]:
    """What *line* tells of a result, if it is the one that does."""
    try:
        told = _TOLD.validate_json(line)
    except ValidationError:
        return {}
    return told if told.get("stage") == "done" else {}


def last_words(stderr: bytes) -> Told:
    """What the last line of *stderr* tells; nothing where it is not the command's."""
    try:
        return Told.model_validate_json(stderr.rstrip().rpartition(b"\n")[2])
    except ValidationError:
        return Told()


def rejected(reason: str | None, details: Mapping[str, Any]) -> InputRejected:
    """The clip's fault as another process or machine told it; an unknown one is CORRUPT."""
    known = Reason(reason) if reason in list(Reason) else Reason.CORRUPT
    return InputRejected(known, **{k: v for k, v in details.items() if k not in RESERVED})
