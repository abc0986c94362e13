"""Run the command line of `video_editing` in a child process and translate how it ends."""

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
#: what a child lacked, by the name of its error
LACKS = {"OutOfMemory": FailureKind.NO_MEMORY, "OutOfThreads": FailureKind.BROKEN}
RESERVED_DETAILS = ("self", "reason")  #: parameters of `InputRejected`, which no detail may use
_PROGRESS_ADAPTER = TypeAdapter(Progress)
_RESULT_ADAPTER = TypeAdapter(dict[str, Any])


class ErrorReport(BaseModel):
    """The last line that the command writes to standard error.

    Attributes:
        error: name of the exception's class.
        reason: the `RejectReason`, if the clip is at fault.
        details: the fields of that reason.
        message: one sentence for users.
    """

    error: str = ""
    reason: str | None = None
    details: dict[str, Any] = {}
    message: str = ""


class VideoCli:
    """Runs the command line of `video_editing` for one backend."""

    def __init__(
        self, backend: str, limits: ProcessLimits, program: Sequence[str] = DEFAULT_PROGRAM
    ) -> None:
        """Configure the child processes.

        Args:
            backend: name of the backend, for errors.
            limits: limits of each run.
            program: replaces the program and its first arguments.
        """
        self._backend = backend
        self._limits = limits
        self._program = tuple(program)

    async def run(self, *arguments: str, report: Callable[[Progress], None]) -> dict[str, Any]:
        """Run it once with *arguments*, reporting its progress.

        Returns:
            The fields of its last line about the result; empty if it writes none.

        Raises:
            InputRejected: the user's input cannot be used.
            BackendUnavailable: this backend fails: no model, no memory, no time, a crash.
            OutputFailed: the result cannot be written.
            Cancelled: a signal that we did not send stopped it.
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
                self._backend, FailureKind.BROKEN, f"no child process: {err.strerror}"
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
                kind = LACKS.get(error.error, FailureKind.NO_MODEL)
                raise BackendUnavailable(self._backend, kind, error.message)
            case 5:
                raise OutputFailed(error.message)
            case 129 | 130 | 141 | 143:
                raise Cancelled(process.exit_code - 128)
            case -9:  # not from us, so from a kernel that ran out of memory
                raise BackendUnavailable(self._backend, FailureKind.NO_MEMORY, "killed")
            case code if code < 0:
                raise BackendUnavailable(
                    self._backend, FailureKind.BROKEN, signal.strsignal(-code) or ""
                )
            case code:
                log.error(
                    "a child process ended with %s: %s",
                    code,
                    process.stderr.decode(errors="replace"),
                )
                raise BackendUnavailable(self._backend, FailureKind.BROKEN, f"exit code {code}")


def parse_progress(line: bytes) -> Progress | None:
    """Return the progress in *line*, if it is valid and possible."""
    try:
        progress = _PROGRESS_ADAPTER.validate_json(line)
    except ValidationError:
        return None
    is_possible = 0 <= progress.done <= progress.total and math.isfinite(progress.fps)
    return progress if is_possible else None


def parse_result(line: bytes) -> dict[str, Any]:
    """Return the fields of *line*, if it is the line about the result."""
    try:
        fields = _RESULT_ADAPTER.validate_json(line)
    except ValidationError:
        return {}
    return fields if fields.get("stage") == "done" else {}


def parse_error(stderr: bytes) -> ErrorReport:
    """Parse the last line of *stderr*; the report is empty if the command did not write it."""
    try:
        return ErrorReport.model_validate_json(stderr.rstrip().rpartition(b"\n")[2])
    except ValidationError:
        return ErrorReport()


def create_rejection(reason: str | None, details: Mapping[str, Any]) -> InputRejected:
    """Create the error that another process or machine reports; an unknown reason is CORRUPT."""
    reject_reason = RejectReason(reason) if reason in list(RejectReason) else RejectReason.CORRUPT
    return InputRejected(
        reject_reason, **{k: v for k, v in details.items() if k not in RESERVED_DETAILS}
    )
