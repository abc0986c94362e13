"""``/share``: prepares a message with a result, which its owner sends to other chats."""

from collections.abc import Callable
from functools import partial
from http import HTTPStatus

from aiohttp import web

from bot.database.jobs import Job, JobRepository
from bot.telegram.messenger import Messenger
from bot.ui.texts import Texts
from bot.web.guards import RequestRate, create_handler, get_authorization
from bot.web.signatures import Signatures

PATH = "/share/{job:[A-Za-z0-9_-]{1,32}}"


class SharePages:
    """Answers the requests of the page that *Share* opens."""

    def __init__(
        self, signatures: Signatures, jobs: JobRepository, messenger: Messenger, texts: Texts
    ) -> None:
        """Store the collaborators.

        Args:
            signatures: tells who asks.
            jobs: the results.
            messenger: prepares messages.
            texts: titles of messages.
        """
        self._signatures, self._jobs = signatures, jobs
        self._messenger, self._texts = messenger, texts
        self._rate = RequestRate(burst=10, per_second=0.2)

    async def prepare(self, request: web.Request) -> web.Response:
        """Send the id of a prepared message, which Telegram's app lets the user send once."""
        visitor = self._signatures.check_user(get_authorization(request))
        self._rate.require(str(visitor.user))
        job = await self._find_job(request.match_info["job"], visitor.user)
        title = self._texts(job.language, f"button-{job.order.form}")
        message = await self._messenger.prepare_sharing(
            visitor.user, job.order.form, job.file_id or "", title
        )
        if message is None:
            return web.json_response({"error": "refused"}, status=HTTPStatus.BAD_GATEWAY)
        return web.json_response({"message": message})

    async def _find_job(self, job_id: str, user: int) -> Job:
        """Return a job of *user* whose result can be shared. Raises HTTPNotFound."""
        job = await self._jobs.get(job_id)
        if job is None or job.user != user or not job.is_shareable or not job.file_id:
            raise web.HTTPNotFound
        return job


def create_share_routes(get_pages: Callable[[], SharePages]) -> list[web.RouteDef]:
    """Create the routes.

    Args:
        get_pages: returns what answers; raises HTTPServiceUnavailable before the bot works.
    """
    return [web.post(PATH, partial(create_handler, get_pages)(SharePages.prepare))]
