"""`recipients import` and `forget`: the people that messages go to."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from health import get_logger
from outbox.delivery.outcome import Reason
from outbox.delivery.time_zone import find_zone
from outbox.person import forgotten, recipient
from outbox.person.recipient import Profile
from workers.command.fact import LinkTally, tell
from workers.command.line import Rejected, parse, read_lines
from workers.command.output import Json, print_json
from workers.command.setup import database, run
from workers.configuration.settings import SettingsError

log = get_logger()

AT_ONCE = 1_000
"""People written in one transaction."""


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("it holds a NUL, which PostgreSQL cannot store")
    return text


def _known(name: str) -> str:
    if find_zone(name) is None:
        raise ValueError("no such time zone")
    return name


Storable = Annotated[str, AfterValidator(_storable)]
Recipient = Annotated[Storable, Field(min_length=1)]
ChatId = Annotated[int, Field(ge=-(2**63), lt=2**63)]
ThreadId = Annotated[int, Field(ge=1, lt=2**63)]


class PersonLine(BaseModel):
    """One line of the file; fields that are not ours are left alone."""

    model_config = ConfigDict(extra="ignore", strict=True)

    recipient: Recipient
    name: Storable | None = None
    locale: str | None = Field(default=None, pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$")
    timezone: Annotated[str, AfterValidator(_known)] | None = None
    chat_id: ChatId | None = None
    thread_id: ThreadId | None = None


recipients = typer.Typer(help="The people that messages go to.", no_args_is_help=True)


@recipients.callback()
def _recipients() -> None:
    """Keep `import` a command of its own, although it is the only one."""


@recipients.command("import")
def import_(file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)], *, as_json: Json = False) -> None:
    """Import people: recipient, name, locale, timezone, chat_id and thread_id, one JSON object a line.

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
    for number, text in read_lines(file):
        person = parse(PersonLine, number, text)
        if isinstance(person, Rejected):
            raise SettingsError(f"{file.name} line {number}: {person.reason}")
        people.append(Profile(**dict(person)))
    return people


async def _save(people: list[Profile]) -> None:
    count, links = 0, LinkTally()
    try:
        async with database() as conn:
            for start in range(0, len(people), AT_ONCE):
                saved = await recipient.save(conn, people[start : start + AT_ONCE])
                count += saved.profiles
                links.add(saved.links)
    finally:
        # also of an import that broke off: what is written stays written
        tell("recipients_imported", count)
        links.log()


def forget(who: Annotated[str, typer.Argument(metavar="USER")], *, as_json: Json = False) -> None:
    """Erase a person: link, preferences, notifications, payload copies."""
    run(_forget(who))
    if as_json:
        print_json({"forgotten": True})
    else:
        typer.echo("forgotten")


async def _forget(who: str) -> None:
    async with database() as conn:
        skipped = await forgotten.forget(conn, who)
    log.info("recipient_forgotten")
    tell("deliveries_skipped", skipped, reason=Reason.FORGOTTEN)


def add_to(app: typer.Typer) -> None:
    """Add these commands to the whole."""
    app.add_typer(recipients, name="recipients")
    app.command()(forget)
