"""Files from Telegram and from links: whole, in time and not too large, or a reason and nothing."""

import os
import resource
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiogram import Bot
from aiohttp import ClientSession, TCPConnector, web
from aiohttp.abc import AbstractResolver, ResolveResult

from backends.links.download import LinkError
from backends.links.ssrf_guard import create_guarded_session
from bot.domain.job_request import MediaSource, SourceKind
from bot.domain.outcomes import FailureCode
from bot.telegram.downloads import Downloader
from bot.telegram.errors import DownloadRejected, TelegramUnavailable, TransientDownloadError
from bot.telegram.file_stream import TransferLimits, stream_to_file
from bot.telegram.limits import TelegramLimits
from tests.bot.support.scripted_telegram import (
    SECRET,
    Answer,
    ScriptedServer,
    answer_with,
    collect_text,
    connect_bot,
    debug_log,
    delay,
    drop_after_reading,
    refuse_for,
    refuse_with,
    run_scripted_server,
    send_file,
    status,
)
from video_editing.contract.errors import OutputFailed

__all__ = ["debug_log"]

CONTENT = bytes(range(256)) * 400
LIMITS = TelegramLimits(download_bytes=200_000, link_bytes=2_000_000, photo_bytes=50_000)
PACE = TransferLimits(timeout_seconds=0.5, min_rate=64 << 10, attempts=3, retry_seconds=0.01)
CLIP = MediaSource(kind=SourceKind.VIDEO, file_id="abc", size=len(CONTENT))
NAME = "videos/file_0.mp4"


def named(name: str = NAME, size: int | None = len(CONTENT)) -> Answer:
    """What getFile answers."""
    return answer_with(
        {"file_id": "abc", "file_unique_id": "u", "file_path": name, "file_size": size}
    )


class Fetching:
    """A folder where something is to come."""

    def __init__(self, bot: Bot, links: ClientSession, folder: Path) -> None:
        self.folder, self.path = folder, folder / "clip"
        self._bot, self._links = bot, links

    async def got(self, source: MediaSource = CLIP, limits: TelegramLimits = LIMITS) -> bytes:
        """What came."""
        await self._fetch(source, limits)
        assert list(self.folder.iterdir()) == [self.path]
        return self.path.read_bytes()

    async def failed(
        self, source: MediaSource = CLIP, limits: TelegramLimits = LIMITS
    ) -> Exception:
        """Why nothing came; and nothing is left."""
        with pytest.raises((DownloadRejected, TelegramUnavailable, OutputFailed)) as caught:
            await self._fetch(source, limits)
        assert list(self.folder.iterdir()) == []
        return caught.value

    async def fault(self, source: MediaSource = CLIP, limits: TelegramLimits = LIMITS) -> str:
        failure = await self.failed(source, limits)
        assert isinstance(failure, DownloadRejected)
        return failure.fault

    async def _fetch(self, source: MediaSource, limits: TelegramLimits) -> None:
        shared = self.folder.parent / "shared"
        downloads = Downloader(
            self._bot, self._links, limits, server_folder=shared, transfer_limits=PACE
        )
        await downloads.fetch(source, self.path)


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with run_scripted_server() as server:
        server.answer("getFile", named())
        yield server


@asynccontextmanager
async def fetching_from(url: str, folder: Path, *, local: bool = False) -> AsyncIterator[Fetching]:
    (folder / "job").mkdir()
    (folder / "shared" / SECRET / "videos").mkdir(parents=True)
    async with connect_bot(url, local=local) as bot, create_guarded_session() as links:
        yield Fetching(bot, links, folder / "job")


@pytest.fixture
async def fetching(server: ScriptedServer, tmp_path: Path) -> AsyncIterator[Fetching]:
    """From Telegram."""
    async with fetching_from(server.url, tmp_path) as fetching:
        yield fetching


@pytest.fixture
async def locally(server: ScriptedServer, tmp_path: Path) -> AsyncIterator[Fetching]:
    """From a Bot API server of one's own."""
    async with fetching_from(server.url, tmp_path, local=True) as fetching:
        yield fetching


async def test_a_file_comes_whole(fetching: Fetching, server: ScriptedServer) -> None:
    server.files[NAME].append(send_file(CONTENT))
    assert await fetching.got() == CONTENT
    assert server.last_fields == {"file_id": "abc"}


async def test_a_name_that_expired_is_asked_for_again(
    fetching: Fetching, server: ScriptedServer
) -> None:
    server.answers["getFile"].clear()
    server.answer("getFile", named("old.mp4"), named())
    server.files[NAME].append(send_file(CONTENT))
    assert await fetching.got() == CONTENT
    assert server.paths == ["old.mp4", NAME]


