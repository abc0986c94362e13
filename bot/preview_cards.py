"""Preview cards: a picture of the result for each draft, with buttons that change it."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeVar

from aiogram.exceptions import TelegramAPIError, TelegramBadRequest
from aiogram.types import InlineKeyboardMarkup

from backends.local.video_cli import VideoCli
from backends.rendering.base import resolve_background
from bot.database.drafts import MAX_RESUME_AGE_SECONDS, DraftRepository
from bot.domain.draft import CardPage, Draft
from bot.domain.job_request import BackgroundChoice, MediaSource, SourceKind
from bot.domain.outcomes import ChatGone, FailureCode, MessageMissing, Rejected, RetryLater
from bot.domain.saved_styles import NO_STYLES, SavedStyles
from bot.jobs.draft_files import DraftFiles
from bot.jobs.fair_queue import FairQueue
from bot.jobs.progress_message import UserInterface
from bot.jobs.retry_policy import build_rejection
from bot.jobs.stages import SourceFetcher, format_background
from bot.jobs.workspace import (
    CARD_FILE,
    CLIP_FILE,
    LAYERS_FOLDER,
    PROXY_FOLDER,
    name_background_file,
    remove_folder,
)
from bot.telegram.errors import DownloadRejected, TelegramUnavailable
from bot.telegram.limits import TelegramLimits, check_source
from bot.ui.texts import build_card_caption, describe_failures
from video_editing.cli.arguments import format_options
from video_editing.contract.atomic_file import translate_output_errors
from video_editing.contract.engines import BEST_ENGINE, FAST_ENGINE
from video_editing.contract.errors import InputRejected, OutputFailed, RejectReason
from video_editing.contract.excerpt import WHOLE_CLIP
from video_editing.contract.progress import ignore
from video_editing.contract.style import Shape

log = logging.getLogger(__name__)

ALBUM_QUIET_SECONDS = 0.7  #: seconds without a new part after which an album is complete
CARD_SIDE = 960  #: pixels of the longer side of a card's picture at most
PICTURE_ATTEMPTS = 3  #: attempts at a picture before the draft is rejected
CARD_ATTEMPTS = 5  #: attempts at an update of a card when the database or our code fails
RETRY_SECONDS = 1.0  #: seconds after the first failed attempt; after the n-th n times as long
MAX_FETCHES = 8  #: downloads at the same time, of links and of Telegram's files each
MAX_UNAVAILABLE_SECONDS = 120.0  #: to wait for Telegram to deliver a file

T = TypeVar("T")


class CardPicture(NamedTuple):
    """The picture of a card.

    Attributes:
        path: of the file.
        warning: what the user may want to know of the clip, a ClipWarning; "" for nothing.
        seconds: the length of the whole clip; None if the program does not say it.
        centre: of the shape, as in a style; None if the program does not say it.
    """

    path: Path
    warning: str
    seconds: float | None
    centre: tuple[float, float] | None


class PreviewRenderer:
    """Renders the pictures of cards in the folders of their drafts.

    Users take turns, in downloads as well as in drawing: however many clips one has sent, it is
    the same for all others.
    """

    def __init__(
        self,
        downloader: SourceFetcher,
        video_cli: VideoCli,
        draft_files: DraftFiles,
        *,
        max_drawing: int = 2,
        has_editor: bool = False,
    ) -> None:
        """Store the collaborators.

        Args:
            downloader: fetches clips and backgrounds.
            video_cli: renders the pictures, on this machine; users wait for them.
            draft_files: the folders of drafts.
            max_drawing: pictures that are rendered at the same time.
            has_editor: draw the layers of pictures as well, for the editor.
        """
        self._downloader, self._video_cli, self._draft_files = downloader, video_cli, draft_files
        self._has_editor = has_editor
        self._drawing_turns = FairQueue(max_drawing)
        # A link may take minutes; files of Telegram take seconds, and do not wait for links.
        self._link_turns, self._file_turns = FairQueue(MAX_FETCHES), FairQueue(MAX_FETCHES)

    async def render(self, draft: Draft) -> CardPicture:
        """Return a new picture of *draft*; download what is missing.

        Raises what downloads and the command line of video_editing raise.
        """
        with self._draft_files.use(draft.id) as folder:
            if missing := _find_missing(draft, folder):
                has_link = any(source.kind is SourceKind.LINK for source in missing.values())
                turns = self._link_turns if has_link else self._file_turns
                # Until the picture is drawn, so that files of one user do not pile up.
                async with turns.acquire_slot(draft.id, draft.user):
                    await self._fetch(draft, missing)
                    return await self._draw(draft, folder)
            return await self._draw(draft, folder)

    def _list_layer_options(self, draft: Draft, folder: Path) -> list[str]:
        has_layers = self._has_editor and draft.is_private
        return [f"--layers={folder / LAYERS_FOLDER}"] if has_layers else []

    async def render_proxy(self, draft: Draft) -> None:
        """Write a small copy of the clip of *draft*, and pictures of it. Raises: see `render`."""
        with self._draft_files.use(draft.id) as folder:
            if not (folder / CLIP_FILE).exists():
                await self.render(draft)
            async with self._drawing_turns.acquire_slot(f"{draft.id}.proxy", draft.user):
                await self._video_cli.run(
                    "proxy",
                    str(folder / CLIP_FILE),
                    f"--output={folder / PROXY_FOLDER}",
                    "--progress=json",
                    report=ignore,
                )

    async def remove_files(self, draft_id: str) -> None:
        """Remove the folder of a draft."""
        with self._draft_files.use(draft_id) as folder:
            await remove_folder(folder)

    async def _fetch(self, draft: Draft, missing: dict[Path, MediaSource]) -> None:
        with self._draft_files.expect(missing.values()):
            if not await self._draft_files.make_room(draft.id):
                raise OutputFailed("too little disk is free")
            for path, source in missing.items():
                with translate_output_errors():
                    path.parent.mkdir(parents=True, exist_ok=True)
                await self._downloader.fetch(source, path)
        await self._draft_files.trim(draft.user)

    async def _draw(self, draft: Draft, folder: Path) -> CardPicture:
        background = resolve_background(format_background(draft.look.backdrop, folder))
        async with self._drawing_turns.acquire_slot(draft.id, draft.user):
            fields = await self._video_cli.run(
                "preview",
                str(folder / CLIP_FILE),
                f"--output={folder / CARD_FILE}",
                f"--background={background}",
                f"--canvas={draft.look.canvas}",
                f"--side={CARD_SIDE}",
                # Whatever engine is chosen: the others take longer than users wait for a card.
                f"--engine={FAST_ENGINE}",
                *format_options(draft.look.to_style()),
                *format_options(draft.excerpt),
                *self._list_layer_options(draft, folder),
                "--progress=json",
                report=ignore,
            )
        warnings = fields.get("warnings") or [""]
        seconds, centre = fields.get("seconds"), fields.get("center")
        return CardPicture(
            folder / CARD_FILE, str(warnings[0]), seconds, tuple(centre) if centre else None
        )


def _find_missing(draft: Draft, folder: Path) -> dict[Path, MediaSource]:
    """Return the sources of *draft* that are not in *folder*, by their paths."""
    sources: dict[str, MediaSource | None] = {CLIP_FILE: draft.clip}
    if background := draft.look.backdrop.source:
        sources[name_background_file(background)] = background
    return {
        folder / name: source
        for name, source in sources.items()
        if source and not (folder / name).exists()
    }


class PreviewCards:
    """Sends a card for each draft, and updates it after each change.

    One worker per draft runs until the card shows the latest state of the draft. After a restart
    the drafts without a card are resumed.

    Attributes:
        on_refused: receives why Telegram refuses a card.
        get_styles: returns the saved styles of a user, for the page of a card with styles.
    """

    def __init__(
        self,
        drafts: DraftRepository,
        renderer: PreviewRenderer,
        interface: UserInterface,
        *,
        limits: TelegramLimits,
        get_speed: Callable[[str], float | None] = lambda _: None,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        """Store the collaborators.

        Args:
            drafts: stores drafts.
            renderer: renders pictures.
            interface: sends cards.
            limits: of what users send.
            get_speed: returns the measured frames a second of an engine, or None.
            retry_seconds: seconds after the first failed attempt.
        """
        self._drafts, self._renderer = drafts, renderer
        self._messenger, self._texts = interface.messenger, interface.texts
        self._keyboards = interface.keyboards
        self._limits, self._get_speed = limits, get_speed
        self._retry_seconds = retry_seconds
        self.on_refused: Callable[[str], None] = lambda _: None
        self.get_styles: Callable[[int], Awaitable[SavedStyles]] = _get_no_styles
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._dirty: set[str] = set()  # drafts that changed since their worker read them

    def request_card(self, draft_id: str) -> None:
        """Have the card of a draft sent, unless it has one."""
        if draft_id not in self._workers:
            self._workers[draft_id] = asyncio.create_task(self._work(draft_id))

    def request_redraw(self, draft_id: str) -> None:
        """Have the card of a draft updated; changes that follow quickly are drawn together."""
        self._dirty.add(draft_id)
        self.request_card(draft_id)

    async def resume(self) -> None:
        """Send the cards that the last process did not send."""
        since = time.time() - MAX_RESUME_AGE_SECONDS
        for draft_id in await self._drafts.list_without_card(since=since):
            self.request_card(draft_id)

    async def stop(self) -> None:
        """Cancel all workers; the next process resumes."""
        workers = list(self._workers.values())
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

    async def _work(self, draft_id: str) -> None:
        """Update the card of a draft until the draft has not changed meanwhile."""
        try:
            await self._update_with_retries(draft_id)
            while draft_id in self._dirty:
                await self._update_with_retries(draft_id)
        finally:
            # Without an await after the last look at the flag, so that no request is lost.
            self._dirty.discard(draft_id)
            del self._workers[draft_id]

    async def _update_with_retries(self, draft_id: str) -> None:
        is_changed = False
        for attempt in range(1, CARD_ATTEMPTS + 1):
            is_changed = is_changed or draft_id in self._dirty
            self._dirty.discard(draft_id)  # what changes from here on needs another update
            try:
                await self._update(draft_id, is_changed=is_changed)
            except Exception:
                log.exception("attempt %s at a card failed", attempt)
                await asyncio.sleep(self._retry_seconds * attempt)
            else:
                return

    async def _update(self, draft_id: str, *, is_changed: bool) -> None:
        """Send the card of a draft if it has none; redraw it if the draft changed."""
        draft = await self._drafts.get(draft_id)
        if draft is None or draft.used:
            return
        if draft.card is None:
            await self._send_first_card(draft)
        elif is_changed:
            await self._redraw(draft, draft.card)

    async def _send_first_card(self, draft: Draft) -> None:
        """Replace the note by the card, or by what is wrong with the clip."""
        if (complete := await self._wait_for_album(draft)) is None:
            return
        draft, picture = await self._draw_series(complete)
        if isinstance(picture, Rejected):
            await self._reject_draft(draft.id, picture)
            return
        draft = await self._store_findings(draft, picture)
        sent: int | ChatGone | Rejected
        try:
            sent = await _retry_until_sent(lambda: self._send_card(draft, picture))
        except TelegramBadRequest as err:
            log.error("a card was refused: %s", err.message)  # noqa: TRY400 - its trace says nothing
            self.on_refused(err.message)
            await self._give_up_background(draft)
            return
        if isinstance(sent, Rejected):
            await self._reject_draft(draft.id, sent)
            return
        if isinstance(sent, ChatGone):
            await self.drop(draft.id)
            return
        await self._drafts.set_card(draft.id, sent)
        latest = await self._drafts.get(draft.id)
        if latest is not None and latest.note is not None:
            await self._delete_message(latest.chat, latest.note)

    async def _store_findings(self, draft: Draft, picture: CardPicture) -> Draft:
        """Store what a picture says of its clip: where the face is, and a length not yet known."""
        clip = draft.clip
        if clip is None:
            return draft
        is_found = draft.look.shape is Shape.CIRCLE and draft.look.centre is None
        found: dict[str, object] = {"seconds": clip.seconds or picture.seconds}
        found |= {"centre": picture.centre} if is_found else {}
        known = clip.model_copy(update=found)
        return draft if known == clip else await self._drafts.set_clip(draft.id, known)

    async def _give_up_background(self, draft: Draft) -> None:
        """Draw a card that Telegram refused without its background, or refuse the clip."""
        if draft.look.backdrop.kind == "file":
            await self._undo_choice(draft, Rejected(fault=RejectReason.BAD_BACKGROUND))
        else:
            await self._reject_draft(draft.id, Rejected(fault=FailureCode.POISON))

    async def _wait_for_album(self, draft: Draft) -> Draft | None:
        """Return the draft once no more parts of its album come; None if it is gone."""
        latest: Draft | None = draft
        while latest is not None and latest.album is not None:
            draft = latest
            await asyncio.sleep(ALBUM_QUIET_SECONDS)
            self._dirty.discard(draft.id)
            latest = await self._drafts.get(draft.id)
            if latest is None or (latest.clips, latest.backgrounds) == (
                draft.clips,
                draft.backgrounds,
            ):
                break
        return latest

    async def _draw_series(self, draft: Draft) -> tuple[Draft, CardPicture | Rejected]:
        """Draw a new draft without those of its clips that cannot be used."""
        for source in draft.backgrounds:
            if rejection := check_source(source, self._limits):
                return draft, rejection
        checked = (check_source(clip.source, self._limits) for clip in draft.clips)
        failures = {number: failure for number, failure in enumerate(checked, 1) if failure}
        if failures and len(failures) == len(draft.clips):
            return draft, failures[1]
        if failures:
            draft = await self._leave_out(draft, failures)
        draft, picture = await self._draw_first(draft)
        while isinstance(picture, Rejected) and draft.more_clips and _is_of_clip(picture):
            number = [clip.message for clip in draft.clips].index(draft.message) + 1
            draft, picture = await self._draw_first(await self._leave_out(draft, {number: picture}))
        return draft, picture

    async def _leave_out(self, draft: Draft, failures: dict[int, Rejected]) -> Draft:
        """Send why clips of a series, by their numbers, cannot be used, and go on without them."""
        texts = describe_failures(self._texts, draft.language, failures)
        texts.append(self._texts(draft.language, "series-goes-on"))
        await self._messenger.send_text(draft.destination, "\n\n".join(texts))
        messages = [draft.clips[number - 1].message for number in failures]
        if draft.message in messages:
            await self._renderer.remove_files(draft.id)  # before another clip takes its place
        return await self._drafts.remove_clips(draft.id, messages)

    async def _draw_first(self, draft: Draft) -> tuple[Draft, CardPicture | Rejected]:
        """Draw a new draft; without its background if that was of an earlier clip and is gone."""
        if draft.clip is None:  # an album of photos
            return draft, Rejected(fault=FailureCode.WRONG_KIND)
        picture = await self._draw(draft)
        background = draft.look.backdrop.source
        is_own = background is None or background in draft.backgrounds
        if isinstance(picture, CardPicture) or is_own:
            return draft, picture
        details = picture.details if picture.fault == RejectReason.BAD_BACKGROUND else {}
        plain = draft.look.model_copy(update={"backdrop": BackgroundChoice()})
        draft = await self._drafts.set_appearance(draft.id, plain)
        picture = await self._draw(draft)
        if isinstance(picture, CardPicture):
            fault = RejectReason.BAD_BACKGROUND
            text = self._texts.describe_failure(draft.language, fault, details)
            await self._messenger.send_text(draft.destination, text)
        return draft, picture

    async def _draw(self, draft: Draft) -> CardPicture | Rejected:
        """Return the picture of *draft*, or what is wrong with the clip or the background."""
        attempt, give_up_at = 0, time.monotonic() + MAX_UNAVAILABLE_SECONDS
        while attempt < PICTURE_ATTEMPTS:
            try:
                return await self._renderer.render(draft)
            except (DownloadRejected, InputRejected) as err:
                return build_rejection(err)
            except OutputFailed as err:
                log.error("a card cannot be written: %s", err)  # noqa: TRY400 - the message says all
                return Rejected(fault=FailureCode.NO_DISK)
            except TelegramUnavailable as err:
                if time.monotonic() + err.seconds > give_up_at:
                    return Rejected(fault=FailureCode.FILE_REFUSED)
                await asyncio.sleep(err.seconds)
            except Exception:
                attempt += 1
                log.exception("attempt %s at a picture failed", attempt)
                await asyncio.sleep(self._retry_seconds * attempt)
        return Rejected(fault=FailureCode.POISON)

    async def _redraw(self, draft: Draft, card: int) -> None:
        """Draw *draft*, and put the picture into its card, unless the draft changes before."""
        picture = await self._draw(draft)
        if isinstance(picture, Rejected):
            await self._undo_choice(draft, picture)
        elif draft.id not in self._dirty and (latest := await self._drafts.get(draft.id)):
            await self._store_findings(latest, picture)
            await self._replace_picture(latest, card, picture)
            await self._correct_buttons(latest, card)

    async def _replace_picture(self, draft: Draft, card: int, picture: CardPicture) -> None:
        """Edit the card, later if Telegram is not available, unless the draft changes before."""
        try:
            while (  # noqa: ASYNC110 - Telegram says when, it sends no event
                later := await self._try_replace_picture(draft, card, picture)
            ) and draft.id not in self._dirty:
                await asyncio.sleep(later.seconds)
        except TelegramAPIError as err:
            log.error("a card cannot be changed: %s", type(err).__name__)  # noqa: TRY400 - its text is long
            self.on_refused(err.message)
            if isinstance(err, TelegramBadRequest) and draft.look.backdrop.kind == "file":
                await self._undo_choice(draft, Rejected(fault=RejectReason.BAD_BACKGROUND))

    async def _correct_buttons(self, shown: Draft, card: int) -> None:
        """Show the buttons as they are now, if the user turned the page or ordered meanwhile."""
        latest = await self._drafts.get(shown.id)
        if latest is not None and (latest.page, latest.used) != (shown.page, shown.used):
            keyboard = await self._create_keyboard(latest)
            await self._messenger.edit_keyboard(latest.chat, card, keyboard)

    async def _create_keyboard(self, draft: Draft) -> InlineKeyboardMarkup | None:
        if draft.used:
            return None
        is_of_styles = draft.page is CardPage.STYLES
        styles = await self.get_styles(draft.user) if is_of_styles else NO_STYLES
        return self._keyboards.create_card(draft, styles)

    async def _try_replace_picture(
        self, draft: Draft, card: int, picture: CardPicture
    ) -> RetryLater | None:
        """Edit the card; send a new one if it was deleted."""
        edited = await self._messenger.edit_photo(
            draft.chat,
            card,
            picture.path,
            self._build_caption(draft, picture),
            keyboard=await self._create_keyboard(draft),
        )
        if not isinstance(edited, MessageMissing):
            return edited if isinstance(edited, RetryLater) else None
        sent = await self._send_card(draft, picture)
        if isinstance(sent, int):
            await self._drafts.set_card(draft.id, sent)
        return sent if isinstance(sent, RetryLater) else None

    async def _undo_choice(self, draft: Draft, rejection: Rejected) -> None:
        """Send what is wrong with a new background or excerpt, and redraw without it."""
        text = self._texts.describe_failure(draft.language, rejection.fault, rejection.details)
        await self._messenger.send_text(draft.destination, text)
        latest = await self._drafts.get(draft.id)
        if latest is None or (latest.look, latest.excerpt) != (draft.look, draft.excerpt):
            return
        if rejection.fault == RejectReason.NOTHING_LEFT:
            await self._drafts.set_choices(replace(latest, excerpt=WHOLE_CLIP))
        elif latest.look.backdrop.kind == "file":
            look = latest.look.model_copy(update={"backdrop": BackgroundChoice()})
            await self._drafts.set_appearance(draft.id, look)
        else:
            return
        self._dirty.add(draft.id)

    async def _reject_draft(self, draft_id: str, rejection: Rejected) -> None:
        """Replace the note by what is wrong, and delete the draft."""
        draft = await self._drafts.get(draft_id)
        if draft is None:
            return
        text = self._texts.describe_failure(draft.language, rejection.fault, rejection.details)
        await _retry_until_sent(lambda: self._replace_note(draft, text))
        await self.drop(draft_id)

    async def _replace_note(self, draft: Draft, text: str) -> int | RetryLater | ChatGone:
        """Put *text* into the note; send it if there is no note."""
        if draft.note is not None:
            edited = await self._messenger.edit_text(draft.chat, draft.note, text)
            if isinstance(edited, RetryLater | ChatGone):
                return edited
            if not isinstance(edited, MessageMissing):
                return draft.note
        return await self._messenger.send_text(draft.destination, text)

    async def _send_card(
        self, draft: Draft, picture: CardPicture
    ) -> int | RetryLater | ChatGone | Rejected:
        return await self._messenger.send_photo(
            draft.destination,
            picture.path,
            self._build_caption(draft, picture),
            keyboard=await self._create_keyboard(draft),
        )

    def _build_caption(self, draft: Draft, picture: CardPicture) -> str:
        found = {engine: self._get_speed(engine) for engine in (BEST_ENGINE, FAST_ENGINE)}
        speeds = {engine: speed for engine, speed in found.items() if speed}
        return build_card_caption(self._texts, draft, warning=picture.warning, speeds=speeds)

    async def _delete_message(self, chat: int, message: int) -> None:
        try:
            await self._messenger.delete_message(chat, message)
        except TelegramAPIError as err:
            log.warning("a note stays: %s", type(err).__name__)

    async def drop(self, draft_id: str) -> None:
        """Delete a draft and its files; its card stays, and its buttons say that they are old."""
        await self._drafts.delete(draft_id)
        await self._renderer.remove_files(draft_id)


def _is_of_clip(rejection: Rejected) -> bool:
    """Return whether another clip of a series may be drawn nevertheless."""
    return rejection.fault not in {
        RejectReason.BAD_BACKGROUND,
        FailureCode.NO_DISK,
        FailureCode.FILE_REFUSED,
    }


async def _get_no_styles(_user: int) -> SavedStyles:
    return NO_STYLES


async def _retry_until_sent(call: Callable[[], Awaitable[T | RetryLater]]) -> T:
    """Return what *call* returns once Telegram is available."""
    while isinstance(outcome := await call(), RetryLater):  # noqa: ASYNC110 - Telegram says when, it sends no event
        await asyncio.sleep(outcome.seconds)
    return outcome
