"""Finds a learning rate: the loss of an untrained network while the rate rises from batch to batch.

Source: L. N. Smith, Cyclical Learning Rates for Training Neural Networks, 2017, section 3.3: the range test. The
suggestion is a tenth of the rate with the lowest loss. It was within a factor of two of the best rate in the runs that
docs/training.md lists, and depends less on the number of steps than the rate at the steepest fall.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from statistics import fmean, median
from typing import ClassVar, Final

from mnist_tui.core.events import Event
from mnist_tui.core.numerals import count, fixed
from mnist_tui.core.setting import check_int
from mnist_tui.errors import UsageError

IRRELEVANT: Final = frozenset({"epochs", "learning_rate", "schedule", "warmup", "patience"})
"""Settings that do not matter for a few steps, each with its own rate."""
STEPS: Final = 500
MAX_STEPS: Final = 100_000
TRIES: Final = 3
MAX_TRIES: Final = 20
LOWEST: Final = 1e-5
HIGHEST: Final = 10.0
"""Defaults of the range: Adam's usual rates lie at its lower end, plain SGD's at its upper one."""
WIDTH: Final = 0.12
"""Width of the moving average, the standard deviation of its weights, in decades."""
LEAST_FALL: Final = 0.05
"""Share of the first loss by which it must fall in every try, so that noise makes no suggestion."""
BELOW: Final = 10.0
"""The suggestion is the rate with the lowest loss, divided by this."""
_START: Final = 8
"""The first loss is that of this part of the curve, where the rates are too low to matter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RatesTried(Event):
    """Some batches of a try, each trained with a higher rate.

    Attributes:
        number: The try, from 1.
        first: The first of these batches, from 0.
        losses: Mean training loss of each batch, before its step.
    """

    type: ClassVar[str] = "rates_tried"
    number: int
    first: int
    losses: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class RangeTest:
    """What to try.

    Attributes:
        low: The first learning rate.
        high: The last one.
        steps: Number of batches, each with its own rate, at equal distances on a log axis.
        tries: How often to repeat it, each time with other weights and in another order.

    Raises:
        UsageError: One of them makes no sense.
    """

    low: float = LOWEST
    high: float = HIGHEST
    steps: int = STEPS
    tries: int = TRIES

    def __post_init__(self) -> None:
        for option, rate in (("--from", self.low), ("--to", self.high)):
            if not 0 < rate < math.inf:
                raise UsageError(f"{option} must be a finite number above 0, not {rate:g}")
        if not self.low < self.high:
            raise UsageError(
                f"the rates must rise, not go from {self.low:g} to {self.high:g}", "Choose --from below --to"
            )
        check_int("--steps", self.steps, 20, MAX_STEPS)
        check_int("--tries", self.tries, 1, MAX_TRIES)

    @property
    def exponents(self) -> tuple[float, ...]:
        """The rates, as exponents of ten."""
        first, last = math.log10(self.low), math.log10(self.high)
        return tuple(first + (last - first) * step / (self.steps - 1) for step in range(self.steps))

    @property
    def rates(self) -> tuple[float, ...]:
        """The learning rate of each batch."""
        return tuple(10**exponent for exponent in self.exponents)


@dataclass(frozen=True)
class RateFound:
    """The result of a range test.

    Attributes:
        test: What was tried.
        losses: The losses of each try, up to where it diverged.
    """

    test: RangeTest
    losses: Sequence[Sequence[float]]

    @cached_property
    def tries(self) -> list[list[float]]:
        """The losses of each try, smoothed, up to the first that is not a number."""
        return [_smoothed([*takewhile(math.isfinite, losses)], self.test) for losses in self.losses]

    @cached_property
    def curve(self) -> list[float]:
        """The median of the smoothed tries, as far as all of them went."""
        together = min(map(len, self.tries), default=0)
        return [median(losses) for losses in zip(*(one[:together] for one in self.tries), strict=True)]

    @cached_property
    def lowest(self) -> list[int]:
        """Number of the batch with the lowest loss, of each try."""
        return [min(range(len(one)), key=one.__getitem__) for one in self.tries if one]

    @cached_property
    def at(self) -> int | None:
        """The median of them; `None` if the loss did not clearly fall and rise again in each try."""
        return None if not self.lowest or self._why_none() else round(median(self.lowest))

    @property
    def rate(self) -> float | None:
        """The suggested learning rate, rounded to one digit; `None` without a suggestion."""
        return None if self.at is None else self._suggested(self.at)

    def _suggested(self, step: float) -> float:
        return float(f"{self.test.rates[round(step)] / BELOW:.1g}")

    @property
    def reason(self) -> str:
        """Explains the suggestion, or why there is none, in one or two sentences."""
        if self.at is None:
            return self._why_none()
        low, high = self._suggested(min(self.lowest)), self._suggested(max(self.lowest))
        several = f" Individual tries suggest {low:g} to {high:g}." if low < high else ""
        return (
            f"The loss fell from {fixed(_first(self.curve), 2)} to {fixed(self.curve[self.at], 2)} at a rate of "
            f"{self.test.rates[self.at]:.1g} and rose after that. A tenth of this rate leaves a margin for a full run."
            f"{several}"
        )

    def _why_none(self) -> str:
        if not all(self.tries):
            return f"The loss was not finite at {self.test.low:g}, the first rate. Lower it with --from."
        if any(one[at] > (1 - LEAST_FALL) * _first(one) for one, at in zip(self.tries, self.lowest, strict=True)):
            steps = count(self.test.steps, "step")
            return f"The loss did not fall clearly within {steps}. Try more steps (--steps) or other settings."
        if any(at >= self.test.steps - self.test.steps // _START for at in self.lowest):
            return f"The loss was still falling near the highest rate, {self.test.high:g}. Raise it with --to."
        return ""


def is_over(losses: Sequence[float], newest: Sequence[float]) -> bool:
    """Return whether a try has diverged for good, from all of its losses and the newest ones."""
    return not all(map(math.isfinite, newest)) or fmean(newest) > 2 * fmean(losses[: len(newest)])


def _first(curve: Sequence[float]) -> float:
    return median(curve[: max(1, len(curve) // _START)])


def _smoothed(losses: Sequence[float], test: RangeTest) -> list[float]:
    """Return a moving average with normal weights; it looks both ways, so that it does not lag behind."""
    apart = (math.log10(test.high) - math.log10(test.low)) / (test.steps - 1)
    reach = max(1, round(3 * WIDTH / apart))
    weights = [math.exp(-0.5 * (step * apart / WIDTH) ** 2) for step in range(-reach, reach + 1)]
    smooth = []
    for at in range(len(losses)):
        first, last = max(0, at - reach), min(len(losses), at + reach + 1)
        near = weights[first - at + reach : last - at + reach]
        smooth.append(math.fsum(w * loss for w, loss in zip(near, losses[first:last], strict=True)) / math.fsum(near))
    return smooth
