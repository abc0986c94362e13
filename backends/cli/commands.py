"""What of the command line needs places of work: ``--backend``, ``autopipeline``, ``serve``."""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import ValidationError

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
from backends.errors import BackendUnavailable
from backends.factory import NoBackendAvailable, create_backend
from backends.links.download import FetchFailed, FetchLimits, fetch
from backends.links.ssrf_guard import create_guarded_session
from backends.renderer_factory import create_shotstack_renderer
from backends.shotstack.pipeline import PipelineRequest, PipelineResult, run_pipeline
from settings import Settings
from video_editing.cli import main as cli
from video_editing.contract.engines import (
    DEFAULT_MODEL,
    ENGINES,
    FAST_ENGINE,
    describe_engines,
)
from video_editing.contract.plan import make_plan
from video_editing.contract.progress import Progress, Report
from video_editing.contract.style import Shape


class InvalidSettings(Exception):
    """A variable of the environment has a value that is not possible."""


class ClipNotFetched(Exception):
    """Nothing came from the link."""


EXIT_CODES = {BackendUnavailable: 4, NoBackendAvailable: 4, InvalidSettings: 2, ClipNotFetched: 3}


def run(arguments: Sequence[str] | None) -> int:
    """Run one command; returns its exit status."""
    parser, commands = cli.build_parsers()
    for name in ("edit", "cut"):
        _add_backend_option(commands.choices[name])
    _add_autopipeline_command(commands)
    _add_serve_command(commands)
    return cli.run_command(parser.parse_args(arguments), EXIT_CODES)


def _add_backend_option(command: cli.CommandParser) -> None:
    run_in_process = command.get_default("run")
    command.add_argument(
        "--backend",
        metavar="PLACE",
        help="where the mattes are made: local-cpu, local-gpu, modal, the https address of a "
        "service, or chain, which asks those that OVERLAY_BACKENDS names one after the other "
        "(default: in this process)",
    )

    def run_with_backend(options: cli.Arguments, report: Report) -> None:
        if options.backend is None or options.matte is not None:
            run_in_process(options, report)
            return
        with TemporaryDirectory(prefix="overlay-") as folder:
            options.matte = Path(folder)
            asyncio.run(_make_mattes(options, report))
            run_in_process(options, report)

    command.set_defaults(run=run_with_backend)


async def _make_mattes(options: cli.Arguments, report: Report) -> None:
    """Fill the folder *options.matte* with the clip's mattes."""
    clip = cli.open_clip(options)
    plan = make_plan(clip, options.engine, model=options.model, every=options.every)
    backend = await create_backend(options.backend, load_settings())
    await backend.make_mattes(
        clip.path, plan, options.matte, _create_event_reporter(options, report)
    )


def _create_event_reporter(options: cli.Arguments, report: Report) -> BackendReport:
    """A report that tells people or parents more than progress."""

    def report_event(event: Event) -> None:
        if isinstance(event, Progress):
            report(event)
        elif options.progress == "json":
            line = {"stage": event.kind, **asdict(event)}
            print(json.dumps(line), flush=True)
        else:
            print(describe_event(event), file=sys.stderr)

    return report_event


def describe_event(event: Event) -> str:
    """What *event* tells people."""
    match event:
        case BackendStarted(backend=backend):
            text = f"{backend} has the work."
        case ColdStart(backend=backend):
            text = f"{backend} is getting ready; this may take a minute or two."
        case RetryScheduled(backend=backend, why=why, seconds=seconds):
            text = f"{backend} failed ({why}); asking again in {seconds:.0f} s."
        case FellBack(backend=backend, why=why):
            text = f"{backend} failed ({why}); what it made is kept."
        case EngineDowngraded(engine=engine):
            text = f"To be in time, {engine} does the rest."
        case CostIncurred(backend=backend, seconds=seconds, dollars=dollars):
            text = f"{backend} worked for {seconds:.1f} s, {dollars:.4f} dollars."
        case Progress(done=done, total=total):
            text = f"{done} of {total} frames."
    return text


