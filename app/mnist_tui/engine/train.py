"""Trains one network with its optimizer: epochs and evaluations. The PyTorch trainer of `loop.RunLoop`."""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterator
from typing import Any, Final

import torch
import torch.nn.functional as F  # noqa: N812 - the name that the field gives it
from torch import Tensor

from mnist_tui.core.insight import Insight
from mnist_tui.core.setting import OFF
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.status import Status
from mnist_tui.engine.backends import make_stepper
from mnist_tui.engine.data import Dataset
from mnist_tui.engine.device import synchronize
from mnist_tui.engine.insight import take_insight
from mnist_tui.engine.model import build_model
from mnist_tui.engine.optimizers import differs
from mnist_tui.engine.own import OwnNetwork, build_own, recipe_of
from mnist_tui.engine.schedule import rates
from mnist_tui.engine.step import Batches, Network, Part
from mnist_tui.engine.trainer import NOT_FINITE, Diverged, Score, Step
from mnist_tui.errors import RunError, brief

EVAL_BATCH: Final = 250
"""Images per evaluation batch on the CPU: large enough to be fast, small enough to stay in the cache."""
EVAL_BATCH_GPU: Final = 2_500

CALLS: Final = 20
EVAL_CALLS: Final = 4
"""Minimum number of calls per epoch and per evaluation, so that progress is smooth and pausing quick."""

FORMAT: Final = 1
"""Version of the checkpoint format."""


MAX_LOSS: Final = 1e6
"""A mean loss above this counts as diverged: guessing among 10 classes gives 2.3, among 256 classes 5.5."""


def derive_seed(*parts: int | str) -> int:
    """Return a 63-bit seed derived from all parts, so that every use has its own random stream."""
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def make_model(spec: RunSpec, dataset: Dataset) -> Network:
    """Return a network with the initial weights of a run, on the CPU.

    Raises:
        RunError: The user's own network does not fit the data, or its code may not be executed.
    """
    seed, classes = derive_seed(spec.seed, "weights"), len(dataset.info.classes)
    if spec.is_own:
        last = len(dataset.train_labels) % spec.batch_size
        count = 1 if last == 1 or spec.batch_size == 1 else 2
        return build_own(recipe_of(spec, classes, dataset.channels, dataset.side), seed, count)
    model = build_model(spec.features, classes, seed, dataset.channels)
    model.dropout = spec.dropout
    return model


