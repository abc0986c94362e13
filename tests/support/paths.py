"""Where the repository and the real clips are."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
MEDIA = ROOT.parent / "shared" / "media"  #: real clips, on the authors' machines
