"""HDR to SDR: what is brighter than paper is rolled off, what BT.709 cannot show is desaturated.

The whole map, curve and gamut, is one table of colours that FFmpeg interpolates in.
"""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
from numpy.typing import NDArray

from video_editing.concurrency import count_cpus

Rgb = NDArray[np.float64]  #: (..., 3)

PQ, HLG = 16, 18  #: transfer characteristics as ITU-T H.273, table 3, numbers them

WHITE_NITS = 203.0  #: nits of a sheet of white paper in HDR (ITU-R BT.2408-7, 2.1); SDR's brightest
PEAK_NITS = 1000.0  #: nits to which phones and HLG master; what is brighter becomes plain white
_LUT_SIZE = 33  #: points a side of the table; errors are then below one 8-bit step

_LUMINANCE = np.array([0.2627, 0.6780, 0.0593])  # of BT.2020's primaries (ITU-R BT.2020-2)
_BT2020_TO_BT709 = np.array(  # linear light (ITU-R BT.2087-0, annex 2, inverted)
    [
        [1.6605, -0.5876, -0.0728],
        [-0.1246, 1.1329, -0.0083],
        [-0.0182, -0.1006, 1.1187],
    ]
)


class ToneMapper:
    """Turns frames of BT.2020 R'G'B' with one HDR transfer into BT.709 R'G'B'.

    Frames in and out are gbrp16le, all of one size: with 16 bits FFmpeg looks up five times as
    fast as with 8 or 10, which it has no vector code for.
    """

    def __init__(self, transfer: int, size: tuple[int, int]) -> None:
        self._graph = av.filter.Graph()
        self._graph.threads = min(4, count_cpus())
        with TemporaryDirectory() as folder:
            table = Path(folder) / "table.cube"
            table.write_text(_format_lut(transfer))
            source = self._graph.add(
                "buffer", f"video_size={size[0]}x{size[1]}:pix_fmt=gbrp16le:time_base=1/1"
            )
            lut = self._graph.add("lut3d", f"file={table}:interp=tetrahedral")
            self._graph.link_nodes(source, lut, self._graph.add("buffersink")).configure()

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        """The frame in SDR."""
        self._graph.vpush(frame)
        return self._graph.vpull()


def tone_map(signal: Rgb, transfer: int) -> Rgb:
    """SDR R'G'B' of BT.709 for HDR R'G'B' of BT.2020, both 0–1."""
    light = _DECODERS_BY_TRANSFER[transfer](signal)
    luminance = light @ _LUMINANCE
    scale = roll_off(luminance) / np.maximum(luminance, 1e-6)
    rgb = light * scale[..., None] @ _BT2020_TO_BT709.T / WHITE_NITS
    sdr: Rgb = _fit_gamut(rgb) ** (1 / 2.4)  # a display's gamma (ITU-R BT.1886)
    return sdr


def roll_off(nits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Luminance from 0 … PEAK brought to 0 … WHITE: a straight line, then a shoulder.

    The curve of ITU-R BT.2390-11, 5.4.1, in PQ steps relative to the source's peak.
    """
    white, peak = encode_pq(np.array([WHITE_NITS, PEAK_NITS]))
    white /= peak
    knee = 1.5 * white - 0.5
    e = np.minimum(encode_pq(nits) / peak, 1)
    t = np.clip((e - knee) / (1 - knee), 0, 1)
    shoulder = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (-2 * t**3 + 3 * t**2) * white
    )
    return decode_pq(np.where(e < knee, e, shoulder) * peak)


def decode_pq(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Nits of a PQ signal 0–1 (SMPTE ST 2084, 5.2)."""
    root = np.maximum(signal, 0) ** (1 / _M2)
    return 10_000 * (np.maximum(root - _C1, 0) / (_C2 - _C3 * root)) ** (1 / _M1)


def encode_pq(nits: NDArray[np.float64]) -> NDArray[np.float64]:
    """PQ signal 0–1 of nits 0–10,000 (SMPTE ST 2084, 5.3)."""
    power = (np.maximum(nits, 0) / 10_000) ** _M1
    return ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2


_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32


def decode_hlg(signal: Rgb) -> Rgb:
    """Nits of an HLG signal 0–1 on a display of PEAK nits (ITU-R BT.2100-2, table 5)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    light: Rgb = PEAK_NITS * scene * (scene @ _LUMINANCE)[..., None] ** 0.2
    return light


_DECODERS_BY_TRANSFER: dict[int, Callable[[Rgb], Rgb]] = {PQ: decode_pq, HLG: decode_hlg}


def _fit_gamut(rgb: Rgb) -> Rgb:
    """Linear BT.709 light with each colour drawn to the grey of its luminance until it fits 0–1."""
    grey = np.clip(rgb @ np.array([0.2126, 0.7152, 0.0722]), 0, 1)[..., None]
    away = rgb - grey
    room = np.where(away > 0, 1 - grey, grey) / np.maximum(np.abs(away), 1e-9)
    kept = np.minimum(1, room.min(axis=-1, keepdims=True))
    return np.asarray(np.clip(grey + away * kept, 0, 1), np.float64)


def _format_lut(transfer: int) -> str:
    """The table as FFmpeg reads it: red changes fastest."""
    steps = np.linspace(0, 1, _LUT_SIZE)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    table = tone_map(np.stack((red, green, blue), axis=-1), transfer).reshape(-1, 3)
    return f"LUT_3D_SIZE {_LUT_SIZE}\n" + "\n".join(f"{r:.6f} {g:.6f} {b:.6f}" for r, g, b in table)
