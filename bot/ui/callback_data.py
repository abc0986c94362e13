"""What buttons send back: who they are for is looked up by the id, never believed."""

from enum import StrEnum
from typing import Annotated, Literal

from aiogram.filters.callback_data import CallbackData
from pydantic import Field

from bot.database.drafts import Draft
from bot.domain.appearance import PALETTE, Backdrop, Look, PaletteColour, Ring, Size
from bot.domain.job_request import Language
from video_editing.contract.formats import Form
from video_editing.contract.style import Anchor, Shape

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")]  #: of a draft or a job


class Choice(CallbackData, prefix="choice"):
    """A button of a card that changes the look.

    Attributes:
        draft: the id of what the card is of.
    """

    draft: Id

    def made(self, draft: Draft) -> Look | None:
        """The draft's look with what was chosen; None where that is not there."""
        raise NotImplementedError


class ChooseShape(Choice, prefix="shape"):
    """Cut to another shape."""

    shape: Shape

    def made(self, draft: Draft) -> Look:
        """See Choice."""
        return draft.look.model_copy(update={"shape": self.shape})


class ChooseCorner(Choice, prefix="corner"):
    """Go to another corner."""

    corner: Anchor

    def made(self, draft: Draft) -> Look:
        """See Choice."""
        return draft.look.model_copy(update={"corner": self.corner})


class ChooseSize(Choice, prefix="size"):
    """Be larger or smaller."""

    size: Size

    def made(self, draft: Draft) -> Look:
        """See Choice."""
        return draft.look.model_copy(update={"size": self.size})


class ChooseRing(Choice, prefix="ring"):
    """Have another ring, or none."""

    ring: Ring

    def made(self, draft: Draft) -> Look:
        """See Choice."""
        return draft.look.model_copy(update={"ring": self.ring})


class ChooseEngine(Choice, prefix="engine"):
    """Be cut out by another engine."""

    engine: Literal["mediapipe", "rembg"]

    def made(self, draft: Draft) -> Look:
        """See Choice."""
        return draft.look.model_copy(update={"engine": self.engine})


class ChooseColour(Choice, prefix="colour"):
    """Be over a colour."""

    colour: PaletteColour

    def made(self, draft: Draft) -> Look:
        """See Choice."""
        return _over(draft, Backdrop(colour=PALETTE[self.colour][0]))


class ChooseBlur(Choice, prefix="blur"):
    """Be over the clip, out of focus."""

    def made(self, draft: Draft) -> Look:
        """See Choice."""
        return _over(draft, Backdrop(kind="blur"))


class ChooseFile(Choice, prefix="file"):
    """Be over a file that came with the clip, or later for it.

    Attributes:
        number: which of them, from 0 on.
    """

    number: Annotated[int, Field(ge=0, le=999)]

    def made(self, draft: Draft) -> Look | None:
        """See Choice."""
        if self.number >= len(draft.backgrounds):
            return None
        return _over(draft, Backdrop(kind="file", source=draft.backgrounds[self.number]))


def _over(draft: Draft, backdrop: Backdrop) -> Look:
    return draft.look.model_copy(update={"backdrop": backdrop})


#: all of them
CHOICES: tuple[type[Choice], ...] = (
    ChooseShape,
    ChooseCorner,
    ChooseSize,
    ChooseRing,
    ChooseEngine,
    ChooseColour,
    ChooseBlur,
    ChooseFile,
)


class Page(StrEnum):
    """One of the sets of buttons that a card or a result has."""

    FIRST = "first"
    RING = "ring"
    BACKGROUND = "background"
    SHAPE = "shape"
    CORNER = "corner"


class CardPage(CallbackData, prefix="page"):
    """Show another page of a card."""

    draft: Id
    page: Page


class Make(CallbackData, prefix="make"):
    """Make the video of a card."""

    draft: Id


class Send(CallbackData, prefix="send"):
    """Ask for a background of one's own."""

    draft: Id


class Keep(CallbackData, prefix="keep"):
    """Send no background after all."""

    draft: Id


class Cancel(CallbackData, prefix="cancel"):
    """Stop a job."""

    job: Id


class ResultPage(CallbackData, prefix="more"):
    """Show another page of a result."""

    job: Id
    page: Page


class Other(CallbackData, prefix="other"):
    """A button of a result that makes another of the same clip, with the same mattes."""

    job: Id

    def form(self, form: Form) -> Form:
        """The other's, where the result's is *form*."""
        return form

    def look(self, look: Look) -> Look:
        """The other's, where the result's is *look*."""
        return look


class OtherForm(Other, prefix="again"):
    """The same in another form."""

    to: Form

    def form(self, form: Form) -> Form:  # noqa: ARG002 - whatever it was
        """See Other."""
        return self.to


class OtherShape(Other, prefix="reshape"):
    """The same in another shape."""

    shape: Shape

    def look(self, look: Look) -> Look:
        """See Other."""
        return look.model_copy(update={"shape": self.shape})


class OtherCorner(Other, prefix="move"):
    """The same in another corner."""

    corner: Anchor

    def look(self, look: Look) -> Look:
        """See Other."""
        return look.model_copy(update={"corner": self.corner})


#: all of them
OTHERS: tuple[type[Other], ...] = (OtherForm, OtherShape, OtherCorner)


class Speak(CallbackData, prefix="speak"):
    """Speak another language."""

    language: Language


class Reset(CallbackData, prefix="reset"):
    """Forget the look."""
