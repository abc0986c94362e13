"""HTTP routes: clips, jobs and segments for our own client, and overlays of clips behind links."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path as FilePath
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from fastapi.responses import FileResponse
from starlette.datastructures import URL
from starlette.requests import ClientDisconnect

from backends.local.video_cli import VideoCli
from backends.remote.schemas import (
    RANGE_RESPONSES,
    ClipDigest,
    ClipResponse,
    JobId,
    MatteJobRequest,
    MatteJobResponse,
    OverlayResponse,
    PlanRequest,
    describe_errors,
)
from backends.server.auth import LinkSigner
from backends.server.clip_store import ClipStore, DigestMismatch
from backends.server.jobs import JobConflict, JobQueueFull, JobStore, ServerJob, UnknownClip
from backends.server.overlay_request import OverlayRequest
from backends.server.overlays import OverlayJob, OverlayStore
from video_editing.cli.arguments import format_options
from video_editing.contract.engines import EngineOptions
from video_editing.contract.plan import Plan, read_plan
from video_editing.contract.progress import ignore

MAX_PARALLEL_PLANS = 2  #: child processes that read clips
RETRY_HEADERS = {"Retry-After": "30"}
MATTE_MEDIA_TYPE = "video/mp4"
OVERLAY_MEDIA_TYPES = {".mov": "video/quicktime", ".webm": "video/webm"}

OverlayId = Annotated[str, Query(pattern=r"^[0-9a-f]{32}$")]


def create_clip_router(
    clips: ClipStore, list_active_clips: Callable[[], set[str]], max_bytes: int
) -> APIRouter:
    """Return the routes that upload, find and remove clips, mattes and backgrounds."""
    router = APIRouter(prefix="/clips", tags=["clips"])

    @router.get("/{digest}", responses=describe_errors(404, 422))
    async def find_clip(digest: ClipDigest) -> ClipResponse:
        """Report whether the clip is stored, so that it is not uploaded twice."""
        size = clips.get_size(digest)
        if size is None:
            raise HTTPException(404, "no such clip")
        return ClipResponse(input=digest, size=size)

    @router.put(
        "/{digest}",
        status_code=201,
        responses=describe_errors(400, 409, 413, 422, 507),
        max_body_size=max_bytes,
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
                },
            }
        },
    )
    async def upload_clip(digest: ClipDigest, request: Request) -> ClipResponse:
        """Store the clip; it is streamed to disk, and refused if its hash differs."""
        try:
            return ClipResponse(input=digest, size=await clips.store(digest, request.stream()))
        except ClientDisconnect as err:
            raise HTTPException(400, "the upload was interrupted") from err
        except DigestMismatch as err:
            raise HTTPException(409, "the bytes have another hash") from err

    @router.delete("/{digest}", status_code=204, responses=describe_errors(409, 422))
    async def remove_clip(digest: ClipDigest) -> None:
        """Remove the clip, unless a job uses it."""
        if digest in list_active_clips():
            raise HTTPException(409, "a job uses the clip")
        clips.remove(digest)

    return router


def create_plan_router(clips: ClipStore, video_cli: VideoCli) -> APIRouter:
    """Return the route that plans the mattes of an uploaded clip."""
    router = APIRouter(tags=["jobs"])
    slots = asyncio.Semaphore(MAX_PARALLEL_PLANS)

    @router.post("/plans", responses=describe_errors(400, 404, 413, 422, 503, 507))
    async def make_plan(request: PlanRequest) -> Plan:
        """Return the plan of the clip's mattes, which a job is submitted with."""
        if clips.get_size(request.input) is None:
            raise HTTPException(404, "no such clip")
        engine = EngineOptions(
            engine=request.engine, model=request.rembg_model, every=request.every
        )
        clip = clips.get_path(request.input)
        with tempfile.TemporaryDirectory() as folder:
            arguments = ("matte", str(clip), "--segments", folder, "--plan-only")
            async with slots:
                await video_cli.run(*arguments, *format_options(engine), report=ignore)
            return read_plan(FilePath(folder))

    return router


def create_job_router(clips: ClipStore, jobs: JobStore) -> APIRouter:
    """Return the routes that start, follow, cancel and delete jobs."""
    router = APIRouter(prefix="/jobs", tags=["jobs"])

    @router.put(
        "/{job_id}", status_code=202, responses=describe_errors(400, 404, 409, 413, 422, 429, 507)
    )
    async def submit_job(job_id: JobId, request: MatteJobRequest) -> MatteJobResponse:
        """Start the job or continue it; a second request while it runs changes nothing."""
        try:
            job = await jobs.submit(job_id, request, clips.get_path(request.input))
        except UnknownClip as err:
            raise HTTPException(404, "no such clip") from err
        except JobConflict as err:
            raise HTTPException(409, "the job of this id has another clip or plan") from err
        except JobQueueFull as err:
            raise HTTPException(429, "too many jobs are waiting", RETRY_HEADERS) from err
        return job.to_response()

    @router.get("/{job_id}", responses=describe_errors(404, 422))
    async def follow_job(job_id: JobId) -> MatteJobResponse:
        """Return the state of the job."""
        return _get_job(jobs, job_id).to_response()

    @router.post("/{job_id}/cancel", responses=describe_errors(404, 422))
    async def cancel_job(job_id: JobId) -> MatteJobResponse:
        """Cancel the work; segments that are ready can still be downloaded."""
        job = _get_job(jobs, job_id)
        await jobs.cancel(job)
        return job.to_response()

    @router.delete("/{job_id}", status_code=204, responses=describe_errors(404, 422))
    async def delete_job(job_id: JobId) -> None:
        """Cancel the work and delete the job with its segments."""
        await jobs.delete(_get_job(jobs, job_id))

    return router


