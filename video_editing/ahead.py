"""Stages that work side by side."""

from collections.abc import Generator, Iterable
from queue import Empty, Queue
from threading import Event, Thread
from typing import TypeVar, cast

T = TypeVar("T")

_END = object()


class _Failure:
    def __init__(self, error: BaseException) -> None:
        self.error = error


def ahead(items: Iterable[T], depth: int) -> Generator[T, None, None]:
    """Pass on *items*, made in a thread of their own, up to *depth* of them ahead of time.

    What *items* raises is raised here. When this generator is closed, the thread ends before
    the next item and *items* is closed in it.
    """
    queue: Queue[object] = Queue(depth)
    stopped = Event()

    def make() -> None:
        try:
            for item in items:
                queue.put(item)
                if stopped.is_set():
                    return
            queue.put(_END)
        except BaseException as error:  # noqa: BLE001 - it is raised again where it is awaited
            queue.put(_Failure(error))
        finally:
            if isinstance(items, Generator):
                items.close()

    thread = Thread(target=make, daemon=True)
    thread.start()
    try:
        while (item := queue.get()) is not _END:
            if isinstance(item, _Failure):
                raise item.error
            yield cast("T", item)
    finally:
        stopped.set()
        while thread.is_alive():
            _emptied(queue)
            thread.join(0.01)


def _emptied(queue: Queue[object]) -> None:
    """Make room for a producer that waits to put."""
    while True:
        try:
            queue.get_nowait()
        except Empty:
            return
