"""Export the comparison table: Markdown, LaTeX and HTML to read, CSV and JSON to process.

The former have the report's titles and rounded values; the latter have every column by its key, as fractions and
seconds in full precision. The output is deterministic.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich.cells import cell_len

from mnist_tui.core.codec import dumps
from mnist_tui.core.events import SCHEMA
from mnist_tui.core.state import RunState
from mnist_tui.core.table import FORMATS, STATISTICS, Column, ComparisonTable, format_value, is_finished
from mnist_tui.core.units import Unit
from mnist_tui.errors import UsageError
from mnist_tui.report.formatting import printable
from mnist_tui.report.spreadsheet import as_csv
from mnist_tui.version import __version__

CAPTION: Final = "Comparison of training runs"
UNFINISHED: Final = "†"


@dataclass(frozen=True, slots=True)
class Cell:
    """One formatted cell.

    Attributes:
        text: One line, without markup or escapes.
        best: True if the value is the best in its column by more than the noise.
    """

    text: str
    best: bool


def run_as_csv(run: RunState) -> str:
    """Return the epochs of a run as CSV, one line each: raw numbers, columns named as in the events."""
    names = list(dict.fromkeys(name for epoch in run.history for name in epoch.values))
    records = [{**(record := epoch.to_json()), **record["values"]} for epoch in run.history]
    if run.network is not None:
        before = [name for name in names if name not in ("images_per_s", "learning_rate")]
        names = [*before, "train_s", "val_s", "images_per_s", "improvement_points", "error_reduction", "learning_rate"]
    else:
        names = ["step", *names, "train_s"]
    rows = ([record["epoch"], *(record.get(name) for name in names)] for record in records)
    return as_csv([["epoch", *names], *rows], end="\n")


def render(table: ComparisonTable, format_name: str, *, decimal_comma: bool = False) -> str:
    """Return the table in a format, with a trailing newline.

    Args:
        table: The table.
        format_name: One of `FORMATS`.
        decimal_comma: Write CSV with commas in numbers.

    Raises:
        UsageError: The format is unknown.
    """
    if format_name == "csv":
        return to_csv(table, decimal_comma=decimal_comma)
    writer = _WRITERS.get(format_name)
    if writer is None:
        raise UsageError(f"unknown format {format_name!r}", f"Choose one of {', '.join(FORMATS)}")
    return writer(table)


def render_all(tables: Sequence[ComparisonTable], format_name: str, *, decimal_comma: bool = False) -> str:
    """Return several tables in one format, one below the other; JSON becomes an array.

    Raises:
        UsageError: The format is unknown, or holds only one table.
    """
    texts = [render(table, format_name, decimal_comma=decimal_comma) for table in tables]
    if len(texts) == 1:
        return texts[0]
    if format_name == "html":
        raise UsageError("runs of scripts and of the built-in network need a page each", "Name the runs to export")
    return f"[{','.join(texts)}]\n" if format_name == "json" else "\n".join(texts)


def people_cells(table: ComparisonTable) -> list[list[Cell]]:
    """Return the formatted rows; rows of unfinished runs start with a dagger."""
    rows = []
    for i, row in enumerate(table.rows):
        texts = [printable(format_value(c, row.values[c.key])) for c in table.columns]
        if not is_finished(row):
            texts[0] = f"{UNFINISHED} {texts[0]}"
        rows.append([Cell(t, (i, c.key) in table.best) for t, c in zip(texts, table.columns, strict=True)])
    return rows


def people_footnotes(table: ComparisonTable) -> list[str]:
    """Return the footnotes of the table, one line each."""
    notes = [printable(note) for note in table.footnotes]
    if not all(is_finished(row) for row in table.rows):
        notes.append(f"{UNFINISHED} Did not finish; see the Status column.")
    return notes


def to_markdown(table: ComparisonTable) -> str:
    """Return a GitHub-style table, padded so that it is readable as plain text."""
    titles = [escape_markdown(c.title) for c in table.columns]
    body = [[_bold_markdown(cell) for cell in row] for row in people_cells(table)]
    widths = [max(3, *(cell_len(line[i]) for line in [titles, *body])) for i in range(len(titles))]
    rule = [f"{'-' * (w - 1)}:" if _is_number(c) else "-" * w for c, w in zip(table.columns, widths, strict=True)]
    lines = [_markdown_line(line, table.columns, widths) for line in [titles, rule, *body]]
    notes = [f"- {escape_markdown(note)}" for note in people_footnotes(table)]
    return "\n".join([*lines, *([""] if notes else []), *notes, ""])


def to_csv(table: ComparisonTable, *, decimal_comma: bool = False) -> str:
    """Return CSV (see `as_csv`): every column by its key, standard deviations next to their means, run ids last."""
    records = table.to_json()["rows"]
    header = [
        key
        for column in table.every
        for key in (column.key, *(f"{column.key}_{statistic}" for statistic in STATISTICS))
        if key == column.key or any(key in record for record in records)
    ]
    rows = ([*map(record.get, header), " ".join(record["runs"])] for record in records)
    return as_csv([[*header, "runs"], *rows], decimal_comma=decimal_comma)


def to_json(table: ComparisonTable) -> str:
    """Return one strict JSON object: tool and version, column descriptions, rows and footnotes."""
    record: dict[str, Any] = {
        "schema": SCHEMA,
        "tool": "mnist-tui",
        "version": __version__,
        "columns": [
            {"key": c.key, "title": c.title, "unit": c.unit, "direction": c.direction, "meaning": c.meaning}
            for c in table.every
        ],
        "rows": table.to_json()["rows"],
        "footnotes": table.footnotes,
    }
    return dumps(record, indent=2) + "\n"


def to_latex(table: ComparisonTable) -> str:
    """Return a floating LaTeX table with booktabs rules, scaled to the line width."""
    lines = [[_escape_latex(c.title) for c in table.columns]]
    lines += [[_bold_latex(cell) for cell in row] for row in people_cells(table)]
    header, *body = [f"    {' & '.join(line)} \\\\" for line in lines]
    notes = [f"  \\par\\footnotesize {_escape_latex(note)}" for note in people_footnotes(table)]
    alignment = "".join("r" if _is_number(c) else "l" for c in table.columns)
    return "\n".join(
        [
            r"% Needs \usepackage{booktabs} and \usepackage{graphicx}.",
            r"\begin{table}",
            r"  \centering",
            rf"  \caption{{{_escape_latex(CAPTION)}}}",
            r"  \label{tab:mnist-tui-comparison}",
            r"  \resizebox{\linewidth}{!}{%",
            rf"  \begin{{tabular}}{{{alignment}}}",
            r"    \toprule",
            header,
            r"    \midrule",
            *body,
            r"    \bottomrule",
            r"  \end{tabular}}",
            *notes,
            r"\end{table}",
            "",
        ]
    )


def to_html(table: ComparisonTable) -> str:
    """Return a self-contained page that follows the reader's light or dark mode."""
    head = "".join(
        f'\n        <th scope="col"{_html_class(c)} title="{html.escape(c.meaning)}">{html.escape(c.title)}</th>'
        for c in table.columns
    )
    body = "".join(_html_row(table, i, cells) for i, cells in enumerate(people_cells(table)))
    notes = "".join(f"\n    <li>{html.escape(note)}</li>" for note in people_footnotes(table))
    notes = f"\n  <ul>{notes}\n  </ul>" if notes else ""
    return _PAGE.format(caption=html.escape(CAPTION), style=_STYLE, head=head, body=body, notes=notes)


