"""The published OpenAPI document is true: schemathesis asks the real service whatever it allows."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.backends.support.running_service import KEY, application, copied_from, served
from tests.backends.support.scripted_backend import Scripted

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "ignored_auth",
    "unsupported_method",
)


async def asked(address: str, folder: Path, examples: int) -> tuple[int, str]:
    """Run schemathesis against the service at *address*, and return its output."""
    process = await asyncio.create_subprocess_exec(
        *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{address}/openapi.json"),
        *("--header", f"Authorization: {KEY['Authorization']}", "--checks", ",".join(CHECKS)),
        *("--max-examples", str(examples), "--seed", "4", "--generation-database", "none"),
        *("--phases", "examples,coverage,fuzzing", "--no-color"),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


@pytest.mark.slow
async def test_every_answer_is_documented(tmp_path: Path, clip: Path) -> None:
    """No request in or near the document has a 5xx or an undocumented answer."""
    app = application(tmp_path / "service", Scripted(), copied_from(clip), sync_seconds=0.2)
    async with served(app) as address:
        code, said = await asked(address, tmp_path, 40)
    assert code == 0, said


async def test_the_document_describes_the_key(tmp_path: Path) -> None:
    """Every call but healthz and signed links names the key, and its refusals."""
    document = application(tmp_path).openapi()
    for path, calls in document["paths"].items():
        for call in calls.values():
            if path in {"/healthz", "/overlays/{overlay_id}"}:
                assert "security" not in call
            else:
                assert call["security"] == [{"HTTPBearer": []}]
                assert "401" in call["responses"]
