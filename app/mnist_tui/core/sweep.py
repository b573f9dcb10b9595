"""A grid of runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, Final

from mnist_tui.core.setting import SettingValue
from mnist_tui.core.spec import BY_KEY, RunSpec
from mnist_tui.errors import UsageError

MAX_RUNS: Final = 10_000
"""Maximum number of runs in a grid."""
_TOGETHER: Final = ("optimizer", "momentum", "schedule", "warmup")
"""Settings of which not every combination makes sense."""
_ORDER: Final = {key: number for number, key in enumerate(BY_KEY)}


@dataclass(frozen=True, slots=True)
class SweepSpec:
    """A grid of runs: every combination of the values of some settings.

    Attributes:
        base: The other settings, which all runs share.
        values: The values to try, by the key of the setting.
    """

    base: RunSpec = field(default_factory=RunSpec)
    values: Mapping[str, tuple[SettingValue, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key, values in self.values.items():
            one = BY_KEY[key]
            if not values:
                raise UsageError(f"{one.plural} must name at least one value")
            for value in values:
                one.validate(value)
        if self.n_runs > MAX_RUNS:
            raise UsageError(
                f"a grid may have at most {MAX_RUNS:,} runs, and this one has {self.n_runs:,}", "Name fewer values"
            )

        together = (*_TOGETHER, "epochs") if any(self.of("warmup")) else _TOGETHER
        for combination in product(*map(self.of, together)):
            replace(self.base, **dict(zip(together, combination, strict=True)))

    def of(self, key: str) -> tuple[Any, ...]:
        """Return the values of a setting, without duplicates."""
        return tuple(dict.fromkeys(self.values.get(key, (getattr(self.base, key),))))

    @property
    def n_runs(self) -> int:
        """The number of runs in the grid."""
        return math.prod(len(self.of(key)) for key in self.values)

    def runs(self) -> tuple[RunSpec, ...]:
        """Return the runs, seeds varying slowest so that every setting has a first result early, epochs fastest."""
        keys = sorted(self.values, key=lambda key: (key != "seed", -_ORDER[key]))
        return tuple(
            replace(self.base, **dict(zip(keys, combination, strict=True)))
            for combination in product(*(self.of(key) for key in keys))
        )


def grid(base: RunSpec | None = None, **values: tuple[Any, ...]) -> SweepSpec:
    """Return a grid of the values of some settings: `grid(epochs=(10, 20), seed=(0, 1))`."""
    return SweepSpec(base or RunSpec(), values)


REPORT_PRESET: Final = grid(epochs=(10, 20), features=(2,))
"""The two runs of the report: 10 and 20 epochs at 2 features."""
