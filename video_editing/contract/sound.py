"""How a result sounds: what users choose for the voice and for the background's sound."""

from enum import StrEnum

from pydantic import Field

from video_editing.contract.style import OptionModel

LOUDNESS = -16  #: LUFS, integrated; what streaming services and phones expect of speech


class BackgroundSound(StrEnum):
    """How loud the sound of a background video is."""

    OFF = "off"
    QUIET = "quiet"
    NORMAL = "normal"
    LOUD = "loud"


class SoundOptions(OptionModel):
    """The sound of a result."""

    even_voice: bool = Field(
        default=False,
        description=f"bring quiet and loud passages of the voice closer, {LOUDNESS} LUFS in all "
        "(EBU R 128)",
    )
    denoise: bool = Field(default=False, description="reduce steady noise behind the voice")
    background_sound: BackgroundSound = Field(
        default=BackgroundSound.NORMAL,
        description="how loud the sound of a background video is; it is quieter during speech",
    )


DEFAULT_SOUND = SoundOptions()
