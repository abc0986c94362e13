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

from video_editing.contract.errors import InputRejected, Reason
from video_editing.frames import CutOut, Picture, Plane, Timed
from video_editing.writing.encoder import (
    Options,
    Writer,
    audio_stream,
    fill,
    grey_frame,
    tag,
    video_stream,
    written,
    yuv_frame,
)
from video_editing.writing.tracks import PictureTrack, SoundTrack

TEN_BITS = 4  #: times an 8-bit step of limited-range colour
#: Alpha has full range: 255 must become 1023, or what is solid shines through.
ALPHA_TEN_BITS = np.array([round(alpha * 1023 / 255) for alpha in range(256)], np.uint16)

OPUS_BITS = 128_000
PRORES_4444 = {"profile": "4", "vendor": "apl0"}
#: One packet out for each picture in, which is how alpha and colours find each other.
VP9 = {"deadline": "realtime", "cpu-used": "8", "row-mt": "1", "lag-in-frames": "0"}
VP9_COLOUR = VP9 | {"crf": "24", "b": "0"}
VP9_ALPHA = VP9 | {"lossless": "1"}

BLOCK_ADDITIONAL = 15  #: AV_PKT_DATA_MATROSKA_BLOCKADDITIONAL, which PyAV can read by name only
ALPHA_ID = (1).to_bytes(8, "big")  #: BlockAddID of alpha; WebM container guidelines, AlphaMode

STICKER_SIDE = 512  #: pixels of the longer side of a Telegram video sticker
STICKER_SECONDS = 3
STICKER_RATE = 30
STICKER_BYTES = 256 * 1024
STICKER_ALPHA = 0.35  #: of a sticker's bits go to its alpha
STICKER_STRAY = 0.9  #: of the bytes are aimed at, the rest is container and the encoder's error


@contextmanager
def mov_file(
    path: Path,
    size: tuple[int, int],
    timebase: Fraction,
    *,
    rate: Fraction,
    seconds: Fraction,
    sound: bool,
    threads: int,
    note: Mapping[str, object],
) -> Iterator[Writer[CutOut]]:
    """Write ProRes 4444 with alpha and PCM sound, which editors take.

    Args:
        path: appears when the block ends well, and only then.
        size: width and height of every cut-out; an odd width gets a transparent column.
        timebase: seconds in one tick of their times, which are kept.
        rate: average cut-outs a second.
        seconds: from the origin to the end of the last one.
        sound: whether the file has a sound track.
        threads: how many the encoder may use.
        note: kept as JSON in the file's comment: where in its frame the overlay belongs.

    Raises:
        OutputFailed: the file cannot be written.
    """
    with written(path, "mov", {"movie_timescale": "90000"}) as container:
        container.metadata["comment"] = json.dumps(note)
        even = size[0] + size[0] % 2, size[1]
        options = PRORES_4444
        stream = video_stream(container, "prores_aw", "yuva444p10le", even, rate, options, threads)
        pictures = PictureTrack(container, stream, timebase, seconds, _ten_bit_frame)
        voice = SoundTrack(container, audio_stream(container, "pcm_s16le")) if sound else None
        writer = Writer(pictures, voice)
        yield writer
        writer.finish()


@contextmanager
def webm_file(
    path: Path,
    size: tuple[int, int],
    timebase: Fraction,
    *,
    rate: Fraction,
    seconds: Fraction,
    sound: bool,
    threads: int,
    note: Mapping[str, object],
) -> Iterator[Writer[CutOut]]:
    """Write VP9 with alpha and Opus, which browsers take; the alpha is exact.

    Args and Raises are those of `mov_file`; times are kept to the millisecond.
    """
    with written(path, "webm", {}) as container:
        container.metadata["comment"] = json.dumps(note)
        stream = video_stream(container, "libvpx-vp9", "yuv420p", size, rate, VP9_COLOUR, threads)
        pictures = _AlphaTrack(container, stream, timebase, seconds, VP9_ALPHA)
        voice = None
        if sound:
            voice = SoundTrack(container, audio_stream(container, "libopus", OPUS_BITS))
        writer = Writer(pictures, voice)
        yield writer
        writer.finish()


