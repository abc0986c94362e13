"""The data that buttons send back.

It contains only ids and choices. Who may press is checked against the owner of the draft or job.
"""

from dataclasses import replace
from enum import StrEnum
from typing import Annotated, Literal

from aiogram.filters.callback_data import CallbackData
from pydantic import Field

from bot.database.drafts import CardPage, Draft
from bot.domain.job_request import (
    PALETTE,
    Appearance,
    BackgroundChoice,
    Language,
    OverlaySize,
    PaletteColour,
    RingStyle,
)
from video_editing.contract.engines import EngineName
from video_editing.contract.excerpt import MAX_SECONDS, Excerpt
from video_editing.contract.formats import OutputFormat
from video_editing.contract.style import Anchor, Shape

MIN_EXCERPT_SECONDS = 1  #: that the buttons leave of a clip
OpaqueId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")]  #: of a draft or a job


class CardChoice(CallbackData, prefix="choice"):
    """A button of a card that changes the result.

    Attributes:
        draft: the id of the card's draft.
    """

    draft: OpaqueId

    def apply(self, draft: Draft) -> Draft | None:
        """Return the draft with this choice; None where it cannot be applied."""
        raise NotImplementedError


class ChooseShape(CardChoice, prefix="shape"):
    """Choose the shape."""

    shape: Shape

    def apply(self, draft: Draft) -> Draft:
        """See :meth:`CardChoice.apply`."""
        return _change(draft, shape=self.shape)


class ChooseCorner(CardChoice, prefix="corner"):
    """Choose the corner."""

    corner: Anchor

    def apply(self, draft: Draft) -> Draft:
        """See :meth:`CardChoice.apply`."""
        return _change(draft, corner=self.corner, offset=(0, 0))


class ChooseSize(CardChoice, prefix="size"):
    """Choose the size."""

    size: OverlaySize

    def apply(self, draft: Draft) -> Draft:
        """See :meth:`CardChoice.apply`."""
        return _change(draft, size=self.size, scale=None)


class ChooseRing(CardChoice, prefix="ring"):
    """Choose the ring, or none."""

    ring: RingStyle

    def apply(self, draft: Draft) -> Draft:
        """See :meth:`CardChoice.apply`."""
        return _change(draft, ring=self.ring)


class ChooseEngine(CardChoice, prefix="engine"):
    """Choose the engine."""

    engine: EngineName

    def apply(self, draft: Draft) -> Draft:
        """See :meth:`CardChoice.apply`."""
        return _change(draft, engine=self.engine)


class ChooseColour(CardChoice, prefix="colour"):
    """Choose a colour as the background."""

    colour: PaletteColour

    def apply(self, draft: Draft) -> Draft:
        """See :meth:`CardChoice.apply`."""
        return _change(draft, backdrop=BackgroundChoice(colour=PALETTE[self.colour][0]))


class ChooseBlur(CardChoice, prefix="blur"):
    """Choose the blurred clip as the background."""

    def apply(self, draft: Draft) -> Draft:
        """See :meth:`CardChoice.apply`."""
        return _change(draft, backdrop=BackgroundChoice(kind="blur"))


class ChooseFile(CardChoice, prefix="file"):
    """Choose a file that the user sent as the background.

    Attributes:
        number: the index among the draft's backgrounds, from 0.
    """

    number: Annotated[int, Field(ge=0, le=999)]

    def apply(self, draft: Draft) -> Draft | None:
        """See :meth:`CardChoice.apply`."""
        if self.number >= len(draft.backgrounds):
            return None
        source = draft.backgrounds[self.number]
        return _change(draft, backdrop=BackgroundChoice(kind="file", source=source))


class ChooseCanvas(CardChoice, prefix="canvas"):
    """Choose the aspect ratio of the result.

    Attributes:
        ratio: as in an appearance, with an x: a colon separates the fields of a button.
    """

    ratio: Literal["auto", "9x16", "1x1", "4x5", "16x9"]

    def apply(self, draft: Draft) -> Draft:
        """See :meth:`CardChoice.apply`."""
        return _change(draft, canvas=self.ratio.replace("x", ":"))


