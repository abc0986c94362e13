"""Clips in, mattes out: the calls of our own client."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from fastapi.responses import FileResponse
from starlette.requests import ClientDisconnect

from backends.remote.schemas import (
    RANGES,
    ClipAnswer,
    Digest,
    JobAnswer,
    JobId,
    JobRequest,
    OverlayAnswer,
    complaints,
)
from backends.server.auth import Signer
from backends.server.clip_store import Clips, OtherContent
from backends.server.jobs import Full, Job, Jobs, OtherWork, UnknownClip
from backends.server.overlay_request import OverlayRequest
from backends.server.overlays import Overlay, Overlays

RETRY = {"Retry-After": "30"}
MATTE = "video/mp4"


def clip_routes(clips: Clips, jobs: Jobs, largest: int) -> APIRouter:
    """Upload, look for and remove clips."""
    router = APIRouter(prefix="/clips", tags=["clips"])

    @router.get("/{digest}", responses=complaints(404, 422))
    async def find_clip(digest: Digest) -> ClipAnswer:
        """Tell whether the clip is here, so that nobody uploads it twice."""
        size = clips.size(digest)
        if size is None:
            raise HTTPException(404, "no such clip")
        return ClipAnswer(input=digest, size=size)

    @router.put(
        "/{digest}",
        status_code=201,
        responses=complaints(400, 409, 413, 422, 507),
        max_body_size=largest,
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
                },
            }
        },
    )
    async def upload_clip(digest: Digest, request: Request) -> ClipAnswer:
        """Store the clip; it is streamed to disk, and refused if its hash is another one."""
        try:
            return ClipAnswer(input=digest, size=await clips.keep(digest, request.stream()))
        except ClientDisconnect as err:
            raise HTTPException(400, "the upload broke off") from err
        except OtherContent as err:
            raise HTTPException(409, "the bytes have another hash") from err

    @router.delete("/{digest}", status_code=204, responses=complaints(409, 422))
    async def remove_clip(digest: Digest) -> None:
        """Forget the clip, unless a job is at work on it."""
        if digest in jobs.inputs():
            raise HTTPException(409, "a job is at work on it")
        clips.remove(digest)

    return router


def job_routes(clips: Clips, jobs: Jobs) -> APIRouter:
    """Ask for mattes, follow the work, stop it."""
    router = APIRouter(prefix="/jobs", tags=["jobs"])

    @router.put(
        "/{job_id}", status_code=202, responses=complaints(400, 404, 409, 413, 422, 429, 507)
    )
    async def submit_job(job_id: JobId, request: JobRequest) -> JobAnswer:
        """Start the job or go on with it; asking twice does no harm."""
        try:
            return jobs.submit(job_id, request, clips.path(request.input)).answer()
        except UnknownClip as err:
            raise HTTPException(404, "no such clip") from err
        except OtherWork as err:
            raise HTTPException(409, "the job is for other work") from err
        except Full as err:
            raise HTTPException(429, "too many jobs are waiting", RETRY) from err

    @router.get("/{job_id}", responses=complaints(404, 422))
    async def follow_job(job_id: JobId) -> JobAnswer:
        """Tell how far the job is."""
        return _known(jobs, job_id).answer()

    @router.post("/{job_id}/cancel", responses=complaints(404, 422))
    async def cancel_job(job_id: JobId) -> JobAnswer:
        """Stop the work; what is ready can still be fetched."""
        job = _known(jobs, job_id)
        await jobs.cancel(job)
        return job.answer()

    @router.delete("/{job_id}", status_code=204, responses=complaints(404, 422))
    async def delete_job(job_id: JobId) -> None:
        """Stop the work and forget all of it."""
        await jobs.delete(_known(jobs, job_id))

    return router


def segment_routes(jobs: Jobs) -> APIRouter:
    """Fetch segments as they get ready."""
    router = APIRouter(prefix="/jobs", tags=["jobs"])

    @router.get(
        "/{job_id}/segments/{index}",
        response_class=FileResponse,
        responses={200: {"content": {MATTE: {}}}, **RANGES, **complaints(404, 409, 422)},
    )
    async def fetch_segment(job_id: JobId, index: Annotated[int, Path(ge=0)]) -> FileResponse:
        """One segment's mattes; the Job-Id header says whose they are."""
        job = _known(jobs, job_id)
        segment = next((s for s in job.request.plan.segments if s.index == index), None)
        if segment is None:
            raise HTTPException(404, "no such segment")
        if index not in job.ready():
            raise HTTPException(409, "not ready yet")
        return FileResponse(job.folder / segment.name, media_type=MATTE, headers={"Job-Id": job_id})

    return router


