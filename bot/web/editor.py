"""``/editor``: the routes of the editor, all of which the owner of the draft must sign."""

import html
import logging
import re
from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus

from aiohttp import web
from pydantic import ValidationError

from bot.database.drafts import DraftNotFound
from bot.database.jobs import JobRefused
from bot.domain.draft import Draft
from bot.domain.job_request import PALETTE, RING_COLOURS, Appearance, Language
from bot.ui.texts import Texts
from bot.web.editor_files import PICTURE_FILES, PROXY_FILES, EditorFiles
from bot.web.guards import RequestRate, create_handler, get_authorization, read_json
from bot.web.orders import DraftOrders, EditedLook, describe_look
from bot.web.signatures import Signatures, Visitor

log = logging.getLogger(__name__)

TAG = re.compile(r"<[^>]+>")
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
            "rings": _list_rings(draft.look),
            "ring_width": draft.look.ring_width,
            "colours": {name.value: colour for name, (colour, _) in PALETTE.items()},
            "has_own": look.background == "own",
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


def _list_rings(look: Appearance) -> dict[str, str]:
    """Return the colours of rings; the chosen one has the user's own colour, if there is one."""
    rings = {ring.value: colour for ring, colour in RING_COLOURS.items()}
    return rings | ({look.ring.value: look.ring_colour} if look.ring_colour else {})


def _add_name(path: str, names: Iterable[str]) -> str:
    return f"{path}/{{name:{'|'.join(map(re.escape, names))}}}"
