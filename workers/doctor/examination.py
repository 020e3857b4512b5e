"""The whole examination: the settings first, then what they name, each looked at by itself."""

import asyncio
from collections.abc import Mapping

from outbox.catalog.load import load as load_catalog
from outbox.error import CatalogError
from workers.configuration.settings import Settings, SettingsError, load
from workers.doctor.bot_check import look_at_bot
from workers.doctor.finding import Finding, fail, ok
from workers.doctor.neighbour_check import look_at_neighbours
from workers.doctor.postgres_check import look_at_postgres
from workers.doctor.redis_check import look_at_redis
from workers.doctor.secret_check import look_at_files, look_at_secrets


async def examine(environment: Mapping[str, str]) -> list[Finding]:
    """Look at everything; a check that fails keeps no other from being made."""
    neighbours = look_at_neighbours()
    try:
        settings = load(environment)
    except SettingsError as fault:
        todo = "mend that setting; nothing that the settings name can be looked at before"
        return [neighbours, fail("settings", str(fault), todo)]
    found = await asyncio.gather(look_at_postgres(settings), look_at_redis(settings), look_at_bot(settings))
    secrets = [*look_at_secrets(settings), *look_at_files(environment)]
    beforehand = [neighbours, ok("settings", "can be read"), _look_at_catalog(settings), *secrets]
    return [*beforehand, *(one for part in found for one in part)]


def _look_at_catalog(settings: Settings) -> Finding:
    try:
        catalog = load_catalog(settings.catalog_dir)
    except (CatalogError, OSError) as fault:
        return fail("catalog", str(fault), "mend the catalog or CATALOG_DIR; `vestnik catalog check` tells more")
    return ok("catalog", f"{len(catalog.types)} types in {', '.join(sorted(catalog.languages))}")