async def test_a_file_that_telegram_lost_is_gone(
    fetching: Fetching, server: ScriptedServer
) -> None:
    assert await fetching.fault() == FailureCode.FILE_GONE
    assert len(server.of("getFile")) == 3


@pytest.mark.parametrize("code", [401, 403])
async def test_a_file_that_telegram_refuses_is_given_up(
    fetching: Fetching, server: ScriptedServer, code: int
) -> None:
    """After a few attempts with new paths; the token is good, since getFile accepts it."""
    server.files[NAME] += [status(code)] * PACE.attempts
    assert await fetching.fault() == FailureCode.FILE_REFUSED
    assert len(server.of("getFile")) == PACE.attempts


@pytest.mark.parametrize(
    "fault",
    [
        send_file(CONTENT[:-1], announced=len(CONTENT)),
        send_file(b"", announced=len(CONTENT)),
        drop_after_reading,
        status(500),
        status(502),
        delay(0.8, send_file(CONTENT)),
        send_file(CONTENT, pause=0.1),
    ],
    ids=["cut", "empty", "dropped", "500", "502", "late", "drip"],
)
async def test_what_goes_wrong_once_is_tried_again(
    fetching: Fetching, server: ScriptedServer, fault: Answer
) -> None:
    server.files[NAME].extend([fault, send_file(CONTENT)])
    assert await fetching.got() == CONTENT


async def test_a_body_that_ends_early_without_a_told_length_is_noticed(
    fetching: Fetching, server: ScriptedServer
) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(CONTENT[:1000])
        return response

    server.files[NAME].append(cut)
    assert await fetching.fault() == LinkError.BROKEN_OFF


async def test_a_file_that_is_always_cut_is_a_fault(
    fetching: Fetching, server: ScriptedServer
) -> None:
    server.files[NAME].append(send_file(CONTENT[:-1], announced=len(CONTENT)))
    assert await fetching.fault() == LinkError.BROKEN_OFF
    assert len(server.paths) == 3


async def test_a_file_that_always_drips_is_a_fault(
    fetching: Fetching, server: ScriptedServer
) -> None:
    server.files[NAME].append(send_file(CONTENT, pause=0.1))
    assert await fetching.fault() == LinkError.TOO_SLOW


async def test_a_file_that_flows_may_take_longer_than_the_patience(
    fetching: Fetching, server: ScriptedServer
) -> None:
    server.files[NAME].append(send_file(CONTENT, pause=0.01))
    assert await fetching.got() == CONTENT


async def test_a_told_size_over_the_limit_is_refused_unread(
    fetching: Fetching, server: ScriptedServer
) -> None:
    server.files[NAME].append(send_file(bytes(300_000)))
    assert await fetching.fault() == FailureCode.FILE_TOO_BIG


async def test_bytes_over_the_limit_are_refused_where_no_size_was_told(
    fetching: Fetching, server: ScriptedServer
) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(50_000))

    server.files[NAME].append(endless)
    assert await fetching.fault() == FailureCode.FILE_TOO_BIG


async def test_a_photo_has_a_limit_of_its_own(fetching: Fetching, server: ScriptedServer) -> None:
    server.files[NAME].append(send_file(CONTENT))
    assert (
        await fetching.fault(MediaSource(kind=SourceKind.PHOTO, file_id="abc"))
        == FailureCode.FILE_TOO_BIG
    )


async def test_telegram_says_that_a_file_is_too_big(
    fetching: Fetching, server: ScriptedServer
) -> None:
    server.answers["getFile"].clear()
    server.answer("getFile", refuse_with(400, "Bad Request: file is too big"))
    failure = await fetching.failed(CLIP, TelegramLimits())
    assert isinstance(failure, DownloadRejected)
    assert failure.fault == FailureCode.FILE_TOO_BIG
    assert failure.details == {"size": 20.1, "limit": 20}


async def test_a_file_id_of_another_bot_is_gone(fetching: Fetching, server: ScriptedServer) -> None:
    server.answers["getFile"].clear()
    server.answer("getFile", refuse_with(400, "Bad Request: invalid file_id"))
    assert await fetching.fault() == FailureCode.FILE_GONE
    assert len(server.calls) == 1


