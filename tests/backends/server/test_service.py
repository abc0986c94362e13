"""The service as its clients see it."""

import asyncio
import hashlib
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp import ClientSession
from fastapi import FastAPI
from pydantic import SecretStr

from backends.server.auth import LinkSigner, MissingServiceKey
from tests.backends.support.event_recorder import EventRecorder
from tests.backends.support.running_service import (
    KEY,
    TOKEN,
    create_client,
    create_service,
    serve_app,
)
from tests.backends.support.scripted_backend import ScriptedBackend
from video_editing.contract.plan import Plan, find_missing_segments

Session = ClientSession
Opened = Callable[..., Awaitable[ClientSession]]
JOB = "ab" * 16


@pytest.fixture
async def opened() -> AsyncIterator[Opened]:
    """Open a session with the service; by default it sends the key."""
    async with AsyncExitStack() as stack:

        async def opened_one(app: FastAPI, headers: dict[str, str] = KEY) -> ClientSession:
            address = await stack.enter_async_context(serve_app(app))
            return await stack.enter_async_context(ClientSession(address, headers=headers))

        yield opened_one


def files(folder: Path) -> list[str]:
    """Return the names of all files in *folder*."""
    return [path.name for path in folder.rglob("*") if path.is_file()]


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def test_only_its_description_is_open(opened: Opened, tmp_path: Path) -> None:
    """And whether it is up; other pages that describe it do not exist."""
    session = await opened(create_service(tmp_path), {})
    for path, status in (
        *((path, 200) for path in ("/docs", "/openapi.json", "/healthz")),
        *((path, 404) for path in ("/redoc", "/docs/oauth2-redirect", "/")),
    ):
        async with session.get(path) as answer:
            assert answer.status == status, path


def test_without_a_key_it_does_not_start(tmp_path: Path) -> None:
    """Without a token and without both of Modal's keys the service would be open to everybody."""
    with pytest.raises(MissingServiceKey):
        create_service(tmp_path, token=SecretStr(""))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": TOKEN},
        {"Modal-Key": "id"},
        {"Modal-Key": "", "Modal-Secret": ""},
        {"Modal-Key": "id", "Modal-Secret": "ängste"},
    ],
)
async def test_requests_without_the_key_are_refused(
    opened: Opened, tmp_path: Path, headers: dict[str, str]
) -> None:
    """Each route but healthz refuses requests without the key, whether the object exists or not."""
    session = await opened(create_service(tmp_path), headers)
    for method, path in (
        ("GET", f"/clips/{'0' * 64}"),
        ("PUT", f"/clips/{'0' * 64}"),
        ("DELETE", f"/clips/{'0' * 64}"),
        ("POST", "/plans"),
        ("PUT", f"/jobs/{JOB}"),
        ("GET", f"/jobs/{JOB}"),
        ("POST", f"/jobs/{JOB}/cancel"),
        ("DELETE", f"/jobs/{JOB}"),
        ("GET", f"/jobs/{JOB}/segments/0"),
        ("POST", "/process_overlay_endpoint"),
        ("POST", "/process_overlay_sync"),
        ("GET", f"/get_result?job_id={JOB}"),
    ):
        async with session.request(method, path) as answer:
            assert answer.status == 401, (method, path)
    async with session.get("/healthz") as answer:
        assert answer.status == 200


def test_nothing_native_in_its_process() -> None:
    """The service imports neither a decoder nor a model: hostile files are read in children."""
    code = "import sys, backends.server.app; print({'av', 'cv2', 'numpy'} & set(sys.modules))"
    process = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert process.stdout == b"set()\n"


async def test_modals_pair_opens_it(opened: Opened, tmp_path: Path) -> None:
    """Modal-Key and Modal-Secret together are as good as the token."""
    app = create_service(tmp_path, key=SecretStr("id"), secret=SecretStr("word"))
    session = await opened(app, {"Modal-Key": "id", "Modal-Secret": "word"})
    async with session.get(f"/clips/{'0' * 64}") as answer:
        assert answer.status == 404


async def test_a_clip_is_stored_once(opened: Opened, tmp_path: Path) -> None:
    """A clip is found under its hash after the upload; a second upload changes nothing."""
    session = await opened(create_service(tmp_path))
    content = b"clip" * 100_000
    for _ in range(2):
        async with session.put(f"/clips/{digest(content)}", data=content) as answer:
            assert answer.status == 201
    async with session.get(f"/clips/{digest(content)}") as answer:
        assert (await answer.json())["size"] == len(content)
    assert files(tmp_path / "clips") == [digest(content)]


async def test_a_clip_with_another_hash_is_refused(opened: Opened, tmp_path: Path) -> None:
    """A clip whose hash differs from the one in its path is not stored."""
    session = await opened(create_service(tmp_path))
    async with session.put(f"/clips/{digest(b'this')}", data=b"that") as answer:
        assert answer.status == 409
    assert files(tmp_path / "clips") == []


