"""The edit that composes parts at Shotstack: positions, times and volumes."""

from fractions import Fraction
from itertools import pairwise

import pytest

from backends.shotstack.timeline import (
    FRAME_RATES,
    BackgroundClip,
    JsonObject,
    OutputSpec,
    OverlayClip,
    TooManyLoops,
    build_edit,
    find_nearest_rate,
)
from tests.backends.support.shotstack_renderer import drawn

OUTPUT = OutputSpec(1080, 1920, 29.97, 12.479)
OVERLAY = OverlayClip((512, 1340, 540, 548), "https://x/o.mp4", "https://x/l.mp4", has_sound=True)
TEAL = BackgroundClip(colour="#008080")
FILM = BackgroundClip(video="https://x/f.mp4", seconds=5.0055, has_sound=True)


def clips(body: JsonObject, track: int) -> list[JsonObject]:
    found: list[JsonObject] = body["timeline"]["tracks"][track]["clips"]
    return found


@pytest.mark.parametrize("canvas", [(1080, 1920), (1920, 1080), (640, 640), (2, 1920)])
@pytest.mark.parametrize(
    "box", [(0, 0, 2, 2), (512, 1340, 540, 548), (-30, 18, 700, 4), (1918, 6, 2, 1600)]
)
def test_an_overlay_is_drawn_where_it_belongs(
    box: tuple[int, int, int, int], canvas: tuple[int, int]
) -> None:
    """To a hundredth of a pixel, by the formula of Shotstack's own tool, read backwards."""
    overlay = OverlayClip(box, "u", "l", has_sound=True)
    for clip in clips(build_edit([overlay], TEAL, OutputSpec(*canvas, 25, 1)), 0):
        assert drawn(clip, box[2:], canvas) == pytest.approx(box, abs=0.01)


def test_the_matte_comes_before_what_it_masks() -> None:
    """In one track, at the same position and time."""
    luma, video = clips(build_edit([OVERLAY], TEAL, OUTPUT), 0)
    assert luma["asset"] == {"type": "luma", "src": "https://x/l.mp4", "trim": 0}
    assert video["asset"]["src"] == "https://x/o.mp4"
    assert {k: v for k, v in luma.items() if k != "asset"} == {
        k: v for k, v in video.items() if k != "asset"
    }


def test_an_overlay_with_alpha_has_no_matte() -> None:
    """It is one clip, without transcoding."""
    (clip,) = clips(
        build_edit([OverlayClip((0, 0, 2, 2), "u", None, has_sound=True)], TEAL, OUTPUT), 0
    )
    assert clip["asset"] == {"type": "video", "src": "u", "trim": 0, "volume": 1}


def test_several_overlays_follow_each_other() -> None:
    """Each has its own part of the time, and together they have the clip's length."""
    overlays = [OverlayClip((0, 0, 2, 2), name, None, has_sound=True) for name in "abc"]
    tracks = build_edit(overlays, TEAL, OutputSpec(640, 640, 25, 1))["timeline"]["tracks"]
    shown = [clip for track in tracks for clip in track["clips"]]
    assert len(tracks) == 3  # a luma matte masks its entire track
    assert [(c["asset"]["src"], c["asset"]["trim"], c["start"], c["length"]) for c in shown] == [
        ("a", 0, 0, 0.32),
        ("b", 0.32, 0.32, 0.32),
        ("c", 0.64, 0.64, 0.36),
    ]


def test_overlays_that_find_no_frame_are_left_out() -> None:
    """The API does not accept a clip of length 0."""
    overlays = [OverlayClip((0, 0, 2, 2), name, None, has_sound=True) for name in "abc"]
    shown = clips(build_edit(overlays, TEAL, OutputSpec(640, 640, 25, 0.04)), 0)
    assert [clip["asset"]["src"] for clip in shown] == ["c"]


def test_a_colour_is_the_timelines_own() -> None:
    """It needs no background clip."""
    timeline = build_edit([OVERLAY], TEAL, OUTPUT)["timeline"]
    assert timeline["background"] == "#008080"
    assert len(timeline["tracks"]) == 1


def test_a_picture_fills_the_frame_behind() -> None:
    """In the lowest track, from the beginning to the end."""
    (clip,) = clips(build_edit([OVERLAY], BackgroundClip(image="https://x/p.jpg"), OUTPUT), -1)
    assert clip == {
        "asset": {"type": "image", "src": "https://x/p.jpg"},
        "start": 0,
        "length": 12.479,
        "fit": "crop",
    }


def test_a_short_film_is_repeated() -> None:
    """Repetitions follow without gaps, and none is longer than the video; the last one is cut."""
    turns = clips(build_edit([OVERLAY], FILM, OUTPUT), -1)
    assert [turn["length"] for turn in turns] == [5.005, 5.005, 2.469]
    assert all(a["start"] + a["length"] == pytest.approx(b["start"]) for a, b in pairwise(turns))


def test_a_long_film_is_cut() -> None:
    """To the result's length."""
    (clip,) = clips(build_edit([OVERLAY], BackgroundClip(video="u", seconds=60), OUTPUT), -1)
    assert clip["length"] == 12.479


def test_a_film_of_an_instant_is_too_much() -> None:
    """Hundreds of repetitions are rendered locally."""
    for seconds in (0.0004, 0.01):
        with pytest.raises(TooManyLoops):
            build_edit([OVERLAY], BackgroundClip(video="u", seconds=seconds), OUTPUT)


@pytest.mark.parametrize(
    ("voice", "sound", "volume"), [(True, True, 0.178), (False, True, 1), (True, False, 0)]
)
def test_a_film_gives_way_to_the_voice(*, voice: bool, sound: bool, volume: float) -> None:
    """It is 15 dB lower under a voice, and at full level without one."""
    overlay = OverlayClip((0, 0, 2, 2), "u", None, has_sound=voice)
    (clip,) = clips(
        build_edit([overlay], BackgroundClip(video="u", seconds=60, has_sound=sound), OUTPUT), -1
    )
    assert clip["asset"]["volume"] == volume


def test_the_output_has_the_requested_properties() -> None:
    """It has the size and rate of the output, and no copy in Shotstack's hosting."""
    assert build_edit([OVERLAY], TEAL, OUTPUT)["output"] == {
        "format": "mp4",
        "size": {"width": 1080, "height": 1920},
        "fps": 29.97,
        "quality": "high",
        "destinations": [{"provider": "shotstack", "exclude": True}],
    }


@pytest.mark.parametrize(
    ("rate", "name"),
    [(30, 30), (29.97003, 29.97), (24.2, 24), (1, 12), (240, 60), (33.4, 30), (23.976024, 23.976)],
)
def test_the_nearest_rate_is_taken(rate: float, name: float) -> None:
    """It is one of the API's rates."""
    assert find_nearest_rate(rate) == name


def test_rates_are_exact() -> None:
    """The rate named 29.97 is 30000/1001."""
    assert FRAME_RATES[29.97] == Fraction(30000, 1001)
