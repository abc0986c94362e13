"""Benchmark footage: 1080p30 with sound, encoded as by a phone, made from any clip."""

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
#: Bits per second of video. Bots can download 20 MB, that is 2.7 Mbit/s for one minute.
BIT_RATE = 2_500_000
CAMERA = VideoCodec(
    "libx264",
    "yuv420p",
    {
        "preset": "veryfast",
        "profile": "high",
        "b": str(BIT_RATE),
        "g": str(FRAME_RATE),  # one keyframe per second, none in between
        "sc_threshold": "0",
    },
)
MICROPHONE = AudioCodec("aac", 128_000)


def make_footage(source: Path, path: Path, seconds: int, size: Size = SIZE) -> None:
    """Write *seconds* of *source*, looped and cropped to fill *size*, to *path*."""
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
        # mix_audio() loops the audio of a background, not the audio of the clip.
        audio = mix_audio(replace(clip, audio_stream=None), clip, seconds=spec.seconds)
        with FileWriter(pictures, add_audio_track(container, MICROPHONE, spec)) as writer:
            writer.write_all(_loop_pictures(clip, seconds * FRAME_RATE, size), audio, spec.timebase)


def _loop_pictures(clip: Clip, count: int, size: Size) -> Iterator[Timed[Picture]]:
    """Yield *count* pictures of *clip* at FRAME_RATE, from the start again after its end."""
    unused = make_solid_picture(BLACK, size)
    with VideoBackground(clip).open_sampler(size) as sample:
        for tick in range(count):
            yield Timed(tick, sample(Fraction(tick, FRAME_RATE), unused))