@pytest.mark.parametrize("has_length", [True, False])
async def test_a_clip_too_large_is_refused(
    opened: Opened, tmp_path: Path, *, has_length: bool
) -> None:
    """One byte too many is refused, with a Content-Length and without."""
    session = await opened(create_service(tmp_path, max_clip_mb=1))
    content = b"x" * 1_000_001

    async def stream_without_length() -> AsyncIterator[bytes]:
        yield content

    async with session.put(
        f"/clips/{digest(content)}", data=content if has_length else stream_without_length()
    ) as answer:
        assert answer.status == 413
    assert files(tmp_path / "clips") == []


@pytest.mark.parametrize(
    "name", ["..%2f..%2fetc%2fpasswd", "%2e%2e", "A" * 64, "0" * 63, "0" * 65, "%00" * 64, "é" * 32]
)
async def test_names_are_never_paths(opened: Opened, tmp_path: Path, name: str) -> None:
    """A name that is neither a hash nor a job's id is refused before it is used as a path."""
    session = await opened(create_service(tmp_path / "service"))
    for path in (f"/clips/{name}", f"/jobs/{name}", f"/jobs/{name}/segments/0"):
        async with session.get(path) as answer:
            assert answer.status in {404, 422}
    async with session.put(f"/clips/{name}", data=b"x") as answer:
        assert answer.status in {404, 405, 422}
    assert [path.name for path in tmp_path.iterdir()] == ["service"]


async def submit_job(session: Session, clip: Path, plan: Plan, job: str = JOB) -> dict:
    """Upload the clip, and submit a job for its mattes."""
    content = clip.read_bytes()
    async with session.put(f"/clips/{digest(content)}", data=content) as answer:
        assert answer.status == 201
    body = {"input": digest(content), "plan": plan.model_dump()}
    async with session.put(f"/jobs/{job}", json=body) as answer:
        assert answer.status == 202, await answer.text()
        return await answer.json()


async def wait_for_state(session: Session, *states: str, job: str = JOB) -> dict:
    """Return the job once it is in one of *states*."""
    for _ in range(500):
        async with session.get(f"/jobs/{job}") as answer:
            fields = await answer.json()
        if fields["state"] in states:
            return fields
        await asyncio.sleep(0.02)
    raise AssertionError(fields)


async def test_a_job_runs_once(opened: Opened, tmp_path: Path, clip: Path, plan: Plan) -> None:
    """Submitted five times, at the same time and after its end, the job runs once."""
    backend = ScriptedBackend(pause=0.01)
    session = await opened(create_service(tmp_path, backend))
    await asyncio.gather(*(submit_job(session, clip, plan) for _ in range(4)))
    await wait_for_state(session, "done")
    fields = await submit_job(session, clip, plan)
    assert fields["ready"] == [segment.index for segment in plan.segments]
    assert len(backend.plans) == 1


async def test_a_jobs_name_is_not_taken_twice(
    opened: Opened, tmp_path: Path, clip: Path, plan: Plan
) -> None:
    """A job's id belongs to one clip and one plan; another plan under it is refused."""
    session = await opened(create_service(tmp_path, ScriptedBackend()))
    fields = await submit_job(session, clip, plan)
    other = plan.model_copy(update={"engine": "rembg"})
    body = {"input": fields["input"], "plan": other.model_dump()}
    async with session.put(f"/jobs/{JOB}", json=body) as answer:
        assert answer.status == 409


async def test_segments_come_as_they_get_ready(
    opened: Opened, tmp_path: Path, clip: Path, plan: Plan
) -> None:
    """The first segment can be downloaded while later ones are made; 409: not yet, 404: never."""
    session = await opened(create_service(tmp_path, ScriptedBackend(pause=0.3)))
    await submit_job(session, clip, plan)
    while not (await wait_for_state(session, "queued", "running"))["ready"]:
        await asyncio.sleep(0.02)
    async with session.get(f"/jobs/{JOB}/segments/0") as answer:
        assert answer.status == 200
        assert answer.headers["Job-Id"] == JOB
        assert (await answer.read())[4:8] == b"ftyp"
    async with session.get(f"/jobs/{JOB}/segments/{len(plan.segments) - 1}") as answer:
        assert answer.status == 409
    async with session.get(f"/jobs/{JOB}/segments/{len(plan.segments)}") as answer:
        assert answer.status == 404


async def test_a_cancelled_job_can_continue(
    opened: Opened, tmp_path: Path, clip: Path, plan: Plan
) -> None:
    """A cancelled job keeps its ready segments; submitted again, it makes only the others."""
    backend = ScriptedBackend(pause=0.1)
    session = await opened(create_service(tmp_path, backend))
    await submit_job(session, clip, plan)
    while not (await wait_for_state(session, "queued", "running"))["ready"]:
        await asyncio.sleep(0.02)
    async with session.post(f"/jobs/{JOB}/cancel") as answer:
        assert (await answer.json())["state"] == "cancelled"
    made = list(backend.written)
    await asyncio.sleep(0.3)
    assert backend.written == made
    await submit_job(session, clip, plan)
    await wait_for_state(session, "done")
    assert backend.written == [segment.index for segment in plan.segments]


