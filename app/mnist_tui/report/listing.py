"""Console tables: the comparison, past runs, and one run in full."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mnist_tui.core.codec import dumps, to_json_value
from mnist_tui.core.events import SCHEMA, EpochDone
from mnist_tui.core.fields import ALL, REPORT_COLUMNS, SETTING_FIELDS, Field
from mnist_tui.core.metric import Metric
from mnist_tui.core.setting import in_words
from mnist_tui.core.spec import BY_KEY, RunSpec
from mnist_tui.core.state import RunState
from mnist_tui.core.table import ComparisonTable
from mnist_tui.core.units import Unit
from mnist_tui.report.export import people_cells, people_footnotes
from mnist_tui.report.fitting import TextColumn, print_fitting
from mnist_tui.report.formatting import (
    NOTHING,
    format_device,
    format_duration,
    format_loss,
    format_moment,
    format_percent,
    format_points,
    format_rate,
    format_seconds,
    printable,
    status_style,
    status_text,
)
from mnist_tui.report.measures import best_of, format_metric, label_of, progress_of, ranked, result_of, value_of

MAX_EPOCHS_SHOWN: Final = 1_000
"""Maximum epochs printed for one run; `--json` prints all."""
_PIPE_WIDTH: Final = 1000
"""Width of an output that is not a terminal: wide enough that no line wraps."""


class Output(Console):
    """A console that raises an error on a broken pipe instead of exiting the process."""

    def on_broken_pipe(self) -> None:
        """Re-raise the error; Rich calls this inside its exception handler."""
        raise


def unfolded(console: Console) -> Console:
    """Turn off line wrapping unless the console is a terminal; return the console."""
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    return console


def print_comparison(table: ComparisonTable, out: Console | None = None) -> None:
    """Print the table; on a narrow terminal, leave out columns that are not in the report and name them below."""
    out = unfolded(out or Output())
    rows = people_cells(table)
    kept = {column.key for column in REPORT_COLUMNS} | {"status"}
    if any((row.number("n_seeds") or 0) > 1 for row in table.rows):
        kept.add("n_seeds")
    columns = [
        TextColumn(
            column.title,
            [Text(f"* {row[i].text}", "bold") if row[i].best else Text(row[i].text) for row in rows],
            right=column.unit is not Unit.TEXT,
            gives_way=0 if column.key in kept else 1 + i,
        )
        for i, column in enumerate(table.columns)
    ]
    hidden = print_fitting(columns, out)
    notes = people_footnotes(table)
    if table.best:
        notes.append("* Best in its column.")
    if hidden:
        notes.append(f"Too narrow for: {', '.join(hidden)}. --json and export show them.")
    for note in notes:
        out.print(Text(note, "dim"))


NO_RUNS: Final = "No runs yet. Start one with: mnist-tui run"


def print_runs(
    runs: Sequence[RunState], *, as_json: bool = False, out: Console | None = None, nothing: str = NO_RUNS
) -> None:
    """Print past runs in the given order: a table, or one JSON object per line; `nothing` if there are none."""
    out = out or Output()
    if as_json:
        for run in runs:
            out.file.write(dumps(run_to_json(run)) + "\n")
        out.file.flush()
    elif not runs:
        out.print(Text(nothing))
    else:
        hidden = print_fitting(_runs_columns(runs), unfolded(out))
        if hidden:
            out.print(Text(f"Too narrow for: {', '.join(hidden)}. mnist-tui show RUN prints everything.", "dim"))


def print_run(run: RunState, *, as_json: bool = False, out: Console | None = None) -> None:
    """Print one run in full: settings, machine, result and every epoch; or one JSON object."""
    out = out or Output()
    if as_json:
        record = run_to_json(run)
        record |= {"history": [e.to_json() for e in run.history], "marks": [m.to_json() for m in run.marks]}
        out.file.write(dumps(record) + "\n")
        out.file.flush()
        return
    unfolded(out)
    facts = Table.grid(padding=(0, 2))
    for name, text in _facts(run):
        facts.add_row(Text(name, "dim"), text)
    out.print(facts)
    if run.history:
        out.line()
        shown = thinned(run)
        columns = _epochs_columns(shown, run.best) if run.network is not None else _named_columns(run, shown)
        print_fitting(columns, out)
        if len(shown) < len(run.history):
            out.print(Text(f"{len(shown)} of {len(run.history):,} epochs, evenly spaced. --json prints all.", "dim"))
        notes = []
        if run.network is not None:
            notes.append("Improvement: change in validation accuracy, in percentage points.")
            notes.append("Error Reduction: relative decrease of the validation error in this epoch.")
        if run.best is not None and run.primary is not None:
            notes.append(f"* Best {'validation accuracy' if run.network else label_of(run.primary)}.")
        for note in notes:
            out.print(Text(note, "dim"))


def run_to_json(run: RunState) -> dict[str, Any]:
    """Return a run without its epochs as plain JSON values."""
    return {
        "type": "run",
        "schema": SCHEMA,
        "run": run.run,
        "sweep": run.sweep,
        "status": str(run.status),
        "epochs": run.epochs,
        "epochs_done": run.epochs_done,
        "started_at": run.started_at,
        "name": run.labels.name,
        "tags": list(run.labels.tags),
        "note": run.labels.note,
        "parameters": run.parameters,
        "spec": to_json_value(run.spec),
        "dataset": to_json_value(run.dataset),
        "machine": to_json_value(run.machine),
        "result": run.result.to_json() if run.result else None,
    }


def _runs_columns(runs: Sequence[RunState]) -> list[TextColumn]:
    def column(title: str, text: Callable[[RunState], str], *, right: bool = False, gives_way: int = 0) -> TextColumn:
        return TextColumn(title, [Text(text(run)) for run in runs], right=right, gives_way=gives_way)

    labels = [
        column("Name", lambda run: printable(run.labels.name), gives_way=4),
        column("Tags", lambda run: printable(" ".join(run.labels.tags)), gives_way=5),
    ]
    first = [
        column("Run", lambda run: printable(run.run)),
        *(one for one in labels if any(cell.plain for cell in one.cells)),
        column("Started", lambda run: format_moment(run.started_at), gives_way=2),
        TextColumn("Status", [Text(status_text(run.status), status_style(run.status)) for run in runs]),
    ]
    time = column("Total Training Time", lambda run: format_duration(_total_training_time_s(run)), right=True)
    if all(run.network is None for run in runs):
        return [*first, column("Done", progress_of, right=True), column("Result", result_of, right=True), time]
    return [
        *first,
        column("Epochs", lambda run: f"{run.epochs_done}/{run.epochs or '?'}", right=True),
        column("Features", lambda run: ALL["features"].in_words(run) or NOTHING, right=True),
        column("Seed", lambda run: NOTHING if run.spec.seed is None else str(run.spec.seed), right=True, gives_way=1),
        column("Dataset", lambda run: printable(run.dataset.name) if run.dataset else NOTHING, gives_way=3),
        column("Last Val Accuracy", result_of, right=True),
        column(
            "Test Accuracy", lambda run: format_percent(run.result.test_accuracy if run.result else None), right=True
        ),
        time,
    ]


def _total_training_time_s(run: RunState) -> float:
    return run.result.total_training_time_s if run.result else run.elapsed_s


def thinned(run: RunState) -> list[EpochDone]:
    """Return at most about `MAX_EPOCHS_SHOWN` evenly spaced epochs, including the first, last and best."""
    history = run.history
    if len(history) <= MAX_EPOCHS_SHOWN:
        return list(history)
    step = math.ceil(len(history) / MAX_EPOCHS_SHOWN)
    kept = {*range(0, len(history), step), len(history) - 1}
    if run.best is not None:
        kept.add(history.index(run.best))
    return [history[i] for i in sorted(kept)]


def _number_column(title: str, texts: Iterable[str], gives_way: int = 0) -> TextColumn:
    return TextColumn(title, [Text(text) for text in texts], right=True, gives_way=gives_way)


def _epochs_columns(history: Sequence[EpochDone], best: EpochDone | None) -> list[TextColumn]:
    return [
        _number_column("Epoch", (f"* {e.epoch}" if e is best else str(e.epoch) for e in history)),
        _number_column("Train Loss", (format_loss(e.train_loss) for e in history)),
        _number_column("Train Accuracy", (format_percent(e.train_accuracy) for e in history)),
        _number_column("Val Loss", (format_loss(e.val_loss) for e in history)),
        _number_column("Val Accuracy", (format_percent(e.val_accuracy) for e in history)),
        _number_column("Improvement", (format_points(e.improvement_points) for e in history)),
        _number_column("Error Reduction", (format_percent(e.error_reduction, 1) for e in history), gives_way=1),
        _number_column("Time", (format_seconds(e.epoch_s) for e in history)),
        _number_column("Speed", (format_rate(e.images_per_s) for e in history), gives_way=2),
    ]


def _named_columns(run: RunState, history: Sequence[EpochDone]) -> list[TextColumn]:
    """Return the columns of a script's epochs: a number each."""

    def named(one: Metric, at: int) -> TextColumn:
        texts = (format_metric(one, e.value(one.name)) if one.name in e.values else NOTHING for e in history)
        return _number_column(printable(one.name), texts, gives_way=at)

    known = {name for epoch in history for name in epoch.values}
    return [
        _number_column("Epoch", (f"* {e.epoch}" if e is run.best else str(e.epoch) for e in history)),
        *(named(one, at) for at, one in enumerate(ranked(run)) if one.name in known),
        _number_column("Time", (format_seconds(e.epoch_s) for e in history)),
    ]


