"""Builds every object of the bot once, from the settings."""

import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

from aiogram import Bot, Dispatcher
from aiogram.client.default import DefaultBotProperties
from aiogram.enums import ParseMode
from aiogram.fsm.storage.memory import SimpleEventIsolation
from aiogram.types import LinkPreviewOptions
from sqlalchemy.ext.asyncio import AsyncEngine
from yarl import URL

from backends.links.ssrf_guard import create_guarded_session
from backends.local.process import ProcessLimits
from backends.local.video_cli import VideoCli
from backends.renderer_factory import create_process_limits, create_renderer
from backends.shotstack.render_log import CallbackReceiver, RenderLog, RenderTracking
from bot.database.audit import AuditLog
from bot.database.drafts import DraftRepository
from bot.database.fsm_storage import SqlStorage
from bot.database.history import History
from bot.database.jobs import JobRepository
from bot.database.repository import KeyValueStore
from bot.database.statistics import MeasurementRepository, Statistics
from bot.database.users import UserRepository
from bot.handlers import create_routers
from bot.handlers.admin_errors import RunningProgram
from bot.handlers.admin_queue import QueueReader
from bot.handlers.context import BanMiddleware
from bot.handlers.fallback import FailureReply
from bot.handlers.media import RecentRefusals
from bot.jobs.active_job import ActiveJobs
from bot.jobs.draft_files import DraftFiles
from bot.jobs.fair_queue import FairQueue
from bot.jobs.operator_actions import OperatorActions
from bot.jobs.progress_message import UserInterface
from bot.jobs.retry_policy import Backoff, RetryPolicy
from bot.jobs.stages import JobStages
from bot.jobs.style_pictures import StylePictures
from bot.jobs.supervisor import JobSupervisor
from bot.jobs.workflow import JobWorkflow
from bot.jobs.workspace import Cleanup, Workspace
from bot.operations.alerts import AdminAlerts
from bot.operations.backend_pool import BackendPool
from bot.operations.broadcasts import Broadcasts
from bot.operations.http import CALLBACK_PATH, RecentEvent
from bot.operations.intake import Intake
from bot.operations.logs import RecentLines
from bot.operations.metrics import LoopLag, Metrics
from bot.preview_cards import PreviewCards, PreviewRenderer
from bot.telegram.client import create_bot_api_session
from bot.telegram.downloads import Downloader
from bot.telegram.limits import TelegramLimits, create_telegram_limits
from bot.telegram.messenger import Messenger
from bot.telegram.retry import RetryMiddleware
from bot.telegram.updates import UpdateDispatcher
from bot.ui.keyboards import Keyboards
from bot.ui.texts import Texts
from bot.web.factory import SiteParts, create_site
from bot.web.site import Site
from settings import Settings
from video_editing import ffmpeg

#: limits of a child process that draws a card: users wait for it, so it is stopped early
CARD_PROCESS_LIMITS = ProcessLimits(
    max_seconds=60, stall_seconds=25, max_memory=1_500_000_000, nice=5
)
TELEGRAM_FRESH_SECONDS = 120  #: after Telegram's last answer, for which the bot counts as ready

BackgroundTask = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class TelegramConnection:
    """The client of the Bot API, and what every message needs.

    Attributes:
        bot: aiogram's client.
        retries: repeats failed calls, and counts the repetitions.
        recent_answer: whether Telegram answered lately.
        limits: sizes and lengths that the bot accepts and sends.
        texts: all texts, in each language.
        messenger: sends and edits messages.
    """

    bot: Bot
    retries: RetryMiddleware
    recent_answer: RecentEvent
    limits: TelegramLimits
    texts: Texts
    messenger: Messenger


