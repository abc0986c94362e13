"""What a process inherits from its parent: the standard streams, and a limit on addresses."""

import os
import resource
import sys

from video_editing.cli.failures import report_failure
from video_editing.contract.errors import OutOfMemory

MIN_ADDRESS_BYTES = 700_000_000  #: that code and data of the libraries take


def prepare_process() -> None:
    """Make what the process has inherited fit for work; to be called before libraries load.

    Raises:
        SystemExit: the libraries cannot be loaded; a sentence has been printed.
    """
    _open_standard_streams()
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < MIN_ADDRESS_BYTES:
        sys.exit(report_failure(OutOfMemory()))


def _open_standard_streams() -> None:
    """Open those of the standard streams that are closed, on nothing.

    Otherwise a file that is opened later would get the number of one of them, and contain what
    libraries print.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
    sys.stdout = sys.stdout or os.fdopen(1, "w")
    sys.stderr = sys.stderr or os.fdopen(2, "w")
