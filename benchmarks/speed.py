"""Measure the speed and the memory of the commands, and of what they are compared with.

``uv run python -m benchmarks.speed CLIP`` makes a 1080p30 clip with sound from CLIP, runs each
command on it in a child process, and prints a Markdown table. Each round runs all commands in
sequence, so that other load on the machine affects all of them. The numbers are medians over the
rounds; the ratios are medians of the ratios within a round.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import av
from rich.console import Console

from benchmarks.footage import BIT_RATE, FRAME_RATE, make_footage
from benchmarks.machine import describe_machine
from benchmarks.meter import Cost, measure
from benchmarks.table import format_table
from tests.support.onnx_networks import save_u2net_sized
from video_editing.contract.engines import BEST_ENGINE, FAST_ENGINE

COLOUR = "#1d3557"
PREVIEWS = 5
PREDECESSOR_SECONDS = 4  #: of the clip for the predecessor, which is ten times slower
REMBG_FRAMES = 10  #: frames of the clip for rembg, which makes two or three a second
LONG_FACTOR = 10  #: ratio of the lengths of the clips whose memory is compared

TRANSCODE = "plain transcode"
OVER_COLOUR = "`edit`, circle over a colour"
OVER_VIDEO = "`edit`, circle over a 1080p video"
BEST_SUFFIX = ", best engine"  #: of the rows of the best engine; the others are the fast one's
PREDECESSOR = "the predecessor's overlay"
REMBG = "rembg, `remove()` for each frame"

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


Round = Mapping[str, Measurement]  #: by the name of the job, in the order of the table


def main() -> None:
    """Measure and print the tables."""
    options = _parse_options()
    console = Console(stderr=True)
    with TemporaryDirectory() as name, console.status("making the clip") as status:
        folder = Path(name)
        clip = folder / "clip.mp4"
        make_footage(options.clip, clip, options.seconds)
        save_u2net_sized(folder / "u2net_human_seg.onnx")
        jobs = create_jobs(clip, folder, options.seconds * FRAME_RATE)
        previews = list(_measure_previews(clip, folder, status.update))
        rounds = [_run_round(jobs, f"round {i + 1}", status.update) for i in range(options.runs)]
        print(format_report(rounds, previews, options.seconds))
        if options.long:
            print(
                _format_memory_growth(options.clip, folder, options.seconds, rounds, status.update)
            )


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("clip", type=Path, metavar="CLIP", help="a video of a person")
    parser.add_argument(
        "--seconds", type=int, default=60, help="of the clip that is made of it (default: 60)"
    )
    parser.add_argument("--runs", type=int, default=3, help="rounds to measure (default: 3)")
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
        min(frames, PREDECESSOR_SECONDS * FRAME_RATE),
        min(frames, REMBG_FRAMES),
    )
    background = "--background", COLOUR
    circle, free = ("--shape", "circle"), ("--shape", "none")
    return [
        create_module_job(TRANSCODE, "plain.mp4", "benchmarks.transcode", frames),
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
        create_module_job(
            PREDECESSOR, "old.mov", "benchmarks.predecessor", predecessor_frames, predecessor_frames
        ),
        create_module_job(
            REMBG, "removed.nut", "benchmarks.removal", rembg_frames, rembg_frames, folder
        ),
    ]


def _measure_previews(clip: Path, folder: Path, show_status: ShowStatus) -> Iterator[Cost]:
    path = folder / "card.jpg"
    for _ in range(PREVIEWS):
        show_status("preview")
        yield measure("video_editing", "preview", clip, "--background", COLOUR, "-o", path)


def _run_round(jobs: Sequence[Job], name: str, show_status: ShowStatus) -> Round:
    measurements = {}
    for job in jobs:
        show_status(f"{name}: {job.name}")
        measurements[job.name] = run_job(job)
    return measurements


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


def format_report(rounds: Sequence[Round], previews: Sequence[Cost], seconds: int) -> str:
    """Return the machine, the conditions and the table as Markdown."""
    rows = [_format_row(name, rounds) for name in rounds[0]]
    latency = median(cost.seconds for cost in previews)
    peak = max(cost.peak_bytes for cost in previews)
    rows.append(
        ("`preview`, from process start", f"{latency:.2f} s", *[""] * 4, _format_megabytes(peak))
    )
    conditions = (
        f"1080p30, {seconds} s, H.264 at {BIT_RATE / 1e6:g} Mbit/s with sound; "
        f"rounds: {len(rounds)}, medians of them. "
        "Frames a second count a process from start to end, for predecessor and rembg their "
        "frames alone; memory is the process tree's share (PSS)."
    )
    return "\n\n".join((describe_machine(), conditions, format_table(HEADERS, rows)))


def _format_row(name: str, rounds: Sequence[Round]) -> tuple[str, ...]:
    measurements = [measured[name] for measured in rounds]
    return (
        name,
        f"{median(measurement.rate for measurement in measurements):.1f}",
        *(
            f"{_compute_ratio(rounds, name, other):.2f}"
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
    long = _run_round(
        [job for job in jobs if job.name in {OVER_COLOUR, OVER_VIDEO}], "long", show_status
    )
    rows = []
    for name, measurement in long.items():
        short = max(measured[name].peak_bytes for measured in rounds)
        peaks = _format_megabytes(short), _format_megabytes(measurement.peak_bytes)
        rows.append((name, *peaks, f"{measurement.peak_bytes / short:.2f}"))
    headers = "what", f"peak MB, {seconds} s", f"peak MB, {LONG_FACTOR * seconds} s", "ratio"
    return "\n" + format_table(headers, rows)


if __name__ == "__main__":
    main()
