"""Connections to one service, which must reject clients without a key."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar
from yarl import URL

from backends.base import ColdStart, Report
from backends.errors import BackendUnavailable, FailureKind
from backends.remote.http_client import ServiceClient, Timeouts
from settings import RemoteSettings

PROBE_PATH = f"clips/{'0' * 64}"  #: requested without a key, which the service must reject
CONNECT_SECONDS = 10


class ServiceConnection:
    """Opens clients of one service, with its address and a key.

    Attributes:
        name: of the service, for errors and events.
        timeouts: limits of its responses.
        secret: what the service and its clients know; ids derived from it cannot be guessed.
    """

    def __init__(
        self, name: str, settings: RemoteSettings, timeouts: Timeouts | None = None
    ) -> None:
        self.name = name
        self.timeouts = timeouts or Timeouts(warm_up=settings.start_seconds)
        self._base = URL(settings.endpoint)
        self._auth_headers = _build_auth_headers(settings)
        self.secret = repr(self._auth_headers).encode()
        self._is_protected = False

    @asynccontextmanager
    async def open(self, report: Report) -> AsyncIterator[ServiceClient]:
        """Yield a client, once the service has rejected a request without a key.

        Args:
            report: receives one :class:`ColdStart` if the service seems to be starting.

        Raises:
            BackendUnavailable: the service accepts requests without a key, or its answer does not
                show whether it does.
        """
        is_reported = False

        def report_cold_start() -> None:
            nonlocal is_reported
            if not is_reported:
                is_reported = True
                report(ColdStart(self.name))

        timeout = ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
        async with ClientSession(
            timeout=timeout, cookie_jar=DummyCookieJar(), trust_env=False
        ) as session:
            client = ServiceClient(
                self.name,
                session,
                self._base,
                self._auth_headers,
                self.timeouts,
                report_cold_start,
            )
            await self._require_authentication(client)
            yield client

    async def _require_authentication(self, client: ServiceClient) -> None:
        if self._is_protected:
            return
        if not await client.requires_authentication(PROBE_PATH):
            raise BackendUnavailable(self.name, FailureKind.UNSAFE, "it is open to everybody")
        self._is_protected = True


def _build_auth_headers(settings: RemoteSettings) -> dict[str, str]:
    token = settings.token.get_secret_value()
    proxy = settings.key.get_secret_value(), settings.secret.get_secret_value()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if all(proxy):
        headers |= {"Modal-Key": proxy[0], "Modal-Secret": proxy[1]}
    return headers
