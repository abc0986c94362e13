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

from backends.links.ssrf_guard import guarded_session
from backends.local.process import Limits as ChildLimits
from backends.local.video_cli import COMMAND, Command
from backends.renderer_factory import intents_of, limits_of, renderer
from backends.shotstack.render_log import Callbacks, Intents
from bot.database import engine as databases
from bot.database.drafts import Drafts
from bot.database.fsm_storage import Conversation
from bot.database.jobs import Ledger
from bot.database.repository import Knobs
from bot.database.schema import DatabaseBroken
from bot.database.statistics import Measures, Statistics
from bot.database.users import People
from bot.handlers import routers
from bot.handlers.commands import commands
from bot.jobs import dbos_runtime as durable
from bot.jobs.fair_queue import Turns
from bot.jobs.stages import Stages
from bot.jobs.supervisor import Jobs
from bot.jobs.workspace import Folders, Janitor
from bot.operations import logs
from bot.operations.alerts import Alarm, Alarms
from bot.operations.backend_pool import Places
from bot.operations.http import (
    CALLBACKS,
    Lately,
    Readiness,
    application,
    callbacks,
    webhook,
    webhook_address,
)
from bot.operations.leader_lock import lease
from bot.operations.metrics import LoopLag, Metrics
from bot.preview_cards import Cards
from bot.telegram.client import Session, session
from bot.telegram.downloads import Downloads
from bot.telegram.limits import Limits
from bot.telegram.limits import limits_of as telegram_limits
from bot.telegram.messenger import Sending
from bot.telegram.updates import Intake, poll
from bot.ui.keyboards import Keyboards
from bot.ui.texts import Texts
from settings import Settings

END_SECONDS = 1.7  #: from a signal to the end at most


class Ending:
    """Hears when we are to end, and sees to it from a thread of its own.

    Attributes:
        asked: is set then.
    """

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self._heard = threading.Event()
        threading.Thread(target=self._outwait, name="ending", daemon=True).start()
        loop = asyncio.get_running_loop()
        for kind in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(kind, self.asked.set)
            # The loop is woken by the signal itself; this runs even while it is busy.
            signal.signal(kind, lambda *_: self._heard.set())

    def _outwait(self) -> None:
        self._heard.wait()
        time.sleep(END_SECONDS)
        os._exit(0)


def leave(code: int) -> NoReturn:
    """End now. Nothing is unwound: a job that is would be written down as failed."""
    logging.shutdown()
    os._exit(code)


log = logging.getLogger(__name__)

CARD = ChildLimits(seconds=60, patience=25, memory=1_500_000_000, nice=5)
SEEN_SECONDS = 120  #: since Telegram answered, after which we are not ready
HELLO_SECONDS = 3.0  #: for Telegram to refuse us, before we begin nevertheless
ALARM_SECONDS = 10.0  #: for admins to be told why we do not begin
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  #: seconds between attempts at what Telegram must be told
BROKEN_SECONDS = 5.0  #: until what broke beside the jobs is begun again


class TokenRefused(Exception):  # noqa: N818 - it says what happened
    """Telegram does not know us."""


class Unusable(Exception):  # noqa: N818 - as above
    """Something that a setting names cannot be used; the message is one line for people."""


@dataclass(frozen=True, slots=True)
class Telegram:
    """The way to Telegram, and what is said there."""

    bot: Bot
    calls: Session
    seen: Lately
    limits: Limits
    texts: Texts
    sending: Sending


@dataclass(frozen=True, slots=True)
class House:
    """Everything that works once it is our turn to."""

    jobs: Jobs
    cards: Cards
    intake: Intake
    kinds: list[str]  #: of updates that the handlers want
    metrics: Metrics
    forever: list[Callable[[], Coroutine[Any, Any, None]]]  #: what goes on beside


async def serve(settings: Settings, program: Sequence[str] = COMMAND) -> None:
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
    logs.set_up(settings.bot.log_level, settings.secrets())
    ending = Ending()
    present: list[House] = []
    working = asyncio.create_task(_work(settings, program, present))
    asked = asyncio.create_task(ending.asked.wait())
    await asyncio.wait({working, asked}, return_when=asyncio.FIRST_COMPLETED)
    if working.done():
        working.result()
    log.info("ending")
    for house in present:
        house.intake.close()
        with suppress(Exception):  # it ends all the same
            await house.jobs.say_restarting()
    leave(0)


