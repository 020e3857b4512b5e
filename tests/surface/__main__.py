"""Write the surface down: `make surface`, after something was changed that others rely on."""

from tests.surface.dump import FILES, FOLDER


def main() -> None:
    """Make every file anew."""
    for name, make in FILES.items():
        (FOLDER / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
