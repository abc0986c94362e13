"""The fake Shotstack accepts what the public API accepts, and refuses everything else."""

import asyncio
from collections.abc import AsyncIterator, Callable
from copy import deepcopy
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import pytest
from aiohttp import ClientSession

from backends.shotstack.errors import ShotstackInvalid, ShotstackUnavailable
from backends.shotstack.render_job import render_edit
from backends.shotstack.render_log import RenderLog
from tests.backends.support.fake_shotstack import KEY, FakeShotstack, RenderOutcome
from tests.backends.support.shotstack_client import make_edit, open_fake_client
from tests.support.make_clips import drawn, make_clip

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
async def fake() -> AsyncIterator[FakeShotstack]:
    """A fake Shotstack without faults."""
    async with FakeShotstack() as fake:
        yield fake


def clips(asked: dict[str, Any]) -> list[dict[str, Any]]:
    clips: list[dict[str, Any]] = asked["timeline"]["tracks"][0]["clips"]
    return clips


def clip(asked: dict[str, Any]) -> dict[str, Any]:
    return clips(asked)[0]


def luma(start: float = 0, length: float = 1) -> dict[str, Any]:
    asset = {"type": "luma", "src": "https://films.example.com/matte.mp4"}
    return {"asset": asset, "start": start, "length": length}


TAKEN: dict[str, Change] = {
    "as it is": lambda e: e,
    "a luma before its target": lambda e: clips(e).insert(0, luma()),
    "one after the other": lambda e: clips(e).append({**clip(e), "start": 1.0}),
    "far away": lambda e: clip(e).update(offset={"x": -10, "y": 10}),
    "a tween": lambda e: clip(e).update(
        opacity=[{"from": 0, "to": 1, "start": 0, "length": 1, "easing": "easeIn"}]
    ),
    "a resolution": lambda e: e.update(
        output={"format": "mp4", "resolution": "hd", "aspectRatio": "9:16"}
    ),
    "an odd rate": lambda e: e["output"].update(fps=29.97),
    "auto": lambda e: clip(e).update(start="auto", length="auto"),
    "a number to merge": lambda e: (
        e.update(merge=[{"find": "A", "replace": 1}]),
        clip(e).update(length="{{A}}"),
    ),
    "a picture": lambda e: clip(e).update(
        asset={"type": "image", "src": "https://films.example.com/x.png"}
    ),
}
REFUSED: dict[str, Change] = {
    "no timeline": lambda e: e.pop("timeline"),
    "no output": lambda e: e.pop("output"),
    "no tracks": lambda e: e["timeline"].update(tracks=[]),
    "no clips": lambda e: clips(e).clear(),
    "no start": lambda e: clip(e).pop("start"),
    "no length": lambda e: clip(e).pop("length"),
    "no asset": lambda e: clip(e).pop("asset"),
    "no src": lambda e: clip(e)["asset"].pop("src"),
    "no format": lambda e: e["output"].pop("format"),
    "alpha out": lambda e: e["output"].update(format="mov"),
    "before the start": lambda e: clip(e).update(start=-1),
    "no time": lambda e: clip(e).update(length=0),
    "too far": lambda e: clip(e).update(offset={"x": 10.1, "y": 0}),
    "too loud": lambda e: clip(e)["asset"].update(volume=1.1),
    "a css fit": lambda e: clip(e).update(fit="fill"),
    "an odd width": lambda e: e["output"]["size"].update(width=161),
    "too tall": lambda e: e["output"]["size"].update(height=1922),
    "half a size": lambda e: e["output"]["size"].pop("height"),
    "two sizes": lambda e: e["output"].update(resolution="hd"),
    "no size": lambda e: e["output"].pop("size"),
    "a size with an aspect": lambda e: e["output"].update(aspectRatio="9:16"),
    "a rate of its own": lambda e: e["output"].update(fps=26),
    "a disk": lambda e: e.update(disk="mount"),
    "a soundtrack": lambda e: e["timeline"].update(soundtrack={"src": "https://a.example.com/x"}),
    "an unknown field": lambda e: clip(e).update(zoom=2),
    "overlapping": lambda e: clips(e).append({**clip(e), "start": 0.5}),
    "a luma after its target": lambda e: clips(e).append(luma()),
    "a luma alone": lambda e: clips(e).__setitem__(0, luma()),
    "not https": lambda e: clip(e)["asset"].update(src="http://films.example.com/x.mp4"),
    "of this machine": lambda e: clip(e)["asset"].update(src="https://127.0.0.1/x.mp4"),
    "a file": lambda e: clip(e)["asset"].update(src="/tmp/x.mp4"),  # noqa: S108 - nothing is written there
    "ten minutes and a bit": lambda e: clip(e).update(length=601),
    "a callback to nowhere": lambda e: e.update(callback="here"),
    "a merge field without a value": lambda e: e.update(merge=[{"find": "A"}]),
    "a merge field with a comment": lambda e: e.update(
        merge=[{"find": "A", "replace": 1, "comment": ""}]
    ),
    "a number as text": lambda e: (
        e.update(merge=[{"find": "A", "replace": "1"}]),
        clip(e).update(length="{{A}}"),
    ),
    **{
        f"the deprecated {kind}": lambda e, kind=kind: clip(e).update(
            asset={"type": kind, "text": "x"}
        )
        for kind in ("title", "html", "text", "caption", "shape")
    },
}


