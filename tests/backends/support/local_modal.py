"""Modal's containers, calls and Dict in this process; nothing contacts Modal."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Client, Connection, Listener
from types import ModuleType
from typing import Any, Protocol

from backends.server.modal_calls import WorkItem, WorkProgress, WorkResult

AUTHENTICATION_KEY = b"between processes of a test"


class Board(Protocol):
    """What the workers' progress is read from."""

    async def get_progress(self, item: WorkItem) -> WorkProgress | None: ...  # noqa: D102 - as of Containers
    async def get_segment(self, item: WorkItem, name: str) -> bytes: ...  # noqa: D102 - also of Containers
    async def delete_progress(self, item: WorkItem) -> None: ...  # noqa: D102 - of Containers as well


class _Method:
    """A method that is called as ``method.aio(…)``."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    async def aio(self, *arguments: Any) -> Any:
        """Call it."""
        return self._function(*arguments)


class FailingMethod:
    """A method whose requests end when they are cancelled, but by a failure.

    So Modal's client does it where a request fails at the moment in which it is cancelled.
    """

    async def aio(self, *_: Any) -> None:
        """Fail when cancelled."""
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        raise ConnectionError


class LocalDict:
    """A Dict of this process.

    Attributes:
        entries: what is in it.
        puts: the keys of all entries that were put, in order.
    """

    def __init__(self) -> None:
        self.entries: dict[str, Any] = {}
        self.puts: list[str] = []
        self.put, self.get, self.pop = map(_Method, (self._put, self.entries.get, self.entries.pop))

    def _put(self, key: str, value: Any) -> None:
        self.puts.append(key)
        self.entries[key] = value


class LocalCall:
    """A call of a worker, which runs in a thread."""

    def __init__(self, call_id: str) -> None:
        self.id = call_id
        self.stopped = threading.Event()
        self.future: Future[WorkResult] = Future()

    async def get(self) -> WorkResult:
        """Wait for the result."""
        return await asyncio.shield(asyncio.wrap_future(self.future))

    async def cancel(self) -> None:
        """Stop the work."""
        self.stopped.set()

    def sleep(self, seconds: float) -> None:
        """Wait, unless the call is cancelled."""
        if self.stopped.wait(seconds):
            raise ConnectionError("the call is cancelled")


def start_worker(module: ModuleType) -> Callable[[WorkItem], WorkResult]:
    """Start a worker of the Modal app here, and return its method for work items."""
    worker = module.Worker()
    # `.local()` starts it, which threads must not do together; it has an event loop of its own.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(worker.get_backend_name.local).result()
    make_mattes: Callable[[WorkItem], WorkResult] = worker.make_mattes.local
    return make_mattes


@dataclass
class LocalContainers:
    """Workers of this process, which do not depend on an event loop.

    Attributes:
        make: what each of them does with an item.
        lost: the n-th items, whose containers are lost in the middle.
        cold_seconds: until a container has started.
        work_seconds: at least, for each item; segments are ready one after the other.
        is_dict_broken: whether nothing is known of the progress.
        board: has the progress where workers publish it themselves.
        progress, segments: of items that a container has.
        items: all that were sent.
        calls: by id.
        commits: how often the files were committed.
    """

    make: Callable[[WorkItem], WorkResult]
    lost: Sequence[int] = ()
    cold_seconds: float = 0
    work_seconds: float = 0
    is_dict_broken: bool = False
    board: Board | None = None
    progress: dict[str, WorkProgress] = field(default_factory=dict)
    segments: dict[str, bytes] = field(default_factory=dict)
    items: list[WorkItem] = field(default_factory=list)
    calls: dict[str, LocalCall] = field(default_factory=dict)
    commits: int = 0
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(9))

    @property
    def cancelled(self) -> list[LocalCall]:
        """The calls that were cancelled."""
        return [call for call in self.calls.values() if call.stopped.is_set()]

    async def commit_files(self) -> None:
        """Count it: all share this machine's disk."""
        self.commits += 1

    async def spawn(self, item: WorkItem) -> LocalCall:
        """Start a worker; the answer takes the time that a connection takes."""
        self.items.append(item)
        call = self.calls[item.key] = LocalCall(item.key)
        self._threads.submit(self._run, item, call, len(self.items) - 1)
        await asyncio.sleep(0.1)
        return call

    async def attach(self, call_id: str) -> LocalCall:
        """Return a call that was sent before."""
        return self.calls[call_id]

    async def get_progress(self, item: WorkItem) -> WorkProgress | None:
        """Return it, or fail as Modal's connection does."""
        self._check_connection()
        return await self.board.get_progress(item) if self.board else self.progress.get(item.key)

    async def get_segment(self, item: WorkItem, name: str) -> bytes:
        """Return it."""
        self._check_connection()
        if self.board:
            return await self.board.get_segment(item, name)
        return self.segments[f"{item.key}/{name}"]

    async def delete_progress(self, item: WorkItem) -> None:
        """Forget it, or fail as Modal's connection does."""
        self._check_connection()
        if self.board:
            await self.board.delete_progress(item)
        self.progress.pop(item.key, None)

    def _check_connection(self) -> None:
        if self.is_dict_broken:
            raise ConnectionError

    def _run(self, item: WorkItem, call: LocalCall, number: int) -> None:
        try:
            call.future.set_result(self._work(item, call, is_lost=number in self.lost))
        except Exception as err:  # noqa: BLE001 - whatever fails in a container reaches the caller
            call.future.set_exception(err)

    def _work(self, item: WorkItem, call: LocalCall, *, is_lost: bool) -> WorkResult:
        call.sleep(self.cold_seconds)
        if self.board:
            return self.make(item)
        self.progress[item.key] = WorkProgress(0)
        result = self.make(item)
        for name, content in result.segments.items():
            call.sleep(self.work_seconds / len(result.segments))
            self.segments[f"{item.key}/{name}"] = content
            ready = (*self.progress[item.key].ready, name)
            done = item.plan.frames * len(ready) // len(result.segments)
            self.progress[item.key] = WorkProgress(done, ready)
            if is_lost:
                raise ConnectionError("the container is gone")
        return result


