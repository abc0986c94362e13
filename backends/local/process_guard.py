"""Tie this process to its parent, then become a command.

Run as ``python -m backends.local.process_guard PARENT NICE COMMAND…``. Code between fork and exec
in the parent would not be safe if the parent has threads.
"""

import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1  #: linux/prctl.h


def tie_to_parent(parent: int) -> None:
    """Die with *parent*, be the first to be killed when memory runs out, write no core file."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        Path("/proc/self/oom_score_adj").write_text("1000")
    if os.getppid() != parent:  # it died before prctl took effect
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    tie_to_parent(int(sys.argv[1]))
    os.nice(int(sys.argv[2]))
    os.execvp(sys.argv[3], sys.argv[3:])  # noqa: S606 - the arguments need no shell
