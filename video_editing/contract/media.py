"""The kinds of files that are read: what texts promise, and what the decoder is tested against."""

from typing import NamedTuple


class FileKind(NamedTuple):
    """A kind of file.

    Attributes:
        name: as users know it; of a picture also Pillow's name of the format.
        suffixes: of file names, with the dot.
    """

    name: str
    suffixes: tuple[str, ...]


#: taken as backgrounds
PICTURE_KINDS = (
    FileKind("JPEG", (".jpg", ".jpeg")),
    FileKind("PNG", (".png",)),
    FileKind("WEBP", (".webp",)),
    FileKind("HEIF", (".heic", ".heif")),
    FileKind("AVIF", (".avif",)),
    FileKind("TIFF", (".tif", ".tiff")),
    FileKind("BMP", (".bmp",)),
)
#: taken as clips and as backgrounds
VIDEO_KINDS = (
    FileKind("MP4", (".mp4", ".m4v", ".mpeg4")),
    FileKind("MOV", (".mov", ".qt")),
    FileKind("WebM", (".webm",)),
    FileKind("Matroska", (".mkv",)),
    FileKind("AVI", (".avi",)),
    FileKind("MPEG", (".mpg", ".mpeg")),
    FileKind("MPEG-TS", (".ts", ".mts", ".m2ts")),
    FileKind("3GP", (".3gp",)),
    FileKind("WMV", (".wmv",)),
    FileKind("FLV", (".flv",)),
    FileKind("GIF", (".gif",)),
)
