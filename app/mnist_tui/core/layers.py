"""The layers of a network: what each gives, how many parameters it has, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer of a network, or the rest of the network outside its layers.

    Attributes:
        name: Its name in the network, such as `body.conv1`; empty for the rest: activations, pooling and so on.
        kind: Its class, such as `Conv2d`.
        shape: Shape of its output for one image; empty if it is not a tensor, or if the layer is never called.
        parameters: Its own trainable parameters.
        share: Its share of the time of a forward pass, from 0 to 1; `None` if it was not measured.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    share: float | None
