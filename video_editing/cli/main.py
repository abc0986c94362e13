"""The command line ``overlay``: parsing, exit statuses, signals."""

import argparse
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import NoReturn

import cv2
from pydantic import BaseModel

from video_editing.cli.arguments import add_options, read_options
from video_editing.cli.commands import COMMANDS, Command, CommandArguments
from video_editing.cli.failures import FAILURES, Failure, report_failure
from video_editing.cli.limits import limit_memory
from video_editing.cli.output import discard_unprinted, show_progress
from video_editing.cli.several_clips import new_folder, split_by_clip
from video_editing.cli.targets import check_targets
from video_editing.cli.version import describe_version
from video_editing.contract.errors import Cancelled
from video_editing.contract.progress import Report, ignore

STOP_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def main(
    arguments: Sequence[str] | None = None,
    commands: Mapping[str, Command] = COMMANDS,
    failures: Mapping[type[Exception], Failure] = FAILURES,
) -> int:
    """Run one command; return its exit status.

    Args:
        arguments: the words of the command line; None takes those of the process.
        commands: by name.
        failures: the errors that end with a sentence.
    """
    ends: tuple[type[Exception], ...] = (Cancelled, *failures)
    with discard_unprinted():
        parser, parsers = build_parser(commands)
        namespace = parser.parse_args(arguments)
        command = commands[namespace.command]
        cv2.setNumThreads(1)
        try:
            read = partial(read_options, command.options, command=parsers[namespace.command])
            several = split_by_clip(command.options, namespace)
            if several is not None:
                with new_folder(namespace.output):
                    every = [(each.clip[0].name, read(each)) for each in several]
                    return _run_each(command, every, failures)
            options = read(namespace)
            check_targets(options)
            with _raise_on_signals(), _open_report(options) as report:
                command.run(options, report)
        except ends as err:
            return report_failure(err, failures)
        return 0


def _run_each(
    command: Command,
    every: Sequence[tuple[str, BaseModel]],
    failures: Mapping[type[Exception], Failure],
) -> int:
    """Run *command* for each clip, also after one that failed; return the first failure's status.

    Args:
        command: the command.
        every: the names of the clips, each with its options.
        failures: the errors that end with a sentence.

    Raises:
        InputRejected, OutputFailed: see :func:`check_targets`; nothing was begun.
        Cancelled: a signal stopped the work.
    """
    for _, options in every:
        check_targets(options)
    status = 0
    for number, (clip, options) in enumerate(every, 1):
        try:
            with (
                _raise_on_signals(),
                _open_report(options, f"{number}/{len(every)} {clip} ") as report,
            ):
                command.run(options, report)
        except tuple(failures) as err:
            code = report_failure(err, failures, clip)
            status = status or code
    return status


@contextmanager
def _open_report(options: BaseModel, title: str = "") -> Iterator[Report]:
    """Open the report of a command that has one, and limit its memory."""
    if not isinstance(options, CommandArguments):
        yield ignore
        return
    with limit_memory(options.memory), show_progress(options.progress, title) as report:
        yield report


def build_parser(
    commands: Mapping[str, Command] = COMMANDS,
) -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """Create the parser, and return it with the parsers of its commands by name."""
    top = argparse.ArgumentParser(
        prog="overlay",
        description="Cut a person out of a video and place the person in a circle, in a card or "
        "free over any background.",
    )
    top.add_argument(
        "--version",
        action=_PrintVersion,
        nargs=0,
        help="print the versions and licences of the program and of what it runs, and exit",
    )
    subparsers = top.add_subparsers(required=True, metavar="COMMAND", dest="command")
    parsers = {}
    for name, command in commands.items():
        description = f"{command.summary[0].upper()}{command.summary[1:]}."
        parsers[name] = subparsers.add_parser(name, help=command.summary, description=description)
        add_options(parsers[name], command.options)
    return top, parsers


class _PrintVersion(argparse.Action):
    """Prints what `describe_version` says, and exits."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        print(describe_version())
        parser.exit()


@contextmanager
def _raise_on_signals() -> Iterator[None]:
    """Raise Cancelled where the work is when a signal stops it."""

    def stop(number: int) -> NoReturn:
        raise Cancelled(number)

    with stop_on_signals(stop):
        yield


@contextmanager
def stop_on_signals(stop: Callable[[int], None]) -> Iterator[None]:
    """Call *stop* with the first signal that stops; later ones do not interrupt the clean-up.

    What the parent process has set to be ignored, as nohup does with SIGHUP, stays ignored.
    """

    def handle(number: int, _frame: FrameType | None) -> None:
        for each in STOP_SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        stop(number)

    heeded = [number for number in STOP_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = [(number, signal.signal(number, handle)) for number in heeded]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