@dataclass(frozen=True, slots=True)
class Application:
    """Everything that works while this process holds the leader lock.

    Attributes:
        jobs: accepts jobs and runs them.
        preview_cards: draws the cards of drafts.
        site: answers the requests of pages.
        updates: gives updates to the handlers.
        update_kinds: the kinds of updates that the handlers take, in Telegram's words.
        metrics: what /metrics shows.
        alerts: messages to admins.
        background_tasks: functions that run for as long as the process.
    """

    jobs: JobSupervisor
    preview_cards: PreviewCards
    site: Site
    updates: UpdateDispatcher
    update_kinds: list[str]
    metrics: Metrics
    alerts: AdminAlerts
    background_tasks: list[BackgroundTask]


class _Repositories:
    """One object for each concern of the database."""

    def __init__(self, engine: AsyncEngine, settings: Settings) -> None:
        self.engine = engine
        self.users = UserRepository(engine)
        self.drafts = DraftRepository(engine)
        self.jobs = JobRepository(engine)
        self.key_values = KeyValueStore(engine)
        self.measurements = MeasurementRepository(engine)
        self.history = History(engine)
        self.statistics = Statistics(engine, settings.storage.folder)
        self.fsm_storage = SqlStorage(engine)


@dataclass(frozen=True, slots=True)
class _SharedParts:
    """What several parts of the application use."""

    settings: Settings
    program: Sequence[str]
    telegram: TelegramConnection
    repositories: _Repositories
    alerts: AdminAlerts
    workspace: Workspace
    draft_files: DraftFiles
    downloader: Downloader
    keyboards: Keyboards
    intake: Intake
    broadcasts: Broadcasts


def connect_telegram(settings: Settings, engine: AsyncEngine) -> TelegramConnection:
    """Create the client of the Bot API; no call is made yet.

    Args:
        settings: of the whole process.
        engine: of the database, in which the new id of a group that moved is stored.
    """
    session = create_bot_api_session(settings.bot.api_server, is_local=settings.bot.is_local_server)
    bot = Bot(
        settings.bot.token.get_secret_value(),
        session=session,
        default=DefaultBotProperties(
            parse_mode=ParseMode.HTML, link_preview=LinkPreviewOptions(is_disabled=True)
        ),
    )
    limits = create_telegram_limits(
        is_local=settings.bot.is_local_server,
        clip_seconds=settings.bot.max_clip_seconds,
        link_mb=settings.bot.max_clip_mb,
    )
    return TelegramConnection(
        bot,
        session.retry_middleware,
        RecentEvent(TELEGRAM_FRESH_SECONDS),
        limits,
        Texts(),
        Messenger(bot, limits, partial(_move_chat, engine)),
    )


async def build_application(
    settings: Settings,
    program: Sequence[str],
    telegram: TelegramConnection,
    engine: AsyncEngine,
    render_log: RenderLog,
    lines: RecentLines,
) -> Application:
    """Build all parts; the tables of *engine* exist.

    Args:
        settings: of the whole process.
        program: the command line of video_editing, or what tests run instead.
        telegram: made by :func:`connect_telegram`.
        engine: of the database.
        render_log: what Shotstack was asked to render.
        lines: the latest lines of the log.

    Raises:
        NoBackendAvailable: no configured backend can be used.
    """
    parts = _create_shared_parts(settings, program, telegram, engine)
    await parts.intake.load()
    await parts.alerts.check_restarts(parts.repositories.key_values)
    backend_pool = await BackendPool.create(
        settings, parts.repositories.key_values, program, parts.alerts
    )
    jobs = _create_job_supervisor(parts, _create_job_stages(parts, backend_pool, render_log))
    actions = OperatorActions(jobs, backend_pool, parts.intake, parts.broadcasts, AuditLog(engine))
    preview_renderer = _create_preview_renderer(parts)
    preview_cards = _create_preview_cards(parts, preview_renderer, backend_pool)
    dispatcher = _create_dispatcher(parts, backend_pool, jobs, preview_cards, actions, lines)
    loop_lag = LoopLag()
    return Application(
        jobs,
        preview_cards,
        _create_site(parts, backend_pool, jobs, actions, preview_renderer, lines),
        UpdateDispatcher(
            telegram.bot, dispatcher, FailureReply(telegram.messenger, telegram.texts)
        ),
        dispatcher.resolve_used_update_types(),
        Metrics(parts.repositories.statistics, backend_pool, telegram.retries, loop_lag),
        parts.alerts,
        [loop_lag.run, backend_pool.watch, *_list_background_tasks(parts)],
    )


