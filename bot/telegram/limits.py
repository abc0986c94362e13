"""Limits of size and length, checked before anything is downloaded."""

import math
from dataclasses import dataclass

from bot.domain.job_request import MediaSource, SourceKind
from bot.domain.outcomes import FailureCode, Rejected

MB = 1_000_000
CLOUD_DOWNLOAD_BYTES = 20 * MB
CLOUD_UPLOAD_BYTES = 50 * MB
LOCAL_UPLOAD_BYTES = 2000 * MB
PHOTO_BYTES = 20 * MB  #: of a background; no camera makes larger photos


@dataclass(frozen=True, slots=True)
class TelegramLimits:
    """The most that this bot accepts and sends, in bytes and seconds.

    Attributes:
        download_bytes: of a file from Telegram; None without a limit.
        upload_bytes: of a file to Telegram.
        clip_seconds: of a clip, from a message or a link.
        link_bytes: of a file behind a link.
        photo_bytes: of a picture for the background.
    """

    download_bytes: int | None = CLOUD_DOWNLOAD_BYTES
    upload_bytes: int = CLOUD_UPLOAD_BYTES
    clip_seconds: float = 600
    link_bytes: int = 500 * MB
    photo_bytes: int = PHOTO_BYTES

    def get_max_bytes(self, kind: SourceKind) -> int | None:
        """Return the most bytes of a file of that *kind*; None without a limit."""
        match kind:
            case SourceKind.LINK:
                return self.link_bytes
            case SourceKind.PHOTO:
                return min(self.photo_bytes, self.download_bytes or self.photo_bytes)
            case _:
                return self.download_bytes


def create_telegram_limits(
    *, is_local: bool, clip_seconds: float = 600, link_mb: int = 500
) -> TelegramLimits:
    """Create the limits that follow from the settings.

    Args:
        is_local: whether a Bot API server in local mode is used, which has higher limits.
        clip_seconds: the longest clip.
        link_mb: the largest file behind a link, in megabytes.
    """
    return TelegramLimits(
        download_bytes=None if is_local else CLOUD_DOWNLOAD_BYTES,
        upload_bytes=LOCAL_UPLOAD_BYTES if is_local else CLOUD_UPLOAD_BYTES,
        clip_seconds=clip_seconds,
        link_bytes=link_mb * MB,
    )


def check_source(source: MediaSource, limits: TelegramLimits) -> Rejected | None:
    """Return why *source* is not accepted, by the size and length that its message states."""
    if source.seconds is not None and source.seconds > limits.clip_seconds:
        details: dict[str, float | str] = {"seconds": source.seconds, "limit": limits.clip_seconds}
        return Rejected(fault=FailureCode.CLIP_TOO_LONG, details=details)
    max_bytes = limits.get_max_bytes(source.kind)
    if max_bytes is not None and source.size is not None and source.size > max_bytes:
        details = describe_sizes(source.size, max_bytes)
        return Rejected(fault=FailureCode.FILE_TOO_BIG, details=details)
    return None


def describe_sizes(size: int, limit: int) -> dict[str, float | str]:
    """Return both in megabytes for a text, rounded so that *size* never reads as within *limit*."""
    return {"size": math.ceil(size / MB * 10) / 10, "limit": limit // MB}
