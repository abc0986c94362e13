"""One job at a service: the clip goes there once, segments come back as they get ready."""

import asyncio
import hmac
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import NoReturn

from backends.base import CostIncurred, Report
from backends.errors import BackendUnavailable, FailureKind
from backends.local.video_cli import create_rejection
from backends.remote.http_client import ServiceClient, ServiceHttpError, Timeouts
from backends.remote.schemas import (
    ClipResponse,
    MatteJobFailure,
    MatteJobRequest,
    MatteJobResponse,
    MatteJobState,
)
from backends.remote.staging import SegmentStaging
from backends.resilience.retry import TRANSIENT_FAILURES
from video_editing.contract.plan import Plan
from video_editing.contract.progress import Progress

HASH_CHUNK_BYTES = 1 << 20  #: bytes of the clip at a time, so that the event loop goes on
MAX_FRAME_BYTES = 1 << 19  #: of the largest segment, for each of its frames
MAX_FAILED_POLLS = 4  #: failures in a row after which the job is given up
FINAL_STATES = {MatteJobState.DONE, MatteJobState.FAILED, MatteJobState.CANCELLED}


class _JobLost(BackendUnavailable):
    """The service no longer knows the job, so that polling again is pointless."""


class RemoteJob:
    """Some segments of one clip, asked of one service."""

    def __init__(
        self,
        backend: str,
        client: ServiceClient,
        timeouts: Timeouts,
        job_id: str,
        request: MatteJobRequest,
    ) -> None:
        """Remember what to ask for.

        Args:
            backend: of the backend, for errors.
            client: to the service.
            timeouts: how long to wait.
            job_id: a name that nobody guesses, and that is the same when we ask again.
            request: the clip's hash, and the plan with the segments that are wanted.
        """
        self._backend, self._client, self._timeouts = backend, client, timeouts
        self._id, self._request = job_id, request
        self._segments = {segment.index: segment for segment in request.plan.segments}
        self._progressed_at = 0.0  # when the job last got further
        self._last_progress: tuple[MatteJobState, int, list[int]] | None = None
        self._device_seconds = 0.0  # as of the last answer
        self._fetched: set[int] = set()

    async def run(self, clip: Path, staging: SegmentStaging, report: Report, price: float) -> None:
        """Have it done.

        Args:
            clip: is uploaded, unless the service has it.
            staging: takes what comes.
            report: is told how far the work is, in frames of the segments that are wanted.
            price: dollars for a second of the service's device.

        Raises:
            InputRejected: the clip is at fault.
            BackendUnavailable: the service is.
        """
        try:
            await self._upload_if_missing(clip)
            await self._follow(staging, report, price)
        except BackendUnavailable:
            await self._clean_up_remote(
                ("POST", f"jobs/{self._id}/cancel")
            )  # asked again, it goes on
            raise
        except BaseException:
            await self._delete_remote()
            raise
        await self._delete_remote()

    async def _upload_if_missing(self, clip: Path) -> None:
        path = f"clips/{self._request.input}"
        try:
            await self._client.request_json("GET", path, ClipResponse)
        except ServiceHttpError as err:
            if err.status != 404:
                raise
            await self._client.upload(path, clip)

    async def _follow(self, staging: SegmentStaging, report: Report, price: float) -> None:
        seconds_before = (await self._request_job("PUT")).device_seconds
        try:
            answer = await self._poll_until_final(staging, report)
        finally:
            spent = max(0.0, self._device_seconds - seconds_before)
            report(CostIncurred(self._backend, spent, spent * price))
        self._check_result(answer)
        staging.finish()

    async def _poll_until_final(self, staging: SegmentStaging, report: Report) -> MatteJobResponse:
        """Poll until the job has ended; a few failures in a row do not end it.

        The service works on while a proxy in between restarts or the network fails for a moment;
        cancelling would lose the segments in progress, and they would be paid for again.
        """
        failures = 0
        while True:
            try:
                answer = await self._poll(staging, report)
            except BackendUnavailable as failure:
                failures += 1
                pause = self._decide_pause(failure, failures)
            else:
                if answer.state in FINAL_STATES:
                    return answer
                failures, pause = 0, self._timeouts.poll
            await asyncio.sleep(pause)

    async def _poll(self, staging: SegmentStaging, report: Report) -> MatteJobResponse:
        answer = await self._request_job("GET")
        await self._collect(answer, staging, report)
        return answer

    def _decide_pause(self, failure: BackendUnavailable, failures: int) -> float:
        """Return the seconds until the next poll after so many *failures* in a row.

        Raises:
            BackendUnavailable: *failure*, if it is permanent, one too many, or if the pause would
                outlast the time in which the job must progress.
        """
        pause = self._timeouts.poll * 2.0 ** (failures - 1)
        if failure.retry_after is not None:
            pause = failure.retry_after
        if (
            isinstance(failure, _JobLost)
            or failure.kind not in TRANSIENT_FAILURES
            or failures >= MAX_FAILED_POLLS
            or pause > self._get_seconds_to_stall()
        ):
            raise failure
        return pause

    async def _request_job(self, method: str) -> MatteJobResponse:
        """What the service says of the job, as far as it can be true."""
        body = self._request if method == "PUT" else None
        try:
            answer = await self._client.request_json(
                method, f"jobs/{self._id}", MatteJobResponse, body
            )
        except ServiceHttpError as err:
            if method == "PUT" or err.status != 404:
                raise
            raise _JobLost(self._backend, FailureKind.BROKEN, "the job is gone") from err
        if (answer.job_id, answer.input) != (self._id, self._request.input):
            raise BackendUnavailable(
                self._backend, FailureKind.INVALID_RESPONSE, "another job's answer"
            )
        self._device_seconds = answer.device_seconds
        self._check_stall(answer)
        return answer

    def _check_stall(self, answer: MatteJobResponse) -> None:
        progress = answer.state, answer.done, answer.ready
        if progress != self._last_progress:
            self._progressed_at = asyncio.get_running_loop().time()
            self._last_progress = progress
        if self._get_seconds_to_stall() < 0:
            raise BackendUnavailable(self._backend, FailureKind.TOO_SLOW, answer.state)

    def _get_seconds_to_stall(self) -> float:
        """Return the seconds within which the job must progress again."""
        is_queued = self._last_progress is not None and (
            self._last_progress[0] is MatteJobState.QUEUED
        )
        limit = self._timeouts.start if is_queued else self._timeouts.stall
        return self._progressed_at + limit - asyncio.get_running_loop().time()

    async def _collect(
        self, answer: MatteJobResponse, staging: SegmentStaging, report: Report
    ) -> None:
        """Fetch what is ready and was not fetched before."""
        if answer.state is MatteJobState.QUEUED:
            self._client.on_cold_start()
        # Asked before for more than now, the service may have segments that we have by now.
        wanted = sorted(set(answer.ready) & self._segments.keys() - self._fetched)
        for index in wanted:
            most = MAX_FRAME_BYTES * self._segments[index].frames
            path = f"jobs/{self._id}/segments/{index}"
            await self._client.download(path, staging.get_path(index), most, self._id)
        await staging.accept(wanted)
        self._fetched |= set(wanted)
        report(Progress("mattes", answer.done, answer.total, answer.fps))

    def _check_result(self, answer: MatteJobResponse) -> None:
        match answer:
            case MatteJobResponse(state=MatteJobState.FAILED, failure=MatteJobFailure() as failure):
                self._raise_failure(failure)
            case MatteJobResponse(state=MatteJobState.DONE) if (
                self._fetched == self._segments.keys()
            ):
                return
        raise BackendUnavailable(
            self._backend, FailureKind.BROKEN, f"{answer.state}, but not complete"
        )

    def _raise_failure(self, failure: MatteJobFailure) -> NoReturn:
        if failure.rejected:
            raise create_rejection(failure.reason, failure.details)
        kind = (
            FailureKind(failure.reason)
            if failure.reason in list(FailureKind)
            else FailureKind.BROKEN
        )
        raise BackendUnavailable(
            self._backend, kind, "as it says itself", retry_after=failure.retry_after
        )

    async def _delete_remote(self) -> None:
        await self._clean_up_remote(
            ("DELETE", f"jobs/{self._id}"), ("DELETE", f"clips/{self._request.input}")
        )

    async def _clean_up_remote(self, *requests: tuple[str, str]) -> None:
        """Last words, which nothing depends on: what a service keeps, it deletes by itself."""
        with suppress(BackendUnavailable, TimeoutError):
            async with asyncio.timeout(self._timeouts.cleanup):
                for method, path in requests:
                    await self._client.request(method, path)


def derive_job_id(secret: bytes, folder: Path, digest: str, plan: Plan) -> str:
    """The same whenever the same folder lacks something, and not to be guessed by others."""
    work = f"{folder.absolute()}|{digest}|{plan.model_dump_json()}"
    return hmac.new(secret, work.encode(), sha256).hexdigest()


async def hash_clip(clip: Path) -> str:
    """SHA-256 of the clip's bytes."""
    hasher = sha256()
    with clip.open("rb") as file:
        while chunk := file.read(HASH_CHUNK_BYTES):
            hasher.update(chunk)
            await asyncio.sleep(0)
    return hasher.hexdigest()
