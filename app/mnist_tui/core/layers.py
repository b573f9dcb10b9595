"""The layers of a network: what each gives, how many parameters it has, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer, or what is left of the network beside its layers.

    Attributes:
        name: Its name in the network, such as `body.conv1`; empty for what is left: activations, pooling and the like.
        kind: Its class, such as `Conv2d`.
        shape: Shape of what it gives for one image; empty if that is no tensor, or it is not called.
        parameters: Its own trainable parameters.
        share: Its share of the time of a forward pass, from 0 to 1; `None` if it was not measured.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    share: float | None
