"""The kinds of files that are read: decoders follow from these tables, and texts name them."""

from collections.abc import Sequence
from typing import NamedTuple


class FileKind(NamedTuple):
    """A kind of file.

    Attributes:
        name: as users know it.
        suffixes: of file names, with the dot; files are recognised by their content.
        reader: of a picture Pillow's name of the format, of a video FFmpeg's of its demuxers.
    """

    name: str
    suffixes: tuple[str, ...]
    reader: str


#: taken as backgrounds
PICTURE_KINDS = (
    FileKind("JPEG", (".jpg", ".jpeg"), "JPEG"),
    FileKind("PNG", (".png",), "PNG"),
    FileKind("WebP", (".webp",), "WEBP"),
    FileKind("HEIC", (".heic", ".heif"), "HEIF"),
    FileKind("AVIF", (".avif",), "AVIF"),
    FileKind("TIFF", (".tif", ".tiff"), "TIFF"),
    FileKind("BMP", (".bmp",), "BMP"),
)
#: Taken as clips and as backgrounds: containers that hold their own media. Playlists and scripts
#: (concat, HLS, DASH, SDP, image sequences) make FFmpeg read other files or connect to hosts.
VIDEO_KINDS = (
    FileKind("MP4", (".mp4", ".m4v", ".mpeg4"), "mp4,m4a,mj2"),
    FileKind("MOV", (".mov", ".qt"), "mov"),
    FileKind("WebM", (".webm",), "webm"),
    FileKind("Matroska", (".mkv",), "matroska"),
    FileKind("AVI", (".avi",), "avi"),
    FileKind("MPEG", (".mpg", ".mpeg"), "mpeg"),
    FileKind("MPEG-TS", (".ts", ".mts", ".m2ts"), "mpegts"),
    FileKind("3GP", (".3gp",), "3gp,3g2"),
    FileKind("WMV", (".wmv",), "asf"),
    FileKind("FLV", (".flv",), "flv"),
    FileKind("GIF", (".gif",), "gif"),
)


def list_names(kinds: Sequence[FileKind]) -> str:
    """Return the names of *kinds* for a text in any language."""
    return ", ".join(kind.name for kind in kinds)
