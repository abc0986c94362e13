"""Run one job at the service: upload the clip, poll, download segments as they become ready."""

import asyncio
import hmac
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from backends.base import CostIncurred, Report
from backends.errors import BackendUnavailable, FailureKind
from backends.local.video_cli import VideoCli, create_rejection
from backends.remote.http_client import ServiceClient, ServiceHttpError, Timeouts
from backends.remote.polling import PollSchedule
from backends.remote.schemas import (
    ClipResponse,
    MatteJobFailure,
    MatteJobRequest,
    MatteJobResponse,
    MatteJobState,
)
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.plan import Plan, write_plan
from video_editing.contract.progress import Progress, ignore

HASH_CHUNK_BYTES = 1 << 20  #: hashed at a time, so that the event loop goes on
MAX_FRAME_BYTES = 1 << 19  #: a segment is not larger than this for each of its frames
FINAL_STATES = {MatteJobState.DONE, MatteJobState.FAILED, MatteJobState.CANCELLED}


class SegmentStaging:
    """A hidden folder that holds downloaded segments until they are checked.

    If no segment shows a person, either the clip shows none or the service is broken. A segment
    without a person is therefore accepted once another segment shows one; if none does, another
    backend has to decide.

    Attributes:
        folder: receives the accepted segments.
    """

    def __init__(
        self, backend: str, video_cli: VideoCli, clip: Path, plan: Plan, folder: Path
    ) -> None:
        self._backend, self._video_cli, self._clip = backend, video_cli, clip
        self._segments = {segment.index: segment for segment in plan.segments}
        self.folder = folder
        self._staging_folder = Path(tempfile.mkdtemp(prefix=".arrivals-", dir=folder))
        write_plan(plan, self._staging_folder)
        self._unconfirmed: set[int] = set()
        self._has_person = False

    def get_path(self, index: int) -> Path:
        """Return the path under which to store the downloaded segment."""
        return self._staging_folder / self._segments[index].file_name

    async def accept(self, indices: Collection[int]) -> None:
        """Check the downloaded segments, and move them into `folder`.

        Raises:
            BackendUnavailable: one of them is damaged, or does not fit the plan.
        """
        if not indices:
            return
        self._unconfirmed |= set(indices)
        if await self._contains_person(indices):
            self._has_person = True
        if self._has_person:
            for index in sorted(self._unconfirmed):
                self.get_path(index).replace(self.folder / self._segments[index].file_name)
            self._unconfirmed.clear()

    def finish(self) -> None:
        """End the job: all segments must be accepted.

        Raises:
            BackendUnavailable: none of them shows a person.
        """
        if self._unconfirmed:
            raise BackendUnavailable(
                self._backend, FailureKind.INVALID_RESPONSE, "no person in any segment"
            )

    def close(self) -> None:
        """Remove the segments that were not accepted."""
        shutil.rmtree(self._staging_folder, ignore_errors=True)

    async def _contains_person(self, indices: Collection[int]) -> bool:
        only = ",".join(map(str, sorted(indices)))
        staged = ("--segments", str(self._staging_folder.absolute()))
        try:
            await self._video_cli.run(
                *("matte", str(self._clip.absolute()), *staged, "--check", "--only", only),
                *("--progress", "json"),
                report=ignore,
            )
        except InputRejected as err:
            if err.reason is RejectReason.NO_PERSON:
                return False
            raise BackendUnavailable(
                self._backend, FailureKind.INVALID_RESPONSE, str(err.details.get("why"))
            ) from err
        return True


