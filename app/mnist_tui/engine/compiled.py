"""The compiled step behind the interface of `engine.step`: PyTorch's tensors outside, `engine.kernels` inside."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any, Final

import torch
from torch import Tensor

from mnist_tui.core.spec import RunSpec
from mnist_tui.engine import kernels
from mnist_tui.engine.model import BottleneckCNN
from mnist_tui.engine.step import Batches, Part

MOMENTS: Final = ("exp_avg", "exp_avg_sq")
"""Adam's state of a parameter, besides the number of steps."""
_IMAGES_AT_ONCE: Final = 6_400
"""Images per call, divided by the number of features: a call takes about 20 ms on one thread."""


class CompiledStepper:
    """Trains the report's network on the CPU with compiled loops.

    Args:
        model: The network. Its parameters become views of the array that the loops work on.
        spec: The settings of the run.
        side: Width and height of the images.
        threads: Number of threads that share a batch; results do not depend on it.
    """

    def __init__(self, model: BottleneckCNN, spec: RunSpec, side: int, threads: int) -> None:
        self.model = model
        self.images_at_once = _IMAGES_AT_ONCE // model.features
        self._layout = kernels.layout(side, model.features, model.hidden_units, model.classes)
        # Allocated by PyTorch, so that they are aligned to a cache line.
        self._state = torch.zeros(3, self._layout.size)
        self._weights, self._mean, self._square = self._state.numpy()
        self._sums = kernels.zeros(kernels.SHARES * self._layout.size)
        self._rate, self._steps = spec.learning_rate, 0
        for parameter, place in zip(model.parameters(), self._views(0), strict=True):
            parameter.data = place.copy_(parameter.detach())
        threads = min(threads, kernels.SHARES)
        self._bounds = [kernels.SHARES * thread // threads for thread in range(threads + 1)]
        self._scratch = [kernels.scratch(self._layout) for _ in range(threads)]
        self._helpers = ThreadPoolExecutor(threads - 1, "training") if threads > 1 else None

    def _views(self, row: int) -> list[Tensor]:
        """Return views of a row of the state, 0 for the weights, in the order and the shapes of the parameters."""
        at, features, hidden, classes = self._layout, self.model.features, self._layout.hidden, self._layout.classes
        flat = self._state[row]
        return [
            flat[at.kernel1 : at.bias1].view(features, 1, 3, 3),
            flat[at.bias1 : at.kernel2],
            flat[at.kernel2 : at.bias2].view(features, features, 3, 3),
            flat[at.bias2 : at.hidden_weight],
            flat[at.hidden_weight : at.hidden_bias].view(features, hidden).t(),
            flat[at.hidden_bias : at.output_weight],
            flat[at.output_weight : at.output_bias].view(at.rows, hidden)[:classes],
            flat[at.output_bias :][:classes],
        ]

    def train(self, part: Part, batches: Batches, logits: Tensor) -> None:
        """Train some batches; see `Stepper.train`."""
        if self._helpers is None:
            self._train(part, batches, logits)
            return
        for number, place in batches:
            rates = batches.rates[number : number + 1]
            self._train(part, replace(batches, start=place.start, stop=place.stop, rates=rates), logits)

    def _train(self, part: Part, batches: Batches, logits: Tensor) -> None:
        """Train some batches, or a single one if helper threads share it."""
        span = batches.start, batches.stop, batches.size
        batch = self._layout, self._weights, *_flat(part.images, part.labels, batches.order), span
        step, self._rate = self._steps + 1, float(batches.rates[-1])
        self._steps += math.ceil((batches.stop - batches.start) / batches.size)
        rest = self._sums, logits.view(-1).numpy(), kernels.NONE, self._mean, self._square
        spans = [
            (*batch, shares, scratch, *rest)
            for shares, scratch in zip(pairwise(self._bounds), self._scratch, strict=True)
        ]
        if self._helpers is None:
            kernels.run(*spans[0], step, batches.rates)
            return
        helped = [self._helpers.submit(partial(kernels.run, *span, 0, kernels.NO_RATES)) for span in spans[1:]]
        kernels.run(*spans[0], 0, kernels.NO_RATES)
        for share in helped:
            share.result()
        kernels.run(*batch, (0, 0), self._scratch[0], *rest, step, batches.rates)

    def evaluate(self, part: Part, start: int, stop: int, logits: Tensor, bottleneck: Tensor) -> None:
        """Evaluate some images; see `Stepper.evaluate`."""
        images, order = _flat(part.images, torch.arange(len(part.images)))
        batch = self._layout, self._weights, images, order, order, (start, stop, max(1, stop - start))
        out = kernels.NONE, *_flat(logits, bottleneck), kernels.NONE, kernels.NONE
        kernels.run(*batch, (0, kernels.SHARES), self._scratch[0], *out, 0, kernels.NO_RATES)

    def optimizer_state(self) -> dict[str, Any]:
        """Return a copy of Adam's state in PyTorch's format and memory layout."""
        state = {}
        for number, moments in enumerate(zip(self._views(1), self._views(2), strict=True)):
            found = {name: moment.contiguous().clone() for name, moment in zip(MOMENTS, moments, strict=True)}
            state[number] = {"step": torch.tensor(float(self._steps)), **found}
        # Without PyTorch's own optimizer: its imports take as long to load as PyTorch itself.
        group = {
            "lr": self._rate,
            "betas": (kernels.BETA1, kernels.BETA2),
            "eps": kernels.EPSILON,
            "weight_decay": 0,
            "amsgrad": False,
            "fused": True,
            "params": list(state),
        }
        return {"state": state, "param_groups": [group]}

    def load_optimizer_state(self, state: dict[str, Any]) -> None:
        """Load Adam's state."""
        for number, *places in zip(state["state"], self._views(1), self._views(2), strict=True):
            moments = state["state"][number]
            self._steps = int(moments["step"])
            for name, place in zip(MOMENTS, places, strict=True):
                place.copy_(moments[name])


def _flat(*tensors: Tensor) -> list[Any]:
    """Return tensors as one-dimensional arrays that share their memory."""
    return [tensor.view(-1).numpy() for tensor in tensors]
