"""What the service answers to requests that it cannot fulfil, and its page of documentation."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from pydantic import SecretStr

from backends.server.auth import MissingServiceKey
from tests.backends.support.running_service import KEY, create_service, serve_app
from tests.backends.support.scripted_backend import ScriptedBackend
from video_editing.contract.plan import Plan

JOB = "ab" * 16


@asynccontextmanager
async def opened(folder: Path, **changes: Any) -> AsyncIterator[ClientSession]:
    """Open a session with a service whose files are in *folder*."""
    async with (
        serve_app(create_service(folder, ScriptedBackend(), **changes)) as address,
        ClientSession(address, headers=KEY) as session,
    ):
        yield session


async def upload(session: ClientSession, content: bytes) -> str:
    digest = sha256(content).hexdigest()
    async with session.put(f"/clips/{digest}", data=content) as answer:
        assert answer.status == 201
    return digest


def test_a_short_token_is_refused(tmp_path: Path) -> None:
    """Fifteen characters are too few, sixteen are enough."""
    with pytest.raises(MissingServiceKey, match="16"):
        create_service(tmp_path, token=SecretStr("x" * 15))
    create_service(tmp_path, token=SecretStr("x" * 16))


async def test_unknown_fields_are_named(tmp_path: Path, plan: Plan) -> None:
    """A mistyped field is not ignored, also inside of a plan."""
    wrong_plan = plan.model_dump() | {"evry": 2}
    async with opened(tmp_path) as session:
        for method, path, body, name in (
            (
                "POST",
                "/process_overlay_sync",
                {"video_url": "https://a.example/", "x1": 1},
                "x1",
            ),
            ("POST", "/plans", {"input": "0" * 64, "x2": 1}, "x2"),
            ("PUT", f"/jobs/{JOB}", {"input": "0" * 64, "plan": plan.model_dump(), "x3": 1}, "x3"),
            ("PUT", f"/jobs/{JOB}", {"input": "0" * 64, "plan": wrong_plan}, "evry"),
        ):
            async with session.request(method, path, json=body) as answer:
                assert answer.status == 422, name
                assert [error["loc"][-1] for error in (await answer.json())["detail"]] == [name]


async def test_a_plan_needs_a_video(tmp_path: Path) -> None:
    """What is no video is refused with the reason; what is not uploaded is not found."""
    async with opened(tmp_path) as session:
        body = {"input": await upload(session, b"text" * 1000)}
        async with session.post("/plans", json=body) as answer:
            assert answer.status == 422
            (error,) = (await answer.json())["detail"]
            assert (error["loc"], error["type"]) == (["body", "input"], "not_a_video")
        async with session.post("/plans", json={"input": "0" * 64}) as answer:
            assert answer.status == 404


@pytest.mark.parametrize(("part", "status"), [("bytes=9-1", 400), ("bytes=99999999-", 416)])
async def test_a_wrong_range_is_answered_in_json(
    tmp_path: Path, clip: Path, plan: Plan, part: str, status: int
) -> None:
    """The framework's own answer is plain text."""
    async with opened(tmp_path) as session:
        body = {"input": await upload(session, clip.read_bytes()), "plan": plan.model_dump()}
        async with session.put(f"/jobs/{JOB}", json=body) as answer:
            assert answer.status == 202
        path = f"/jobs/{JOB}/segments/0"
        async with asyncio.timeout(10):
            answer = await session.get(path, headers={"Range": part})
            while answer.status == 409:
                await asyncio.sleep(0.02)
                answer = await session.get(path, headers={"Range": part})
        assert answer.status == status
        assert answer.content_type == "application/json"


async def test_a_stalled_upload_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that stops sending gets an answer, and nothing is kept."""
    monkeypatch.setattr("backends.server.app.STALL_SECONDS", 0.1)
    async with opened(tmp_path) as session:

        async def stall() -> AsyncIterator[bytes]:
            yield b"the beginning"
            await asyncio.sleep(5)

        async with asyncio.timeout(3):
            async with session.put(f"/clips/{'0' * 64}", data=stall()) as answer:
                assert answer.status == 400
                assert "interrupted" in (await answer.json())["detail"]
    assert list((tmp_path / "clips").iterdir()) == []


async def test_a_restarted_service_knows_the_job(tmp_path: Path, clip: Path, plan: Plan) -> None:
    """With its frames counted, before anything is submitted again."""
    async with opened(tmp_path) as session:
        body = {"input": await upload(session, clip.read_bytes()), "plan": plan.model_dump()}
        async with session.put(f"/jobs/{JOB}", json=body) as answer:
            fields = await answer.json()
        while fields["state"] != "done":
            await asyncio.sleep(0.02)
            async with session.get(f"/jobs/{JOB}") as answer:
                fields = await answer.json()
    (tmp_path / "jobs" / JOB / plan.segments[-1].file_name).unlink()
    async with opened(tmp_path) as session, session.get(f"/jobs/{JOB}") as answer:
        fields = await answer.json()
    assert fields["ready"] == [segment.index for segment in plan.segments[:-1]]
    assert fields["done"] == plan.frames - plan.segments[-1].frames
    assert fields["state"] == "cancelled"


async def test_its_documentation_loads_nothing(tmp_path: Path) -> None:
    """The page names every route, and needs neither scripts nor other hosts."""
    async with opened(tmp_path) as session:
        async with session.get("/docs") as answer:
            page = await answer.text()
        async with session.get("/openapi.json") as answer:
            document = await answer.json()
    assert all(path in page for path in document["paths"])
    assert re.findall(r"<script|<link|https?://|src=", page) == []


def test_reasons_are_enumerated(tmp_path: Path) -> None:
    """Clients read in the document which reasons there are."""
    schemas = create_service(tmp_path).openapi()["components"]["schemas"]
    assert "corrupt" in schemas["MatteJobFailure"]["properties"]["reason"]["enum"]
    (reasons, _) = schemas["OverlayResponse"]["properties"]["reason"]["anyOf"]
    assert {"corrupt", "too_slow", "not_found"} <= set(reasons["enum"])
