"""Fixtures of all tests: the folder of real clips and the folder of rembg weights."""

import os
from pathlib import Path

import pytest

from tests.support.paths import MEDIA

os.environ["NUMBA_DISABLE_JIT"] = "1"  # as in the product; rembg's import would compile for 40 s


@pytest.fixture(scope="session")
def media() -> Path:
    """The folder of real clips beside the repository; skips the test where it is missing."""
    if not MEDIA.is_dir():
        pytest.skip("the real clips (../shared/media) are missing")
    return MEDIA


@pytest.fixture(scope="session")
def cases(media: Path) -> Path:
    """The folder of files of kinds that once came out wrong; skips the test where it is missing."""
    folder = media.parent / "cases/media"
    if not folder.is_dir():
        pytest.skip("the files of unusual kinds (../shared/cases) are missing")
    return folder


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The empty folder where rembg searches for weights; downloads fail."""
    monkeypatch.setenv("U2NET_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    return tmp_path
