"""The baseline for the engine: the report's network in a standard tutorial training loop.

It uses torchvision's dataset, a `DataLoader` and Adam, and reads loss and accuracy after each batch.
"""

from __future__ import annotations

import gzip
import time
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import torch
import torch.nn.functional as F  # noqa: N812 - the name that the field gives it
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset, random_split
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor

from mnist_tui.engine.data import as_input, load_digits

BATCH: Final = 64
BATCHES_LOADED: Final = 100

Pair = tuple[Tensor, Tensor]


def plain_model(features: int) -> nn.Sequential:
    """Return the network of `engine.model.BottleneckCNN` built from standard layers, parameters in the same order."""
    return nn.Sequential(
        nn.Conv2d(1, features, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(features, features, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(features, 1024),
        nn.ReLU(),
        nn.Linear(1024, 10),
    )


def open_parts(name: str, source: str, n_validation: int, resources: ExitStack) -> tuple[Dataset[Any], Dataset[Any]]:
    """Return training and validation images.

    Args:
        name: `mnist` or `digits`.
        source: MNIST's folder, `<root>/MNIST/raw`.
        n_validation: Number of images to hold out.
        resources: Cleans up what is opened.
    """
    if name == "digits":
        digits = load_digits(0)
        return (
            TensorDataset(as_input(digits.train_images), digits.train_labels),
            TensorDataset(as_input(digits.validation_images), digits.validation_labels),
        )
    images = MNIST(str(_unpacked(Path(source), resources)), train=True, transform=ToTensor())
    train, validation = random_split(images, [len(images) - n_validation, n_validation])
    return train, validation


def _unpacked(folder: Path, resources: ExitStack) -> Path:
    """Return a root folder with uncompressed files, as torchvision reads them."""
    names = [name.removesuffix(".gz") for name, _ in MNIST.resources]
    if all((folder / name).exists() for name in names):
        return folder.parent.parent
    root = Path(resources.enter_context(TemporaryDirectory(prefix="mnist-tui-bench-")))
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in names:
        there = folder / name
        raw.joinpath(name).write_bytes(
            there.read_bytes() if there.exists() else gzip.decompress((folder / f"{name}.gz").read_bytes())
        )
    return root


def train_plainly(
    features: int, epochs: int, train: Dataset[Pair], validation: Dataset[Pair], device: torch.device
) -> list[tuple[float, float]]:
    """Train and validate; return the training and validation seconds of every epoch."""
    model = plain_model(features).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    train_loader = DataLoader(train, batch_size=BATCH, shuffle=True)
    validation_loader = DataLoader(validation, batch_size=BATCH)
    times = []
    for _ in range(epochs):
        start = time.perf_counter()
        model.train()
        _pass(model, train_loader, device, optimizer)
        trained = time.perf_counter()
        model.eval()
        with torch.no_grad():
            _pass(model, validation_loader, device)
        times.append((trained - start, time.perf_counter() - trained))
    return times


def _pass(
    model: nn.Module, loader: DataLoader[Pair], device: torch.device, optimizer: torch.optim.Optimizer | None = None
) -> tuple[float, float]:
    """Return mean loss and accuracy of one pass over the data."""
    loss_sum, hits, seen = 0.0, 0.0, 0
    for batch_images, batch_labels in loader:
        images, labels = batch_images.to(device), batch_labels.to(device)
        logits = model(images)
        loss = F.cross_entropy(logits, labels)
        if optimizer is not None:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        loss_sum += loss.item() * len(labels)
        hits += (logits.argmax(dim=1) == labels).sum().item()
        seen += len(labels)
    return loss_sum / seen, hits / seen


def loading_s(train: Dataset[Pair]) -> float:
    """Return how long it takes to load one batch."""
    loader = DataLoader(train, batch_size=BATCH, shuffle=True)
    start = time.perf_counter()
    count = sum(1 for _ in islice(loader, BATCHES_LOADED))
    return (time.perf_counter() - start) / count
