"""Opening files that strangers sent: what FFmpeg may make of them, and nothing else."""

from __future__ import annotations  # PyAV's Packet takes a parameter only in its stubs

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from video_editing.contract.errors import InputRejected, RejectReason

#: Containers that hold their own media. Playlists and scripts (concat, HLS, DASH, SDP, image
#: sequences) are not among them: they make FFmpeg read other files, or call hosts.
ALLOWED_CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,avi,flv,asf,gif"

#: Decoders of what cameras, phones, browsers and editors write, by FFmpeg's names. It has
#: hundreds more; the rare ones are where its security bugs are found.
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
_DECODERS = ",".join(sorted(VIDEO_DECODERS | AUDIO_DECODERS | {"png", "webp"}))

MAX_PIXELS = 4096 * 2304  #: of a coded frame: both forms of 4K, with room for padding

_PLAYLIST_SIGNATURES = (b"ffconcat", b"#EXTM3U", b"v=0")  #: how concat, HLS and SDP begin


@contextmanager
def open_container(
    path: Path,
    *,
    demuxer: str | None = None,
    is_decoding_allowed: bool = True,
    max_pixels: int = MAX_PIXELS,
) -> Iterator[InputContainer]:
    """Open *path* to read its streams, whatever its name says.

    Args:
        path: an existing file; a name like ``concat:a`` or ``%02d.png`` is only a name.
        demuxer: FFmpeg's name of the only format allowed; any of CONTAINERS unless given.
        is_decoding_allowed: whether FFmpeg may decode a little now, to know the streams better.
        max_pixels: frames with more are not decoded while streams are looked into.

    Raises:
        InputRejected: it is empty, cut before its index, of a format not allowed, or no media.
        FileNotFoundError: there is no such file.
    """
    if path.stat().st_size == 0:
        raise InputRejected(RejectReason.EMPTY_FILE)
    try:
        container = av.open(
            f"file:{path.absolute()}",
            format=demuxer,
            options={
                "format_whitelist": demuxer or ALLOWED_CONTAINERS,
                "protocol_whitelist": "file",
                "codec_whitelist": _DECODERS if is_decoding_allowed else "none",
                "max_pixels": str(max_pixels),
            },
            metadata_errors="replace",
        )
    except (av.FFmpegError, ValueError) as err:
        raise InputRejected(_find_reject_reason(path)) from err
    with container:
        yield container


def decode_frames(
    container: InputContainer,
    stream: Stream,
    *,
    max_pixels: int = MAX_PIXELS,
    threads: int = 1,
    keyframes_only: bool = False,
) -> Iterator[Any]:
    """The frames of *stream* from where *container* stands, in the order they are shown.

    Packets that are damaged are passed over, and the end is where the file breaks off.

    Args:
        container: as opened here.
        stream: one of its streams, of pictures or sound.
        max_pixels: larger frames count as damaged.
        threads: how many of them decode.
        keyframes_only: only frames at which decoding can begin.
    """
    codec = stream.codec_context
    codec.options = {"max_pixels": str(max_pixels)}
    codec.thread_count, codec.thread_type = threads, "AUTO"
    if keyframes_only:
        codec.skip_frame = "NONKEY"
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError):
            break
        if packet.size and (packet.is_keyframe or not keyframes_only):
            yield from _decode_packet(codec, packet)
    yield from _decode_packet(codec, None)


def _decode_packet(codec: Any, packet: Packet[Stream] | None) -> list[Any]:
    try:
        return list(codec.decode(packet))
    except BlockingIOError:  # its threads cannot be started: the machine's fault, not the file's
        raise
    except av.FFmpegError:
        return []


def _find_reject_reason(path: Path) -> RejectReason:
    """What is wrong with a file that FFmpeg did not open."""
    if not path.is_file():
        return RejectReason.NOT_A_VIDEO
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
    """How many bytes the file's outermost boxes announce beyond its end.

    Known for MP4 and MOV (boxes), Matroska and WebM (the segment's size) and AVI (RIFF chunks);
    0 for other formats, and for recordings that leave their length open.
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
    """Type and announced end of each outermost box (ISO/IEC 14496-12, 4.2)."""
    length, start = file.seek(0, 2), 0
    while start + 8 <= length:
        file.seek(start)
        header = file.read(16)
        size, kind = int.from_bytes(header[:4], "big"), header[4:8]
        if size == 1:
            size = int.from_bytes(header[8:], "big")
        if size < 8:  # 0: the last box, open to the end of the file
            return
        start += size
        yield kind, start


def _read_segment_end(file: IO[bytes]) -> int:
    """Where Matroska's segment is announced to end; 0 where that is left open (RFC 8794, 6)."""
    file.seek(4)
    file.read(min(_read_vint(file), 4096))
    if file.read(4) != b"\x18\x53\x80\x67":
        return 0
    size = _read_vint(file)
    return file.tell() + size if size else 0


def _read_vint(file: IO[bytes]) -> int:
    """An EBML element's size; 0 where all its bits are set, which means unknown."""
    first = int.from_bytes(file.read(1), "big")
    length = 9 - first.bit_length()
    bits = 7 * length
    value = int.from_bytes(bytes([first]) + file.read(length - 1), "big") & ((1 << bits) - 1)
    return 0 if value == (1 << bits) - 1 else value
