"""What a `Link` starts."""

from __future__ import annotations

import os
import sys

from mnist_tui.workers.link import work

if __name__ == "__main__":
    work(int(sys.argv[1]))
    # PyTorch's own way out takes up to a second, and all is told.
    os._exit(0)
