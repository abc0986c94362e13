"""The data that stages exchange: pictures, layers, mattes and their presentation times."""

from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]  #: (h, w), one component of a picture
Luma = NDArray[np.uint8]  #: (H, W), 16 black … 235 white
Matte = NDArray[np.uint8]  #: (h, w), 0 background … 255 person
FloatPlane = NDArray[np.float32]  #: (h, w), one component, a matte or a weight for each pixel

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Picture:
    """One upright frame with square pixels: planar Y'CbCr 4:2:0, 8 bit, BT.709, limited range.

    Attributes:
        y: luma, (H, W).
        u, v: chroma Cb and Cr, ((H + 1) // 2, (W + 1) // 2), 128 is grey; sited as in MPEG-2.
    """

    y: Luma
    u: Plane
    v: Plane

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.y.shape[1], self.y.shape[0]


@dataclass(frozen=True, slots=True)
class Layer:
    """A picture with straight alpha: its colours are not multiplied by alpha.

    Attributes:
        picture: the colours; also defined where alpha is 0.
        alpha: (H, W), 0 transparent … 255 opaque.
    """

    picture: Picture
    alpha: Matte


@dataclass(frozen=True, slots=True)
class Timed(Generic[T]):
    """A value and its presentation time.

    Attributes:
        time: in ticks of the clip's timebase from the clip's origin, the start of its video or
            its audio, whichever is earlier; never negative, strictly increasing within a clip.
        value: what is presented at that time.
    """

    time: int
    value: T


FrameMatte = tuple[Timed[Picture], Matte]  #: a frame with its matte, which shows all of it


class Box(NamedTuple):
    """A rectangle in an upright frame, in whole pixels; y increases downwards."""

    left: int
    top: int
    width: int
    height: int
