"""Run one render at the service: upload what it lacks, poll, download the result."""

import asyncio
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from pathlib import Path

from backends.base import Report
from backends.errors import BackendUnavailable, FailureKind
from backends.remote.http_client import ServiceClient, ServiceHttpError, Timeouts
from backends.remote.job import FINAL_STATES, create_failure
from backends.remote.polling import PollSchedule
from backends.remote.render_files import RenderFiles
from backends.remote.render_schemas import RenderedFile, RenderJobResponse, RenderState
from backends.remote.schemas import ClipResponse, MatteJobFailure
from video_editing.contract.progress import Progress

MAX_SUBMISSIONS = 3  #: of a render whose files or state the service has lost
MAX_RESULT_BYTES = 4 << 30  #: of a result without a limit


class RenderJob:
    """One render at one service."""

    def __init__(
        self,
        backend: str,
        client: ServiceClient,
        timeouts: Timeouts,
        job_id: str,
        files: RenderFiles,
    ) -> None:
        """Configure the render.

        Args:
            backend: name of the service, for errors.
            client: client of the service.
            timeouts: limits of the service's responses.
            job_id: from :func:`derive_render_id`.
            files: the request, and the files that it names.
        """
        self._backend, self._client, self._timeouts = backend, client, timeouts
        self._path, self._id, self._files = f"renders/{job_id}", job_id, files
        form = files.request.form
        self._stage = "cut" if form.is_transparent else "edit"

    @asynccontextmanager
    async def cleaned_up(self) -> AsyncIterator[None]:
        """Remove the render and its files from the service when the block ends.

        A failure of the service only cancels it: the service deletes it after a while, and a next
        attempt finds what is there.
        """
        try:
            yield
        except BackendUnavailable as failure:
            if failure.kind is FailureKind.INVALID_RESPONSE:  # its result is of no use
                await self._delete_remote()
            else:
                await self._clean_up_remote(("POST", f"{self._path}/cancel"))
            raise
        except BaseException:
            await self._delete_remote()
            raise
        await self._delete_remote()

    async def run(self, result: Path, report: Report) -> RenderedFile:
        """Render, write the video to *result*, and return its properties.

        Args:
            result: path of the video.
            report: receives the progress.

        Raises:
            InputRejected: the clip, the mattes or the background are at fault.
            BackendUnavailable: the service is at fault.
        """
        for attempt in range(1, MAX_SUBMISSIONS + 1):
            try:
                await self._upload_missing_files()
                await self._request("PUT")
                rendered = self._check_result(await self._poll_until_final(report))
                size = rendered.size
                await self._client.download(f"{self._path}/result", result, size, self._id)
            except ServiceHttpError as failure:
                # After a restart the service has lost the render, or a file has expired there.
                if failure.status != 404 or attempt == MAX_SUBMISSIONS:
                    raise
            else:
                return rendered
        raise AssertionError  # the last attempt returns or raises

    async def _upload_missing_files(self) -> None:
        for digest, path in self._files.paths.items():
            try:
                await self._client.request_json("GET", f"clips/{digest}", ClipResponse)
            except ServiceHttpError as err:
                if err.status != 404:
                    raise
                await self._client.upload(f"clips/{digest}", path)

    async def _poll_until_final(self, report: Report) -> RenderJobResponse:
        schedule = PollSchedule(self._backend, self._timeouts)
        while True:
            try:
                answer = await self._request("GET")
            except BackendUnavailable as failure:
                pause = schedule.decide_pause(failure)
            else:
                if answer.state in FINAL_STATES:
                    return answer
                is_queued = answer.state is RenderState.QUEUED
                limit = self._timeouts.start if is_queued else self._timeouts.stall
                schedule.record((answer.state, answer.done), limit)
                if answer.total:
                    done = min(answer.done, answer.total)
                    report(Progress(self._stage, done, answer.total, answer.fps))
                pause = schedule.decide_pause()
            await asyncio.sleep(pause)

    async def _request(self, method: str) -> RenderJobResponse:
        """Submit the render (PUT) or poll it (GET), and check that the answer is about it."""
        body = self._files.request if method == "PUT" else None
        answer = await self._client.request_json(method, self._path, RenderJobResponse, body)
        if (answer.job_id, answer.input) != (self._id, self._files.request.input):
            raise BackendUnavailable(
                self._backend, FailureKind.INVALID_RESPONSE, "another render's answer"
            )
        return answer

    def _check_result(self, answer: RenderJobResponse) -> RenderedFile:
        match answer:
            case RenderJobResponse(state=RenderState.FAILED, failure=MatteJobFailure() as failure):
                raise create_failure(self._backend, failure)
            case RenderJobResponse(state=RenderState.DONE, result=RenderedFile() as rendered):
                limit = self._files.request.max_bytes or MAX_RESULT_BYTES
                if rendered.size > limit:
                    raise BackendUnavailable(
                        self._backend, FailureKind.INVALID_RESPONSE, "a result too large"
                    )
                return rendered
        raise BackendUnavailable(
            self._backend, FailureKind.BROKEN, f"{answer.state}, but without a result"
        )

    async def _delete_remote(self) -> None:
        files = (("DELETE", f"clips/{digest}") for digest in self._files.paths)
        await self._clean_up_remote(("DELETE", self._path), *files)

    async def _clean_up_remote(self, *requests: tuple[str, str]) -> None:
        """Send requests whose failure does not matter: the service deletes old files by itself."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._timeouts.cleanup):
                for method, path in requests:
                    with suppress(BackendUnavailable):
                        await self._client.request(method, path)


def derive_render_id(secret: bytes, result: Path, files: RenderFiles) -> str:
    """Derive the id of a render from its work, so that a later attempt finds its result.

    Others cannot guess it, since it is an HMAC with *secret*, the key of the service.
    """
    work = f"{result.absolute()}|{files.request.model_dump_json()}"
    return hmac.new(secret, work.encode(), sha256).hexdigest()