def create_segment_router(jobs: JobStore) -> APIRouter:
    """Return the route that downloads segments as soon as each is ready."""
    router = APIRouter(prefix="/jobs", tags=["jobs"])

    @router.get(
        "/{job_id}/segments/{index}",
        response_class=FileResponse,
        responses={
            200: {"content": {MATTE_MEDIA_TYPE: {}}},
            **RANGE_RESPONSES,
            **describe_errors(404, 409, 422),
        },
    )
    async def fetch_segment(job_id: JobId, index: Annotated[int, Path(ge=0)]) -> FileResponse:
        """Download the mattes of one segment; the header Job-Id names the job."""
        job = _get_job(jobs, job_id)
        segment = next((s for s in job.request.plan.segments if s.index == index), None)
        if segment is None:
            raise HTTPException(404, "no such segment")
        if index not in job.list_ready():
            raise HTTPException(409, "not ready yet")
        return FileResponse(
            job.folder / segment.file_name, media_type=MATTE_MEDIA_TYPE, headers={"Job-Id": job_id}
        )

    return router


def _get_job(jobs: JobStore, job_id: str) -> ServerJob:
    job = jobs.get(job_id)
    if job is None:
        raise HTTPException(404, "no such job")
    return job


class OverlayLinks:
    """Links to finished overlays, which need no key."""

    def __init__(self, overlays: OverlayStore, signer: LinkSigner, site: str | None) -> None:
        """Sign links with *signer*; they lead to the address *site*, or to the service itself."""
        self._overlays, self._signer, self._site = overlays, signer, site

    def prepare(self) -> None:
        """Create what links are signed with, so that it is stored together with the overlays.

        Raises:
            OutputFailed: the disk is full.
        """
        self._signer.create_key()

    def create(self, overlay: OverlayJob, request: Request) -> str:
        """Return a link for the client that sent *request*."""
        url = request.url_for("fetch_overlay", overlay_id=overlay.id)
        if self._site is not None:
            url = URL(self._site.rstrip("/") + url.path)
        signature = self._signer.sign(overlay.id, self._overlays.get_end_of_links(overlay))
        return str(url.include_query_params(**signature))


def create_overlay_router(
    overlays: OverlayStore, links: OverlayLinks, sync_seconds: float
) -> APIRouter:
    """Return the routes that start overlays and report their state."""
    router = APIRouter(tags=["overlays"])
    error_responses = describe_errors(400, 413, 422, 429, 507)

    def start_overlay(request: OverlayRequest) -> OverlayJob:
        links.prepare()
        try:
            return overlays.start(request)
        except JobQueueFull as err:
            raise HTTPException(429, "too many jobs are waiting", RETRY_HEADERS) from err

    @router.post("/process_overlay_endpoint", status_code=202, responses=error_responses)
    async def process_overlay(overlay: OverlayRequest, request: Request) -> OverlayResponse:
        """Start an overlay; get_result reports its state."""
        return _create_overlay_response(start_overlay(overlay), request, links)

    @router.post(
        "/process_overlay_sync",
        responses={
            202: {
                "model": OverlayResponse,
                "description": "not finished yet; see get_result",
            },
            **error_responses,
        },
    )
    async def process_overlay_sync(
        overlay: OverlayRequest, request: Request, response: Response
    ) -> OverlayResponse:
        """Make an overlay while the client waits; a long one continues after the answer."""
        started = start_overlay(overlay)
        assert started.task is not None
        await asyncio.wait([started.task], timeout=sync_seconds)
        response.status_code = 202 if started.task is not None else 200
        return _create_overlay_response(started, request, links)

    @router.get("/get_result", responses=describe_errors(404, 422))
    async def get_result(job_id: OverlayId, request: Request) -> OverlayResponse:
        """Return the state of the overlay, and its address when it is finished."""
        overlay = overlays.get(job_id)
        if overlay is None:
            raise HTTPException(404, "no such overlay")
        return _create_overlay_response(overlay, request, links)

    return router


def _create_overlay_response(
    overlay: OverlayJob, request: Request, links: OverlayLinks
) -> OverlayResponse:
    state = overlay.state
    if overlay.task is not None or state.finished_at is None:
        return OverlayResponse(job_id=overlay.id, status="processing")
    if state.reason is not None:
        return OverlayResponse(
            job_id=overlay.id, status="failed", reason=state.reason, error=state.error
        )
    return OverlayResponse(
        job_id=overlay.id,
        status="completed",
        overlay_url=state.url or links.create(overlay, request),
        duration=round(state.duration, 3),
        processing_time=round(overlay.processing_seconds, 3),
    )


def create_link_router(
    find_overlay: Callable[[str], Awaitable[OverlayJob | None]], signer: LinkSigner
) -> APIRouter:
    """Return the route that signed links lead to; it needs no key."""
    router = APIRouter(tags=["overlays"])

    @router.get(
        "/overlays/{overlay_id}",
        response_class=FileResponse,
        responses={
            200: {"content": {kind: {} for kind in OVERLAY_MEDIA_TYPES.values()}},
            **RANGE_RESPONSES,
            **{k: v for k, v in describe_errors(403, 404, 422).items() if k != 401},
        },
    )
    async def fetch_overlay(overlay_id: str, expires: int, signature: str) -> FileResponse:
        """Download the overlay; the link is valid until it expires."""
        if not signer.is_valid(overlay_id, expires, signature):
            raise HTTPException(403, "the link has expired or is invalid")
        overlay = await find_overlay(overlay_id)
        if overlay is None or overlay.task is not None or not overlay.path.exists():
            raise HTTPException(404, "no such overlay, or no longer")
        return FileResponse(overlay.path, media_type=OVERLAY_MEDIA_TYPES[overlay.path.suffix])

    return router
