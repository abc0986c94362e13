"""Cards: one for each draft, drawn again as it changes, or a reason why there is none."""

import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
from aiogram.exceptions import TelegramBadRequest
from aiogram.methods import GetMe

from backends.local.video_cli import DEFAULT_PROGRAM
from bot.domain.draft import CardPage, Draft
from bot.domain.job_request import (
    Appearance,
    BackgroundChoice,
    Destination,
    Language,
    MediaSource,
    OverlaySize,
    Requester,
    RingStyle,
    SourceKind,
)
from bot.domain.outcomes import ChatGone, FailureCode, MessageMissing, Rejected, RetryLater
from bot.telegram.errors import DownloadRejected, TelegramUnavailable
from tests.bot.support.job_runtime import CLIP, Workshop, failure, stand_in, until
from tests.support.make_clips import drawn, make_clip
from video_editing.contract.excerpt import WHOLE_CLIP, Excerpt
from video_editing.contract.style import Shape

PHOTO = MediaSource(kind=SourceKind.PHOTO, file_id="photo")


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Where the stand-in program looks."""
    return tmp_path / "programs"


@pytest.fixture
def workshop(tmp_path: Path, programs: Path) -> Workshop:
    """One with a quick program."""
    return Workshop(tmp_path / "data", stand_in(programs))


async def opened(workshop: Workshop, message: int = 1, user: int = 7, **more: object) -> Draft:
    """A draft with our first words."""
    given: dict[str, object] = {"appearance": Appearance(), "clip": CLIP} | more
    draft = await workshop.drafts.add_message(
        Requester(user, Language.EN),
        Destination(user, reply_to=message),
        **given,  # type: ignore[arg-type]
    )
    assert draft is not None
    note = await workshop.chat.send_text(Destination(7), "looking")
    assert isinstance(note, int)
    await workshop.drafts.set_note(draft.id, note)
    return draft


async def carded(workshop: Workshop, draft: Draft) -> Draft:
    """The draft, once it has a card and our first words are gone."""

    async def there() -> bool:
        now = await workshop.drafts.get(draft.id)
        return now is not None and now.card is not None and bool(workshop.chat.all("delete"))

    await until(there)
    now = await workshop.drafts.get(draft.id)
    assert now is not None
    return now


async def dropped(workshop: Workshop, draft: Draft) -> None:
    """Wait until the draft and its files are no more."""
    folder = workshop.folders.get_draft_folder(draft.id)

    async def gone() -> bool:
        return await workshop.drafts.get(draft.id) is None and not folder.exists()

    await until(gone)


async def test_a_card_takes_the_place_of_our_first_words(workshop: Workshop) -> None:
    """Once, however often it is asked for."""
    async with workshop.open():
        draft = await opened(workshop)
        for _ in range(3):
            workshop.cards.request_card(draft.id)
        await carded(workshop, draft)
        assert len(workshop.chat.all("card")) == 1
        assert len(workshop.chat.all("delete")) == 1
        assert (workshop.folders.get_draft_folder(draft.id) / "clip").exists()


async def test_the_real_program_draws_it(tmp_path: Path) -> None:
    """With everything that a look can ask for."""
    workshop = Workshop(tmp_path / "data", DEFAULT_PROGRAM)
    workshop.files.there["clip"] = make_clip(tmp_path / "clip.mp4", drawn(10)).read_bytes()
    look = Appearance(
        shape=Shape.NONE,
        backdrop=BackgroundChoice(kind="blur"),
        engine="rembg",
        canvas="9:16",
        scale=0.35,
        shadow=0.5,
        fade=0.5,
        feather=3,
        ring=RingStyle.GOLD,
        ring_width=0.04,
        ring_colour="#123456",
    )
    async with workshop.open():
        draft = await opened(workshop, appearance=look)
        await workshop.drafts.set_choices(replace(draft, excerpt=Excerpt(start=0.1, end=0.5)))
        workshop.cards.request_card(draft.id)

        async def ended() -> bool:
            return bool(workshop.chat.all("card")) or bool(workshop.chat.all("edit"))

        await until(ended)
        assert workshop.chat.all("card") or workshop.chat.all("edit")[0]["text"] == failure(
            "no_person"
        )


def refusal() -> TelegramBadRequest:
    """What Telegram says of a picture of 30:1."""
    method = GetMe()
    return TelegramBadRequest(method, "Bad Request: PHOTO_INVALID_DIMENSIONS")


async def test_a_card_that_telegram_refuses_comes_without_its_background(
    workshop: Workshop,
) -> None:
    """The user is told why, and the chat does not freeze."""
    workshop.chat.cards, refused = [refusal()], list[str]()
    workshop.cards.on_refused = refused.append
    workshop.files.there["photo"] = workshop.files.there.get("clip", b"picture")
    backdrop = BackgroundChoice(kind="file", source=PHOTO)
    async with workshop.open():
        draft = await opened(workshop, appearance=Appearance(backdrop=backdrop))
        workshop.cards.request_card(draft.id)
        now = await carded(workshop, draft)
    assert now.look.backdrop.kind == "colour"
    assert refused == ["Bad Request: PHOTO_INVALID_DIMENSIONS"]
    assert failure("bad_background") in [sent["text"] for sent in workshop.chat.all("text")]


@pytest.mark.parametrize(
    ("answer", "code"),
    [(refusal(), "poison"), (Rejected(fault=FailureCode.NO_RIGHTS), "no_rights")],
    ids=["refused", "forbidden"],
)
async def test_a_card_that_cannot_be_sent_is_replaced_by_the_reason(
    workshop: Workshop, answer: TelegramBadRequest | Rejected, code: str
) -> None:
    """In place of our first words."""
    workshop.chat.cards = [answer]
    async with workshop.open():
        draft = await opened(workshop)
        workshop.cards.request_card(draft.id)
        await dropped(workshop, draft)
    assert workshop.chat.all("edit")[-1]["text"] == failure(code)


async def test_an_album_with_a_clip_that_is_too_large_has_one_error(workshop: Workshop) -> None:
    """Its picture is not answered as a picture without a video."""
    large = CLIP.model_copy(update={"size": 10**12})
    async with workshop.open():
        draft = await opened(workshop, clip=None, backgrounds=(PHOTO,), album="a")
        await opened(workshop, 2, clip=large, album="a")
        workshop.cards.request_card(draft.id)
        await dropped(workshop, draft)
    shown = [edit["text"] for edit in workshop.chat.all("edit")]
    assert len(shown) == 1
    assert shown[0].startswith("This file is too big")


async def test_clips_of_an_album_that_cannot_be_used_are_left_out(workshop: Workshop) -> None:
    """Each reason is told once, and the card is of those that are left."""
    broken = CLIP.model_copy(update={"file_id": "broken"})
    large = CLIP.model_copy(update={"size": 10**12})
    workshop.files.there["broken"] = b'{"preview": {"fault": "rejects", "reason": "corrupt"}}\n'
    async with workshop.open():
        draft = await opened(workshop, clip=broken, album="a")
        for message, clip in enumerate((large, CLIP, large, CLIP), 2):
            await opened(workshop, message, clip=clip, album="a")
        workshop.cards.request_card(draft.id)
        now = await carded(workshop, draft)
    assert [clip.message for clip in now.clips] == [3, 5]
    assert now.message == 3
    assert (workshop.folders.get_draft_folder(draft.id) / "clip").read_bytes() == b"a clip"
    told = [sent["text"] for sent in workshop.chat.all("text") if sent["text"] != "looking"]
    assert [line.split("</b>")[0] for line in told] == ["<b>Video 2, 4:", "<b>Video 1:"]


async def test_the_card_shows_what_was_chosen(workshop: Workshop) -> None:
    """The look is the program's arguments; the fine engine is not asked for a card."""
    async with workshop.open():
        draft = await opened(workshop, appearance=Appearance(shape=Shape.RECT, engine="rembg"))
        workshop.cards.request_card(draft.id)
        await carded(workshop, draft)
        (card,) = workshop.chat.all("card")
        assert {"--shape=rect", "--side=960", "--engine=mediapipe"} <= set(card["words"])