class ContainersServer:
    """Lends containers of this process to another one, which may be killed and started again."""

    def __init__(self, containers: LocalContainers) -> None:
        self._containers = containers
        self._listener = Listener(("127.0.0.1", 0), authkey=AUTHENTICATION_KEY)
        self.port = int(self._listener.address[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection = self._listener.accept()
            threading.Thread(target=self._answer, args=[connection], daemon=True).start()

    def _answer(self, connection: "Connection[Any, Any]") -> None:
        with connection, suppress(EOFError, OSError):
            name, arguments = connection.recv()
            connection.send(asyncio.run(self._call(name, *arguments)))

    async def _call(self, name: str, *arguments: Any) -> Any:
        if name in {"get", "cancel"}:
            call = self._containers.calls[arguments[0]]
            return await getattr(call, name)()
        result = await getattr(self._containers, name)(*arguments)
        return result.id if isinstance(result, LocalCall) else result


@dataclass
class BorrowedCall:
    """A call that runs in the process with the containers."""

    id: str
    port: int

    async def get(self) -> WorkResult:
        """Wait for the result."""
        result: WorkResult = await borrow(self.port, "get", self.id)
        return result

    async def cancel(self) -> None:
        """Stop the work."""
        await borrow(self.port, "cancel", self.id)


@dataclass
class BorrowedContainers:
    """The containers of the process that listens on *port*."""

    port: int

    async def commit_files(self) -> None:
        """Count it there."""
        await borrow(self.port, "commit_files")

    async def spawn(self, item: WorkItem) -> BorrowedCall:
        """Start a worker there."""
        return BorrowedCall(await borrow(self.port, "spawn", item), self.port)

    async def attach(self, call_id: str) -> BorrowedCall:
        """Return a call that was sent before."""
        return BorrowedCall(await borrow(self.port, "attach", call_id), self.port)

    async def get_progress(self, item: WorkItem) -> WorkProgress | None:
        """Return it."""
        progress: WorkProgress | None = await borrow(self.port, "get_progress", item)
        return progress

    async def get_segment(self, item: WorkItem, name: str) -> bytes:
        """Return it."""
        return bytes(await borrow(self.port, "get_segment", item, name))

    async def delete_progress(self, item: WorkItem) -> None:
        """Forget it."""
        await borrow(self.port, "delete_progress", item)


async def borrow(port: int, name: str, *arguments: Any) -> Any:
    """Call the method *name* in the process that listens on *port*."""

    def call() -> Any:
        with Client(("127.0.0.1", port), authkey=AUTHENTICATION_KEY) as connection:
            connection.send((name, arguments))
            return connection.recv()

    return await asyncio.to_thread(call)
