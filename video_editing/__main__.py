"""``python -m video_editing``: the command line as parents start it."""

import sys

from video_editing.cpus import one_thread_each

one_thread_each()  # before numpy is imported, which starts as many threads as there are CPUs

from video_editing.cli import main  # noqa: E402

sys.exit(main())
