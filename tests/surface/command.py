"""The help of `vestnik` and of every command under it."""

from collections.abc import Iterator
from typing import Any

from tests.surface.product import SHORTCUTS, command

WIDTH = 120
SHORT = "python -m workers {} is short for vestnik {}"


def commands() -> Iterator[tuple[Any, Any]]:
    """Give each command with its context, the whole before its parts."""
    whole = command()
    yield from _under(whole, whole.context_class(whole, info_name="vestnik", terminal_width=WIDTH))


def _under(of: Any, context: Any) -> Iterator[tuple[Any, Any]]:
    yield of, context
    for name in of.list_commands(context) if hasattr(of, "list_commands") else ():
        part = of.get_command(context, name)
        yield from _under(part, part.context_class(part, info_name=name, parent=context, terminal_width=WIDTH))


def helps() -> str:
    """Write down what `--help` says of each command, without the frames that it has in a terminal."""
    parts = [_help(each, context) for each, context in commands()]
    short = [SHORT.format(given, " ".join(words)) for given, words in SHORTCUTS.items()]
    return "\n\n\n".join([*parts, "\n".join(short)]) + "\n"


def _help(each: Any, context: Any) -> str:
    each.rich_markup_mode = None
    hidden = [name for option in each.params if getattr(option, "hidden", False) for name in option.opts]
    said = [each.get_help(context), *([f"Hidden: {', '.join(hidden)}"] if hidden else [])]
    if each.hidden:
        said.append("This command is not listed.")
    lines = "\n\n".join(said).splitlines()
    return "\n".join(line.rstrip() for line in lines)