@contextmanager
def open_staging(
    backend: str, video_cli: VideoCli, clip: Path, plan: Plan, folder: Path
) -> Iterator[SegmentStaging]:
    """Open the staging of *folder*, which is removed when the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    staging = SegmentStaging(backend, video_cli, clip, plan, folder)
    try:
        yield staging
    finally:
        staging.close()


class _JobLost(BackendUnavailable):
    """The service does not know the job any more, so that polling again is pointless."""


class RemoteJob:
    """Makes some segments of one clip at one service."""

    def __init__(
        self,
        backend: str,
        client: ServiceClient,
        timeouts: Timeouts,
        job_id: str,
        request: MatteJobRequest,
        *,
        keeps_clip: bool,
    ) -> None:
        """Configure the job.

        Args:
            backend: name of the backend, for errors.
            client: client of the service.
            timeouts: limits of the service's responses.
            job_id: from `derive_job_id`.
            request: the hash of the clip, and the plan of the requested segments.
            keeps_clip: whether the clip stays at the service when the mattes are made.
        """
        self._backend, self._client, self._timeouts = backend, client, timeouts
        self._id, self._request, self._keeps_clip = job_id, request, keeps_clip
        self._segments = {segment.index: segment for segment in request.plan.segments}
        self._schedule = PollSchedule(backend, timeouts)
        self._submitted_at = 0.0  # on the monotonic clock
        self._device_seconds = 0.0  # as of the last answer
        self._fetched: set[int] = set()

    async def run(self, clip: Path, staging: SegmentStaging, report: Report, price: float) -> None:
        """Run the job to its end, and remove it from the service.

        A failure of the service only cancels it, so that a next attempt continues it.

        Args:
            clip: is uploaded, unless the service has it.
            staging: receives the segments.
            report: receives the progress, in frames of the requested segments.
            price: dollars for a second of the service's device.

        Raises:
            InputRejected: the clip is at fault.
            BackendUnavailable: the service is at fault.
        """
        try:
            await self._upload_if_missing(clip)
            await self._follow(staging, report, price)
        except BackendUnavailable:
            await self._clean_up_remote(("POST", f"jobs/{self._id}/cancel"))
            raise
        except BaseException:
            await self._delete_remote(keeps_clip=False)
            raise
        await self._delete_remote(keeps_clip=self._keeps_clip)

    async def _upload_if_missing(self, clip: Path) -> None:
        path = f"clips/{self._request.input}"
        try:
            await self._client.request_json("GET", path, ClipResponse)
        except ServiceHttpError as err:
            if err.status != 404:
                raise
            await self._client.upload(path, clip)

    async def _follow(self, staging: SegmentStaging, report: Report, price: float) -> None:
        self._submitted_at = time.monotonic()
        seconds_before = (await self._request_job("PUT")).device_seconds
        try:
            answer = await self._poll_until_final(staging, report)
        finally:
            spent = max(0.0, self._device_seconds - seconds_before)
            report(CostIncurred(self._backend, spent, spent * price))
        self._check_result(answer)
        staging.finish()

    async def _poll_until_final(self, staging: SegmentStaging, report: Report) -> MatteJobResponse:
        """Poll until the job has ended.

        Cancelling it after a failed poll would lose the segments in progress, and they would be
        paid for again.
        """
        while True:
            try:
                answer = await self._poll(staging, report)
            except _JobLost:
                raise
            except BackendUnavailable as failure:
                pause = self._schedule.decide_pause(failure)
            else:
                if answer.state in FINAL_STATES:
                    return answer
                pause = self._schedule.decide_pause()
            await asyncio.sleep(pause)

    async def _poll(self, staging: SegmentStaging, report: Report) -> MatteJobResponse:
        answer = await self._request_job("GET")
        await self._collect(answer, staging, report)
        return answer

    async def _request_job(self, method: str) -> MatteJobResponse:
        """Submit the job (PUT) or poll it (GET), and check the response."""
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
        progress = answer.state, answer.is_warming_up, answer.done, answer.ready
        self._schedule.record(progress, self._get_time_limit(answer))
        return answer

    def _get_time_limit(self, answer: MatteJobResponse) -> float:
        """Return the seconds in which a job in the state of *answer* must progress."""
        if answer.state is not MatteJobState.QUEUED:
            return self._timeouts.stall
        return self._timeouts.warm_up if answer.is_warming_up else self._timeouts.start

    async def _collect(
        self, answer: MatteJobResponse, staging: SegmentStaging, report: Report
    ) -> None:
        """Download the segments that are ready and were not downloaded before."""
        waited = time.monotonic() - self._submitted_at
        if answer.is_warming_up and waited > self._timeouts.cold_start:
            self._client.on_cold_start()
        # An earlier attempt may have requested more segments than are missing now.
        new = sorted(set(answer.ready) & self._segments.keys() - self._fetched)
        for index in new:
            max_bytes = MAX_FRAME_BYTES * self._segments[index].frames
            path = f"jobs/{self._id}/segments/{index}"
            await self._client.download(path, staging.get_path(index), max_bytes, self._id)
        await staging.accept(new)
        self._fetched |= set(new)
        if answer.state is not MatteJobState.QUEUED:  # the time in the queue says nothing of speed
            report(Progress("mattes", answer.done, answer.total, answer.fps))

    def _check_result(self, answer: MatteJobResponse) -> None:
        match answer:
            case MatteJobResponse(state=MatteJobState.FAILED, failure=MatteJobFailure() as failure):
                raise create_failure(self._backend, failure)
            case MatteJobResponse(state=MatteJobState.DONE) if (
                self._fetched == self._segments.keys()
            ):
                return
        raise BackendUnavailable(
            self._backend, FailureKind.BROKEN, f"{answer.state}, but not complete"
        )

    async def _delete_remote(self, *, keeps_clip: bool) -> None:
        clips = [] if keeps_clip else [("DELETE", f"clips/{self._request.input}")]
        await self._clean_up_remote(("DELETE", f"jobs/{self._id}"), *clips)

    async def _clean_up_remote(self, *requests: tuple[str, str]) -> None:
        """Send requests whose failure does not matter: the service deletes old jobs by itself."""
        with suppress(BackendUnavailable, TimeoutError):
            async with asyncio.timeout(self._timeouts.cleanup):
                for method, path in requests:
                    await self._client.request(method, path)


def create_failure(backend: str, failure: MatteJobFailure) -> Exception:
    """Return the error that the service reports as *failure*."""
    if failure.rejected:
        return create_rejection(failure.reason, failure.details)
    is_known = failure.reason in list(FailureKind)
    kind = FailureKind(failure.reason) if is_known else FailureKind.BROKEN
    return BackendUnavailable(
        backend, kind, "reported by the service", retry_after=failure.retry_after
    )


def derive_job_id(secret: bytes, folder: Path, digest: str, plan: Plan) -> str:
    """Derive the id of a job from its work, so that a later attempt finds it and its segments.

    Others cannot guess it, since it is an HMAC with *secret*. It depends on the JSON of the plan:
    to find the jobs that an earlier version paid for after an upgrade, a new field of
    `Plan` must be excluded from its JSON while it has its default value.

    Args:
        secret: the key of the service.
        folder: the job's folder for mattes.
        digest: hash of the clip.
        plan: the plan of the folder, with all its segments.
    """
    work = f"{folder.absolute()}|{digest}|{plan.model_dump_json()}"
    return hmac.new(secret, work.encode(), sha256).hexdigest()


async def hash_clip(clip: Path) -> str:
    """Compute the SHA-256 of the clip's bytes, in hexadecimal."""
    hasher = sha256()
    with clip.open("rb") as file:
        while chunk := file.read(HASH_CHUNK_BYTES):
            hasher.update(chunk)
            await asyncio.sleep(0)
    return hasher.hexdigest()
