"""The edit that composes uploaded parts into a video (Edit API, 2024-07).

The parts have their size on the result, so nothing is scaled (``fit: none``), and an overlay is
exactly where our own compositor draws it. It contains its ring, shadow and fade.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor
from typing import Any

#: a track, clip or asset of the API
JsonObject = dict[str, Any]

#: frame rates of the API, by the name that it uses
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
#: of a background video with a voice over it: -15 dB, as our own mix under speech
VOLUME_UNDER_VOICE = 0.178
MAX_LOOPS = 200  #: of a short background video; the body of more would be too large for the API
#: no copy in Shotstack's own hosting, since results are downloaded at once
DESTINATIONS = ({"provider": "shotstack", "exclude": True},)


class TooManyLoops(ValueError):
    """The background video would be repeated more often than :data:`MAX_LOOPS`."""


@dataclass(frozen=True, slots=True)
class OverlayClip:
    """An uploaded overlay.

    Attributes:
        box: left, top, width and height on the result, in pixels; y points down.
        url: of its frames and audio.
        luma: of its luma matte, white for visible; None if the frames have alpha.
        has_sound: whether it has an audio stream.
    """

    box: tuple[int, int, int, int]
    url: str = field(repr=False)
    luma: str | None = field(repr=False)
    has_sound: bool


@dataclass(frozen=True, slots=True)
class BackgroundClip:
    """The background; exactly one of the first three is set.

    Attributes:
        colour: #rrggbb.
        image: address of a picture.
        video: address of a video.
        seconds: length of the video.
        has_sound: whether the video has an audio stream.
    """

    colour: str | None = None
    image: str | None = field(default=None, repr=False)
    video: str | None = field(default=None, repr=False)
    seconds: float = 0
    has_sound: bool = False


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """The properties of the result.

    Attributes:
        width, height: in pixels, even, at most 1920.
        rate: frames a second, one of :data:`FRAME_RATES`.
        seconds: length.
    """

    width: int
    height: int
    rate: float
    seconds: float


def find_nearest_rate(rate: float) -> float:
    """Return the API's name for the frame rate that is nearest to *rate*."""
    return min(FRAME_RATES, key=lambda name: abs(float(FRAME_RATES[name]) - rate))


def build_edit(
    overlays: Sequence[OverlayClip], background: BackgroundClip, output: OutputSpec
) -> JsonObject:
    """Return the body of a render request.

    Args:
        overlays: of one clip, each as long as the result; several are visible one after the
            other, equally long.
        background: behind the overlays.
        output: properties of the result.

    Raises:
        TooManyLoops: the background video is too short.
    """
    has_voice = any(overlay.has_sound for overlay in overlays)
    background_clips = list(_build_background_clips(background, output, has_voice=has_voice))
    # The first track is on top.
    tracks = [{"clips": clips} for clips in _build_overlay_tracks(overlays, output)]
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
    """Yield a track for each overlay, with its part of the time; the cuts are between frames.

    A luma matte masks its entire track, so each overlay has a track of its own.
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
    if overlay.luma is not None:  # a luma matte precedes the clip that it masks
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
    """Round *seconds* down to milliseconds, since no clip may be longer than its asset."""
    return floor(seconds * 1000 + 1e-6) / 1000


def compute_offset(box: tuple[int, int, int, int], output: OutputSpec) -> dict[str, float]:
    """Return the offset of a box from the centre, in fractions of the result; y points up.

    The formula is that of Shotstack's positioning utility (shotstack/positioning-utility, app.js).
    """
    left, top, width, height = box
    return {
        "x": round(((left - output.width / 2) + width / 2) / output.width, 6),
        "y": round(-((top - output.height / 2) + height / 2) / output.height, 6),
    }
