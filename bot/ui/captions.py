"""What is chosen, in words."""

from typing import Protocol

from bot.database.drafts import Draft
from bot.domain.appearance import Appearance, describe_background
from bot.domain.job_request import Language


class CaptionTexts(Protocol):
    """The texts."""

    def __call__(self, language: Language, key: str, /, **values: float | str) -> str:
        """The text called *key*."""
        ...


def build_card_caption(texts: CaptionTexts, draft: Draft) -> str:
    """What is said under a card."""
    seconds = (draft.clip and draft.clip.seconds) or 0
    return texts(draft.language, "card-caption", seconds=seconds, **describe_appearance(draft.look))


def describe_appearance(appearance: Appearance) -> dict[str, str]:
    """The values with which a text tells of *appearance*."""
    return {
        "shape": appearance.shape.value,
        "corner": appearance.corner.value,
        "size": appearance.size.value,
        "ring": appearance.ring.value,
        "background": describe_background(appearance.backdrop),
        "engine": appearance.engine,
    }
