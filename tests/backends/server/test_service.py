"""The service, as its callers see it."""

import asyncio
import hashlib
import subprocess
import sys
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
    """Opens a session with the service, which has the key unless told otherwise."""
    async with AsyncExitStack() as stack:

        async def opened_one(app: FastAPI, headers: dict[str, str] = KEY) -> ClientSession:
            address = await stack.enter_async_context(serve_app(app))
            return await stack.enter_async_context(ClientSession(address, headers=headers))

        yield opened_one


def files(folder: Path) -> list[str]:
    """The names of all files in *folder*."""
    return [path.name for path in folder.rglob("*") if path.is_file()]


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_without_a_key_it_does_not_start(tmp_path: Path) -> None:
    """Neither token nor both of Modal's keys: the service would be open, so it is not made."""
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
async def test_strangers_stay_outside(
    opened: Opened, tmp_path: Path, headers: dict[str, str]
) -> None:
    """Every call but healthz is refused without the key, and does not say what exists."""
    session = await opened(create_service(tmp_path), headers)
    for method, path in (
        ("GET", f"/clips/{'0' * 64}"),
        ("PUT", f"/clips/{'0' * 64}"),
        ("DELETE", f"/clips/{'0' * 64}"),
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
    """The service loads neither decoder nor model: what is hostile stays in children."""
    code = "import sys, backends.server.app; print({'av', 'cv2', 'numpy'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert said.stdout == b"set()\n"


async def test_modals_pair_opens_it(opened: Opened, tmp_path: Path) -> None:
    """Modal-Key and Modal-Secret together are as good as the token."""
    app = create_service(tmp_path, key=SecretStr("id"), secret=SecretStr("word"))
    session = await opened(app, {"Modal-Key": "id", "Modal-Secret": "word"})
    async with session.get(f"/clips/{'0' * 64}") as answer:
        assert answer.status == 404


async def test_a_clip_is_kept_once(opened: Opened, tmp_path: Path) -> None:
    """A clip is found under its hash after the upload; the same upload again changes nothing."""
    session = await opened(create_service(tmp_path))
    content = b"clip" * 100_000
    for _ in range(2):
        async with session.put(f"/clips/{digest(content)}", data=content) as answer:
            assert answer.status == 201
    async with session.get(f"/clips/{digest(content)}") as answer:
        assert (await answer.json())["size"] == len(content)
    assert files(tmp_path / "clips") == [digest(content)]


async def test_a_clip_with_another_hash_is_refused(opened: Opened, tmp_path: Path) -> None:
    """What does not have the hash it came under is not kept under any name."""
    session = await opened(create_service(tmp_path))
    async with session.put(f"/clips/{digest(b'this')}", data=b"that") as answer:
        assert answer.status == 409
    assert files(tmp_path / "clips") == []


@pytest.mark.parametrize("told", [True, False])
async def test_a_clip_too_large_is_refused(opened: Opened, tmp_path: Path, *, told: bool) -> None:
    """One byte too many is refused, whether its length was told before or not."""
    session = await opened(create_service(tmp_path, max_clip_mb=1))
    content = b"x" * 1_000_001

    async def untold() -> AsyncIterator[bytes]:
        yield content

    async with session.put(
        f"/clips/{digest(content)}", data=content if told else untold()
    ) as answer:
        assert answer.status == 413
    assert files(tmp_path / "clips") == []


@pytest.mark.parametrize(
    "name", ["..%2f..%2fetc%2fpasswd", "%2e%2e", "A" * 64, "0" * 63, "0" * 65, "%00" * 64, "é" * 32]
)
async def test_names_are_never_paths(opened: Opened, tmp_path: Path, name: str) -> None:
    """Whatever is not a hash or a job's id is refused before it comes near the disk."""
    session = await opened(create_service(tmp_path / "service"))
    for path in (f"/clips/{name}", f"/jobs/{name}", f"/jobs/{name}/segments/0"):
        async with session.get(path) as answer:
            assert answer.status in {404, 422}
    async with session.put(f"/clips/{name}", data=b"x") as answer:
        assert answer.status in {404, 405, 422}
    assert [path.name for path in tmp_path.iterdir()] == ["service"]


async def submitted(session: Session, clip: Path, plan: Plan, job: str = JOB) -> dict:
    """Upload the clip and ask for its mattes."""
    content = clip.read_bytes()
    async with session.put(f"/clips/{digest(content)}", data=content) as answer:
        assert answer.status == 201
    body = {"input": digest(content), "plan": plan.model_dump()}
    async with session.put(f"/jobs/{job}", json=body) as answer:
        assert answer.status == 202, await answer.text()
        return await answer.json()


async def until(session: Session, *states: str, job: str = JOB) -> dict:
    """The job's answer once it is in one of *states*."""
    for _ in range(500):
        async with session.get(f"/jobs/{job}") as answer:
            told = await answer.json()
        if told["state"] in states:
            return told
        await asyncio.sleep(0.02)
    raise AssertionError(told)


async def test_a_job_runs_once(opened: Opened, tmp_path: Path, clip: Path, plan: Plan) -> None:
    """Asked five times for the same, at once and after its end, the backend works once."""
    backend = ScriptedBackend(pause=0.01)
    session = await opened(create_service(tmp_path, backend))
    await asyncio.gather(*(submitted(session, clip, plan) for _ in range(4)))
    await until(session, "done")
    told = await submitted(session, clip, plan)
    assert told["ready"] == [segment.index for segment in plan.segments]
    assert len(backend.plans) == 1


async def test_a_jobs_name_is_not_taken_twice(
    opened: Opened, tmp_path: Path, clip: Path, plan: Plan
) -> None:
    """A job's id stands for one clip and one plan; other work under it is refused."""
    session = await opened(create_service(tmp_path, ScriptedBackend()))
    told = await submitted(session, clip, plan)
    other = plan.model_copy(update={"engine": "rembg"})
    body = {"input": told["input"], "plan": other.model_dump()}
    async with session.put(f"/jobs/{JOB}", json=body) as answer:
        assert answer.status == 409


async def test_segments_come_as_they_get_ready(
    opened: Opened, tmp_path: Path, clip: Path, plan: Plan
) -> None:
    """While later segments are made, the first can be fetched; 409 says not yet, 404 never."""
    session = await opened(create_service(tmp_path, ScriptedBackend(pause=0.3)))
    await submitted(session, clip, plan)
    while not (await until(session, "queued", "running"))["ready"]:
        await asyncio.sleep(0.02)
    async with session.get(f"/jobs/{JOB}/segments/0") as answer:
        assert answer.status == 200
        assert answer.headers["Job-Id"] == JOB
        assert (await answer.read())[4:8] == b"ftyp"
    async with session.get(f"/jobs/{JOB}/segments/{len(plan.segments) - 1}") as answer:
        assert answer.status == 409
    async with session.get(f"/jobs/{JOB}/segments/{len(plan.segments)}") as answer:
        assert answer.status == 404


async def test_a_cancelled_job_can_go_on(
    opened: Opened, tmp_path: Path, clip: Path, plan: Plan
) -> None:
    """Cancelling stops the work and keeps what is ready; asked again, only the rest is made."""
    backend = ScriptedBackend(pause=0.1)
    session = await opened(create_service(tmp_path, backend))
    await submitted(session, clip, plan)
    while not (await until(session, "queued", "running"))["ready"]:
        await asyncio.sleep(0.02)
    async with session.post(f"/jobs/{JOB}/cancel") as answer:
        assert (await answer.json())["state"] == "cancelled"
    made = list(backend.written)
    await asyncio.sleep(0.3)
    assert backend.written == made
    await submitted(session, clip, plan)
    await until(session, "done")
    assert backend.written == [segment.index for segment in plan.segments]


async def test_a_job_survives_a_restart(
    opened: Opened, tmp_path: Path, clip: Path, plan: Plan
) -> None:
    """A new process finds what an old one left, makes the rest only, and keeps names apart."""
    first, second = ScriptedBackend(pause=0.1), ScriptedBackend()
    async with (
        serve_app(create_service(tmp_path, first)) as address,
        ClientSession(address, headers=KEY) as session,
    ):
        await submitted(session, clip, plan)
        while not (await until(session, "queued", "running"))["ready"]:
            await asyncio.sleep(0.02)
    session = await opened(create_service(tmp_path, second))
    other = {"input": digest(clip.read_bytes()), "plan": plan.model_dump() | {"engine": "rembg"}}
    async with session.put(f"/jobs/{JOB}", json=other) as answer:
        assert answer.status == 409
    await submitted(session, clip, plan)
    await until(session, "done")
    assert first.written + second.written == [segment.index for segment in plan.segments]


async def test_a_deleted_job_leaves_nothing(
    opened: Opened, tmp_path: Path, clip: Path, plan: Plan
) -> None:
    """Deleting a job at work stops it and removes its files; the clip can go then."""
    session = await opened(create_service(tmp_path, ScriptedBackend(pause=0.2)))
    told = await submitted(session, clip, plan)
    async with session.delete(f"/clips/{told['input']}") as answer:
        assert answer.status == 409
    async with session.delete(f"/jobs/{JOB}") as answer:
        assert answer.status == 204
    async with session.delete(f"/clips/{told['input']}") as answer:
        assert answer.status == 204
    assert files(tmp_path) == []
    async with session.get(f"/jobs/{JOB}") as answer:
        assert answer.status == 404


async def test_too_many_jobs_are_told_to_come_back(
    opened: Opened, tmp_path: Path, clip: Path, plan: Plan
) -> None:
    """The queue has an end, and says when to try again."""
    session = await opened(create_service(tmp_path, ScriptedBackend(pause=1), max_jobs=2))
    await submitted(session, clip, plan)
    told = await submitted(session, clip, plan, "cd" * 16)
    body = {"input": told["input"], "plan": plan.model_dump()}
    async with session.put(f"/jobs/{'ef' * 16}", json=body) as answer:
        assert answer.status == 429
        assert int(answer.headers["Retry-After"]) > 0


async def test_what_nobody_asks_about_is_deleted(
    opened: Opened, tmp_path: Path, clip: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The janitor removes jobs, clips and an earlier process's files after a while."""
    monkeypatch.setattr("backends.server.app.SWEEP_SECONDS", 0.05)
    (tmp_path / "jobs" / ("12" * 16)).mkdir(parents=True)
    (tmp_path / "jobs" / ("12" * 16) / "00000.mp4").touch()
    session = await opened(create_service(tmp_path, ScriptedBackend(), retention_seconds=0.5))
    await submitted(session, clip, plan)
    await until(session, "done")
    for _ in range(100):
        await asyncio.sleep(0.05)
        if files(tmp_path / "jobs") == files(tmp_path / "clips") == []:
            return
    raise AssertionError


async def test_the_client_and_the_service_fit(tmp_path: Path, clip: Path, plan: Plan) -> None:
    """What the client leaves behind at the service after a job is nothing."""
    async with serve_app(create_service(tmp_path / "service", ScriptedBackend())) as address:
        await create_client(address).make_mattes(clip, plan, tmp_path / "mattes", EventRecorder())
    assert find_missing_segments(plan, tmp_path / "mattes") == []
    assert files(tmp_path / "service") == []


def test_a_signature_is_for_one_name_and_one_while() -> None:
    """A link's signature holds for its own name until its second, and for nothing else."""
    signer = LinkSigner(60)
    signed = signer.sign("name")
    assert signer.is_valid("name", **signed)
    assert not signer.is_valid("other", **signed)
    assert not signer.is_valid("name", signed["expires"] + 1, signed["signature"])
    assert not signer.is_valid("name", signed["expires"], "é")
    assert not LinkSigner(60).is_valid("name", **signed)
    past = LinkSigner(-1)
    assert not past.is_valid("name", **past.sign("name"))
