"""Open and decode untrusted files with an allow list of containers, protocols and codecs."""

from __future__ import annotations  # PyAV's Packet takes a parameter only in its stubs

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.media import VIDEO_KINDS
from video_editing.reading.signatures import (
    FileSpan,
    find_motion,
    has_streams_that_begin_late,
    is_picture,
)

ALLOWED_CONTAINERS = ",".join(kind.reader for kind in VIDEO_KINDS)  #: FFmpeg's demuxers

#: FFmpeg's decoders for what cameras, phones, browsers and editors write. Its hundreds of rare
#: decoders are left out: most of its security bugs are found there.
VIDEO_DECODERS = frozenset(
    """
    av1 dnxhd dvvideo ffv1 flv gif h263 h264 hevc libdav1d mjpeg mpeg1video mpeg2video mpeg4
    msmpeg4 msmpeg4v2 prores qtrle rawvideo theora vc1 vp8 vp9 wmv1 wmv2 wmv3
    """.split()  # noqa: SIM905 - as lists they would take sixty lines
)
AUDIO_DECODERS = frozenset(
    """
    aac aac_latm ac3 adpcm_ima_qt adpcm_ima_wav adpcm_ms alac amrnb amrwb eac3 flac libopus mp2
    mp2float mp3 mp3float opus pcm_alaw pcm_f32be pcm_f32le pcm_f64le pcm_mulaw pcm_s16be
    pcm_s16le pcm_s24be pcm_s24le pcm_s32be pcm_s32le pcm_u8 vorbis wmapro wmav1 wmav2
    """.split()  # noqa: SIM905 - as lists they would take sixty lines
)
_DECODERS = ",".join(sorted(VIDEO_DECODERS | AUDIO_DECODERS))

#: Decoders of codecs that keep alpha beside their blocks (WebM Container Guidelines, 8).
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}

MAX_PIXELS = 4096 * 2304  #: of a coded frame: UHD and DCI 4K with room for padding

#: How far FFmpeg reads for streams that the header does not list, in bytes and microseconds.
_LONG_SEARCH = {"probesize": "50000000", "analyzeduration": "600000000"}

_PLAYLIST_SIGNATURES = (b"ffconcat", b"#EXTM3U", b"v=0")  #: first bytes of concat, HLS and SDP


def require_readable(path: Path) -> None:
    """Check that the existing file *path* may be read.

    Raises:
        InputRejected: NO_FILE, with "error".
    """
    try:
        path.open("rb").close()
    except PermissionError as err:
        raise InputRejected(RejectReason.NO_FILE, error="Permission denied") from err


@contextmanager
def open_container(
    path: Path, *, is_decoding_allowed: bool = True, max_pixels: int = MAX_PIXELS
) -> Iterator[InputContainer]:
    """Open *path* to read its streams, and of a motion photo the video; its suffix does not matter.

    Args:
        path: an existing file; names such as ``concat:a`` or ``%02d.png`` have no special meaning.
        is_decoding_allowed: whether FFmpeg may decode frames to find stream parameters.
        max_pixels: larger frames are not decoded for that.

    Raises:
        InputRejected: the file cannot be read, is empty, truncated before its index, no media, or
            its format is not allowed; NOT_A_VIDEO with "what", "picture", for a photo.
        FileNotFoundError: the file does not exist.
        MemoryError: its index needs more memory than there is.
    """
    if path.stat().st_size == 0:
        raise InputRejected(RejectReason.EMPTY_FILE)
    if not path.is_file():
        raise InputRejected(RejectReason.NOT_A_VIDEO)
    require_readable(path)
    options = {
        "format_whitelist": ALLOWED_CONTAINERS,
        "protocol_whitelist": "file",
        "codec_whitelist": _DECODERS if is_decoding_allowed else "none",
        "max_pixels": str(max_pixels),
        **(_LONG_SEARCH if has_streams_that_begin_late(path) else {}),
    }
    with ExitStack() as stack:
        source: str | FileSpan = f"file:{path.absolute()}"
        if is_picture(path):
            motion = find_motion(path)
            if motion is None:
                raise InputRejected(RejectReason.NOT_A_VIDEO, what="picture")
            source = FileSpan(stack.enter_context(path.open("rb")), motion)
        try:
            container = av.open(source, options=options, metadata_errors="replace")
        except MemoryError:
            raise
        except (av.FFmpegError, ValueError) as err:
            raise InputRejected(_find_reject_reason(path)) from err
        assert isinstance(container, InputContainer)
        yield stack.enter_context(container)


