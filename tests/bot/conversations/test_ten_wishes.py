"""Ten wishes of a new user: how many messages and presses each takes, and what comes of it."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from tests.bot.support.conversation import card_of, clip, result_for, words
from tests.bot.support.fake_telegram import Message
from tests.bot.support.running_bot import RunningBot


@dataclass(frozen=True)
class Wish:
    """What a user wants.

    Attributes:
        steps: what the user does between the clip and *Make it*: a press, by a part of what the
            button sends; "picture", which is sent; or a text in quotation marks.
        actions: messages and presses from the first message to the video.
        meant: what the program is asked for.
        later: what the user presses under the finished video for another one.
    """

    steps: tuple[str, ...]
    actions: int
    meant: tuple[str, ...]
    later: str = ""


WISHES = {
    "in a circle over a colour": Wish((), 2, ("--background=#1d3557",)),
    "over my picture": Wish(("picture",), 3, ("--background=/",)),
    "over the blurred room": Wish(("^page:.*:background$", "^blur:"), 4, ("--background=blur",)),
    "free, without a shape": Wish(("^shape:.*:none$",), 3, ("--shape=none",)),
    "large, in the lower left": Wish(
        ("^size:.*:large$", "^corner:.*:bottom-left$"),
        4,
        ("--size=0.75", "--position=bottom-left"),
    ),
    "with a white ring": Wish(("^page:.*:ring$", "^ring:.*:white$"), 4, ("--ring=0.02",)),
    "the middle of the clip only": Wish(('"0:01-0:02"',), 3, ("--start=1", "--end=2")),
    "upright, for a story": Wish(
        ("^page:.*:more$", "^page:.*:format$", "^canvas:.*:9x16$"), 5, ("--canvas=9:16",)
    ),
    "with a calm voice": Wish(
        ("^page:.*:more$", "^page:.*:sound$", "^voice:.*:even_voice$"), 5, ("--even-voice",)
    ),
    "as a round note": Wish((), 3, ("--form=note",), later="^again:.*:note$"),
}


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A red one."""
    path = tmp_path / "red.jpg"
    Image.new("RGB", (64, 64), "red").save(path)
    return path


@pytest.mark.parametrize("wish", WISHES.values(), ids=WISHES)
async def test_a_wish(talk: RunningBot, picture: Path, wish: Wish) -> None:
    """The plain one takes two actions, and none more than five."""
    user, card, actions = talk.user(), None, 0

    async def acts(step: str, message: Message) -> None:
        nonlocal actions
        actions += 1
        if step == "picture":
            await user.gets("text", after=await user.sends_photo(picture))
        elif step.startswith('"'):
            await user.gets("text", after=await user.sends_text(step.strip('"')))
        else:
            await talk.telegram.until(lambda: message.has(step), 10, f"a button {step}")
            await (await user.presses(step, message)).answered()

    sent = await user.sends_video(clip(), seconds=9)
    actions += 1
    card = await card_of(user, sent)
    for step in wish.steps:
        await acts(step, card)
    await acts("^make", card)
    result = await result_for(user, card)
    if wish.later:
        await acts(wish.later, result)
        result = await user.gets("video_note", after=result, within=20)
    made = words(result.content)
    assert [option for option in wish.meant if option not in made] == [], made
    assert actions == wish.actions <= 5
