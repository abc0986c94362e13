"""A whole talk with the real program and a real clip."""

import time
from pathlib import Path

import av
import numpy as np
import pytest

from tests.bot.support.conversation import always_true, card_of, ordered, result_for, settled
from tests.bot.support.fake_telegram import Message, Telegram
from tests.bot.support.running_bot import Opener
from tests.support.person_clips import film_of_eileen

NAVY = (0x1D, 0x35, 0x57)
CARD_SECONDS = 2.0  #: for 95 of 100 cards


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of Eileen, with a voice."""
    return film_of_eileen(tmp_path_factory.mktemp("film") / "clip.mp4", 50, tone=440)


def frames(message: Message, folder: Path) -> list[np.ndarray]:
    """The pictures of a video that the bot sent."""
    path = folder / f"{message.id}.mp4"
    path.write_bytes(message.content)
    with av.open(str(path)) as file:
        assert file.streams.audio
        return [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]


async def test_eileen_in_a_circle(
    telegram: Telegram, open_bot: Opener, film: Path, tmp_path: Path
) -> None:
    """`python -m bot` makes the result that the card showed."""
    bot = await open_bot(real=True).start().ready()
    ann = telegram.user(7, "ru")
    card = await ordered(ann, film, within=60)
    status = await ann.gets("text", after=card, button="^cancel")
    result = await result_for(ann, card, within=60)
    pictures = frames(result, tmp_path)
    height, width = pictures[0].shape[:2]
    assert (result.media.width, result.media.height, len(pictures)) == (width, height, 50)
    corner = pictures[20][4, 4].astype(int)
    assert np.abs(corner - NAVY).max() < 12, "the background is the card's"
    circle = pictures[20][int(height * 0.55) :, int(width * 0.55) :].astype(int)
    assert np.abs(circle - NAVY).max(axis=2).mean() > 40, "the person is in the lower right"
    assert len(result.media.thumbnail) < 200_000
    await settled(bot, ann)
    await ann.presses("^again:.*:note$", result)
    began = time.monotonic()
    note = await ann.gets("video_note", after=result, within=60)
    assert note.media.width == 640
    assert time.monotonic() - began < 30
    assert status.deleted or not status.buttons
    await always_true(telegram, bot)
    assert bot.memory() < 250


@pytest.mark.slow
async def test_cards_are_quick_while_a_job_runs(
    telegram: Telegram, open_bot: Opener, tmp_path: Path
) -> None:
    """Of a real 1080p clip, beside a job, 95 of 100 within two seconds."""
    bot = await open_bot(real=True).start().ready()
    film = film_of_eileen(tmp_path / "hd.mp4", 240, side=1080)
    await ordered(telegram.user(7), film, within=60)
    waits = []
    ann = telegram.user(8)
    for _ in range(20):
        began = time.monotonic()
        card = await card_of(ann, await ann.sends_video(film), within=30)
        waits.append((card.edited or card.at) - began)
    assert sorted(waits)[18] < CARD_SECONDS, waits
    await always_true(telegram, bot)