async def test_presses_are_merged(workshop: Workshop, programs: Path) -> None:
    """Of ten quick ones few are drawn, the last one in any case."""
    stand_in(programs, preview={"seconds": 0.3})
    async with workshop.open():
        draft = await opened(workshop)
        workshop.cards.request_card(draft.id)
        await carded(workshop, draft)
        for number in range(10):
            size = [OverlaySize.SMALL, OverlaySize.LARGE][number % 2]
            await workshop.drafts.set_appearance(draft.id, Appearance(size=size))
            workshop.cards.request_redraw(draft.id)
            await asyncio.sleep(0.05)

        async def settled() -> bool:
            redrawn = workshop.chat.all("redraw")
            return bool(redrawn) and "--size=0.75" in redrawn[-1]["words"]

        await until(settled)
        await asyncio.sleep(0.6)
        assert len(workshop.chat.all("redraw")) <= 3
        assert "--size=0.75" in workshop.chat.all("redraw")[-1]["words"]


async def test_a_press_at_the_end_of_a_redraw_counts(workshop: Workshop) -> None:
    """One that comes before anything has noticed that the redraw ended."""
    async with workshop.open():
        draft = await opened(workshop)
        workshop.cards.request_card(draft.id)
        await carded(workshop, draft)

        def press() -> None:
            workshop.chat.on_redraw = lambda: None
            asyncio.get_running_loop().call_soon(workshop.cards.request_redraw, draft.id)

        workshop.chat.on_redraw = press
        workshop.cards.request_redraw(draft.id)

        async def redrawn_twice() -> bool:
            return len(workshop.chat.all("redraw")) == 2

        await until(redrawn_twice, 5)


