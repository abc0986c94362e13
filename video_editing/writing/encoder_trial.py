"""Choice of an encoder by a trial: a GPU's is taken only where it is not worse."""

import time
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from video_editing.frames import Picture, Timed
from video_editing.writing.encoder import VideoCodec, make_yuv_frame
from video_editing.writing.tracks import StreamSpec

TRIAL_FRAMES = 24  #: of the beginning of a result; they are kept in memory
MAX_SIZE_RATIO = 1.25  #: bytes of the GPU's trial by those of the processor's

T = TypeVar("T")


class TrialResult(NamedTuple):
    """What a trial showed.

    Attributes:
        error: mean squared difference of the luma from what was encoded.
        size: bytes.
        seconds: that encoding took.
    """

    error: float
    size: int
    seconds: float

    def is_at_least_as_good_as(self, other: "TrialResult") -> bool:
        """Return whether it is faster, no less like the original and not much larger."""
        is_small = self.size <= MAX_SIZE_RATIO * other.size
        return self.error <= other.error and is_small and self.seconds < other.seconds


def choose_codec(
    candidate: VideoCodec,
    standard: VideoCodec,
    pictures: Sequence[Timed[Picture]],
    spec: StreamSpec,
) -> VideoCodec:
    """Return *candidate* if it encodes *pictures* at least as well as *standard*, and faster.

    Args:
        candidate: may need a device that this machine lacks.
        standard: works everywhere.
        pictures: the first ones of the result.
        spec: of the result.
    """
    if not pictures:
        return standard
    try:
        tried = run_trial(candidate, pictures, spec)
    except av.FFmpegError:  # there is no such device, or no driver for it
        return standard
    is_good = tried.is_at_least_as_good_as(run_trial(standard, pictures, spec))
    return candidate if is_good else standard


def run_trial(
    codec: VideoCodec, pictures: Sequence[Timed[Picture]], spec: StreamSpec
) -> TrialResult:
    """Encode and decode *pictures*, one a tick of the rate.

    Raises:
        av.FFmpegError: the encoder does not work here.
    """
    encoder = _create_encoder(codec, spec)
    began = time.perf_counter()
    packets = []
    for index, picture in enumerate(pictures):
        frame = make_yuv_frame(picture.value)
        frame.pts = index
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    seconds = time.perf_counter() - began
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, VideoCodecContext)
    decoded = [frame for packet in (*packets, None) for frame in decoder.decode(packet)]
    if len(decoded) != len(pictures):
        raise av.InvalidDataError(0, "frames are missing")
    errors = [
        _compute_error(frame, picture.value)
        for frame, picture in zip(decoded, pictures, strict=True)
    ]
    return TrialResult(float(np.mean(errors)), sum(packet.size for packet in packets), seconds)


def _create_encoder(codec: VideoCodec, spec: StreamSpec) -> VideoCodecContext:
    encoder = av.CodecContext.create(codec.name, "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height = spec.size
    encoder.pix_fmt = codec.pixel_format
    encoder.framerate = spec.rate.limit_denominator(1001)
    encoder.time_base = 1 / encoder.framerate
    encoder.thread_count = spec.threads
    encoder.options = dict(codec.options)
    encoder.open()
    return encoder


def _compute_error(frame: av.VideoFrame, picture: Picture) -> float:
    luma = frame.to_ndarray()[: frame.height].astype(np.float32)
    return float(np.square(luma - picture.y).mean())
