"""The command that finds a learning rate."""

from __future__ import annotations

from mnist_tui.core.codec import dumps
from mnist_tui.core.events import Notice, Preparing
from mnist_tui.core.ratefinder import RangeTest, RateFound, RatesTried
from mnist_tui.core.spec import RunSpec
from mnist_tui.engine import compile_early
from mnist_tui.report.listing import Output, unfolded
from mnist_tui.report.ratechart import print_rates
from mnist_tui.streams import say


def find_rate(spec: RunSpec, test: RangeTest, *, as_json: bool) -> int:
    """Try rising learning rates; print the losses as a chart, and a suggestion with its reason.

    Args:
        spec: The settings to find a rate for.
        test: The rates to try.
        as_json: Print JSON lines: the losses as they are known, then the result.
    """
    said = ""

    def tell(message: str) -> None:
        nonlocal said
        if not as_json and message != said:
            say(message)
        said = message

    tell("loading PyTorch")
    compile_early([spec])
    from mnist_tui.engine.finder import try_rates

    losses: list[list[float]] = [[] for _ in range(test.tries)]
    for event in try_rates(spec, test):
        match event:
            case RatesTried():
                losses[event.number - 1] += event.losses
                tell(f"try {event.number} of {test.tries}")
            case Preparing():
                tell(event.message)
            case Notice():
                say(event.message)
        if as_json and not isinstance(event, Notice):
            print(dumps(event.to_json()), flush=True)
    found = RateFound(test, losses)
    if as_json:
        print(dumps({"type": "rate_found", "rate": found.rate, "reason": found.reason}), flush=True)
    else:
        out = Output()
        print_rates(found, out if out.is_terminal else unfolded(out))
    return 0
