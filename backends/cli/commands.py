"""The commands of ``overlay`` that need backends: ``--backend``, ``autopipeline``, ``serve``."""

import asyncio
import json
import re
import sys
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from backends.base import (
    BackendStarted,
    ColdStart,
    CostIncurred,
    EngineDowngraded,
    Event,
    FellBack,
    RetryScheduled,
)
from backends.base import Report as BackendReport
from backends.errors import AllBackendsFailed, BackendUnavailable
from backends.factory import NoBackendAvailable, create_backend
from backends.links.download import FetchFailed, FetchLimits, fetch
from backends.links.ssrf_guard import create_guarded_session
from backends.remote.http_client import ServiceHttpError
from backends.renderer_factory import create_shotstack_renderer
from backends.shotstack.pipeline import PipelineRequest, PipelineResult, run_pipeline
from settings import BACKEND_PATTERN, SECURE_PATTERN, Settings
from video_editing.cli import commands as video_commands
from video_editing.cli.arguments import Only, Positional
from video_editing.cli.commands import Command, CommandArguments, CutArguments, EditArguments
from video_editing.cli.failures import FAILURES, Failure
from video_editing.cli.main import main, stop_on_signals
from video_editing.cli.output import print_event, print_result
from video_editing.cli.targets import Reads, Writes
from video_editing.contract.atomic_file import temporary_folder
from video_editing.contract.engines import EngineOptions
from video_editing.contract.errors import Cancelled
from video_editing.contract.excerpt import find_span
from video_editing.contract.plan import make_plan
from video_editing.contract.progress import Progress, Report
from video_editing.contract.style import EDGE_FIELDS, PLACEMENT_FIELDS, Metavar, Shape, Style

T = TypeVar("T")


class InvalidSettings(Exception):
    """An environment variable has a value that is not possible."""


class ClipNotFetched(Exception):
    """The link led to nothing usable."""


#: errors of backends; the names are read by parent processes and never change
BACKEND_FAILURES = {
    **FAILURES,
    AllBackendsFailed: Failure(4, "AllBackendsFailed"),
    ServiceHttpError: Failure(4, "Refused"),
    BackendUnavailable: Failure(4, "BackendUnavailable"),
    NoBackendAvailable: Failure(4, "NobodyThere"),
    InvalidSettings: Failure(2, "BadSettings"),
    ClipNotFetched: Failure(3, "NotFetched"),
}

BACKEND_NAMES = re.compile(rf"chain|{SECURE_PATTERN}|{BACKEND_PATTERN}")


def _validate_backend(name: str) -> str:
    if not BACKEND_NAMES.fullmatch(name) or ("://" in name and not urlsplit(name).hostname):
        raise ValueError(
            f"{name!r} is not a backend: chain, local-cpu, local-gpu, modal, https://…"
        )
    return name


BackendName = Annotated[str, AfterValidator(_validate_backend)]
BackendOption = Annotated[
    BackendName | None,
    Metavar("BACKEND", default="in this process"),
    Field(
        description="where the mattes are made: local-cpu, local-gpu, modal, the https address of "
        "a service, or chain, which asks those that OVERLAY_BACKENDS names one after the other"
    ),
]


def _validate_merge_field(text: str) -> str:
    name, equals, _ = text.partition("=")
    if not name or not equals:
        raise ValueError(f"{text!r} is not FIELD=VALUE")
    return text


MergeField = Annotated[str, AfterValidator(_validate_merge_field)]


class BackendEditArguments(EditArguments):
    """Options of ``overlay edit``, with a backend."""

    backend: BackendOption = None


class BackendCutArguments(CutArguments):
    """Options of ``overlay cut``, with a backend."""

    backend: BackendOption = None


