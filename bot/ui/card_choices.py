"""The choices that the buttons of a card send back, and what each makes of the draft."""

from dataclasses import replace
from typing import Annotated, Literal

from aiogram.filters.callback_data import CallbackData
from pydantic import Field

from bot.domain.draft import Draft
from bot.domain.job_request import (
    EFFECT_LEVELS,
    MAX_SCALE,
    MIN_SCALE,
    PALETTE,
    BackgroundChoice,
    OverlaySize,
    PaletteColour,
    RingStyle,
)
from bot.ui.callback_data import OpaqueId
from video_editing.contract.engines import EngineName
from video_editing.contract.excerpt import MAX_SECONDS, Excerpt
from video_editing.contract.sound import BackgroundSound
from video_editing.contract.style import Anchor, Shape

FACE_STEP = 0.05  #: of the clip's width or height
FACE_STEPS = {
    "left": (-FACE_STEP, 0),
    "right": (FACE_STEP, 0),
    "up": (0, -FACE_STEP),
    "down": (0, FACE_STEP),
}
CLIP_MIDDLE = (0.5, 0.5)
MIN_EXCERPT_SECONDS = 1  #: that the buttons leave of a clip


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


class StepSize(CardChoice, prefix="step"):
    """Make the overlay larger or smaller.

    Attributes:
        by: percent of the result's height.
    """

    by: Annotated[int, Field(ge=-999, le=999)]

    def apply(self, draft: Draft) -> Draft:
        """See :meth:`CardChoice.apply`."""
        scale = round(draft.look.overlay_height + self.by / 100, 2)
        return _change(draft, scale=min(MAX_SCALE, max(MIN_SCALE, scale)))


class ShiftFace(CardChoice, prefix="face"):
    """Move the face inside a circle by a step, or to where it is by itself.

    Attributes:
        direction: where the face moves.
    """

    direction: Literal["left", "right", "up", "down", "auto"]

    def apply(self, draft: Draft) -> Draft:
        """See :meth:`CardChoice.apply`; the circle moves the other way over the clip."""
        if self.direction == "auto":
            return _change(draft, centre=None)
        centre = draft.look.centre or (draft.clip and draft.clip.centre) or CLIP_MIDDLE
        moved = (at - by for at, by in zip(centre, FACE_STEPS[self.direction], strict=True))
        return _change(draft, centre=tuple(round(min(1, max(0, at)), 3) for at in moved))


class ChooseRing(CardChoice, prefix="ring"):
    """Choose the ring, or none."""

    ring: RingStyle

    def apply(self, draft: Draft) -> Draft:
        """See :meth:`CardChoice.apply`."""
        return _change(draft, ring=self.ring, ring_colour=None)


class ChooseEffect(CardChoice, prefix="effect"):
    """Choose how strong an effect is.

    Attributes:
        effect: a field of an appearance.
        level: an index of its EFFECT_LEVELS.
    """

    effect: Literal["shadow", "fade", "feather", "ring_width"]
    level: Annotated[int, Field(ge=0, le=2)]

    def apply(self, draft: Draft) -> Draft:
        """See :meth:`CardChoice.apply`."""
        return _change(draft, **{self.effect: EFFECT_LEVELS[self.effect][self.level]})


class ToggleOwnBackground(CardChoice, prefix="inside"):
    """Keep the clip's own background inside the shape, or cut the person out."""

    def apply(self, draft: Draft) -> Draft:
        """See :meth:`CardChoice.apply`."""
        return _change(draft, keep_background=not draft.look.keep_background)


class ToggleVoice(CardChoice, prefix="voice"):
    """Switch an improvement of the voice on or off."""

    option: Literal["even_voice", "denoise"]

    def apply(self, draft: Draft) -> Draft:
        """See :meth:`CardChoice.apply`."""
        sound = draft.look.sound
        changed: dict[str, object] = {self.option: not getattr(sound, self.option)}
        return _change(draft, sound=sound.model_copy(update=changed))


class ChooseBackgroundSound(CardChoice, prefix="noise"):
    """Choose how loud the sound of a background video is."""

    level: BackgroundSound

    def apply(self, draft: Draft) -> Draft:
        """See :meth:`CardChoice.apply`."""
        changed = {"background_sound": self.level}
        return _change(draft, sound=draft.look.sound.model_copy(update=changed))


class ChooseEngine(CardChoice, prefix="engine"):
    """Choose the engine."""

    engine: EngineName

    def apply(self, draft: Draft) -> Draft:
        """See :meth:`CardChoice.apply`; the mattes of another engine are not used."""
        if self.engine == draft.look.engine:
            return draft
        return replace(_change(draft, engine=self.engine), mattes=None)


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
    StepSize,
    ShiftFace,
    ChooseRing,
    ChooseEffect,
    ToggleOwnBackground,
    ToggleVoice,
    ChooseBackgroundSound,
    ChooseEngine,
    ChooseColour,
    ChooseBlur,
    ChooseFile,
    ChooseCanvas,
    TrimClip,
)
