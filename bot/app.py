"""The process: everything is built here, in the order in which it comes alive."""

import asyncio
import logging
import os
import signal
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from aiogram import Bot, Dispatcher
from aiogram.client.default import DefaultBotProperties
from aiogram.enums import ParseMode
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramBadRequest,
    TelegramNotFound,
    TelegramUnauthorizedError,
)
from aiogram.fsm.storage.memory import SimpleEventIsolation
from aiogram.methods import DeleteWebhook, GetMe, SetWebhook
from aiohttp import web
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from yarl import URL

from backends.links.ssrf_guard import create_guarded_session
from backends.local.process import ProcessLimits as ChildLimits
from backends.local.video_cli import DEFAULT_PROGRAM, VideoCli
from backends.renderer_factory import create_process_limits, create_render_log, create_renderer
from backends.shotstack.render_log import CallbackReceiver, RenderLog, RenderTracking
from bot.database import engine as databases
from bot.database.drafts import DraftRepository
from bot.database.fsm_storage import SqlStorage
from bot.database.jobs import JobRepository
from bot.database.repository import KeyValueStore
from bot.database.schema import DatabaseUnusable
from bot.database.statistics import MeasurementRepository, Statistics
from bot.database.users import UserRepository
from bot.handlers import create_routers
from bot.handlers.commands import set_commands
from bot.jobs import dbos_runtime as durable
from bot.jobs.fair_queue import FairQueue
from bot.jobs.stages import JobStages
from bot.jobs.supervisor import JobSupervisor
from bot.jobs.workspace import Cleanup, Workspace
from bot.operations import logs
from bot.operations.alerts import AdminAlerts, AlertKind
from bot.operations.backend_pool import BackendPool
from bot.operations.http import (
    CALLBACK_PATH,
    Readiness,
    RecentEvent,
    build_webhook_url,
    create_callback_route,
    create_web_app,
    create_webhook_route,
)
from bot.operations.leader_lock import hold_leader_lock
from bot.operations.metrics import LoopLag, Metrics
from bot.preview_cards import PreviewCards
from bot.telegram.client import BotApiSession, create_bot_api_session
from bot.telegram.downloads import Downloader
from bot.telegram.limits import TelegramLimits, create_telegram_limits
from bot.telegram.messenger import Messenger
from bot.telegram.updates import UpdateDispatcher, poll
from bot.ui.keyboards import Keyboards
from bot.ui.texts import Texts
from settings import Settings

SHUTDOWN_SECONDS = 1.7  #: from a signal to the end at most


class ShutdownSignal:
    """Hears when we are to end, and sees to it from a thread of its own.

    Attributes:
        requested: is set then.
    """

    def __init__(self) -> None:
        self.requested = asyncio.Event()
        self._received = threading.Event()
        threading.Thread(target=self._exit_after_grace, name="ending", daemon=True).start()
        loop = asyncio.get_running_loop()
        for kind in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(kind, self.requested.set)
            # The loop is woken by the signal itself; this runs even while it is busy.
            signal.signal(kind, lambda *_: self._received.set())

    def _exit_after_grace(self) -> None:
        self._received.wait()
        time.sleep(SHUTDOWN_SECONDS)
        os._exit(0)


def exit_now(code: int) -> NoReturn:
    """End now. Nothing is unwound: a job that is would be written down as failed."""
    logging.shutdown()
    os._exit(code)


log = logging.getLogger(__name__)

CARD_PROCESS_LIMITS = ChildLimits(
    max_seconds=60, stall_seconds=25, max_memory=1_500_000_000, nice=5
)
TELEGRAM_FRESH_SECONDS = 120  #: since Telegram answered, after which we are not ready
GREETING_SECONDS = 3.0  #: for Telegram to refuse us, before we begin nevertheless
ALERT_SECONDS = 10.0  #: for admins to be told why we do not begin
FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = (
    1.0,
    30.0,
)  #: seconds between attempts at what Telegram must be told
RESTART_PAUSE_SECONDS = 5.0  #: until what broke beside the jobs is begun again


class TokenRejected(Exception):
    """Telegram does not know us."""


class UnusableSetting(Exception):
    """Something that a setting names cannot be used; the message is one line for people."""


@dataclass(frozen=True, slots=True)
class TelegramConnection:
    """The way to Telegram, and what is said there."""

    bot: Bot
    session: BotApiSession
    recent_answer: RecentEvent
    limits: TelegramLimits
    texts: Texts
    messenger: Messenger


@dataclass(frozen=True, slots=True)
class Application:
    """Everything that works once it is our turn to."""

    jobs: JobSupervisor
    preview_cards: PreviewCards
    updates: UpdateDispatcher
    update_kinds: list[str]  #: of updates that the handlers want
    metrics: Metrics
    background_tasks: list[Callable[[], Coroutine[Any, Any, None]]]  #: what goes on beside


