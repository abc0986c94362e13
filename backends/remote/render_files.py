"""The files that a render at the service needs, and the request that names them."""

import asyncio
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from pydantic import ValidationError

from backends.remote.job import hash_clip
from backends.remote.render_schemas import MatteBundle, RenderJobRequest
from backends.rendering.base import RenderRequest, resolve_background
from video_editing.contract.atomic_file import translate_output_errors
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.plan import find_missing_segments, read_plan

BUNDLE_FILE = "mattes.bin"


@dataclass(frozen=True, slots=True)
class RenderFiles:
    """A request to the service, and the files to upload for it.

    Attributes:
        request: names the files by the digests of their bytes.
        paths: of the files, by digest.
    """

    request: RenderJobRequest
    paths: dict[str, Path]


async def collect_files(request: RenderRequest, folder: Path) -> RenderFiles:
    """Prepare *request* for the service; the mattes become one file in *folder*.

    Raises:
        InputRejected: BAD_MATTE, or BAD_OPTION for a background that is neither a file nor a
            colour nor blur.
        OutputFailed: *folder* cannot be written to.
        OSError: a file cannot be read.
    """
    digest = await hash_clip(request.clip)
    paths, bundle, background_file = {digest: request.clip}, None, None
    if request.mattes is not None:
        file = folder / BUNDLE_FILE
        bundle = await asyncio.to_thread(bundle_mattes, request.mattes, file)
        paths[bundle.input] = file
    background = resolve_background(request.background)
    if Path(background).is_absolute():
        background_file = await hash_clip(Path(background))
        paths[background_file] = Path(background)
        background = "blur"
    try:
        job_request = RenderJobRequest(
            input=digest,
            mattes=bundle,
            background=background,
            background_file=background_file,
            style=request.style,
            form=request.form,
            max_bytes=request.max_bytes,
            canvas=request.canvas,
            excerpt=request.excerpt,
            sound=request.sound,
        )
    except ValidationError as err:
        why = err.errors(include_url=False)[0]["msg"]
        raise InputRejected(RejectReason.BAD_OPTION, option="background", why=why) from err
    return RenderFiles(job_request, paths)


def bundle_mattes(mattes: Path, file: Path) -> MatteBundle:
    """Write all segments in the folder *mattes* into *file*, one after the other.

    Raises:
        InputRejected: BAD_MATTE, the folder has no plan, or not all segments.
        OutputFailed: *file* cannot be written.
    """
    plan = read_plan(mattes)
    if find_missing_segments(plan, mattes):
        raise InputRejected(RejectReason.BAD_MATTE, why="segments are missing")
    hasher, sizes = sha256(), []
    with translate_output_errors(), file.open("wb") as target:
        for segment in plan.segments:
            content = (mattes / segment.file_name).read_bytes()
            hasher.update(content)
            sizes.append(target.write(content))
    return MatteBundle(input=hasher.hexdigest(), plan=plan, sizes=tuple(sizes))
