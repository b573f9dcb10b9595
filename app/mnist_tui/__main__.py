"""Entry point of `mnist-tui` and `python -m mnist_tui`."""

from __future__ import annotations

import gc
import os
import sys
from typing import Final

from mnist_tui.signals import nothing_to_lose

COLLECT_AFTER: Final = 20_000
"""New objects before the garbage collector runs. With Python's default of 700, it scans PyTorch's objects over and over
while PyTorch is imported, and blocks everything for up to 0.2 s each time."""


def main() -> int:
    """Load the command line and run it; Ctrl+C while loading exits without a traceback."""
    gc.set_threshold(COLLECT_AFTER)
    with nothing_to_lose():
        from mnist_tui.cli import main as run_command

    code = run_command()
    if "torch" in sys.modules:
        # Everything is written and closed by now, and PyTorch's own exit takes up to a second and 100 MB.
        os._exit(code)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
