"""GIF: no sound, 256 colours per frame, large files."""

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
GIF_TICK = Fraction(1, 100)  #: seconds; the unit of time in the format
MIN_FRAME_TICKS = 3  #: ticks between frames; many viewers slow down faster animations


@contextmanager
def open_gif(
    path: Path,
    spec: StreamSpec,
) -> Iterator[FileWriter[Picture]]:
    """Open a GIF that loops, with at most 33 frames per second and one palette per frame.

    A second of a talking person in 15 frames of 480x270 takes about a megabyte.

    Args:
        path: of the file; it appears when the block ends without an exception.
        spec: times are rounded to 10 ms; `has_sound` and `threads` are ignored.

    Raises:
        OutputFailed: the file cannot be written.
    """
    with open_output(path, "gif", {"loop": "0"}) as container:
        stream = add_video_stream(container, CODEC, replace(spec, threads=1))
        track = _GifTrack(container, stream, spec, _PaletteFilter(spec.size))
        with FileWriter(track) as writer:
            yield writer


class _GifTrack(VideoTrack[Picture]):
    """Times frames in hundredths of a second and drops those too close to the one before."""

    def __init__(
        self,
        container: OutputContainer,
        stream: VideoStream,
        spec: StreamSpec,
        palettes: "_PaletteFilter",
    ) -> None:
        super().__init__(container, stream, replace(spec, timebase=GIF_TICK), palettes.quantize)
        self._source_timebase = spec.timebase
        self._next_tick = 0

    def write(self, timed: Timed[Picture]) -> None:
        """Take a frame, unless it is less than 3 ticks after the last one taken."""
        tick = round(timed.time * self._source_timebase / GIF_TICK)
        if tick >= self._next_tick:
            self._next_tick = tick + MIN_FRAME_TICKS
            super().write(Timed(tick, timed.value))


class _PaletteFilter:
    """Reduces each frame to 256 colours of its own; memory holds one frame at a time."""

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
        self._graph = graph  # its filters need it alive
        self._count = 0

    def quantize(self, picture: Picture) -> av.VideoFrame:
        """Return *picture* as a pal8 frame."""
        frame = make_yuv_frame(picture)
        frame.time_base, frame.pts = GIF_TICK, self._count
        self._count += 1
        self._source.push(frame)
        paletted = self._sink.pull()
        assert isinstance(paletted, av.VideoFrame)
        return paletted
