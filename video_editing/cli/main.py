"""The command line ``overlay``: parsing, exit statuses, signals."""

import argparse
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType, MappingProxyType
from typing import NamedTuple, NoReturn

import cv2

from video_editing.cli.arguments import add_options, read_options
from video_editing.cli.commands import COMMANDS, Command
from video_editing.cli.output import describe_version, print_error, show_progress
from video_editing.contract.errors import (
    Cancelled,
    InputRejected,
    ModelUnavailable,
    OutputFailed,
)

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Failure(NamedTuple):
    """What a parent process learns of an error.

    Attributes:
        exit_code: the exit status.
        name: the value of "error" in the last line of standard error.
    """

    exit_code: int
    name: str


#: 0 is success, 1 a bug, 2 a wrong command line, and 128 and more the signal that stopped the work.
FAILURES: Mapping[type[Exception], Failure] = MappingProxyType(
    {
        InputRejected: Failure(3, "InputRejected"),
        ModelUnavailable: Failure(4, "ModelUnavailable"),
        OutputFailed: Failure(5, "OutputFailed"),
    }
)


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
    parser, parsers = build_parser(commands)
    namespace = parser.parse_args(arguments)
    command = commands[namespace.command]
    cv2.setNumThreads(1)
    try:
        options = read_options(command.options, namespace, parsers[namespace.command])
        progress = getattr(options, "progress", "none")
        with _raise_on_signals(), show_progress(progress) as report:
            command.run(options, report)
    except Cancelled as err:
        print_error(err, "Cancelled")
        return 128 + err.signal
    except tuple(failures) as err:
        failure = next(each for kind, each in failures.items() if isinstance(err, kind))
        print_error(err, failure.name)
        return failure.exit_code
    return 0


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
    """Raise Cancelled where the work is when SIGINT or SIGTERM comes."""

    def stop(number: int) -> NoReturn:
        raise Cancelled(number)

    with stop_on_signals(stop):
        yield


@contextmanager
def stop_on_signals(stop: Callable[[int], None]) -> Iterator[None]:
    """Call *stop* with the first SIGINT or SIGTERM; later ones do not interrupt the clean-up."""

    def handle(number: int, _frame: FrameType | None) -> None:
        for each in STOP_SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        stop(number)

    before = [(number, signal.signal(number, handle)) for number in STOP_SIGNALS]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
