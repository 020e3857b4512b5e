"""Where every `vestnik` begins, before anything of ours is loaded that another distribution may have written over."""

COLLISION = (
    "the package telegram is not vestnik's here: python-telegram-bot has one of the same name, and one overwrites the "
    "other; install vestnik again, in an environment of its own"
)


def main() -> None:
    """See that the package `telegram` is ours, have aiogram's models built when they are used, and run the command."""
    try:
        from telegram import put_off_builds  # noqa: PLC0415 (its absence is a fault to be told)
    except ImportError:
        # as Exit.WRONG_SETTINGS: 1, and nothing was begun
        raise SystemExit(f"vestnik: {COLLISION}") from None
    put_off_builds()
    from workers.main import main as run_command  # noqa: PLC0415 (loads what may be written over)

    run_command()
