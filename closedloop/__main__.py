"""`closedloop`, and `python -m closedloop`."""

from closedloop.terminal.at_once import end_at_once


def main() -> None:
    """Answer signals before anything that takes long to import; then run the command."""
    end_at_once()
    from closedloop.cli import main as run  # noqa: PLC0415

    run()


if __name__ == "__main__":
    main()
