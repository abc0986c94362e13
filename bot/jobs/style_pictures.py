"""Pictures of looks: how each is on the user's last clip, side by side in one file."""

import asyncio
import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import Any

from aiogram.exceptions import TelegramAPIError

from backends.errors import BackendUnavailable
from backends.local.video_cli import VideoCli
from bot.database.drafts import DraftRepository
from bot.domain.job_request import Appearance, MediaSource, SourceKind
from bot.jobs.draft_files import DraftFiles
from bot.jobs.fair_queue import FairQueue
from bot.jobs.stages import SourceFetcher
from bot.jobs.workspace import CLIP_FILE, name_background_file, remove_folder
from bot.telegram.assets import SAMPLE_CLIP
from bot.telegram.errors import DownloadRejected, TelegramUnavailable
from video_editing.contract.atomic_file import translate_output_errors
from video_editing.contract.engines import FAST_ENGINE
from video_editing.contract.errors import Cancelled, InputRejected, OutputFailed
from video_editing.contract.progress import ignore

MAX_SECONDS = 10.0  #: for which a user waits for a picture
FETCH_SECONDS = 1.5  #: of them, for a background
MAX_FETCH_BYTES = 3_000_000  #: of a background; in place of others the clip is shown, blurred

log = logging.getLogger(__name__)


class StylePictures:
    """Draws looks on a clip of the user's, or on the sample.

    The pictures are kept in a folder of the user beside those of drafts, and removed as those are.
    """

    def __init__(
        self,
        downloader: SourceFetcher,
        video_cli: VideoCli,
        drafts: DraftRepository,
        draft_files: DraftFiles,
        *,
        max_drawing: int = 2,
    ) -> None:
        """Store the collaborators.

        Args:
            downloader: fetches backgrounds.
            video_cli: draws the pictures, on this machine; users wait for them.
            drafts: the clips of users.
            draft_files: the folders of the clips and of the pictures.
            max_drawing: pictures that are drawn at the same time.
        """
        self._downloader, self._video_cli = downloader, video_cli
        self._drafts, self._draft_files = drafts, draft_files
        self._turns = FairQueue(max_drawing)

    async def draw(
        self, user: int, chat: int, looks: Sequence[Appearance], *, is_numbered: bool = False
    ) -> Path | None:
        """Return a picture of *looks*; None where none can be drawn in time.

        Args:
            user: the owner of the looks.
            chat: where the picture is shown: a clip of another chat is not.
            looks: one to nine.
            is_numbered: whether they have numbers, from 1.
        """
        try:
            async with asyncio.timeout(MAX_SECONDS), self._turns.acquire_slot("", user):
                return await self._draw(user, chat, looks, is_numbered=is_numbered)
        except (InputRejected, BackendUnavailable, OutputFailed, Cancelled, TimeoutError) as err:
            log.warning("looks are not drawn: %s: %s", type(err).__name__, err)
            return None

    async def forget(self, user: int) -> None:
        """Remove the pictures of a user."""
        with self._draft_files.use(_name_folder(user)) as folder:
            await remove_folder(folder)

    async def _draw(
        self, user: int, chat: int, looks: Sequence[Appearance], *, is_numbered: bool
    ) -> Path:
        """Draw on the last clip that is still there; on the sample where it cannot be used."""
        with self._draft_files.use(_name_folder(user)) as folder:
            for draft_id in await self._drafts.list_in_chat(user, chat):
                with self._draft_files.use(draft_id) as of_draft:
                    if not await asyncio.to_thread((of_draft / CLIP_FILE).exists):
                        continue
                    described = await self._describe(looks, folder, of_draft)
                    with suppress(InputRejected):
                        clip = of_draft / CLIP_FILE
                        return await self._draw_on(clip, described, folder, is_numbered=is_numbered)
                    break
            described = await self._describe(looks, folder)
            return await self._draw_on(SAMPLE_CLIP, described, folder, is_numbered=is_numbered)

    async def _draw_on(
        self, clip: Path, described: str, folder: Path, *, is_numbered: bool
    ) -> Path:
        """Draw what `_describe` returned on *clip*, unless that is drawn already."""
        key = hashlib.sha256(f"{clip} {is_numbered} {described}".encode()).hexdigest()[:16]
        result, looks = folder / f"{key}.jpg", folder / f"{key}.json"
        if await asyncio.to_thread(_is_kept, result):
            return result
        await asyncio.to_thread(_write_text, looks, described)
        await self._video_cli.run(
            "sheet",
            str(clip),
            f"--output={result}",
            f"--looks={looks}",
            *(["--numbered"] if is_numbered else []),
            f"--engine={FAST_ENGINE}",
            "--progress=json",
            report=ignore,
        )
        return result

    async def _describe(self, looks: Sequence[Appearance], *folders: Path) -> str:
        """Return *looks* as the program reads them; backgrounds are sought in *folders*.

        Those that are missing are fetched into the first one, if they are small.
        """
        sources = {look.backdrop.source for look in looks if look.backdrop.source}
        missing = [s for s in sources if not _find_file(s, folders) and _is_small(s)]
        await asyncio.gather(*(self._fetch(source, folders[0]) for source in missing))
        found = {source: path for source in sources if (path := _find_file(source, folders))}
        return json.dumps([_describe_look(look, found) for look in looks])

    async def _fetch(self, source: MediaSource, folder: Path) -> None:
        """Fetch a background, unless it does not come in time."""
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
                await self._downloader.fetch(source, folder / name_background_file(source))
        except (
            DownloadRejected,
            TelegramUnavailable,
            TelegramAPIError,
            TimeoutError,
            OSError,
            OutputFailed,
        ) as err:
            log.warning("a background is not drawn: %s", type(err).__name__)


def _name_folder(user: int) -> str:
    return f"styles-{user}"


def _find_file(source: MediaSource, folders: Sequence[Path]) -> Path | None:
    paths = (folder / name_background_file(source) for folder in folders)
    return next(filter(Path.exists, paths), None)


def _is_small(source: MediaSource) -> bool:
    """Return whether a background comes quickly: a photo, or a small file."""
    if source.kind is SourceKind.PHOTO:
        return True
    return source.kind is not SourceKind.LINK and (source.size or inf) <= MAX_FETCH_BYTES


def _describe_look(look: Appearance, files: Mapping[MediaSource, Path]) -> dict[str, Any]:
    """Return *look* as the program reads it; a background that is not in *files* is blurred."""
    backdrop = look.backdrop
    if backdrop.source:
        background = str(files.get(backdrop.source, "blur"))
    else:
        background = "blur" if backdrop.kind == "blur" else backdrop.colour
    style = look.to_style().model_dump(mode="json", exclude_defaults=True)
    return {"scene": {"background": background, "canvas": look.canvas}, "style": style}


def _is_kept(picture: Path) -> bool:
    """Return whether *picture* exists, and keep its folder from being removed soon."""
    if not picture.exists():
        return False
    picture.parent.touch()
    return True


def _write_text(path: Path, text: str) -> None:
    with translate_output_errors():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
