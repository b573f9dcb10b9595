"""Several processes that train one model: the first reports and hears orders, and all obey at the same step."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any, Final

from mnist_tui.core.control import Requests

_RANKS: Final = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK")
"""Where launchers put the rank; not LOCAL_RANK, which is 0 on every machine."""
EACH: Final = 10
"""Steps between two agreements: each costs a broadcast."""
PAUSED_S: Final = 5.0
"""How often a paused rank 0 tells the others that they wait: their own limits are minutes."""


def is_first() -> bool:
    """Return whether this process reports: it was not started by a launcher, or is its rank 0."""
    return next((os.environ[name] for name in _RANKS if os.environ.get(name)), "0") == "0"


def group() -> Any:
    """Return `torch.distributed` if several processes train together, else `None`."""
    found = getattr(sys.modules.get("torch"), "distributed", None)
    if found is None or not found.is_available() or not found.is_initialized() or found.get_world_size() < 2:
        return None
    return found


@dataclass(frozen=True, slots=True)
class Decision:
    """What all ranks do now.

    Attributes:
        stop: End the run here.
        stop_after_epoch: End it after the epoch.
        paused: Wait for the next decision.
        save: Save the state.
        epochs: The number of epochs to reach; 0 to keep it.
        rate: The learning rate to set; 0 to keep it.
    """

    stop: bool = False
    stop_after_epoch: bool = False
    paused: bool = False
    save: bool = False
    epochs: int = 0
    rate: float = 0.0


def decide(requests: Requests, *, epochs: int, done: int, save: bool) -> Decision:
    """Return what the requests ask for now.

    Args:
        requests: The requests to a run.
        epochs: Its number of epochs; 0 if it cannot be changed.
        done: The epochs that it cannot go below.
        save: A save was ordered.
    """
    paused = requests.paused
    return Decision(
        stop=requests.stops_now,
        stop_after_epoch=requests.stopping and not requests.stops_now,
        paused=paused,
        save=save,
        epochs=requests.epochs(epochs, done) if epochs else 0,
        rate=requests.take_rate() or 0.0,
    )


def shared(decision: Decision, distributed: Any, device: str) -> Decision:
    """Return the decision of rank 0, which passes it on to all others; collective.

    Args:
        decision: What rank 0 decided; ignored on the others.
        distributed: `torch.distributed`, initialised.
        device: The device of this rank's model.
    """
    import torch

    is_on_gpu = distributed.get_backend() == "nccl"
    flags = map(float, (decision.stop, decision.stop_after_epoch, decision.paused, decision.save))
    told = [*flags, float(decision.epochs), decision.rate]
    # NCCL only sends GPU tensors, and each rank must use a different GPU.
    place = "cpu" if not is_on_gpu else device if device != "cpu" else "cuda"
    numbers = torch.tensor(told, dtype=torch.float64, device=place)
    distributed.broadcast(numbers, 0)
    stop, after, paused, save, epochs, rate = numbers.tolist()
    return Decision(bool(stop), bool(after), bool(paused), bool(save), int(epochs), rate)
