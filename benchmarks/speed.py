"""How fast the commands are, and what memory they need, beside what they are compared with.

``uv run python -m benchmarks.speed CLIP`` makes a 1080p30 clip with sound of CLIP, lets each
command work on it in a process of its own, and prints a Markdown table. All are measured in
rounds, one after the other in each, so that whatever else the machine does hits all alike;
the figures are medians over the rounds, ratios medians of those within a round.
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

COLOUR = "#1d3557"
PREVIEWS = 5
PREDECESSOR_SECONDS = (
    4  #: of the clip are enough for the predecessor, which needs ten times as long
)
REMBG_FRAMES = 10  #: frames are enough for rembg, at two or three a second
LONG_FACTOR = 10  #: times as long is the clip that shows that memory does not grow

TRANSCODE = "plain transcode"
OVER_COLOUR = "`edit`, circle over a colour"
OVER_VIDEO = "`edit`, circle over a 1080p video"
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
    """Something to be measured.

    Attributes:
        name: what it is called in the table.
        command: a module and its arguments.
        output: what it writes.
        frames: how many pictures that must hold.
    """

    name: str
    command: Sequence[object]
    output: Path
    frames: int


class Measurement(NamedTuple):
    """What came of a job, once.

    Attributes:
        rate: frames a second, from the start of the process to its end; loading aside where the
            command says how long its frames took, which only those of others do.
        busy: seconds of processor time for each frame, loading included.
        peak: bytes.
    """

    rate: float
    cpu_seconds: float
    peak_bytes: int


Round = Mapping[str, Measurement]  #: by the name of the job, in the table's order


def main() -> None:
    """Measure and print."""
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
    """All that is measured on *clip*, in the order of the table, but for the preview.

    Args:
        clip: has that many *frames*.
        folder: for what is written; holds rembg's weights.
        frames: of the clip.
    """

    def ours(name: str, output: str, *arguments: object) -> Job:
        path = folder / output
        command, *rest = arguments
        return Job(name, ("video_editing", command, clip, *rest, "-o", path), path, frames)

    def others(name: str, output: str, module: str, count: int, *arguments: object) -> Job:
        path = folder / output
        return Job(name, (module, clip, path, *arguments), path, count)

    few, fewer = min(frames, PREDECESSOR_SECONDS * FRAME_RATE), min(frames, REMBG_FRAMES)
    over = "--background", COLOUR
    circle, free = ("--shape", "circle"), ("--shape", "none")
    return [
        others(TRANSCODE, "plain.mp4", "benchmarks.transcode", frames),
        ours(OVER_COLOUR, "colour.mp4", "edit", *circle, *over),
        ours(OVER_VIDEO, "video.mp4", "edit", *circle, "--background", clip),
        ours("`edit`, free cut-out over a colour", "free.mp4", "edit", *free, *over),
        ours("`cut`, circle, mov", "cut.mov", "cut", *circle, "--container", "mov"),
        ours("`cut`, circle, webm", "cut.webm", "cut", *circle, "--container", "webm"),
        ours("`matte`", "matte.mkv", "matte"),
        others(PREDECESSOR, "old.mov", "benchmarks.predecessor", few, few),
        others(REMBG, "removed.nut", "benchmarks.removal", fewer, fewer, folder),
    ]


def _measure_previews(clip: Path, folder: Path, tell: ShowStatus) -> Iterator[Cost]:
    path = folder / "card.jpg"
    for _ in range(PREVIEWS):
        tell("preview")
        yield measure("video_editing", "preview", clip, "--background", COLOUR, "-o", path)


def _run_round(jobs: Sequence[Job], name: str, tell: ShowStatus) -> Round:
    figures = {}
    for job in jobs:
        tell(f"{name}: {job.name}")
        figures[job.name] = run_job(job)
    return figures


def run_job(job: Job) -> Measurement:
    """Run *job*, see that all its frames are there, and remove them.

    Raises:
        RuntimeError: the command failed, or frames are missing.
    """
    cost = measure(*job.command)
    written = count_frames(job.output)
    if written != job.frames:
        raise RuntimeError(f"{job.name}: {written} frames instead of {job.frames}")
    job.output.unlink()
    own = json.loads(cost.output)["seconds"] if cost.output.startswith("{") else cost.seconds
    return Measurement(job.frames / own, cost.cpu_seconds / job.frames, cost.peak_bytes)


def count_frames(path: Path) -> int:
    """How many pictures *path* holds; none of its codecs writes one without a packet."""
    with av.open(str(path)) as file:
        return sum(packet.size > 0 for packet in file.demux(video=0))


def format_report(rounds: Sequence[Round], previews: Sequence[Cost], seconds: int) -> str:
    """The machine, what was done, and the table."""
    rows = [_format_row(name, rounds) for name in rounds[0]]
    latency = median(cost.seconds for cost in previews)
    peak = max(cost.peak_bytes for cost in previews)
    rows.append(
        ("`preview`, from process start", f"{latency:.2f} s", *[""] * 4, _format_megabytes(peak))
    )
    done_how = (
        f"1080p30, {seconds} s, H.264 at {BIT_RATE / 1e6:g} Mbit/s with sound; "
        f"rounds: {len(rounds)}, medians of them. "
        "Frames a second count a process from start to end, for predecessor and rembg their "
        "frames alone; memory is the process tree's share (PSS)."
    )
    return "\n\n".join((describe_machine(), done_how, format_table(HEADERS, rows)))


def _format_row(name: str, rounds: Sequence[Round]) -> tuple[str, ...]:
    figures = [figures[name] for figures in rounds]
    return (
        name,
        f"{median(figure.rate for figure in figures):.1f}",
        *(
            f"{_compute_ratio(rounds, name, other):.2f}"
            for other in (TRANSCODE, PREDECESSOR, REMBG)
        ),
        f"{1000 * median(figure.cpu_seconds for figure in figures):.1f}",
        _format_megabytes(max(figure.peak_bytes for figure in figures)),
    )


def _compute_ratio(rounds: Sequence[Round], name: str, other: str) -> float:
    return median(figures[name].rate / figures[other].rate for figures in rounds)


def _format_megabytes(size: int) -> str:
    return f"{size / 1e6:.0f}"


def _format_memory_growth(
    source: Path, folder: Path, seconds: int, rounds: Sequence[Round], tell: ShowStatus
) -> str:
    """How much more memory a clip of LONG times *seconds* needs, as a table."""
    clip = folder / "long.mp4"
    tell("making the long clip")
    make_footage(source, clip, LONG_FACTOR * seconds)
    jobs = create_jobs(clip, folder, LONG_FACTOR * seconds * FRAME_RATE)
    long = _run_round([job for job in jobs if job.name in {OVER_COLOUR, OVER_VIDEO}], "long", tell)
    rows = []
    for name, figure in long.items():
        short = max(figures[name].peak_bytes for figures in rounds)
        peaks = _format_megabytes(short), _format_megabytes(figure.peak_bytes)
        rows.append((name, *peaks, f"{figure.peak_bytes / short:.2f}"))
    heads = "what", f"peak MB, {seconds} s", f"peak MB, {LONG_FACTOR * seconds} s", "ratio"
    return "\n" + format_table(heads, rows)


if __name__ == "__main__":
    main()
