"""The published datasets, made in their own formats with noise; torchvision reads the same files."""

import bz2
import gzip
import hashlib
import io
import random
import struct
import tarfile
import zipfile
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from mnist_tui.core.datasets import DATASETS, PUBLISHED
from mnist_tui.data.fetch import RemoteFile
from mnist_tui.data.places import data_status, mirrors, places, read_files
from mnist_tui.data.sources import SOURCES
from mnist_tui.errors import DataError
from tests.data.made import mirror, parts_of, prepare, roots

__all__ = ["mirror", "roots"]

COUNTS = {"train": 120, "test": 40}
LIKE_MNIST = ("mnist", "fashion-mnist", "kmnist")


def facts_of(name):
    return replace(PUBLISHED[name], n_train=COUNTS["train"], n_test=COUNTS["test"])


def examples_of(name, part):
    """Return images (N, channels, side, side) and labels of a part, as bytes."""
    facts, count = facts_of(name), COUNTS[part]
    noise = random.Random(f"{name} {part}").randbytes(count * facts.channels * facts.side**2)
    images = np.frombuffer(noise, np.uint8).reshape(count, facts.channels, facts.side, facts.side)
    return images, (np.arange(count) % len(facts.classes)).astype(np.uint8)


def idx(items, kind=8):
    return struct.pack(f">HBB{items.ndim}I", 0, kind, items.ndim, *items.shape) + items.tobytes()


def like_mnist(name):
    files = {}
    for part, word in (("train", "train"), ("test", "t10k")):
        images, labels = examples_of(name, part)
        files[f"{word}-images-idx3-ubyte.gz"] = gzip.compress(idx(images[:, 0]), 1, mtime=0)
        files[f"{word}-labels-idx1-ubyte.gz"] = gzip.compress(idx(labels), 1, mtime=0)
    return files


def qmnist(name):
    files = {}
    for part in COUNTS:
        images, labels = examples_of(name, part)
        wide = np.full((len(labels), 8), 4_000, ">i4")
        wide[:, 0] = labels
        files[f"qmnist-{part}-images-idx3-ubyte.gz"] = gzip.compress(idx(images[:, 0]), 1, mtime=0)
        files[f"qmnist-{part}-labels-idx2-int.gz"] = gzip.compress(idx(wide, 12), 1, mtime=0)
    return files


def emnist_members(name):
    first = 1 if name == "emnist-letters" else 0
    members = {}
    for part in COUNTS:
        images, labels = examples_of(name, part)
        members[f"{name}-{part}-images-idx3-ubyte"] = idx(images[:, 0].swapaxes(1, 2))
        members[f"{name}-{part}-labels-idx1-ubyte"] = idx(labels + first)
    return members


def emnist(name):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("gzip/emnist-digits-mapping.txt", "0 48\n")
        for member, content in emnist_members(name).items():
            archive.writestr(f"gzip/{member}.gz", gzip.compress(content, 1, mtime=0))
    return {"gzip.zip": stream.getvalue()}


def usps(name):
    files = {}
    for part, file in (("train", "usps.bz2"), ("test", "usps.t.bz2")):
        images, labels = examples_of(name, part)
        lines = [
            f"{label + 1} " + " ".join(f"{at}:{2 * value / 255 - 1:.6f}" for at, value in enumerate(image, 1)) + " \n"
            for image, label in zip(images.reshape(len(images), -1).tolist(), labels.tolist(), strict=True)
        ]
        files[file] = bz2.compress("".join(lines).encode())
    return files


def cifar(name):
    images, labels = (np.concatenate(both) for both in zip(*(examples_of(name, part) for part in COUNTS), strict=True))
    records = np.concatenate([labels[:, None], images.reshape(len(images), -1)], axis=1)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for number, batch in enumerate((*np.split(records[:120], 5), records[120:160][:24]), 1):
            content = batch.tobytes()
            member = tarfile.TarInfo(
                f"cifar-10-batches-bin/{f'data_batch_{number}' if number < 6 else 'test_batch'}.bin"
            )
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return {"cifar-10-binary.tar.gz": stream.getvalue()}


MADE = dict.fromkeys(LIKE_MNIST, like_mnist) | {
    "qmnist": qmnist,
    "emnist-balanced": emnist,
    "emnist-letters": emnist,
    "usps": usps,
    "cifar10": cifar,
}


def files_of(name):
    return dict(made(name))


@cache
def made(name):
    """Return the files of a dataset; made once, since some formats hold the time at which they were."""
    return MADE[name](name)


def source_of(name, files=None):
    """Return the source of a dataset of which these files are the right ones."""
    files = files_of(name) if files is None else files
    remote = tuple(RemoteFile(file, hashlib.md5(content).hexdigest()) for file, content in files.items())
    return replace(SOURCES[name], files=remote, sha256="", facts=facts_of(name), mirrors=("http://127.0.0.1:9/",))


