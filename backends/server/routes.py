"""Clips in, mattes out: the calls of our own client."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from fastapi.responses import FileResponse
from starlette.requests import ClientDisconnect

from backends.remote.schemas import (
    RANGE_RESPONSES,
    ClipDigest,
    ClipResponse,
    JobId,
    MatteJobRequest,
    MatteJobResponse,
    OverlayResponse,
    describe_errors,
)
from backends.server.auth import LinkSigner
from backends.server.clip_store import ClipStore, DigestMismatch
from backends.server.jobs import JobConflict, JobQueueFull, JobStore, ServerJob, UnknownClip
from backends.server.overlay_request import OverlayRequest
from backends.server.overlays import OverlayJob, OverlayStore

RETRY_HEADERS = {"Retry-After": "30"}
MATTE_MEDIA_TYPE = "video/mp4"


def create_clip_router(clips: ClipStore, jobs: JobStore, max_bytes: int) -> APIRouter:
    """Upload, look for and remove clips."""
    router = APIRouter(prefix="/clips", tags=["clips"])

    @router.get("/{digest}", responses=describe_errors(404, 422))
    async def find_clip(digest: ClipDigest) -> ClipResponse:
        """Tell whether the clip is here, so that nobody uploads it twice."""
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
        """Store the clip; it is streamed to disk, and refused if its hash is another one."""
        try:
            return ClipResponse(input=digest, size=await clips.store(digest, request.stream()))
        except ClientDisconnect as err:
            raise HTTPException(400, "the upload broke off") from err
        except DigestMismatch as err:
            raise HTTPException(409, "the bytes have another hash") from err

    @router.delete("/{digest}", status_code=204, responses=describe_errors(409, 422))
    async def remove_clip(digest: ClipDigest) -> None:
        """Forget the clip, unless a job is at work on it."""
        if digest in jobs.list_active_clips():
            raise HTTPException(409, "a job is at work on it")
        clips.remove(digest)

    return router


def create_job_router(clips: ClipStore, jobs: JobStore) -> APIRouter:
    """Ask for mattes, follow the work, stop it."""
    router = APIRouter(prefix="/jobs", tags=["jobs"])

    @router.put(
        "/{job_id}", status_code=202, responses=describe_errors(400, 404, 409, 413, 422, 429, 507)
    )
    async def submit_job(job_id: JobId, request: MatteJobRequest) -> MatteJobResponse:
        """Start the job or go on with it; asking twice does no harm."""
        try:
            job = await jobs.submit(job_id, request, clips.get_path(request.input))
        except UnknownClip as err:
            raise HTTPException(404, "no such clip") from err
        except JobConflict as err:
            raise HTTPException(409, "the job is for other work") from err
        except JobQueueFull as err:
            raise HTTPException(429, "too many jobs are waiting", RETRY_HEADERS) from err
        return job.to_response()

    @router.get("/{job_id}", responses=describe_errors(404, 422))
    async def follow_job(job_id: JobId) -> MatteJobResponse:
        """Tell how far the job is."""
        return _get_job(jobs, job_id).to_response()

    @router.post("/{job_id}/cancel", responses=describe_errors(404, 422))
    async def cancel_job(job_id: JobId) -> MatteJobResponse:
        """Stop the work; what is ready can still be fetched."""
        job = _get_job(jobs, job_id)
        await jobs.cancel(job)
        return job.to_response()

    @router.delete("/{job_id}", status_code=204, responses=describe_errors(404, 422))
    async def delete_job(job_id: JobId) -> None:
        """Stop the work and forget all of it."""
        await jobs.delete(_get_job(jobs, job_id))

    return router


def create_segment_router(jobs: JobStore) -> APIRouter:
    """Fetch segments as they get ready."""
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
        """One segment's mattes; the Job-Id header says whose they are."""
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


MEDIA_TYPES = {".mov": "video/quicktime", ".webm": "video/webm"}
OverlayId = Annotated[str, Query(pattern=r"^[0-9a-f]{32}$")]


def create_overlay_router(
    overlays: OverlayStore, signer: LinkSigner, sync_seconds: float
) -> APIRouter:
    """Ask for an overlay, and for how it is doing."""
    router = APIRouter(tags=["overlays"])
    error_responses = describe_errors(400, 413, 422, 429)

    def start_overlay(request: OverlayRequest) -> OverlayJob:
        try:
            return overlays.start(request)
        except JobQueueFull as err:
            raise HTTPException(429, "too many jobs are waiting", RETRY_HEADERS) from err

    def create_response(overlay: OverlayJob, request: Request) -> OverlayResponse:
        if overlay.task is not None:
            return OverlayResponse(job_id=overlay.id, status="processing")
        if overlay.reason is not None:
            return OverlayResponse(
                job_id=overlay.id,
                status="failed",
                reason=overlay.reason,
                error=overlay.error,
            )
        link = request.url_for("fetch_overlay", overlay_id=overlay.id)
        return OverlayResponse(
            job_id=overlay.id,
            status="completed",
            overlay_url=overlay.url or str(link.include_query_params(**signer.sign(overlay.id))),
            duration=round(overlay.duration, 3),
            processing_time=round(overlay.processing_seconds, 3),
        )

    @router.post("/process_overlay_endpoint", status_code=202, responses=error_responses)
    async def process_overlay(overlay: OverlayRequest, request: Request) -> OverlayResponse:
        """Begin an overlay; ask get_result how it is doing."""
        return create_response(start_overlay(overlay), request)

    @router.post(
        "/process_overlay_sync",
        responses={
            202: {"model": OverlayResponse, "description": "not yet: ask get_result"},
            **error_responses,
        },
    )
    async def process_overlay_sync(
        overlay: OverlayRequest, request: Request, response: Response
    ) -> OverlayResponse:
        """Make a short overlay while the caller waits; a long one goes on after that."""
        started = start_overlay(overlay)
        assert started.task is not None
        await asyncio.wait([started.task], timeout=sync_seconds)
        response.status_code = 202 if started.task is not None else 200
        return create_response(started, request)

    @router.get("/get_result", responses=describe_errors(404, 422))
    async def get_result(job_id: OverlayId, request: Request) -> OverlayResponse:
        """Tell how the overlay is doing, and where to fetch it."""
        overlay = overlays.get(job_id)
        if overlay is None:
            raise HTTPException(404, "no such overlay")
        return create_response(overlay, request)

    return router


def create_link_router(overlays: OverlayStore, signer: LinkSigner) -> APIRouter:
    """What a signed link leads to; no key is asked for."""
    router = APIRouter(tags=["overlays"])

    @router.get(
        "/overlays/{overlay_id}",
        response_class=FileResponse,
        responses={
            200: {"content": {kind: {} for kind in MEDIA_TYPES.values()}},
            **RANGE_RESPONSES,
            **{k: v for k, v in describe_errors(403, 404, 422).items() if k != 401},
        },
    )
    async def fetch_overlay(overlay_id: str, expires: int, signature: str) -> FileResponse:
        """The overlay, for whoever has the link, until it expires."""
        if not signer.is_valid(overlay_id, expires, signature):
            raise HTTPException(403, "the link has expired or is not ours")
        overlay = overlays.get(overlay_id)
        if overlay is None or overlay.task is not None or not overlay.path.exists():
            raise HTTPException(404, "no longer here")
        return FileResponse(overlay.path, media_type=MEDIA_TYPES[overlay.path.suffix])

    return router
