"""The original plan's three calls, with its field names, and the links that they answer with."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse

from backends.service.answers import RANGES, OverlayAnswer, complaints
from backends.service.jobs import Full
from backends.service.keys import Signer
from backends.service.overlay_request import OverlayRequest
from backends.service.overlays import Overlay, Overlays
from backends.service.routes import RETRY

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
