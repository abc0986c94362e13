"""The mediapipe engine: MediaPipe's two selfie segmentation models on a region around the people.

Both models segment the region of every frame, upright or mirrored, and their mean is filtered
over time.
"""

from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from video_editing.frames import Box, FrameMatte, Matte, Picture, Timed
from video_editing.matting.alpha_refinement import apply_guided_filter
from video_editing.matting.color_prior import apply_colour_prior
from video_editing.matting.networks.selfie_models import LANDSCAPE_MODEL, SelfieModel
from video_editing.matting.people_tracker import (
    REGION_WINDOW,
    AnalysedFrame,
    PeopleTracker,
    convert_to_matte,
    split_into_shots,
)
from video_editing.matting.person_regions import expand_to_square, remove_islands_and_holes
from video_editing.matting.temporal_filter import FILTER_WINDOW, LumaMatte, PersonFilter
from video_editing.pyramid import crop, crop_plane
from video_editing.reading.probe import Clip

GUIDE_RADIUS = 3  #: pixels of a matte, of the window in which alpha is linear in luma
EDGE_PROBABILITY = 0.4  #: the models' output at the edge of a person
CONTRAST = 2.5  #: slope of the curve that maps the models' output to alpha

#: alpha by the models' output, 0–255
_CONTRAST_CURVE = np.rint(
    255 * np.clip(CONTRAST * (np.arange(256) / 255 - EDGE_PROBABILITY) + 0.5, 0, 1)
).astype(np.uint8)


class MediapipeEngine:
    """An engine that runs in real time on one processor core.

    Attributes:
        context_frames: number of frames before and after a frame that its matte depends on.
        warm_up_frames: none; the engine has no state.
        parallel_runs: number of parts of the clip that may be computed at the same time.
    """

    context_frames = REGION_WINDOW + FILTER_WINDOW + 1
    warm_up_frames = 0
    parallel_runs = 1

    def __init__(self, clip: Clip) -> None:
        """Load the models.

        Raises:
            ModelUnavailable: the installed mediapipe does not contain them.
        """
        self._tracker = PeopleTracker(clip)
        self._landscape_model = SelfieModel(LANDSCAPE_MODEL)
        self._filter = PersonFilter(clip)

    def compute_mattes(self, frames: Iterable[Timed[Picture]]) -> Iterator[FrameMatte]:
        """Yield each frame with its small matte, which shows all of the frame.

        A matte depends on at most `context_frames` frames of its shot before and after it.
        """
        for shot in split_into_shots(self._tracker.track(frames)):
            samples = (
                (
                    frame.frame,
                    LumaMatte(frame.frame.time, frame.luma, self._segment_region(frame, region)),
                )
                for frame, region in shot
            )
            for frame, matte in self._filter.apply(samples):
                curved = np.asarray(cv2.LUT(matte, _CONTRAST_CURVE), np.uint8)
                yield frame, remove_islands_and_holes(curved)

    def _segment_region(self, frame: AnalysedFrame, box: Box | None) -> Matte:
        """Compute the matte of a frame whose people are all in *box*.

        One model sees the region mirrored, the other one does not; frames alternate. The temporal
        filter averages both, which is as good as all four combinations in each frame.
        """
        matte = np.zeros_like(frame.luma)
        if box is None:
            return matte
        square = expand_to_square(box, frame.full_box[2:])
        inner = Box(box.left - square.left, box.top - square.top, *box[2:])
        if frame.index % 2:
            field = np.zeros((square.height, square.width), np.float32)
            crop_plane(field, inner)[:] = self._tracker.square_model.predict(
                frame.levels, box, is_mirrored=True
            )
        else:
            field = self._tracker.square_model.predict(frame.levels, square)
        crop_plane(field, inner)[:] += self._landscape_model.predict(
            frame.levels, box, is_mirrored=not frame.index % 2
        )
        probability = convert_to_matte(field * np.float32(0.5))
        region = crop(frame.levels[-1], square)
        corrected = apply_colour_prior(probability, region)
        crop_plane(matte, square)[:] = apply_guided_filter(corrected, region.y, GUIDE_RADIUS)
        return matte
