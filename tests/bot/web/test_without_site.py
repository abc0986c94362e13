"""A bot without a public address: no button leads nowhere."""

from tests.bot.support.conversation import MAKE, card_of, clip, result_for
from tests.bot.support.running_bot import ADMIN, RunningBot


async def test_no_button_opens_a_page(talk: RunningBot) -> None:
    """On a card, under a result or under /backend; and no layers are drawn for nobody."""
    ann, admin = talk.user(), talk.telegram.user(ADMIN)
    card = await card_of(ann, await ann.sends_video(clip()))
    answer = await admin.gets("text", after=await admin.sends_text("/backend"))
    keyboards = [card.buttons, answer.buttons]
    await ann.presses(MAKE, card)
    keyboards.append((await result_for(ann, card)).buttons)
    for rows in keyboards:
        assert rows
        assert not any(button.page for row in rows for button in row)
    assert not any("--layers" in word for run in talk.bot.runs("preview") for word in run["words"])
