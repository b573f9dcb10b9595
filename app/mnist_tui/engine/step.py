"""Trains one batch: with PyTorch's autograd, for any network on any device, or compiled, for this network on the CPU.

Both hold the same module: its parameters are what is trained, saved and evaluated. The optimizer's state has the same
format in both, PyTorch's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import torch
import torch.nn.functional as F  # noqa: N812 - the name that the field gives it
from torch import Tensor

from mnist_tui.core.setting import OFF
from mnist_tui.core.spec import RunSpec
from mnist_tui.engine.augment import augmented
from mnist_tui.engine.data import as_input
from mnist_tui.engine.model import BottleneckCNN
from mnist_tui.engine.optimizers import load_state, make_optimizer
from mnist_tui.engine.own import OwnNetwork

Network: TypeAlias = BottleneckCNN | OwnNetwork


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the data on the device: images (N, channels, side, side) as uint8 and labels (N,) as int64."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True, slots=True)
class Batches:
    """Some batches of an epoch.

    Attributes:
        order: Indices of all images of the epoch, int64 (N,), on the device.
        start, stop: The images to train on: `order[start:stop]`.
        size: Images per batch; the last one may be smaller.
        rates: The learning rate of each of these batches, float64 (batches,).
        seeds: A seed for each of them, for whatever is random in a step; empty if nothing is.
    """

    order: Tensor
    start: int
    stop: int
    size: int
    rates: Any
    seeds: Sequence[int] = ()

    def __iter__(self) -> Iterator[tuple[int, slice]]:
        """Yield the number of each batch, from 0, and its place in `order`."""
        for number, first in enumerate(range(self.start, self.stop, self.size)):
            yield number, slice(first, min(first + self.size, self.stop))


class Stepper(Protocol):
    """One network and its optimizer.

    Attributes:
        images_at_once: Images to pass per call, in whole batches. Each call ends by waiting for the GIL, which the
            screen may hold for longer than a batch takes.
    """

    images_at_once: int

    @property
    def model(self) -> Network:
        """The network."""

    def train(self, part: Part, batches: Batches, logits: Tensor) -> None:
        """Train batch by batch; write logits (N, classes) to the rows of the images in the order of the epoch."""

    def evaluate(self, part: Part, start: int, stop: int, logits: Tensor, bottleneck: Tensor) -> None:
        """Write the logits (N, classes) and bottleneck (N, features) of the images from `start` to `stop`."""

    def optimizer_state(self) -> dict[str, Any]:
        """Return the optimizer's state as PyTorch gives it."""

    def load_optimizer_state(self, state: dict[str, Any]) -> None:
        """Load what `optimizer_state` of any backend returned."""


class TorchStepper:
    """Trains with PyTorch's autograd and its optimizers.

    Args:
        model: The network, on the CPU.
        spec: The settings of the run.
        device: Where to train.
        capturable: Keep all of the optimizer's state on the device, so that a captured step can update it.
    """

    images_at_once = 1

    def __init__(self, model: Network, spec: RunSpec, device: torch.device, *, capturable: bool = False) -> None:
        self.model = model.to(device).to(memory_format=model.memory_format)
        self._optimizer = make_optimizer(spec, model.parameters(), device, capturable=capturable)
        self._device = device
        self._augment, self._smoothing = spec.augment, spec.label_smoothing

    def _input(self, images: Tensor) -> Tensor:
        return as_input(images).contiguous(memory_format=self.model.memory_format)

    def train(self, part: Part, batches: Batches, logits: Tensor) -> None:
        """Train some batches; see `Stepper.train`."""
        for number, place in batches:
            self._set_rate(float(batches.rates[number]))
            if batches.seeds:
                # Of the global generators, which dropout uses: nothing else of this program does.
                self._seed(batches.seeds[number])
            logits[place] = self._train_batch(part, batches.order[place])

    def _seed(self, seed: int) -> None:
        # Not `torch.manual_seed`: it asks every kind of device, which takes longer than a small step.
        torch.default_generator.manual_seed(seed)
        if self._device.type == "cuda":
            torch.cuda.manual_seed(seed)
        elif self._device.type == "mps":
            torch.mps.manual_seed(seed)

    def _set_rate(self, rate: float) -> None:
        self._optimizer.param_groups[0]["lr"] = rate

    def _train_batch(self, part: Part, index: Tensor) -> Tensor:
        """Train on these images; return their logits."""
        if not self.model.training:
            self.model.train()
        images = as_input(part.images.index_select(0, index))
        if self._augment != OFF:
            images = augmented(images, self._augment)
        logits: Tensor = self.model(images.contiguous(memory_format=self.model.memory_format))
        loss = F.cross_entropy(logits, part.labels.index_select(0, index), label_smoothing=self._smoothing)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()
        return logits.detach()

    def evaluate(self, part: Part, start: int, stop: int, logits: Tensor, bottleneck: Tensor) -> None:
        """Evaluate some images; see `Stepper.evaluate`."""
        self.model.eval()
        # Entered for each batch: the mode must not leak to code that runs between two steps of a generator.
        with torch.inference_mode():
            found, values = self.model.look(self._input(part.images[start:stop]))
        logits[start:stop], bottleneck[start:stop] = found, values

    def optimizer_state(self) -> dict[str, Any]:
        """Return the optimizer's state."""
        return self._optimizer.state_dict()

    def load_optimizer_state(self, state: dict[str, Any]) -> None:
        """Load the optimizer's state."""
        load_state(self._optimizer, state)
