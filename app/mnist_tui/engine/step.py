"""Trains one batch: with PyTorch's autograd, for any network on any device, or compiled, for this network on the CPU.

Both hold the same module: its parameters are what is trained, saved and evaluated. Adam's state has the same format in
both, PyTorch's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F  # noqa: N812 - the name that the field gives it
from torch import Tensor

from mnist_tui.core.spec import RunSpec
from mnist_tui.engine.data import as_input
from mnist_tui.engine.model import BottleneckCNN

MOMENTS = ("exp_avg", "exp_avg_sq")
"""Adam's state of a parameter, besides the number of steps."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the data on the device: images (N, channels, side, side) as uint8 and labels (N,) as int64."""

    images: Tensor
    labels: Tensor


class Stepper(Protocol):
    """One network and its optimizer.

    Attributes:
        model: The network.
        images_at_once: Images to pass per call, in whole batches. Each call ends by waiting for the GIL, which the
            screen may hold for longer than a batch takes.
    """

    model: BottleneckCNN
    images_at_once: int

    def train(self, part: Part, order: Tensor, start: int, stop: int, batch_size: int, logits: Tensor) -> None:
        """Train on the images `order[start:stop]`, batch by batch; write logits (N, classes) to the same rows."""

    def evaluate(self, part: Part, start: int, stop: int, logits: Tensor, bottleneck: Tensor) -> None:
        """Write the logits (N, classes) and bottleneck (N, features) of the images from `start` to `stop`."""

    def set_rate(self, rate: float) -> None:
        """Change the learning rate from here on."""

    def optimizer_state(self) -> dict[str, Any]:
        """Return Adam's state as PyTorch's optimizer gives it."""

    def load_optimizer_state(self, state: dict[str, Any]) -> None:
        """Load what `optimizer_state` of any backend returned."""


class TorchStepper:
    """Trains with PyTorch's autograd and its Adam.

    Args:
        model: The network, on the CPU.
        spec: The settings of the run.
        device: Where to train.
        capturable: Keep all of Adam's state on the device, so that a captured step can update it.
    """

    images_at_once = 1

    def __init__(self, model: BottleneckCNN, spec: RunSpec, device: torch.device, *, capturable: bool = False) -> None:
        self.model = model.to(device).to(memory_format=model.memory_format)
        self._optimizer = torch.optim.Adam(
            model.parameters(), lr=spec.learning_rate, fused=device.type != "mps", capturable=capturable
        )

    def _input(self, images: Tensor) -> Tensor:
        return as_input(images).contiguous(memory_format=self.model.memory_format)

    def train(self, part: Part, order: Tensor, start: int, stop: int, batch_size: int, logits: Tensor) -> None:
        """Train some batches; see `Stepper.train`."""
        for first in range(start, stop, batch_size):
            place = slice(first, min(first + batch_size, stop))
            logits[place] = self._train_batch(part, order[place])

    def _train_batch(self, part: Part, index: Tensor) -> Tensor:
        """Train on these images; return their logits."""
        self.model.train()
        logits: Tensor = self.model(self._input(part.images.index_select(0, index)))
        loss = F.cross_entropy(logits, part.labels.index_select(0, index))
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()
        return logits.detach()

    def evaluate(self, part: Part, start: int, stop: int, logits: Tensor, bottleneck: Tensor) -> None:
        """Evaluate some images; see `Stepper.evaluate`."""
        self.model.eval()
        # Entered for each batch: the mode must not leak to code that runs between two steps of a generator.
        with torch.inference_mode():
            values = self.model.bottleneck(self._input(part.images[start:stop]))
            found = self.model.classify(values)
        logits[start:stop], bottleneck[start:stop] = found, values

    def set_rate(self, rate: float) -> None:
        """Change the learning rate; see `Stepper.set_rate`."""
        self._optimizer.param_groups[0]["lr"] = rate

    def optimizer_state(self) -> dict[str, Any]:
        """Return Adam's state."""
        return self._optimizer.state_dict()

    def load_optimizer_state(self, state: dict[str, Any]) -> None:
        """Load Adam's state."""
        (group,) = self._optimizer.param_groups
        ways = {name: group[name] for name in ("fused", "foreach", "capturable")}
        self._optimizer.load_state_dict(state)
        # These options depend on this device, not on the one that the state comes from.
        self._optimizer.param_groups[0].update(ways)
        for parameter, moments in self._optimizer.state.items():
            moments["step"] = moments["step"].to(parameter.device if ways["capturable"] or ways["fused"] else "cpu")
            for name in MOMENTS:
                # In the parameter's own memory format, which the fused Adam relies on.
                moments[name] = torch.empty_like(parameter).copy_(moments[name])
