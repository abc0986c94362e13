"""Connect to public addresses only, so that users' links cannot reach our network (SSRF).

There are three checks. The text of the link must be plain (:func:`parse_link`); a name must resolve
to public addresses only (:class:`PublicResolver`); the address of each socket is checked before it
connects, which covers addresses in the link itself. Errors do not tell which check failed, so that
they reveal nothing about our network.
"""

import asyncio
import re
import socket
import threading
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

from aiohttp import AddrInfoType, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

#: not public unicast in IPv4 (IANA's special-purpose registry, and the host of one cloud)
BLOCKED_IPV4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's virtual host
        "169.254.0.0/16",  # link-local; most clouds serve a machine's secrets there
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
#: public unicast in IPv6; NAT64, fec0::, ::ffff:0:0 and similar ranges lie outside
ALLOWED_IPV6 = IPv6Network("2000::/3")
BLOCKED_IPV6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address inside
        "3fff::/20",  # documentation
    )
)
ISATAP_MARKERS = (
    0x5EFE,
    0x0200_5EFE,
)  #: bits 64 to 95 of an address that ends in an IPv4 one


def is_public(address: str) -> bool:
    """Return whether *address* is a public unicast address."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv4Address):
        return not any(ip in network for network in BLOCKED_IPV4)
    return (
        ip in ALLOWED_IPV6
        and not any(ip in network for network in BLOCKED_IPV6)
        and not _is_isatap(ip)
    )


def _is_isatap(ip: IPv6Address) -> bool:
    return (int(ip) >> 32) & 0xFFFF_FFFF in ISATAP_MARKERS


MAX_LINK_LENGTH = 2048  #: characters
ALLOWED_PORTS = {"http": 80, "https": 443}  #: no others, so that links cannot scan ports
LOOKUP_SECONDS = 5  #: until a name server must answer
MAX_PARALLEL_LOOKUPS = 8  #: each holds a thread until its name server answers
CONNECT_SECONDS = 10

#: two labels or more, the last of which is not a number in any base; or an address
HOST_NAME_PATTERN = r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,62}\.?"
IP_ADDRESS_PATTERN = r"(?:\d{1,3}\.){3}\d{1,3}|\[[0-9a-f:.]+\]"
LINK_PATTERN = re.compile(
    rf"https?://(?:{IP_ADDRESS_PATTERN}|(?=[^:/?#]{{4,253}}(?:[:/?#]|\Z)){HOST_NAME_PATTERN})(?::\d+)?(?:[/?#][^\s\\]*)?",
    re.ASCII | re.IGNORECASE,  # else digits and letters of other scripts match
)

AddressInfos = list[Any]  #: as socket.getaddrinfo returns them


class UrlRejected(Exception):
    """The link is not followed, whatever is behind it."""


class ForbiddenAddress(OSError):
    """The address is not public."""


def parse_link(link: str) -> URL:
    """Parse *link*, which must be plain.

    Plain: ``http`` or ``https`` on the scheme's default port; an ASCII host name of two labels or
    more, or an address in its usual form; no user name, blank, backslash or control character.

    Raises:
        UrlRejected: it is not plain.
    """
    if len(link) > MAX_LINK_LENGTH or not link.isprintable() or not LINK_PATTERN.fullmatch(link):
        raise UrlRejected
    try:
        url = URL(link)
        is_default_port = url.port == ALLOWED_PORTS[url.scheme]
    except ValueError as err:
        raise UrlRejected from err
    if not is_default_port:
        raise UrlRejected
    return url


def create_guarded_session() -> ClientSession:
    """Create a session that reaches public addresses only, without proxies, cookies or a cache.

    Raises:
        ForbiddenAddress: from any request that would connect to another address, wrapped in
            aiohttp's ClientConnectorError.
    """
    connector = TCPConnector(
        resolver=PublicResolver(),
        socket_factory=_open_public_socket,
        use_dns_cache=False,
        force_close=True,
    )
    return ClientSession(
        connector=connector,
        trust_env=False,
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
        timeout=ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
    )


def _open_public_socket(address_info: AddrInfoType) -> socket.socket:
    family, kind, protocol, _, address = address_info
    if not is_public(str(address[0])):
        raise ForbiddenAddress
    return socket.socket(family, kind, protocol)


class PublicResolver(AbstractResolver):
    """Resolves names; rejects a name if one of its addresses is not public.

    It starts its own daemon threads: a name server that never answers holds one for up to half a
    minute, which must delay neither the event loop's thread pool nor the end of the program.
    """

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(MAX_PARALLEL_LOOKUPS)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of *host*.

        Raises:
            ForbiddenAddress: one of them is not public.
            OSError: there are none, or the name server does not answer in time.
        """
        await self._slots.acquire()  # which takes no time of the name server's
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                found = await self._start_lookup(host, port, family)
        except TimeoutError as err:
            raise OSError("no answer from the name server") from err
        return list(_require_public(host, port, found))

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def _start_lookup(self, host: str, port: int, family: int) -> asyncio.Future[AddressInfos]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[AddressInfos] = loop.create_future()

        def settle(found: AddressInfos | OSError) -> None:
            self._slots.release()
            if future.done():
                return
            if isinstance(found, OSError):
                future.set_exception(found)
            else:
                future.set_result(found)

        def run_lookup() -> None:
            found = _look_up(host, port, family)
            with suppress(RuntimeError):  # the loop has ended in the meantime
                loop.call_soon_threadsafe(settle, found)

        try:
            threading.Thread(target=run_lookup, name="lookup", daemon=True).start()
        except RuntimeError as err:
            settle(OSError(str(err)))  # no thread can be started
        return future


def _look_up(host: str, port: int, family: int) -> AddressInfos | OSError:
    flags = socket.AI_ADDRCONFIG
    try:
        return socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=flags)
    except (OSError, UnicodeError) as err:
        return OSError(str(err))


def _require_public(host: str, port: int, found: AddressInfos) -> Iterable[ResolveResult]:
    for family, _, protocol, _, address in found:
        if not is_public(address[0]):
            raise ForbiddenAddress
        yield ResolveResult(
            hostname=host,
            host=address[0],
            port=port,
            family=family,
            proto=protocol,
            flags=socket.AI_NUMERICHOST,
        )
