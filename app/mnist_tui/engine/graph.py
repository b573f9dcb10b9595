"""A training step on a CUDA device, recorded once and replayed: a small network waits for the calls, not for the GPU.

Source: PyTorch's notes on CUDA graphs.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor

from mnist_tui.core.spec import RunSpec
from mnist_tui.engine.model import BottleneckCNN
from mnist_tui.engine.step import Part, TorchStepper

_REHEARSALS: Final = 3
"""Steps before the recording, in which libraries choose their ways and take their memory."""
_CLOSE: Final = 1e-3
"""How far, relative to the step itself, a replayed step may end from a plain one."""


class GraphStepper(TorchStepper):
    """Trains whole batches by a recorded step; a smaller one, and all where recording fails, as `TorchStepper` does.

    Args:
        model: The network, on the CPU.
        spec: The settings of the run.
        device: A CUDA device.
    """

    def __init__(self, model: BottleneckCNN, spec: RunSpec, device: torch.device) -> None:
        super().__init__(model, spec, device, capturable=True)
        self._index = torch.zeros(spec.batch_size, dtype=torch.int64, device=device)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._found = torch.empty(0)
        self._tried = False

    def _train_batch(self, part: Part, index: Tensor) -> Tensor:
        if len(index) != len(self._index):
            return super()._train_batch(part, index)
        self._index.copy_(index)
        if not self._tried:
            self._tried = True
            self._record(part)
        if self._graph is None:
            return super()._train_batch(part, index)
        self._graph.replay()
        return self._found

    def set_rate(self, rate: float) -> None:
        """Train with another learning rate; a recorded step has its own."""
        if rate != self._optimizer.param_groups[0]["lr"]:
            super().set_rate(rate)
            self._graph, self._tried = None, False

    def load_optimizer_state(self, state: dict[str, Any]) -> None:
        """Take over Adam's state; a recorded step would not know it."""
        super().load_optimizer_state(state)
        self._graph, self._tried = None, False

    def _record(self, part: Part) -> None:
        """Record a step, unless that fails or it does something else than a plain one; nothing is trained by this."""
        weights = [weight.detach().clone() for weight in self.model.parameters()]
        # None before the first step: then it begins with zeros, in the place that the recording knows.
        moments = [value.clone() for value in self._moments()]
        try:
            aside = torch.cuda.Stream()
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):
                super()._train_batch(part, self._index)
                plain = [weight.detach().clone() for weight in self.model.parameters()]
                for _ in range(_REHEARSALS):
                    super()._train_batch(part, self._index)
            torch.cuda.current_stream().wait_stream(aside)
            graph = torch.cuda.CUDAGraph()
            self._optimizer.zero_grad(set_to_none=True)
            with torch.cuda.graph(graph):
                self._found = super()._train_batch(part, self._index)
            self._put_back(weights, moments)
            graph.replay()
            if self._is_as(plain, weights):
                self._graph = graph
        except RuntimeError:
            # Plainly, then: what is wrong with the device itself shows there too.
            self._graph = None
        self._put_back(weights, moments)

    def _moments(self) -> list[Tensor]:
        """Return Adam's state: all that a step changes beside the weights."""
        return [value for state in self._optimizer.state.values() for value in state.values()]

    @torch.no_grad()
    def _put_back(self, weights: list[Tensor], moments: list[Tensor]) -> None:
        """Undo what was trained, in place: the recorded step goes by the places."""
        for weight, value in zip(self.model.parameters(), weights, strict=True):
            weight.copy_(value)
        for number, place in enumerate(self._moments()):
            place.copy_(moments[number] if moments else torch.zeros_like(place))

    @torch.no_grad()
    def _is_as(self, plain: list[Tensor], before: list[Tensor]) -> bool:
        """Return whether the weights are where a plain step led."""
        steps = torch.cat([(a - b).flatten() for a, b in zip(plain, before, strict=True)])
        apart = torch.cat([(a - b).flatten() for a, b in zip(plain, self.model.parameters(), strict=True)])
        return bool(apart.norm() <= _CLOSE * steps.norm())
