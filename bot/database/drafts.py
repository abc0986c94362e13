"""Stores drafts: clips that users sent, and the appearance that they choose for them."""

import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.database.jobs import Job
from bot.database.repository import Repository, generate_id
from bot.database.schema import draft_messages, drafts
from bot.domain.draft import CardPage, Draft, SentClip, apply_background
from bot.domain.job_request import (
    Appearance,
    Destination,
    Language,
    MediaSource,
    Requester,
    SourceKind,
)
from video_editing.contract.excerpt import WHOLE_CLIP, Excerpt
from video_editing.contract.formats import OutputFormat

MAX_WAITING_CARDS = 20  #: of one user; further clips are refused until one is drawn
SERIES_SECONDS = 5.0  #: between two clips of a series that are no album
MAX_RESUME_AGE_SECONDS = 86400.0  #: seconds after which a draft without a card is left alone
MESSAGE_RETENTION_SECONDS = 7 * 86400  #: seconds; Telegram redelivers a message for a day at most


class DraftNotFound(LookupError):
    """The draft does not exist any more."""


class TooManyCards(Exception):
    """As many cards of the user are not drawn yet as may be."""


class DraftRepository(Repository):
    """Reads and writes drafts; each exists from its first message until it is too old."""

    def __init__(self, engine: AsyncEngine, *, series_seconds: float = SERIES_SECONDS) -> None:
        """Use *engine*; clips within *series_seconds* of each other are a series."""
        super().__init__(engine)
        self._series_seconds = series_seconds

    async def add_message(
        self,
        requester: Requester,
        destination: Destination,
        appearance: Appearance,
        *,
        clip: MediaSource | None,
        backgrounds: Sequence[MediaSource] = (),
        album: str | None = None,
    ) -> Draft | None:
        """Create a draft from a message, or merge the message into the draft of its series.

        A series is an album, or clips of which each comes soon after the one before it.

        Args:
            requester: who sent the message.
            destination: the message, as what is replied to.
            appearance: the appearance with which a new draft starts.
            clip: the video of the person, if the message has one.
            backgrounds: the backgrounds in the message.
            album: Telegram's id of the album to which the message belongs.

        Returns:
            the draft; None if the message was added before.

        Raises:
            TooManyCards: the user has MAX_WAITING_CARDS drafts without a card.
        """
        assert destination.reply_to is not None, "a draft comes from a message"
        new = Draft(
            id=generate_id(),
            user=requester.user,
            chat=destination.chat,
            message=destination.reply_to,
            topic=destination.topic,
            direct_topic=destination.direct_topic,
            language=requester.language,
            clip=clip,
            backgrounds=tuple(backgrounds),
            look=apply_background(appearance, *backgrounds),
            album=album,
            note=None,
            card=None,
            used=False,
            created=time.time(),
        )
        async with self._write_engine.begin() as connection:
            if not await self._insert_message(connection, new):
                return None
            return await self._insert_or_merge(connection, new)

    async def _insert_or_merge(self, connection: AsyncConnection, new: Draft) -> Draft:
        if self._engine.dialect.name == "postgresql":  # messages are handled side by side
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({new.user})"))
        if (existing := await self._find_series(connection, new)) is None:
            if await _count_without_card(connection, new.user) >= MAX_WAITING_CARDS:
                raise TooManyCards
            return await _insert_draft(connection, new)
        merged = replace(existing.merge(new), is_merged=True)
        await _save_draft(connection, merged)
        return merged

    async def _find_series(self, connection: AsyncConnection, new: Draft) -> Draft | None:
        """Return the draft that *new* is a part of: that of its album, or of clips just sent."""
        of_album = await _find_album(connection, new)
        if of_album and not (of_album.used and new.clip):
            return of_album
        of_chat = (drafts.c.user == new.user) & (drafts.c.chat == new.chat)
        latest = select(func.max(drafts.c.created)).where(of_chat).scalar_subquery()
        is_latest = of_chat & (drafts.c.created == latest)
        existing = await _find_draft(connection, is_latest, is_locked=True)
        is_continued = existing and existing.is_continued_by(new, self._series_seconds)
        return existing if is_continued else None

    async def reopen(self, job: Job, language: Language, message: int) -> Draft | None:
        """Create a draft that changes the result of *job*.

        Args:
            job: a job that is done.
            language: of the card.
            message: the id of the message that the card replies to.

        Returns:
            the draft; None if one of that job is drawn at the moment.

        Raises:
            TooManyCards: the user has MAX_WAITING_CARDS drafts without a card.
        """
        source = job.order.look.backdrop.source
        new = Draft(
            id=generate_id(),
            user=job.user,
            chat=job.chat,
            message=message,
            topic=job.topic,
            direct_topic=job.direct_topic,
            language=language,
            clip=job.order.clip,
            # A link that does not work any more is no reason to refuse the clip.
            backgrounds=(source,) if source and source.kind is not SourceKind.LINK else (),
            look=job.order.look,
            album=None,
            note=None,
            card=None,
            used=False,
            created=time.time(),
            excerpt=job.order.excerpt,
            form=job.order.form,
            mattes=job.id,
            cover=job.order.cover,
        )
        is_drawn = (drafts.c.mattes == job.id) & drafts.c.card.is_(None) & ~drafts.c.used
        async with self._write_engine.begin() as connection:
            if await _find_draft(connection, is_drawn & (drafts.c.user == job.user)):
                return None
            return await self._insert_or_merge(connection, new)

    async def get(self, draft_id: str) -> Draft | None:
        """Return a draft, if it exists."""
        async with self._engine.connect() as connection:
            return await _find_draft(connection, drafts.c.id == draft_id)

    async def find_open(self, user: int, chat: int, card: int | None) -> Draft | None:
        """Return the unused draft of *user* whose card is the message *card*, or the last one."""
        is_open = (drafts.c.user == user) & (drafts.c.chat == chat) & ~drafts.c.used
        query = select(drafts).where(is_open)
        by_card = query.where(drafts.c.card == card) if card else query
        async with self._engine.connect() as connection:
            rows = await connection.execute(by_card.order_by(drafts.c.created.desc()).limit(1))
            row = rows.mappings().first()
        return _from_row(row) if row else None

    async def set_appearance(self, draft_id: str, appearance: Appearance) -> Draft:
        """Store the appearance of a draft. Raises DraftNotFound."""
        return await self._update(draft_id, look=appearance.model_dump(mode="json"))

    async def set_choices(self, draft: Draft) -> Draft:
        """Store the appearance, the excerpt and the mattes of *draft*. Raises DraftNotFound."""
        row = _to_row(draft)
        return await self._update(
            draft.id, look=row["look"], excerpt=row["excerpt"], mattes=row["mattes"]
        )

    async def set_page(self, draft_id: str, page: CardPage) -> Draft:
        """Store which buttons the card of a draft shows. Raises DraftNotFound."""
        return await self._update(draft_id, page=page.value)

    async def set_clip(self, draft_id: str, clip: MediaSource) -> Draft:
        """Store what became known of the clip of a draft. Raises DraftNotFound."""
        return await self._update(draft_id, clip=clip.model_dump(mode="json"))

    async def add_background(self, draft_id: str, source: MediaSource) -> Draft:
        """Add a background to a draft, and choose it. Raises DraftNotFound."""
        async with self._write_engine.begin() as connection:
            draft = await _find_draft(connection, drafts.c.id == draft_id, is_locked=True)
            if draft is None:
                raise DraftNotFound(draft_id)
            changed = replace(
                draft,
                backgrounds=(*draft.backgrounds, source),
                look=apply_background(draft.look, source),
            )
            await _save_draft(connection, changed)
            return changed

    async def set_note(self, draft_id: str, note: int) -> bool:
        """Store the id of the note; return whether the draft exists and still has no card."""
        async with self._write_engine.begin() as connection:
            updated = await connection.execute(
                drafts.update()
                .where(drafts.c.id == draft_id)
                .values(note=note)
                .returning(drafts.c.card)
            )
            row = updated.first()
        return row is not None and row.card is None

    async def set_card(self, draft_id: str, card: int) -> None:
        """Store the id of the card."""
        await self._set_columns(draft_id, card=card)

    async def mark_used(self, draft: Draft) -> Draft | None:
        """Mark a draft as used, unless a clip was added to it; then return it with that."""
        async with self._write_engine.begin() as connection:
            latest = await _find_draft(connection, drafts.c.id == draft.id, is_locked=True)
            if latest is None or latest.messages == draft.messages:
                await connection.execute(
                    drafts.update().where(drafts.c.id == draft.id).values(used=True)
                )
                return None
            return replace(draft, more_clips=latest.more_clips)

    async def remove_clips(self, draft_id: str, messages: Collection[int]) -> Draft:
        """Remove the clips of *messages* from a draft with others. Raises DraftNotFound."""
        async with self._write_engine.begin() as connection:
            draft = await _find_draft(connection, drafts.c.id == draft_id, is_locked=True)
            if draft is None:
                raise DraftNotFound(draft_id)
            kept = [clip for clip in draft.clips if clip.message not in messages]
            changed = draft.take_clips(kept)
            await _save_draft(connection, changed)
            return changed

    async def separate(self, draft_id: str) -> list[Draft]:
        """Give each clip of a draft but the one on its card a draft of its own.

        Returns:
            the new drafts.

        Raises:
            DraftNotFound: the draft does not exist any more.
            TooManyCards: the user would have more than MAX_WAITING_CARDS drafts without a card.
        """
        async with self._write_engine.begin() as connection:
            draft = await _find_draft(connection, drafts.c.id == draft_id, is_locked=True)
            if draft is None:
                raise DraftNotFound(draft_id)
            waiting = await _count_without_card(connection, draft.user)
            if waiting + len(draft.more_clips) > MAX_WAITING_CARDS:
                raise TooManyCards
            parts = [draft.separate_clip(clip, generate_id()) for clip in draft.more_clips]
            await _save_draft(connection, replace(draft, more_clips=()))
            for part in parts:
                await connection.execute(drafts.insert().values(_to_row(part)))
            return parts

    async def move_chat(self, old_chat: int, new_chat: int) -> None:
        """Give the drafts of a group that became a supergroup its new id.

        The card and the note are forgotten: in the new group their ids name other messages.
        """
        async with self._write_engine.begin() as connection:
            await connection.execute(
                drafts.update()
                .where(drafts.c.chat == old_chat)
                .values(chat=new_chat, topic=None, card=None, note=None)
            )

    async def delete(self, draft_id: str) -> None:
        """Delete a draft; its messages stay known, so that redelivered ones create no draft."""
        async with self._write_engine.begin() as connection:
            await connection.execute(drafts.delete().where(drafts.c.id == draft_id))
            await connection.execute(
                draft_messages.delete().where(
                    draft_messages.c.seen < time.time() - MESSAGE_RETENTION_SECONDS
                )
            )

    async def list_without_card(self, since: float) -> list[str]:
        """Return the ids of unused drafts after *since* without a card, the oldest first."""
        async with self._engine.connect() as connection:
            ids = await connection.scalars(
                select(drafts.c.id)
                .where(drafts.c.card.is_(None), ~drafts.c.used, drafts.c.created > since)
                .order_by(drafts.c.created)
            )
            return list(ids)

    async def list_unused(self, user: int) -> list[str]:
        """Return the ids of the drafts of *user* that are not ordered, the oldest first."""
        async with self._engine.connect() as connection:
            ids = await connection.scalars(
                select(drafts.c.id)
                .where(drafts.c.user == user, ~drafts.c.used)
                .order_by(drafts.c.created)
            )
            return list(ids)

    async def list_in_chat(self, user: int, chat: int) -> list[str]:
        """Return the ids of the drafts of *user* in *chat*, the newest first."""
        async with self._engine.connect() as connection:
            ids = await connection.scalars(
                select(drafts.c.id)
                .where(drafts.c.user == user, drafts.c.chat == chat)
                .order_by(drafts.c.created.desc())
            )
            return list(ids)

    async def list_of_user(self, user: int) -> list[str]:
        """Return the ids of all drafts of *user*."""
        async with self._engine.connect() as connection:
            return list(await connection.scalars(select(drafts.c.id).where(drafts.c.user == user)))

    async def list_stale(self, before: float) -> list[str]:
        """Return the ids of drafts that were created before *before*, in seconds since 1970."""
        async with self._engine.connect() as connection:
            ids = await connection.scalars(select(drafts.c.id).where(drafts.c.created < before))
            return list(ids)

    async def _insert_message(self, connection: AsyncConnection, draft: Draft) -> bool:
        """Record the message of *draft*; return whether it is new."""
        inserted = await connection.execute(
            self._insert(draft_messages)
            .values(chat=draft.chat, message=draft.message, draft=draft.id, seen=draft.created)
            .on_conflict_do_nothing()
            .returning(draft_messages.c.draft)
        )
        return inserted.first() is not None

    async def _set_columns(self, draft_id: str, **values: Any) -> None:
        async with self._write_engine.begin() as connection:
            await connection.execute(
                drafts.update().where(drafts.c.id == draft_id).values(**values)
            )

    async def _update(self, draft_id: str, **values: Any) -> Draft:
        async with self._write_engine.begin() as connection:
            updated = await connection.execute(
                drafts.update().where(drafts.c.id == draft_id).values(**values).returning(*drafts.c)
            )
            row = updated.mappings().first()
        if row is None:
            raise DraftNotFound(draft_id)
        return _from_row(row)


