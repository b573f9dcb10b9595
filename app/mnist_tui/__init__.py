"""mnist-tui: train a small CNN on MNIST in the terminal, watch it live, compare runs."""

from typing import Final

__version__: Final = "0.1.0"
