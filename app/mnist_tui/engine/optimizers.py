"""PyTorch's optimizers, by the names that the setting has for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import torch
from torch import Tensor

from mnist_tui.core.spec import RunSpec

USUAL_DECAY: Final = {"adamw": 0.01}
"""Weight decay that PyTorch uses by default, where it is not 0."""
_FREE: Final = frozenset(
    {"lr", "initial_lr", "fused", "foreach", "capturable", "differentiable", "decoupled_weight_decay"}
)
"""Options that may differ between a checkpoint and the run that loads it."""


def decay_of(spec: RunSpec) -> float:
    """Return the weight decay of a run."""
    return USUAL_DECAY.get(spec.optimizer, 0.0) if spec.weight_decay is None else spec.weight_decay


def make_optimizer(
    spec: RunSpec, parameters: Iterable[Tensor], device: torch.device, *, capturable: bool = False
) -> torch.optim.Optimizer:
    """Return the optimizer of a run.

    Args:
        spec: Its settings.
        parameters: What to optimize, on the device.
        device: Where that is.
        capturable: Keep all of the state on the device, so that a captured step can update it.
    """
    common: dict[str, Any] = {"lr": spec.learning_rate, "weight_decay": decay_of(spec)}
    fused = device.type != "mps"
    match spec.optimizer:
        case "sgd":
            return torch.optim.SGD(parameters, momentum=spec.momentum, **common)
        case "rmsprop":
            return torch.optim.RMSprop(parameters, momentum=spec.momentum, **common)
        case "adamw":
            return torch.optim.AdamW(parameters, fused=fused, capturable=capturable, **common)
        case _:
            return torch.optim.Adam(parameters, fused=fused, capturable=capturable, **common)


def load_state(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load a state that was saved on any device, into the memory formats of the parameters."""
    (group,) = optimizer.param_groups
    ways: dict[str, Any] = {name: group[name] for name in ("fused", "foreach", "capturable") if name in group}
    optimizer.load_state_dict(state)
    # These options depend on this device, not on the one that the state comes from.
    optimizer.param_groups[0].update(ways)
    on_device = ways.get("capturable") or ways.get("fused")
    for parameter, values in optimizer.state.items():
        for name, value in values.items():
            if name == "step":
                values[name] = value.to(parameter.device if on_device else "cpu")
            elif isinstance(value, Tensor):
                # In the parameter's own memory format, which the fused Adam relies on.
                values[name] = torch.empty_like(parameter).copy_(value)


def differs(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    """Return whether two states have different options; those that one of them lacks do not count."""
    (ours,), (theirs,) = ours["param_groups"], theirs["param_groups"]
    return any(theirs[name] != ours[name] for name in ours.keys() & theirs.keys() - _FREE)
