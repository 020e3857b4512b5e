"""`recipients import` and `forget`: the people that messages go to."""

import json
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from outbox import recipient
from outbox.recipient import Profile
from workers.command.output import Json, print_json
from workers.command.session import database, run
from workers.settings import SettingsError

AT_ONCE = 1_000
"""People written in one transaction."""


class Person(BaseModel):
    """One line of the file; fields that are not ours are left alone."""

    model_config = ConfigDict(extra="ignore", strict=True)

    recipient: str = Field(min_length=1)
    name: str | None = None
    locale: str | None = Field(default=None, pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$")
    timezone: str | None = None
    chat_id: int | None = Field(default=None, ge=-(2**63), lt=2**63)

    @field_validator("recipient", "name")
    @classmethod
    def _storable(cls, text: str | None) -> str | None:
        if text is not None and "\0" in text:
            raise ValueError("it holds a NUL, which PostgreSQL cannot store")
        return text

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        if name is not None:
            try:
                ZoneInfo(name)
            except (KeyError, ValueError, OSError):
                raise ValueError("no such time zone") from None
        return name


recipients = typer.Typer(help="The people that messages go to.", no_args_is_help=True)


@recipients.callback()
def _recipients() -> None:
    """Keep `import` a command of its own, although it is the only one."""


@recipients.command("import")
def import_(file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)], *, as_json: Json = False) -> None:
    """Import people: recipient, name, locale, timezone and chat_id, one JSON object a line.

    A bad line ends the import before anything is written, and is named by its number only.
    """
    people = read_people(file)
    run(_save(people))
    facts = {"recipients": len(people), "chats": sum(person.chat_id is not None for person in people)}
    if as_json:
        print_json(facts)
    else:
        typer.echo(f"{facts['recipients']:,} recipients, {facts['chats']:,} with a chat")


def read_people(file: Path) -> list[Profile]:
    """Read a file of people.

    Raises:
        SettingsError: a line is malformed; the message names its number and field, never its contents.

    """
    people = []
    for number, line in enumerate(file.read_bytes().split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            people.append(Profile(**dict(Person.model_validate(json.loads(line.decode("utf-8"))))))
        except UnicodeDecodeError:
            raise SettingsError(f"{file.name} line {number}: not UTF-8") from None
        except json.JSONDecodeError as fault:
            raise SettingsError(f"{file.name} line {number}: no JSON, {fault.msg} at column {fault.colno}") from None
        except RecursionError:
            raise SettingsError(f"{file.name} line {number}: JSON that is nested too deep") from None
        except ValidationError as invalid:
            fault_ = invalid.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part) for part in fault_["loc"]) or "line"
            raise SettingsError(f"{file.name} line {number}: {where}: {fault_['msg']}") from None
    return people


async def _save(people: list[Profile]) -> None:
    async with database() as conn:
        for start in range(0, len(people), AT_ONCE):
            await recipient.save(conn, people[start : start + AT_ONCE])


def forget(who: Annotated[str, typer.Argument(metavar="USER")], *, as_json: Json = False) -> None:
    """Erase a person: link, preferences, notifications, payload copies."""
    run(_forget(who))
    if as_json:
        print_json({"forgotten": True})
    else:
        typer.echo("forgotten")


async def _forget(who: str) -> None:
    async with database() as conn:
        await conn.execute("select outbox.forget($1)", who)


def add_to(app: typer.Typer) -> None:
    """Add these commands to the whole."""
    app.add_typer(recipients, name="recipients")
    app.command()(forget)
