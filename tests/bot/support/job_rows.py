"""Jobs put into the ledger in any state."""

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.database.engine import writing
from bot.database.jobs import Ledger
from bot.database.schema import jobs
from bot.domain.appearance import Look
from bot.domain.job_request import Language, Order
from bot.domain.media_source import Kind, Source

USER = 123456789
LINK = "https://example.org/private"
ORDER = Order(clip=Source(kind=Kind.LINK, link=LINK), look=Look())


async def keep(database: AsyncEngine, id: str, **values: object) -> None:  # noqa: A002 - what else
    """Accept a job, and make its row say *values*."""
    job = await Ledger(database).accept(
        ORDER,
        user=USER,
        chat=1,
        topic=None,
        reply_to=None,
        language=Language.EN,
        origin=id,
        waiting_each=1000,
    )
    assert job is not None
    async with writing(database).begin() as connection:
        await connection.execute(jobs.update().where(jobs.c.id == job.id).values(id=id, **values))
