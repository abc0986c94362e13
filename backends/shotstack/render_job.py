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

from backends.shotstack.client import Shotstack
from backends.shotstack.errors import (
    AlreadyAsked,
    OutcomeUnknown,
    ShotstackAway,
    ShotstackBusy,
    ShotstackError,
    ShotstackFailed,
    ShotstackInvalid,
    clean,
)
from backends.shotstack.http import Sending
from backends.shotstack.rate_limiter import steady_time
from backends.shotstack.render_log import Intents
from backends.shotstack.schemas import RenderStatus

log = logging.getLogger(__name__)

GROWTH = 1.3  #: of the time between two looks
ASKS = 3  #: while Shotstack says that it is busy


@dataclass(frozen=True, slots=True)
class Template:
    """A timeline that lies at Shotstack.

    Attributes:
        id: of the template.
        merge: what its fields become.
    """

    id: str
    merge: Mapping[str, str]


Edit = Mapping[str, Any] | Template  #: timeline and output, or where to find them


async def rendered(
    client: Shotstack,
    intents: Intents,
    intent: str,
    edit: Edit,
    *,
    callback: str | None = None,
) -> RenderStatus:
    """The state of a finished render of *edit*, whose ``url`` is the result.

    Called again with the same *intent* after a restart it goes on with the render that it knows of,
    and never asks for another while the first may be billed.

    Args:
        client: of the account.
        intents: where it is written down what was asked for.
        intent: names the result, the same each time it is tried.
        edit: what is asked for, if it was not yet.
        callback: the address at which this program hears callbacks, with its secret; without one,
            a render whose id never arrived is not found again.

    Raises:
        ShotstackFailed: the render came to nothing; nothing is billed.
        OutcomeUnknown: it may be billed, but nobody knows which it is; make the result elsewhere.
        ShotstackAway: it is not done in time, or nobody can tell.
        ShotstackError: see there; not AlreadyAsked.
    """
    with intents.listening(intent) as news:
        return await _Rendering(client, intents, intent, edit, callback, news).run()


class _Rendering:
    """One call of the above."""

    def __init__(
        self,
        client: Shotstack,
        intents: Intents,
        intent: str,
        edit: Edit,
        callback: str | None,
        news: asyncio.Event,
    ) -> None:
        self._client, self._intents, self._intent = client, intents, intent
        self._edit, self._callback, self._news = edit, callback, news
        self._pace = client.pace
        self._claimed = False  # by us, so that nobody else's claim is given back
        self._lost = False  # the answer that would have told the id

    async def run(self) -> RenderStatus:
        while True:
            await self._ask_once()
            render = await self._known()
            state = await self._ended(render)
            if state.status == "done":
                return state
            failure = ShotstackFailed(clean(state.error or "no reason given"))
            log.warning("render %s failed: %s", render, failure)
            if not failure.temporary or not self._intents.failed(self._intent, render):
                raise failure
            await self._wait(self._pace.poll)

    async def _ask_once(self) -> None:
        """Ask for the render, unless somebody did or may have done so."""
        if self._intents.get(self._intent).posted is not None:
            return
        for ask in range(1, ASKS + 1):
            try:
                render = await self._asked()
            except AlreadyAsked:
                return
            except OutcomeUnknown as err:
                log.warning("whether a render was accepted is not known: %s", err)
                self._lost = True
                return
            except ShotstackBusy:
                self._release()
                if ask == ASKS:
                    raise
            except ShotstackError:
                self._release()
                raise
            else:
                self._intents.found(self._intent, render)
                return

    async def _asked(self) -> str:
        sending = self._claiming()
        if isinstance(self._edit, Template):
            return await self._client.render_template(self._edit.id, self._edit.merge, sending)
        back = {"callback": str(URL(self._callback) / self._intent)} if self._callback else {}
        return await self._client.render({**self._edit, **back}, sending)

    def _claiming(self) -> Sending:
        edit = self._edit
        known = [edit.id, dict(edit.merge)] if isinstance(edit, Template) else dict(edit)
        mark = sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:16]

        def claim() -> None:
            self._intents.claim(self._intent, mark)
            self._claimed = True

        return claim

    def _release(self) -> None:
        if self._claimed:
            self._intents.release(self._intent)
        self._claimed = False

    async def _known(self) -> str:
        """Which render it is: as answered, or as a callback says and Shotstack confirms."""
        began = steady_time()
        while True:
            kept = self._intents.get(self._intent)
            if kept.render:
                return kept.render
            if kept.posted is None:
                raise ShotstackAway("somebody else asked for it in vain", reached=False)
            for hint in kept.hints:
                await self._confirm(hint)
            if self._intents.get(self._intent).render:
                continue
            if steady_time() > self._hopeless(began, kept.posted):
                raise OutcomeUnknown("a render may be billed, and nobody said which it is")
            await self._wait(self._pace.poll)

    def _hopeless(self, began: float, posted: float) -> float:
        """When nobody will say any more which render it is."""
        if self._callback is not None and not isinstance(self._edit, Template):
            return began + self._pace.adoption
        return began if self._lost else posted + self._pace.answer  # another's answer, maybe

    async def _confirm(self, hint: str) -> None:
        try:
            await self._client.status(hint)
        except ShotstackInvalid:
            log.warning("a callback named a render that is not ours")
            self._intents.drop_hint(self._intent, hint)
        except (ShotstackAway, ShotstackBusy) as err:
            log.info("a callback is not confirmed yet: %s", err)
        else:
            self._intents.found(self._intent, hint)

    async def _ended(self, render: str) -> RenderStatus:
        """The state of *render* when it is done or failed."""
        posted = self._intents.get(self._intent).posted or steady_time()
        pause, seen = self._pace.poll, "never seen"
        while True:
            try:
                state = await self._client.status(render)
            except ShotstackInvalid:
                if steady_time() > posted + self._pace.grace:
                    raise
            except (ShotstackAway, ShotstackBusy) as err:
                log.info("render %s: %s", render, err)
            else:
                if state.status == "failed" or (state.status == "done" and state.url):
                    return state
                seen = clean(state.status or "")[:20]
            left = posted + self._pace.deadline - steady_time()
            if left <= 0:
                raise ShotstackAway(f"a render is not done in time: {seen}")
            await self._wait(min(pause, left))
            pause = min(pause * GROWTH, self._pace.slowest)

    async def _wait(self, seconds: float) -> None:
        """Wait for news, at most so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        self._news.clear()
