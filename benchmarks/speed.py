"""Measure the speed and the memory of the commands, and of what they are compared with.

``uv run python -m benchmarks.speed CLIP`` makes a 1080p30 clip with sound from CLIP, runs each
command on it in a child process, and prints a Markdown table, row by row. It takes less than four
minutes on two cores. Each round runs all commands in sequence, so that other load on the machine
affects all of them, and prints a table of the medians so far; the ratios are medians of the ratios
within a round.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import av
from rich.console import Console

from benchmarks.footage import BIT_RATE, FRAME_RATE, make_footage
from benchmarks.machine import describe_machine
from benchmarks.meter import measure
from benchmarks.table import format_line, format_table
from tests.support.onnx_networks import save_u2net_sized
from video_editing.contract.engines import BEST_ENGINE, FAST_ENGINE

COLOUR = "#1d3557"
PREVIEWS = 5
PREDECESSOR_FRAMES = 30  #: of the clip for the predecessor, which makes five a second
REMBG_FRAMES = 10  #: of the clip for rembg, which makes two or three a second
MAX_LOSS = 0.25  #: of a ratio to the transcode, from an earlier run, without a warning
LONG_FACTOR = 10  #: ratio of the lengths of the clips whose memory is compared

TRANSCODE = "plain transcode"
OVER_COLOUR = "`edit`, circle over a colour"
OVER_VIDEO = "`edit`, circle over a 1080p video"
BEST_SUFFIX = ", best engine"  #: of the rows of the best engine; the others are the fast one's
PREDECESSOR = f"the predecessor's overlay, {PREDECESSOR_FRAMES} frames"
REMBG = f"rembg, `remove()` for each of {REMBG_FRAMES} frames"

QUICK = TRANSCODE, OVER_COLOUR, OVER_COLOUR + BEST_SUFFIX

HEADERS = (
    "what",
    "frames/s",
    "of the transcode",
    "× predecessor",
    "× rembg",
    "CPU ms a frame",
    "peak MB",
)

ShowStatus = Callable[[str], None]


class Job(NamedTuple):
    """A command to measure.

    Attributes:
        name: in the table.
        command: a module and its arguments.
        output: the file that the command writes.
        frames: expected number of frames in the output.
    """

    name: str
    command: Sequence[object]
    output: Path
    frames: int


class Measurement(NamedTuple):
    """The measurement of one run of a job.

    Attributes:
        rate: frames per second, from the start of the process to its end; without loading for
            the predecessor and rembg, which print the seconds of their frames.
        cpu_seconds: CPU seconds per frame, with loading.
        peak_bytes: peak memory.
    """

    rate: float
    cpu_seconds: float
    peak_bytes: int


Round = dict[str, Measurement]  #: by the name of the job, in the order of the table
Figures = dict[str, dict[str, float]]  #: by the name of the job and of the figure


def main() -> None:
    """Measure and print the tables."""
    options = _parse_options()
    console = Console(stderr=True)
    with TemporaryDirectory() as folder, console.status("making the clip") as status:
        try:
            _measure_all(options, Path(folder), status.update)
        except RuntimeError as err:  # a command failed: the clip shows no person, for example
            sys.exit(str(err))


def _measure_all(options: argparse.Namespace, folder: Path, show_status: ShowStatus) -> None:
    clip = folder / "clip.mp4"
    make_footage(options.clip, clip, options.seconds)
    save_u2net_sized(folder / "u2net_human_seg.onnx")
    jobs = create_jobs(clip, folder, options.seconds * FRAME_RATE)
    if options.quick:
        jobs = [job for job in jobs if job.name in QUICK]
    print(describe_machine(), _describe_conditions(options.seconds), sep="\n\n")
    rounds: list[Round] = []
    for number in range(1, options.runs + 1):
        print(f"\nRound {number}:\n\n{format_table(HEADERS, [])}", flush=True)
        rounds.append({})
        for job in jobs:
            show_status(f"round {number}: {job.name}")
            rounds[-1][job.name] = run_job(job)
            print(format_line(_format_row(job.name, rounds)), flush=True)
    if not options.quick:
        show_status("preview")
        print(format_line(_measure_preview(clip, folder)), flush=True)
    _keep_and_compare(options, summarize(rounds))
    if options.long:
        print(_format_memory_growth(options.clip, folder, options.seconds, rounds, show_status))


def _keep_and_compare(options: argparse.Namespace, figures: Figures) -> None:
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    if options.compare:
        print("", *compare(figures, json.loads(options.compare.read_text())), sep="\n")


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("clip", type=Path, metavar="CLIP", help="a video of a person")
    parser.add_argument(
        "--seconds", type=int, default=10, help="of the clip that is made of it (default: 10)"
    )
    parser.add_argument("--runs", type=int, default=1, help="rounds to measure (default: 1)")
    parser.add_argument("--quick", action="store_true", help="measure a few rows only")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures into a file")
    parser.add_argument(
        "--compare", type=Path, metavar="FILE", help="compare with the figures of an earlier run"
    )
    parser.add_argument(
        "--long",
        action="store_true",
        help=f"compare the memory for {LONG_FACTOR} times the length, too",
    )
    return parser.parse_args()


def create_jobs(clip: Path, folder: Path, frames: int) -> list[Job]:
    """Create all jobs on *clip* except the previews, in the order of the table.

    Args:
        clip: has that many *frames*.
        folder: for the outputs; contains the rembg weights.
        frames: number of frames of the clip.
    """

    def create_edit_job(name: str, output: str, *arguments: object) -> Job:
        path = folder / output
        command, *rest = arguments
        engine = BEST_ENGINE if name.endswith(BEST_SUFFIX) else FAST_ENGINE
        words = ("video_editing", command, clip, f"--engine={engine}", *rest, "-o", path)
        return Job(name, words, path, frames)

    def create_module_job(
        name: str, output: str, module: str, count: int, *arguments: object
    ) -> Job:
        path = folder / output
        return Job(name, (module, clip, path, *arguments), path, count)

    predecessor_frames, rembg_frames = (
        min(frames, PREDECESSOR_FRAMES),
        min(frames, REMBG_FRAMES),
    )
    background = "--background", COLOUR
    circle, free = ("--shape", "circle"), ("--shape", "none")
    return [
        create_module_job(TRANSCODE, "plain.mp4", "benchmarks.transcode", frames),
        create_module_job(
            PREDECESSOR, "old.mov", "benchmarks.predecessor", predecessor_frames, predecessor_frames
        ),
        create_module_job(
            REMBG, "removed.nut", "benchmarks.removal", rembg_frames, rembg_frames, folder
        ),
        create_edit_job(OVER_COLOUR, "colour.mp4", "edit", *circle, *background),
        create_edit_job(OVER_COLOUR + BEST_SUFFIX, "best.mp4", "edit", *circle, *background),
        create_edit_job(OVER_VIDEO, "video.mp4", "edit", *circle, "--background", clip),
        create_edit_job(
            "`edit`, free cut-out over a colour", "free.mp4", "edit", *free, *background
        ),
        create_edit_job("`cut`, circle, mov", "cut.mov", "cut", *circle, "--container", "mov"),
        create_edit_job("`cut`, circle, webm", "cut.webm", "cut", *circle, "--container", "webm"),
        create_edit_job("`matte`", "matte.mkv", "matte"),
        create_edit_job("`matte`" + BEST_SUFFIX, "best.mkv", "matte"),
    ]


def _measure_preview(clip: Path, folder: Path) -> tuple[str, ...]:
    """Return the row of ``preview``, from process start: the median of some runs."""
    words = "video_editing", "preview", clip, "--background", COLOUR, "-o", folder / "card.jpg"
    costs = [measure(*words) for _ in range(PREVIEWS)]
    latency = median(cost.seconds for cost in costs)
    peak = max(cost.peak_bytes for cost in costs)
    return "`preview`, from process start", f"{latency:.2f} s", *[""] * 4, _format_megabytes(peak)


def run_job(job: Job) -> Measurement:
    """Run *job*, check the number of frames in its output, and remove the output.

    Raises:
        RuntimeError: the command failed, or frames are missing.
    """
    cost = measure(*job.command)
    written = count_frames(job.output)
    if written != job.frames:
        raise RuntimeError(f"{job.name}: {written} frames instead of {job.frames}")
    job.output.unlink()
    seconds = json.loads(cost.output)["seconds"] if cost.output.startswith("{") else cost.seconds
    return Measurement(job.frames / seconds, cost.cpu_seconds / job.frames, cost.peak_bytes)


def count_frames(path: Path) -> int:
    """Count the frames of *path*; each codec here writes one packet per frame."""
    with av.open(str(path)) as file:
        return sum(packet.size > 0 for packet in file.demux(video=0))


def _describe_conditions(seconds: int) -> str:
    return (
        f"1080p30, {seconds} s, H.264 at {BIT_RATE / 1e6:g} Mbit/s with sound. Frames a second "
        "count a process from start to end, for predecessor and rembg their frames alone; memory "
        "is the process tree's share (PSS)."
    )


def summarize(rounds: Sequence[Round]) -> Figures:
    """Return the medians of each row, by its name, for a file."""
    return {
        name: {
            "frames_per_second": median(measured[name].rate for measured in rounds),
            "of_the_transcode": _compute_ratio(rounds, name, TRANSCODE),
            "peak_bytes": max(measured[name].peak_bytes for measured in rounds),
        }
        for name in rounds[-1]
    }


def compare(now: Figures, before: Figures) -> Iterator[str]:
    """Yield a line for each row that both runs have, of :func:`summarize`; losses are warnings."""
    for name in now:
        if name in before and name != TRANSCODE:
            ours, theirs = (each[name]["of_the_transcode"] for each in (now, before))
            verdict = "ok" if ours >= (1 - MAX_LOSS) * theirs else "WARNING: slower"
            yield f"{verdict}: {name}: {ours:.2f} of the transcode, {theirs:.2f} before"


def _format_row(name: str, rounds: Sequence[Round]) -> tuple[str, ...]:
    measurements = [measured[name] for measured in rounds]
    return (
        name,
        f"{median(measurement.rate for measurement in measurements):.1f}",
        *(
            f"{_compute_ratio(rounds, name, other):.2f}" if other in rounds[-1] else ""
            for other in (TRANSCODE, PREDECESSOR, REMBG)
        ),
        f"{1000 * median(measurement.cpu_seconds for measurement in measurements):.1f}",
        _format_megabytes(max(measurement.peak_bytes for measurement in measurements)),
    )


def _compute_ratio(rounds: Sequence[Round], name: str, other: str) -> float:
    return median(measured[name].rate / measured[other].rate for measured in rounds)


def _format_megabytes(size: int) -> str:
    return f"{size / 1e6:.0f}"


def _format_memory_growth(
    source: Path, folder: Path, seconds: int, rounds: Sequence[Round], show_status: ShowStatus
) -> str:
    """Compare the memory for *seconds* and for LONG_FACTOR times as many, as a table."""
    clip = folder / "long.mp4"
    show_status("making the long clip")
    make_footage(source, clip, LONG_FACTOR * seconds)
    jobs = create_jobs(clip, folder, LONG_FACTOR * seconds * FRAME_RATE)
    rows = []
    for job in jobs:
        if job.name in {OVER_COLOUR, OVER_VIDEO}:
            show_status(f"long: {job.name}")
            long = run_job(job).peak_bytes
            short = max(measured[job.name].peak_bytes for measured in rounds)
            peaks = _format_megabytes(short), _format_megabytes(long)
            rows.append((job.name, *peaks, f"{long / short:.2f}"))
    headers = "what", f"peak MB, {seconds} s", f"peak MB, {LONG_FACTOR * seconds} s", "ratio"
    return "\n" + format_table(headers, rows)


if __name__ == "__main__":
    main()