async def test_buttons_that_change_while_the_picture_is_sent_stay(workshop: Workshop) -> None:
    """The page that was turned, and none of a card that was ordered."""
    async with workshop.open():
        draft = await opened(workshop)
        workshop.cards.request_card(draft.id)
        await carded(workshop, draft)
        for number, change in enumerate(
            (
                lambda: workshop.drafts.set_page(draft.id, CardPage.RING),
                lambda: workshop.drafts.mark_used(draft),
            )
        ):
            workshop.chat.on_redraw = change
            workshop.cards.request_redraw(draft.id)

            async def corrected(number: int = number) -> bool:
                return len(workshop.chat.all("keyboard")) == number + 1

            await until(corrected)
        turned, ordered = workshop.chat.all("keyboard")
        assert "Gold" in turned["labels"]
        assert ordered["labels"] == []


async def test_an_album_is_waited_for(workshop: Workshop) -> None:
    """What comes shortly after the first part is on the card."""
    workshop.files.there["photo"] = b"a photo"
    async with workshop.open():
        draft = await opened(workshop, album="a")
        workshop.cards.request_card(draft.id)
        await asyncio.sleep(0.4)
        await workshop.drafts.add_message(
            Requester(7, Language.EN),
            Destination(7, reply_to=2),
            Appearance(),
            clip=None,
            backgrounds=[PHOTO],
            album="a",
        )
        await carded(workshop, draft)
        (card,) = workshop.chat.all("card")
        (behind,) = (word for word in card["words"] if word.startswith("--background="))
        assert Path(behind.removeprefix("--background=")).read_bytes() == b"a photo"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DownloadRejected(FailureCode.FILE_GONE), "gone_file"),
        (ZeroDivisionError("a bug"), "poison"),
    ],
)
async def test_a_clip_that_cannot_be_had(workshop: Workshop, error: Exception, code: str) -> None:
    """Our first words become the reason, and the draft goes with all its files."""
    workshop.files.there["clip"] = error
    async with workshop.open():
        draft = await opened(workshop)
        workshop.cards.request_card(draft.id)
        await dropped(workshop, draft)
        assert [one["text"] for one in workshop.chat.all("edit")] == [failure(code)]


async def test_a_clip_at_fault(workshop: Workshop, programs: Path) -> None:
    """As the command line says; in a new message where our first words are gone."""
    stand_in(programs, preview={"fault": "rejects", "reason": "not_a_video"})
    workshop.chat.edits = [MessageMissing()]
    async with workshop.open():
        draft = await opened(workshop)
        workshop.cards.request_card(draft.id)
        await dropped(workshop, draft)
        assert workshop.chat.ends() == ["looking", failure("not_a_video")]


async def test_pictures_alone_are_no_draft(workshop: Workshop) -> None:
    """An album without a clip is said to be the wrong kind."""
    async with workshop.open():
        draft = await opened(workshop, clip=None, backgrounds=[PHOTO], album="a")
        workshop.cards.request_card(draft.id)
        await dropped(workshop, draft)
        assert workshop.chat.all("edit")[0]["text"] == failure("wrong_kind")


