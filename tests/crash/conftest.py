"""What the crash tests stand on."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from tests.crash.catalog import write
from tests.crash.nursery import Nursery, nursery
from tests.integration.conftest import simulator_urls
from tests.integration.conftest import stage as bare_stage
from tests.integration.stage import Stage

__all__ = ["bare_stage", "simulator_urls"]

# what is sent again comes at once, and never so often that it would die
SCHEDULE = ",".join(["0.1"] * 30)


@pytest.fixture(scope="session")
def session_nursery() -> Iterator[Nursery]:
    """Run a nursery for all crash tests."""
    with nursery() as made:
        yield made


@pytest.fixture
def cradle(session_nursery: Nursery) -> Iterator[Nursery]:
    """Lend the nursery to one test, and kill what that leaves alive."""
    yield session_nursery
    session_nursery.empty()


@pytest.fixture
def stage(bare_stage: Stage) -> Stage:
    """Give a test its database, its Valkey, a Bot API in which nobody is known, and the notes' catalog."""
    own: Mapping[str, str] = {"CATALOG_DIR": str(write(bare_stage.folder / "catalog")), "RETRY_SCHEDULE": SCHEDULE}
    return replace(bare_stage, environment={**bare_stage.environment, **own})
