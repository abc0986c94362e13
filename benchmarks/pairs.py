"""Clips with exact alpha: people cut from a screen, composed over moving backgrounds.

    uv run python benchmarks/pairs.py MEDIA_FOLDER OUT_FOLDER

Writes NAME.mp4, H.264 at a constant rate, and NAME.alpha.mkv, FFV1 grey: one frame for each frame
of the clip, of its size. OUT_FOLDER/screens holds the pairs in front of a green or blue screen.

The alpha is exact whatever the key is worth: each picture is composed with the very alpha that is
written. A person's colours are freed of their screen first, so that no rim gives the edge away.
"""

import argparse
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

from video_editing.frames import Picture
from video_editing.pixels import convert_to_rgb
from video_editing.reading.decode import read_frames
from video_editing.reading.probe import probe

Rgb = NDArray[np.float32]  #: (H, W, 3), R'G'B', 0–1
Alpha = NDArray[np.float32]  #: (H, W), 0–1
Cutout = tuple[Rgb, Alpha]
Path2D = Callable[[float], tuple[float, float]]  #: offset in pixels by time in seconds

FRAME_RATE = 25
TIGHTS = "clean/greenscreen_man_red_tights_360x640_vfr.mp4"
WOMAN = "clean/grid_lbbc2a.mpg"
GREY_MAN = "clean/grid_pwij3p.mpg"
RED_SHIRT = "clean/grid_swiz3n.mpg"
ROOFTOPS = "bg/ax_rooftops_360p_sound_noperson.mp4"
PORTRAIT_ROOFTOPS = "awkward/ax_hevc10_editlist_rot_noperson.mp4"
PHONE_ROOFTOPS = "awkward/ax_two_hevc_tracks_rot_vfr_noperson.mp4"
GREEN, BLUE = (0.13, 0.62, 0.24), (0.10, 0.28, 0.72)  #: R'G'B' of painted screens
CORE_ALPHA = 0.5  #: of a pixel that may belong to the person's largest part
SPILL = 0.12  #: share of the screen's light on the person's outline


def stand_still(_: float) -> tuple[float, float]:
    """Return no offset."""
    return 0.0, 0.0


def shake_hand(seconds: float) -> tuple[float, float]:
    """Return the offset of a hand-held camera: slow sway, fast tremor."""
    slow, fast = 2 * np.pi * seconds * 0.4, 2 * np.pi * seconds * 2.7
    return 22 * np.sin(slow) + 1.5 * np.sin(fast), 12 * np.cos(1.3 * slow) + 1.2 * np.cos(fast)


def walk_out_and_back(seconds: float) -> tuple[float, float]:
    """Return the offset of a person who leaves to the right for half a second and returns."""
    distance = np.clip(abs(seconds - 1.5) - 0.25, 0, 0.75) / 0.75
    return 620 * float(1 - distance) ** 1.5, 0.0


@dataclass(frozen=True)
class Figure:
    """A person in a scene.

    Attributes:
        source: of the person, a path in the media folder.
        height: of the source's picture, in parts of the canvas's height.
        left, bottom: place of the source's picture, in parts of the canvas's size.
        is_mirrored: show the mirror image.
        path: moves the person.
    """

    source: str
    height: float = 1.0
    left: float = 0.0
    bottom: float = 1.0
    is_mirrored: bool = False
    path: Path2D = stand_still


@dataclass(frozen=True)
class Scene:
    """A pair to make.

    Attributes:
        figures: the people, the hindmost first.
        background: a path in the media folder, the name of a photograph in `skimage.data`, or
            the colour of a screen.
        size: width and height.
        seconds: length.
        camera: moves people and background.
        pan: moves the background only.
        gamma, gain: of the composed picture.
        noise: standard deviation of the noise of the composed picture.
        crf: quality of the clip; 18 is nearly without loss.
    """

    figures: tuple[Figure, ...]
    background: str | tuple[float, float, float]
    size: tuple[int, int] = (640, 480)
    seconds: float = 2.4
    camera: Path2D = stand_still
    pan: Path2D = stand_still
    gamma: float = 1.0
    gain: float = 1.0
    noise: float = 0.0
    crf: int = 20


