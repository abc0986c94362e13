"""The result: an mp4 that plays everywhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from video_editing.contract.errors import InputRejected, Reason
from video_editing.frames import Picture
from video_editing.writing.encoder import Writer, audio_stream, video_stream, written, yuv_frame
from video_editing.writing.size_budget import BUFFER, picture_bits, sound_bits
from video_editing.writing.tracks import PictureTrack, SoundTrack

#: The index comes first; a start later than 0 is kept to 11 µs, where the default is 1 ms.
MP4 = {"movflags": "+faststart", "movie_timescale": "90000"}

NOTE_SIDES = range(384, 641)  #: pixels of a Telegram video note, which is square
NOTE_SECONDS = 60  #: the longest note


@dataclass(frozen=True)
class Quality:
    """How good a picture and a sound are made.

    Attributes:
        profile: of H.264.
        crf: x264's constant rate factor; 18 cannot be told from the source, 23 is its default.
        picture_bits: a second at most, for the picture; None where nothing limits it.
        sound_bits: a second, for AAC.
    """

    profile: str
    crf: int
    picture_bits: int | None
    sound_bits: int


RESULT = Quality("high", 20, None, 160_000)
NOTE = Quality("baseline", 21, 1_000_000, 64_000)  # as Telegram's own, played by the oldest phones


@contextmanager
def result_file(
    path: Path,
    size: tuple[int, int],
    timebase: Fraction,
    *,
    rate: Fraction,
    seconds: Fraction,
    sound: bool,
    threads: int,
    max_bytes: int | None = None,
) -> Iterator[Writer[Picture]]:
    """Write an mp4: H.264 High and AAC, the index in front, BT.709 limited.

    Without sound it is what Telegram calls an animation.

    Args:
        path: appears when the block ends well, and only then.
        size: width and height of every picture, both even.
        timebase: seconds in one tick of the pictures' times, which are kept.
        rate: average pictures a second; it steers the encoder, not the times.
        seconds: from the origin to the end of the last picture.
        sound: whether the file has a sound track.
        threads: how many the picture's encoder may use.
        max_bytes: what the file may weigh; quality gives way to it. `fitting_size` tells which
            size of picture bears that.

    Raises:
        OutputFailed: the file cannot be written.
        InputRejected: *max_bytes* leaves nothing for the picture.
        TooBig: the file came out larger than *max_bytes*; see `within`.
    """
    quality = RESULT
    if max_bytes is not None:
        voice = sound_bits(seconds, max_bytes, RESULT.sound_bits) if sound else 0
        peak = picture_bits(rate, seconds, max_bytes, voice)
        quality = replace(RESULT, picture_bits=peak, sound_bits=voice)
    with _mp4(path, size, timebase, rate, seconds, quality, threads, max_bytes, sound=sound) as it:
        yield it


@contextmanager
def note_file(
    path: Path,
    side: int,
    timebase: Fraction,
    *,
    rate: Fraction,
    seconds: Fraction,
    sound: bool,
    threads: int,
) -> Iterator[Writer[Picture]]:
    """Write a Telegram video note, a square mp4 of about 1 Mbit/s that Telegram shows round.

    Args:
        path: as for `result_file`, and so are the others.
        side: pixels, even, 384 … 640.
        timebase: seconds in one tick.
        rate: pictures a second.
        seconds: to the end; at most a minute.
        sound: whether there is any.
        threads: of the encoder.

    Raises:
        OutputFailed: the file cannot be written.
        InputRejected: it is longer than a minute.
    """
    assert side in NOTE_SIDES
    if seconds > NOTE_SECONDS:
        raise InputRejected(Reason.TOO_LONG, seconds=float(seconds), limit=NOTE_SECONDS)
    size = (side, side)
    with _mp4(path, size, timebase, rate, seconds, NOTE, threads, None, sound=sound) as it:
        yield it


@contextmanager
def _mp4(
    path: Path,
    size: tuple[int, int],
    timebase: Fraction,
    rate: Fraction,
    seconds: Fraction,
    quality: Quality,
    threads: int,
    max_bytes: int | None,
    *,
    sound: bool,
) -> Iterator[Writer[Picture]]:
    with written(path, "mp4", MP4, max_bytes) as container:
        options = _x264(quality)
        stream = video_stream(container, "libx264", "yuv420p", size, rate, options, threads)
        pictures = PictureTrack(container, stream, timebase, seconds, yuv_frame)
        voice = None
        if sound:
            voice = SoundTrack(container, audio_stream(container, "aac", quality.sound_bits))
        writer = Writer(pictures, voice)
        yield writer
        writer.finish()


def _x264(quality: Quality) -> dict[str, str]:
    options = {"preset": "veryfast", "profile": quality.profile, "crf": str(quality.crf)}
    if quality.picture_bits is None:
        return options
    peak = {"maxrate": quality.picture_bits, "bufsize": BUFFER * quality.picture_bits}
    return options | {name: str(bits) for name, bits in peak.items()}
