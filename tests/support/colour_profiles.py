"""Colour profiles, written by hand, and the colours that they mean."""

import struct

import numpy as np
from numpy.typing import NDArray

_ADAPTATION = np.array(  # Bradford, from D65 to D50 (ICC.1:2022, annex E)
    [[1.0479, 0.0229, -0.0502], [0.0296, 0.9904, -0.0171], [-0.0092, 0.0151, 0.7519]]
)
_WHITE = np.array([0.95047, 1, 1.08883])  # D65

#: Chromaticities of red, green and blue, and the exponent of the transfer function.
DISPLAY_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), 2.2
ADOBE_RGB = ((0.640, 0.330), (0.210, 0.710), (0.150, 0.060)), 2.2
_SRGB = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)), 2.2

Space = tuple[tuple[tuple[float, float], ...], float]


def make_xyz_matrix(space: Space) -> NDArray[np.float64]:
    """Return the matrix from linear RGB to XYZ under D65, whose columns are the primaries."""
    columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in space[0]]).T
    matrix: NDArray[np.float64] = columns * np.linalg.solve(columns, _WHITE)
    return matrix


def make_profile(space: Space) -> bytes:
    """Return an ICC profile of version 2 with a matrix and one curve (ICC.1:2001-04)."""

    def fixed(*values: float) -> bytes:
        return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))

    matrix = _ADAPTATION @ make_xyz_matrix(space)
    curve = b"curv" + bytes(4) + struct.pack(">IHH", 1, round(space[1] * 256), 0)
    tags = {b"wtpt": b"XYZ " + bytes(4) + fixed(0.9642, 1, 0.8249)}
    for name, column in zip(b"rgb", matrix.T, strict=True):
        tags[bytes([name]) + b"XYZ"] = b"XYZ " + bytes(4) + fixed(*column)
        tags[bytes([name]) + b"TRC"] = curve
    tags[b"desc"] = b"desc" + bytes(4) + struct.pack(">I", 2) + b"x\0" + bytes(78)
    tags[b"cprt"] = b"text" + bytes(4) + b"none"
    table, body, offset = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", offset + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(
        ">I4xI4s4s4s12x4s", offset + len(body), 0x02400000, b"mntr", b"RGB ", b"XYZ ", b"acsp"
    )
    head += bytes(28) + fixed(0.9642, 1, 0.8249)
    return head.ljust(128, b"\0") + table + body


def convert_to_srgb(rgb: NDArray[np.uint8], space: Space) -> NDArray[np.float64]:
    """Return what colours (..., 3) of *space* are in sRGB, 0–255, cut off at its borders."""
    linear = (rgb / 255) ** space[1]
    matrix = np.linalg.solve(make_xyz_matrix(_SRGB), make_xyz_matrix(space))
    light = np.clip(linear @ matrix.T, 0, 1)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(encoded * 255, np.float64)
