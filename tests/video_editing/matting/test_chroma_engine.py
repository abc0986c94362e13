"""The chroma engine: drawn people in front of uneven screens, with exact alpha."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.make_clips import HD, drawn, make_clip
from tests.support.person_clips import film_of_eileen
from video_editing.contract.engines import EngineOptions
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.style import parse_colour
from video_editing.frames import Matte
from video_editing.matting.chroma_engine import ChromaEngine, find_screen_colour
from video_editing.matting.engines import create_engine
from video_editing.reading.decode import read_frames
from video_editing.reading.probe import Clip, probe

Rgb = NDArray[np.float64]  #: (H, W, 3), 0–1
Alpha = NDArray[np.float64]  #: (H, W), 0–1

WIDTH, HEIGHT = 480, 270
GREEN, BLUE = (0.13, 0.62, 0.24), (0.10, 0.28, 0.72)
SHIRT, SKIN = (0.45, 0.12, 0.15), (0.8, 0.6, 0.5)
Y, X = np.mgrid[:HEIGHT, :WIDTH].astype(float)


def paint_screen(colour: tuple[float, float, float], *, light: float = 0.5) -> Rgb:
    """Return a screen whose lower right corner is darker by *light*, with folds."""
    fall = light * ((X / WIDTH - 0.2) ** 2 + (Y / HEIGHT - 0.2) ** 2)
    shade = 1.1 - fall + 0.02 * np.sin(X / 9)
    return np.clip(shade[..., None] * np.array(colour), 0, 1)


def draw_disc(x: float, y: float, radius: float, softness: float = 2) -> Alpha:
    """Return a disc whose edge is *softness* pixels wide."""
    return np.clip(0.5 - (np.hypot(X - x, Y - y) - radius) / softness, 0, 1)


def draw_person(x: float = 240, softness: float = 2) -> Alpha:
    """Return a head and shoulders that the lower border cuts."""
    return np.maximum(draw_disc(x, 110, 55, softness), draw_disc(x, 300, 130, softness))


def compose(screen: Rgb, alpha: Alpha, shirt: tuple[float, float, float] = SHIRT) -> Rgb:
    """Return a person before *screen*, with a soft shadow to the right."""
    shadow = cv2.GaussianBlur(np.roll(alpha, 30, axis=1), (0, 0), 10)
    colours = np.where((Y < 165)[..., None], SKIN, shirt)
    lit = screen * (1 - 0.35 * shadow[..., None])
    return lit + alpha[..., None] * (colours - lit)


def film(path: Path, pictures: Sequence[Rgb], **options: str) -> Clip:
    """Write *pictures* with the noise of a camera, and return the clip.

    Args:
        path: of the file.
        pictures: its frames.
        options: of the encoder.
    """
    random = np.random.default_rng(0)
    noisy = (p + random.normal(0, 0.01, p.shape) for p in pictures)
    frames = (np.rint(np.clip(p, 0, 1) * 255).astype(np.uint8) for p in noisy)
    return probe(make_clip(path, frames, colours=HD, rate=25, options={"crf": "20"} | options))


def compute_mattes(clip: Clip, start: int = 0, end: int | None = None) -> list[Matte]:
    """Return the mattes of the frames from *start* to *end*, computed with their context only."""
    engine = ChromaEngine(clip)
    end = len(clip.times) if end is None else end
    first, last = max(0, start - engine.context_frames), end + engine.context_frames
    until = clip.times[last] if last < len(clip.times) else None
    found = engine.compute_mattes(read_frames(clip, clip.times[first], until))
    return [matte for _, matte in islice(found, start - first, end - first)]


def compute_matte(path: Path, picture: Rgb) -> Alpha:
    """Return the matte of a clip that shows *picture*, 0–1."""
    return compute_mattes(film(path / "clip.mp4", [picture] * 2))[1] / 255


@pytest.mark.parametrize("colour", [GREEN, BLUE], ids=["green", "blue"])
@pytest.mark.parametrize("softness", [2, 8], ids=["sharp", "blurred"])
def test_alpha_at_the_edge_is_that_of_the_mixture(
    tmp_path: Path, colour: tuple[float, float, float], softness: float
) -> None:
    """Within a tenth, also where the edge is wide."""
    alpha = draw_person(softness=softness)
    matte = compute_matte(tmp_path, compose(paint_screen(colour), alpha))
    edge = (alpha > 0.02) & (alpha < 0.98)
    assert np.abs(matte - alpha)[edge].mean() < 0.1
    assert 0.1 < np.median(matte[edge]) < 0.9


@pytest.mark.parametrize("colour", [GREEN, BLUE], ids=["green", "blue"])
def test_away_from_the_edge_a_matte_is_exact(
    tmp_path: Path, colour: tuple[float, float, float]
) -> None:
    """Uneven light, folds and a shadow are screen; skin and shirt are opaque."""
    alpha = draw_person()
    matte = compute_matte(tmp_path, compose(paint_screen(colour), alpha))
    band = np.ones((13, 13), np.uint8)
    assert not matte[cv2.dilate(alpha, band) == 0].any()
    assert (matte[cv2.erode(alpha, band) == 1] == 1).all()


def test_an_empty_screen_has_an_empty_matte(tmp_path: Path) -> None:
    """Also a dark and noisy one with the shadow of somebody outside the frame."""
    shadow = cv2.GaussianBlur(draw_disc(100, 200, 70), (0, 0), 15)[..., None]
    screen = paint_screen(GREEN, light=0.8) * (1 - 0.5 * shadow)
    clip = film(tmp_path / "clip.mp4", [screen] * 6, crf="30")
    assert not any(matte.any() for matte in compute_mattes(clip))


def test_a_person_who_leaves_leaves_no_trace(tmp_path: Path) -> None:
    """The frame after the last one with a person is empty, bit by bit."""
    screen = paint_screen(GREEN)
    pictures = [compose(screen, draw_person(x)) for x in (100, 60, 20)] + [screen] * 3
    mattes = compute_mattes(film(tmp_path / "clip.mp4", pictures))
    assert [matte.any() for matte in mattes] == [True] * 3 + [False] * 3


def test_fast_motion_leaves_no_trace(tmp_path: Path) -> None:
    """Of a person nearly as bright as the screen, who moves by half a head each frame."""
    people = [draw_person(x) for x in (120, 180, 240)]
    screen, pink = paint_screen(GREEN), (0.75, 0.4, 0.5)
    clip = film(tmp_path / "clip.mp4", [compose(screen, alpha, pink) for alpha in people])
    far = cv2.dilate(people[1], np.ones((13, 13), np.uint8)) == 0
    assert compute_mattes(clip)[1][far].max() < 8


def test_a_clip_in_pieces_gets_the_same_mattes_as_in_one(tmp_path: Path) -> None:
    """Ten segments, each computed with its context only, equal one piece, bit by bit."""
    screen = paint_screen(GREEN)
    pictures = [compose(screen, draw_person(150 + 5 * i)) for i in range(20)]
    clip = film(tmp_path / "clip.mp4", pictures)
    pieces = [m for start in range(0, 20, 2) for m in compute_mattes(clip, start, start + 2)]
    one_piece = compute_mattes(clip)
    assert all(np.array_equal(a, b) for a, b in zip(one_piece, pieces, strict=True))


@pytest.mark.parametrize(
    ("colour", "shirt"),
    [(GREEN, (0.1, 0.5, 0.5)), (GREEN, (0.6, 0.85, 0.7)), (BLUE, (0.25, 0.32, 0.48))],
    ids=["teal on green", "mint on green", "denim on blue"],
)
def test_a_shirt_of_a_similar_colour_has_no_hole(
    tmp_path: Path, colour: tuple[float, float, float], shirt: tuple[float, float, float]
) -> None:
    alpha = draw_person()
    matte = compute_matte(tmp_path, compose(paint_screen(colour), alpha, shirt))
    assert matte[cv2.erode(alpha, np.ones((15, 15), np.uint8)) == 1].min() > 0.9


def test_a_gap_in_a_person_stays_open(tmp_path: Path) -> None:
    """The screen seen between arm and body is no hole that is filled, however small."""
    alpha = draw_person() * (1 - draw_disc(240, 230, 9))
    matte = compute_matte(tmp_path, compose(paint_screen(GREEN), alpha))
    assert matte[226:235, 236:245].max() < 0.1


def test_things_before_the_screen_are_removed(tmp_path: Path) -> None:
    """A stand at the side is too small for a person."""
    picture = compose(paint_screen(GREEN), draw_person())
    picture[60:200, 20:28] = 0.1
    matte = compute_matte(tmp_path, picture)
    assert not matte[:, :60].any()
    assert matte.any()


def test_what_lies_beside_the_screen_is_removed(tmp_path: Path) -> None:
    """The studio on the left and above, whatever it holds."""
    picture = compose(paint_screen(GREEN), draw_person(280))
    clutter = np.random.default_rng(0).uniform(0.1, 0.9, (9, 16, 1)) * [1, 0.8, 0.7]
    studio = (X < 70 + Y / 20) | (Y < 15)
    picture[studio] = cv2.resize(clutter, (WIDTH, HEIGHT))[studio]
    matte = compute_matte(tmp_path, picture)
    assert not matte[studio].any()
    assert matte[110, 280] == 1


def test_a_matte_is_as_small_as_those_of_other_engines(tmp_path: Path) -> None:
    """1280 by 720 is halved."""
    picture = cv2.resize(compose(paint_screen(GREEN), draw_person()), (1280, 720))
    (matte,) = compute_mattes(film(tmp_path / "clip.mp4", [picture]))
    assert matte.shape == (360, 640)


def test_a_shot_without_the_screen_is_shown(tmp_path: Path) -> None:
    """A frame of another scene, which no key frame shows, stays as it is."""
    screens = [compose(paint_screen(GREEN), draw_person())] * 3
    scene = np.broadcast_to(np.array(SKIN), (HEIGHT, WIDTH, 3))
    clip = film(tmp_path / "clip.mp4", [*screens, *[scene] * 2])
    assert len(clip.keyframes) == 1
    assert (compute_mattes(clip)[-1] == 255).all()


def test_a_clip_without_a_screen_is_refused(tmp_path: Path) -> None:
    """By the option's name, before any frame is keyed."""
    clip = probe(film_of_eileen(tmp_path / "clip.mp4"))
    with pytest.raises(InputRejected) as caught:
        create_engine(EngineOptions(engine="chroma"), clip)
    assert caught.value.reason is RejectReason.BAD_OPTION
    assert caught.value.details["option"] == "engine"
    assert "no green or blue screen" in str(caught.value.details["why"])


