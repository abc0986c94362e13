"""All that a job needs to be made, and made again from nothing."""

from pydantic import BaseModel, ConfigDict

from bot.look import Look
from bot.source import Source
from video_editing.contract.formats import Form


class Order(BaseModel):
    """What somebody wants.

    Attributes:
        clip: the video of the person.
        look: how she is shown, and over what.
        form: what is sent back.
        mattes: the job whose mattes are used, where they are still there.
    """

    model_config = ConfigDict(frozen=True)

    clip: Source
    look: Look
    form: Form = Form.VIDEO
    mattes: str | None = None