async def serve(settings: Settings, program: Sequence[str] = DEFAULT_PROGRAM) -> None:
    """Be the bot until we are told to end; then the process ends, and with it our children.

    Args:
        settings: of everything.
        program: what to run in place of the command line of video_editing.

    Raises:
        DatabaseBroken: the database cannot be used.
        NobodyThere: there is no place where mattes could be made.
        TokenRefused: by Telegram.
        Unusable: the port or the folder is.
    """
    logs.set_up_logging(settings.bot.log_level, settings.collect_secrets())
    ending = ShutdownSignal()
    present: list[Application] = []
    working = asyncio.create_task(_start_and_run(settings, program, present))
    asked = asyncio.create_task(ending.requested.wait())
    await asyncio.wait({working, asked}, return_when=asyncio.FIRST_COMPLETED)
    if working.done():
        working.result()
    log.info("ending")
    for house in present:
        house.updates.close()
        with suppress(Exception):  # it ends all the same
            await house.jobs.announce_restart()
    exit_now(0)


async def _start_and_run(
    settings: Settings, program: Sequence[str], applications: list[Application]
) -> None:
    """Answer to the platform, wait for our turn, then work without an end."""
    await asyncio.to_thread(_check_folder_is_writable, settings.storage.folder)
    telegram = _connect_telegram(settings)
    engine, folder = databases.create_engine(settings.storage), settings.storage.folder
    intents, readiness = create_render_log(settings), Readiness()
    pages = create_web_app(readiness, _create_routes(settings, intents, applications))
    async with (
        _serve_pages(pages, settings.bot.port),
        _greet_telegram(telegram) as hello,
        hold_leader_lock(engine, folder, on_lost=lambda: exit_now(1)),
    ):
        await _prepare_database(settings, telegram, engine)
        house = await _build_application(settings, program, telegram, engine, intents)
        await hello()
        try:
            await _resume_work(settings, house)
            applications.append(house)
            readiness.checks |= {
                "telegram": telegram.recent_answer,
                "database": lambda: _is_database_available(engine),
            }
            readiness.metrics = house.metrics
            log.info("working")
            await asyncio.gather(
                _receive_updates(settings, telegram, house),
                _retry_until_success(telegram, lambda: set_commands(telegram.bot, telegram.texts)),
                *map(_run_forever, house.background_tasks),
            )
        except BaseException:
            log.exception("the work broke")
            exit_now(1)


