"""The sound of a result: in sync, complete, ducked, in constant memory."""

import tracemalloc
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import islice, repeat
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from video_editing.compositing.audio_mix import duck, has_sound, mix_audio
from video_editing.contract.sound import BackgroundSound, SoundOptions
from video_editing.reading.audio import BLOCK_SAMPLES, SAMPLE_RATE
from video_editing.reading.probe import Clip, probe

Sound = NDArray[np.float32]

FPS = 25


def tone(seconds: float, hertz: float = 440, size: float = 0.5, rate: int = SAMPLE_RATE) -> Sound:
    """Return a sine in two channels."""
    wave = size * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    return np.stack((wave, wave), axis=1).astype(np.float32)


def clicks(seconds: float, *times: float, rate: int = SAMPLE_RATE, channels: int = 2) -> Sound:
    """Return silence with a short pulse at each of *times*, in seconds."""
    sound = np.zeros((round(seconds * rate), channels), np.float32)
    for time in times:
        at = round(time * rate)
        sound[at - 8 : at + 9] = 0.9 * np.hanning(17)[:, None]
    return sound


def write(
    path: Path,
    sound: Sound | None,
    *,
    codec: str = "pcm_s16le",
    rate: int = SAMPLE_RATE,
    layout: str = "stereo",
    picture: str = "libx264",
    seconds: float = 2,
    sound_at: float = 0,
    picture_at: float = 0,
    sound_first: bool = False,
    options: dict[str, str] | None = None,
    change: Callable[[list[av.Packet]], list[av.Packet]] = list,
) -> Clip:
    """Write a grey clip of *seconds* with *sound*; *change* may alter the sound's packets."""
    with av.open(str(path), "w") as container:
        streams = {}
        for kind in ("audio", "video") if sound_first else ("video", "audio"):
            if kind == "video":
                streams[kind] = container.add_stream(picture, FPS, width=64, height=48)
            elif sound is not None:
                streams[kind] = container.add_stream(codec, rate, layout=layout, options=options)
        frame = av.VideoFrame(64, 48, "yuv420p")
        packets = []
        for n in range(round(seconds * FPS)):
            frame.pts, frame.time_base = n + round(picture_at * FPS), Fraction(1, FPS)
            packets += streams["video"].encode(frame)
        packets += streams["video"].encode(None)
        if sound is not None:
            packets += change(list(encode(streams["audio"], sound, round(sound_at * rate))))
        container.mux(packets)
    return probe(path)


def encode(stream: av.AudioStream, sound: Sound, at: int) -> Iterator[av.Packet]:
    """Encode *sound*, its first sample at sample *at*."""
    source = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(sound.reshape(1, -1)), "flt", stream.layout.name
    )
    source.rate, source.pts, source.time_base = stream.rate, 0, Fraction(1, stream.rate)
    size = stream.codec_context.frame_size or 1000
    resampler = av.AudioResampler(stream.format, stream.layout, stream.rate, size)
    for frame in (*resampler.resample(source), *resampler.resample(None)):
        frame.pts = frame.pts + at
        yield from stream.encode(frame)
    yield from stream.encode(None)


def mix(
    clip: Clip, background: Clip | None = None, *, seconds: float = 2, start: float = 0
) -> Sound:
    """Return all of the result's sound."""
    return np.concatenate(
        list(mix_audio(clip, background, seconds=Fraction(seconds), start=Fraction(start)))
    )


