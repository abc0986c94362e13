"""Run the command line many times, each in a process forked from one with the libraries loaded.

``python -m tests.support.run_forked SECONDS`` reads one JSON list a line: a folder and arguments.
For each it forks a child in the folder's "out", which has "tmp" for temporary files, and writes a
JSON object: "code" (negative: a signal), "seconds", "memory" (bytes at most) and "stderr". A child
that takes more than SECONDS of processor time, or three times as many seconds, is killed.
"""

import json
import os
import resource
import signal
import sys
import tempfile
import time
from pathlib import Path

from video_editing.concurrency import configure_libraries

POLL_SECONDS = 0.005


def run_forked(arguments: list[str], folder: str, seconds: int) -> dict[str, object]:
    """Run the command line with *arguments* in a child; return how it ended."""
    from video_editing.cli.main import main  # noqa: PLC0415 - after the limit on threads

    log = Path(folder, "tmp", ".stderr")
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.chdir(Path(folder, "out"))
            tempfile.tempdir = str(Path(folder, "tmp"))
            for number, name in ((1, os.devnull), (2, str(log))):
                os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
            code = main(arguments)
        except SystemExit as err:
            code = int(err.code or 0)
        except BaseException:  # noqa: BLE001 - a traceback is what is looked for
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stderr.flush()
            os._exit(code)
    while (ended := os.wait4(child, os.WNOHANG))[0] == 0:
        if time.monotonic() - began > 3 * seconds:
            os.kill(child, signal.SIGKILL)
        time.sleep(POLL_SECONDS)
    stderr = log.read_text(errors="replace") if log.exists() else ""
    log.unlink(missing_ok=True)
    return {
        "code": os.waitstatus_to_exitcode(ended[1]),
        "seconds": time.monotonic() - began,
        "memory": ended[2].ru_maxrss * 1024,
        "stderr": stderr[-3000:],
    }


if __name__ == "__main__":
    configure_libraries()
    for line in sys.stdin:
        folder, *arguments = json.loads(line)
        sys.stdout.write(json.dumps(run_forked(arguments, folder, int(sys.argv[1]))) + "\n")
        sys.stdout.flush()
