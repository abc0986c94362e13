"""Orders the result of a draft with the layout of the editor, as if buttons had been pressed."""

from dataclasses import replace
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bot.database.drafts import DraftNotFound, DraftRepository
from bot.database.users import UserRepository
from bot.domain.draft import Draft
from bot.domain.job_request import (
    MAX_SCALE,
    MIN_SCALE,
    PALETTE,
    Appearance,
    BackgroundChoice,
    Language,
    PaletteColour,
    RingStyle,
    describe_background,
)
from bot.handlers.preview_card import accept_draft, make_next_look
from bot.jobs.supervisor import JobSupervisor
from bot.telegram.messenger import Messenger
from video_editing.contract.excerpt import Excerpt, Time
from video_editing.contract.formats import AUTO_CANVAS, CanvasName
from video_editing.contract.style import Anchor, OffsetFraction, Shape, UnitInterval

OWN_BACKGROUND = "own"  #: the file that is the draft's background now
Background = PaletteColour | Literal["blur", "own"]


class EditedLook(BaseModel):
    """What the editor shows and changes.

    Attributes:
        shape, ring, shadow: of the overlay.
        anchor, offset, size: its place, as in a style.
        background: a colour's name, "blur", or "own" for the file that the draft has.
        canvas: the aspect ratio of the result.
        start, end: of the part of the clip that is used, in seconds; None is the clip's end.
    """

    model_config = ConfigDict(extra="forbid")

    shape: Shape
    ring: RingStyle
    shadow: UnitInterval
    anchor: Anchor
    offset: tuple[OffsetFraction, OffsetFraction]
    size: Annotated[float, Field(ge=MIN_SCALE, le=MAX_SCALE)]
    background: Background
    canvas: CanvasName = AUTO_CANVAS
    start: Time = 0
    end: Time | None = None

    @model_validator(mode="after")
    def _require_length(self) -> Self:
        if self.end is not None and self.end <= self.start:
            raise ValueError("nothing is left of the clip")
        return self


def describe_look(draft: Draft) -> EditedLook:
    """Return what the editor shows first."""
    style, name = draft.look.to_style(), describe_background(draft.look.backdrop)
    return EditedLook(
        shape=draft.look.shape,
        ring=draft.look.ring,
        shadow=style.shadow,
        anchor=style.position,
        offset=style.offset,
        size=style.size or 1,
        background=PaletteColour(name) if name in PALETTE else _describe_other(name),
        canvas=draft.look.canvas,
        start=draft.excerpt.start,
        end=draft.excerpt.end,
    )


def _describe_other(name: str) -> Background:
    return "blur" if name == "blur" else "own"


def apply_look(draft: Draft, look: EditedLook) -> Appearance:
    """Return the draft's appearance with *look*; an unchanged size keeps its name."""
    before = describe_look(draft)
    changes: dict[str, object] = {
        "shape": look.shape,
        "ring": look.ring,
        "shadow": look.shadow,
        "corner": look.anchor,
        "offset": look.offset,
        "backdrop": _choose_background(draft, look.background),
        "canvas": look.canvas,
    }
    if look.ring is not before.ring:
        changes["ring_colour"] = None
    if (look.size, look.shape) != (before.size, before.shape):
        changes["scale"] = look.size
    return draft.look.model_copy(update=changes)


def _choose_background(draft: Draft, name: Background) -> BackgroundChoice:
    if name == OWN_BACKGROUND:
        return draft.look.backdrop
    if isinstance(name, PaletteColour):
        return BackgroundChoice(colour=PALETTE[name][0])
    return BackgroundChoice(kind="blur")


class DraftOrders:
    """Finds the drafts of a user, and accepts their jobs."""

    def __init__(
        self,
        jobs: JobSupervisor,
        drafts: DraftRepository,
        users: UserRepository,
        messenger: Messenger,
    ) -> None:
        self._jobs, self._drafts = jobs, drafts
        self._users, self._messenger = users, messenger

    async def find(self, draft_id: str, user: int) -> Draft:
        """Return a draft with a clip.

        Raises:
            DraftNotFound: there is none, *user* is not its owner, or nobody is cut out.
        """
        draft = await self._drafts.get(draft_id)
        if draft is None or draft.clip is None or draft.user != user:
            raise DraftNotFound(draft_id)
        if draft.look.keep_background:
            raise DraftNotFound(draft_id)
        return draft

    async def get_language(self, user: int, otherwise: Language) -> Language:
        """Return the language that a user chose."""
        return (await self._users.get_preferences(user)).language or otherwise

    async def order(self, draft: Draft, look: EditedLook, language: Language) -> None:
        """Accept the job, and take the buttons off the card.

        Raises: see :meth:`JobSupervisor.accept`.
        """
        excerpt = Excerpt(start=look.start, end=look.end)
        draft = replace(draft, look=apply_look(draft, look), excerpt=excerpt)
        await accept_draft(draft, language, self._jobs, self._drafts)
        await self._users.set_appearance(draft.user, make_next_look(draft.look))
        if draft.card is not None:
            await self._messenger.edit_keyboard(draft.chat, draft.card, None)
