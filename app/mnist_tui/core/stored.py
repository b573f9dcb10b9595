"""Events that only the store hears: checkpoints, and the images that a run is validated on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from mnist_tui.core.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint(Event):
    """Everything needed to resume a run from here, within an epoch or at the end of one.

    Attributes:
        epoch: Finished epochs.
        batch: Batches trained of the next epoch; 0 at the end of an epoch.
        data: Opaque bytes that the engine writes and reads.
    """

    type: ClassVar[str] = "checkpoint"
    is_public: ClassVar[bool] = False
    run: str
    epoch: int
    batch: int
    data: bytes = field(repr=False, metadata={"json": False})


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationSet(Event):
    """The validation images themselves, so that they can be shown without the dataset; the store keeps one copy.

    Attributes:
        sha256: Digest of the dataset.
        split_seed: Seed of the split that chose them.
        side: Width and height of an image.
        classes: Class names, by number.
        labels: Class of each image, one byte each.
        images: Pixels row by row: a grey value each, 255 for ink, or the values of red, green and blue.
        channels: Values of a pixel: 1 or 3.
    """

    type: ClassVar[str] = "validation_set"
    is_public: ClassVar[bool] = False
    sha256: str
    split_seed: int
    side: int
    classes: tuple[str, ...]
    labels: bytes = field(repr=False, metadata={"json": False})
    images: bytes = field(repr=False, metadata={"json": False})
    channels: int = 1

    def image(self, at: int) -> bytes:
        """Return the pixels of one image, row by row; blank for an index out of range."""
        size = self.side * self.side * self.channels
        return self.images[at * size : (at + 1) * size].ljust(size, b"\0")
