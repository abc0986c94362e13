"""``python -m video_editing``: the command line that parent processes start."""

import signal
import sys

from video_editing.cli.inheritance import prepare_process
from video_editing.concurrency import configure_libraries
from video_editing.memory import keep_freed_memory

prepare_process()
keep_freed_memory()
configure_libraries()  # before the import of numpy, which starts a thread per CPU
signal.signal(signal.SIGINT, signal.SIG_DFL)  # while modules load there is nothing to clean up

from video_editing.cli.main import main  # noqa: E402 - it imports numpy

sys.exit(main())
