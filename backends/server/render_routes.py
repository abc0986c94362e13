"""HTTP routes that make finished videos from uploaded clips, mattes and backgrounds."""

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse

from backends.remote.render_schemas import RenderJobRequest, RenderJobResponse, RenderState
from backends.remote.schemas import RANGE_RESPONSES, JobId, describe_errors
from backends.server.jobs import JobConflict, JobQueueFull, UnknownClip
from backends.server.renders import RenderStore, ServerRender
from backends.server.routes import RETRY_HEADERS

MEDIA_TYPES = {
    ".mp4": "video/mp4",
    ".gif": "image/gif",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
}


def create_render_router(renders: RenderStore) -> APIRouter:
    """Return the routes that start, follow, cancel, download and delete renders."""
    router = APIRouter(prefix="/renders", tags=["renders"])

    @router.put(
        "/{job_id}", status_code=202, responses=describe_errors(400, 404, 409, 413, 422, 429, 507)
    )
    async def submit_render(job_id: JobId, request: RenderJobRequest) -> RenderJobResponse:
        """Start the render; a second request while it runs, or when it is done, changes nothing.

        The clip, the mattes and the background are uploaded to /clips before.
        """
        try:
            return (await renders.submit(job_id, request)).to_response()
        except UnknownClip as err:
            raise HTTPException(404, "a file of the render is not uploaded") from err
        except JobConflict as err:
            raise HTTPException(409, "the render of this id is another one") from err
        except JobQueueFull as err:
            raise HTTPException(429, "too many jobs are waiting", RETRY_HEADERS) from err

    @router.get("/{job_id}", responses=describe_errors(404, 422))
    async def follow_render(job_id: JobId) -> RenderJobResponse:
        """Return the state of the render."""
        return _get_render(renders, job_id).to_response()

    @router.post("/{job_id}/cancel", responses=describe_errors(404, 422))
    async def cancel_render(job_id: JobId) -> RenderJobResponse:
        """Cancel the work; a result that is done can still be downloaded."""
        render = _get_render(renders, job_id)
        await renders.cancel(render)
        return render.to_response()

    @router.delete("/{job_id}", status_code=204, responses=describe_errors(404, 422))
    async def delete_render(job_id: JobId) -> None:
        """Cancel the work and delete the render with its result."""
        await renders.delete(_get_render(renders, job_id))

    return router


def create_result_router(renders: RenderStore) -> APIRouter:
    """Return the route that downloads finished videos."""
    router = APIRouter(prefix="/renders", tags=["renders"])

    @router.get(
        "/{job_id}/result",
        response_class=FileResponse,
        responses={
            200: {"content": {kind: {} for kind in MEDIA_TYPES.values()}},
            **RANGE_RESPONSES,
            **describe_errors(404, 409, 422),
        },
    )
    async def fetch_result(job_id: JobId) -> FileResponse:
        """Download the finished video; the header Job-Id names the render."""
        render = _get_render(renders, job_id)
        if render.state is not RenderState.DONE:
            raise HTTPException(409, "not ready yet")
        path = render.result_path
        return FileResponse(path, media_type=MEDIA_TYPES[path.suffix], headers={"Job-Id": job_id})

    return router


def _get_render(renders: RenderStore, job_id: str) -> ServerRender:
    render = renders.get(job_id)
    if render is None:
        raise HTTPException(404, "no such render")
    return render
