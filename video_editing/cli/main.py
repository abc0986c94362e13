"""The command line: what a user without a bot runs, and what parents start as a child."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from types import FrameType, MappingProxyType
from typing import NoReturn, TypeAlias

import cv2

from video_editing.cli.output import describe_error, show_progress
from video_editing.compositing.background import Background, open_background
from video_editing.compositing.composition import Composition
from video_editing.compositing.layout import (
    ASPECTS,
    MAX_SIDE,
    Size,
    compute_canvas_size,
    fit_within_side,
)
from video_editing.contract.engines import (
    DEFAULT_MODEL,
    ENGINES,
    FAST_ENGINE,
    EngineOptions,
    describe_engines,
)
from video_editing.contract.errors import (
    Cancelled,
    InputRejected,
    ModelUnavailable,
    OutputFailed,
    RejectReason,
)
from video_editing.contract.formats import CUT_FORMATS, EDIT_FORMATS, OutputFormat, OutputInfo
from video_editing.contract.plan import PLAN_FILE, Plan, make_plan, read_plan_of, write_plan
from video_editing.contract.progress import Report
from video_editing.contract.style import Anchor, Shape, Style
from video_editing.matting.engines import create_engine
from video_editing.matting.matte_stream import write_missing_segments
from video_editing.pipelines.cut import cut, cut_sticker
from video_editing.pipelines.demo import make_demo
from video_editing.pipelines.edit import ResultOptions, edit
from video_editing.pipelines.matte import check_segments, write_final_matte
from video_editing.pipelines.preview import write_preview, write_thumbnail
from video_editing.pipelines.render_parts import AlphaFormat, PartsOptions, render_parts
from video_editing.reading.probe import Clip, ClipLimits, probe

#: What a parent learns from the exit status; 0 is success, 1 a bug, 2 a wrong command line, and
#: 128 and more the signal that stopped the work.
EXIT_CODES: dict[type[Exception], int] = {
    InputRejected: 3,
    ModelUnavailable: 4,
    OutputFailed: 5,
}

NO_EXTRA_CODES: Mapping[type[Exception], int] = MappingProxyType({})

Arguments = argparse.Namespace
CommandParser = argparse.ArgumentParser
Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - it has no public name


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    parser, _ = build_parsers()
    return run_command(parser.parse_args(arguments))


def run_command(
    options: Arguments, extra_codes: Mapping[type[Exception], int] = NO_EXTRA_CODES
) -> int:
    """Do what *options* say, and tell of errors as people and parents want it.

    Args:
        options: as parsed; `options.run` is called with them and a report.
        extra_codes: exit statuses of errors that the commands here do not have.
    """
    cv2.setNumThreads(1)
    exits = EXIT_CODES | dict(extra_codes)
    try:
        with _cancel_on_signals(), show_progress(options.progress) as report:
            options.run(options, report)
    except Cancelled as stopped:
        _print_error(stopped)
        return 128 + stopped.signal
    except tuple(exits) as err:
        _print_error(err)
        return next(status for kind, status in exits.items() if isinstance(err, kind))
    return 0


@contextmanager
def _cancel_on_signals() -> Iterator[None]:
    """SIGINT and SIGTERM unwind the work; a second one does not disturb the cleaning up."""
    kinds = signal.SIGINT, signal.SIGTERM

    def stop(number: int, _frame: FrameType | None) -> NoReturn:
        for kind in kinds:
            signal.signal(kind, signal.SIG_IGN)
        raise Cancelled(number)

    before = [(kind, signal.signal(kind, stop)) for kind in kinds]
    try:
        yield
    finally:
        for kind, handler in before:
            signal.signal(kind, handler)


def _print_error(error: Exception) -> None:
    """A sentence for people, and as the last line the same for parents."""
    message = describe_error(error)
    line = {
        "error": type(error).__name__,
        "reason": getattr(error, "reason", None),
        "details": getattr(error, "details", {}),
        "message": message,
    }
    print(f"overlay: {message}", json.dumps(line), sep="\n", file=sys.stderr, flush=True)


def build_parsers() -> tuple[CommandParser, Subparsers]:
    """The command line, and its commands by name; both can be added to."""
    top = argparse.ArgumentParser(
        prog="overlay",
        description="Cut a person out of a video and put her in a circle, a card or free over "
        "any background.",
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for name, summary, fill_in in (
        ("edit", "make a finished video: the person over a background", _configure_edit),
        ("cut", "make a transparent overlay of the person", _configure_cut),
        ("matte", "make the matte alone: where the person is, white on black", _configure_matte),
        ("preview", "make one picture of what edit would make", _configure_preview),
        ("parts", "make what a renderer elsewhere puts together", _configure_parts),
        ("probe", "tell how large a video is, how long and how fast", _configure_probe),
        (
            "demo",
            "make a short clip of a person, edit it, say where the result is",
            _configure_demo,
        ),
    ):
        command = commands.add_parser(name, help=summary, description=f"{summary.capitalize()}.")
        fill_in(command)
        add_progress_option(command)
    return top, commands


def add_progress_option(command: CommandParser) -> None:
    """Let people choose how progress is shown."""
    command.add_argument(
        "--progress",
        choices=("bar", "json", "none"),
        default="bar",
        help="a bar on a terminal, one JSON object a line on standard output, or nothing "
        "(default: %(default)s)",
    )


def _configure_edit(command: CommandParser) -> None:
    _add_clip_options(command, "result.mp4")
    _add_background_options(command)
    _add_style_options(command)
    add_position_options(command)
    _add_engine_options(command)
    command.add_argument(
        "--form",
        type=OutputFormat,
        choices=EDIT_FORMATS,
        default=OutputFormat.VIDEO,
        help="video: mp4 with sound; note: Telegram's round video note, 640 pixels square, the "
        "first 60 s; animation: mp4 without sound; gif: a GIF of the first 15 s, at most 480 "
        "pixels wide or high (default: %(default)s)",
    )
    command.add_argument(
        "--max-mb",
        type=float,
        metavar="MB",
        help="largest size of the file in megabytes of a million bytes; quality and, where need "
        "be, the picture's size give way (default: no limit)",
    )
    command.add_argument(
        "--thumbnail",
        type=Path,
        metavar="FILE.jpg",
        help="also write a small picture of the result's middle, at most 320 pixels "
        "wide or high (default: none)",
    )
    command.set_defaults(run=_run_edit)


def _configure_cut(command: CommandParser) -> None:
    _add_clip_options(command, "overlay.mov")
    command.add_argument(
        "--container",
        type=OutputFormat,
        choices=CUT_FORMATS,
        default=OutputFormat.MOV,
        help="mov: ProRes 4444, large, for editing programs; webm: VP9, small, for browsers; "
        "sticker: Telegram's video sticker, 512 pixels, the first 3 s (default: %(default)s)",
    )
    command.add_argument(
        "--full-frame",
        action="store_true",
        help="keep the clip's whole frame, transparent around the shape; the default is to crop "
        "to the shape and to print where it belongs",
    )
    _add_style_options(command)
    _add_engine_options(command)
    command.set_defaults(run=_run_cut)


def _configure_matte(command: CommandParser) -> None:
    command.add_argument("clip", type=Path, metavar="CLIP", help="the video to look at")
    where = command.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "-o",
        "--output",
        dest="output",
        type=Path,
        metavar="MATTE.mkv",
        help="write the final matte: grey, lossless, of the clip's size and times",
    )
    where.add_argument(
        "--segments",
        type=Path,
        metavar="FOLDER",
        help="write small mattes in segments, those that FOLDER lacks; --matte takes the folder",
    )
    command.add_argument(
        "--only",
        type=_parse_indices,
        metavar="I,J,…",
        help="with --segments: these segments, counted from 0 (default: all)",
    )
    purpose = command.add_mutually_exclusive_group()
    purpose.add_argument(
        "--plan-only", action="store_true", help="with --segments: write the plan and stop"
    )
    purpose.add_argument(
        "--check", action="store_true", help="with --segments: read those there are, make none"
    )
    add_edge_options(command)
    _add_engine_options(command, is_matte_accepted=False)
    command.set_defaults(run=_run_matte)


def _configure_preview(command: CommandParser) -> None:
    _add_clip_options(command, "card.jpg")
    _add_background_options(command)
    _add_style_options(command)
    add_position_options(command)
    _add_engine_options(command, is_matte_accepted=False)
    command.add_argument(
        "--side",
        type=int,
        choices=range(16, MAX_SIDE + 1),
        default=MAX_SIDE,
        metavar="PIXELS",
        help="longest side of the picture, 16 to %(default)s (default: %(default)s)",
    )
    command.set_defaults(run=_run_preview)


def _configure_parts(command: CommandParser) -> None:
    _add_clip_options(command, "FOLDER")
    _add_background_options(command)
    _add_style_options(command)
    add_position_options(command)
    _add_engine_options(command)
    command.add_argument(
        "--way",
        type=AlphaFormat,
        choices=list(AlphaFormat),
        default=AlphaFormat.LUMA,
        help="luma: the overlay as mp4, and a second one that is white where it is seen; mov and "
        "webm: one with alpha, large or small (default: %(default)s)",
    )
    command.add_argument(
        "--rate",
        type=_parse_rate,
        metavar="N/D",
        help="pictures a second (default: the clip's own)",
    )
    command.set_defaults(run=_run_parts)


def _configure_probe(command: CommandParser) -> None:
    command.add_argument("clip", type=Path, metavar="CLIP", help="the video")
    command.add_argument(
        "--thumbnail",
        type=Path,
        metavar="FILE.jpg",
        help="also write a small picture of its middle, at most 320 pixels wide or high "
        "(default: none)",
    )
    command.set_defaults(run=_run_probe, output=None)


def _configure_demo(command: CommandParser) -> None:
    command.add_argument(
        "-o",
        "--output",
        dest="output",
        type=Path,
        default=Path("overlay-demo.mp4"),
        metavar="RESULT.mp4",
        help="where the result goes; a picture before and after comes beside it "
        "(default: %(default)s)",
    )
    command.set_defaults(run=_run_demo)


def _add_clip_options(command: CommandParser, example: str) -> None:
    command.add_argument("clip", type=Path, metavar="CLIP", help="the video of the person")
    command.add_argument(
        "-o",
        "--output",
        dest="output",
        type=Path,
        required=True,
        metavar=example.upper() if "." not in example else example,
        help="where the result goes; it appears under that name when it is whole",
    )


def _add_background_options(command: CommandParser) -> None:
    group = command.add_argument_group("background")
    group.add_argument(
        "--background",
        default="#1d3557",
        metavar="FILE|COLOUR|blur",
        help="a video (looped or cut to the clip's length), a picture, a colour as a CSS name or "
        "#rrggbb, or blur: the clip itself out of focus (default: %(default)s)",
    )
    group.add_argument(
        "--canvas",
        choices=["auto", *ASPECTS],
        default="auto",
        help="the result's form; auto is the background's own size, or the clip's over a colour "
        "or blur, its longer side at most 1920 pixels (default: %(default)s)",
    )
    group.add_argument(
        "--lines",
        type=int,
        choices=(720, 1080),
        default=1080,
        help="pixels of the result's shorter side; with a --canvas other than auto "
        "(default: %(default)s)",
    )


def _add_style_options(command: CommandParser) -> None:
    default = Style()
    group = command.add_argument_group("overlay")
    group.add_argument(
        "--shape",
        choices=list(Shape),
        type=Shape,
        help=f"what the person is cut to; none leaves her free (default: {default.shape})",
    )
    group.add_argument(
        "--radius",
        type=float,
        help="of the circle, as a fraction of the clip's shorter side, 0.05 to 1 "
        f"(default: {default.radius})",
    )
    group.add_argument(
        "--crop",
        type=_parse_pair,
        metavar="W,H",
        help="what a rect or rounded card shows, as fractions of the clip's width and height "
        "(default: 1,1, all of it)",
    )
    group.add_argument(
        "--center",
        "--centre",
        dest="centre",
        type=_parse_pair_or_auto,
        metavar="X,Y|auto",
        help="middle of the shape, as fractions of the clip's width and height; auto finds the "
        "face over the whole clip (default: auto)",
    )
    group.add_argument(
        "--keep-background",
        action="store_true",
        default=None,
        help="keep the clip's own background inside the shape; needs no engine",
    )
    group.add_argument(
        "--ring",
        type=float,
        help="width of a line along the shape's edge, as a fraction of the overlay's shorter "
        f"side, 0 to 0.25 (default: {default.ring:g}, none)",
    )
    group.add_argument(
        "--ring-color",
        "--ring-colour",
        dest="ring_colour",
        metavar="COLOUR",
        help=f"a CSS name or #rrggbb (default: {default.ring_colour})",
    )
    group.add_argument(
        "--shadow",
        type=float,
        help=f"how dark a soft shadow is, 0 to 1 (default: {default.shadow:g}, none)",
    )
    group.add_argument(
        "--fade",
        type=float,
        metavar="SECONDS",
        help=f"the overlay's appearing and going, 0 to 10 s (default: {default.fade:g})",
    )
    add_edge_options(command)


def add_position_options(command: CommandParser) -> None:
    """Let people choose where the overlay is."""
    default = Style()
    group = command.add_argument_group("place")
    group.add_argument(
        "--position",
        choices=list(Anchor),
        type=Anchor,
        help=f"where on the result the overlay is (default: {default.position})",
    )
    group.add_argument(
        "--offset",
        type=_parse_pair,
        metavar="X,Y",
        help="added to the position, as fractions of the result's width and height; Y runs "
        "downwards (default: 0,0)",
    )
    group.add_argument(
        "--size",
        type=float,
        help="the overlay's height as a fraction of the result's, or its width where that is "
        "less, 0.05 to 4 (default: 0.5; 1 for shape none)",
    )


def add_edge_options(command: CommandParser) -> None:
    """Let people choose how the person is cut out."""
    default = Style()
    group = command.add_argument_group("edge")
    group.add_argument(
        "--threshold",
        type=float,
        help="certainty that makes a pixel half person, 0.05 to 0.95; more cuts closer "
        f"(default: {default.threshold})",
    )
    group.add_argument(
        "--feather",
        type=float,
        metavar="PIXELS",
        help="width of the Gaussian that softens the edge, in the clip's pixels, 0 to 99 "
        f"(default: {default.feather:g}, as the matte is)",
    )


def _add_engine_options(command: CommandParser, *, is_matte_accepted: bool = True) -> None:
    group = command.add_argument_group("engine")
    group.add_argument(
        "--engine",
        choices=list(ENGINES),
        default=FAST_ENGINE,
        help=f"{describe_engines()} (default: %(default)s)",
    )
    group.add_argument(
        "--model", default=DEFAULT_MODEL, help="rembg's network, by its name (default: %(default)s)"
    )
    group.add_argument(
        "--every",
        type=_parse_every,
        default=0,
        metavar="N|auto",
        help="rembg looks at every Nth frame, the others inherit (default: auto)",
    )
    group.add_argument(
        "--device",
        choices=("cpu", "cuda"),
        default="cpu",
        help="where rembg's network runs (default: %(default)s)",
    )
    if is_matte_accepted:
        group.add_argument(
            "--matte",
            type=Path,
            metavar="FILE|FOLDER",
            help="use the mattes that `overlay matte` made of this clip; no engine runs",
        )


def _run_edit(options: Arguments, report: Report) -> None:
    clip, behind, canvas = _open_scene(options)
    if options.form is OutputFormat.NOTE:  # which is shown round: its corners are not there
        options.position = options.position or Anchor.CENTER
        options.size = options.size or 0.9
    result = ResultOptions(
        output_format=options.form,
        max_bytes=None if options.max_mb is None else _convert_to_bytes(options.max_mb),
        thumbnail=options.thumbnail,
    )
    composition = _build_composition(options, clip)
    extent = edit(composition, options.output, behind, canvas, result, report)
    print_result(options, **extent._asdict())


def _run_cut(options: Arguments, report: Report) -> None:
    clip = open_clip(options)
    composition = _build_composition(options, clip)
    if options.container is OutputFormat.STICKER:
        extent = cut_sticker(composition, options.output, report)
        print_result(options, **extent._asdict())
    else:
        placement = cut(
            composition,
            options.output,
            options.container,
            is_full_frame=options.full_frame,
            report=report,
        )
        width, height = placement["box"][2:]
        extent = OutputInfo(width, height, float(clip.duration))
        print_result(options, **extent._asdict(), **placement)


def _run_matte(options: Arguments, report: Report) -> None:
    clip = open_clip(options)
    if options.output:
        write_final_matte(_build_composition(options, clip), options.output, report)
        print_result(options)
        return
    plan = _load_or_make_plan(options, clip)
    part = plan.select(options.only) if options.only else plan
    if options.check:
        check_segments(part, options.segments)
    elif not options.plan_only:
        choice = EngineOptions.from_options(
            engine=plan.engine, model=plan.model, every=plan.every, device=options.device
        )
        write_missing_segments(clip, part, options.segments, create_engine(choice, clip), report)


def _load_or_make_plan(options: Arguments, clip: Clip) -> Plan:
    """The plan that the folder has, or else a new one, kept there."""
    if (options.segments / PLAN_FILE).exists():
        plan = read_plan_of(clip, options.segments)
    else:
        plan = make_plan(clip, options.engine, model=options.model, every=options.every)
        write_plan(plan, options.segments)
    if options.only and max(options.only) >= len(plan.segments):
        raise InputRejected(RejectReason.BAD_OPTION, option="only", value=str(max(options.only)))
    return plan


def _run_preview(options: Arguments, _report: Report) -> None:
    clip, behind, canvas = _open_scene(options)
    canvas = fit_within_side(canvas, options.side)
    write_preview(_build_composition(options, clip), options.output, behind, canvas)
    print_result(options)


def _run_parts(options: Arguments, report: Report) -> None:
    clip, behind, canvas = _open_scene(options)
    parts = render_parts(
        _build_composition(options, clip),
        options.output,
        behind,
        canvas,
        PartsOptions(options.rate, options.way),
        report,
    )
    print_result(options, **parts)


def _run_probe(options: Arguments, _report: Report) -> None:
    clip = open_clip(options)
    if options.thumbnail is not None:
        write_thumbnail(clip, options.thumbnail)
    extent = OutputInfo(*clip.size, float(clip.duration))
    print_result(
        options, **extent._asdict(), rate=float(clip.rate), sound=clip.audio_stream is not None
    )


def _run_demo(options: Arguments, report: Report) -> None:
    picture = make_demo(options.output, report)
    print_result(options, picture=str(picture))


def open_clip(options: Arguments) -> Clip:
    """The clip that *options* name.

    Raises:
        InputRejected: it is not there, cannot be used, or would be overwritten.
    """
    path: Path = options.clip
    if not os.path.exists(path):  # noqa: PTH110 - Path's raises when the name is too long
        raise InputRejected(RejectReason.NO_FILE, path=str(path))
    _reject_overwriting(options)
    return probe(path, ClipLimits())


def _reject_overwriting(options: Arguments) -> None:
    """Raise if the result would take the place of what it is made from."""
    names = (getattr(options, name, None) for name in ("clip", "background", "matte"))
    for source in filter(None, names):
        if options.output and os.path.realpath(source) == os.path.realpath(options.output):
            why = f"{options.output} is what the result is made from"
            raise InputRejected(RejectReason.BAD_OPTION, option="output", why=why)


def _open_scene(options: Arguments) -> tuple[Clip, Background, Size]:
    clip = open_clip(options)
    behind = open_background(options.background, ClipLimits())
    aspect = None if options.canvas == "auto" else options.canvas
    return clip, behind, compute_canvas_size(aspect, options.lines, behind.size or clip.size)


def build_style(options: Arguments) -> Style:
    """The style that *options* have; what they lack is as by default."""
    return Style.from_options(**{name: getattr(options, name, None) for name in Style.model_fields})


def _build_composition(options: Arguments, clip: Clip) -> Composition:
    mattes = getattr(options, "matte", None)
    return Composition(clip, build_style(options), _build_engine_options(options), mattes)


def _build_engine_options(options: Arguments) -> EngineOptions:
    return EngineOptions.from_options(
        engine=options.engine, model=options.model, every=options.every, device=options.device
    )


def print_result(options: Arguments, **fields: object) -> None:
    """Say where the result is, where there is one, and what it is like."""
    if options.output:
        fields = {"result": str(options.output), **fields}
    if options.progress == "json":
        print(json.dumps({"stage": "done", **fields}), flush=True)
    else:
        result = [fields.pop("result")] if options.output else []
        print(*result, *(f"{name}: {value}" for name, value in fields.items()), sep="\n")


def _parse_rate(text: str) -> Fraction:
    rate = Fraction(text)
    if not 1 <= rate <= 120:
        raise ValueError(text)
    return rate


def _parse_pair(text: str) -> tuple[float, float]:
    x, y = text.split(",")
    return float(x), float(y)


def _parse_pair_or_auto(text: str) -> tuple[float, float] | None:
    return None if text == "auto" else _parse_pair(text)


def _parse_indices(text: str) -> list[int]:
    indices = [int(part) for part in text.split(",")]
    if min(indices) < 0:
        raise ValueError(text)
    return sorted(set(indices))


def _parse_every(text: str) -> int:
    number = 0 if text == "auto" else int(text)
    if number < 0:
        raise ValueError(text)
    return number


def _convert_to_bytes(megabytes: float) -> int:
    if not 0 < megabytes < float("inf"):
        raise InputRejected(RejectReason.BAD_OPTION, option="max-mb", value=str(megabytes))
    return int(megabytes * 1_000_000)
