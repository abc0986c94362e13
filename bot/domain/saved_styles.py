"""The looks that a user saved under names."""

from pydantic import BaseModel, ConfigDict

from bot.domain.job_request import Appearance

MAX_STYLES = 8  #: of one user; a page of a card has room for them
MAX_NAME_LENGTH = 24  #: characters of a style's name


class SavedStyle(BaseModel):
    """A look under a name.

    Attributes:
        id: names it in buttons; only its owner can use it.
        name: as the user wrote it; see :func:`parse_style_name`.
        look: with all that a card lets the user choose.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    look: Appearance


class TooManyStyles(Exception):
    """The user has MAX_STYLES styles."""


class NameTaken(Exception):
    """Another style of the user has this name."""


class SavedStyles(BaseModel):
    """All styles of a user.

    Attributes:
        saved: in the order of saving.
        default: the id of the style that each new card begins with; None for the last look.
    """

    model_config = ConfigDict(frozen=True)

    saved: tuple[SavedStyle, ...] = ()
    default: str | None = None

    @property
    def is_full(self) -> bool:
        """Whether no style under a new name can be saved."""
        return len(self.saved) >= MAX_STYLES

    def find(self, style_id: str | None) -> SavedStyle | None:
        """Return the style with an id, if it exists."""
        return next((style for style in self.saved if style.id == style_id), None)

    def save(self, new: SavedStyle) -> "SavedStyles":
        """Return the styles with *new*, or with its look where the user has one of its name.

        Raises:
            TooManyStyles: there is no room for another name.
        """
        if old := self._find_by_name(new.name):
            return self._replace(old.model_copy(update={"look": new.look}))
        if self.is_full:
            raise TooManyStyles
        return self.model_copy(update={"saved": (*self.saved, new)})

    def rename(self, style_id: str, name: str) -> "SavedStyles":
        """Return the styles where one has another name; the same ones if it does not exist.

        Raises:
            NameTaken: another style has that name.
        """
        style, other = self.find(style_id), self._find_by_name(name)
        if style is None:
            return self
        if other is not None and other.id != style_id:
            raise NameTaken
        return self._replace(style.model_copy(update={"name": name}))

    def delete(self, style_id: str) -> "SavedStyles":
        """Return the styles without one."""
        left = tuple(style for style in self.saved if style.id != style_id)
        return SavedStyles(saved=left, default=None if self.default == style_id else self.default)

    def set_default(self, style_id: str | None) -> "SavedStyles":
        """Return the styles where each new card begins with one, or with the last look."""
        return self.model_copy(update={"default": style_id})

    def _find_by_name(self, name: str) -> SavedStyle | None:
        same = (style for style in self.saved if style.name.casefold() == name.casefold())
        return next(same, None)

    def _replace(self, changed: SavedStyle) -> "SavedStyles":
        saved = tuple(changed if style.id == changed.id else style for style in self.saved)
        return self.model_copy(update={"saved": saved})


NO_STYLES = SavedStyles()


def parse_style_name(text: str) -> str | None:
    """Return a name that a user wrote, on one line and without invisible characters.

    Returns None for one that is empty or longer than MAX_NAME_LENGTH.
    """
    words = "".join(char if char.isprintable() else " " for char in text).split()
    name = " ".join(words)
    return name if 0 < len(name) <= MAX_NAME_LENGTH else None
