"""The result: an mp4 that plays everywhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.formats import OutputFormat
from video_editing.frames import Picture
from video_editing.writing.encoder import (
    FileWriter,
    add_audio_stream,
    add_video_stream,
    make_yuv_frame,
    open_output,
)
from video_editing.writing.size_budget import (
    BUFFER_SECONDS,
    compute_audio_bitrate,
    compute_video_bitrate,
)
from video_editing.writing.tracks import AudioTrack, VideoTrack

#: The index comes first; a start later than 0 is kept to 11 µs, where the default is 1 ms.
MP4_OPTIONS = {"movflags": "+faststart", "movie_timescale": "90000"}

NOTE_SIDES = range(384, 641)  #: pixels of a Telegram video note, which is square


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
    path: Path,
    size: tuple[int, int],
    timebase: Fraction,
    *,
    rate: Fraction,
    seconds: Fraction,
    has_sound: bool,
    threads: int,
    max_bytes: int | None = None,
) -> Iterator[FileWriter[Picture]]:
    """Write an mp4: H.264 High and AAC, the index in front, BT.709 limited.

    Without sound it is what Telegram calls an animation.

    Args:
        path: appears when the block ends well, and only then.
        size: width and height of every picture, both even.
        timebase: seconds in one tick of the pictures' times, which are kept.
        rate: average pictures a second; it steers the encoder, not the times.
        seconds: from the origin to the end of the last picture.
        has_sound: whether the file has a sound track.
        threads: how many the picture's encoder may use.
        max_bytes: what the file may weigh; quality gives way to it. `fitting_size` tells which
            size of picture bears that.

    Raises:
        OutputFailed: the file cannot be written.
        InputRejected: *max_bytes* leaves nothing for the picture.
        TooBig: the file came out larger than *max_bytes*; see `within`.
    """
    quality = RESULT_QUALITY
    if max_bytes is not None:
        voice = (
            compute_audio_bitrate(seconds, max_bytes, RESULT_QUALITY.audio_bitrate)
            if has_sound
            else 0
        )
        peak = compute_video_bitrate(rate, seconds, max_bytes, voice)
        quality = replace(RESULT_QUALITY, video_bitrate=peak, audio_bitrate=voice)
    with _open_with_quality(
        path, size, timebase, rate, seconds, quality, threads, max_bytes, has_sound=has_sound
    ) as it:
        yield it


@contextmanager
def open_note(
    path: Path,
    side: int,
    timebase: Fraction,
    *,
    rate: Fraction,
    seconds: Fraction,
    has_sound: bool,
    threads: int,
) -> Iterator[FileWriter[Picture]]:
    """Write a Telegram video note, a square mp4 of about 1 Mbit/s that Telegram shows round.

    Args:
        path: as for `result_file`, and so are the others.
        side: pixels, even, 384 … 640.
        timebase: seconds in one tick.
        rate: pictures a second.
        seconds: to the end; at most a minute.
        has_sound: whether there is any.
        threads: of the encoder.

    Raises:
        OutputFailed: the file cannot be written.
        InputRejected: it is longer than a minute.
    """
    assert side in NOTE_SIDES
    limit = OutputFormat.NOTE.spec.max_seconds
    if seconds > limit:
        raise InputRejected(RejectReason.TOO_LONG, seconds=float(seconds), limit=limit)
    size = (side, side)
    with _open_with_quality(
        path, size, timebase, rate, seconds, NOTE_QUALITY, threads, None, has_sound=has_sound
    ) as it:
        yield it


@contextmanager
def _open_with_quality(
    path: Path,
    size: tuple[int, int],
    timebase: Fraction,
    rate: Fraction,
    seconds: Fraction,
    quality: Quality,
    threads: int,
    max_bytes: int | None,
    *,
    has_sound: bool,
) -> Iterator[FileWriter[Picture]]:
    with open_output(path, "mp4", MP4_OPTIONS, max_bytes) as container:
        options = _make_x264_options(quality)
        stream = add_video_stream(container, "libx264", "yuv420p", size, rate, options, threads)
        pictures = VideoTrack(container, stream, timebase, seconds, make_yuv_frame)
        voice = None
        if has_sound:
            voice = AudioTrack(container, add_audio_stream(container, "aac", quality.audio_bitrate))
        writer = FileWriter(pictures, voice)
        yield writer
        writer.finish()


def _make_x264_options(quality: Quality) -> dict[str, str]:
    options = {"preset": "veryfast", "profile": quality.profile, "crf": str(quality.crf)}
    if quality.video_bitrate is None:
        return options
    peak = {"maxrate": quality.video_bitrate, "bufsize": BUFFER_SECONDS * quality.video_bitrate}
    return options | {name: str(bits) for name, bits in peak.items()}
