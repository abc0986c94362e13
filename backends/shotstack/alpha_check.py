"""How Shotstack reads luma mattes: one frame is compared with ours, once per version.

The schema of its API says that white is shown, its studio SDK that black is. So the format is a
setting, which the check corrects; where neither fits, Shotstack is not used.
"""

import logging
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel

from backends.links.download import FetchFailed, FetchLimits
from backends.local.video_cli import VideoCli
from backends.rendering.video_info import Reference, VideoInfo, probe_video
from backends.shotstack.assets import OverlayParts
from backends.shotstack.errors import ShotstackFailed
from backends.shotstack.timeline import JsonObject, floor_to_milliseconds
from backends.shotstack.transfer import MAX_DIFFERENCE, download_file
from backends.state_file import JsonStateFile
from settings import RenderingSettings
from video_editing.contract.errors import InputRejected

log = logging.getLogger(__name__)

LUMA_FORMATS = {"luma": "luma-inverted", "luma-inverted": "luma"}  #: each with its opposite
TRIAL_SECONDS = 1.0  #: of the render whose frame is compared
MIN_CONTRAST = 0.03  #: by which the right and the inverted picture must differ to be told apart


class AlphaRecord(BaseModel):
    """The outcome of a check.

    Attributes:
        alpha_format: with which the frame looked right; None with none.
    """

    alpha_format: str | None


class Verdict(StrEnum):
    """What one frame shows."""

    RIGHT = "right"
    INVERTED = "inverted"
    WRONG = "wrong"  #: neither
    UNDECIDED = "undecided"  #: both would look the same


class AlphaCheck:
    """The format of overlays for one account, and whether it was checked.

    A record is valid for one version of this program and one setting.
    """

    def __init__(self, folder: Path, settings: RenderingSettings) -> None:
        """Use the state file in *folder*."""
        self._state_file = JsonStateFile(folder / "alpha.json", AlphaRecord)
        self._configured = settings.alpha_format
        self._key = f"{version('overlaybot')} {settings.stage} {settings.alpha_format}"

    @property
    def alpha_format(self) -> str:
        """The format with which overlays are made."""
        record = self._read()
        return (record and record.alpha_format) or self._configured

    @property
    def is_due(self) -> bool:
        """Whether a frame must be compared before the next render."""
        return self._read() is None

    @property
    def is_disabled(self) -> bool:
        """Whether no format looked right."""
        record = self._read()
        return record is not None and record.alpha_format is None

    def record(self, alpha_format: str | None) -> None:
        """Record the format that looks right; None disables the renderer."""
        with self._state_file.update() as records:
            records[self._key] = AlphaRecord(alpha_format=alpha_format)

    def forget(self) -> None:
        """Compare a frame again before the next render."""
        with self._state_file.update() as records:
            records.pop(self._key, None)

    def _read(self) -> AlphaRecord | None:
        return self._state_file.read().get(self._key)


def cut_trial(edit: JsonObject, parts: OverlayParts) -> tuple[JsonObject, float]:
    """Return *edit* reduced to a second around the reference, and when it is shown in that."""
    start = max(0.0, parts.reference.seconds - TRIAL_SECONDS / 2)
    start = floor_to_milliseconds(min(start, max(0.0, parts.seconds - TRIAL_SECONDS)))
    length = floor_to_milliseconds(min(TRIAL_SECONDS, parts.seconds - start))
    output = edit["output"] | {"range": {"start": start, "length": length}}
    return edit | {"output": output}, parts.reference.seconds - start


async def judge_trial(
    video_cli: VideoCli, renderer: str, path: Path, parts: OverlayParts, seconds: float
) -> Verdict:
    """Compare the frame at *seconds* of the trial's result at *path* with both references.

    Raises:
        ShotstackFailed: it is not a video.
        BackendUnavailable: the child process of *renderer* failed.
    """
    try:
        expected, inverted = [
            await probe_video(
                video_cli,
                renderer,
                path,
                reference=Reference(picture=picture, seconds=seconds, box=parts.box),
            )
            for picture in (parts.reference.expected, parts.reference.inverted)
        ]
    except InputRejected as err:
        raise ShotstackFailed(f"the trial: {err.reason}") from err
    verdict = judge(expected, inverted)
    log.info(
        "a frame of %s is %s: %.3f from ours, %.3f from its inverse, %.3f around it",
        *(renderer, verdict, expected.inside, inverted.inside, expected.outside),
    )
    return verdict


def judge(expected: VideoInfo, inverted: VideoInfo) -> Verdict:
    """Return what a frame shows, from its differences to both references."""
    if max(min(expected.inside, inverted.inside), expected.outside) > MAX_DIFFERENCE:
        return Verdict.WRONG
    if abs(expected.inside - inverted.inside) < MIN_CONTRAST:
        return Verdict.UNDECIDED
    return Verdict.RIGHT if expected.inside < inverted.inside else Verdict.INVERTED


async def download_trial(link: str, path: Path, api_url: str) -> None:
    """Write the trial's result at *link* to *path*.

    Raises:
        ShotstackFailed: the download failed.
        OutputFailed: *path* cannot be written.
    """
    try:
        await download_file(link, path, FetchLimits(), api_url)
    except FetchFailed as err:
        raise ShotstackFailed(f"the trial: {err.reason}") from err
