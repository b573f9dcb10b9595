"""How long a test waits for what must happen: far longer than a busy machine needs. It only ends what hangs."""

PATIENCE_S = 600.0