class TrimClip(CardChoice, prefix="trim"):
    """Move the start or the end of the used part of the clip.

    Attributes:
        edge: what is moved.
        by: seconds; 0 moves it to where it is in the whole clip.
    """

    edge: Literal["start", "end"]
    by: Annotated[int, Field(ge=-999, le=999)]

    def apply(self, draft: Draft) -> Draft:
        """See :meth:`CardChoice.apply`; at least a second is left."""
        excerpt, length = draft.excerpt, (draft.clip and draft.clip.seconds) or MAX_SECONDS
        if self.edge == "start":
            latest = (excerpt.end or length) - MIN_EXCERPT_SECONDS
            start = max(0, min(excerpt.start + self.by, latest)) if self.by else 0
            return replace(draft, excerpt=Excerpt(start=start, end=excerpt.end))
        end = max((excerpt.end or length) + self.by, excerpt.start + MIN_EXCERPT_SECONDS)
        is_whole = not self.by or end >= length
        return replace(draft, excerpt=Excerpt(start=excerpt.start, end=None if is_whole else end))


def _change(draft: Draft, **changes: object) -> Draft:
    return replace(draft, look=draft.look.model_copy(update=changes))


CARD_CHOICES: tuple[type[CardChoice], ...] = (
    ChooseShape,
    ChooseCorner,
    ChooseSize,
    ChooseRing,
    ChooseEngine,
    ChooseColour,
    ChooseBlur,
    ChooseFile,
    ChooseCanvas,
    TrimClip,
)


class ShowCardPage(CallbackData, prefix="page"):
    """Show another page of a card's buttons."""

    draft: OpaqueId
    page: CardPage


class MakeResult(CallbackData, prefix="make"):
    """Order the result of a card."""

    draft: OpaqueId


class SendBackground(CallbackData, prefix="send"):
    """Send a file as the background."""

    draft: OpaqueId


class AskTimes(CallbackData, prefix="times"):
    """Send the start and the end of the used part of the clip as text."""

    draft: OpaqueId


class KeepBackground(CallbackData, prefix="keep"):
    """Keep the background, and send no file."""

    draft: OpaqueId


class CancelJob(CallbackData, prefix="cancel"):
    """Cancel a job."""

    job: OpaqueId


class ResultPage(StrEnum):
    """A page of the buttons of a result."""

    FIRST = "first"
    SHAPE = "shape"
    CORNER = "corner"


class ShowResultPage(CallbackData, prefix="more"):
    """Show another page of a result's buttons."""

    job: OpaqueId
    page: ResultPage


class ResultChange(CallbackData, prefix="other"):
    """A button of a result that orders a variant of it, from the same clip and mattes."""

    job: OpaqueId

    def choose_format(self, current: OutputFormat) -> OutputFormat:
        """Return the format of the variant, where that of the result is *current*."""
        return current

    def choose_appearance(self, current: Appearance) -> Appearance:
        """Return the appearance of the variant, where that of the result is *current*."""
        return current


class ChangeFormat(ResultChange, prefix="again"):
    """Order the result in another format."""

    to: OutputFormat

    def choose_format(self, current: OutputFormat) -> OutputFormat:  # noqa: ARG002 - the variant has its own format
        """See :meth:`ResultChange.choose_format`."""
        return self.to


class ChangeShape(ResultChange, prefix="reshape"):
    """Order the result in another shape."""

    shape: Shape

    def choose_appearance(self, current: Appearance) -> Appearance:
        """See :meth:`ResultChange.choose_appearance`."""
        return current.model_copy(update={"shape": self.shape})


class ChangeCorner(ResultChange, prefix="move"):
    """Order the result in another corner."""

    corner: Anchor

    def choose_appearance(self, current: Appearance) -> Appearance:
        """See :meth:`ResultChange.choose_appearance`."""
        return current.model_copy(update={"corner": self.corner, "offset": (0, 0)})


RESULT_CHANGES: tuple[type[ResultChange], ...] = (ChangeFormat, ChangeShape, ChangeCorner)


class TrySample(CallbackData, prefix="sample"):
    """Start a card with the bot's sample clip."""


class ChooseLanguage(CallbackData, prefix="speak"):
    """Choose the language."""

    language: Language


class ResetAppearance(CallbackData, prefix="reset"):
    """Forget the remembered appearance."""


class ForgetUser(CallbackData, prefix="forget"):
    """Delete everything that is stored of a user."""

    user: int
