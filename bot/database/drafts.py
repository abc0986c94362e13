"""Stores drafts: clips that users sent, and the appearance that they choose for them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.database.jobs import Job
from bot.database.repository import Repository, generate_id
from bot.database.schema import draft_messages, drafts
from bot.domain.job_request import (
    Appearance,
    BackgroundChoice,
    Destination,
    Language,
    MediaSource,
    Requester,
    SourceKind,
)
from video_editing.contract.excerpt import WHOLE_CLIP, Excerpt
from video_editing.contract.formats import OutputFormat

MAX_WAITING_CARDS = 20  #: of one user; further clips are refused until one is drawn
MAX_RESUME_AGE_SECONDS = 86400.0  #: seconds after which a draft without a card is left alone
MESSAGE_RETENTION_SECONDS = 7 * 86400  #: seconds; Telegram redelivers a message for a day at most


class CardPage(StrEnum):
    """A page of the buttons of a card."""

    FIRST = "first"
    RING = "ring"
    BACKGROUND = "background"
    MORE = "more"
    TRIM = "trim"
    FORMAT = "format"
    PLACE = "place"
    FACE = "face"
    EFFECTS = "effects"
    SOUND = "sound"
    STYLES = "styles"


@dataclass(frozen=True, slots=True)
class Draft:
    """A clip and the appearance that is chosen for it.

    Attributes:
        id: cannot be guessed.
        user: the owner.
        chat, message, topic, direct_topic: the message with the clip.
        language: the language of the card.
        clip: the video of the person; None while only backgrounds of an album have come.
        backgrounds: the photos and videos that the user sent as backgrounds.
        look: the appearance that is chosen.
        album: Telegram's id of the album.
        note: the id of the message that says that a card is drawn.
        card: the id of the message with the card.
        used: the user pressed *Make it*.
        created: the time, in seconds since 1970.
        page: the buttons that the card shows.
        excerpt: the part of the clip that is used.
        form: the format of the result.
        mattes: the id of the job whose result is changed; its mattes are used if they are kept.
        is_merged: the message became a part of an existing draft.
    """

    id: str
    user: int
    chat: int
    message: int
    topic: int | None
    language: Language
    clip: MediaSource | None
    backgrounds: tuple[MediaSource, ...]
    look: Appearance
    album: str | None
    note: int | None
    card: int | None
    used: bool
    created: float
    page: CardPage = CardPage.FIRST
    excerpt: Excerpt = WHOLE_CLIP
    form: OutputFormat = OutputFormat.VIDEO
    mattes: str | None = None
    is_merged: bool = False
    direct_topic: int | None = None

    @property
    def is_private(self) -> bool:
        """Whether the clip came in the private chat with the owner, whose id Telegram gives it."""
        return self.chat == self.user

    @property
    def requester(self) -> Requester:
        """The owner of the draft."""
        return Requester(self.user, self.language)

    @property
    def destination(self) -> Destination:
        """Where the card and the result are sent: as replies to the clip."""
        return Destination(self.chat, self.topic, self.message, self.direct_topic)


class DraftNotFound(LookupError):
    """The draft does not exist any more."""


class TooManyCards(Exception):
    """As many cards of the user are not drawn yet as may be."""


class DraftRepository(Repository):
    """Reads and writes drafts; each exists from its first message until it is too old."""

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
        """Create a draft from a message, or merge the message into the draft of its album.

        The first clip of an album is the clip of the draft; further media are backgrounds.

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
            look=_apply_background(appearance, *backgrounds),
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
        if await _count_without_card(connection, new.user) >= MAX_WAITING_CARDS:
            raise TooManyCards
        if await self._insert_draft(connection, new):
            return new
        return await _merge_into_album(connection, new)

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
                look=_apply_background(draft.look, source),
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

    async def mark_used(self, draft_id: str) -> bool:
        """Mark a draft as used; return whether it was unused."""
        async with self._write_engine.begin() as connection:
            updated = await connection.execute(
                drafts.update()
                .where(drafts.c.id == draft_id, ~drafts.c.used)
                .values(used=True)
                .returning(drafts.c.id)
            )
            return updated.first() is not None

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

    async def _insert_draft(self, connection: AsyncConnection, draft: Draft) -> bool:
        """Insert *draft*; return False if its album has a draft."""
        inserted = await connection.execute(
            self._insert(drafts)
            .values(_to_row(draft))
            .on_conflict_do_nothing()
            .returning(drafts.c.id)
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


def _merge_drafts(existing: Draft, new: Draft) -> Draft:
    """Return *existing* with the clip and the backgrounds of *new*, of the same album.

    Of several videos the one that was sent first is the clip, whatever came first.
    """
    clip, message, added = existing.clip, existing.message, new.backgrounds
    if new.clip and (existing.clip is None or new.message < existing.message):
        clip, message = new.clip, new.message
        added = (existing.clip, *added) if existing.clip else added
    elif new.clip:
        added = (new.clip, *added)
    chosen = () if existing.backgrounds else added
    return replace(
        existing,
        clip=clip,
        message=message,
        backgrounds=(*existing.backgrounds, *added),
        look=_apply_background(existing.look, *chosen),
    )


def _apply_background(appearance: Appearance, *sources: MediaSource) -> Appearance:
    """Return *appearance* with the first of *sources* as its background, if there is one."""
    if not sources:
        return appearance
    return appearance.model_copy(
        update={"backdrop": BackgroundChoice(kind="file", source=sources[0])}
    )


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


async def _merge_into_album(connection: AsyncConnection, new: Draft) -> Draft:
    """Merge *new* into the draft of its album, and return that."""
    of_album = (drafts.c.chat == new.chat) & (drafts.c.album == new.album)
    existing = await _find_draft(connection, of_album, is_locked=True)
    assert existing is not None, "only an album keeps a draft from being inserted"
    merged = replace(_merge_drafts(existing, new), is_merged=True)
    await _save_draft(connection, merged)
    return merged


async def _save_draft(connection: AsyncConnection, draft: Draft) -> None:
    await connection.execute(
        drafts.update().where(drafts.c.id == draft.id).values(**_to_row(draft))
    )
