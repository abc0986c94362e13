"""One job at a service: the clip goes there once, segments come back as they get ready."""

import asyncio
import hmac
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import NoReturn

from backends.base import Report, Spent
from backends.errors import BackendUnavailable, Why
from backends.local.video_cli import rejected
from backends.remote.http_client import Calls, Patience, Refused
from backends.remote.schemas import ClipAnswer, Failure, JobAnswer, JobRequest, State
from backends.remote.staging import Arrivals
from video_editing.contract.plan import Plan
from video_editing.contract.progress import Progress

HASHED = 1 << 20  #: bytes of the clip at a time, so that the event loop goes on
FRAME_BYTES = 1 << 19  #: of the largest segment, for each of its frames
ENDS = {State.DONE, State.FAILED, State.CANCELLED}


class RemoteJob:
    """Some segments of one clip, asked of one service."""

    def __init__(
        self, name: str, calls: Calls, patience: Patience, job_id: str, request: JobRequest
    ) -> None:
        """Remember what to ask for.

        Args:
            name: of the backend, for errors.
            calls: to the service.
            patience: how long to wait.
            job_id: a name that nobody guesses, and that is the same when we ask again.
            request: the clip's hash, and the plan with the segments that are wanted.
        """
        self._name, self._calls, self._patience = name, calls, patience
        self._id, self._request = job_id, request
        self._segments = {segment.index: segment for segment in request.plan.segments}
        self._moved = 0.0  # when the job last got further
        self._reached: tuple[State, int, list[int]] | None = None
        self._fetched: set[int] = set()

    async def run(self, clip: Path, arrivals: Arrivals, report: Report, price: float) -> None:
        """Have it done.

        Args:
            clip: is uploaded, unless the service has it.
            arrivals: takes what comes.
            report: is told how far the work is, in frames of the segments that are wanted.
            price: dollars for a second of the service's device.

        Raises:
            InputRejected: the clip is at fault.
            BackendUnavailable: the service is.
        """
        try:
            await self._upload_once(clip)
            await self._follow(arrivals, report, price)
        except BackendUnavailable:
            await self._farewell(("POST", f"jobs/{self._id}/cancel"))  # asked again, it goes on
            raise
        except BaseException:
            await self._forget()
            raise
        await self._forget()

    async def _upload_once(self, clip: Path) -> None:
        path = f"clips/{self._request.input}"
        try:
            await self._calls.json("GET", path, ClipAnswer)
        except Refused as err:
            if err.status != 404:
                raise
            await self._calls.upload(path, clip)

    async def _follow(self, arrivals: Arrivals, report: Report, price: float) -> None:
        answer = await self._asked("PUT")
        before = answer.device_seconds
        try:
            while answer.state not in ENDS:
                await self._collect(answer, arrivals, report)
                await asyncio.sleep(self._patience.poll)
                answer = await self._asked("GET")
        finally:
            spent = max(0.0, answer.device_seconds - before)
            report(Spent(self._name, spent, spent * price))
        await self._collect(answer, arrivals, report)
        self._look_at_end(answer)
        arrivals.complete()

    async def _asked(self, method: str) -> JobAnswer:
        """What the service says of the job, as far as it can be true."""
        body = self._request if method == "PUT" else None
        try:
            answer = await self._calls.json(method, f"jobs/{self._id}", JobAnswer, body)
        except Refused as err:
            if method == "PUT" or err.status != 404:
                raise
            raise BackendUnavailable(self._name, Why.BROKEN, "the job is gone") from err
        if (answer.job_id, answer.input) != (self._id, self._request.input):
            raise BackendUnavailable(self._name, Why.GARBAGE, "another job's answer")
        self._look_whether_it_moves(answer)
        return answer

    def _look_whether_it_moves(self, answer: JobAnswer) -> None:
        now = asyncio.get_running_loop().time()
        reached = answer.state, answer.done, answer.ready
        if reached != self._reached:
            self._moved, self._reached = now, reached
        queued = answer.state is State.QUEUED
        if now - self._moved > (self._patience.start if queued else self._patience.stall):
            raise BackendUnavailable(self._name, Why.TOO_SLOW, answer.state)

    async def _collect(self, answer: JobAnswer, arrivals: Arrivals, report: Report) -> None:
        """Fetch what is ready and was not fetched before."""
        if answer.state is State.QUEUED:
            self._calls.warming()
        # Asked before for more than now, the service may have segments that we have by now.
        wanted = sorted(set(answer.ready) & self._segments.keys() - self._fetched)
        for index in wanted:
            most = FRAME_BYTES * self._segments[index].frames
            path = f"jobs/{self._id}/segments/{index}"
            await self._calls.download(path, arrivals.path(index), most, self._id)
        await arrivals.take(wanted)
        self._fetched |= set(wanted)
        report(Progress("mattes", answer.done, answer.total, answer.fps))

    def _look_at_end(self, answer: JobAnswer) -> None:
        match answer:
            case JobAnswer(state=State.FAILED, failure=Failure() as failure):
                self._fail(failure)
            case JobAnswer(state=State.DONE) if self._fetched == self._segments.keys():
                return
        raise BackendUnavailable(self._name, Why.BROKEN, f"{answer.state}, but not complete")

    def _fail(self, failure: Failure) -> NoReturn:
        if failure.rejected:
            raise rejected(failure.reason, failure.details)
        why = Why(failure.reason) if failure.reason in list(Why) else Why.BROKEN
        raise BackendUnavailable(
            self._name, why, "as it says itself", retry_after=failure.retry_after
        )

    async def _forget(self) -> None:
        await self._farewell(
            ("DELETE", f"jobs/{self._id}"), ("DELETE", f"clips/{self._request.input}")
        )

    async def _farewell(self, *words: tuple[str, str]) -> None:
        """Last words, which nothing depends on: what a service keeps, it deletes by itself."""
        with suppress(BackendUnavailable, TimeoutError):
            async with asyncio.timeout(self._patience.farewell):
                for method, path in words:
                    await self._calls.tell(method, path)


def job_id(secret: bytes, folder: Path, digest: str, plan: Plan) -> str:
    """The same whenever the same folder lacks something, and not to be guessed by others."""
    work = f"{folder.absolute()}|{digest}|{plan.model_dump_json()}"
    return hmac.new(secret, work.encode(), sha256).hexdigest()


async def digest(clip: Path) -> str:
    """SHA-256 of the clip's bytes."""
    seen = sha256()
    with clip.open("rb") as file:
        while chunk := file.read(HASHED):
            seen.update(chunk)
            await asyncio.sleep(0)
    return seen.hexdigest()
