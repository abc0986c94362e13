"""Files from users' links arrive complete, in time and not too large, or not at all."""

import asyncio
import gzip
import ssl
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp import web

from backends.links.download import FetchFailed, FetchLimits, LinkError, fetch
from backends.links.ssrf_guard import create_guarded_session
from tests.backends.support.isolated_network import (
    PUBLIC,
    IsolatedNetwork,
    open_isolated_network,
    serve_dns,
    serve_on_all_addresses,
)

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
CONTENT = bytes(range(256)) * 4096  #: 1 MiB
LIMITS = FetchLimits(
    max_bytes=2 << 20, max_seconds=8, stall_seconds=0.5, head_seconds=1, min_rate=64 << 10
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IsolatedNetwork]:
    """An isolated network."""
    with open_isolated_network(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


class Fetching:
    """Fetches from a server with the given answers."""

    def __init__(self, lab: IsolatedNetwork, folder: Path) -> None:
        self._lab, self.path = lab, folder / "clip"
        self.asked: list[str] = []

    def size(self, answer: Answer, link: str = f"http://{PUBLIC}/", **options: object) -> int:
        """Return the size of the file."""
        return self._lab.run(lambda: self._size(answer, link, **options))

    def fault(
        self, answer: Answer, link: str = f"http://{PUBLIC}/", **options: object
    ) -> LinkError:
        """Return why the download failed; it leaves no file."""
        with pytest.raises(FetchFailed) as caught:
            self.size(answer, link, **options)
        assert list(self.path.parent.iterdir()) == []
        assert link not in str(caught.value)
        return caught.value.reason

    async def _size(
        self, answer: Answer, link: str, *, tls: ssl.SSLContext | None = None, silent: bool = False
    ) -> int:
        async def noted(request: web.Request) -> web.StreamResponse:
            self.asked.append(request.headers.get("Range", ""))
            assert request.headers["Accept-Encoding"] == "identity"
            return await answer(request)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", noted)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(serve_on_all_addresses(app, 80))
            if tls:
                await stack.enter_async_context(serve_on_all_addresses(app, 443, ssl_context=tls))
            if not silent:
                await stack.enter_async_context(serve_dns(lambda _: [PUBLIC]))
            session = await stack.enter_async_context(create_guarded_session())
            return await fetch(session, link, self.path, LIMITS)


@pytest.fixture
def fetching(lab: IsolatedNetwork, tmp_path: Path) -> Fetching:
    """A fetcher of links."""
    return Fetching(lab, tmp_path)


def status(code: int) -> Answer:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=code)

    return answer


