"""Jobs put into the ledger in any state."""

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.database.engine import get_write_engine
from bot.database.jobs import JobRepository
from bot.database.schema import jobs
from bot.domain.appearance import Appearance
from bot.domain.job_request import JobRequest, Language
from bot.domain.media_source import MediaSource, SourceKind

USER = 123456789
LINK = "https://example.org/private"
ORDER = JobRequest(clip=MediaSource(kind=SourceKind.LINK, link=LINK), look=Appearance())


async def keep(database: AsyncEngine, id: str, **values: object) -> None:  # noqa: A002 - what else
    """Accept a job, and make its row say *values*."""
    job = await JobRepository(database).accept(
        ORDER,
        user=USER,
        chat=1,
        topic=None,
        reply_to=None,
        language=Language.EN,
        origin=id,
        max_waiting_per_user=1000,
    )
    assert job is not None
    async with get_write_engine(database).begin() as connection:
        await connection.execute(jobs.update().where(jobs.c.id == job.id).values(id=id, **values))