class AutopipelineArguments(CommandArguments):
    """Options of ``overlay autopipeline``."""

    clip: Annotated[str, Positional(), Reads(), Metavar("CLIP|URL")] = Field(
        description="the video of the person"
    )
    output: Annotated[
        Path | None, Writes(), Metavar("RESULT.mp4", default="print its address, valid for a day")
    ] = Field(
        default=None,
        validation_alias=AliasChoices("output", "o"),
        description="also download the finished video",
    )
    shapes: Annotated[tuple[Shape, ...], Metavar("SHAPE,…")] = Field(
        default=(Shape.CIRCLE,),
        description="what the person is cut to, separated by commas: circle, rect, rounded, none; "
        "several take turns",
    )
    container: Literal["mov", "webm", "luma"] = Field(
        default="mov",
        description="of the overlays: mov (ProRes with alpha), webm (VP9 with alpha), or luma, an "
        "mp4 and its matte",
    )
    background: Annotated[str, Reads(), Metavar("FILE|COLOUR|blur")] = Field(
        default="#1d3557",
        description="a video, a picture, a colour, or blur, the clip out of focus",
    )
    backend: Annotated[BackendName, Metavar("BACKEND")] = Field(
        default="chain", description="where the mattes are made, as for edit"
    )
    template: Annotated[str | None, Metavar("ID")] = Field(
        default=None,
        description="a template at Shotstack, whose timeline is rendered instead",
    )
    merge: Annotated[
        list[Annotated[str, AfterValidator(_validate_merge_field)]],
        Metavar("FIELD=VALUE", default="none"),
    ] = Field(
        default=[],
        description="the value of a merge field of the template; in VALUE {circle}, {circle-luma} "
        "and so on stand for the addresses of overlays, {background} for that of the background, "
        "{length} for the seconds; may be repeated",
    )
    style: Annotated[Style, Only(PLACEMENT_FIELDS + EDGE_FIELDS)] = Style()
    engine_options: Annotated[EngineOptions, Only(("engine", "model"))] = EngineOptions()


class ServeArguments(BaseModel):
    """Options of ``overlay serve``."""

    model_config = ConfigDict(frozen=True)

    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8000, ge=0, le=65535, description="port to listen on")


def run(arguments: Sequence[str] | None) -> int:
    """Run one command; return its exit status."""
    return main(arguments, COMMANDS, BACKEND_FAILURES)


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run *work* on an event loop; a signal that stops cancels it.

    A handler that raises would not do: the loop swallows what is raised in its callbacks.

    Raises:
        Cancelled: a signal came; *work* has cleaned up.
    """
    runner, received = asyncio.Runner(), list[int]()
    loop = runner.get_loop()
    task = loop.create_task(work)

    def stop(number: int) -> None:
        received.append(number)
        if not loop.is_closed():
            loop.call_soon_threadsafe(task.cancel)

    try:
        with stop_on_signals(stop), runner:
            result = loop.run_until_complete(task)
    except BaseException as err:
        if received:
            raise Cancelled(received[0]) from err
        raise
    if received:
        raise Cancelled(received[0])
    return result


def run_edit(options: BackendEditArguments, report: Report) -> None:
    """Write a finished video, with mattes of the backend that was chosen."""
    with _open_mattes(options, report) as mattes:
        video_commands.run_edit(options.model_copy(update={"matte": mattes}), report)


def run_cut(options: BackendCutArguments, report: Report) -> None:
    """Write a transparent overlay, with mattes of the backend that was chosen."""
    with _open_mattes(options, report) as mattes:
        video_commands.run_cut(options.model_copy(update={"matte": mattes}), report)


@contextmanager
def _open_mattes(
    options: BackendEditArguments | BackendCutArguments, report: Report
) -> Iterator[Path | None]:
    """Have the backend make the mattes; None where the command does not take any from it."""
    is_needed = options.matte is None and not options.style.keep_background
    if options.backend is None or not is_needed:
        yield options.matte
        return
    with temporary_folder() as folder:
        run_async(_make_mattes(options, options.backend, folder, report))
        yield folder


async def _make_mattes(
    options: BackendEditArguments | BackendCutArguments, name: str, folder: Path, report: Report
) -> None:
    """Fill *folder* with the clip's mattes."""
    video_commands.require_file(options.clip)
    backend = await create_backend(name, load_settings())
    clip = video_commands.open_clip(options.clip)
    engine = options.engine_options
    form = options.form if isinstance(options, BackendEditArguments) else options.container
    span = find_span(clip, options.excerpt, form.spec.max_seconds)
    plan = make_plan(clip, engine.engine, model=engine.model, every=engine.every).select_span(span)
    await backend.make_mattes(clip.path, plan, folder, _create_event_report(options, report))


