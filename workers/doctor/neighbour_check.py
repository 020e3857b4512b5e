"""What the doctor looks at beside Vestnik in its environment: a distribution that has a package of the same name."""

from importlib.metadata import PackageNotFoundError, version

from workers.doctor.finding import Finding, ok, warn

OTHER = "python-telegram-bot"
TODO = "install vestnik in an environment of its own, and what is left here of the two anew"


def look_at_neighbours() -> Finding:
    """Look for the other `telegram`; where its files have overwritten ours, no command comes as far as this."""
    try:
        found = version(OTHER)
    except PackageNotFoundError:
        return ok("packages", "nothing else has a package telegram")
    says = f"{OTHER} {found} is installed too: its package telegram and that of vestnik overwrite each other"
    return warn("packages", says, TODO)
