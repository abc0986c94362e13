"""What is chosen, in words."""

from typing import Protocol

from bot.database.drafts import Draft
from bot.domain.appearance import Look, named
from bot.domain.job_request import Language


class Wording(Protocol):
    """The texts."""

    def __call__(self, language: Language, key: str, /, **values: float | str) -> str:
        """The text called *key*."""
        ...


def card_caption(texts: Wording, draft: Draft) -> str:
    """What is said under a card."""
    seconds = (draft.clip and draft.clip.seconds) or 0
    return texts(draft.language, "card-caption", seconds=seconds, **said_of(draft.look))


def said_of(look: Look) -> dict[str, str]:
    """The values with which a text tells of *look*."""
    return {
        "shape": look.shape.value,
        "corner": look.corner.value,
        "size": look.size.value,
        "ring": look.ring.value,
        "background": named(look.backdrop),
        "engine": look.engine,
    }
