"""The data that buttons send back.

It contains only ids and choices. Who may press is checked against the owner of the draft or job.
"""

from enum import StrEnum
from typing import Annotated, Literal

from aiogram.filters.callback_data import CallbackData
from pydantic import Field

from bot.domain.draft import CardPage
from bot.domain.job_request import Appearance, Language
from bot.domain.style_code import CODE_PATTERN
from video_editing.contract.formats import OutputFormat
from video_editing.contract.style import Anchor, Shape

OpaqueId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")]  #: of a draft or a job


StyleId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,16}$")]  #: of a saved style
StyleCode = Annotated[str, Field(pattern=CODE_PATTERN)]  #: of a look, as in a link


class ShowCardPage(CallbackData, prefix="page"):
    """Show another page of a card's buttons."""

    draft: OpaqueId
    page: CardPage


class MakeResult(CallbackData, prefix="make"):
    """Order the result of a card."""

    draft: OpaqueId


class SeparateClips(CallbackData, prefix="apart"):
    """Give each clip of a series a card of its own."""

    draft: OpaqueId


class SendBackground(CallbackData, prefix="send"):
    """Send a file as the background."""

    draft: OpaqueId


class AskTimes(CallbackData, prefix="times"):
    """Send the start and the end of the used part of the clip as text."""

    draft: OpaqueId


class AskColour(CallbackData, prefix="paint"):
    """Send a colour as text.

    Attributes:
        part: what it is the colour of.
    """

    draft: OpaqueId
    part: Literal["background", "ring"]


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


class ReopenCard(CallbackData, prefix="edit"):
    """Open a card that changes a result."""

    job: OpaqueId


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


class ChooseStyle(CallbackData, prefix="dress"):
    """Give a card the look of a saved style."""

    draft: OpaqueId
    style: StyleId


class SaveStyle(CallbackData, prefix="save"):
    """Send a name under which a look is saved.

    Attributes:
        draft: whose look it is.
        code: of the look; without both it is the one with which the next card begins.
    """

    draft: OpaqueId | None = None
    code: StyleCode | None = None


class UseStyle(CallbackData, prefix="wear"):
    """Let the next card begin with the look of a link."""

    code: StyleCode


class ListStyles(CallbackData, prefix="styles"):
    """Show the saved styles."""


class OpenStyle(CallbackData, prefix="style"):
    """Show a saved style, and what can be done with it."""

    style: StyleId


class SetDefaultStyle(CallbackData, prefix="star"):
    """Let each new card begin with a saved style, or not any more."""

    style: StyleId
    on: bool


class RenameStyle(CallbackData, prefix="rename"):
    """Send another name for a saved style."""

    style: StyleId


class DeleteStyle(CallbackData, prefix="erase"):
    """Delete a saved style.

    Attributes:
        sure: False asks first.
    """

    style: StyleId
    sure: bool


class ForgetUser(CallbackData, prefix="forget"):
    """Delete everything that is stored of a user."""

    user: int