SCENES = {
    "tights_rooftops": Scene((Figure(TIGHTS, 1.25, 0.12, 1.15),), ROOFTOPS),
    "tights_portrait_coffee": Scene(
        (Figure(TIGHTS, 1.35, -0.2, 1.2, is_mirrored=True),), "coffee", (480, 640), pan=shake_hand
    ),
    "tights_dark_garage": Scene(
        (Figure(TIGHTS, 1.25, 0.1, 1.15, is_mirrored=True),),
        "stereo_motorcycle",
        pan=shake_hand,
        gamma=1.9,
    ),
    "tights_small_phone": Scene((Figure(TIGHTS, 0.8, 0.55, 1.06),), PHONE_ROOFTOPS),
    "tights_and_woman": Scene(
        (Figure(TIGHTS, 1.1, 0.5, 1.08), Figure(WOMAN, 0.75, -0.08)), ROOFTOPS, (640, 360), 2.8
    ),
    "two_talkers": Scene(
        (Figure(WOMAN, 0.8, -0.05), Figure(GREY_MAN, 0.9, 0.4)), PHONE_ROOFTOPS, (640, 360), 2.8
    ),
    "talker_garage": Scene(
        (Figure(RED_SHIRT, 1.0, 0.03),), "stereo_motorcycle", (600, 480), 2.8, pan=shake_hand
    ),
    "talker_leaves": Scene(
        (Figure(GREY_MAN, 0.9, 0.05, path=walk_out_and_back),), ROOFTOPS, (640, 480), 3.0
    ),
    "talker_swaying": Scene(
        (Figure(WOMAN, 0.85, 0.05, 1.06),), "rocket", (480, 480), camera=shake_hand
    ),
    "tights_dim_noise": Scene(
        (Figure(TIGHTS, 1.3, -0.12, 1.18),), PORTRAIT_ROOFTOPS, (480, 640), gain=0.6, noise=0.025
    ),
}
SCREENS = {
    "tights_green": Scene((Figure(TIGHTS, 1.25, 0.12, 1.15),), GREEN, noise=0.012, crf=24),
    "woman_green": Scene((Figure(WOMAN, 0.9, 0.08),), GREEN, noise=0.012, crf=24),
    "grey_man_blue": Scene((Figure(GREY_MAN, 0.9, 0.08),), BLUE, noise=0.012, crf=24),
}


def main() -> None:
    """Write all pairs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("media", type=Path, metavar="MEDIA_FOLDER")
    parser.add_argument("out", type=Path, metavar="OUT_FOLDER")
    options = parser.parse_args()
    for folder, scenes in ((options.out, SCENES), (options.out / "screens", SCREENS)):
        folder.mkdir(parents=True, exist_ok=True)
        for name, scene in scenes.items():
            print(name, flush=True)
            write_pair(render(scene, options.media), scene, folder / name)


def write_pair(frames: Iterable[Cutout], scene: Scene, path: Path) -> None:
    """Write the clip and the alpha of *frames* beside each other."""
    clip = open_video(path.with_suffix(".mp4"), "libx264", "yuv420p", scene.size)
    exact = open_video(path.with_suffix(".alpha.mkv"), "ffv1", "gray", scene.size)
    clip[1].options = {"crf": str(scene.crf), "preset": "medium"}
    for tick, (picture, alpha) in enumerate(frames):
        rgb = av.VideoFrame.from_ndarray(quantise(picture), "rgb24")
        write(clip, rgb.reformat(format="yuv420p", dst_colorspace="ITU709"), tick)
        write(exact, av.VideoFrame.from_ndarray(quantise(alpha), "gray"), tick)
    for container, stream in (clip, exact):
        container.mux(stream.encode(None))
        container.close()


def open_video(path: Path, codec: str, pixels: str, size: tuple[int, int]) -> tuple[Any, Any]:
    """Return a container in *path* and its only stream."""
    container = av.open(str(path), "w")
    stream: Any = container.add_stream(codec, rate=FRAME_RATE)
    stream.width, stream.height = size
    stream.pix_fmt = pixels
    stream.time_base = Fraction(1, FRAME_RATE)
    stream.codec_context.colorspace = stream.codec_context.color_primaries = 1  # BT.709
    stream.codec_context.color_trc = stream.codec_context.color_range = 1
    return container, stream


def write(target: tuple[Any, Any], frame: av.VideoFrame, tick: int) -> None:
    """Encode *frame* at *tick*."""
    container, stream = target
    frame.pts, frame.time_base = tick, Fraction(1, FRAME_RATE)
    container.mux(stream.encode(frame))


def render(scene: Scene, media: Path) -> Iterator[Cutout]:
    """Yield the pictures of *scene* with their exact alpha."""
    random = np.random.default_rng(0)
    people = [read_cutouts(media / figure.source) for figure in scene.figures]
    behind = read_background(scene, media)
    for tick in range(round(scene.seconds * FRAME_RATE)):
        seconds = tick / FRAME_RATE
        picture, alpha = next(behind), np.zeros(scene.size[::-1], np.float32)
        for figure, person in zip(scene.figures, people, strict=True):
            colours, share = place(next(person), figure, scene, seconds)
            if not isinstance(scene.background, str):
                picture = cast_shadow(picture, share)
                colours = add_spill(colours, share, scene.background)
            picture = picture + share[..., None] * (colours - picture)
            alpha = np.rint((alpha + share * (1 - alpha)) * 255) / np.float32(255)
        picture = scene.gain * np.clip(picture, 0, 1) ** scene.gamma
        yield picture + random.normal(0, scene.noise, picture.shape).astype(np.float32), alpha


def read_background(scene: Scene, media: Path) -> Iterator[Rgb]:
    """Yield the pictures behind the people, filling the canvas."""
    if not isinstance(scene.background, str):
        yield from cycle([light_screen(scene.background, scene.size)])
        return
    if "/" in scene.background:
        pictures: Iterator[Rgb] = (to_rgb(p) for p in loop_clip(media / scene.background))
    else:
        photograph = getattr(data, scene.background)()
        photograph = photograph[0] if isinstance(photograph, tuple) else photograph
        pictures = cycle([photograph.astype(np.float32) / 255])
    for tick, picture in enumerate(pictures):
        seconds = tick / FRAME_RATE
        shift = np.add(scene.pan(seconds), np.multiply(scene.camera(seconds), 0.7))
        yield fill(picture, scene.size, (float(shift[0]), float(shift[1])))


def loop_clip(path: Path) -> Iterator[Picture]:
    """Yield the pictures of a clip, forwards only, again and again."""
    clip = probe(path)
    while True:
        yield from (frame.value for frame in read_frames(clip))


def to_rgb(picture: Picture) -> Rgb:
    """Return *picture* as R'G'B'."""
    return convert_to_rgb(picture, picture.size)


