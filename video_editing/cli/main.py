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

from video_editing.cli.output import sentence, shown
from video_editing.compositing.background import Background, background
from video_editing.compositing.layout import ASPECTS, LONGEST, Size, canvas_size, within_side
from video_editing.contract.errors import (
    Cancelled,
    InputRejected,
    ModelUnavailable,
    OutputFailed,
    Reason,
)
from video_editing.contract.formats import EDITED, Extent, Form
from video_editing.contract.plan import PLAN, Plan, keep_plan, plan_of, planned
from video_editing.contract.progress import Report
from video_editing.contract.style import Anchor, Shape, Style
from video_editing.matting.engines import Choice, engine
from video_editing.matting.matte_stream import fill
from video_editing.matting.rembg_models import MODEL
from video_editing.pipelines.cut import Container, cut, sticker
from video_editing.pipelines.demo import demo
from video_editing.pipelines.edit import edit
from video_editing.pipelines.matte import check, final_matte
from video_editing.pipelines.preview import preview
from video_editing.pipelines.render_parts import Way, parts
from video_editing.pipelines.thumbnail import photograph
from video_editing.reading.probe import Clip, Limits, probe

#: What a parent learns from the exit status; 0 is success, 1 a bug, 2 a wrong command line, and
#: 128 and more the signal that stopped the work.
EXIT: dict[type[Exception], int] = {
    InputRejected: 3,
    ModelUnavailable: 4,
    OutputFailed: 5,
}

NO_MORE: Mapping[type[Exception], int] = MappingProxyType({})

Options = argparse.Namespace
Command = argparse.ArgumentParser
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - it has no public name


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    parser, _ = parsers()
    return run(parser.parse_args(arguments))


def run(options: Options, more: Mapping[type[Exception], int] = NO_MORE) -> int:
    """Do what *options* say, and tell of errors as people and parents want it.

    Args:
        options: as parsed; `options.run` is called with them and a report.
        more: exit statuses of errors that the commands here do not have.
    """
    cv2.setNumThreads(1)
    exits = EXIT | dict(more)
    try:
        with _stopped_by_signals(), shown(options.progress) as report:
            options.run(options, report)
    except Cancelled as stopped:
        _complain(stopped)
        return 128 + stopped.signal
    except tuple(exits) as err:
        _complain(err)
        return next(status for kind, status in exits.items() if isinstance(err, kind))
    return 0


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
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


def _complain(error: Exception) -> None:
    """A sentence for people, and as the last line the same for parents."""
    message = sentence(error)
    line = {
        "error": type(error).__name__,
        "reason": getattr(error, "reason", None),
        "details": getattr(error, "details", {}),
        "message": message,
    }
    print(f"overlay: {message}", json.dumps(line), sep="\n", file=sys.stderr, flush=True)


