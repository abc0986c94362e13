"""How large and how long things may be, and what is refused before a byte of it is fetched."""

import math
from dataclasses import dataclass

from bot.domain.media_source import Kind, Source
from bot.domain.outcomes import Fault, Refused

MB = 1_000_000
CLOUD_DOWNLOAD = 20 * MB
CLOUD_UPLOAD = 50 * MB
LOCAL_UPLOAD = 2000 * MB
PHOTO = 20 * MB  #: of a background; larger ones are not photos that anybody took


@dataclass(frozen=True, slots=True)
class Limits:
    """What this bot takes and gives, in bytes and seconds.

    Attributes:
        download: a file that Telegram hands out; None where it hands out any.
        upload: a file that we send.
        clip_seconds: a clip, however it comes.
        link_bytes: a file behind a link.
        photo_bytes: a picture for the background.
    """

    download: int | None = CLOUD_DOWNLOAD
    upload: int = CLOUD_UPLOAD
    clip_seconds: float = 600
    link_bytes: int = 500 * MB
    photo_bytes: int = PHOTO

    def of_file(self, kind: Kind) -> int | None:
        """The most bytes of a file of that *kind*; None where nothing limits them."""
        match kind:
            case Kind.LINK:
                return self.link_bytes
            case Kind.PHOTO:
                return min(self.photo_bytes, self.download or self.photo_bytes)
            case _:
                return self.download


def limits_of(*, local: bool, clip_seconds: float = 600, link_mb: int = 500) -> Limits:
    """What the settings mean.

    Args:
        local: a Bot API server of one's own, which works on a disk that it shares with us.
        clip_seconds: the longest clip.
        link_mb: the largest file behind a link, in megabytes.
    """
    return Limits(
        download=None if local else CLOUD_DOWNLOAD,
        upload=LOCAL_UPLOAD if local else CLOUD_UPLOAD,
        clip_seconds=clip_seconds,
        link_bytes=link_mb * MB,
    )


def refusal(source: Source, limits: Limits) -> Refused | None:
    """Why *source* is not taken, as far as its message tells; None when it is."""
    if source.seconds is not None and source.seconds > limits.clip_seconds:
        details: dict[str, float | str] = {"seconds": source.seconds, "limit": limits.clip_seconds}
        return Refused(fault=Fault.TOO_LONG_CLIP, details=details)
    most = limits.of_file(source.kind)
    if most is not None and source.size is not None and source.size > most:
        return Refused(fault=Fault.TOO_BIG_FILE, details=sizes(source.size, most))
    return None


def sizes(size: int, limit: int) -> dict[str, float | str]:
    """Both for a text, in megabytes; what is over the limit never reads as if it were within."""
    return {"size": math.ceil(size / MB * 10) / 10, "limit": limit // MB}