def _add_autopipeline_command(commands: cli.Subparsers) -> None:
    summary = "have Shotstack render a finished video from overlays made by the places"
    command = commands.add_parser(
        "autopipeline", help=summary, description=f"{summary[0].upper()}{summary[1:]}."
    )
    command.add_argument("clip", metavar="CLIP|URL", help="the video of the person")
    command.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="RESULT.mp4",
        help="also fetch the finished video (default: tell its address, good for a day)",
    )
    command.add_argument(
        "--shapes",
        type=_parse_shapes,
        default=(Shape.CIRCLE,),
        metavar="SHAPE,…",
        help="what the person is cut to, by commas: circle, rect, rounded, none; several take "
        "turns (default: circle)",
    )
    command.add_argument(
        "--container",
        choices=("mov", "webm", "luma"),
        default="mov",
        help="of the overlays: mov (ProRes with alpha), webm (VP9 with alpha), or luma, an mp4 "
        "and its matte (default: %(default)s)",
    )
    command.add_argument(
        "--background",
        default="#1d3557",
        metavar="FILE|COLOUR|blur",
        help="a video, a picture, a colour, or blur, the clip out of focus (default: %(default)s)",
    )
    cli.add_position_options(command)
    cli.add_edge_options(command)
    command.add_argument(
        "--engine",
        choices=list(ENGINES),
        default=FAST_ENGINE,
        help=f"what finds the person: {describe_engines()} (default: %(default)s)",
    )
    command.add_argument(
        "--model", default=DEFAULT_MODEL, help="rembg's network, by its name (default: %(default)s)"
    )
    command.add_argument(
        "--backend",
        default="chain",
        metavar="PLACE",
        help="where the mattes are made, as for edit (default: %(default)s)",
    )
    command.add_argument(
        "--template",
        metavar="ID",
        help="a template at Shotstack, whose timeline is rendered instead (default: none)",
    )
    command.add_argument(
        "--merge",
        action="append",
        type=_parse_merge_field,
        default=[],
        metavar="FIELD=VALUE",
        help="what a field of the template becomes; in VALUE {circle}, {circle-luma} and so on "
        "stand for the addresses of overlays, {background} for what is behind, {length} for the "
        "seconds; may be repeated (default: none)",
    )
    cli.add_progress_option(command)
    command.set_defaults(run=_run_autopipeline)


def _run_autopipeline(options: cli.Arguments, report: Report) -> None:
    with TemporaryDirectory(prefix="overlay-") as folder:
        result = asyncio.run(
            _render_pipeline(options, Path(folder), _create_event_reporter(options, report))
        )
    cli.print_result(options, **asdict(result))


async def _render_pipeline(
    options: cli.Arguments, folder: Path, report: BackendReport
) -> PipelineResult:
    settings = load_settings()
    renderer = create_shotstack_renderer(settings)
    request = PipelineRequest(
        await _fetch_clip(options.clip, folder),
        options.shapes,
        options.container,
        options.background,
        cli.build_style(options),
        options.engine,
        options.model,
        options.template,
        dict(options.merge),
    )
    backend = await create_backend(options.backend, settings)
    return await run_pipeline(request, backend, renderer, folder, report, options.output)


async def _fetch_clip(clip: str, folder: Path) -> Path:
    """The clip, fetched where *clip* is a link."""
    if not clip.startswith(("http://", "https://")):
        return Path(clip)
    path = folder / "clip"
    try:
        async with create_guarded_session() as session:
            await fetch(session, clip, path, FetchLimits())
    except FetchFailed as err:
        raise ClipNotFetched(f"{err.reason}: nothing usable came from the link") from err
    return path


def _parse_shapes(text: str) -> tuple[Shape, ...]:
    shapes = tuple(Shape(name) for name in text.split(","))
    return tuple(dict.fromkeys(shapes))


def _parse_merge_field(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ValueError(text)
    return name, value


def _add_serve_command(commands: cli.Subparsers) -> None:
    summary = "serve mattes and overlays over HTTP, from a machine with a GPU"
    command = commands.add_parser("serve", help=summary, description=f"{summary.capitalize()}.")
    command.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s)"
    )
    command.add_argument("--port", type=int, default=8000, help="(default: %(default)s)")
    command.set_defaults(run=_run_server, progress="none")


def _run_server(options: cli.Arguments, _report: Report) -> None:
    from backends.server.app import serve  # noqa: PLC0415 - as above
    from backends.server.auth import MissingServiceKey  # noqa: PLC0415 - a web server, for this alone

    try:
        serve(load_settings(), options.host, options.port)
    except MissingServiceKey as err:
        raise InvalidSettings(f"OVERLAY_TOKEN: {err}") from err


def load_settings() -> Settings:
    """What the environment says.

    Raises:
        BadSettings: a variable cannot be used; the message names it.
    """
    try:
        return Settings()
    except ValidationError as err:
        first = err.errors(include_url=False, include_input=False)[0]
        raise InvalidSettings(f"{first['loc'][0]}: {first['msg']}") from err
