"""How long a test waits for what must happen: far longer than a busy machine needs. It only ends what hangs."""

import os

PATIENCE_S = float(os.environ.get("PATIENCE_S", "600"))
"""Set it lower to see quickly which tests fail after a change."""
