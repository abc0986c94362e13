"""What tests share: the folder of real clips, when it is there."""

from pathlib import Path

import pytest

MEDIA = Path(__file__).parents[2] / "shared" / "media"


@pytest.fixture(scope="session")
def media() -> Path:
    """The folder of real clips that lies beside the project on the authors' machines."""
    if not MEDIA.is_dir():
        pytest.skip("the real clips (../shared/media) are not here")
    return MEDIA