def pulses(sound: Sound, least: float = 0.2) -> list[float]:
    """Return the times of the loudest samples in seconds, at most one in a tenth of a second."""
    size, times = np.abs(sound).max(axis=1), []
    while size.max(initial=0) > least:
        at = int(size.argmax())
        times.append(at / SAMPLE_RATE)
        size[max(0, at - SAMPLE_RATE // 20) : at + SAMPLE_RATE // 20] = 0
    return sorted(times)


def decibels(sound: Sound) -> float:
    return float(10 * np.log10(np.mean(np.square(sound, dtype=float)) + 1e-20))


KINDS = {
    "mp4-aac": ("a.mp4", {"codec": "aac"}),
    "mp4-aac-44100": ("a.mp4", {"codec": "aac", "rate": 44100}),
    "mp4-mp3": ("a.mp4", {"codec": "libmp3lame", "rate": 44100}),
    "mov-pcm-sound-first": ("a.mov", {"sound_first": True}),
    "mkv-aac-sound-first": ("a.mkv", {"codec": "aac", "sound_first": True}),
    "mkv-flac-surround": ("a.mkv", {"codec": "flac", "layout": "5.1"}),
    "mkv-pcm-8000-mono": ("a.mkv", {"rate": 8000, "layout": "mono"}),
    "webm-opus": ("a.webm", {"codec": "libopus", "picture": "libvpx"}),
    "mpg-mp2": ("a.mpg", {"codec": "mp2", "rate": 44100, "picture": "mpeg1video"}),
}


SOUNDING = (
    "awkward/ax_12_5fps_720p.mp4",
    "awkward/ax_fragmented_bogus_duration.mp4",
    "awkward/ax_man_bed_rot90_sound.mp4",
    "awkward/ax_selfie_audio_stream_first_bt601.mov",
    "awkward/der_grid_lbax4n_live_webm_no_duration.webm",
    "awkward/der_grid_swiz3n_odd_359x287_vp9_opus.webm",
    "bg/ax_rooftops_360p_sound_noperson.mp4",
    "clean/grid_bbaf2n.mpg",
    "clean/mdn_selfie_man_60fps_sound.mp4",
    "clean/pyfeat_face_then_noface_hevc_vfr.mov",
    "clean/pyfeat_selfie_smile.mp4",
    "gt/der_gt_pwij3p_phone_portrait_hevc_rot_vfr.mp4",
    "webcam/kao_kari.mp4",
)


def lay_out(clip: Clip) -> NDArray[np.float64]:
    """Return one channel of *clip*'s frames, each at its own time, linearly resampled."""
    with av.open(str(clip.path)) as container:
        frames = list(container.decode(audio=0))
    times, values = [], []
    for frame in frames:
        samples = frame.to_ndarray().astype(float)
        channels = len(frame.layout.channels)
        mono = (samples if frame.format.is_planar else samples.reshape(-1, channels).T).mean(axis=0)
        values.append(mono)
        times.append(float(frame.pts * frame.time_base) + np.arange(len(mono)) / frame.sample_rate)
    at = np.concatenate(times) - float(clip.origin)
    order = np.argsort(at, kind="stable")
    grid = np.arange(int(at.max() * SAMPLE_RATE)) / SAMPLE_RATE
    return np.interp(grid, at[order], np.concatenate(values)[order], left=0)


def lag(sound: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
    """Return by how many seconds *sound* is late."""
    size = 2 ** (2 * len(truth)).bit_length()
    product = np.fft.rfft(sound, size) * np.conj(np.fft.rfft(truth, size))
    at = int(np.fft.irfft(product, size).argmax())
    return (at if at < len(truth) else at - size) / SAMPLE_RATE


def corrupt(packet: av.Packet, random: np.random.Generator) -> av.Packet:
    """Return a packet of the same size, position and time with random bytes."""
    spoil = av.Packet(random.bytes(packet.size))
    spoil.stream, spoil.time_base = packet.stream, packet.time_base
    spoil.pts, spoil.dts, spoil.duration = packet.pts, packet.dts, packet.duration
    return spoil


@pytest.mark.parametrize("sound_at", [0, 0.4])
@pytest.mark.parametrize("picture_at", [0, 0.2])
@pytest.mark.parametrize("kind", KINDS)
def test_a_click_is_in_sync_with_its_picture(
    tmp_path: Path, kind: str, sound_at: float, picture_at: float
) -> None:
    """For any container, codec, rate and start, sound is as exact as the file's own times."""
    name, options = KINDS[kind]
    channels = {"mono": 1, "5.1": 6}.get(str(options.get("layout")), 2)
    sound = clicks(2, 0.5, 1.3, rate=int(options.get("rate", SAMPLE_RATE)), channels=channels)
    clip = write(tmp_path / name, sound, sound_at=sound_at, picture_at=picture_at, **options)
    first_picture = float(clip.times[0] * clip.timebase)
    expected = [first_picture - picture_at + sound_at + time for time in (0.5, 1.3)]
    assert pulses(mix(clip)) == pytest.approx(expected, abs=0.0015)


@pytest.mark.parametrize("path", SOUNDING)
def test_a_real_voice_is_in_sync(media: Path, path: str) -> None:
    """Correlated with the file's frames at their own times, it is off by < 1 ms.

    The rooftops' times swing by 9 ms around the sample count; the mean is what can be met.
    """
    clip = probe(media / path)
    sound = mix(clip, seconds=float(clip.duration)).mean(axis=1)
    truth = lay_out(clip)[: len(sound)]
    assert abs(lag(sound[: len(truth)], truth)) < (0.005 if "rooftops" in path else 0.001)


@pytest.mark.parametrize("seconds", [Fraction(1, 3), Fraction(2), Fraction(1001, 300)])
def test_sound_has_the_requested_length(tmp_path: Path, seconds: Fraction) -> None:
    """Longer sound is cut, shorter is followed by silence, to the sample."""
    clip = write(tmp_path / "a.mkv", tone(2))
    sound = mix(clip, seconds=seconds)
    assert sound.shape == (round(seconds * SAMPLE_RATE), 2)
    assert sound.dtype == np.float32
    assert not sound[2 * SAMPLE_RATE :].any()
    assert sound[: 2 * SAMPLE_RATE].any()


def test_a_later_start_gives_the_same_sound(tmp_path: Path) -> None:
    """From 0.7 s on, it equals the full sound from 0.7 s on; a background begins anew."""
    clip = write(tmp_path / "a.mkv", tone(2))
    background = write(tmp_path / "b.mkv", tone(1), seconds=0.6)
    assert np.array_equal(mix(clip, seconds=1, start=0.7), mix(clip)[33600:81600])
    silent = write(tmp_path / "c.mkv", None)
    assert np.array_equal(
        mix(silent, background, seconds=1, start=0.7), mix(silent, background, seconds=1)
    )


@pytest.mark.parametrize(
    ("loudness", "voice", "decibels"),
    [("quiet", True, -8), ("loud", True, 8), ("quiet", False, -8), ("loud", False, 0)],
)
def test_the_background_is_as_loud_as_chosen(
    tmp_path: Path, loudness: str, decibels: float, *, voice: bool
) -> None:
    """By that many decibels; alone, it does not become louder than it is."""
    clip = write(tmp_path / "a.mkv", np.zeros((96000, 2), np.float32) if voice else None)
    background = write(tmp_path / "b.mkv", tone(2, size=0.2))
    sound = SoundOptions(background_sound=BackgroundSound(loudness))
    usual, changed = (
        np.concatenate(list(mix_audio(clip, background, *options, seconds=Fraction(1))))
        for options in ((), (sound,))
    )
    ratio = np.sqrt((changed**2).mean() / (usual**2).mean())
    assert 20 * np.log10(ratio) == pytest.approx(decibels, abs=0.1)


def test_a_background_can_be_silent(tmp_path: Path) -> None:
    """The voice alone is left, and without one there is no sound."""
    clip, silent = write(tmp_path / "a.mkv", tone(2)), write(tmp_path / "c.mkv", None)
    background = write(tmp_path / "b.mkv", tone(2, 900))
    off = SoundOptions(background_sound=BackgroundSound.OFF)
    mixed = np.concatenate(list(mix_audio(clip, background, off, seconds=Fraction(2))))
    assert np.array_equal(mixed, mix(clip))
    assert has_sound(silent, background)
    assert not has_sound(silent, background, off)


def test_a_lone_voice_is_untouched(tmp_path: Path) -> None:
    """48 kHz stereo is unchanged bit by bit."""
    voice = tone(2, size=0.99)
    clip = write(tmp_path / "a.mkv", voice, codec="pcm_f32le")
    assert np.array_equal(mix(clip), voice)


def test_mono_is_played_on_both_sides(tmp_path: Path) -> None:
    """At the same level."""
    clip = write(tmp_path / "a.mkv", tone(2)[:, :1], layout="mono")
    sound = mix(clip)
    assert np.array_equal(sound[:, 0], sound[:, 1])
    assert np.abs(sound).max() == pytest.approx(0.5, abs=0.01)


def test_five_channels_fit_into_two(tmp_path: Path) -> None:
    """Full level in all channels at once is not clipped."""
    loud = np.repeat(tone(2, size=0.99)[:, :1], 6, axis=1)
    sound = mix(write(tmp_path / "a.mkv", loud, codec="flac", layout="5.1"))
    peaks = np.abs(sound[4800:-4800]) > 0.98
    assert peaks.mean() < 0.2  # a sine is above 0.98 of itself for 13 % of its time


def test_the_centre_is_as_loud_as_the_standard_says(tmp_path: Path) -> None:
    """Films have their speech there: 3 dB lower, on both sides."""
    channels = np.zeros((2 * SAMPLE_RATE, 6), np.float32)
    channels[:, 2] = tone(2)[:, 0]
    sound = mix(write(tmp_path / "a.mkv", channels, codec="flac", layout="5.1"))
    assert np.abs(sound[4800:-4800]).max(0) == pytest.approx([0.5 * 0.5**0.5] * 2, abs=0.01)


@pytest.mark.parametrize("pace", [Fraction(101, 100), Fraction(99, 100), Fraction(1001, 1000)])
def test_a_clock_that_drifts_leaves_no_hole(tmp_path: Path, pace: Fraction) -> None:
    """The sound is stretched: it has neither silence nor clicks, and stays in step."""

    def stretch(packets: list[av.Packet]) -> list[av.Packet]:
        for packet in packets:
            packet.pts = packet.dts = round(packet.pts * pace)
        return packets

    steady = mix(write(tmp_path / "a.mkv", tone(6), codec="pcm_f32le", change=stretch), seconds=6)[
        :, 0
    ]
    inner = steady[4800 : round(5.8 * SAMPLE_RATE * pace)]
    peaks = np.abs(inner[: len(inner) // 480 * 480]).reshape(-1, 480).max(1)
    assert peaks.min() > 0.45
    assert np.abs(np.diff(inner)).max() < 1.1 * np.abs(np.diff(tone(6)[:, 0])).max()
    clip = write(tmp_path / "b.mkv", clicks(6, 0.5, 5.6), change=stretch)
    assert pulses(mix(clip, seconds=6)) == pytest.approx(
        [float(0.5 * pace), float(5.6 * pace)], abs=0.025
    )


def test_a_recording_with_a_drifting_clock_has_no_hole(cases: Path) -> None:
    clip = probe(cases / "drift.mp4")
    sound = mix(clip, seconds=6)[4800 : round(5.8 * SAMPLE_RATE), 0]
    assert np.abs(sound[: len(sound) // 240 * 240]).reshape(-1, 240).max(1).min() > 1e-3


def test_a_gap_is_silence(tmp_path: Path) -> None:
    """Missing packets leave silence, and the rest keeps its time."""
    clip = write(
        tmp_path / "a.mkv",
        tone(2),
        change=lambda packets: [p for p in packets if not 0.5 <= p.pts * p.time_base < 1.2],
    )
    sound = np.abs(mix(clip)).max(axis=1)
    silent = np.flatnonzero(np.convolve(sound, np.ones(480), "same") < 0.01)
    assert silent.min() / SAMPLE_RATE == pytest.approx(0.5, abs=0.03)
    assert silent.max() / SAMPLE_RATE == pytest.approx(1.2, abs=0.03)


def test_jitter_of_times_does_not_tear_the_sound(tmp_path: Path) -> None:
    """Times that are off by 9 ms, as phones write, change nothing."""

    def shake(packets: list[av.Packet]) -> list[av.Packet]:
        for packet in packets[1::2]:
            packet.pts += round(Fraction(9, 1000) / packet.time_base)
        return packets

    voice = tone(2)
    clip = write(tmp_path / "a.mkv", voice, codec="pcm_f32le", change=shake)
    assert np.array_equal(mix(clip), voice)


@pytest.mark.parametrize("pace", [Fraction(21, 20), Fraction(3, 4)])
def test_times_that_deviate_from_the_sample_count_are_followed(
    tmp_path: Path, pace: Fraction
) -> None:
    """Silence fills gaps, overlaps are cut: within 20 ms of the file's times."""

    def stretch(packets: list[av.Packet]) -> list[av.Packet]:
        for packet in packets:
            packet.pts = packet.dts = round(packet.pts * pace)
        return packets

    clip = write(tmp_path / "a.mkv", clicks(2, 0.5, 1.6), change=stretch)
    assert pulses(mix(clip)) == pytest.approx([float(0.5 * pace), float(1.6 * pace)], abs=0.02)


@pytest.mark.parametrize("codec", ["aac", "libmp3lame", "libopus", "flac", "mp2"])
def test_corrupt_packets_are_survived(tmp_path: Path, codec: str) -> None:
    """Random bytes neither stop the sound, nor shift what follows, nor exceed full level."""

    def spoil(packets: list[av.Packet]) -> list[av.Packet]:
        random = np.random.default_rng(1)
        return [
            corrupt(packet, random) if 0.6 < packet.pts * packet.time_base < 1.2 else packet
            for packet in packets
        ]

    sound = mix(write(tmp_path / "a.mkv", clicks(2, 0.3, 1.6), codec=codec, change=spoil))
    assert len(sound) == 2 * SAMPLE_RATE
    assert np.abs(sound).max() <= 1
    assert pulses(sound[: SAMPLE_RATE // 2]) == pytest.approx([0.3], abs=0.0015)
    assert pulses(sound[-SAMPLE_RATE * 6 // 10 :]) == pytest.approx([0.2], abs=0.015)


def test_samples_that_are_no_numbers_are_silence(tmp_path: Path) -> None:
    """Floating-point sound may hold NaN and infinity."""
    voice = tone(2)
    voice[SAMPLE_RATE] = np.nan
    voice[SAMPLE_RATE + 1] = np.inf
    sound = mix(write(tmp_path / "a.mkv", voice, codec="pcm_f32le"))
    assert not sound[SAMPLE_RATE].any()
    assert np.abs(sound).max() == 1


@pytest.mark.parametrize(
    "options",
    [
        {"codec": "libopus", "layout": "ambisonic 1", "options": {"mapping_family": "2"}},
        {"rate": 50},  # frames of 20 s
    ],
)
def test_sound_that_cannot_be_played_is_silence(tmp_path: Path, options: dict[str, Any]) -> None:
    """Channels without a known mix, and frames that would fill the memory, are left out."""
    channels = 4 if "layout" in options else 2
    rate = options.get("rate", SAMPLE_RATE)
    sound = np.full((2000 if rate == 50 else 2 * SAMPLE_RATE, channels), 0.5, np.float32)
    assert not mix(write(tmp_path / "a.mkv", sound, **options)).any()


def test_a_change_of_layout_and_rate_is_followed(tmp_path: Path) -> None:
    """A recording that goes from stereo to mono at another rate stays in sync."""
    at_one = {"sound_at": 1, "picture_at": 1, "seconds": 1}
    at_two = {"sound_at": 2.026, "picture_at": 2, "seconds": 1}  # where the first ends, to 0.1 ms
    first = write(tmp_path / "a.ts", clicks(1, 0.5), codec="aac", **at_one)
    mono = clicks(1, 0.4, rate=44100, channels=1)
    second = write(tmp_path / "b.ts", mono, codec="aac", rate=44100, layout="mono", **at_two)
    first.path.write_bytes(first.path.read_bytes() + second.path.read_bytes())
    clip = probe(first.path)
    first_picture = float(clip.times[0] * clip.timebase)
    expected = [first_picture + 0.5, first_picture + 1.426]
    assert pulses(mix(clip)) == pytest.approx(expected, abs=0.0015)


def test_a_file_that_breaks_off_ends_in_silence(tmp_path: Path) -> None:
    """Half of a file gives half of its sound."""
    clip = write(tmp_path / "a.mkv", tone(2))
    clip.path.write_bytes(clip.path.read_bytes()[: clip.path.stat().st_size // 2])
    sound = mix(clip)
    assert decibels(sound[: SAMPLE_RATE // 2]) > -20
    assert not sound[-SAMPLE_RATE // 2 :].any()


def test_missing_sound_is_known_in_advance(tmp_path: Path) -> None:
    """An encoder can query it; files without sound give silence."""
    silent = write(tmp_path / "a.mkv", None)
    sounding = write(tmp_path / "b.mkv", tone(2))
    glimpse = write(tmp_path / "c.mkv", tone(0.2), seconds=0.2)
    assert not has_sound(silent, None)
    assert not has_sound(silent, silent)
    assert has_sound(sounding, None)
    assert has_sound(silent, sounding)
    assert not mix(silent, silent).any()
    assert not has_sound(silent, glimpse)


def test_a_background_alone_plays_at_full_level(tmp_path: Path) -> None:
    """Under a clip without sound it is neither ducked nor limited."""
    silent = write(tmp_path / "a.mkv", None)
    background = write(tmp_path / "b.mkv", tone(2, size=0.99), codec="pcm_f32le")
    inner = slice(SAMPLE_RATE // 10, -SAMPLE_RATE // 10)
    assert np.array_equal(mix(silent, background)[inner], tone(2, size=0.99)[inner])


def test_a_background_begins_again_with_its_picture(tmp_path: Path) -> None:
    """Sound shorter or longer than the picture is repeated at the picture's period."""
    silent = write(tmp_path / "a.mkv", None)
    short = write(tmp_path / "b.mkv", clicks(0.4, 0.3), seconds=0.6)
    long = write(tmp_path / "c.mkv", clicks(0.9, 0.3, 0.8), seconds=0.6)
    odd = write(tmp_path / "d.mkv", clicks(0.5, 0.3), seconds=0.6, picture_at=0.04)
    assert pulses(mix(silent, short)) == pytest.approx([0.3, 0.9, 1.5], abs=0.0005)
    assert pulses(mix(silent, long)) == pytest.approx([0.3, 0.9, 1.5], abs=0.0005)
    assert pulses(mix(silent, odd)) == pytest.approx([0.3, 0.94, 1.58], abs=0.0015)


def test_a_loops_seam_does_not_click(tmp_path: Path) -> None:
    """Where a tone breaks off and begins again, no step is larger than within the tone."""
    silent = write(tmp_path / "a.mkv", None)
    part = tone(0.7, hertz=441.3)[30:28830]
    background = write(tmp_path / "b.mkv", part, codec="pcm_f32le", seconds=0.6)
    steps = np.abs(np.diff(mix(silent, background), axis=0))
    assert steps.max() <= 1.05 * np.abs(np.diff(part, axis=0)).max()


def speech(*words: tuple[float, float], seconds: float = 3) -> Sound:
    """Noise at −20 dBFS from and to the times of each of *words*, over noise at −65 dBFS."""
    random = np.random.default_rng(0)
    sound = random.normal(0, 10 ** (-65 / 20), (round(seconds * SAMPLE_RATE), 2))
    for begin, end in words:
        part = slice(round(begin * SAMPLE_RATE), round(end * SAMPLE_RATE))
        sound[part] += random.normal(0, 0.1, sound[part].shape)
    return sound.astype(np.float32)


def blocks(sound: Sound) -> Iterator[Sound]:
    """Yield *sound* as full blocks, endless."""
    yield from sound[: len(sound) // BLOCK_SAMPLES * BLOCK_SAMPLES].reshape(-1, BLOCK_SAMPLES, 2)
    yield from repeat(np.zeros((BLOCK_SAMPLES, 2), np.float32))


def under(voice: Sound, background: Sound) -> Sound:
    """Return the part of *background* in the mix with *voice*."""
    count = len(voice) // BLOCK_SAMPLES
    mix = np.concatenate(list(islice(duck(blocks(voice), blocks(background)), count)))
    return mix - voice[: count * BLOCK_SAMPLES]


def change(voice: Sound) -> Callable[[float, float], float]:
    """Return the gain in dB of a tone under *voice* between two times."""
    music = tone(len(voice) / SAMPLE_RATE, size=0.3)
    left = under(voice, music)
    return lambda begin, end: (
        decibels(left[round(begin * SAMPLE_RATE) : round(end * SAMPLE_RATE)]) - decibels(music)
    )


def test_a_background_is_ducked_under_words() -> None:
    """−15 dB under a word, −6 dB before and long after, with smooth changes."""
    gain = change(speech((1, 1.6)))
    assert gain(0.5, 0.9) == pytest.approx(-6, abs=0.2)
    assert gain(1.0, 1.6) == pytest.approx(-15, abs=0.6)
    assert gain(2.7, 3.0) == pytest.approx(-6, abs=0.5)
    assert -15 < gain(1.7, 1.8) < -9


def test_a_first_syllable_is_clear() -> None:
    """The gain is down when a word begins, at the clip's very beginning too."""
    assert change(speech((1, 1.6)))(1.0, 1.02) < -13
    assert change(speech((0, 0.6)))(0, 0.02) < -12


def test_a_pause_between_words_does_not_pump() -> None:
    """A pause of 0.15 s raises the background by less than 5 dB."""
    assert change(speech((1, 1.5), (1.65, 2.2)))(1.5, 1.65) < -10


def test_steady_noise_is_no_voice() -> None:
    """It is learnt within ten seconds, and the background returns."""
    hum = tone(12, hertz=100, size=0.02)
    assert change(hum)(10, 12) == pytest.approx(-6, abs=0.5)


def test_the_sum_never_clips_and_the_voice_is_unchanged() -> None:
    """At full level of both, peaks stay within −1…1; only the background is limited."""
    voice = tone(1, size=1.0)
    music = tone(1, hertz=97, size=1.0)
    left = under(voice, music)
    assert np.abs(voice + left).max() <= 1
    assert np.abs(left).max() <= 10 ** (-6 / 20) + 1e-3
    assert not np.abs(under(voice, np.zeros_like(music))).any()


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    """Two minutes, voice and looped background, need what ten seconds need."""
    background = write(tmp_path / "b.mkv", tone(3), seconds=3)
    voice = write(tmp_path / "a.mkv", tone(120, rate=8000), rate=8000, seconds=1)

    def peak(seconds: int) -> int:
        tracemalloc.start()
        for _ in mix_audio(voice, background, seconds=Fraction(seconds)):
            pass
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    assert peak(120) < 1.1 * peak(10) < 2_000_000
