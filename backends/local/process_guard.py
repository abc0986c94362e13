"""Tie this process to its parent, limit its memory, then become a command.

Run as ``python -m backends.local.process_guard PARENT NICE MEMORY COMMAND…``. Code between fork and
exec in the parent would not be safe if the parent has threads.
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


def limit_memory(max_bytes: int) -> None:
    """Have the kernel refuse this process more private memory; -1 is no limit.

    Code, mapped files and reserved addresses do not count. macOS has no such limit.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if sys.platform == "linux" and max_bytes != -1 and (hard == -1 or max_bytes < hard):
        resource.setrlimit(resource.RLIMIT_DATA, (max_bytes, max_bytes))


if __name__ == "__main__":
    tie_to_parent(int(sys.argv[1]))
    os.nice(int(sys.argv[2]))
    limit_memory(int(sys.argv[3]))
    os.execvp(sys.argv[4], sys.argv[4:])  # noqa: S606 - the arguments need no shell
