"""The voice: at an even loudness, with less noise, never late."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.filter import Graph

from tests.video_editing.compositing.test_audio_mix import Sound, tone, write
from video_editing.compositing.voice import read_voice
from video_editing.contract.sound import SoundOptions
from video_editing.reading.audio import SAMPLE_RATE, read_samples, take_samples
from video_editing.reading.probe import Clip

EVEN, DENOISED = SoundOptions(even_voice=True), SoundOptions(denoise=True)


def hear(clip: Clip, sound: SoundOptions, seconds: float, start: float = 0) -> Sound:
    """Return the voice of a part of *clip*."""
    length = Fraction(seconds)
    voice = read_voice(clip, sound, seconds=length, start=Fraction(start))
    return np.concatenate(list(take_samples(voice, round(length * SAMPLE_RATE))))


def measure_loudness(sound: Sound) -> float:
    """Return the integrated loudness, LUFS."""
    graph = Graph()
    source = graph.add_abuffer(sample_rate=SAMPLE_RATE, format="flt", layout="stereo")
    sink = graph.add("abuffersink")
    graph.link_nodes(source, graph.add("ebur128", "metadata=1"), sink).configure()
    frame = av.AudioFrame.from_ndarray(sound.reshape(1, -1).copy(), "flt", "stereo")
    frame.sample_rate = SAMPLE_RATE
    source.push(frame)
    source.push(None)
    loudness = -70.0
    try:
        while True:
            loudness = float(sink.pull().metadata.get("lavfi.r128.I", loudness))
    except av.EOFError:
        return loudness


def measure_level(sound: Sound) -> float:
    """Return the level, dBFS."""
    return float(10 * np.log10((sound.astype(float) ** 2).mean() + 1e-12))


def speak(seconds: float) -> Sound:
    """Return words of a third of a second with many overtones, and pauses between them."""
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    wave = sum(np.sin(2 * np.pi * 150 * k * times + k) / k for k in range(1, 20))
    loudness = np.clip(1.5 * np.sin(2 * np.pi * 1.5 * times), 0, 1) * 0.3
    return np.repeat((wave * loudness)[:, None], 2, axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def speech() -> Sound:
    """Three seconds, and three more at a fifth of the level."""
    return np.concatenate((speak(3), speak(3) / 5))


def test_an_even_voice_has_the_loudness_of_the_standard(tmp_path: Path, speech: Sound) -> None:
    """To half a unit, whether the clip is loud or faint."""
    for name, factor in (("loud.mkv", 1.0), ("faint.mkv", 0.1)):
        clip = write(tmp_path / name, speech * factor, seconds=6)
        assert measure_loudness(hear(clip, EVEN, 6)) == pytest.approx(-16, abs=0.5)


def test_an_even_voice_brings_passages_closer(tmp_path: Path, speech: Sound) -> None:
    """The two speakers are less than half as far apart as before."""
    clip = write(tmp_path / "a.mkv", speech, seconds=6)
    half = 3 * SAMPLE_RATE

    def measure_distance(sound: Sound) -> float:
        return measure_loudness(sound[:half]) - measure_loudness(sound[half:])

    assert measure_distance(hear(clip, EVEN, 6)) < measure_distance(speech) / 2


def test_less_noise_is_left_in_pauses_and_under_speech(tmp_path: Path, speech: Sound) -> None:
    """By 15 dB in a pause; and the speech is closer to what it was without the noise."""
    pause = np.zeros((2 * SAMPLE_RATE, 2), np.float32)
    clean = np.concatenate((speech, pause))
    noise = np.random.default_rng(7).normal(0, 0.01, clean.shape).astype(np.float32)
    clip = write(tmp_path / "a.mkv", clean + noise, seconds=8)
    heard = hear(clip, DENOISED, 8)
    late = slice(len(speech) + SAMPLE_RATE // 2, -SAMPLE_RATE // 4)
    assert measure_level(heard[late]) < measure_level(noise[late]) - 15
    during = slice(SAMPLE_RATE // 2, 3 * SAMPLE_RATE)
    assert measure_level(heard[during] - clean[during]) < measure_level(noise[during]) - 4


@pytest.mark.parametrize("sound", [EVEN, DENOISED, SoundOptions(even_voice=True, denoise=True)])
def test_a_changed_voice_is_not_late(tmp_path: Path, speech: Sound, sound: SoundOptions) -> None:
    """The lips move with it: not by a sample, from wherever it starts."""
    clip = write(tmp_path / "a.mkv", speech, seconds=6)
    before = np.concatenate(list(take_samples(read_samples(clip, Fraction(1)), SAMPLE_RATE)))
    after = hear(clip, sound, 1, start=1)
    assert after.shape == before.shape
    spectra = np.fft.rfft(after[:, 0], 1 << 17), np.fft.rfft(before[:, 0], 1 << 17)
    assert np.argmax(np.fft.irfft(spectra[0] * np.conj(spectra[1]))) == 0


@pytest.mark.parametrize("sound", [EVEN, DENOISED])
def test_silence_stays_silent(tmp_path: Path, sound: SoundOptions) -> None:
    """Nothing is measured in it, and nothing is made louder."""
    clip = write(tmp_path / "a.mkv", np.zeros((96000, 2), np.float32))
    assert not hear(clip, sound, 2).any()
    assert not hear(write(tmp_path / "b.mkv", None), sound, 2).any()


def test_a_hum_is_not_made_louder_without_end(tmp_path: Path) -> None:
    """A gain of 32 dB at most, of both steps."""
    clip = write(tmp_path / "a.mkv", tone(2, 200, 1e-4))
    assert measure_level(hear(clip, EVEN, 2)) < measure_level(tone(2, 200, 1e-4)) + 33
