"""Many users at once: each gets an answer soon and a result, and none waits for a greedy one."""

import asyncio
import hashlib
import time
from collections.abc import Iterable, Sequence
from math import ceil
from statistics import mean

import pytest

from bot.domain.draft import MAX_SERIES
from tests.bot.support.bot_process import BotProcess
from tests.bot.support.conversation import always_true, card_of, clip, made_of, results
from tests.bot.support.fake_telegram import Message, Telegram, User
from tests.bot.support.running_bot import Opener

ANSWERED = 1.0  #: seconds to the first word, for 95 of 100
GROWN_MB = 40  #: with a hundred users
RAISED = 1.1  #: what others may wait at most, by what they wait without the greedy one


async def crowd(telegram: Telegram, bot: BotProcess, count: int) -> None:
    """So many people send a clip each in one moment, and press *Make it*."""
    users = [telegram.user(100 + i, "en" if i % 2 else "ru") for i in range(count)]
    began = time.monotonic()
    sent = await asyncio.gather(*(user.sends_video(clip(matte={"seconds": 0.2})) for user in users))
    firsts = await asyncio.gather(
        *(user.gets(after=m, within=60) for user, m in zip(users, sent, strict=True))
    )
    assert late(m.at - began for m in firsts) < ANSWERED
    cards = await asyncio.gather(
        *(card_of(user, m, within=120) for user, m in zip(users, sent, strict=True))
    )
    began = time.monotonic()
    for user, card in zip(users, cards, strict=True):
        await user.presses("^make", card)
    said = await asyncio.gather(
        *(user.gets("text", after=card, within=60) for user, card in zip(users, cards, strict=True))
    )
    assert late(m.at - began for m in said) < ANSWERED
    assert sum("place" in word(m) or any(map(str.isdigit, word(m))) for m in said) > count // 2
    await telegram.until(lambda: len(results(telegram)) == count, 240, "all results")
    for user, message in zip(users, sent, strict=True):
        got = await user.gets("video", after=message)
        assert made_of(got.content)["clip"] == digest(message), "the result of another user"
    await always_true(telegram, bot)


def word(message: Message) -> str:
    """What *message* said first."""
    return (message.versions[0][2] if message.versions else message.text).lower()


def late(seconds: Iterable[float]) -> float:
    """The 95th percentile."""
    ordered_ = sorted(seconds)
    return ordered_[int(len(ordered_) * 0.95)]


def digest(message: Message) -> str:
    """As the stand-in tells it."""
    return hashlib.sha256(message.content).hexdigest()


@pytest.mark.slow
async def test_twenty_people_at_once(telegram: Telegram, open_bot: Opener) -> None:
    """Each gets an answer within a second, a position, and the result of the right clip."""
    await crowd(telegram, await open_bot().start().ready(), 20)


@pytest.mark.slow
async def test_a_hundred_people_at_once(telegram: Telegram, open_bot: Opener) -> None:
    """As above; and memory does not grow with them."""
    bot = await open_bot().start().ready()
    before = bot.memory()
    await crowd(telegram, bot, 100)
    assert bot.memory() - before < GROWN_MB


async def waits(telegram: Telegram, greedy: User, others: Sequence[User], clips: int) -> float:
    """Return how long *others* wait on average beside a user with so many clips."""
    content = {"matte": {"seconds": 0.3}}
    sent = [await greedy.sends_video(clip(**content)) for _ in range(clips)]
    count = ceil(clips / MAX_SERIES)
    await telegram.until(lambda: len(greedy.sees("photo", after=sent[0])) == count, 60, "cards")
    own = greedy.sees("photo", after=sent[0])
    theirs = await asyncio.gather(*(user.sends_video(clip(**content)) for user in others))
    cards = await asyncio.gather(
        *(card_of(user, m, 120) for user, m in zip(others, theirs, strict=True))
    )
    for card in own:
        await greedy.presses("^make", card)
    await telegram.quiet()
    began = time.monotonic()
    for user, card in zip(others, cards, strict=True):
        await user.presses("^make", card)
    done = await asyncio.gather(
        *(
            user.gets("video", after=card, within=120)
            for user, card in zip(others, cards, strict=True)
        )
    )
    return mean(m.at for m in done) - began


@pytest.mark.slow
async def test_a_greedy_user_takes_nothing_from_others(
    telegram: Telegram, open_bot: Opener
) -> None:
    """Fifty clips of one raise the others' wait by less than a tenth; one series is taken."""
    waited = {}
    for clips in (1, 50):
        bot = await open_bot(f"bot{clips}").start().ready()
        greedy, *others = [telegram.user(1000 * clips + i) for i in range(31)]
        waited[clips] = await waits(telegram, greedy, others, clips)
        taken = min(clips, MAX_SERIES)  # of one card
        await telegram.until(
            lambda chat=greedy.chat, count=taken: len(results(telegram, chat)) == count, 60, "all"
        )
        await always_true(telegram, bot)
        bot.kill()
    assert waited[50] < waited[1] * RAISED, waited


def count_drafts(bot: BotProcess) -> int:
    """Return how many drafts there are."""
    return len(bot.rows("SELECT id FROM drafts"))


async def wait_for_card(user: User) -> float:
    """Return the seconds until a user has the card of a clip."""
    began = time.monotonic()
    await card_of(user, await user.sends_video(clip(preview={"seconds": 1})), 120)
    return time.monotonic() - began


@pytest.mark.slow
async def test_many_clips_of_one_user_delay_no_card_of_another(
    telegram: Telegram, open_bot: Opener
) -> None:
    """Twenty, each of which takes long to draw."""
    bot = await open_bot().start().ready()
    greedy, *others = [telegram.user(2000 + i) for i in range(3)]
    alone = await wait_for_card(others[0])
    for number in range(1, 21):
        await greedy.sends_video(clip(preview={"seconds": 8}))
        await telegram.until(lambda count=number: count_drafts(bot) > count, 10, "a draft")
        bot.end_series()
    await asyncio.sleep(1)
    assert await wait_for_card(others[1]) < alone + 2
    bot.kill()
