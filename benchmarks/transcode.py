"""The reference for `edit`: decode the clip and encode it again without changing the pictures.

The decoder, the encoder, their settings and threads, and the audio path are those of `edit`.
"""

import sys
from contextlib import closing
from pathlib import Path

from video_editing.concurrency import configure_libraries
from video_editing.memory import keep_freed_memory

keep_freed_memory()  # as the command line of video_editing does
configure_libraries()

from video_editing.compositing.audio_mix import mix_audio  # noqa: E402
from video_editing.concurrency import prefetch  # noqa: E402
from video_editing.matting.matte_stream import PREFETCH_DEPTH  # noqa: E402
from video_editing.reading.decode import read_frames  # noqa: E402
from video_editing.reading.probe import probe  # noqa: E402
from video_editing.writing.mp4 import open_mp4  # noqa: E402
from video_editing.writing.tracks import StreamSpec  # noqa: E402


def transcode(source: Path, result: Path) -> None:
    """Write *source* to *result* like `edit`, without processing the pictures."""
    clip = probe(source)
    audio = None if clip.audio_stream is None else mix_audio(clip, seconds=clip.duration)
    spec = StreamSpec(
        size=clip.size,
        timebase=clip.timebase,
        rate=clip.rate,
        seconds=clip.duration,
        has_sound=audio is not None,
    )
    with (
        open_mp4(result, spec) as writer,
        closing(prefetch(read_frames(clip), PREFETCH_DEPTH)) as frames,
    ):
        writer.write_all(frames, audio, clip.timebase)


if __name__ == "__main__":
    transcode(*map(Path, sys.argv[1:]))
