"""Looks into a network: runs images through it and watches its layers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

import torch
from torch import Tensor, nn

from mnist_tui.core.layers import Layer
from mnist_tui.engine.own import OwnNetwork
from mnist_tui.engine.saved import network_of
from mnist_tui.engine.train import in_one_line
from mnist_tui.errors import RunError

IMAGES: Final = 64
"""Images of a pass: a usual batch."""
PASSES: Final = 5
"""The times are medians of so many passes, after one that is not measured."""


def layers_of(checkpoint: bytes, channels: int, side: int) -> tuple[Layer, ...]:
    """Return the layers of a checkpoint's network in the order in which they are called.

    Args:
        checkpoint: As `Trainer.save` wrote it.
        channels: Channels of the run's images.
        side: Their width and height.

    Raises:
        RunError: As `network_of`, or the network fails.
    """
    model = network_of(checkpoint)
    network: nn.Module = model.module if isinstance(model, OwnNetwork) else model
    images = torch.zeros(IMAGES, channels, side, side)
    images = images.contiguous(memory_format=model.memory_format)
    network.to(memory_format=model.memory_format)
    try:
        return _watched(network, images)
    except Exception as error:
        raise RunError(f"the layers cannot be measured: {in_one_line(error)}") from error


def _watched(network: nn.Module, images: Tensor) -> tuple[Layer, ...]:
    names = {module: name for name, module in network.named_modules()}
    passes: list[dict[nn.Module, int]] = []
    shapes: dict[nn.Module, tuple[int, ...]] = {}
    calls: list[_Call] = []

    def before(_module: nn.Module, _inputs: Any) -> None:
        calls.append(_Call(time.perf_counter_ns()))

    def after(module: nn.Module, _inputs: Any, output: Any) -> None:
        call, now = calls.pop(), time.perf_counter_ns()
        if calls:
            calls[-1].is_leaf = False
        # A module that calls none of its parts, as attention does, is a layer as a whole.
        if call.is_leaf:
            passes[-1][module] = passes[-1].get(module, 0) + now - call.started
            first = output[0] if isinstance(output, tuple | list) and output else output
            shapes[module] = tuple(first.shape[1:]) if isinstance(first, Tensor) else ()

    hooks = [module.register_forward_pre_hook(before) for module in names]
    hooks += [module.register_forward_hook(after) for module in names]
    whole = []
    try:
        for _ in range(PASSES + 1):
            passes.append({})
            started = time.perf_counter_ns()
            with torch.inference_mode():
                network(images)
            whole.append(time.perf_counter_ns() - started)
    finally:
        for hook in hooks:
            hook.remove()
    total = median(whole[1:])
    shares = {module: median(times.get(module, 0) for times in passes[1:]) / total for module in shapes}
    counted: set[int] = set()
    layers = [_layer(names[module], module, shapes[module], counted, shares[module]) for module in shapes]
    # What is not called in a pass, and parameters outside of layers, come last.
    others = [
        _layer(name, module, (), counted, None, deep=False) for module, name in names.items() if module not in shapes
    ]
    rest = Layer(name="", kind="", shape=(), parameters=0, share=max(0.0, 1 - sum(shares.values())))
    return (*layers, *(one for one in others if one.parameters), rest)


@dataclass(slots=True)
class _Call:
    """A call of a module that has not returned yet."""

    started: int
    is_leaf: bool = True


def _layer(
    name: str, module: nn.Module, shape: tuple[int, ...], counted: set[int], share: float | None, *, deep: bool = True
) -> Layer:
    """Return a layer with the parameters that no layer before it has counted: they may be shared."""
    own = [one for one in module.parameters(recurse=deep) if one.requires_grad and id(one) not in counted]
    counted.update(map(id, own))
    kind = type(module).__name__
    return Layer(name=name or kind, kind=kind, shape=shape, parameters=sum(one.numel() for one in own), share=share)
