"""Untrusted files: truncated, damaged, with false headers, or made to attack."""

import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.support.make_clips import HD, drawn, make_clip
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.reading.decode import read_frames
from video_editing.reading.pictures import read_image
from video_editing.reading.probe import ClipLimits, probe

FASTSTART = {"movflags": "faststart"}

#: A child probes and decodes a file, and prints the outcome and its peak memory in MiB.
READ = """
import re, sys
from pathlib import Path
from video_editing.reading.probe import probe
from video_editing.reading.decode import read_frames
from video_editing.contract.errors import InputRejected
try:
    clip = probe(Path(sys.argv[1]))
    print(sum(1 for _ in read_frames(clip)), "pictures")
except InputRejected as rejection:
    print(rejection.reason)
print(int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""


def get_rejection(path: Path, limits: ClipLimits | None = None) -> InputRejected:
    """Return the rejection that probing or decoding *path* raises."""
    with pytest.raises(InputRejected) as caught:
        for _ in read_frames(probe(path, limits or ClipLimits())):
            pass
    return caught.value


def read_in_child(path: Path) -> tuple[str, int]:
    """Return the outcome of *path* in a child with a time limit, and its peak memory in MiB."""
    child = subprocess.run(
        [sys.executable, "-c", READ, path], capture_output=True, text=True, timeout=10, check=True
    )
    answer, memory = child.stdout.splitlines()[-2:]
    return answer, int(memory)


def write(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.fixture(scope="module")
def mp4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds at 25 frames per second with audio, the index at the front."""
    path = tmp_path_factory.mktemp("mp4") / "clip.mp4"
    return make_clip(
        path, drawn(100), rate=25, tone=440, muxing=FASTSTART, options={"g": "25"}, colours=HD
    )


def test_an_empty_file_is_rejected(tmp_path: Path) -> None:
    """A file without bytes is EMPTY_FILE."""
    assert get_rejection(write(tmp_path / "zero.mp4", b"")).reason is RejectReason.EMPTY_FILE


@pytest.mark.parametrize("content", [b"\0", b"hello", bytes(range(256)) * 40, b"<svg></svg>"])
def test_other_data_is_no_video(tmp_path: Path, content: bytes) -> None:
    """Bytes that no demuxer knows are NOT_A_VIDEO, not CORRUPT."""
    assert get_rejection(write(tmp_path / "x.mp4", content)).reason is RejectReason.NOT_A_VIDEO


def test_a_folder_is_no_video(tmp_path: Path) -> None:
    """A folder is NOT_A_VIDEO."""
    assert get_rejection(tmp_path).reason is RejectReason.NOT_A_VIDEO