@pytest.mark.parametrize("colour", [GREEN, BLUE, (0.08, 1.0, 0.04)], ids=["green", "blue", "lime"])
def test_an_obvious_screen_is_found(tmp_path: Path, colour: tuple[float, float, float]) -> None:
    """Its colour is that at the border."""
    clip = film(tmp_path / "clip.mp4", [compose(paint_screen(colour), draw_person())])
    found = find_screen_colour(clip)
    assert found is not None
    painted = parse_colour("#{:02x}{:02x}{:02x}".format(*(round(255 * c) for c in colour)))
    assert max(abs(a - b) for a, b in zip(found, painted, strict=True)) < 20


@pytest.mark.parametrize("colour", ["#00b4a0", "#8a8a3c", "#85b4de", "#7a9a8a"])
def test_a_plain_wall_is_no_obvious_screen(tmp_path: Path, colour: str) -> None:
    """Teal, olive, the pale blue of a sky and grey green."""
    wall = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    clip = film(tmp_path / "clip.mp4", [compose(paint_screen(tuple(wall)), draw_person())])
    assert find_screen_colour(clip) is None


def test_a_screen_at_one_side_of_the_border_is_not_obvious(tmp_path: Path) -> None:
    """The engine takes it, if asked."""
    picture = compose(paint_screen(GREEN), draw_person())
    picture[:, 340:] = 0.5
    clip = film(tmp_path / "clip.mp4", [picture])
    assert find_screen_colour(clip) is None
    assert ChromaEngine(clip)


