"""Where the files of the published datasets come from, and how they are read.

File names, MD5 sums and mirrors are torchvision's (a test checks that they agree), except for CIFAR-10: torchvision
takes its pickled version, and what was downloaded is never unpickled here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias

from mnist_tui.core.datasets import PUBLISHED, Published
from mnist_tui.data.fetch import MAX_FILE_BYTES, RemoteFile
from mnist_tui.data.idx import parse_idx
from mnist_tui.data.raw import Examples
from mnist_tui.errors import DataError

PARTS: Final = ("train images", "train labels", "test images", "test labels")
_INT: Final = 0x0C
_CIFAR_RECORDS: Final = 10_000
"""Images in each of CIFAR-10's files."""

Read: TypeAlias = Callable[[Published, Mapping[str, bytes]], tuple[Examples, Examples]]
"""Returns the training and test images from the content of all parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a published dataset comes from.

    Attributes:
        name: Its name in the setting `dataset`.
        folder: Where its files are below a torchvision root, such as `MNIST/raw`.
        files: The files to download.
        parts: What each file holds, by its name when unpacked; all are needed.
        read: Reads the parts.
        mirrors: URLs to download from, in order.
        sha256: Digest of all pixels and labels; empty if unknown.
        facts: What is known about it.
    """

    name: str
    folder: str
    files: tuple[RemoteFile, ...]
    parts: Mapping[str, str]
    read: Read
    mirrors: tuple[str, ...]
    sha256: str = ""
    facts: Published

    @property
    def next_step(self) -> str:
        """What a user can do if it is not available."""
        return (
            f"Check the network and try again, or put the files into {self.folder}/ of a folder named by MNIST_TUI_DATA"
        )

    @property
    def max_part_bytes(self) -> int:
        """Maximum size of an unpacked part."""
        facts = self.facts
        return max(MAX_FILE_BYTES, facts.n_train * facts.channels * facts.side**2 + 1024)


# Formats ----------------------------------------------------------------------------------------------


def read_idx(facts: Published, parts: Mapping[str, bytes], *, first: int = 0, turned: bool = False) -> Any:
    """Read four IDX files.

    Args:
        facts: What is known about the dataset.
        parts: Training images, training labels, test images, test labels.
        first: The label of the first class.
        turned: The images are stored with rows and columns swapped, as EMNIST's are.
    """
    images, labels, test_images, test_labels = parts.values()
    return tuple(
        Examples(
            _grey(facts, image, f"{name} images", count, turned=turned), _labels(facts, label, name, count, first=first)
        )
        for name, count, image, label in (
            ("train", facts.n_train, images, labels),
            ("test", facts.n_test, test_images, test_labels),
        )
    )


def _grey(facts: Published, content: bytes, name: str, count: int, *, turned: bool) -> Any:
    images = parse_idx(content, name, (count, facts.side, facts.side))
    return (images.swapaxes(1, 2) if turned else images)[:, None]


def _labels(facts: Published, content: bytes, name: str, count: int, *, first: int) -> Any:
    return checked(facts, parse_idx(content, f"{name} labels", (count,)), f"{name} labels", first)


def checked(facts: Published, labels: Any, name: str, first: int = 0) -> Any:
    """Return labels as uint8 that count from 0.

    Raises:
        DataError: One of them is unknown.
    """
    import numpy as np

    last = first + len(facts.classes) - 1
    # Also false for fractions and NaN, as some formats have numbers of any kind.
    if not np.isin(labels, np.arange(first, last + 1)).all():
        raise DataError(f"the {name} hold labels other than {first} to {last}")
    return (labels - first).astype("uint8")


def read_qmnist(facts: Published, parts: Mapping[str, bytes]) -> Any:
    """Read QMNIST: images as MNIST's; labels with eight numbers per image, of which the first is the class."""
    images, labels, test_images, test_labels = parts.values()

    def column(content: bytes, name: str, count: int) -> Any:
        return checked(facts, parse_idx(content, name, (count, 8), _INT)[:, 0], name)

    return (
        Examples(
            _grey(facts, images, "train images", facts.n_train, turned=False),
            column(labels, "train labels", facts.n_train),
        ),
        Examples(
            _grey(facts, test_images, "test images", facts.n_test, turned=False),
            column(test_labels, "test labels", facts.n_test),
        ),
    )


def read_usps(facts: Published, parts: Mapping[str, bytes]) -> Any:
    """Read USPS: per image a line `LABEL 1:VALUE 2:VALUE ...`, labels from 1, values from -1 to 1."""
    import numpy as np

    pixels = facts.side**2

    def part(content: bytes, name: str, count: int) -> Examples:
        words = content.replace(b":", b" ").split()
        try:
            table = np.array(words, dtype=np.float64).reshape(count, 1 + 2 * pixels)
        except ValueError:
            raise DataError(f"the {name} do not hold {count:,} lines with {pixels} values each") from None
        values = table[:, 2::2]
        if not (np.abs(values) <= 1).all() or (table[:, 1::2] != np.arange(1, pixels + 1)).any():
            raise DataError(f"the {name} hold values out of order, or other than -1 to 1")
        images = np.rint((values + 1) / 2 * 255).astype(np.uint8).reshape(count, 1, facts.side, facts.side)
        return Examples(images, checked(facts, table[:, 0], name, first=1))

    train, test = parts.values()
    return part(train, "train images", facts.n_train), part(test, "test images", facts.n_test)


