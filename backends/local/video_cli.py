"""The command line of video_editing in a child: what it reports, and what its end means."""

import logging
import math
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from pydantic import BaseModel, TypeAdapter, ValidationError

from backends.errors import BackendUnavailable, FailureKind
from backends.local.process import ProcessLimits, ProcessResult, run_supervised
from video_editing.contract.errors import Cancelled, InputRejected, OutputFailed, RejectReason
from video_editing.contract.progress import Progress

log = logging.getLogger(__name__)

DEFAULT_PROGRAM = (sys.executable, "-m", "video_editing")
RESERVED_DETAILS = ("self", "reason")  #: names that no detail can have
_PROGRESS_ADAPTER = TypeAdapter(Progress)
_RESULT_ADAPTER = TypeAdapter(dict[str, Any])


class ErrorReport(BaseModel):
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


class VideoCli:
    """The command line of video_editing, as run in one place."""

    def __init__(
        self, backend: str, limits: ProcessLimits, program: Sequence[str] = DEFAULT_PROGRAM
    ) -> None:
        """Remember how to run it.

        Args:
            backend: named in errors.
            limits: what each run may take.
            program: what to run in its stead, and with which first arguments.
        """
        self._backend = backend
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

        def handle_line(line: bytes) -> bool:
            result.update(parse_result(line))
            progress = parse_progress(line)
            if progress is not None:
                report(progress)
            return progress is not None

        try:
            process = await run_supervised([*self._program, *arguments], self._limits, handle_line)
        except OSError as err:
            raise BackendUnavailable(
                self._backend, FailureKind.BROKEN, f"no child: {err.strerror}"
            ) from err
        if process.broken_limit is not None:
            raise BackendUnavailable(self._backend, process.broken_limit)
        if process.exit_code:
            self._raise_failure(process)
        return result

    def _raise_failure(self, process: ProcessResult) -> NoReturn:
        error = parse_error(process.stderr)
        match process.exit_code:
            case 3:
                raise create_rejection(error.reason, error.details)
            case 4:
                raise BackendUnavailable(self._backend, FailureKind.NO_MODEL, error.message)
            case 5:
                raise OutputFailed(error.message)
            case 130 | 143:
                raise Cancelled(process.exit_code - 128)
            case -9:  # not by us, so by a kernel that ran out of memory
                raise BackendUnavailable(self._backend, FailureKind.NO_MEMORY, "killed")
            case code if code < 0:
                raise BackendUnavailable(
                    self._backend, FailureKind.BROKEN, signal.strsignal(-code) or ""
                )
            case code:
                log.error(
                    "a child ended with %s: %s", code, process.stderr.decode(errors="replace")
                )
                raise BackendUnavailable(self._backend, FailureKind.BROKEN, f"exit code {code}")


def parse_progress(line: bytes) -> Progress | None:
    """The progress that *line* tells, if it tells one that can be."""
    try:
        progress = _PROGRESS_ADAPTER.validate_json(line)
    except ValidationError:
        return None
    possible = 0 <= progress.done <= progress.total and math.isfinite(progress.fps)
    return progress if possible else None


def parse_result(line: bytes) -> dict[str, Any]:
    """What *line* tells of a result, if it is the one that does."""
    try:
        fields = _RESULT_ADAPTER.validate_json(line)
    except ValidationError:
        return {}
    return fields if fields.get("stage") == "done" else {}


def parse_error(stderr: bytes) -> ErrorReport:
    """What the last line of *stderr* tells; nothing where it is not the command's."""
    try:
        return ErrorReport.model_validate_json(stderr.rstrip().rpartition(b"\n")[2])
    except ValidationError:
        return ErrorReport()


def create_rejection(reason: str | None, details: Mapping[str, Any]) -> InputRejected:
    """The clip's fault as another process or machine told it; an unknown one is CORRUPT."""
    reject_reason = RejectReason(reason) if reason in list(RejectReason) else RejectReason.CORRUPT
    return InputRejected(
        reject_reason, **{k: v for k, v in details.items() if k not in RESERVED_DETAILS}
    )
