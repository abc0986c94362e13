"""Score mattes against exact alpha, from the recipe of the predecessor to ours.

    uv run python benchmarks/quality.py FOLDER

FOLDER contains pairs NAME.mp4 and NAME.alpha.mkv: a clip, and its exact alpha as grey video,
upright, with one frame per frame of the clip. The columns: IoU of the masks at the threshold 0.5
(1 is perfect); MAD, the mean absolute difference of alpha (Rhemann et al. 2009), and dtSSD, the
temporal error (Erofeev et al. 2015), both times 1000 (0 is perfect); CPU time per frame, without
reading and scoring.
"""

import argparse
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from video_editing.frames import Box, Matte, Picture, Timed
from video_editing.matting.alpha_refinement import apply_guided_filter, refine_alpha
from video_editing.matting.color_prior import apply_colour_prior
from video_editing.matting.mediapipe_engine import GUIDE_RADIUS, MediapipeEngine
from video_editing.matting.networks.selfie_models import (
    LANDSCAPE_MODEL,
    SQUARE_MODEL,
    SelfieModel,
)
from video_editing.matting.people_tracker import REGION_WINDOW, convert_to_matte
from video_editing.matting.person_regions import expand_to_square, find_people_box, merge_boxes
from video_editing.matting.temporal_filter import slide_window
from video_editing.pyramid import build_pyramid
from video_editing.reading.container import open_container
from video_editing.reading.decode import read_frames
from video_editing.reading.probe import Clip, probe

Frames = Iterable[Timed[Picture]]
Recipe = Callable[[Clip, Frames], Iterator[Matte]]


def create_predecessor_recipe(name: str) -> Recipe:
    """Create the recipe of the predecessor: one model, threshold 0.6, 7-pixel Gaussian."""
    model = SelfieModel(name)

    def mattes(_: Clip, frames: Frames) -> Iterator[Matte]:
        for frame in frames:
            probability = cv2.resize(predict_frame(model, frame.value), frame.value.size)
            mask = (probability > 0.6).astype(np.uint8) * 255
            yield np.asarray(cv2.GaussianBlur(mask, (7, 7), 0), np.uint8)

    return mattes


def create_mean_recipe() -> Recipe:
    """Create the recipe that takes the mean of both models on the full frame."""
    wide, square = SelfieModel(LANDSCAPE_MODEL), SelfieModel(SQUARE_MODEL)

    def mattes(_: Clip, frames: Frames) -> Iterator[Matte]:
        for frame in frames:
            yield convert_to_matte(
                (predict_frame(wide, frame.value) + predict_frame(square, frame.value)) / 2
            )

    return mattes


def create_region_recipe(*, has_edges: bool = False) -> Recipe:
    """Create the recipe that runs both models in a region around the person.

    Some of the predictions are of the mirrored picture. With *has_edges*, the mattes follow the
    edges of the picture.
    """
    wide, square = SelfieModel(LANDSCAPE_MODEL), SelfieModel(SQUARE_MODEL)

    def mattes(_: Clip, frames: Frames) -> Iterator[Matte]:
        located = (
            (f.value, find_people_box(convert_to_matte(predict_frame(square, f.value))))
            for f in frames
        )
        for (picture, _), window in slide_window(located, REGION_WINDOW):
            levels = build_pyramid(picture)
            size = levels[-1].size
            boxes = [box for box in window if box is not None]
            box = merge_boxes(boxes, size) if boxes else Box(0, 0, *size)
            mean = np.zeros(size[::-1], np.float32)
            for model, region, is_mirrored in (
                (square, expand_to_square(box, size), False),
                (square, box, True),
                (wide, box, True),
            ):
                part = mean[region.top :, region.left :][: region.height, : region.width]
                part += model.predict(levels, region, is_mirrored=is_mirrored) / 3
            matte = convert_to_matte(mean)
            yield (
                apply_guided_filter(
                    apply_colour_prior(matte, levels[-1]), levels[-1].y, GUIDE_RADIUS
                )
                if has_edges
                else matte
            )

    return mattes


