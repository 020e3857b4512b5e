"""Write down what the migrations give: `make shape`, after a migration was added."""

import asyncio

from outbox.database.connection import connect
from outbox.schema import migration, shape
from tests.integration.stage import PROJECT
from workers.embedded import engine

KEPT = PROJECT / "outbox" / "migrations" / shape.FILE


async def _fresh(url: str) -> str:
    conn = await connect(url)
    try:
        await migration.migrate(conn)
        return shape.written(await shape.describe(conn))
    finally:
        await conn.close()


def main() -> None:
    """Migrate an empty database and keep its shape."""
    with engine.postgres() as server:
        KEPT.write_text(asyncio.run(_fresh(server.url())), encoding="utf-8")


if __name__ == "__main__":
    main()
