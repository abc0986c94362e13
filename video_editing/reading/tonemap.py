"""HDR and wide primaries to SDR of BT.709.

Highlights above paper white are rolled off, and colours outside BT.709 are desaturated; those of
SDR are cut off. Curve and primaries together form one 3D lookup table, which FFmpeg applies.
"""

from collections.abc import Callable

import av
import numpy as np
from numpy.typing import NDArray

from video_editing.concurrency import count_codec_threads
from video_editing.contract.atomic_file import temporary_folder, translate_output_errors

Rgb = NDArray[np.float64]  #: (..., 3)

PQ, HLG = 16, 18  #: transfer characteristics (ITU-T H.273, table 3)

WHITE_NITS = 203.0  #: HDR reference white (ITU-R BT.2408-7, 2.1), which becomes SDR white
PEAK_NITS = 1000.0  #: peak of HLG and of phones' HDR; brighter light is clipped
_LUT_SIZE = 33  #: points per axis of the table; errors stay below one 8-bit step

_LUMINANCE = np.array([0.2627, 0.6780, 0.0593])  # of BT.2020's primaries (ITU-R BT.2020-2)
_BT2020_TO_BT709 = np.array(  # linear light (ITU-R BT.2087-0, annex 2, inverted)
    [
        [1.6605, -0.5876, -0.0728],
        [-0.1246, 1.1329, -0.0083],
        [-0.0182, -0.1006, 1.1187],
    ]
)
_P3_TO_BT709 = np.array(  # linear light, from the chromaticities of SMPTE EG 432-1 under D65
    [
        [1.2249, -0.2249, 0.0],
        [-0.0421, 1.0421, 0.0],
        [-0.0196, -0.0786, 1.0983],
    ]
)
#: By colour primaries (ITU-T H.273, table 2).
_MATRICES_TO_BT709 = {9: _BT2020_TO_BT709, 11: _P3_TO_BT709, 12: _P3_TO_BT709}

_SRGB = 13  #: transfer characteristics of pictures


def is_mapped(transfer: int, primaries: int) -> bool:
    """Return whether frames with these tags (ITU-T H.273) need a `ColourMapper`."""
    return transfer in _DECODERS_BY_TRANSFER or primaries in _MATRICES_TO_BT709


class ColourMapper:
    """Maps R'G'B' frames of HDR or of wide primaries to SDR R'G'B' of BT.709.

    Frames in and out are gbrp16le of one size: with 16 bits FFmpeg's lookup is five times as
    fast as with 8 or 10, for which it has no vector code.
    """

    def __init__(self, transfer: int, primaries: int, size: tuple[int, int]) -> None:
        self._graph = av.filter.Graph()
        self._graph.threads = count_codec_threads()
        with temporary_folder() as folder:
            table = folder / "table.cube"
            with translate_output_errors():
                table.write_text(_format_lut(transfer, primaries))
            source = self._graph.add(
                "buffer", f"video_size={size[0]}x{size[1]}:pix_fmt=gbrp16le:time_base=1/1"
            )
            lut = self._graph.add("lut3d", f"file={table}:interp=tetrahedral")
            self._graph.link_nodes(source, lut, self._graph.add("buffersink")).configure()

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Return *frame* in SDR."""
        self._graph.vpush(frame)
        return self._graph.vpull()


def tone_map(signal: Rgb, transfer: int) -> Rgb:
    """Map HDR R'G'B' of BT.2020 to SDR R'G'B' of BT.709, both (..., 3), 0–1."""
    light = _DECODERS_BY_TRANSFER[transfer](signal)
    luminance = light @ _LUMINANCE
    scale = roll_off(luminance) / np.maximum(luminance, 1e-6)
    rgb = light * scale[..., None] @ _BT2020_TO_BT709.T / WHITE_NITS
    sdr: Rgb = _fit_gamut(rgb) ** (1 / 2.4)  # display gamma (ITU-R BT.1886)
    return sdr


def convert_primaries(signal: Rgb, transfer: int, primaries: int) -> Rgb:
    """Convert SDR R'G'B' of other primaries to BT.709, both (..., 3), 0–1."""
    gamma = 2.2 if transfer == _SRGB else 2.4  # display gamma (ITU-R BT.1886 for video)
    light = signal**gamma @ _MATRICES_TO_BT709[primaries].T
    converted: Rgb = np.clip(light, 0, 1) ** (1 / gamma)
    return converted


def roll_off(nits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map luminance 0 … `PEAK_NITS` to 0 … `WHITE_NITS`: linear, then a shoulder.

    The curve of ITU-R BT.2390-11, 5.4.1, in PQ values relative to the source's peak.
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
    """Return the luminance in nits of a PQ signal 0–1 (SMPTE ST 2084, 5.2)."""
    root = np.maximum(signal, 0) ** (1 / _M2)
    return 10_000 * (np.maximum(root - _C1, 0) / (_C2 - _C3 * root)) ** (1 / _M1)


def encode_pq(nits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the PQ signal 0–1 of a luminance of 0–10,000 nits (SMPTE ST 2084, 5.3)."""
    power = (np.maximum(nits, 0) / 10_000) ** _M1
    return ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2


_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32


def decode_hlg(signal: Rgb) -> Rgb:
    """Return the light in nits of an HLG signal 0–1 at `PEAK_NITS` (ITU-R BT.2100-2, table 5)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    light: Rgb = PEAK_NITS * scene * (scene @ _LUMINANCE)[..., None] ** 0.2
    return light


_DECODERS_BY_TRANSFER: dict[int, Callable[[Rgb], Rgb]] = {PQ: decode_pq, HLG: decode_hlg}


def _fit_gamut(rgb: Rgb) -> Rgb:
    """Desaturate linear BT.709 light towards the grey of its luminance until it fits 0–1."""
    grey = np.clip(rgb @ np.array([0.2126, 0.7152, 0.0722]), 0, 1)[..., None]
    chroma = rgb - grey
    headroom = np.where(chroma > 0, 1 - grey, grey) / np.maximum(np.abs(chroma), 1e-9)
    saturation = np.minimum(1, headroom.min(axis=-1, keepdims=True))
    return np.asarray(np.clip(grey + chroma * saturation, 0, 1), np.float64)


def _format_lut(transfer: int, primaries: int) -> str:
    """Return the lookup table as a .cube file, in which red changes fastest."""
    steps = np.linspace(0, 1, _LUT_SIZE)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    signal = np.stack((red, green, blue), axis=-1)
    mapped = (
        tone_map(signal, transfer)
        if transfer in _DECODERS_BY_TRANSFER
        else convert_primaries(signal, transfer, primaries)
    )
    table = mapped.reshape(-1, 3)
    return f"LUT_3D_SIZE {_LUT_SIZE}\n" + "\n".join(f"{r:.6f} {g:.6f} {b:.6f}" for r, g, b in table)
