"""No link leads to a connection with a forbidden address, however it is written."""

# ruff: noqa: RUF001, SIM905 - look-alikes are what is tried, and long lists read better as text

import ipaddress
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest
from aiohttp import web

from backends.links.download import FetchFailed, FetchLimits, LinkError, fetch
from backends.links.ssrf_guard import UrlRejected, create_guarded_session, is_public, parse_link
from tests.backends.support.isolated_network import (
    PUBLIC,
    IsolatedNetwork,
    open_isolated_network,
    serve_dns,
    serve_on_all_addresses,
)

CLOSED = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.254 127.0.0.1
127.1.2.3 127.255.255.254 168.63.129.16 169.254.0.1 169.254.169.254 169.254.170.2 172.16.0.1
172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 192.168.255.255 198.18.0.1
198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
:: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0:127.0.0.1
64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::a00:1 100::1 2001::1 2001:0:7f00:1::1 2001:2::1
2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1::1 2002:a9fe:a9fe::1 2002:c0a8:1::1 3fff::1 5f00::1
2600:1406::5efe:7f00:1 2600:1406::200:5efe:a00:1 4000::1 8000::1 fc00::1 fd00:ec2::254
fdaa:bbcc::1 fe80::1 fe80::5efe:a00:1 febf::1 fec0::1 fec0:0:0:ffff::1 ff02::1 ff0e::1
""".split()
OPEN = ["1.1.1.1", PUBLIC, "100.63.255.255", "172.32.0.1", "2600:1406::1", "2a00:1450:4001::64"]

FORGED = (
    r"""
