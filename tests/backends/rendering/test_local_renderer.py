"""The local renderer: the arguments of its child process, and how it reads the output."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from backends.errors import BackendUnavailable, FailureKind
from backends.rendering.base import (
    LocalRenderer,
    RenderRequest,
    RenderResult,
)
from tests.backends.support.event_recorder import EventRecorder
from tests.backends.support.shotstack_renderer import KEEP_BACKGROUND, LIMITS
from tests.support.person_clips import film_of_eileen
from video_editing.cli.arguments import format_options, read_options
from video_editing.cli.commands import EditArguments
from video_editing.cli.main import build_parser
from video_editing.contract.errors import Cancelled, InputRejected, OutputFailed, RejectReason
from video_editing.contract.formats import OutputFormat
from video_editing.contract.progress import Progress
from video_editing.contract.style import Anchor, Shape, Style
from video_editing.reading.probe import ClipLimits, probe


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a second of Eileen, with a voice."""
    return film_of_eileen(tmp_path_factory.mktemp("film") / "film.mp4", 12, side=160, tone=440)


@pytest.mark.parametrize(
    "style",
    [
        Style(),
        Style(
            shape=Shape.ROUNDED,
            radius=0.4,
            crop=(0.5, 0.75),
            centre=(0.25, 0.5),
            keep_background=True,
            threshold=0.6,
            feather=7,
            ring=0.02,
            ring_colour="#d4a017",
            shadow=0.5,
            position=Anchor.TOP_LEFT,
            offset=(-0.1, 0.00001),
            size=0.35,
            fade=1.5,
        ),
    ],
)
def test_a_style_survives_the_command_line(style: Style) -> None:
    """The child parses the same style from its arguments, to the last digit."""
    words = ["edit", "clip", "-o", "result", *format_options(style)]
    parser, commands = build_parser()
    options = read_options(EditArguments, parser.parse_args(words), commands["edit"])
    assert options.style == style


@pytest.mark.parametrize("form", OutputFormat)
async def test_every_form_is_made(
    film: Path, tmp_path: Path, heard: EventRecorder, form: OutputFormat
) -> None:
    """Each format has the size and length that the renderer reports."""
    result = tmp_path / f"result{form.suffix}"
    scene = RenderRequest(film, None, "teal", KEEP_BACKGROUND, form, max_bytes=1_000_000)
    made = await LocalRenderer(LIMITS).render(scene, result, heard)
    seen = probe(result, ClipLimits())
    assert made == RenderResult("local", *seen.size, pytest.approx(float(seen.duration), abs=0.05))
    assert heard.of(Progress)


async def test_a_size_limit_is_observed(film: Path, tmp_path: Path, heard: EventRecorder) -> None:
    """A video has at most the bytes that are allowed."""
    scene = RenderRequest(film, None, "blur", KEEP_BACKGROUND, max_bytes=20_000)
    await LocalRenderer(LIMITS).render(scene, tmp_path / "result.mp4", heard)
    assert (tmp_path / "result.mp4").stat().st_size <= 20_000


async def test_a_thumbnail_is_written(film: Path, tmp_path: Path, heard: EventRecorder) -> None:
    """The thumbnail is written to its path."""
    scene = RenderRequest(film, None, "teal", KEEP_BACKGROUND, thumbnail=tmp_path / "small.jpg")
    await LocalRenderer(LIMITS).render(scene, tmp_path / "result.mp4", heard)
    assert (tmp_path / "small.jpg").read_bytes().startswith(b"\xff\xd8")


async def test_paths_may_be_relative(
    film: Path, heard: EventRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child has another working directory, and finds all files."""
    monkeypatch.chdir(film.parent)
    scene = RenderRequest(Path(film.name), None, film.name, KEEP_BACKGROUND)
    result = Path("result.mp4")
    await LocalRenderer(LIMITS).render(scene, result, heard)
    assert (film.parent / "result.mp4").exists()


@pytest.fixture
def ending() -> Callable[[str], LocalRenderer]:
    """Create a renderer whose child runs one line of Python."""

    def made(line: str) -> LocalRenderer:
        return LocalRenderer(LIMITS, (sys.executable, "-c", f"import sys; {line}"))

    return made


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("sys.exit(3)", InputRejected),
        ("sys.exit(5)", OutputFailed),
        ("sys.exit(143)", Cancelled),
        ("sys.exit(1)", BackendUnavailable),
        ("sys.exit(0)", BackendUnavailable),
    ],
)
async def test_each_exit_code_has_its_meaning(
    ending: Callable[[str], LocalRenderer],
    film: Path,
    tmp_path: Path,
    heard: EventRecorder,
    line: str,
    error: type[Exception],
) -> None:
    """Each exit code becomes the exception that says what to do next."""
    with pytest.raises(error):
        await ending(line).render(
            RenderRequest(film, None, "teal", KEEP_BACKGROUND), tmp_path / "r.mp4", heard
        )


async def test_a_child_without_a_result_line_has_failed(
    ending: Callable[[str], LocalRenderer], film: Path, tmp_path: Path, heard: EventRecorder
) -> None:
    """A success without a size is a failure of the renderer."""
    with pytest.raises(BackendUnavailable) as caught:
        await ending("").render(
            RenderRequest(film, None, "teal", KEEP_BACKGROUND), tmp_path / "r.mp4", heard
        )
    assert caught.value.kind is FailureKind.INVALID_RESPONSE


async def test_a_bad_background_is_rejected(
    film: Path, tmp_path: Path, heard: EventRecorder
) -> None:
    """The rejection says what is wrong with the background."""
    scene = RenderRequest(film, None, "no such colour", KEEP_BACKGROUND)
    with pytest.raises(InputRejected) as caught:
        await LocalRenderer(LIMITS).render(scene, tmp_path / "r.mp4", heard)
    assert caught.value.reason is RejectReason.BAD_OPTION
