"""What a child puts on before it begins: it never outlives its parent, and goes first.

Run as ``python -m backends.local.process_guard PARENT NICE COMMAND…``, it becomes COMMAND. Doing
this here, and not between fork and exec in the parent, is safe however many threads that has.
"""

import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1  #: linux/prctl.h


def tie_to_parent(parent: int) -> None:
    """Die with *parent*, be the first that goes when memory runs out, leave no core behind."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        Path("/proc/self/oom_score_adj").write_text("1000")
    if os.getppid() != parent:  # it died before we were tied to it
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    tie_to_parent(int(sys.argv[1]))
    os.nice(int(sys.argv[2]))
    os.execvp(sys.argv[3], sys.argv[3:])  # noqa: S606 - no shell is wanted
