"""Programs that tests run as processes of their own."""

from pathlib import Path

PROGRAMS = Path(__file__).parent
MISBEHAVING_VIDEO_CLI = (
    PROGRAMS / "misbehaving_video_cli.py"
)  #: instead of the command line of video_editing
