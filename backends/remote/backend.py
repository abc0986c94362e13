"""A place of work at the other end of HTTP: the service, at Modal or on a machine of one's own."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar
from yarl import URL

from backends.base import Event, OverlayBackend, Report, Warming, forwards
from backends.errors import BackendUnavailable, Why
from backends.local.process import Limits
from backends.local.video_cli import COMMAND, Command
from backends.remote.http_client import Calls, Patience
from backends.remote.job import RemoteJob, digest, job_id
from backends.remote.schemas import JobRequest
from backends.remote.staging import arrivals
from settings import Remote
from video_editing.contract.errors import OutputFailed
from video_editing.contract.plan import Plan, keep_plan, missing
from video_editing.contract.progress import Progress

NOBODYS = f"clips/{'0' * 64}"  #: asked for without a key, to see whether the door is locked
CHECKING = Limits(seconds=120, patience=120, memory=2 << 30)
CONNECT_SECONDS = 10


class RemoteBackend(OverlayBackend):
    """A service, reached by its address and a key."""

    def __init__(
        self,
        name: str,
        settings: Remote,
        *,
        patience: Patience | None = None,
        program: Sequence[str] = COMMAND,
    ) -> None:
        """Remember where it is.

        Args:
            name: as the chain calls this place.
            settings: its address, keys and price.
            patience: how long to wait for it.
            program: what to run in place of the command line, to check what comes.
        """
        self.name = name
        self._base, self._price = URL(settings.endpoint), settings.price
        self._keys = _keys(settings)
        self._patience = patience or Patience()
        self._command = Command(name, CHECKING, program)
        self._locked = False

    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """See :class:`OverlayBackend`."""
        forward = forwards(report, plan.frames)
        try:
            keep_plan(plan, folder)
            if missing(plan, folder):
                await self._make(clip, plan, folder, forward)
        except TimeoutError as err:
            raise BackendUnavailable(self.name, Why.TOO_SLOW) from err
        except OSError as err:
            raise OutputFailed(err.strerror) from err
        forward(Progress("mattes", plan.frames, plan.frames, 0))

    async def check(self) -> None:
        """See that the service turns strangers away.

        Raises:
            BackendUnavailable: it does not, or nobody can tell.
        """
        async with self._calls(_unheard) as calls:
            await self._see_it_locked(calls)

    async def _see_it_locked(self, calls: Calls) -> None:
        if self._locked:
            return
        if not await calls.refuses_strangers(NOBODYS):
            raise BackendUnavailable(self.name, Why.UNSAFE, "it is open to everybody")
        self._locked = True

    async def _make(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        wanted = plan.model_copy(update={"segments": tuple(missing(plan, folder))})
        request = JobRequest(input=await digest(clip), plan=wanted)
        name = job_id(repr(self._keys).encode(), folder, request.input, plan)
        async with asyncio.timeout(self._patience.total), self._calls(report) as calls:
            await self._see_it_locked(calls)
            job = RemoteJob(self.name, calls, self._patience, name, request)
            with arrivals(self.name, self._command, clip, plan, folder) as waiting:
                before = plan.frames - wanted.frames
                await job.run(clip, waiting, _after(before, report), self._price)

    @asynccontextmanager
    async def _calls(self, report: Report) -> AsyncIterator[Calls]:
        warm = False

        def warming() -> None:
            nonlocal warm
            if not warm:
                warm = True
                report(Warming(self.name))

        timeout = ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
        async with ClientSession(
            timeout=timeout, cookie_jar=DummyCookieJar(), trust_env=False
        ) as session:
            yield Calls(self.name, session, self._base, self._keys, self._patience, warming)


def _keys(settings: Remote) -> dict[str, str]:
    token = settings.token.get_secret_value()
    proxy = settings.key.get_secret_value(), settings.secret.get_secret_value()
    keys = {"Authorization": f"Bearer {token}"} if token else {}
    if all(proxy):
        keys |= {"Modal-Key": proxy[0], "Modal-Secret": proxy[1]}
    return keys


def _after(before: int, report: Report) -> Report:
    """A report in which frames that were there before count as done."""

    def passed_on(event: Event) -> None:
        if isinstance(event, Progress):
            event = replace(event, done=event.done + before, total=event.total + before)
        report(event)

    return passed_on


def _unheard(_: object) -> None:
    """Nobody is told about a check."""
