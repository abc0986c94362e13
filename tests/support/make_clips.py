"""Write synthetic clips."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]  #: (H, W, 3)


@dataclass(frozen=True)
class Colours:
    """Colour tags as numbers of ITU-T H.273, tables 2 to 4.

    Attributes:
        matrix: coefficients.
        range: 1 limited, 2 full, as in FFmpeg.
        transfer: characteristics.
        primaries: chromaticities.
    """

    matrix: int = 1
    range: int = 1
    transfer: int = 1
    primaries: int = 1

    def tag(self, target: av.VideoFrame | av.VideoCodecContext) -> None:
        """Write the tags on a frame or an encoder."""
        target.colorspace = self.matrix
        target.color_range = self.range
        target.color_trc = self.transfer
        target.color_primaries = self.primaries


HD = Colours()


def drawn(count: int, size: tuple[int, int] = (160, 96)) -> Iterator[Rgb]:
    """Yield different pictures of *size* (width, height): a bright square moves over a gradient."""
    width, height = size
    side = max(1, min(size) // 4)
    for i in range(count):
        picture = np.empty((height, width, 3), np.uint8)
        picture[..., 0] = np.linspace(30, 200, width)
        picture[..., 1] = np.linspace(40, 180, height)[:, None]
        picture[..., 2] = 40 + (i * 7) % 160
        left = (i * 3) % max(1, width - side)
        picture[height // 3 : height // 3 + side, left : left + side] = (240, 220, 60)
        yield picture


def make_clip(
    path: Path,
    pictures: Iterable[Rgb | av.VideoFrame],
    *,
    rate: Fraction | int = 30,
    times: Sequence[int] | None = None,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    options: Mapping[str, str] | None = None,
    container: str | None = None,
    muxing: Mapping[str, str] | None = None,
    colours: Colours | None = None,
    turn: Sequence[int] | None = None,
    aspect: Fraction | None = None,
    tone: int | None = None,
    overhang: float = 0,
    sound: str | None = None,
) -> Path:
    """Write *pictures* as a video file and return its path.

    Args:
        path: of the file; its suffix selects the container unless *container* is given.
        pictures: RGB arrays, or frames that are encoded unchanged; of one size.
        rate: ticks per second.
        times: presentation time of each picture in ticks; by default 0, 1, 2 …
        codec: FFmpeg's name of the encoder.
        pixels: FFmpeg's name of the pixel format.
        options: of the encoder.
        container: FFmpeg's name of the muxer.
        muxing: options of the muxer.
        colours: tags; none by default.
        turn: display matrix, nine numbers row by row (ISO/IEC 14496-12, 6.2.2).
        aspect: width of a pixel divided by its height.
        tone: frequency in hertz of a sine as long as the video.
        overhang: seconds by which the sine is longer.
        sound: FFmpeg's name of its encoder; by default the container's.
    """
    frames = map(_frame, pictures)
    first = next(frames)
    with av.open(str(path), "w", format=container, options=dict(muxing or {})) as out:
        stream = out.add_stream(codec, rate=rate, options=dict(options or {}))
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = first.width, first.height, pixels
        context.time_base = 1 / Fraction(rate)
        context.thread_count = 1
        if aspect:
            context.sample_aspect_ratio = aspect
        if colours:
            colours.tag(context)
        if turn:
            stream.set_display_matrix(turn)
        hum = out.add_stream(sound or out.default_audio_codec, rate=48_000) if tone else None
        tick = -1
        for i, frame in enumerate((first, *frames)):
            tick = times[i] if times else i
            frame.pts, frame.time_base = tick, context.time_base
            if colours:
                colours.tag(frame)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if hum and tone:
            _hum(out, hum, tone, seconds=float((tick + 1) / rate) + overhang)
    return path


def _frame(picture: Rgb | av.VideoFrame) -> av.VideoFrame:
    if isinstance(picture, av.VideoFrame):
        return picture
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")


def _hum(out: OutputContainer, stream: av.AudioStream, tone: int, seconds: float) -> None:
    """Encode a sine of *tone* hertz at a quarter of full scale."""
    samples = np.sin(np.arange(int(seconds * 48_000)) * (2 * np.pi * tone / 48_000)) * 0.25
    for start in range(0, len(samples), 960):
        block = samples[None, start : start + 960].astype(np.float32)
        frame = av.AudioFrame.from_ndarray(block, "fltp", "mono")
        frame.sample_rate, frame.pts = 48_000, start
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))
