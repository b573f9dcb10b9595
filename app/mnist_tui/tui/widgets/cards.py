"""Small panels beside the charts: the run, its improvement, the system."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import Static

from mnist_tui.core.metrics import spread
from mnist_tui.core.numerals import fixed
from mnist_tui.core.script import ScriptSpec
from mnist_tui.core.setting import in_words
from mnist_tui.core.spec import SETTINGS, RunSpec, in_brief
from mnist_tui.core.state import RunState
from mnist_tui.report.formatting import (
    NOTHING,
    format_device,
    format_duration,
    format_loss,
    format_percent,
    format_points,
    printable,
    shortened,
)
from mnist_tui.report.measures import best_of, format_metric, label_of, progress_of, ranked, value_of
from mnist_tui.report.sparkline import changes, sparkline
from mnist_tui.runtime.system import SystemLoad

GIB = 1024**3
MOST_SETTINGS = 8
"""Maximum number of a script's settings shown."""
MOST_NUMBERS = 10
"""Maximum number of metrics shown."""
MOST_READINGS = 120
"""Maximum number of classes shown."""


_USUAL_SHAPES = ("28x28", "0x0")
"""Sizes of images that are not worth a word: MNIST's, and an unknown one."""


_ELSEWHERE = frozenset({"optimizer", "side", "model", "options"})
"""Settings that have a place of their own on the card."""


MOST_TITLE: Final = 14
"""Cells of the longest title in a card."""


def two_columns(pairs: Iterable[tuple[str, str | Content]]) -> Content:
    """Return titles and values in two columns, one pair per line."""
    known = list(pairs)
    width = min(MOST_TITLE, max((cell_len(name) for name, _ in known), default=0)) + 1
    named = [(f"{shortened(name, MOST_TITLE):<{max(10, width)}}", value) for name, value in known]
    return Content("\n").join(Content.assemble((name, "$text-muted"), value) for name, value in named)


class Card(Static):
    """A panel whose layout is recomputed only when its number of lines changes."""

    DEFAULT_CSS = "Card { height: auto; }"

    def __init__(self) -> None:
        super().__init__(classes="card")
        self._shown = Content("")

    def put(self, content: Content) -> None:
        """Show this content."""
        if content != self._shown:
            before, lines = self._shown.plain.split("\n"), content.plain.split("\n")
            # Wrapped lines make the card taller than its number of lines.
            folds = any(cell_len(line) > self.content_size.width for line in (*before, *lines))
            self._shown = content
            self.update(content, layout=folds or len(lines) != len(before))


class RunCard(Card):
    """The settings of a run and its results so far."""

    BORDER_TITLE = "Run"

    def show(self, run: RunState | None) -> None:
        """Show the run."""
        if run is None:
            self.put(
                Content.styled(
                    "No run yet.\nPress r to start one with these\nsettings, t for the report's two runs.",
                    "$text-muted",
                )
            )
            return
        best, last, result = run.best, run.last, run.result
        pairs = [("done" if run.network is None else "epochs", progress_of(run))]
        if run.script is not None:
            pairs += _script_settings(run, run.script)
        if (spec := run.network) is not None:
            pairs += [
                *_network(spec, run.parameters),
                (spec.optimizer, f"lr {_rates(run)}{f', {how}' if (how := _how(spec)) else ''}"),
                ("batch", f"{spec.batch_size} images, seed {spec.seed}"),
            ]
        if run.dataset is not None and run.network is not None:
            data = run.dataset
            pairs += [
                ("data", f"{printable(data.label)}{'' if data.shape in _USUAL_SHAPES else f', {data.shape}'}"),
                ("split", f"{data.n_train:,}/{data.n_validation:,}/{data.n_test:,}"),
            ]
        if run.machine is not None:
            pairs.append(("device", format_device(run.machine)))
        pairs.append(("time", format_duration(run.elapsed_s)))
        if last is not None and run.network is not None:
            pairs.append(("val", f"{format_percent(last.val_accuracy)}, loss {format_loss(last.val_loss)}"))
        if best is not None and run.primary is not None:
            pairs.append(("best", f"{format_metric(run.primary, best.value(run.primary.name))} in epoch {best.epoch}"))
        if result is not None and result.test_accuracy is not None:
            pairs.append(("test", f"{format_percent(result.test_accuracy)}, loss {format_loss(result.test_loss)}"))
        if result is not None and result.reason:
            pairs.append(("reason", printable(result.reason)))
        pairs.append(("id", printable(run.run)))
        self.put(two_columns(pairs))


def _script_settings(run: RunState, script: ScriptSpec) -> list[tuple[str, str]]:
    source = ("source", f"{script.tool}: {script.command}") if script.tool else ("script", script.command)
    known = [source, *((key, in_words(value)) for key, value in script.config.items())]
    known = known[: MOST_SETTINGS + 1]
    known.append(("changed", f"lr {run.rate_changes}" if run.rates else ""))
    known.append(("size", f"{run.parameters:,} parameters" if run.parameters else ""))
    return [(shortened(name, 9), printable(text)) for name, text in known if text]