def fill(picture: Rgb, size: tuple[int, int], shift: tuple[float, float]) -> Rgb:
    """Return *picture* enlarged by a sixth over the canvas and moved by *shift*."""
    height, width = picture.shape[:2]
    scale = 7 / 6 * max(size[0] / width, size[1] / height)
    matrix = np.array(
        [
            [scale, 0, (size[0] - scale * width) / 2 + shift[0]],
            [0, scale, (size[1] - scale * height) / 2 + shift[1]],
        ]
    )
    if scale < 1:
        picture = cv2.GaussianBlur(picture, (0, 0), 0.4 / scale)
    return np.asarray(
        cv2.warpAffine(picture, matrix, size, borderMode=cv2.BORDER_REFLECT), np.float32
    )


def place(person: Cutout, figure: Figure, scene: Scene, seconds: float) -> Cutout:
    """Return *person* at its place on the canvas; the alpha in steps of 1/255."""
    colours, alpha = person
    height = alpha.shape[0]
    scale = figure.height * scene.size[1] / height
    moved = np.add(figure.path(seconds), scene.camera(seconds))
    matrix = np.array(
        [
            [scale, 0, figure.left * scene.size[0] + moved[0]],
            [0, scale, figure.bottom * scene.size[1] - scale * height + moved[1]],
        ]
    )
    if figure.is_mirrored:
        colours, alpha = colours[:, ::-1], alpha[:, ::-1]
    mixed = np.ascontiguousarray(np.dstack([colours * alpha[..., None], alpha]))
    mixed = np.asarray(cv2.warpAffine(mixed, matrix, scene.size, flags=cv2.INTER_LINEAR))
    share = mixed[..., 3]
    colours = mixed[..., :3] / np.maximum(share, 1 / 512)[..., None]
    return colours, np.asarray(np.rint(share * 255) / np.float32(255), np.float32)


def light_screen(colour: tuple[float, float, float], size: tuple[int, int]) -> Rgb:
    """Return a screen that one lamp lights from the upper left, with soft folds."""
    x, y = np.meshgrid(np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1]))
    light = 1.15 - 0.45 * ((x - 0.3) ** 2 + (y - 0.2) ** 2) + 0.03 * np.sin(9 * x + 4 * y)
    return np.asarray(np.clip(light[..., None] * colour, 0, 1), np.float32)