async def test_a_background_at_fault_is_left_out(workshop: Workshop) -> None:
    """Said once; the card goes on with a colour."""
    workshop.files.there["photo"] = DownloadRejected(FailureCode.FILE_GONE)
    async with workshop.open():
        draft = await opened(workshop)
        workshop.cards.request_card(draft.id)
        await carded(workshop, draft)
        await workshop.drafts.add_background(draft.id, PHOTO)
        workshop.cards.request_redraw(draft.id)

        async def redrawn() -> bool:
            return bool(workshop.chat.all("redraw"))

        await until(redrawn)
        now = await workshop.drafts.get(draft.id)
        assert now is not None
        assert now.look.backdrop == BackgroundChoice()
        assert workshop.chat.ends() == ["looking", failure("gone_file")]


async def test_a_part_behind_the_end_is_left_out(workshop: Workshop, programs: Path) -> None:
    """Told once, and the card shows the whole clip again; its length may not have been known."""
    async with workshop.open():
        draft = await opened(workshop)
        workshop.cards.request_card(draft.id)
        await carded(workshop, draft)
        stand_in(programs, preview={"fault": "rejects", "reason": "nothing_left", "times": 2})
        await workshop.drafts.set_choices(replace(draft, excerpt=Excerpt(start=99)))
        workshop.cards.request_redraw(draft.id)

        async def redrawn() -> bool:
            return bool(workshop.chat.all("redraw"))

        await until(redrawn)
        now = await workshop.drafts.get(draft.id)
        assert now is not None
        assert now.excerpt == WHOLE_CLIP
        assert workshop.chat.ends() == ["looking", failure("nothing_left")]


async def test_the_length_of_a_clip_is_stored_where_telegram_does_not_say_it(
    workshop: Workshop,
) -> None:
    """The card and its buttons say it; so is where the face is."""
    async with workshop.open():
        unknown = CLIP.model_copy(update={"seconds": None})
        draft = await opened(workshop, clip=unknown)
        workshop.cards.request_card(draft.id)
        now = await carded(workshop, draft)
        found = {"seconds": 2.0, "centre": (0.5, 0.4)}
        assert now.clip == unknown.model_copy(update=found)
        other = await opened(workshop, 2, clip=CLIP.model_copy(update={"seconds": 9}))
        workshop.cards.request_card(other.id)

        async def there() -> bool:
            return len(workshop.chat.all("card")) == 2

        await until(there)
        latest = await workshop.drafts.get(other.id)
        assert latest
        assert latest.clip
        assert latest.clip.seconds == 9


async def test_a_background_of_an_earlier_clip_may_be_gone(workshop: Workshop) -> None:
    """Said once; the card comes with a colour, and the clip is not refused."""
    workshop.files.there["photo"] = DownloadRejected(FailureCode.FILE_GONE)
    async with workshop.open():
        look = Appearance(backdrop=BackgroundChoice(kind="file", source=PHOTO))
        draft = await opened(workshop, appearance=look)
        workshop.cards.request_card(draft.id)
        now = await carded(workshop, draft)
        assert now.look.backdrop == BackgroundChoice()
        assert failure("bad_background") in workshop.chat.ends()


async def test_telegram_may_be_away(workshop: Workshop) -> None:
    """The clip is fetched and the card sent when it is back."""
    away: list[bytes | Exception] = [TelegramUnavailable(0.1), TelegramUnavailable(0.1), b"a clip"]
    real = workshop.files.fetch

    async def fetch(source: MediaSource, path: Path) -> None:
        workshop.files.there["clip"] = away.pop(0)
        await real(source, path)

    workshop.files.fetch = fetch  # type: ignore[method-assign]
    async with workshop.open():
        draft = await opened(workshop)
        workshop.chat.answers = [RetryLater(seconds=0.1), RetryLater(seconds=0.1)]
        workshop.cards.request_card(draft.id)
        await carded(workshop, draft)
        assert len(workshop.chat.all("card")) == 1


@pytest.mark.parametrize(
    "failure_of_file", [TelegramUnavailable(300), DownloadRejected(FailureCode.FILE_REFUSED)]
)
async def test_a_file_that_telegram_refuses_ends_in_a_sentence(
    workshop: Workshop, failure_of_file: Exception
) -> None:
    """Also if Telegram asks to wait for longer than a user does."""
    workshop.files.there["clip"] = failure_of_file
    async with workshop.open():
        draft = await opened(workshop)
        workshop.cards.request_card(draft.id)
        await dropped(workshop, draft)
        assert [edit["text"] for edit in workshop.chat.all("edit")] == [failure("refused_file")]