def test_all_key_frames_must_show_the_screen(tmp_path: Path) -> None:
    """A clip that cuts to another scene is not keyed by itself."""
    frames = [compose(paint_screen(GREEN), draw_person())] * 4
    frames += [p / 255 for p in drawn(4, (WIDTH, HEIGHT))]
    clip = film(tmp_path / "clip.mp4", frames, g="4")
    assert len(clip.keyframes) > 1
    assert find_screen_colour(clip) is None


def test_a_damaged_clip_without_a_key_frame_has_no_screen(tmp_path: Path) -> None:
    """Such clips exist: their first key frame is what was damaged."""
    clip = film(tmp_path / "clip.mp4", [compose(paint_screen(GREEN), draw_person())] * 3)
    assert find_screen_colour(replace(clip, keyframes=(), is_untimed=True)) is None


def test_only_true_screens_among_real_clips_are_found(media: Path) -> None:
    """The keyed man, and the saturated backdrops of talkers, which key well."""
    names = ("clean/*.mp4", "clean/*.mov", "clean/*.mpg", "clean/*.mkv", "bg/*.mp4", "webcam/*.mp4")
    clips = (path for name in names for path in media.glob(name))
    assert {path.stem for path in clips if find_screen_colour(probe(path))} == {
        "greenscreen_man_red_tights_360x640_vfr",
        "grid_bbaf2n",
        "grid_lbbc2a",
        "grid_pwij3p",
    }


def test_finding_a_screen_loads_no_network() -> None:
    """The choice of the engine costs no library that infers."""
    code = (
        "import sys, video_editing.matting.chroma_engine;"
        "print([m for m in sys.modules if m.split('.')[0] in "
        "('ai_edge_litert', 'mediapipe', 'onnxruntime', 'rembg')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
