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
    BackgroundChoice,
    Language,
    PaletteColour,
    RingStyle,
    describe_background,
)
from bot.handlers.preview_card import accept_draft, make_next_look
from bot.jobs.supervisor import JobSupervisor
from bot.telegram.messenger import Messenger
from video_editing.contract.engines import AUTO_ENGINE, EngineName
from video_editing.contract.excerpt import Excerpt, Time
from video_editing.contract.formats import AUTO_CANVAS, CanvasName
from video_editing.contract.sound import DEFAULT_SOUND, SoundOptions
from video_editing.contract.style import (
    Anchor,
    Fade,
    Feather,
    OffsetFraction,
    RingWidth,
    Shape,
    UnitInterval,
)

OWN_BACKGROUND = "own"  #: the file that is the draft's background now
Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
Background = PaletteColour | Literal["blur", "own"] | Colour


class EditedLook(BaseModel):
    """What the editor shows and changes.

    Attributes:
        shape, ring, ring_width, ring_colour, shadow, fade, feather, keep_background, canvas,
            engine, sound: as in an appearance.
        anchor, offset, size: its place, as in a style.
        background: a colour or its name, "blur", or "own" for the file that the draft has.
        start, end: of the part of the clip that is used, in seconds; None is the clip's end.
        cover: as in a job's request.
    """

    model_config = ConfigDict(extra="forbid")

    shape: Shape
    ring: RingStyle
    ring_width: RingWidth
    ring_colour: Colour | None = None
    shadow: UnitInterval
    fade: Fade = 0
    feather: Feather = 0
    keep_background: bool = False
    anchor: Anchor
    offset: tuple[OffsetFraction, OffsetFraction]
    size: Annotated[float, Field(ge=MIN_SCALE, le=MAX_SCALE)]
    background: Background
    canvas: CanvasName = AUTO_CANVAS
    engine: EngineName = AUTO_ENGINE
    sound: SoundOptions = DEFAULT_SOUND
    start: Time = 0
    end: Time | None = None
    cover: Time | None = None

    @model_validator(mode="after")
    def _require_length(self) -> Self:
        if self.end is not None and self.end <= self.start:
            raise ValueError("nothing is left of the clip")
        return self


#: fields of an appearance that the editor shows as they are
SAME_FIELDS = (
    "shape",
    "ring",
    "ring_width",
    "ring_colour",
    "shadow",
    "fade",
    "feather",
    "keep_background",
    "canvas",
    "engine",
    "sound",
)


def describe_look(draft: Draft) -> EditedLook:
    """Return what the editor shows first."""
    look, style = draft.look, draft.look.to_style()
    return EditedLook(
        **{name: getattr(look, name) for name in SAME_FIELDS},
        anchor=style.position,
        offset=style.offset,
        size=style.size or 1,
        background=_describe_background(look.backdrop),
        start=draft.excerpt.start,
        end=draft.excerpt.end,
        cover=draft.cover,
    )


def _describe_background(background: BackgroundChoice) -> Background:
    """Return the name or the code of a colour, "blur", or "own"."""
    match describe_background(background):
        case "other":
            return background.colour
        case "blur":
            return "blur"
        case "file":
            return OWN_BACKGROUND
        case name:
            return PaletteColour(name)


def apply_look(draft: Draft, look: EditedLook) -> Draft:
    """Return the draft with *look*; an unchanged size keeps its name.

    The mattes of another engine are not used.
    """
    before = describe_look(draft)
    changes = {name: getattr(look, name) for name in SAME_FIELDS} | {
        "corner": look.anchor,
        "offset": look.offset,
        "backdrop": _choose_background(draft, look.background),
    }
    if (look.size, look.shape) != (before.size, before.shape):
        changes["scale"] = look.size
    return replace(
        draft,
        look=draft.look.model_copy(update=changes),
        excerpt=Excerpt(start=look.start, end=look.end),
        cover=look.cover,
        mattes=draft.mattes if look.engine == before.engine else None,
    )


def _choose_background(draft: Draft, name: Background) -> BackgroundChoice:
    if name == OWN_BACKGROUND:
        return draft.look.backdrop
    if name == "blur":
        return BackgroundChoice(kind="blur")
    if name in PALETTE:
        return BackgroundChoice(colour=PALETTE[PaletteColour(name)][0])
    return BackgroundChoice(colour=name)


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
            DraftNotFound: there is none, or *user* is not its owner.
        """
        draft = await self._drafts.get(draft_id)
        if draft is None or draft.clip is None or draft.user != user:
            raise DraftNotFound(draft_id)
        return draft

    async def get_language(self, user: int, otherwise: Language) -> Language:
        """Return the language that a user chose."""
        return (await self._users.get_preferences(user)).language or otherwise

    async def order(self, draft: Draft, look: EditedLook, language: Language) -> None:
        """Accept the job, and take the buttons off the card.

        Raises: see :meth:`JobSupervisor.accept`.
        """
        draft = apply_look(draft, look)
        await accept_draft(draft, language, self._jobs, self._drafts)
        await self._users.set_appearance(draft.user, make_next_look(draft.look))
        if draft.card is not None:
            await self._messenger.edit_keyboard(draft.chat, draft.card, None)
