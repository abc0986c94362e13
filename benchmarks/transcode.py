"""What `edit` is compared with: the clip decoded and encoded again, its pictures untouched.

Decoder, encoder, their settings and threads, and the sound's way are those of `edit`.
"""

import sys
from contextlib import closing
from pathlib import Path

from video_editing.concurrency import cpus, one_thread_each

one_thread_each()  # as the command line of video_editing does

from video_editing.compositing.audio_mix import mixed  # noqa: E402
from video_editing.concurrency import ahead  # noqa: E402
from video_editing.matting.matte_stream import AHEAD  # noqa: E402
from video_editing.reading.decode import pictures  # noqa: E402
from video_editing.reading.probe import probe  # noqa: E402
from video_editing.writing.mp4 import result_file  # noqa: E402


def transcode(source: Path, result: Path) -> None:
    """Write *source* to *result* as `edit` would, without looking at a single picture."""
    clip = probe(source)
    sound = None if clip.sound is None else mixed(clip, seconds=clip.duration)
    with (
        result_file(
            result,
            clip.size,
            clip.timebase,
            rate=clip.rate,
            seconds=clip.duration,
            sound=sound is not None,
            threads=min(4, cpus()),
        ) as writer,
        closing(ahead(pictures(clip), AHEAD)) as frames,
    ):
        writer.feed(frames, sound, clip.timebase)


if __name__ == "__main__":
    transcode(*map(Path, sys.argv[1:]))
