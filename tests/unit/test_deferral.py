"""aiogram's models are built when they are used, and then as aiogram itself would have built them."""

import json
import subprocess
import sys

import pytest

LATER = "import telegram; telegram.put_off_builds(); "
HEAD = f"{LATER}import aiogram.types, aiogram.methods; from pydantic import BaseModel; "
MODELS = (
    "models = [model for home in (aiogram.types, aiogram.methods) for name in home.__all__ "
    "if isinstance(model := getattr(home, name), type) and issubclass(model, BaseModel)]; "
)


def told(program: str) -> object:
    """Run a program that prints JSON."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_the_import_builds_next_to_nothing() -> None:
    """Loading the sender and the bot leaves nearly all of Telegram's types and methods unbuilt."""
    count = "import json; print(json.dumps([len(models), sum(m.__pydantic_complete__ for m in models)]))"
    counts = told(f"{LATER}import telegram.sender, telegram.bot.client; {HEAD}{MODELS}{count}")
    assert isinstance(counts, list)
    assert counts[0] > 500
    assert counts[1] < 10


def test_each_can_be_built() -> None:
    """Whatever Telegram may send or be asked can be built once it is used."""
    build = (
        "import json; [m.model_rebuild() for m in models]; "
        "print(json.dumps([m.__name__ for m in models if not m.__pydantic_complete__]))"
    )
    assert told(f"{HEAD}{MODELS}{build}") == []


def test_a_build_is_the_same() -> None:
    """An update's JSON schema is the one that aiogram's own rebuild gives."""
    schema = "import json, aiogram.types; print(json.dumps(aiogram.types.Update.model_json_schema(), sort_keys=True))"
    ours = told(f"{LATER}{schema}")
    assert isinstance(ours, dict)
    assert len(ours["$defs"]) > 100
    assert ours == told(schema)


@pytest.mark.parametrize("modules", ["telegram", "telegram.sender, telegram.bot.client, telegram.simulator"])
def test_an_import_changes_nothing_of_others(modules: str) -> None:
    """Whoever imports the package `telegram` finds Python's import and Pydantic as they were before."""
    untouched = (
        "import json, sys; from pydantic import BaseModel; "
        "before = [*sys.meta_path], BaseModel.__dict__['model_rebuild']; "
        f"import {modules}; "
        "print(json.dumps(([*sys.meta_path], BaseModel.__dict__['model_rebuild']) == before))"
    )
    assert told(untouched) is True


def test_a_command_builds_next_to_nothing() -> None:
    """Each `vestnik` puts aiogram's builds off by itself: a worker that has begun has hardly any of them."""
    command = (
        "import json, sys; from workers.entry import main\n"
        "sys.argv, sys.stdout = ['vestnik', '--version'], sys.stderr\n"
        "try: main()\n"
        "except SystemExit: sys.stdout = sys.__stdout__\n"
        "import workers.worker.watch, workers.serving.bot_process; "
    )
    count = "print(json.dumps(sum(m.__pydantic_complete__ for m in models)))"
    complete = told(f"{command}import aiogram.types, aiogram.methods; from pydantic import BaseModel; {MODELS}{count}")
    assert isinstance(complete, int)
    assert complete < 10