async def _work(settings: Settings, program: Sequence[str], present: list[House]) -> None:
    """Answer to the platform, wait for our turn, then work without an end."""
    await asyncio.to_thread(_try, settings.storage.folder)
    telegram = _telegram(settings)
    engine, folder = databases.engine(settings.storage), settings.storage.folder
    intents, readiness = intents_of(settings), Readiness()
    pages = application(readiness, _routes(settings, intents, present))
    async with (
        _served(pages, settings.bot.port),
        _greeted(telegram) as hello,
        lease(engine, folder, lost=lambda: leave(1)),
    ):
        await _prepared(settings, telegram, engine)
        house = await _built(settings, program, telegram, engine, intents)
        await hello()
        try:
            await _begun(settings, house)
            present.append(house)
            readiness.checks |= {"telegram": telegram.seen, "database": lambda: _answers(engine)}
            readiness.metrics = house.metrics
            log.info("working")
            await asyncio.gather(
                _listened(settings, telegram, house),
                _persistently(telegram, lambda: commands(telegram.bot, telegram.texts)),
                *map(_forever, house.forever),
            )
        except BaseException:
            log.exception("the work broke")
            leave(1)


def _try(folder: Path) -> None:
    """See that files can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as err:
        raise Unusable(f"DATA_DIR cannot be used: {err.strerror}") from err


async def _begun(settings: Settings, house: House) -> None:
    """Take up what was not over."""
    durable.launch(databases.system_url(settings.storage))
    await house.jobs.resume()
    await house.cards.resume()


async def _forever(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Do what goes on without an end, also when it breaks."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("begun again, because it broke: %s", work)
        await asyncio.sleep(BROKEN_SECONDS)


@asynccontextmanager
async def _greeted(telegram: Telegram) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Ask Telegram meanwhile who we are; what is given waits a moment for the answer.

    It raises TokenRefused; where Telegram is away, there is no answer and we begin without.
    """

    async def greet() -> None:
        try:
            await telegram.bot(GetMe())
        except (TelegramUnauthorizedError, TelegramNotFound) as err:
            raise TokenRefused("BOT_TOKEN is refused by Telegram") from err

    greeting = asyncio.create_task(_persistently(telegram, greet))

    async def answer() -> None:
        await asyncio.wait({greeting}, timeout=HELLO_SECONDS)
        if greeting.done():
            greeting.result()

    try:
        yield answer
    finally:
        greeting.cancel()


async def _prepared(settings: Settings, telegram: Telegram, engine: AsyncEngine) -> None:
    """Have the tables there; admins are told where that cannot be."""
    try:
        await databases.prepare(engine)
    except DatabaseBroken as broken:
        alarms = Alarms(
            telegram.sending, telegram.texts, settings.bot.admins, settings.storage.folder
        )
        alarms.sound(Alarm.DATABASE, reason=str(broken))
        with suppress(TimeoutError):
            async with asyncio.timeout(ALARM_SECONDS):
                await alarms.tell()
        raise


def _telegram(settings: Settings) -> Telegram:
    calls = session(settings.bot.server, local=settings.bot.local)
    bot = Bot(
        settings.bot.token.get_secret_value(),
        session=calls,
        default=DefaultBotProperties(parse_mode=ParseMode.HTML, link_preview_is_disabled=True),
    )
    limits = telegram_limits(
        local=settings.bot.local,
        clip_seconds=settings.bot.clip_seconds,
        link_mb=settings.bot.clip_mb,
    )
    return Telegram(bot, calls, Lately(SEEN_SECONDS), limits, Texts(), Sending(bot, limits))


def _routes(settings: Settings, intents: Intents, present: Sequence[House]) -> list[web.RouteDef]:
    """What comes from elsewhere: updates, where there is a webhook, and what Shotstack tells."""

    async def take(update: Mapping[str, Any]) -> None:
        if not present:  # it is brought again
            raise web.HTTPServiceUnavailable
        await present[0].intake.take(update)

    routes = [callbacks(Callbacks(settings.rendering.key, intents))]
    if settings.bot.webhook:
        secret = settings.bot.secret.get_secret_value()
        routes.append(webhook(webhook_address(settings.bot.webhook, secret), secret, take))
    return routes


@asynccontextmanager
async def _served(pages: web.Application, port: int) -> AsyncIterator[None]:
    runner = web.AppRunner(pages, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, port=port).start()
        except OSError as err:
            raise Unusable(f"PORT {port} cannot be used: {os.strerror(err.errno or 0)}") from err
        yield
    finally:
        await runner.cleanup()


