"""A bot that dies whenever, also at a chosen commit, and what must come of it.

Every job's result comes. It may come twice if the bot died inside of its send: after Telegram
accepted it, and before the bot recorded that.
"""

import asyncio
import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bot.support.bot_process import BotProcess
from tests.bot.support.conversation import (
    OVER,
    always_true,
    clip,
    ordered,
    result_for,
    results,
    settled,
)
from tests.bot.support.fake_telegram import Call, Telegram, User

PATIENCE = 20.0  #: seconds after a clip or a start, after which nothing will come
GOES_ON = 10.0  #: seconds from the start until a job that was interrupted has its result
RECORD_SECONDS = 0.5  #: at most, from Telegram's acceptance of a result until that is recorded
RECORD = "UPDATE jobs SET result="  #: how the statement begins that records it
SHORT = {"matte": {"seconds": 0.2}, "edit": {"seconds": 0.1}}
KILLS = [(when, number) for number in range(1, 60) for when in ("before", "after")]


def arm(bot: BotProcess, order: str) -> None:
    """Tell the process when to die."""
    assert bot.tools
    path = bot.tools / "armed"
    path.write_text(order)


def disarm(bot: BotProcess) -> int:
    """Let it live; gives how many commits were counted."""
    assert bot.tools
    (bot.tools / "armed").unlink(missing_ok=True)
    commits = bot.tools / "commits"
    counted = len(commits.read_text()) if commits.exists() else 0
    commits.unlink(missing_ok=True)
    return counted


async def commits_of_a_job(bot: BotProcess, user: User) -> int:
    """How many there are from the clip to the result."""
    arm(bot, "never 0")
    await result_for(user, await ordered(user, clip(**SHORT)))
    await user.telegram.quiet()
    return disarm(bot)


@dataclass(frozen=True)
class Death:
    """One death of the bot.

    Attributes:
        at: monotonic time.
        unrecorded: chats with an open job whose delivery is not recorded.
        border: as the bot was told: "before 7"; "" for a kill from outside.
        writing: the statements of the commit at that border.
    """

    at: float
    unrecorded: frozenset[int]
    border: str = ""
    writing: tuple[str, ...] = ()

    def is_inside_send(self, telegram: Telegram, sent: Call) -> bool:
        """Whether the bot could do nothing between the end of *sent* and its death."""
        went_on = [
            call
            for call in telegram.calls.of(chat=sent.chat, since=sent.ended)
            if call.at <= self.at and call.method != "sendChatAction"
        ]
        is_record = not self.border or any(text.startswith(RECORD) for text in self.writing)
        return (
            sent.chat in self.unrecorded
            and is_record
            and not went_on
            and self.at - sent.ended <= RECORD_SECONDS
        )


class Deaths:
    """All deaths of a bot whose users order one job each, and the results that came twice."""

    def __init__(self, telegram: Telegram, bot: BotProcess) -> None:
        self.telegram, self.bot = telegram, bot
        self._all: list[Death] = []

    def kill(self) -> None:
        """Kill the bot."""
        at = time.monotonic()
        self.bot.kill()
        self._all.append(Death(at, self._unrecorded()))

    def note(self, border: str) -> None:
        """Note that the bot died at *border*."""
        assert self.bot.tools
        died = json.loads((self.bot.tools / "died").read_text())
        self._all.append(Death(died["at"], self._unrecorded(), border, tuple(died["writing"])))

    def check(self, users: Sequence[User]) -> str:
        """Fail unless every result came, and once but for deaths inside of a send; give counts."""
        came = {user.chat: results(self.telegram, user.chat) for user in users}
        lost = [chat for chat, calls in came.items() if not calls]
        twice = [pair for calls in came.values() for pair in itertools.pairwise(calls)]
        doubles = [self._describe(*pair) for pair in twice]
        busy = sum(bool(death.unrecorded) for death in self._all)
        text = (
            f"{len(self._all)} kills ({busy} with open jobs), {len(users)} jobs; "
            f"lost: {len(lost)}; doubles: {len(doubles)}"
        )
        text = "; ".join([text, *doubles])
        assert not lost, f"{text}; lost: {lost}"
        assert "unexplained" not in text, text
        return text

    def _describe(self, first: Call, second: Call) -> str:
        """Why the result came again."""
        between = [death for death in self._all if first.at <= death.at < second.at]
        for death in between:
            if death.is_inside_send(self.telegram, first):
                seconds = death.at - first.ended
                return f"{first.chat}: inside a send, {seconds:+.3f} s {death.border}".rstrip()
        after = [(f"{death.at - first.ended:+.3f} s", death.writing) for death in between]
        return f"{first.chat}: unexplained, died after it: {after[:3]}"

    def _unrecorded(self) -> frozenset[int]:
        rows = self.bot.rows("SELECT chat, state, result FROM jobs")
        return frozenset(
            row["chat"] for row in rows if row["result"] is None and row["state"] not in OVER
        )


async def die_at(deaths: Deaths, user: User, order: str) -> None:
    """One job during which the bot dies once, at *order*; waits for its result."""
    telegram, bot, asked = deaths.telegram, deaths.bot, time.monotonic()
    arm(bot, order)
    sent = await user.sends_video(clip(**SHORT))
    pressed = died = False
    while not results(telegram, user.chat) or not pressed:
        if not bot.alive:
            died = True
            await _revive(deaths, order)
            began = time.monotonic()
        cards = [m for m in user.sees("photo", after=sent) if m.buttons]
        if cards and not pressed:
            await user.presses("^make", cards[0])
            pressed = True
        await asyncio.sleep(0.02)
        if time.monotonic() > max(bot.born, asked) + PATIENCE:
            return
    if bot.alive and died:
        assert time.monotonic() - began < GOES_ON + 5, order
    await telegram.quiet()
    if not bot.alive:
        died = True
        await _revive(deaths, order)
        await settled(bot, user)
        await telegram.quiet()
    disarm(bot)
    assert died or len(results(telegram, user.chat)) == 1, f"nobody died at {order}"


async def _revive(deaths: Deaths, order: str) -> None:
    """Start the bot again, which died at *order*."""
    disarm(deaths.bot)
    deaths.bot.kill()
    deaths.note(order)
    await deaths.bot.start().ready()


async def die_at_each(
    telegram: Telegram, bot: BotProcess, kills: Sequence[tuple[str, object]]
) -> str:
    """A job for each way to die; gives what came of them."""
    deaths = Deaths(telegram, bot)
    users = [telegram.user(100 + number) for number in range(len(kills))]
    for user, (when, commit) in zip(users, kills, strict=True):
        await die_at(deaths, user, f"{when} {commit}")
    text = deaths.check(users)
    await always_true(telegram, bot, twice=1)
    return text
