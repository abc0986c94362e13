"""From parts that lie at Shotstack to the edit that puts them together (Edit API, 2024-07).

The parts are as large as they are on the result, so nothing is scaled there (``fit: none``) and
an overlay lies where our own compositor draws it. Its ring, shadow and fade are in it already.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor
from typing import Any

#: a track, clip or asset as the API takes it
JsonObject = dict[str, Any]

#: pictures a second that the API has, by what it calls them
FRAME_RATES: dict[float, Fraction] = {
    float(name): Fraction(rate)
    for name, rate in {
        "12": "12",
        "15": "15",
        "23.976": "24000/1001",
        "24": "24",
        "25": "25",
        "29.97": "30000/1001",
        "30": "30",
        "48": "48",
        "50": "50",
        "59.94": "60000/1001",
        "60": "60",
    }.items()
}
#: of a film behind a voice: 15 dB less, as far as ours goes down while somebody speaks
VOLUME_UNDER_VOICE = 0.178
MAX_LOOPS = 200  #: turns of a short film; more would be a body that nobody takes
#: only what we fetch ourselves: no copy at Shotstack's own hosting
DESTINATIONS = ({"provider": "shotstack", "exclude": True},)


class TooManyLoops(ValueError):
    """The film behind is so short that it would have to be repeated too often."""


@dataclass(frozen=True, slots=True)
class OverlayClip:
    """A person cut out.

    Attributes:
        box: left, top, width and height on the result, in pixels; y runs downwards.
        url: of its pictures and its voice.
        luma: of its matte, white where it is seen; None where the pictures have alpha.
        has_sound: whether it has a voice.
    """

    box: tuple[int, int, int, int]
    url: str = field(repr=False)
    luma: str | None = field(repr=False)
    has_sound: bool


@dataclass(frozen=True, slots=True)
class BackgroundClip:
    """What is behind; exactly one of the first three.

    Attributes:
        colour: #rrggbb.
        image: its address.
        video: its address.
        seconds: the film's length.
        has_sound: whether the film has any.
    """

    colour: str | None = None
    image: str | None = field(default=None, repr=False)
    video: str | None = field(default=None, repr=False)
    seconds: float = 0
    has_sound: bool = False


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """What comes out.

    Attributes:
        width, height: pixels, even, at most 1920.
        rate: pictures a second, one of `RATES`.
        seconds: its length.
    """

    width: int
    height: int
    rate: float
    seconds: float


def find_nearest_rate(rate: float) -> float:
    """The one of `RATES` that is next to *rate*, by what the API calls it."""
    return min(FRAME_RATES, key=lambda name: abs(float(FRAME_RATES[name]) - rate))


def build_edit(
    overlays: Sequence[OverlayClip], background: BackgroundClip, output: OutputSpec
) -> JsonObject:
    """The body of a render.

    Args:
        overlays: of one clip, each as long as the result; several take turns of equal length.
        background: what is behind them.
        output: what comes out.

    Raises:
        TooManyTurns: the film behind is too short.
    """
    tracks = [
        {"clips": clips} for clips in _build_overlay_tracks(overlays, output)
    ]  # the first is the top one
    background_clips = list(
        _build_background_clips(
            background, output, has_voice=any(overlay.has_sound for overlay in overlays)
        )
    )
    if background_clips:
        tracks.append({"clips": background_clips})
    return {
        "timeline": {"background": background.colour or "#000000", "tracks": tracks},
        "output": {
            "format": "mp4",
            "size": {"width": output.width, "height": output.height},
            "fps": output.rate,
            "quality": "high",
            "destinations": list(DESTINATIONS),
        },
    }


def _build_overlay_tracks(
    overlays: Sequence[OverlayClip], output: OutputSpec
) -> Iterator[list[JsonObject]]:
    """The track of each overlay, for its part of the time, cut where the frames are.

    A matte masks all of its track, so each has one of its own.
    """
    rate = float(FRAME_RATES[output.rate])
    frames = round(output.seconds * rate)
    edges = [
        floor_to_milliseconds(frames * i // len(overlays) / rate) for i in range(len(overlays) + 1)
    ]
    for overlay, (start, end) in zip(overlays, pairwise(edges), strict=True):
        if end > start:
            yield list(_build_masked_clips(overlay, start, round(end - start, 3), output))


def _build_masked_clips(
    overlay: OverlayClip, start: float, length: float, output: OutputSpec
) -> Iterator[JsonObject]:
    placement: JsonObject = {
        "start": start,
        "length": length,
        "fit": "none",
        "scale": 1,
        "position": "center",
        "offset": compute_offset(overlay.box, output),
    }
    if overlay.luma is not None:  # a matte comes before what it masks
        yield {"asset": {"type": "luma", "src": overlay.luma, "trim": start}, **placement}
    volume = 1 if overlay.has_sound else 0
    asset = {"type": "video", "src": overlay.url, "trim": start, "volume": volume}
    yield {"asset": asset, **placement}


def _build_background_clips(
    background: BackgroundClip, output: OutputSpec, *, has_voice: bool
) -> Iterator[JsonObject]:
    if background.image is not None:
        asset: JsonObject = {"type": "image", "src": background.image}
        yield {
            "asset": asset,
            "start": 0,
            "length": floor_to_milliseconds(output.seconds),
            "fit": "crop",
        }
    if background.video is None:
        return
    loop_length = floor_to_milliseconds(background.seconds)
    if loop_length <= 0 or ceil(output.seconds / loop_length) > MAX_LOOPS:
        raise TooManyLoops
    volume = (VOLUME_UNDER_VOICE if has_voice else 1) if background.has_sound else 0
    asset = {"type": "video", "src": background.video, "volume": volume, "transcode": True}
    start = 0.0
    while (length := floor_to_milliseconds(min(loop_length, output.seconds - start))) > 0:
        yield {"asset": asset, "start": start, "length": length, "fit": "crop"}
        start = round(start + loop_length, 3)


def floor_to_milliseconds(seconds: float) -> float:
    """*seconds* down to whole milliseconds: no clip may be longer than what it shows."""
    return floor(seconds * 1000 + 1e-6) / 1000


def compute_offset(box: tuple[int, int, int, int], output: OutputSpec) -> dict[str, float]:
    """How far a box lies from the middle, in fractions of the result; y runs upwards.

    The formula is that of Shotstack's positioning utility (shotstack/positioning-utility, app.js).
    """
    left, top, width, height = box
    return {
        "x": round(((left - output.width / 2) + width / 2) / output.width, 6),
        "y": round(-((top - output.height / 2) + height / 2) / output.height, 6),
    }