def decode_frames(
    container: InputContainer,
    stream: Stream,
    *,
    max_pixels: int = MAX_PIXELS,
    threads: int = 1,
    keyframes_only: bool = False,
) -> Iterator[Any]:
    """Yield the frames of *stream* from the position of *container* on, in presentation order.

    Damaged packets are skipped; a file that breaks off ends the frames.

    Args:
        container: from `open_container`.
        stream: a video or audio stream of it.
        max_pixels: larger frames count as damaged.
        threads: of the decoder.
        keyframes_only: whether other frames are skipped.
    """
    codec = create_decoder(stream)
    codec.options = {"max_pixels": str(max_pixels)}
    codec.thread_count, codec.thread_type = threads, "AUTO"
    if keyframes_only:
        codec.skip_frame = "NONKEY"
    for packet in read_packets(container, stream):
        if packet.is_keyframe or not keyframes_only:
            yield from _decode_packet(codec, packet)
    yield from _decode_packet(codec, None)


def create_decoder(stream: Stream) -> Any:
    """Return the decoder of *stream*; FFmpeg's own do not read the alpha of WebM."""
    codec: Any = stream.codec_context
    if stream.metadata.get("alpha_mode") == "1" and codec.name in _ALPHA_DECODERS:
        return av.CodecContext.create(_ALPHA_DECODERS[codec.name], "r")
    return codec


def read_packets(container: InputContainer, *streams: Stream) -> Iterator[Packet[Stream]]:
    """Yield the packets of *streams*, or of all, up to the end or to where the file breaks off."""
    # PyAV 18 raises IndexError at the end, if a stream appeared that was not there at the opening.
    with suppress(av.FFmpegError, IndexError):
        for packet in container.demux(*streams):
            if packet.size:
                yield packet


def _decode_packet(codec: Any, packet: Packet[Stream] | None) -> list[Any]:
    try:
        return list(codec.decode(packet))
    except BlockingIOError:  # the machine refuses threads; the file is not at fault
        raise
    except av.FFmpegError:
        return []


def _find_reject_reason(path: Path) -> RejectReason:
    """Return why FFmpeg did not open *path*."""
    with path.open("rb") as file:
        head = file.read(1024).removeprefix(b"\xef\xbb\xbf").lstrip()
        if head.startswith(_PLAYLIST_SIGNATURES) or b"<MPD" in head:
            return RejectReason.UNSUPPORTED_FORMAT
        is_unfinished = head[4:8] == b"ftyp" and b"moov" not in dict(_read_boxes(file))
    return (
        RejectReason.TRUNCATED
        if is_unfinished or count_missing_bytes(path)
        else RejectReason.NOT_A_VIDEO
    )


def count_missing_bytes(path: Path) -> int:
    """Return how many bytes the file is shorter than its container says.

    Known for MP4 and MOV (boxes), Matroska and WebM (size of the segment) and AVI (RIFF chunk);
    0 for other formats and for recordings of unknown length.
    """
    with path.open("rb") as file:
        head = file.read(12)
        if head.startswith(b"\x1a\x45\xdf\xa3"):
            end = _read_segment_end(file)
        elif head.startswith(b"RIFF"):
            end = 8 + int.from_bytes(head[4:8], "little")
        elif head[4:8] in {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"}:
            end = max((end for _, end in _read_boxes(file)), default=0)
        else:
            end = 0
    return max(0, end - path.stat().st_size)


def _read_boxes(file: IO[bytes]) -> Iterator[tuple[bytes, int]]:
    """Yield type and declared end of each top-level box (ISO/IEC 14496-12, 4.2)."""
    length, start = file.seek(0, 2), 0
    while start + 8 <= length:
        file.seek(start)
        header = file.read(16)
        size, kind = int.from_bytes(header[:4], "big"), header[4:8]
        if size == 1:
            size = int.from_bytes(header[8:], "big")
        if size < 8:  # 0: the last box, which extends to the end of the file
            return
        start += size
        yield kind, start


def _read_segment_end(file: IO[bytes]) -> int:
    """Return the declared end of Matroska's segment; 0 if unknown (RFC 8794, 6)."""
    file.seek(4)
    file.read(min(_read_vint(file), 4096))
    if file.read(4) != b"\x18\x53\x80\x67":
        return 0
    size = _read_vint(file)
    return file.tell() + size if size else 0


def _read_vint(file: IO[bytes]) -> int:
    """Read the size of an EBML element; 0 if all bits are set: unknown (RFC 8794, 6.2)."""
    first = int.from_bytes(file.read(1), "big")
    length = 9 - first.bit_length()
    bits = 7 * length
    value = int.from_bytes(bytes([first]) + file.read(length - 1), "big") & ((1 << bits) - 1)
    return 0 if value == (1 << bits) - 1 else value
