"""The kinds of files that texts promise are the kinds that are read."""

from pathlib import Path

import pytest

from tests.support.make_clips import drawn, make_clip
from tests.support.paths import ROOT
from video_editing.contract.media import PICTURE_KINDS, VIDEO_KINDS, list_names
from video_editing.reading.decode import read_frames
from video_editing.reading.probe import probe

#: Container, and encoders of picture and sound, by the name of a kind.
ENCODINGS = {
    "MP4": ("mp4", "libx264", "aac"),
    "MOV": ("mov", "libx264", "aac"),
    "WebM": ("webm", "libvpx-vp9", "libopus"),
    "Matroska": ("matroska", "libx264", "flac"),
    "AVI": ("avi", "mpeg4", "libmp3lame"),
    "MPEG": ("mpeg", "mpeg2video", "mp2"),
    "MPEG-TS": ("mpegts", "libx264", "aac"),
    "3GP": ("3gp", "mpeg4", "aac"),
    "WMV": ("asf", "wmv2", "libmp3lame"),
    "FLV": ("flv", "flv", "libmp3lame"),
    "GIF": ("gif", "gif", None),
}


@pytest.mark.parametrize("name", [kind.name for kind in VIDEO_KINDS])
def test_every_kind_of_video_is_read(tmp_path: Path, name: str) -> None:
    """Without a suffix, since only the content counts."""
    container, codec, sound = ENCODINGS[name]
    pixels = "rgb8" if codec == "gif" else "yuv420p"
    path = make_clip(
        tmp_path / "clip",
        drawn(12, (176, 144)),
        rate=25,
        codec=codec,
        pixels=pixels,
        container=container,
        tone=300 if sound else None,
        sound=sound,
    )
    clip = probe(path)
    assert len(list(read_frames(clip))) == 12
    assert (clip.audio_stream is not None) == (sound is not None)


@pytest.mark.parametrize("kinds", [PICTURE_KINDS, VIDEO_KINDS], ids=["pictures", "videos"])
def test_the_readme_promises_these_kinds(kinds: tuple[object, ...]) -> None:
    readme = " ".join((ROOT / "README.md").read_text().split())
    assert list_names(kinds) in readme  # type: ignore[arg-type]
