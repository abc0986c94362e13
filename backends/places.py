"""The command line's options that need places of work: ``--backend`` and ``serve``."""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import ValidationError

from backends.choice import NobodyThere, chosen
from backends.errors import BackendUnavailable
from backends.events import Asked, Event, FellBack, Hurried, Spent, Waiting, Warming
from settings import Settings
from video_editing import cli
from video_editing.plan import planned
from video_editing.progress import Progress, Report


class BadSettings(Exception):  # noqa: N818 - it says what is wrong
    """A variable of the environment has a value that is not possible."""


EXIT = {BackendUnavailable: 4, NobodyThere: 4, BadSettings: 2}


def run(arguments: Sequence[str] | None) -> int:
    """Run one command; returns its exit status."""
    parser, commands = cli.parsers()
    for name in ("edit", "cut"):
        _add_backend(commands.choices[name])
    _add_serve(commands)
    return cli.run(parser.parse_args(arguments), EXIT)


def _add_backend(command: cli.Command) -> None:
    alone = command.get_default("run")
    command.add_argument(
        "--backend",
        metavar="PLACE",
        help="where the mattes are made: local-cpu, local-gpu, modal, the https address of a "
        "service, or chain, which asks those that OVERLAY_BACKENDS names one after the other "
        "(default: in this process)",
    )

    def with_place(options: cli.Options, report: Report) -> None:
        if options.backend is None or options.matte is not None:
            alone(options, report)
            return
        with TemporaryDirectory(prefix="overlay-") as folder:
            options.matte = Path(folder)
            asyncio.run(_make_mattes(options, report))
            alone(options, report)

    command.set_defaults(run=with_place)


async def _make_mattes(options: cli.Options, report: Report) -> None:
    """Fill the folder *options.matte* with the clip's mattes."""
    clip = cli.opened_clip(options)
    plan = planned(clip, options.engine, model=options.model, every=options.every)
    place = await chosen(options.backend, settings())

    def tell(event: Event) -> None:
        if isinstance(event, Progress):
            report(event)
        elif options.progress == "json":
            line = {"stage": type(event).__name__.lower(), **asdict(event)}
            print(json.dumps(line), flush=True)  # noqa: T201 - a parent reads it
        else:
            print(sentence(event), file=sys.stderr)  # noqa: T201 - people read it

    await place.make_mattes(clip.path, plan, options.matte, tell)


def sentence(event: Event) -> str:
    """What *event* tells people."""
    match event:
        case Asked(backend=backend):
            text = f"{backend} has the work."
        case Warming(backend=backend):
            text = f"{backend} is getting ready; this may take a minute or two."
        case Waiting(backend=backend, why=why, seconds=seconds):
            text = f"{backend} failed ({why}); asking again in {seconds:.0f} s."
        case FellBack(backend=backend, why=why):
            text = f"{backend} failed ({why}); what it made is kept."
        case Hurried(engine=engine):
            text = f"To be in time, {engine} does the rest."
        case Spent(backend=backend, seconds=seconds, dollars=dollars):
            text = f"{backend} worked for {seconds:.1f} s, {dollars:.4f} dollars."
        case Progress(done=done, total=total):
            text = f"{done} of {total} frames."
    return text


def _add_serve(commands: cli.Commands) -> None:
    summary = "serve mattes and overlays over HTTP, from a machine with a GPU"
    command = commands.add_parser("serve", help=summary, description=f"{summary.capitalize()}.")
    command.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s)"
    )
    command.add_argument("--port", type=int, default=8000, help="(default: %(default)s)")
    command.set_defaults(run=_serve, progress="none")


def _serve(options: cli.Options, _report: Report) -> None:
    from backends.service.keys import NoKey  # noqa: PLC0415 - a web server, for this alone
    from backends.service.serve import serve  # noqa: PLC0415 - as above

    try:
        serve(settings(), options.host, options.port)
    except NoKey as err:
        raise BadSettings(f"OVERLAY_TOKEN: {err}") from err


def settings() -> Settings:
    """What the environment says.

    Raises:
        BadSettings: a variable cannot be used; the message names it.
    """
    try:
        return Settings()
    except ValidationError as err:
        first = err.errors(include_url=False, include_input=False)[0]
        raise BadSettings(f"{first['loc'][0]}: {first['msg']}") from err
