"""Classifies drawings with a run's newest checkpoint, never with the trainer's own tensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from mnist_tui.core.insight import Classifier, Guess
from mnist_tui.runtime.library import Library

Load: TypeAlias = Callable[[bytes], Classifier]
"""Loads a classifier from a checkpoint; slow the first time, so it is called outside the screen's thread."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The classification of an image.

    Attributes:
        guess: The prediction.
        epoch: Finished epochs of the network that gave it.
    """

    guess: Guess
    epoch: int


class DrawingClassifier:
    """Classifies images, caching the network used last; not thread-safe.

    Args:
        load: Loads a classifier from a checkpoint.
        library: Where to find checkpoints.
    """

    def __init__(self, load: Load, library: Library) -> None:
        self._load, self._library = load, library
        self._run, self._sha256, self._epoch = "", "", 0
        self._classifier: Classifier | None = None

    def ask(self, run: str, image: bytes) -> Answer | None:
        """Classify an image with the newest checkpoint of a run; return `None` if it has no checkpoint.

        Raises:
            MnistTuiError: The store or the checkpoint is damaged.
        """
        if run != self._run:
            self._run, self._sha256, self._classifier = run, "", None
        newer = self._library.newest_checkpoint(run, self._sha256)
        if newer is not None:
            epoch, sha256, data = newer
            self._classifier = self._load(data)
            self._epoch, self._sha256 = epoch, sha256
        if self._classifier is None:
            return None
        return Answer(self._classifier(image), self._epoch)
