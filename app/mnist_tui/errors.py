"""The hierarchy of errors: what happened, what to do next, and the exit code.

MnistTuiError      1   anything else that went wrong
├── UsageError     2   an invalid value
├── DataError      3   a dataset that is not available
├── RunError       4   a run that failed or diverged
├── StoreError     5   the store of past runs is locked or damaged
├── OrderError     6   an order to a run in another process that was not obeyed
└── ClusterError   7   a cluster that cannot be reached
"""

from __future__ import annotations

import re
from typing import ClassVar


class MnistTuiError(Exception):
    """An error to show to the user: one sentence, then the next step.

    Args:
        what: What happened, as one sentence without a final full stop.
        next_step: What the user can do about it, likewise; empty if there is nothing to do.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.what}. {self.next_step}." if self.next_step else f"{self.what}."


class UsageError(MnistTuiError):
    """An invalid value from the user."""

    exit_code = 2


class DataError(MnistTuiError):
    """A dataset that is missing, damaged or unreachable."""

    exit_code = 3


class RunError(MnistTuiError):
    """A run that failed or diverged."""

    exit_code = 4


class StoreError(MnistTuiError):
    """The store of past runs is locked, damaged or not writable."""

    exit_code = 5


class OrderError(MnistTuiError):
    """An order to a run in another process that was not obeyed."""

    exit_code = 6


class ClusterError(MnistTuiError):
    """A cluster that cannot be reached."""

    exit_code = 7


def brief(error: Exception) -> str:
    """Return what another library says of an error: on one line, and without codes that colour terminals."""
    if type(error).__name__ == "UnpicklingError":
        # PyTorch's own words advise to execute the code.
        return "it holds more than tensors and plain values"
    return " ".join(re.sub(r"\x1b\[[0-9;]*m", "", str(error)).split())[:200]
