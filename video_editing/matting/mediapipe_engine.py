"""The mediapipe engine: MediaPipe's two selfie segmentation models on a region around the people.

Both models segment the region, upright or mirrored, and their mean is filtered over time. Where the
person moves little, that is done at every second frame; those in between get the mean of the
mattes around them.
"""

from collections.abc import Iterable, Iterator, Sequence

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
    TrackedFrame,
    convert_to_matte,
    split_into_shots,
)
from video_editing.matting.person_regions import expand_to_square, remove_islands_and_holes
from video_editing.matting.temporal_filter import (
    FILTER_WINDOW,
    MAX_NEIGHBOUR_SECONDS,
    LumaMatte,
    PersonFilter,
    disagree,
    interpolate,
)
from video_editing.pyramid import crop, crop_plane
from video_editing.reading.probe import Clip

KEYFRAME_INTERVAL = 2  #: frames from one that the models segment to the next
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

    context_frames = REGION_WINDOW + FILTER_WINDOW + KEYFRAME_INTERVAL
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
        self._max_ticks = MAX_NEIGHBOUR_SECONDS / clip.timebase

    def compute_mattes(self, frames: Iterable[Timed[Picture]]) -> Iterator[FrameMatte]:
        """Yield each frame with its small matte, which shows all of the frame.

        A matte depends on at most `context_frames` frames of its shot before and after it.
        """
        for shot in split_into_shots(self._tracker.track(frames)):
            samples = (
                (frame.frame, LumaMatte(frame.frame.time, frame.luma, matte))
                for frame, matte in self._segment_shot(shot)
            )
            for frame, matte in self._filter.apply(samples):
                curved = np.asarray(cv2.LUT(matte, _CONTRAST_CURVE), np.uint8)
                yield frame, remove_islands_and_holes(curved)

    def _segment_shot(self, shot: Iterable[TrackedFrame]) -> Iterator[tuple[AnalysedFrame, Matte]]:
        """Yield each frame with its matte, computed by the models or the mean of two."""
        before: Timed[Matte] | None = None
        between: list[TrackedFrame] = []
        for frame, region in shot:
            if before is not None and region is not None and frame.index % KEYFRAME_INTERVAL:
                between.append((frame, region))
                continue
            after = Timed(frame.frame.time, self._segment_region(frame, region))
            yield from self._fill_gap(before, between, after)
            yield frame, after.value
            before, between = after, []
        yield from self._fill_gap(before, between, None)

    def _fill_gap(
        self,
        before: Timed[Matte] | None,
        between: Sequence[TrackedFrame],
        after: Timed[Matte] | None,
    ) -> Iterator[tuple[AnalysedFrame, Matte]]:
        """Yield the frames between two key frames with their mattes."""
        for frame, region in between:
            if before is None or after is None or self._is_far(before, after):
                yield frame, self._segment_region(frame, region)
            else:
                yield frame, interpolate(before, after, frame.frame.time)

    def _is_far(self, before: Timed[Matte], after: Timed[Matte]) -> bool:
        """Return whether two frames are too far apart, in time or movement, for their mean."""
        return after.time - before.time > self._max_ticks or disagree(before.value, after.value)

    def _segment_region(self, frame: AnalysedFrame, box: Box | None) -> Matte:
        """Compute the matte of a frame whose people are all in *box*.

        One model sees the region mirrored, the other one does not; key frames alternate. The
        temporal filter averages both, which is as good as all four combinations in each frame.
        """
        is_wide_mirrored = frame.index // KEYFRAME_INTERVAL % 2 == 0
        matte = np.zeros_like(frame.luma)
        if box is None:
            return matte
        square = expand_to_square(box, frame.full_box[2:])
        inner = Box(box.left - square.left, box.top - square.top, *box[2:])
        if is_wide_mirrored:
            field = self._tracker.square_model.predict(frame.levels, square)
        else:
            field = np.zeros((square.height, square.width), np.float32)
            crop_plane(field, inner)[:] = self._tracker.square_model.predict(
                frame.levels, box, is_mirrored=True
            )
        crop_plane(field, inner)[:] += self._landscape_model.predict(
            frame.levels, box, is_mirrored=is_wide_mirrored
        )
        probability = convert_to_matte(field * np.float32(0.5))
        region = crop(frame.levels[-1], square)
        corrected = apply_colour_prior(probability, region)
        crop_plane(matte, square)[:] = apply_guided_filter(corrected, region.y, GUIDE_RADIUS)
        return matte