def test_a_recording_that_was_never_finished_is_truncated(tmp_path: Path) -> None:
    """An MP4 without its index, as after a power failure, is TRUNCATED."""
    complete = make_clip(tmp_path / "complete.mp4", drawn(30)).read_bytes()
    cut = write(tmp_path / "cut.mp4", complete[: complete.index(b"moov") - 4])
    assert get_rejection(cut).reason is RejectReason.TRUNCATED
    assert (
        get_rejection(write(tmp_path / "half.mp4", complete[: len(complete) // 2])).reason
        is RejectReason.TRUNCATED
    )


def test_a_file_cut_inside_its_index_is_truncated(tmp_path: Path, mp4: Path) -> None:
    """Part of an index at the front is TRUNCATED."""
    complete = mp4.read_bytes()
    cut = write(tmp_path / "cut.mp4", complete[: complete.index(b"stbl") + 20])
    assert get_rejection(cut).reason is RejectReason.TRUNCATED


def test_half_of_a_faststart_mp4_is_truncated_not_short(tmp_path: Path, mp4: Path) -> None:
    """Half a file is TRUNCATED although FFmpeg decodes it without an error."""
    complete = mp4.read_bytes()
    error = get_rejection(write(tmp_path / "half.mp4", complete[: len(complete) // 2]))
    assert error.reason is RejectReason.TRUNCATED
    assert error.details["total_seconds"] == pytest.approx(4, abs=0.1)
    assert 0.5 < float(error.details["readable_seconds"]) < 3.5


@pytest.mark.parametrize(("suffix", "codec"), [("webm", "libvpx"), ("mkv", "libx264")])
def test_half_of_a_matroska_file_is_truncated(tmp_path: Path, suffix: str, codec: str) -> None:
    """Half a Matroska file, which stores its length, is TRUNCATED."""
    complete = make_clip(tmp_path / f"complete.{suffix}", drawn(100), codec=codec).read_bytes()
    error = get_rejection(write(tmp_path / f"half.{suffix}", complete[: len(complete) // 2]))
    assert error.reason is RejectReason.TRUNCATED
    assert error.details["total_seconds"] == pytest.approx(100 / 30, abs=0.1)


def test_half_of_an_avi_is_truncated(tmp_path: Path) -> None:
    """Half an AVI is TRUNCATED."""
    complete = make_clip(tmp_path / "complete.avi", drawn(100), codec="mpeg4").read_bytes()
    half = write(tmp_path / "half.avi", complete[: len(complete) // 2])
    assert get_rejection(half).reason is RejectReason.TRUNCATED


def test_missing_metadata_at_the_end_is_accepted(tmp_path: Path, mp4: Path) -> None:
    """Bytes missing after the last frame are no reason to reject."""
    padded = mp4.read_bytes() + struct.pack(">I4s", 4096, b"free") + bytes(100)
    assert len(probe(write(tmp_path / "tail.mp4", padded)).times) == 100


def test_damage_affects_only_its_own_frames(tmp_path: Path, mp4: Path) -> None:
    """Frames after the damage are decoded at their times."""
    content = bytearray(mp4.read_bytes())
    clip = probe(mp4)
    packets = [p for p in _packets(mp4) if p.is_keyframe]
    middle = packets[1].pos or 0
    content[middle + 4 : middle + 12] = bytes(8)
    damaged = write(tmp_path / "damaged.mp4", bytes(content))
    times = [picture.time for picture in read_frames(probe(damaged))]
    assert set(times) <= set(clip.times)
    assert times[-1] == clip.times[-1]


def _packets(path: Path) -> Iterator[av.Packet]:
    with av.open(str(path)) as container:
        yield from (packet for packet in container.demux(video=0) if packet.size)


def test_a_clip_of_invalid_frames_is_corrupt(tmp_path: Path, mp4: Path) -> None:
    """A valid index with invalid packets is CORRUPT."""
    content = bytearray(mp4.read_bytes())
    start = content.index(b"mdat") + 4
    content[start:] = np.random.default_rng(1).bytes(len(content) - start)
    assert (
        get_rejection(write(tmp_path / "noise.mp4", bytes(content))).reason is RejectReason.CORRUPT
    )


def test_a_clip_that_stops_decoding_half_way_is_corrupt(tmp_path: Path) -> None:
    """The frames before the damage are yielded, then CORRUPT is raised."""
    complete = make_clip(tmp_path / "a.avi", drawn(40), codec="mjpeg", pixels="yuvj420p")
    content = bytearray(complete.read_bytes())
    for packet in list(_packets(complete))[20:]:
        content[packet.pos : packet.pos + packet.size] = bytes(packet.size)
    clip = probe(write(tmp_path / "b.avi", bytes(content)))
    times = []
    with pytest.raises(InputRejected) as caught:
        times.extend(picture.time for picture in read_frames(clip))
    assert caught.value.reason is RejectReason.CORRUPT
    assert caught.value.details == {"decoded": 20, "expected": 40}


def test_mutated_files_neither_hang_nor_crash(tmp_path: Path, mp4: Path) -> None:
    """Fifty files with changed bytes are read by a child or rejected with a reason."""
    seeds = [
        mp4.read_bytes(),
        make_clip(tmp_path / "a.webm", drawn(20), codec="libvpx", tone=440).read_bytes(),
        make_clip(tmp_path / "a.mpg", drawn(20), codec="mpeg2video").read_bytes(),
        make_clip(tmp_path / "a.avi", drawn(20), codec="mjpeg", pixels="yuvj420p").read_bytes(),
    ]
    random = np.random.default_rng(20)
    files = []
    for i in range(50):
        content = bytearray(seeds[i % 4])
        for _ in range(int(random.choice((1, 10, 100)))):
            content[random.integers(len(content))] = random.integers(256)
        files.append(write(tmp_path / f"{i}.bin", bytes(content)))
    child = subprocess.run(
        [sys.executable, "-c", READ_MANY, *files],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert child.returncode == 0, child.stderr[-2000:]
    assert len(child.stdout.splitlines()) == 50


#: Each file has ten seconds: SIGALRM ends the child, which fails the test.
READ_MANY = """
import signal, sys
from pathlib import Path
from video_editing.reading.probe import probe
from video_editing.reading.decode import read_frames
from video_editing.contract.errors import InputRejected
for name in sys.argv[1:]:
    signal.alarm(10)
    try:
        print(sum(1 for _ in read_frames(probe(Path(name)))), flush=True)
    except InputRejected as rejection:
        print(rejection.reason, flush=True)
"""


def test_sound_alone_is_no_video(tmp_path: Path, mp4: Path) -> None:
    """A file with audio only is NO_VIDEO_STREAM."""
    error = get_rejection(_extract_stream(mp4, tmp_path / "audio.mp4", keep="audio"))
    assert error.reason is RejectReason.NO_VIDEO_STREAM


def test_cover_art_is_no_video(tmp_path: Path, mp4: Path) -> None:
    """A song with cover art is NO_VIDEO_STREAM."""
    path = tmp_path / "song.mkv"
    cover = cv2.imencode(".png", np.zeros((64, 64, 3), np.uint8))[1].tobytes()
    with av.open(str(mp4)) as source, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(source.streams.audio[0])
        out.add_attachment("cover.png", "image/png", cover)
        for packet in source.demux(audio=0):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    with av.open(str(path)) as song:
        assert song.streams.video, "the cover counts as a picture stream for FFmpeg"
    assert get_rejection(path).reason is RejectReason.NO_VIDEO_STREAM


def _extract_stream(source: Path, path: Path, keep: str) -> Path:
    with av.open(str(source)) as container, av.open(str(path), "w") as out:
        source_stream = container.streams.get({keep: 0})[0]
        stream = out.add_stream_from_template(source_stream)
        for packet in container.demux(source_stream):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    return path


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_one_and_two_frames_are_clips(tmp_path: Path, count: int, suffix: str) -> None:
    """Clips of one or two frames are accepted."""
    clip = probe(make_clip(tmp_path / f"short.{suffix}", drawn(count)))
    assert len(list(read_frames(clip))) == len(clip.times) == count
    assert 0 < clip.duration < 1
    assert clip.rate > 0


def test_a_clip_without_durations_and_rate_is_read(tmp_path: Path) -> None:
    """A sample table with durations of 0, which means 0/0 frames per second, is a picture."""
    content = bytearray(make_clip(tmp_path / "a.mp4", drawn(10)).read_bytes())
    at = content.index(b"stts") + 8
    struct.pack_into(">III", content, at, 1, 10, 0)
    for box in (b"ctts", b"elst"):
        hidden = content.index(box)
        content[hidden : hidden + 4] = b"free"
    clip = probe(write(tmp_path / "still.mp4", bytes(content)))
    assert [picture.time for picture in read_frames(clip)] == list(clip.times) == [0]
    assert clip.rate > 0


def test_too_many_frames_are_rejected(tmp_path: Path) -> None:
    """They are limited as seconds are, also those that would be left out."""
    path = make_clip(tmp_path / "a.mp4", drawn(30), rate=30_000)
    error = get_rejection(path, ClipLimits(max_frames=29))
    assert error.reason is RejectReason.TOO_LONG
    assert error.details == {"frames": 29}
    assert len(probe(path, ClipLimits(max_frames=30)).times) == 1


def test_ten_hours_in_four_kilobytes_are_too_long(tmp_path: Path) -> None:
    """Two frames ten hours apart are TOO_LONG."""
    bomb = make_clip(tmp_path / "bomb.mp4", drawn(2), rate=1, times=[0, 36_000])
    assert bomb.stat().st_size < 5_000
    error = get_rejection(bomb)
    assert error.reason is RejectReason.TOO_LONG
    assert error.details == {"seconds": pytest.approx(36_001, abs=1), "limit": 1800}


def test_a_frame_that_lasts_ten_hours_is_too_long(tmp_path: Path) -> None:
    """A single frame of ten hours is TOO_LONG."""
    content = bytearray(make_clip(tmp_path / "a.mp4", drawn(1), rate=25).read_bytes())
    struct.pack_into(">III", content, content.index(b"stts") + 8, 1, 1, 36_000 * 12_800)
    assert get_rejection(write(tmp_path / "b.mp4", bytes(content))).reason is RejectReason.TOO_LONG


@pytest.mark.parametrize("claimed", [1, 36_000])
def test_a_declared_duration_is_ignored(tmp_path: Path, mp4: Path, claimed: int) -> None:
    """The duration and its limit follow the packets, not the header."""
    content = bytearray(mp4.read_bytes())
    for box in (b"mvhd", b"mdhd"):
        at = -1
        while (at := content.find(box, at + 1)) > 0:
            scale = struct.unpack_from(">I", content, at + 16)[0]
            struct.pack_into(">I", content, at + 20, claimed * scale)
    while (at := content.find(b"elst")) > 0:
        content[at : at + 4] = b"free"
    path = write(tmp_path / "lies.mp4", bytes(content))
    assert float(probe(path).duration) == pytest.approx(4, abs=0.1)
    assert get_rejection(path, ClipLimits(max_seconds=3)).reason is RejectReason.TOO_LONG


def test_eight_k_is_too_large(tmp_path: Path) -> None:
    """8K is TOO_LARGE, with the numbers for the message to the user."""
    path = make_clip(
        tmp_path / "8k.mp4", [av.VideoFrame(7680, 4320, "yuv420p")], options={"preset": "ultrafast"}
    )
    error = get_rejection(path)
    assert error.reason is RejectReason.TOO_LARGE
    assert error.details == {"width": 7680, "height": 4320, "megapixels": 9.437184}


@pytest.mark.parametrize("kind", ["vp8", "h264"])
def test_a_pixel_bomb_costs_no_memory(tmp_path: Path, kind: str) -> None:
    """256 megapixels are rejected within 110 MiB of memory.

    The limit is 150 MiB. The process takes 65 MiB; a decoder that starts and then rejects the
    frame adds 80 MiB.
    """
    bomb = make_vp8_bomb(tmp_path) if kind == "vp8" else make_h264_bomb(tmp_path)
    answer, memory = read_in_child(bomb)
    assert answer == RejectReason.TOO_LARGE
    assert memory < 110


def make_vp8_bomb(folder: Path) -> Path:
    """Write a WebM whose header and only frame declare 16,000 x 16,000 pixels."""
    content = make_clip(folder / "a.webm", drawn(1, (320, 272)), codec="libvpx").read_bytes()
    frame = content.index(b"\x9d\x01\x2a") + 3  # a key frame's start code (RFC 6386, 9.1)
    content = content[:frame] + struct.pack("<HH", 16_000, 16_000) + content[frame + 4 :]
    for element, side in ((b"\xb0\x82", 320), (b"\xba\x82", 272)):  # PixelWidth, PixelHeight
        content = content.replace(
            element + struct.pack(">H", side), element + struct.pack(">H", 16_000)
        )
    return write(folder / "bomb.webm", content)


def make_h264_bomb(folder: Path) -> Path:
    """Write an MPEG-TS whose sequence header declares 1,000 x 1,000 macroblocks."""
    bits = f"{0x67:08b}{66:08b}{0xC0:08b}{62:08b}" + _ue(0) + _ue(0) + _ue(2) + _ue(1) + "0"
    bits += _ue(999) + _ue(999) + "1100" + "1"
    sps = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")
    source = make_clip(folder / "a.ts", drawn(1), options={"profile": "baseline"})
    path = folder / "bomb.ts"
    with av.open(str(source)) as container, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(container.streams.video[0])
        for packet in container.demux(video=0):
            if packet.size:
                before, after = bytes(packet).split(b"\0\0\0\1\x67", 1)
                rest = after[after.index(b"\0\0\0\1") :]
                bomb = av.Packet(before + b"\0\0\0\1" + sps + rest)
                bomb.pts, bomb.dts, bomb.time_base = packet.pts, packet.dts, packet.time_base
                bomb.stream = stream
                out.mux(bomb)
    return path


def _ue(value: int) -> str:
    """Return *value* as Exponential-Golomb bits (ITU-T H.264, 9.1)."""
    bits = f"{value + 1:b}"
    return "0" * (len(bits) - 1) + bits


def test_a_change_of_size_is_scaled_to_the_clip(tmp_path: Path) -> None:
    """Frames of another size inside a transport stream are scaled."""
    small = make_clip(tmp_path / "s.ts", drawn(10), colours=HD)
    large = make_clip(tmp_path / "l.ts", drawn(10, (320, 192)), colours=HD)
    clip = probe(concatenate(tmp_path / "joined.ts", small, large))
    found = list(read_frames(clip))
    assert {picture.value.size for picture in found} == {clip.size} == {(160, 96)}
    assert len(found) == 20
    lumas = [picture.value.y.astype(int) for picture in found]
    assert abs(lumas[3] - lumas[13]).mean() < 6, "the same picture, scaled"


def test_a_change_of_size_beyond_4k_is_skipped(tmp_path: Path) -> None:
    """Frames above the pixel limit inside a stream are skipped."""
    small = make_clip(tmp_path / "s.ts", drawn(30))
    giant = [av.VideoFrame(7680, 4320, "yuv420p")]
    large = make_clip(tmp_path / "l.ts", giant, options={"preset": "ultrafast"})
    clip = probe(concatenate(tmp_path / "joined.ts", small, large, small))
    assert len(clip.times) == 61
    times = [picture.time for picture in read_frames(clip)]
    assert times == [*clip.times[:30], *clip.times[31:]]


def concatenate(path: Path, *parts: Path) -> Path:
    """Concatenate short transport streams, two seconds apart."""
    with av.open(str(path), "w") as out:
        stream = None
        for start, part in zip(range(0, 10**9, 180_000), parts, strict=False):
            with av.open(str(part)) as container:
                stream = stream or out.add_stream_from_template(container.streams.video[0])
                for packet in container.demux(video=0):
                    if packet.size and packet.pts is not None and packet.dts is not None:
                        packet.pts, packet.dts = packet.pts + start, packet.dts + start
                        packet.stream = stream
                        out.mux(packet)
    return path


@pytest.mark.parametrize(
    "script",
    [
        "ffconcat version 1.0\nfile neighbour.mp4\n",
        "\ufeffffconcat version 1.0\nfile neighbour.mp4\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nneighbour.mp4\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXTINF:4,\nfile:neighbour.mp4\n",
        "#EXTM3U\n#EXTINF:4,\nhttp://127.0.0.1:9/a.ts\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n",
        "<?xml version='1.0'?><MPD><Period><BaseURL>neighbour.mp4</BaseURL></Period></MPD>",
    ],
    ids=["concat", "concat-bom", "hls", "hls-file", "hls-http", "sdp", "dash"],
)
def test_a_script_never_reads_another_file(tmp_path: Path, mp4: Path, script: str) -> None:
    """A script that names a valid clip beside it is UNSUPPORTED_FORMAT."""
    shutil.copy(mp4, tmp_path / "neighbour.mp4")
    path = write(tmp_path / "clip.mp4", script)
    assert get_rejection(path).reason is RejectReason.UNSUPPORTED_FORMAT


@pytest.mark.parametrize("name", ["concat:a|b.mp4", "-i.mp4", "%02d.mp4", "a?b#c.mp4", "é'\n.mp4"])
def test_names_have_no_special_meaning(
    tmp_path: Path, mp4: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """No path, absolute or relative, is read as protocol, option or pattern."""
    shutil.copy(mp4, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert len(probe(tmp_path / name).times) == len(probe(Path(name)).times) == 100


def test_media_in_another_file_is_not_followed(tmp_path: Path, mp4: Path) -> None:
    """A QuickTime data reference to another file is not followed."""
    shutil.copy(mp4, tmp_path / "neighbour.mp4")
    content = mp4.read_bytes()
    local = struct.pack(">I4sI", 12, b"url ", 1)
    assert local in content
    size = struct.pack(">I4sI", 12, b"url ", 0)
    path = write(tmp_path / "clip.mp4", content[: content.index(b"mdat") - 4].replace(local, size))
    assert get_rejection(path).reason in {
        RejectReason.CORRUPT,
        RejectReason.TRUNCATED,
        RejectReason.NO_VIDEO_STREAM,
    }


def test_a_clip_that_is_also_a_zip_is_only_a_clip(tmp_path: Path, mp4: Path) -> None:
    """Data after the last box are ignored."""
    zipped = shutil.make_archive(str(tmp_path / "a"), "zip", mp4.parent)
    both = write(tmp_path / "both.mp4", mp4.read_bytes() + Path(zipped).read_bytes())
    assert len(list(read_frames(probe(both)))) == 100


def test_attachments_are_not_extracted(tmp_path: Path) -> None:
    """Attachments of a Matroska file are not extracted."""
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        out.add_attachment("../evil.sh", "text/plain", b"echo")
        for picture in drawn(5):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        out.mux(stream.encode(None))
    assert len(list(read_frames(probe(path)))) == 5
    assert list(tmp_path.iterdir()) == [path]


def test_a_rare_codec_is_named_and_not_decoded(tmp_path: Path) -> None:
    """MagicYUV and PNG in a MOV are UNSUPPORTED_CODEC."""
    for codec, pixels in (("magicyuv", "yuv420p"), ("png", "rgb24")):
        path = make_clip(tmp_path / f"{codec}.mov", drawn(3), codec=codec, pixels=pixels)
        error = get_rejection(path)
        assert error.reason is RejectReason.UNSUPPORTED_CODEC
        assert error.details == {"codec": codec}


def test_metadata_of_any_bytes_is_accepted(tmp_path: Path, mp4: Path) -> None:
    """Metadata that is not UTF-8 is accepted."""
    content = mp4.read_bytes()
    assert b"Lavf" in content
    assert len(
        probe(write(tmp_path / "t.mp4", content.replace(b"Lavf", b"\xff\xfe\xfd\xfc"))).times
    )


def make_png(width: int, height: int) -> bytes:
    """Return a PNG that declares this size and has 1000 bytes of data."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        make_png(16_000, 16_000),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\x89PNG",
        b"GIF89a",
    ],
    ids=["empty", "bomb", "svg", "stub", "gif"],
)
def test_a_bad_image_is_a_bad_background(tmp_path: Path, content: bytes) -> None:
    """Images that are not allowed, too large or damaged are BAD_BACKGROUND."""
    with pytest.raises(InputRejected) as caught:
        read_image(write(tmp_path / "a.png", content))
    assert caught.value.reason is RejectReason.BAD_BACKGROUND
