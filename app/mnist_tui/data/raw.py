"""A dataset as read from its files, before it is split."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Bytes: TypeAlias = "NDArray[np.uint8]"


@dataclass(frozen=True, slots=True)
class Examples:
    """Images as uint8 (N, channels, side, side), and their classes as uint8 (N,)."""

    images: Bytes
    labels: Bytes

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class RawSet:
    """A dataset.

    Attributes:
        name: Identifier, such as `mnist`; for the user's own data the name of its folder or file.
        label: Display name.
        source: Where it was read from.
        classes: Class names, by number.
        train: The images to train with; parts that are missing are taken from them.
        validation, test: `None` if the files hold no such part.
        framing: How drawings are framed for it; empty if drawing makes no sense.
        by_class: Take missing parts from each class alike, so that none is left out; published datasets are
            large enough for a plain random choice.
        sha256: Digest of all pixels and labels, and of the parts and classes of the user's own data; computed if it
            is not given.
    """

    name: str
    label: str
    source: str
    classes: tuple[str, ...]
    train: Examples
    validation: Examples | None = None
    test: Examples | None = None
    framing: str = ""
    by_class: bool = True
    sha256: str = ""

    def __post_init__(self) -> None:
        if self.sha256:
            return
        digest = hashlib.sha256()
        for name, part in (("train", self.train), ("validation", self.validation), ("test", self.test)):
            if part is not None:
                if self.by_class:
                    # Published datasets have one form; of the user's own, names and shapes tell versions apart.
                    digest.update(f"{name} {part.images.shape} {self.classes}".encode())
                digest.update(_flat(part.images))
                digest.update(_flat(part.labels))
        object.__setattr__(self, "sha256", digest.hexdigest())


def own_set(name: str, source: Path, classes: tuple[str, ...], parts: Mapping[str, Examples]) -> RawSet:
    """Return the user's own data from its parts: `train`, and if there are any `validation` and `test`."""
    return RawSet(
        name=name,
        label=name,
        source=str(source),
        classes=classes,
        train=parts["train"],
        validation=parts.get("validation"),
        test=parts.get("test"),
    )


def _flat(values: Any) -> Any:
    import numpy as np

    return np.ascontiguousarray(values).data
