"""Best and Fast: what a user chooses, what the machine can do in time, and what is said of it."""

import json

from tests.bot.support.bot_process import BotProcess
from tests.bot.support.conversation import always_true, card_of, clip, result_for
from tests.bot.support.fake_telegram import Telegram, User
from tests.bot.support.running_bot import Opener


async def open_measured(telegram: Telegram, open_bot: Opener, **speeds: float) -> BotProcess:
    """Start a bot whose machine makes so many frames a second, by engine; 0 if one cannot run."""
    bot = open_bot()
    bot.behave(speed=dict(speeds))
    await bot.start().ready()
    await telegram.until(lambda: read_speeds(bot) == speeds, 10, "the machine is measured")
    return bot


def read_speeds(bot: BotProcess) -> object:
    """What the bot has measured of its processor."""
    file = bot.folder / "data" / "speeds.json"
    return json.loads(file.read_text()).get("local-cpu") if file.exists() else None


async def make_with(user: User, engine: str, content: bytes) -> tuple[str, str]:
    """Order a clip with *engine*; return the card's caption and all that the status said."""
    card = await card_of(user, await user.sends_video(content, seconds=20))
    caption = card.text
    button = f"^engine:.*:{engine}$"
    if card.has(button):
        await user.presses(button, card)
    await user.presses("^make", card)
    status = await user.gets("text", after=card, within=10)
    await result_for(user, card)
    return caption, " ".join([status.text, *(version[2] for version in status.versions)])


async def test_best_is_chosen_where_it_is_fast_enough(telegram: Telegram, open_bot: Opener) -> None:
    """The card says how long each takes, and the mattes are the best engine's."""
    bot = await open_measured(telegram, open_bot, rvm=20.0, mediapipe=100.0)
    caption, said = await make_with(telegram.user(7), "auto", clip())
    assert "Best takes about 30 seconds, Fast about 6 seconds" in caption
    assert "Fast does it" not in said
    assert bot.runs("matte")[-1]["engine"] == "rvm"
    await always_true(telegram, bot)


async def test_fast_is_chosen_by_the_user(telegram: Telegram, open_bot: Opener) -> None:
    """Whatever else would be possible."""
    bot = await open_measured(telegram, open_bot, rvm=20.0, mediapipe=100.0)
    await make_with(telegram.user(7), "mediapipe", clip())
    assert bot.runs("matte")[-1]["engine"] == "mediapipe"


async def test_fast_does_what_best_would_take_too_long_for(
    telegram: Telegram, open_bot: Opener
) -> None:
    """More than three times the clip's length; the status says so, and the video comes."""
    bot = await open_measured(telegram, open_bot, rvm=2.0, mediapipe=100.0)
    slow = clip(matte={"seconds": 3.5})  # so that the status is seen
    _, said = await make_with(telegram.user(7), "auto", slow)
    assert "Best cannot be ready in good time here, so Fast does it" in said
    assert bot.runs("matte")[-1]["engine"] == "mediapipe"


async def test_a_machine_without_weights_works_with_fast(
    telegram: Telegram, open_bot: Opener
) -> None:
    """No time is promised for Best, and the video comes."""
    bot = await open_measured(telegram, open_bot, rvm=0.0, mediapipe=100.0)
    caption, _ = await make_with(telegram.user(7), "auto", clip())
    assert "Best takes" not in caption
    assert bot.runs("matte")[-1]["engine"] == "mediapipe"
