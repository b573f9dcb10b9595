"""Looks into a network: runs images through it and watches its layers."""

from __future__ import annotations

import time
from collections import defaultdict
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
        raise RunError(f"the network cannot be looked into: {in_one_line(error)}") from error


def _watched(network: nn.Module, images: Tensor) -> tuple[Layer, ...]:
    names = {module: name for name, module in network.named_modules()}
    shown = [module for module in names if not any(module.children())]
    begun: dict[nn.Module, int] = {}
    took: defaultdict[nn.Module, list[int]] = defaultdict(list)
    shapes: dict[nn.Module, tuple[int, ...]] = {}

    def before(module: nn.Module, _inputs: Any) -> None:
        begun[module] = time.perf_counter_ns()

    def after(module: nn.Module, _inputs: Any, output: Any) -> None:
        took[module][-1] += time.perf_counter_ns() - begun[module]
        first = output[0] if isinstance(output, tuple | list) and output else output
        shapes[module] = tuple(first.shape[1:]) if isinstance(first, Tensor) else ()

    hooks = [module.register_forward_pre_hook(before) for module in shown]
    hooks += [module.register_forward_hook(after) for module in shown]
    whole = []
    try:
        for _ in range(PASSES + 1):
            for module in shown:
                took[module].append(0)
            started = time.perf_counter_ns()
            with torch.inference_mode():
                network(images)
            whole.append(time.perf_counter_ns() - started)
    finally:
        for hook in hooks:
            hook.remove()
    total = median(whole[1:])
    shares = {module: median(took[module][1:]) / total for module in shown if module in shapes}
    # In the order of the calls; what is not called in a pass comes last.
    order = [*shapes, *(module for module in names if module not in shapes and _own(module))]
    layers = [
        Layer(
            name=names[module] or type(module).__name__,
            kind=type(module).__name__,
            shape=shapes.get(module, ()),
            parameters=_own(module),
            share=shares.get(module),
        )
        for module in order
    ]
    return (*layers, Layer(name="", kind="", shape=(), parameters=0, share=max(0.0, 1 - sum(shares.values()))))


def _own(module: nn.Module) -> int:
    return sum(one.numel() for one in module.parameters(recurse=False) if one.requires_grad)
