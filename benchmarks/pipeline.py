"""Measure what surrounds the networks: mattes of 1080p with networks that cost nothing.

``uv run python -m benchmarks.pipeline CLIP`` prints a Markdown table. A GPU that is infinitely fast
would reach these rates: decoding, finding the people, cropping, filtering and encoding the mattes.
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2

from benchmarks.footage import make_footage
from benchmarks.machine import describe_machine
from benchmarks.table import format_table
from tests.support.onnx_networks import save_constant, save_recurrent
from video_editing.concurrency import configure_libraries
from video_editing.contract.plan import make_plan, write_plan
from video_editing.contract.progress import ignore
from video_editing.matting.engines import Engine
from video_editing.matting.matte_stream import write_missing_segments
from video_editing.matting.rembg_engine import RembgEngine
from video_editing.matting.rvm_engine import RvmEngine
from video_editing.reading.probe import Clip, probe

HEADERS = "mattes", "frames/s", "CPU ms a frame"
MODEL = "u2netp"


def create_rvm(clip: Clip, folder: Path) -> Engine:
    """Create the rvm engine with a network of a few operations."""
    save_recurrent(folder / "rvm.onnx")
    return RvmEngine(clip, folder / "rvm.onnx")


def create_rembg(clip: Clip, folder: Path) -> Engine:
    """Create the rembg engine, for every frame, with a network that returns a constant."""
    os.environ["U2NET_HOME"] = str(folder)
    save_constant(folder / "models" / MODEL / f"{MODEL}.onnx", 0.9)
    return RembgEngine(clip, MODEL, every=1)


def measure(clip: Clip, name: str, create: Callable[[Clip, Path], Engine]) -> tuple[str, ...]:
    """Return the row of one engine."""
    with TemporaryDirectory() as folder:
        engine = create(clip, Path(folder))
        mattes = Path(folder, "mattes")
        mattes.mkdir()
        plan = make_plan(clip)
        write_plan(plan, mattes)
        began, cpu_before = time.perf_counter(), time.process_time()
        write_missing_segments(clip, plan, mattes, engine, ignore)
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_before
    frames = len(clip.times)
    return name, f"{frames / seconds:.1f}", f"{1000 * cpu_seconds / frames:.1f}"


def main() -> None:
    """Measure each engine and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--seconds", type=int, default=20, help="length of what is measured")
    arguments = parser.parse_args()
    configure_libraries()
    cv2.setNumThreads(1)
    with TemporaryDirectory() as folder:
        footage = Path(folder, "footage.mp4")
        make_footage(arguments.clip, footage, arguments.seconds)
        clip = probe(footage)
        rows = [
            measure(clip, "`rvm`", create_rvm),
            measure(clip, "`rembg`, every frame", create_rembg),
        ]
    print(describe_machine(), format_table(HEADERS, rows), sep="\n\n")


if __name__ == "__main__":
    main()