_IN_WORDS_OF_THEIR_OWN: Final = {
    *("epochs", "features", "seed", "split_seed", "batch_size", "learning_rate", "rate_changes", "patience"),
    *("dataset", "device", "backend", "threads", "parameters", "optimizer", "model", "model_digest", "options"),
}


def _called(run: RunState) -> list[tuple[str, str]]:
    labels = run.labels
    deleted = f"{format_moment(labels.deleted_at)}, undo with `mnist-tui restore`" if labels.deleted_at else ""
    return [("Name", labels.name), ("Tags", " ".join(labels.tags)), ("Note", labels.note), ("Deleted", deleted)]


def rates_in_words(run: RunState) -> str:
    """Return the learning rate of a run and its changes: `0.001, then 0.004 from epoch 4`."""
    first = f"{run.network.learning_rate:g}" if run.network is not None else ""
    return ", then ".join(filter(None, [first, run.rate_changes]))


def other_settings(runs: Sequence[RunState]) -> Iterator[Field]:
    """Yield the settings that have no dedicated line in the reports, if a run has another value than the usual one."""
    specs = [run.network for run in runs if run.network is not None]
    for field in SETTING_FIELDS:
        one = BY_KEY.get(field.key)
        is_told = one is None or not one.is_quiet or any(not one.is_usual(spec) for spec in specs)
        if field.key not in _IN_WORDS_OF_THEIR_OWN and is_told:
            yield field


