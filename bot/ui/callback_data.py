"""What buttons send back: who they are for is looked up by the id, never believed."""

from enum import StrEnum
from typing import Annotated

from aiogram.filters.callback_data import CallbackData
from pydantic import Field

from bot.database.drafts import Draft
from bot.domain.appearance import (
    PALETTE,
    Appearance,
    BackgroundChoice,
    OverlaySize,
    PaletteColour,
    RingStyle,
)
from bot.domain.job_request import Language
from video_editing.contract.engines import EngineName
from video_editing.contract.formats import OutputFormat
from video_editing.contract.style import Anchor, Shape

OpaqueId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")]  #: of a draft or a job


class CardChoice(CallbackData, prefix="choice"):
    """A button of a card that changes the look.

    Attributes:
        draft: the id of what the card is of.
    """

    draft: OpaqueId

    def apply(self, draft: Draft) -> Appearance | None:
        """The draft's look with what was chosen; None where that is not there."""
        raise NotImplementedError


class ChooseShape(CardChoice, prefix="shape"):
    """Cut to another shape."""

    shape: Shape

    def apply(self, draft: Draft) -> Appearance:
        """See Choice."""
        return draft.look.model_copy(update={"shape": self.shape})


class ChooseCorner(CardChoice, prefix="corner"):
    """Go to another corner."""

    corner: Anchor

    def apply(self, draft: Draft) -> Appearance:
        """See Choice."""
        return draft.look.model_copy(update={"corner": self.corner})


class ChooseSize(CardChoice, prefix="size"):
    """Be larger or smaller."""

    size: OverlaySize

    def apply(self, draft: Draft) -> Appearance:
        """See Choice."""
        return draft.look.model_copy(update={"size": self.size})


class ChooseRing(CardChoice, prefix="ring"):
    """Have another ring, or none."""

    ring: RingStyle

    def apply(self, draft: Draft) -> Appearance:
        """See Choice."""
        return draft.look.model_copy(update={"ring": self.ring})


class ChooseEngine(CardChoice, prefix="engine"):
    """Be cut out by another engine."""

    engine: EngineName

    def apply(self, draft: Draft) -> Appearance:
        """See Choice."""
        return draft.look.model_copy(update={"engine": self.engine})


class ChooseColour(CardChoice, prefix="colour"):
    """Be over a colour."""

    colour: PaletteColour

    def apply(self, draft: Draft) -> Appearance:
        """See Choice."""
        return _set_background(draft, BackgroundChoice(colour=PALETTE[self.colour][0]))


class ChooseBlur(CardChoice, prefix="blur"):
    """Be over the clip, out of focus."""

    def apply(self, draft: Draft) -> Appearance:
        """See Choice."""
        return _set_background(draft, BackgroundChoice(kind="blur"))


class ChooseFile(CardChoice, prefix="file"):
    """Be over a file that came with the clip, or later for it.

    Attributes:
        number: which of them, from 0 on.
    """

    number: Annotated[int, Field(ge=0, le=999)]

    def apply(self, draft: Draft) -> Appearance | None:
        """See Choice."""
        if self.number >= len(draft.backgrounds):
            return None
        return _set_background(
            draft, BackgroundChoice(kind="file", source=draft.backgrounds[self.number])
        )


def _set_background(draft: Draft, background: BackgroundChoice) -> Appearance:
    return draft.look.model_copy(update={"backdrop": background})


#: all of them
CARD_CHOICES: tuple[type[CardChoice], ...] = (
    ChooseShape,
    ChooseCorner,
    ChooseSize,
    ChooseRing,
    ChooseEngine,
    ChooseColour,
    ChooseBlur,
    ChooseFile,
)


class KeyboardPage(StrEnum):
    """One of the sets of buttons that a card or a result has."""

    FIRST = "first"
    RING = "ring"
    BACKGROUND = "background"
    SHAPE = "shape"
    CORNER = "corner"


class ShowCardPage(CallbackData, prefix="page"):
    """Show another page of a card."""

    draft: OpaqueId
    page: KeyboardPage


class MakeResult(CallbackData, prefix="make"):
    """Make the video of a card."""

    draft: OpaqueId


class SendBackground(CallbackData, prefix="send"):
    """Ask for a background of one's own."""

    draft: OpaqueId


class KeepBackground(CallbackData, prefix="keep"):
    """Send no background after all."""

    draft: OpaqueId


class CancelJob(CallbackData, prefix="cancel"):
    """Stop a job."""

    job: OpaqueId


class ShowResultPage(CallbackData, prefix="more"):
    """Show another page of a result."""

    job: OpaqueId
    page: KeyboardPage


class ResultChange(CallbackData, prefix="other"):
    """A button of a result that makes another of the same clip, with the same mattes."""

    job: OpaqueId

    def choose_format(self, current: OutputFormat) -> OutputFormat:
        """The other's, where the result's is *current*."""
        return current

    def choose_appearance(self, current: Appearance) -> Appearance:
        """The other's, where the result's is *current*."""
        return current


class ChangeFormat(ResultChange, prefix="again"):
    """The same in another form."""

    to: OutputFormat

    def choose_format(self, current: OutputFormat) -> OutputFormat:  # noqa: ARG002 - whatever it was
        """See Other."""
        return self.to


class ChangeShape(ResultChange, prefix="reshape"):
    """The same in another shape."""

    shape: Shape

    def choose_appearance(self, current: Appearance) -> Appearance:
        """See Other."""
        return current.model_copy(update={"shape": self.shape})


class ChangeCorner(ResultChange, prefix="move"):
    """The same in another corner."""

    corner: Anchor

    def choose_appearance(self, current: Appearance) -> Appearance:
        """See Other."""
        return current.model_copy(update={"corner": self.corner})


#: all of them
RESULT_CHANGES: tuple[type[ResultChange], ...] = (ChangeFormat, ChangeShape, ChangeCorner)


class ChooseLanguage(CallbackData, prefix="speak"):
    """Speak another language."""

    language: Language


class ResetAppearance(CallbackData, prefix="reset"):
    """Forget the look."""
