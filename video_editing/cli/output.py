"""What the command line prints: progress, results and errors, for users and parent processes."""

import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from video_editing.contract.errors import (
    Cancelled,
    InputRejected,
    ModelUnavailable,
    OutOfMemory,
    OutOfThreads,
    OutputFailed,
    RejectReason,
)
from video_editing.contract.media import PICTURE_KINDS, VIDEO_KINDS, list_names
from video_editing.contract.progress import Progress, Report, ignore


@contextmanager
def show_progress(kind: str, title: str = "") -> Iterator[Report]:
    """Yield a report that shows progress as *kind*: "bar", "json" or "none".

    Args:
        kind: how it is shown.
        title: begins the text of the bar, as "2/5 clip.mp4 "; "" for a single clip.
    """
    if kind == "json":
        yield lambda progress: print_event(progress.as_json())
    elif kind == "none" or not sys.stderr.isatty():
        yield ignore
    else:
        with _show_bar(title) as report:
            yield report


@contextmanager
def _show_bar(title: str) -> Iterator[Report]:
    import rich.progress  # noqa: PLC0415 - 30 ms that child processes do not need

    rich.reconfigure(stderr=True)
    with rich.progress.Progress(
        rich.progress.TextColumn("{task.description}"),
        rich.progress.BarColumn(),
        rich.progress.MofNCompleteColumn(),
        rich.progress.TextColumn("{task.fields[fps]:.0f} frames/s"),
        rich.progress.TimeRemainingColumn(),
        transient=True,
    ) as bar:
        task = bar.add_task(f"{title}starting", total=None, fps=0.0)

        def report(progress: Progress) -> None:
            bar.update(
                task,
                description=f"{title}{progress.stage}",
                completed=progress.done,
                total=progress.total,
                fps=progress.fps,
            )

        yield report


@contextmanager
def discard_unprinted() -> Iterator[None]:
    """Drop at the end what standard output does not take, so that the process ends as it should."""
    try:
        yield
    finally:
        try:
            sys.stdout.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_event(text: str) -> None:
    """Print a line about the work, which goes on without a line for which there is no room.

    Raises:
        Cancelled: the program that reads our output has ended.
    """
    try:
        _print_text(text)
    except BrokenPipeError as err:
        raise Cancelled(signal.SIGPIPE) from err
    except OSError:
        return


def _print_text(text: str) -> None:
    """Print *text*, escaped where the encoding of standard output lacks a character.

    Raises:
        OSError: it cannot be written.
    """
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)


def print_result(progress: str, result: Path | None, **fields: object) -> None:
    """Print where the result is, if there is one, and its properties.

    Args:
        progress: "json" prints one JSON object for a parent process.
        result: the file that was written; it is there even if that cannot be printed.
        fields: properties of the result.

    Raises:
        OutputFailed: there is no file, and what there is cannot be printed.
    """
    path = [] if result is None else [str(result)]
    if progress == "json":
        named = {"result": path[0]} if path else {}
        text = json.dumps({"stage": "done", **named, **fields})
    else:
        text = "\n".join([*path, *(f"{name}: {value}" for name, value in fields.items())])
    try:
        _print_text(text)
    except OSError as err:
        if result is None:
            raise OutputFailed(err.strerror) from err


def print_error(error: Exception, name: str, clip: str = "") -> None:
    """Print one sentence for users, and as the last line the same as JSON for parent processes.

    Args:
        error: the error.
        name: its name in the JSON.
        clip: begins the sentence, where there are several clips.
    """
    message = f"{clip}: {describe_error(error)}" if clip else describe_error(error)
    line = {
        "error": name,
        "reason": getattr(error, "reason", None),
        "details": getattr(error, "details", {}),
        "message": message,
    }
    with suppress(OSError):  # no stream is left to report it on
        print(f"overlay: {message}", json.dumps(line), sep="\n", file=sys.stderr, flush=True)