def create_engine_recipe(*, has_edges: bool) -> Recipe:
    """Create the recipe of the engine; *has_edges* refines the mattes at the full frame size."""

    def mattes(clip: Clip, frames: Frames) -> Iterator[Matte]:
        frame_box = Box(0, 0, *clip.size)
        for frame, matte in MediapipeEngine(clip).compute_mattes(frames):
            luma = frame.value.y
            yield refine_alpha(matte, luma, frame_box, luma) if has_edges else matte

    return mattes


def predict_frame(model: SelfieModel, picture: Picture) -> NDArray[np.float32]:
    """Return the prediction of *model* for the full picture, (h, w), 0–1."""
    levels = build_pyramid(picture)
    return model.predict(levels, Box(0, 0, *levels[-1].size))


def compute_scores(mattes: Iterable[Matte], truth: Path) -> tuple[float, float, float]:
    """Return the mean IoU, MAD and dtSSD of *mattes*, scaled to the size of *truth*."""
    iou, mad, dtssd = [], [], []
    previous = None
    for matte, exact in zip(mattes, read_alphas(truth), strict=True):
        large = cv2.resize(matte, exact.shape[::-1]).astype(np.float32) / 255
        mask, person = large > 0.5, exact > 0.5
        if person.any():
            iou.append((mask & person).sum() / (mask | person).sum())
        error = large - exact
        mad.append(1000 * np.abs(error).mean())
        if previous is not None:
            dtssd.append(1000 * np.sqrt(((error - previous) ** 2).mean()))
        previous = error
    return float(np.mean(iou)), float(np.mean(mad)), float(np.mean(dtssd))


def read_alphas(truth: Path) -> Iterator[NDArray[np.float32]]:
    """Yield the exact alpha of each frame, (H, W), 0–1."""
    with open_container(truth) as file:
        for frame in file.decode(video=0):
            yield frame.to_ndarray(format="gray").astype(np.float32) / 255


class Stopwatch:
    """Sums the CPU time that an iterator needs for its items."""

    seconds = 0.0
    items = 0

    def measure(self, items: Iterator[Matte]) -> Iterator[Matte]:
        """Yield *items* and add the time of each."""
        while True:
            start = time.thread_time()
            item = next(items, None)
            self.seconds += time.thread_time() - start
            if item is None:
                return
            self.items += 1
            yield item


RECIPES = {
    "predecessor, 256x144": create_predecessor_recipe(LANDSCAPE_MODEL),
    "predecessor, 256x256": create_predecessor_recipe(SQUARE_MODEL),
    "mean of both on the full frame": create_mean_recipe(),
    "both in a box around the person": create_region_recipe(),
    "+ edges by colour and luma": create_region_recipe(has_edges=True),
    "+ temporal filter": create_engine_recipe(has_edges=False),
    "+ refined at full size = ours": create_engine_recipe(has_edges=True),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Score mattes against exact alpha.")
    parser.add_argument("folder", type=Path, help="pairs NAME.mp4 and NAME.alpha.mkv")
    folder = parser.parse_args().folder
    cv2.setNumThreads(1)
    table = Table("recipe", "IoU", "MAD", "dtSSD", "ms a frame")
    for name, recipe in RECIPES.items():
        stopwatch = Stopwatch()
        rows = []
        for truth in sorted(folder.glob("*.alpha.mkv")):
            clip = probe(truth.with_name(truth.name.replace(".alpha.mkv", ".mp4")))
            frames = list(read_frames(clip))  # decoded before the measurement; pairs are short
            rows.append(compute_scores(stopwatch.measure(recipe(clip, frames)), truth))
        iou, mad, dtssd = np.mean(rows, axis=0)
        cost = 1000 * stopwatch.seconds / stopwatch.items
        table.add_row(name, f"{iou:.4f}", f"{mad:.2f}", f"{dtssd:.1f}", f"{cost:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