def _known(jobs: Jobs, job_id: str) -> Job:
    job = jobs.get(job_id)
    if job is None:
        raise HTTPException(404, "no such job")
    return job


MEDIA_TYPES = {".mov": "video/quicktime", ".webm": "video/webm"}
OverlayId = Annotated[str, Query(pattern=r"^[0-9a-f]{32}$")]


def overlay_routes(overlays: Overlays, signer: Signer, sync_seconds: float) -> APIRouter:
    """Ask for an overlay, and for how it is doing."""
    router = APIRouter(tags=["overlays"])
    asked = complaints(400, 413, 422, 429)

    def begun(request: OverlayRequest) -> Overlay:
        try:
            return overlays.start(request)
        except Full as err:
            raise HTTPException(429, "too many jobs are waiting", RETRY) from err

    def answer(overlay: Overlay, request: Request) -> OverlayAnswer:
        if overlay.task is not None:
            return OverlayAnswer(job_id=overlay.id, status="processing")
        if overlay.reason is not None:
            return OverlayAnswer(
                job_id=overlay.id,
                status="failed",
                reason=overlay.reason,
                error=overlay.error,
            )
        link = request.url_for("fetch_overlay", overlay_id=overlay.id)
        return OverlayAnswer(
            job_id=overlay.id,
            status="completed",
            overlay_url=overlay.url or str(link.include_query_params(**signer.signed(overlay.id))),
            duration=round(overlay.duration, 3),
            processing_time=round(overlay.took, 3),
        )

    @router.post("/process_overlay_endpoint", status_code=202, responses=asked)
    async def process_overlay(overlay: OverlayRequest, request: Request) -> OverlayAnswer:
        """Begin an overlay; ask get_result how it is doing."""
        return answer(begun(overlay), request)

    @router.post(
        "/process_overlay_sync",
        responses={
            202: {"model": OverlayAnswer, "description": "not yet: ask get_result"},
            **asked,
        },
    )
    async def process_overlay_sync(
        overlay: OverlayRequest, request: Request, response: Response
    ) -> OverlayAnswer:
        """Make a short overlay while the caller waits; a long one goes on after that."""
        begun_one = begun(overlay)
        assert begun_one.task is not None
        await asyncio.wait([begun_one.task], timeout=sync_seconds)
        response.status_code = 202 if begun_one.task is not None else 200
        return answer(begun_one, request)

    @router.get("/get_result", responses=complaints(404, 422))
    async def get_result(job_id: OverlayId, request: Request) -> OverlayAnswer:
        """Tell how the overlay is doing, and where to fetch it."""
        overlay = overlays.get(job_id)
        if overlay is None:
            raise HTTPException(404, "no such overlay")
        return answer(overlay, request)

    return router


def link_routes(overlays: Overlays, signer: Signer) -> APIRouter:
    """What a signed link leads to; no key is asked for."""
    router = APIRouter(tags=["overlays"])

    @router.get(
        "/overlays/{overlay_id}",
        response_class=FileResponse,
        responses={
            200: {"content": {kind: {} for kind in MEDIA_TYPES.values()}},
            **RANGES,
            **{k: v for k, v in complaints(403, 404, 422).items() if k != 401},
        },
    )
    async def fetch_overlay(overlay_id: str, expires: int, signature: str) -> FileResponse:
        """The overlay, for whoever has the link, until it expires."""
        if not signer.holds(overlay_id, expires, signature):
            raise HTTPException(403, "the link has expired or is not ours")
        overlay = overlays.get(overlay_id)
        if overlay is None or overlay.task is not None or not overlay.path.exists():
            raise HTTPException(404, "no longer here")
        return FileResponse(overlay.path, media_type=MEDIA_TYPES[overlay.path.suffix])

    return router