async def test_a_job_survives_a_restart(
    opened: Opened, tmp_path: Path, clip: Path, plan: Plan
) -> None:
    """A new process finds an earlier one's segments, and makes only the missing ones."""
    first, second = ScriptedBackend(pause=0.1), ScriptedBackend()
    async with (
        serve_app(create_service(tmp_path, first)) as address,
        ClientSession(address, headers=KEY) as session,
    ):
        await submit_job(session, clip, plan)
        while not (await wait_for_state(session, "queued", "running"))["ready"]:
            await asyncio.sleep(0.02)
    session = await opened(create_service(tmp_path, second))
    other = {"input": digest(clip.read_bytes()), "plan": plan.model_dump() | {"engine": "rembg"}}
    async with session.put(f"/jobs/{JOB}", json=other) as answer:
        assert answer.status == 409
    await submit_job(session, clip, plan)
    await wait_for_state(session, "done")
    assert first.written + second.written == [segment.index for segment in plan.segments]


async def test_a_deleted_job_leaves_nothing(
    opened: Opened, tmp_path: Path, clip: Path, plan: Plan
) -> None:
    """Deleting a running job stops it and removes its files; then the clip can be deleted."""
    session = await opened(create_service(tmp_path, ScriptedBackend(pause=0.2)))
    fields = await submit_job(session, clip, plan)
    async with session.delete(f"/clips/{fields['input']}") as answer:
        assert answer.status == 409
    async with session.delete(f"/jobs/{JOB}") as answer:
        assert answer.status == 204
    async with session.delete(f"/clips/{fields['input']}") as answer:
        assert answer.status == 204
    assert files(tmp_path) == []
    async with session.get(f"/jobs/{JOB}") as answer:
        assert answer.status == 404


async def test_too_many_jobs_are_refused(
    opened: Opened, tmp_path: Path, clip: Path, plan: Plan
) -> None:
    """A full queue answers 429 with the time of the next attempt."""
    session = await opened(create_service(tmp_path, ScriptedBackend(pause=1), max_jobs=2))
    await submit_job(session, clip, plan)
    fields = await submit_job(session, clip, plan, "cd" * 16)
    body = {"input": fields["input"], "plan": plan.model_dump()}
    async with session.put(f"/jobs/{'ef' * 16}", json=body) as answer:
        assert answer.status == 429
        assert int(answer.headers["Retry-After"]) > 0


async def test_unused_files_expire(
    opened: Opened, tmp_path: Path, clip: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs, clips and an earlier process's files expire."""
    monkeypatch.setattr("backends.server.app.SWEEP_SECONDS", 0.05)
    (tmp_path / "jobs" / ("12" * 16)).mkdir(parents=True)
    (tmp_path / "jobs" / ("12" * 16) / "00000.mp4").touch()
    session = await opened(create_service(tmp_path, ScriptedBackend(), retention_seconds=0.5))
    await submit_job(session, clip, plan)
    await wait_for_state(session, "done")
    for _ in range(100):
        await asyncio.sleep(0.05)
        if files(tmp_path / "jobs") == files(tmp_path / "clips") == []:
            return
    raise AssertionError


async def test_the_client_and_the_service_fit(tmp_path: Path, clip: Path, plan: Plan) -> None:
    """After a job, the client has deleted everything at the service."""
    async with serve_app(create_service(tmp_path / "service", ScriptedBackend())) as address:
        await create_client(address).make_mattes(clip, plan, tmp_path / "mattes", EventRecorder())
    assert find_missing_segments(plan, tmp_path / "mattes") == []
    assert files(tmp_path / "service") == []


def test_a_signature_is_for_one_name_and_one_time(tmp_path: Path) -> None:
    """A link's signature is valid for its own name until it expires, and for nothing else."""
    signer = LinkSigner(tmp_path / "key", 60)
    signer.create_key()
    signed = signer.sign("name")
    assert signer.is_valid("name", **signed)
    assert not signer.is_valid("other", **signed)
    assert not signer.is_valid("name", signed["expires"] + 1, signed["signature"])
    assert not signer.is_valid("name", signed["expires"], "é")
    past = LinkSigner(tmp_path / "key", -1)
    assert not past.is_valid("name", **past.sign("name"))
    assert not signer.is_valid("name", **signer.sign("name", latest=time.time() - 1))
    signer.create_key()
    assert LinkSigner(tmp_path / "key", 60).is_valid("name", **signed)
    other = LinkSigner(tmp_path / "other", 60)
    other.create_key()
    assert not other.is_valid("name", **signed)
