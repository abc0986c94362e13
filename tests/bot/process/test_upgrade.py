"""The bot picks up what the previous version left behind when it was killed.

`upgrade_data` holds, for SQLite and for Postgres, a dump of a database that the bot of commit
f196c1c wrote before a SIGKILL, and as JSON the chats and the names of the files in its data folder.
Times are written as @SECONDS@ after the kill (@SECONDSms@: the number is one of milliseconds), and
become times just before the test. Clips, pictures and mattes are made by the test.

Each user of the dump was somewhere else:

``finished`` has a result, whose mattes are kept, and has ordered it in another corner;
``delivered`` has a result, but the job is not closed;
``cancelled`` has pressed Cancel, and has no answer yet;
``sending``, ``composing``, ``matting`` and ``fetching`` have jobs in these stages;
``parked`` has a job that waits for a backend;
``queued`` has a job that waits for its turn, without a workflow;
``card`` has a card; ``asked`` has one too, and was asked for a background;
``no_card`` has sent a clip whose card is not drawn yet.
"""

import asyncio
import hashlib
import json
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.bot.support.bot_process import BotProcess
from tests.bot.support.conversation import (
    MAKE,
    all_over,
    card_of,
    clip,
    folders_gone,
    jobs_of,
    living,
    no_secret,
    result_for,
    results,
    words,
)
from tests.bot.support.fake_telegram import Message, Telegram, User
from tests.bot.support.fake_telegram.messages import BOT, Button, Media
from tests.bot.support.postgres_server import created
from tests.bot.support.running_bot import ADMIN

DATA = Path(__file__).parent / "upgrade_data"
MOMENT = re.compile(r"@(-?[\d.]+)(ms)?@")
OPEN = ("finished", "sending", "composing", "matting", "parked", "fetching", "queued")
OLD = b"made by the previous version"
WORKFLOWS = {
    "sqlite": "SELECT workflow_uuid AS id, name, status FROM workflow_status",
    "postgres": "SELECT workflow_uuid AS id, name, status FROM dbos.workflow_status",
}
RESTING = 500.0  #: seconds until a backend that failed is asked again
ENVIRONMENT = {
    "JOBS_AT_ONCE": "4",
    "OVERLAY_ATTEMPTS": "1",
    "OVERLAY_COOLDOWN": "600",
    "OVERLAY_BACKENDS": "modal,local-cpu",
    "MODAL_OVERLAY_ENDPOINT": "https://127.0.0.1:9",
}


@dataclass
class Upgraded:
    """Today's bot on the data of the previous one.

    Attributes:
        database: "sqlite" or "postgres".
        users: by where they were.
        chats: their old messages, which change in place.
        contents: of all old files of Telegram, by their ids.
    """

    database: str
    telegram: Telegram
    bot: BotProcess
    users: dict[str, User]
    chats: dict[str, list[Message]]
    contents: dict[str, bytes] = field(repr=False)

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.bot.folder / "data"

    def old(self, role: str, kind: str) -> Message:
        """The bot's last old message of that kind."""
        return [m for m in self.chats[role] if m.by_bot and m.kind == kind][-1]

    def job(self, role: str) -> dict[str, Any]:
        """The row of the user's first job."""
        return jobs_of(self.bot, self.users[role])[0]

    def videos(self, role: str) -> list[bytes]:
        """The videos that today's bot sent to the user."""
        chat = self.users[role].chat
        ids = {call.result["message_id"] for call in results(self.telegram, chat)}
        shown = self.telegram.transcript(chat)
        return [m.content for m in shown if m.id in ids and m.kind == "video"]

    def file_ids(self, role: str) -> set[str]:
        """Of the old files that the user had sent."""
        return {m.media.file_id for m in self.chats[role] if m.media and not m.by_bot}

    def commands(self, role: str) -> list[str]:
        """What today's bot ran for the old clips of the user."""
        digests = {hashlib.sha256(self.contents[id_]).hexdigest() for id_ in self.file_ids(role)}
        return [run["command"] for run in self.bot.runs() if run["clip"] in digests]


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def upgraded(
    request: pytest.FixtureRequest, small_files: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Upgraded]:
    """Today's bot, started on the data of the previous one."""
    folder = tmp_path_factory.mktemp(request.param)
    tools = Path(shutil.copytree(small_files, folder / "tools"))
    environment = dict(ENVIRONMENT)
    dump = today((DATA / f"{request.param}.sql").read_text())
    old = json.loads(today((DATA / f"{request.param}.json").read_text()))
    (folder / "data").mkdir()
    if request.param == "sqlite":
        with closing(sqlite3.connect(folder / "data" / "overlaybot.sqlite")) as file:
            file.executescript(dump)
    else:
        address = created(request.getfixturevalue("postgres"), "upgraded")
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(dump.encode())
        environment["DATABASE_URL"] = address
    with Telegram() as telegram, living(BotProcess(telegram, folder, tools, environment)) as bot:
        telegram.user(ADMIN)
        users = {role: restore_chat(telegram, role, chat) for role, chat in old["chats"].items()}
        chats = {role: telegram.transcript(user.chat) for role, user in users.items()}
        contents = {media.file_id: media.content for media in telegram.files.values()}
        restore_files(folder / "data", old["files"], contents, tools)
        asyncio.run(bot.start().ready())
        yield Upgraded(request.param, telegram, bot, users, chats, contents)