def build_callback_url(settings: Settings, render_log: RenderLog) -> str | None:
    """Return the address at which Shotstack reaches this process; None without a public one."""
    if not settings.bot.webhook_url:
        return None
    secret = CallbackReceiver(settings.rendering.api_key, render_log).secret
    return str(URL(settings.bot.webhook_url).origin() / CALLBACK_PATH.strip("/") / secret)


async def _move_chat(engine: AsyncEngine, old_chat: int, new_chat: int) -> None:
    """Store the new id of a group that became a supergroup."""
    await JobRepository(engine).move_chat(old_chat, new_chat)
    await DraftRepository(engine).move_chat(old_chat, new_chat)


def _create_shared_parts(
    settings: Settings,
    program: Sequence[str],
    telegram: TelegramConnection,
    engine: AsyncEngine,
) -> _SharedParts:
    folder, repositories = settings.storage.folder, _Repositories(engine, settings)
    alerts = AdminAlerts(
        telegram.messenger, telegram.texts, settings.bot.admin_ids, folder, repositories.users
    )
    downloader = Downloader(
        telegram.bot,
        create_guarded_session(),
        telegram.limits,
        server_folder=settings.bot.shared_folder,
    )
    workspace, intake = Workspace(folder), Intake(repositories.key_values)
    intake.on_drained = alerts.report_drained
    return _SharedParts(
        settings,
        program,
        telegram,
        repositories,
        alerts,
        workspace,
        DraftFiles(workspace, repositories.drafts, repositories.jobs, workspace.get_free_bytes),
        downloader,
        Keyboards(telegram.texts, settings.bot.site),
        intake,
        _create_broadcasts(repositories, telegram, intake, alerts),
    )


def _create_broadcasts(
    repositories: _Repositories,
    telegram: TelegramConnection,
    intake: Intake,
    alerts: AdminAlerts,
) -> Broadcasts:
    broadcasts = Broadcasts(
        repositories.key_values,
        repositories.users,
        telegram.messenger,
        lambda user: user in intake.banned,
    )
    broadcasts.on_sent = alerts.report_broadcast
    return broadcasts


def _create_job_stages(
    parts: _SharedParts, backend_pool: BackendPool, render_log: RenderLog
) -> JobStages:
    renderer = create_renderer(
        parts.settings,
        program=parts.program,
        tracking=RenderTracking(render_log, build_callback_url(parts.settings, render_log)),
        on_failure=parts.alerts.handle_failure,
        on_budget_exceeded=parts.alerts.report_spent_budget,
    )
    return JobStages(
        parts.workspace,
        parts.downloader,
        backend_pool.create_chain,
        renderer,
        VideoCli("local", create_process_limits(parts.settings), parts.program),
        parts.telegram.limits,
    )


def _create_job_supervisor(parts: _SharedParts, stages: JobStages) -> JobSupervisor:
    repositories = parts.repositories
    interface = _create_interface(parts)
    fair_queue, backoff = FairQueue(parts.settings.bot.parallel_jobs), Backoff()
    active_jobs = ActiveJobs(repositories.jobs, fair_queue, interface, backoff=backoff)
    workflow = JobWorkflow(
        repositories.jobs,
        repositories.measurements,
        stages,
        active_jobs,
        RetryPolicy(repositories.jobs, backoff, parts.alerts.report_poison),
        interface,
    )
    return JobSupervisor(
        repositories.jobs,
        active_jobs,
        workflow,
        fair_queue,
        make_room=parts.draft_files.make_room,
        intake=parts.intake,
        max_waiting=parts.settings.bot.max_waiting_jobs,
    )


def _create_interface(parts: _SharedParts) -> UserInterface:
    telegram = parts.telegram
    admins = parts.settings.bot.admin_ids
    return UserInterface(telegram.messenger, telegram.texts, parts.keyboards, admins)