def _check_folder_is_writable(folder: Path) -> None:
    """See that files can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as err:
        raise UnusableSetting(f"DATA_DIR cannot be used: {err.strerror}") from err


async def _resume_work(settings: Settings, application: Application) -> None:
    """Take up what was not over."""
    durable.launch(databases.build_system_url(settings.storage))
    await application.jobs.resume()
    await application.preview_cards.resume()


async def _run_forever(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Do what goes on without an end, also when it breaks."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("begun again, because it broke: %s", work)
        await asyncio.sleep(RESTART_PAUSE_SECONDS)


@asynccontextmanager
async def _greet_telegram(
    telegram: TelegramConnection,
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Ask Telegram meanwhile who we are; what is given waits a moment for the answer.

    It raises TokenRefused; where Telegram is away, there is no answer and we begin without.
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
    """Have the tables there; admins are told where that cannot be."""
    try:
        await databases.prepare_database(engine)
    except DatabaseUnusable as broken:
        alarms = AdminAlerts(
            telegram.messenger, telegram.texts, settings.bot.admin_ids, settings.storage.folder
        )
        alarms.raise_alert(AlertKind.DATABASE, reason=str(broken))
        with suppress(TimeoutError):
            async with asyncio.timeout(ALERT_SECONDS):
                await alarms.send_pending()
        raise


def _connect_telegram(settings: Settings) -> TelegramConnection:
    calls = create_bot_api_session(settings.bot.api_server, is_local=settings.bot.is_local_server)
    bot = Bot(
        settings.bot.token.get_secret_value(),
        session=calls,
        default=DefaultBotProperties(parse_mode=ParseMode.HTML, link_preview_is_disabled=True),
    )
    limits = create_telegram_limits(
        is_local=settings.bot.is_local_server,
        clip_seconds=settings.bot.max_clip_seconds,
        link_mb=settings.bot.max_clip_mb,
    )
    return TelegramConnection(
        bot, calls, RecentEvent(TELEGRAM_FRESH_SECONDS), limits, Texts(), Messenger(bot, limits)
    )


def _create_routes(
    settings: Settings, intents: RenderLog, applications: Sequence[Application]
) -> list[web.RouteDef]:
    """What comes from elsewhere: updates, where there is a webhook, and what Shotstack tells."""

    async def dispatch(update: Mapping[str, Any]) -> None:
        if not applications:  # it is brought again
            raise web.HTTPServiceUnavailable
        await applications[0].updates.dispatch(update)

    routes = [create_callback_route(CallbackReceiver(settings.rendering.api_key, intents))]
    if settings.bot.webhook_url:
        secret = settings.bot.webhook_secret.get_secret_value()
        routes.append(
            create_webhook_route(
                build_webhook_url(settings.bot.webhook_url, secret), secret, dispatch
            )
        )
    return routes


@asynccontextmanager
async def _serve_pages(pages: web.Application, port: int) -> AsyncIterator[None]:
    runner = web.AppRunner(pages, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, port=port).start()
        except OSError as err:
            raise UnusableSetting(
                f"PORT {port} cannot be used: {os.strerror(err.errno or 0)}"
            ) from err
        yield
    finally:
        await runner.cleanup()


async def _build_application(
    settings: Settings,
    program: Sequence[str],
    telegram: TelegramConnection,
    engine: AsyncEngine,
    intents: RenderLog,
) -> Application:
    """Everything, each part given what it needs."""
    storage, texts, messenger = settings.storage, telegram.texts, telegram.messenger
    users, drafts, job_repository = (
        UserRepository(engine),
        DraftRepository(engine),
        JobRepository(engine),
    )
    admins = settings.bot.admin_ids
    alarms = AdminAlerts(messenger, texts, admins, storage.folder, users)
    knobs, measures, statistics = (
        KeyValueStore(engine),
        MeasurementRepository(engine),
        Statistics(engine, storage.folder),
    )
    backend_pool = await BackendPool.create(settings, knobs, program, alarms)
    folders, keyboards, lag = Workspace(storage.folder), Keyboards(texts), LoopLag()
    links = create_guarded_session()
    downloads = Downloader(
        telegram.bot, links, telegram.limits, server_folder=settings.bot.shared_folder
    )
    stages = JobStages(
        folders,
        downloads,
        backend_pool.create_chain,
        create_renderer(
            settings,
            program=program,
            tracking=RenderTracking(intents, _build_callback_url(settings, intents)),
            on_failure=alarms.handle_failure,
            on_budget_exceeded=alarms.report_spent_budget,
        ),
        VideoCli("local", create_process_limits(settings), program),
        telegram.limits,
    )
    jobs = JobSupervisor(
        job_repository,
        measures,
        stages,
        FairQueue(settings.bot.parallel_jobs),
        messenger,
        texts,
        keyboards,
        get_free_bytes=folders.get_free_bytes,
        max_waiting=settings.bot.max_waiting_jobs,
    )
    cards = PreviewCards(
        drafts,
        downloads,
        VideoCli("local", CARD_PROCESS_LIMITS, program),
        folders,
        messenger,
        texts,
        keyboards,
        max_drawing=settings.bot.parallel_cards,
    )
    dispatcher = Dispatcher(
        storage=SqlStorage(engine),
        events_isolation=SimpleEventIsolation(),
        admins=admins,
        cards=cards,
        drafts=drafts,
        jobs=jobs,
        keyboards=keyboards,
        job_repository=job_repository,
        limits=telegram.limits,
        users=users,
        backend_pool=backend_pool,
        messenger=messenger,
        statistics=statistics,
        texts=texts,
    )
    dispatcher.include_routers(*create_routers())
    janitor = Cleanup(
        storage.folder,
        job_repository,
        drafts,
        mattes_seconds=storage.mattes_hours * 3600,
        mattes_bytes=storage.mattes_mb * 1_000_000,
    )
    return Application(
        jobs,
        cards,
        UpdateDispatcher(telegram.bot, dispatcher),
        dispatcher.resolve_used_update_types(),
        Metrics(statistics, backend_pool, telegram.session.retry_middleware, lag),
        [lag.run, alarms.run, backend_pool.watch, janitor.run],
    )


def _build_callback_url(settings: Settings, intents: RenderLog) -> str | None:
    """Where Shotstack reaches us, if anybody does."""
    if not settings.bot.webhook_url:
        return None
    secret = CallbackReceiver(settings.rendering.api_key, intents).secret
    return str(URL(settings.bot.webhook_url).origin() / CALLBACK_PATH.strip("/") / secret)


async def _receive_updates(
    settings: Settings, telegram: TelegramConnection, application: Application
) -> None:
    """Be known to Telegram, and take its updates."""
    secret = settings.bot.webhook_secret.get_secret_value()
    if settings.bot.webhook_url:
        address = build_webhook_url(settings.bot.webhook_url, secret)
        hook = SetWebhook(
            url=str(address), secret_token=secret, allowed_updates=application.update_kinds
        )
        await _retry_until_success(telegram, lambda: telegram.bot(hook))
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


async def _retry_until_success(
    telegram: TelegramConnection, call: Callable[[], Awaitable[object]]
) -> None:
    """Make a call until Telegram hears it."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            await call()
        except TelegramAPIError as err:
            why = err.message if isinstance(err, TelegramBadRequest) else ""
            log.warning("Telegram does not hear us: %s %s", type(err).__name__, why)
            await asyncio.sleep(pause)
            pause = min(2 * pause, MAX_PAUSE_SECONDS)
        else:
            telegram.recent_answer.record()
            return


async def _is_database_available(engine: AsyncEngine) -> bool:
    async with engine.connect() as connection:
        return bool(await connection.scalar(text("SELECT 1")))