def _to_row(draft: Draft) -> dict[str, Any]:
    return {
        "id": draft.id,
        "user": draft.user,
        "chat": draft.chat,
        "message": draft.message,
        "topic": draft.topic,
        "direct_topic": draft.direct_topic,
        "language": draft.language.value,
        "clip": draft.clip and draft.clip.model_dump(mode="json"),
        "backgrounds": [source.model_dump(mode="json") for source in draft.backgrounds],
        "look": draft.look.model_dump(mode="json"),
        "album": draft.album,
        "note": draft.note,
        "card": draft.card,
        "used": draft.used,
        "created": draft.created,
        "page": draft.page.value,
        "form": draft.form.value,
        "mattes": draft.mattes,
        "cover": draft.cover,
        "more_clips": [clip.model_dump(mode="json") for clip in draft.more_clips] or None,
        "excerpt": None if draft.excerpt == WHOLE_CLIP else draft.excerpt.model_dump(mode="json"),
    }


def _from_row(row: RowMapping) -> Draft:
    return Draft(
        **dict(row)
        | {
            "language": Language(row["language"]),
            "clip": row["clip"] and MediaSource.model_validate(row["clip"]),
            "backgrounds": tuple(map(MediaSource.model_validate, row["backgrounds"])),
            "look": Appearance.model_validate(row["look"]),
            "page": CardPage(row["page"] or CardPage.FIRST),
            "excerpt": Excerpt.model_validate(row["excerpt"] or {}),
            "form": OutputFormat(row["form"] or OutputFormat.VIDEO),
            "more_clips": tuple(map(SentClip.model_validate, row["more_clips"] or ())),
        }
    )