def _create_preview_renderer(parts: _SharedParts) -> PreviewRenderer:
    return PreviewRenderer(
        parts.downloader,
        VideoCli("local", CARD_PROCESS_LIMITS, parts.program),
        parts.draft_files,
        max_drawing=parts.settings.bot.parallel_cards,
        has_editor=bool(parts.settings.bot.site),
    )


def _create_style_pictures(parts: _SharedParts) -> StylePictures:
    return StylePictures(
        parts.downloader,
        VideoCli("local", CARD_PROCESS_LIMITS, parts.program),
        parts.repositories.drafts,
        parts.draft_files,
        max_drawing=parts.settings.bot.parallel_cards,
    )


def _create_preview_cards(
    parts: _SharedParts, renderer: PreviewRenderer, backend_pool: BackendPool
) -> PreviewCards:
    interface = _create_interface(parts)
    cards = PreviewCards(
        parts.repositories.drafts,
        renderer,
        interface,
        limits=parts.telegram.limits,
        get_speed=backend_pool.get_speed,
    )
    cards.on_refused = parts.alerts.report_refused_card
    cards.get_styles = parts.repositories.users.get_styles
    return cards


def _create_dispatcher(
    parts: _SharedParts,
    backend_pool: BackendPool,
    jobs: JobSupervisor,
    preview_cards: PreviewCards,
    actions: OperatorActions,
    lines: RecentLines,
) -> Dispatcher:
    """Create the dispatcher; handlers receive these objects by the names of the arguments."""
    dispatcher = Dispatcher(
        storage=parts.repositories.fsm_storage,
        events_isolation=SimpleEventIsolation(),
        actions=actions,
        admins=parts.settings.bot.admin_ids,
        backend_pool=backend_pool,
        broadcasts=parts.broadcasts,
        cards=preview_cards,
        drafts=parts.repositories.drafts,
        history=parts.repositories.history,
        intake=parts.intake,
        job_days=parts.settings.storage.job_days,
        job_repository=parts.repositories.jobs,
        jobs=jobs,
        keyboards=parts.keyboards,
        limits=parts.telegram.limits,
        lines=lines,
        messenger=parts.telegram.messenger,
        program=RunningProgram(
            {"overlaybot": version("overlaybot"), "FFmpeg": ffmpeg.get_version()}, time.time()
        ),
        queue_reader=QueueReader(
            parts.repositories.jobs, jobs, parts.repositories.statistics, parts.intake
        ),
        refusals=RecentRefusals(),
        statistics=parts.repositories.statistics,
        style_pictures=_create_style_pictures(parts),
        texts=parts.telegram.texts,
        users=parts.repositories.users,
    )
    dispatcher.update.outer_middleware(BanMiddleware(parts.intake))
    dispatcher.include_routers(*create_routers())
    return dispatcher


def _create_site(
    parts: _SharedParts,
    backend_pool: BackendPool,
    jobs: JobSupervisor,
    actions: OperatorActions,
    renderer: PreviewRenderer,
    lines: RecentLines,
) -> Site:
    site_parts = SiteParts(
        parts.repositories.engine,
        jobs,
        backend_pool,
        actions,
        parts.intake,
        renderer,
        parts.draft_files,
        parts.telegram.messenger,
        parts.telegram.texts,
        lines,
    )
    return create_site(parts.settings, site_parts)


def _list_background_tasks(parts: _SharedParts) -> list[BackgroundTask]:
    return [parts.alerts.run, parts.broadcasts.run, _create_cleanup(parts).run]


def _create_cleanup(parts: _SharedParts) -> Cleanup:
    storage = parts.settings.storage
    return Cleanup(
        storage.folder,
        parts.repositories.jobs,
        parts.repositories.drafts,
        mattes_seconds=storage.mattes_hours * 3600,
        job_seconds=storage.job_days * 86400,
        mattes_bytes=storage.mattes_mb * 1_000_000,
    )
