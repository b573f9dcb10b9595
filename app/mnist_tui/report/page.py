"""A page of text, tables and drawings, as one HTML file or as Markdown."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mnist_tui.report.export import escape_markdown

_NUMBER: Final = re.compile(r"[-−+<★ ]*\d|–?$")
"""How a number begins, as it is shown; a missing one may be a dash."""
_MOST_ON_PAPER: Final = 11
"""Tables with more columns than this use a smaller font and may wrap their cells when printed."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text below a header.

    Attributes:
        header: Column titles.
        rows: One cell per column.
        caption: Shown above the table.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""

    @property
    def numbers(self) -> list[bool]:
        """Whether each column holds numbers, which are right-aligned; the first one names the rows."""
        columns = zip(*self.rows, strict=True) if self.rows else [()] * len(self.header)
        return [at > 0 and all(map(_NUMBER.match, column)) for at, column in enumerate(columns)]


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing.

    Attributes:
        drawing: Self-contained HTML.
        caption: What it shows.
        words: Text shown instead in Markdown, which has no drawings.
    """

    drawing: str
    caption: str
    words: str = ""


@dataclass(frozen=True, slots=True)
class Title:
    """A heading.

    Attributes:
        level: 2 for a section, 3 for a subsection.
        text: One line.
    """

    level: int
    text: str


Block = Title | Table | Figure | str


_STYLE: Final = """\
:root { color-scheme: light dark; --text: #1b1b1f; --muted: #5b5b66; --ground: #ffffff; --line: #d8d8de;
  --train: #0072b2; --val: #a85c00; --right: #2e9e5b; --wrong: #d5455f; --box: #f1f3f7; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e6ea; --muted: #a0a0ac; --ground: #16161a; --line: #3a3a44;
  --train: #56b4e9; --val: #e69f00; --right: #3fae6d; --wrong: #e05a72; --box: #23232a; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--ground); max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; } h2 { margin-top: 2.2rem; border-bottom: 1px solid var(--line); }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.9rem; }
caption { text-align: left; color: var(--muted); } th, td { padding: 0.15rem 0.6rem; text-align: right;
  border-bottom: 1px solid var(--line); } th:first-child, td:first-child { text-align: left; }
figure { margin: 1rem 0; } figcaption { color: var(--muted); font-size: 0.9rem; } svg { width: 100%; height: auto;
  max-width: 46rem; font: 12px system-ui, sans-serif; } text { fill: var(--text); } .muted { fill: var(--muted); }
.strong { font-weight: 600; } .grid { stroke: var(--line); } polyline { fill: none; stroke-width: 2; }
polyline.train, line.train { stroke: var(--train); stroke-dasharray: 5 3; } circle.train { fill: var(--train); }
polyline.val, line.val { stroke: var(--val); } circle.val { fill: var(--val); }
line.train, line.val { stroke-width: 2; }
rect.right { fill: var(--right); } rect.wrong { fill: var(--wrong); }
rect.layer { fill: var(--box); stroke: var(--line); }
rect.narrow { fill: var(--box); stroke: var(--val); stroke-width: 2; } .arrow { fill: none; stroke: var(--muted); }
.gallery { display: flex; flex-wrap: wrap; gap: 0.8rem; } .gallery figure { margin: 0; width: 6.5rem; }
.gallery img { image-rendering: pixelated; border: 1px solid var(--line); }
td { white-space: nowrap; } .text { text-align: left; }
.words td, .words th { text-align: left; white-space: normal; }
@media print { :root { color-scheme: light; --text: #000; --muted: #444; --ground: #fff; --line: #bbb; --train: #0072b2;
  --val: #a85c00; --right: #2e9e5b; --wrong: #d5455f; --box: #f1f3f7; } @page { margin: 14mm; }
  body { font-size: 10pt; margin: 0; padding: 0; max-width: none; } .wide { overflow: visible; }
  h2, h3, caption, tr { break-after: avoid; break-inside: avoid; } tbody tr { break-after: auto; }
  table { font-size: 8.5pt; } .many { font-size: 6.8pt; } .many td { white-space: normal; }
  .many th, .many td { padding: 0.1rem 0.2rem; } svg { max-width: 27rem; }
  figcaption { font-size: 8pt; }
  figure { break-inside: avoid; } figure:has(.gallery) { break-inside: auto; } .gallery img { max-width: 3.4rem; }
  .gallery figure { width: 5rem; } }
"""


def to_html(title: str, blocks: Sequence[Block]) -> str:
    """Return a self-contained HTML page."""
    body = "\n".join(map(_html, blocks))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{html.escape(title)}</h1>\n{body}\n</body>\n</html>\n"
    )


def _html(block: Block) -> str:
    match block:
        case Title():
            return f"<h{block.level}>{html.escape(block.text)}</h{block.level}>"
        case Figure():
            return f"<figure>{block.drawing}<figcaption>{html.escape(block.caption)}</figcaption></figure>"
        case Table():
            return f'<div class="wide">{_html_table(block)}</div>'
        case _:
            return f"<p>{html.escape(block)}</p>"


def _html_table(table: Table) -> str:
    caption = f"<caption>{html.escape(table.caption)}</caption>" if table.caption else ""
    sides = ["" if number or not at else ' class="text"' for at, number in enumerate(table.numbers)]
    head = "".join(
        f'<th scope="col"{side}>{html.escape(cell)}</th>' for side, cell in zip(sides, table.header, strict=True)
    )
    rows = "".join(f"<tr>{_html_row(row, sides)}</tr>" for row in table.rows)
    names = [*([] if any(table.numbers) else ["words"]), *(["many"] if len(table.header) > _MOST_ON_PAPER else [])]
    classes = f' class="{" ".join(names)}"' if names else ""
    return f"<table{classes}>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _html_row(row: Sequence[str], sides: Sequence[str]) -> str:
    return "".join(f"<td{side}>{_html_cell(cell)}</td>" for side, cell in zip(sides, row, strict=True))


def _html_cell(text: str) -> str:
    """Return a cell whose numbers may only wrap before the standard deviation."""
    return html.escape(text).replace("± ", "±&nbsp;").replace(" ★", "&nbsp;★").replace(" s", "&nbsp;s")


def to_markdown(title: str, blocks: Sequence[Block]) -> str:
    """Return the page as Markdown, with GitHub-style tables."""
    texts = [f"# {escape_markdown(title)}", *filter(None, map(_markdown, blocks))]
    return "\n\n".join(texts) + "\n"


def _markdown(block: Block) -> str:
    match block:
        case Title():
            return f"{'#' * block.level} {escape_markdown(block.text)}"
        case Figure():
            return escape_markdown(block.words)
        case Table():
            lines = [block.header, ["---:" if number else "---" for number in block.numbers], *block.rows]
            table = "\n".join(f"| {' | '.join(map(escape_markdown, line))} |" for line in lines)
            return f"{escape_markdown(block.caption)}:\n\n{table}" if block.caption else table
        case _:
            return escape_markdown(block)
