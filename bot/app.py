"""Runs the bot: start, wait for the leader lock, serve, stop."""

import asyncio
import gc
import logging
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from aiogram.exceptions import (
    TelegramAPIError,
    TelegramBadRequest,
    TelegramNotFound,
    TelegramUnauthorizedError,
)
from aiogram.methods import DeleteWebhook, GetMe, SetWebhook
from aiohttp import web
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backends.connection_guard import ACCEPTED_AT_ONCE, ConnectionGuard
from backends.local.video_cli import DEFAULT_PROGRAM
from backends.renderer_factory import create_render_log
from backends.shotstack.render_log import CallbackReceiver, RenderLog
from bot.database import engine as databases
from bot.database.schema import DatabaseUnusable
from bot.handlers.commands import set_commands
from bot.jobs import dbos_runtime
from bot.operations import logs
from bot.operations.alerts import AdminAlerts, AlertKind
from bot.operations.http import (
    Readiness,
    ReadinessCheck,
    build_webhook_url,
    create_callback_route,
    create_web_app,
    create_webhook_route,
)
from bot.operations.leader_lock import hold_leader_lock
from bot.telegram.updates import poll
from bot.web.site import Site, create_site_routes
from bot.wiring import (
    TELEGRAM_FRESH_SECONDS,
    Application,
    BackgroundTask,
    TelegramConnection,
    build_application,
    connect_telegram,
)
from settings import Settings
from video_editing import ffmpeg

log = logging.getLogger(__name__)

SHUTDOWN_SECONDS = 1.7  #: from a signal to the end of the process, at most
GREETING_SECONDS = 3.0  #: for Telegram to accept the token, before the bot starts without an answer
ALERT_SECONDS = 10.0  #: for a message to admins before the process ends
#: between two attempts at a call that Telegram must receive; doubled each time
FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 1.0, 30.0
BACKLOG = 1024  #: connections that the kernel holds until they are accepted
RESTART_PAUSE_SECONDS = 5.0  #: before a background task that ended is started again


class TokenRejected(Exception):
    """Telegram does not accept the token."""


class UnusableSetting(Exception):
    """A port or a folder that a setting names cannot be used; the message is one line."""


class ShutdownSignal:
    """Receives SIGTERM and SIGINT, and ends the process in time whatever the event loop does.

    Attributes:
        requested: set by the first signal.
    """

    def __init__(self) -> None:
        self.requested = asyncio.Event()
        self._received = threading.Event()
        threading.Thread(target=self._exit_after_grace, name="ending", daemon=True).start()
        loop = asyncio.get_running_loop()
        for kind in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(kind, self.requested.set)
            # The signal wakes the loop by itself; this handler runs even while the loop is busy.
            signal.signal(kind, lambda *_: self._received.set())

    def _exit_after_grace(self) -> None:
        self._received.wait()
        time.sleep(SHUTDOWN_SECONDS)
        os._exit(0)


def exit_now(code: int) -> NoReturn:
    """End the process without unwinding: a workflow that is unwound is recorded as failed."""
    logging.shutdown()
    os._exit(code)


