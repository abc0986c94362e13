"""A clip to measure with: 1080p30 with sound, as a phone records it, made of any other clip."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from video_editing.compositing.audio_mix import mixed
from video_editing.compositing.background import Film, filled
from video_editing.compositing.layout import Size
from video_editing.compositing.overlay import BLACK
from video_editing.concurrency import cpus
from video_editing.frames import Picture, Timed
from video_editing.reading.probe import Clip, probe
from video_editing.writing.encoder import Writer, audio_stream, video_stream, written, yuv_frame
from video_editing.writing.tracks import PictureTrack, SoundTrack

SIZE = 1920, 1080
RATE = 30
#: A second of the picture. A bot may fetch 20 MB, which leaves a minute 2.7 Mbit/s.
BITS = 2_500_000
CAMERA = {
    "preset": "veryfast",
    "profile": "high",
    "b": str(BITS),
    "g": str(RATE),  # a key frame each second, and at no other time
    "sc_threshold": "0",
}
SOUND_BITS = 128_000


def film(source: Path, path: Path, seconds: int, size: Size = SIZE) -> None:
    """Write *seconds* of *source*, played again and again and cut to fill *size*, to *path*."""
    clip = probe(source)
    end = Fraction(seconds)
    with written(path, "mp4", {}) as container:
        video = video_stream(
            container, "libx264", "yuv420p", size, Fraction(RATE), CAMERA, min(4, cpus())
        )
        pictures = PictureTrack(container, video, Fraction(1, RATE), end, yuv_frame)
        sound = SoundTrack(container, audio_stream(container, "aac", SOUND_BITS))
        writer = Writer(pictures, sound)
        # A background's sound is repeated, a voice is not.
        loop = mixed(replace(clip, sound=None), clip, seconds=end)
        writer.feed(_looped(clip, seconds * RATE, size), loop, Fraction(1, RATE))
        writer.finish()


def _looped(clip: Clip, count: int, size: Size) -> Iterator[Timed[Picture]]:
    """*count* pictures of *clip*, RATE of them a second."""
    unused = filled(BLACK, size)
    with Film(clip).behind(size) as shown:
        for tick in range(count):
            yield Timed(tick, shown(Fraction(tick, RATE), unused))