async def _built(
    settings: Settings,
    program: Sequence[str],
    telegram: Telegram,
    engine: AsyncEngine,
    intents: Intents,
) -> House:
    """Everything, each part given what it needs."""
    storage, texts, sending = settings.storage, telegram.texts, telegram.sending
    people, drafts, ledger = People(engine), Drafts(engine), Ledger(engine)
    admins = settings.bot.admins
    alarms = Alarms(sending, texts, admins, storage.folder, people)
    knobs, measures, statistics = (
        Knobs(engine),
        Measures(engine),
        Statistics(engine, storage.folder),
    )
    places = await Places.build(settings, knobs, program, alarms)
    folders, keyboards, lag = Folders(storage.folder), Keyboards(texts), LoopLag()
    links = guarded_session()
    downloads = Downloads(telegram.bot, links, telegram.limits, shared=settings.bot.shared)
    stages = Stages(
        folders,
        downloads,
        places.chain,
        renderer(
            settings,
            program=program,
            intents=intents,
            callback=_callback(settings, intents),
            heard=alarms.heard,
            alarm=alarms.budget_reached,
        ),
        Command("local", limits_of(settings), program),
        telegram.limits,
    )
    jobs = Jobs(
        ledger,
        measures,
        stages,
        Turns(settings.bot.jobs_at_once),
        sending,
        texts,
        keyboards,
        free=folders.free,
        waiting=settings.bot.jobs_waiting,
    )
    cards = Cards(
        drafts,
        downloads,
        Command("local", CARD, program),
        folders,
        sending,
        texts,
        keyboards,
        at_once=settings.bot.cards_at_once,
    )
    dispatcher = Dispatcher(
        storage=Conversation(engine),
        events_isolation=SimpleEventIsolation(),
        admins=admins,
        cards=cards,
        drafts=drafts,
        jobs=jobs,
        keyboards=keyboards,
        ledger=ledger,
        limits=telegram.limits,
        people=people,
        places=places,
        sending=sending,
        statistics=statistics,
        texts=texts,
    )
    dispatcher.include_routers(*routers())
    janitor = Janitor(
        storage.folder,
        ledger,
        drafts,
        mattes_seconds=storage.mattes_hours * 3600,
        mattes_size=storage.mattes_mb * 1_000_000,
    )
    return House(
        jobs,
        cards,
        Intake(telegram.bot, dispatcher),
        dispatcher.resolve_used_update_types(),
        Metrics(statistics, places, telegram.calls.calls, lag),
        [lag.run, alarms.run, places.watch, janitor.run],
    )


def _callback(settings: Settings, intents: Intents) -> str | None:
    """Where Shotstack reaches us, if anybody does."""
    if not settings.bot.webhook:
        return None
    secret = Callbacks(settings.rendering.key, intents).secret
    return str(URL(settings.bot.webhook).origin() / CALLBACKS.strip("/") / secret)


async def _listened(settings: Settings, telegram: Telegram, house: House) -> None:
    """Be known to Telegram, and take its updates."""
    secret = settings.bot.secret.get_secret_value()
    if settings.bot.webhook:
        address = webhook_address(settings.bot.webhook, secret)
        hook = SetWebhook(url=str(address), secret_token=secret, allowed_updates=house.kinds)
        await _persistently(telegram, lambda: telegram.bot(hook))
        while True:
            await _persistently(telegram, telegram.bot.get_me)
            await asyncio.sleep(SEEN_SECONDS / 3)
    await _persistently(telegram, lambda: telegram.bot(DeleteWebhook()))
    await poll(telegram.bot, house.intake.take, house.kinds, telegram.seen.now)


async def _persistently(telegram: Telegram, call: Callable[[], Awaitable[object]]) -> None:
    """Make a call until Telegram hears it."""
    pause = FIRST_PAUSE
    while True:
        try:
            await call()
        except TelegramAPIError as err:
            why = err.message if isinstance(err, TelegramBadRequest) else ""
            log.warning("Telegram does not hear us: %s %s", type(err).__name__, why)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        else:
            telegram.seen.now()
            return


async def _answers(engine: AsyncEngine) -> bool:
    async with engine.connect() as connection:
        return bool(await connection.scalar(text("SELECT 1")))
