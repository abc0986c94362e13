"""Files that the bot has itself."""

from pathlib import Path

_FOLDER = Path(__file__).parents[1] / "assets"

SAMPLE_CLIP = _FOLDER / "sample.mp4"  #: a person, for users who try the bot
SAMPLE_SECONDS = 4.0
WELCOME = _FOLDER / "welcome.mp4"  #: the sample, and beside it what becomes of it; without sound
