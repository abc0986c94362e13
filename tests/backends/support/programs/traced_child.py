"""A child that stays a zombie for a while after it is killed; run as a script.

``traced_child.py SECONDS`` is traced by its own child, for which the kernel keeps it. Its parent
cannot reap it until the tracer ends, SECONDS later.
"""

import ctypes
import os
import sys
import time

PR_SET_PTRACER, PR_SET_PTRACER_ANY = 0x59616D61, ctypes.c_ulong(-1)  #: linux/prctl.h
PTRACE_SEIZE = 0x4206  #: linux/ptrace.h


def main(seconds: float) -> None:
    """Hang, traced for *seconds*; end with status 3 if tracing is not permitted."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY)
    traced = os.getpid()
    read_end, write_end = os.pipe()
    if os.fork() == 0:
        os.setsid()
        os.close(1)
        os.close(2)
        is_refused = libc.ptrace(PTRACE_SEIZE, traced, None, None)
        os.write(write_end, b"%d" % (3 if is_refused else 0))
        time.sleep(seconds)
        os._exit(0)
    if status := int(os.read(read_end, 1)):
        sys.exit(status)
    os.write(1, b"traced\n")
    time.sleep(600)


if __name__ == "__main__":
    main(float(sys.argv[1]))
