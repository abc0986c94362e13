"""One render at Shotstack for one intent, also over restarts: requested once, then followed."""

import asyncio
import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from pydantic import JsonValue
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

POLL_GROWTH = 1.3  #: of the interval between two polls
MAX_SUBMISSIONS = 3  #: while Shotstack is rate limited


@dataclass(frozen=True, slots=True)
class TemplateEdit:
    """An edit whose timeline is a template at Shotstack.

    Attributes:
        id: of the template.
        merge: values of its merge fields.
    """

    id: str
    merge: Mapping[str, JsonValue]


EditSource = Mapping[str, Any] | TemplateEdit  #: timeline and output, or the template with them


async def render_edit(
    client: ShotstackClient,
    render_log: RenderLog,
    intent: str,
    edit: EditSource,
    *,
    callback_url: str | None = None,
) -> RenderStatus:
    """Render *edit*, and return the state of the finished render, whose ``url`` is the result.

    Called again with the same *intent* after a restart, it continues with the render of the first
    call. It never requests another render while the first may be billed.

    Args:
        client: of the account.
        render_log: of all renders.
        intent: id of the result, the same at each attempt.
        edit: requested unless the log says that it was requested before.
        callback_url: address for callbacks, with its secret; without it, a render whose id was
            lost is not found again.

    Raises:
        ShotstackFailed: the render failed; nothing is billed.
        OutcomeUnknown: a render may be billed, but its id is unknown; use another renderer.
        ShotstackUnavailable: the render is not finished in time, or its state is unknown.
        ShotstackError: any other failure but DuplicateRender.
    """
    with render_log.listen(intent) as changed:
        return await _RenderJob(client, render_log, intent, edit, callback_url, changed).run()


class _RenderJob:
    """One call of :func:`render_edit`."""

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
        self._has_claim = False  # of this call, which may release only its own claim
        self._is_answer_lost = False  # the answer with the render's id

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
        """Request the render, unless it was or may have been requested before."""
        if self._render_log.get(self._intent).posted is not None:
            return
        for attempt in range(1, MAX_SUBMISSIONS + 1):
            try:
                render = await self._submit()
            except DuplicateRender:
                return
            except OutcomeUnknown as err:
                log.warning("it is unknown whether a render was accepted: %s", err)
                self._is_answer_lost = True
                return
            except ShotstackRateLimited:
                self._release()
                if attempt == MAX_SUBMISSIONS:
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
        edit = dict(self._edit)
        if self._callback_url:
            edit["callback"] = str(URL(self._callback_url) / self._intent)
        return await self._client.submit_render(edit, before_send)

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
        """Return the render's id: from the answer, or from a callback if Shotstack confirms it."""
        started = get_steady_time()
        while True:
            entry = self._render_log.get(self._intent)
            if entry.render:
                return entry.render
            if entry.posted is None:
                raise ShotstackUnavailable(
                    "the request of another task failed", has_reached_server=False
                )
            for hint in entry.hints:
                await self._confirm(hint)
            if self._render_log.get(self._intent).render:
                continue
            if get_steady_time() > self._compute_find_deadline(started, entry.posted):
                raise OutcomeUnknown("a render may be billed, and its id is unknown")
            await self._wait(self._timeouts.poll)

    def _compute_find_deadline(self, started: float, posted: float) -> float:
        """Return the time after which no answer and no callback with the id can arrive."""
        if self._callback_url is not None and not isinstance(self._edit, TemplateEdit):
            return started + self._timeouts.adoption
        if self._is_answer_lost:
            return started
        return posted + self._timeouts.response  # another task may still receive the answer

    async def _confirm(self, hint: str) -> None:
        try:
            await self._client.get_status(hint)
        except ShotstackInvalid:
            log.warning("a callback named a render of another account")
            self._render_log.drop_hint(self._intent, hint)
        except (ShotstackUnavailable, ShotstackRateLimited) as err:
            log.info("a callback is not confirmed yet: %s", err)
        else:
            self._render_log.set_render(self._intent, hint)

    async def _wait_until_finished(self, render: str) -> RenderStatus:
        """Poll *render* until it is done or failed, and return its state."""
        posted = self._render_log.get(self._intent).posted or get_steady_time()
        interval, last_status = self._timeouts.poll, "unknown"
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
                raise ShotstackUnavailable(f"a render is not finished in time: {last_status}")
            await self._wait(min(interval, left))
            interval = min(interval * POLL_GROWTH, self._timeouts.max_poll)

    async def _wait(self, seconds: float) -> None:
        """Wait for a change in the log, at most *seconds*."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        self._changed.clear()
