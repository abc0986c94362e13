"""Results as mp4 files that every player takes, and Telegram video notes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.formats import OutputFormat
from video_editing.frames import Picture, Timed
from video_editing.writing.encoder import (
    AudioCodec,
    FileWriter,
    VideoCodec,
    add_audio_track,
    add_video_stream,
    make_yuv_frame,
    open_output,
)
from video_editing.writing.encoder_trial import choose_codec
from video_editing.writing.size_budget import (
    BUFFER_SECONDS,
    compute_audio_bitrate,
    compute_video_bitrate,
)
from video_editing.writing.tracks import StreamSpec, VideoTrack

#: The index is at the front; a start after 0 is rounded to 11 µs instead of 1 ms.
MP4_OPTIONS = {"movflags": "+faststart", "movie_timescale": "90000"}

MAX_BITRATE = 1_000_000_000  #: bits per second; x264 counts them in 32 bits
NOTE_SIDES = range(384, 641)  #: pixels; width and height of a Telegram video note


@dataclass(frozen=True)
class Quality:
    """Encoder settings of an mp4.

    Attributes:
        profile: of H.264.
        crf: x264's constant rate factor; 18 looks like the source, 23 is x264's default.
        video_bitrate: peak bits per second; None is unlimited.
        audio_bitrate: bits per second of AAC.
    """

    profile: str
    crf: int
    video_bitrate: int | None
    audio_bitrate: int


RESULT_QUALITY = Quality("high", 20, None, 160_000)
#: As in Telegram's own video notes; the Baseline profile plays on the oldest phones.
NOTE_QUALITY = Quality("baseline", 21, 1_000_000, 64_000)


def choose_mp4_codec(
    pictures: Sequence[Timed[Picture]], spec: StreamSpec, max_bytes: int | None = None
) -> VideoCodec:
    """Return NVENC where a trial with the first *pictures* shows it as good as x264, else x264.

    Args:
        pictures: the first ones of the file.
        spec: as for :func:`open_mp4`.
        max_bytes: as for :func:`open_mp4`.

    Raises:
        InputRejected: DOES_NOT_FIT, *max_bytes* leaves nothing for the video.
    """
    quality = _choose_quality(spec, max_bytes)
    nvenc = VideoCodec("h264_nvenc", "yuv420p", _make_nvenc_options(quality))
    return choose_codec(nvenc, _make_x264(quality), pictures, spec)


@contextmanager
def open_mp4(
    path: Path, spec: StreamSpec, max_bytes: int | None = None, codec: VideoCodec | None = None
) -> Iterator[FileWriter[Picture]]:
    """Open an mp4: H.264 High in BT.709 limited range and AAC, the index at the front.

    Telegram shows such a file without sound as an animation.

    Args:
        path: of the file; it appears when the block ends without an exception.
        spec: width and height are even; frames keep their times.
        max_bytes: of the file; bit rates are lowered to fit. `compute_fitting_size` returns a
            frame size for which they suffice.
        codec: from :func:`choose_mp4_codec` with the same limit; None is x264.

    Raises:
        OutputFailed: the file cannot be written.
        InputRejected: DOES_NOT_FIT, *max_bytes* leaves nothing for the video.
        FileTooLarge: the file came out larger than *max_bytes*; see `retry_smaller`.
    """
    quality = _choose_quality(spec, max_bytes)
    with _open_with_quality(path, spec, quality, codec, max_bytes) as writer:
        yield writer


def _choose_quality(spec: StreamSpec, max_bytes: int | None) -> Quality:
    return RESULT_QUALITY if max_bytes is None else _fit_quality(RESULT_QUALITY, spec, max_bytes)


@contextmanager
def open_note(path: Path, spec: StreamSpec) -> Iterator[FileWriter[Picture]]:
    """Open a Telegram video note: a square mp4 of about 1 Mbit/s, which Telegram shows as a disc.

    Args:
        path: of the file; it appears when the block ends without an exception.
        spec: width and height are equal, even and 384 … 640 pixels.

    Raises:
        OutputFailed: the file cannot be written.
        InputRejected: TOO_LONG, *spec* is longer than a minute.
    """
    width, height = spec.size
    assert width == height
    assert width in NOTE_SIDES
    limit = OutputFormat.NOTE.spec.max_seconds
    if spec.seconds > limit:
        raise InputRejected(RejectReason.TOO_LONG, seconds=float(spec.seconds), limit=limit)
    with _open_with_quality(path, spec, NOTE_QUALITY) as writer:
        yield writer


@contextmanager
def _open_with_quality(
    path: Path,
    spec: StreamSpec,
    quality: Quality,
    codec: VideoCodec | None = None,
    max_bytes: int | None = None,
) -> Iterator[FileWriter[Picture]]:
    with open_output(path, "mp4", MP4_OPTIONS, max_bytes) as container:
        stream = add_video_stream(container, codec or _make_x264(quality), spec)
        video = VideoTrack(container, stream, spec, make_yuv_frame)
        audio = add_audio_track(container, AudioCodec("aac", quality.audio_bitrate), spec)
        with FileWriter(video, audio) as writer:
            yield writer


def _fit_quality(quality: Quality, spec: StreamSpec, max_bytes: int) -> Quality:
    """Return *quality* with bit rates that keep a file of *spec* within *max_bytes*."""
    audio_bitrate = (
        compute_audio_bitrate(spec.seconds, max_bytes, quality.audio_bitrate)
        if spec.has_sound
        else 0
    )
    peak = compute_video_bitrate(spec.rate, spec.seconds, max_bytes, audio_bitrate)
    return replace(quality, video_bitrate=min(MAX_BITRATE, peak), audio_bitrate=audio_bitrate)


def _make_x264(quality: Quality) -> VideoCodec:
    options = {"preset": "veryfast", "profile": quality.profile, "crf": str(quality.crf)}
    return VideoCodec("libx264", "yuv420p", options | _make_peak_options(quality))


def _make_nvenc_options(quality: Quality) -> dict[str, str]:
    """Return the options of NVENC for constant quality; its scale is near to x264's."""
    options = {"preset": "p6", "tune": "hq", "rc": "vbr", "cq": str(quality.crf - 1), "b": "0"}
    options |= {"profile": quality.profile, "spatial-aq": "1", "temporal-aq": "1"}
    return options | _make_peak_options(quality)


def _make_peak_options(quality: Quality) -> dict[str, str]:
    if quality.video_bitrate is None:
        return {}
    peak = {"maxrate": quality.video_bitrate, "bufsize": BUFFER_SECONDS * quality.video_bitrate}
    return {name: str(bits) for name, bits in peak.items()}
