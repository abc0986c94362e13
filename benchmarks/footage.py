"""A clip to measure with: 1080p30 with sound, as a phone records it, made of any other clip."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from video_editing.compositing.audio_mix import mix_audio
from video_editing.compositing.background import VideoBackground, make_solid_picture
from video_editing.compositing.layout import Size
from video_editing.compositing.overlay import BLACK
from video_editing.frames import Picture, Timed
from video_editing.reading.probe import Clip, probe
from video_editing.writing.encoder import (
    AudioCodec,
    FileWriter,
    VideoCodec,
    add_audio_track,
    add_video_stream,
    make_yuv_frame,
    open_output,
)
from video_editing.writing.tracks import StreamSpec, VideoTrack

SIZE = 1920, 1080
FRAME_RATE = 30
#: A second of the picture. A bot may fetch 20 MB, which leaves a minute 2.7 Mbit/s.
BIT_RATE = 2_500_000
CAMERA = VideoCodec(
    "libx264",
    "yuv420p",
    {
        "preset": "veryfast",
        "profile": "high",
        "b": str(BIT_RATE),
        "g": str(FRAME_RATE),  # a key frame each second, and at no other time
        "sc_threshold": "0",
    },
)
MICROPHONE = AudioCodec("aac", 128_000)


def make_footage(source: Path, path: Path, seconds: int, size: Size = SIZE) -> None:
    """Write *seconds* of *source*, played again and again and cut to fill *size*, to *path*."""
    clip = probe(source)
    spec = StreamSpec(
        size=size,
        timebase=Fraction(1, FRAME_RATE),
        rate=Fraction(FRAME_RATE),
        seconds=Fraction(seconds),
        has_sound=True,
    )
    with open_output(path, "mp4", {}) as container:
        video = add_video_stream(container, CAMERA, spec)
        pictures = VideoTrack(container, video, spec, make_yuv_frame)
        # A background's sound is repeated, a voice is not.
        loop = mix_audio(replace(clip, audio_stream=None), clip, seconds=spec.seconds)
        with FileWriter(pictures, add_audio_track(container, MICROPHONE, spec)) as writer:
            writer.write_all(_loop_pictures(clip, seconds * FRAME_RATE, size), loop, spec.timebase)


def _loop_pictures(clip: Clip, count: int, size: Size) -> Iterator[Timed[Picture]]:
    """*count* pictures of *clip*, RATE of them a second."""
    unused = make_solid_picture(BLACK, size)
    with VideoBackground(clip).open_sampler(size) as shown:
        for tick in range(count):
            yield Timed(tick, shown(Fraction(tick, FRAME_RATE), unused))
