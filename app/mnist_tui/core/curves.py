"""A run with everything that it logged, as other programs get it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mnist_tui.core.columns import ELAPSED
from mnist_tui.core.points import PointSeries
from mnist_tui.core.state import RunState


@dataclass(frozen=True, slots=True)
class Curves:
    """A run with everything that it logged.

    Attributes:
        run: The run, with its epochs.
        names: Metrics that it logged at its steps.
        points: Returns the points of one of them.
    """

    run: RunState
    names: Sequence[str]
    points: Callable[[str], PointSeries]

    def series(self) -> Iterator[tuple[str, Sequence[int], Sequence[float]]]:
        """Yield name, steps and values of each metric: what was logged at steps, else its values by epoch."""
        for name in self.names:
            series = self.points(name)
            yield name, series.steps, series.values
        history = self.run.history
        for name in dict.fromkeys(name for epoch in history for name in epoch.values):
            if name not in self.names:
                known = [epoch for epoch in history if name in epoch.values]
                yield name, [epoch.step or epoch.epoch for epoch in known], [epoch.values[name] for epoch in known]

    @property
    def whole(self) -> Mapping[str, float]:
        """The numbers of the run as a whole, such as those of a test."""
        result = self.run.result
        tested = {}
        if self.run.network is not None and result is not None and result.test_accuracy is not None:
            tested["test_accuracy"] = result.test_accuracy
            if result.test_loss is not None:
                tested["test_loss"] = result.test_loss
        return {**self.run.results, **tested}

    @property
    def began(self) -> float:
        """When the run began, in seconds since 1970; 0 if that is damaged."""
        try:
            return datetime.fromisoformat(self.run.started_at).timestamp()
        except ValueError:
            return 0.0

    def times(self, steps: Sequence[int]) -> Iterator[float]:
        """Yield about when each of some steps was reached, in seconds since 1970.

        Only the ends of epochs are recorded; between them, steps count as evenly spaced.
        """
        elapsed = list(self.run.columns.values(ELAPSED))
        places = [epoch.step or epoch.epoch for epoch in self.run.history]
        if not places:
            places, elapsed = [max(steps, default=1)], [self.run.elapsed_s]
        known_steps, known_times = [0, *places], [0.0, *elapsed]
        for step in steps:
            after = min(max(1, bisect_right(known_steps, step)), len(known_steps) - 1)
            first, last = known_steps[after - 1], known_steps[after]
            share = min(1.0, (step - first) / (last - first)) if last > first else 1.0
            yield self.began + known_times[after - 1] + share * (known_times[after] - known_times[after - 1])
