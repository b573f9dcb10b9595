"""Benchmark measurements: samples, their spread, and targets."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Measurement:
    """A quantity measured several times.

    Attributes:
        name: Identifier ending in the unit: `_s`, `_ms`, `_bytes`, `_per_s`, `_per_h`, `_share`, `_ratio`.
        what: Description.
        samples: One value per repeat, in order.
        features: Bottleneck width; `None` if not applicable.
        reach: Target for the median; `None` for no target.
        at_least: The target is a minimum instead of a maximum.
    """

    name: str
    what: str
    samples: tuple[float, ...]
    features: int | None = None
    reach: float | None = None
    at_least: bool = False

    @property
    def median(self) -> float:
        """Median of the samples."""
        return statistics.median(self.samples)

    @property
    def reached(self) -> bool | None:
        """Whether the median meets the target; `None` without a target."""
        if self.reach is None:
            return None
        return self.median >= self.reach if self.at_least else self.median <= self.reach

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "type": "measurement",
            "name": self.name,
            "features": self.features,
            "median": self.median,
            "min": min(self.samples),
            "max": max(self.samples),
            "n": len(self.samples),
            "reach": self.reach,
            "at_least": self.at_least if self.reach is not None else None,
            "reached": self.reached,
        }


def ratio(
    name: str,
    what: str,
    above: Measurement,
    below: Measurement,
    reach: float | None = None,
    *,
    at_least: bool = False,
) -> Measurement:
    """Return `above / below`, paired by repeat."""
    samples = tuple(a / b for a, b in zip(above.samples, below.samples, strict=True))
    return Measurement(name, what, samples, above.features, reach, at_least)


def percentile_95(samples: Sequence[float]) -> float:
    """Return the smallest value that at least 95 % of the samples do not exceed."""
    return sorted(samples)[math.ceil(0.95 * len(samples)) - 1]