def put(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(autouse=True)
def small_cifar(monkeypatch):
    """Make files of CIFAR-10 with 24 images each."""
    monkeypatch.setattr("mnist_tui.data.sources._CIFAR_RECORDS", 24)


@pytest.mark.parametrize("name", MADE)
def test_every_published_dataset_is_read_as_its_images_and_classes(roots, name):
    source = source_of(name)
    put(roots[0] / source.folder, files_of(name))
    _, dataset = prepare(name, source=source)
    n_test = 24 if name == "cifar10" else COUNTS["test"]
    images, labels = examples_of(name, "test")
    assert np.array_equal(dataset.test_images.numpy(), images[:n_test])
    assert dataset.test_labels.tolist() == labels[:n_test].tolist()
    assert all(images.is_contiguous() for images, _ in parts_of(dataset)), "the compiled step reads them flat"
    info = dataset.info
    assert (info.name, info.n_train, info.n_validation, info.n_test) == (name, 100, 20, n_test)
    assert (info.side, info.channels, info.classes) == (
        images.shape[-1],
        images.shape[1],
        PUBLISHED[name].classes,
    )
    by_image = {image.tobytes(): label for image, label in zip(*examples_of(name, "train"), strict=True)}
    for image, label in zip(dataset.train_images, dataset.train_labels.tolist(), strict=True):
        assert by_image[image.numpy().tobytes()] == label


def test_torchvision_reads_the_same_from_the_same_files(published, roots, tmp_path):
    for name, theirs in (("fashion-mnist", published.FashionMNIST), ("kmnist", published.KMNIST)):
        folder = put(tmp_path / theirs.__name__ / "raw", files_of(name))
        for file in folder.iterdir():
            file.with_suffix("").write_bytes(gzip.decompress(file.read_bytes()))
        expected = theirs(tmp_path, train=False)
        found = read_files(folder, source_of(name)).test
        assert found is not None
        assert (found.images[:, 0] == expected.data.numpy()).all()
        assert found.labels.tolist() == expected.targets.tolist()
        assert list(PUBLISHED[name].classes) == theirs.classes
    put(tmp_path, usps("usps"))
    expected = published.USPS(tmp_path, train=True)
    found = read_files(tmp_path, source_of("usps")).train
    # Torchvision truncates, which makes many pixels a step darker.
    assert set((found.images[:, 0].astype(int) - expected.data).flatten().tolist()) <= {0, 1}
    assert found.labels.tolist() == expected.targets


@pytest.mark.parametrize("name", ["emnist-balanced", "emnist-letters"])
def test_of_emnist_what_torchvision_unpacked_does_as_well_and_letters_stand_upright(published, roots, name):
    split = name.removeprefix("emnist-")
    folder = put(roots[0] / "EMNIST" / "raw", emnist_members(name))
    theirs = published.EMNIST(roots[0], split=split, train=False)
    _, ours = prepare(name, source=source_of(name))
    assert np.array_equal(ours.test_images[:, 0].numpy(), theirs.data.numpy().swapaxes(1, 2)), "torchvision's lie down"
    assert [ours.info.classes[label] for label in ours.test_labels] == [
        theirs.classes[label] for label in theirs.targets
    ]
    assert ours.info.source == str(folder)


def test_what_is_known_is_what_torchvision_knows(published):
    assert set(SOURCES) == set(PUBLISHED)
    assert {"auto", "digits", *PUBLISHED} == set(DATASETS)
    for name, theirs in (("fashion-mnist", published.FashionMNIST), ("kmnist", published.KMNIST)):
        source = SOURCES[name]
        assert [(file.name, file.md5) for file in source.files] == theirs.resources
        assert list(mirrors(source)) == theirs.mirrors
    resources = [*published.QMNIST.resources["train"], *published.QMNIST.resources["test"]]
    assert [(f"{mirrors(SOURCES['qmnist'])[0]}{file.name}", file.md5) for file in SOURCES["qmnist"].files] == resources
    lists = [published.USPS.split_list[part] for part in ("train", "test")]
    usps_at = mirrors(SOURCES["usps"])[0]
    assert [[f"{usps_at}{file.name}", file.name, file.md5] for file in SOURCES["usps"].files] == lists
    (archive,) = SOURCES["emnist-letters"].files
    assert (f"{mirrors(SOURCES['emnist-letters'])[0]}{archive.name}", archive.md5) == (
        published.EMNIST.url,
        published.EMNIST.md5,
    )
    assert list(PUBLISHED["emnist-balanced"].classes) == published.EMNIST.classes_split_dict["balanced"]
    assert ["N/A", *PUBLISHED["emnist-letters"].classes] == published.EMNIST.classes_split_dict["letters"]


@pytest.mark.parametrize("name", MADE)
def test_every_published_dataset_is_downloaded_once(roots, mirror, name):
    address, folder = mirror
    put(folder, files_of(name))
    source = replace(source_of(name), mirrors=(address,))
    told, dataset = prepare(name, source=source)
    assert any("downloading" in event.message for event in told)
    assert dataset.info.source == str(roots[0] / source.folder)
    again, _ = prepare(name, source=source)
    assert not any("downloading" in event.message for event in again)


def test_a_mirror_that_the_user_names_has_other_datasets_in_folders(mirror, monkeypatch):
    address, folder = mirror
    put(folder / "FashionMNIST" / "raw", files_of("fashion-mnist"))
    monkeypatch.setenv("MNIST_TUI_MIRRORS", address)
    assert prepare("fashion-mnist", source=source_of("fashion-mnist"))[1].info.name == "fashion-mnist"


def test_files_of_the_same_names_are_not_taken_for_another_dataset(roots):
    put(roots[0], files_of("mnist"))
    put(roots[1] / "FashionMNIST" / "raw", files_of("fashion-mnist"))
    states = [status.state for status in data_status(source_of("fashion-mnist"))]
    assert states == ["missing", "good", "missing"]
    assert places(source_of("fashion-mnist"))[0].folder == roots[0] / "FashionMNIST" / "raw"
    put(roots[0], files_of("fashion-mnist"))
    assert data_status(source_of("fashion-mnist"))[0].state == "good"


@pytest.mark.parametrize("named", ["MNIST/raw", "MNIST", "."])
def test_the_folder_of_another_dataset_leads_to_its_neighbours(roots, monkeypatch, named):
    put(roots[0] / "MNIST" / "raw", files_of("mnist"))
    put(roots[0] / "KMNIST" / "raw", files_of("kmnist"))
    monkeypatch.setenv("MNIST_TUI_DATA", str(roots[0] / named))
    assert places(SOURCES["kmnist"])[0].folder == roots[0] / "KMNIST" / "raw"
    assert places(SOURCES["fashion-mnist"])[0].folder == roots[0] / "FashionMNIST" / "raw"


def flip(content):
    middle = len(content) // 2
    return content[:middle] + bytes(256)[: min(256, len(content) - middle)] + content[middle + 256 :]


def halve(content):
    return content[: len(content) // 2]


of_kmnist = like_mnist("kmnist")["t10k-images-idx3-ubyte.gz"]


def first_label(pattern):
    def change(packed):
        lines = bz2.decompress(packed).splitlines(keepends=True)
        return bz2.compress(pattern + lines[0][lines[0].index(b" ") :] + b"".join(lines[1:]))

    return change


@pytest.mark.parametrize(
    ("name", "file", "change", "reason"),
    [
        ("fashion-mnist", "train-images-idx3-ubyte.gz", halve, "train-images-idx3-ubyte.gz"),
        ("fashion-mnist", "t10k-images-idx3-ubyte.gz", lambda _: of_kmnist, "its MD5 does not match"),
        ("qmnist", "qmnist-train-labels-idx2-int.gz", lambda _: gzip.compress(b"\0\0\x0c\2"), "the train labels"),
        ("emnist-balanced", "gzip.zip", halve, "gzip.zip is damaged"),
        ("emnist-balanced", "gzip.zip", flip, "gzip.zip is damaged"),
        (
            "emnist-letters",
            "gzip.zip",
            lambda _: emnist("emnist-balanced")["gzip.zip"],
            "gzip.zip does not hold EMNIST Letters",
        ),
        ("usps", "usps.bz2", halve, "usps.bz2"),
        ("usps", "usps.t.bz2", lambda packed: bz2.compress(halve(bz2.decompress(packed))), "do not hold 40 lines"),
        ("usps", "usps.bz2", first_label(b"11"), "labels other than 1 to 10"),
        ("usps", "usps.bz2", first_label(b"nan"), "labels other than 1 to 10"),
        ("usps", "usps.bz2", first_label(b"7.5"), "labels other than 1 to 10"),
        ("cifar10", "cifar-10-binary.tar.gz", halve, "cifar-10-binary.tar.gz is damaged"),
        ("cifar10", "cifar-10-binary.tar.gz", lambda _: b"", "cifar-10-binary.tar.gz cannot be used: it is empty"),
    ],
)
def test_damage_is_told_in_one_sentence_with_the_name_of_the_file(roots, name, file, change, reason):
    files = files_of(name)
    changed = files | {file: change(files[file])}
    put(roots[0] / SOURCES[name].folder, changed)
    # Where the content is damaged and not the file, its MD5 is that of the damaged file.
    first, *_ = data_status(source_of(name, files if "MD5" in reason or change is halve else changed))
    assert first.state == "damaged"
    assert reason in first.detail
    assert "\n" not in first.detail


def test_a_file_that_grows_when_unpacked_is_not_read_to_its_end(roots, monkeypatch):
    monkeypatch.setattr("mnist_tui.data.sources.MAX_FILE_BYTES", 1 << 20)
    packed = {"train-images-idx3-ubyte.gz": gzip.compress(bytes(40 << 20))}
    put(roots[0] / "KMNIST" / "raw", files_of("kmnist") | packed)
    with pytest.raises(DataError, match="larger than 1 MiB when unpacked"):
        read_files(roots[0] / "KMNIST" / "raw", source_of("kmnist", files_of("kmnist") | packed))


def test_a_pickle_is_never_read(roots):
    folder = roots[0] / "cifar-10-batches-py"
    put(folder, {"data_batch_1": b"cos\nsystem\n(S'touch /tmp/owned'\ntR."})
    assert data_status(source_of("cifar10"))[0].state == "missing"
