"""A draft: clips that a user sent, and what is chosen for them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from bot.domain.job_request import (
    Appearance,
    BackgroundChoice,
    Destination,
    Language,
    MediaSource,
    Requester,
    SourceKind,
)
from video_editing.contract.excerpt import WHOLE_CLIP, Excerpt
from video_editing.contract.formats import OutputFormat

MAX_SERIES = 10  #: clips of one draft, as many as an album has


class SentClip(BaseModel):
    """A clip as the user sent it.

    Attributes:
        message: the id of the message with the clip.
        source: the video of the person.
        at: when it came, in seconds since 1970.
    """

    model_config = ConfigDict(frozen=True)

    message: int
    source: MediaSource
    at: float


class CardPage(StrEnum):
    """A page of the buttons of a card."""

    FIRST = "first"
    RING = "ring"
    BACKGROUND = "background"
    MORE = "more"
    TRIM = "trim"
    FORMAT = "format"
    PLACE = "place"
    FACE = "face"
    EFFECTS = "effects"
    SOUND = "sound"
    STYLES = "styles"


@dataclass(frozen=True, slots=True)
class Draft:
    """A clip and the appearance that is chosen for it.

    Attributes:
        id: cannot be guessed.
        user: the owner.
        chat, message, topic, direct_topic: the message with the clip.
        language: the language of the card.
        clip: the video of the person; None while only backgrounds of an album have come.
        backgrounds: the photos and videos that the user sent as backgrounds.
        look: the appearance that is chosen.
        album: Telegram's id of the album.
        note: the id of the message that says that a card is drawn.
        card: the id of the message with the card.
        used: the user pressed *Make it*.
        created: the time, in seconds since 1970.
        page: the buttons that the card shows.
        excerpt: the part of the clip that is used.
        form: the format of the result.
        mattes: the id of the job whose result is changed; its mattes are used if they are kept.
        cover: as in a job's request.
        more_clips: those that are made in the same style, in the order of their messages.
        is_merged: the message became a part of an existing draft.
    """

    id: str
    user: int
    chat: int
    message: int
    topic: int | None
    language: Language
    clip: MediaSource | None
    backgrounds: tuple[MediaSource, ...]
    look: Appearance
    album: str | None
    note: int | None
    card: int | None
    used: bool
    created: float
    page: CardPage = CardPage.FIRST
    excerpt: Excerpt = WHOLE_CLIP
    form: OutputFormat = OutputFormat.VIDEO
    mattes: str | None = None
    cover: float | None = None
    more_clips: tuple[SentClip, ...] = ()
    is_merged: bool = False
    direct_topic: int | None = None

    @property
    def is_private(self) -> bool:
        """Whether the clip came in the private chat with the owner, whose id Telegram gives it."""
        return self.chat == self.user

    @property
    def requester(self) -> Requester:
        """The owner of the draft."""
        return Requester(self.user, self.language)

    @property
    def destination(self) -> Destination:
        """Where the card and the result are sent: as replies to the clip."""
        return Destination(self.chat, self.topic, self.message, self.direct_topic)

    @property
    def clips(self) -> tuple[SentClip, ...]:
        """All clips in the order of their messages."""
        own = self.clip and SentClip(message=self.message, source=self.clip, at=self.created)
        return _sort_clips(*([own] if own else []), *self.more_clips)

    def take_clips(self, clips: Sequence[SentClip]) -> "Draft":
        """Return the draft with *clips*: its card keeps the one that it shows, or shows the first.

        Args:
            clips: at least one, in the order of their messages.
        """
        shown = next((clip for clip in clips if clip.message == self.message), clips[0])
        others = tuple(clip for clip in clips if clip != shown)
        return replace(self, clip=shown.source, message=shown.message, more_clips=others)

    @property
    def messages(self) -> list[int]:
        """The ids of the messages with clips."""
        return [clip.message for clip in self.clips]

    def merge(self, new: "Draft") -> "Draft":
        """Return the draft with the clip and the backgrounds of *new*, of the same series.

        The card shows the clip that came first, whose file it may have.
        """
        chosen = () if self.backgrounds else new.backgrounds
        merged = replace(
            self,
            backgrounds=(*self.backgrounds, *new.backgrounds),
            look=apply_background(self.look, *chosen),
        )
        if self.clip is None and new.clip:
            return merged.take_clips(new.clips)
        return replace(merged, more_clips=_sort_clips(*self.more_clips, *new.clips))

    def separate_clip(self, clip: SentClip, draft_id: str) -> "Draft":
        """Return a new draft of one of the clips that begins like this one."""
        return replace(
            self.take_clips([clip]),
            look=self.look.forget_face(),
            id=draft_id,
            album=None,
            note=None,
            card=None,
            page=CardPage.FIRST,
            created=time.time(),
        )

    def is_continued_by(self, new: "Draft", seconds: float) -> bool:
        """Return whether *new*, of the same user and chat, comes so soon after the last clip."""
        is_open = not self.used and self.mattes is None and new.mattes is None
        clips = self.clips
        return (
            is_open
            and self.topic == new.topic
            and self.direct_topic == new.direct_topic
            and 0 < len(clips) < MAX_SERIES
            and SourceKind.SAMPLE not in {clip.source.kind for clip in (*clips, *new.clips)}
            and new.created - max(clip.at for clip in clips) < seconds
        )


def apply_background(appearance: Appearance, *sources: MediaSource) -> Appearance:
    """Return *appearance* with the first of *sources* as its background, if there is one."""
    if not sources:
        return appearance
    return appearance.model_copy(
        update={"backdrop": BackgroundChoice(kind="file", source=sources[0])}
    )


def _sort_clips(*clips: SentClip) -> tuple[SentClip, ...]:
    return tuple(sorted(clips, key=lambda clip: clip.message))
