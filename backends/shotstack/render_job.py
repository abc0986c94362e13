"""One result of Shotstack for one intent, whoever is killed when: asked for once, then followed."""

import asyncio
import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from yarl import URL

from backends.shotstack.client import ShotstackClient
from backends.shotstack.errors import (
    DuplicateRender,
    OutcomeUnknown,
    ShotstackError,
    ShotstackFailed,
    ShotstackInvalid,
    ShotstackRateLimited,
    ShotstackUnavailable,
    sanitize,
)
from backends.shotstack.http import BeforeSend
from backends.shotstack.rate_limiter import get_steady_time
from backends.shotstack.render_log import RenderLog
from backends.shotstack.schemas import RenderStatus

log = logging.getLogger(__name__)

POLL_GROWTH = 1.3  #: of the time between two looks
MAX_SUBMISSIONS = 3  #: while Shotstack says that it is busy


@dataclass(frozen=True, slots=True)
class TemplateEdit:
    """A timeline that lies at Shotstack.

    Attributes:
        id: of the template.
        merge: what its fields become.
    """

    id: str
    merge: Mapping[str, str]


EditSource = Mapping[str, Any] | TemplateEdit  #: timeline and output, or where to find them


async def render_edit(
    client: ShotstackClient,
    render_log: RenderLog,
    intent: str,
    edit: EditSource,
    *,
    callback_url: str | None = None,
) -> RenderStatus:
    """The state of a finished render of *edit*, whose ``url`` is the result.

    Called again with the same *intent* after a restart it goes on with the render that it knows of,
    and never asks for another while the first may be billed.

    Args:
        client: of the account.
        render_log: where it is written down what was asked for.
        intent: names the result, the same each time it is tried.
        edit: what is asked for, if it was not yet.
        callback_url: where this program receives callbacks, with its secret; without one,
            a render whose id never arrived is not found again.

    Raises:
        ShotstackFailed: the render came to nothing; nothing is billed.
        OutcomeUnknown: it may be billed, but nobody knows which it is; make the result elsewhere.
        ShotstackAway: it is not done in time, or nobody can tell.
        ShotstackError: see there; not AlreadyAsked.
    """
    with render_log.listen(intent) as news:
        return await _RenderJob(client, render_log, intent, edit, callback_url, news).run()


class _RenderJob:
    """One call of the above."""

    def __init__(
        self,
        client: ShotstackClient,
        render_log: RenderLog,
        intent: str,
        edit: EditSource,
        callback_url: str | None,
        changed: asyncio.Event,
    ) -> None:
        self._client, self._render_log, self._intent = client, render_log, intent
        self._edit, self._callback_url, self._changed = edit, callback_url, changed
        self._timeouts = client.timeouts
        self._has_claim = False  # by us, so that nobody else's claim is given back
        self._is_answer_lost = False  # the answer that would have told the id

    async def run(self) -> RenderStatus:
        while True:
            await self._submit_once()
            render = await self._find_render()
            state = await self._wait_until_finished(render)
            if state.status == "done":
                return state
            failure = ShotstackFailed(sanitize(state.error or "no reason given"))
            log.warning("render %s failed: %s", render, failure)
            if not failure.is_transient or not self._render_log.record_failure(
                self._intent, render
            ):
                raise failure
            await self._wait(self._timeouts.poll)

    async def _submit_once(self) -> None:
        """Ask for the render, unless somebody did or may have done so."""
        if self._render_log.get(self._intent).posted is not None:
            return
        for ask in range(1, MAX_SUBMISSIONS + 1):
            try:
                render = await self._submit()
            except DuplicateRender:
                return
            except OutcomeUnknown as err:
                log.warning("whether a render was accepted is not known: %s", err)
                self._is_answer_lost = True
                return
            except ShotstackRateLimited:
                self._release()
                if ask == MAX_SUBMISSIONS:
                    raise
            except ShotstackError:
                self._release()
                raise
            else:
                self._render_log.set_render(self._intent, render)
                return

    async def _submit(self) -> str:
        before_send = self._create_claim()
        if isinstance(self._edit, TemplateEdit):
            return await self._client.submit_template(self._edit.id, self._edit.merge, before_send)
        back = (
            {"callback": str(URL(self._callback_url) / self._intent)} if self._callback_url else {}
        )
        return await self._client.submit_render({**self._edit, **back}, before_send)

    def _create_claim(self) -> BeforeSend:
        edit = self._edit
        content = [edit.id, dict(edit.merge)] if isinstance(edit, TemplateEdit) else dict(edit)
        edit_digest = sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

        def claim() -> None:
            self._render_log.claim(self._intent, edit_digest)
            self._has_claim = True

        return claim

    def _release(self) -> None:
        if self._has_claim:
            self._render_log.release(self._intent)
        self._has_claim = False

    async def _find_render(self) -> str:
        """Which render it is: as answered, or as a callback says and Shotstack confirms."""
        began = get_steady_time()
        while True:
            kept = self._render_log.get(self._intent)
            if kept.render:
                return kept.render
            if kept.posted is None:
                raise ShotstackUnavailable(
                    "somebody else asked for it in vain", has_reached_server=False
                )
            for hint in kept.hints:
                await self._confirm(hint)
            if self._render_log.get(self._intent).render:
                continue
            if get_steady_time() > self._compute_find_deadline(began, kept.posted):
                raise OutcomeUnknown("a render may be billed, and nobody said which it is")
            await self._wait(self._timeouts.poll)

    def _compute_find_deadline(self, began: float, posted: float) -> float:
        """When nobody will say any more which render it is."""
        if self._callback_url is not None and not isinstance(self._edit, TemplateEdit):
            return began + self._timeouts.adoption
        return (
            began if self._is_answer_lost else posted + self._timeouts.response
        )  # another's answer, maybe

    async def _confirm(self, hint: str) -> None:
        try:
            await self._client.get_status(hint)
        except ShotstackInvalid:
            log.warning("a callback named a render that is not ours")
            self._render_log.drop_hint(self._intent, hint)
        except (ShotstackUnavailable, ShotstackRateLimited) as err:
            log.info("a callback is not confirmed yet: %s", err)
        else:
            self._render_log.set_render(self._intent, hint)

    async def _wait_until_finished(self, render: str) -> RenderStatus:
        """The state of *render* when it is done or failed."""
        posted = self._render_log.get(self._intent).posted or get_steady_time()
        pause, last_status = self._timeouts.poll, "never seen"
        while True:
            try:
                state = await self._client.get_status(render)
            except ShotstackInvalid:
                if get_steady_time() > posted + self._timeouts.grace:
                    raise
            except (ShotstackUnavailable, ShotstackRateLimited) as err:
                log.info("render %s: %s", render, err)
            else:
                if state.status == "failed" or (state.status == "done" and state.url):
                    return state
                last_status = sanitize(state.status or "")[:20]
            left = posted + self._timeouts.deadline - get_steady_time()
            if left <= 0:
                raise ShotstackUnavailable(f"a render is not done in time: {last_status}")
            await self._wait(min(pause, left))
            pause = min(pause * POLL_GROWTH, self._timeouts.max_poll)

    async def _wait(self, seconds: float) -> None:
        """Wait for news, at most so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        self._changed.clear()