class NumbersCard(Card):
    """The numbers of a script's run: newest and best."""

    BORDER_TITLE = "Numbers"

    def show(self, run: RunState | None) -> None:
        """Show the run; nothing for the built-in network, which has cards of its own."""
        if run is None or run.network is not None:
            return
        known = ranked(run)
        if not known:
            self.put(Content.styled("Nothing logged yet.", "$text-muted"))
            return
        rows = []
        for one in known[:MOST_NUMBERS]:
            best, epoch = best_of(run, one), run.best_of(one)
            at = f" @{epoch.epoch}" if epoch is not None else ""
            more = f"  ★ {format_metric(one, best)}{at}" if best is not None else ""
            name = Content.styled(f"{shortened(label_of(one), 14):<15}", "$text-muted")
            rows.append(Content.assemble(name, format_metric(one, value_of(run, one)), (more, "$text-accent")))
        if len(known) > MOST_NUMBERS:
            rows.append(Content.styled(f"and {len(known) - MOST_NUMBERS} more", "$text-muted"))
        self.put(Content("\n").join(rows))


def _network(spec: RunSpec, parameters: int | None) -> list[tuple[str, str]]:
    size = f"{parameters:,} parameters" if parameters else ""
    if spec.is_own:
        return [("network", printable(spec.network)), *([("size", size)] if size else [])]
    return [("features", f"{spec.features}{f'  ({size})' if size else ''}")]


def _how(spec: RunSpec) -> str:
    """Return the settings of the training that are not the usual ones, besides the optimizer."""
    told = (one for one in SETTINGS if one.is_quiet and one.key not in _ELSEWHERE and not one.is_usual(spec))
    return ", ".join(in_brief(one, spec) for one in told)


def _rates(run: RunState) -> str:
    """Return the learning rates of a run; if there are many, the first and the last."""
    rates = run.all_rates
    shown = [f"{rate:g}" for rate in (rates if len(rates) < 3 else (rates[0], rates[-1]))]
    return ("→" if len(rates) < 3 else "…→").join(shown)


class ImprovementCard(Card):
    """How much the last epochs improved the validation accuracy."""

    BORDER_TITLE = "Improvement per epoch"

    def show(self, run: RunState | None) -> None:
        """Show changes of the validation accuracy in percentage points."""
        room = max(8, self.size.width - 2)
        steps = [e for e in run.history[-room:] if e.improvement_points is not None] if run else []
        if not steps:
            self.put(Content.styled("Available after two epochs.", "$text-muted"))
            return
        points = [e.improvement_points or 0.0 for e in steps]
        recent = points[-3:]
        mean = spread(recent)
        pairs = [
            ("last", f"{format_points(points[-1])} points"),
            ("errors", _fewer(steps[-1].error_reduction)),
            (f"last {len(recent)}", f"{format_points(mean.mean if mean else None)} points/epoch"),
        ]
        course = [Content.styled(block, "$text-error" if lost else "$primary") for block, lost in changes(points)]
        self.put(Content("\n").join([Content("").join(course), two_columns(pairs)]))


def _fewer(reduction: float | None) -> str:
    """Return how much the errors fell, or rose."""
    if reduction is None or not math.isfinite(reduction):
        return NOTHING
    return f"{fixed(abs(100 * reduction), 1)}% {'fewer' if reduction >= 0 else 'more'}"


class SystemCard(Card):
    """CPU, memory, and the GPU if there is one."""

    BORDER_TITLE = "System"

    def __init__(self) -> None:
        super().__init__()
        self._past: deque[SystemLoad] = deque(maxlen=MOST_READINGS)

    def _course(self, share: Callable[[SystemLoad], float]) -> Content:
        """Return the newest readings as a curve from 0 to 1, which ends on the right."""
        room = max(6, self.size.width - 34)
        values = [share(load) for load in self._past][-room:]
        return Content.styled(sparkline(values, low=0.0, high=1.0).rjust(room), "$primary")

    def show(self, load: SystemLoad) -> None:
        """Show the newest reading and those before it."""
        self._past.append(load)
        rows: list[tuple[str, str | Content]] = [
            ("cpu", Content.assemble(self._course(lambda past: past.cpu), f" {load.cpu:4.0%} of {load.cores} cores")),
            (
                "memory",
                Content.assemble(
                    self._course(lambda past: past.memory_used_bytes / past.memory_total_bytes),
                    f" {load.memory_used_bytes / GIB:.1f} of {load.memory_total_bytes / GIB:.0f} GiB",
                ),
            ),
            ("app", f"{load.process_bytes / GIB:.2f} GiB"),
        ]
        if load.gpu is None:
            rows.append(("gpu", "none"))
        else:
            gpu = load.gpu
            used = f"{gpu.memory_used_bytes / GIB:.1f} of {gpu.memory_total_bytes / GIB:.0f} GiB"
            rows += [
                (
                    "gpu",
                    Content.assemble(self._course(_gpu_load), f" {gpu.load:4.0%}"),
                ),
                ("", f"{printable(gpu.name)}, {used}"),
            ]
        self.put(two_columns(rows))


def _gpu_load(load: SystemLoad) -> float:
    return load.gpu.load if load.gpu is not None else 0.0
