"""What the bot answers to the editor, and to those who pretend to be one."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession

from bot.web.guards import MAX_BODY_BYTES
from tests.bot.support.conversation import card_of, clip, result_for, words
from tests.bot.support.fake_telegram import TOKEN, Message, User
from tests.bot.support.running_bot import ADMIN, RunningBot
from tests.bot.support.signed_requests import signed
from tests.bot.web.conftest import SITE

LOOK = {
    "shape": "rounded",
    "ring": "gold",
    "ring_width": 0.05,
    "ring_colour": "#00aaff",
    "shadow": 0.5,
    "fade": 0.5,
    "feather": 4,
    "keep_background": False,
    "anchor": "top",
    "offset": [0.125, -0.25],
    "size": 0.4,
    "background": "blur",
    "canvas": "9:16",
    "engine": "auto",
    "sound": {"even_voice": True, "denoise": True, "background_sound": "quiet"},
    "start": 0.5,
    "end": 1.5,
    "cover": 1.25,
}


@pytest.fixture(scope="module")
def house(public_house: RunningBot) -> RunningBot:
    return public_house


@pytest.fixture
def ann(talk: RunningBot) -> User:
    return talk.user()


class Editor:
    """The page of a card, as its owner has it open."""

    def __init__(self, session: ClientSession, card: Message, owner: User) -> None:
        self._session, self.card = session, card
        self.path = "/editor/" + card.button("Editor").page.partition("draft=")[2]
        self.signature = signed(TOKEN, owner.id)

    async def get(self, name: str = "") -> ClientResponse:
        """Ask for the state or a picture."""
        return await self._session.get(self.path + name, headers=self.signature)

    async def make(self, **changes: Any) -> ClientResponse:
        """Press *Make it*."""
        body = LOOK | changes
        return await self._session.post(f"{self.path}/make", json=body, headers=self.signature)


@pytest.fixture
async def editor(talk: RunningBot, ann: User) -> AsyncIterator[Editor]:
    """Of a card of Ann."""
    card = await card_of(ann, await ann.sends_video(clip()))
    async with ClientSession(f"http://127.0.0.1:{talk.bot.port}") as session:
        yield Editor(session, card, ann)


async def test_it_shows_the_cards_choices(editor: Editor, ann: User) -> None:
    """As they are when it is opened."""
    await ann.presses("^shape.*rect", editor.card)
    await ann.presses("^corner.*top-left", editor.card)
    state: dict[str, Any] = {}
    async with asyncio.timeout(5):
        while state.get("look", {}).get("anchor") != "top-left":
            state = await (await editor.get()).json()
    assert state["look"] == LOOK | {
        "shape": "rect",
        "ring": "none",
        "ring_width": 0.02,
        "ring_colour": None,
        "shadow": 0,
        "fade": 0,
        "feather": 0,
        "anchor": "top-left",
        "offset": [0, 0],
        "size": 0.5,
        "background": "navy",
        "canvas": "auto",
        "sound": {"even_voice": False, "denoise": False, "background_sound": "normal"},
        "start": 0,
        "end": None,
        "cover": None,
    }
    assert state["layers"]["clip"] == [64, 64]
    assert not state["has_own"]


async def test_it_begins_with_the_part_that_was_chosen_in_the_chat(
    editor: Editor, ann: User
) -> None:
    """Until its own handles move."""
    await ann.sends_text("0:00.5-0:01.5")
    await ann.gets("text", "0:00.5–0:01.5")
    look = (await (await editor.get()).json())["look"]
    assert (look["start"], look["end"]) == (0.5, 1.5)


async def test_pictures_come_as_webp(editor: Editor) -> None:
    answer = await editor.get("/person.webp")
    assert (answer.status, answer.content_type) == (200, "image/webp")
    assert (await answer.read())[8:12] == b"WEBP"


async def test_what_it_is_trimmed_by_is_made_once(editor: Editor, talk: RunningBot) -> None:
    """When it is asked for."""
    before = len(talk.bot.runs("proxy"))
    answers = await asyncio.gather(*map(editor.get, ("/strip.jpg", "/proxy.mp4", "/proxy.mp4")))
    assert [answer.content_type for answer in answers] == ["image/jpeg", "video/mp4", "video/mp4"]
    assert all([len(await answer.read()) > 500 for answer in answers])
    assert len(talk.bot.runs("proxy")) == before + 1


async def test_layers_that_were_removed_are_drawn_again(editor: Editor, talk: RunningBot) -> None:
    """Once, however many ask for them."""
    (folder,) = (talk.bot.folder / "data" / "drafts").glob(editor.path.rpartition("/")[2])
    for file in (folder / "layers").iterdir():
        file.unlink()
    before = len(talk.bot.runs("preview"))
    answers = await asyncio.gather(
        *(editor.get(name) for name in ("", "/frame.webp", "/person.webp"))
    )
    assert {answer.status for answer in answers} == {200}
    assert len(talk.bot.runs("preview")) == before + 1


async def test_make_it_makes_what_was_sent_and_the_next_card_begins_with_it(
    editor: Editor, ann: User, talk: RunningBot
) -> None:
    """The buttons go, as they do when one of them was pressed."""
    assert await (await editor.make()).json() == {"outcome": "accepted"}
    result = await result_for(ann, editor.card)
    given = words(result.content)
    for word in (
        "--shape=rounded",
        "--position=top",
        "--offset=0.125,-0.25",
        "--size=0.4",
        "--ring=0.05",
        "--ring-color=#00aaff",
        "--shadow=0.5",
        "--fade=0.5",
        "--feather=4.0",
        "--background=blur",
        "--canvas=9:16",
        "--even-voice",
        "--denoise",
        "--background-sound=quiet",
        "--start=0.5",
        "--end=1.5",
    ):
        assert word in given
    assert "--thumbnail-at=0.75" in talk.bot.runs("probe")[-1]["words"]
    assert not editor.card.buttons
    card = await card_of(ann, await ann.sends_video(clip()))
    assert "where you put it" in card.text


async def test_buttons_take_the_place_and_the_size_back(editor: Editor, ann: User) -> None:
    await editor.make()
    await result_for(ann, editor.card)
    card = await card_of(ann, await ann.sends_video(clip()))
    await ann.presses("^corner.*bottom-left", card)
    await ann.presses("^size.*small", card)
    await ann.telegram.until(lambda: "bottom left, small" in card.text, 10, "the card changed")


async def test_a_replayed_order_is_refused(editor: Editor, ann: User, talk: RunningBot) -> None:
    statuses = [(await editor.make()).status for _ in range(3)]
    assert statuses == [200, 409, 409]
    assert (await editor.get()).status == 409
    await result_for(ann, editor.card)
    assert len(talk.bot.rows(f'SELECT id FROM jobs WHERE "user" = {ann.id}')) == 1  # noqa: S608


async def test_a_fourth_job_that_waits_is_refused_in_words(
    editor: Editor, ann: User, talk: RunningBot
) -> None:
    talk.bot.behave(matte={"seconds": 3})
    talk.bot.end_series()
    for _ in range(4):
        await ann.presses("^make", await card_of(ann, await ann.sends_video(clip())))
    await ann.telegram.until(
        lambda: len(talk.bot.rows(f'SELECT id FROM jobs WHERE "user" = {ann.id}')) == 4,  # noqa: S608
        10,
        "four jobs",
    )
    answer = await editor.make()
    assert answer.status == 422
    assert "<" not in (await answer.json())["error"]
    assert editor.card.buttons
    await ann.sends_text("/cancel")


@pytest.mark.parametrize(
    "wrong",
    [
        {"shape": "star"},
        {"offset": [9, 0]},
        {"offset": [0]},
        {"offset": ["x", 0]},
        {"size": 0},
        {"size": 1e9},
        {"size": "NaN"},
        {"shadow": -1},
        {"background": "/etc/passwd"},
        {"background": "file"},
        {"canvas": "3:2"},
        {"engine": "magic"},
        {"ring_width": 9},
        {"ring_colour": "url(x)"},
        {"background": "#12345"},
        {"fade": 99},
        {"feather": -1},
        {"sound": {"volume": 1}},
        {"cover": -1},
        {"start": -1},
        {"start": 1.5},
        {"end": "inf"},
        {"ring": "x" * MAX_BODY_BYTES},
    ],
)
async def test_a_layout_that_is_none_is_refused(editor: Editor, wrong: dict[str, object]) -> None:
    assert (await editor.make(**wrong)).status in {400, 413}
    assert editor.card.buttons


async def test_another_user_sees_and_makes_nothing(editor: Editor, talk: RunningBot) -> None:
    """Not even an admin; as if there were no such draft."""
    for user in (talk.user().id, ADMIN):
        editor.signature = signed(TOKEN, user)
        for name in ("", "/person.webp"):
            assert (await editor.get(name)).status == 404
        assert (await editor.make()).status == 404


async def test_the_clips_own_background_is_kept(editor: Editor, ann: User) -> None:
    """Nobody is cut out then; the card of the result begins with it, and its editor as well."""
    await editor.make(keep_background=True, background="#123456", engine="mediapipe")
    result = await result_for(ann, editor.card)
    given = words(result.content)
    assert "--keep-background " in given
    assert "--background=#123456 " in given
    assert "--matte=" not in given
    await ann.presses("^edit", result)
    card = await card_of(ann, result)
    editor.path = "/editor/" + card.button("Editor").page.partition("draft=")[2]
    look = (await (await editor.get()).json())["look"]
    assert look == LOOK | {
        "keep_background": True,
        "background": "#123456",
        "engine": "mediapipe",
    }
    assert (await editor.get("/frame.webp")).status == 200


async def test_who_asks_too_often_is_slowed_down(editor: Editor) -> None:
    statuses = {(await editor.get()).status for _ in range(60)}
    assert statuses == {200, 429}


async def test_a_card_in_a_group_has_no_button_to_it(talk: RunningBot) -> None:
    """Telegram opens pages from private chats only."""
    (ann,) = talk.telegram.group(-77, talk.user())
    card = await card_of(ann, await ann.sends_video(clip(), caption="@overlay_test_bot"))
    assert not any(button.page for row in card.buttons for button in row)


async def test_the_dashboard_opens_from_backend(talk: RunningBot) -> None:
    admin = talk.telegram.user(ADMIN)
    sent = await admin.sends_text("/backend")
    answer = await admin.gets("text", after=sent)
    assert answer.button("Dashboard").page == f"{SITE}/ops"
