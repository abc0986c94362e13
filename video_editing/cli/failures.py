"""How a command ends that fails: an exit status, a sentence for users and a line for programs."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from video_editing.cli.output import print_error
from video_editing.contract.errors import (
    Cancelled,
    InputRejected,
    ModelUnavailable,
    OutOfMemory,
    OutOfThreads,
    OutputFailed,
)


class Failure(NamedTuple):
    """What a parent process learns of an error.

    Attributes:
        exit_code: the exit status.
        name: the value of "error" in the last line of standard error.
    """

    exit_code: int
    name: str


#: 0 is success, 1 a bug, 2 a wrong command line, and 128 and more the signal that stopped the work.
FAILURES: Mapping[type[Exception], Failure] = MappingProxyType(
    {
        InputRejected: Failure(3, "InputRejected"),
        ModelUnavailable: Failure(4, "ModelUnavailable"),
        OutOfThreads: Failure(4, "OutOfThreads"),  # before the class that it belongs to
        OutOfMemory: Failure(4, "OutOfMemory"),
        OutputFailed: Failure(5, "OutputFailed"),
    }
)


def report_failure(
    error: Exception, failures: Mapping[type[Exception], Failure] = FAILURES, clip: str = ""
) -> int:
    """Print *error*, which is Cancelled or one of *failures*; return the exit status.

    Args:
        error: the error.
        failures: the errors that end with a sentence.
        clip: the name of the clip that failed, where there are several.
    """
    if isinstance(error, Cancelled):
        print_error(error, "Cancelled")
        return 128 + error.signal
    failure = next(each for kind, each in failures.items() if isinstance(error, kind))
    print_error(error, failure.name, clip)
    return failure.exit_code
