"""Captures a training step as a CUDA graph and replays it: a small network waits for kernel launches, not for the GPU.

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
"""Warm-up steps before the capture, in which libraries choose algorithms and allocate memory."""
_CLOSE: Final = 1e-3
"""Maximum deviation of a replayed step from an eager one, relative to the step itself."""


class GraphStepper(TorchStepper):
    """Trains full batches by replaying a captured step; smaller ones, or all if capturing fails, like `TorchStepper`.

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

    def _set_rate(self, rate: float) -> None:
        """Change the learning rate; discards the captured step, which has its own."""
        if rate != self._optimizer.param_groups[0]["lr"]:
            super()._set_rate(rate)
            self._graph, self._tried = None, False

    def load_optimizer_state(self, state: dict[str, Any]) -> None:
        """Load Adam's state; discards the captured step, which would not use it."""
        super().load_optimizer_state(state)
        self._graph, self._tried = None, False

    def _record(self, part: Part) -> None:
        """Capture a step, and keep it if it matches an eager one; weights and Adam's state are restored afterwards."""
        weights = [weight.detach().clone() for weight in self.model.parameters()]
        # Empty before the first step: the state is then reset to zeros, in the memory that the graph uses.
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
            # Fall back to eager steps: a fault of the device itself shows up there too.
            self._graph = None
        self._put_back(weights, moments)

    def _moments(self) -> list[Tensor]:
        """Return Adam's state: everything a step changes besides the weights."""
        return [value for state in self._optimizer.state.values() for value in state.values()]

    @torch.no_grad()
    def _put_back(self, weights: list[Tensor], moments: list[Tensor]) -> None:
        """Restore weights and Adam's state in place: the graph is bound to their memory."""
        for weight, value in zip(self.model.parameters(), weights, strict=True):
            weight.copy_(value)
        for number, place in enumerate(self._moments()):
            place.copy_(moments[number] if moments else torch.zeros_like(place))

    @torch.no_grad()
    def _is_as(self, plain: list[Tensor], before: list[Tensor]) -> bool:
        """Return whether the weights are close to those after an eager step."""
        steps = torch.cat([(a - b).flatten() for a, b in zip(plain, before, strict=True)])
        apart = torch.cat([(a - b).flatten() for a, b in zip(plain, self.model.parameters(), strict=True)])
        return bool(apart.norm() <= _CLOSE * steps.norm())
