"""Arq's worker: what it asks Redis for."""

import asyncio

import pytest
from arq.worker import Worker, func

from workers.worker.arq_worker import ArqWorker


async def test_a_job_that_runs_here_is_not_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arq names it at each poll until it ends; only a new one is looked for in Redis."""
    begun: list[list[bytes]] = []

    async def start_jobs(_worker: Worker, job_ids: list[bytes]) -> None:
        begun.append(job_ids)

    monkeypatch.setattr(Worker, "start_jobs", start_jobs)
    worker = ArqWorker([func("asyncio.sleep", name="slice")], handle_signals=False)
    task = asyncio.current_task()
    assert task is not None
    worker.tasks["runs"] = task
    await worker.start_jobs([b"runs", b"new"])
    await worker.start_jobs([b"runs"])
    assert begun == [[b"new"], []]
