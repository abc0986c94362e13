"""All routes of the pages, and their files."""

import gzip
import hashlib
import mimetypes
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import hdrs, web

from bot.web.editor import EditorPages, create_editor_routes
from bot.web.guards import RequestGuard
from bot.web.ops import OpsPages, create_ops_routes
from bot.web.sharing import SharePages, create_share_routes

FOLDER = Path(__file__).parent / "pages"
#: pages that people open, and their files
DOCUMENTS = {
    "/ops": "ops/index.html",
    "/editor": "editor/index.html",
    "/share": "share/index.html",
}
MIN_COMPRESSED_BYTES = 1000


@dataclass(frozen=True, slots=True)
class Site:
    """What answers the requests of pages while this process works.

    Attributes:
        ops: the operator's dashboard.
        editor: the editor of cards.
        sharing: sends results on.
    """

    ops: OpsPages
    editor: EditorPages
    sharing: SharePages


class PageFile:
    """A file of a page, read once and compressed once."""

    def __init__(self, path: Path) -> None:
        self._content = path.read_bytes()
        self._type = mimetypes.guess_type(path.name)[0] or "text/plain"
        self._compressed = gzip.compress(self._content, 9)
        self._tag = f'"{hashlib.sha256(self._content).hexdigest()[:16]}"'

    def respond(self, request: web.Request) -> web.Response:
        """Return the file; 304 where the browser has it."""
        headers = {
            hdrs.ETAG: self._tag,
            hdrs.CACHE_CONTROL: "no-cache",
            hdrs.VARY: hdrs.ACCEPT_ENCODING,
            hdrs.CONTENT_TYPE: f"{self._type}; charset=utf-8",
        }
        if request.headers.get(hdrs.IF_NONE_MATCH) == self._tag:
            return web.Response(status=304, headers=headers)
        is_small = len(self._content) < MIN_COMPRESSED_BYTES
        if is_small or "gzip" not in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
            return web.Response(body=self._content, headers=headers)
        return web.Response(
            body=self._compressed, headers=headers | {hdrs.CONTENT_ENCODING: "gzip"}
        )


def create_site_routes(get_site: Callable[[], Site | None]) -> list[web.RouteDef]:
    """Create the routes of all pages.

    Args:
        get_site: returns what answers them; None while another process works.
    """
    guard = RequestGuard()

    def require_site() -> Site:
        if (site := get_site()) is None:
            raise web.HTTPServiceUnavailable
        return site

    routes = [
        *_create_file_routes(),
        *create_ops_routes(lambda: require_site().ops),
        *create_editor_routes(lambda: require_site().editor),
        *create_share_routes(lambda: require_site().sharing),
    ]
    return [web.route(one.method, one.path, guard.wrap(one.handler)) for one in routes]


def _create_file_routes() -> list[web.RouteDef]:
    files = {
        path.relative_to(FOLDER).as_posix(): PageFile(path)
        for path in FOLDER.rglob("*")
        if path.is_file()
    }

    async def send_file(request: web.Request) -> web.Response:
        name = DOCUMENTS.get(request.path) or request.match_info.get("name", "")
        if name not in files:
            raise web.HTTPNotFound
        return files[name].respond(request)

    return [
        web.get("/pages/{name:.+}", send_file),
        *(web.get(path, send_file) for path in DOCUMENTS),
    ]
