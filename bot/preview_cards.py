"""The cards: a picture of what would be made, with buttons to change it."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from aiogram.exceptions import TelegramAPIError

from backends.local.video_cli import Command
from backends.rendering.base import background_argument, style_arguments
from bot.database.drafts import Draft, Drafts
from bot.domain.appearance import Backdrop
from bot.domain.media_source import Kind
from bot.domain.outcomes import Fault, Gone, Later, Missing, Refused
from bot.jobs.retry_policy import refused
from bot.jobs.stages import Fetching, behind
from bot.jobs.workspace import CARD, CLIP, Folders, background, remove
from bot.telegram.errors import TelegramAway, Unfetched
from bot.telegram.messenger import Buttons, Voice, Words
from bot.ui.captions import card_caption
from video_editing.contract.atomic_file import output_errors
from video_editing.contract.errors import InputRejected, OutputFailed, Reason
from video_editing.contract.progress import unreported

log = logging.getLogger(__name__)

QUIET_SECONDS = 0.7  #: after which nothing more of an album is to come
SIDE = 960  #: pixels of a card's longer side at most
ATTEMPTS = 3  #: at a picture, before its user is told
PAUSE_SECONDS = 1.0  #: between them
TRIES = 5  #: at a card, when what breaks is ours
FETCHES = 8  #: side by side
RESUMED_SECONDS = 86400.0  #: after which nobody waits for a card any more

T = TypeVar("T")


class Cards:
    """Draws a card for each draft, and draws it again for each press.

    What is to be done is in the drafts: one without a card is begun again at the next start.
    """

    def __init__(
        self,
        drafts: Drafts,
        downloads: Fetching,
        command: Command,
        folders: Folders,
        sending: Voice,
        texts: Words,
        buttons: Buttons,
        *,
        at_once: int = 2,
        pause: float = PAUSE_SECONDS,
    ) -> None:
        """Know who does what.

        Args:
            drafts: where drafts are kept.
            downloads: where clips come from.
            command: of this machine, not standing back: people wait for it now.
            folders: where files lie.
            sending: the way to people.
            texts: in their languages.
            buttons: what is under cards.
            at_once: how many are drawn side by side.
            pause: seconds after a first attempt that failed; longer after each further one.
        """
        self._drafts, self._downloads = drafts, downloads
        self._command, self._folders = command, folders
        self._sending, self._texts, self._buttons = sending, texts, buttons
        self._pause = pause
        self._hands = asyncio.Semaphore(at_once)
        # Links may take minutes, and keep nobody from files of Telegram's, which take seconds.
        self._following = asyncio.Semaphore(FETCHES)
        self._receiving = asyncio.Semaphore(FETCHES)
        self._making: dict[str, asyncio.Task[None]] = {}
        self._redrawing: dict[str, asyncio.Task[None]] = {}
        self._changed: set[str] = set()

    def make(self, draft_id: str) -> None:
        """Have the card of a draft made; asking twice changes nothing."""
        self._do(self._making, draft_id, self._made)

    def renew(self, draft_id: str) -> None:
        """Have the card drawn again soon; what changes meanwhile is drawn with it."""
        self._changed.add(draft_id)
        self._do(self._redrawing, draft_id, self._redraw)

    async def resume(self) -> None:
        """Make the cards that were being made when we died, or not even begun."""
        for draft_id in await self._drafts.without_card(since=time.time() - RESUMED_SECONDS):
            self.make(draft_id)

    async def stop(self) -> None:
        """Draw nothing more; who comes after us goes on with what is not there."""
        tasks = [*self._redrawing.values(), *self._making.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _do(
        self,
        doing: dict[str, asyncio.Task[None]],
        draft_id: str,
        work: Callable[[str], Coroutine[Any, Any, None]],
    ) -> None:
        """Do *work* beside, unless it is being done."""
        if draft_id not in doing:
            doing[draft_id] = task = asyncio.create_task(work(draft_id))
            task.add_done_callback(lambda _: doing.pop(draft_id, None))

    async def _made(self, draft_id: str) -> None:
        """One card, or the reason why there is none; faults of the database are outwaited."""
        for attempt in range(1, TRIES + 1):
            try:
                await self._shown(draft_id)
            except Exception:
                log.exception("attempt %s to make a card failed", attempt)
                await asyncio.sleep(self._pause * attempt)
            else:
                return

    async def _shown(self, draft_id: str) -> None:
        """Send the card in the place of our first words, or say what is wrong with the clip."""
        draft = await self._settled(draft_id)
        if draft is None or draft.card is not None or draft.used:
            return
        draft, picture = await self._first(draft)
        if isinstance(picture, Refused):
            await self._refuse(draft_id, picture)
            return
        sent: int | Gone = await _persistently(lambda: self._send(draft, picture))
        if isinstance(sent, Gone):
            await self._drop(draft_id)
            return
        await self._drafts.carded(draft_id, sent)
        await self._after(draft)

    async def _first(self, draft: Draft) -> tuple[Draft, Path | Refused]:
        """The first picture; a background that she had for an earlier clip may be gone by now."""
        if draft.clip is None:  # an album of pictures
            return draft, Refused(fault=Fault.WRONG_KIND)
        picture = await self._drawn(draft)
        file = draft.look.backdrop.source
        if isinstance(picture, Path) or file is None or file in draft.backgrounds:
            return draft, picture
        plain = draft.look.model_copy(update={"backdrop": Backdrop()})
        draft = await self._drafts.change(draft.id, plain)
        picture = await self._drawn(draft)
        if isinstance(picture, Path):
            text = self._texts.fault(draft.language, Reason.BAD_BACKGROUND, {})
            await self._sending.text(draft.chat, text, topic=draft.topic, reply_to=draft.message)
        return draft, picture

    async def _refuse(self, draft_id: str, why: Refused) -> None:
        """Say what is wrong in the place of our first words, and forget the draft."""
        draft = await self._drafts.get(draft_id)
        if draft is None:
            return
        text = self._texts.fault(draft.language, why.fault, why.details)
        await _persistently(lambda: self._say_instead(draft, text))
        await self._drop(draft_id)

    async def _settled(self, draft_id: str) -> Draft | None:
        """The draft, with all that an album has brought."""
        draft = await self._drafts.get(draft_id)
        while draft is not None and draft.album is not None:
            await asyncio.sleep(QUIET_SECONDS)
            later = await self._drafts.get(draft_id)
            if later is None or (later.clip, later.backgrounds) == (draft.clip, draft.backgrounds):
                return later
            draft = later
        return draft

    async def _drawn(self, draft: Draft) -> Path | Refused:
        """The picture, or what is wrong with the clip or the background."""
        attempt = 0
        while attempt < ATTEMPTS:
            try:
                return await self._picture(draft)
            except (Unfetched, InputRejected) as err:
                return refused(err)
            except OutputFailed as err:
                log.error("a card cannot be written: %s", err)  # noqa: TRY400 - it says all
                return Refused(fault=Fault.NO_DISK)
            except TelegramAway as err:
                await asyncio.sleep(err.seconds)
            except Exception:
                attempt += 1
                log.exception("attempt %s at a card failed", attempt)
                await asyncio.sleep(self._pause * attempt)
        return Refused(fault=Fault.POISON)

    async def _picture(self, draft: Draft) -> Path:
        folder = self._folders.draft(draft.id)
        with output_errors():
            folder.mkdir(parents=True, exist_ok=True)
        file, look = draft.look.backdrop.source, draft.look
        sources = {CLIP: draft.clip} | ({background(file): file} if file else {})
        for name, source in sources.items():
            if source and not (folder / name).exists():
                async with self._following if source.kind is Kind.LINK else self._receiving:
                    await self._downloads.fetch(source, folder / name)
        async with self._hands:
            await self._command.run(
                "preview",
                str(folder / CLIP),
                f"--output={folder / CARD}",
                f"--background={background_argument(behind(look.backdrop, folder))}",
                f"--side={SIDE}",
                # Whatever is chosen: the fine engine takes longer than people wait for a card.
                "--engine=mediapipe",
                *style_arguments(look.style()),
                "--progress=json",
                report=unreported,
            )
        return folder / CARD

    async def _send(self, draft: Draft, picture: Path) -> int | Later | Gone:
        return await self._sending.card(
            draft.chat,
            picture,
            card_caption(self._texts, draft),
            topic=draft.topic,
            reply_to=draft.message,
            keyboard=self._buttons.card(draft),
        )

    async def _after(self, shown: Draft) -> None:
        """Remove our first words, and draw again what has changed since."""
        now = await self._drafts.get(shown.id)
        if now is None:
            return
        if now.note is not None:
            await self._delete(now.chat, now.note)
        if now.look != shown.look:
            self.renew(now.id)

    async def _redraw(self, draft_id: str) -> None:
        """Draw the card until nothing has changed since."""
        while draft_id in self._changed:
            self._changed.discard(draft_id)
            draft = await self._drafts.get(draft_id)
            if draft is None or draft.used or draft.card is None:
                return
            picture = await self._drawn(draft)
            if isinstance(picture, Refused):
                await self._without_background(draft, picture)
            elif draft_id not in self._changed:
                await self._replace(draft, draft.card, picture)

    async def _replace(self, draft: Draft, card: int, picture: Path) -> None:
        async def replaced() -> Later | None:
            told = await self._sending.redraw(
                draft.chat,
                card,
                picture,
                card_caption(self._texts, draft),
                keyboard=self._buttons.card(draft),
            )
            if isinstance(told, Missing):  # it was deleted: a new one
                sent = await self._send(draft, picture)
                if isinstance(sent, int):
                    await self._drafts.carded(draft.id, sent)
                    return None
                return sent if isinstance(sent, Later) else None
            return told if isinstance(told, Later) else None

        try:
            while (later := await replaced()) and draft.id not in self._changed:  # noqa: ASYNC110 - nothing tells when
                await asyncio.sleep(later.seconds)
        except TelegramAPIError as err:  # a fault of ours in a card; the press is lost, no more
            log.error("a card cannot be changed: %s", type(err).__name__)  # noqa: TRY400 - its text is long

    async def _without_background(self, draft: Draft, why: Refused) -> None:
        """Say what is wrong with what came for the background, and go on without it."""
        text = self._texts.fault(draft.language, why.fault, why.details)
        await self._sending.text(draft.chat, text, topic=draft.topic, reply_to=draft.message)
        if draft.look.backdrop.kind == "file":
            now = await self._drafts.get(draft.id)
            if now and now.look == draft.look:
                look = draft.look.model_copy(update={"backdrop": Backdrop()})
                await self._drafts.change(draft.id, look)
                self._changed.add(draft.id)

    async def _say_instead(self, draft: Draft, text: str) -> int | Later | Gone:
        """Say *text* in the place of our first words, or anew."""
        if draft.note is not None:
            told = await self._sending.edit_text(draft.chat, draft.note, text)
            if isinstance(told, Later | Gone):
                return told
            if not isinstance(told, Missing):
                return draft.note
        return await self._sending.text(draft.chat, text, topic=draft.topic, reply_to=draft.message)

    async def _delete(self, chat: int, message: int) -> None:
        try:
            await self._sending.delete(chat, message)
        except TelegramAPIError as err:
            log.warning("a note stays: %s", type(err).__name__)

    async def _drop(self, draft_id: str) -> None:
        await self._drafts.drop(draft_id)
        await remove(self._folders.draft(draft_id))


async def _persistently(call: Callable[[], Awaitable[T | Later]]) -> T:
    """What *call* ends with, however long it takes."""
    while isinstance(told := await call(), Later):  # noqa: ASYNC110 - nothing tells when
        await asyncio.sleep(told.seconds)
    return told
