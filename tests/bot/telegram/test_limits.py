"""What is refused before a byte of it is fetched, and what is not."""

import pytest

from bot.domain.job_request import MediaSource, SourceKind
from bot.domain.outcomes import FailureCode
from bot.telegram.limits import MB, TelegramLimits, check_source, create_telegram_limits

CLOUD, LOCAL = create_telegram_limits(is_local=False), create_telegram_limits(is_local=True)


def video(size: int | None = None, seconds: float | None = None) -> MediaSource:
    return MediaSource(kind=SourceKind.VIDEO, file_id="x", size=size, seconds=seconds)


def test_telegram_hands_out_20_mb_and_takes_50() -> None:
    assert (CLOUD.download_bytes, CLOUD.upload_bytes) == (20 * MB, 50 * MB)


def test_a_server_of_ones_own_hands_out_anything_and_takes_2000_mb() -> None:
    assert (LOCAL.download_bytes, LOCAL.upload_bytes) == (None, 2000 * MB)


def test_settings_limit_clips_and_links() -> None:
    limits = create_telegram_limits(is_local=False, clip_seconds=60, link_mb=7)
    assert (limits.clip_seconds, limits.link_bytes) == (60, 7 * MB)


def test_a_file_at_the_limit_is_taken() -> None:
    assert check_source(video(size=20 * MB, seconds=600), CLOUD) is None


def test_a_file_over_the_limit_is_refused_and_does_not_read_as_if_it_fitted() -> None:
    refused = check_source(video(size=20 * MB + 1), CLOUD)
    assert refused is not None
    assert (refused.fault, refused.details) == (
        FailureCode.FILE_TOO_BIG,
        {"size": 20.1, "limit": 20},
    )


def test_a_large_file_passes_where_the_server_is_ones_own() -> None:
    assert check_source(video(size=1900 * MB), LOCAL) is None


def test_a_long_clip_is_refused_for_its_length_since_no_link_would_help() -> None:
    refused = check_source(video(size=30 * MB, seconds=601), CLOUD)
    assert refused is not None
    assert (refused.fault, refused.details) == (
        FailureCode.CLIP_TOO_LONG,
        {"seconds": 601, "limit": 600},
    )


def test_what_telegram_does_not_tell_is_not_held_against_a_file() -> None:
    assert check_source(video(), CLOUD) is None


def test_a_link_is_looked_at_when_it_is_fetched() -> None:
    assert (
        check_source(MediaSource(kind=SourceKind.LINK, link="https://example.org/a.mp4"), CLOUD)
        is None
    )


@pytest.mark.parametrize("limits", [CLOUD, LOCAL], ids=["cloud", "local"])
def test_a_photo_is_small_wherever_it_comes_from(limits: TelegramLimits) -> None:
    photo = MediaSource(kind=SourceKind.PHOTO, file_id="x", size=21 * MB)
    assert check_source(photo, limits) is not None
