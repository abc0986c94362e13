"""The example of docs/service.md, executed: curl alone makes an overlay of a clip."""

import asyncio
import os
import re
from pathlib import Path

from tests.backends.support.running_service import TOKEN, create_service, serve_app
from tests.support.paths import ROOT
from tests.support.person_clips import film_of_eileen

PAGE = ROOT / "docs" / "service.md"
ALPHA_MODE = b"\x53\xc0\x81\x01"  #: of a WebM file whose video is transparent


async def test_curl_alone_makes_an_overlay(tmp_path: Path) -> None:
    """From the file of a clip to a transparent video, and the service keeps nothing."""
    clip = film_of_eileen(tmp_path / "clip.mp4", 12, side=160)
    (example,) = re.findall(r"```bash\n(.*?)```", PAGE.read_text(), re.DOTALL)
    folder = tmp_path / "service"
    async with serve_app(create_service(folder)) as address:
        variables = {"SERVICE": address, "OVERLAY_TOKEN": TOKEN, "CLIP": str(clip)}
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", example),
            cwd=tmp_path,
            env=os.environ | variables,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, output.decode()
        assert [path for path in folder.rglob("*") if path.is_file()] == []
    assert ALPHA_MODE in (tmp_path / "overlay.webm").read_bytes()