def run_autopipeline(options: AutopipelineArguments, report: Report) -> None:
    """Have Shotstack render a video, and print where it is."""
    with temporary_folder() as folder:
        result = run_async(_render_pipeline(options, folder, _create_event_report(options, report)))
    print_result(options.progress, options.output, **asdict(result))


async def _render_pipeline(
    options: AutopipelineArguments, folder: Path, report: BackendReport
) -> PipelineResult:
    settings = load_settings()
    renderer = create_shotstack_renderer(settings)
    backend = await create_backend(options.backend, settings)
    request = PipelineRequest(
        await _fetch_clip(options.clip, folder),
        tuple(dict.fromkeys(options.shapes)),
        options.container,
        options.background,
        options.style,
        options.engine_options.engine,
        options.engine_options.model,
        options.template,
        dict(field.split("=", 1) for field in options.merge),
    )
    return await run_pipeline(request, backend, renderer, folder, report, options.output)


async def _fetch_clip(clip: str, folder: Path) -> Path:
    """Return the clip's path, after a download where *clip* is a link."""
    if not clip.startswith(("http://", "https://")):
        return Path(clip)
    path = folder / "clip"
    try:
        async with create_guarded_session() as session:
            await fetch(session, clip, path, FetchLimits())
    except FetchFailed as err:
        raise ClipNotFetched(f"{err.reason}: nothing usable came from the link") from err
    return path


def run_server(options: ServeArguments, _report: Report) -> None:
    """Serve mattes and overlays over HTTP."""
    from backends.server.app import serve  # noqa: PLC0415 - a web server, for this command alone
    from backends.server.auth import MissingServiceKey  # noqa: PLC0415 - it loads FastAPI

    try:
        serve(load_settings(), options.host, options.port)
    except MissingServiceKey as err:
        raise InvalidSettings(f"OVERLAY_TOKEN: {err}") from err


COMMANDS = video_commands.COMMANDS | {
    "edit": video_commands.COMMANDS["edit"]._replace(options=BackendEditArguments, run=run_edit),
    "cut": video_commands.COMMANDS["cut"]._replace(options=BackendCutArguments, run=run_cut),
    "autopipeline": Command(
        "have Shotstack render a finished video from overlays of the backends",
        AutopipelineArguments,
        run_autopipeline,
    ),
    "serve": Command(
        "serve mattes and overlays over HTTP, from a machine with a GPU", ServeArguments, run_server
    ),
}


def load_settings() -> Settings:
    """Read the settings from the environment.

    Raises:
        InvalidSettings: a variable cannot be used; the message names it.
    """
    try:
        return Settings()
    except ValidationError as err:
        first = err.errors(include_url=False, include_input=False)[0]
        raise InvalidSettings(f"{first['loc'][0]}: {first['msg']}") from err


def _create_event_report(options: CommandArguments, report: Report) -> BackendReport:
    """Return a report that also prints the events of backends."""

    def report_event(event: Event) -> None:
        if isinstance(event, Progress):
            report(event)
        elif options.progress == "json":
            line = {"stage": event.kind, **asdict(event)}
            print_event(json.dumps(line))
        else:
            print(describe_event(event), file=sys.stderr)

    return report_event


def describe_event(event: Event) -> str:
    """Return a sentence for users."""
    match event:
        case BackendStarted(backend=backend):
            text = f"{backend} makes the mattes."
        case ColdStart(backend=backend):
            text = f"{backend} is starting; this may take a few minutes."
        case RetryScheduled(backend=backend, why=why, seconds=seconds):
            text = f"{backend} failed ({why}); trying again in {seconds:.0f} s."
        case FellBack(backend=backend, why=why):
            text = f"{backend} failed ({why}); its finished segments are kept."
        case EngineDowngraded(engine=engine):
            text = f"To be in time, {engine} makes the rest."
        case CostIncurred(backend=backend, seconds=seconds, dollars=dollars):
            text = f"{backend} worked for {seconds:.1f} s, {dollars:.4f} dollars."
        case Progress(done=done, total=total):
            text = f"{done} of {total} frames."
    return text
