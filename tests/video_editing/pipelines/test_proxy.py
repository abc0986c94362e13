"""The small copy of a clip, and the strip of its pictures."""

from fractions import Fraction
from pathlib import Path

from PIL import Image

from tests.support.person_clips import film_of_eileen
from video_editing.cli.main import main
from video_editing.pipelines.proxy import (
    PROXY_BYTES,
    PROXY_RATE,
    PROXY_SIDE,
    STRIP_PICTURES,
    STRIP_SIDE,
    write_proxy,
)
from video_editing.reading.probe import probe


def test_the_copy_is_small_muted_and_as_long_as_the_clip(tmp_path: Path) -> None:
    """With at most twelve pictures a second."""
    clip = probe(film_of_eileen(tmp_path / "clip.mp4", 50, side=480, tone=440))
    write_proxy(clip, tmp_path / "proxy")
    copy = probe(tmp_path / "proxy" / "proxy.mp4")
    assert max(copy.size) == PROXY_SIDE
    assert copy.audio_stream is None
    assert abs(copy.duration - clip.duration) <= Fraction(1, PROXY_RATE)
    assert len(copy.times) <= 2 * PROXY_RATE + 1
    assert (tmp_path / "proxy" / "proxy.mp4").stat().st_size < PROXY_BYTES


def test_the_strip_shows_the_clip_from_beginning_to_end(tmp_path: Path) -> None:
    """Ten pictures side by side; fewer of a clip that has fewer."""
    for count, pictures in ((50, STRIP_PICTURES), (3, 1)):
        clip = film_of_eileen(tmp_path / f"{count}.mp4", count)
        folder = tmp_path / f"proxy{count}"
        assert main(["proxy", str(clip), f"--output={folder}", "--progress=none"]) == 0
        with Image.open(folder / "strip.jpg") as strip:
            assert strip.size == (pictures * STRIP_SIDE, STRIP_SIDE)
