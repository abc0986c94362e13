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
Json = dict[str, Any]

#: pictures a second that the API has, by what it calls them
RATES: dict[float, Fraction] = {
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
UNDER_VOICE = 0.178
LOOPS = 200  #: turns of a short film; more would be a body that nobody takes
#: only what we fetch ourselves: no copy at Shotstack's own hosting
DESTINATIONS = ({"provider": "shotstack", "exclude": True},)


class TooManyTurns(ValueError):  # noqa: N818
    """The film behind is so short that it would have to be repeated too often."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """A person cut out.

    Attributes:
        box: left, top, width and height on the result, in pixels; y runs downwards.
        url: of its pictures and its voice.
        luma: of its matte, white where it is seen; None where the pictures have alpha.
        sound: whether it has a voice.
    """

    box: tuple[int, int, int, int]
    url: str = field(repr=False)
    luma: str | None = field(repr=False)
    sound: bool


@dataclass(frozen=True, slots=True)
class Backdrop:
    """What is behind; exactly one of the first three.

    Attributes:
        colour: #rrggbb.
        picture: its address.
        film: its address.
        seconds: the film's length.
        sound: whether the film has any.
    """

    colour: str | None = None
    picture: str | None = field(default=None, repr=False)
    film: str | None = field(default=None, repr=False)
    seconds: float = 0
    sound: bool = False


@dataclass(frozen=True, slots=True)
class Output:
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


def nearest_rate(rate: float) -> float:
    """The one of `RATES` that is next to *rate*, by what the API calls it."""
    return min(RATES, key=lambda name: abs(float(RATES[name]) - rate))


def edit(overlays: Sequence[Overlay], backdrop: Backdrop, output: Output) -> Json:
    """The body of a render.

    Args:
        overlays: of one clip, each as long as the result; several take turns of equal length.
        backdrop: what is behind them.
        output: what comes out.

    Raises:
        TooManyTurns: the film behind is too short.
    """
    tracks = [{"clips": clips} for clips in _turns(overlays, output)]  # the first is the top one
    behind = list(_behind(backdrop, output, voice=any(overlay.sound for overlay in overlays)))
    if behind:
        tracks.append({"clips": behind})
    return {
        "timeline": {"background": backdrop.colour or "#000000", "tracks": tracks},
        "output": {
            "format": "mp4",
            "size": {"width": output.width, "height": output.height},
            "fps": output.rate,
            "quality": "high",
            "destinations": list(DESTINATIONS),
        },
    }


def _turns(overlays: Sequence[Overlay], output: Output) -> Iterator[list[Json]]:
    """The track of each overlay, for its part of the time, cut where the frames are.

    A matte masks all of its track, so each has one of its own.
    """
    rate = float(RATES[output.rate])
    frames = round(output.seconds * rate)
    edges = [milliseconds(frames * i // len(overlays) / rate) for i in range(len(overlays) + 1)]
    for overlay, (start, end) in zip(overlays, pairwise(edges), strict=True):
        if end > start:
            yield list(_masked(overlay, start, round(end - start, 3), output))


def _masked(overlay: Overlay, start: float, length: float, output: Output) -> Iterator[Json]:
    place: Json = {
        "start": start,
        "length": length,
        "fit": "none",
        "scale": 1,
        "position": "center",
        "offset": offset(overlay.box, output),
    }
    if overlay.luma is not None:  # a matte comes before what it masks
        yield {"asset": {"type": "luma", "src": overlay.luma, "trim": start}, **place}
    volume = 1 if overlay.sound else 0
    asset = {"type": "video", "src": overlay.url, "trim": start, "volume": volume}
    yield {"asset": asset, **place}


def _behind(backdrop: Backdrop, output: Output, *, voice: bool) -> Iterator[Json]:
    if backdrop.picture is not None:
        asset: Json = {"type": "image", "src": backdrop.picture}
        yield {"asset": asset, "start": 0, "length": milliseconds(output.seconds), "fit": "crop"}
    if backdrop.film is None:
        return
    turn = milliseconds(backdrop.seconds)
    if turn <= 0 or ceil(output.seconds / turn) > LOOPS:
        raise TooManyTurns
    volume = (UNDER_VOICE if voice else 1) if backdrop.sound else 0
    asset = {"type": "video", "src": backdrop.film, "volume": volume, "transcode": True}
    start = 0.0
    while (length := milliseconds(min(turn, output.seconds - start))) > 0:
        yield {"asset": asset, "start": start, "length": length, "fit": "crop"}
        start = round(start + turn, 3)


def milliseconds(seconds: float) -> float:
    """*seconds* down to whole milliseconds: no clip may be longer than what it shows."""
    return floor(seconds * 1000 + 1e-6) / 1000


def offset(box: tuple[int, int, int, int], output: Output) -> dict[str, float]:
    """How far a box lies from the middle, in fractions of the result; y runs upwards.

    The formula is that of Shotstack's positioning utility (shotstack/positioning-utility, app.js).
    """
    left, top, width, height = box
    return {
        "x": round(((left - output.width / 2) + width / 2) / output.width, 6),
        "y": round(-((top - output.height / 2) + height / 2) / output.height, 6),
    }
