"""The result: an mp4 that plays everywhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.frames import Picture
from video_editing.writing.encoder import (
    AudioCodec,
    FileWriter,
    VideoCodec,
    add_audio_track,
    add_video_stream,
    make_yuv_frame,
    open_output,
)
from video_editing.writing.size_budget import (
    BUFFER_SECONDS,
    compute_audio_bitrate,
    compute_video_bitrate,
)
from video_editing.writing.tracks import StreamSpec, VideoTrack

#: The index comes first; a start later than 0 is kept to 11 µs, where the default is 1 ms.
MP4_OPTIONS = {"movflags": "+faststart", "movie_timescale": "90000"}

NOTE_SIDES = range(384, 641)  #: pixels of a Telegram video note, which is square
NOTE_MAX_SECONDS = 60  #: the longest note


@dataclass(frozen=True)
class Quality:
    """How good a picture and a sound are made.

    Attributes:
        profile: of H.264.
        crf: x264's constant rate factor; 18 cannot be told from the source, 23 is its default.
        video_bitrate: a second at most, for the picture; None where nothing limits it.
        audio_bitrate: a second, for AAC.
    """

    profile: str
    crf: int
    video_bitrate: int | None
    audio_bitrate: int


RESULT_QUALITY = Quality("high", 20, None, 160_000)
NOTE_QUALITY = Quality(
    "baseline", 21, 1_000_000, 64_000
)  # as Telegram's own, played by the oldest phones


@contextmanager
def open_mp4(
    path: Path, spec: StreamSpec, max_bytes: int | None = None
) -> Iterator[FileWriter[Picture]]:
    """Write an mp4: H.264 High and AAC, the index in front, BT.709 limited.

    Without sound it is what Telegram calls an animation.

    Args:
        path: appears when the block ends well, and only then.
        spec: width and height are even; times are kept.
        max_bytes: of the file; the quality is lowered to keep to it. `compute_fitting_size`
            gives a size of the frames that bears it.

    Raises:
        OutputFailed: the file cannot be written.
        InputRejected: *max_bytes* leaves nothing for the picture.
        TooBig: the file came out larger than *max_bytes*; see `within`.
    """
    quality = RESULT_QUALITY
    if max_bytes is not None:
        voice = (
            compute_audio_bitrate(spec.seconds, max_bytes, RESULT_QUALITY.audio_bitrate)
            if spec.has_sound
            else 0
        )
        peak = compute_video_bitrate(spec.rate, spec.seconds, max_bytes, voice)
        quality = replace(RESULT_QUALITY, video_bitrate=peak, audio_bitrate=voice)
    with _open_with_quality(path, spec, quality, max_bytes) as writer:
        yield writer


@contextmanager
def open_note(path: Path, spec: StreamSpec) -> Iterator[FileWriter[Picture]]:
    """Write a Telegram video note, a square mp4 of about 1 Mbit/s that Telegram shows round.

    Args:
        path: appears when the block ends well, and only then.
        spec: width and height are equal, even and 384 … 640; at most a minute long.

    Raises:
        OutputFailed: the file cannot be written.
        InputRejected: it is longer than a minute.
    """
    width, height = spec.size
    assert width == height
    assert width in NOTE_SIDES
    if spec.seconds > NOTE_MAX_SECONDS:
        raise InputRejected(
            RejectReason.TOO_LONG, seconds=float(spec.seconds), limit=NOTE_MAX_SECONDS
        )
    with _open_with_quality(path, spec, NOTE_QUALITY, None) as writer:
        yield writer


@contextmanager
def _open_with_quality(
    path: Path, spec: StreamSpec, quality: Quality, max_bytes: int | None
) -> Iterator[FileWriter[Picture]]:
    with open_output(path, "mp4", MP4_OPTIONS, max_bytes) as container:
        codec = VideoCodec("libx264", "yuv420p", _make_x264_options(quality))
        stream = add_video_stream(container, codec, spec)
        pictures = VideoTrack(container, stream, spec, make_yuv_frame)
        sound = add_audio_track(container, AudioCodec("aac", quality.audio_bitrate), spec)
        with FileWriter(pictures, sound) as writer:
            yield writer


def _make_x264_options(quality: Quality) -> dict[str, str]:
    options = {"preset": "veryfast", "profile": quality.profile, "crf": str(quality.crf)}
    if quality.video_bitrate is None:
        return options
    peak = {"maxrate": quality.video_bitrate, "bufsize": BUFFER_SECONDS * quality.video_bitrate}
    return options | {name: str(bits) for name, bits in peak.items()}
