"""Overlays and stickers: video with straight alpha."""

import json
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
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
    AudioCodec,
    CodecOptions,
    FileWriter,
    VideoCodec,
    add_audio_track,
    add_video_stream,
    copy_plane,
    make_grey_frame,
    make_yuv_frame,
    open_output,
    set_colour_tags,
)
from video_editing.writing.tracks import StreamSpec, VideoTrack

TEN_BIT_FACTOR = 4  #: a limited-range value of 10 bits divided by that of 8 bits
#: 10-bit alpha by 8-bit alpha, full range: 255 becomes 1023, so opaque pixels stay opaque.
TEN_BIT_ALPHA = np.array([round(alpha * 1023 / 255) for alpha in range(256)], np.uint16)

PRORES_4444 = VideoCodec("prores_aw", "yuva444p10le", {"profile": "4", "vendor": "apl0"})
PCM = AudioCodec("pcm_s16le")
OPUS = AudioCodec("libopus", 128_000)
#: Realtime settings without look-ahead: one packet per frame, so packets of alpha and colour pair.
VP9 = {"deadline": "realtime", "cpu-used": "8", "row-mt": "1", "lag-in-frames": "0"}
VP9_COLOUR = VideoCodec("libvpx-vp9", "yuv420p", VP9 | {"crf": "24", "b": "0"})
VP9_ALPHA = VP9 | {"lossless": "1"}

#: FFmpeg's AV_PKT_DATA_MATROSKA_BLOCKADDITIONAL; PyAV's own name of it is for reading only.
BLOCK_ADDITIONAL = 15
ALPHA_ID = (1).to_bytes(8, "big")  #: BlockAddID of alpha (WebM container guidelines, AlphaMode)

STICKER = OutputFormat.STICKER.spec
STICKER_ALPHA_SHARE = 0.35  #: of the bits of a sticker go to its alpha
STICKER_TARGET_SHARE = 0.9  #: of the bytes go to frames; the rest covers container and overshoot


@contextmanager
def open_mov(
    path: Path, spec: StreamSpec, comment: Mapping[str, object]
) -> Iterator[FileWriter[Layer]]:
    """Open an overlay for video editors: ProRes 4444 with alpha and PCM audio in QuickTime.

    Args:
        path: of the file; it appears when the block ends without an exception.
        spec: an odd width is padded with a transparent column; frames keep their times.
        comment: stored as JSON in the file's comment tag, such as the overlay's box in its frame.

    Raises:
        OutputFailed: the file cannot be written.
    """
    with open_output(path, "mov", {"movie_timescale": "90000"}) as container:
        container.metadata["comment"] = json.dumps(comment)
        width, height = spec.size
        even = replace(spec, size=(width + width % 2, height))
        stream = add_video_stream(container, PRORES_4444, even)
        video = VideoTrack(container, stream, spec, _make_ten_bit_frame)
        with FileWriter(video, add_audio_track(container, PCM, spec)) as writer:
            yield writer


@contextmanager
def open_webm(
    path: Path, spec: StreamSpec, comment: Mapping[str, object]
) -> Iterator[FileWriter[Layer]]:
    """Open an overlay for browsers: VP9 with lossless alpha and Opus in WebM.

    Args and Raises are those of `open_mov`; times are rounded to milliseconds and an odd width is
    not padded.
    """
    with open_output(path, "webm", {}) as container:
        container.metadata["comment"] = json.dumps(comment)
        stream = add_video_stream(container, VP9_COLOUR, spec)
        video = _AlphaTrack(container, stream, spec, VP9_ALPHA)
        with FileWriter(video, add_audio_track(container, OPUS, spec)) as writer:
            yield writer


@contextmanager
def open_sticker(
    path: Path, spec: StreamSpec, max_bytes: int = STICKER.max_bytes
) -> Iterator[FileWriter[Layer]]:
    """Open a Telegram video sticker: VP9 with alpha in WebM, without sound.

    Args:
        path: of the file; it appears when the block ends without an exception.
        spec: the longer side is 512 pixels, the rate at most 30; `has_sound` is ignored.
        max_bytes: of the file; bit rates are chosen to fit.

    Raises:
        OutputFailed: the file cannot be written.
        InputRejected: TOO_LONG, *spec* is longer than 3 seconds.
        FileTooLarge: the file came out larger than *max_bytes*; see `retry_smaller`.
    """
    seconds = float(spec.seconds)
    assert max(spec.size) == STICKER.side
    assert spec.rate <= STICKER.max_rate
    if spec.seconds > STICKER.max_seconds:
        raise InputRejected(RejectReason.TOO_LONG, seconds=seconds, limit=STICKER.max_seconds)
    bits = STICKER_TARGET_SHARE * 8 * max_bytes / seconds
    colour = _make_vp9_options((1 - STICKER_ALPHA_SHARE) * bits)
    alpha = _make_vp9_options(STICKER_ALPHA_SHARE * bits)
    with open_output(path, "webm", {}, max_bytes) as container:
        stream = add_video_stream(container, VP9_COLOUR._replace(options=colour), spec)
        with FileWriter(_AlphaTrack(container, stream, spec, alpha)) as writer:
            yield writer


class _AlphaTrack(VideoTrack[Layer]):
    """Encodes colour and alpha as two VP9 streams and attaches alpha to each block of colour.

    FFmpeg's encoder gives both one quality. With settings of its own alpha is lossless, and the
    file is still smaller and faster to encode than one whose common quality makes alpha nearly so.
    """

    def __init__(
        self,
        container: OutputContainer,
        stream: VideoStream,
        spec: StreamSpec,
        options: CodecOptions,
    ) -> None:
        super().__init__(container, stream, spec, _make_colour_frame)
        stream.metadata["alpha_mode"] = "1"
        self._alpha = _create_alpha_codec(stream.codec_context, options)
        self._packets: deque[bytes] = deque()  # of alpha; at most the one of the next frame

    def write(self, timed: Timed[Layer]) -> None:
        """Encode the alpha of this layer and the colours of the one before."""
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
    """Add a transparent column to an odd width, which ProRes does not support."""
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
    """Return a 4:2:0 chroma plane as 10 bits at the *size* (width, height) of luma.

    Chroma is sited on even luma columns and between luma rows, as in MPEG-2.
    """
    width, height = size
    rows, columns = chroma.shape
    ten_bit = np.multiply(chroma, TEN_BIT_FACTOR, dtype=np.uint16)
    wide = np.empty((rows, 2 * columns), np.uint16)
    wide[:, ::2] = ten_bit
    wide[:, 1:-1:2] = (ten_bit[:, :-1] + ten_bit[:, 1:]) // 2
    wide[:, -1] = ten_bit[:, -1]
    full = np.empty((2 * rows, 2 * columns), np.uint16)
    cv2.resize(wide, (2 * columns, 2 * rows), dst=full)
    return full[:height, :width]
