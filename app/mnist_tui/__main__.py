"""`python -m mnist_tui` is `mnist-tui`."""

from __future__ import annotations

import os
import sys

from mnist_tui.signals import nothing_to_lose


def main() -> int:
    """Load the command line and run it; Ctrl+C ends the loading without a traceback."""
    with nothing_to_lose():
        from mnist_tui.cli import main as run_command

    code = run_command()
    if "torch" in sys.modules:
        # All is written and closed by now, and PyTorch's own way out takes up to a second and 100 MB.
        os._exit(code)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
