"""What tests check of a run of the command line."""

import json
from pathlib import Path


def read_error(stderr: str) -> dict[str, object]:
    """Parse the last line, which parent processes read; the line before it is for users."""
    sentence, line = stderr.splitlines()[-2:]
    report: dict[str, object] = json.loads(line)
    assert sentence == f"overlay: {report['message']}"
    assert "Traceback" not in stderr
    return report


def list_files(folder: Path) -> list[str]:
    """List a folder and its subfolders."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
