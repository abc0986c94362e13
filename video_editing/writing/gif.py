"""GIF, for places that take no video: no sound, 256 colours a frame, large files."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.filter import Graph
from av.video.stream import VideoStream

from video_editing.frames import Picture, Timed
from video_editing.writing.encoder import (
    FileWriter,
    VideoCodec,
    add_video_stream,
    make_yuv_frame,
    open_output,
)
from video_editing.writing.tracks import StreamSpec, VideoTrack

CODEC = VideoCodec("gif", "pal8", {})
GIF_TICK = Fraction(1, 100)  #: seconds, in which the format counts
MIN_FRAME_TICKS = 3  #: ticks between frames: many viewers slow down what is faster


@contextmanager
def open_gif(
    path: Path,
    spec: StreamSpec,
) -> Iterator[FileWriter[Picture]]:
    """Write a GIF that repeats for ever, at most 33 pictures a second, a palette for each.

    A second of a talking person at 480x270 and 15 pictures is about a megabyte.

    Args:
        path: appears when the block ends well, and only then.
        spec: the file has no sound and its encoder one thread, whatever it says; times are
            kept to a hundredth of a second.

    Raises:
        OutputFailed: the file cannot be written.
    """
    with open_output(path, "gif", {"loop": "0"}) as container:
        stream = add_video_stream(container, CODEC, replace(spec, threads=1))
        pictures = _GifTrack(container, stream, spec, _PaletteFilter(spec.size))
        with FileWriter(pictures, None) as writer:
            yield writer


class _GifTrack(VideoTrack[Picture]):
    """Pictures in hundredths of a second, without those that come too soon after another."""

    def __init__(
        self,
        container: OutputContainer,
        stream: VideoStream,
        spec: StreamSpec,
        palettes: "_PaletteFilter",
    ) -> None:
        super().__init__(container, stream, replace(spec, timebase=GIF_TICK), palettes.quantize)
        self._source_timebase = spec.timebase
        self._due = 0

    def write(self, timed: Timed[Picture]) -> None:
        """Write the picture before this one, unless this one comes too soon."""
        tick = round(timed.time * self._source_timebase / GIF_TICK)
        if tick >= self._due:
            self._due = tick + MIN_FRAME_TICKS
            super().write(Timed(tick, timed.value))


class _PaletteFilter:
    """Finds 256 colours for each picture by itself, so that memory holds one picture."""

    def __init__(self, size: tuple[int, int]) -> None:
        width, height = size
        graph = Graph()
        self._source = graph.add(
            "buffer",
            f"video_size={width}x{height}:pix_fmt=yuv420p:time_base={GIF_TICK}"
            ":colorspace=bt709:range=tv",
        )
        self._sink = graph.add("buffersink")
        split = graph.add("split")
        palette = graph.add("palettegen", "stats_mode=single")
        paletted = graph.add("paletteuse", "new=1:dither=bayer:bayer_scale=4")
        self._source.link_to(split)
        split.link_to(paletted)
        split.link_to(palette, 1)
        palette.link_to(paletted, 0, 1)
        paletted.link_to(self._sink)
        graph.configure()
        self._graph = graph  # it must live as long as its filters
        self._count = 0

    def quantize(self, picture: Picture) -> av.VideoFrame:
        """Give *picture* in 256 colours."""
        frame = make_yuv_frame(picture)
        frame.time_base, frame.pts = GIF_TICK, self._count
        self._count += 1
        self._source.push(frame)
        paletted = self._sink.pull()
        assert isinstance(paletted, av.VideoFrame)
        return paletted
