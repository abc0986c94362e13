"""Clips whose times are unusual: joined, without times, in fields, with sound that begins late."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from tests.support.make_clips import HD, Rgb, drawn, make_clip
from video_editing.frames import Picture
from video_editing.pixels import convert_to_rgb
from video_editing.reading.audio import SAMPLE_RATE, read_samples, take_samples
from video_editing.reading.decode import read_frames, read_keyframes
from video_editing.reading.probe import Clip, probe

SIZE = (96, 64)
TS_OFFSETS = {"reset": 0, "small step": 6, "jump": 5000, "step back": -1}


def greys(first: int, count: int) -> Iterator[Rgb]:
    """Yield grey pictures, of which each is two levels lighter than the one before."""
    for level in range(first, first + count):
        yield np.full((SIZE[1], SIZE[0], 3), 20 + 2 * level, np.uint8)


def find_number(picture: Picture) -> int:
    """Return the number of a grey picture."""
    return round((float(convert_to_rgb(picture, SIZE).mean()) * 255 - 20) / 2)


def read_numbers(clip: Clip) -> list[int]:
    """Return the numbers of all pictures."""
    return [find_number(frame.value) for frame in read_frames(clip)]


def find_steps(clip: Clip) -> set[Fraction]:
    """Return the seconds between frames."""
    return {(b - a) * clip.timebase for a, b in pairwise(clip.times)}


def find_loud(clip: Clip) -> tuple[float, float]:
    """Return the seconds from and to which the sound is loud, and check that it has no hole."""
    pieces = take_samples(read_samples(clip), round((clip.duration + 1) * SAMPLE_RATE))
    levels = np.abs(np.concatenate(list(pieces))[:, 0])
    levels = levels[: len(levels) // 480 * 480].reshape(-1, 480).max(1)
    loud = np.flatnonzero(levels > 0.05)
    return float(loud[0]) / 100, float(loud[-1] + 1) / 100


def join(path: Path, *, offset: float, codec: str = "libx264", tone: int | None = 300) -> Path:
    """Write two clips of two seconds behind each other; the second one's times begin anew.

    Args:
        path: of the file.
        offset: seconds by which the times of the second one are higher.
        codec: of the video.
        tone: hertz of its sound.
    """
    options = {"g": "12", "bf": "2"}
    for n in range(2):
        part = path.with_stem(f"part{n}")
        muxing = {"output_ts_offset": str(10 + n * offset)}
        make_clip(
            part, greys(50 * n, 50), rate=25, codec=codec, options=options, muxing=muxing, tone=tone
        )
    first, second = (path.with_stem(f"part{n}").read_bytes() for n in range(2))
    path.write_bytes(first + (second[13:] if path.suffix == ".flv" else second))  # one header
    return path


@pytest.mark.parametrize("offset", TS_OFFSETS.values(), ids=TS_OFFSETS)
def test_a_joined_transport_stream_runs_on(tmp_path: Path, offset: float) -> None:
    """All frames in the order of the file, at a steady rate; a jump is closed."""
    clip = probe(join(tmp_path / "a.ts", offset=offset))
    assert len(clip.times) == 100
    assert find_steps(clip) == {Fraction(1, 25)}
    assert read_numbers(clip) == pytest.approx(range(100), abs=1)


@pytest.mark.parametrize("offset", TS_OFFSETS.values(), ids=TS_OFFSETS)
def test_the_sound_of_a_joined_stream_stays_in_step(tmp_path: Path, offset: float) -> None:
    """It is heard from the first frame to the last, without a hole at the joint."""
    clip = probe(join(tmp_path / "a.ts", offset=offset))
    start, end = find_loud(clip)
    assert start == pytest.approx(float(clip.times[0] * clip.timebase), abs=0.04)
    assert end == pytest.approx(float(clip.duration), abs=0.06)


@pytest.mark.parametrize("offset", [0, 5000])
def test_a_joined_stream_without_sound_runs_on(tmp_path: Path, offset: float) -> None:
    clip = probe(join(tmp_path / "a.ts", offset=offset, tone=None))
    assert find_steps(clip) == {Fraction(1, 25)}
    assert read_numbers(clip) == pytest.approx(range(100), abs=1)


def test_a_pause_without_sound_is_no_joint(tmp_path: Path) -> None:
    """A screen may stand still for some seconds."""
    times = [*range(10), *range(130, 140)]
    clip = probe(make_clip(tmp_path / "a.ts", greys(0, 20), rate=25, times=times))
    assert max(find_steps(clip)) == Fraction(121, 25)


def test_joined_recordings_of_talkers_have_all_frames(media: Path, tmp_path: Path) -> None:
    """The decoding time of the first packet behind each joint is missing."""
    names = ("bbaf2n", "lbax4n", "swiz3n")
    parts = [(media / f"clean/grid_{name}.mpg").read_bytes() for name in names]
    (tmp_path / "a.mpg").write_bytes(b"".join(parts))
    clip = probe(tmp_path / "a.mpg")
    assert find_steps(clip) == {Fraction(1, 25)}
    assert len(list(read_frames(clip))) == len(clip.times) == 225


def test_a_joined_flash_video_runs_on(tmp_path: Path) -> None:
    clip = probe(join(tmp_path / "a.flv", offset=0))
    assert max(find_steps(clip)) <= Fraction(41, 1000)
    assert read_numbers(clip) == pytest.approx(range(100), abs=1)


def test_a_joined_program_stream_runs_on(tmp_path: Path) -> None:
    """Program streams of camcorders are joined as well."""
    clip = probe(join(tmp_path / "a.mpg", offset=0, codec="mpeg2video"))
    assert read_numbers(clip) == pytest.approx(range(100), abs=1)
    assert find_steps(clip) == {Fraction(1, 25)}


def test_a_part_of_a_joined_clip_is_the_same(tmp_path: Path) -> None:
    """From the middle of the second part on."""
    clip = probe(join(tmp_path / "a.ts", offset=0))
    found = [find_number(f.value) for f in read_frames(clip, clip.times[70], clip.times[75])]
    assert found == pytest.approx(range(70, 75), abs=1)


def test_key_frames_of_a_joined_clip_are_found(tmp_path: Path) -> None:
    """The clock of the file shows their times elsewhere: at earlier key frames."""
    clip = probe(join(tmp_path / "a.ts", offset=3.44))
    key = clip.keyframes[-1]
    (found,) = read_keyframes(clip, [key])
    assert found.time == key
    assert find_number(found.value) == pytest.approx(clip.times.index(key), abs=1)


def test_a_gap_in_the_picture_alone_is_no_joint(tmp_path: Path) -> None:
    """The sound goes on meanwhile."""
    times = [*range(10), *range(60, 70)]
    path = make_clip(tmp_path / "a.ts", greys(0, 20), rate=25, times=times, tone=300)
    clip = probe(path)
    assert clip.parts == ()
    assert max(find_steps(clip)) == Fraction(51, 25)


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_frames_without_times_have_the_order_of_the_decoder(tmp_path: Path, codec: str) -> None:
    """AVI has decoding times only, and codecs may reorder frames."""
    options = {"bf": "2", "qmax": "2"}
    path = make_clip(
        tmp_path / "a.avi", greys(0, 75), rate=25, codec=codec, options=options, tone=300
    )
    clip = probe(path)
    assert clip.times[0] * clip.timebase <= Fraction(1, 100)
    assert len(clip.times) == 75
    assert find_steps(clip) == {Fraction(1, 25)}
    assert read_numbers(clip) == pytest.approx(range(75), abs=1)


def test_two_fields_are_one_frame(cases: Path) -> None:
    """Camcorders write each field of H.264 as a picture of its own."""
    clip = probe(cases / "paff_64.ts")
    assert [time * clip.timebase for time in clip.times] == [Fraction(n, 25) for n in range(25)]
    assert clip.rate == 25
    assert len(list(read_frames(clip))) == 25


def test_pairs_of_fields_may_begin_late(tmp_path: Path, cases: Path) -> None:
    """Camcorders change between whole frames and pairs of fields as the picture moves."""
    whole = make_clip(
        tmp_path / "whole.ts",
        [np.full((64, 64, 3), 100, np.uint8)] * 50,
        rate=25,
        options={"x264-params": "interlaced=1:bframes=0"},
    )
    path = tmp_path / "both.ts"
    with (
        av.open(str(whole)) as first,
        av.open(str(cases / "paff_64.ts")) as second,
        av.open(str(path), "w") as out,
    ):
        stream = out.add_stream_from_template(first.streams.video[0])
        for source, seconds in ((first, 0), (second, 2)):
            packets = [packet for packet in source.demux(video=0) if packet.size]
            later = seconds * 90_000 - packets[0].dts
            for packet in packets:
                packet.pts, packet.dts = packet.pts + later, packet.dts + later
                packet.stream = stream
                out.mux(packet)
    clip = probe(path)
    assert [(time - clip.times[0]) * 25 * clip.timebase for time in clip.times] == [*range(75)]
    assert len(list(read_frames(clip))) == 75


def test_the_last_frame_stands_until_the_voice_ends(tmp_path: Path) -> None:
    """Sound that is longer than the picture is kept."""
    path = make_clip(tmp_path / "a.mp4", drawn(25), rate=25, colours=HD, tone=300, overhang=1.5)
    clip = probe(path)
    assert clip.duration == pytest.approx(Fraction(5, 2), abs=0.05)
    assert find_loud(clip)[1] == pytest.approx(2.5, abs=0.05)


def test_the_last_block_of_an_encoder_adds_nothing(tmp_path: Path) -> None:
    """It is silent, and shorter than a tenth of a second."""
    path = make_clip(tmp_path / "a.mp4", drawn(25), rate=25, colours=HD, tone=300, overhang=0.05)
    assert probe(path).duration == 1


def test_a_stray_packet_of_sound_does_not_lengthen_the_clip(tmp_path: Path) -> None:
    """Damaged files may have one minutes after all others."""
    source = make_clip(tmp_path / "a.mkv", drawn(25), rate=25, colours=HD, tone=300)
    path = tmp_path / "stray.mkv"
    with av.open(str(source)) as container, av.open(str(path), "w") as out:
        streams = [out.add_stream_from_template(stream) for stream in container.streams]
        packets = [packet for packet in container.demux() if packet.size]
        last = max(n for n, packet in enumerate(packets) if packet.stream.type == "audio")
        packets[last].pts = packets[last].dts = packets[last].pts + 300_000
        for packet in packets:
            packet.stream = streams[packet.stream_index]
            out.mux(packet)
    assert probe(path).duration == pytest.approx(1, abs=0.05)


def shift_tags(content: bytes, milliseconds: int) -> bytes:
    """Return the tags of an FLV file with later times (Adobe Flash Video, annex E.4.1)."""
    shifted, position = b"", 13
    while position < len(content):
        size = 11 + int.from_bytes(content[position + 1 : position + 4], "big") + 4
        tag = bytearray(content[position : position + size])
        time = (int.from_bytes(tag[4:7], "big") | tag[7] << 24) + milliseconds
        tag[4:7], tag[7] = (time & 0xFFFFFF).to_bytes(3, "big"), time >> 24
        shifted, position = shifted + bytes(tag), position + size
    return shifted


def test_sound_that_begins_late_is_heard(tmp_path: Path) -> None:
    """The header of FLV says that there is none; the first is after 12 seconds."""
    silent = make_clip(tmp_path / "a.flv", drawn(120), rate=10, codec="libx264")
    loud = make_clip(tmp_path / "b.flv", drawn(20), rate=10, codec="libx264", tone=300)
    path = tmp_path / "late.flv"
    path.write_bytes(silent.read_bytes() + shift_tags(loud.read_bytes(), 12_000))
    clip = probe(path)
    assert len(clip.times) == 140
    assert find_loud(clip) == pytest.approx((12, 14), abs=0.1)


def test_a_stream_that_appears_while_it_is_read_is_no_fault(cases: Path) -> None:
    """A damaged file seems to have a further stream, of which FFmpeg learns late."""
    clip = probe(cases.parent / "hostile/late_sound_fuzzed.flv")
    assert len(list(read_frames(clip))) == len(clip.times)


@pytest.mark.parametrize("name", ["cat_reset.ts", "cat_jump.ts"])
def test_a_joined_recording_is_in_step(cases: Path, tmp_path: Path, name: str) -> None:
    """The sound of the second half has the same distance to its frames as when it stands alone."""
    content = (cases / name).read_bytes()
    (tmp_path / "half.ts").write_bytes(content[len(content) // 2 :])
    joined, half = probe(cases / name), probe(tmp_path / "half.ts")
    assert len(joined.times) == 2 * len(half.times) == 100
    begin = joined.times[50] * joined.timebase - half.times[0] * half.timebase
    found, expected = (
        np.concatenate(list(take_samples(read_samples(clip, start), SAMPLE_RATE)))[:, 0]
        for clip, start in ((joined, begin + Fraction(1, 2)), (half, Fraction(1, 2)))
    )
    assert np.corrcoef(found, expected)[0, 1] > 0.98
