"""Progress as people see it on a terminal, and as parents read it from a pipe."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

from video_editing.contract.errors import (
    Cancelled,
    InputRejected,
    ModelUnavailable,
    OutputFailed,
    Reason,
)
from video_editing.contract.progress import Progress, Report, unreported


@contextmanager
def shown(kind: str) -> Iterator[Report]:
    """Yield a report that shows progress as *kind*: "bar", "json" or "none"."""
    if kind == "json":
        yield lambda progress: print(progress.as_json(), flush=True)
        return
    console = Console(stderr=True)
    if kind == "none" or not console.is_terminal:
        yield unreported
        return
    with Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[fps]:.0f} frames/s"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    ) as bar:
        task = bar.add_task("starting", total=None, fps=0.0)

        def report(progress: Progress) -> None:
            bar.update(
                task,
                description=progress.stage,
                completed=progress.done,
                total=progress.total,
                fps=progress.fps,
            )

        yield report


REJECTED = {
    Reason.NO_FILE: "There is no such file.",
    Reason.EMPTY_FILE: "The file is empty.",
    Reason.NOT_A_VIDEO: "This is not a video that can be read.",
    Reason.UNSUPPORTED_FORMAT: "This kind of file is not accepted; send mp4, mov, webm or mkv.",
    Reason.UNSUPPORTED_CODEC: "The video's codec is not supported; convert it to H.264.",
    Reason.NO_VIDEO_STREAM: "There is no picture in this file, only sound.",
    Reason.TRUNCATED: "The file is cut off: part of the video is missing. Send it again.",
    Reason.CORRUPT: "The video is damaged and cannot be decoded.",
    Reason.TOO_LONG: "The video is too long.",
    Reason.TOO_LARGE: "The picture is too large; send it in 4K or smaller.",
    Reason.NO_PERSON: "There is no person in this video.",
    Reason.BAD_BACKGROUND: "The background cannot be used; give a colour, a picture or a video.",
    Reason.BAD_MATTE: "The mattes do not belong to this clip, or are damaged; make them again.",
    Reason.BAD_OPTION: "An option has a value that is not possible.",
    Reason.DOES_NOT_FIT: "The result cannot be made that small; allow more megabytes.",
}


def sentence(error: Exception) -> str:
    """One sentence that says what happened and what to do next."""
    match error:
        case InputRejected(reason=reason, details=details):
            return _rejected(reason, details)
        case ModelUnavailable(model=model, why=why):
            return f"The model {model} cannot be used here: {why}."
        case OutputFailed():
            return f"The result could not be written: {error}."
        case Cancelled():
            return "Stopped; nothing was written."
        case _:  # of whoever added commands of her own, and named it for people
            return f"{error}."


def _rejected(reason: Reason, details: Mapping[str, float | str]) -> str:
    match reason, details:
        case Reason.BAD_OPTION, {"option": option, "why": why}:
            return f"--{option}: {why}."
        case Reason.BAD_OPTION, {"option": option, "value": value}:
            return f"--{option}: {value!r} is not possible."
        case Reason.NO_FILE, {"path": path}:
            return f"There is no file {path}."
        case Reason.TOO_LONG, {"seconds": seconds, "limit": limit}:
            return f"The video lasts {seconds:.0f} s; at most {limit:.0f} s are taken."
        case _:
            return REJECTED[reason]
