"""Turn interlaced frames, whose two fields show different moments, into progressive ones."""

from collections import deque
from collections.abc import Iterable, Iterator

import av

from video_editing.concurrency import count_codec_threads

TimedFrame = tuple[int, av.VideoFrame]  #: its time in ticks, and a frame as it is stored

_MIN_SIDE = 8  #: pixels; bwdif takes no smaller frames

_FrameForm = tuple[int, int, str]  # width, height, pixel format


def deinterlace(frames: Iterable[TimedFrame]) -> Iterator[TimedFrame]:
    """Yield each of *frames*; interlaced ones show the moment of their first field.

    A frame is computed from its neighbours as well. Frames that are not flagged as interlaced stay
    as they are, and until one is, frames are passed on at once.
    """
    graph: _DeinterlacingGraph | None = None
    for time, frame in frames:
        if graph is not None and graph.form != _get_form(frame):
            yield from graph.finish()
            graph = None
        if graph is None and frame.interlaced_frame and min(frame.width, frame.height) >= _MIN_SIDE:
            graph = _DeinterlacingGraph(_get_form(frame))
        if graph is None:
            yield time, frame
        else:
            yield from graph.process(time, frame)
    if graph is not None:
        yield from graph.finish()


def _get_form(frame: av.VideoFrame) -> _FrameForm:
    return frame.width, frame.height, frame.format.name


class _DeinterlacingGraph:
    """FFmpeg's bwdif filter for frames of one form.

    Attributes:
        form: width, height and pixel format of the frames.
    """

    def __init__(self, form: _FrameForm) -> None:
        self.form = form
        self._times: deque[int] = deque()
        self._graph = av.filter.Graph()
        self._graph.threads = count_codec_threads()
        width, height, pixels = form
        source = self._graph.add(
            "buffer", f"video_size={width}x{height}:pix_fmt={pixels}:time_base=1/1"
        )
        bwdif = self._graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
        self._graph.link_nodes(source, bwdif, self._graph.add("buffersink")).configure()

    def process(self, time: int, frame: av.VideoFrame) -> Iterator[TimedFrame]:
        """Take a frame, and yield those that are ready."""
        self._times.append(time)
        frame.pts = len(self._times)
        self._graph.vpush(frame)
        yield from self._pull()

    def finish(self) -> Iterator[TimedFrame]:
        """Yield the frames that waited for a next one."""
        self._graph.vpush(None)
        yield from self._pull()

    def _pull(self) -> Iterator[TimedFrame]:
        while self._times:
            try:
                frame = self._graph.vpull()
            except (BlockingIOError, EOFError):
                return
            yield self._times.popleft(), frame
