"""The process: everything is built here, in the order in which it comes alive."""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from aiogram import Bot, Dispatcher
from aiogram.client.default import DefaultBotProperties
from aiogram.enums import ParseMode
from aiogram.exceptions import TelegramAPIError
from aiogram.fsm.storage.memory import SimpleEventIsolation
from aiogram.methods import DeleteWebhook, SetWebhook
from aiohttp import web
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from yarl import URL

from backends.child import Limits as ChildLimits
from backends.command import COMMAND, Command
from backends.guard import guarded_session
from backends.renderers import intents_of, limits_of, renderer
from backends.shotstack.callbacks import Callbacks
from backends.shotstack.intents import Intents
from bot import durable, logs
from bot.alarms import Alarm, Alarms
from bot.cards import Cards
from bot.database import engine as databases
from bot.database.conversation import Conversation
from bot.database.drafts import Drafts
from bot.database.knobs import Knobs
from bot.database.ledger import Ledger
from bot.database.measures import Measures
from bot.database.people import People
from bot.database.schema import DatabaseBroken
from bot.folders import Folders
from bot.handlers import routers
from bot.handlers.start import commands
from bot.intake import Intake
from bot.janitor import Janitor
from bot.jobs import Jobs
from bot.keyboards import Keyboards
from bot.lease import lease
from bot.metrics import LoopLag, Metrics
from bot.places import Places
from bot.polling import poll
from bot.stages import Stages
from bot.statistics import Statistics
from bot.telegram.files import Downloads
from bot.telegram.limits import Limits
from bot.telegram.limits import limits_of as telegram_limits
from bot.telegram.sending import Sending
from bot.telegram.session import Session, session
from bot.texts import Texts
from bot.turns import Turns
from bot.web import CALLBACKS, Lately, Readiness, application, callbacks, webhook, webhook_address
from settings import Settings

log = logging.getLogger(__name__)

CARD = ChildLimits(seconds=60, patience=25, memory=1_500_000_000, nice=0)
END_SECONDS = 1.8  #: from a signal to the end, whatever hangs
SEEN_SECONDS = 120  #: since Telegram answered, after which we are not ready
PAUSE_SECONDS = 3.0  #: between attempts at what Telegram is told at the start


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
    """
    logs.set_up(settings.bot.log_level, secrets(settings))
    told = asyncio.Event()
    for kind in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(kind, told.set)
    present: list[House] = []
    working = asyncio.create_task(_work(settings, program, present))
    ending = asyncio.create_task(told.wait())
    await asyncio.wait({working, ending}, return_when=asyncio.FIRST_COMPLETED)
    if working.done():
        working.result()
    await _end(present)


async def _end(present: Sequence[House]) -> None:
    """End at once: what is unwound would be written down as failed, what is killed goes on."""
    threading.Timer(END_SECONDS, os._exit, [0]).start()
    log.info("ending")
    for house in present:
        house.intake.close()
        await house.jobs.say_restarting()
    logging.shutdown()
    os._exit(0)


async def _work(settings: Settings, program: Sequence[str], present: list[House]) -> None:
    """Answer to the platform, wait for our turn, then work without an end."""
    telegram = _telegram(settings)
    engine, folder = databases.engine(settings.storage), settings.storage.folder
    intents, readiness = intents_of(settings), Readiness()
    routes = _routes(settings, intents, present)
    async with _served(application(readiness, routes), settings.bot.port), lease(engine, folder):
        house = await _built(settings, program, telegram, engine, intents)
        durable.launch(databases.system_url(settings.storage))
        logs.adopt("dbos")
        await house.jobs.resume()
        present.append(house)
        readiness.checks |= {"telegram": telegram.seen, "database": lambda: _answers(engine)}
        readiness.metrics = house.metrics
        log.info("working")
        async with asyncio.TaskGroup() as group:
            for work in house.forever:
                group.create_task(work())
            group.create_task(_listened(settings, telegram, house))


def secrets(settings: Settings) -> list[str]:
    """All that must not show anywhere."""
    values = [
        value.get_secret_value()
        for _, group in settings
        for _, value in group
        if isinstance(value, SecretStr)
    ]
    token = settings.bot.token.get_secret_value().partition(":")[2]
    database = urlsplit(settings.storage.database_url.get_secret_value()).password or ""
    return [*values, token, database]


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

    async def take(updates: Sequence[dict[str, Any]]) -> None:
        if not present:  # it is brought again
            raise web.HTTPServiceUnavailable
        await present[0].intake.take(updates)

    routes = [callbacks(Callbacks(settings.rendering.key, intents))]
    if settings.bot.webhook:
        secret = settings.bot.secret.get_secret_value()
        routes.append(webhook(webhook_address(settings.bot.webhook, secret), secret, take))
    return routes


@asynccontextmanager
async def _served(pages: web.Application, port: int) -> AsyncIterator[None]:
    runner = web.AppRunner(pages, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, port=port).start()
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
    try:
        await databases.prepare(engine)
    except DatabaseBroken as broken:
        alarms = Alarms(sending, texts, admins, storage.folder)
        alarms.sound(Alarm.DATABASE, reason=str(broken))
        await alarms.tell()
        raise
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
    await _persistently(telegram, lambda: commands(telegram.bot, telegram.texts))
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
    while True:
        try:
            await call()
        except TelegramAPIError as err:
            log.warning("Telegram does not hear us: %s", type(err).__name__)
            await asyncio.sleep(PAUSE_SECONDS)
        else:
            telegram.seen.now()
            return


async def _answers(engine: AsyncEngine) -> bool:
    async with engine.connect() as connection:
        return bool(await connection.scalar(text("SELECT 1")))