def today(text: str) -> str:
    """The same with times, which are those of a bot that was killed just now."""
    now = time.time()

    def moment(found: re.Match[str]) -> str:
        seconds = now + float(found[1])
        return str(round(seconds * 1000)) if found[2] else repr(seconds)

    return MOMENT.sub(moment, text)


def restore_chat(telegram: Telegram, role: str, old: dict[str, Any]) -> User:
    """Put the messages of a chat where they were, with files made now."""
    user = telegram.user(old["user"], "en", role)
    chat = telegram.chats[user.chat]
    for row in old["messages"]:
        message = Message(
            row["id"],
            chat.id,
            BOT if row["by_bot"] else user.id,
            time.monotonic(),
            kind=row["kind"],
            text=f"old message {row['id']}",
            buttons=[[Button(data, data) for data in line] for line in row.get("buttons", ())],
            media=restore_media(telegram, row) if "file_id" in row else None,
            album=row.get("album"),
        )
        chat.messages[message.id] = message
        chat.last = user.last = message.id
    return user


def restore_media(telegram: Telegram, row: dict[str, Any]) -> Media:
    """Have Telegram keep a file under the old id."""
    file_id, kind = row["file_id"], row["kind"]
    content = clip() if kind == "video" and not row["by_bot"] else OLD + file_id.encode()
    media = Media(file_id, kind, "", "", content, len(content), width=320, height=320, seconds=2)
    telegram.files[file_id] = media
    return media


