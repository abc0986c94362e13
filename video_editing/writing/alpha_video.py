"""Overlays: the person with nothing around her, straight alpha."""

import json
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.packet import Packet, PacketSideData
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream
from numpy.typing import NDArray

from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.formats import OutputFormat
from video_editing.frames import Layer, Picture, Plane, Timed
from video_editing.writing.encoder import (
    CodecOptions,
    FileWriter,
    add_audio_stream,
    add_video_stream,
    copy_plane,
    make_grey_frame,
    make_yuv_frame,
    open_output,
    set_colour_tags,
)
from video_editing.writing.tracks import AudioTrack, VideoTrack

TEN_BIT_FACTOR = 4  #: times an 8-bit step of limited-range colour
#: Alpha has full range: 255 must become 1023, or what is solid shines through.
TEN_BIT_ALPHA = np.array([round(alpha * 1023 / 255) for alpha in range(256)], np.uint16)

OPUS_BITRATE = 128_000
PRORES_4444 = {"profile": "4", "vendor": "apl0"}
#: One packet out for each picture in, which is how alpha and colours find each other.
VP9 = {"deadline": "realtime", "cpu-used": "8", "row-mt": "1", "lag-in-frames": "0"}
VP9_COLOUR = VP9 | {"crf": "24", "b": "0"}
VP9_ALPHA = VP9 | {"lossless": "1"}

BLOCK_ADDITIONAL = 15  #: AV_PKT_DATA_MATROSKA_BLOCKADDITIONAL, which PyAV can read by name only
ALPHA_ID = (1).to_bytes(8, "big")  #: BlockAddID of alpha; WebM container guidelines, AlphaMode

STICKER = OutputFormat.STICKER.spec
STICKER_ALPHA_SHARE = 0.35  #: of a sticker's bits go to its alpha
STICKER_TARGET_SHARE = (
    0.9  #: of the bytes are aimed at, the rest is container and the encoder's error
)


@contextmanager
def open_mov(
    path: Path,
    size: tuple[int, int],
    timebase: Fraction,
    *,
    rate: Fraction,
    seconds: Fraction,
    has_sound: bool,
    threads: int,
    comment: Mapping[str, object],
) -> Iterator[FileWriter[Layer]]:
    """Write ProRes 4444 with alpha and PCM sound, which editors take.

    Args:
        path: appears when the block ends well, and only then.
        size: width and height of every cut-out; an odd width gets a transparent column.
        timebase: seconds in one tick of their times, which are kept.
        rate: average cut-outs a second.
        seconds: from the origin to the end of the last one.
        has_sound: whether the file has a sound track.
        threads: how many the encoder may use.
        comment: kept as JSON in the file's comment: where in its frame the overlay belongs.

    Raises:
        OutputFailed: the file cannot be written.
    """
    with open_output(path, "mov", {"movie_timescale": "90000"}) as container:
        container.metadata["comment"] = json.dumps(comment)
        even = size[0] + size[0] % 2, size[1]
        options = PRORES_4444
        stream = add_video_stream(
            container, "prores_aw", "yuva444p10le", even, rate, options, threads
        )
        pictures = VideoTrack(container, stream, timebase, seconds, _make_ten_bit_frame)
        voice = (
            AudioTrack(container, add_audio_stream(container, "pcm_s16le")) if has_sound else None
        )
        writer = FileWriter(pictures, voice)
        yield writer
        writer.finish()


@contextmanager
def open_webm(
    path: Path,
    size: tuple[int, int],
    timebase: Fraction,
    *,
    rate: Fraction,
    seconds: Fraction,
    has_sound: bool,
    threads: int,
    comment: Mapping[str, object],
) -> Iterator[FileWriter[Layer]]:
    """Write VP9 with alpha and Opus, which browsers take; the alpha is exact.

    Args and Raises are those of `mov_file`; times are kept to the millisecond.
    """
    with open_output(path, "webm", {}) as container:
        container.metadata["comment"] = json.dumps(comment)
        stream = add_video_stream(
            container, "libvpx-vp9", "yuv420p", size, rate, VP9_COLOUR, threads
        )
        pictures = _AlphaTrack(container, stream, timebase, seconds, VP9_ALPHA)
        voice = None
        if has_sound:
            voice = AudioTrack(container, add_audio_stream(container, "libopus", OPUS_BITRATE))
        writer = FileWriter(pictures, voice)
        yield writer
        writer.finish()


