"""How long the stages of jobs took, where, and what that cost."""

import time

from bot.database.kept import Kept
from bot.database.tables import measures


class Measures(Kept):
    """One row for each stage of a job and place that worked at it."""

    async def note(
        self, job: str, stage: str, place: str, seconds: float, dollars: float = 0
    ) -> None:
        """Write down that *place* took so long, and so much, for *stage* of *job*."""
        async with self._writing.begin() as connection:
            await connection.execute(
                measures.insert().values(
                    job=job,
                    stage=stage,
                    place=place,
                    seconds=seconds,
                    dollars=dollars,
                    at=time.time(),
                )
            )
