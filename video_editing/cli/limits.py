"""Limits of a command's time and memory; one that breaks them ends with a sentence."""

import _thread
import errno
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import av
import cv2

from video_editing.cli.failures import report_failure
from video_editing.contract.atomic_file import remove_unfinished
from video_editing.contract.errors import (
    Cancelled,
    InputRejected,
    OutOfMemory,
    OutOfThreads,
    RejectReason,
)
from video_editing.memory import (
    count_machine_bytes,
    is_memory_short,
    limit_private_memory,
    measure_peak_bytes,
    measure_resident_bytes,
)

MEMORY_SHARE = 0.75  #: of what the machine or the control group has
NEAR_LIMIT = 0.7  #: of the limit, from which on a thread may get no memory
HEADROOM = 1.25  #: private memory by resident memory; a part of it is reserved and never touched
READ_SECONDS = 10.0  #: that reading a small clip's packets may take …
READ_BYTES_PER_SECOND = 20_000_000  #: … and a larger one takes longer
WAIT_FACTOR = 3  #: seconds by seconds of processor time, on a machine that does other work as well
READ_MEMORY = 256_000_000  #: bytes that reading the index of a clip may take
#: what Python, and libraries that pass the system's error on, say where a thread cannot start
NO_THREAD_TEXTS = ("can't start new thread", os.strerror(errno.EAGAIN))
MODEL_SECONDS = 1800.0  #: in which a network is downloaded, compiled and run once
POLL_SECONDS = 0.05  #: seconds between two looks
GRACE_SECONDS = 2.0  #: seconds to clean up, after which the process ends without its work

Look = Callable[[], Exception | None]  #: returns the error of a limit that is broken


@contextmanager
def limit_memory(megabytes: int | None) -> Iterator[None]:
    """End the block when this process holds more than *megabytes* (10^6 bytes).

    None is three quarters of what the machine or the control group has. Most errors of native
    libraries, and of starting a thread, say no more than that when memory is short.

    Raises:
        OutOfMemory: it needs more, or the system gives it less.
        OutOfThreads: the system starts no thread, which is seen by whichever library asks for one.
    """
    machine = count_machine_bytes()
    share = int(MEMORY_SHARE * machine)
    max_bytes = share if megabytes is None else min(megabytes * 1_000_000, machine)

    def look() -> Exception | None:
        return OutOfMemory() if measure_resident_bytes() > max_bytes else None

    try:
        with limit_private_memory(int(HEADROOM * max_bytes)), _stop_when(look):
            yield
    except Exception as err:
        is_native = isinstance(err, cv2.error | av.FFmpegError | RuntimeError | OSError)
        if isinstance(err, MemoryError) or (is_native and is_memory_short(HEADROOM * max_bytes)):
            raise OutOfMemory from err
        if is_native and any(text in str(err) for text in NO_THREAD_TEXTS):
            # A thread needs memory too, of which much may be free again by now.
            was_short = measure_peak_bytes() > NEAR_LIMIT * max_bytes
            raise (OutOfMemory if was_short else OutOfThreads) from err
        raise


@contextmanager
def limit_reading_time(*files: Path | str, extra_seconds: float = 0) -> Iterator[None]:
    """End the block when it takes much longer than reading *files* takes.

    Args:
        files: what is read; one that does not exist, such as a colour, is ignored.
        extra_seconds: for other work in the block.

    Raises:
        InputRejected: TOO_LARGE, with "seconds".
    """
    limit = READ_SECONDS + extra_seconds
    for file in files:
        with suppress(OSError):
            limit += Path(file).stat().st_size / READ_BYTES_PER_SECOND
    began, began_working = time.monotonic(), time.process_time()

    def look() -> Exception | None:
        is_late = time.monotonic() - began > WAIT_FACTOR * limit
        if is_late or time.process_time() - began_working > limit:
            return InputRejected(RejectReason.TOO_LARGE, seconds=limit)
        return None

    with _stop_when(look):
        yield


@contextmanager
def _stop_when(look: Look) -> Iterator[None]:
    """End the block as SIGTERM does when *look* returns an error, and raise that instead.

    A library that does not return, and so never sees the signal, ends with the process.
    """
    finished, errors = Event(), list[Exception]()

    def watch() -> None:
        while not finished.wait(POLL_SECONDS):
            if (error := look()) is not None:
                errors.append(error)
                _thread.interrupt_main(signal.SIGTERM)
                if not finished.wait(GRACE_SECONDS):
                    _end_process(error)
                return

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        try:
            yield
        finally:
            finished.set()
            watcher.join()
    except Cancelled as err:
        if errors:
            raise errors[0] from err
        raise


def _end_process(error: Exception) -> None:
    remove_unfinished()
    os._exit(report_failure(error))
