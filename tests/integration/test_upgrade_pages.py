"""The commands of docs/upgrade.md and docs/release-checklist.md do what the pages say."""

import re

import pytest

from outbox.database.connection import Connection, connect
from tests import page
from tests.integration.stage import PROJECT, until_true
from tests.integration.terminal import Terminal

# migrations refuse a pooler, and the sight of a lock's holder needs a session of our own
pytestmark = pytest.mark.direct

PAGES = {name: page.read(name) for name in ("upgrade.md", "release-checklist.md")}
COMMAND = re.compile(
    r"(?:[A-Z_]+=\S+ )?(?:git|make|pip|promtool|psql|systemctl|vacuumdb|vestnik|\S+/vestnik-install|select) .+"
)
COMMANDS = {name: [line for line in page.typed(text) if COMMAND.fullmatch(line)] for name, text in PAGES.items()}
VACUUM, TERMINATE = "vacuumdb --all --analyze-in-stages", "select pg_terminate_backend(PID)"

ELSEWHERE: page.Elsewhere = {
    "make check": (".ci/run", "make check"),
    "make shape": ("tests/integration/test_shape.py", "test_the_file_is_what_the_migrations_give"),
    "make surface": ("tests/surface/test_surface.py", "test_the_surface_is_what_is_written_down"),
    "git diff --exit-code": ("tests/integration/test_shape.py", "KEPT.read_text"),
    "make demo": ("tests/integration/test_demo.py", '"workers", "demo"'),
    "promtool check rules deploy/prometheus/vestnik.rules.yml": ("tests/unit/test_alerts.py", '"check", "config"'),
    "promtool test rules deploy/prometheus/vestnik.rules.test.yml": ("tests/unit/test_alerts.py", '"test", "rules"'),
    "pip wheel --no-deps --wheel-dir dist .": ("tests/wheel.py", '"wheel", "--no-deps"'),
    "make bench": ("tests/integration/test_bench.py", "tests.bench"),
    "VESTNIK_TEST_OLD=TAG make test PYTEST_ARGS=tests/integration/test_versions.py": (
        "tests/integration/earlier_version.py",
        'environ.get("VESTNIK_TEST_OLD")',
    ),
    "/opt/vestnik/current/bin/vestnik-install --rollback": ("docs/install.md", "bin/vestnik-install --rollback"),
    **dict.fromkeys(
        (*(f"systemctl {verb} vestnik.target" for verb in ("restart", "stop", "start")), VACUUM),
        ("tests/systemd/entry.py", 'page.read("upgrade.md")'),
    ),
}
"""What is no `vestnik` command: the file that runs it, or the page that has it run, and what stands there."""


def _vestnik(name: str) -> list[str]:
    return [command for command in COMMANDS[name] if command.startswith("vestnik ")]


def test_the_other_commands_are_run_elsewhere() -> None:
    """Each command that is not Vestnik's own is run by a test or by CI, as far as it is not run below."""
    others = {command for name, commands in COMMANDS.items() for command in set(commands) - set(_vestnik(name))}
    assert others == {*ELSEWHERE, TERMINATE}
    assert page.not_there(ELSEWHERE) == []
    targets = {command.removeprefix("make ") for command in others if command.startswith("make ")}
    makefile = (PROJECT / "Makefile").read_text()
    assert [target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []


@pytest.mark.parametrize("name", PAGES)
async def test_the_pages_commands_run(terminal: Terminal, name: str) -> None:
    """On an installation that is well each command of the page, in the page's order, ends with 0."""
    commands = _vestnik(name)
    assert "vestnik migrate --check" in commands
    for command in commands:
        code, printed = await terminal.type_in(command)
        assert code == 0, (command, printed)


async def nothing_is_held(conn: Connection, query: str) -> bool:
    """Tell whether nobody holds a lock any more."""
    return await conn.fetch(query) == []


async def test_who_holds_a_lock_is_asked_in_sql_that_works(conn: Connection, database_url: str) -> None:
    """The query of the page lists a transaction that holds a lock on a table of ours until it is ended as it says."""
    (query,) = page.blocks(PAGES["upgrade.md"], "sql")
    other = await connect(database_url)
    try:
        await other.transaction().start()
        await other.execute("lock table outbox.event in access share mode")
        (held,) = await conn.fetch(query)
        found = (held["locked"], held["mode"], held["pid"], held["state"])
        assert found == ("outbox.event", "AccessShareLock", other.get_server_pid(), "idle in transaction")
        assert await conn.fetchval(TERMINATE.replace("PID", str(held["pid"])))
        await until_true(lambda: nothing_is_held(conn, query))
    finally:
        await other.close()