async def _count_without_card(connection: AsyncConnection, user: int) -> int:
    """Return how many unused drafts of *user* wait for a card."""
    since = time.time() - MAX_RESUME_AGE_SECONDS
    is_waiting = drafts.c.card.is_(None) & ~drafts.c.used & (drafts.c.created > since)
    of_user = is_waiting & (drafts.c.user == user)
    return await connection.scalar(select(func.count()).select_from(drafts).where(of_user)) or 0


async def _find_draft(
    connection: AsyncConnection, where: ColumnElement[bool], *, is_locked: bool = False
) -> Draft | None:
    query = select(drafts).where(where)
    rows = await connection.execute(query.with_for_update() if is_locked else query)
    row = rows.mappings().first()
    return _from_row(row) if row else None


async def _insert_draft(connection: AsyncConnection, draft: Draft) -> Draft:
    """Insert *draft*; where its album was ordered before, as one that is of no album."""
    if await _find_album(connection, draft):
        draft = replace(draft, album=None)
    await connection.execute(drafts.insert().values(_to_row(draft)))
    return draft


async def _find_album(connection: AsyncConnection, new: Draft) -> Draft | None:
    if new.album is None:
        return None
    of_album = (drafts.c.chat == new.chat) & (drafts.c.album == new.album)
    return await _find_draft(connection, of_album, is_locked=True)


async def _save_draft(connection: AsyncConnection, draft: Draft) -> None:
    await connection.execute(
        drafts.update().where(drafts.c.id == draft.id).values(**_to_row(draft))
    )