def read_cifar(facts: Published, parts: Mapping[str, bytes]) -> Any:
    """Read CIFAR-10's binary version: per image a label, then 1,024 bytes each of red, green and blue."""
    import numpy as np

    size = 1 + facts.channels * facts.side**2

    def part(content: bytes, name: str) -> Any:
        if len(content) != _CIFAR_RECORDS * size:
            raise DataError(f"{name} does not hold {_CIFAR_RECORDS:,} images")
        return np.frombuffer(content, np.uint8).reshape(-1, size)

    def examples(records: Any) -> Examples:
        images = records[:, 1:].reshape(-1, facts.channels, facts.side, facts.side)
        return Examples(images, checked(facts, records[:, 0], "images"))

    *train, test = (part(content, name) for name, content in parts.items())
    return examples(np.concatenate(train)), examples(test)


# The datasets -----------------------------------------------------------------------------------------

_IDX_PARTS: Final = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def _like_mnist(name: str, folder: str, sums: tuple[str, ...], *mirrors: str, sha256: str = "") -> Source:
    """Return the source of a dataset with MNIST's file names."""
    return Source(
        name=name,
        folder=folder,
        files=tuple(RemoteFile(f"{part}.gz", md5) for part, md5 in zip(_IDX_PARTS, sums, strict=True)),
        parts=dict(zip(_IDX_PARTS, PARTS, strict=True)),
        read=read_idx,
        mirrors=mirrors,
        sha256=sha256,
        facts=PUBLISHED[name],
    )


def _emnist(name: str, first: int) -> Source:
    parts = [f"{name}-{part}-{kind}-ubyte" for part in ("train", "test") for kind in ("images-idx3", "labels-idx1")]
    return Source(
        name=name,
        folder="EMNIST/raw",
        files=(RemoteFile("gzip.zip", "58c8d27c78d21e728a6bc7b3cc06412e", 700 << 20),),
        parts=dict(zip(parts, PARTS, strict=True)),
        read=partial(read_idx, first=first, turned=True),
        mirrors=("https://biometrics.nist.gov/cs_links/EMNIST/",),
        facts=PUBLISHED[name],
    )


_QMNIST_FILES: Final = (
    RemoteFile("qmnist-train-images-idx3-ubyte.gz", "ed72d4157d28c017586c42bc6afe6370"),
    RemoteFile("qmnist-train-labels-idx2-int.gz", "0058f8dd561b90ffdd0f734c6a30e5e4"),
    RemoteFile("qmnist-test-images-idx3-ubyte.gz", "1394631089c404de565df7b7aeaf9412"),
    RemoteFile("qmnist-test-labels-idx2-int.gz", "5b5b05890a5e13444e108efe57b788aa"),
)

SOURCES: Final = {
    source.name: source
    for source in (
        _like_mnist(
            "mnist",
            "MNIST/raw",
            (
                "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                "d53e105ee54ea40749a09fcbcd1e9432",
                "9fb629c4189551a2d022fa330f9573f3",
                "ec29112dd5afa0611ce80d1b7f02629c",
            ),
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "http://yann.lecun.com/exdb/mnist/",
            sha256="06b0d1f124c4e5fa796686ade41a9b778edacc8622f2195a352ef479ad44fc16",
        ),
        _like_mnist(
            "fashion-mnist",
            "FashionMNIST/raw",
            (
                "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                "25c81989df183df01b3e8a0aad5dffbe",
                "bef4ecab320f06d8554ea6380940ec79",
                "bb300cfdad3c16e7a12a480ee83cd310",
            ),
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
        _like_mnist(
            "kmnist",
            "KMNIST/raw",
            (
                "bdb82020997e1d708af4cf47b453dcf7",
                "e144d726b3acfaa3e44228e80efcd344",
                "5c965bf0a639b31b8f53240b1b52f4d7",
                "7320c461ea6c1c855c0b718fb2a4b134",
            ),
            "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        ),
        Source(
            name="qmnist",
            folder="QMNIST/raw",
            files=_QMNIST_FILES,
            parts=dict(zip((file.name.removesuffix(".gz") for file in _QMNIST_FILES), PARTS, strict=True)),
            read=read_qmnist,
            mirrors=("https://raw.githubusercontent.com/facebookresearch/qmnist/master/",),
            facts=PUBLISHED["qmnist"],
        ),
        _emnist("emnist-balanced", 0),
        _emnist("emnist-letters", 1),
        Source(
            name="usps",
            folder="USPS",
            files=(
                RemoteFile("usps.bz2", "ec16c51db3855ca6c91edd34d0e9b197"),
                RemoteFile("usps.t.bz2", "8ea070ee2aca1ac39742fdd1ef5ed118"),
            ),
            parts={"usps": "train images", "usps.t": "test images"},
            read=read_usps,
            mirrors=("https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/",),
            facts=PUBLISHED["usps"],
        ),
        Source(
            name="cifar10",
            folder="CIFAR10",
            files=(RemoteFile("cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530", 200 << 20),),
            parts={
                f"cifar-10-batches-bin/{name}.bin": f"images of {name}.bin"
                for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")
            },
            read=read_cifar,
            mirrors=("https://www.cs.toronto.edu/~kriz/",),
            facts=PUBLISHED["cifar10"],
        ),
    )
}
"""The published datasets, by name."""
MNIST: Final = SOURCES["mnist"]