async def test_a_file_that_is_unavailable_for_a_moment_is_asked_for_again(
    fetching: Fetching, server: ScriptedServer
) -> None:
    server.answers["getFile"].clear()
    why = "Bad Request: wrong file_id or the file is temporarily unavailable"
    server.answer("getFile", refuse_with(400, why), named())
    server.files[NAME].append(send_file(CONTENT))
    assert await fetching.got() == CONTENT


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [(refuse_for(700), 700), (status(502), 15), (refuse_with(401, "Unauthorized"), 300)],
    ids=["busy", "502", "401"],
)
async def test_telegram_may_be_away_when_asked_for_a_name(
    fetching: Fetching, server: ScriptedServer, answer: Answer, seconds: float
) -> None:
    server.answers["getFile"].clear()
    server.answer("getFile", answer)
    failure = await fetching.failed()
    assert isinstance(failure, TelegramUnavailable)
    assert failure.seconds == seconds


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [(status(429, **{"Retry-After": "77"}), 77), (status(503), 15)],
    ids=["busy", "503"],
)
async def test_telegram_may_be_away_when_asked_for_bytes(
    fetching: Fetching, server: ScriptedServer, answer: Answer, seconds: float
) -> None:
    server.files[NAME].append(answer)
    failure = await fetching.failed()
    assert isinstance(failure, TelegramUnavailable)
    assert failure.seconds == seconds


@pytest.mark.parametrize(
    "name", ["../../bot1/getMe", "/etc/passwd", "videos/../../x", "..\\x", "https://evil.test/x"]
)
async def test_a_name_does_not_lead_away(
    fetching: Fetching, server: ScriptedServer, name: str
) -> None:
    server.answers["getFile"].clear()
    server.answer("getFile", named(name))
    assert await fetching.fault() == FailureCode.FILE_GONE
    assert not any("getMe" in path or "etc" in path for path in server.paths)


async def test_a_redirect_is_not_followed(fetching: Fetching, server: ScriptedServer) -> None:
    server.files[NAME].append(status(302, Location=f"{server.url}/file/bot1:x/other"))
    server.files["other"].append(send_file(CONTENT))
    assert isinstance(await fetching.failed(), TelegramUnavailable)
    assert "other" not in server.paths


@pytest.mark.parametrize(
    "fault",
    [
        status(401, f"/file/bot4242:{SECRET}/{NAME}"),
        status(404, f"/file/bot4242:{SECRET}/{NAME}"),
        status(302, Location="http://[broken"),
        drop_after_reading,
        delay(0.8, send_file(CONTENT)),
        send_file(CONTENT[:-1], announced=len(CONTENT)),
        send_file(CONTENT, pause=0.1),
    ],
)
async def test_no_failure_tells_the_token(
    fetching: Fetching, server: ScriptedServer, debug_log: pytest.LogCaptureFixture, fault: Answer
) -> None:
    server.files[NAME].append(fault)
    assert SECRET not in collect_text(await fetching.failed(), debug_log)


async def test_nobody_there_tells_no_token(
    tmp_path: Path, debug_log: pytest.LogCaptureFixture
) -> None:
    async with fetching_from("http://127.0.0.1:1", tmp_path) as fetching:
        failure = await fetching.failed()
    assert isinstance(failure, TelegramUnavailable)
    assert SECRET not in collect_text(failure, debug_log)


async def test_an_address_that_cannot_be_asked_tells_no_token(
    tmp_path: Path, debug_log: pytest.LogCaptureFixture
) -> None:
    async with connect_bot("http://[::bad") as bot:
        with pytest.raises(TransientDownloadError) as caught:
            await stream_to_file(bot, NAME, tmp_path / "x", max_bytes=None, size=None, limits=PACE)
    assert SECRET not in collect_text(caught.value, debug_log)


