"""Gather what a written report needs about runs, and save reports and tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from mnist_tui.core.table import ComparisonTable
from mnist_tui.report.document import RunEvidence, write_report
from mnist_tui.report.files import save_comparison, save_new, stem_of
from mnist_tui.store.database import Store
from mnist_tui.store.home import tables_folder


def evidence(store: Store, names: Iterable[str]) -> list[RunEvidence]:
    """Return the runs of these names, each once, with their last insights and validation images.

    Raises:
        UsageError: There is no such run.
        StoreError: The store is damaged.
    """
    runs = {run.run: run for run in map(store.run, names)}
    return [RunEvidence(run, store.last_insight(run.run), store.validation_set(run)) for run in runs.values()]


def report_text(runs: list[RunEvidence], *, as_html: bool) -> str:
    """Return the report on these runs as HTML or Markdown."""
    return write_report(runs, as_html=as_html, generated_at=datetime.now(UTC).isoformat(timespec="seconds"))


def save_report(runs_home: Path, names: Iterable[str], home: Path) -> Path:
    """Write an HTML report on runs beside the saved tables of a home; errors as for `evidence` and `write_atomically`.

    Args:
        runs_home: The home of the runs.
        names: The runs.
        home: Where the report goes.
    """
    with Store.open_readonly(runs_home) as store:
        runs = evidence(store, names)
    (path,) = save_new(tables_folder(home), stem_of("report"), {"html": report_text(runs, as_html=True)})
    return path


def save_table(table: ComparisonTable, home: Path, formats: Sequence[str]) -> tuple[Path, ...]:
    """Save a comparison in a home under a unique name; return the files.

    Raises:
        MnistTuiError: It cannot be written.
    """
    return save_comparison(table, tables_folder(home), stem_of("comparison"), formats)
