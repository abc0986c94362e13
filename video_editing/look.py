"""A coarse look over a clip before the work: where is the face, and when is it seen best?

Only key frames are decoded, a few of them, spread evenly: that costs the same for a long clip as
for a short one, where a few frames of every second would cost a quarter of the whole edit.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from video_editing.clip import Clip
from video_editing.decode import glimpses
from video_editing.errors import InputRejected, Reason
from video_editing.face import Face, FaceDetector
from video_editing.frames import Picture, Timed
from video_editing.style import Shape, Style

LOOKS = 12  #: key frames at most


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen.

    Attributes:
        head: the middle of the face, as fractions of the frame: the median over the clip, for
            a person sways and her circle stands still. The frame's own middle without a face.
        best: the key frame with the largest face; the one in the clip's middle without any.
    """

    head: tuple[float, float]
    best: Timed[Picture]


def look(clip: Clip) -> Look:
    """Glance at a few key frames of *clip*.

    Raises:
        InputRejected: CORRUPT, not one of them decodes.
    """
    detector = FaceDetector()
    faces: list[Face] = []
    best: tuple[float, Timed[Picture]] | None = None
    for frame in _glimpses(clip):
        face = detector.largest(frame.what)
        if face is not None:
            faces.append(face)
        height = face.height if face else 0.0
        if best is None or height > best[0]:
            best = height, frame
    if best is None:
        raise InputRejected(Reason.CORRUPT)
    return Look(_head(faces), best[1])


def middle(seen: Look, style: Style) -> tuple[float, float]:
    """Where the middle of *style*'s shape lies, as fractions of the frame."""
    whole = style.shape is Shape.NONE or (style.shape is not Shape.CIRCLE and style.crop == (1, 1))
    return style.centre or ((0.5, 0.5) if whole else seen.head)


def _glimpses(clip: Clip) -> Iterator[Timed[Picture]]:
    """Up to LOOKS key frames, spread evenly, the middle of the clip first."""
    keys = clip.keyframes or clip.times[:1]
    count = min(LOOKS, len(keys))
    spread = [keys[(2 * i + 1) * len(keys) // (2 * count)] for i in range(count)]
    yield from glimpses(clip, sorted(spread, key=lambda key: abs(key - clip.times[-1] // 2)))


def _head(faces: list[Face]) -> tuple[float, float]:
    if not faces:
        return 0.5, 0.5
    return median(face.x for face in faces), median(face.y for face in faces)