@contextmanager
def sticker_file(
    path: Path,
    size: tuple[int, int],
    timebase: Fraction,
    *,
    rate: Fraction,
    seconds: Fraction,
    threads: int,
    max_bytes: int = STICKER_BYTES,
) -> Iterator[Writer[CutOut]]:
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
    assert max(size) == STICKER_SIDE
    assert rate <= STICKER_RATE
    if seconds > STICKER_SECONDS:
        raise InputRejected(Reason.TOO_LONG, seconds=float(seconds), limit=STICKER_SECONDS)
    bits = STICKER_STRAY * 8 * max_bytes / float(seconds)
    colour = _vp9_of((1 - STICKER_ALPHA) * bits)
    with written(path, "webm", {}, max_bytes) as container:
        stream = video_stream(container, "libvpx-vp9", "yuv420p", size, rate, colour, threads)
        alpha = _vp9_of(STICKER_ALPHA * bits)
        writer = Writer(_AlphaTrack(container, stream, timebase, seconds, alpha), None)
        yield writer
        writer.finish()


class _AlphaTrack(PictureTrack[CutOut]):
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
        options: Options,
    ) -> None:
        super().__init__(container, stream, timebase, end, _colour_frame)
        stream.metadata["alpha_mode"] = "1"
        self._alpha = _alpha_codec(stream.codec_context, options)
        self._packets: deque[bytes] = deque()  # at most the one whose colours come next

    def write(self, timed: Timed[CutOut]) -> None:
        """Write the alpha of this cut-out, and the colours of the one before."""
        frame = grey_frame(timed.what.alpha, "yuv420p")
        self._packets.extend(bytes(packet) for packet in self._alpha.encode(frame))
        super().write(timed)

    def _encoded(self, frame: av.VideoFrame | None) -> "list[Packet[VideoStream]]":
        packets = super()._encoded(frame)
        for packet in packets:
            _put_beside(packet, self._packets.popleft())
        return packets


def _alpha_codec(colour: VideoCodecContext, options: Options) -> VideoCodecContext:
    codec = VideoCodecContext.create("libvpx-vp9", "w")
    codec.width, codec.height = colour.width, colour.height
    codec.pix_fmt = "yuv420p"
    codec.framerate = colour.framerate
    codec.thread_count = colour.thread_count
    codec.options = dict(options)
    return codec


def _put_beside(packet: "Packet[VideoStream]", alpha: bytes) -> None:
    side = PacketSideData(BLOCK_ADDITIONAL, len(ALPHA_ID) + len(alpha))  # type: ignore[call-arg]
    side.update(ALPHA_ID + alpha)
    packet.set_sidedata(side, move=True)


def _vp9_of(bits: float) -> dict[str, str]:
    rate = str(int(bits))
    return VP9 | {"b": rate, "maxrate": rate, "bufsize": rate, "cpu-used": "6"}


def _widened(cutout: CutOut) -> CutOut:
    """Add a transparent column to an odd width, which ProRes cannot have."""
    picture = cutout.picture
    y = np.asarray(cv2.copyMakeBorder(picture.y, 0, 0, 0, 1, cv2.BORDER_REPLICATE), np.uint8)
    alpha = cv2.copyMakeBorder(cutout.alpha, 0, 0, 0, 1, cv2.BORDER_CONSTANT, value=0)
    return CutOut(Picture(y, picture.u, picture.v), np.asarray(alpha, np.uint8))


def _colour_frame(cutout: CutOut) -> av.VideoFrame:
    return yuv_frame(cutout.picture)


def _ten_bit_frame(cutout: CutOut) -> av.VideoFrame:
    if cutout.picture.size[0] % 2:
        cutout = _widened(cutout)
    picture = cutout.picture
    width, height = picture.size
    frame = av.VideoFrame(width, height, "yuva444p10le")
    fill(frame, 0, np.multiply(picture.y, TEN_BITS, dtype=np.uint16))
    fill(frame, 1, _whole_chroma(picture.u, picture.size))
    fill(frame, 2, _whole_chroma(picture.v, picture.size))
    fill(frame, 3, cv2.LUT(cutout.alpha, ALPHA_TEN_BITS))
    tag(frame)
    return frame


def _whole_chroma(chroma: Plane, size: tuple[int, int]) -> NDArray[np.uint16]:
    """Bring a chroma plane to 10 bits and the size of luma: on its columns, between its rows."""
    width, height = size
    rows, columns = chroma.shape
    ten = np.multiply(chroma, TEN_BITS, dtype=np.uint16)
    wide = np.empty((rows, 2 * columns), np.uint16)
    wide[:, ::2] = ten
    wide[:, 1:-1:2] = (ten[:, :-1] + ten[:, 1:]) // 2
    wide[:, -1] = ten[:, -1]
    whole = np.empty((2 * rows, 2 * columns), np.uint16)
    cv2.resize(wide, (2 * columns, 2 * rows), dst=whole)
    return whole[:height, :width]
