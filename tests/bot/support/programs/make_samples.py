"""The sample clip that users can try, and the animation that welcomes them.

Run as ``uv run python -m tests.bot.support.programs.make_samples``; it writes both files of
``bot/assets``. The portrait is NASA's, in the public domain.
"""

from fractions import Fraction
from pathlib import Path

import numpy as np

from bot.telegram.assets import SAMPLE_CLIP, WELCOME
from tests.support.make_clips import HD, make_clip
from video_editing.compositing.background import open_background
from video_editing.compositing.composition import Composition
from video_editing.contract.engines import EngineOptions
from video_editing.contract.style import Style
from video_editing.matting.engines import resolve_auto
from video_editing.pipelines import demo
from video_editing.pipelines.edit import edit
from video_editing.pixels import convert_to_rgb
from video_editing.reading.decode import read_frames
from video_editing.reading.probe import Clip, ClipLimits, probe

BACKGROUND = "#16697a"
STYLE = Style(ring=0.02, shadow=0.5, size=0.62)
SIDE = 320  #: pixels of each half of the animation


def make_samples(folder: Path) -> None:
    """Write the clip, and the clip beside what becomes of it."""
    folder.mkdir(exist_ok=True)
    demo.make_clip(SAMPLE_CLIP)
    clip = probe(SAMPLE_CLIP)
    result = folder / "result.mp4"
    composition = Composition(clip, STYLE, resolve_auto(EngineOptions(), clip))
    edit(composition, result, open_background(BACKGROUND, ClipLimits()), clip.size)
    halves = zip(_read(clip), _read(probe(result)), strict=True)
    make_clip(WELCOME, map(np.hstack, halves), rate=Fraction(clip.rate), colours=HD)
    result.unlink()


def _read(clip: Clip) -> list[np.ndarray]:
    pictures = (convert_to_rgb(frame.value, (SIDE, SIDE)) for frame in read_frames(clip))
    return [np.rint(picture * 255).astype(np.uint8) for picture in pictures]


if __name__ == "__main__":
    make_samples(SAMPLE_CLIP.parent)