@pytest.fixture
def no_room(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No file of this process may be larger than 50 kB: writing more fails as on a full disk."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # it would be cut short in the tree
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("no_room")
async def test_a_full_disk_is_told_as_such(fetching: Fetching, server: ScriptedServer) -> None:
    server.files[NAME].append(send_file(CONTENT))
    assert isinstance(await fetching.failed(), OutputFailed)


def shelved(tmp_path: Path, content: bytes = CONTENT) -> Path:
    """A file of the local server."""
    file = tmp_path / "shared" / SECRET / "videos" / "file_0.mp4"
    file.write_bytes(content)
    return file


async def test_a_local_file_is_linked_not_copied(
    locally: Fetching, server: ScriptedServer, tmp_path: Path
) -> None:
    file = shelved(tmp_path)
    server.answers["getFile"].clear()
    server.answer("getFile", named(str(file)))
    assert await locally.got() == CONTENT
    assert locally.path.samefile(file)


async def test_a_local_file_on_another_disk_is_copied(
    locally: Fetching, server: ScriptedServer, tmp_path: Path
) -> None:
    other = Path("/dev/shm") / f"overlaybot-{os.getpid()}"  # noqa: S108
    other.mkdir()
    try:
        (other / "file").write_bytes(CONTENT)
        if other.stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("there is only one disk here")
        (tmp_path / "shared" / SECRET / "videos").rmdir()
        (tmp_path / "shared" / SECRET).rmdir()
        (tmp_path / "shared").rmdir()
        (tmp_path / "shared").symlink_to(other)
        server.answers["getFile"].clear()
        server.answer("getFile", named(str(tmp_path / "shared" / "file")))
        assert await locally.got() == CONTENT
        assert not locally.path.samefile(other / "file")
    finally:
        (other / "file").unlink()
        other.rmdir()


@pytest.mark.parametrize("name", ["/etc/passwd", "/nowhere", "/etc", "/a\0b"])
async def test_a_path_outside_the_shared_folder_is_not_opened(
    locally: Fetching, server: ScriptedServer, name: str
) -> None:
    server.answers["getFile"].clear()
    server.answer("getFile", named(name))
    assert await locally.fault() == FailureCode.FILE_GONE


async def test_neither_dots_nor_links_lead_out_of_the_shared_folder(
    locally: Fetching, server: ScriptedServer, tmp_path: Path, debug_log: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "outside").write_bytes(CONTENT)
    folder = tmp_path / "shared" / SECRET
    (folder / "link").symlink_to(tmp_path / "outside")
    (folder / "circle").symlink_to(folder / "circle")
    for name in ("../../outside", "link", "circle", "videos"):
        server.answers["getFile"].clear()
        server.answer("getFile", named(f"{folder}/{name}"))
        failure = await locally.failed()
        assert isinstance(failure, DownloadRejected)
        assert SECRET not in collect_text(failure, debug_log)


async def test_a_server_that_is_not_local_after_all_is_asked_over_http(
    locally: Fetching, server: ScriptedServer
) -> None:
    server.files[NAME].append(send_file(CONTENT))
    assert await locally.got() == CONTENT


LINK = MediaSource(
    kind=SourceKind.LINK, link="http://example.org/clip.mp4?signature=secret-of-a-link"
)


class _Home(AbstractResolver):
    """Every name leads to one server here."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        del port, family
        return [
            ResolveResult(
                hostname=host, host="127.0.0.1", port=self._port, family=2, proto=6, flags=0
            )
        ]

    async def close(self) -> None:
        """Nothing is kept."""


@asynccontextmanager
async def linked_to(answer: Answer, folder: Path) -> AsyncIterator[Fetching]:
    """A world in which every link leads to *answer*; the guard has tests of its own."""
    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    connector = TCPConnector(resolver=_Home(runner.addresses[0][1]), use_dns_cache=False)
    (folder / "job").mkdir()
    async with (
        connect_bot("http://127.0.0.1:1") as bot,
        ClientSession(connector=connector) as links,
    ):
        yield Fetching(bot, links, folder / "job")
    await runner.cleanup()


async def test_a_link_is_followed(tmp_path: Path) -> None:
    async with linked_to(send_file(CONTENT), tmp_path) as fetching:
        assert await fetching.got(LINK) == CONTENT


async def test_a_link_to_nothing_keeps_its_fault(
    tmp_path: Path, debug_log: pytest.LogCaptureFixture
) -> None:
    async with linked_to(status(404), tmp_path) as fetching:
        failure = await fetching.failed(LINK)
    assert isinstance(failure, DownloadRejected)
    assert failure.fault == LinkError.NOT_FOUND
    assert "secret-of-a-link" not in collect_text(failure, debug_log)


async def test_a_link_has_a_limit_of_its_own(tmp_path: Path) -> None:
    async with linked_to(send_file(bytes(2_000_001)), tmp_path) as fetching:
        failure = await fetching.failed(LINK)
    assert isinstance(failure, DownloadRejected)
    assert (failure.fault, failure.details) == (LinkError.TOO_BIG, {"limit": 2})


async def test_a_link_does_not_lead_into_our_network(fetching: Fetching) -> None:
    link = MediaSource(kind=SourceKind.LINK, link="http://127.0.0.1/clip.mp4")
    assert await fetching.fault(link) == LinkError.UNREACHABLE


async def test_what_is_no_link_is_not_followed(fetching: Fetching) -> None:
    link = MediaSource(kind=SourceKind.LINK, link="file:///etc/passwd")
    assert await fetching.fault(link) == LinkError.BAD_URL
