"""The commands of ``overlay``: the options of each, and what each runs."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from video_editing.cli.arguments import Only, Positional
from video_editing.cli.limits import MODEL_SECONDS, READ_MEMORY, limit_reading_time
from video_editing.cli.output import print_result
from video_editing.cli.targets import Reads, Writes
from video_editing.compositing.background import Background, open_background
from video_editing.compositing.composition import Composition
from video_editing.compositing.layout import (
    MAX_SIDE,
    Size,
    compute_canvas_size,
    fit_within_side,
)
from video_editing.compositing.matte_report import MatteObserver
from video_editing.contract.atomic_file import atomic_write, translate_output_errors
from video_editing.contract.engines import (
    AUTO_ENGINE,
    ENGINES,
    FAST_ENGINE,
    EngineOptions,
)
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.excerpt import WHOLE_CLIP, Excerpt, find_span
from video_editing.contract.formats import (
    AUTO_CANVAS,
    BACKGROUND_FILE,
    CUT_FORMATS,
    EDIT_FORMATS,
    FORMATS,
    FRAME_FILE,
    LAYERS_FILE,
    PERSON_FILE,
    PROXY_FILE,
    STRIP_FILE,
    CanvasName,
    OutputFormat,
    OutputInfo,
)
from video_editing.contract.plan import PLAN_FILE, Plan, make_plan, read_plan_of, write_plan
from video_editing.contract.progress import Report
from video_editing.contract.sound import SoundOptions
from video_editing.contract.style import (
    EDGE_FIELDS,
    PLACEMENT_FIELDS,
    Anchor,
    Metavar,
    OneOf,
    OptionModel,
    Style,
)
from video_editing.matting.engines import create_engine, prefer_screen_engine, resolve_auto
from video_editing.matting.matte_stream import write_missing_segments
from video_editing.pipelines.contact_sheet import Tile, write_contact_sheet
from video_editing.pipelines.cut import cut, cut_sticker
from video_editing.pipelines.demo import make_demo
from video_editing.pipelines.edit import Encoder, ResultOptions, edit
from video_editing.pipelines.engine_speed import measure_engine_speeds
from video_editing.pipelines.matte import check_segments, write_final_matte
from video_editing.pipelines.preview import list_stills, write_preview, write_stills
from video_editing.pipelines.proxy import write_proxy
from video_editing.pipelines.reference import measure_difference
from video_editing.pipelines.render_parts import AlphaFormat, PartsOptions, render_parts
from video_editing.reading.probe import Clip, ClipLimits, probe

ClipPath = Annotated[
    Path, Positional(), Reads(), Metavar("CLIP"), Field(description="the video of the person")
]
OutputPath = Annotated[
    Path,
    Writes(),
    Field(
        validation_alias=AliasChoices("output", "o"),
        description="where the result is written; it appears under that name when it is complete",
    ),
]
StillPath = Annotated[Path | None, Writes(), Metavar("FILE.jpg")]
SEGMENT_FILES = (PLAN_FILE, "[0-9]*.mp4")
LAYER_FILES = (LAYERS_FILE, PERSON_FILE, FRAME_FILE, BACKGROUND_FILE)
PART_FILES = (
    "overlay.mp4",
    "overlay.mov",
    "overlay.webm",
    "luma.mp4",
    "background.jpg",
    "expected.jpg",
    "inverted.jpg",
    "animation.mp4",
    "blur.mp4",
)
MattePath = Annotated[
    Path | None,
    Reads(inside=SEGMENT_FILES),
    Metavar("FILE|FOLDER"),
    Field(description="use the mattes that `overlay matte` made of this clip; no engine runs"),
]
FolderPath = Annotated[
    Path,
    Writes(inside=PART_FILES),
    Field(
        validation_alias=AliasChoices("output", "o"),
        description="where the parts are written; they appear when all are complete",
    ),
]
PROXY_SECONDS = 120.0  #: in which the small copy of a clip is made
MAX_LOOKS = 9  #: in one picture
MAX_MEGABYTES = 1e9  #: of a result
CLIP_LIMITS = ClipLimits(max_memory=READ_MEMORY)
_NOTE, _GIF, _STICKER = (
    FORMATS[name] for name in (OutputFormat.NOTE, OutputFormat.GIF, OutputFormat.STICKER)
)
VOICE_FIELDS = ("even_voice", "denoise")
SHAPE_FIELDS = tuple(name for name in Style.model_fields if name not in PLACEMENT_FIELDS)


class CommandArguments(BaseModel):
    """Options of every command that reports progress."""

    model_config = ConfigDict(frozen=True)

    progress: Literal["bar", "json", "none"] = Field(
        default="bar",
        description="a bar on a terminal, one JSON object per line on standard output, or nothing",
    )
    memory: Annotated[int | None, Metavar("MB", default="three quarters of the machine's")] = Field(
        default=None,
        ge=100,
        description="megabytes of a million bytes, at least 100, that the command may hold; it "
        "ends when it needs more",
    )


ReportPath = Annotated[Path | None, Writes(), Metavar("FILE.json")]
REPORT_FIELD = Field(
    default=None,
    description="also write a report on the clip as JSON: frames without a person, shots, people, "
    "how sure the mattes are, and warnings",
)


class SceneOptions(OptionModel):
    """What the overlay is placed on."""

    background: Annotated[str, Reads(), Metavar("FILE|COLOUR|blur")] = Field(
        default="#1d3557",
        description="a video (looped or cut to the clip's length), a picture, a colour as a CSS "
        "name or #rrggbb, or blur: the clip itself out of focus",
    )
    canvas: CanvasName = Field(
        default=AUTO_CANVAS,
        description="the result's aspect ratio; auto is the background's own size, or the clip's "
        "over a colour or blur, its longer side at most 1920 pixels",
    )
    lines: Literal[720, 1080] = Field(
        default=1080,
        description="pixels of the result's shorter side; with a --canvas other than auto",
    )


class EditArguments(CommandArguments):
    """Options of ``overlay edit``."""

    clip: Annotated[
        Path,
        Positional(is_several=True),
        Reads(),
        Metavar("CLIP"),
        Field(
            description="the video of the person; of several, or of a folder with videos, each "
            "becomes a result of its own"
        ),
    ]
    output: Annotated[
        Path,
        Writes(),
        Metavar("result.mp4|FOLDER"),
        Field(
            validation_alias=AliasChoices("output", "o"),
            description="where the result is written; it appears under that name when it is "
            "complete; a folder for several clips",
        ),
    ]
    matte: MattePath = None
    form: Annotated[OutputFormat, OneOf(EDIT_FORMATS)] = Field(
        default=OutputFormat.VIDEO,
        description="video: mp4 with sound; note: Telegram's round video note, "
        f"{_NOTE.side} pixels square, the first {_NOTE.max_seconds} s; animation: mp4 "
        f"without sound; gif: a GIF of the first {_GIF.max_seconds} s, at most {_GIF.side} "
        f"pixels wide or high",
    )
    max_mb: Annotated[float | None, Metavar("MB", default="no limit")] = Field(
        default=None,
        description="largest size of the file in megabytes of a million bytes; quality and, if "
        "necessary, the picture's size are reduced",
    )
    thumbnail: StillPath = Field(
        default=None,
        description="also write a small picture of the result's middle, at most 320 pixels wide "
        "or high",
    )
    cover: StillPath = Field(default=None, description="the same, at most 1280 pixels wide or high")
    report: ReportPath = REPORT_FIELD
    encoder: Encoder = Field(
        default=Encoder.CPU,
        description="cpu: x264; auto: an NVIDIA GPU's encoder for a video or an animation, where a "
        "trial on the first frames shows it faster, as close to the original and hardly larger",
    )
    excerpt: Excerpt = WHOLE_CLIP
    scene: SceneOptions = SceneOptions()
    style: Style = Style()
    sound: SoundOptions = SoundOptions()
    engine_options: EngineOptions = EngineOptions()


class CutArguments(CommandArguments):
    """Options of ``overlay cut``."""

    clip: ClipPath
    output: Annotated[OutputPath, Metavar("overlay.mov")]
    matte: MattePath = None
    container: Annotated[OutputFormat, OneOf(CUT_FORMATS)] = Field(
        default=OutputFormat.MOV,
        description="mov: ProRes 4444, large, for editing programs; webm: VP9, small, for "
        f"browsers; sticker: Telegram's video sticker, {_STICKER.side} pixels, the first "
        f"{_STICKER.max_seconds} s",
    )
    full_frame: bool = Field(
        default=False,
        description="keep the clip's full frame, transparent around the shape; the default is to "
        "crop to the shape and to print where it belongs",
    )
    excerpt: Excerpt = WHOLE_CLIP
    style: Annotated[Style, Only(SHAPE_FIELDS)] = Style()
    sound: Annotated[SoundOptions, Only(VOICE_FIELDS)] = SoundOptions()
    engine_options: EngineOptions = EngineOptions()


class MatteArguments(CommandArguments):
    """Options of ``overlay matte``."""

    clip: ClipPath
    output: Annotated[Path | None, Writes(), Metavar("MATTE.mkv")] = Field(
        default=None,
        validation_alias=AliasChoices("output", "o"),
        description="write the final matte: grey, lossless, of the clip's size and times",
    )
    segments: Annotated[Path | None, Writes(inside=SEGMENT_FILES), Metavar("FOLDER")] = Field(
        default=None,
        description="instead of --output: write small mattes in segments, those that FOLDER "
        "lacks; --matte takes the folder",
    )
    only: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Metavar("I,J,…", default="all")] = (
        Field(default=(), description="with --segments: these segments, counted from 0")
    )
    plan_only: bool = Field(default=False, description="with --segments: write the plan and stop")
    check: bool = Field(
        default=False,
        description="with --segments: read the segments that exist, compute none",
    )
    excerpt: Excerpt = WHOLE_CLIP
    style: Annotated[Style, Only(EDGE_FIELDS)] = Style()
    engine_options: EngineOptions = EngineOptions()

    @model_validator(mode="after")
    def _check_purpose(self) -> Self:
        if (self.output is None) == (self.segments is None):
            raise ValueError("give either --output or --segments")
        if self.segments is None and self.excerpt != WHOLE_CLIP:
            raise ValueError("--start and --end go with --segments")
        if self.plan_only and self.check:
            raise ValueError("--plan-only and --check exclude each other")
        return self


class PreviewArguments(CommandArguments):
    """Options of ``overlay preview``."""

    clip: ClipPath
    output: Annotated[OutputPath, Metavar("card.jpg")]
    side: Annotated[int, Metavar("PIXELS")] = Field(
        default=MAX_SIDE, ge=16, le=MAX_SIDE, description="longest side of the picture"
    )
    layers: Annotated[Path | None, Writes(inside=LAYER_FILES), Metavar("FOLDER")] = Field(
        default=None,
        description="also write the person, transparent around, and the background apart, as WebP, "
        "with their geometry as JSON",
    )
    excerpt: Excerpt = WHOLE_CLIP
    scene: SceneOptions = SceneOptions()
    style: Style = Style()
    engine_options: EngineOptions = EngineOptions()


class Look(OptionModel):
    """One look of several, as the options of a preview say it."""

    scene: SceneOptions = SceneOptions()
    style: Style = Style()


class SheetArguments(CommandArguments):
    """Options of ``overlay sheet``."""

    clip: ClipPath
    output: Annotated[OutputPath, Metavar("sheet.jpg")]
    looks: Annotated[Path, Reads(), Metavar("FILE.json")] = Field(
        description='a JSON list with an object for each look: {"scene": {…}, "style": {…}}, with '
        "options of edit by their names with underscores"
    )
    numbered: bool = Field(default=False, description="number the looks, from 1")
    engine_options: EngineOptions = EngineOptions()


class PartsArguments(CommandArguments):
    """Options of ``overlay parts``."""

    clip: ClipPath
    output: Annotated[FolderPath, Metavar("FOLDER")]
    matte: MattePath = None
    way: AlphaFormat = Field(
        default=AlphaFormat.LUMA,
        description="luma: the overlay as mp4, and a second one that is white where it is seen; "
        "luma-inverted: black there; mov and webm: one with alpha, large or small",
    )
    rate: Annotated[
        Annotated[Fraction, Field(ge=1, le=120)] | None,
        Metavar("N/D", default="the clip's own"),
    ] = Field(default=None, description="frames per second")
    excerpt: Excerpt = WHOLE_CLIP
    scene: SceneOptions = SceneOptions()
    style: Style = Style()
    sound: Annotated[SoundOptions, Only(VOICE_FIELDS)] = SoundOptions()
    engine_options: EngineOptions = EngineOptions()


class ProxyArguments(CommandArguments):
    """Options of ``overlay proxy``."""

    clip: ClipPath
    output: Annotated[
        Path,
        Writes(inside=(PROXY_FILE, STRIP_FILE)),
        Metavar("FOLDER"),
        Field(
            validation_alias=AliasChoices("output", "o"),
            description=f"where {PROXY_FILE}, without sound, and {STRIP_FILE}, pictures from "
            "beginning to end side by side, are written",
        ),
    ]


class ProbeArguments(CommandArguments):
    """Options of ``overlay probe``."""

    clip: ClipPath
    thumbnail: StillPath = Field(
        default=None,
        description="also write a small picture of it, at most 320 pixels wide or high",
    )
    cover: StillPath = Field(default=None, description="the same, at most 1280 pixels wide or high")
    thumbnail_at: Annotated[float | None, Metavar("SECONDS", default="its middle")] = Field(
        default=None, ge=0, description="with --thumbnail or --cover: when the frame is shown"
    )
    compare: Annotated[Path | None, Reads(), Metavar("PICTURE")] = Field(
        default=None,
        description="also print how much the frame at --at differs from this picture, inside "
        "--box and outside: 0 same, 1 opposite",
    )
    at: Annotated[float, Metavar("SECONDS")] = Field(
        default=0, ge=0, description="with --compare: when the frame is shown"
    )
    box: Annotated[tuple[int, int, int, int] | None, Metavar("L,T,W,H", default="all of it")] = (
        Field(default=None, description="with --compare: left, top, width and height in pixels")
    )


class DemoArguments(CommandArguments):
    """Options of ``overlay demo``."""

    output: Annotated[Path, Writes(beside=".jpg"), Metavar("RESULT.mp4")] = Field(
        default=Path("overlay-demo.mp4"),
        validation_alias=AliasChoices("output", "o"),
        description="where the result is written, with a picture before and after beside it",
    )


class SpeedArguments(CommandArguments):
    """Options of ``overlay speed``."""

    engine_options: Annotated[EngineOptions, Only(("weights", "device"))] = EngineOptions()


_LOOKS_ADAPTER: TypeAdapter[tuple[Look, ...]] = TypeAdapter(
    Annotated[tuple[Look, ...], Field(min_length=1, max_length=MAX_LOOKS)]
)


class Command(NamedTuple):
    """One command.

    Attributes:
        summary: its line in the help.
        options: the model that its options follow from.
        run: what it does with an instance of that model and a report.
    """

    summary: str
    options: type[BaseModel]
    run: Callable[[Any, Report], None]


def _create_composition(
    options: EditArguments | CutArguments | PartsArguments, clip: Clip
) -> Composition:
    return Composition(
        clip,
        options.style,
        options.engine_options,
        options.matte,
        excerpt=options.excerpt,
        sound=options.sound,
    )


def run_edit(options: EditArguments, report: Report) -> None:
    """Write a finished video."""
    clip, background, canvas = _open_scene(options)
    style = options.style
    if options.form is OutputFormat.NOTE:  # shown round: its corners are not visible
        placement = {"position": Anchor.CENTER, "size": 0.9}
        given = {name: getattr(style, name) for name in style.model_fields_set}
        style = style.model_copy(update=placement | given)
    observer = MatteObserver(clip)
    composition = replace(_create_composition(options, clip), style=style, observer=observer)
    result = ResultOptions(
        output_format=options.form,
        max_bytes=None if options.max_mb is None else _convert_to_bytes(options.max_mb),
        thumbnail=options.thumbnail,
        cover=options.cover,
        encoder=options.encoder,
    )
    info = edit(composition, options.output, background, canvas, result, report)
    found = observer.summarize()
    if options.report is not None:
        with atomic_write(options.report) as path, translate_output_errors():
            path.write_text(found.model_dump_json())
    fields = info._asdict() | found.model_dump(mode="json")
    print_result(options.progress, options.output, **fields)


def run_cut(options: CutArguments, report: Report) -> None:
    """Write a transparent overlay."""
    clip = open_clip(options.clip)
    composition = _create_composition(options, clip)
    if options.container is OutputFormat.STICKER:
        info = cut_sticker(composition, options.output, report)
        print_result(options.progress, options.output, **info._asdict())
        return
    placement = cut(
        composition,
        options.output,
        options.container,
        is_full_frame=options.full_frame,
        report=report,
    )
    width, height = placement["box"][2:]
    info = OutputInfo(width, height, float(composition.seconds))
    print_result(options.progress, options.output, **info._asdict(), **placement)


def run_matte(options: MatteArguments, report: Report) -> None:
    """Write the final matte, or segments of small mattes."""
    clip = open_clip(options.clip)
    if options.segments is not None:
        _run_segments(options, options.segments, clip, report)
    elif options.output is not None:
        composition = Composition(clip, options.style, options.engine_options)
        write_final_matte(composition, options.output, report)
        print_result(options.progress, options.output)


def _run_segments(options: MatteArguments, folder: Path, clip: Clip, report: Report) -> None:
    is_planned = (folder / PLAN_FILE).exists()
    plan = read_plan_of(clip, folder) if is_planned else _make_plan(options, clip)
    part = _select_segments(plan, options.only) if options.only else plan
    if options.check:
        check_segments(part, folder)
        return
    if options.plan_only:
        if is_planned:  # the folder may have mattes of another part of the clip: they stay
            segments = make_plan(clip).select_span(find_span(clip, options.excerpt)).segments
            plan = plan.model_copy(update={"segments": segments})
        write_plan(plan, folder)
        return
    given = options.engine_options.model_dump()
    planned = given | {"engine": plan.engine, "model": plan.model, "every": plan.every}
    engine_options = resolve_auto(EngineOptions.from_options(**planned), clip)
    engine = create_engine(engine_options, clip)
    if not is_planned or plan.engine != engine_options.engine:
        # From now on the segments are of this engine.
        write_plan(plan.model_copy(update={"engine": engine_options.engine}), folder)
    write_missing_segments(clip, part, folder, engine, report)


def _select_segments(plan: Plan, indices: Sequence[int]) -> Plan:
    """Return the plan of these segments; an index is what a segment is called, not a position."""
    try:
        return plan.select(indices)
    except KeyError as err:
        raise InputRejected(RejectReason.BAD_OPTION, option="only", value=str(err.args[0])) from err


def _make_plan(options: MatteArguments, clip: Clip) -> Plan:
    engine_options = prefer_screen_engine(options.engine_options, clip)
    plan = make_plan(
        clip, engine_options.engine, model=engine_options.model, every=engine_options.every
    )
    return plan.select_span(find_span(clip, options.excerpt))


def run_preview(options: PreviewArguments, _report: Report) -> None:
    """Write one picture of what edit would make."""
    clip, background, canvas = _open_scene(options)
    canvas = fit_within_side(canvas, options.side)
    engine_options = _prefer_fast_engine(options.engine_options, clip)
    observer = MatteObserver(clip)
    composition = Composition(
        clip, options.style, engine_options, excerpt=options.excerpt, observer=observer
    )
    is_fast = ENGINES[engine_options.engine].is_fast
    with limit_reading_time(options.clip, extra_seconds=0 if is_fast else MODEL_SECONDS):
        centre = write_preview(composition, options.output, background, canvas, options.layers)
    fields = {
        "warnings": observer.summarize().model_dump(mode="json")["warnings"],
        "seconds": float(clip.duration),
        "center": [round(each, 3) for each in centre],
    }
    print_result(options.progress, options.output, **fields)


def _prefer_fast_engine(options: EngineOptions, clip: Clip) -> EngineOptions:
    """Return *options* with the fast engine for auto: a still picture is quick before all else."""
    options = prefer_screen_engine(options, clip)
    is_auto = options.engine == AUTO_ENGINE
    return options.model_copy(update={"engine": FAST_ENGINE}) if is_auto else options


def run_sheet(options: SheetArguments, _report: Report) -> None:
    """Write one picture of several looks."""
    clip = open_clip(options.clip)
    tiles = []
    for look in _read_looks(options.looks):
        background = _open_background(look.scene)
        canvas = _compute_canvas(look.scene, clip, background)
        tiles.append(Tile(look.style, background, canvas))
    composition = Composition(
        clip, engine_options=_prefer_fast_engine(options.engine_options, clip)
    )
    with limit_reading_time(options.clip, extra_seconds=MODEL_SECONDS):
        write_contact_sheet(composition, tiles, options.output, is_numbered=options.numbered)
    print_result(options.progress, options.output)


def _read_looks(path: Path) -> Sequence[Look]:
    require_file(path)
    try:
        return _LOOKS_ADAPTER.validate_json(path.read_bytes())
    except ValidationError as err:
        why = err.errors(include_url=False)[0]["msg"]
        raise InputRejected(RejectReason.BAD_OPTION, option="looks", why=why) from err


def run_parts(options: PartsArguments, report: Report) -> None:
    """Write what a renderer elsewhere puts together."""
    clip, background, canvas = _open_scene(options)
    parts = render_parts(
        _create_composition(options, clip),
        options.output,
        background,
        canvas,
        PartsOptions(options.rate, options.way),
        report,
    )
    print_result(options.progress, options.output, **parts)


def run_proxy(options: ProxyArguments, _report: Report) -> None:
    """Write a small copy and a strip of pictures."""
    clip = open_clip(options.clip)
    with limit_reading_time(options.clip, extra_seconds=PROXY_SECONDS):
        write_proxy(clip, options.output)
    print_result(options.progress, options.output, seconds=float(clip.duration))


def run_probe(options: ProbeArguments, _report: Report) -> None:
    """Print the size, length and rate of a video."""
    clip = open_clip(options.clip)
    if stills := list_stills(options.thumbnail, options.cover):
        with limit_reading_time(options.clip):
            write_stills(clip, stills, options.thumbnail_at)
    info = OutputInfo(*clip.size, float(clip.duration))._asdict()
    if options.compare is not None:
        with limit_reading_time(options.clip):
            box = options.box or (0, 0, *clip.size)
            info |= measure_difference(clip, options.at, options.compare, box)._asdict()
    has_sound = clip.audio_stream is not None
    print_result(options.progress, None, **info, rate=float(clip.rate), sound=has_sound)


def run_demo(options: DemoArguments, report: Report) -> None:
    """Make a clip, edit it, and print where the result is."""
    demo = make_demo(options.output, report)
    fields = {"picture": str(demo.picture), "engine": demo.engine, "fps": round(demo.speed, 1)}
    print_result(options.progress, options.output, **fields)


def run_speed(options: SpeedArguments, _report: Report) -> None:
    """Print how fast the engines are on this machine."""
    speeds = measure_engine_speeds(options.engine_options)
    print_result(options.progress, None, **{name: round(fps, 1) for name, fps in speeds.items()})


COMMANDS: dict[str, Command] = {
    "edit": Command("make a finished video: the person over a background", EditArguments, run_edit),
    "cut": Command("make a transparent overlay of the person", CutArguments, run_cut),
    "matte": Command(
        "make the matte alone: where the person is, white on black", MatteArguments, run_matte
    ),
    "preview": Command("make one picture of what edit would make", PreviewArguments, run_preview),
    "sheet": Command("make one picture of several looks", SheetArguments, run_sheet),
    "parts": Command("make what a renderer elsewhere puts together", PartsArguments, run_parts),
    "proxy": Command(
        "make a small copy and a strip of pictures, to trim a video by", ProxyArguments, run_proxy
    ),
    "probe": Command("print a video's size, length and frame rate", ProbeArguments, run_probe),
    "demo": Command(
        "make a short clip of a person, edit it, print where the result is", DemoArguments, run_demo
    ),
    "speed": Command(
        "measure how many frames a second the engines make here", SpeedArguments, run_speed
    ),
}


def open_clip(path: Path) -> Clip:
    """Probe the clip at *path*.

    Raises:
        InputRejected: the clip does not exist or cannot be used.
    """
    require_file(path)
    with limit_reading_time(path):
        return probe(path, CLIP_LIMITS)


def require_file(path: Path) -> None:
    """Check that *path* exists.

    Raises:
        InputRejected: NO_FILE.
    """
    if not os.path.exists(path):  # noqa: PTH110 - Path's raises when the name is too long
        raise InputRejected(RejectReason.NO_FILE, path=str(path))


def _open_scene(
    options: EditArguments | PreviewArguments | PartsArguments,
) -> tuple[Clip, Background, Size]:
    clip = open_clip(options.clip)
    background = _open_background(options.scene)
    return clip, background, _compute_canvas(options.scene, clip, background)


def _open_background(scene: SceneOptions) -> Background:
    with limit_reading_time(scene.background):
        return open_background(scene.background, CLIP_LIMITS)


def _compute_canvas(scene: SceneOptions, clip: Clip, background: Background) -> Size:
    aspect = None if scene.canvas == AUTO_CANVAS else scene.canvas
    return compute_canvas_size(aspect, scene.lines, background.size or clip.size)


def _convert_to_bytes(megabytes: float) -> int:
    if not 0 < megabytes < MAX_MEGABYTES:
        raise InputRejected(RejectReason.BAD_OPTION, option="max-mb", value=str(megabytes))
    return int(megabytes * 1_000_000)