async def test_whoever_blocks_us_gets_no_card(workshop: Workshop) -> None:
    """Nothing of the draft is kept."""
    async with workshop.open():
        draft = await opened(workshop)
        workshop.chat.answers = [ChatGone()]
        workshop.cards.request_card(draft.id)
        await dropped(workshop, draft)

        async def cleaned() -> bool:
            return not workshop.folders.get_draft_folder(draft.id).exists()

        await until(cleaned)


async def test_a_card_that_was_deleted_is_sent_again(workshop: Workshop) -> None:
    """A press on one that is not there any more, from another device, makes a new one."""
    async with workshop.open():
        draft = await opened(workshop)
        workshop.cards.request_card(draft.id)
        first = await carded(workshop, draft)
        workshop.chat.edits = [MessageMissing()]
        workshop.cards.request_redraw(draft.id)

        async def again() -> bool:
            return len(workshop.chat.all("card")) == 2

        await until(again)
        await asyncio.sleep(0.1)
        now = await workshop.drafts.get(draft.id)
        assert now is not None
        assert now.card != first.card


async def test_a_card_survives_us(tmp_path: Path, programs: Path) -> None:
    """What was being drawn when we died is drawn by the next."""
    stand_in(programs, preview={"seconds": 20})
    first = Workshop(tmp_path / "data", stand_in(programs, preview={"seconds": 20}))
    async with first.open():
        draft = await opened(first)
        first.cards.request_card(draft.id)
        await asyncio.sleep(0.5)
    second = Workshop(tmp_path / "data", stand_in(programs))
    async with second.open():
        await carded(second, draft)
        assert len(second.chat.all("card")) == 1


async def test_only_so_many_are_drawn_at_once(workshop: Workshop, programs: Path) -> None:
    """Others wait; all are drawn."""
    stand_in(programs, preview={"seconds": 0.4})
    async with workshop.open():
        drafts = [await opened(workshop, message) for message in range(5)]
        for draft in drafts:
            workshop.cards.request_card(draft.id)

        async def all_there() -> bool:
            return len(workshop.chat.all("card")) == 5

        await until(all_there)
        began = sorted(
            json.loads(line)["at"] for line in (programs / "runs.jsonl").read_text().splitlines()
        )
        assert all(began[i + 2] - began[i] > 0.35 for i in range(3))


def preview(seconds: float, number: int) -> bytes:
    """A clip whose card takes so long."""
    return json.dumps({"preview": {"seconds": seconds}, "id": number}).encode() + b"\nfilm"


async def measure_wait(workshop: Workshop, clip: MediaSource = CLIP) -> float:
    """Return how long another user waits for the card of a clip."""
    draft, began = await opened(workshop, user=8, message=99, clip=clip), time.monotonic()
    workshop.cards.request_card(draft.id)
    await carded(workshop, draft)
    return time.monotonic() - began


async def test_many_clips_of_one_user_hold_up_nobody(workshop: Workshop) -> None:
    """The other one's card is drawn next."""
    async with workshop.open():
        for number in range(20):
            workshop.files.there[f"{number}"] = preview(1, number)
            clip = CLIP.model_copy(update={"file_id": f"{number}"})
            workshop.cards.request_card((await opened(workshop, number, clip=clip)).id)
        await asyncio.sleep(0.3)
        assert await measure_wait(workshop) < 2


async def test_slow_links_of_one_user_hold_up_nobody(workshop: Workshop) -> None:
    """One of them is downloaded at a time."""
    workshop.files.there |= {f"http://slow/{number}": b"clip" for number in range(8)}
    workshop.files.there["http://fast"] = b"clip"
    async with workshop.open():
        workshop.files.seconds = 60
        for number in range(8):
            clip = MediaSource(kind=SourceKind.LINK, link=f"http://slow/{number}")
            workshop.cards.request_card((await opened(workshop, number, clip=clip)).id)
        await asyncio.sleep(0.3)
        workshop.files.seconds = 0
        link = MediaSource(kind=SourceKind.LINK, link="http://fast")
        assert await measure_wait(workshop, link) < 2
