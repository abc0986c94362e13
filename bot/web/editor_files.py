"""The files that the editor shows: the layers of a card's picture."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bot.domain.draft import Draft
from bot.jobs.draft_files import DraftFiles
from bot.jobs.workspace import LAYERS_FOLDER, PROXY_FOLDER
from bot.preview_cards import PreviewRenderer
from video_editing.contract.formats import (
    BACKGROUND_FILE,
    FRAME_FILE,
    LAYERS_FILE,
    PERSON_FILE,
    PROXY_FILE,
    STRIP_FILE,
)

#: what the clip is trimmed by, with their types
PROXY_FILES = {STRIP_FILE: "image/jpeg", PROXY_FILE: "video/mp4"}
PICTURE_FILES = (PERSON_FILE, FRAME_FILE, BACKGROUND_FILE)


class EditorFiles:
    """Reads layers, and has them drawn where they are missing."""

    def __init__(self, renderer: PreviewRenderer, draft_files: DraftFiles) -> None:
        self._renderer, self._draft_files = renderer, draft_files
        self._drawing: dict[str, asyncio.Lock] = {}

    async def read_geometry(self, draft: Draft) -> dict[str, Any]:
        """Return the sizes of clip and background, the face, and the seconds of the clip.

        Raises what :meth:`PreviewRenderer.render` raises.
        """
        async with self._provide(draft, LAYERS_FILE) as folder:
            geometry = json.loads(await asyncio.to_thread((folder / LAYERS_FILE).read_bytes))
        assert isinstance(geometry, dict)
        return geometry

    async def read_picture(self, draft: Draft, name: str) -> bytes:
        """Return one of :data:`PICTURE_FILES`. Raises what the renderer raises."""
        async with self._provide(draft, name) as folder:
            return await asyncio.to_thread((folder / name).read_bytes)

    async def read_proxy(self, draft: Draft, name: str) -> bytes:
        """Return one of :data:`PROXY_FILES`. Raises what the renderer raises."""
        with self._draft_files.use(draft.id) as folder:
            path = folder / PROXY_FOLDER / name
            if not path.exists():
                async with self._lock(draft):
                    if not path.exists():
                        await self._renderer.render_proxy(draft)
            return await asyncio.to_thread(path.read_bytes)

    @asynccontextmanager
    async def _lock(self, draft: Draft) -> AsyncIterator[None]:
        """Let one request at a time have the files of a draft drawn."""
        lock = self._drawing.setdefault(draft.id, asyncio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked():
                self._drawing.pop(draft.id, None)

    @asynccontextmanager
    async def _provide(self, draft: Draft, name: str) -> AsyncIterator[Path]:
        """Yield the folder of the layers, which are drawn once for all that ask meanwhile.

        They are drawn where it lacks *name*.
        """
        with self._draft_files.use(draft.id) as draft_folder:
            folder = draft_folder / LAYERS_FOLDER
            if not (folder / name).exists():  # what is there does not wait for what is drawn
                async with self._lock(draft):
                    if not (folder / name).exists():
                        await self._renderer.render(draft)
            yield folder