@contextmanager
def open_sticker(
    path: Path,
    size: tuple[int, int],
    timebase: Fraction,
    *,
    rate: Fraction,
    seconds: Fraction,
    threads: int,
    max_bytes: int = STICKER.max_bytes,
) -> Iterator[FileWriter[Layer]]:
    """Write a Telegram video sticker; let `within` call this with fewer bytes where needed.

    Args:
        path: appears when the block ends well, and only then.
        size: width and height, the longer one 512.
        timebase: seconds in one tick.
        rate: average cut-outs a second, at most 30.
        seconds: to the end, at most 3.
        threads: of the encoder.
        max_bytes: what the file may weigh.

    Raises:
        OutputFailed: the file cannot be written.
        InputRejected: it is longer than 3 seconds.
        TooBig: the file came out larger than *max_bytes*.
    """
    assert max(size) == STICKER.side
    assert rate <= STICKER.max_rate
    if seconds > STICKER.max_seconds:
        raise InputRejected(
            RejectReason.TOO_LONG, seconds=float(seconds), limit=STICKER.max_seconds
        )
    bits = STICKER_TARGET_SHARE * 8 * max_bytes / float(seconds)
    colour = _make_vp9_options((1 - STICKER_ALPHA_SHARE) * bits)
    with open_output(path, "webm", {}, max_bytes) as container:
        stream = add_video_stream(container, "libvpx-vp9", "yuv420p", size, rate, colour, threads)
        alpha = _make_vp9_options(STICKER_ALPHA_SHARE * bits)
        writer = FileWriter(_AlphaTrack(container, stream, timebase, seconds, alpha), None)
        yield writer
        writer.finish()


class _AlphaTrack(VideoTrack[Layer]):
    """VP9 colours with their alpha beside them in each block.

    FFmpeg's encoder would make both with one quality. Alpha made on its own can be exact, and
    the whole is still smaller and faster than colours good enough to make alpha nearly so.
    """

    def __init__(
        self,
        container: OutputContainer,
        stream: VideoStream,
        timebase: Fraction,
        end: Fraction,
        options: CodecOptions,
    ) -> None:
        super().__init__(container, stream, timebase, end, _make_colour_frame)
        stream.metadata["alpha_mode"] = "1"
        self._alpha = _create_alpha_codec(stream.codec_context, options)
        self._packets: deque[bytes] = deque()  # at most the one whose colours come next

    def write(self, timed: Timed[Layer]) -> None:
        """Write the alpha of this cut-out, and the colours of the one before."""
        frame = make_grey_frame(timed.value.alpha, "yuv420p")
        self._packets.extend(bytes(packet) for packet in self._alpha.encode(frame))
        super().write(timed)

    def _encode_frame(self, frame: av.VideoFrame | None) -> "list[Packet[VideoStream]]":
        packets = super()._encode_frame(frame)
        for packet in packets:
            _attach_alpha(packet, self._packets.popleft())
        return packets


def _create_alpha_codec(colour: VideoCodecContext, options: CodecOptions) -> VideoCodecContext:
    codec = VideoCodecContext.create("libvpx-vp9", "w")
    codec.width, codec.height = colour.width, colour.height
    codec.pix_fmt = "yuv420p"
    codec.framerate = colour.framerate
    codec.thread_count = colour.thread_count
    codec.options = dict(options)
    return codec


def _attach_alpha(packet: "Packet[VideoStream]", alpha: bytes) -> None:
    side = PacketSideData(BLOCK_ADDITIONAL, len(ALPHA_ID) + len(alpha))  # type: ignore[call-arg]
    side.update(ALPHA_ID + alpha)
    packet.set_sidedata(side, move=True)


def _make_vp9_options(bitrate: float) -> dict[str, str]:
    rate = str(int(bitrate))
    return VP9 | {"b": rate, "maxrate": rate, "bufsize": rate, "cpu-used": "6"}


def _pad_odd_width(layer: Layer) -> Layer:
    """Add a transparent column to an odd width, which ProRes cannot have."""
    picture = layer.picture
    y = np.asarray(cv2.copyMakeBorder(picture.y, 0, 0, 0, 1, cv2.BORDER_REPLICATE), np.uint8)
    alpha = cv2.copyMakeBorder(layer.alpha, 0, 0, 0, 1, cv2.BORDER_CONSTANT, value=0)
    return Layer(Picture(y, picture.u, picture.v), np.asarray(alpha, np.uint8))


def _make_colour_frame(layer: Layer) -> av.VideoFrame:
    return make_yuv_frame(layer.picture)


def _make_ten_bit_frame(layer: Layer) -> av.VideoFrame:
    if layer.picture.size[0] % 2:
        layer = _pad_odd_width(layer)
    picture = layer.picture
    width, height = picture.size
    frame = av.VideoFrame(width, height, "yuva444p10le")
    copy_plane(frame, 0, np.multiply(picture.y, TEN_BIT_FACTOR, dtype=np.uint16))
    copy_plane(frame, 1, _upsample_chroma(picture.u, picture.size))
    copy_plane(frame, 2, _upsample_chroma(picture.v, picture.size))
    copy_plane(frame, 3, cv2.LUT(layer.alpha, TEN_BIT_ALPHA))
    set_colour_tags(frame)
    return frame


def _upsample_chroma(chroma: Plane, size: tuple[int, int]) -> NDArray[np.uint16]:
    """Bring a chroma plane to 10 bits and the size of luma: on its columns, between its rows."""
    width, height = size
    rows, columns = chroma.shape
    ten = np.multiply(chroma, TEN_BIT_FACTOR, dtype=np.uint16)
    wide = np.empty((rows, 2 * columns), np.uint16)
    wide[:, ::2] = ten
    wide[:, 1:-1:2] = (ten[:, :-1] + ten[:, 1:]) // 2
    wide[:, -1] = ten[:, -1]
    whole = np.empty((2 * rows, 2 * columns), np.uint16)
    cv2.resize(wide, (2 * columns, 2 * rows), dst=whole)
    return whole[:height, :width]
