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
    RejectReason,
)
from video_editing.contract.progress import Progress, Report, ignore_progress


@contextmanager
def show_progress(kind: str) -> Iterator[Report]:
    """Yield a report that shows progress as *kind*: "bar", "json" or "none"."""
    if kind == "json":
        yield lambda progress: print(progress.as_json(), flush=True)
        return
    console = Console(stderr=True)
    if kind == "none" or not console.is_terminal:
        yield ignore_progress
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


REJECT_MESSAGES = {
    RejectReason.NO_FILE: "There is no such file.",
    RejectReason.EMPTY_FILE: "The file is empty.",
    RejectReason.NOT_A_VIDEO: "This is not a video that can be read.",
    RejectReason.UNSUPPORTED_FORMAT: (
        "This kind of file is not accepted; send mp4, mov, webm or mkv."
    ),
    RejectReason.UNSUPPORTED_CODEC: "The video's codec is not supported; convert it to H.264.",
    RejectReason.NO_VIDEO_STREAM: "There is no picture in this file, only sound.",
    RejectReason.TRUNCATED: "The file is cut off: part of the video is missing. Send it again.",
    RejectReason.CORRUPT: "The video is damaged and cannot be decoded.",
    RejectReason.TOO_LONG: "The video is too long.",
    RejectReason.TOO_LARGE: "The picture is too large; send it in 4K or smaller.",
    RejectReason.NO_PERSON: "There is no person in this video.",
    RejectReason.BAD_BACKGROUND: (
        "The background cannot be used; give a colour, a picture or a video."
    ),
    RejectReason.BAD_MATTE: (
        "The mattes do not belong to this clip, or are damaged; make them again."
    ),
    RejectReason.BAD_OPTION: "An option has a value that is not possible.",
    RejectReason.DOES_NOT_FIT: "The result cannot be made that small; allow more megabytes.",
}


def describe_error(error: Exception) -> str:
    """One sentence that says what happened and what to do next."""
    match error:
        case InputRejected(reason=reason, details=details):
            return _describe_rejection(reason, details)
        case ModelUnavailable(model=model, why=why):
            return f"The model {model} cannot be used here: {why}."
        case OutputFailed():
            return f"The result could not be written: {error}."
        case Cancelled():
            return "Stopped; nothing was written."
        case _:  # of whoever added commands of her own, and named it for people
            return f"{error}."


def _describe_rejection(reason: RejectReason, details: Mapping[str, float | str]) -> str:
    match reason, details:
        case RejectReason.BAD_OPTION, {"option": option, "why": why}:
            return f"--{option}: {why}."
        case RejectReason.BAD_OPTION, {"option": option, "value": value}:
            return f"--{option}: {value!r} is not possible."
        case RejectReason.NO_FILE, {"path": path}:
            return f"There is no file {path}."
        case RejectReason.TOO_LONG, {"seconds": seconds, "limit": limit}:
            return f"The video lasts {seconds:.0f} s; at most {limit:.0f} s are taken."
        case _:
            return REJECT_MESSAGES[reason]