@pytest.mark.parametrize("change", TAKEN.values(), ids=TAKEN)
async def test_accepted_edits(fake: FakeShotstack, tmp_path: Path, change: Change) -> None:
    """An edit within the public schema is accepted and billed."""
    asked = deepcopy(make_edit())
    change(asked)
    async with open_fake_client(fake, tmp_path) as at:
        await at.submit_render(asked)
    assert len(fake.billed_seconds) == 1


@pytest.mark.parametrize("change", REFUSED.values(), ids=REFUSED)
async def test_refused_edits(fake: FakeShotstack, tmp_path: Path, change: Change) -> None:
    """An edit outside the public schema is refused and free."""
    asked = deepcopy(make_edit())
    change(asked)
    async with open_fake_client(fake, tmp_path) as at:
        with pytest.raises(ShotstackInvalid):
            await at.submit_render(asked)
    assert fake.billed_seconds == []


@pytest.mark.parametrize("loud", [True, False])
async def test_the_result_is_the_requested_video(
    fake: FakeShotstack, tmp_path: Path, *, loud: bool
) -> None:
    """It has the size, length and rate of the edit, and audio if a clip had any."""
    film = make_clip(tmp_path / "film.mp4", drawn(60), tone=440 if loud else None)
    async with open_fake_client(fake, tmp_path) as at:
        there = await at.upload(film)
        asked = make_edit(1.8, there.url)
        asked["output"]["fps"] = 29.97
        state = await render_edit(at, RenderLog(tmp_path / "i.json"), "a", asked)
    async with ClientSession() as session, session.get(state.url or "") as answer:
        content = await answer.read()
    with av.open(BytesIO(content)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (160, 96)
        assert stream.average_rate == pytest.approx(29.97, abs=0.001)
        assert sum(1 for _ in container.decode(video=0)) == round(1.8 * 29.97)
        assert bool(container.streams.audio) is loud


@pytest.mark.parametrize(
    ("length", "trim", "delete", "text"),
    [
        (2.5, 0.0, False, "longer than its source"),
        (1.5, 1.0, False, "longer than its source"),
        (1.0, 0.0, True, "could not be downloaded"),
    ],
)
async def test_files_must_exist_and_be_long_enough(
    fake: FakeShotstack, tmp_path: Path, length: float, trim: float, text: str, *, delete: bool
) -> None:
    """A render of missing files is accepted and fails, and is not billed."""
    film = make_clip(tmp_path / "film.mp4", drawn(60))
    async with open_fake_client(fake, tmp_path) as at:
        there = await at.upload(film)
        asked = make_edit(length, there.url)
        clip(asked)["asset"]["trim"] = trim
        if delete:
            await at.delete_source(there.id)
        render = await at.submit_render(asked)
        while (state := await at.get_status(render)).status != "failed":
            await asyncio.sleep(0.05)
    assert text in (state.error or "")
    assert fake.billed_seconds == []


@pytest.mark.parametrize(
    ("result", "status"), [("forbidden", 403), ("missing", 404), ("truncated", 200), ("page", 200)]
)
async def test_dead_links(fake: FakeShotstack, tmp_path: Path, result: Any, status: int) -> None:
    """The link of a result can lead to nothing, to a part of it or to a page."""
    fake.outcomes.append(RenderOutcome(result=result))
    async with open_fake_client(fake, tmp_path) as at:
        state = await render_edit(at, RenderLog(tmp_path / "i.json"), "a", make_edit())
    async with ClientSession() as session, session.get(state.url or "") as answer:
        content = await answer.read()
    assert answer.status == status
    with pytest.raises(av.FFmpegError):
        av.open(BytesIO(content))


async def test_too_many_requests(fake: FakeShotstack) -> None:
    """Over its limit it answers 429 until the window ends."""
    fake.window, fake.request_limits["stage", "edit"] = 1, 3
    headers = {"x-api-key": KEY, "Accept": "application/json"}
    async with ClientSession(headers=headers) as session:

        async def asked() -> int:
            async with session.get(f"{fake.url}/edit/stage/render/x") as answer:
                return answer.status

        await asyncio.sleep(1 - (asyncio.get_running_loop().time() - fake.started) % 1)
        assert [await asked() for _ in range(5)] == [404, 404, 404, 429, 429]
        await asyncio.sleep(1.1)
        assert await asked() == 404
    assert fake.count_peak_requests("edit") == 5


async def test_a_signed_address_refuses_keys_and_wrong_signatures(fake: FakeShotstack) -> None:
    """Only the signature is accepted, and a key with it is refused, as by the storage."""
    headers = {"x-api-key": KEY, "Accept": "application/json"}
    async with ClientSession(skip_auto_headers=["Content-Type"]) as session:
        async with session.post(f"{fake.url}/ingest/stage/upload", headers=headers) as answer:
            link = (await answer.json())["data"]["attributes"]["url"]
        for address, more, data, status in (
            (link, {"x-api-key": KEY}, b"x", 400),
            (link.partition("?")[0], {}, b"x", 403),
            (link, {}, _chunks(), 411),
            (link, {}, b"x", 200),
        ):
            async with session.put(address, data=data, headers=more) as answer:
                assert answer.status == status


async def _chunks() -> AsyncIterator[bytes]:
    yield b"x"


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "another"}])
async def test_requests_without_the_key(fake: FakeShotstack, headers: dict[str, str]) -> None:
    """Without the key of the environment each request is refused."""
    async with (
        ClientSession(headers=headers) as session,
        session.get(f"{fake.url}/ingest/stage/sources") as answer,
    ):
        assert answer.status == 403


async def test_everything_is_in_the_ledger(fake: FakeShotstack, tmp_path: Path) -> None:
    """All sent data can be searched; the key's own header is left out."""
    asked = make_edit(src="https://api.telegram.org/file/bot1:secret/x.mp4")
    async with open_fake_client(fake, tmp_path) as at:
        await at.submit_render(asked)
        fake.url, real = "http://127.0.0.1:9", fake.url
        with pytest.raises(ShotstackUnavailable):
            async with open_fake_client(fake, tmp_path) as nowhere:
                await nowhere.submit_render(make_edit())
        fake.url = real
    assert "/file/bot" in fake.dump_requests()
    assert KEY not in fake.dump_requests()


async def test_a_callback_that_fails_is_sent_again(fake: FakeShotstack, tmp_path: Path) -> None:
    """It is sent ten times, at growing intervals."""
    fake.callback_retry_seconds = 0.0001
    asked = {**make_edit(), "callback": f"{fake.url}/nowhere"}
    async with open_fake_client(fake, tmp_path) as at:
        await at.submit_render(asked)
    while len(fake.callbacks) < 10:
        await asyncio.sleep(0.05)
    assert {status for _, status in fake.callbacks} == {404}
