"""The datasets that runs can be trained on: the published ones, and the user's own."""

from __future__ import annotations

import string
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mnist_tui.core.setting import shown
from mnist_tui.environment import absolute
from mnist_tui.errors import UsageError

FOLDER: Final = "folder:"
"""Prefix of a folder of images."""
ARCHIVE: Final = ".npz"
"""Ending of a file of NumPy arrays."""
MAX_CLASSES: Final = 256
"""Classes are stored as one byte per image."""
MAX_SIDE: Final = 512

_DIGITS: Final = tuple(string.digits)
_MERGED: Final = frozenset("cijklmopsuvwxyz")
"""Letters whose upper and lower case EMNIST counts as one class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A published dataset.

    Attributes:
        label: Display name.
        n_train, n_test: Images in its files.
        side: Width and height of an image.
        channels: 1 for grey, 3 for colour.
        classes: Class names, by number.
        framing: How its images were framed, for drawings to be framed alike: see `core.drawing`; empty if drawing
            makes no sense.
    """

    label: str
    n_train: int = 60_000
    n_test: int = 10_000
    side: int = 28
    channels: int = 1
    classes: tuple[str, ...] = _DIGITS
    framing: str = ""

    @property
    def n_validation(self) -> int:
        """The number of training images set aside for validation: 10,000 of MNIST's."""
        return self.n_train // 6


PUBLISHED: Final = {
    "mnist": Published(label="MNIST", framing="mass"),
    "fashion-mnist": Published(
        label="FashionMNIST",
        classes=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
    ),
    "kmnist": Published(
        label="KMNIST", classes=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"), framing="full"
    ),
    "qmnist": Published(label="QMNIST", n_test=60_000, framing="mass"),
    "emnist-balanced": Published(
        label="EMNIST Balanced",
        n_train=112_800,
        n_test=18_800,
        classes=tuple(sorted({*string.digits, *string.ascii_letters} - _MERGED)),
        framing="box",
    ),
    "emnist-letters": Published(
        label="EMNIST Letters",
        n_train=124_800,
        n_test=20_800,
        classes=tuple(string.ascii_lowercase),
        framing="box",
    ),
    "usps": Published(label="USPS", n_train=7_291, n_test=2_007, side=16, framing="full"),
    "cifar10": Published(
        label="CIFAR-10",
        n_train=50_000,
        side=32,
        channels=3,
        classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    ),
}
"""The published datasets, by the names that the setting has for them."""
DATASETS: Final = ("auto", "mnist", "digits", *(name for name in PUBLISHED if name != "mnist"))
"""The names that the setting `dataset` accepts besides the user's own data; `digits` are scikit-learn's."""


def own_path(dataset: str) -> Path | None:
    """Return the folder of images or the file of arrays that a dataset names; `None` for one of `DATASETS`."""
    if dataset.startswith(FOLDER):
        return Path(dataset.removeprefix(FOLDER))
    return Path(dataset) if dataset.endswith(ARCHIVE) else None


def check_dataset(dataset: object) -> None:
    """Raise `UsageError` unless the value names a dataset; the user's own data is named by an absolute path."""
    if dataset in DATASETS:
        return
    path = own_path(dataset) if isinstance(dataset, str) else None
    if path is None or not path.is_absolute() or not str(path).isprintable():
        own = f"{FOLDER}PATH (one folder per class) or FILE{ARCHIVE}"
        raise UsageError(f"dataset must be one of {', '.join(DATASETS)}, or {own}, not {shown(dataset)}")


def as_dataset(text: str) -> str:
    """Return what a user typed as a dataset, with the path of the user's own data made absolute.

    The prefix of a folder may be left out if the text can only be a path.
    """
    text = text.strip()
    path = own_path(text) or (Path(text) if "/" in text else None)
    if path is None or not path.parts:
        return text
    return f"{'' if path.suffix == ARCHIVE else FOLDER}{absolute(path)}"