def restore_files(data: Path, old: dict[str, Any], contents: dict[str, bytes], tools: Path) -> None:
    """Put into the data folder what the previous bot had there."""
    for name, what in old.items():
        path = data / name
        if name.endswith("/"):
            path.mkdir(parents=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if "link" in what:
            path.hardlink_to(data / what["link"])
        elif "json" in what:
            path.write_text(json.dumps(what["json"]))
        elif "file_id" in what:
            path.write_bytes(contents[what["file_id"]])
        else:
            small = tools / f"result{path.suffix}"
            path.write_bytes((b"" if path.parent.name == "mattes" else small.read_bytes()) + OLD)
    backends = json.loads((data / "rests.json").read_text())
    backends["modal"]["until"] = time.monotonic() + RESTING  # the clock of this machine
    (data / "rests.json").write_text(json.dumps(backends))


async def test_open_jobs_are_delivered_once(upgraded: Upgraded) -> None:
    """Whatever stage they were in; and what was delivered before is not sent again."""
    rows = await all_over(upgraded.bot)
    await upgraded.telegram.quiet()
    ended = {row["id"]: row["state"] for row in rows}
    assert ended == dict.fromkeys(ended, "done") | {upgraded.job("cancelled")["id"]: "cancelled"}
    sent = {role: len(upgraded.videos(role)) for role in upgraded.users}
    assert sent == dict.fromkeys(sent, 0) | dict.fromkeys(OPEN, 1)
    for role in OPEN[1:]:
        assert upgraded.old(role, "text").deleted, f"{role}: the status stays"


async def test_workflows_go_on(upgraded: Upgraded) -> None:
    """Each from its last step: no job needed another workflow than that which it had."""
    await all_over(upgraded.bot)
    query = WORKFLOWS[upgraded.database]
    await upgraded.telegram.until(
        lambda: {row["status"] for row in upgraded.bot.rows(query)} == {"SUCCESS"}, 10, "an end"
    )
    rows = upgraded.bot.rows(query)
    assert {row["name"] for row in rows} == {"Jobs.run"}
    assert {row["id"] for row in rows} == {row["id"] for row in await all_over(upgraded.bot)}


async def test_a_cancelled_job_is_reported_once(upgraded: Upgraded) -> None:
    """Its user learns that it is cancelled, and nothing else comes."""
    await all_over(upgraded.bot)
    await upgraded.telegram.quiet()
    shown = upgraded.telegram.transcript(upgraded.users["cancelled"].chat)
    new = [m for m in shown if m not in upgraded.chats["cancelled"]]
    assert [m.kind for m in new] == ["text"]
    assert upgraded.old("cancelled", "text").deleted


async def test_what_was_made_before_is_used(upgraded: Upgraded) -> None:
    """Clips, mattes and results in the folders are not fetched or made again."""
    await all_over(upgraded.bot)
    fetched = {call.arguments["file_id"] for call in upgraded.telegram.calls.of("getFile")}
    gone = upgraded.file_ids("fetching") | upgraded.file_ids("finished")
    assert fetched & set(upgraded.contents) == gone
    commands = {role: upgraded.commands(role) for role in OPEN}
    assert not commands["sending"]
    assert "matte" not in commands["composing"] + commands["finished"]
    for role in ("matting", "parked", "fetching", "queued"):
        assert commands[role].count("matte") == commands[role].count("edit") == 1, role
    assert upgraded.videos("sending")[0].endswith(OLD)
    kept = upgraded.data / "mattes" / upgraded.job("matting")["id"]
    assert [(kept / f"{i:05}.mp4").read_bytes() == OLD for i in range(3)] == [True, False, False]


async def test_orders_are_read(upgraded: Upgraded) -> None:
    """A background of one's own, and another corner in the look that was chosen."""
    await all_over(upgraded.bot)
    assert re.search(
        r"--background=/\S+/background-\w{16}\b", words(upgraded.videos("composing")[0])
    )
    made = words(upgraded.videos("finished")[0])
    assert "--shape=rounded" in made
    assert "--position=top-left" in made
    assert "--size=0.75" in made


async def test_an_old_card_can_be_pressed(upgraded: Upgraded) -> None:
    """It changes as its buttons say, and its video is made in the look that was chosen."""
    user, card = upgraded.users["card"], upgraded.old("card", "photo")
    await user.presses("^size:.*:large$", card)
    await upgraded.telegram.until(lambda: card.edits, 10, "another picture")
    await user.presses(MAKE, card)
    made = words((await result_for(user, card)).content)
    assert "--shape=rect" in made
    assert "--size=0.75" in made
    await upgraded.telegram.until(lambda: not card.buttons, 10, "a card without buttons")


async def test_a_card_that_was_not_there_comes(upgraded: Upgraded) -> None:
    """In the place of the note; and it can be pressed."""
    user = upgraded.users["no_card"]
    card = await card_of(user, upgraded.chats["no_card"][0])
    await user.presses(MAKE, card)
    await result_for(user, card)
    assert upgraded.old("no_card", "text").deleted


async def test_a_background_is_awaited(upgraded: Upgraded, tmp_path: Path) -> None:
    """A picture that comes now belongs to the card for which it was asked."""
    user, card = upgraded.users["asked"], upgraded.old("asked", "photo")
    picture = tmp_path / "red.jpg"
    shutil.copy((upgraded.bot.tools or Path()) / "result.jpg", picture)
    sent = await user.sends_photo(picture)
    await upgraded.telegram.until(
        lambda: card.edits and "--background=/" in words(card.content), 10, "its picture"
    )
    assert await user.gets("text", after=sent)
    assert not upgraded.bot.rows("SELECT * FROM conversations")
    await user.presses(MAKE, card)
    assert "--background=/" in words((await result_for(user, sent)).content)


async def test_another_form_is_made_of_kept_mattes(upgraded: Upgraded) -> None:
    """Of a result that was sent before."""
    user, result = upgraded.users["finished"], upgraded.old("finished", "video")
    await user.presses("^more:.*:first$", result)
    await upgraded.telegram.until(lambda: result.has("^again:.*:note$"), 10, "the first page")
    await user.presses("^again:.*:note$", result)
    assert await result_for(user, result, kind="video_note")
    await all_over(upgraded.bot)
    assert "matte" not in upgraded.commands("finished")


async def test_language_and_look_are_remembered(upgraded: Upgraded) -> None:
    """Of who had chosen them."""
    user = upgraded.users["finished"]
    start = await user.sends_text("/start")
    assert "видео" in (await user.gets("animation", after=start)).text.lower()
    made = words((await card_of(user, await user.sends_video(clip()))).content)
    assert "--shape=rounded" in made
    assert "--size=0.75" in made


async def test_backends_are_as_they_were(upgraded: Upgraded) -> None:
    """Switched off, left alone after a failure, and as fast as they were measured to be."""
    metrics = await upgraded.bot.metrics()
    resting = re.search(r'place_resting_seconds\{place="modal"\} (\S+)', metrics)
    assert resting
    assert 0 < float(resting[1]) <= RESTING
    assert 'place_ready{place="modal"} 0.0' in metrics
    admin = upgraded.telegram.user(ADMIN)
    await admin.sends_text("/backend")
    chain = await admin.gets("text", button="^adm:on:")
    speeds = json.loads((upgraded.data / "speeds.json").read_text())
    assert f"{speeds['local-cpu']['mediapipe']:.0f} frames" in chain.text


async def test_nothing_is_left(upgraded: Upgraded) -> None:
    """No folder of a job, no secret, and nothing in the log that went wrong."""
    await all_over(upgraded.bot)
    await folders_gone(upgraded.bot)
    no_secret(upgraded.telegram, upgraded.bot)
    lines = [json.loads(line) for line in upgraded.bot.log.splitlines()]
    wrong = [line for line in lines if line["level"] in {"error", "critical"}]
    assert not wrong
    assert "deserialized" not in upgraded.bot.log
