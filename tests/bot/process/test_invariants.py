"""What holds at any time: memory, threads, libraries, secrets, pages."""

import json
import re
from pathlib import Path

import pytest

from tests.bot.support.bot_process import CANARIES
from tests.bot.support.conversation import card_of, clip, ordered, result_for
from tests.bot.support.fake_telegram import TOKEN
from tests.bot.support.running_bot import Opener, RunningBot
from video_editing import ffmpeg

MEGABYTES = 250
HEAVY = ("numpy", "/av/", "cv2", "onnxruntime", "mediapipe", "litert", "PIL", "skimage")


async def test_the_process_is_small(talk: RunningBot) -> None:
    """After a talk: its memory, and no library of models or pictures in it."""
    user = talk.user()
    await result_for(user, await ordered(user, clip()))
    assert talk.bot.memory() < MEGABYTES
    maps = Path(f"/proc/{talk.bot.process.pid}/maps").read_text()
    assert [name for name in HEAVY if re.search(rf"{name}\S*\.so", maps)] == []


async def test_its_pages(talk: RunningBot) -> None:
    """It is healthy, ready, and tells its metrics and the version of FFmpeg."""
    assert await talk.bot.asked("/healthz") == 200
    assert await talk.bot.asked("/readyz") == 200
    assert json.loads(await talk.bot.page("/readyz"))["ffmpeg"] == ffmpeg.get_version() != ""
    assert await talk.bot.asked("/nothing") == 404
    assert "# TYPE" in await talk.bot.metrics()


async def test_every_line_of_its_log_is_json(talk: RunningBot) -> None:
    """And none has a secret, though it tells everything it can."""
    user = talk.user()
    await result_for(user, await ordered(user, clip()))
    lines = [line for line in talk.bot.log.splitlines() if line.strip()]
    assert lines
    assert [line for line in lines if not line.startswith("{")] == []


async def test_a_refused_token_is_not_told(open_bot: Opener) -> None:
    """It cannot start, and says so without it."""
    wrong = "4242:canary-wrong-and-secret"
    bot = open_bot(BOT_TOKEN=wrong).start()
    assert await bot.ended(30) != 0
    assert wrong.partition(":")[2] not in bot.log
    assert "BOT_TOKEN" in bot.log


async def test_a_token_is_kept_when_downloads_fail(talk: RunningBot) -> None:
    """Errors of downloads carry addresses, and addresses carry the token; the card comes."""
    user = talk.user()
    fault = talk.telegram.fails("file", status=401)
    await card_of(user, await user.sends_video(clip()))
    assert fault.hit
    for secret in CANARIES:
        assert secret not in talk.bot.log


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BOT_TOKEN", ""),
        ("JOBS_AT_ONCE", "many"),
        pytest.param("BOT_TOKEN", "nonsense", marks=pytest.mark.slow),
        pytest.param("ADMIN_IDS", "x", marks=pytest.mark.slow),
    ],
)
async def test_one_line_names_what_is_wrong(open_bot: Opener, name: str, value: str) -> None:
    """When the settings are."""
    bot = open_bot(real=True, **{name: value}).start()
    assert await bot.ended(30) != 0
    lines = [line for line in bot.log.splitlines() if line.strip()]
    assert len(lines) == 1, lines
    assert name in lines[0]
    assert TOKEN not in lines[0]
