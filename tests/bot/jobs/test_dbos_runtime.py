"""What is forgotten some time after a job."""

import asyncio
import time
from pathlib import Path

from dbos import DBOS

from bot.domain.job_request import MediaSource, SourceKind
from bot.jobs import dbos_runtime as durable
from bot.jobs.workspace import Cleanup
from tests.bot.support.job_runtime import Workshop, stand_in, until


async def test_workflows_that_ended_are_forgotten(tmp_path: Path) -> None:
    """Once they are old enough; open ones stay, however old."""
    workshop = Workshop(tmp_path / "data", stand_in(tmp_path / "programs"))
    async with workshop.open():
        await workshop.over(await workshop.accept())
        stand_in(tmp_path / "programs", matte={"seconds": 30})
        at_work = await workshop.accept(user=8, origin="draft:y")
        assert at_work is not None
        await workshop.at("mattes")

        await durable.delete_workflows(time.time() - 60)
        assert len(await DBOS.list_workflows_async()) == 2
        await durable.delete_workflows(time.time() + 60)
        assert [one.workflow_id for one in await DBOS.list_workflows_async()] == [at_work.id]
        async with workshop.engine.connect() as connection:
            steps = await connection.exec_driver_sql("SELECT workflow_uuid FROM operation_outputs")
            assert {workflow for (workflow,) in steps} == {at_work.id}


async def test_the_janitor_forgets(tmp_path: Path) -> None:
    """The clean-up removes old records by itself."""
    workshop = Workshop(tmp_path / "data", stand_in(tmp_path / "programs"))
    link = MediaSource(kind=SourceKind.LINK, link="https://example.com")
    workshop.files.there[link.link] = b"a clip"
    janitor = Cleanup(
        workshop.folder,
        workshop.ledger,
        workshop.drafts,
        mattes_seconds=0,
        mattes_bytes=0,
        job_seconds=1e9,
    )
    async with workshop.open():
        job = await workshop.over(await workshop.accept(clip=link))
        assert job.order.clip == link
        running = asyncio.create_task(janitor.run())

        async def forgotten() -> bool:
            now = await workshop.ledger.get(job.id)
            return now is not None and not now.order.clip.link

        await until(forgotten, 5)
        running.cancel()
