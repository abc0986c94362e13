"""Paths of the repository and of real clips."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
MEDIA = ROOT.parent / "shared" / "media"  #: real clips; not part of the repository