REJECT_MESSAGES = {
    RejectReason.NO_FILE: "There is no such file.",
    RejectReason.EMPTY_FILE: "The file is empty.",
    RejectReason.NOT_A_VIDEO: "This is not a video that can be read.",
    RejectReason.UNSUPPORTED_FORMAT: (
        f"This kind of file is not accepted; these are: {list_names(VIDEO_KINDS)}."
    ),
    RejectReason.UNSUPPORTED_CODEC: "The video's codec is not supported; convert it to H.264.",
    RejectReason.NO_VIDEO_STREAM: "There is no picture in this file, only sound.",
    RejectReason.TRUNCATED: "The file is cut off: part of the video is missing. Send it again.",
    RejectReason.CORRUPT: "The video is damaged and cannot be decoded.",
    RejectReason.TOO_LONG: "The video is too long.",
    RejectReason.NOTHING_LEFT: "No frame lies between --start and --end.",
    RejectReason.TOO_LARGE: (
        "The picture, or the index of the file, is too large; send it in 4K or smaller."
    ),
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

NO_MEMORY = "There is not enough memory: allow more (--memory, ulimit), or shrink the video."
NO_THREADS = "No more threads can be started: allow more (ulimit -u, the container's limit)."


def describe_error(error: Exception) -> str:
    """Return one sentence that says what happened and what to do next."""
    match error:
        case InputRejected(reason=reason, details=details):
            return _describe_rejection(reason, details)
        case ModelUnavailable(model=model, why=why):
            return f"The model {model} cannot be used here: {why}."
        case OutputFailed():
            return f"The result could not be written: {error}."
        case Cancelled():
            return "Stopped; nothing incomplete is left behind."
        case OutOfMemory():
            return NO_THREADS if isinstance(error, OutOfThreads) else NO_MEMORY
        case _:  # an error of another package's command, whose text is a sentence
            return f"{error}."


def _describe_rejection(reason: RejectReason, details: Mapping[str, float | str]) -> str:
    text = REJECT_MESSAGES[reason]
    match reason, details:
        case RejectReason.BAD_OPTION, {"option": option, "why": why}:
            text = f"--{option}: {why}."
        case RejectReason.BAD_OPTION, {"option": option, "value": value}:
            text = f"--{option}: {value!r} is not possible."
        case RejectReason.NO_FILE, {"path": path}:
            text = f"There is no file {path}."
        case RejectReason.NOT_A_VIDEO, {"what": "picture"}:
            text = "This is a photo, not a video."
        case RejectReason.UNSUPPORTED_CODEC, {"stream": "audio"}:
            text = "The codec of the sound is not supported; convert the sound to AAC."
        case RejectReason.BAD_BACKGROUND, {"why": str(why)}:
            text = _describe_background(RejectReason(why), details)
        case RejectReason.NO_FILE, {"error": error}:
            text = f"The file cannot be read: {error}."
        case RejectReason.TOO_LARGE | RejectReason.TOO_LONG, {}:
            text = _describe_limit(reason, details)
    return text


def _describe_limit(reason: RejectReason, details: Mapping[str, float | str]) -> str:
    match reason, details:
        case RejectReason.TOO_LARGE, {"seconds": seconds}:
            return f"The video takes more than {seconds:.0f} s to read; convert it to H.264 in mp4."
        case RejectReason.TOO_LONG, {"frames": frames}:
            return f"The video has more than {frames} frames; send a shorter one."
        case RejectReason.TOO_LONG, {"seconds": seconds, "limit": limit}:
            return f"The video lasts {seconds:.0f} s; at most {limit:.0f} s are taken."
        case _:
            return REJECT_MESSAGES[reason]


def _describe_background(why: RejectReason, details: Mapping[str, float | str]) -> str:
    match why:
        case RejectReason.TOO_LARGE if "megapixels" in details:
            limit = float(details["megapixels"])
            return f"The background is too large; at most {limit:.0f} megapixels are taken."
        case RejectReason.NOT_A_VIDEO | RejectReason.UNSUPPORTED_FORMAT:
            return (
                "The background is of a kind that is not taken; give a colour, a picture "
                f"({list_names(PICTURE_KINDS)}) or a video ({list_names(VIDEO_KINDS)})."
            )
        case RejectReason.CORRUPT:
            return "The background is damaged; save it anew, or give another one."
        case _:
            return f"The background cannot be used. {_describe_rejection(why, details)}"