file:///etc/passwd|ftp://example.com/x|gopher://example.com/x|data:video/mp4;base64,AAAA|blob:http://example.com/x
concat:a.mp4|pipe:0|rtsp://example.com/x|jar:http://example.com!/|javascript:alert(1)|ws://example.com/
example.com/x.mp4|//example.com/x.mp4|http:example.com|http:/example.com/|http:///example.com/
-i evil|--output=x
http://|http://?|http://#|http://:80/|https://.example.com/|http://example..com/|http://-example.com/
http://user@example.com/|http://user:word@example.com/|http://example.com@127.0.0.1/|http://@127.0.0.1/
httpſ://example.com/|http://example.com#@/ x|http://example.com\@127.0.0.1/|http:\\127.0.0.1\
http://exa mple.com/|http://example.com/a b|http://example.com/\r\nHost:x|http://example.com/	x
http://localhost/|http://LOCALHOST/|http://localhost./|http://metadata/|http://intranet:80/
http://0x7f.1/|http://0x7f000001/|http://0x7f.0.0.1/|http://2130706433/|http://017700000001/|http://127.1/
http://127.0.1/|http://0177.0.0.1/|http://127.0.0.1./|http://127.0.0.0x1/|http://1.1.1/|http://0/|http://0x0/
http://127.0.0.1:22/|http://example.com:8080/|http://example.com:0/|http://example.com:99999/|http://example.com:443/
https://example.com:80/|http://example.com:/x:@|http://example.com:80a/|http://example.com:-80/|http://example.com:８０/
http://[::1%25lo]/|http://[fe80::1%eth0]/|http://[::1/|http://::1/|http://[]/|http://[v1.x]/|http://[::1]x/
http://①②⑦.⓪.⓪.①/|http://ｌｏｃａｌｈｏｓｔ/|http://127。0。0。1/|http://exämple.com/|http://пример.рф/|http://ex%61mple.com/
http://%31%32%37.0.0.1/|http://example.com%00.evil.com/|http://example.com%2f@evil.com/|http://exam\u0000ple.com/
http://example.123/|http://example.0x1/|http://a.b.c.d.1/|HTTP://127.1/|hTTp://0x7f.1/
""".replace("\n", "|")
    .strip("|")
    .split("|")
)


def literal(address: str) -> str:
    return f"[{address}]" if ":" in address else address


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IsolatedNetwork]:
    """An isolated network."""
    with open_isolated_network(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


class World:
    """A server at every address, and names.

    Attributes:
        seen: the addresses that were connected to.
        asked: the names that were asked for.
        faults: what the links came to.
    """

    def __init__(self, lab: IsolatedNetwork, names: dict[str, Iterator[list[str]]]) -> None:
        self._lab, self._names = lab, names
        self.seen: list[str] = []
        self.asked: list[str] = []
        self.faults: list[LinkError | None] = []

    def visit(self, links: list[str], path: Path) -> None:
        """Follow *links*."""
        self._lab.run(lambda: self._visit(links, path))

    async def _visit(self, links: list[str], path: Path) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        async with (
            serve_on_all_addresses(app, 80),
            serve_on_all_addresses(app, 443),
            serve_dns(lambda name: next(self._names.get(name, iter([[]])))) as asked,
            create_guarded_session() as session,
        ):
            for link in links:
                try:
                    await fetch(session, link, path / "file", FetchLimits(max_seconds=10))
                except FetchFailed as err:
                    self.faults.append(err.reason)
                else:
                    self.faults.append(None)
        self.asked = asked

    async def _serve(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        self.seen.append(request.transport.get_extra_info("sockname")[0])
        if "to" in request.query:
            status = int(request.query.get("status", "302"))
            return web.Response(status=status, headers={"Location": request.query["to"]})
        if request.path == "/loop":
            return web.Response(status=302, headers={"Location": "/loop"})
        return web.Response(body=b"video", headers={"Refresh": "0; url=http://10.0.0.1/"})


def always(*addresses: str) -> Iterator[list[str]]:
    return cycle([list(addresses)])


@pytest.mark.parametrize("address", CLOSED)
def test_closed_addresses(address: str) -> None:
    """An address that is not public unicast is forbidden, even inside an IPv6 address."""
    assert not is_public(address)


@pytest.mark.parametrize("address", OPEN)
def test_open_addresses(address: str) -> None:
    """Public addresses are allowed."""
    assert is_public(address)


def test_the_registries_agree() -> None:
    """No address that Python classifies as private is allowed."""
    for network in (*range(256), *range(256)):
        address = ipaddress.ip_address(f"{network}.7.7.7")
        assert not is_public(str(address)) or address.is_global


@pytest.mark.parametrize("link", FORGED)
def test_forged_links_are_refused(link: str) -> None:
    """A link that is not a plain http link to a name or address is rejected."""
    with pytest.raises(UrlRejected):
        parse_link(link)


def test_a_long_link_is_refused() -> None:
    """A link of 8 KB is too long."""
    with pytest.raises(UrlRejected):
        parse_link("http://example.com/" + "x" * 8192)


@pytest.mark.parametrize(
    "link",
    [
        "http://example.com/a.mp4",
        "https://example.com",
        "https://sub.domain.example.co.uk:443/a/b?c=d&e=%20#f",
        "HTTPS://EXAMPLE.COM/видео.mp4",
        f"http://{PUBLIC}/a.mp4",
        "http://[2600:1406::1]/a.mp4",
        "http://xn--e1afmkfd.xn--p1ai/",
    ],
)
def test_plain_links_pass(link: str) -> None:
    """Usual links pass, in any script after the host."""
    assert parse_link(link).host


def test_a_public_server_is_reached(lab: IsolatedNetwork, tmp_path: Path) -> None:
    """The lab works: a public name and public addresses are fetched."""
    world = World(lab, {"good.example": always(PUBLIC)})
    world.visit(["http://good.example/", f"http://{PUBLIC}/", "http://[2600:1406::1]/"], tmp_path)
    assert world.faults == [None, None, None]
    assert world.seen == [PUBLIC, PUBLIC, "2600:1406::1"]


def test_no_form_of_a_closed_address_is_connected_to(lab: IsolatedNetwork, tmp_path: Path) -> None:
    """Over 250 links to forbidden addresses, by address and name: no connection."""
    hosts = [literal(address) for address in CLOSED]
    names = {f"n{i}.example": always(address) for i, address in enumerate(CLOSED)}
    mixed = {f"m{i}.example": always(PUBLIC, address) for i, address in enumerate(CLOSED)}
    direct = [f"http://{host}/" for host in hosts] + [f"https://{host}/" for host in hosts[:20]]
    named = [f"http://{name}/" for name in (*names, *mixed)]
    world = World(lab, names | mixed | {"good.example": always(PUBLIC)})
    world.visit(direct + named + FORGED, tmp_path)
    assert len(world.faults) >= 250
    assert world.seen == []
    assert set(world.faults) == {LinkError.UNREACHABLE, LinkError.BAD_URL}
    assert set(world.asked) == {*names, *mixed}
    assert list(tmp_path.iterdir()) == []


def test_redirects_pass_the_same_checks(lab: IsolatedNetwork, tmp_path: Path) -> None:
    """A redirect to a forbidden address or a forged link is not followed, at any status."""
    targets = [f"http://{literal(address)}/" for address in CLOSED]
    targets += ["//169.254.169.254/", "http://n.example/", "//n.example/", "//u@good.example/"]
    world = World(lab, {"good.example": always(PUBLIC), "n.example": always("10.0.0.1")})
    good = parse_link("http://good.example/")
    links = [
        str(good.update_query(to=target, status=str(status)))
        for target, status in zip(targets, cycle((301, 302, 303, 307, 308)), strict=False)
    ]
    world.visit([*links, "http://good.example/loop"], tmp_path)
    assert len(links) > 60
    assert None not in world.faults
    assert world.seen == [PUBLIC] * (len(links) + 6)


def test_forged_redirects(lab: IsolatedNetwork, tmp_path: Path) -> None:
    """A forged redirect leads to no forbidden address, however it is parsed."""
    world = World(lab, {"good.example": always(PUBLIC)})
    good = parse_link("http://good.example/")
    world.visit([str(good.update_query(to=target)) for target in FORGED], tmp_path)
    assert set(world.seen) == {PUBLIC}


def test_a_name_whose_addresses_change(lab: IsolatedNetwork, tmp_path: Path) -> None:
    """Lookups that alternate between public and forbidden addresses reach public ones."""
    flips = cycle([[PUBLIC], ["127.0.0.1"], [PUBLIC], ["169.254.169.254"], ["::1"], []])
    world = World(lab, {"rebind.example": flips})
    world.visit(["http://rebind.example/"] * 500, tmp_path)
    assert set(world.seen) <= {PUBLIC}
    assert None in world.faults


def test_proxies_of_the_environment_are_ignored(
    lab: IsolatedNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy in the environment is not used."""
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://10.0.0.1:80")
    world = World(lab, {"good.example": always(PUBLIC)})
    world.visit(["http://good.example/"], tmp_path)
    assert world.seen == [PUBLIC]
