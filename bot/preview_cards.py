"""The cards: a picture of what would be made, with buttons to change it."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from aiogram.exceptions import TelegramAPIError

from backends.local.video_cli import VideoCli
from backends.rendering.base import build_style_arguments, resolve_background
from bot.database.drafts import Draft, DraftRepository
from bot.domain.appearance import BackgroundChoice
from bot.domain.media_source import SourceKind
from bot.domain.outcomes import ChatGone, FailureCode, MessageMissing, Rejected, RetryLater
from bot.jobs.retry_policy import build_rejection
from bot.jobs.stages import SourceFetcher, format_background
from bot.jobs.workspace import CARD_FILE, CLIP_FILE, Workspace, name_background_file, remove_folder
from bot.telegram.errors import DownloadRejected, TelegramUnavailable
from bot.telegram.messenger import MessageSender
from bot.ui.keyboards import Keyboards
from bot.ui.texts import Texts, build_card_caption
from video_editing.contract.atomic_file import translate_output_errors
from video_editing.contract.engines import FAST_ENGINE
from video_editing.contract.errors import InputRejected, OutputFailed, RejectReason
from video_editing.contract.progress import ignore_progress

log = logging.getLogger(__name__)

ALBUM_QUIET_SECONDS = 0.7  #: after which nothing more of an album is to come
CARD_SIDE = 960  #: pixels of a card's longer side at most
PICTURE_ATTEMPTS = 3  #: at a picture, before its user is told
RETRY_SECONDS = 1.0  #: between them
CARD_ATTEMPTS = 5  #: at a card, when what breaks is ours
MAX_FETCHES = 8  #: side by side
MAX_RESUME_AGE_SECONDS = 86400.0  #: after which nobody waits for a card any more

T = TypeVar("T")


class PreviewCards:
    """Draws a card for each draft, and draws it again for each press.

    What is to be done is in the drafts: one without a card is begun again at the next start.
    """

    def __init__(
        self,
        drafts: DraftRepository,
        downloader: SourceFetcher,
        video_cli: VideoCli,
        workspace: Workspace,
        messenger: MessageSender,
        texts: Texts,
        keyboards: Keyboards,
        *,
        max_drawing: int = 2,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        """Know who does what.

        Args:
            drafts: where drafts are kept.
            downloader: where clips come from.
            video_cli: of this machine, not standing back: people wait for it now.
            workspace: where files lie.
            messenger: the way to people.
            texts: in their languages.
            keyboards: what is under cards.
            max_drawing: how many are drawn side by side.
            retry_seconds: seconds after a first attempt that failed; longer after each further one.
        """
        self._drafts, self._downloader = drafts, downloader
        self._video_cli, self._workspace = video_cli, workspace
        self._messenger, self._texts, self._keyboards = messenger, texts, keyboards
        self._retry_seconds = retry_seconds
        self._drawing_slots = asyncio.Semaphore(max_drawing)
        # Links may take minutes, and keep nobody from files of Telegram's, which take seconds.
        self._link_slots = asyncio.Semaphore(MAX_FETCHES)
        self._file_slots = asyncio.Semaphore(MAX_FETCHES)
        self._making: dict[str, asyncio.Task[None]] = {}
        self._redrawing: dict[str, asyncio.Task[None]] = {}
        self._changed: set[str] = set()

    def request_card(self, draft_id: str) -> None:
        """Have the card of a draft made; asking twice changes nothing."""
        self._start_once(self._making, draft_id, self._make_with_retries)

    def request_redraw(self, draft_id: str) -> None:
        """Have the card drawn again soon; what changes meanwhile is drawn with it."""
        self._changed.add(draft_id)
        self._start_once(self._redrawing, draft_id, self._redraw_changed)

    async def resume(self) -> None:
        """Make the cards that were being made when we died, or not even begun."""
        for draft_id in await self._drafts.list_without_card(
            since=time.time() - MAX_RESUME_AGE_SECONDS
        ):
            self.request_card(draft_id)

    async def stop(self) -> None:
        """Draw nothing more; who comes after us goes on with what is not there."""
        tasks = [*self._redrawing.values(), *self._making.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start_once(
        self,
        tasks: dict[str, asyncio.Task[None]],
        draft_id: str,
        work: Callable[[str], Coroutine[Any, Any, None]],
    ) -> None:
        """Do *work* beside, unless it is being done."""
        if draft_id not in tasks:
            tasks[draft_id] = task = asyncio.create_task(work(draft_id))
            task.add_done_callback(lambda _: tasks.pop(draft_id, None))

    async def _make_with_retries(self, draft_id: str) -> None:
        """One card, or the reason why there is none; faults of the database are outwaited."""
        for attempt in range(1, CARD_ATTEMPTS + 1):
            try:
                await self._make_card(draft_id)
            except Exception:
                log.exception("attempt %s to make a card failed", attempt)
                await asyncio.sleep(self._retry_seconds * attempt)
            else:
                return

    async def _make_card(self, draft_id: str) -> None:
        """Send the card in the place of our first words, or say what is wrong with the clip."""
        draft = await self._wait_for_album(draft_id)
        if draft is None or draft.card is not None or draft.used:
            return
        draft, picture = await self._draw_first(draft)
        if isinstance(picture, Rejected):
            await self._reject_draft(draft_id, picture)
            return
        sent: int | ChatGone = await _retry_until_sent(lambda: self._send_card(draft, picture))
        if isinstance(sent, ChatGone):
            await self._drop_draft(draft_id)
            return
        await self._drafts.set_card(draft_id, sent)
        await self._finish_card(draft)

    async def _draw_first(self, draft: Draft) -> tuple[Draft, Path | Rejected]:
        """The first picture; a background that she had for an earlier clip may be gone by now."""
        if draft.clip is None:  # an album of pictures
            return draft, Rejected(fault=FailureCode.WRONG_KIND)
        picture = await self._draw(draft)
        file = draft.look.backdrop.source
        if isinstance(picture, Path) or file is None or file in draft.backgrounds:
            return draft, picture
        plain = draft.look.model_copy(update={"backdrop": BackgroundChoice()})
        draft = await self._drafts.set_appearance(draft.id, plain)
        picture = await self._draw(draft)
        if isinstance(picture, Path):
            text = self._texts.describe_failure(draft.language, RejectReason.BAD_BACKGROUND, {})
            await self._messenger.send_text(draft.destination, text)
        return draft, picture

    async def _reject_draft(self, draft_id: str, rejection: Rejected) -> None:
        """Say what is wrong in the place of our first words, and forget the draft."""
        draft = await self._drafts.get(draft_id)
        if draft is None:
            return
        text = self._texts.describe_failure(draft.language, rejection.fault, rejection.details)
        await _retry_until_sent(lambda: self._replace_note(draft, text))
        await self._drop_draft(draft_id)

    async def _wait_for_album(self, draft_id: str) -> Draft | None:
        """The draft, with all that an album has brought."""
        draft = await self._drafts.get(draft_id)
        while draft is not None and draft.album is not None:
            await asyncio.sleep(ALBUM_QUIET_SECONDS)
            later = await self._drafts.get(draft_id)
            if later is None or (later.clip, later.backgrounds) == (draft.clip, draft.backgrounds):
                return later
            draft = later
        return draft

    async def _draw(self, draft: Draft) -> Path | Rejected:
        """The picture, or what is wrong with the clip or the background."""
        attempt = 0
        while attempt < PICTURE_ATTEMPTS:
            try:
                return await self._render_picture(draft)
            except (DownloadRejected, InputRejected) as err:
                return build_rejection(err)
            except OutputFailed as err:
                log.error("a card cannot be written: %s", err)  # noqa: TRY400 - it says all
                return Rejected(fault=FailureCode.NO_DISK)
            except TelegramUnavailable as err:
                await asyncio.sleep(err.seconds)
            except Exception:
                attempt += 1
                log.exception("attempt %s at a card failed", attempt)
                await asyncio.sleep(self._retry_seconds * attempt)
        return Rejected(fault=FailureCode.POISON)

    async def _render_picture(self, draft: Draft) -> Path:
        folder = self._workspace.get_draft_folder(draft.id)
        with translate_output_errors():
            folder.mkdir(parents=True, exist_ok=True)
        file, look = draft.look.backdrop.source, draft.look
        sources = {CLIP_FILE: draft.clip} | ({name_background_file(file): file} if file else {})
        for name, source in sources.items():
            if source and not (folder / name).exists():
                async with self._link_slots if source.kind is SourceKind.LINK else self._file_slots:
                    await self._downloader.fetch(source, folder / name)
        async with self._drawing_slots:
            await self._video_cli.run(
                "preview",
                str(folder / CLIP_FILE),
                f"--output={folder / CARD_FILE}",
                f"--background={resolve_background(format_background(look.backdrop, folder))}",
                f"--side={CARD_SIDE}",
                # Whatever is chosen: a slow engine takes longer than users wait for a card.
                f"--engine={FAST_ENGINE}",
                *build_style_arguments(look.to_style()),
                "--progress=json",
                report=ignore_progress,
            )
        return folder / CARD_FILE

    async def _send_card(self, draft: Draft, picture: Path) -> int | RetryLater | ChatGone:
        return await self._messenger.send_photo(
            draft.destination,
            picture,
            build_card_caption(self._texts, draft),
            keyboard=self._keyboards.create_card(draft),
        )

    async def _finish_card(self, shown: Draft) -> None:
        """Remove our first words, and draw again what has changed since."""
        now = await self._drafts.get(shown.id)
        if now is None:
            return
        if now.note is not None:
            await self._delete_message(now.chat, now.note)
        if now.look != shown.look:
            self.request_redraw(now.id)

    async def _redraw_changed(self, draft_id: str) -> None:
        """Draw the card until nothing has changed since."""
        while draft_id in self._changed:
            self._changed.discard(draft_id)
            draft = await self._drafts.get(draft_id)
            if draft is None or draft.used or draft.card is None:
                return
            picture = await self._draw(draft)
            if isinstance(picture, Rejected):
                await self._drop_background(draft, picture)
            elif draft_id not in self._changed:
                await self._replace_picture(draft, draft.card, picture)

    async def _replace_picture(self, draft: Draft, card: int, picture: Path) -> None:
        async def try_to_replace() -> RetryLater | None:
            told = await self._messenger.edit_photo(
                draft.chat,
                card,
                picture,
                build_card_caption(self._texts, draft),
                keyboard=self._keyboards.create_card(draft),
            )
            if isinstance(told, MessageMissing):  # it was deleted: a new one
                sent = await self._send_card(draft, picture)
                if isinstance(sent, int):
                    await self._drafts.set_card(draft.id, sent)
                    return None
                return sent if isinstance(sent, RetryLater) else None
            return told if isinstance(told, RetryLater) else None

        try:
            while (later := await try_to_replace()) and draft.id not in self._changed:  # noqa: ASYNC110 - nothing tells when
                await asyncio.sleep(later.seconds)
        except TelegramAPIError as err:  # a fault of ours in a card; the press is lost, no more
            log.error("a card cannot be changed: %s", type(err).__name__)  # noqa: TRY400 - its text is long

    async def _drop_background(self, draft: Draft, rejection: Rejected) -> None:
        """Say what is wrong with what came for the background, and go on without it."""
        text = self._texts.describe_failure(draft.language, rejection.fault, rejection.details)
        await self._messenger.send_text(draft.destination, text)
        if draft.look.backdrop.kind == "file":
            now = await self._drafts.get(draft.id)
            if now and now.look == draft.look:
                look = draft.look.model_copy(update={"backdrop": BackgroundChoice()})
                await self._drafts.set_appearance(draft.id, look)
                self._changed.add(draft.id)

    async def _replace_note(self, draft: Draft, text: str) -> int | RetryLater | ChatGone:
        """Say *text* in the place of our first words, or anew."""
        if draft.note is not None:
            told = await self._messenger.edit_text(draft.chat, draft.note, text)
            if isinstance(told, RetryLater | ChatGone):
                return told
            if not isinstance(told, MessageMissing):
                return draft.note
        return await self._messenger.send_text(draft.destination, text)

    async def _delete_message(self, chat: int, message: int) -> None:
        try:
            await self._messenger.delete_message(chat, message)
        except TelegramAPIError as err:
            log.warning("a note stays: %s", type(err).__name__)

    async def _drop_draft(self, draft_id: str) -> None:
        await self._drafts.delete(draft_id)
        await remove_folder(self._workspace.get_draft_folder(draft_id))


async def _retry_until_sent(call: Callable[[], Awaitable[T | RetryLater]]) -> T:
    """What *call* ends with, however long it takes."""
    while isinstance(told := await call(), RetryLater):  # noqa: ASYNC110 - nothing tells when
        await asyncio.sleep(told.seconds)
    return told
