"""The end: asked for by a signal, and at once, whatever hangs."""

import asyncio
import logging
import os
import signal
import threading
import time
from typing import NoReturn

END_SECONDS = 1.7  #: from a signal to the end at most


class Ending:
    """Hears when we are to end, and sees to it from a thread of its own.

    Attributes:
        asked: is set then.
    """

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self._heard = threading.Event()
        threading.Thread(target=self._outwait, name="ending", daemon=True).start()
        loop = asyncio.get_running_loop()
        for kind in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(kind, self.asked.set)
            # The loop is woken by the signal itself; this runs even while it is busy.
            signal.signal(kind, lambda *_: self._heard.set())

    def _outwait(self) -> None:
        self._heard.wait()
        time.sleep(END_SECONDS)
        os._exit(0)


def leave(code: int) -> NoReturn:
    """End now. Nothing is unwound: a job that is would be written down as failed."""
    logging.shutdown()
    os._exit(code)
