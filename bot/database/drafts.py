"""Clips for which nobody has pressed *Make it* yet, and what is chosen for them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.database.repository import Kept, secret_id
from bot.database.schema import draft_messages, drafts
from bot.domain.appearance import Backdrop, Look
from bot.domain.job_request import Language
from bot.domain.media_source import Source

REMEMBERED_SECONDS = 7 * 86400  #: messages; Telegram delivers one again for a day at most


@dataclass(frozen=True, slots=True)
class Draft:
    """A clip and what is chosen for it.

    Attributes:
        id: cannot be guessed.
        user: whose it is.
        chat, message, topic: where the clip came.
        language: in which its card is.
        clip: the video of the person; None while only backgrounds of an album have come.
        backgrounds: the pictures and films that came for it.
        look: what is chosen so far.
        album: Telegram's name of it.
        note: our message that says that we are looking.
        card: our message with the card.
        used: *Make it* was pressed.
        created: when, in seconds since 1970.
        joined: the message became a part of a draft that was there.
    """

    id: str
    user: int
    chat: int
    message: int
    topic: int | None
    language: Language
    clip: Source | None
    backgrounds: tuple[Source, ...]
    look: Look
    album: str | None
    note: int | None
    card: int | None
    used: bool
    created: float
    joined: bool = False


class UnknownDraft(LookupError):  # noqa: N818 - it says what is wrong
    """There is no such draft any more."""


class Drafts(Kept):
    """All of them; each is there from its first message until it is made, or too old."""

    async def open(
        self,
        *,
        user: int,
        chat: int,
        message: int,
        topic: int | None,
        language: Language,
        look: Look,
        clip: Source | None,
        backgrounds: Sequence[Source] = (),
        album: str | None = None,
    ) -> Draft | None:
        """Make a draft of a message, or with those of the same album a part of one.

        The first clip of an album is the clip; what else comes is behind her.

        Returns:
            the draft; None if the message is known already.
        """
        new = Draft(
            secret_id(),
            user,
            chat,
            message,
            topic,
            language,
            clip,
            tuple(backgrounds),
            _over(look, *backgrounds),
            album,
            note=None,
            card=None,
            used=False,
            created=time.time(),
        )
        async with self._writing.begin() as connection:
            insert = self._insert(draft_messages)
            seen = await connection.execute(
                insert.values(chat=chat, message=message, draft=new.id, seen=new.created)
                .on_conflict_do_nothing()
                .returning(draft_messages.c.draft)
            )
            if seen.first() is None:
                return None
            opened = await connection.execute(
                self._insert(drafts)
                .values(_row(new))
                .on_conflict_do_nothing()
                .returning(drafts.c.id)
            )
            if opened.first() is not None:
                return new
            ours = (drafts.c.chat == chat) & (drafts.c.album == album)
            there = await _one(connection, ours, lock=True)
            assert there is not None
            joined = replace(_joined(there, new), joined=True)
            await _update(connection, joined)
            return joined

    async def get(self, id: str) -> Draft | None:  # noqa: A002 - what else
        """The draft, if it is there."""
        async with self._reading.connect() as connection:
            return await _one(connection, drafts.c.id == id)

    async def latest(self, user: int, chat: int) -> Draft | None:
        """The last one that somebody has in a chat, and has not made."""
        async with self._reading.connect() as connection:
            found = await connection.execute(
                select(drafts)
                .where(drafts.c.user == user, drafts.c.chat == chat, ~drafts.c.used)
                .order_by(drafts.c.created.desc())
                .limit(1)
            )
            row = found.mappings().first()
        return _draft(row) if row else None

    async def change(self, id: str, look: Look) -> Draft:  # noqa: A002 - as above
        """Choose *look*. Raises UnknownDraft."""
        return await self._change(id, look=look)

    async def add_background(self, id: str, source: Source) -> Draft:  # noqa: A002 - as above
        """Keep a background that came for it, and put her over that. Raises UnknownDraft."""
        async with self._writing.begin() as connection:
            draft = await _one(connection, drafts.c.id == id, lock=True)
            if draft is None:
                raise UnknownDraft(id)
            changed = replace(
                draft,
                backgrounds=(*draft.backgrounds, source),
                look=_over(draft.look, source),
            )
            await _update(connection, changed)
            return changed

    async def noted(self, id: str, note: int) -> None:  # noqa: A002 - as above
        """Remember our message that says that we are looking."""
        await self._set(id, note=note)

    async def carded(self, id: str, card: int) -> None:  # noqa: A002 - as above
        """Remember our message with the card."""
        await self._set(id, card=card)

    async def use(self, id: str) -> bool:  # noqa: A002 - as above
        """Mark it as made; whether this was the first time."""
        async with self._writing.begin() as connection:
            changed = await connection.execute(
                drafts.update()
                .where(drafts.c.id == id, ~drafts.c.used)
                .values(used=True)
                .returning(drafts.c.id)
            )
            return changed.first() is not None

    async def reopen(self, id: str) -> None:  # noqa: A002 - as above
        """Let *Make it* be pressed again: the job could not be accepted."""
        await self._set(id, used=False)

    async def drop(self, id: str) -> None:  # noqa: A002 - as above
        """Forget it; its messages stay known, so that none of them opens it again."""
        async with self._writing.begin() as connection:
            await connection.execute(drafts.delete().where(drafts.c.id == id))
            await connection.execute(
                draft_messages.delete().where(
                    draft_messages.c.seen < time.time() - REMEMBERED_SECONDS
                )
            )

    async def without_card(self, since: float) -> list[str]:
        """The ids of those that came after *since* and have none yet, the oldest first."""
        async with self._reading.connect() as connection:
            found = await connection.scalars(
                select(drafts.c.id)
                .where(drafts.c.card.is_(None), ~drafts.c.used, drafts.c.created > since)
                .order_by(drafts.c.created)
            )
            return list(found)

    async def stale(self, before: float) -> list[str]:
        """The ids of those that were opened before that time."""
        async with self._reading.connect() as connection:
            found = await connection.scalars(select(drafts.c.id).where(drafts.c.created < before))
            return list(found)

    async def _set(self, id: str, **values: Any) -> None:  # noqa: A002 - as above
        async with self._writing.begin() as connection:
            await connection.execute(drafts.update().where(drafts.c.id == id).values(**values))

    async def _change(self, id: str, look: Look) -> Draft:  # noqa: A002 - as above
        async with self._writing.begin() as connection:
            changed = await connection.execute(
                drafts.update()
                .where(drafts.c.id == id)
                .values(look=look.model_dump(mode="json"))
                .returning(*drafts.c)
            )
            row = changed.mappings().first()
        if row is None:
            raise UnknownDraft(id)
        return _draft(row)


def _joined(there: Draft, new: Draft) -> Draft:
    """The draft *there* with what a further message of its album brought."""
    clip, more = there.clip, new.backgrounds
    if new.clip and clip:
        more = (new.clip, *more)
    shown = () if there.backgrounds else more
    return replace(
        there,
        clip=clip or new.clip,
        backgrounds=(*there.backgrounds, *more),
        look=_over(there.look, *shown),
    )


def _over(look: Look, *sources: Source) -> Look:
    """The look with her over the first of the *sources*, if there is one."""
    if not sources:
        return look
    return look.model_copy(update={"backdrop": Backdrop(kind="file", source=sources[0])})


def _row(draft: Draft) -> dict[str, Any]:
    return {
        "id": draft.id,
        "user": draft.user,
        "chat": draft.chat,
        "message": draft.message,
        "topic": draft.topic,
        "language": draft.language.value,
        "clip": draft.clip and draft.clip.model_dump(mode="json"),
        "backgrounds": [source.model_dump(mode="json") for source in draft.backgrounds],
        "look": draft.look.model_dump(mode="json"),
        "album": draft.album,
        "note": draft.note,
        "card": draft.card,
        "used": draft.used,
        "created": draft.created,
    }


def _draft(row: RowMapping) -> Draft:
    return Draft(
        **dict(row)
        | {
            "language": Language(row["language"]),
            "clip": row["clip"] and Source.model_validate(row["clip"]),
            "backgrounds": tuple(map(Source.model_validate, row["backgrounds"])),
            "look": Look.model_validate(row["look"]),
        }
    )


async def _one(
    connection: AsyncConnection, where: ColumnElement[bool], *, lock: bool = False
) -> Draft | None:
    query = select(drafts).where(where)
    found = await connection.execute(query.with_for_update() if lock else query)
    row = found.mappings().first()
    return _draft(row) if row else None


async def _update(connection: AsyncConnection, draft: Draft) -> None:
    await connection.execute(drafts.update().where(drafts.c.id == draft.id).values(**_row(draft)))
