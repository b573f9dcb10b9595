"""`python -m mnist_tui` is `mnist-tui`."""

from __future__ import annotations

from mnist_tui.signals import nothing_to_lose


def main() -> int:
    """Load the command line and run it; Ctrl+C ends the loading without a traceback."""
    with nothing_to_lose():
        from mnist_tui.cli import main as run_command

    return run_command()


if __name__ == "__main__":
    raise SystemExit(main())