def parsers() -> tuple[Command, Commands]:
    """The command line, and its commands by name; both can be added to."""
    top = argparse.ArgumentParser(
        prog="overlay",
        description="Cut a person out of a video and put her in a circle, a card or free over "
        "any background.",
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for name, summary, fill_in in (
        ("edit", "make a finished video: the person over a background", _edit_command),
        ("cut", "make a transparent overlay of the person", _cut_command),
        ("matte", "make the matte alone: where the person is, white on black", _matte_command),
        ("preview", "make one picture of what edit would make", _preview_command),
        ("parts", "make what a renderer elsewhere puts together", _parts_command),
        ("probe", "tell how large a video is, how long and how fast", _probe_command),
        ("demo", "make a short clip of a person, edit it, say where the result is", _demo_command),
    ):
        command = commands.add_parser(name, help=summary, description=f"{summary.capitalize()}.")
        fill_in(command)
        add_progress(command)
    return top, commands


def add_progress(command: Command) -> None:
    """Let people choose how progress is shown."""
    command.add_argument(
        "--progress",
        choices=("bar", "json", "none"),
        default="bar",
        help="a bar on a terminal, one JSON object a line on standard output, or nothing "
        "(default: %(default)s)",
    )


def _edit_command(command: Command) -> None:
    _add_clip(command, "result.mp4")
    _add_background(command)
    _add_style(command)
    add_place(command)
    _add_engine(command)
    command.add_argument(
        "--form",
        type=Form,
        choices=EDITED,
        default=Form.VIDEO,
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
    command.set_defaults(run=_edit)


def _cut_command(command: Command) -> None:
    _add_clip(command, "overlay.mov")
    command.add_argument(
        "--container",
        choices=[*Container, "sticker"],
        default=Container.MOV,
        help="mov: ProRes 4444, large, for editing programs; webm: VP9, small, for browsers; "
        "sticker: Telegram's video sticker, 512 pixels, the first 3 s (default: %(default)s)",
    )
    command.add_argument(
        "--full-frame",
        action="store_true",
        help="keep the clip's whole frame, transparent around the shape; the default is to crop "
        "to the shape and to print where it belongs",
    )
    _add_style(command)
    _add_engine(command)
    command.set_defaults(run=_cut)


def _matte_command(command: Command) -> None:
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
        type=_indices,
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
    add_edge(command)
    _add_engine(command, reuse=False)
    command.set_defaults(run=_matte)


def _preview_command(command: Command) -> None:
    _add_clip(command, "card.jpg")
    _add_background(command)
    _add_style(command)
    add_place(command)
    _add_engine(command, reuse=False)
    command.add_argument(
        "--side",
        type=int,
        choices=range(16, LONGEST + 1),
        default=LONGEST,
        metavar="PIXELS",
        help="longest side of the picture, 16 to %(default)s (default: %(default)s)",
    )
    command.set_defaults(run=_preview)


def _parts_command(command: Command) -> None:
    _add_clip(command, "FOLDER")
    _add_background(command)
    _add_style(command)
    add_place(command)
    _add_engine(command)
    command.add_argument(
        "--way",
        type=Way,
        choices=list(Way),
        default=Way.LUMA,
        help="luma: the overlay as mp4, and a second one that is white where it is seen; mov and "
        "webm: one with alpha, large or small (default: %(default)s)",
    )
    command.add_argument(
        "--rate",
        type=_rate,
        metavar="N/D",
        help="pictures a second (default: the clip's own)",
    )
    command.set_defaults(run=_parts)


def _probe_command(command: Command) -> None:
    command.add_argument("clip", type=Path, metavar="CLIP", help="the video")
    command.add_argument(
        "--thumbnail",
        type=Path,
        metavar="FILE.jpg",
        help="also write a small picture of its middle, at most 320 pixels wide or high "
        "(default: none)",
    )
    command.set_defaults(run=_probe, output=None)


def _demo_command(command: Command) -> None:
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
    command.set_defaults(run=_demo)


def _add_clip(command: Command, example: str) -> None:
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


def _add_background(command: Command) -> None:
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


def _add_style(command: Command) -> None:
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
        type=_pair,
        metavar="W,H",
        help="what a rect or rounded card shows, as fractions of the clip's width and height "
        "(default: 1,1, all of it)",
    )
    group.add_argument(
        "--center",
        "--centre",
        dest="centre",
        type=_pair_or_auto,
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
    add_edge(command)


def add_place(command: Command) -> None:
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
        type=_pair,
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


def add_edge(command: Command) -> None:
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


def _add_engine(command: Command, *, reuse: bool = True) -> None:
    group = command.add_argument_group("engine")
    group.add_argument(
        "--engine",
        choices=("mediapipe", "rembg"),
        default="mediapipe",
        help="mediapipe is fast, rembg is fine and slow (default: %(default)s)",
    )
    group.add_argument(
        "--model", default=MODEL, help="rembg's network, by its name (default: %(default)s)"
    )
    group.add_argument(
        "--every",
        type=_every,
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
    if reuse:
        group.add_argument(
            "--matte",
            type=Path,
            metavar="FILE|FOLDER",
            help="use the mattes that `overlay matte` made of this clip; no engine runs",
        )


def _edit(options: Options, report: Report) -> None:
    clip, behind, canvas = _scene(options)
    if options.form is Form.NOTE:  # which is shown round: its corners are not there
        options.position = options.position or Anchor.CENTER
        options.size = options.size or 0.9
    extent = edit(
        clip,
        options.output,
        behind,
        canvas,
        style=style_of(options),
        choice=_choice(options),
        mattes=options.matte,
        form=options.form,
        max_bytes=None if options.max_mb is None else _bytes(options.max_mb),
        thumbnail=options.thumbnail,
        report=report,
    )
    announce(options, **extent._asdict())


def _cut(options: Options, report: Report) -> None:
    clip = opened_clip(options)
    rest = {
        "style": style_of(options),
        "choice": _choice(options),
        "mattes": options.matte,
        "report": report,
    }
    if options.container == "sticker":
        extent = sticker(clip, options.output, **rest)
        announce(options, **extent._asdict())
    else:
        place = cut(clip, options.output, options.container, full_frame=options.full_frame, **rest)
        width, height = place["box"][2:]
        extent = Extent(width, height, float(clip.duration))
        announce(options, **extent._asdict(), **place)


def _matte(options: Options, report: Report) -> None:
    clip = opened_clip(options)
    if options.output:
        final_matte(
            clip, options.output, style=style_of(options), choice=_choice(options), report=report
        )
        announce(options)
        return
    plan = _plan(options, clip)
    indices = options.only or range(len(plan.segments))
    if options.check:
        check(plan, options.segments, indices)
    elif not options.plan_only:
        part = plan.model_copy(update={"segments": [plan.segments[i] for i in indices]})
        choice = Choice(plan.engine, plan.model, plan.every, options.device)
        fill(clip, part, options.segments, engine(choice, clip), report)


def _plan(options: Options, clip: Clip) -> Plan:
    """The plan that the folder has, or else a new one, kept there."""
    if (options.segments / PLAN).exists():
        plan = plan_of(clip, options.segments)
    else:
        plan = planned(clip, options.engine, model=options.model, every=options.every)
        keep_plan(plan, options.segments)
    if options.only and max(options.only) >= len(plan.segments):
        raise InputRejected(Reason.BAD_OPTION, option="only", value=str(max(options.only)))
    return plan


def _preview(options: Options, _report: Report) -> None:
    clip, behind, canvas = _scene(options)
    canvas = within_side(canvas, options.side)
    preview(clip, options.output, behind, canvas, style=style_of(options), choice=_choice(options))
    announce(options)


def _parts(options: Options, report: Report) -> None:
    clip, behind, canvas = _scene(options)
    made = parts(
        clip,
        options.output,
        behind,
        options.background,
        canvas,
        rate=options.rate or clip.rate,
        style=style_of(options),
        way=options.way,
        choice=_choice(options),
        mattes=options.matte,
        report=report,
    )
    announce(options, **made)


def _probe(options: Options, _report: Report) -> None:
    clip = opened_clip(options)
    if options.thumbnail is not None:
        photograph(clip, options.thumbnail)
    extent = Extent(*clip.size, float(clip.duration))
    announce(options, **extent._asdict(), rate=float(clip.rate), sound=clip.sound is not None)


def _demo(options: Options, report: Report) -> None:
    picture = demo(options.output, report)
    announce(options, picture=str(picture))


def opened_clip(options: Options) -> Clip:
    """The clip that *options* name.

    Raises:
        InputRejected: it is not there, cannot be used, or would be overwritten.
    """
    path: Path = options.clip
    if not os.path.exists(path):  # noqa: PTH110 - Path's raises when the name is too long
        raise InputRejected(Reason.NO_FILE, path=str(path))
    _refuse_overwriting(options)
    return probe(path, Limits())


def _refuse_overwriting(options: Options) -> None:
    """Raise if the result would take the place of what it is made from."""
    names = (getattr(options, name, None) for name in ("clip", "background", "matte"))
    for source in filter(None, names):
        if options.output and os.path.realpath(source) == os.path.realpath(options.output):
            why = f"{options.output} is what the result is made from"
            raise InputRejected(Reason.BAD_OPTION, option="output", why=why)


def _scene(options: Options) -> tuple[Clip, Background, Size]:
    clip = opened_clip(options)
    behind = background(options.background, Limits())
    aspect = None if options.canvas == "auto" else options.canvas
    return clip, behind, canvas_size(aspect, options.lines, behind.size or clip.size)


def style_of(options: Options) -> Style:
    """The style that *options* have; what they lack is as by default."""
    return Style.checked(**{name: getattr(options, name, None) for name in Style.model_fields})


def _choice(options: Options) -> Choice:
    return Choice(options.engine, options.model, options.every, options.device)


def announce(options: Options, **more: object) -> None:
    """Say where the result is, where there is one, and what it is like."""
    if options.output:
        more = {"result": str(options.output), **more}
    if options.progress == "json":
        print(json.dumps({"stage": "done", **more}), flush=True)
    else:
        result = [more.pop("result")] if options.output else []
        print(*result, *(f"{name}: {value}" for name, value in more.items()), sep="\n")


def _rate(text: str) -> Fraction:
    rate = Fraction(text)
    if not 1 <= rate <= 120:
        raise ValueError(text)
    return rate


def _pair(text: str) -> tuple[float, float]:
    x, y = text.split(",")
    return float(x), float(y)


def _pair_or_auto(text: str) -> tuple[float, float] | None:
    return None if text == "auto" else _pair(text)


def _indices(text: str) -> list[int]:
    indices = [int(part) for part in text.split(",")]
    if min(indices) < 0:
        raise ValueError(text)
    return sorted(set(indices))


def _every(text: str) -> int:
    number = 0 if text == "auto" else int(text)
    if number < 0:
        raise ValueError(text)
    return number


def _bytes(megabytes: float) -> int:
    if not 0 < megabytes < float("inf"):
        raise InputRejected(Reason.BAD_OPTION, option="max-mb", value=str(megabytes))
    return int(megabytes * 1_000_000)