def _network(spec: RunSpec) -> list[tuple[str, str]]:
    if not spec.is_own:
        return [("Features", str(spec.features))]
    return [("Model", f"{spec.model} {spec.options}".rstrip()), ("Model SHA-256", spec.model_digest[:16])]


def _settings(run: RunState) -> list[tuple[str, str]]:
    """Return the settings of a run as names and values."""
    if (script := run.script) is not None:
        resumed = "; ".join(run.differs)
        source = ("Source", f"{script.tool}, {script.source}") if script.tool else ("Script", script.source)
        known = [source, ("Project", script.project), ("Rate changes", run.rate_changes)]
        known.append(("Resumed", resumed))
        return [pair for pair in known if pair[1]] + [(key, in_words(value)) for key, value in script.config.items()]
    spec = run.network
    if spec is None:
        return []
    return [
        *_network(spec),
        ("Seed", f"{spec.seed}, split seed {spec.split_seed}"),
        ("Batch size", str(spec.batch_size)),
        ("Learning rate", rates_in_words(run)),
        *([("Optimizer", spec.optimizer)] if spec.optimizer != RunSpec().optimizer else []),
        *([("Patience", f"{spec.patience} epochs")] if spec.patience is not None else []),
        *((field.name, field.in_words(run)) for field in other_settings([run]) if field.get(run) is not None),
    ]


def _facts(run: RunState) -> list[tuple[str, Text]]:
    data, machine, result = run.dataset, run.machine, run.result
    status = Text(status_text(run.status), status_style(run.status))
    if result is not None and result.reason:
        status.append(f"  {printable(result.reason)}", "default")
    facts = [
        ("Run", Text(printable(run.run), "bold")),
        *((title, Text(printable(text))) for title, text in _called(run) if text),
        ("Started", Text(format_moment(run.started_at))),
        ("Status", status),
        ("Epochs", Text(f"{run.epochs_done} of {run.epochs}")) if run.network else ("Done", Text(progress_of(run))),
        *((name, Text(printable(text))) for name, text in _settings(run)),
    ]
    if run.parameters is not None:
        facts.append(("Parameters", Text(f"{run.parameters:,}")))
    if data is not None:
        sizes = f"{data.n_train:,} / {data.n_validation:,} / {data.n_test:,}"
        facts.append(("Dataset", Text(f"{printable(data.label)}: {sizes} training, validation and test images")))
    if machine is not None:
        device = f"{printable(machine.device_name)}: {format_device(machine)}"
        versions = ", ".join(f"{printable(name)} {printable(v)}" for name, v in machine.versions.items())
        facts += [
            ("Device", Text(device)),
            ("Computer", Text(f"{printable(machine.host)}, {printable(machine.system)}")),
            ("Versions", Text(versions)),
        ]
    if result is not None and run.network is None:
        for one in ranked(run):
            best = best_of(run, one)
            at = f" in epoch {epoch.epoch}" if (epoch := run.best_of(one)) is not None else ""
            more = f", best {format_metric(one, best)}{at}" if best is not None else ""
            facts.append((printable(one.name), Text(f"{format_metric(one, value_of(run, one))}{more}")))
        facts.append(("Total Training Time", Text(format_duration(result.total_training_time_s))))
    elif result is not None:
        best_at = f" in epoch {result.best_epoch}" if result.best_epoch is not None else ""
        facts += [
            ("Last Epoch Accuracy", Text(format_percent(result.last_epoch_accuracy))),
            ("Last Epoch Time", Text(format_seconds(result.last_epoch_time_s))),
            ("Last Val Accuracy", Text(format_percent(result.last_val_accuracy))),
            ("Best Val Accuracy", Text(format_percent(result.best_val_accuracy) + best_at)),
            ("Test Accuracy", Text(format_percent(result.test_accuracy))),
            ("Test Loss", Text(format_loss(result.test_loss))),
            ("Total Training Time", Text(format_duration(result.total_training_time_s))),
        ]
    return facts
