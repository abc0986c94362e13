"""Rows of jobs in any state."""

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.database.engine import get_write_engine
from bot.database.jobs import JobOrder, JobRepository
from bot.database.schema import jobs
from bot.domain.job_request import (
    Appearance,
    Destination,
    JobRequest,
    Language,
    MediaSource,
    Requester,
    SourceKind,
)

USER = 123456789
LINK = "https://example.org/private"
ORDER = JobRequest(clip=MediaSource(kind=SourceKind.LINK, link=LINK), look=Appearance())


async def keep(database: AsyncEngine, job_id: str, **values: object) -> None:
    """Accept a job, and set *values* in its row."""
    (job,) = await JobRepository(database).accept(
        [JobOrder(ORDER, Destination(1), origin=job_id)],
        Requester(USER, Language.EN),
        max_waiting_per_user=1000,
    )
    async with get_write_engine(database).begin() as connection:
        await connection.execute(
            jobs.update().where(jobs.c.id == job.id).values(id=job_id, **values)
        )