def sent(content: bytes, **headers: str) -> Answer:
    async def answer(_request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(body=content, headers=named)

    return answer


def streamed(chunk: bytes, pause: float, **headers: str) -> Answer:
    """Send the same bytes repeatedly, without end."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={k.replace("_", "-"): v for k, v in headers.items()})
        await response.prepare(request)
        while True:
            await response.write(chunk)
            await asyncio.sleep(pause)

    return answer


def test_a_file_arrives(fetching: Fetching) -> None:
    """The file is stored under our name, whatever name the server sends."""
    answer = sent(CONTENT, Content_Disposition='attachment; filename="../../x"')
    assert fetching.size(answer) == len(CONTENT)
    assert fetching.path.read_bytes() == CONTENT
    assert list(fetching.path.parent.iterdir()) == [fetching.path]


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (401, LinkError.FORBIDDEN),
        (403, LinkError.FORBIDDEN),
        (451, LinkError.FORBIDDEN),
        (404, LinkError.NOT_FOUND),
        (410, LinkError.NOT_FOUND),
        (500, LinkError.SERVER_FAILED),
        (204, LinkError.SERVER_FAILED),
        (304, LinkError.SERVER_FAILED),
    ],
)
def test_a_status_says_why(fetching: Fetching, code: int, fault: LinkError) -> None:
    """A status other than 2xx has its kind of error."""
    assert fetching.fault(status(code)) is fault


@pytest.mark.parametrize(
    "answer",
    [
        sent(b"video", Content_Type="text/html; charset=utf-8"),
        sent(b"\n <!DOCTYPE html><html>"),
        sent(b"<html><body>"),
        sent(gzip.compress(bytes(1 << 20)), Content_Encoding="gzip"),
        sent(b"x", Content_Encoding="br"),
    ],
)
def test_a_page_is_no_file(fetching: Fetching, answer: Answer) -> None:
    """Web pages and compressed content are not accepted as files."""
    assert fetching.fault(answer) is LinkError.NOT_A_FILE


def test_too_large(fetching: Fetching) -> None:
    """An announced size is checked at once, an unknown one at the limit."""
    endless = streamed(bytes(1 << 16), 0)
    assert fetching.fault(streamed(b"x", 9, Content_Length=str(10 << 30))) is LinkError.TOO_BIG
    assert fetching.fault(endless) is LinkError.TOO_BIG


def test_too_slow(fetching: Fetching) -> None:
    """Silence, and less than the lowest rate, end within the stall time."""
    began = time.monotonic()
    assert fetching.fault(streamed(b"x", 0.05)) is LinkError.TOO_SLOW
    assert fetching.fault(streamed(bytes(1 << 10), 0.05)) is LinkError.TOO_SLOW
    assert fetching.fault(streamed(b"x", 9)) is LinkError.TOO_SLOW

    async def silent(_request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(9)
        raise AssertionError

    assert fetching.fault(silent) is LinkError.TOO_SLOW
    assert time.monotonic() - began < 8


def test_a_name_server_that_never_answers(fetching: Fetching) -> None:
    """A lookup without an answer ends after seconds, as any other failure."""
    began = time.monotonic()
    assert fetching.fault(sent(b""), "http://lost.example/", silent=True) is LinkError.UNREACHABLE
    assert time.monotonic() - began < 6


def broken(at: int, times: int, tag: str = '"1"') -> Answer:
    """Close the connection after *at* bytes, the first *times*."""
    left = times

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal left
        start = request.http_range.start or 0
        partial = "Range" in request.headers
        headers = {"Content-Length": str(len(CONTENT) - start), "ETag": tag}
        if partial:
            headers["Content-Range"] = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
        response = web.StreamResponse(status=206 if partial else 200, headers=headers)
        await response.prepare(request)
        if left:
            left -= 1
            await response.write(CONTENT[start : start + at])
            assert request.transport is not None
            request.transport.close()
            return response
        await response.write(CONTENT[start:])
        return response

    return answer


def test_a_broken_connection_is_resumed(fetching: Fetching) -> None:
    """It resumes twice where the connection broke."""
    assert fetching.size(broken(300_000, 2)) == len(CONTENT)
    assert fetching.path.read_bytes() == CONTENT
    assert len(fetching.asked) == 3
    assert fetching.asked[0] == ""
    assert all(asked.startswith("bytes=") for asked in fetching.asked[1:])


@pytest.mark.parametrize(
    "headers",
    [
        {"ETag": '"2"'},
        {"ETag": ""},
        {"Content-Range": f"bytes 1000-{len(CONTENT) - 1}/{len(CONTENT)}"},
        {"Content-Range": f"bytes 300000-{len(CONTENT)}/{len(CONTENT) + 1}"},
        {"Content-Range": f"bytes 300000-{len(CONTENT) - 2}/{len(CONTENT)}"},
        {"Content-Range": ""},
    ],
)
def test_the_rest_of_another_file_is_refused(fetching: Fetching, headers: dict[str, str]) -> None:
    """One whose tag, size or position differs."""
    first = broken(300_000, 1)

    async def answer(request: web.Request) -> web.StreamResponse:
        if "Range" not in request.headers:
            return await first(request)
        rest = {"ETag": '"1"', "Content-Range": f"bytes 300000-{len(CONTENT) - 1}/{len(CONTENT)}"}
        return web.Response(status=206, body=CONTENT[300_000:], headers=rest | headers)

    assert fetching.fault(answer) is LinkError.SERVER_FAILED


def test_redirects_share_their_time(fetching: Fetching) -> None:
    """Five that take long are not followed to the end."""

    async def redirect(_request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.4)
        raise web.HTTPFound(f"http://{PUBLIC}/{len(fetching.asked)}")

    began = time.monotonic()
    assert fetching.fault(redirect) is LinkError.TOO_SLOW
    assert time.monotonic() - began < 1.8


def test_without_a_firm_tag_it_begins_anew(fetching: Fetching) -> None:
    """Without a strong ETag the download starts again."""
    assert fetching.size(broken(300_000, 1, tag='W/"1"')) == len(CONTENT)
    assert fetching.path.read_bytes() == CONTENT
    assert fetching.asked == ["", ""]


def test_a_connection_that_always_breaks(fetching: Fetching) -> None:
    """After two resumptions it is given up."""
    assert fetching.fault(broken(1000, 99)) is LinkError.BROKEN_OFF
    assert len(fetching.asked) == 3


@pytest.fixture(scope="module")
def untrusted(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A self-signed certificate."""
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=good.example"
    files = ["-keyout", str(folder / "key"), "-out", str(folder / "certificate")]
    try:
        subprocess.run([*command.split(), *files], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("no openssl here to make a certificate with")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate", folder / "key")
    return context


def test_a_certificate_that_is_not_trusted(fetching: Fetching, untrusted: ssl.SSLContext) -> None:
    """A server that cannot prove its identity is not used."""
    assert fetching.fault(sent(b""), "https://good.example/", tls=untrusted) is LinkError.TLS


def test_forbidden_and_missing_servers_look_alike(fetching: Fetching) -> None:
    """A forbidden address fails in the same way and time, with a server there or without."""
    took = []
    for link in ("http://10.0.0.1/", "https://10.0.0.1/"):
        began = time.monotonic()
        assert fetching.fault(sent(b""), link) is LinkError.UNREACHABLE
        took.append(time.monotonic() - began)
    assert fetching.asked == []
    assert abs(took[0] - took[1]) < 0.5  # of which the lab's start is most