_WRITERS: Final[Mapping[str, Callable[[ComparisonTable], str]]] = {
    "json": to_json,
    "md": to_markdown,
    "tex": to_latex,
    "html": to_html,
}
_STYLE: Final = """
    :root { color-scheme: light dark; --text: #1b1b1b; --back: #ffffff; --line: #8a8a8a; --quiet: #5a5a5a; }
    @media (prefers-color-scheme: dark) {
      :root { --text: #e8e8e8; --back: #161616; --line: #7a7a7a; --quiet: #ababab; }
    }
    body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem; color: var(--text); background: var(--back); }
    div { overflow-x: auto; }
    table { border-collapse: collapse; }
    caption { text-align: start; font-weight: bold; padding-block: 0.5rem; }
    th, td { padding: 0.3rem 0.7rem; text-align: start; }
    thead th { border-top: 2px solid var(--line); border-bottom: 1px solid var(--line); vertical-align: bottom; }
    tbody tr:last-child > * { border-bottom: 2px solid var(--line); }
    tbody th { font-weight: normal; }
    .number { text-align: end; font-variant-numeric: tabular-nums; }
    tbody .number { white-space: nowrap; }
    .unfinished, ul { color: var(--quiet); }
  """
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>{caption}</title>
  <style>{style}</style>
</head>
<body>
  <div>
  <table>
    <caption>{caption}</caption>
    <thead>
      <tr>{head}
      </tr>
    </thead>
    <tbody>{body}
    </tbody>
  </table>
  </div>{notes}
</body>
</html>
"""
_LATEX: Final = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "%": r"\%",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "∞": r"$\infty$",
    "†": r"$\dagger$",
    "\ufffd": "?",
}
_MARKDOWN: Final = re.compile(r"([\\`*_\[\]<>|&~$])")


def _is_number(column: Column) -> bool:
    return column.unit is not Unit.TEXT


def escape_markdown(text: str) -> str:
    """Escape the characters that are special in Markdown."""
    return _MARKDOWN.sub(r"\\\1", text)


def _bold_markdown(cell: Cell) -> str:
    text = escape_markdown(cell.text)
    return f"**{text}**" if cell.best else text


def _markdown_line(texts: list[str], columns: tuple[Column, ...], widths: list[int]) -> str:
    parts = []
    for text, column, width in zip(texts, columns, widths, strict=True):
        space = " " * (width - cell_len(text))
        parts.append(f"{space}{text}" if _is_number(column) else f"{text}{space}")
    return f"| {' | '.join(parts)} |"


def _escape_latex(text: str) -> str:
    return "".join(_LATEX.get(sign, sign) for sign in text)


def _bold_latex(cell: Cell) -> str:
    text = _escape_latex(cell.text)
    return rf"\textbf{{{text}}}" if cell.best else text


def _html_class(column: Column) -> str:
    return ' class="number"' if _is_number(column) else ""


def _html_row(table: ComparisonTable, i: int, cells: list[Cell]) -> str:
    parts = []
    for column, cell in zip(table.columns, cells, strict=True):
        text = html.escape(cell.text)
        text = f"<strong>{text}</strong>" if cell.best else text
        tag, scope = ("th", ' scope="row"') if column is table.columns[0] else ("td", "")
        parts.append(f"\n        <{tag}{scope}{_html_class(column)}>{text}</{tag}>")
    unfinished = "" if is_finished(table.rows[i]) else ' class="unfinished"'
    return f"\n      <tr{unfinished}>{''.join(parts)}\n      </tr>"
