"""Description of the measured machine and of the package versions."""

import platform
from importlib.metadata import version
from pathlib import Path

from video_editing.concurrency import count_cpus

PACKAGES = (
    "av",
    "numpy",
    "opencv-python-headless",
    "ai-edge-litert",
    "mediapipe",
    "onnxruntime",
    "rembg",
)


def describe_machine() -> str:
    """Return one line: the processor, the number of usable cores and the package versions."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    python = platform.python_version()
    return f"{_read_processor_name()}, {count_cpus()} cores used; Python {python}, {packages}"


def _read_processor_name() -> str:
    """Return the name of the processor as the system reports it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), platform.processor() or platform.machine())