def cast_shadow(picture: Rgb, alpha: Alpha) -> Rgb:
    """Return the screen with the soft shadow of a person to the right."""
    height, width = alpha.shape
    matrix = np.array([[1.0, 0, 0.07 * width], [0, 1.0, 0.03 * height]])
    shadow = cv2.warpAffine(alpha, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    shadow = np.asarray(cv2.GaussianBlur(shadow, (0, 0), 0.025 * width), np.float32)
    return picture * (1 - np.float32(0.35) * shadow[..., None])


def add_spill(colours: Rgb, alpha: Alpha, screen: tuple[float, float, float]) -> Rgb:
    """Return a person's colours with light of the *screen* on the outline."""
    inner = cv2.GaussianBlur(alpha, (0, 0), 6)
    outline = np.clip(2 * (1 - inner), 0, 1)[..., None] * np.float32(SPILL)
    return colours + outline * (np.array(screen, np.float32) - 0.5 * colours)


def read_cutouts(path: Path) -> Iterator[Cutout]:
    """Yield the person of a clip in front of a screen, without the screen's colour."""
    clip = probe(path)
    frames = (frame.value for frame in read_frames(clip))
    if clip.rate > FRAME_RATE + 1:  # nearest frames at the pairs' rate
        step = clip.rate / FRAME_RATE
        wanted = {round(step * tick) for tick in range(len(clip.times))}
        frames = (picture for index, picture in enumerate(frames) if index in wanted)
    return (cut_out(picture) for picture in islice(frames, len(clip.times)))


def cut_out(picture: Picture) -> Cutout:
    """Key a person before a screen that has one colour at the border."""
    size = picture.size
    planes = (
        picture.y,
        *(cv2.resize(p, size, interpolation=cv2.INTER_CUBIC) for p in (picture.u, picture.v)),
    )
    colours = np.dstack(planes).astype(np.float32)
    screen = fit_screen(colours)
    weighted = (colours - screen) * np.array([0.3, 1, 1], np.float32)
    distance = np.linalg.norm(weighted, axis=2)
    sure = cv2.erode(np.float32(distance > 40), np.ones((3, 3), np.uint8))
    person = average(colours, sure)
    difference = (person - screen) * np.array([0.3, 1, 1], np.float32)
    share = (weighted * difference).sum(2) / np.maximum((difference**2).sum(2), 100)
    alpha = keep_body(np.clip((share - 0.2) / 0.65, 0, 1).astype(np.float32))
    own = screen + (colours - screen) / np.maximum(alpha, 0.3)[..., None]
    own = np.clip(own, person - 24, person + 24)
    own = np.where(alpha[..., None] > 0.99, colours, own)
    own = np.clip(np.rint(own), 0, 255).astype(np.uint8)
    half = picture.u.shape[::-1]
    u, v = (cv2.resize(own[..., i], half, interpolation=cv2.INTER_AREA) for i in (1, 2))
    return to_rgb(Picture(np.ascontiguousarray(own[..., 0]), np.asarray(u), np.asarray(v))), alpha


def fit_screen(colours: Rgb) -> Rgb:
    """Return the screen's colour at each pixel: a smooth surface through the pixels near it."""
    height, width = colours.shape[:2]
    y, x = np.mgrid[:height, :width] / np.array([height, width]).reshape(2, 1, 1) - 0.5
    # A surface of a higher degree would run away behind the person.
    terms = np.stack([x**i * y**j for i in range(3) for j in range(3 - i)], axis=2)
    known = np.zeros((height, width), bool)
    known[: height // 12] = True
    known[: 3 * height // 4, : width // 20] = known[: 3 * height // 4, -width // 20 :] = True
    for reach in (30, 20, 16):
        rows, values = terms[known][::29], colours[known][::29]
        screen = terms @ np.linalg.lstsq(rows, values, rcond=None)[0]
        weighted = (colours - screen) * np.array([0.3, 1, 1])
        known = np.linalg.norm(weighted, axis=2) < reach
    return np.asarray(screen, np.float32)


def average(colours: Rgb, weight: Alpha) -> Rgb:
    """Return the mean colour of the person around each pixel, from near to far."""
    mean = np.broadcast_to(colours[weight > 0].mean(0), colours.shape)
    for sigma in (40, 12, 4):
        total = cv2.GaussianBlur(colours * weight[..., None], (0, 0), sigma)
        weights = cv2.GaussianBlur(weight, (0, 0), sigma)[..., None]
        mean = (total + 1e-3 * mean) / (weights + 1e-3)
    return np.asarray(mean, np.float32)


def keep_body(alpha: Alpha) -> Alpha:
    """Return *alpha* of the largest part, opaque inside except for true gaps."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((alpha > CORE_ALPHA).astype(np.uint8))
    body = (labels == 1 + stats[1:, cv2.CC_STAT_AREA].argmax()).astype(np.uint8)
    contours, parents = cv2.findContours(body, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    holes = [
        contour
        for contour, (*_, parent) in zip(contours, parents[0], strict=True)
        if parent >= 0 and is_opaque(alpha, contour)
    ]
    inside = cv2.erode(body, np.ones((7, 7), np.uint8), borderValue=1)
    solid = cv2.drawContours(np.maximum(alpha, inside), holes, -1, 1.0, cv2.FILLED)
    near = cv2.dilate(body, np.ones((9, 9), np.uint8))
    return np.asarray(solid * near, np.float32)


def is_opaque(alpha: Alpha, outline: NDArray[np.int32]) -> bool:
    """Return whether a hole is the key's mistake: small, and nowhere the screen's colour."""
    left, top, width, height = cv2.boundingRect(outline)
    hole = alpha[top : top + height, left : left + width]
    return bool(cv2.contourArea(outline) < 0.002 * alpha.size and hole.min() > 0.05)


def quantise(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return *values*, 0–1, in 255 steps."""
    return np.ascontiguousarray(np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8))


if __name__ == "__main__":
    main()
