"""The FFmpeg inside PyAV's wheel, called without importing PyAV."""

import ctypes
from functools import cache
from importlib.util import find_spec
from pathlib import Path


def get_version() -> str:
    """Return the version of FFmpeg; "" where PyAV was built against another one."""
    library = _load_libavutil()
    if library is None:
        return ""
    library.av_version_info.restype = ctypes.c_char_p
    version: bytes = library.av_version_info()
    return version.decode()


def limit_threads(count: int) -> None:
    """Have FFmpeg count so many CPUs, for the pools whose size PyAV does not let us choose.

    Those of a resampler, which each audio encoder has, would have a thread for each core of the
    host. An FFmpeg that PyAV does not bring along is left as it is.
    """
    if library := _load_libavutil():
        library.av_cpu_force_count(count)  # libavutil/cpu.h


@cache
def _load_libavutil() -> ctypes.CDLL | None:
    """Return the library that PyAV loads as well; None where its wheel has none."""
    package = find_spec("av")
    for folder in package.submodule_search_locations or () if package else ():
        for path in Path(folder).parent.glob("av.libs/libavutil-*.so*"):
            return ctypes.CDLL(str(path))
    return None
