"""One network and its optimizer: an epoch of training, an evaluation. No events, no clock."""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import torch
import torch.nn.functional as F  # noqa: N812 - the name that the field gives it
from torch import Tensor

from mnist_tui.core.spec import RunSpec
from mnist_tui.engine.data import Dataset, as_input
from mnist_tui.engine.model import CLASSES, build_model
from mnist_tui.errors import RunError

EVAL_BATCH: Final = 250
"""Images per evaluation batch: large enough to be fast, small enough to stay in the cache."""

CHANNELS_LAST_FROM: Final = 8
"""From this width on, convolutions on the CPU are faster with the channels innermost."""


FORMAT: Final = 1
"""Number of the form of checkpoints."""


@dataclass(frozen=True, slots=True)
class Score:
    """Mean loss (cross-entropy, natural logarithm) and accuracy (fraction) over one part of the data."""

    loss: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Step:
    """What is done of an epoch or an evaluation.

    Attributes:
        done, total: Batches.
        score: The result, in a last step of its own; `None` before.
    """

    done: int
    total: int
    score: Score | None = None


def derive_seed(*parts: int | str) -> int:
    """Return a 63-bit seed that follows from all parts, so that every use draws numbers of its own."""
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


class Trainer:
    """Trains one network on tensors that lie on the device as a whole.

    The order of the batches follows from (seed, epoch), so an epoch can be repeated or resumed exactly.

    Args:
        spec: The settings of the run.
        dataset: All images and labels.
        device: Where to train.
    """

    def __init__(self, spec: RunSpec, dataset: Dataset, device: torch.device) -> None:
        self._seed = spec.seed
        self._batch_size = spec.batch_size
        self._device = device
        self._memory_format = torch.channels_last if spec.features >= CHANNELS_LAST_FROM else torch.contiguous_format
        self.model = build_model(spec.features, derive_seed(spec.seed, "weights"))
        self.model.to(device).to(memory_format=self._memory_format)
        self._optimizer = torch.optim.Adam(self.model.parameters(), lr=spec.learning_rate, fused=device.type != "mps")
        self._train = self._on_device(dataset.train_images, dataset.train_labels)
        self._validation = self._on_device(dataset.validation_images, dataset.validation_labels)
        self._test = self._on_device(dataset.test_images, dataset.test_labels)
        # Logits are kept and scored once per epoch: cheaper than summing loss and hits in every step.
        self._logits = torch.empty(len(dataset.train_labels), CLASSES, device=device)
        self._last_loss: Tensor | None = None

    def _on_device(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        return images.to(self._device), labels.to(self._device)

    def save(self, epoch: int, batch: int, elapsed_s: float) -> bytes:
        """Return all that `load` needs to go on exactly: tensors and plain numbers, no code.

        Args:
            epoch: Finished epochs.
            batch: Batches trained of the epoch after that.
            elapsed_s: Time already spent in it.
        """
        stream = io.BytesIO()
        place = {"format": FORMAT, "epoch": epoch, "batch": batch, "elapsed_s": elapsed_s}
        weights = {"model": self.model.state_dict(), "optimizer": self._optimizer.state_dict()}
        # A copy: a slice would be saved with all that it was cut from.
        logits = self._logits[: batch * self._batch_size].clone()
        torch.save(place | weights | {"logits": logits}, stream)
        return stream.getvalue()

    def load(self, data: bytes) -> tuple[int, int, float]:
        """Take over what `save` returned; return finished epochs, batches and seconds of the one in progress.

        Raises:
            RunError: It is of another version or another network.
        """
        try:
            # Nothing but tensors and plain values: loading runs no code.
            state = torch.load(io.BytesIO(data), map_location=self._device, weights_only=True)
            self._check(state)
            self.model.load_state_dict(state["model"])
            self._optimizer.load_state_dict(state["optimizer"])
            self._logits[: len(state["logits"])] = state["logits"]
            return state["epoch"], state["batch"], state["elapsed_s"]
        except Exception as error:
            message = f"the checkpoint is not one of this version: {' '.join(str(error).split())[:200]}"
            raise RunError(message, "Start a new run with the same settings") from error

    def _check(self, state: dict[str, Any]) -> None:
        """Refuse what would be taken without a word and give other numbers."""
        epoch, batch, elapsed_s = state["epoch"], state["batch"], state["elapsed_s"]
        if state["format"] != FORMAT:
            raise ValueError(f"format {state['format']}")
        if type(epoch) is not int or type(batch) is not int or epoch < 0 or not 0 <= batch <= self.batches:
            raise ValueError("its place in the run is damaged")
        if type(elapsed_s) is not float or not 0 <= elapsed_s < math.inf:
            raise ValueError("its time is damaged")
        if state["logits"].shape != self._logits[: batch * self._batch_size].shape:
            raise ValueError("it holds the outputs of another number of images")
        (ours,), (theirs,) = self._optimizer.state_dict()["param_groups"], state["optimizer"]["param_groups"]
        if any(theirs[name] != ours[name] for name in ("lr", "betas", "eps", "weight_decay", "amsgrad", "params")):
            raise ValueError("its optimizer has other settings")
        parameters = list(self.model.parameters())
        for number, moments in state["optimizer"]["state"].items():
            if any(moments[name].shape != parameters[number].shape for name in ("exp_avg", "exp_avg_sq")):
                raise ValueError("its optimizer belongs to another network")

    def train_epoch(self, epoch: int, first_batch: int = 0) -> Iterator[Step]:
        """Train one epoch, a step at a time; loss and accuracy are those met on the way.

        Args:
            epoch: Number of the epoch, from 1; with the seed it fixes the order of the images.
            first_batch: Batches that are done already.
        """
        images, labels = self._train
        order = self._order(epoch)
        batches = order.split(self._batch_size)
        self.model.train()
        for done, index in enumerate(batches[first_batch:], start=first_batch + 1):
            logits = self.model(self._input(images.index_select(0, index)))
            loss = F.cross_entropy(logits, labels.index_select(0, index))
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self._optimizer.step()
            self._last_loss = loss.detach()
            start = (done - 1) * self._batch_size
            self._logits[start : start + len(index)] = logits.detach()
            yield Step(done, len(batches))
        yield Step(len(batches), len(batches), _score(self._logits, labels.index_select(0, order)))

    def _input(self, images: Tensor) -> Tensor:
        return as_input(images).contiguous(memory_format=self._memory_format)

    def _order(self, epoch: int) -> Tensor:
        generator = torch.Generator().manual_seed(derive_seed(self._seed, "order", epoch))
        return torch.randperm(len(self._logits), generator=generator).to(self._device)

    @property
    def batches(self) -> int:
        """Batches of an epoch."""
        return math.ceil(len(self._logits) / self._batch_size)

    @property
    def is_finite(self) -> bool:
        """False once the loss is NaN or infinite; a NaN in the weights never goes away. Waits for the device."""
        return self._last_loss is None or bool(torch.isfinite(self._last_loss))

    def validate(self) -> Iterator[Step]:
        """Score the validation images, a batch at a time."""
        return self._evaluate(*self._validation)

    def test(self) -> Iterator[Step]:
        """Score the test images, a batch at a time."""
        return self._evaluate(*self._test)

    def _evaluate(self, images: Tensor, labels: Tensor) -> Iterator[Step]:
        self.model.eval()
        scored = []
        batches = images.split(EVAL_BATCH)
        for done, images_of_batch in enumerate(batches, start=1):
            # Entered for each batch: a mode must not leak to whoever runs between two steps of a generator.
            with torch.inference_mode():
                scored.append(self.model(self._input(images_of_batch)))
            yield Step(done, len(batches))
        yield Step(len(batches), len(batches), _score(torch.cat(scored), labels))


def _score(logits: Tensor, labels: Tensor) -> Score:
    """Return the means over logits (N, 10) and labels (N,), summed in float64 where the device has it."""
    with torch.inference_mode():
        losses = F.cross_entropy(logits, labels, reduction="none").cpu().double()
        hits = (logits.argmax(dim=1) == labels).sum()
        return Score(loss=float(losses.mean()), accuracy=int(hits) / len(labels))