async def serve(settings: Settings, program: Sequence[str] = DEFAULT_PROGRAM) -> None:
    """Run the bot until a signal comes; then the process ends, and its children with it.

    Args:
        settings: of the whole process.
        program: the command line of video_editing, or what tests run instead.

    Raises:
        DatabaseUnusable: the database cannot be used.
        NoBackendAvailable: no configured backend can be used.
        TokenRejected: Telegram does not accept the token.
        UnusableSetting: the port or the folder cannot be used.
    """
    lines = logs.set_up_logging(settings.bot.log_level, settings.collect_secrets())
    shutdown, server = ShutdownSignal(), BotServer(settings, program, lines)
    running = asyncio.create_task(server.run())
    requested = asyncio.create_task(shutdown.requested.wait())
    await asyncio.wait({running, requested}, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        running.result()
    log.info("stopping")
    await server.stop()
    exit_now(0)


class BotServer:
    """The bot of this process, from its start to its end."""

    def __init__(self, settings: Settings, program: Sequence[str], lines: logs.RecentLines) -> None:
        self._settings, self._program, self._lines = settings, program, lines
        self._readiness = Readiness(versions={"ffmpeg": ffmpeg.get_version()})
        self._application: Application | None = None  # until this process holds the leader lock

    async def run(self) -> None:
        """Serve the pages, wait for the leader lock, then work without an end.

        Raises: see :func:`serve`.
        """
        settings = self._settings
        await asyncio.to_thread(_check_folder_is_writable, settings.storage.folder)
        engine, render_log = databases.create_engine(settings.storage), create_render_log(settings)
        telegram = connect_telegram(settings, engine)
        async with (
            _serve_pages(self._create_pages(render_log), settings.bot.port),
            _greet_telegram(telegram) as wait_for_greeting,
            hold_leader_lock(engine, settings.storage.folder, on_lost=lambda: exit_now(1)),
        ):
            await _prepare_database(settings, telegram, engine)
            application = await build_application(
                settings, self._program, telegram, engine, render_log, self._lines
            )
            await wait_for_greeting()
            try:
                await self._resume(application)
                self._report_ready(application, telegram, engine)
                await self._work(application, telegram)
            except BaseException:
                log.exception("the bot failed")
                exit_now(1)

    async def stop(self) -> None:
        """Accept no more updates, and tell users whose jobs run that the bot restarts."""
        if self._application is None:
            return
        self._application.updates.close()
        with suppress(Exception):  # the process ends in any case
            await self._application.jobs.announce_restart()

    async def receive_webhook(self, update: Mapping[str, Any]) -> None:
        """Handle an update that Telegram posted.

        Raises:
            HTTPServiceUnavailable: this process does not work yet; Telegram posts it again.
        """
        if self._application is None:
            raise web.HTTPServiceUnavailable
        await self._application.updates.dispatch(update)

    def _create_pages(self, render_log: RenderLog) -> web.Application:
        """Create the pages, Shotstack's callback and, where it is set, the webhook."""
        bot = self._settings.bot
        receiver = CallbackReceiver(self._settings.rendering.api_key, render_log)
        routes = [create_callback_route(receiver), *create_site_routes(self._get_site)]
        if bot.webhook_url:
            secret = bot.webhook_secret.get_secret_value()
            url = build_webhook_url(bot.webhook_url, secret)
            routes.append(create_webhook_route(url, secret, self.receive_webhook))
        return create_web_app(self._readiness, routes, bot.metrics_token.get_secret_value())

    def _get_site(self) -> Site | None:
        """Return what answers the requests of pages; None until this process works."""
        return None if self._application is None else self._application.site

    async def _resume(self, application: Application) -> None:
        """Continue the jobs and cards that an earlier process did not finish."""
        dbos_runtime.launch(databases.build_system_url(self._settings.storage))
        await application.jobs.resume()
        await application.preview_cards.resume()

    def _report_ready(
        self, application: Application, telegram: TelegramConnection, engine: AsyncEngine
    ) -> None:
        """Let updates in, and let /readyz and /metrics tell how the bot is."""
        self._application = application
        checks: dict[str, ReadinessCheck] = {
            "telegram": telegram.recent_answer,
            "database": lambda: _is_database_available(engine),
        }
        self._readiness.start(checks, application.metrics)
        gc.freeze()  # a collection over the modules would hold all answers for a quarter second
        log.info("working")

    async def _work(self, application: Application, telegram: TelegramConnection) -> None:
        """Receive updates and run all background tasks, without an end."""
        await asyncio.gather(
            self._receive_updates(application, telegram),
            _retry_until_success(
                telegram,
                lambda: set_commands(telegram.bot, telegram.texts, self._settings.bot.admin_ids),
            ),
            _retry_until_success(
                telegram, lambda: application.alerts.check_privacy_mode(telegram.bot)
            ),
            *map(_run_forever, application.background_tasks),
        )

    async def _receive_updates(
        self, application: Application, telegram: TelegramConnection
    ) -> None:
        """Receive updates by the webhook where one is set, else by polling."""
        if self._settings.bot.webhook_url:
            await self._set_webhook(application, telegram)
            while True:
                await _retry_until_success(telegram, telegram.bot.get_me)
                await asyncio.sleep(TELEGRAM_FRESH_SECONDS / 3)
        await _retry_until_success(telegram, lambda: telegram.bot(DeleteWebhook()))
        await poll(
            telegram.bot,
            application.updates.dispatch,
            application.update_kinds,
            telegram.recent_answer.record,
        )

    async def _set_webhook(self, application: Application, telegram: TelegramConnection) -> None:
        secret = self._settings.bot.webhook_secret.get_secret_value()
        method = SetWebhook(
            url=str(build_webhook_url(self._settings.bot.webhook_url, secret)),
            secret_token=secret,
            allowed_updates=application.update_kinds,
        )
        await _retry_until_success(telegram, lambda: telegram.bot(method))


def _check_folder_is_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as err:
        raise UnusableSetting(f"DATA_DIR cannot be used: {err.strerror}") from err


@asynccontextmanager
async def _serve_pages(pages: web.Application, port: int) -> AsyncIterator[None]:
    # The rest of a body that no page reads is not waited for.
    runner = web.AppRunner(pages, access_log=None, shutdown_timeout=1, lingering_time=0)
    await runner.setup()
    assert runner.server is not None, "the runner is set up"
    create_connection = ConnectionGuard().wrap(runner.server)
    try:
        with _open_listener(port) as listener:
            server = await asyncio.get_running_loop().create_server(
                create_connection, sock=listener, backlog=ACCEPTED_AT_ONCE
            )
            listener.listen(BACKLOG)  # asyncio has reduced it
            yield
            server.close()
    finally:
        await runner.cleanup()


def _open_listener(port: int) -> socket.socket:
    """Return a socket that listens on all addresses of this machine."""
    try:
        if socket.has_dualstack_ipv6():
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        return socket.create_server(("", port))
    except OSError as err:
        raise UnusableSetting(f"PORT {port} cannot be used: {os.strerror(err.errno or 0)}") from err


@asynccontextmanager
async def _greet_telegram(
    telegram: TelegramConnection,
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Check the token while the block runs; yield a function that waits briefly for the result.

    That function raises TokenRejected; where Telegram does not answer in time, it returns.
    """

    async def greet() -> None:
        try:
            await telegram.bot(GetMe())
        except (TelegramUnauthorizedError, TelegramNotFound) as err:
            raise TokenRejected("BOT_TOKEN is refused by Telegram") from err

    greeting = asyncio.create_task(_retry_until_success(telegram, greet))

    async def wait_for_greeting() -> None:
        await asyncio.wait({greeting}, timeout=GREETING_SECONDS)
        if greeting.done():
            greeting.result()

    try:
        yield wait_for_greeting
    finally:
        greeting.cancel()


async def _prepare_database(
    settings: Settings, telegram: TelegramConnection, engine: AsyncEngine
) -> None:
    """Create or migrate the tables; alert the admins where that fails."""
    try:
        await databases.prepare_database(engine)
    except DatabaseUnusable as err:
        alerts = AdminAlerts(
            telegram.messenger, telegram.texts, settings.bot.admin_ids, settings.storage.folder
        )
        alerts.raise_alert(AlertKind.DATABASE, reason=str(err))
        with suppress(TimeoutError):
            async with asyncio.timeout(ALERT_SECONDS):
                await alerts.send_pending()
        raise


async def _is_database_available(engine: AsyncEngine) -> bool:
    async with engine.connect() as connection:
        return bool(await connection.scalar(text("SELECT 1")))


async def _run_forever(task: BackgroundTask) -> None:
    """Run *task* again whenever it ends or fails."""
    while True:
        try:
            await task()
        except Exception:
            log.exception("a background task failed and is started again: %s", task)
        await asyncio.sleep(RESTART_PAUSE_SECONDS)


async def _retry_until_success(
    telegram: TelegramConnection, call: Callable[[], Awaitable[object]]
) -> None:
    """Repeat a call until Telegram accepts it."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            await call()
        except TelegramAPIError as err:
            reason = err.message if isinstance(err, TelegramBadRequest) else ""
            log.warning("a call to Telegram failed: %s %s", type(err).__name__, reason)
            await asyncio.sleep(pause)
            pause = min(2 * pause, MAX_PAUSE_SECONDS)
        else:
            telegram.recent_answer.record()
            return
