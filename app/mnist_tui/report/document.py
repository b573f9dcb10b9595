"""The written report: data, network, protocol and results, as a single HTML or Markdown file."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mnist_tui.core.configs import config_fields
from mnist_tui.core.events import EpochDone
from mnist_tui.core.insight import Insight
from mnist_tui.core.metrics import spread
from mnist_tui.core.scripttable import build_tables
from mnist_tui.core.state import RunState
from mnist_tui.core.stored import ValidationSet
from mnist_tui.core.units import Unit
from mnist_tui.report.curves import charted, quantity_of
from mnist_tui.report.export import people_cells, people_footnotes
from mnist_tui.report.formatting import (
    format_device,
    format_loss,
    format_moment,
    format_percent,
    format_points,
    format_reduction,
    format_seconds,
    printable,
    status_text,
)
from mnist_tui.report.insights import class_names, confusions
from mnist_tui.report.listing import other_settings, rates_in_words, thinned
from mnist_tui.report.measures import format_metric, label_of, progress_of, ranked
from mnist_tui.report.page import Block, Figure, Table, Title, to_html, to_markdown
from mnist_tui.report.svg import Curve, Layer, confusion, layers_of, network, picture, plot
from mnist_tui.version import __version__

MAX_RUNS: Final = 20
"""Runs described one by one; the table lists all of them."""
MAX_EPOCHS: Final = 40
"""Maximum rows in the table of epochs of a run."""


@dataclass(frozen=True, slots=True)
class RunEvidence:
    """A run and what its network learned.

    Attributes:
        run: The run, with its epochs.
        insight: Insight of its last epoch, if there is one.
        pictures: The validation images, if they were stored.
    """

    run: RunState
    insight: Insight | None = None
    pictures: ValidationSet | None = None


def write_report(told: Sequence[RunEvidence], *, as_html: bool, generated_at: str) -> str:
    """Return the report on one or more runs.

    Args:
        told: The runs.
        as_html: Return HTML instead of Markdown.
        generated_at: ISO 8601 time.
    """
    title = _title([each.run for each in told])
    made = f"Written by mnist-tui {__version__}, {format_moment(generated_at)}. All numbers are from these runs."
    blocks = [made, *_blocks(told)]
    return to_html(title, blocks) if as_html else to_markdown(title, blocks)


def _title(runs: Sequence[RunState]) -> str:
    built_in = [run for run in runs if run.network is not None]
    if built_in:
        return "Training a small CNN on " + ", ".join(dict.fromkeys(map(_data_of, built_in)))
    return "Runs of " + ", ".join(dict.fromkeys(printable(run.spec.brief) for run in runs))


def _data_of(run: RunState) -> str:
    return printable(run.dataset.label) if run.dataset is not None else "unknown data"


# Contents ------------------------------------------------------------------------------------------------


def _blocks(told: Sequence[RunEvidence]) -> list[Block]:
    runs = [each.run for each in told]
    built_in = [run for run in runs if run.network is not None]
    blocks: list[Block] = []
    if built_in:
        blocks += [Title(2, "Data"), _data(built_in), Title(2, "Network"), *_network(built_in)]
        blocks += [Title(2, "Protocol"), *_protocol(built_in)]
    scripts = [run for run in runs if run.network is None]
    blocks += _scripts(scripts) if scripts else []
    blocks += [Title(2, "Results"), *_results(runs)]
    for each in told[:MAX_RUNS]:
        blocks += _run(each)
    if len(told) > MAX_RUNS:
        blocks.append(f"{len(told) - MAX_RUNS} more runs appear only in the table.")
    return blocks


def _data(runs: Sequence[RunState]) -> Table:
    known = {run.validation_key: run for run in runs}
    rows = []
    for key, run in known.items():
        data = run.dataset
        if data is not None and key is not None:
            split_seed = key[1]
            counts = (f"{count:,}" for count in (data.n_train, data.n_validation, data.n_test))
            rows.append([printable(data.label), *counts, str(split_seed), data.sha256[:16]])
    return Table(("Dataset", "Training", "Validation", "Test", "Split seed", "SHA-256 prefix"), rows, "Images")


def _network(runs: Sequence[RunState]) -> list[Block]:
    own = {(run.network.network, run.parameters): run for run in runs if run.network is not None and run.network.is_own}
    blocks: list[Block] = [
        f"{printable(name)} ({printable(run.network.model)}, SHA-256 {run.network.model_digest[:16]}): "
        f"{run.parameters:,} parameters."
        for (name, _), run in list(own.items())[:MAX_RUNS]
        if run.network is not None
    ]
    if len(own) == len({run.network.network for run in runs if run.network is not None}):
        return blocks
    blocks += [
        "Two convolutions reduce an image to a few numbers, the bottleneck, from which two linear layers predict the "
        "class. The number of features sets the width of the convolutions and the bottleneck."
    ]
    kinds = {
        (run.network.features, run.dataset.shape if run.dataset is not None else ""): run
        for run in reversed(runs)
        if run.network is not None and not run.network.is_own
    }
    for (features, _), run in sorted(kinds.items())[:MAX_RUNS]:
        count = f": {run.parameters:,} parameters" if run.parameters else ""
        noun = "feature" if features == 1 else "features"
        if run.dataset is None or not run.dataset.side:
            # Recorded by an older version.
            blocks.append(f"{features} {noun}{count}.")
            continue
        layers = layers_of(run.dataset, features)
        told = f"{features} {noun}{count}"
        blocks.append(Figure(network(layers), told, f"{told}. {' → '.join(map(_layer, layers))}."))
    return blocks


def _layer(layer: Layer) -> str:
    after = f", {layer.after}" if layer.after else ""
    return f"{layer.name} {layer.shape}{after}"


_NAMES: Final = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD", "rmsprop": "RMSprop"}


def _protocol(runs: Sequence[RunState]) -> list[Block]:
    specs = [run.network for run in runs if run.network is not None]
    machines = [run.machine for run in runs if run.machine is not None]
    facts = [
        ("Optimizer", _each(f"{_NAMES[spec.optimizer]}, cross-entropy loss" for spec in specs)),
        ("Learning rate", _each(map(rates_in_words, runs))),
        ("Batch size", _each(str(spec.batch_size) for spec in specs)),
        ("Epochs", _each(str(run.epochs) for run in runs)),
        ("Features", _each(str(spec.features) for spec in specs if not spec.is_own)),
        ("Seeds", _each(str(spec.seed) for spec in specs)),
        *((field.name, _each(map(field.in_words, runs))) for field in other_settings(runs)),
        ("Device", _each(f"{printable(m.device_name)}: {format_device(m)}" for m in machines)),
        ("Versions", _each(", ".join(f"{k} {v}" for k, v in sorted(m.versions.items())) for m in machines)),
    ]
    return [
        Table(("Setting", "Value"), [[name, value] for name, value in facts if value]),
        "The test images were used once, with the weights after the last epoch. Times cover training and validation, "
        "not loading, pauses or the test.",
    ]


def _scripts(runs: Sequence[RunState]) -> list[Block]:
    """Return the settings of the scripts among the runs."""
    machines = [run.machine for run in runs if run.machine is not None]
    settings = [
        (field.name, [field.in_words(run) for run in runs if field.get(run) is not None])
        for field in config_fields(runs)
    ]
    facts = [
        ("Script", _each(run.script.command for run in runs if run.script is not None)),
        *((name, _each(texts)) for name, texts in settings),
        ("Epochs", _each(progress_of(run) for run in runs)),
        ("Rate changes", _each(run.rate_changes for run in runs if run.rate_changes)),
        ("Device", _each(f"{printable(m.device_name)}: {format_device(m)}" for m in machines)),
        ("Versions", _each(", ".join(f"{k} {v}" for k, v in sorted(m.versions.items())) for m in machines)),
    ]
    return [
        Title(2, "Scripts"),
        Table(("Setting", "Value"), [[name, value] for name, value in facts if value]),
    ]


def _each(values: Iterable[str]) -> str:
    """Return the distinct values, joined in their original order."""
    different = list(dict.fromkeys(map(printable, values)))
    return ("; " if any("," in value for value in different) else ", ").join(different)


def _results(runs: Sequence[RunState]) -> list[Block]:
    blocks: list[Block] = []
    for table in build_tables(runs):
        rows = [[f"{cell.text} ★" if cell.best else cell.text for cell in row] for row in people_cells(table)]
        notes = [*people_footnotes(table), *(["★ Best in its column."] if table.best else [])]
        blocks += [Table([column.title for column in table.columns], rows), *notes]
    return blocks


def _run(told: RunEvidence) -> list[Block]:
    run = told.run
    blocks: list[Block] = [
        Title(2, printable(f"{run.epochs} epochs, {run.spec.brief}" if run.network else run.spec.title)),
        f"{status_text(run.status)}, {printable(run.run)}, started {format_moment(run.started_at)}.",
    ]
    if not run.history:
        return [*blocks, "No epoch was completed."]
    if run.network is None:
        return [*blocks, *_named(run), *_learned(told)]
    history = run.history
    for name, percent in (("loss", False), ("accuracy", True)):
        curves = [
            Curve(word, part, [getattr(epoch, f"{part}_{name}") for epoch in history])
            for word, part in (("training", "train"), ("validation", "val"))
        ]
        title = f"{name.capitalize()} over epochs"
        blocks.append(Figure(plot(title, curves, percent=percent), title))
    return [*blocks, *_improvement(run), *_learned(told)]


def _named(run: RunState) -> list[Block]:
    """Return a chart for each quantity of a script's run, and the table of its epochs."""
    known = {name for epoch in run.history for name in epoch.values}
    blocks: list[Block] = []
    for name in charted(run):
        shown = [one for one in quantity_of(name, run.metrics).metrics if one.name in known]
        curves = [Curve(label_of(one), str(one.split) or "train", list(run.columns.values(one.name))) for one in shown]
        if curves:
            title = f"{printable(name)[:1].upper()}{printable(name)[1:]} over epochs"
            blocks.append(Figure(plot(title, curves, percent=shown[0].unit is Unit.FRACTION), title))
    metrics = [one for one in ranked(run) if one.name in known]
    shown_epochs = thinned(run)
    step = -(-len(shown_epochs) // MAX_EPOCHS)
    rows = [
        [str(e.epoch), *(format_metric(one, e.value(one.name)) for one in metrics), format_seconds(e.epoch_s)]
        for e in [*shown_epochs[:-1:step], shown_epochs[-1]]
    ]
    caption = "Every epoch" if len(rows) == len(run.history) else f"{len(rows)} of {len(run.history):,} epochs"
    return [*blocks, Table(("Epoch", *map(label_of, metrics), "Time"), rows, caption)]


def _improvement(run: RunState) -> list[Block]:
    steps = [epoch.improvement_points for epoch in run.history if epoch.improvement_points is not None]
    blocks: list[Block] = [Title(3, "Improvement from epoch to epoch")]
    if (found := spread(steps)) is not None:
        blocks.append(
            f"The validation accuracy changed by {format_points(found.mean)} percentage points per epoch on average "
            f"(best {format_points(max(steps))}, worst {format_points(min(steps))})."
        )
    shown = thinned(run)
    step = -(-len(shown) // MAX_EPOCHS)
    rows = [_epoch(epoch) for epoch in [*shown[:-1:step], shown[-1]]]
    blocks.append(
        Table(
            ("Epoch", "Train Loss", "Train Accuracy", "Val Loss", "Val Accuracy", "Δ points", "Error red.", "Time"),
            rows,
            "Every epoch" if len(rows) == len(run.history) else f"{len(rows)} of {len(run.history):,} epochs",
        )
    )
    return blocks


def _epoch(epoch: EpochDone) -> list[str]:
    return [
        str(epoch.epoch),
        format_loss(epoch.train_loss),
        format_percent(epoch.train_accuracy),
        format_loss(epoch.val_loss),
        format_percent(epoch.val_accuracy),
        format_points(epoch.improvement_points),
        format_reduction(epoch.error_reduction),
        format_seconds(epoch.epoch_s),
    ]


def _learned(told: RunEvidence) -> list[Block]:
    insight = told.insight
    if insight is None:
        return []
    names = class_names(told.run, insight)
    rows = [
        [name, *(f"{count:,}" for count in row), format_percent(share, 1)]
        for name, row, share in zip(names, insight.confusion, insight.class_accuracy, strict=True)
    ]
    blocks: list[Block] = [
        Title(3, f"Confusion matrix after epoch {insight.epoch}"),
        Figure(confusion(insight, names), "Validation images by true class (rows) and predicted class (columns)"),
        Table(("", *names, "accuracy"), rows, "The same as numbers"),
    ]
    if often := confusions(insight)[:5]:
        told_often = (
            f"{names[each.label]} as {names[each.predicted]} ({each.count:,} times, {format_percent(each.share, 1)})"
            for each in often
        )
        blocks.append(f"Most frequent confusions: {'; '.join(told_often)}.")
    if told.pictures is not None and insight.mistakes:
        mistakes = [
            (f"{m.image:,}", names[m.label], names[m.predicted], format_percent(m.probabilities[m.predicted], 0))
            for m in insight.mistakes
        ]
        blocks += [
            Title(3, "Most confident mistakes"),
            _gallery(told.run, told.pictures, insight, names),
            Table(("Image", "True class", "Predicted class", "Probability"), mistakes, "The same as numbers"),
        ]
    return blocks


def _gallery(run: RunState, pictures: ValidationSet, insight: Insight, names: Sequence[str]) -> Figure:
    tiles = []
    for mistake in insight.mistakes:
        sure = format_percent(mistake.probabilities[mistake.predicted], 0)
        words = f"{names[mistake.label]} taken for {names[mistake.predicted]}, {sure} sure"
        image = picture(pictures.image(mistake.image), pictures.side, words, is_ink=run.shows_ink)
        tiles.append(f"<figure>{image}<figcaption>{html.escape(words)}</figcaption></figure>")
    return Figure(f'<div class="gallery">{"".join(tiles)}</div>', "Misclassified images, most confident first")
