"""Looks for a learning rate in a process of its own, beside training, whose random numbers must not be disturbed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Final

from mnist_tui.core.codec import from_json_value
from mnist_tui.core.ratefinder import IRRELEVANT, RangeTest, RateFound, RatesTried
from mnist_tui.core.setting import SettingValue
from mnist_tui.core.spec import SETTINGS, RunSpec
from mnist_tui.environment import PYTHON
from mnist_tui.errors import MnistTuiError

COMMAND: Final = "find-lr"


class Finding:
    """A range test in a new process.

    Args:
        spec: The settings to find a rate for.
        test: What to try.
    """

    def __init__(self, spec: RunSpec, test: RangeTest | None = None) -> None:
        self._test = test or RangeTest()
        rates = [f"--from={self._test.low!r}", f"--to={self._test.high!r}"]
        counts = [f"--steps={self._test.steps}", f"--tries={self._test.tries}"]
        self._process = subprocess.Popen(
            [*PYTHON, "-m", "mnist_tui", COMMAND, "--json", "--allow-fallback", *rates, *counts, *as_options(spec)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __iter__(self) -> Iterator[str | RateFound]:
        """Yield what is being prepared as text, then the result so far, again and again.

        Raises:
            MnistTuiError: The process ended with an error.
        """
        losses: list[list[float]] = [[] for _ in range(self._test.tries)]
        process = self._process
        if process.stdout is None or process.stderr is None:
            raise AssertionError("both were asked for")
        with process.stdout as lines, process.stderr as complaints:
            for line in lines:
                try:
                    record = json.loads(line)
                except ValueError:
                    # The code of a network of the user may print what it likes.
                    continue
                match record:
                    case {"type": "preparing"}:
                        yield str(record["message"])
                    case {"type": RatesTried.type}:
                        tried = from_json_value(RatesTried, record)
                        losses[tried.number - 1] += tried.losses
                        yield RateFound(self._test, tuple(map(tuple, losses)))
            said = complaints.read().strip().splitlines()
        if process.wait() > 0:
            reason = said[-1].removeprefix("mnist-tui: ").rstrip(".") if said else "it gave no reason"
            raise MnistTuiError(f"no learning rate was found: {reason}")

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


def as_options(spec: RunSpec) -> list[str]:
    """Return the options of `find-lr` that stand for the settings of a run."""
    changed = [one for one in SETTINGS if one.option and one.key not in IRRELEVANT and not one.is_usual(spec)]
    own = [f"--set={option}" for option in spec.options.split()]
    return [*(f"{one.option}={_text(getattr(spec, one.key))}" for one in changed), *own]


def _text(value: SettingValue) -> str:
    return repr(value) if isinstance(value, float) else str(value)
