"""The wheel: it holds all that runs need, and works in an environment without the project's folder."""

import zipfile
from pathlib import Path

import pytest

from tests.integration.stage import PROJECT
from tests.wheel import borrow_dependencies, install, make_environment, run


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into a new environment that borrows the dependencies, but not the project, from this one."""
    programs = make_environment(tmp_path_factory.mktemp("empty") / "venv")
    install(programs, "--no-deps", wheel)
    borrow_dependencies(programs)
    return programs


def test_the_wheel_holds_all_that_is_not_python(wheel: Path) -> None:
    """SQL, the limiter's script, the sample and its catalog, and every package of the project are in the wheel."""
    names = set(zipfile.ZipFile(wheel).namelist())
    assert names >= {
        "outbox/migrations/0001_event.sql",
        "outbox/migrations/0002_delivery.sql",
        "outbox/migrations/0003_inbox.sql",
        "outbox/migrations/0004_fault.sql",
        "outbox/migrations/0005_fault_checked.sql",
        "outbox/migrations/0006_fault_index.sql",
        "outbox/migrations/0007_person.sql",
        "outbox/migrations/0008_person_checked.sql",
        "outbox/migrations/0009_api.sql",
        "outbox/migrations/0010_notification_unread.sql",
        "outbox/migrations/0011_event_bounded.sql",
        "outbox/migrations/0012_event_bounded_checked.sql",
        "outbox/migrations/0013_gauge.sql",
        "outbox/migrations/0014_traceparent.sql",
        "outbox/migrations/shape.json",
        "outbox/catalog/own_catalog.toml",
        "inapp/web/api.js",
        "inapp/web/button.js",
        "inapp/web/connection.js",
        "inapp/web/element.js",
        "inapp/web/follower.js",
        "inapp/web/inbox.js",
        "inapp/web/item.js",
        "inapp/web/list.js",
        "inapp/web/news.js",
        "inapp/web/panel.js",
        "inapp/web/stream.js",
        "inapp/web/style.js",
        "inapp/web/texts.js",
        "inapp/web/vestnik-bell.js",
        "workers/demo/bell.html",
        "workers/demo/bell.css",
        "workers/demo/bell.js",
        "telegram/guard.lua",
        "telegram/pace.lua",
        "telegram/pace_state.lua",
        "workers/demo/marketplace/events.jsonl",
        "workers/demo/marketplace/recipients.jsonl",
        "workers/demo/marketplace/expected.json",
        "workers/demo/marketplace/catalog/catalog.toml",
        "workers/demo/marketplace/catalog/en.toml",
        "workers/demo/marketplace/catalog/ru.toml",
    }
    parts = ("health", "inapp", "outbox", "telegram", "workers")
    wanted = {str(file.relative_to(PROJECT)) for part in parts for file in (PROJECT / part).rglob("*.py")}
    assert wanted - names == set()


def test_the_wheel_takes_no_name_that_it_does_not_need(wheel: Path) -> None:
    """Its packages are the five, and what is no code of theirs lies within them."""
    names = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert names == {"health", "inapp", "outbox", "telegram", "workers", "vestnik-0.1.0.dist-info"}


def test_what_is_installed_is_what_runs(installed: Path, tmp_path: Path) -> None:
    """In the new environment the packages come from the wheel and not from the project's folder."""
    show = "import outbox, workers.main, telegram.simulator; print(outbox.__file__)"
    found = Path(run(installed / "python", "-c", show, cwd=tmp_path).strip())
    assert found.is_relative_to(installed.parent)


def test_the_command_runs_without_the_project(installed: Path, tmp_path: Path) -> None:
    """`vestnik --help` names the commands, and `vestnik migrate --sql` prints the SQL of the project's files."""
    told = run(installed / "vestnik", "--help", cwd=tmp_path)
    for command in ("demo", "migrate", "emit", "load", "worker", "simulator", "status", "trace", "prove"):
        assert f" {command} " in told
    printed = run(installed / "vestnik", "migrate", "--sql", cwd=tmp_path)
    files = sorted((PROJECT / "outbox" / "migrations").glob("*.sql"))
    assert [file.name for file in files if file.read_text().strip() not in printed] == []


def test_the_sample_runs_without_the_project(installed: Path, tmp_path: Path) -> None:
    """The installed sample's catalog renders without a fault, in a folder that knows nothing of the project."""
    find = "from workers.demo.sample_stream import CATALOG; print(CATALOG)"
    folder = run(installed / "python", "-c", find, cwd=tmp_path).strip()
    told = run(installed / "vestnik", "catalog", "check", "--dir", folder, cwd=tmp_path)
    assert told == "13 types in en, ru: 0 problems\n"
