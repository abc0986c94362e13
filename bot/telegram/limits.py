"""How large and how long things may be, and what is refused before a byte of it is fetched."""

import math
from dataclasses import dataclass

from bot.domain.media_source import MediaSource, SourceKind
from bot.domain.outcomes import FailureCode, Rejected

MB = 1_000_000
CLOUD_DOWNLOAD_BYTES = 20 * MB
CLOUD_UPLOAD_BYTES = 50 * MB
LOCAL_UPLOAD_BYTES = 2000 * MB
PHOTO_BYTES = 20 * MB  #: of a background; larger ones are not photos that anybody took


@dataclass(frozen=True, slots=True)
class TelegramLimits:
    """What this bot takes and gives, in bytes and seconds.

    Attributes:
        download_bytes: a file that Telegram hands out; None where it hands out any.
        upload_bytes: a file that we send.
        clip_seconds: a clip, however it comes.
        link_bytes: a file behind a link.
        photo_bytes: a picture for the background.
    """

    download_bytes: int | None = CLOUD_DOWNLOAD_BYTES
    upload_bytes: int = CLOUD_UPLOAD_BYTES
    clip_seconds: float = 600
    link_bytes: int = 500 * MB
    photo_bytes: int = PHOTO_BYTES

    def get_max_bytes(self, kind: SourceKind) -> int | None:
        """The most bytes of a file of that *kind*; None where nothing limits them."""
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
    """What the settings mean.

    Args:
        is_local: a Bot API server of one's own, which works on a disk that it shares with us.
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
    """Why *source* is not taken, as far as its message tells; None when it is."""
    if source.seconds is not None and source.seconds > limits.clip_seconds:
        details: dict[str, float | str] = {"seconds": source.seconds, "limit": limits.clip_seconds}
        return Rejected(fault=FailureCode.CLIP_TOO_LONG, details=details)
    most = limits.get_max_bytes(source.kind)
    if most is not None and source.size is not None and source.size > most:
        return Rejected(fault=FailureCode.FILE_TOO_BIG, details=describe_sizes(source.size, most))
    return None


def describe_sizes(size: int, limit: int) -> dict[str, float | str]:
    """Both for a text, in megabytes; what is over the limit never reads as if it were within."""
    return {"size": math.ceil(size / MB * 10) / 10, "limit": limit // MB}
