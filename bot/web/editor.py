"""``/editor``: the routes of the editor, all of which the owner of the draft must sign."""

import html
import re
from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus

from aiohttp import web
from pydantic import ValidationError

from bot.database.drafts import DraftNotFound
from bot.database.jobs import JobRefused
from bot.domain.draft import Draft
from bot.domain.job_request import (
    PALETTE,
    RING_COLOURS,
    Language,
    MediaSource,
    SourceKind,
)
from bot.ui.texts import Texts
from bot.web.editor_files import PICTURE_FILES, PROXY_FILES, EditorFiles
from bot.web.guards import RequestRate, create_handler, get_authorization, read_json
from bot.web.orders import OWN_BACKGROUND, DraftOrders, EditedLook, describe_look
from bot.web.signatures import Signatures, Visitor
from video_editing.contract.engines import AUTO_ENGINE, ENGINES
from video_editing.contract.formats import ASPECTS, AUTO_CANVAS
from video_editing.contract.sound import BackgroundSound
from video_editing.contract.style import Shape

TAG = re.compile(r"<[^>]+>")
#: what can be chosen, with what the page needs to draw it
_CHOICES = {
    "shapes": list(Shape),
    "rings": RING_COLOURS,
    "colours": {name: colour for name, (colour, _) in PALETTE.items()},
    "canvases": [AUTO_CANVAS, *sorted(ASPECTS, key=ASPECTS.__getitem__)],
    "engines": [AUTO_ENGINE, *(one.name for one in ENGINES.values() if one.has_button)],
    "background_sounds": list(BackgroundSound),
}
PATH = "/editor/{draft:[A-Za-z0-9_-]{1,32}}"


class EditorPages:
    """Answers the requests of the editor."""

    def __init__(
        self, signatures: Signatures, orders: DraftOrders, files: EditorFiles, texts: Texts
    ) -> None:
        """Store the collaborators.

        Args:
            signatures: tells who asks.
            orders: the drafts, and what becomes of them.
            files: the layers that the page puts together.
            texts: why a job is refused.
        """
        self._signatures, self._orders = signatures, orders
        self._files, self._texts = files, texts
        self._rate = RequestRate(burst=40, per_second=2)

    async def send_state(self, request: web.Request) -> web.Response:
        """Send the layout of a draft, and what can be chosen."""
        _, draft = await self._find_draft(request)
        look = describe_look(draft)
        state = {
            "look": look.model_dump(mode="json"),
            "layers": await self._files.read_geometry(draft),
            "choices": _CHOICES,
            "has_own": look.background == OWN_BACKGROUND,
            "is_own_video": _is_video(draft.look.backdrop.source),
        }
        return web.json_response(state)

    async def send_picture(self, request: web.Request) -> web.Response:
        """Send a layer."""
        _, draft = await self._find_draft(request)
        content = await self._files.read_picture(draft, request.match_info["name"])
        return web.Response(body=content, content_type="image/webp")

    async def send_proxy(self, request: web.Request) -> web.Response:
        """Send the small copy of the clip, or the strip of its pictures."""
        _, draft = await self._find_draft(request)
        name = request.match_info["name"]
        content = await self._files.read_proxy(draft, name)
        return web.Response(body=content, content_type=PROXY_FILES[name])

    async def order(self, request: web.Request) -> web.Response:
        """Accept the job of a draft with the layout that was sent, once."""
        visitor, draft = await self._find_draft(request)
        try:
            look = EditedLook.model_validate(await read_json(request))
        except ValidationError as err:
            raise web.HTTPBadRequest from err
        language = await self._orders.get_language(visitor.user, visitor.language)
        try:
            await self._orders.order(draft, look, language)
        except JobRefused as refused:
            why = self._describe(language, refused)
            return web.json_response({"error": why}, status=HTTPStatus.UNPROCESSABLE_ENTITY)
        return web.json_response({"outcome": "accepted"})

    async def _find_draft(self, request: web.Request) -> tuple[Visitor, Draft]:
        """Return who asks, and the draft, which is not ordered yet.

        Raises:
            SignatureRefused: nobody signed.
            HTTPTooManyRequests: too often.
            HTTPNotFound: there is no such draft of this user.
            HTTPConflict: it is ordered already.
        """
        visitor = self._signatures.check_user(get_authorization(request))
        self._rate.require(str(visitor.user))
        try:
            draft = await self._orders.find(request.match_info["draft"], visitor.user)
        except DraftNotFound as err:
            raise web.HTTPNotFound from err
        if draft.used:
            raise web.HTTPConflict
        return visitor, draft

    def _describe(self, language: Language, refused: JobRefused) -> str:
        """Return why a job is refused, without the markup of messages."""
        text = self._texts.describe_failure(language, refused.code, {})
        return html.unescape(TAG.sub("", text))


def create_editor_routes(get_pages: Callable[[], EditorPages]) -> list[web.RouteDef]:
    """Create the routes.

    Args:
        get_pages: returns what answers; raises HTTPServiceUnavailable before the bot works.
    """
    handle = partial(create_handler, get_pages)
    return [
        web.get(PATH, handle(EditorPages.send_state)),
        web.get(_add_name(PATH, PICTURE_FILES), handle(EditorPages.send_picture)),
        web.get(_add_name(PATH, PROXY_FILES), handle(EditorPages.send_proxy)),
        web.post(f"{PATH}/make", handle(EditorPages.order)),
    ]


def _is_video(background: MediaSource | None) -> bool:
    """Return whether a file in the background may have sound; that of a link is not known yet."""
    return background is not None and background.kind is not SourceKind.PHOTO


def _add_name(path: str, names: Iterable[str]) -> str:
    return f"{path}/{{name:{'|'.join(map(re.escape, names))}}}"
