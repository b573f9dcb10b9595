"""Takes numbers and settings from a script as it has them: floats, tensors, arrays, namespaces, dataclasses."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, is_dataclass
from operator import index
from typing import Any, Final

from mnist_tui.core.metric import MAX_NAME
from mnist_tui.core.script import Scalar
from mnist_tui.errors import UsageError

MAX_CONFIG_BYTES: Final = 64 * 1024
"""Size of the settings of a run, as JSON."""
_LONGEST_VALUE: Final = 500
LAST_STEP: Final = 2**62
"""Steps are stored as 64-bit integers."""


def number(value: Any) -> Any:
    """Return a value as a float; tensors on a GPU and arrays of JAX as they are, to be read later by `item`.

    Raises:
        TypeError: It is not a single number.
    """
    if isinstance(value, bool | int | float):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    if hasattr(value, "detach"):
        value = value.detach()
        if value.numel() != 1:
            raise TypeError(f"a tensor of shape {tuple(value.shape)}")
        # Reading it from a GPU would wait for all that was started there. A copy, as sums are often kept in place.
        return float(value) if value.device.type == "cpu" else value.clone()
    if getattr(value, "size", 1) != 1 or isinstance(value, str | bytes):
        what = f"an array of shape {tuple(value.shape)}" if hasattr(value, "shape") else f"{str(value)[:40]!r}"
        raise TypeError(what)
    if hasattr(value, "item") and type(value).__module__ != "numpy":
        # Arrays of JAX, CuPy and others: reading one waits for its device, too.
        return value.copy() if hasattr(value, "copy") else value
    try:
        return float(value.item() if hasattr(value, "item") else value)
    except (TypeError, ValueError):
        raise TypeError(type(value).__name__) from None


def as_step(value: Any) -> int | None:
    """Return a whole number from 0 as an int, whatever library it is of; `None` for anything else."""
    try:
        step = index(value)
    except TypeError:
        return None
    return step if not isinstance(value, bool) and 0 <= step < LAST_STEP else None


def is_name(name: object) -> bool:
    """Return whether this can be the name of a metric: printable text."""
    return isinstance(name, str) and 0 < len(name) <= MAX_NAME and name.isprintable()


def flattened(config: Any) -> dict[str, Scalar]:
    """Return the settings of a script, nested ones with dots in their names, values that are not plain as text.

    Args:
        config: A mapping, a namespace of argparse, a dataclass, or `None`.

    Raises:
        UsageError: It is none of them, or too large.
    """
    found = dict(_flat("", _as_mapping(config)))
    if len(json.dumps(found, default=str)) > MAX_CONFIG_BYTES:
        raise UsageError(f"config is larger than {MAX_CONFIG_BYTES // 1024} kB", "Leave out what is not a setting")
    return found


def _as_mapping(config: Any) -> Mapping[Any, Any]:
    if config is None:
        return {}
    if isinstance(config, Mapping):
        return config
    if is_dataclass(config) and not isinstance(config, type):
        settings: dict[str, Any] = asdict(config)
        return settings
    if hasattr(config, "__dict__") and not callable(config):
        return dict(vars(config))
    raise UsageError(f"config must be a mapping of settings, not {type(config).__name__}", "Pass config={'lr': 0.1}")


def _flat(before: str, config: Mapping[Any, Any]) -> Iterator[tuple[str, Scalar]]:
    for key, value in config.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping) and value:
            yield from _flat(f"{name}.", value)
        elif value is None or isinstance(value, str | bool):
            yield name, value
        elif isinstance(value, int | float):
            # As plain Python numbers: a whole number beyond 64 bits would not be read back.
            is_plain = math.isfinite(value) and abs(value) < 2**63
            yield name, (int(value) if isinstance(value, int) else float(value)) if is_plain else str(value)
        elif hasattr(value, "item") and getattr(value, "size", 1) == 1:
            yield from _flat(before, {key: value.item()})
        else:
            yield name, str(value)[:_LONGEST_VALUE]
