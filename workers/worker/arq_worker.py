"""Arq's worker, with what breaks when it is cancelled in the middle of a call of Redis."""

import asyncio

from arq.worker import Worker


class ArqWorker(Worker):
    """Arq's worker, which is never broken off while it begins jobs.

    Cancelled within a pipeline, the Redis client would leave a connection open and complain of it later.
    """

    _beginning: "asyncio.Future[None] | None" = None

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """Begin jobs; a cancellation waits outside.

        Arq names those that run here at each poll again, and would ask Redis four things about each of them.
        """
        new = [job_id for job_id in job_ids if job_id.decode() not in self.tasks]
        self._beginning = asyncio.ensure_future(super().start_jobs(new))
        await asyncio.shield(self._beginning)

    async def begun(self) -> None:
        """Wait until the jobs that were being begun have begun, or could not be."""
        if self._beginning is not None:
            await asyncio.wait({self._beginning})
            self._beginning.exception()
