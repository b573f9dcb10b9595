"""Entry point of a worker process, started by `ProcessLink`."""

from __future__ import annotations

import os
import sys

from mnist_tui.workers.link import work

if __name__ == "__main__":
    work(int(sys.argv[1]))
    # PyTorch's own exit takes up to a second, and everything has been sent.
    os._exit(0)
