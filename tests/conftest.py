"""What tests share: the folder of real clips, when it is there, and one for made networks."""

from pathlib import Path

import pytest

from tests.support.paths import MEDIA


@pytest.fixture(scope="session")
def media() -> Path:
    """The folder of real clips that lies beside the project on the authors' machines."""
    if not MEDIA.is_dir():
        pytest.skip("the real clips (../shared/media) are not here")
    return MEDIA


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where rembg looks for weights; it cannot download any."""
    monkeypatch.setenv("U2NET_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    return tmp_path