class Trainer:
    """Trains one network on data that is entirely on the device.

    The order of the batches depends only on (seed, epoch), so an epoch can be repeated or resumed exactly.

    Args:
        spec: The settings of the run.
        dataset: All images and labels.
        device: Where to train.
        backend: `compiled` or `torch`, as `engine.backends` chose.
        threads: CPU threads of the compiled step; PyTorch's are set for the process.
    """

    def __init__(self, spec: RunSpec, dataset: Dataset, device: torch.device, backend: str, threads: int = 1) -> None:
        self._seed = spec.seed
        self._batch_size = spec.batch_size
        self._device = device
        self._train = self._on_device(dataset.train_images, dataset.train_labels)
        self._validation = self._on_device(dataset.validation_images, dataset.validation_labels)
        self._test = self._on_device(dataset.test_images, dataset.test_labels)
        self._spec = spec
        self._rate, self._rates, self._epochs = spec.learning_rate, {spec.learning_rate}, spec.epochs
        self._newest_rate = spec.learning_rate
        self._classes = len(dataset.info.classes)
        self._stepper = make_stepper(backend, make_model(spec, dataset), spec, device, dataset.side, threads)
        # Logits are kept and scored once per epoch: cheaper than summing loss and hits in every step.
        self._logits = torch.zeros(len(dataset.train_labels), self._classes, device=device)
        self._newest, self._unchecked = self._logits[:0], self._logits[:0]
        self._newest_order = torch.zeros(0, dtype=torch.int64, device=device)
        self._seen = self._newest, self._newest

    def _on_device(self, images: Tensor, labels: Tensor) -> Part:
        return Part(images.to(self._device), labels.to(self._device))

    @property
    def model(self) -> Network:
        """The network, with its current weights."""
        return self._stepper.model

    @property
    def parameters(self) -> int:
        """Trainable parameters of the network."""
        return self.model.parameter_count

    @property
    def rate(self) -> float:
        """The learning rate of the most recent batch."""
        return self._newest_rate

    def set_rate(self, rate: float, epochs: int) -> None:
        """Change the learning rate from the next epoch on, and the length of its schedule.

        Checkpoints made with it can then be loaded.
        """
        self._rates.add(rate)
        self._rate, self._epochs = rate, epochs

    def save(self, epoch: int, batch: int, elapsed_s: float) -> bytes:
        """Return a checkpoint that `load` can resume from exactly: tensors and plain numbers, no code.

        Args:
            epoch: Finished epochs.
            batch: Batches trained of the next epoch.
            elapsed_s: Time already spent in it.
        """
        stream = io.BytesIO()
        place = {"format": FORMAT, "epoch": epoch, "batch": batch, "elapsed_s": elapsed_s}
        # Copies: a view would be saved with its whole storage.
        model = {
            name: weight.clone(memory_format=torch.contiguous_format)
            for name, weight in self.model.state_dict().items()
        }
        weights: dict[str, Any] = {"model": model, "optimizer": self._stepper.optimizer_state()}
        if isinstance(self.model, OwnNetwork):
            weights["own"] = self.model.recipe.as_dict()
        logits = self._logits[: batch * self._batch_size].clone()
        torch.save(place | weights | {"logits": logits}, stream)
        return stream.getvalue()

    def load(self, data: bytes) -> tuple[int, int, float]:
        """Load what `save` returned; return finished epochs, and batches and seconds of the epoch in progress.

        Raises:
            RunError: The checkpoint is from another version or another network.
        """
        try:
            # Only tensors and plain values: loading executes no code.
            state = torch.load(io.BytesIO(data), map_location=self._device, weights_only=True)
            self._check(state)
            self.model.load_state_dict(state["model"])
            self._stepper.load_optimizer_state(state["optimizer"])
            self._logits[: len(state["logits"])] = state["logits"]
            return state["epoch"], state["batch"], state["elapsed_s"]
        except Exception as error:
            message = f"the checkpoint was not written by this version: {brief(error)}"
            raise RunError(message, "Start a new run with the same settings") from error

    def _check(self, state: dict[str, Any]) -> None:
        """Reject a state that would load silently but give wrong results."""
        epoch, batch, elapsed_s = state["epoch"], state["batch"], state["elapsed_s"]
        if state["format"] != FORMAT:
            raise ValueError(f"format {state['format']}")
        if type(epoch) is not int or type(batch) is not int or epoch < 0 or not 0 <= batch <= self.batches:
            raise ValueError("its place in the run is damaged")
        if type(elapsed_s) is not float or not 0 <= elapsed_s < math.inf:
            raise ValueError("its time is damaged")
        if state["logits"].shape != self._logits[: batch * self._batch_size].shape:
            raise ValueError("it holds the outputs of another number of images")
        if differs(self._stepper.optimizer_state(), state["optimizer"]):
            raise ValueError("its optimizer has other settings")
        if self._spec.has_constant_rate and state["optimizer"]["param_groups"][0]["lr"] not in self._rates:
            raise ValueError("it was trained with another learning rate")
        parameters = list(self.model.parameters())
        for number, values in state["optimizer"]["state"].items():
            tensors = [value for name, value in values.items() if name != "step" and value is not None]
            if any(value.shape != parameters[number].shape for value in tensors):
                raise ValueError("its optimizer belongs to another network")

    def train_epoch(self, epoch: int, first_batch: int = 0) -> Iterator[Step]:
        """Train one epoch, one or a few batches at a time; loss and accuracy are measured while the weights change.

        Args:
            epoch: Number of the epoch, from 1; with the seed it fixes the order of the images.
            first_batch: Batches that are done already.

        Raises:
            Diverged: An output was NaN or infinite. Checked after fixed batches, so that a run always ends at the same
                one.
        """
        order = self._order(epoch)
        planned = rates(self._spec, self._rate, epoch, self._epochs, self.batches)
        is_random = self._spec.is_own or self._spec.dropout > 0 or self._spec.augment != OFF
        every, checked = max(1, self.batches // CALLS), first_batch * self._batch_size
        at_once = max(1, min(self._stepper.images_at_once, len(order) // CALLS) // self._batch_size)
        for begin in range(first_batch, self.batches, at_once):
            done = min(begin + at_once, self.batches)
            start, stop = begin * self._batch_size, min(done * self._batch_size, len(order))
            seeds = [derive_seed(self._seed, "step", epoch, at) for at in range(begin, done)] if is_random else ()
            batches = Batches(order, start, stop, self._batch_size, planned[begin:done], seeds)
            self._stepper.train(self._train, batches, self._logits)
            self._newest_rate = float(planned[done - 1])
            self._newest, self._newest_order = self._logits[start:stop], order[start:stop]
            self._unchecked = self._logits[checked:stop]
            if done == self.batches or done // every > begin // every:
                if not self.is_finite:
                    raise Diverged(NOT_FINITE)
                checked = stop
            yield Step(done, self.batches)
        labels = self._train.labels.index_select(0, order)
        # The last step may still be running on the device, and the caller measures the time next.
        synchronize(self._device)
        yield Step(self.batches, self.batches, _score(self._logits, labels))

    def _order(self, epoch: int) -> Tensor:
        generator = torch.Generator().manual_seed(derive_seed(self._seed, "order", epoch))
        return torch.randperm(len(self._logits), generator=generator).to(self._device)

    @property
    def batches(self) -> int:
        """Batches of an epoch."""
        return math.ceil(len(self._logits) / self._batch_size)

    @property
    def is_finite(self) -> bool:
        """False if an output of the most recent batches is NaN or infinite. Waits for the device."""
        return bool(torch.isfinite(self._unchecked).all())

    @property
    def newest_loss(self) -> float:
        """Mean training loss of the most recent batches. Waits for the device."""
        with torch.inference_mode():
            return float(F.cross_entropy(self._newest, self._train.labels.index_select(0, self._newest_order)))

    def validate(self) -> Iterator[Step]:
        """Score the validation images, some at a time."""
        return self._evaluate(self._validation)

    def test(self) -> Iterator[Step]:
        """Score the test images, some at a time."""
        return self._evaluate(self._test)

    def look(self, run: str, epoch: int) -> Insight:
        """Return the insight from the latest validation."""
        logits, bottleneck = self._seen
        classify = self.model.classify if self.model.can_classify else None
        return take_insight(run, epoch, self._validation.labels, logits, bottleneck, classify)

    def _evaluate(self, part: Part) -> Iterator[Step]:
        count, size = len(part.labels), EVAL_BATCH if self._device.type == "cpu" else EVAL_BATCH_GPU
        size = max(size, min(self._stepper.images_at_once, count // EVAL_CALLS))
        batches = math.ceil(count / size)
        logits = torch.zeros(count, self._classes, device=self._device)
        bottleneck = torch.zeros(count, self.model.features, device=self._device)
        for done in range(1, batches + 1):
            self._stepper.evaluate(part, (done - 1) * size, min(done * size, count), logits, bottleneck)
            yield Step(done, batches)
        self._seen = logits, bottleneck
        yield Step(batches, batches, _score(logits, part.labels))

    def explain(self, error: Exception) -> tuple[Status, str]:
        """Return the status of a run that ends with this error, and the reason in one line."""
        return Status.OUT_OF_MEMORY if _is_out_of_memory(error) else Status.FAILED, in_one_line(error)


def _is_out_of_memory(error: Exception) -> bool:
    # PyTorch's CPU allocator does not have its own error class.
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "DefaultCPUAllocator" in str(error)


def in_one_line(error: Exception) -> str:
    """Return a one-line description of an error."""
    if _is_out_of_memory(error):
        return "out of memory; use fewer features or a smaller batch"
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__


def _score(logits: Tensor, labels: Tensor) -> Score:
    """Return mean loss and accuracy from logits (N, classes) and labels (N,); the loss is averaged in float64.

    Raises:
        Diverged: The loss is not finite, or above `MAX_LOSS`.
    """
    with torch.inference_mode():
        losses = F.cross_entropy(logits, labels, reduction="none").cpu().double()
        hits = (logits.argmax(dim=1) == labels).sum()
        score = Score(loss=float(losses.mean()), accuracy=int(hits) / len(labels))
    if not math.isfinite(score.loss):
        raise Diverged(NOT_FINITE)
    if score.loss > MAX_LOSS:
        raise Diverged(f"the loss rose above {MAX_LOSS:,.0f}")
    return score
