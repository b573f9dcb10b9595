"""Gather what a written report needs about runs, and save one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from mnist_tui.report.document import RunEvidence, write_report
from mnist_tui.report.files import save_new, stem_of
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


def save_report(home: Path, names: Iterable[str]) -> Path:
    """Write an HTML report on these runs beside the saved tables; errors as for `evidence` and `write_atomically`."""
    with Store.open_readonly(home) as store:
        runs = evidence(store, names)
    (path,) = save_new(tables_folder(home), stem_of("report"), {"html": report_text(runs, as_html=True)})
    return path
