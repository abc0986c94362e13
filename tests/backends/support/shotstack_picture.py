"""What the fake Shotstack draws: the clips of an edit, with luma mattes, one above the other."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from io import BytesIO
from typing import Literal

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.reformatter import Colorspace
from numpy.typing import NDArray

from tests.backends.support.shotstack_schema import Clip, Edit, Image, Luma, Track

LumaReading = Literal["white", "black", "ignored"]
Frame = NDArray[np.float32]  #: (H, W, 4), R'G'B' and alpha, 0–1
GREY = np.full((2, 2, 4), (0.5, 0.5, 0.5, 1), np.float32)  #: in place of files that it lacks
BT709 = {"colorspace": 1, "color_primaries": 1, "color_trc": 1, "color_range": 1}


def render_video(
    edit: Edit,
    files: Mapping[str, bytes | None],
    luma: LumaReading,
    *,
    has_sound: bool,
    has_watermark: bool = False,
) -> bytes:
    """Return the mp4 of *edit*, whose sources are in *files*; *has_sound* adds a hum."""
    width, height, rate = edit.output.shape
    exact_rate = (
        Fraction(round(rate * 1001), 1001) if rate % 1 == 0 else Fraction(round(rate) * 1000, 1001)
    )
    canvas = _Canvas(edit, files, luma)
    file = BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=exact_rate, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.thread_count = 1
        for name, value in BT709.items():
            setattr(stream.codec_context, name, value)
        sound = out.add_stream("aac", rate=48_000) if has_sound else None
        for i in range(max(1, round(edit.seconds * float(exact_rate)))):
            picture = canvas.draw(edit.output.range.start + (i + 0.5) / float(exact_rate))
            if has_watermark:
                picture[height // 2 :][: height // 10, width // 4 : width // 2] += 0.3
            pixels = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(
                format="yuv420p", dst_colorspace=Colorspace.ITU709
            )
            frame.pts, frame.time_base = i, 1 / exact_rate
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if sound is not None:
            _encode_hum(out, sound, edit.seconds)
    return file.getvalue()


def _encode_hum(out: OutputContainer, sound: av.AudioStream, seconds: float) -> None:
    hum = (np.sin(np.arange(int(seconds * 48_000)) * 0.05) * 0.25).astype(np.float32)
    for start in range(0, len(hum), 1024):
        block = av.AudioFrame.from_ndarray(hum[None, start : start + 1024], "fltp", "mono")
        block.sample_rate, block.pts = 48_000, start
        out.mux(sound.encode(block))
    out.mux(sound.encode(None))


class _Canvas:
    """Draws an edit."""

    def __init__(self, edit: Edit, files: Mapping[str, bytes | None], luma: LumaReading) -> None:
        self._edit, self._luma = edit, luma
        self._sources = {link: _decode(content or b"") for link, content in files.items()}
        width, height, _ = edit.output.shape
        self._size = width, height

    def draw(self, seconds: float) -> NDArray[np.float32]:
        """Return the picture at a time of the timeline, (H, W, 3), R'G'B' 0–1."""
        colour = self._edit.timeline.background.lstrip("#")
        rgb = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        picture = np.full((*self._size[::-1], 3), rgb, np.float32)
        for track in reversed(self._edit.timeline.tracks):  # the first one is on top
            for layer in self._draw_track(track, seconds):
                alpha = layer[..., 3:]
                picture = picture * (1 - alpha) + layer[..., :3] * alpha
        return picture

    def _draw_track(self, track: Track, seconds: float) -> Iterator[Frame]:
        matte = None
        for clip in track.clips:
            if not _is_shown(clip, seconds):
                continue
            layer = self._draw_clip(clip, seconds)
            if isinstance(clip.asset, Luma):
                matte = layer[..., :3].mean(2)
                continue
            if matte is not None and self._luma != "ignored":
                layer[..., 3] *= matte if self._luma == "white" else 1 - matte
            yield layer

    def _draw_clip(self, clip: Clip, seconds: float) -> Frame:
        """Return the clip on a transparent canvas."""
        frames = self._sources.get(clip.asset.src or "", [(0.0, GREY)])
        start = clip.start if isinstance(clip.start, float | int) else 0
        trim = 0 if isinstance(clip.asset, Image) else getattr(clip.asset, "trim", 0)
        source = next(
            (frame for time, frame in reversed(frames) if time <= seconds - start + trim + 1e-6),
            frames[0][1],
        )
        if clip.fit != "none":
            return _fill(source, self._size)
        return self._place(source, clip)

    def _place(self, source: Frame, clip: Clip) -> Frame:
        """Return *source* in its own size, its centre moved by the offset; y points up."""
        width, height = self._size
        offset_x = clip.offset.x if isinstance(clip.offset.x, float | int) else 0
        offset_y = clip.offset.y if isinstance(clip.offset.y, float | int) else 0
        left = round(width * (0.5 + offset_x) - source.shape[1] / 2)
        top = round(height * (0.5 - offset_y) - source.shape[0] / 2)
        canvas = np.zeros((height, width, 4), np.float32)
        part = source[max(0, -top) : height - top, max(0, -left) : width - left]
        canvas[max(0, top) :, max(0, left) :][: part.shape[0], : part.shape[1]] = part
        return canvas


def _is_shown(clip: Clip, seconds: float) -> bool:
    start = clip.start if isinstance(clip.start, float | int) else 0
    length = clip.length if isinstance(clip.length, float | int) else 1e9
    return start <= seconds < start + length + 1e-3


def _fill(source: Frame, size: tuple[int, int]) -> Frame:
    """Return *source* scaled and cropped to fill the canvas."""
    scale = max(size[0] / source.shape[1], size[1] / source.shape[0])
    shape = (
        max(size[0], round(source.shape[1] * scale)),
        max(size[1], round(source.shape[0] * scale)),
    )
    resized = cv2.resize(source, shape, interpolation=cv2.INTER_AREA)
    left, top = (shape[0] - size[0]) // 2, (shape[1] - size[1]) // 2
    return np.asarray(resized[top:, left:][: size[1], : size[0]], np.float32)


def _decode(content: bytes) -> list[tuple[float, Frame]]:
    """Return the frames of a file with their seconds; alpha is kept."""
    with av.open(BytesIO(content)) as container:
        return [(float(frame.time or 0), _to_rgba(frame)) for frame in container.decode(video=0)]


def _to_rgba(frame: av.VideoFrame) -> Frame:
    is_jpeg = frame.format.name.startswith("yuvj")
    colorspace = Colorspace.ITU601 if is_jpeg else Colorspace.ITU709
    pixels = frame.reformat(format="rgba", src_colorspace=colorspace).to_ndarray()
    return np.asarray(pixels / 255, np.float32)
