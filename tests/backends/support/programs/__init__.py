"""Programs that tests run as child processes."""

from pathlib import Path

PROGRAMS = Path(__file__).parent
MISBEHAVING_VIDEO_CLI = (
    PROGRAMS / "misbehaving_video_cli.py"
)  #: replaces the command line of video_editing
