"""``python -m video_editing``: the command line as parents start it."""

import signal
import sys

from video_editing.concurrency import limit_library_threads

limit_library_threads()  # before numpy is imported, which starts as many threads as there are CPUs
signal.signal(signal.SIGINT, signal.SIG_DFL)  # imports leave nothing to clean up, or to trace

from video_editing.cli.main import main  # noqa: E402

sys.exit(main())
